//! TIFF files of one page or many.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageBuffer, RgbImage};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::encoder::{TiffEncoder, colortype};

use super::ImageError;
use super::file::{FileLimits, check_size};

/// The pages of a file, decoded one by one.
///
/// # Errors
/// [`ImageError::Decode`] if the file's directory cannot be read; each page may fail on its own, also with
/// [`ImageError::TooManyPages`].
pub(super) fn pages<'a>(
    bytes: &'a [u8],
    limits: &'a FileLimits,
) -> Result<impl Iterator<Item = Result<DynamicImage, ImageError>> + 'a, ImageError> {
    let mut bounds = Limits::default();
    bounds.decoding_buffer_size = usize::try_from(limits.decoded_bytes_max).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(failed)?.with_limits(bounds);
    let mut count = 0;
    let mut is_over = false;
    Ok(std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        count += 1;
        let page = if count > limits.pages_max {
            Err(ImageError::TooManyPages { pages_max: limits.pages_max })
        } else {
            page(&mut decoder, limits)
        };
        is_over = page.is_err() || !decoder.more_images();
        if !is_over && let Err(error) = decoder.next_image() {
            is_over = true;
            return Some(Err(failed(error)));
        }
        Some(page)
    }))
}

fn page(decoder: &mut Decoder<Cursor<&[u8]>>, limits: &FileLimits) -> Result<DynamicImage, ImageError> {
    let (width, height) = decoder.dimensions().map_err(failed)?;
    check_size(width, height, limits)?;
    let colour = decoder.colortype().map_err(failed)?;
    let values = decoder.read_image().map_err(failed)?;
    let unfit = || ImageError::Decode { reason: format!("TIFF of colour type {colour:?} is not read") };
    match (colour, values) {
        (ColorType::Gray(1), DecodingResult::U8(bits)) => {
            let row_bytes = width.div_ceil(8) as usize;
            let pixels = bits.chunks(row_bytes).flat_map(|row| unpacked(row, width)).collect();
            GrayImage::from_raw(width, height, pixels).map(DynamicImage::from).ok_or_else(unfit)
        }
        (ColorType::Gray(8), DecodingResult::U8(pixels)) => {
            GrayImage::from_raw(width, height, pixels).map(DynamicImage::from).ok_or_else(unfit)
        }
        (ColorType::Gray(16), DecodingResult::U16(pixels)) => {
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageLuma16).ok_or_else(unfit)
        }
        (ColorType::RGB(8) | ColorType::YCbCr(8), DecodingResult::U8(pixels)) => {
            RgbImage::from_raw(width, height, pixels).map(DynamicImage::from).ok_or_else(unfit)
        }
        (ColorType::RGBA(8), DecodingResult::U8(pixels)) => {
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8).ok_or_else(unfit)
        }
        _ => Err(unfit()),
    }
}

/// One bit a pixel to one byte a pixel.
fn unpacked(row: &[u8], width: u32) -> impl Iterator<Item = u8> + '_ {
    let bits = row
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| if byte >> bit & 1 == 1 { u8::MAX } else { 0 }));
    bits.take(width as usize)
}

/// Writes pages as one file, uncompressed.
///
/// # Errors
/// [`ImageError::Encode`].
pub(super) fn write(pages: &[DynamicImage]) -> Result<Vec<u8>, ImageError> {
    let unwritable = |error: tiff::TiffError| ImageError::Encode { reason: error.to_string() };
    let mut out = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut out).map_err(unwritable)?;
    for page in pages {
        let (width, height) = (page.width(), page.height());
        match page {
            DynamicImage::ImageLuma8(pixels) => {
                encoder.write_image::<colortype::Gray8>(width, height, pixels.as_raw())
            }
            DynamicImage::ImageLuma16(pixels) => {
                encoder.write_image::<colortype::Gray16>(width, height, pixels.as_raw())
            }
            DynamicImage::ImageRgba8(pixels) => {
                encoder.write_image::<colortype::RGBA8>(width, height, pixels.as_raw())
            }
            other => encoder.write_image::<colortype::RGB8>(width, height, other.to_rgb8().as_raw()),
        }
        .map_err(unwritable)?;
    }
    Ok(out.into_inner())
}

fn failed(error: tiff::TiffError) -> ImageError {
    ImageError::Decode { reason: error.to_string() }
}
