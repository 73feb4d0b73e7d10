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

/// A box this many times as long as high is a line of print; it can be read squeezed to this share of its width.
const LONG_FROM: f32 = 8.0;
const SQUEEZED: f32 = 0.7;

/// A box and how it is read.
#[derive(Clone, Copy)]
pub(super) struct Crop {
    pub(super) text: TextBox,
    /// As the negative.
    pub(super) is_inverted: bool,
    /// In less width than it has, which takes less time and mostly reads as well.
    pub(super) is_squeezed: bool,
}

impl Crop {
    /// A box as it is.
    pub(super) fn of(text: TextBox) -> Self {
        Self { text, is_inverted: false, is_squeezed: false }
    }

    /// A box, squeezed if it is long.
    pub(super) fn fast(text: TextBox) -> Self {
        Self { is_squeezed: text.width >= LONG_FROM * text.height.max(1.0), ..Self::of(text) }
    }

    /// Its width for the network.
    pub(super) fn width(&self) -> usize {
        let share = if self.is_squeezed { SQUEEZED } else { 1.0 };
        let width = (self.text.width / self.text.height.max(1.0) * CROP_HEIGHT as f32 * share).ceil();
        (width as usize).clamp(8, CROP_WIDTH_MAX)
    }
}

/// Writes the box's pixels, turned upright and scaled, into planes of `CROP_HEIGHT` rows of `stride` values from -1 to 1.
pub(super) fn draw(raster: &Raster, crop: &Crop, stride: usize, planes: &mut [f32]) {
    let text = &crop.text;
    let width = crop.width().min(stride);
    let (step_u, step_v) = (text.width / width as f32, text.height / CROP_HEIGHT as f32);
    // Where the crop shrinks, several points a pixel are taken: one would fall between thin strokes.
    let points = (step_u.max(step_v).ceil() as usize).clamp(1, 4);
    let sign = if crop.is_inverted { -1.0 } else { 1.0 };
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
