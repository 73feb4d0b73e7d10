//! From a network's nodes to the operations of its front: what follows on a convolution and changes its values alone becomes a
//! part of it.

use std::collections::HashMap;

use super::convolution::{Dense, Spread, Weights};
use super::depthwise::Depthwise;
use super::front::{Front, Value};
use super::onnx::{File, Node};
use super::op::{Activation, Op, Pads, Window};
use super::rest::Left;

/// The front, and what is left if the outputs are not among it.
pub(super) fn front(file: &File) -> (Front, Option<Left>) {
    let count = file.graph.node.len();
    let mut made = Making { file, done: vec![false; count], values: HashMap::new(), ops: Vec::new() };
    made.values.extend(file.picture().map(|name| (name.to_owned(), 0)));
    for at in 0..count {
        if !made.done.get(at).copied().unwrap_or(true) {
            made.take(at);
        }
    }
    let nodes = file.graph.node.iter().zip(&made.done);
    let left: Vec<bool> = nodes.map(|(node, done)| !done && node.op_type.is_some()).collect();
    let outputs: Option<Vec<Value>> = file.outputs().map(|name| made.values.get(name).copied()).collect();
    if let Some(outputs) = outputs {
        return (Front::new(made.ops, outputs), None);
    }
    let nodes = file.graph.node.iter().zip(&left).filter(|(_, is_left)| **is_left);
    let mut inputs: Vec<String> = Vec::new();
    for name in nodes.flat_map(|(node, _)| &node.input) {
        if made.values.contains_key(name) && !inputs.contains(name) {
            inputs.push(name.clone());
        }
    }
    let outputs = inputs.iter().filter_map(|name| made.values.get(name).copied()).collect();
    (Front::new(made.ops, outputs), Some(Left { nodes: left, inputs }))
}

struct Making<'a> {
    file: &'a File,
    /// The nodes that are part of an operation.
    done: Vec<bool>,
    /// The values that there are, by name.
    values: HashMap<String, Value>,
    ops: Vec<(Op, Vec<Value>)>,
}

/// A convolution's weights while they may still change.
struct Raw {
    window: Window,
    /// A value for each channel of the output, each of the input (of its group), each row and each column.
    weights: Vec<f32>,
    shape: [usize; 4],
    groups: usize,
    bias: Vec<f32>,
    activation: Activation,
}

impl<'a> Making<'a> {
    /// Makes an operation of a node, if it is one and what it takes is there.
    fn take(&mut self, at: usize) -> Option<()> {
        let node = self.file.node(at)?;
        match node.kind() {
            "Conv" | "ConvTranspose" => return self.convolution(at, node),
            "Relu" | "Sigmoid" | "HardSigmoid" | "Div" => {
                let name = node.input(0)?;
                let value = self.value(name)?;
                let (activation, nodes, output) = self.activation(name, at)?;
                return self.push(Op::Activate(activation), vec![value], &nodes, output);
            }
            _ => {}
        }
        let names = node.0.input.iter().filter(|name| !self.file.is_constant(name) && !name.is_empty());
        let inputs: Vec<Value> = names.map(|name| self.value(name)).collect::<Option<_>>()?;
        let is_two = inputs.len() == 2 && node.0.input.len() == 2;
        let op = match node.kind() {
            "Add" if is_two => Op::Add,
            "Mul" if is_two => Op::Multiply,
            "GlobalAveragePool" => Op::Mean,
            "ReduceMean" if node.integers("axes") == Some(&[2, 3]) && node.integer("keepdims", 1) == 1 => {
                Op::Mean
            }
            "MaxPool" => Op::Largest(pooling(node)?),
            "AveragePool" if node.integer("count_include_pad", 0) == 0 => Op::Average(pooling(node)?),
            "Concat" if node.integer("axis", 0) == 1 && inputs.len() == node.0.input.len() => Op::Concat,
            "Resize" => self.resize(node)?,
            _ => return None,
        };
        self.push(op, inputs, &[at], node.output()?)
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.values.get(name).copied()
    }

