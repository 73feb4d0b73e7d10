//! The averaged structured perceptron (Collins 2002) with a margin: a token of an entity has to win by more than a token of
//! nothing, because a name that is missed costs more than a word that is hidden.

use mask::tagger::{BUCKETS, LABELS, Model, encode};

use super::draw::Draw;
use super::texts::Text;

/// By how much an entity has to beat "nothing".
const MISS_COST: f32 = 14.0;

/// By how much "nothing" has to beat an entity.
const FALSE_COST: f32 = 12.0;

/// The margin over "nothing" at which a finding is as likely one as none. Chosen where the sets that nobody trained on lose
/// more by what is wrongly found than by what is missed.
const DOUBT: f32 = 28.0;

/// Tokens of entities that are learnt as if no list had them, of a hundred.
const FORGET_PERCENT: usize = 12;

/// Features that are left out of each token as it is taken in, of a hundred, so that no few of them decide alone.
const DROP_PERCENT: usize = 45;

struct Example {
    /// Rows of all tokens, one token after the other.
    features: Vec<u32>,
    /// Where the rows of each token end.
    ends: Vec<u32>,
    labels: Vec<u8>,
}

impl Example {
    fn rows(&self, index: usize) -> &[u32] {
        let end = |at: usize| self.ends.get(at).map_or(0, |end| *end as usize);
        let start = index.checked_sub(1).map_or(0, end);
        self.features.get(start..end(index)).unwrap_or_default()
    }
}

/// Weights in training, with their sums over time.
pub(super) struct Learner {
    examples: Vec<Example>,
    weights: Vec<[f32; LABELS]>,
    totals: Vec<[f64; LABELS]>,
    steps: [[f32; LABELS]; LABELS],
    step_totals: [[f64; LABELS]; LABELS],
    clock: f64,
}

impl Default for Learner {
    fn default() -> Self {
        Self {
            examples: Vec::new(),
            weights: vec![[0.0; LABELS]; BUCKETS],
            totals: vec![[0.0; LABELS]; BUCKETS],
            steps: [[0.0; LABELS]; LABELS],
            step_totals: [[0.0; LABELS]; LABELS],
            clock: 1.0,
        }
    }
}

impl Learner {
    /// Takes a text in; returns its count of tokens.
    pub(super) fn take(&mut self, text: &Text, draw: &mut Draw) -> usize {
        let entity = |range: &std::ops::Range<usize>| {
            text.spans.iter().find(|(span, _)| span.start < range.end && range.start < span.end)
        };
        let mut forgotten = Vec::new();
        for (span, _) in &text.spans {
            if draw.percent(FORGET_PERCENT) {
                forgotten.push(span.clone());
            }
        }
        let encoded = encode(&text.text, |range| {
            forgotten.iter().any(|span| span.start <= range.start && range.end <= span.end)
        });
        let mut example = Example { features: Vec::new(), ends: Vec::new(), labels: Vec::new() };
        let mut before = usize::MAX;
        for (range, rows) in encoded.ranges.iter().zip(&encoded.features) {
            example.features.extend(rows.iter().filter(|_| !draw.percent(DROP_PERCENT)));
            example.ends.push(example.features.len() as u32);
            let label = entity(range).map_or(0, |(span, class)| {
                let further = before == span.start;
                before = span.start;
                1 + 2 * class + usize::from(further)
            });
            if label == 0 {
                before = usize::MAX;
            }
            example.labels.push(label as u8);
        }
        let count = example.labels.len();
        if count > 0 {
            self.examples.push(example);
        }
        count
    }

    /// Goes through all texts once in a new order; returns the share of tokens that were wrong.
    pub(super) fn epoch(&mut self, draw: &mut Draw) -> f64 {
        let mut examples = std::mem::take(&mut self.examples);
        draw.shuffle(&mut examples);
        let (mut wrong, mut all) = (0, 0);
        for example in &examples {
            let path = self.decode(example);
            wrong += path.iter().zip(&example.labels).filter(|(a, b)| a != b).count();
            all += path.len();
            if path != example.labels {
                self.update(example, &path);
            }
            self.clock += 1.0;
        }
        self.examples = examples;
        wrong as f64 / all.max(1) as f64
    }

