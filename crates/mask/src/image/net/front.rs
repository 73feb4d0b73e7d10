//! The front of a network: its operations in order, and which values they take and give.

use super::join;
use super::map::{Map, Scratch};
use super::op::{self, Op};

/// A value: the picture is 0, and each step gives the next.
pub(super) type Value = usize;

/// One operation and what it takes.
pub(super) struct Step {
    op: Op,
    inputs: Vec<Value>,
    /// Those of the inputs that nothing takes after it.
    last: Vec<Value>,
}

/// Operations in an order in which each finds what it takes.
pub(super) struct Front {
    steps: Vec<Step>,
    /// What is given out.
    outputs: Vec<Value>,
}

impl Front {
    pub(super) fn new(ops: Vec<(Op, Vec<Value>)>, mut outputs: Vec<Value>) -> Self {
        let ops = join::joined(ops, &mut outputs);
        let mut steps: Vec<Step> =
            ops.into_iter().map(|(op, inputs)| Step { op, inputs, last: Vec::new() }).collect();
        let mut seen = outputs.clone();
        for step in steps.iter_mut().rev() {
            for value in &step.inputs {
                if !seen.contains(value) {
                    seen.push(*value);
                    step.last.push(*value);
                }
            }
        }
        Self { steps, outputs }
    }

    /// The outputs' maps for a picture.
    pub(super) fn run(&self, picture: Map, scratch: &mut Scratch) -> Result<Vec<Map>, String> {
        let mut values: Vec<Option<Map>> = vec![Some(picture)];
        for step in &self.steps {
            let output = step.run(&mut values, scratch)?;
            values.push(Some(output));
            for value in &step.last {
                if let Some(map) = values.get_mut(*value).and_then(Option::take) {
                    scratch.give(map.values);
                }
            }
        }
        let given = self.outputs.iter().map(|value| values.get_mut(*value).and_then(Option::take));
        given.collect::<Option<_>>().ok_or_else(|| "an output is missing".to_owned())
    }
}

impl Step {
    fn run(&self, values: &mut [Option<Map>], scratch: &mut Scratch) -> Result<Map, String> {
        let first = self.inputs.first().copied().unwrap_or_default();
        // What nothing takes after this, nor this twice, may be written over.
        let is_twice = self.inputs.iter().skip(1).any(|other| *other == first);
        let is_own = self.op.changes() && self.last.contains(&first) && !is_twice;
        let own = if is_own { values.get_mut(first).and_then(Option::take) } else { None };
        let others = self.inputs.iter().skip(usize::from(own.is_some()));
        let others: Option<Vec<&Map>> =
            others.map(|value| values.get(*value).and_then(Option::as_ref)).collect();
        let others = others.ok_or_else(|| "an input is missing".to_owned())?;
        match (own, others.as_slice()) {
            (Some(map), others) => self.op.change(map, others.first().copied()),
            (None, [first, others @ ..]) if self.op.changes() => {
                let mut map = Map::unset(first.rows, first.columns, first.channels, scratch);
                map.values.copy_from_slice(&first.values);
                self.op.change(map, others.first().copied())
            }
            (None, inputs) => self.op.make(inputs, scratch),
        }
    }
}

impl Op {
    /// Whether it changes the first input's values, each in its place.
    fn changes(&self) -> bool {
        matches!(self, Self::Activate(_) | Self::Add | Self::Multiply)
    }

    fn change(&self, mut map: Map, other: Option<&Map>) -> Result<Map, String> {
        match (self, other) {
            (Self::Add, Some(other)) => op::zip_with(&mut map, other, |value, other| *value += other)?,
            (Self::Multiply, Some(other)) => op::zip_with(&mut map, other, |value, other| *value *= other)?,
            (Self::Activate(activation), _) => activation.apply(&mut map.values),
            _ => return Err("an operation takes two maps".to_owned()),
        }
        Ok(map)
    }

    fn make(&self, inputs: &[&Map], scratch: &mut Scratch) -> Result<Map, String> {
        let Some(map) = inputs.first() else { return Err("an operation takes nothing".to_owned()) };
        match self {
            Self::Dense(dense) => dense.run(inputs, scratch),
            Self::Depthwise(depthwise) => depthwise.run(map, scratch),
            Self::Spread(spread) => spread.run(map, scratch),
            Self::Mean => Ok(op::mean(map, scratch)),
            Self::Largest(window) => {
                op::pool(map, *window, scratch, (f32::NEG_INFINITY, f32::max, |value, _| value))
            }
            Self::Average(window) => {
                let end = |sum: f32, count: usize| sum / count.max(1) as f32;
                op::pool(map, *window, scratch, (0.0, |sum, value| sum + value, end))
            }
            Self::Concat => op::concat(inputs, scratch),
            Self::Repeat(down, across) => Ok(op::repeat(map, (*down, *across), scratch)),
            Self::Activate(_) | Self::Add | Self::Multiply => Err("it changes a map".to_owned()),
        }
    }
}