    fn push(&mut self, op: Op, inputs: Vec<Value>, nodes: &[usize], output: &str) -> Option<()> {
        self.ops.push((op, inputs));
        self.values.insert(output.to_owned(), self.ops.len());
        for at in nodes {
            *self.done.get_mut(*at)? = true;
        }
        Some(())
    }

    fn resize(&self, node: Node<'a>) -> Option<Op> {
        let is_plain = node.text("mode") == Some("nearest")
            && node.text("coordinate_transformation_mode") == Some("asymmetric")
            && node.text("nearest_mode") == Some("floor");
        let scales = self.file.constant(node.input(2)?)?.values;
        let whole = |scale: f32| (scale >= 1.0 && scale.fract() == 0.0).then_some(scale as usize);
        match scales.as_slice() {
            [1.0, 1.0, down, across] if is_plain => Some(Op::Repeat(whole(*down)?, whole(*across)?)),
            _ => None,
        }
    }

    /// The activation that nodes from `at` on make of a value, those nodes, and the name of what they give.
    fn activation(&self, name: &str, at: usize) -> Option<(Activation, Vec<usize>, &'a str)> {
        let node = self.file.node(at)?;
        let alone = |activation| Some((activation, vec![at], node.output()?));
        match node.kind() {
            "Relu" => alone(Activation::Relu),
            "HardSigmoid" => {
                let (alpha, beta) = (node.float("alpha", 0.2), node.float("beta", 0.5));
                alone(Activation::HardSigmoid { alpha, beta })
            }
            "Sigmoid" => match self.times(name, node.output()?) {
                Some((mul, output)) => Some((Activation::Silu, vec![at, mul], output)),
                None => alone(Activation::Sigmoid),
            },
            "Div" if self.is_number(node, std::f32::consts::SQRT_2) => {
                let (erf, output) = self.next(node.output()?, "Erf", None)?;
                let (add, output) = self.next(output, "Add", Some(1.0))?;
                let (mul, output) = self.times(name, output)?;
                let (half, output) = self.next(output, "Mul", Some(0.5))?;
                Some((Activation::Gelu, vec![at, erf, add, mul, half], output))
            }
            _ => None,
        }
    }

    /// The values that lie side by side in one, with their channels.
    fn sides(&self, value: Value) -> Option<Vec<(Value, usize)>> {
        match self.ops.get(value.checked_sub(1)?)? {
            (Op::Concat, inputs) => {
                inputs.iter().map(|value| Some((*value, self.channels(*value)?))).collect()
            }
            _ => None,
        }
    }

    /// How many channels a value has, as far as that is known before there is a picture.
    fn channels(&self, value: Value) -> Option<usize> {
        let (op, inputs) = self.ops.get(value.checked_sub(1)?)?;
        match op {
            Op::Dense(dense) => Some(dense.weights.columns()),
            Op::Depthwise(depthwise) => Some(depthwise.channels),
            Op::Spread(spread) => Some(spread.channels.1),
            Op::Concat => inputs.iter().map(|value| self.channels(*value)).sum(),
            _ => self.channels(*inputs.first()?),
        }
    }

    /// The one node that takes a value, if it is of a kind and its other operand that number; and what it gives.
    fn next(&self, name: &str, kind: &str, number: Option<f32>) -> Option<(usize, &'a str)> {
        let at = self.file.only_taker(name)?;
        let node = self.file.node(at).filter(|node| node.kind() == kind)?;
        let is_right = number.is_none_or(|number| self.is_number(node, number));
        is_right.then_some((at, node.output()?))
    }

    /// The node that multiplies a value with what was made of it.
    fn times(&self, name: &str, made: &str) -> Option<(usize, &'a str)> {
        let (at, output) = self.next(made, "Mul", None)?;
        let takes = &self.file.node(at)?.0.input;
        takes.iter().any(|other| other == name).then_some((at, output))
    }

