//! Lines of samples: neighbours, and runs of what does not change.

use super::super::bits::Bits;
use super::model::Model;

/// Bits of a run's length by how runs went so far. Source: T.87, A.2.1.
const RUN_BITS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// A line of one component and the one above it, with one sample more on each side.
pub(super) struct Line {
    above: Vec<i64>,
    own: Vec<i64>,
}

impl Line {
    pub(super) fn of(width: usize) -> Self {
        Self { above: vec![0; width + 2], own: vec![0; width + 2] }
    }

    /// Goes on to the next line. What stands beside its ends repeats what stands above it. Source: T.87, A.2.1.
    pub(super) fn begin(&mut self) {
        std::mem::swap(&mut self.above, &mut self.own);
        if let [.., last, beyond] = self.above.as_mut_slice() {
            *beyond = *last;
        }
        if let (Some(slot), Some(first)) = (self.own.first_mut(), self.above.get(1)) {
            *slot = *first;
        }
    }

    pub(super) fn samples(&self) -> impl Iterator<Item = i64> + '_ {
        self.own.iter().copied().skip(1).take(self.own.len().saturating_sub(2))
    }

    /// Left, above, above left, above right of a place.
    fn around(&self, place: usize) -> [i64; 4] {
        let at = |line: &[i64], place: usize| line.get(place).copied().unwrap_or_default();
        let above = place.checked_sub(1).and_then(|from| self.above.get(from..place + 2));
        let &[corner, above, ahead] = above.unwrap_or_default() else { return [0; 4] };
        [at(&self.own, place - 1), above, corner, ahead]
    }

    fn is_flat(&self, place: usize, near: i64) -> bool {
        let [left, above, corner, ahead] = self.around(place);
        [ahead - above, above - corner, corner - left].iter().all(|difference| difference.abs() <= near)
    }

    fn set(&mut self, place: usize, value: i64) {
        if let Some(slot) = self.own.get_mut(place) {
            *slot = value;
        }
    }
}

/// Reads lines.
pub(super) struct Lines<'b> {
    pub(super) model: Model,
    pub(super) bits: Bits<'b>,
    pub(super) width: usize,
}

impl Lines<'_> {
    /// Reads a line of one component, or of several whose samples are interleaved. `run`: how runs went so far.
    pub(super) fn read(&mut self, lines: &mut [Line], run: &mut usize) -> Result<(), String> {
        let mut place = 1;
        while place <= self.width {
            if lines.iter().all(|line| line.is_flat(place, self.model.near)) {
                place = self.run(lines, place, run)?;
                continue;
            }
            for line in lines.iter_mut() {
                let value = self.model.regular(&mut self.bits, line.around(place))?;
                line.set(place, value);
            }
            place += 1;
        }
        Ok(())
    }

    /// A run from a place on, and the sample that ends it; the place behind. Source: T.87, A.7.
    fn run(&mut self, lines: &mut [Line], start: usize, run: &mut usize) -> Result<usize, String> {
        let mut place = start;
        loop {
            let bits = RUN_BITS.get(*run).copied().unwrap_or_default();
            let is_full = self.bits.take(1)? == 1;
            let length = if is_full { 1 << bits } else { self.bits.take(bits)? as usize };
            let left = self.width + 1 - place;
            if !is_full && length >= left {
                return Err("a run is longer than its line".to_owned());
            }
            for line in lines.iter_mut() {
                let [value, ..] = line.around(place);
                let places = line.own.get_mut(place..place + length.min(left));
                places.unwrap_or_default().fill(value);
            }
            place += length.min(left);
            if !is_full {
                break;
            }
            if length <= left {
                *run = (*run + 1).min(RUN_BITS.len() - 1);
            }
            if place > self.width {
                return Ok(place);
            }
        }
        let bits = RUN_BITS.get(*run).copied().unwrap_or_default();
        let is_alone = lines.len() == 1;
        for line in lines.iter_mut() {
            let [left, above, ..] = line.around(place);
            let value = self.model.after_run(&mut self.bits, (left, above), is_alone, bits)?;
            line.set(place, value);
        }
        *run = run.saturating_sub(1);
        Ok(place + 1)
    }
}
