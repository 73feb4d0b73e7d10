//! What flows between a network's operations.

use std::ops::{Deref, DerefMut};

use super::rounded::Rows;

/// Values of a picture: rows of pixels from the top, the channels of a pixel side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::image) struct Map {
    pub(in crate::image) rows: usize,
    pub(in crate::image) columns: usize,
    pub(in crate::image) channels: usize,
    pub(in crate::image) values: Buffer,
}

impl Map {
    /// A map of any values.
    pub(in crate::image) fn unset(
        rows: usize,
        columns: usize,
        channels: usize,
        scratch: &mut Scratch,
    ) -> Self {
        Self { rows, columns, channels, values: scratch.take(rows * columns * channels) }
    }

    pub(super) fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether each pixel of another map has a partner here: it is of the same size, or this one has one pixel.
    pub(super) fn fits(&self, other: &Self) -> bool {
        let is_alike = self.rows == other.rows && self.columns == other.columns;
        self.channels == other.channels && !self.values.is_empty() && (is_alike || self.pixels() == 1)
    }

    /// One row's pixels; empty beyond the map.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        let length = self.columns * self.channels;
        self.values.get(row * length..(row + 1) * length).unwrap_or_default()
    }

    /// One pixel's channels; empty beyond the map.
    pub(super) fn pixel(&self, row: usize, column: usize) -> &[f32] {
        let at = (row * self.columns + column) * self.channels;
        self.values.get(at..at + self.channels).unwrap_or_default()
    }
}

/// Numbers in memory that may be longer: it is not filled again when more of it is needed.
#[derive(Clone, Debug, Default)]
pub(in crate::image) struct Buffer {
    all: Vec<f32>,
    length: usize,
}

impl Buffer {
    /// The numbers alone.
    pub(super) fn into_vec(mut self) -> Vec<f32> {
        self.all.truncate(self.length);
        self.all
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(all: Vec<f32>) -> Self {
        Self { length: all.len(), all }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.all.get(..self.length).unwrap_or_default()
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.all.get_mut(..self.length).unwrap_or_default()
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// Buffers that are kept: as many maps as a network has at once.
const FREE_MAX: usize = 12;

/// Buffers of maps that are done with: fresh memory costs the system more than filling it.
#[derive(Default)]
pub(in crate::image) struct Scratch {
    free: Vec<Vec<f32>>,
    pub(super) rows: Rows,
}

impl Scratch {
    /// A buffer of that length with any values.
    pub(in crate::image) fn take(&mut self, length: usize) -> Buffer {
        let fitting = self.free.iter().enumerate().filter(|(_, free)| free.len() >= length);
        let best = fitting.min_by_key(|(_, free)| free.len()).map(|(at, _)| at);
        let all = best.map_or_else(|| vec![0.0; length], |at| self.free.swap_remove(at));
        Buffer { all, length }
    }

    /// Takes a buffer back, or that of another network.
    pub(in crate::image) fn give(&mut self, buffer: impl Into<Buffer>) {
        let all = buffer.into().all;
        if all.is_empty() {
            return;
        }
        self.free.push(all);
        if self.free.len() > FREE_MAX {
            let smallest = self.free.iter().enumerate().min_by_key(|(_, free)| free.len());
            if let Some(at) = smallest.map(|(at, _)| at) {
                self.free.swap_remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_and_no_more_are_kept_than_a_network_needs() {
        let mut scratch = Scratch::default();
        for length in 0..1_000 {
            scratch.give(vec![0.0; length % 7 * 100]);
        }
        assert_eq!(scratch.free.len(), FREE_MAX);
        assert_eq!(scratch.take(500).len(), 500);
        assert_eq!(scratch.free.len(), FREE_MAX - 1);
        assert_eq!(scratch.take(10_000).len(), 10_000);
        assert_eq!(scratch.free.len(), FREE_MAX - 1, "none was large enough");
    }
}
