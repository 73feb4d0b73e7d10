//! The frames of an image: decoded, filled, put back uncompressed.

use super::codec::{self, Shape};
use super::model::{Element, File, Value};
use super::{DicomError, Syntax, Tag, Vr};

pub(super) const ROWS: Tag = Tag::new(0x0028, 0x0010);
pub(super) const COLUMNS: Tag = Tag::new(0x0028, 0x0011);
const SAMPLES: Tag = Tag::new(0x0028, 0x0002);
const PHOTOMETRIC: Tag = Tag::new(0x0028, 0x0004);
const PLANAR: Tag = Tag::new(0x0028, 0x0006);
const FRAMES: Tag = Tag::new(0x0028, 0x0008);
pub(super) const BITS_ALLOCATED: Tag = Tag::new(0x0028, 0x0100);
const BITS_STORED: Tag = Tag::new(0x0028, 0x0101);
const HIGH_BIT: Tag = Tag::new(0x0028, 0x0102);
const IS_SIGNED: Tag = Tag::new(0x0028, 0x0103);
pub(super) const PIXELS: Tag = Tag::new(0x7FE0, 0x0010);

/// Bounds of decoding.
#[derive(Clone, Copy, Debug)]
pub struct PixelLimits {
    /// Bytes of all frames.
    pub bytes_max: u64,
    /// Frames.
    pub frames_max: usize,
}

impl Default for PixelLimits {
    /// 1 GiB, 20,000 frames.
    fn default() -> Self {
        Self { bytes_max: 1 << 30, frames_max: 20_000 }
    }
}

/// Decoded frames.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Samples of a pixel, side by side: 1, or 3 (red, green, blue).
    pub(super) samples: usize,
    /// Bytes of a sample: 1, 2 or 4.
    pub(super) unit: usize,
    pub(super) bits_stored: u32,
    pub(super) is_signed: bool,
    /// Whether the file keeps eight samples in a byte, as segmentations do. A sample has a byte here all the same.
    is_packed: bool,
    pub(super) photometric: String,
    pub(super) frames: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Pixels {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, columns, samples, unit, photometric, frames, .. } = self;
        write!(out, "{columns} x {rows} x {samples}, {unit} bytes, {photometric}, {} frames", frames.len())
    }
}

impl Pixels {
    /// Decodes the pixels of a file; `None` if it has none.
    ///
    /// Uncompressed, deflated, RLE, JPEG (baseline, extended of 12 bits where grey, lossless process 14), JPEG-LS and JPEG 2000 are
    /// decoded. Bits above those stored are cleared: old overlays are kept there. YBR colours become RGB.
    ///
    /// # Errors
    /// [`DicomError::Attribute`], [`DicomError::Frame`], [`DicomError::TooLarge`].
    pub fn of(file: &File, limits: &PixelLimits) -> Result<Option<Self>, DicomError> {
        let data = &file.data;
        let Some(element) = data.get(PIXELS) else { return Ok(None) };
        let need =
            |tag: Tag| data.number(tag).filter(|number| *number > 0).ok_or(DicomError::Attribute { tag });
        let (rows, columns) = (usize::from(need(ROWS)?), usize::from(need(COLUMNS)?));
        let samples = usize::from(data.number(SAMPLES).unwrap_or(1));
        let bits_allocated = need(BITS_ALLOCATED)?;
        let bits_stored = u32::from(data.number(BITS_STORED).unwrap_or(bits_allocated));
        let is_packed = bits_allocated == 1;
        let unit = usize::from(bits_allocated.div_ceil(8));
        let photometric = data.text(PHOTOMETRIC).unwrap_or_else(|| "MONOCHROME2".to_owned());
        if !matches!(samples, 1 | 3) {
            return Err(DicomError::Attribute { tag: SAMPLES });
        }
        if !matches!(bits_allocated, 1 | 8 | 16 | 32) || is_packed && samples != 1 {
            return Err(DicomError::Attribute { tag: BITS_ALLOCATED });
        }
        if samples == 3 && unit != 1 && photometric != "RGB" {
            return Err(DicomError::Attribute { tag: PHOTOMETRIC });
        }
        if bits_stored == 0 || bits_stored > u32::from(bits_allocated) {
            return Err(DicomError::Attribute { tag: BITS_STORED });
        }
        let high_bit = u32::from(data.number(HIGH_BIT).unwrap_or(0));
        if data.get(HIGH_BIT).is_some() && high_bit + 1 != bits_stored {
            return Err(DicomError::Attribute { tag: HIGH_BIT }); // no image of today has it; its samples would be misread
        }
        let count =
            data.text(FRAMES).filter(|text| !text.is_empty()).map_or(Some(1), |text| text.parse().ok());
        let count: usize = count.filter(|count| *count > 0).ok_or(DicomError::Attribute { tag: FRAMES })?;
        let frame_bytes = rows * columns * samples * unit;
        let bytes = (frame_bytes as u64).saturating_mul(count as u64);
        if bytes > limits.bytes_max || count > limits.frames_max {
            return Err(DicomError::TooLarge { bytes, bytes_max: limits.bytes_max });
        }
        let mut pixels = Self {
            rows,
            columns,
            samples,
            unit,
            bits_stored,
            is_signed: data.number(IS_SIGNED) == Some(1),
            is_packed,
            photometric,
            frames: Vec::new(),
        };
        match &element.value {
            Value::Bytes(bytes) if is_packed => pixels.take_packed(bytes, count)?,
            Value::Bytes(bytes) => pixels.take_native(bytes, count, data.number(PLANAR) == Some(1))?,
            Value::Fragments(fragments) => pixels.take_fragments(fragments, count, &file.syntax)?,
            Value::Items(_) => return Err(DicomError::Attribute { tag: PIXELS }),
        }
        pixels.normalise();
        Ok(Some(pixels))
    }

