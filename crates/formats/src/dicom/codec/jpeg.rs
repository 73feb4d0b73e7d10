//! JPEG frames of 8 bits, and lossless ones (ITU-T T.81), by `jpeg-decoder`.

use jpeg_decoder::PixelFormat::{L8, L16, RGB24};
use jpeg_decoder::{ColorTransform, Decoder};

use super::Shape;
use super::segments::{SOS, Segments};

/// The samples of one frame, low byte first.
///
/// # Errors
/// A reason, if the frame is broken or does not have the shape; it is compared before anything of its size is made.
pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u8>, String> {
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(shape.bytes().saturating_mul(2).max(1 << 16));
    decoder.read_info().map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("it has no header")?;
    shape.is(info.width.into(), info.height.into(), shape.samples)?;
    if shape.is_rgb && !names_colours(bytes) {
        decoder.set_color_transform(ColorTransform::RGB);
    }
    let decoded = decoder.decode().map_err(|error| error.to_string())?;
    Ok(match (info.pixel_format, shape.samples, shape.unit) {
        (L8, 1, 1) | (RGB24, 3, 1) => decoded,
        (L16, 1, 2) => decoded
            .chunks_exact(2)
            .flat_map(|pair| match pair {
                [a, b] => u16::from_ne_bytes([*a, *b]).to_le_bytes(),
                _ => [0; 2],
            })
            .collect(),
        (L8, 1, 2) => decoded.into_iter().flat_map(|byte| [byte, 0]).collect(),
        _ => return Err("its colours differ from the attributes".to_owned()),
    })
}

/// Whether a stream says itself what its samples are, as JFIF (APP0) and Adobe (APP14) do.
fn names_colours(bytes: &[u8]) -> bool {
    let Ok(mut segments) = Segments::of(bytes) else { return false };
    while let Ok((marker, segment)) = segments.next() {
        match marker {
            SOS => break,
            0xE0 if segment.starts_with(b"JFIF") => return true,
            0xEE if segment.starts_with(b"Adobe") => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16 x 16 pixels of one colour, not transformed, without a marker that says so. Written by libjpeg-turbo.
    const RGB: &[u8] = include_bytes!("../../../tests/jpeg/rgb.jpg");

    #[test]
    fn colours_are_those_that_the_attributes_name() {
        let shape = Shape { rows: 16, columns: 16, samples: 3, unit: 1, is_rgb: true };
        let first =
            |shape| decode(RGB, shape).unwrap().into_iter().zip([200, 30, 90]).collect::<Vec<(u8, u8)>>();
        assert!(first(shape).iter().all(|(value, wanted)| value.abs_diff(*wanted) < 4));
        assert!(
            first(Shape { is_rgb: false, ..shape })
                .iter()
                .any(|(value, wanted)| value.abs_diff(*wanted) > 30)
        );
    }
}
