//! From a box to the text in it: crops, batches, and CTC decoding.

use super::area::TextBox;
use super::raster::Raster;

/// Height of a crop, in pixels; the network takes no other.
pub(super) const CROP_HEIGHT: usize = 48;
/// Crops wider than this are squeezed: some hundred letters, more than a line has.
const CROP_WIDTH_MAX: usize = 3_200;
/// Width of the narrowest batch.
pub(super) const CROP_WIDTH_MIN: usize = 96;

/// What one crop says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) text: String,
    /// Mean probability of its letters, 0 to 1.
    pub(super) score: f32,
    /// For each character, the middle of where it was seen, as a share of the crop's width.
    pub(super) places: Vec<f32>,
}

/// The width of a box's crop.
pub(super) fn crop_width(text: &TextBox) -> usize {
    let width = (text.width / text.height.max(1.0) * CROP_HEIGHT as f32).ceil();
    (width as usize).clamp(8, CROP_WIDTH_MAX)
}

/// Writes the box's pixels, turned upright and scaled, into planes of `CROP_HEIGHT` rows of `stride` values from -1 to 1.
pub(super) fn crop(raster: &Raster, text: &TextBox, inverted: bool, stride: usize, planes: &mut [f32]) {
    let width = crop_width(text).min(stride);
    let (step_u, step_v) = (text.width / width as f32, text.height / CROP_HEIGHT as f32);
    // Where the crop shrinks, several points a pixel are taken: one would fall between thin strokes.
    let points = (step_v.ceil() as usize).clamp(1, 4);
    let sign = if inverted { -1.0 } else { 1.0 };
    for row in 0..CROP_HEIGHT {
        for column in 0..width {
            let mut sum = [0.0_f32; 3];
            for i in 0..points {
                for j in 0..points {
                    let u = (column as f32 + (i as f32 + 0.5) / points as f32) * step_u;
                    let v = (row as f32 + (j as f32 + 0.5) / points as f32) * step_v;
                    let (x, y) = text.point(u, v);
                    for (sum, value) in sum.iter_mut().zip(raster.sample(x, y)) {
                        *sum += value;
                    }
                }
            }
            let share = 1.0 / (points * points) as f32;
            for (plane, sum) in sum.into_iter().enumerate() {
                let at = (plane * CROP_HEIGHT + row) * stride + column;
                if let Some(value) = planes.get_mut(at) {
                    *value = sign * (sum * share / 127.5 - 1.0);
                }
            }
        }
    }
}

/// The best path of one crop: `classes` values a step, blank first. `filled` is the share of the steps' width that the crop
/// filled; the rest is padding.
pub(super) fn decode(steps: &[f32], classes: usize, characters: &[String], filled: f32) -> Reading {
    let mut reading = Reading::default();
    let (mut last, mut sum, mut letters) = (0, 0.0, 0_u32);
    let count = steps.len().checked_div(classes).unwrap_or(0);
    for (step, values) in steps.chunks_exact(classes.max(1)).enumerate() {
        let (mut best, mut probability) = (0, f32::NEG_INFINITY);
        for (class, value) in values.iter().enumerate() {
            if *value > probability {
                (best, probability) = (class, *value);
            }
        }
        if best != 0 && best != last {
            let character = characters.get(best - 1).map_or(" ", String::as_str);
            let place = (step as f32 + 0.5) / count.max(1) as f32 / filled.max(f32::EPSILON);
            for letter in character.chars() {
                reading.text.push(letter);
                reading.places.push(place.min(1.0));
            }
            sum += probability;
            letters += 1;
        }
        last = best;
    }
    reading.score = if letters == 0 { 0.0 } else { (sum / letters as f32).clamp(0.0, 1.0) };
    reading
}
