//! Image files: PNG, JPEG, TIFF. Bytes in, masked bytes of the same format out.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::masker::{Canvas, Filled, ImageAsk, mask_canvas};
use super::reader::Reader;
use super::{Area, Found, ImageError, Raster, tiff};
use crate::transform::{Method, Tally};

/// Quality of the JPEG files that are written, of 100.
const JPEG_QUALITY: u8 = 95;

/// Bounds of decoding.
#[derive(Clone, Copy, Debug)]
pub struct FileLimits {
    /// Most pixels of a page.
    pub pixels_max: u64,
    /// Most bytes that decoding a page may take.
    pub decoded_bytes_max: u64,
    /// Most pages of a TIFF file.
    pub pages_max: usize,
}

impl Default for FileLimits {
    /// 120 million pixels, 512 MiB, 500 pages.
    fn default() -> Self {
        Self { pixels_max: 120_000_000, decoded_bytes_max: 512 << 20, pages_max: 500 }
    }
}

/// A masked file.
#[derive(Clone, PartialEq)]
pub struct MaskedImage {
    /// In the format of the input; without its metadata (EXIF, text chunks, colour profiles, thumbnails).
    pub bytes: Vec<u8>,
    /// What was done, a page each.
    pub pages: Vec<Filled>,
}

impl std::fmt::Debug for MaskedImage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "MaskedImage({} bytes, {:?})", self.bytes.len(), self.pages)
    }
}

impl MaskedImage {
    /// What was found, in numbers: each box that was read counts.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let kinds = self.pages.iter().flat_map(|page| &page.found).filter_map(Found::kind);
        kinds.for_each(|kind| tally.add(kind, Method::Redact));
        tally
    }
}

/// Masks a PNG, JPEG or TIFF file, told by its first bytes. Only pixels are carried over, no metadata.
///
/// # Errors
/// [`ImageError`]; never the original.
pub fn mask_file(
    reader: Option<&Reader>,
    bytes: &[u8],
    ask: &ImageAsk<'_>,
    limits: &FileLimits,
) -> Result<MaskedImage, ImageError> {
    if bytes.starts_with(b"%PDF") {
        return Err(ImageError::Pdf);
    }
    if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") {
        return mask_tiff(reader, bytes, ask, limits);
    }
    let format = image::guess_format(bytes).map_err(|_| ImageError::UnknownFormat)?;
    let picture = decode(bytes, format, limits)?;
    let mut page = Page(picture);
    let filled = mask_canvas(reader, &mut page, ask)?;
    Ok(MaskedImage { bytes: encode(&page.0, format)?, pages: vec![filled] })
}

fn mask_tiff(
    reader: Option<&Reader>,
    bytes: &[u8],
    ask: &ImageAsk<'_>,
    limits: &FileLimits,
) -> Result<MaskedImage, ImageError> {
    let (mut pages, mut done) = (Vec::new(), Vec::new());
    for picture in tiff::pages(bytes, limits)? {
        let mut page = Page(picture?);
        done.push(mask_canvas(reader, &mut page, ask)?);
        pages.push(page.0);
    }
    Ok(MaskedImage { bytes: tiff::write(&pages)?, pages: done })
}

/// Decodes one PNG or JPEG picture, upright as its EXIF orientation says.
///
/// # Errors
/// [`ImageError::UnknownFormat`], [`ImageError::TooManyPixels`], [`ImageError::Decode`].
pub fn decode(bytes: &[u8], format: ImageFormat, limits: &FileLimits) -> Result<DynamicImage, ImageError> {
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        return Err(ImageError::UnknownFormat);
    }
    let failed = |error: image::ImageError| ImageError::Decode { reason: error.to_string() };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = image::Limits::default();
    bounds.max_alloc = Some(limits.decoded_bytes_max);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits)?;
    let orientation = decoder.orientation().map_err(failed)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

pub(super) fn check_size(width: u32, height: u32, limits: &FileLimits) -> Result<(), ImageError> {
    if u64::from(width) * u64::from(height) > limits.pixels_max {
        return Err(ImageError::TooManyPixels { width, height, pixels_max: limits.pixels_max });
    }
    if width == 0 || height == 0 {
        return Err(ImageError::Shape { width, height, bytes: 0 });
    }
    Ok(())
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Result<Vec<u8>, ImageError> {
    let mut out = Cursor::new(Vec::new());
    let written = match format {
        ImageFormat::Jpeg => {
            let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
            picture.write_with_encoder(encoder)
        }
        _ => picture.write_to(&mut out, format),
    };
    written.map_err(|error| ImageError::Encode { reason: error.to_string() })?;
    Ok(out.into_inner())
}

/// A decoded picture, filled in its own depth and colours.
struct Page(DynamicImage);

impl Canvas for Page {
    fn views(&self) -> Result<Vec<Raster>, ImageError> {
        let (width, height) = (self.0.width(), self.0.height());
        Ok(vec![match &self.0 {
            DynamicImage::ImageLuma8(pixels) => Raster::grey(width, height, pixels.as_raw().clone())?,
            // What is transparent may be seen on white paper or on a dark screen, so the colours below count.
            DynamicImage::ImageLuma16(pixels) => Raster::grey(width, height, stretched(pixels.as_raw()))?,
            other => Raster::rgb(width, height, other.to_rgb8().into_raw())?,
        }])
    }

    fn fill(&mut self, area: &Area) {
        let right = area.right.min(self.0.width());
        let bottom = area.bottom.min(self.0.height());
        let black = image::Rgba([0, 0, 0, u8::MAX]);
        for y in area.top..bottom {
            for x in area.left..right {
                image::GenericImage::put_pixel(&mut self.0, x, y, black);
            }
        }
    }
}

/// Sixteen bits to eight, the darkest to black and the brightest to white.
fn stretched(values: &[u16]) -> Vec<u8> {
    let low = values.iter().copied().min().unwrap_or(0);
    let range = u32::from(values.iter().copied().max().unwrap_or(0) - low).max(1);
    values.iter().map(|value| (u32::from(value - low) * 255 / range) as u8).collect()
}
