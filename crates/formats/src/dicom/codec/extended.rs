//! JPEG frames of 12 bits: sequential, Huffman-coded, grey. Source: ITU-T T.81, process 4; PS3.5, A.4.1.

use std::f32::consts::{PI, SQRT_2};
use std::sync::LazyLock;

use super::Shape;
use super::bits::{Bits, Stuffing};
use super::segments::{DRI, EOI, SOS, Segments, word};

/// Extended sequential, Huffman.
const SOF1: u8 = 0xC1;
const DHT: u8 = 0xC4;
const DQT: u8 = 0xDB;

const PRECISION: u8 = 12;

/// Rows and columns of a block.
const SIDE: usize = 8;

/// Where the coefficients of a block stand. Source: T.81, A.3.6.
const ZIGZAG: [usize; SIDE * SIDE] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The samples of a frame of 12 bits, low byte first; `None` if it is of another kind.
pub(super) fn decode(bytes: &[u8], shape: Shape) -> Option<Result<Vec<u8>, String>> {
    let mut segments = Segments::of(bytes).ok()?;
    let mut tables = Tables::default();
    loop {
        match segments.next().ok()? {
            (SOF1, header) if header.first() == Some(&PRECISION) => {
                return Some(frame(header, shape).and_then(|table| tables.scan(segments, table, shape)));
            }
            (0xC0..=0xC3 | 0xC5..=0xCF | SOS | EOI, _) => return None,
            (marker, segment) => {
                if let Err(reason) = tables.take(marker, segment) {
                    return Some(Err(reason));
                }
            }
        }
    }
}

/// The number of the frame's quantisation table.
fn frame(header: &[u8], shape: Shape) -> Result<usize, String> {
    let short = "its header is too short";
    let (rows, columns) = (word(header, 1).ok_or(short)?, word(header, 3).ok_or(short)?);
    shape.is(columns, rows, usize::from(*header.get(5).ok_or(short)?))?;
    shape.holds(PRECISION.into())?;
    if shape.samples != 1 {
        return Err("colours of 12 bits are not decoded".to_owned());
    }
    Ok(usize::from(*header.get(8).ok_or(short)?))
}

/// What the segments before a scan set.
#[derive(Default)]
struct Tables {
    /// By their numbers, coefficients in the order in which they are coded.
    steps: [Option<[u16; SIDE * SIDE]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// Blocks after which prediction begins anew; 0 for never.
    interval: usize,
}

impl Tables {
    fn take(&mut self, marker: u8, segment: &[u8]) -> Result<(), String> {
        match marker {
            DQT => self.take_steps(segment).ok_or("a quantisation table is broken")?,
            DHT => self.take_codes(segment).ok_or("a Huffman table is broken")?,
            DRI => self.interval = word(segment, 0).ok_or("the restart interval is broken")?,
            _ => {}
        }
        Ok(())
    }

    /// Source: T.81, B.2.4.1.
    fn take_steps(&mut self, mut rest: &[u8]) -> Option<()> {
        while let Some((&head, tail)) = rest.split_first() {
            let slot = self.steps.get_mut(usize::from(head & 0x0F))?;
            let size = if head >> 4 == 0 { 1 } else { 2 };
            let (table, tail) = tail.split_at_checked(SIDE * SIDE * size)?;
            let mut steps = [0; SIDE * SIDE];
            for (step, bytes) in steps.iter_mut().zip(table.chunks_exact(size)) {
                *step = bytes.iter().fold(0, |value, byte| value << 8 | u16::from(*byte));
            }
            *slot = Some(steps);
            rest = tail;
        }
        Some(())
    }

    /// Source: T.81, B.2.4.2.
    fn take_codes(&mut self, mut rest: &[u8]) -> Option<()> {
        while let Some((&head, tail)) = rest.split_first() {
            let class = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = class.get_mut(usize::from(head & 0x0F))?;
            let (counts, tail) = tail.split_at_checked(16)?;
            let (symbols, tail) = tail.split_at_checked(counts.iter().copied().map(usize::from).sum())?;
            *slot = Some(Huffman::of(counts, symbols)?);
            rest = tail;
        }
        Some(())
    }

