//! Images: text is read off them, the engine is asked about it, and what tells who it is is filled.
//!
//! [`Reader`] finds and reads text with two networks whose bytes are handed in. [`mask_canvas`] fills boxes and reads again
//! until nothing identifying is found, or fails: what it could not clean it does not give out. [`mask_file`] does so for PNG,
//! JPEG and TIFF files; DICOM stands in [`crate::records::dicom`]. Not for: faces and other things that tell who it is
//! without letters.

mod area;
mod detect;
mod edges;
mod error;
mod file;
mod found;
mod known;
mod masker;
mod net;
mod raster;
mod reader;
mod recognise;
mod regions;
mod repair;
mod resample;
mod rows;
mod tiff;
mod tiles;
mod workers;

pub use area::Area;
pub use error::ImageError;
pub use file::{FileLimits, MaskedImage, decode, mask_file};
pub use found::{Found, What};
pub use known::KnownValues;
pub use masker::{Canvas, Extent, Filled, ImageAsk, ImagePolicy, Unread, Unreadable, mask_canvas};
pub use raster::Raster;
pub use reader::{Line, ReadLimits, Reader, Word};
pub use regions::{ImageKind, RegionTemplate, regions};
