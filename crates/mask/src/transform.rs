//! What is put in place of an identity: labels, surrogates, pseudonyms, encrypted ids, shifted dates, coarser ages and ZIP codes.
//!
//! All of it is keyed or forgetful: with the same keys the same input gives the same output, and without them nothing leads
//! back. What can be led back by the keys is undone by [`Reversal`] alone. Not here: finding identities ([`Engine`](crate::Engine)) and
//! walking through records ([`records`](crate::records)).

mod age;
mod calendar_words;
mod civil;
mod ff1;
mod id_cipher;
mod label;
mod plan;
pub mod pseudonym;
mod reversal;
mod sealed_value;
mod shift;
mod surrogate;
mod tally;
mod written;
mod zip;

pub use age::{AGE_TOP, top_code};
pub(crate) use calendar_words::MONTHS;
pub use civil::Day;
pub use id_cipher::IdCipher;
pub use label::{KINDS, kind_name, kind_named, label, tag};
pub use plan::{MaskedText, Plan, Replaced, TextMasker, Transform};
pub use reversal::Reversal;
pub(crate) use sealed_value::encrypt as encrypt_value;
pub use shift::{AGE_MAX_TOLD, DateShift, ShiftOptions};
pub use surrogate::surrogate;
pub use tally::{Method, Tally};
pub use zip::{SMALL_AREAS, zip3};

#[cfg(test)]
pub(crate) mod tests;
