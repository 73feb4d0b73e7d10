//! Certificates at rest: the authority and the server's pair, sealed in the data folder.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use server::tls::{self, Pair};
use storage::disk::{read, write_durably};
use storage::keys::TenantId;
use storage::seal;

use crate::failure::{During, Failure, Result};
use crate::home::Base;

/// Bytes of a certificate file.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// The authority's common name.
const AUTHORITY_NAME: &str = "Ward local authority";

/// What is sealed: a pair and when it was made.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    certificate_pem: String,
    key_pem: String,
    issued_seconds: u64,
}

/// Where the authority's certificate lies, for clients to trust.
pub(crate) fn authority_path(base: &Base) -> PathBuf {
    base.layout.tls().join("ca.crt")
}

/// The authority's certificate in PEM.
pub(crate) fn authority_pem(base: &Base) -> Result<String> {
    let path = authority_path(base);
    std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("`{}` could not be read: {error}", path.display())).hint("`ward init` makes it")
    })
}

/// Makes the authority of a new data folder.
pub(crate) fn create_authority(base: &Base) -> Result {
    base.disk.create_dir_all(&base.layout.tls()).during("the folder of certificates could not be made")?;
    let now = SystemTime::now();
    let pair = tls::new_authority(AUTHORITY_NAME, now).during("the authority could not be made")?;
    store(base, "ca", &pair, now)?;
    write_durably(base.disk.as_ref(), &authority_path(base), pair.certificate_pem.as_bytes())
        .during("the authority's certificate could not be written")
}

/// The server's pair and when it is to be renewed: the stored one while it is young and names these hosts, else a new one.
pub(crate) fn server_pair(base: &Base, hosts: &[String]) -> Result<(Pair, SystemTime)> {
    // The hosts stand in the name under which the pair is sealed, so that other hosts mean another pair.
    let name = format!("server/{}", hosts.join(","));
    let now = SystemTime::now();
    if let Some((pair, issued)) = load(base, "server", &name)
        && tls::renew_at(issued) > now
        && issued <= now
    {
        return Ok((pair, tls::renew_at(issued)));
    }
    let (authority, _) = load(base, "ca", "ca").ok_or_else(|| {
        Failure::new("the authority of this data folder could not be opened")
            .hint("was `tls/ca.sealed` moved or altered?")
    })?;
    let pair = tls::issue(&authority, hosts, now).during("the server's certificate could not be made")?;
    store_as(base, "server", &name, &pair, now)?;
    Ok((pair, tls::renew_at(now)))
}

fn store(base: &Base, file: &str, pair: &Pair, now: SystemTime) -> Result {
    store_as(base, file, file, pair, now)
}

fn store_as(base: &Base, file: &str, name: &str, pair: &Pair, now: SystemTime) -> Result {
    let stored = Stored {
        version: 1,
        certificate_pem: pair.certificate_pem.clone(),
        key_pem: pair.key_pem.clone(),
        issued_seconds: now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    let plain =
        zeroize::Zeroizing::new(serde_json::to_vec(&stored).during("a certificate could not be written")?);
    let key = base.ring.general_key(TenantId::SYSTEM).during("the keys could not be opened")?;
    let sealed = seal::seal(&key, &[b"ward tls", name.as_bytes()], &plain);
    write_durably(base.disk.as_ref(), &base.layout.tls().join(format!("{file}.sealed")), sealed.as_bytes())
        .during("a certificate could not be written")
}

fn load(base: &Base, file: &str, name: &str) -> Option<(Pair, SystemTime)> {
    let sealed =
        read(base.disk.as_ref(), &base.layout.tls().join(format!("{file}.sealed")), FILE_BYTES_MAX as u64)
            .ok()?;
    let key = base.ring.general_key(TenantId::SYSTEM).ok()?;
    let plain = zeroize::Zeroizing::new(seal::open(&key, &[b"ward tls", name.as_bytes()], &sealed).ok()?);
    let stored: Stored = serde_json::from_slice(&plain).ok()?;
    let issued = SystemTime::UNIX_EPOCH + Duration::from_secs(stored.issued_seconds);
    Some((Pair { certificate_pem: stored.certificate_pem, key_pem: stored.key_pem }, issued))
}