    fn is_number(&self, node: Node<'_>, number: f32) -> bool {
        let constant = node.0.input.iter().find_map(|name| self.file.constant(name));
        constant.is_some_and(
            |constant| matches!(constant.values.as_slice(), [value] if (value - number).abs() < 1e-6),
        )
    }

    fn convolution(&mut self, at: usize, node: Node<'a>) -> Option<()> {
        let input = self.value(node.input(0)?)?;
        let mut raw = self.raw(node)?;
        let (mut nodes, mut output) = (vec![at], node.output()?);
        // Bias and normalization.
        while let Some(at) = self.file.only_taker(output) {
            let Some(next) = self.file.node(at).filter(|next| self.absorb(&mut raw, *next).is_some()) else {
                break;
            };
            nodes.push(at);
            output = next.output()?;
        }
        let first = self.file.takers(output).iter().find_map(|at| self.activation(output, *at));
        if let Some((activation, more, made)) = first
            && self.file.takers(output).iter().all(|taker| more.contains(taker))
            && !self.file.outputs().any(|name| name == output)
        {
            (raw.activation, output) = (activation, made);
            nodes.extend(more);
        }
        if node.kind() == "ConvTranspose" {
            return self.push(raw.spread()?, vec![input], &nodes, output);
        }
        let sides =
            self.sides(input).filter(|sides| sides.iter().map(|side| side.1).sum::<usize>() == raw.shape[1]);
        let (inputs, channels) = sides.unwrap_or_else(|| vec![(input, raw.shape[1])]).into_iter().unzip();
        self.push(raw.conv(channels)?, inputs, &nodes, output)
    }

