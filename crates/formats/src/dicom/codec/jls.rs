//! JPEG-LS frames, lossless and near-lossless. Source: ITU-T T.87; PS3.5, A.4.3.

use super::Shape;
use super::bits::{Bits, Stuffing};
use super::segments::{DRI, EOI, SOS, Segments, word};

mod line;
mod model;

use line::{Line, Lines};
use model::{Model, Preset};

/// Frame header of JPEG-LS; preset parameters.
const SOF55: u8 = 0xF7;
const LSE: u8 = 0xF8;

/// In which a common encoder names a colour transform of its own.
const APP8: u8 = 0xE8;

/// The samples of one frame, low byte first.
///
/// # Errors
/// A reason, if the stream is broken, does not have the shape, or has mapping tables, restart intervals or point transforms.
pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u8>, String> {
    let mut segments = Segments::of(bytes)?;
    let mut frame: Option<Frame> = None;
    let mut preset = Preset::default();
    loop {
        match (segments.next()?, &mut frame) {
            ((SOF55, header), None) => frame = Some(Frame::of(header, shape)?),
            ((LSE, segment), _) => preset = Preset::of(segment)?,
            ((SOS, header), Some(frame)) => {
                frame.scan(header, segments.coded(|next| next >= 0x80), &preset)?;
                if frame.is_whole() {
                    return Ok(frame.samples(shape));
                }
            }
            ((EOI, _), _) => return Err("it has too few scans".to_owned()),
            ((DRI, segment), _) if segment.iter().any(|byte| *byte != 0) => {
                return Err("restart intervals of JPEG-LS are not decoded".to_owned());
            }
            ((APP8, segment), _) if segment.starts_with(b"mrfx") && segment.get(4) != Some(&0) => {
                return Err("its colour transform is not decoded".to_owned());
            }
            ((0xC0..=0xC3 | 0xC5..=0xCF | SOF55 | SOS, _), _) => {
                return Err("its segments are not those of JPEG-LS".to_owned());
            }
            _ => {}
        }
    }
}

/// How samples of several components lie in a scan. Source: T.87, C.2.3.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interleaving {
    None,
    Line,
    Sample,
}

struct Frame {
    precision: u32,
    columns: usize,
    rows: usize,
    /// The components' identifiers and samples; none before their scan.
    components: Vec<(u8, Vec<u16>)>,
}

impl Frame {
    /// Source: T.81, B.2.2.
    fn of(header: &[u8], shape: Shape) -> Result<Self, String> {
        let short = "its header is too short";
        let precision = u32::from(*header.first().ok_or(short)?);
        let (rows, columns) = (word(header, 1).ok_or(short)?, word(header, 3).ok_or(short)?);
        let count = usize::from(*header.get(5).ok_or(short)?);
        shape.is(columns, rows, count)?;
        shape.holds(precision)?;
        if !(2..=16).contains(&precision) {
            return Err("its samples have less than 2 or more than 16 bits".to_owned());
        }
        let components: Vec<_> = header
            .get(6..)
            .unwrap_or_default()
            .chunks_exact(3)
            .take(count)
            .filter_map(<[u8]>::first)
            .collect();
        if components.len() != count {
            return Err(short.to_owned());
        }
        let components = components.into_iter().map(|id| (*id, Vec::new())).collect();
        Ok(Self { precision, columns, rows, components })
    }

    /// Decodes the components of a scan. Source: T.87, C.2.3.
    fn scan(&mut self, header: &[u8], coded: &[u8], preset: &Preset) -> Result<(), String> {
        let broken = "its scan header is broken";
        let (count, rest) = header.split_first().ok_or(broken)?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(*count)).ok_or(broken)?;
        let &[near, interleaving, transform, ..] = rest else { return Err(broken.to_owned()) };
        let interleaving = match (interleaving, count) {
            (_, 1) => Interleaving::None,
            (1, 2..) => Interleaving::Line,
            (2, 2..) => Interleaving::Sample,
            _ => return Err(broken.to_owned()),
        };
        if transform != 0 || selectors.chunks_exact(2).any(|pair| !matches!(pair, [_, 0])) {
            return Err("point transforms and mapping tables of JPEG-LS are not decoded".to_owned());
        }
        let chosen = selectors.chunks_exact(2).filter_map(<[u8]>::first).map(|id| {
            self.components.iter().position(|(own, samples)| own == id && samples.is_empty()).ok_or(broken)
        });
        let chosen: Vec<usize> = chosen.collect::<Result<_, _>>()?;
        let model = Model::of(self.precision, near, preset)?;
        let mut lines = Lines { model, bits: Bits::of(coded, Stuffing::Bit), width: self.columns };
        let planes = lines.planes(chosen.len(), self.rows, interleaving)?;
        for (component, plane) in chosen.into_iter().zip(planes) {
            if let Some((_, samples)) = self.components.get_mut(component) {
                *samples = plane;
            }
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.components.iter().all(|(_, samples)| !samples.is_empty())
    }

