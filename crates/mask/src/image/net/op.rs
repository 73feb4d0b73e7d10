//! The operations of a network's front.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdUnaryOp};
use rten_vecmath::{Sigmoid, Silu};

use super::convolution::{Dense, Spread};
use super::depthwise::Depthwise;
use super::map::{Map, Scratch};

/// One operation. Names of ONNX in brackets.
pub(super) enum Op {
    /// Every channel of the output from all of the input's [Conv]; a second map is added.
    Dense(Box<Dense>),
    /// Every channel from that of the input [Conv with as many groups].
    Depthwise(Depthwise),
    /// Every pixel to a block of its own [ConvTranspose whose strides are its kernel's size].
    Spread(Spread),
    /// [Relu, Sigmoid, HardSigmoid, and the sets of operations that make Gelu and Silu].
    Activate(Activation),
    /// Two maps' values; the second may have one pixel [Add].
    Add,
    /// The same with their product [Mul].
    Multiply,
    /// One pixel: the mean of all [ReduceMean, GlobalAveragePool].
    Mean,
    /// The largest of each window [MaxPool].
    Largest(Window),
    /// The mean of each window [AveragePool].
    Average(Window),
    /// Channels of several maps side by side [Concat].
    Concat,
    /// Each pixel as a block of this many rows and columns [Resize].
    Repeat(usize, usize),
}

/// What is done with each value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    None,
    Relu,
    Gelu,
    Silu,
    Sigmoid,
    /// `max(0, min(1, alpha x + beta))`.
    HardSigmoid {
        alpha: f32,
        beta: f32,
    },
}

/// Which pixels of the input an output's pixel is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Rows and columns.
    pub(super) size: (usize, usize),
    /// Rows and columns from one to the next.
    pub(super) stride: (usize, usize),
    /// What is added to the input around it.
    pub(super) pads: Pads,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pads {
    /// Above, left, below, right.
    Fixed([usize; 4]),
    /// As many as give one output for each stride, the odd one below and right [SAME_UPPER].
    SameUpper,
}

impl Activation {
    pub(super) fn apply(self, values: &mut [f32]) {
        if self != Self::None {
            self.map_mut(values);
        }
    }
}

impl SimdUnaryOp<f32> for Activation {
    #[inline(always)]
    fn eval<I: Isa>(&self, isa: I, value: I::F32) -> I::F32 {
        let ops = isa.f32();
        match *self {
            Self::None => value,
            Self::Relu => ops.max(value, ops.zero()),
            Self::Gelu => Gelu.eval(isa, value),
            Self::Silu => Silu {}.eval(isa, value),
            Self::Sigmoid => Sigmoid {}.eval(isa, value),
            Self::HardSigmoid { alpha, beta } => {
                let value = ops.mul_add(value, ops.splat(alpha), ops.splat(beta));
                ops.clamp(value, ops.zero(), ops.one())
            }
        }
    }
}

/// Gelu to less than a thousandth, which is less than the rounding that follows: a third of the time of the error function.
///
/// The normal distribution is an odd polynomial of the value's share of [`Gelu::END`], fitted for the least difference, that
/// ends at 0 and 1.
struct Gelu;

impl Gelu {
    const END: f32 = 3.6;
    const SHARES: [f32; 6] = [1.426_380_8, -2.905_613_7, 4.674_255, -4.687_086, 2.585_978, -0.593_913_6];
}

impl SimdUnaryOp<f32> for Gelu {
    #[inline(always)]
    fn eval<I: Isa>(&self, isa: I, value: I::F32) -> I::F32 {
        let ops = isa.f32();
        let share = ops.mul(value, ops.splat(1.0 / Self::END));
        let share = ops.clamp(share, ops.splat(-1.0), ops.splat(1.0));
        let square = ops.mul(share, share);
        let [a, b, c, d, e, f] = Self::SHARES.map(
            #[inline(always)]
            |factor| ops.splat(factor),
        );
        let sum = ops.mul_add(f, square, e);
        let sum = ops.mul_add(sum, square, d);
        let sum = ops.mul_add(sum, square, c);
        let sum = ops.mul_add(sum, square, b);
        let sum = ops.mul_add(sum, square, a);
        ops.mul(value, ops.mul_add(share, sum, ops.splat(0.5)))
    }
}

/// A window laid over a map of a size.
#[derive(Clone, Copy)]
pub(super) struct Laid {
    window: Window,
    input: (usize, usize),
    /// Rows and columns of the output.
    pub(super) output: (usize, usize),
    before: (usize, usize),
}

impl Window {
    /// Whether it is one pixel, laid on each of the map.
    pub(super) fn is_point(self) -> bool {
        let is_bare = matches!(self.pads, Pads::SameUpper | Pads::Fixed([0, 0, 0, 0]));
        self.size == (1, 1) && self.stride == (1, 1) && is_bare
    }

    /// Lays it over a map; `None` if the map is smaller than the window.
    pub(super) fn over(self, rows: usize, columns: usize) -> Option<Laid> {
        let side = |length: usize, size: usize, stride: usize, fixed: Option<(usize, usize)>| {
            let (before, after) = fixed.unwrap_or_else(|| {
                let covered = (length.div_ceil(stride).max(1) - 1) * stride + size;
                let pad = covered.saturating_sub(length);
                (pad / 2, pad - pad / 2)
            });
            let steps = (length + before + after).checked_sub(size)? / stride;
            Some((steps + 1, before))
        };
        let (above, left) = match self.pads {
            Pads::Fixed([above, left, below, right]) => (Some((above, below)), Some((left, right))),
            Pads::SameUpper => (None, None),
        };
        let (output_rows, above) = side(rows, self.size.0, self.stride.0, above)?;
        let (output_columns, left) = side(columns, self.size.1, self.stride.1, left)?;
        let output = (output_rows, output_columns);
        Some(Laid { window: self, input: (rows, columns), output, before: (above, left) })
    }
}

