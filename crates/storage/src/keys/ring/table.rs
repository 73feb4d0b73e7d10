//! The file `ring`: each tenant's key, wrapped by the root key, and its seed, wrapped by the tenant key.
//!
//! ```text
//! "WARDRING" 8 | version 4 | root check 16 | tenants 4 | tenant ... | HMAC-SHA-256 over all before, 32
//! tenant = number 4 | epoch 4 | nonce 12, tenant key 32, tag 16 | nonce 12, seed 32, tag 16          (128 bytes)
//! ```

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::slots;
use crate::clock::Random;
use crate::disk::{self, Disk};
use crate::keys::crypto::{Gcm, KEY_BYTES, NONCE_BYTES, Secret, TAG_BYTES, constant_time_eq, hmac_sha256};
use crate::keys::{KeyError, RootKey, TenantId};

const FILE: &str = "ring";
const MAGIC: &[u8; 8] = b"WARDRING";
const VERSION: u32 = 1;
const CHECK_BYTES: usize = 16;
const MAC_BYTES: usize = 32;
pub(super) const WRAPPED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const TENANT_BYTES: usize = 8 + 2 * WRAPPED_BYTES;
const FILE_LIMIT_BYTES: u64 = 1 << 32;

/// What the file says of one tenant, opened.
#[derive(Clone)]
pub(super) struct TenantRecord {
    pub(super) id: TenantId,
    /// Counts the rotations of the tenant key and names the file of data keys.
    pub(super) epoch: u32,
    pub(super) tenant_key: Secret,
    pub(super) seed: Secret,
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

fn damaged() -> KeyError {
    KeyError::Damaged { file: FILE.to_owned() }
}

struct RootUses {
    check: [u8; CHECK_BYTES],
    mac: Secret,
    wrap: Gcm,
}

impl RootUses {
    fn new(root: &RootKey) -> Self {
        let mut check = [0; CHECK_BYTES];
        for (to, from) in check.iter_mut().zip(root.derive(b"root check").reveal()) {
            *to = *from;
        }
        Self { check, mac: root.derive(b"ring mac"), wrap: Gcm::new(&root.derive(b"wrap tenant keys")) }
    }
}

pub(super) fn write(
    disk: &dyn Disk,
    dir: &Path,
    root: &RootKey,
    tenants: &[TenantRecord],
    random: &dyn Random,
) -> Result<(), KeyError> {
    let root = RootUses::new(root);
    let mut tenants: Vec<&TenantRecord> = tenants.iter().collect();
    tenants.sort_by_key(|tenant| tenant.id);
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&root.check);
    out.extend_from_slice(&u32::try_from(tenants.len()).unwrap_or(u32::MAX).to_be_bytes());
    for tenant in tenants {
        let place = place(tenant.id, tenant.epoch);
        out.extend_from_slice(&place);
        wrap(&root.wrap, &place, &tenant.tenant_key, random, &mut out);
        wrap(&Gcm::new(&tenant.tenant_key.derive(&[b"wrap seed"])), &place, &tenant.seed, random, &mut out);
    }
    let mac = hmac_sha256(root.mac.reveal(), &out);
    out.extend_from_slice(&mac);
    Ok(disk::write_durably(disk, &path(dir), &out)?)
}

pub(super) fn read(disk: &dyn Disk, dir: &Path, root: &RootKey) -> Result<Vec<TenantRecord>, KeyError> {
    let bytes = match disk::read(disk, &path(dir), FILE_LIMIT_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyError::Absent),
        other => other?,
    };
    let root = RootUses::new(root);
    let (content, mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or_else(damaged)?;
    let mut input = content;
    if take::<8>(&mut input)? != *MAGIC || take::<4>(&mut input)? != VERSION.to_be_bytes() {
        return Err(damaged());
    }
    if !constant_time_eq(&take::<CHECK_BYTES>(&mut input)?, &root.check) {
        return Err(KeyError::WrongRoot);
    }
    if !constant_time_eq(&hmac_sha256(root.mac.reveal(), content), mac) {
        return Err(damaged());
    }
    let count = u32::from_be_bytes(take(&mut input)?) as usize;
    if input.len() != count.saturating_mul(TENANT_BYTES) {
        return Err(damaged());
    }
    let mut tenants = Vec::with_capacity(count);
    for _ in 0..count {
        let id = TenantId(u32::from_be_bytes(take(&mut input)?));
        let epoch = u32::from_be_bytes(take(&mut input)?);
        let place = place(id, epoch);
        let tenant_key = unwrap(&root.wrap, &place, &take(&mut input)?).ok_or_else(damaged)?;
        let under = Gcm::new(&tenant_key.derive(&[b"wrap seed"]));
        let seed = unwrap(&under, &place, &take(&mut input)?).ok_or_else(damaged)?;
        tenants.push(TenantRecord { id, epoch, tenant_key, seed });
    }
    Ok(tenants)
}

/// Removes files of data keys that no tenant uses: made by a rotation that did not take effect, or replaced by one that
/// did.
pub(super) fn remove_leftovers(
    disk: &dyn Disk,
    dir: &Path,
    used: impl Iterator<Item = String>,
) -> Result<(), KeyError> {
    let used: Vec<String> = used.collect();
    let mut removed = false;
    for entry in disk.list(dir)? {
        if slots::is_slots_file(&entry.name) && !used.contains(&entry.name) {
            disk.remove(&dir.join(&entry.name))?;
            removed = true;
        }
    }
    if removed {
        disk.sync_dir(dir)?;
    }
    Ok(())
}

fn place(id: TenantId, epoch: u32) -> [u8; 8] {
    ((u64::from(id.0) << 32) | u64::from(epoch)).to_be_bytes()
}

fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], KeyError> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or_else(damaged)?;
    *input = rest;
    Ok(*head)
}

/// Appends `nonce | ciphertext | tag` of a secret.
pub(super) fn wrap(under: &Gcm, aad: &[u8], secret: &Secret, random: &dyn Random, out: &mut Vec<u8>) {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    out.extend_from_slice(&nonce);
    // Room is made first: growing would leave a copy of the secret behind.
    out.reserve(KEY_BYTES + TAG_BYTES);
    let from = out.len();
    out.extend_from_slice(secret.reveal());
    under.seal(nonce, aad, out, from);
}

/// Opens what [`wrap`] made.
pub(super) fn unwrap(under: &Gcm, aad: &[u8], wrapped: &[u8; WRAPPED_BYTES]) -> Option<Secret> {
    let (nonce, ciphertext) = wrapped.split_first_chunk::<NONCE_BYTES>()?;
    let mut plain = Zeroizing::new(Vec::with_capacity(KEY_BYTES));
    if !under.open(*nonce, aad, ciphertext, &mut plain) {
        return None;
    }
    let mut bytes = Zeroizing::new(*plain.first_chunk::<KEY_BYTES>()?);
    Some(Secret::new(&mut bytes))
}
