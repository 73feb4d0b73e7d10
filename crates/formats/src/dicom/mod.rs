//! DICOM: files and data sets (PS3.5, PS3.10), and the pixels in them.
//!
//! [`read()`] gives attributes as bytes with their tags and representations, sequences as items; [`write()`] writes them in
//! Explicit VR Little Endian. [`Pixels`] decodes frames, shows them, fills areas and puts them back. Not for: what an
//! attribute means for a patient's privacy; that stands in `mask`.
//!
//! dicom-rs is named only here. Its dictionary is used; its reader and codecs are not, since both trust lengths that the
//! input states (a short RLE segment makes its decoder stop with a panic), which hostile files make use of.

mod codec;
mod dictionary;
mod error;
mod model;
mod pixels;
mod read;
mod syntax;
mod tag;
mod text;
mod view;
mod vr;
mod write;

pub use dictionary::{keyword_of, tag_of, vr_of};
pub use error::DicomError;
pub use model::{DataSet, Element, File, Value};
pub use pixels::{PixelLimits, Pixels};
pub use read::{Limits, read};
pub use syntax::Syntax;
pub use tag::Tag;
pub use text::{Charset, to_utf8};
pub use view::Picture;
pub use vr::Vr;
pub use write::write;
