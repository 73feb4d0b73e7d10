//! From a box to the text in it: crops and CTC decoding.

use super::area::TextBox;
use super::net::{Map, Pick, Scratch};
use super::raster::Raster;
use super::resample::{Axis, resample};

/// Height of a crop, in pixels; the network takes no other.
const CROP_HEIGHT: usize = 48;
/// Crops wider than this are squeezed: some hundred letters, more than a line has.
const CROP_WIDTH_MAX: usize = 3_200;
/// Narrower crops get a margin.
pub(super) const CROP_WIDTH_MIN: usize = 96;
/// Crops get as much margin as makes their width a multiple of this: the network gives a step for each eight columns.
pub(super) const CROP_MULTIPLE: usize = 16;

/// What one crop says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) text: String,
    /// Mean probability of its letters, 0 to 1.
    pub(super) score: f32,
    /// For each character, the middle of where it was seen, as a share of the crop's width.
    pub(super) places: Vec<f32>,
}

/// A box and how it is read.
#[derive(Clone, Copy)]
pub(super) struct Crop {
    pub(super) text: TextBox,
    /// As the negative.
    pub(super) is_inverted: bool,
}

impl Crop {
    /// A box as it is.
    pub(super) fn of(text: TextBox) -> Self {
        Self { text, is_inverted: false }
    }

    /// Its width for the network.
    pub(super) fn width(&self) -> usize {
        let width = (self.text.width / self.text.height.max(1.0) * CROP_HEIGHT as f32).ceil();
        (width as usize).clamp(8, CROP_WIDTH_MAX)
    }
}

/// The box's pixels, turned upright and scaled, as values from -1 to 1 in `CROP_HEIGHT` rows of `columns`.
pub(super) fn draw(raster: &Raster, crop: &Crop, columns: usize, scratch: &mut Scratch) -> Map {
    let mut map = Map::unset(CROP_HEIGHT, columns, 3, scratch);
    map.values.fill(0.0);
    let text = &crop.text;
    let width = crop.width().min(columns);
    let (step_u, step_v) = (text.width / width as f32, text.height / CROP_HEIGHT as f32);
    // Where the crop shrinks, several points a pixel are taken: one would fall between thin strokes.
    let points = (step_u.max(step_v).ceil() as usize).clamp(1, 4);
    let sign = if crop.is_inverted { -1.0 } else { 1.0 };
    let mut put = |row: usize, column: usize, colour: [f32; 3]| {
        let at = 3 * (row * columns + column);
        if let Some(place) = map.values.get_mut(at..at + 3) {
            place.iter_mut().zip(colour).for_each(|(value, colour)| *value = sign * (colour / 127.5 - 1.0));
        }
    };
    if text.is_upright() {
        let (left, top) = text.point(0.0, 0.0);
        let down = Axis::new(top, step_v, CROP_HEIGHT, points, raster.height());
        resample(raster, &down, &Axis::new(left, step_u, width, points, raster.width()), put);
    } else {
        for (row, column) in (0..CROP_HEIGHT).flat_map(|row| (0..width).map(move |column| (row, column))) {
            put(row, column, mean(raster, text, (column, step_u), (row, step_v), points));
        }
    }
    map
}

/// The mean colour of points of a box that stands askew.
fn mean(
    raster: &Raster,
    text: &TextBox,
    (column, step_u): (usize, f32),
    (row, step_v): (usize, f32),
    points: usize,
) -> [f32; 3] {
    let mut sum = [0.0_f32; 3];
    for (i, j) in (0..points).flat_map(|i| (0..points).map(move |j| (i, j))) {
        let u = (column as f32 + (i as f32 + 0.5) / points as f32) * step_u;
        let v = (row as f32 + (j as f32 + 0.5) / points as f32) * step_v;
        let (x, y) = text.point(u, v);
        for (sum, value) in sum.iter_mut().zip(raster.sample(x, y)) {
            *sum += value;
        }
    }
    sum.map(|sum| sum / (points * points) as f32)
}

/// The best path of one crop: a class for each step, 0 for none. `filled` is the share of the steps' width that the crop filled;
/// the rest is padding.
pub(super) fn decode(steps: &[Pick], characters: &[String], filled: f32) -> Reading {
    let mut reading = Reading::default();
    let (mut last, mut sum, mut letters) = (0, 0.0, 0_u32);
    for (step, Pick { class, probability }) in steps.iter().copied().enumerate() {
        if class != 0 && class != last {
            let character = characters.get(class - 1).map_or(" ", String::as_str);
            let place = (step as f32 + 0.5) / steps.len() as f32 / filled.max(f32::EPSILON);
            for letter in character.chars() {
                reading.text.push(letter);
                reading.places.push(place.min(1.0));
            }
            sum += probability;
            letters += 1;
        }
        last = class;
    }
    reading.score = if letters == 0 { 0.0 } else { (sum / letters as f32).clamp(0.0, 1.0) };
    reading
}
