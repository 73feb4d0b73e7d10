//! Products of matrices with numbers of eight bits: where the processor has instructions for them, in a quarter of the time.
//!
//! Each row (a pixel's channels) and each column of weights has a scale of its own, so that a large value costs only its own row
//! and column precision.

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::ops::{BitOps, FloatOps, NarrowSaturate, NumOps, ToFloat};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_tensor::NdTensorView;

use super::op::Activation;

/// Rows of less values are not worth it; no processor takes more bytes at once.
const ROW_MIN: usize = 64;
/// The same for columns.
const COLUMN_MIN: usize = 24;

thread_local! {
    // It may be used from many threads, but not be sent to another one.
    static EXECUTOR: GemmExecutor<u8, i8, i32> = GemmExecutor::new();
}

/// A matrix to multiply with, rounded.
pub(super) struct Rounded {
    packed: PackedBMatrix<i8>,
    /// What a column's values are multiples of.
    scales: Vec<f32>,
    /// A column's sum: what a row's zero adds to its product. `rten-gemm` 0.27 would take it off, but all rows'
    /// by the zeros of the first eight.
    sums: Vec<i32>,
}

/// Makes a buffer long enough. It does not become shorter again: what comes later needs no filling.
fn at_least<T: Clone + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, T::default());
    }
}

/// Rows of values, rounded; each as long as what it held most.
#[derive(Default)]
pub(super) struct Rows {
    values: Vec<u8>,
    /// Of each row, what its values are multiples of, and which one stands for zero.
    scales: Vec<f32>,
    zeros: Vec<u8>,
    sums: Vec<i32>,
}

impl Rounded {
    /// From rows of as many values as there are columns; `None` where it would be no faster, or not right.
    pub(super) fn new(values: &[f32], columns: usize) -> Option<Self> {
        let rows = values.len().checked_div(columns)?;
        if EXECUTOR.with(GemmExecutor::may_saturate) || rows < ROW_MIN || columns < COLUMN_MIN {
            return None;
        }
        let mut scales = vec![0.0_f32; columns];
        for row in values.chunks_exact(columns) {
            for (scale, value) in scales.iter_mut().zip(row) {
                *scale = scale.max(value.abs() / f32::from(i8::MAX));
            }
        }
        let rounded: Vec<i8> = values
            .chunks_exact(columns)
            .flat_map(|row| row.iter().zip(&scales))
            // `as` saturates, and a column of zeros stays one.
            .map(|(value, scale)| (value / scale).round_ties_even() as i8)
            .collect();
        let mut sums = vec![0; columns];
        for row in rounded.chunks_exact(columns) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += i32::from(*value));
        }
        let matrix = NdTensorView::try_from_data([rows, columns], rounded.as_slice()).ok()?;
        let packed = EXECUTOR.with(|executor| executor.prepack_b(matrix));
        Some(Self { packed, scales, sums })
    }

    pub(super) fn rows(&self) -> usize {
        self.packed.rows()
    }

    /// Multiplies rows of values with the matrix, adds the bias to each and does what follows.
    pub(super) fn multiply(
        &self,
        values: &[f32],
        bias: &[f32],
        activation: Activation,
        product: &mut [f32],
        rows: &mut Rows,
    ) -> Result<(), String> {
        let length = self.packed.rows();
        let count = values.len().checked_div(length).unwrap_or(0);
        at_least(&mut rows.values, values.len());
        at_least(&mut rows.scales, count);
        at_least(&mut rows.zeros, count);
        at_least(&mut rows.sums, product.len());
        Round { values, length, rows }.dispatch();
        let shape = [count, length];
        let bytes = rows.values.get(..count * length).unwrap_or_default();
        let matrix = NdTensorView::try_from_data(shape, bytes).map_err(|error| error.to_string())?;
        let sums = rows.sums.get_mut(..product.len()).unwrap_or_default();
        let inputs = (GemmInputA::Unpacked(matrix), GemmInputB::Packed(&self.packed));
        EXECUTOR
            .with(|executor| executor.gemm(sums, inputs.0, inputs.1, GemmOptions::default()))
            .map_err(|error| error.to_string())?;
        Scale { rows, of: self, bias, activation, product }.dispatch();
        Ok(())
    }
}

/// Vectors at once: as many as give one of bytes.
const BLOCK: usize = 4;

/// Lanes of the longest vector.
const LANES_MAX: usize = ROW_MIN / BLOCK;

/// What is left of lanes if each half is laid upon the other: a few steps where one lane after the other takes as many as there are.
#[inline(always)]
fn halved(mut lanes: [f32; LANES_MAX], pick: impl Fn(f32, f32) -> f32) -> f32 {
    let mut left = lanes.as_mut_slice();
    while left.len() > 1 {
        let right;
        (left, right) = left.split_at_mut(left.len() / 2);
        left.iter_mut().zip(right).for_each(|(left, right)| *left = pick(*left, *right));
    }
    left.first().copied().unwrap_or_default()
}

/// Rounds rows of values.
struct Round<'a> {
    values: &'a [f32],
    /// Of a row, [`ROW_MIN`] at least.
    length: usize,
    rows: &'a mut Rows,
}

