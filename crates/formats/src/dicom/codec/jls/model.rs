//! What errors of prediction are coded with: parameters of a scan, and statistics that follow the picture.

use super::super::bits::Bits;
use super::super::segments::word;

/// Contexts of regular samples. Source: T.87, A.3.4.
const CONTEXTS: usize = 365;

/// Parameters that a stream may set; zero stands for the default. Source: T.87, C.2.4.1.1.
#[derive(Default)]
pub(super) struct Preset {
    max: i64,
    thresholds: [i64; 3],
    reset: i64,
}

impl Preset {
    pub(super) fn of(segment: &[u8]) -> Result<Self, String> {
        let broken = "its preset parameters are broken";
        if segment.first() != Some(&1) {
            return Err("mapping tables and larger sizes of JPEG-LS are not decoded".to_owned());
        }
        let value = |at: usize| word(segment, 1 + 2 * at).map(|value| value as i64).ok_or(broken);
        Ok(Self { max: value(0)?, thresholds: [value(1)?, value(2)?, value(3)?], reset: value(4)? })
    }
}

/// Statistics of a context. Source: T.87, A.2.1.
#[derive(Clone, Copy)]
struct Context {
    /// Sum of the errors' sizes.
    size: i64,
    /// Sum of the errors, kept near zero by the correction.
    bias: i64,
    correction: i64,
    count: i64,
}

/// Statistics of the samples that end runs.
#[derive(Clone, Copy)]
struct RunContext {
    size: i64,
    count: i64,
    negative: i64,
}

/// A scan's parameters and statistics.
pub(super) struct Model {
    /// Largest sample.
    max: i64,
    /// How far a sample may be off.
    pub(super) near: i64,
    thresholds: [i64; 3],
    reset: i64,
    /// Different errors that are coded.
    range: i64,
    range_bits: u32,
    /// Bits of a code at most.
    limit: u32,
    contexts: [Context; CONTEXTS],
    runs: [RunContext; 2],
}

impl Model {
    /// Source: T.87, A.2.1 and C.2.4.1.1.
    pub(super) fn of(precision: u32, near: u8, preset: &Preset) -> Result<Self, String> {
        let top = (1 << precision) - 1;
        let max = if preset.max == 0 { top } else { preset.max };
        let near = i64::from(near);
        let thresholds = thresholds(max, near, preset.thresholds);
        let reset = if preset.reset == 0 { 64 } else { preset.reset };
        let ascend = near < thresholds[0] && thresholds[0] <= thresholds[1] && thresholds[1] <= thresholds[2];
        if max > top || near > max / 2 || thresholds[2] > max || !ascend || reset < 3 {
            return Err("its parameters are out of their ranges".to_owned());
        }
        let range = (max + 2 * near) / (2 * near + 1) + 1;
        let bits = bits_of(max).max(2);
        let size = ((range + 32) / 64).max(2);
        Ok(Self {
            max,
            near,
            thresholds,
            reset,
            range,
            range_bits: bits_of(range - 1),
            limit: 2 * (bits + bits.max(8)),
            contexts: [Context { size, bias: 0, correction: 0, count: 1 }; CONTEXTS],
            runs: [RunContext { size, count: 1, negative: 0 }; 2],
        })
    }

    /// A difference of neighbours in nine steps, -4 to 4. Source: T.87, A.3.3.
    fn step(&self, difference: i64) -> i64 {
        let [first, second, third] = self.thresholds;
        let size = difference.abs();
        let step = match size {
            _ if size <= self.near => 0,
            _ if size < first => 1,
            _ if size < second => 2,
            _ if size < third => 3,
            _ => 4,
        };
        step * difference.signum()
    }

    /// The sample between neighbours: left, above, above left, above right. Source: T.87, A.4 to A.6.
    pub(super) fn regular(
        &mut self,
        bits: &mut Bits<'_>,
        [left, above, corner, ahead]: [i64; 4],
    ) -> Result<i64, String> {
        let steps = [ahead - above, above - corner, corner - left].map(|difference| self.step(difference));
        let joined = 81 * steps[0] + 9 * steps[1] + steps[2];
        let sign = if joined < 0 { -1 } else { 1 };
        let (limit, range_bits, near, reset) = (self.limit, self.range_bits, self.near, self.reset);
        let max = self.max;
        let place = self.contexts.get_mut(joined.unsigned_abs() as usize);
        let context = place.ok_or("its data are broken")?;
        let (low, high) = (left.min(above), left.max(above));
        let predicted = match corner {
            _ if corner >= high => low,
            _ if corner <= low => high,
            _ => left + above - corner,
        };
        let predicted = (predicted + sign * context.correction).clamp(0, max);
        let parameter = parameter(context.count, context.size)?;
        let coded = golomb(bits, parameter, limit, range_bits)?;
        let mut error = if coded & 1 == 0 { coded >> 1 } else { -((coded + 1) >> 1) };
        if parameter == 0 && near == 0 && 2 * context.bias <= -context.count {
            error = -error - 1;
        }
        context.update(error, near, reset)?;
        Ok(self.restored(predicted, sign * error))
    }