    /// Rows of a frame.
    pub fn rows(&self) -> u32 {
        self.rows as u32
    }

    /// Columns of a frame.
    pub fn columns(&self) -> u32 {
        self.columns as u32
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    fn shape(&self) -> Shape {
        let Self { rows, columns, samples, unit, .. } = *self;
        Shape { rows, columns, samples, unit, is_rgb: self.photometric == "RGB" }
    }

    /// Samples of one bit, the lowest bit of a byte first; frames follow each other without a gap. Source: PS3.5, 8.1.1.
    fn take_packed(&mut self, bytes: &[u8], count: usize) -> Result<(), DicomError> {
        let size = self.shape().bytes();
        let bytes = bytes.get(..(count * size).div_ceil(8)).ok_or_else(|| DicomError::Frame {
            frame: 0,
            reason: "the pixel data is too short".to_owned(),
        })?;
        let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).map(move |at| byte >> at & 1)).collect();
        self.frames = bits.chunks_exact(size).take(count).map(<[u8]>::to_vec).collect();
        Ok(())
    }

    fn take_native(&mut self, bytes: &[u8], count: usize, is_planar: bool) -> Result<(), DicomError> {
        let is_halved = self.photometric == "YBR_FULL_422";
        let size = if is_halved { self.rows * self.columns * 2 } else { self.shape().bytes() };
        for frame in 0..count {
            let part = bytes.get(frame * size..(frame + 1) * size).ok_or_else(|| DicomError::Frame {
                frame,
                reason: "the pixel data is too short".to_owned(),
            })?;
            let mut part = if is_halved { widened(part) } else { part.to_vec() };
            if is_planar && self.samples == 3 && !is_halved {
                part = interleaved(&part, self.unit);
            }
            self.frames.push(part);
        }
        if self.samples == 3 && self.photometric.starts_with("YBR_FULL") {
            self.frames.iter_mut().for_each(|frame| ybr_to_rgb(frame));
        }
        Ok(())
    }

    fn take_fragments(
        &mut self,
        fragments: &[Vec<u8>],
        count: usize,
        syntax: &Syntax,
    ) -> Result<(), DicomError> {
        let parts = fragments.get(1..).unwrap_or_default(); // the first is the table of offsets
        let is_rle = syntax.uid == Syntax::RLE;
        // The other compressions transform colours themselves.
        let keeps_colours = is_rle || Syntax::JPEG_LS.contains(&syntax.uid.as_str());
        let frames = frames_of(parts, count, is_rle).ok_or_else(|| DicomError::Frame {
            frame: 0,
            reason: "fragments do not fit the frames".to_owned(),
        })?;
        for (frame, bytes) in frames.iter().enumerate() {
            let decoded = codec::decode(bytes, syntax, self.shape());
            let mut decoded = decoded.map_err(|reason| DicomError::Frame { frame, reason })?;
            if keeps_colours && self.samples == 3 && self.photometric.starts_with("YBR_FULL") {
                ybr_to_rgb(&mut decoded);
            }
            self.frames.push(decoded);
        }
        Ok(())
    }

    /// Clears what stands above the stored bits, and names the colours that are there now.
    fn normalise(&mut self) {
        if self.samples == 3 {
            self.photometric = "RGB".to_owned();
        }
        if self.bits_stored as usize == self.unit * 8 {
            return;
        }
        for index in 0..self.frames.len() {
            let values: Vec<i64> = self.values(index).collect();
            self.set_values(index, &values);
        }
    }

    /// The samples of a frame; what is signed is carried on above the stored bits.
    pub(super) fn values(&self, frame: usize) -> impl Iterator<Item = i64> + '_ {
        let bytes = self.frames.get(frame).map_or(&[][..], Vec::as_slice);
        let unused = 64 - self.bits_stored;
        bytes.chunks_exact(self.unit).map(move |sample| {
            let raw = sample.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)) << unused;
            if self.is_signed { raw as i64 >> unused } else { (raw >> unused) as i64 }
        })
    }

    fn set_values(&mut self, frame: usize, values: &[i64]) {
        let unit = self.unit;
        if let Some(bytes) = self.frames.get_mut(frame) {
            for (sample, value) in bytes.chunks_exact_mut(unit).zip(values) {
                sample.iter_mut().zip(value.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
            }
        }
    }

    /// Fills an area of a frame with a value. What lies outside the frame is left out.
    pub(super) fn fill_value(&mut self, frame: usize, area: [u32; 4], value: i64) {
        let [left, top, right, bottom] = area.map(|at| at as usize);
        let pixel = self.samples * self.unit;
        let (row_bytes, unit) = (self.columns * pixel, self.unit);
        let columns = left.min(self.columns) * pixel..right.min(self.columns) * pixel;
        let Some(bytes) = self.frames.get_mut(frame) else { return };
        for row in bytes.chunks_exact_mut(row_bytes).take(bottom).skip(top) {
            for sample in row.get_mut(columns.clone()).unwrap_or_default().chunks_exact_mut(unit) {
                sample.iter_mut().zip(value.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
            }
        }
    }

    /// Puts the frames into a file, uncompressed, and makes its attributes fit them.
    pub fn store(&self, file: &mut File) {
        let data = &mut file.data;
        let vr = if self.unit == 1 { Vr::OB } else { Vr::OW };
        let bytes = self.frames.concat();
        let bytes = if self.is_packed { packed(&bytes) } else { bytes };
        data.put(PIXELS, Element::bytes(vr, bytes));
        data.put(PHOTOMETRIC, Element::bytes(Vr::CS, self.photometric.as_bytes()));
        if self.samples == 3 {
            data.put(PLANAR, Element::bytes(Vr::US, [0, 0]));
        }
        // These point into fragments that are no more.
        for tag in [Tag::new(0x7FE0, 0x0001), Tag::new(0x7FE0, 0x0002), Tag::new(0x7FE0, 0x0003)] {
            data.remove(tag);
        }
        file.syntax = Syntax::explicit();
    }

    /// The attribute set that says of what size and kind frames are, for an icon.
    pub(super) fn is_grey(&self) -> bool {
        self.samples == 1
    }
}

/// The fragments of each frame in one; `None` if they do not fit.
fn frames_of(parts: &[Vec<u8>], count: usize, is_rle: bool) -> Option<Vec<Vec<u8>>> {
    if parts.len() == count {
        return Some(parts.to_vec());
    }
    if is_rle {
        return None; // one fragment each, says PS3.5, A.4.2
    }
    if count == 1 {
        return (!parts.is_empty()).then(|| vec![parts.concat()]);
    }
    let mut frames: Vec<Vec<u8>> = Vec::new();
    for part in parts {
        // The first marker of JPEG, and that of JPEG 2000.
        if part.starts_with(&[0xFF, 0xD8]) || part.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) {
            frames.push(Vec::new());
        }
        frames.last_mut()?.extend_from_slice(part);
    }
    (frames.len() == count).then_some(frames)
}

