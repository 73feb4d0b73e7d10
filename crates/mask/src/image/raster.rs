//! The picture that is read: eight bits a channel, grey or colour.

use super::{Area, ImageError};

/// An image as the reader sees it: rows from the top, 1 (grey) or 3 (red, green, blue) bytes a pixel.
#[derive(Clone, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    channels: u8,
    pixels: Vec<u8>,
}

// Pixels may show who it is, so they are not printed.
impl std::fmt::Debug for Raster {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Raster({} x {}, {} channels)", self.width, self.height, self.channels)
    }
}

impl Raster {
    /// From grey bytes.
    ///
    /// # Errors
    /// [`ImageError::Shape`] unless there are `width` x `height` bytes.
    pub fn grey(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, ImageError> {
        Self::new(width, height, 1, pixels)
    }

    /// From red, green and blue bytes in turn.
    ///
    /// # Errors
    /// [`ImageError::Shape`] unless there are `width` x `height` x 3 bytes.
    pub fn rgb(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, ImageError> {
        Self::new(width, height, 3, pixels)
    }

    fn new(width: u32, height: u32, channels: u8, pixels: Vec<u8>) -> Result<Self, ImageError> {
        let expected = u64::from(width) * u64::from(height) * u64::from(channels);
        if expected == 0 || pixels.len() as u64 != expected {
            return Err(ImageError::Shape { width, height, bytes: pixels.len() });
        }
        Ok(Self { width, height, channels, pixels })
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Whether a pixel has one byte.
    pub fn is_grey(&self) -> bool {
        self.channels == 1
    }

    /// The pixels' bytes, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Bytes of a pixel.
    pub(super) fn channels(&self) -> usize {
        usize::from(self.channels)
    }

    /// The bytes of some columns of a row; none beyond the picture.
    pub(super) fn row(&self, row: usize, columns: &std::ops::Range<usize>) -> &[u8] {
        let begin = row * self.width as usize;
        let range = (begin + columns.start) * self.channels()..(begin + columns.end) * self.channels();
        self.pixels.get(range).unwrap_or_default()
    }

    /// One pixel; the nearest of the edge if it lies outside.
    pub(crate) fn at(&self, x: i64, y: i64) -> [u8; 3] {
        let x = x.clamp(0, i64::from(self.width) - 1) as usize;
        let y = y.clamp(0, i64::from(self.height) - 1) as usize;
        let at = (y * self.width as usize + x) * usize::from(self.channels);
        match self.pixels.get(at..) {
            Some([grey, ..]) if self.channels == 1 => [*grey; 3],
            Some([red, green, blue, ..]) => [*red, *green, *blue],
            _ => [0; 3],
        }
    }

    /// The colour at a point between pixels, by linear interpolation; pixel centres lie at halves.
    pub(crate) fn sample(&self, x: f32, y: f32) -> [f32; 3] {
        // `as` rounds towards zero; what lies left of or above the image is the edge's.
        let (x, y) = ((x - 0.5).max(0.0), (y - 0.5).max(0.0));
        let (left, top) = (x as usize, y as usize);
        let (dx, dy) = (x - left as f32, y - top as f32);
        let (width, channels) = (self.width as usize, self.channels());
        let rows = [top, top + 1].map(|row| row.min(self.height as usize - 1) * width);
        let columns = [left, left + 1].map(|column| column.min(width - 1));
        let value = |channel: usize| {
            let [[a, b], [c, d]] = rows.map(|row| {
                let at = |column: usize| self.pixels.get((row + column) * channels + channel);
                columns.map(|column| f32::from(at(column).copied().unwrap_or_default()))
            });
            let (upper, lower) = (a + (b - a) * dx, c + (d - c) * dx);
            upper + (lower - upper) * dy
        };
        if channels == 1 { [value(0); 3] } else { [value(0), value(1), value(2)] }
    }

    /// The median grey of the outermost pixels: what a margin around the image would look like.
    pub(crate) fn border_grey(&self) -> f32 {
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        let mut counts = [0_u64; 256];
        let mut count = |[red, green, blue]: [u8; 3]| {
            let grey = (u16::from(red) + u16::from(green) + u16::from(blue)) / 3;
            if let Some(slot) = counts.get_mut(usize::from(grey)) {
                *slot += 1;
            }
        };
        for x in 0..width {
            count(self.at(x, 0));
            count(self.at(x, height - 1));
        }
        for y in 0..height {
            count(self.at(0, y));
            count(self.at(width - 1, y));
        }
        let half = counts.iter().sum::<u64>() / 2;
        let mut seen = 0;
        let median = counts.iter().position(|count| {
            seen += count;
            seen > half
        });
        median.unwrap_or(0) as f32
    }

    /// Fills an area with black.
    pub fn fill(&mut self, area: &Area) {
        self.paint(area, 0);
    }

    /// Fills an area with a grey.
    pub(super) fn paint(&mut self, area: &Area, grey: u8) {
        let channels = usize::from(self.channels);
        let row_bytes = self.width as usize * channels;
        let columns =
            area.left.min(self.width) as usize * channels..area.right.min(self.width) as usize * channels;
        let rows = self.pixels.chunks_exact_mut(row_bytes).take(area.bottom as usize).skip(area.top as usize);
        for row in rows {
            if let Some(part) = row.get_mut(columns.clone()) {
                part.fill(grey);
            }
        }
    }
}
