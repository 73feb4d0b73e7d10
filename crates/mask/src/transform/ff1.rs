//! FF1: format-preserving encryption of a string of numerals.
//!
//! Not here: what the numerals stand for. [`IdCipher`](super::IdCipher) turns ids of any format into numerals.
//!
//! Source: NIST SP 800-38G, 4.5 and 5.1, algorithms 7 and 8.

use crate::Keys;

const ROUNDS: u8 = 10;

/// Longer strings are refused: no id is that long, and the work grows with the square of the length.
pub(super) const NUMERALS_MAX: usize = 256;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Encrypt,
    Decrypt,
}

/// Encrypts or decrypts numerals of `radix` (2 to 65,536) under the block cipher of `keys`. `None` where there are fewer than
/// two or more than [`NUMERALS_MAX`] of them, where one is not below the radix, and where `radix` to their number is below a
/// million (the least that revision 1 of the standard allows).
pub(super) fn apply(
    keys: &dyn Keys,
    direction: Direction,
    radix: u32,
    tweak: &[u8],
    numerals: &[u32],
) -> Option<Vec<u32>> {
    let length = numerals.len();
    let is_large_enough = f64::from(radix).powf(length as f64) >= 1e6;
    if !(2..=65_536).contains(&radix)
        || !(2..=NUMERALS_MAX).contains(&length)
        || !is_large_enough
        || numerals.iter().any(|numeral| *numeral >= radix)
    {
        return None;
    }
    let half = length / 2;
    let (left, right) = numerals.split_at_checked(half)?;
    let (mut left, mut right) = (left.to_vec(), right.to_vec());
    let round = Round::new(radix, tweak, length)?;
    for number in 0..ROUNDS {
        let number = if direction == Direction::Encrypt { number } else { ROUNDS - 1 - number };
        let width = if number % 2 == 0 { half } else { length - half };
        match direction {
            Direction::Encrypt => {
                let mask = round.output(keys, number, &right, width);
                let sum = add(&left, &mask, radix);
                left = std::mem::replace(&mut right, sum);
            }
            Direction::Decrypt => {
                let mask = round.output(keys, number, &left, width);
                let difference = subtract(&right, &mask, radix);
                right = std::mem::replace(&mut left, difference);
            }
        }
    }
    left.extend(right);
    Some(left)
}

/// What is the same in every round.
struct Round<'a> {
    radix: u32,
    tweak: &'a [u8],
    /// `P` of the standard.
    prefix: [u8; 16],
    /// `b`: bytes that hold half of the numerals.
    half_bytes: usize,
    /// `d`: bytes of pseudorandom output.
    output_bytes: usize,
}

impl<'a> Round<'a> {
    fn new(radix: u32, tweak: &'a [u8], length: usize) -> Option<Self> {
        let longer_half = length - length / 2;
        let half_bytes = bits(radix, longer_half).div_ceil(8);
        let [_, r1, r2, r3] = radix.to_be_bytes();
        let [n0, n1, n2, n3] = u32::try_from(length).ok()?.to_be_bytes();
        let [t0, t1, t2, t3] = u32::try_from(tweak.len()).ok()?.to_be_bytes();
        let u = u8::try_from((length / 2) % 256).ok()?;
        let prefix = [1, 2, 1, r1, r2, r3, 10, u, n0, n1, n2, n3, t0, t1, t2, t3];
        Some(Self { radix, tweak, prefix, half_bytes, output_bytes: 4 * half_bytes.div_ceil(4) + 4 })
    }

    /// `y mod radix^width` of the standard, as `width` numerals.
    fn output(&self, keys: &dyn Keys, number: u8, numerals: &[u32], width: usize) -> Vec<u32> {
        // Q: tweak, zeroes up to a whole block, round number, the numerals as a number.
        let tail = self.half_bytes + 1;
        let zeroes = (16 - (self.tweak.len() + tail) % 16) % 16;
        let mut input = self.prefix.to_vec();
        input.extend(self.tweak);
        input.resize(input.len() + zeroes, 0);
        input.push(number);
        input.extend(to_bytes(numerals, self.radix, self.half_bytes));

        let state = input.chunks_exact(16).fold([0_u8; 16], |state, block| {
            let mut block = block.iter();
            keys.block(state.map(|byte| byte ^ block.next().copied().unwrap_or(0)))
        });
        let mut output = state.to_vec();
        let mut counter = 1_u128;
        while output.len() < self.output_bytes {
            output.extend(keys.block((u128::from_be_bytes(state) ^ counter).to_be_bytes()));
            counter += 1;
        }
        output.truncate(self.output_bytes);
        from_bytes(&output, self.radix, width)
    }
}

/// `ceil(count * log2(radix))`, exact for powers of two.
fn bits(radix: u32, count: usize) -> usize {
    let mut bytes = vec![0_u8];
    // radix^count - 1, written as bytes, has that many bits.
    for _ in 0..count {
        let mut carry = radix - 1;
        for byte in bytes.iter_mut().rev() {
            let value = u32::from(*byte) * radix + carry;
            *byte = (value & 0xff) as u8;
            carry = value >> 8;
        }
        while carry > 0 {
            bytes.insert(0, (carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    let leading = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let first = bytes.get(leading).map_or(0, |byte| 8 - byte.leading_zeros() as usize);
    (bytes.len() - leading).saturating_sub(1) * 8 + first
}

/// Numerals, most significant first, as a number of so many bytes.
fn to_bytes(numerals: &[u32], radix: u32, width: usize) -> Vec<u8> {
    let mut bytes = vec![0_u8; width];
    for numeral in numerals {
        let mut carry = *numeral;
        for byte in bytes.iter_mut().rev() {
            let value = u32::from(*byte) * radix + carry;
            *byte = (value & 0xff) as u8;
            carry = value >> 8;
        }
    }
    bytes
}

/// A number in bytes as its last `width` numerals.
pub(super) fn from_bytes(bytes: &[u8], radix: u32, width: usize) -> Vec<u32> {
    let mut numerals = vec![0_u32; width];
    for byte in bytes {
        let mut carry = u64::from(*byte);
        for numeral in numerals.iter_mut().rev() {
            let value = u64::from(*numeral) * 256 + carry;
            // The remainder is below the radix, which fits.
            *numeral = u32::try_from(value % u64::from(radix)).unwrap_or(0);
            carry = value / u64::from(radix);
        }
    }
    numerals
}

fn add(left: &[u32], right: &[u32], radix: u32) -> Vec<u32> {
    let mut carry = 0;
    let mut sum: Vec<u32> = left
        .iter()
        .rev()
        .zip(right.iter().rev())
        .map(|(left, right)| {
            let value = left + right + carry;
            carry = value / radix;
            value % radix
        })
        .collect();
    sum.reverse();
    sum
}

fn subtract(left: &[u32], right: &[u32], radix: u32) -> Vec<u32> {
    let mut borrow = 0;
    let mut difference: Vec<u32> = left
        .iter()
        .rev()
        .zip(right.iter().rev())
        .map(|(left, right)| {
            let value = radix + left - right - borrow;
            borrow = u32::from(value < radix);
            value % radix
        })
        .collect();
    difference.reverse();
    difference
}
