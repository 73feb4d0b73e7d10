//! Operations joined, where one takes alone what another gives: what lies between them stays in the cache.

use super::convolution::{Dense, Point};
use super::front::Value;
use super::op::Op;

/// What joins convolutions with convolutions of single pixels upon them, and with what is added to what they give.
pub(super) fn joined(ops: Vec<(Op, Vec<Value>)>, outputs: &mut [Value]) -> Vec<(Op, Vec<Value>)> {
    let takers = takers(&ops, outputs);
    let mut joining = Joining { takers, ops: Vec::new(), values: vec![0], single: vec![false] };
    for (op, inputs) in ops {
        if joining.takers.get(joining.values.len()) == Some(&0) {
            joining.skip();
        } else {
            joining.take(op, inputs);
        }
    }
    // Places of what was joined with another are empty.
    let mut places = vec![0];
    for op in &joining.ops {
        places.push(places.last().copied().unwrap_or(0) + usize::from(op.is_some()));
    }
    let place = |value: &mut Value| *value = places.get(*value).copied().unwrap_or(0);
    for output in &mut *outputs {
        *output = joining.values.get(*output).copied().unwrap_or(0);
        place(output);
    }
    let mut ops: Vec<(Op, Vec<Value>)> = joining.ops.into_iter().flatten().collect();
    ops.iter_mut().flat_map(|(_, inputs)| inputs).for_each(place);
    ops
}

/// How often each value is taken by what is taken itself.
fn takers(ops: &[(Op, Vec<Value>)], outputs: &[Value]) -> Vec<usize> {
    let mut takers = vec![0_usize; ops.len() + 1];
    let count = |takers: &mut Vec<usize>, values: &[Value]| {
        for value in values {
            if let Some(count) = takers.get_mut(*value) {
                *count += 1;
            }
        }
    };
    count(&mut takers, outputs);
    for (at, (_, inputs)) in ops.iter().enumerate().rev() {
        if takers.get(at + 1).is_some_and(|count| *count > 0) {
            count(&mut takers, inputs);
        }
    }
    takers
}

struct Joining {
    /// How often each value is taken, of those before joining.
    takers: Vec<usize>,
    /// The operations; those that went into another one left their place empty.
    ops: Vec<Option<(Op, Vec<Value>)>>,
    /// For each value before joining, what it is now: the place of its operation and one.
    values: Vec<Value>,
    /// For each value before joining, whether it is one pixel, as a mean.
    single: Vec<bool>,
}

impl Joining {
    fn take(&mut self, op: Op, inputs: Vec<Value>) {
        let is_single = |value: &Value| self.single.get(*value).copied().unwrap_or(false);
        self.single.push(matches!(op, Op::Mean) || (!inputs.is_empty() && inputs.iter().all(is_single)));
        let (op, inputs) = match op {
            Op::Dense(second) if second.window.is_point() && inputs.len() == 1 => {
                self.chained(second, inputs)
            }
            Op::Add => self.added(inputs),
            op => (op, self.now(&inputs)),
        };
        self.ops.push(Some((op, inputs)));
        self.values.push(self.ops.len());
    }

    /// Leaves an operation out of which nobody takes what it gives.
    fn skip(&mut self) {
        self.single.push(false);
        self.ops.push(None);
        self.values.push(self.ops.len());
    }

    fn now(&self, inputs: &[Value]) -> Vec<Value> {
        inputs.iter().map(|value| self.values.get(*value).copied().unwrap_or(0)).collect()
    }

    /// A convolution of single pixels, as a part of the one that gives what it takes.
    fn chained(&mut self, second: Box<Dense>, inputs: Vec<Value>) -> (Op, Vec<Value>) {
        let taken = inputs.first().copied().unwrap_or(0);
        match self.own(taken, |first, taken| first.then.is_none() && taken == first.inputs.len()) {
            Some((mut first, taken)) => {
                let Dense { weights, activation, .. } = *second;
                first.then = Some(Point { weights, activation });
                (Op::Dense(first), taken)
            }
            None => (Op::Dense(second), self.now(&inputs)),
        }
    }

    /// A sum, as a part of the convolution that gives one of the two.
    fn added(&mut self, inputs: Vec<Value>) -> (Op, Vec<Value>) {
        let &[left, right] = inputs.as_slice() else { return (Op::Add, self.now(&inputs)) };
        for (value, other) in [(right, left), (left, right)] {
            // One pixel is added to all of a map; the other way about it is no convolution's sum.
            if self.single.get(value).copied().unwrap_or(true) {
                continue;
            }
            if let Some((dense, mut taken)) = self.own(value, |dense, taken| taken == dense.inputs.len()) {
                taken.extend(self.now(&[other]));
                return (Op::Dense(dense), taken);
            }
        }
        (Op::Add, self.now(&inputs))
    }

    /// Takes the convolution away that gives a value which is taken once, if it is right: by itself, and how many maps it takes.
    fn own(
        &mut self,
        value: Value,
        is_right: impl Fn(&Dense, usize) -> bool,
    ) -> Option<(Box<Dense>, Vec<Value>)> {
        (self.takers.get(value) == Some(&1)).then_some(())?;
        let place = self.ops.get_mut(self.values.get(value)?.checked_sub(1)?)?;
        let is_own = |(op, inputs): &mut (Op, Vec<Value>)| matches!(op, Op::Dense(dense) if is_right(dense, inputs.len()));
        match place.take_if(is_own)? {
            (Op::Dense(dense), inputs) => Some((dense, inputs)),
            _ => None,
        }
    }
}
