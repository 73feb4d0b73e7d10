//! Keys: the root key, the tenants' keys, the data keys under them, and what is derived from them.
//!
//! ```text
//! root key (passphrase file or key file, outside the data folder)
//!   └ wraps: tenant key (one for each tenant; can be rotated)
//!       ├ wraps: tenant seed (never changes) ── HKDF ─ general data key, index key, names, signing seed
//!       └ wraps: data keys, one a patient or data set; destroying one erases what it sealed
//! ```
//!
//! This is the only module that names a cryptography crate (TLS set-up elsewhere aside). It is *not* a place for
//! passwords or for tokens of users; those belong to `protect`.
//!
//! `docs/internals/keys.md` has the layout of the files, and what someone with the disk still learns.

pub mod crypto;
mod data;
mod index;
mod mask;
mod ring;
mod root;

pub use crypto::{MacKey, Secret, Signer, VerifyingKey, constant_time_eq, hmac_sha256, sha256, sha256_parts};
pub use data::DataKey;
pub use index::{IndexKey, OrderCode};
pub use mask::MaskKey;
pub use ring::{KeyRing, RingOptions};
pub use root::{RootKey, WORK_FACTOR_LOG2_DEFAULT};

use std::io;

/// The number of a tenant: below 2^24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub u32);

impl TenantId {
    /// Ward's own things that belong to no tenant: tokens, audit log, archive of unassigned messages. Always there.
    pub const SYSTEM: Self = Self(0);
    /// The tenant that is there without being asked for.
    pub const DEFAULT: Self = Self(1);
    /// The largest number of a tenant.
    pub const MAX: u32 = (1 << 24) - 1;
}

/// Names a data key: the tenant in the upper 24 bits, the position in that tenant's key file in the lower 40.
///
/// Position 0 is the tenant's general data key; so `KeyId(0)` is the system tenant's general key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u64);

const POSITION_BITS: u32 = 40;

impl KeyId {
    /// The general data key of a tenant, for what belongs to no patient.
    pub fn general(tenant: TenantId) -> Self {
        Self(u64::from(tenant.0) << POSITION_BITS)
    }

    /// The tenant that the key belongs to.
    pub fn tenant(self) -> TenantId {
        TenantId((self.0 >> POSITION_BITS) as u32)
    }

    /// Whether this is a tenant's general data key, which cannot be shredded.
    pub fn is_general(self) -> bool {
        self.position() == 0
    }

    pub(crate) fn at(tenant: TenantId, position: u64) -> Self {
        Self(Self::general(tenant).0 | position)
    }

    pub(crate) fn position(self) -> u64 {
        self.0 & ((1 << POSITION_BITS) - 1)
    }
}

/// Why a key is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The passphrase does not open the root key file, or the file was altered.
    #[error("the passphrase does not open the root key file")]
    Passphrase,
    /// The root key file is neither 32 raw bytes nor 64 hexadecimal digits.
    #[error("the root key file holds no key: 32 raw bytes or 64 hexadecimal digits are expected")]
    KeyFile,
    /// The key folder belongs to another root key.
    #[error("the root key is not the one that this data folder was made with")]
    WrongRoot,
    /// There are no keys yet where some should be.
    #[error("there is no key ring in this folder")]
    Absent,
    /// There are keys where new ones should be made.
    #[error("there is already a key ring in this folder")]
    Exists,
    /// Bytes of a key file are not what Ward wrote.
    #[error("key file `{file}` is damaged")]
    Damaged {
        /// The file's name within the key folder.
        file: String,
    },
    /// No tenant has this number.
    #[error("there is no tenant {0}")]
    UnknownTenant(u32),
    /// A tenant has this number already, or the number is too large.
    #[error("{0} cannot be the number of a new tenant")]
    TenantNumber(u32),
    /// No key has this id.
    #[error("there is no data key {0:x}")]
    UnknownKey(u64),
    /// The key was destroyed on purpose; what it sealed is gone for good.
    #[error("data key {0:x} was destroyed")]
    KeyShredded(u64),
    /// A general data key cannot be destroyed alone.
    #[error("data key {0:x} is a tenant's general key and cannot be destroyed")]
    General(u64),
    /// An earlier write failed; nothing more is written until a restart.
    #[error("an earlier write of keys failed: restart to go on")]
    Poisoned,
    /// Reading or writing a key file failed.
    #[error("a key file could not be read or written")]
    Io(#[from] io::Error),
}
