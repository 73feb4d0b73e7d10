//! Frames as eyes see them: eight bits, through a window or a palette.

use super::Tag;
use super::model::{DataSet, File};
use super::pixels::Pixels;

const SLOPE: Tag = Tag::new(0x0028, 0x1053);
const INTERCEPT: Tag = Tag::new(0x0028, 0x1052);
const WINDOW_CENTRE: Tag = Tag::new(0x0028, 0x1050);
const WINDOW_WIDTH: Tag = Tag::new(0x0028, 0x1051);
/// Red; green and blue follow.
const PALETTE_DESCRIPTOR: Tag = Tag::new(0x0028, 0x1101);
const PALETTE_DATA: Tag = Tag::new(0x0028, 0x1201);

/// A frame as it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether a pixel has three bytes (red, green, blue) and not one.
    pub is_colour: bool,
    /// The pixels, row by row.
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Picture({} x {})", self.width, self.height)
    }
}

impl Pixels {
    /// How a frame may be shown: through the file's window if it has one, and over the whole range of its values, which shows
    /// text that a window hides. Colours have one picture.
    pub fn pictures(&self, frame: usize, file: &File) -> Vec<Picture> {
        if !self.is_grey() {
            let unseen = self.bits_stored.saturating_sub(8);
            let pixels = self.values(frame).map(|value| (value >> unseen).clamp(0, 255) as u8).collect();
            return vec![self.picture(true, pixels)];
        }
        if let Some(palette) = self.palette(&file.data) {
            let colours = self.values(frame).flat_map(|value| palette.colour(value)).collect();
            return vec![self.picture(true, colours)];
        }
        let (low, high) = self.range(frame);
        let mut pictures = vec![self.picture(false, self.stretched(frame, low as f64, high as f64))];
        if let Some((from, to)) = window(&file.data)
            && (from > low as f64 || to < high as f64)
        {
            pictures.push(self.picture(false, self.stretched(frame, from, to)));
        }
        pictures
    }

    /// Fills an area (left, top, and right and bottom just outside) of a frame with what is shown black.
    ///
    /// The value is one that the frame has already, so that its range, and how a viewer shows the rest, stay as they are.
    pub fn fill(&mut self, frame: usize, area: [u32; 4], data: &DataSet) {
        let value = if !self.is_grey() {
            0
        } else if let Some(palette) = self.palette(data) {
            palette.darkest()
        } else {
            let (low, high) = self.range(frame);
            if self.photometric == "MONOCHROME1" { high } else { low }
        };
        self.fill_value(frame, area, value);
    }

    fn picture(&self, is_colour: bool, pixels: Vec<u8>) -> Picture {
        Picture { width: self.columns(), height: self.rows(), is_colour, pixels }
    }

    fn range(&self, frame: usize) -> (i64, i64) {
        let (low, high) = self
            .values(frame)
            .fold((i64::MAX, i64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        if low > high { (0, 0) } else { (low, high) }
    }

    fn stretched(&self, frame: usize, from: f64, to: f64) -> Vec<u8> {
        let scale = 255.0 / (to - from).max(1.0);
        let is_inverted = self.photometric == "MONOCHROME1";
        let shown = self.values(frame).map(|value| ((value as f64 - from) * scale).clamp(0.0, 255.0) as u8);
        shown.map(|grey| if is_inverted { 255 - grey } else { grey }).collect()
    }

    fn palette(&self, data: &DataSet) -> Option<Palette> {
        if self.photometric != "PALETTE COLOR" {
            return None;
        }
        let descriptor = data.bytes(PALETTE_DESCRIPTOR)?;
        let number = |at: usize| match descriptor.get(at..) {
            Some([low, high, ..]) => Some(u16::from_le_bytes([*low, *high])),
            _ => None,
        };
        let (first, bits) = (number(2)?, number(4)?);
        let channel = |at: u16| {
            let bytes = data.bytes(Tag::new(PALETTE_DATA.group, PALETTE_DATA.element + at))?;
            let entries: Vec<u8> = match bits {
                8 => bytes.to_vec(),
                _ => bytes.chunks_exact(2).filter_map(|pair| pair.get(1)).copied().collect(),
            };
            (!entries.is_empty()).then_some(entries)
        };
        let first = if self.is_signed { i64::from(first as i16) } else { i64::from(first) };
        Some(Palette { first, channels: [channel(0)?, channel(1)?, channel(2)?] })
    }
}

/// The values that a window shows from black to white; stored values, not rescaled ones.
fn window(data: &DataSet) -> Option<(f64, f64)> {
    let (centre, width) = (data.decimal(WINDOW_CENTRE)?, data.decimal(WINDOW_WIDTH)?);
    let slope = data.decimal(SLOPE).filter(|slope| *slope != 0.0).unwrap_or(1.0);
    let intercept = data.decimal(INTERCEPT).unwrap_or(0.0);
    let (from, to) = ((centre - width / 2.0 - intercept) / slope, (centre + width / 2.0 - intercept) / slope);
    (from.is_finite() && to.is_finite() && to > from).then_some((from, to))
}

struct Palette {
    first: i64,
    channels: [Vec<u8>; 3],
}

impl Palette {
    fn colour(&self, value: i64) -> [u8; 3] {
        let at = usize::try_from(value - self.first).unwrap_or(0);
        let mut colour = [0; 3];
        for (slot, channel) in colour.iter_mut().zip(&self.channels) {
            *slot = channel.get(at).or(channel.last()).copied().unwrap_or(0);
        }
        colour
    }

    fn darkest(&self) -> i64 {
        let length = self.channels.iter().map(Vec::len).min().unwrap_or(0) as i64;
        let values = self.first..self.first + length;
        values
            .min_by_key(|value| self.colour(*value).map(u32::from).iter().sum::<u32>())
            .unwrap_or(self.first)
    }
}
