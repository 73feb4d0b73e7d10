//! The best row of labels for a row of tokens (Viterbi).

use super::features::{self, Sketch};
use super::model::{Model, WIDTH};
use super::{BUCKETS, LABELS};
use crate::patterns::Page;

/// What no score reaches.
const NEVER: i32 = i32::MIN / 4;

/// Whether a label may follow another: a further token of a class only a token of that class.
pub(super) fn may_follow(from: usize, to: usize) -> bool {
    to == 0 || to % 2 == 1 || from == to || from + 1 == to
}

/// The label of each token, with its margin over "nothing" by the token's own score.
pub(super) fn decode(page: &Page<'_>, sketches: &[Sketch], model: &Model) -> Vec<(u8, f32)> {
    let count = page.tokens.list.len();
    let mut back: Vec<[u8; WIDTH]> = Vec::with_capacity(count);
    let mut own: Vec<[i16; WIDTH]> = Vec::with_capacity(count);
    let mut best = [NEVER; WIDTH];
    for index in 0..count {
        let mut sums = [0_i16; WIDTH];
        features::at(page, sketches, index, |bucket| {
            if let Some(row) = model.rows.get(bucket as usize & (BUCKETS - 1)) {
                for (sum, weight) in sums.iter_mut().zip(row) {
                    *sum += i16::from(*weight);
                }
            }
        });
        let mut next = [NEVER; WIDTH];
        let mut from = [0_u8; WIDTH];
        for to in 0..LABELS {
            let (score, label) = if index == 0 {
                (if may_follow(0, to) { 0 } else { NEVER }, 0)
            } else {
                step(&best, model, to)
            };
            if let (Some(next), Some(from), Some(sum)) = (next.get_mut(to), from.get_mut(to), sums.get(to)) {
                *next = score.saturating_add(i32::from(*sum));
                *from = label;
            }
        }
        best = next;
        back.push(from);
        own.push(sums);
    }
    trace(&best, &back, &own)
}

/// The best label before `to`, and the score up to there.
fn step(best: &[i32; WIDTH], model: &Model, to: usize) -> (i32, u8) {
    let mut top = (NEVER, 0);
    for (from, (score, steps)) in best.iter().zip(&model.steps).take(LABELS).enumerate() {
        let score = score + i32::from(steps.get(to).copied().unwrap_or_default());
        if score > top.0 && may_follow(from, to) {
            top = (score, from as u8);
        }
    }
    top
}

fn trace(best: &[i32; WIDTH], back: &[[u8; WIDTH]], own: &[[i16; WIDTH]]) -> Vec<(u8, f32)> {
    let mut label = (0..LABELS).max_by_key(|label| best.get(*label).copied().unwrap_or(NEVER)).unwrap_or(0);
    let mut path = Vec::with_capacity(back.len());
    for (from, sums) in back.iter().zip(own).rev() {
        let margin = f32::from(sums.get(label).copied().unwrap_or_default())
            - f32::from(sums.first().copied().unwrap_or_default());
        path.push((label as u8, margin));
        label = usize::from(from.get(label).copied().unwrap_or_default());
    }
    path.reverse();
    path
}
