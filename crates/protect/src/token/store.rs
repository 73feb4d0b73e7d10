//! The store of tokens.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::{Mutex, RwLock};
use storage::clock::{Clock, Random};
use storage::disk::{self, Disk, LockGuard, OpenMode};
use storage::keys::{DataKey, KeyId, KeyRing, TenantId, constant_time_eq, sha256};
use storage::seal;

use super::file::{self, Kept};
use super::{Grant, TokenError, TokenId, TokenRecord, TokenSpec};
use crate::events;

const FILE: &str = "tokens";
const LOCK: &str = "tokens.lock";
const AAD: &[&[u8]] = &[b"tokens"];
/// Tokens in one store, revoked ones included.
const TOKENS_MAX: usize = 10_000;
const FILE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// How often a look is taken at what another process wrote.
const LOOK_EACH_MS: i64 = 1000;
const SECRET_BYTES: usize = 32;
const PREFIX: &str = "ward_";

/// The tokens of a data folder.
///
/// Another process (the command line) may add and revoke while a server runs: the server looks at the file at most each
/// second, when a token is verified, and at once for a token that it does not know. So a new token is good immediately, and a
/// revoked one is good for a second at most.
pub struct TokenStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: Arc<DataKey>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tokens: RwLock<HashMap<TokenId, Kept>>,
    seen: Mutex<Option<Mark>>,
    looked_ms: AtomicI64,
}

/// Tells one writing of the file from another: each has a new nonce in its header.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    len: u64,
    head: [u8; seal::HEADER_BYTES],
}

