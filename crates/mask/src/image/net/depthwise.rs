//! Convolutions of each channel alone.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use super::map::{Map, Scratch};
use super::op::{Activation, Laid, Window, misfit};

/// A convolution in which each channel comes from that of the input.
pub(super) struct Depthwise {
    pub(super) window: Window,
    pub(super) channels: usize,
    /// For each of the window's pixels, row by row, a value for each channel.
    pub(super) weights: Vec<f32>,
    /// A value for each channel.
    pub(super) bias: Vec<f32>,
    pub(super) activation: Activation,
}

impl Depthwise {
    pub(super) fn run(&self, input: &Map, scratch: &mut Scratch) -> Result<Map, String> {
        let laid = self.window.over(input.rows, input.columns);
        let laid = laid.filter(|_| input.channels == self.channels && self.channels > 0);
        let laid = laid.ok_or_else(|| misfit("a convolution", input))?;
        let mut output = Map::unset(laid.output.0, laid.output.1, self.channels, scratch);
        for (row, values) in output.values.chunks_exact_mut(laid.output.1 * self.channels).enumerate() {
            Row { of: self, input, laid, row, output: values }.dispatch();
            self.activation.apply(values);
        }
        Ok(output)
    }
}

/// One row of the output.
struct Row<'a> {
    of: &'a Depthwise,
    input: &'a Map,
    laid: Laid,
    row: usize,
    output: &'a mut [f32],
}

impl SimdOp for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let Depthwise { window, channels, weights, bias, .. } = self.of;
        let mut taps: Vec<(&[f32], &[f32])> = Vec::with_capacity(window.size.0 * window.size.1);
        for (column, output) in self.output.chunks_exact_mut(*channels).enumerate() {
            taps.clear();
            for (down, weights) in weights.chunks_exact(window.size.1 * channels).enumerate() {
                let Some(row) = self.laid.row(self.row, down) else { continue };
                for (across, weights) in weights.chunks_exact(*channels).enumerate() {
                    let column = self.laid.column(column, across);
                    taps.extend(column.map(|column| (self.input.pixel(row, column), weights)));
                }
            }
            if *channels < ops.len() {
                narrow(&taps, bias, output);
                continue;
            }
            for begin in (0..*channels).step_by(ops.len()) {
                // The last block ends with the channels, and does some of them again.
                let lanes = begin.min(channels - ops.len())..;
                let Some(bias) = bias.get(lanes.clone()) else { continue };
                let mut sum = ops.load(bias);
                for (values, weights) in &taps {
                    if let (Some(values), Some(weights)) =
                        (values.get(lanes.clone()), weights.get(lanes.clone()))
                    {
                        sum = ops.mul_add(ops.load(values), ops.load(weights), sum);
                    }
                }
                if let Some(place) = output.get_mut(lanes) {
                    ops.store(sum, place);
                }
            }
        }
    }
}

/// The same for less channels than a vector has.
fn narrow(taps: &[(&[f32], &[f32])], bias: &[f32], output: &mut [f32]) {
    output.copy_from_slice(bias);
    for (values, weights) in taps {
        for ((sum, value), weight) in output.iter_mut().zip(*values).zip(*weights) {
            *sum += value * weight;
        }
    }
}
