//! JPEG 2000 frames: a bare codestream each (PS3.5, A.4.4), decoded to samples side by side.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::Shape;

/// What a codestream begins with: its own marker, then that of sizes. Source: ISO/IEC 15444-1, A.4.1 and A.5.1.
const START: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];

/// Where the number of components stands, and the first one's sign and precision; three bytes a component.
const COMPONENTS_AT: usize = 40;
const PRECISION_AT: usize = 42;
const COMPONENT_BYTES: usize = 3;

/// The samples of one frame, low byte first.
///
/// # Errors
/// A reason, if the codestream is broken or does not have the shape; it is compared before anything of its size is made.
pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u8>, String> {
    let bytes = unboxed(bytes);
    let (is_signed, precision) = precision(bytes, shape.samples)?;
    shape.holds(precision.into())?;
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(bytes, &settings).map_err(|error| error.to_string())?;
    shape.is(image.width() as usize, image.height() as usize, shape.samples)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|error| error.to_string())?;
    let components = decoded.components();
    let planes: Vec<&[f32]> = components.iter().map(hayro_jpeg2000::ComponentData::samples).collect();
    let pixels = shape.rows * shape.columns;
    if planes.len() != shape.samples || planes.iter().any(|plane| plane.len() < pixels) {
        return Err("its colours differ from the attributes".to_owned());
    }
    // The decoder moves all samples up by half their range, also those that have a sign.
    let half = 1_i64 << (precision - 1);
    let (low, high, down) = if is_signed { (-half, half - 1, half) } else { (0, 2 * half - 1, 0) };
    let mut samples = Vec::with_capacity(pixels * shape.samples * shape.unit);
    for at in 0..pixels {
        for plane in &planes {
            let value = plane.get(at).map_or(0, |value| value.round() as i64) - down;
            samples.extend(value.clamp(low, high).to_le_bytes().iter().take(shape.unit));
        }
    }
    Ok(samples)
}

/// The codestream of a JP2 file, which some writers put in place of a bare one. Source: ISO/IEC 15444-1, I.4 and I.5.4.
fn unboxed(mut bytes: &[u8]) -> &[u8] {
    while let Some([a, b, c, d, kind @ ..]) = bytes.get(..8) {
        if kind == b"jp2c" {
            return bytes.get(8..).unwrap_or_default();
        }
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let is_box = length >= 8 && kind.is_ascii();
        let (true, Some(rest)) = (is_box, bytes.get(length..)) else { break };
        bytes = rest;
    }
    bytes
}

/// Whether samples have a sign, and their bits: 1 to 24, for the decoder reckons in numbers of 24 bits, and alike for all components.
fn precision(bytes: &[u8], samples: usize) -> Result<(bool, u8), String> {
    if !bytes.starts_with(&START) {
        return Err("it is no codestream of JPEG 2000".to_owned());
    }
    let count = bytes.get(COMPONENTS_AT..PRECISION_AT).and_then(|count| <[u8; 2]>::try_from(count).ok());
    if count.map(u16::from_be_bytes).map(usize::from) != Some(samples) {
        return Err("its colours differ from the attributes".to_owned());
    }
    let mut sizes = (0..samples).map(|at| bytes.get(PRECISION_AT + at * COMPONENT_BYTES).copied());
    let first = sizes.next().flatten().ok_or("it has no sizes")?;
    if sizes.any(|size| size != Some(first)) {
        return Err("its components differ in precision".to_owned());
    }
    let precision = (first & 0x7F) + 1;
    if precision > 24 {
        return Err("its samples have more than 24 bits".to_owned());
    }
    Ok((first & 0x80 != 0, precision))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written by OpenJPEG from the values that the tests reckon.
    const GREY_16: &[u8] = include_bytes!("../../../tests/j2k/grey16.j2k");
    const SIGNED_8: &[u8] = include_bytes!("../../../tests/j2k/signed8.j2k");
    const LOSSY_8: &[u8] = include_bytes!("../../../tests/j2k/lossy8.j2k");
    const RGB_TILED: &[u8] = include_bytes!("../../../tests/j2k/rgb.j2k");

    const GREY: Shape = Shape { rows: 32, columns: 48, samples: 1, unit: 1, is_rgb: false };

    fn points() -> impl Iterator<Item = (usize, usize)> {
        (0..32).flat_map(|y| (0..48).map(move |x| (x, y)))
    }

    #[test]
    fn lossless_samples_are_those_that_were_written() {
        let wanted: Vec<u8> =
            points().flat_map(|(x, y)| (((x * 37 + y * 91) % 4096) as u16).to_le_bytes()).collect();
        assert_eq!(decode(GREY_16, Shape { unit: 2, ..GREY }).unwrap(), wanted);
        let wanted: Vec<u8> =
            points().flat_map(|(x, y)| [x * 5, y * 7, x + y].map(|value| value as u8)).collect();
        assert_eq!(decode(RGB_TILED, Shape { samples: 3, ..GREY }).unwrap(), wanted);
    }

    #[test]
    fn a_codestream_in_the_boxes_of_a_file_is_found() {
        let boxed = [b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x09xml a\0\0\0\0jp2c", SIGNED_8].concat();
        assert_eq!(decode(&boxed, GREY), decode(SIGNED_8, GREY));
        assert!(decode(b"\0\0\0\0jP  ", GREY).is_err());
    }

    #[test]
    fn what_has_a_sign_keeps_it() {
        let wanted: Vec<u8> = points().map(|(x, y)| (x * 5 + y * 3) as u8).collect();
        assert_eq!(decode(SIGNED_8, GREY).unwrap(), wanted);
    }

    #[test]
    fn lossy_samples_are_near_those_that_were_written() {
        let decoded = decode(LOSSY_8, GREY).unwrap();
        for ((x, y), value) in points().zip(decoded) {
            let wanted = ((x * 5 + y * 3) % 256) as i32;
            // Where the pattern jumps from 255 to 0 the picture overshoots.
            if (16..240).contains(&wanted) {
                assert!((i32::from(value) - wanted).abs() < 24, "{x} {y}: {value}, not {wanted}");
            }
        }
    }

    #[test]
    fn frames_that_do_not_fit_the_attributes_are_refused() {
        for shape in [
            Shape { rows: 33, ..GREY },
            Shape { columns: 47, ..GREY },
            Shape { samples: 3, ..GREY },
            Shape { rows: 1, columns: 1, ..GREY },
        ] {
            assert!(decode(SIGNED_8, shape).is_err());
        }
        assert!(decode(GREY_16, GREY).unwrap_err().contains("bits allocated"));
    }

    #[test]
    fn broken_codestreams_are_refused_or_decoded_in_size() {
        for whole in [GREY_16, SIGNED_8, LOSSY_8, RGB_TILED] {
            let samples = if whole == RGB_TILED { 3 } else { 1 };
            let shape = Shape { unit: 2, samples, ..GREY };
            let fits = |outcome: Result<Vec<u8>, String>| {
                outcome.is_err() || outcome.is_ok_and(|bytes| bytes.len() == 32 * 48 * samples * 2)
            };
            for length in 0..whole.len() {
                assert!(fits(decode(&whole[..length], shape)), "{length} bytes");
            }
            for at in 0..whole.len() {
                for bit in [0, 3, 7] {
                    let mut broken = whole.to_vec();
                    broken[at] ^= 1 << bit;
                    assert!(fits(decode(&broken, shape)), "byte {at}, bit {bit}");
                }
            }
        }
    }
}
