//! Convolutions that mix all channels, as products of matrices.

use std::ops::Range;

use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

use super::map::{Buffer, Map, Scratch};
use super::op::{Activation, Laid, Window, misfit};
use super::rounded::{Rounded, Rows};

/// Values of a band of pixels, its input's and its output's: what the second cache holds.
const BAND_VALUES: usize = 32 * 1024;
/// The product's kernel works on blocks of this many rows.
const BAND_MULTIPLE: usize = 64;

/// A convolution in which every channel of the output comes from all of the input's.
pub(super) struct Dense {
    pub(super) window: Window,
    /// Channels of each map that it takes; they lie side by side.
    pub(super) inputs: Vec<usize>,
    /// A row for each channel of each pixel of the window, map by map.
    pub(super) weights: Weights,
    pub(super) activation: Activation,
    /// A second one, of single pixels, upon what it gives.
    pub(super) then: Option<Point>,
}

/// A convolution of single pixels.
pub(super) struct Point {
    pub(super) weights: Weights,
    pub(super) activation: Activation,
}

/// A matrix to multiply with, and what is added to each row of the product.
pub(super) struct Weights {
    factors: Factors,
    bias: Vec<f32>,
}

thread_local! {
    // It may be used from many threads, but not be sent to another one.
    static EXECUTOR: GemmExecutor = GemmExecutor::new();
}

enum Factors {
    Exact(PackedBMatrix<f32>),
    Rounded(Rounded),
}

impl Weights {
    /// From `values`, rows of as many values as `bias` has.
    pub(super) fn new(values: &[f32], bias: Vec<f32>) -> Option<Self> {
        let shape = [values.len().checked_div(bias.len())?, bias.len()];
        let matrix = NdTensorView::try_from_data(shape, values).ok()?;
        let packed = EXECUTOR.with(|executor| executor.prepack_b(matrix));
        Some(Self { factors: Factors::Exact(packed), bias })
    }

    /// The same, with rounded numbers where that is faster.
    pub(super) fn rounded(values: &[f32], bias: Vec<f32>) -> Option<Self> {
        match Rounded::new(values, bias.len()) {
            Some(rounded) => Some(Self { factors: Factors::Rounded(rounded), bias }),
            None => Self::new(values, bias),
        }
    }

    /// How many columns it has: values of a product.
    pub(super) fn columns(&self) -> usize {
        self.bias.len()
    }

    /// How many rows it has: values of a row that it multiplies.
    pub(super) fn rows(&self) -> usize {
        match &self.factors {
            Factors::Exact(packed) => packed.rows(),
            Factors::Rounded(rounded) => rounded.rows(),
        }
    }

    /// Multiplies rows of values with the matrix, and does what follows with each product.
    pub(super) fn multiply(
        &self,
        rows: &[f32],
        activation: Activation,
        product: &mut [f32],
        scratch: &mut Rows,
    ) -> Result<(), String> {
        let packed = match &self.factors {
            Factors::Exact(packed) => packed,
            Factors::Rounded(rounded) => {
                return rounded.multiply(rows, &self.bias, activation, product, scratch);
            }
        };
        let shape = [product.len().checked_div(self.bias.len()).unwrap_or(0), packed.rows()];
        let rows = NdTensorView::try_from_data(shape, rows).map_err(|error| error.to_string())?;
        let options = GemmOptions { bias: Some(BiasVector::Row(&self.bias)), ..GemmOptions::default() };
        let inputs = (GemmInputA::Unpacked(rows), GemmInputB::Packed(packed));
        EXECUTOR
            .with(|executor| executor.gemm(product, inputs.0, inputs.1, options))
            .map_err(|error| error.to_string())?;
        activation.apply(product);
        Ok(())
    }
}

