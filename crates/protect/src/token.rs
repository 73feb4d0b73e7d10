//! Bearer tokens: `ward_ID_RANDOM`, of which a hash is kept in a sealed file.
//!
//! The random part has 256 bits, so a plain SHA-256 of it is a safe thing to keep: nobody finds 256 random bits by trying,
//! and a slow password hash would only slow down every request. Source: 45 CFR 164.312(d); RFC 6750.

use std::fmt;
use std::io;

use storage::keys::{KeyError, TenantId};
use storage::seal::SealError;

use crate::access::{Actor, Purpose, Scopes};

mod file;
mod store;

pub use store::TokenStore;

/// What a new token shall grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSpec {
    /// What the bearer may do.
    pub scopes: Scopes,
    /// Who the bearer is.
    pub actor: Actor,
    /// The tenant that the bearer belongs to.
    pub tenant: TenantId,
    /// The purpose of use where a request names none.
    pub purpose: Purpose,
    /// The profile by which everything is masked that the bearer sees; `None` for resources as they are.
    pub masked: Option<String>,
    /// When it stops to work, in milliseconds since 1970; `None` for never.
    pub expires_ms: Option<i64>,
}

/// The public name of a token: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(u64);

impl TokenId {
    /// Reads 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

/// What a good token grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The token's name, for audit and revocation.
    pub token: TokenId,
    /// What it was made for.
    pub spec: TokenSpec,
}

/// A token as it is kept: all but the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The token's name.
    pub id: TokenId,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// What it grants.
    pub spec: TokenSpec,
}

/// Why a token is not made, found or good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a token, of another store, or with a wrong secret. Deliberately one cause.
    #[error("the token is not valid")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// No token has this id.
    #[error("there is no token {0}")]
    NotFound(TokenId),
    /// There are as many tokens as a store may hold.
    #[error("there are {tokens_max} tokens already: revoke or remove some")]
    TooMany {
        /// How many are allowed.
        tokens_max: usize,
    },
    /// A token that grants nothing is a mistake.
    #[error("the scopes grant nothing")]
    NoScopes,
    /// Somebody else writes the file just now.
    #[error("another process is writing the tokens: try again")]
    Busy,
    /// The file is not what Ward wrote.
    #[error("the file of tokens is damaged")]
    Damaged,
    /// The file could not be read or written.
    #[error("the file of tokens could not be read or written")]
    Io(#[from] io::Error),
    /// The keys are not to be had.
    #[error("the key of the tokens is not to be had")]
    Key(#[from] KeyError),
    /// The file does not open.
    #[error("the file of tokens does not open")]
    Seal(#[from] SealError),
}

#[cfg(test)]
mod tests;
