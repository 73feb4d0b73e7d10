//! HL7 v2.1-2.8 in its ER7 ("pipe and hat") encoding.
//!
//! [`parse`] reads one message: bytes to text by MSH-18, then segments and fields by offsets into that text, in one pass.
//! Repetitions, components and subcomponents are split when asked for, and escapes are undone last, once, on the smallest
//! piece. So a delimiter that was escaped never splits anything, and text that looks like an escape after unescaping stays.
//!
//! Around it: [`mllp`] frames on a stream, [`batch`] files, [`ack`] answers, [`write()`](crate::hl7v2::write) back to bytes.
//!
//! Broken input is normal: [`Parsed::problems`] lists what was wrong and where, without a single value of the message, and
//! an error is returned only where nothing could be made of the message at all.

pub mod ack;
pub mod batch;
mod charset;
mod decode;
mod delimiters;
mod escape;
mod header;
mod index;
mod iso2022;
mod leaves;
mod location;
mod message;
pub mod mllp;
mod parse;
mod problem;
mod structure;
mod view;
mod write;

pub use charset::Charset;
pub use delimiters::Delimiters;
pub use escape::{escape, unescape};
pub use header::{AckCondition, MessageType};
pub use leaves::Leaves;
pub use location::{Location, LocationError, SegmentName};
pub use message::Message;
pub use parse::{Limits, ParseOptions, Parsed, parse, parse_header};
pub use problem::{ParseError, Problem, ProblemKind};
pub use structure::structure_of;
pub use view::{Component, Field, Repetition, Segment, Subcomponent};
pub use write::write;
