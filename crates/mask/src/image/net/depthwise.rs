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

/// Pixels of the output that are reckoned together, so that each weight is loaded once for all of them.
const TOGETHER: usize = 4;

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
        let (window, channels) = (self.of.window, self.of.channels);
        let across = window.size.1 * channels;
        let lines = self.of.weights.chunks_exact(across).enumerate();
        let lines: Vec<(&[f32], &[f32])> = lines
            .filter_map(|(down, weights)| Some((self.input.row(self.laid.row(self.row, down)?), weights)))
            .collect();
        let (begin, end) = if channels < ops.len() { (0, 0) } else { self.laid.whole_columns() };
        let wide = (end - begin) / TOGETHER * TOGETHER;
        let mut near = Vec::with_capacity(lines.len());
        for (column, output) in self.output.chunks_exact_mut(channels).enumerate() {
            if (begin..begin + wide).contains(&column) {
                continue;
            }
            near.clear();
            for (values, weights) in &lines {
                for (step, weights) in weights.chunks_exact(channels).enumerate() {
                    let column = self.laid.column(column, step);
                    let values = column.and_then(|column| values.get(column * channels..)?.get(..channels));
                    near.extend(values.map(|values| (values, weights)));
                }
            }
            one(isa, &near, &self.of.bias, output);
        }
        let whole = self.output.get_mut(begin * channels..(begin + wide) * channels).unwrap_or_default();
        for (at, output) in whole.chunks_exact_mut(TOGETHER * channels).enumerate() {
            // All of the window's columns lie in the map, so this one does.
            let first = self.laid.column(begin + at * TOGETHER, 0).unwrap_or_default() * channels;
            near.clear();
            near.extend(
                lines.iter().map(|(values, weights)| (values.get(first..).unwrap_or_default(), *weights)),
            );
            several(isa, &near, &self.of.bias, window.stride.1, output);
        }
    }
}

/// Some pixels of the output side by side, from the rows under the first one's window on and the weights of each row.
#[inline(always)]
fn several<I: Isa>(isa: I, near: &[(&[f32], &[f32])], bias: &[f32], stride: usize, output: &mut [f32]) {
    let ops = isa.f32();
    let channels = bias.len();
    for lane in (0..channels).step_by(ops.len()) {
        // The last block ends with the channels, and does some of them again.
        let lane = lane.min(channels - ops.len());
        let bias = bias.get(lane..).map_or(ops.zero(), |bias| ops.load(bias));
        let mut sums = [bias; TOGETHER];
        for (values, weights) in near {
            for at in (lane..weights.len()).step_by(channels) {
                let Some(weights) = weights.get(at..at + ops.len()) else { continue };
                let weights = ops.load(weights);
                for (pixel, sum) in sums.iter_mut().enumerate() {
                    let at = at + pixel * stride * channels;
                    let Some(values) = values.get(at..at + ops.len()) else { continue };
                    *sum = ops.mul_add(ops.load(values), weights, *sum);
                }
            }
        }
        for (place, sum) in output.chunks_exact_mut(channels).zip(sums) {
            if let Some(place) = place.get_mut(lane..) {
                ops.store(sum, place);
            }
        }
    }
}

/// One pixel of the output, from the pixels under the window and the weights of each.
#[inline(always)]
fn one<I: Isa>(isa: I, near: &[(&[f32], &[f32])], bias: &[f32], output: &mut [f32]) {
    let ops = isa.f32();
    let channels = bias.len();
    if channels < ops.len() {
        return narrow(near, bias, output);
    }
    for begin in (0..channels).step_by(ops.len()) {
        // The last block ends with the channels, and does some of them again.
        let lanes = begin.min(channels - ops.len())..;
        let Some(bias) = bias.get(lanes.clone()) else { continue };
        let mut sum = ops.load(bias);
        for (values, weights) in near {
            if let (Some(values), Some(weights)) = (values.get(lanes.clone()), weights.get(lanes.clone())) {
                sum = ops.mul_add(ops.load(values), ops.load(weights), sum);
            }
        }
        if let Some(place) = output.get_mut(lanes) {
            ops.store(sum, place);
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