impl Laid {
    /// The input's row under row `step` of the window at an output's row; `None` in the padding.
    pub(super) fn row(&self, output: usize, step: usize) -> Option<usize> {
        let at = (output * self.window.stride.0 + step).checked_sub(self.before.0)?;
        (at < self.input.0).then_some(at)
    }

    /// The output's columns for which all of the window lies in the map: the first, and the one after the last.
    pub(super) fn whole_columns(&self) -> (usize, usize) {
        let stride = self.window.stride.1;
        let begin = self.before.1.div_ceil(stride);
        let last = (self.input.1 + self.before.1).checked_sub(self.window.size.1);
        let end = last.map_or(0, |last| last / stride + 1).min(self.output.1);
        (begin.min(end), end)
    }

    /// The same for columns.
    pub(super) fn column(&self, output: usize, step: usize) -> Option<usize> {
        let at = (output * self.window.stride.1 + step).checked_sub(self.before.1)?;
        (at < self.input.1).then_some(at)
    }
}

/// Why an operation cannot be done on what it was given.
pub(super) fn misfit(what: &str, map: &Map) -> String {
    format!("{what} does not fit {} x {} x {} values", map.rows, map.columns, map.channels)
}

/// Calls `work` for each value of the first map and its partner of the second, which has the same size or one pixel.
pub(super) fn zip_with(map: &mut Map, other: &Map, work: impl Fn(&mut f32, f32)) -> Result<(), String> {
    if !other.fits(map) {
        return Err(misfit("the other map", map));
    }
    for pixels in map.values.chunks_exact_mut(other.values.len()) {
        for (value, other) in pixels.iter_mut().zip(other.values.iter()) {
            work(value, *other);
        }
    }
    Ok(())
}

pub(super) fn mean(map: &Map, scratch: &mut Scratch) -> Map {
    let mut mean = Map::unset(1, 1, map.channels, scratch);
    mean.values.fill(0.0);
    for pixel in map.values.chunks_exact(map.channels.max(1)) {
        for (sum, value) in mean.values.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    let share = 1.0 / map.pixels().max(1) as f32;
    mean.values.iter_mut().for_each(|sum| *sum *= share);
    mean
}

/// Folds the pixels of each window: `start`, then `work` for each value, then `end` with how many there were.
pub(super) fn pool(
    map: &Map,
    window: Window,
    scratch: &mut Scratch,
    (start, work, end): (f32, impl Fn(f32, f32) -> f32, impl Fn(f32, usize) -> f32),
) -> Result<Map, String> {
    let laid = window.over(map.rows, map.columns).ok_or_else(|| misfit("a window", map))?;
    let mut output = Map::unset(laid.output.0, laid.output.1, map.channels, scratch);
    let columns = output.columns.max(1);
    for (at, values) in output.values.chunks_exact_mut(map.channels.max(1)).enumerate() {
        values.fill(start);
        let mut count = 0;
        for row in (0..window.size.0).filter_map(|step| laid.row(at / columns, step)) {
            for column in (0..window.size.1).filter_map(|step| laid.column(at % columns, step)) {
                count += 1;
                for (value, more) in values.iter_mut().zip(map.pixel(row, column)) {
                    *value = work(*value, *more);
                }
            }
        }
        values.iter_mut().for_each(|value| *value = end(*value, count));
    }
    Ok(output)
}

pub(super) fn concat(maps: &[&Map], scratch: &mut Scratch) -> Result<Map, String> {
    let Some(first) = maps.first() else { return Err("there is nothing to put side by side".to_owned()) };
    if let Some(other) = maps.iter().find(|map| (map.rows, map.columns) != (first.rows, first.columns)) {
        return Err(misfit("a map beside it", other));
    }
    let channels = maps.iter().map(|map| map.channels).sum();
    let mut output = Map::unset(first.rows, first.columns, channels, scratch);
    let mut begin = 0;
    for map in maps.iter().filter(|map| map.channels > 0) {
        let pixels = output.values.chunks_exact_mut(channels);
        for (pixel, part) in pixels.zip(map.values.chunks_exact(map.channels)) {
            if let Some(place) = pixel.get_mut(begin..begin + map.channels) {
                place.copy_from_slice(part);
            }
        }
        begin += map.channels;
    }
    Ok(output)
}

pub(super) fn repeat(map: &Map, (down, across): (usize, usize), scratch: &mut Scratch) -> Map {
    let mut output = Map::unset(map.rows * down, map.columns * across, map.channels, scratch);
    let columns = output.columns.max(1);
    for (at, pixel) in output.values.chunks_exact_mut(map.channels.max(1)).enumerate() {
        pixel.copy_from_slice(map.pixel(at / columns / down, at % columns / across));
    }
    output
}

#[cfg(test)]
mod tests {
    use rten_vecmath::Gelu as Exact;

    use super::*;

    #[test]
    fn gelu_is_near_the_exact_one() {
        let mut values: Vec<f32> = (-8_000..=8_000).map(|at| at as f32 / 1_000.0).collect();
        values.extend([-1e6, -30.0, 30.0, 1e6]);
        let mut exact = values.clone();
        Exact {}.map_mut(&mut exact);
        let before = values.clone();
        Gelu.map_mut(&mut values);
        for ((value, exact), before) in values.iter().zip(exact).zip(before) {
            let difference = (value - exact).abs() / before.abs().max(1.0);
            assert!(difference < 0.001, "{value} for {exact} of {before}");
        }
    }
}