    /// Reads up to the scan and decodes it.
    fn scan(mut self, mut segments: Segments<'_>, table: usize, shape: Shape) -> Result<Vec<u8>, String> {
        let header = loop {
            match segments.next()? {
                (SOS, header) => break header,
                (EOI, _) => return Err("it has no scan".to_owned()),
                (marker, segment) => self.take(marker, segment)?,
            }
        };
        let (Some(1), Some(choice)) = (header.first(), header.get(2)) else {
            return Err("its scan header is broken".to_owned());
        };
        let missing = "a table is missing";
        let steps = self.steps.get(table).and_then(Option::as_ref).ok_or(missing)?;
        let dc = self.dc.get(usize::from(choice >> 4)).and_then(Option::as_ref).ok_or(missing)?;
        let ac = self.ac.get(usize::from(choice & 0x0F)).and_then(Option::as_ref).ok_or(missing)?;
        let (across, down) = (shape.columns.div_ceil(SIDE), shape.rows.div_ceil(SIDE));
        let mut picture = Picture { shape, samples: vec![0; shape.bytes()] };
        let interval = if self.interval == 0 { across * down } else { self.interval };
        let mut block = 0;
        while block < across * down {
            let mut bits = Bits::of(segments.coded(|next| next != 0), Stuffing::Byte);
            let mut last_dc = 0;
            for place in block..(block + interval).min(across * down) {
                let coefficients = coefficients(&mut bits, dc, ac, steps, &mut last_dc)?;
                picture.put(place % across, place / across, &samples(&coefficients));
            }
            block += interval;
            if block < across * down && !matches!(segments.next()?, (0xD0..=0xD7, _)) {
                return Err("a restart marker is missing".to_owned());
            }
        }
        Ok(picture.samples)
    }
}

/// A frame in the making.
struct Picture {
    shape: Shape,
    samples: Vec<u8>,
}

impl Picture {
    /// Puts a block in its place; what lies outside the frame is left out.
    fn put(&mut self, across: usize, down: usize, block: &[u16; SIDE * SIDE]) {
        let Shape { rows, columns, unit, .. } = self.shape;
        let height = SIDE.min(rows - down * SIDE);
        for (row, values) in block.chunks_exact(SIDE).take(height).enumerate() {
            let start = ((down * SIDE + row) * columns + across * SIDE) * unit;
            let end = start + SIDE.min(columns - across * SIDE) * unit;
            let places = self.samples.get_mut(start..end).unwrap_or_default();
            for (place, value) in places.chunks_exact_mut(unit).zip(values) {
                place.iter_mut().zip(value.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
            }
        }
    }
}

/// A Huffman code. Source: T.81, C and F.2.2.3.
struct Huffman {
    /// Of each length, from 1 bit on: the first value of 16 bits that begins with a longer code, and what a code and the place
    /// of its symbol differ by.
    lengths: [(u32, i32); 16],
    symbols: Vec<u8>,
}

impl Huffman {
    /// `None` if there are more codes of a length than there can be.
    fn of(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let mut lengths = [(0, 0); 16];
        let (mut code, mut place) = (0_i32, 0_i32);
        for (at, (slot, count)) in lengths.iter_mut().zip(counts).enumerate() {
            let first = code;
            code += i32::from(*count);
            if code > 2 << at {
                return None;
            }
            *slot = ((code as u32) << (15 - at), place - first);
            place += i32::from(*count);
            code <<= 1;
        }
        Some(Self { lengths, symbols: symbols.to_vec() })
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Result<u8, String> {
        let next = bits.peek();
        let found = self.lengths.iter().position(|(end, _)| u32::from(next) < *end);
        let length = found.ok_or("its data hold no code")?;
        let (_, difference) = self.lengths.get(length).copied().unwrap_or_default();
        let code = bits.take(length as u32 + 1)? as i32;
        let symbol = usize::try_from(code + difference).ok().and_then(|place| self.symbols.get(place));
        symbol.copied().ok_or_else(|| "its data hold no code".to_owned())
    }
}

/// The coefficients of one block, in rows, multiplied by their steps. Source: T.81, F.2.2.1 and F.2.2.2.
fn coefficients(
    bits: &mut Bits<'_>,
    dc: &Huffman,
    ac: &Huffman,
    steps: &[u16; SIDE * SIDE],
    last_dc: &mut i32,
) -> Result<[f32; SIDE * SIDE], String> {
    let mut block = [0.0; SIDE * SIDE];
    let mut put = |at: usize, value: i32| {
        let place = ZIGZAG.get(at).and_then(|place| block.get_mut(*place));
        let (Some(slot), Some(step)) = (place, steps.get(at)) else {
            return Err("a block has too many coefficients".to_owned());
        };
        *slot = value as f32 * f32::from(*step);
        Ok(())
    };
    let size = dc.symbol(bits)?;
    // What is added up of a broken stream may be any number.
    *last_dc = last_dc.wrapping_add(signed(bits, size)?);
    put(0, *last_dc)?;
    let mut at = 1;
    while at < SIDE * SIDE {
        let symbol = ac.symbol(bits)?;
        let (zeros, size) = (usize::from(symbol >> 4), symbol & 0x0F);
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => break,
            _ => {
                at += zeros;
                put(at, signed(bits, size)?)?;
                at += 1;
            }
        }
    }
    Ok(block)
}

/// A number of so many bits; one that begins with a zero is negative. Source: T.81, F.2.2.1.
fn signed(bits: &mut Bits<'_>, size: u8) -> Result<i32, String> {
    if size > 15 {
        return Err("a coefficient has too many bits".to_owned());
    }
    let value = bits.take(size.into())? as i32;
    let is_negative = size > 0 && value >> (size - 1) == 0;
    Ok(if is_negative { value - (1 << size) + 1 } else { value })
}

/// The inverse cosine transform, rows, then columns. Source: T.81, A.3.3.
fn samples(coefficients: &[f32; SIDE * SIDE]) -> [u16; SIDE * SIDE] {
    let rows = turned(&transformed(coefficients));
    let block = turned(&transformed(&rows));
    let half = f32::from(1_u16 << (PRECISION - 1));
    block.map(|value| (value + half).round().clamp(0.0, 2.0 * half - 1.0) as u16)
}

fn transformed(block: &[f32; SIDE * SIDE]) -> [f32; SIDE * SIDE] {
    let mut out = [0.0; SIDE * SIDE];
    for (row, values) in out.chunks_exact_mut(SIDE).zip(block.chunks_exact(SIDE)) {
        for (value, wave) in values.iter().zip(&*WAVES) {
            row.iter_mut().zip(wave).for_each(|(sum, height)| *sum += value * height);
        }
    }
    out
}

/// Of each frequency its wave at the eight places.
static WAVES: LazyLock<[[f32; SIDE]; SIDE]> = LazyLock::new(|| {
    let wave = |frequency: usize, place: usize| {
        let scale = if frequency == 0 { SQRT_2 / 4.0 } else { 0.5 };
        scale * (((2 * place + 1) * frequency) as f32 * PI / 16.0).cos()
    };
    std::array::from_fn(|frequency| std::array::from_fn(|place| wave(frequency, place)))
});

fn turned(block: &[f32; SIDE * SIDE]) -> [f32; SIDE * SIDE] {
    std::array::from_fn(|at| block.get(at % SIDE * SIDE + at / SIDE).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written by libjpeg-turbo, at quality 95, from the values that `sample` gives.
    const GREY_12: &[u8] = include_bytes!("../../../tests/jpeg/grey12.jpg");

    const GREY: Shape = Shape { rows: 29, columns: 37, samples: 1, unit: 2, is_rgb: false };

    fn sample(x: usize, y: usize) -> f32 {
        2048.0 + 1500.0 * (x as f32 / 5.0).sin() * (y as f32 / 4.0).cos()
    }

    #[test]
    fn samples_are_near_those_that_were_written() {
        let decoded = decode(GREY_12, GREY).unwrap().unwrap();
        assert_eq!(decoded.len(), GREY.bytes());
        for (at, value) in decoded.chunks_exact(2).enumerate() {
            let value = f32::from(u16::from_le_bytes([value[0], value[1]]));
            let wanted = sample(at % GREY.columns, at / GREY.columns);
            assert!((value - wanted).abs() < 12.0, "{at}: {value}, not {wanted}");
        }
    }

    #[test]
    fn what_is_not_of_12_bits_is_left_to_others() {
        let mut other = GREY_12.to_vec();
        let header = other.windows(2).position(|pair| pair == [0xFF, SOF1]).unwrap();
        other[header + 4] = 8;
        assert!(decode(&other, GREY).is_none());
        assert!(decode(b"GIF89a", GREY).is_none());
    }

    #[test]
    fn frames_that_do_not_fit_the_attributes_are_refused() {
        for shape in [Shape { rows: 28, ..GREY }, Shape { samples: 3, ..GREY }, Shape { unit: 1, ..GREY }] {
            assert!(decode(GREY_12, shape).unwrap().is_err());
        }
    }

    #[test]
    fn broken_streams_are_refused_or_decoded_in_size() {
        let fits = |outcome: Option<Result<Vec<u8>, String>>| {
            outcome.is_none_or(|outcome| outcome.map_or(true, |bytes| bytes.len() == GREY.bytes()))
        };
        for length in 0..GREY_12.len() {
            assert!(fits(decode(&GREY_12[..length], GREY)), "{length} bytes");
        }
        for at in 0..GREY_12.len() {
            for bit in [1, 7] {
                let mut broken = GREY_12.to_vec();
                broken[at] ^= 1 << bit;
                assert!(fits(decode(&broken, GREY)), "byte {at}, bit {bit}");
            }
        }
    }
}