impl SimdOp for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let (floats, wholes) = (isa.f32(), isa.i32());
        let lanes = floats.len();
        let values =
            self.values.chunks_exact(self.length).zip(self.rows.values.chunks_exact_mut(self.length));
        let scales = self.rows.scales.iter_mut().zip(&mut self.rows.zeros);
        for ((values, bytes), (scale, zero)) in values.zip(scales) {
            let (mut low, mut high) = ([floats.zero(); BLOCK], [floats.zero(); BLOCK]);
            for begin in (0..self.length).step_by(BLOCK * lanes) {
                // The last block ends with the row.
                let begin = begin.min(self.length - BLOCK * lanes);
                let Some(values) = values.get(begin..) else { continue };
                let values = floats.load_many::<BLOCK>(values);
                for ((low, high), value) in low.iter_mut().zip(&mut high).zip(values) {
                    (*low, *high) = (floats.min(*low, value), floats.max(*high, value));
                }
            }
            // What a shorter vector leaves is zero, which every row is taken to have.
            let mut ends = [[0.0; LANES_MAX]; 2];
            let [a, b, c, d] = low;
            floats.store(floats.min(floats.min(a, b), floats.min(c, d)), &mut ends[0]);
            let [a, b, c, d] = high;
            floats.store(floats.max(floats.max(a, b), floats.max(c, d)), &mut ends[1]);
            let [low, high] = ends;
            let low = halved(low, |a, b| if a < b { a } else { b });
            let high = halved(high, |a, b| if a > b { a } else { b });
            let width = (high - low).max(f32::MIN_POSITIVE * 256.0);
            *scale = width * (1.0 / 255.0);
            let factor = 255.0 / width;
            *zero = (-low * factor).round_ties_even() as u8;
            let (factor, shift) = (floats.splat(factor), wholes.splat(i32::from(*zero)));
            for begin in (0..self.length).step_by(BLOCK * lanes) {
                let begin = begin.min(self.length - BLOCK * lanes);
                let (Some(values), Some(bytes)) = (values.get(begin..), bytes.get_mut(begin..)) else {
                    continue;
                };
                let [a, b, c, d] = floats.load_many::<BLOCK>(values).map(
                    #[inline(always)]
                    |values| wholes.add(floats.to_int_round(floats.mul(values, factor)), shift),
                );
                let (low, high) = (wholes.narrow_saturate(a, b), wholes.narrow_saturate(c, d));
                isa.u8().store(isa.i16().narrow_saturate(low, high), bytes);
            }
        }
    }
}

/// Leads sums of rounded values back, adds the bias and does what follows.
struct Scale<'a> {
    rows: &'a Rows,
    of: &'a Rounded,
    bias: &'a [f32],
    activation: Activation,
    product: &'a mut [f32],
}

impl SimdOp for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let (floats, wholes) = (isa.f32(), isa.i32());
        let Rounded { scales: columns, sums: of_zero, .. } = self.of;
        let (lanes, length) = (floats.len(), columns.len());
        let rows = self.rows.scales.iter().zip(&self.rows.zeros).zip(self.rows.sums.chunks_exact(length));
        for (product, ((scale, zero), sums)) in self.product.chunks_exact_mut(length).zip(rows) {
            let (scale, zero) = (floats.splat(*scale), wholes.splat(i32::from(*zero)));
            for begin in (0..length).step_by(lanes) {
                // The last block ends with the row.
                let block = begin.min(length - lanes)..;
                let (Some(sums), Some(of_zero)) = (sums.get(block.clone()), of_zero.get(block.clone()))
                else {
                    continue;
                };
                let (Some(columns), Some(bias)) = (columns.get(block.clone()), self.bias.get(block.clone()))
                else {
                    continue;
                };
                let Some(product) = product.get_mut(block) else { continue };
                let sums = wholes.sub(wholes.load(sums), wholes.mul(zero, wholes.load(of_zero)));
                let factors = floats.mul(scale, floats.load(columns));
                let sum = floats.mul_add(wholes.to_float(sums), factors, floats.load(bias));
                floats.store(self.activation.eval(isa, sum), product);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_products_are_near_exact_ones() {
        let number = |seed: usize| {
            let mixed = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1 << 24) as f32
                - 0.3
        };
        for (count, length, columns) in
            [(5, 64, 64), (70, 96, 192), (3, 200, 90), (64, 768, 384), (300, 384, 768)]
        {
            let values: Vec<f32> =
                (0..count * length).map(|at| number(at) * (1 + at / length) as f32).collect();
            let weights: Vec<f32> = (0..length * columns).map(|at| number(at * 3) * 0.1).collect();
            let bias: Vec<f32> = (0..columns).map(|at| number(at * 5)).collect();
            let Some(rounded) = Rounded::new(&weights, columns) else {
                eprintln!("skipped: the processor has no products of bytes");
                return;
            };
            let mut product = vec![0.0; count * columns];
            rounded.multiply(&values, &bias, Activation::None, &mut product, &mut Rows::default()).unwrap();
            for (row, product) in product.chunks_exact(columns).enumerate() {
                let values = &values[row * length..][..length];
                let largest = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                for (column, found) in product.iter().enumerate() {
                    let exact: f32 = (0..length).map(|at| values[at] * weights[at * columns + column]).sum();
                    let difference = (exact + bias[column] - found).abs();
                    assert!(
                        difference < 0.004 * largest * (length as f32).sqrt() * 0.1 * 3.0,
                        "{count} x {length} x {columns} at {row}, {column}: {difference}"
                    );
                }
            }
        }
    }
}
