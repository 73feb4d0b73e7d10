//! Finding and hiding identities: in text, in FHIR, HL7 v2, C-CDA, CSV and DICOM, in images.
//!
//! [`Engine`] finds entities ([`Entity`]) in text; everything else here is structure around it. Not for: who may see what
//! (`protect`), where bytes come from and go to (`server`, `ward`). Nothing here does I/O, reads a clock, draws randomness
//! or logs; keys come in as [`Keys`].
#![warn(clippy::indexing_slicing)]

mod custom;
mod desk;
mod engine;
mod entity;
pub mod evaluate;
mod gazetteer;
pub mod image;
mod keys;
mod known;
mod names;
mod patterns;
pub mod pdf;
pub mod records;
pub mod risk;
pub mod scan;
pub mod tagger;
mod text;
pub mod transform;

pub use custom::{AllowList, Recogniser, RecogniserError};
pub use desk::{Desk, MaskedNote, SHIFT_DAYS_MAX, Style, Subject, VERSION, Wishes, in_characters};
pub use engine::{Ask, Engine, Profile, Tier};
pub use entity::{Entity, Kind, Reason};
pub use keys::Keys;
pub use known::{Known, KnownBuilder};
