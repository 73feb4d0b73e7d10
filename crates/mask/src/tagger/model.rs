//! The weights, and the file they are kept in.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `WARDTAG1` |
//! | 4 | scale: the margin that a certainty of one half has, little-endian `f32` |
//! | 13 × 13 | weight of each label after each label, one signed byte each |
//! | the rest | the rows that are not all zero: gap to the row before (LEB128), bits of the labels that are there (2 bytes), a byte each |

use super::decode::moves;
use super::{BUCKETS, LABELS};

/// Labels padded to a row that one instruction adds.
pub(super) const WIDTH: usize = 16;

const MAGIC: &[u8; 8] = b"WARDTAG1";

/// The weights of a tagger.
#[derive(Clone, Debug)]
pub struct Model {
    /// [`BUCKETS`] rows.
    pub(super) rows: Vec<[i8; WIDTH]>,
    /// From label, to label.
    steps: [[i8; WIDTH]; WIDTH],
    /// The same, as the decoder wants them.
    pub(super) moves: [[i16; WIDTH]; WIDTH],
    scale: f32,
}

/// Why a file is no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It does not begin as one.
    #[error("not a tagger's weights of this version")]
    Magic,
    /// It ends too early or names a row beyond the table.
    #[error("the weights are damaged")]
    Damaged,
}

impl Default for Model {
    /// A model that finds nothing.
    fn default() -> Self {
        Self::without_rows([[0; WIDTH]; WIDTH], 1.0)
    }
}

impl Model {
    /// A model of these steps whose rows are all zero.
    fn without_rows(steps: [[i8; WIDTH]; WIDTH], scale: f32) -> Self {
        Self { rows: vec![[0; WIDTH]; BUCKETS], moves: moves(&steps), steps, scale }
    }

    /// A model of these weights: a row of [`LABELS`] for each bucket, a table of steps from label to label, and the margin in
    /// units of the weights at which a finding is right in about three cases of four.
    pub fn new(rows: &[[i8; LABELS]], steps: &[[i8; LABELS]; LABELS], scale: f32) -> Self {
        let pad = |row: &[i8; LABELS]| {
            let mut wide = [0; WIDTH];
            wide.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            wide
        };
        let mut padded = [[0; WIDTH]; WIDTH];
        padded.iter_mut().zip(steps).for_each(|(to, from)| *to = pad(from));
        let mut model = Self::without_rows(padded, scale);
        model.rows.iter_mut().zip(rows).for_each(|(to, from)| *to = pad(from));
        model
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`ModelError`], by what is wrong with them.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(ModelError::Magic)?;
        let (scale, rest) = rest.split_first_chunk::<4>().ok_or(ModelError::Damaged)?;
        let (table, mut rest) = rest.split_at_checked(LABELS * LABELS).ok_or(ModelError::Damaged)?;
        let mut steps = [[0; WIDTH]; WIDTH];
        for (row, step) in steps.iter_mut().zip(table.chunks(LABELS)) {
            row.iter_mut().zip(step).for_each(|(to, from)| *to = from.cast_signed());
        }
        let mut model = Self::without_rows(steps, f32::from_le_bytes(*scale));
        let mut at = 0;
        while !rest.is_empty() {
            at += number(&mut rest).ok_or(ModelError::Damaged)?;
            let (bits, tail) = rest.split_first_chunk::<2>().ok_or(ModelError::Damaged)?;
            let bits = u16::from_le_bytes(*bits);
            let row = model.rows.get_mut(at).ok_or(ModelError::Damaged)?;
            let (weights, tail) =
                tail.split_at_checked(bits.count_ones() as usize).ok_or(ModelError::Damaged)?;
            let present = row.iter_mut().enumerate().filter(|(label, _)| bits & 1 << label != 0);
            present.zip(weights).for_each(|((_, to), from)| *to = from.cast_signed());
            rest = tail;
        }
        Ok(model)
    }

    /// The bytes of a file.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.scale.to_le_bytes());
        for row in self.steps.iter().take(LABELS) {
            bytes.extend(row.iter().take(LABELS).map(|weight| weight.cast_unsigned()));
        }
        let mut before = 0;
        for (at, row) in self.rows.iter().enumerate().filter(|(_, row)| row.iter().any(|weight| *weight != 0))
        {
            put_number(&mut bytes, at - before);
            before = at;
            let bits = row
                .iter()
                .enumerate()
                .fold(0_u16, |bits, (label, weight)| bits | u16::from(*weight != 0) << label);
            bytes.extend(bits.to_le_bytes());
            bytes.extend(row.iter().filter(|weight| **weight != 0).map(|weight| weight.cast_unsigned()));
        }
        bytes
    }

    /// How sure a finding is, 0 to 1, by its margin over "nothing".
    pub(super) fn certainty(&self, margin: f32) -> f32 {
        1.0 / (1.0 + (1.0 - margin / self.scale.max(1e-3)).exp())
    }
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in (0..28).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_number(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