    fn samples(&self, shape: Shape) -> Vec<u8> {
        let mut out = vec![0; shape.bytes()];
        for (at, (_, plane)) in self.components.iter().enumerate() {
            let places = out.chunks_exact_mut(shape.unit).skip(at).step_by(shape.samples);
            for (place, value) in places.zip(plane) {
                place.iter_mut().zip(value.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
            }
        }
        out
    }
}

impl Lines<'_> {
    /// The samples of as many components, row by row.
    fn planes(
        &mut self,
        count: usize,
        rows: usize,
        interleaving: Interleaving,
    ) -> Result<Vec<Vec<u16>>, String> {
        // A bit gives a line at most, of which a component has as many as there are rows.
        let mut lines: Vec<Line> = (0..count).map(|_| Line::of(self.width)).collect();
        let mut planes = vec![Vec::new(); count];
        let mut runs = vec![0; count];
        for _ in 0..rows {
            lines.iter_mut().for_each(Line::begin);
            if interleaving == Interleaving::Sample {
                let run = runs.first_mut().ok_or("it has no components")?;
                self.read(&mut lines, run)?;
            } else {
                for (line, run) in lines.iter_mut().zip(&mut runs) {
                    self.read(std::slice::from_mut(line), run)?;
                }
            }
            for (plane, line) in planes.iter_mut().zip(&lines) {
                plane.extend(line.samples().map(|value| value as u16));
            }
        }
        Ok(planes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written by CharLS from the values that `sample` gives.
    const GREY_8: &[u8] = include_bytes!("../../../tests/jpeg/grey8.jls");
    const GREY_12: &[u8] = include_bytes!("../../../tests/jpeg/grey12.jls");
    const GREY_15: &[u8] = include_bytes!("../../../tests/jpeg/grey15.jls");
    const NEAR_8: &[u8] = include_bytes!("../../../tests/jpeg/near8.jls");
    const PLANES: &[u8] = include_bytes!("../../../tests/jpeg/rgb_planes.jls");
    const LINES: &[u8] = include_bytes!("../../../tests/jpeg/rgb_lines.jls");
    const SAMPLES: &[u8] = include_bytes!("../../../tests/jpeg/rgb_samples.jls");

    const GREY: Shape = Shape { rows: 29, columns: 37, samples: 1, unit: 1, is_rgb: false };
    const RGB: Shape = Shape { samples: 3, ..GREY };
    const WORDS: Shape = Shape { unit: 2, ..GREY };

    /// Slopes, steps and flat parts.
    fn sample(x: usize, y: usize, colour: usize, max: usize) -> usize {
        match (x, y) {
            (20..26, _) => max / 2,
            (_, 8..16) => max / 3,
            _ => (x * x * 3 + y * y * 5 + (x / 9) * (y / 7) * 31 + colour * 17) % (max + 1),
        }
    }

    fn samples(shape: Shape, max: usize) -> Vec<u8> {
        let points = (0..shape.rows).flat_map(|y| (0..shape.columns).map(move |x| (x, y)));
        let values =
            points.flat_map(|(x, y)| (0..shape.samples).map(move |colour| sample(x, y, colour, max)));
        values.flat_map(|value| value.to_le_bytes().into_iter().take(shape.unit)).collect()
    }

    #[test]
    fn lossless_samples_are_those_that_were_written() {
        assert!(decode(GREY_8, GREY).unwrap() == samples(GREY, 255));
        assert!(decode(GREY_8, WORDS).unwrap() == samples(WORDS, 255));
        assert!(decode(GREY_12, WORDS).unwrap() == samples(WORDS, 4095));
        assert!(decode(GREY_15, WORDS).unwrap() == samples(WORDS, 65535));
    }

    #[test]
    fn colours_are_put_together_from_planes_lines_and_samples() {
        for stream in [PLANES, LINES, SAMPLES] {
            assert!(decode(stream, RGB).unwrap() == samples(RGB, 255));
        }
    }

    #[test]
    fn near_lossless_samples_are_off_by_no_more_than_was_asked() {
        let decoded = decode(NEAR_8, GREY).unwrap();
        let far = decoded.iter().zip(samples(GREY, 255)).map(|(value, wanted)| value.abs_diff(wanted)).max();
        assert_eq!(far, Some(3));
    }

    #[test]
    fn frames_that_do_not_fit_the_attributes_are_refused() {
        for shape in [Shape { rows: 30, ..GREY }, Shape { columns: 1, ..GREY }, RGB] {
            assert!(decode(GREY_8, shape).is_err());
        }
        assert!(decode(GREY_12, GREY).unwrap_err().contains("bits allocated"));
    }

    #[test]
    fn broken_streams_are_refused_or_decoded_in_size() {
        for (whole, shape) in [(GREY_8, GREY), (NEAR_8, GREY), (GREY_15, WORDS), (LINES, RGB), (SAMPLES, RGB)]
        {
            let fits =
                |outcome: Result<Vec<u8>, String>| outcome.map_or(true, |bytes| bytes.len() == shape.bytes());
            for length in 0..whole.len() {
                assert!(fits(decode(&whole[..length], shape)), "{length} bytes");
            }
            for at in 0..whole.len() {
                for bit in [1, 7] {
                    let mut broken = whole.to_vec();
                    broken[at] ^= 1 << bit;
                    assert!(fits(decode(&broken, shape)), "byte {at}, bit {bit}");
                }
            }
        }
    }
}
