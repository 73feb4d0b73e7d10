//! Objects of the archive by their keys: what came in, and what was masked of it, kept apart.
//!
//! The bucket `raw` is the archive itself. The bucket `masked` is an archive of its own with names of its own: an object there has
//! a note of what it was made from, and neither its name nor its content leads back. Who may read masked objects alone is refused
//! everything else. Every look leaves an audit event. Not for: masking itself.

use std::sync::Arc;

use protect::access::Interaction;
use repository::{Access, Caller, Error, ErrorKind, Store};
use serde::{Deserialize, Serialize};
use storage::archive::{Archive, ArchiveError, Digest};

/// The kind of names of masked objects on the shelf.
const NAMES: &str = "masked-name";
/// The longest name of a masked object, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Where an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// What came in.
    Raw,
    /// What was made of it.
    Masked,
}

impl Bucket {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Masked => "masked",
        }
    }

    /// The bucket of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Raw, Self::Masked].into_iter().find(|bucket| bucket.as_str() == name)
    }

    fn interaction(self) -> Interaction {
        match self {
            Self::Raw => Interaction::Archive,
            Self::Masked => Interaction::ArchiveMasked,
        }
    }
}

/// What a masked object was made from and how: its note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFrom {
    /// The bucket and key of the object that was masked.
    pub from: String,
    /// The profile.
    pub profile: String,
    /// The version of what finds and hides.
    pub version: String,
    /// When, milliseconds since 1970 UTC.
    pub time_ms: i64,
}

/// The objects of a tenant.
pub struct Objects {
    store: Store,
    raw: Arc<Archive>,
    masked: Arc<Archive>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Objects({} raw, {} masked)", self.raw.len(), self.masked.len())
    }
}

impl Objects {
    /// The objects of these two archives.
    #[must_use]
    pub fn new(store: Store, raw: Arc<Archive>, masked: Arc<Archive>) -> Self {
        Self { store, raw, masked }
    }

    /// Puts an object into the bucket `raw`, durable on return, and gives its key. Nothing is done with it.
    ///
    /// # Errors
    /// `Denied` unless the caller may write everything, `TooCostly` for one that is too long, `Unavailable`.
    pub fn put(&self, caller: &Caller, bytes: &[u8]) -> Result<String, Error> {
        self.access(caller).deed(Interaction::Ingest, "archive", || {
            let digest = self.raw.put(bytes).map_err(failed)?;
            Ok((digest.to_string(), "1 object".to_owned()))
        })
    }

    /// An object, handed to `work`, which also says for the audit log what it did, without a value. In `masked` a key is the one
    /// that [`Self::put_masked`] gave, or a name.
    ///
    /// # Errors
    /// `Denied`; `NotFound`; what `work` says; `Corrupt`, `Unavailable`.
    pub fn with<T>(
        &self,
        caller: &Caller,
        (bucket, key): (Bucket, &str),
        what: &str,
        work: impl FnOnce(Vec<u8>) -> Result<(T, String), Error>,
    ) -> Result<T, Error> {
        let what = format!("{what} of bucket {}", bucket.as_str());
        self.access(caller).deed(bucket.interaction(), &what, || {
            let found = match bucket {
                Bucket::Raw => self.raw_object(key)?,
                Bucket::Masked => self.masked_object(key)?,
            };
            work(found.ok_or_else(missing)?)
        })
    }

    /// Keeps what was made of an object in the bucket `masked`, durable on return, under its key, which is given back, and under
    /// `name` if there is one; a name that led elsewhere leads here from now on. To be called within [`Self::with`].
    ///
    /// # Errors
    /// `Invalid` for a name that is empty, too long or looks like a key; `Unavailable`.
    pub fn put_masked(&self, bytes: &[u8], made: &MadeFrom, name: Option<&str>) -> Result<String, Error> {
        if let Some(name) = name {
            check_name(name)?;
        }
        let note = serde_json::to_vec(made).map_err(|error| Error::internal(ErrorKind::Internal, error))?;
        let digest = self.masked.put_noted(bytes, &note).map_err(failed)?;
        if let Some(name) = name {
            let shelf = self.store.shelf().ok_or_else(|| {
                Error::internal(ErrorKind::Internal, "this store was opened without a shelf")
            })?;
            shelf.put(NAMES, name, digest.as_bytes())?;
        }
        Ok(digest.to_string())
    }