/// Planes to pixels.
fn interleaved(planes: &[u8], unit: usize) -> Vec<u8> {
    let third = planes.len() / 3;
    let (first, rest) = planes.split_at(third);
    let (second, third) = rest.split_at(third);
    let samples = first.chunks_exact(unit).zip(second.chunks_exact(unit)).zip(third.chunks_exact(unit));
    samples.flat_map(|((a, b), c)| [a, b, c]).flatten().copied().collect()
}

/// Samples of one bit, eight in a byte.
fn packed(samples: &[u8]) -> Vec<u8> {
    let eight = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    samples.chunks(8).map(eight).collect()
}

/// Two pixels in four bytes (Y, Y, Cb, Cr) to three bytes each. Source: PS3.3, C.7.6.3.1.2.
fn widened(bytes: &[u8]) -> Vec<u8> {
    let pairs = bytes.chunks_exact(4).flat_map(|pair| match pair {
        [first, second, blue, red] => [*first, *blue, *red, *second, *blue, *red],
        _ => [0; 6],
    });
    pairs.collect()
}

/// Source: PS3.3, C.7.6.3.1.2.
fn ybr_to_rgb(frame: &mut [u8]) {
    for pixel in frame.chunks_exact_mut(3) {
        if let [y, blue, red] = pixel {
            let (luma, cb, cr) = (f32::from(*y), f32::from(*blue) - 128.0, f32::from(*red) - 128.0);
            *y = (luma + 1.402 * cr).round() as u8;
            *blue = (luma - 0.344_136 * cb - 0.714_136 * cr).round() as u8;
            *red = (luma + 1.772 * cb).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(numbers: &[(Tag, u16)], photometric: &str, pixels: &[u8]) -> File {
        let mut file = File::default();
        for (tag, number) in numbers {
            file.data.put(*tag, Element::bytes(Vr::US, number.to_le_bytes()));
        }
        file.data.put(PHOTOMETRIC, Element::bytes(Vr::CS, photometric.as_bytes()));
        file.data.put(PIXELS, Element::bytes(Vr::OW, pixels));
        file
    }

    #[test]
    fn samples_of_one_bit_are_unpacked_filled_and_packed() {
        let numbers = [(ROWS, 3), (COLUMNS, 3), (BITS_ALLOCATED, 1), (BITS_STORED, 1), (HIGH_BIT, 0)];
        let mut file = file(&numbers, "MONOCHROME2", &[0b1010_1011, 0b1111_1100, 0b0000_0011]);
        file.data.put(FRAMES, Element::bytes(Vr::IS, *b"2 "));
        let mut pixels = Pixels::of(&file, &PixelLimits::default()).unwrap().unwrap();
        assert_eq!(pixels.frames, [[1, 1, 0, 1, 0, 1, 0, 1, 0], [0, 1, 1, 1, 1, 1, 1, 1, 1]]);
        pixels.fill(0, [0, 0, 2, 1], &file.data);
        pixels.store(&mut file);
        assert_eq!(file.data.bytes(PIXELS), Some(&[0b1010_1000, 0b1111_1100, 0b0000_0011][..]));
        file.data.put(PIXELS, Element::bytes(Vr::OW, [0; 2]));
        assert!(Pixels::of(&file, &PixelLimits::default()).is_err());
    }

    #[test]
    fn luminance_and_differences_in_jpeg_ls_become_colours() {
        let numbers = [(ROWS, 29), (COLUMNS, 37), (SAMPLES, 3), (BITS_ALLOCATED, 8), (BITS_STORED, 8)];
        let stream = include_bytes!("../../tests/jpeg/rgb_samples.jls");
        let first = |photometric: &str| {
            let mut file = file(&numbers, photometric, &[]);
            let fragments = Value::Fragments(vec![Vec::new(), stream.to_vec()]);
            file.data.put(PIXELS, Element { vr: Vr::OB, value: fragments });
            file.syntax = Syntax::of(Syntax::JPEG_LS[0]).unwrap();
            let pixels = Pixels::of(&file, &PixelLimits::default()).unwrap().unwrap();
            pixels.frames[0][..3].to_vec()
        };
        let mut wanted = first("RGB");
        ybr_to_rgb(&mut wanted);
        assert_eq!(first("YBR_FULL"), wanted);
        assert_ne!(first("RGB"), wanted);
    }

    #[test]
    fn colours_of_two_bytes_are_put_together_and_shown_by_their_high_bits() {
        let numbers =
            [(ROWS, 1), (COLUMNS, 2), (SAMPLES, 3), (BITS_ALLOCATED, 16), (BITS_STORED, 12), (PLANAR, 1)];
        let planes: Vec<u8> =
            [0x120_u16, 0x340, 0x560, 0x780, 0x9A0, 0xFFF].into_iter().flat_map(u16::to_le_bytes).collect();
        let mut file = file(&numbers, "RGB", &planes);
        let pixels = Pixels::of(&file, &PixelLimits::default()).unwrap().unwrap();
        assert_eq!(pixels.values(0).collect::<Vec<i64>>(), [0x120, 0x560, 0x9A0, 0x340, 0x780, 0xFFF]);
        assert_eq!(pixels.pictures(0, &file)[0].pixels, [0x12, 0x56, 0x9A, 0x34, 0x78, 0xFF]);
        file.data.put(PHOTOMETRIC, Element::bytes(Vr::CS, *b"YBR_FULL"));
        assert!(Pixels::of(&file, &PixelLimits::default()).is_err());
    }
}
