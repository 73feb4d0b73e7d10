//! Frames and overlays as something that can be read and filled.

use formats::dicom::{Element, File, Pixels, Tag, Value, Vr};

use super::{DicomAsk, DicomMaskError};
use crate::image::{
    Area, Canvas, Filled, ImageAsk, ImageError, ImageKind, KnownValues, Raster, mask_canvas, regions,
};

const MODALITY: Tag = Tag::new(0x0008, 0x0060);
const MANUFACTURER: Tag = Tag::new(0x0008, 0x0070);
const MODEL: Tag = Tag::new(0x0008, 0x1090);

/// One frame of an image.
struct Frame<'a> {
    pixels: &'a mut Pixels,
    frame: usize,
    file: &'a File,
}

impl Canvas for Frame<'_> {
    fn views(&self) -> Result<Vec<Raster>, ImageError> {
        let pictures = self.pixels.pictures(self.frame, self.file).into_iter();
        pictures
            .map(|picture| {
                let make = if picture.is_colour { Raster::rgb } else { Raster::grey };
                make(picture.width, picture.height, picture.pixels)
            })
            .collect()
    }

    fn fill(&mut self, area: &Area) {
        self.pixels.fill(self.frame, corners(area), &self.file.data);
    }
}

fn corners(area: &Area) -> [u32; 4] {
    [area.left, area.top, area.right, area.bottom]
}

/// Cleans all frames and puts them back uncompressed, where the options say so. What was filled, a frame each.
pub(super) fn clean_pixels(
    file: &mut File,
    ask: &DicomAsk<'_>,
    known: &KnownValues,
) -> Result<Vec<Filled>, DicomMaskError> {
    if !ask.options.clean_pixels {
        return Ok(Vec::new());
    }
    for tag in [Tag::new(0x7FE0, 0x0008), Tag::new(0x7FE0, 0x0009)] {
        if file.data.get(tag).is_some() {
            return Err(DicomMaskError::Pixels { tag });
        }
    }
    let Some(mut pixels) = Pixels::of(file, &ask.pixel_limits)? else { return Ok(Vec::new()) };
    let kind = ImageKind {
        modality: file.data.text(MODALITY).unwrap_or_default(),
        manufacturer: file.data.text(MANUFACTURER).unwrap_or_default(),
        model: file.data.text(MODEL).unwrap_or_default(),
        rows: pixels.rows(),
        columns: pixels.columns(),
    };
    let known_regions = regions(ask.templates, &kind);
    let image = ImageAsk { find: ask.find, known, regions: &known_regions, policy: ask.image };
    let mut filled = Vec::new();
    for frame in 0..pixels.frames() {
        let mut canvas = Frame { pixels: &mut pixels, frame, file };
        filled.push(mask_canvas(ask.reader, &mut canvas, &image)?);
    }
    // Text that runs through a sequence of frames stands at the same place in each, whether it was read in each or not.
    let mut areas: Vec<Area> = filled.iter().flat_map(|filled| filled.areas.iter().copied()).collect();
    areas.sort();
    areas.dedup();
    for frame in 0..pixels.frames() {
        for area in &areas {
            pixels.fill(frame, corners(area), &file.data);
        }
    }
    pixels.store(file);
    Ok(filled)
}

/// An overlay: one bit a pixel.
struct Overlay {
    columns: u32,
    rows: u32,
    bits: Vec<u8>,
}

impl Canvas for Overlay {
    fn views(&self) -> Result<Vec<Raster>, ImageError> {
        let count = self.columns as usize * self.rows as usize;
        let bits = self.bits.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
        let mut pixels: Vec<u8> = bits.take(count).map(|bit| bit * u8::MAX).collect();
        pixels.resize(count, 0);
        Ok(vec![Raster::grey(self.columns, self.rows, pixels)?])
    }

    fn fill(&mut self, area: &Area) {
        for y in area.top..area.bottom.min(self.rows) {
            for x in area.left..area.right.min(self.columns) {
                let at = y as usize * self.columns as usize + x as usize;
                if let Some(byte) = self.bits.get_mut(at / 8) {
                    *byte &= !(1 << (at % 8));
                }
            }
        }
    }
}

/// Reads overlays and clears what tells who it is, where Clean Graphics keeps them; overlays of several frames go.
///
/// Source: PS3.3, C.9.2.
pub(super) fn clean_overlays(
    file: &mut File,
    ask: &DicomAsk<'_>,
    known: &KnownValues,
) -> Result<(), DicomMaskError> {
    if !ask.options.clean_graphics {
        return Ok(()); // they are removed
    }
    let image = ImageAsk { find: ask.find, known, regions: &[], policy: ask.image };
    for group in (0x6000..=0x601E).step_by(2) {
        let tag = |element: u16| Tag::new(group, element);
        let size = file.data.number(tag(0x0010)).zip(file.data.number(tag(0x0011)));
        let is_single = file.data.decimal(tag(0x0015)).is_none_or(|frames| frames <= 1.0);
        let bits = file.data.bytes(tag(0x3000)).map(<[u8]>::to_vec);
        let cleaned = match (size, bits) {
            (Some((rows, columns)), Some(bits)) if is_single && rows > 0 && columns > 0 => {
                let mut overlay = Overlay { columns: columns.into(), rows: rows.into(), bits };
                mask_canvas(ask.reader, &mut overlay, &image)?;
                Some(overlay.bits)
            }
            _ => None,
        };
        match cleaned {
            Some(bits) => file.data.put(tag(0x3000), Element { vr: Vr::OW, value: Value::Bytes(bits) }),
            None => {
                let gone: Vec<Tag> =
                    file.data.iter().map(|(tag, _)| tag).filter(|tag| tag.group == group).collect();
                gone.into_iter().for_each(|tag| drop(file.data.remove(tag)));
            }
        }
    }
    Ok(())
}
