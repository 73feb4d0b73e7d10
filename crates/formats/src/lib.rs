//! Wire formats, pure: HL7 v2 and MLLP frames.
#![warn(clippy::indexing_slicing)]
