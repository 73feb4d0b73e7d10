//! How large a picture is.

use std::io::Cursor;

/// Columns and rows of the first picture of an image file, as they are stored; `None` if it cannot be told. Decodes nothing.
#[must_use]
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    reader.into_dimensions().ok().filter(|(width, height)| *width > 0 && *height > 0)
}
