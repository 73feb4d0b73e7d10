//! The frames of an image: decoded, filled, put back uncompressed.

use super::j2k::{self, Shape};
use super::model::{Element, File, Value};
use super::{DicomError, Syntax, Tag, Vr, rle};

pub(super) const ROWS: Tag = Tag::new(0x0028, 0x0010);
pub(super) const COLUMNS: Tag = Tag::new(0x0028, 0x0011);
const SAMPLES: Tag = Tag::new(0x0028, 0x0002);
const PHOTOMETRIC: Tag = Tag::new(0x0028, 0x0004);
const PLANAR: Tag = Tag::new(0x0028, 0x0006);
const FRAMES: Tag = Tag::new(0x0028, 0x0008);
const BITS_ALLOCATED: Tag = Tag::new(0x0028, 0x0100);
const BITS_STORED: Tag = Tag::new(0x0028, 0x0101);
const HIGH_BIT: Tag = Tag::new(0x0028, 0x0102);
const IS_SIGNED: Tag = Tag::new(0x0028, 0x0103);
const PIXELS: Tag = Tag::new(0x7FE0, 0x0010);

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
    /// Uncompressed, deflated, RLE, JPEG (baseline, and lossless processes 14) and JPEG 2000 are decoded. Bits above those stored are
    /// cleared: old overlays are kept there. YBR colours become RGB.
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
        let unit = usize::from(bits_allocated / 8);
        if !matches!(samples, 1 | 3) {
            return Err(DicomError::Attribute { tag: SAMPLES });
        }
        if !matches!(bits_allocated, 8 | 16 | 32) || (samples == 3 && unit != 1) {
            return Err(DicomError::Attribute { tag: BITS_ALLOCATED });
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
            photometric: data.text(PHOTOMETRIC).unwrap_or_else(|| "MONOCHROME2".to_owned()),
            frames: Vec::new(),
        };
        match &element.value {
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

    fn frame_bytes(&self) -> usize {
        self.rows * self.columns * self.samples * self.unit
    }

    fn take_native(&mut self, bytes: &[u8], count: usize, is_planar: bool) -> Result<(), DicomError> {
        let is_halved = self.photometric == "YBR_FULL_422";
        let size = if is_halved { self.rows * self.columns * 2 } else { self.frame_bytes() };
        for frame in 0..count {
            let part = bytes.get(frame * size..(frame + 1) * size).ok_or_else(|| DicomError::Frame {
                frame,
                reason: "the pixel data is too short".to_owned(),
            })?;
            let mut part = if is_halved { widened(part) } else { part.to_vec() };
            if is_planar && self.samples == 3 && !is_halved {
                part = interleaved(&part);
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
        let frames = frames_of(parts, count, is_rle).ok_or_else(|| DicomError::Frame {
            frame: 0,
            reason: "fragments do not fit the frames".to_owned(),
        })?;
        for (frame, bytes) in frames.iter().enumerate() {
            let decoded = if is_rle {
                rle::decode(bytes, self.rows * self.columns, self.samples, self.unit)
                    .ok_or_else(|| "RLE segments are broken".to_owned())
            } else if Syntax::JPEG_2000.contains(&syntax.uid.as_str()) {
                let Self { rows, columns, samples, unit, .. } = *self;
                j2k::decode(bytes, Shape { rows, columns, samples, unit })
            } else {
                self.jpeg(bytes, syntax)
            };
            let mut decoded = decoded.map_err(|reason| DicomError::Frame { frame, reason })?;
            if is_rle && self.samples == 3 && self.photometric.starts_with("YBR_FULL") {
                ybr_to_rgb(&mut decoded);
            }
            self.frames.push(decoded);
        }
        Ok(())
    }

    /// One JPEG frame, its samples in this image's size.
    fn jpeg(&self, bytes: &[u8], syntax: &Syntax) -> Result<Vec<u8>, String> {
        if !matches!(syntax.uid.rsplit('.').next(), Some("50" | "51" | "57" | "70")) {
            return Err(format!("compression {} is not decoded", syntax.uid));
        }
        let mut decoder = jpeg_decoder::Decoder::new(bytes);
        decoder.set_max_decoding_buffer_size(self.frame_bytes().saturating_mul(2).max(1 << 16));
        decoder.read_info().map_err(|error| error.to_string())?;
        let info = decoder.info().ok_or("it has no header")?;
        if usize::from(info.width) != self.columns || usize::from(info.height) != self.rows {
            return Err("its size differs from rows and columns".to_owned());
        }
        let decoded = decoder.decode().map_err(|error| error.to_string())?;
        use jpeg_decoder::PixelFormat::{L8, L16, RGB24};
        let decoded = match (info.pixel_format, self.samples, self.unit) {
            (L8, 1, 1) | (RGB24, 3, 1) => decoded,
            (L16, 1, 2) => decoded
                .chunks_exact(2)
                .flat_map(|pair| match pair {
                    [a, b] => u16::from_ne_bytes([*a, *b]).to_le_bytes(),
                    _ => [0; 2],
                })
                .collect(),
            (L8, 1, 2) => decoded.into_iter().flat_map(|byte| [byte, 0]).collect(),
            _ => return Err("its colours differ from the attributes".to_owned()),
        };
        (decoded.len() == self.frame_bytes()).then_some(decoded).ok_or_else(|| "it is too short".to_owned())
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
        data.put(PIXELS, Element::bytes(vr, self.frames.concat()));
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
fn interleaved(planes: &[u8]) -> Vec<u8> {
    let third = planes.len() / 3;
    let (first, rest) = planes.split_at(third);
    let (second, third) = rest.split_at(third);
    first.iter().zip(second).zip(third).flat_map(|((a, b), c)| [*a, *b, *c]).collect()
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
