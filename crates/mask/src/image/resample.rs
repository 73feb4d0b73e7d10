//! An upright part of a picture in another size: the mean of points, each between pixels by linear interpolation, as
//! [`Raster::sample`] gives them; row by row and then column by column, which is a fraction of the work.

use super::raster::Raster;

/// Which pixels, and how much of each, make the rows or columns of the result.
pub(super) struct Axis {
    /// As many for each.
    taps: Vec<(usize, f32)>,
    each: usize,
}

impl Axis {
    /// `count` rows or columns of `step` pixels each from `start` on, of a picture of `length`; `points` are taken of each.
    pub(super) fn new(start: f32, step: f32, count: usize, points: usize, length: u32) -> Self {
        let last = length.saturating_sub(1) as usize;
        let points_of = |at: usize| (0..points).map(move |i| at as f32 + (i as f32 + 0.5) / points as f32);
        let taps = (0..count).flat_map(points_of).flat_map(|place| {
            // Pixels' centres lie at halves; beyond the picture its edge goes on.
            let place = (start + place * step - 0.5).max(0.0);
            let share = place.fract() / points as f32;
            let first = place as usize;
            [(first.min(last), 1.0 / points as f32 - share), ((first + 1).min(last), share)]
        });
        Self { taps: taps.collect(), each: 2 * points }
    }

    fn span(&self) -> std::ops::Range<usize> {
        let places = || self.taps.iter().map(|(place, _)| *place);
        places().min().unwrap_or(0)..places().max().map_or(0, |last| last + 1)
    }
}

/// Gives each pixel of the result: its row, its column and its colour.
pub(super) fn resample(
    raster: &Raster,
    down: &Axis,
    across: &Axis,
    mut give: impl FnMut(usize, usize, [f32; 3]),
) {
    let channels = raster.channels();
    let span = across.span();
    let mut line = vec![0.0_f32; span.len() * channels];
    for (row, taps) in down.taps.chunks_exact(down.each).enumerate() {
        line.fill(0.0);
        for (from, share) in taps.iter().filter(|(_, share)| *share > 0.0) {
            for (sum, value) in line.iter_mut().zip(raster.row(*from, &span)) {
                *sum += share * f32::from(*value);
            }
        }
        for (column, taps) in across.taps.chunks_exact(across.each).enumerate() {
            let sum = |channel: usize| {
                let part = |(from, share): &(usize, f32)| {
                    let value = line.get((from - span.start) * channels + channel);
                    share * value.copied().unwrap_or_default()
                };
                taps.iter().map(part).sum::<f32>()
            };
            let colour = if channels == 1 { [sum(0); 3] } else { [sum(0), sum(1), sum(2)] };
            give(row, column, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_their_points_give() {
        let pixels = |count: usize| (0..count).map(|at| (at * 37 % 251) as u8).collect::<Vec<u8>>();
        for raster in [Raster::grey(40, 30, pixels(1200)), Raster::rgb(40, 30, pixels(3600))] {
            let raster = raster.unwrap();
            for (start, step, points) in [(3.25, 0.5, 1), (-2.0, 1.0, 1), (10.0, 2.7, 3), (30.0, 1.5, 2)] {
                let (down, across) =
                    (Axis::new(start, step, 12, points, 30), Axis::new(start + 1.0, step, 9, points, 40));
                let mut count = 0;
                resample(&raster, &down, &across, |row, column, colour| {
                    count += 1;
                    let mut expected = [0.0; 3];
                    for (i, j) in (0..points).flat_map(|i| (0..points).map(move |j| (i, j))) {
                        let place =
                            |at: usize, i: usize| (at as f32 + (i as f32 + 0.5) / points as f32) * step;
                        let (x, y) = (start + 1.0 + place(column, i), start + place(row, j));
                        for (sum, value) in expected.iter_mut().zip(raster.sample(x, y)) {
                            *sum += value / (points * points) as f32;
                        }
                    }
                    for (found, expected) in colour.into_iter().zip(expected) {
                        assert!((found - expected).abs() < 0.01, "{found} for {expected} at {row}, {column}");
                    }
                });
                assert_eq!(count, 108);
            }
        }
    }
}
