//! From a file to pixels and letters, with `hayro`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hayro::hayro_interpret::{InterpreterSettings, TransformExt as _};
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{LoadPdfError, Pdf};
use hayro::kurbo::Affine;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};

use super::letters::letters;
use super::{DOTS_PER_INCH, POINTS_PER_INCH, PdfError, PdfLimits, PdfPage};
use crate::image::Raster;

/// Hands the pages of a file to `each`, one by one, until it says `false`.
///
/// A file may be made so that this takes hours or all memory, and `hayro` may panic on it: call it where neither does harm.
///
/// # Errors
/// [`PdfError`], for a page after those that were handed over.
pub fn show(
    file: Vec<u8>,
    limits: &PdfLimits,
    each: &mut dyn FnMut(PdfPage) -> bool,
) -> Result<(), PdfError> {
    if file.len() > limits.bytes_max {
        return Err(PdfError::TooLong { bytes_max: limits.bytes_max });
    }
    let pdf = Pdf::new(file).map_err(|error| match error {
        LoadPdfError::Decryption(_) => PdfError::Encrypted,
        LoadPdfError::Invalid => PdfError::Broken,
    })?;
    let pages = pdf.pages();
    if pages.len() > limits.pages_max {
        return Err(PdfError::TooManyPages { pages_max: limits.pages_max });
    }
    if pages.is_empty() {
        return Err(PdfError::Broken);
    }
    let cache = RenderCache::new();
    for (page, number) in pages.iter().zip(1..) {
        if !each(one(page, number, &cache, limits)?) {
            break;
        }
    }
    Ok(())
}

fn one<'a>(
    page: &'a Page<'a>,
    number: u32,
    cache: &RenderCache<'a>,
    limits: &PdfLimits,
) -> Result<PdfPage, PdfError> {
    let points = page.render_dimensions();
    let scale = DOTS_PER_INCH / POINTS_PER_INCH;
    // `as` saturates, and what is no number becomes 0.
    let size = [points.0, points.1].map(|points| (points * scale).round().max(1.0) as u64);
    let too_many = PdfError::TooManyPixels { page: number, pixels_max: limits.pixels_max };
    let ([Ok(width), Ok(height)], true) =
        (size.map(u16::try_from), size[0].saturating_mul(size[1]) <= limits.pixels_max)
    else {
        return Err(too_many);
    };
    let is_incomplete = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&is_incomplete);
    let settings = InterpreterSettings {
        warning_sink: Arc::new(move |_| noted.store(true, Ordering::Relaxed)),
        ..InterpreterSettings::default()
    };
    let pixels = pixels(page, cache, &settings, (width, height));
    let text = letters(page, &settings, limits.text_bytes_max);
    if is_incomplete.load(Ordering::Relaxed) {
        return Err(PdfError::Incomplete { page: number });
    }
    Ok(PdfPage { raster: raster(&pixels)?, points, text })
}

/// The page on white, at exactly that size.
fn pixels<'a>(
    page: &'a Page<'a>,
    cache: &RenderCache<'a>,
    settings: &InterpreterSettings,
    (width, height): (u16, u16),
) -> Pixmap {
    let points = page.render_dimensions();
    let scale = (f64::from(width) / f64::from(points.0), f64::from(height) / f64::from(points.1));
    let place = Affine::scale_non_uniform(scale.0, scale.1) * page.initial_transform(true).to_kurbo();
    let mut context = RenderContext::new(width, height);
    render_into(page, cache, settings, &RenderSettings::default(), &mut context, place);
    context.flush();
    let mut pixels = Pixmap::new(width, height);
    let on_white =
        RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..RasterizerSettings::default() };
    context.render_with(&mut pixels, &mut Resources::default(), on_white);
    pixels
}

/// The pixels without their opacity, which is full everywhere; grey if no pixel has a colour.
fn raster(pixels: &Pixmap) -> Result<Raster, PdfError> {
    let (width, height) = (u32::from(pixels.width()), u32::from(pixels.height()));
    let (points, _) = pixels.data_as_u8_slice().as_chunks::<4>();
    let made = if points.iter().all(|[red, green, blue, _]| red == green && green == blue) {
        Raster::grey(width, height, points.iter().map(|[grey, ..]| *grey).collect())
    } else {
        let colours = points.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]);
        Raster::rgb(width, height, colours.collect())
    };
    made.map_err(|_| PdfError::Broken)
}
