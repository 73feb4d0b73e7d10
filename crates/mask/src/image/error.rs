//! How reading and masking an image fail. No message carries text of an image.

/// Why an image was not masked. Nothing is given out with it: a caller who gets an error has no masked image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The models are not what they should be.
    #[error("the {model} model cannot be used: {reason}")]
    Model {
        /// Which one.
        model: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// The models could not be run on this image.
    #[error("the {model} model failed: {reason}")]
    Run {
        /// Which one.
        model: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// There are no models, and the policy does not say what to do without.
    #[error(
        "images cannot be read: the models are absent (`cargo xtask models` fetches them); by policy, text-like or known regions can be blanked unread"
    )]
    NoModels,
    /// The count of bytes does not fit the size.
    #[error("{bytes} bytes are no image of {width} x {height}")]
    Shape {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes there were.
        bytes: usize,
    },
    /// The image has more pixels than the limit.
    #[error("image of {width} x {height} is over the limit of {pixels_max} pixels")]
    TooManyPixels {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The limit.
        pixels_max: u64,
    },
    /// More pages or frames than the limit.
    #[error("more than {pages_max} pages")]
    TooManyPages {
        /// The limit.
        pages_max: usize,
    },
    /// More text boxes than anything with text has.
    #[error("more than {boxes_max} text boxes on one part of the image")]
    TooMuchText {
        /// The limit.
        boxes_max: usize,
    },
    /// The bytes are not of a kind that is read.
    #[error("not an image of a kind that can be masked (PNG, JPEG, TIFF)")]
    UnknownFormat,
    /// A PDF is no picture: it is masked by [`crate::pdf`].
    #[error("it is a PDF and not a picture: have it masked as a PDF")]
    Pdf,
    /// The image cannot be decoded.
    #[error("the image cannot be decoded: {reason}")]
    Decode {
        /// What the decoder said.
        reason: String,
    },
    /// The masked image cannot be written.
    #[error("the masked image cannot be written: {reason}")]
    Encode {
        /// What the encoder said.
        reason: String,
    },
    /// Identifying text was still found after the last round.
    #[error("{boxes} text boxes may still tell who it is after {rounds} rounds of masking")]
    Remains {
        /// How many.
        boxes: usize,
        /// Rounds done.
        rounds: u32,
    },
}
