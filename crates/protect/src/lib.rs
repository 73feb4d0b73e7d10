//! Access decisions, tokens and the tamper-evident audit log.
//!
//! The words of 45 CFR 164.312: access control (a), audit controls (b), authentication (d).
//!
//! - [`access`]: who asks, for what purpose, with which scopes; the pure decision.
//! - [`token`]: bearer tokens, of which only a hash is kept.
//! - [`audit`]: what was looked at and changed, in sealed rows under a signed Merkle tree.
//! - [`phi`]: a coat for patient data in memory which prints a mask.
//!
//! It decides from facts handed to it and never fetches patient data by itself. It is not for HTTP (see `server`), and
//! not for key material (see `storage::keys`).

pub mod access;
pub mod audit;
mod events;
pub mod phi;
pub mod token;

pub use events::METRICS;