    /// The sample that ends a run. `is_alone`: of a scan whose samples are not interleaved. Source: T.87, A.7.2.
    pub(super) fn after_run(
        &mut self,
        bits: &mut Bits<'_>,
        (left, above): (i64, i64),
        is_alone: bool,
        run_bits: u32,
    ) -> Result<i64, String> {
        let limit = self.limit.saturating_sub(run_bits + 1);
        if is_alone && (left - above).abs() <= self.near {
            let error = self.run_error(bits, 1, limit)?;
            return Ok(self.restored(left, error));
        }
        let error = self.run_error(bits, 0, limit)?;
        Ok(self.restored(above, if left > above { -error } else { error }))
    }

    fn run_error(&mut self, bits: &mut Bits<'_>, kind: i64, limit: u32) -> Result<i64, String> {
        let (range_bits, reset) = (self.range_bits, self.reset);
        let context = self.runs.get_mut(kind as usize).ok_or("its data are broken")?;
        let size = context.size + if kind == 1 { context.count >> 1 } else { 0 };
        let parameter = parameter(context.count, size)?;
        let coded = golomb(bits, parameter, limit, range_bits)?;
        let mapped = coded + kind;
        let is_odd = mapped & 1 == 1;
        let half = (mapped + 1) >> 1;
        let error =
            if (parameter != 0 || 2 * context.negative >= context.count) == is_odd { -half } else { half };
        context.negative += i64::from(error < 0);
        context.size += (coded + 1 - kind) >> 1;
        if context.count == reset {
            context.size >>= 1;
            context.count >>= 1;
            context.negative >>= 1;
        }
        context.count += 1;
        Ok(error)
    }

    /// A sample from what was predicted and by how much that is off, in steps. Source: T.87, A.4.5 and A.5.2.
    fn restored(&self, predicted: i64, error: i64) -> i64 {
        let step = 2 * self.near + 1;
        let value = predicted + error * step;
        let value = match value {
            _ if value < -self.near => value + self.range * step,
            _ if value > self.max + self.near => value - self.range * step,
            _ => value,
        };
        value.clamp(0, self.max)
    }
}

impl Context {
    /// Source: T.87, A.6.
    fn update(&mut self, error: i64, near: i64, reset: i64) -> Result<(), String> {
        if error.abs() > i64::from(u16::MAX) {
            return Err("its data are broken".to_owned());
        }
        self.bias += error * (2 * near + 1);
        self.size += error.abs();
        if self.count == reset {
            self.size >>= 1;
            self.bias >>= 1;
            self.count >>= 1;
        }
        self.count += 1;
        if self.bias <= -self.count {
            self.bias = (self.bias + self.count).max(1 - self.count);
            self.correction = (self.correction - 1).max(-128);
        } else if self.bias > 0 {
            self.bias = (self.bias - self.count).min(0);
            self.correction = (self.correction + 1).min(127);
        }
        Ok(())
    }
}

/// The thresholds of differences. Source: T.87, C.2.4.1.1.1.
fn thresholds(max: i64, near: i64, preset: [i64; 3]) -> [i64; 3] {
    let mut least = near + 1;
    let mut threshold = |base: i64, offset: i64, weight: i64, preset: i64| {
        let value = if max >= 128 {
            let factor = (max.min(4095) + 128) / 256;
            factor * (base - offset) + offset + weight * near
        } else {
            let factor = 256 / (max + 1);
            (base / factor).max(offset) + weight * near
        };
        let value = if value > max || value < least { least } else { value };
        least = if preset == 0 { value } else { preset };
        least
    };
    let [first, second, third] = preset;
    [threshold(3, 2, 3, first), threshold(7, 3, 5, second), threshold(21, 4, 7, third)]
}

/// Bits that a number takes.
fn bits_of(value: i64) -> u32 {
    64 - value.leading_zeros()
}

/// How many low bits of an error are written as they are. Source: T.87, A.5.1.
fn parameter(count: i64, size: i64) -> Result<u32, String> {
    (0..=24).find(|bits| count << bits >= size).ok_or_else(|| "its data are broken".to_owned())
}

/// A number in a Golomb code of limited length. Source: T.87, A.5.3.
fn golomb(bits: &mut Bits<'_>, parameter: u32, limit: u32, range_bits: u32) -> Result<i64, String> {
    let most = limit.saturating_sub(range_bits + 1);
    let high = bits.zeros(most)?;
    Ok(if high < most {
        i64::from(high) << parameter | i64::from(bits.take(parameter)?)
    } else {
        i64::from(bits.take(range_bits)?) + 1
    })
}
