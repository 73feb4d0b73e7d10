//! The end of a network that tells classes: which one each step is, without the probabilities of all the others.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, Simd, SimdOp, SimdUnaryOp};
use rten_vecmath::Exp;

use super::convolution::Weights;
use super::map::Scratch;
use super::onnx::File;
use super::op::Activation;

/// Steps whose classes are reckoned at once: with some ten thousand classes, what the second cache holds.
const STEPS: usize = 16;

/// A product, a sum and a softmax over classes, as the last three nodes of a network.
pub(super) struct Head {
    weights: Weights,
    classes: usize,
}

/// The likeliest class of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::image) struct Pick {
    pub(in crate::image) class: usize,
    /// 0 to 1; 1 for class 0, of which nobody asks.
    pub(in crate::image) probability: f32,
}

impl Head {
    /// Cuts it off a network, which then gives what it takes: rows of values, one for each step.
    pub(super) fn cut(file: &mut File) -> Option<Self> {
        let (softmax, sum) = file.last("Softmax", 0)?;
        let (add, product) = file.maker(&sum, "Add")?;
        let (multiply, steps) = file.maker(&product, "MatMul")?;
        let axis = file.node(softmax)?.integer("axis", 1);
        let weights = file.constant(file.node(multiply)?.input(1)?)?;
        let bias = file.constant(file.node(add)?.input(1)?)?.values;
        let [_, classes] = <[usize; 2]>::try_from(weights.shape).ok()?;
        // The axis of the classes is the last of three.
        (matches!(axis, 2 | -1) && bias.len() == classes && classes > 1).then_some(())?;
        let weights = Weights::rounded(&weights.values, bias)?;
        file.end_with(&steps, &[softmax, add, multiply]);
        Some(Self { weights, classes })
    }

    /// The class of each step.
    pub(super) fn picks(&self, steps: &[f32], scratch: &mut Scratch) -> Result<Vec<Pick>, String> {
        let length = self.weights.rows();
        let mut picks = Vec::with_capacity(steps.len() / length.max(1));
        let mut sums = scratch.take(STEPS * self.classes);
        for steps in steps.chunks(STEPS * length.max(1)) {
            let sums = sums.get_mut(..steps.len() / length.max(1) * self.classes).unwrap_or_default();
            self.weights.multiply(steps, Activation::None, sums, &mut scratch.rows)?;
            picks.extend(sums.chunks_exact(self.classes).map(|sums| Likeliest { sums }.dispatch()));
        }
        scratch.give(sums);
        Ok(picks)
    }
}

/// The likeliest class by the probabilities of all.
pub(super) fn of_probabilities(values: &[f32]) -> Pick {
    let first = Pick { class: 0, probability: f32::NEG_INFINITY };
    values.iter().enumerate().fold(first, |best, (class, probability)| {
        if *probability > best.probability { Pick { class, probability: *probability } } else { best }
    })
}

/// The likeliest class by the sums that the softmax is of.
struct Likeliest<'a> {
    sums: &'a [f32],
}

impl SimdOp for Likeliest<'_> {
    type Output = Pick;

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> Pick {
        let ops = isa.f32();
        let blocks = self.sums.chunks_exact(ops.len());
        let tail = blocks.remainder();
        let mut most = ops.splat(f32::NEG_INFINITY);
        for block in blocks.clone() {
            most = ops.max(most, ops.load(block));
        }
        let most = most.to_array().as_ref().iter().chain(tail).copied().fold(f32::NEG_INFINITY, f32::max);
        let class = self.sums.iter().position(|sum| *sum == most).unwrap_or(0);
        if class == 0 {
            return Pick { class, probability: 1.0 };
        }
        let (exp, shift) = (Exp {}, ops.splat(most));
        let mut all = ops.zero();
        for block in blocks {
            all = ops.add(all, exp.eval(isa, ops.sub(ops.load(block), shift)));
        }
        let all: f32 = all.to_array().as_ref().iter().sum();
        let all = all + tail.iter().map(|sum| (sum - most).exp()).sum::<f32>();
        Pick { class, probability: 1.0 / all }
    }
}
