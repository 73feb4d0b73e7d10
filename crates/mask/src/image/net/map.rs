//! What flows between a network's operations.

use super::rounded::Rows;

/// Values of a picture: rows of pixels from the top, the channels of a pixel side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::image) struct Map {
    pub(in crate::image) rows: usize,
    pub(in crate::image) columns: usize,
    pub(in crate::image) channels: usize,
    pub(in crate::image) values: Vec<f32>,
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

    /// One pixel's channels; empty beyond the map.
    pub(super) fn pixel(&self, row: usize, column: usize) -> &[f32] {
        let at = (row * self.columns + column) * self.channels;
        self.values.get(at..at + self.channels).unwrap_or_default()
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
    pub(in crate::image) fn take(&mut self, length: usize) -> Vec<f32> {
        let fitting = self.free.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= length);
        let best = fitting.min_by_key(|(_, buffer)| buffer.capacity()).map(|(at, _)| at);
        let mut buffer = best.map(|at| self.free.swap_remove(at)).unwrap_or_default();
        buffer.resize(length, 0.0);
        buffer
    }

    /// Takes a buffer back, or that of another network.
    pub(in crate::image) fn give(&mut self, buffer: Vec<f32>) {
        self.free.push(buffer);
        if self.free.len() > FREE_MAX {
            let smallest = self.free.iter().enumerate().min_by_key(|(_, buffer)| buffer.capacity());
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
