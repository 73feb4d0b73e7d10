//! Checkpoints: the size and root of the tree in a signed note.
//!
//! ```text
//! ORIGIN
//! SIZE
//! ROOT (base64)
//! time-ms MILLISECONDS
//!
//! — KEY-NAME SIGNATURE (base64 of key id 4 | Ed25519 signature 64)
//! ```
//!
//! Source: C2SP signed-note and tlog-checkpoint. The fourth line is an extension line, which other readers pass over. Name
//! of the key and origin are the same.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use storage::keys::{Signer, VerifyingKey, sha256_parts};

use super::merkle::Hash;

/// The signature type Ed25519 of a signed note.
const ED25519: u8 = 1;
const TIME: &str = "time-ms ";
/// A note with more signatures of others beside ours is still read up to this length.
pub(super) const NOTE_BYTES_MAX: usize = 16 * 1024;

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Rows.
    pub size: u64,
    /// Root of the tree over them.
    pub root: [u8; 32],
    /// When it was signed, in milliseconds since 1970, as the signer's clock said.
    pub time_ms: i64,
}

/// Why a note or key does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not a signed note with a checkpoint in it.
    #[error("not a signed checkpoint")]
    Shape,
    /// There is no signature by this key.
    #[error("the checkpoint is not signed by this key")]
    NotSigned,
    /// There is a signature by this key, and it is wrong.
    #[error("the signature of the checkpoint is wrong")]
    Signature,
    /// Not a verifier key of a signed note.
    #[error("not a verifier key: expected NAME+HASH+KEY")]
    Key,
}

/// The public key of a log with its name: what an auditor needs, and all that an auditor needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    key: VerifyingKey,
}

impl NoteKey {
    /// A key under a name.
    pub fn new(name: impl Into<String>, key: VerifyingKey) -> Self {
        Self { name: name.into(), key }
    }

    /// Reads `NAME+HASH+KEY`, as [`fmt::Display`] writes it.
    ///
    /// # Errors
    /// [`NoteError::Key`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, hash, key) = match (parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(hash), Some(key)) => (name, hash, key),
            _ => return Err(NoteError::Key),
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let [ED25519, key @ ..] = bytes.as_slice() else { return Err(NoteError::Key) };
        let key = VerifyingKey::from_bytes(key.try_into().map_err(|_| NoteError::Key)?);
        let found = Self::new(name, key);
        if hex::encode(found.id()) == hash { Ok(found) } else { Err(NoteError::Key) }
    }

    /// The name: that of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let hash = sha256_parts(&[self.name.as_bytes(), b"\n", &[ED25519], self.key.as_bytes()]);
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }

    /// Reads a signed note and believes it only if this key signed it.
    ///
    /// # Errors
    /// [`NoteError::Shape`], [`NoteError::NotSigned`], [`NoteError::Signature`].
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Shape)?;
        let signed = format!("{text}\n");
        for line in signatures.lines() {
            let (name, signature) =
                line.strip_prefix("— ").and_then(|line| line.split_once(' ')).ok_or(NoteError::Shape)?;
            let bytes = STANDARD.decode(signature).map_err(|_| NoteError::Shape)?;
            let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Shape)?;
            if name == self.name && *id == self.id() {
                return if self.key.verify(signed.as_bytes(), signature) {
                    read(text).filter(|checkpoint| checkpoint.origin == self.name).ok_or(NoteError::Shape)
                } else {
                    Err(NoteError::Signature)
                };
            }
        }
        Err(NoteError::NotSigned)
    }

    /// Writes the signed note of a checkpoint. `signer` is the other half of this key.
    pub(super) fn sign(&self, signer: &Signer, size: u64, root: &Hash, time_ms: i64) -> String {
        let text = format!("{}\n{size}\n{}\n{TIME}{time_ms}\n", self.name, STANDARD.encode(root));
        let mut signature = self.id().to_vec();
        signature.extend_from_slice(&signer.sign(text.as_bytes()));
        format!("{text}\n— {} {}\n", self.name, STANDARD.encode(signature))
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(key))
    }
}

fn read(text: &str) -> Option<Checkpoint> {
    let mut lines = text.lines();
    let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
    let size = lines.next()?;
    let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
    let time_ms =
        lines.find_map(|line| line.strip_prefix(TIME)).and_then(|time| time.parse().ok()).unwrap_or(0);
    let canonical = size == "0" || !size.starts_with(['0', '+']);
    canonical.then(|| Some(Checkpoint { origin, size: size.parse().ok()?, root, time_ms })).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use storage::clock::SeededRandom;
    use storage::keys::Secret;

    use super::*;

    fn keys() -> (Signer, NoteKey) {
        let signer = Signer::from_seed(&Secret::generate(&SeededRandom::new(1)));
        let key = NoteKey::new("ward.example/audit", signer.verifying_key());
        (signer, key)
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key_only() {
        let (signer, key) = keys();
        let note = key.sign(&signer, 17, &[3; 32], 99);
        let opened = key.open(&note).unwrap();
        assert_eq!((opened.size, opened.root, opened.time_ms), (17, [3; 32], 99));
        let other = Signer::from_seed(&Secret::generate(&SeededRandom::new(2)));
        let other = NoteKey::new(key.name(), other.verifying_key());
        assert_eq!(other.open(&note), Err(NoteError::NotSigned));
        assert_eq!(key.open(&note.replacen("17", "18", 1)), Err(NoteError::Signature));
    }

    #[test]
    fn a_verifier_key_reads_back() {
        let (_, key) = keys();
        assert_eq!(NoteKey::parse(&key.to_string()), Ok(key.clone()));
        assert_eq!(NoteKey::parse(&key.to_string().replacen("ward", "wart", 1)), Err(NoteError::Key));
        assert_eq!(NoteKey::parse("x"), Err(NoteError::Key));
    }

    #[test]
    fn the_verifier_key_of_the_standard_reads() {
        // From the documentation of C2SP signed-note's Go implementation.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(NoteKey::parse(text).map(|key| key.to_string()), Ok(text.to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_panics_the_reader(text in "\\PC{0,50}(\n\n)?\\PC{0,50}") {
            let (_, key) = keys();
            prop_assert!(key.open(&text).is_err());
            let _ = NoteKey::parse(&text);
        }
    }
}
