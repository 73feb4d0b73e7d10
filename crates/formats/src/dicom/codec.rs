//! One compressed frame to its samples. Source: PS3.5, 8.2 and A.4.

use super::Syntax;

mod bits;
mod extended;
mod j2k;
mod jls;
mod jpeg;
mod rle;
mod segments;

/// The size of a frame as the attributes tell it.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) samples: usize,
    /// Bytes of a sample.
    pub(super) unit: usize,
    /// Whether three samples are red, green and blue, and not luminance and differences.
    pub(super) is_rgb: bool,
}

impl Shape {
    pub(super) fn bytes(self) -> usize {
        self.rows * self.columns * self.samples * self.unit
    }

    /// Whether samples of so many bits fit, else a reason.
    fn holds(self, bits: u32) -> Result<(), String> {
        if bits as usize > 8 * self.unit {
            return Err("its samples are larger than the bits allocated".to_owned());
        }
        Ok(())
    }

    /// Whether a frame says the same of its size and of how many samples a pixel has, else a reason. Asked before anything of
    /// that size is made.
    fn is(self, columns: usize, rows: usize, samples: usize) -> Result<(), String> {
        if columns != self.columns || rows != self.rows {
            return Err("its size differs from rows and columns".to_owned());
        }
        if samples != self.samples {
            return Err("its colours differ from the attributes".to_owned());
        }
        Ok(())
    }
}

/// The samples of one frame, low byte first, those of a pixel side by side.
///
/// # Errors
/// A reason, if the frame is broken, does not have the shape, or is compressed in a way that is not decoded.
pub(super) fn decode(bytes: &[u8], syntax: &Syntax, shape: Shape) -> Result<Vec<u8>, String> {
    let decoded = match syntax.uid.as_str() {
        Syntax::RLE => rle::decode(bytes, shape.rows * shape.columns, shape.samples, shape.unit)
            .ok_or("RLE segments are broken")?,
        uid if Syntax::JPEG_2000.contains(&uid) => j2k::decode(bytes, shape)?,
        uid if Syntax::JPEG_LS.contains(&uid) => jls::decode(bytes, shape)?,
        uid if Syntax::JPEG.contains(&uid) => match extended::decode(bytes, shape) {
            Some(decoded) => decoded?,
            None => jpeg::decode(bytes, shape)?,
        },
        uid => return Err(format!("compression {uid} is not decoded")),
    };
    (decoded.len() == shape.bytes()).then_some(decoded).ok_or_else(|| "it is too short".to_owned())
}