    /// Takes a node that changes each channel by constants into the weights.
    fn absorb(&self, raw: &mut Raw, node: Node<'_>) -> Option<()> {
        let constant = |at: usize| Some(self.file.constant(node.input(at)?)?.values);
        let channels = raw.bias.len();
        match node.kind() {
            "Add" => {
                let add = (0..2).find_map(|at| self.file.constant(node.input(at)?))?;
                // As a row of channels it would be added along the columns.
                let is_channels = matches!(add.shape.as_slice(), [1, _, 1, 1] | [_, 1, 1]);
                (is_channels && add.values.len() == channels).then_some(())?;
                raw.bias.iter_mut().zip(add.values).for_each(|(bias, add)| *bias += add);
            }
            "BatchNormalization" if node.0.output.len() == 1 => {
                let (scale, shift, mean, variance) = (constant(1)?, constant(2)?, constant(3)?, constant(4)?);
                let lengths = [scale.len(), shift.len(), mean.len(), variance.len()];
                (raw.shape[0] == channels && lengths == [channels; 4]).then_some(())?;
                let epsilon = node.float("epsilon", 1e-5);
                let each = raw.weights.len().checked_div(channels)?.max(1);
                let parts = raw.weights.chunks_exact_mut(each).zip(&mut raw.bias);
                for ((part, bias), (((scale, shift), mean), variance)) in
                    parts.zip(scale.iter().zip(shift).zip(mean).zip(variance))
                {
                    let factor = scale / (variance + epsilon).sqrt();
                    part.iter_mut().for_each(|weight| *weight *= factor);
                    *bias = (*bias - mean) * factor + shift;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn raw(&self, node: Node<'a>) -> Option<Raw> {
        let weights = self.file.constant(node.input(1)?)?;
        let shape = <[usize; 4]>::try_from(weights.shape).ok()?;
        let groups = usize::try_from(node.integer("group", 1)).ok()?;
        let channels = if node.kind() == "Conv" { shape[0] } else { shape[1] };
        let bias = match node.input(2) {
            Some(name) => self.file.constant(name)?.values,
            None => vec![0.0; channels],
        };
        let is_plain = node.pair("dilations", (1, 1))? == (1, 1) && node.integers("output_padding").is_none();
        let window = Window { size: (shape[2], shape[3]), ..window(node, (shape[2], shape[3]))? };
        let fits = bias.len() == channels
            && shape.iter().chain([&window.stride.0, &window.stride.1]).all(|side| *side > 0);
        (is_plain && fits).then_some(())?;
        Some(Raw { window, weights: weights.values, shape, groups, bias, activation: Activation::None })
    }
}

/// A node's window and strides.
fn window(node: Node<'_>, size: (usize, usize)) -> Option<Window> {
    let pads = match node.text("auto_pad") {
        None | Some("NOTSET") => {
            let pads: Option<Vec<usize>> = node
                .integers("pads")
                .unwrap_or(&[0; 4])
                .iter()
                .map(|pad| usize::try_from(*pad).ok())
                .collect();
            Pads::Fixed(<[usize; 4]>::try_from(pads?).ok()?)
        }
        Some("SAME_UPPER") => Pads::SameUpper,
        Some(_) => return None,
    };
    Some(Window { size, stride: node.pair("strides", (1, 1))?, pads })
}

fn pooling(node: Node<'_>) -> Option<Window> {
    let window = window(node, node.pair("kernel_shape", (0, 0))?)?;
    let (size, stride) = (window.size, window.stride);
    let is_plain = node.integer("ceil_mode", 0) == 0 && node.pair("dilations", (1, 1))? == (1, 1);
    (is_plain && [size.0, size.1, stride.0, stride.1].iter().all(|side| *side > 0)).then_some(window)
}

impl Raw {
    /// One that takes maps of so many channels, side by side.
    fn conv(self, sides: Vec<usize>) -> Option<Op> {
        let [outputs, inputs, rows, columns] = self.shape;
        let area = rows * columns;
        let weight = |output: usize, input: usize, place: usize| {
            self.weights.get((output * inputs + input) * area + place).copied()
        };
        if self.groups == outputs && inputs == 1 && outputs > 1 {
            let places = (0..area).flat_map(|place| (0..outputs).map(move |channel| (channel, place)));
            let weights = places.map(|(channel, place)| weight(channel, 0, place)).collect::<Option<_>>()?;
            let (bias, activation) = (self.bias, self.activation);
            let depthwise = Depthwise { window: self.window, channels: outputs, weights, bias, activation };
            return Some(Op::Depthwise(depthwise));
        }
        (self.groups == 1).then_some(())?;
        let mut places = Vec::with_capacity(area * inputs);
        let mut begin = 0;
        for channels in &sides {
            let side = begin..begin + channels;
            places.extend((0..area).flat_map(|place| side.clone().map(move |input| (place, input))));
            begin += channels;
        }
        let places = places.into_iter();
        let rows = places.flat_map(|(place, input)| (0..outputs).map(move |output| (output, input, place)));
        let weights: Vec<f32> =
            rows.map(|(output, input, place)| weight(output, input, place)).collect::<Option<_>>()?;
        let weights = Weights::rounded(&weights, self.bias)?;
        let (window, activation) = (self.window, self.activation);
        Some(Op::Dense(Box::new(Dense { window, inputs: sides, weights, activation, then: None })))
    }

    /// One whose blocks do not overlap.
    fn spread(self) -> Option<Op> {
        let [inputs, outputs, rows, columns] = self.shape;
        let is_plain = self.window.stride == self.window.size
            && self.window.pads == Pads::Fixed([0; 4])
            && self.groups == 1;
        is_plain.then_some(())?;
        let area = rows * columns;
        let all = (0..inputs).flat_map(|input| (0..area).map(move |place| (input, place)));
        let all = all.flat_map(|(input, place)| (0..outputs).map(move |output| (input, output, place)));
        let weight = |(input, output, place): (usize, usize, usize)| {
            self.weights.get((input * outputs + output) * area + place).copied()
        };
        let weights: Vec<f32> = all.map(weight).collect::<Option<_>>()?;
        let bias = self.bias.repeat(area);
        let weights = Weights::new(&weights, bias)?;
        let (size, channels) = ((rows, columns), (inputs, outputs));
        Some(Op::Spread(Spread { size, channels, weights, activation: self.activation }))
    }
}
