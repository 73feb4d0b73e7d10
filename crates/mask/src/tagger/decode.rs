//! The best row of labels for a row of tokens (Viterbi).

use super::features::{self, Sketch};
use super::model::{Model, WIDTH};
use super::{BUCKETS, LABELS};
use crate::patterns::Page;

/// The score of a step that is not allowed. A label that may begin is never further below the best one than the sums of two
/// tokens differ, which is under 10,000; so no such step wins, and adding to it does not leave 16 bits.
const FORBIDDEN: i16 = -12_000;

/// Tokens on either side of one that can make a finding that can belong to the same one.
const REACH: usize = 3;

/// Features of a token at most: what keeps the sums within the bound that [`FORBIDDEN`] needs.
const FEATURES_MAX: usize = 38;

const _: () = assert!(2 * (FEATURES_MAX as i32 * 128 + 128) + 128 < -(FORBIDDEN as i32));

/// Whether a label may follow another: a further token of a class only a token of that class.
pub(super) fn may_follow(from: usize, to: usize) -> bool {
    to == 0 || to % 2 == 1 || from == to || from + 1 == to
}

/// The steps of a model, with [`FORBIDDEN`] where a label may not follow: a row for each label before.
pub(super) fn moves(steps: &[[i8; WIDTH]; WIDTH]) -> [[i16; WIDTH]; WIDTH] {
    let mut moves = [[FORBIDDEN; WIDTH]; WIDTH];
    for (from, (row, steps)) in moves.iter_mut().zip(steps).take(LABELS).enumerate() {
        for (to, (cell, step)) in row.iter_mut().zip(steps).take(LABELS).enumerate() {
            if may_follow(from, to) {
                *cell = i16::from(*step);
            }
        }
    }
    moves
}

/// The label of each token, with its margin over "nothing" by the token's own score.
pub(super) fn decode(page: &Page<'_>, sketches: &[Sketch], model: &Model) -> Vec<(u8, f32)> {
    let count = page.tokens.list.len();
    let mut back: Vec<[u8; WIDTH]> = Vec::with_capacity(count);
    let mut own: Vec<[i16; WIDTH]> = Vec::with_capacity(count);
    // Before the first token stands "nothing", which costs no step.
    let mut best = [FORBIDDEN; WIDTH];
    let asked = asked(page, sketches);
    for index in 0..count {
        let (mut next, from) = if index == 0 { (first(), [0; WIDTH]) } else { step(&best, &model.moves) };
        if !asked.get(index).copied().unwrap_or_default() {
            best = [FORBIDDEN; WIDTH];
            if let Some(nothing) = best.first_mut() {
                *nothing = 0;
            }
            back.push(from);
            own.push([0; WIDTH]);
            continue;
        }
        let sums = sums(page, sketches, index, model);
        for (next, sum) in next.iter_mut().zip(&sums) {
            *next += sum;
        }
        let top = next.iter().copied().max().unwrap_or_default();
        for (best, next) in best.iter_mut().zip(&next) {
            *best = next - top;
        }
        back.push(from);
        own.push(sums);
    }
    trace(&best, &back, &own)
}

/// Which tokens the model is asked about: those near one that can make a finding. All others are "nothing", as the model would
/// have said of nearly all of them: over a third of clinical prose.
fn asked(page: &Page<'_>, sketches: &[Sketch]) -> Vec<bool> {
    let mut asked = vec![false; sketches.len()];
    for (index, sketch) in sketches.iter().enumerate() {
        if super::may_tell(page, sketch, index) {
            let near = index.saturating_sub(REACH)..(index + REACH + 1).min(sketches.len());
            if let Some(near) = asked.get_mut(near) {
                near.fill(true);
            }
        }
    }
    asked
}

/// What the labels of a token score by the token's own features.
fn sums(page: &Page<'_>, sketches: &[Sketch], index: usize, model: &Model) -> [i16; WIDTH] {
    // First all places, then all rows: nothing stands between the processor and reading many of them at once.
    let mut buckets = [0; FEATURES_MAX];
    let mut free = buckets.iter_mut();
    features::at(page, sketches, index, |bucket| {
        if let Some(place) = free.next() {
            *place = bucket;
        }
    });
    let count = FEATURES_MAX - free.len();
    let mut sums = [0_i16; WIDTH];
    for bucket in buckets.iter().take(count) {
        if let Some(row) = model.rows.get(*bucket as usize & (BUCKETS - 1)) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += i16::from(*weight);
            }
        }
    }
    sums
}

/// The scores of the labels that a text may begin with.
fn first() -> [i16; WIDTH] {
    let mut scores = [FORBIDDEN; WIDTH];
    scores.iter_mut().take(LABELS).enumerate().for_each(|(to, score)| {
        if may_follow(0, to) {
            *score = 0;
        }
    });
    scores
}

/// The best score up to each label, its own sum not yet in it, and the label before; written so that all labels are one row of
/// registers.
fn step(best: &[i16; WIDTH], moves: &[[i16; WIDTH]; WIDTH]) -> ([i16; WIDTH], [u8; WIDTH]) {
    let mut top = [i16::MIN; WIDTH];
    let mut label = [0_i16; WIDTH];
    for (from, (score, row)) in (0_i16..).zip(best.iter().zip(moves).take(LABELS)) {
        for ((top, label), step) in top.iter_mut().zip(&mut label).zip(row) {
            let score = score.saturating_add(*step);
            let better = score > *top;
            *label = if better { from } else { *label };
            *top = (*top).max(score);
        }
    }
    (top, label.map(|label| label as u8))
}

fn trace(best: &[i16; WIDTH], back: &[[u8; WIDTH]], own: &[[i16; WIDTH]]) -> Vec<(u8, f32)> {
    let mut label =
        (0..LABELS).max_by_key(|label| best.get(*label).copied().unwrap_or(i16::MIN)).unwrap_or(0);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A number below 128, made of others.
    fn noise(seed: usize) -> i8 {
        (crate::text::token::finish(seed as u64) >> 40) as i8
    }

    #[test]
    fn a_row_of_registers_steps_as_one_label_after_another_does() {
        let mut steps = [[0_i8; WIDTH]; WIDTH];
        for (from, row) in steps.iter_mut().enumerate() {
            row.iter_mut().enumerate().for_each(|(to, step)| *step = noise(from * WIDTH + to));
        }
        let moves = moves(&steps);
        let mut best = [FORBIDDEN; WIDTH];
        best[..LABELS].fill(0);
        for round in 1..500_usize {
            let (next, from) = step(&best, &moves);
            for to in 0..LABELS {
                let before = (0..LABELS).filter(|from| may_follow(*from, to));
                let score = |from: usize| i32::from(best[from]) + i32::from(steps[from][to]);
                let top = before.clone().map(score).max().unwrap_or_default();
                assert_eq!(i32::from(next[to]), top, "round {round}, label {to}");
                assert_eq!(before.clone().find(|from| score(*from) == top), Some(usize::from(from[to])));
            }
            // The widest sums that a token can have.
            let sums = |to: usize| i16::from(noise(round * 1000 + to)) * FEATURES_MAX as i16;
            let next: Vec<i16> = (0..LABELS).map(|to| next[to] + sums(to)).collect();
            let top = next.iter().copied().max().unwrap_or_default();
            best.iter_mut().zip(next).for_each(|(best, next)| *best = next - top);
        }
    }
}