    /// Hands the objects of a bucket to `each` with their keys, in the order of arrival: from the place `from` on, until it
    /// says `false`. Gives the place to go on at; `None` at the end. For a scan: one audit event, with the count.
    ///
    /// # Errors
    /// `Denied` to those who may not do everything, `Corrupt`, `Unavailable`.
    pub fn scan(
        &self,
        caller: &Caller,
        bucket: Bucket,
        from: u64,
        each: &mut dyn FnMut(String, Vec<u8>) -> bool,
    ) -> Result<Option<u64>, Error> {
        let archive = match bucket {
            Bucket::Raw => &self.raw,
            Bucket::Masked => &self.masked,
        };
        let what = format!("bucket {}", bucket.as_str());
        self.access(caller).deed(Interaction::Scan, &what, || {
            let mut next = from;
            let mut at_end = true;
            for object in archive.replay(from) {
                let object = object.map_err(failed)?;
                next += 1;
                if !each(object.digest.to_string(), object.bytes) {
                    at_end = false;
                    break;
                }
            }
            Ok(((!at_end).then_some(next), format!("{} looked at", next - from)))
        })
    }

    fn access(&self, caller: &Caller) -> Access {
        self.store.access(caller.clone())
    }

    fn raw_object(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(digest) = Digest::parse(key) else { return Ok(None) };
        Ok(self.raw.get(&digest).map_err(failed)?.map(|object| object.bytes))
    }

    fn masked_object(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(digest) = self.masked_digest(key)? else { return Ok(None) };
        let Some(object) = self.masked.get(&digest).map_err(failed)? else { return Ok(None) };
        // Names here are made with a key of their own: a raw pack that somebody put into this folder does not fit them.
        if self.masked.digest(&object.bytes) != digest || object.note.is_empty() {
            return Err(Error::internal(ErrorKind::Corrupt, "a masked object is not what its name says"));
        }
        Ok(Some(object.bytes))
    }

    fn masked_digest(&self, key: &str) -> Result<Option<Digest>, Error> {
        if let Some(digest) = Digest::parse(key) {
            return Ok(Some(digest));
        }
        if check_name(key).is_err() {
            return Ok(None);
        }
        let Some(shelf) = self.store.shelf() else { return Ok(None) };
        let named = shelf.get(NAMES, key)?;
        Ok(named.and_then(|bytes| bytes.try_into().ok()).map(Digest::from_bytes))
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let plain = |letter: char| !letter.is_control();
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(plain);
    if fits && Digest::parse(name).is_none() {
        return Ok(());
    }
    let text = format!(
        "a name of a masked object has 1 to {NAME_BYTES_MAX} bytes, no control characters, and is not 64 hexadecimal digits"
    );
    Err(Error::new(ErrorKind::Invalid, text))
}

fn missing() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such object")
}

fn failed(error: ArchiveError) -> Error {
    match error {
        ArchiveError::TooLong { .. } => Error::new(ErrorKind::TooCostly, error.to_string()),
        ArchiveError::Damaged { .. } | ArchiveError::Seal(_) => Error::internal(ErrorKind::Corrupt, error),
        error => Error::internal(ErrorKind::Unavailable, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_no_keys() {
        for (name, good) in
            [("a/b.png", true), ("Zoë", true), ("", false), ("a\nb", false), (&"a".repeat(257), false)]
        {
            assert_eq!(check_name(name).is_ok(), good, "{name:?}");
        }
        assert!(check_name(&"0".repeat(64)).is_err(), "it would hide the object of that key");
        assert_eq!(Bucket::named("masked"), Some(Bucket::Masked));
        assert_eq!(Bucket::named("Raw"), None);
    }
}