impl Dense {
    /// What it gives for its maps, with another one added if there is one more: of the same size, or one pixel.
    pub(super) fn run(&self, maps: &[&Map], scratch: &mut Scratch) -> Result<Map, String> {
        let (inputs, add) = maps.split_at_checked(self.inputs.len()).unwrap_or_default();
        let Some(input) = inputs.first() else { return Err("a convolution takes a map".to_owned()) };
        let fits = |(map, channels): (&&Map, &usize)| {
            map.channels == *channels && (map.rows, map.columns) == (input.rows, input.columns)
        };
        let laid = self.window.over(input.rows, input.columns);
        let laid = laid.filter(|_| inputs.iter().zip(&self.inputs).all(fits) && self.weights.columns() > 0);
        let laid = laid.ok_or_else(|| misfit("a convolution", input))?;
        let between = self.weights.columns();
        let channels = self.then.as_ref().map_or(between, |then| then.weights.columns());
        let mut output = Map::unset(laid.output.0, laid.output.1, channels, scratch);
        let add = add.first();
        if let Some(add) = add.filter(|add| !add.fits(&output)) {
            return Err(misfit("the other map", add));
        }
        let is_point = self.window.is_point() && inputs.len() == 1;
        let taken = self.weights.rows();
        let band = (BAND_VALUES / (taken + between)).next_multiple_of(BAND_MULTIPLE);
        let mut gathered = if is_point { Buffer::default() } else { scratch.take(band * taken) };
        let mut hidden = if self.then.is_some() { scratch.take(band * between) } else { Buffer::default() };
        for (at, product) in output.values.chunks_mut(band * channels).enumerate() {
            let pixels = at * band..at * band + product.len() / channels;
            let rows = if is_point {
                input.values.get(pixels.start * taken..pixels.end * taken)
            } else {
                self.gather(inputs, &laid, pixels.clone(), &mut gathered);
                gathered.get(..pixels.len() * taken)
            };
            let rows = rows.unwrap_or_default();
            match &self.then {
                None => self.weights.multiply(rows, self.activation, product, &mut scratch.rows)?,
                Some(then) => {
                    let hidden = hidden.get_mut(..pixels.len() * between).unwrap_or_default();
                    self.weights.multiply(rows, self.activation, hidden, &mut scratch.rows)?;
                    then.weights.multiply(hidden, then.activation, product, &mut scratch.rows)?;
                }
            }
            if let Some(add) = add {
                let values =
                    if add.pixels() == 1 { 0..channels } else { at * band * channels..pixels.end * channels };
                add_each(product, add.values.get(values).unwrap_or_default());
            }
        }
        for buffer in [gathered, hidden] {
            scratch.give(buffer);
        }
        Ok(output)
    }

    /// Writes what lies under the window at some of the output's pixels, a row for each pixel.
    fn gather(&self, inputs: &[&Map], laid: &Laid, pixels: Range<usize>, gathered: &mut [f32]) {
        let mut begin = 0;
        for input in inputs {
            let rows = gathered.chunks_exact_mut(self.weights.rows());
            let rows = rows.map(|row| row.get_mut(begin..).unwrap_or_default());
            self.gather_one(input, laid, pixels.clone(), rows);
            begin += self.window.size.0 * self.window.size.1 * input.channels;
        }
    }

    /// The same of one map, from where its part of each row begins.
    fn gather_one<'a>(
        &self,
        input: &Map,
        laid: &Laid,
        pixels: Range<usize>,
        rows: impl Iterator<Item = &'a mut [f32]>,
    ) {
        let channels = input.channels;
        let across = self.window.size.1 * channels;
        let columns = laid.output.1.max(1);
        let lines = rows.flat_map(|row| row.chunks_exact_mut(across.max(1)).take(self.window.size.0));
        let steps = pixels.flat_map(|pixel| (0..self.window.size.0).map(move |step| (pixel, step)));
        for ((pixel, step), line) in steps.zip(lines) {
            let Some(row) = laid.row(pixel / columns, step) else {
                line.fill(0.0);
                continue;
            };
            let column = pixel % columns;
            let whole = laid.column(column, 0).zip(laid.column(column, self.window.size.1 - 1));
            let at = whole.map(|(first, _)| (row * input.columns + first) * channels);
            if let Some(values) = at.and_then(|at| input.values.get(at..at + across)) {
                line.copy_from_slice(values);
                continue;
            }
            for (step, place) in line.chunks_exact_mut(channels.max(1)).enumerate() {
                match laid.column(column, step) {
                    Some(column) => place.copy_from_slice(input.pixel(row, column)),
                    None => place.fill(0.0),
                }
            }
        }
    }
}

/// Adds values, again from the first where there are less.
fn add_each(values: &mut [f32], add: &[f32]) {
    for values in values.chunks_mut(add.len().max(1)) {
        values.iter_mut().zip(add).for_each(|(value, add)| *value += add);
    }
}

/// A convolution that makes a block of pixels of each one.
pub(super) struct Spread {
    /// Rows and columns of the block.
    pub(super) size: (usize, usize),
    /// Channels of the input and of the output.
    pub(super) channels: (usize, usize),
    /// A row for each channel of the input; the block's pixels side by side.
    pub(super) weights: Weights,
    pub(super) activation: Activation,
}

impl Spread {
    pub(super) fn run(&self, input: &Map, scratch: &mut Scratch) -> Result<Map, String> {
        if input.channels != self.channels.0 {
            return Err(misfit("a convolution", input));
        }
        let (down, across) = self.size;
        let mut blocks = scratch.take(input.pixels() * down * across * self.channels.1);
        self.weights.multiply(&input.values, self.activation, &mut blocks, &mut scratch.rows)?;
        let mut output = Map::unset(input.rows * down, input.columns * across, self.channels.1, scratch);
        // A line is a block's row: they alternate between the rows of the output.
        let line = across * self.channels.1;
        for (at, place) in output.values.chunks_exact_mut(line.max(1)).enumerate() {
            let (row, column) = (at / input.columns.max(1), at % input.columns.max(1));
            let from = ((row / down * input.columns + column) * down + row % down) * line;
            if let Some(values) = blocks.get(from..from + line) {
                place.copy_from_slice(values);
            }
        }
        scratch.give(blocks);
        Ok(output)
    }
}