    /// The best row of labels if every wrong one had a bonus of its cost.
    fn decode(&self, example: &Example) -> Vec<u8> {
        let count = example.labels.len();
        let mut back = Vec::with_capacity(count);
        let mut best = [f32::MIN / 4.0; LABELS];
        for index in 0..count {
            let mut sums = [0.0_f32; LABELS];
            for row in example.rows(index) {
                if let Some(weights) = self.weights.get(*row as usize) {
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
                }
            }
            let gold = example.labels.get(index).map_or(0, |label| usize::from(*label));
            for (label, sum) in sums.iter_mut().enumerate().filter(|(label, _)| *label != gold) {
                *sum += if gold != 0 && label == 0 {
                    MISS_COST
                } else if gold == 0 {
                    FALSE_COST
                } else {
                    FALSE_COST / 2.0
                };
            }
            let mut next = [f32::MIN / 4.0; LABELS];
            let mut from = [0_u8; LABELS];
            for to in 0..LABELS {
                let mut top = (f32::MIN / 4.0, 0);
                for (label, (score, steps)) in best.iter().zip(&self.steps).enumerate() {
                    let start = index == 0;
                    let score = if start { 0.0 } else { score + steps.get(to).copied().unwrap_or_default() };
                    let allowed =
                        if start { label == 0 && (to == 0 || to % 2 == 1) } else { may_follow(label, to) };
                    if allowed && score > top.0 {
                        top = (score, label as u8);
                    }
                }
                if let (Some(next), Some(from), Some(sum)) =
                    (next.get_mut(to), from.get_mut(to), sums.get(to))
                {
                    (*next, *from) = (top.0 + sum, top.1);
                }
            }
            best = next;
            back.push(from);
        }
        let mut label =
            best.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(label, _)| label);
        let mut path = Vec::with_capacity(count);
        for from in back.iter().rev() {
            path.push(label as u8);
            label = from.get(label).map_or(0, |label| usize::from(*label));
        }
        path.reverse();
        path
    }

    /// Towards the marked labels, away from those decoded.
    fn update(&mut self, example: &Example, path: &[u8]) {
        for (index, (gold, got)) in example.labels.iter().zip(path).enumerate() {
            let (gold, got) = (usize::from(*gold), usize::from(*got));
            if gold != got {
                for row in example.rows(index) {
                    self.add(*row as usize, gold, 1.0);
                    self.add(*row as usize, got, -1.0);
                }
            }
            let Some(back) = index.checked_sub(1) else { continue };
            let at = |labels: &[u8]| labels.get(back).map_or(0, |label| usize::from(*label));
            let (gold_before, got_before) = (at(&example.labels), at(path));
            if (gold_before, gold) != (got_before, got) {
                self.add_step(gold_before, gold, 1.0);
                self.add_step(got_before, got, -1.0);
            }
        }
    }

    fn add(&mut self, row: usize, label: usize, by: f32) {
        if let (Some(weight), Some(total)) = (
            self.weights.get_mut(row).and_then(|row| row.get_mut(label)),
            self.totals.get_mut(row).and_then(|row| row.get_mut(label)),
        ) {
            *weight += by;
            *total += self.clock * f64::from(by);
        }
    }

    fn add_step(&mut self, from: usize, to: usize, by: f32) {
        if let (Some(weight), Some(total)) = (
            self.steps.get_mut(from).and_then(|row| row.get_mut(to)),
            self.step_totals.get_mut(from).and_then(|row| row.get_mut(to)),
        ) {
            *weight += by;
            *total += self.clock * f64::from(by);
        }
    }

    /// The averaged weights in signed bytes.
    pub(super) fn model(&self) -> Model {
        let average = |weights: &[f32; LABELS], totals: &[f64; LABELS]| {
            let mut row = [0.0_f32; LABELS];
            for ((out, weight), total) in row.iter_mut().zip(weights).zip(totals) {
                *out = *weight - (total / self.clock) as f32;
            }
            row
        };
        let rows: Vec<[f32; LABELS]> =
            self.weights.iter().zip(&self.totals).map(|(w, t)| average(w, t)).collect();
        let mut steps = [[0.0; LABELS]; LABELS];
        for ((out, weights), totals) in steps.iter_mut().zip(&self.steps).zip(&self.step_totals) {
            *out = average(weights, totals);
        }
        // Nearly all weights keep their ratio; the few largest are cut.
        let mut sizes: Vec<f32> =
            rows.iter().flatten().map(|weight| weight.abs()).filter(|size| *size > 0.01).collect();
        sizes.sort_by(f32::total_cmp);
        let largest = sizes.get(sizes.len().saturating_sub(1 + sizes.len() / 2000)).copied().unwrap_or(1.0);
        let unit = 127.0 / largest.max(1e-6);
        let byte = |weight: f32| (weight * unit).round().clamp(-127.0, 127.0) as i8;
        let bytes: Vec<[i8; LABELS]> = rows.iter().map(|row| row.map(byte)).collect();
        let step_bytes = steps.map(|row| row.map(byte));
        println!("one unit of margin is {unit:.2} of the weights' bytes");
        Model::new(&bytes, &step_bytes, unit * DOUBT)
    }
}

fn may_follow(from: usize, to: usize) -> bool {
    to == 0 || to % 2 == 1 || from == to || from + 1 == to
}
