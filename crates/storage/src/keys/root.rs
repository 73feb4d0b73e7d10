//! The root key: 32 random bytes, kept outside the data folder or in it under a passphrase.

use std::fmt;
use std::iter;
use std::path::Path;

use age::scrypt;
use age::secrecy::SecretString;
use zeroize::Zeroizing;

use super::KeyError;
use super::crypto::{KEY_BYTES, Secret};
use crate::clock::Random;
use crate::disk::{self, Disk};

/// scrypt's cost for new passphrase files: N = 2^18, about a second and 256 MiB.
pub const WORK_FACTOR_LOG2_DEFAULT: u8 = 18;
/// The largest cost accepted when a file is opened: 1 GiB of memory.
const WORK_FACTOR_LOG2_MAX: u8 = 20;
const FILE_LIMIT_BYTES: u64 = 64 * 1024;

/// The key that wraps all tenant keys. Printed, it shows nothing; dropped, it is wiped.
#[derive(Clone)]
pub struct RootKey(Secret);

impl RootKey {
    /// Draws a new root key.
    pub fn generate(random: &dyn Random) -> Self {
        Self(Secret::generate(random))
    }

    /// Takes the content of a key file: 32 raw bytes, or 64 hexadecimal digits with white space around.
    ///
    /// # Errors
    /// [`KeyError::KeyFile`] if it is neither.
    pub fn from_key_file(content: &[u8]) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if content.len() == KEY_BYTES {
            bytes.copy_from_slice(content);
        } else {
            hex::decode_to_slice(content.trim_ascii(), bytes.as_mut()).map_err(|_| KeyError::KeyFile)?;
        }
        Ok(Self(Secret::new(&mut bytes)))
    }

    /// The content of a key file: 64 hexadecimal digits and a line end.
    pub fn to_key_file(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(hex::encode(self.0.reveal()));
        text.push('\n');
        text
    }

    /// The key in the age format (v1, scrypt recipient), which the passphrase opens.
    ///
    /// `work_factor_log2` is scrypt's log2(N), 1 to 20: [`WORK_FACTOR_LOG2_DEFAULT`] but in tests.
    ///
    /// # Errors
    /// [`KeyError::KeyFile`] if the library cannot write it.
    pub fn to_passphrase_file(&self, passphrase: &str, work_factor_log2: u8) -> Result<Vec<u8>, KeyError> {
        let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
        recipient.set_work_factor(work_factor_log2.clamp(1, WORK_FACTOR_LOG2_MAX));
        age::encrypt(&recipient, self.0.reveal()).map_err(|_| KeyError::KeyFile)
    }

    /// Opens what [`Self::to_passphrase_file`] made. Takes about a second, on purpose.
    ///
    /// # Errors
    /// [`KeyError::Passphrase`] if the passphrase is wrong or the file was altered.
    pub fn from_passphrase_file(content: &[u8], passphrase: &str) -> Result<Self, KeyError> {
        let mut identity = scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
        identity.set_max_work_factor(WORK_FACTOR_LOG2_MAX);
        let plain = Zeroizing::new(age::decrypt(&identity, content).map_err(|_| KeyError::Passphrase)?);
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if plain.len() != KEY_BYTES {
            return Err(KeyError::KeyFile);
        }
        bytes.copy_from_slice(&plain);
        Ok(Self(Secret::new(&mut bytes)))
    }

    /// Reads a root key from a file: a passphrase file where a passphrase is given, else a key file.
    ///
    /// # Errors
    /// Those of [`Self::from_passphrase_file`] and [`Self::from_key_file`]; [`KeyError::Io`] if it cannot be read.
    pub fn read(disk: &dyn Disk, path: &Path, passphrase: Option<&str>) -> Result<Self, KeyError> {
        let content = Zeroizing::new(disk::read(disk, path, FILE_LIMIT_BYTES)?);
        match passphrase {
            Some(passphrase) => Self::from_passphrase_file(&content, passphrase),
            None => Self::from_key_file(&content),
        }
    }

    /// Writes the root key durably: under a passphrase and its work factor, or plainly as a key file. Replaces a file of
    /// that name. The caller sees to it that nobody else may read the file.
    ///
    /// # Errors
    /// [`KeyError::Io`] if it cannot be written.
    pub fn write(
        &self,
        disk: &dyn Disk,
        path: &Path,
        passphrase: Option<(&str, u8)>,
    ) -> Result<(), KeyError> {
        let content = match passphrase {
            Some((passphrase, work_factor_log2)) => {
                Zeroizing::new(self.to_passphrase_file(passphrase, work_factor_log2)?)
            }
            None => Zeroizing::new(self.to_key_file().as_bytes().to_vec()),
        };
        Ok(disk::write_durably(disk, path, &content)?)
    }

    pub(crate) fn derive(&self, label: &[u8]) -> Secret {
        self.0.derive(&iter::once(label).collect::<Vec<_>>())
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}