impl TokenStore {
    /// Opens the store in a folder, which is made if needed; empty where there is no file yet.
    ///
    /// # Errors
    /// [`TokenError::Io`], [`TokenError::Key`], [`TokenError::Seal`], [`TokenError::Damaged`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        ring: &KeyRing,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, TokenError> {
        disk.create_dir_all(dir)?;
        let store = Self {
            disk,
            dir: dir.to_owned(),
            key: ring.data_key(KeyId::general(TenantId::SYSTEM))?,
            looked_ms: AtomicI64::new(clock.now_ms()),
            clock,
            random,
            tokens: RwLock::default(),
            seen: Mutex::new(None),
        };
        store.look()?;
        Ok(store)
    }

    /// Makes a token. The text is shown here and never again. Durable on return.
    ///
    /// # Errors
    /// [`TokenError::NoScopes`], [`TokenError::TooMany`], [`TokenError::Busy`], and those of [`Self::open`].
    pub fn create(&self, spec: TokenSpec) -> Result<(TokenId, String), TokenError> {
        if spec.scopes.is_empty() {
            return Err(TokenError::NoScopes);
        }
        let mut secret = [0; SECRET_BYTES];
        self.random.fill(&mut secret);
        let mut drawn = [0; 8];
        self.random.fill(&mut drawn);
        let id = TokenId(u64::from_be_bytes(drawn));
        let text = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        let record = TokenRecord { id, created_ms: self.clock.now_ms(), revoked_ms: None, spec };
        let kept = Kept { record, secret_hash: sha256(&secret) };
        self.change(|tokens| {
            if tokens.len() >= TOKENS_MAX {
                return Err(TokenError::TooMany { tokens_max: TOKENS_MAX });
            }
            tokens.insert(id, kept);
            Ok(())
        })?;
        Ok((id, text))
    }

    /// What a token grants, if it is good now. Fast: a look into a map and one hash.
    ///
    /// # Errors
    /// [`TokenError::Unknown`], [`TokenError::Expired`], [`TokenError::Revoked`].
    pub fn verify(&self, text: &str) -> Result<Grant, TokenError> {
        self.look_now_and_then();
        let mut checked = self.check(text);
        if matches!(checked, Err(TokenError::Unknown)) && parse(text).is_some() {
            // It may have been made a moment ago, and its bearer should not have to wait.
            self.look_or_warn();
            checked = self.check(text);
        }
        match &checked {
            Ok(_) => {}
            Err(TokenError::Expired) => events::token_refused("expired"),
            Err(TokenError::Revoked) => events::token_refused("revoked"),
            Err(_) => events::token_refused("unknown"),
        }
        checked
    }

    fn check(&self, text: &str) -> Result<Grant, TokenError> {
        let (id, secret) = parse(text).ok_or(TokenError::Unknown)?;
        let hash = sha256(&secret);
        let tokens = self.tokens.read();
        let kept = tokens.get(&id).ok_or(TokenError::Unknown)?;
        if !constant_time_eq(&hash, &kept.secret_hash) {
            return Err(TokenError::Unknown);
        }
        // Only who knows the secret learns that it was good once.
        if kept.record.revoked_ms.is_some() {
            return Err(TokenError::Revoked);
        }
        if kept.record.spec.expires_ms.is_some_and(|expires_ms| expires_ms <= self.clock.now_ms()) {
            return Err(TokenError::Expired);
        }
        Ok(Grant { token: id, spec: kept.record.spec.clone() })
    }

    /// Whether a token is there, not revoked and not expired: for what outlives the request that showed it.
    pub fn stands(&self, id: TokenId) -> bool {
        self.look_now_and_then();
        let now_ms = self.clock.now_ms();
        self.tokens.read().get(&id).is_some_and(|kept| {
            kept.record.revoked_ms.is_none()
                && kept.record.spec.expires_ms.is_none_or(|expires_ms| expires_ms > now_ms)
        })
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn list(&self) -> Result<Vec<TokenRecord>, TokenError> {
        self.look()?;
        let mut records: Vec<_> = self.tokens.read().values().map(|kept| kept.record.clone()).collect();
        records.sort_by_key(|record| (record.created_ms, record.id));
        Ok(records)
    }

    /// Ends a token; durable on return. Doing it twice is no error.
    ///
    /// # Errors
    /// [`TokenError::NotFound`], [`TokenError::Busy`], and those of [`Self::open`].
    pub fn revoke(&self, id: TokenId) -> Result<(), TokenError> {
        let now_ms = self.clock.now_ms();
        self.change(|tokens| {
            let kept = tokens.get_mut(&id).ok_or(TokenError::NotFound(id))?;
            kept.record.revoked_ms.get_or_insert(now_ms);
            Ok(())
        })
    }

    /// Changes the newest state of the file and writes it, while no other process does.
    fn change(
        &self,
        change: impl FnOnce(&mut HashMap<TokenId, Kept>) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        let _lock = self.lock()?;
        self.look()?;
        let mut seen = self.seen.lock();
        let mut tokens = self.tokens.read().clone();
        change(&mut tokens)?;
        let sealed = seal::seal(&self.key, AAD, &file::write(tokens.values())?);
        disk::write_durably(self.disk.as_ref(), &self.dir.join(FILE), sealed.as_bytes())?;
        *self.tokens.write() = tokens;
        *seen = None; // the next look reads it back
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn LockGuard>, TokenError> {
        self.disk.lock(&self.dir.join(LOCK)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => TokenError::Busy,
            _ => error.into(),
        })
    }

    /// Takes over what stands in the file, if it changed.
    fn look(&self) -> Result<(), TokenError> {
        let mut seen = self.seen.lock();
        let path = self.dir.join(FILE);
        let file = match self.disk.open(&path, OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // There never was one, or somebody took all tokens away.
                self.tokens.write().clear();
                *seen = None;
                return Ok(());
            }
            other => other?,
        };
        let mut mark = Mark { len: file.len()?, head: [0; seal::HEADER_BYTES] };
        file.read_exact_at(0, &mut mark.head)?;
        if *seen == Some(mark) {
            return Ok(());
        }
        let sealed = disk::read(self.disk.as_ref(), &path, FILE_LIMIT_BYTES)?;
        let kept = file::read(&seal::open(&self.key, AAD, &sealed)?)?;
        *self.tokens.write() = kept.into_iter().map(|kept| (kept.record.id, kept)).collect();
        *seen = Some(mark);
        Ok(())
    }

    fn look_now_and_then(&self) {
        let now_ms = self.clock.now_ms();
        let last_ms = self.looked_ms.load(Ordering::Relaxed);
        let due = now_ms.abs_diff(last_ms) >= LOOK_EACH_MS.unsigned_abs();
        let mine = || self.looked_ms.compare_exchange(last_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed);
        if due && mine().is_ok() {
            self.look_or_warn();
        }
    }

    fn look_or_warn(&self) {
        if let Err(error) = self.look() {
            // The tokens known before stay good: a broken file must not lock everybody out, nor let anybody in.
            tracing::warn!(error = %error, "the file of tokens could not be read again");
        }
    }
}

fn parse(text: &str) -> Option<(TokenId, [u8; SECRET_BYTES])> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let mut bytes = [0; SECRET_BYTES];
    let length = URL_SAFE_NO_PAD.decode_slice(secret, &mut bytes).ok()?;
    (length == SECRET_BYTES).then_some((TokenId::parse(id)?, bytes))
}

impl fmt::Debug for TokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenStore").field("tokens", &self.tokens.read().len()).finish_non_exhaustive()
    }
}
