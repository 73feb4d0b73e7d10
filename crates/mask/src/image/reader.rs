//! Reading text off an image with two networks: one finds lines, one reads them.

use rten::{Model, ModelOptions, OpRegistry, RunOptions};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

use super::area::TextBox;
use super::raster::Raster;
use super::recognise::{self, CROP_HEIGHT, CROP_WIDTH_MIN, Crop, Reading};
use super::tiles::{self, Tile};
use super::{Area, ImageError, detect, workers};

/// Crops that go through the recogniser together.
const BATCH_MAX: usize = 8;
/// A long line that was read squeezed, and less surely than this, is read again in all of its width.
const SQUEEZED_FROM: f32 = 0.96;
/// A reading less sure than this is tried upside down and with inverted contrast.
const RETRY_BELOW: f32 = 0.75;
/// A box this much higher than wide is text turned by a quarter.
const TURNED_FROM: f32 = 1.5;

/// Bounds of one reading.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Most pixels of an image.
    pub pixels_max: u64,
    /// Most text boxes of an image.
    pub boxes_max: usize,
}

impl Default for ReadLimits {
    /// 120 million pixels (a page of 30,000 x 4,000), 20,000 boxes.
    fn default() -> Self {
        Self { pixels_max: 120_000_000, boxes_max: 20_000 }
    }
}

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// Its bytes in the line's text.
    pub range: std::ops::Range<usize>,
    /// Its pixels.
    pub area: Area,
}

/// A line of text, or the part of one that the detector saw as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it says; empty if nothing could be read.
    pub text: String,
    /// How sure the reading is, 0 to 1.
    pub score: f32,
    /// Its pixels.
    pub area: Area,
    /// Its words, from the left.
    pub words: Vec<Word>,
    /// Whether the text runs from left to right, and not up, down or askew.
    pub is_level: bool,
}

/// Reads text off images. Made once from the models' bytes, used from many threads.
pub struct Reader {
    detector: Model,
    recogniser: Model,
    characters: Vec<String>,
    limits: ReadLimits,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Reader({} characters)", self.characters.len())
    }
}

/// What was seen on an image before, so that what did not change is not looked at again.
///
/// The networks give equal results for equal pixels: leaving out a tile or a box whose pixels are the same changes nothing of
/// the result, and a box that moved by less than a letter shows the same. Of a tile that changed in a small part, that part with
/// what surrounds it is looked at, as a tile of its own. It is why an image can be read again after each round of masking in a
/// fraction of the time.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// How the image is cut: by the edges it had at first. What is filled has no text, and its edges are no reason to look.
    layout: Option<Vec<Tile>>,
    tiles: Vec<(Tile, Vec<TextBox>)>,
    lines: Vec<(TextBox, Line)>,
}

impl Memory {
    /// Forgets all that touched an area.
    pub(super) fn forget(&mut self, changed: &[Area]) {
        let touches = |area: &Area| changed.iter().any(|changed| changed.intersects(area));
        let mut patches = Vec::new();
        self.tiles.retain_mut(|(tile, boxes)| {
            let own = tile.patches(changed);
            if own.iter().map(Tile::size).sum::<usize>() > tile.size() / 2 {
                return false;
            }
            boxes.retain(|text| !touches(&text.area(0.0, 1.0, u32::MAX, u32::MAX)));
            patches.extend(own);
            true
        });
        if let Some(layout) = &mut self.layout {
            layout.extend(patches);
        }
        // A crop's edge takes its neighbours' colours in.
        self.lines.retain(|(_, line)| !touches(&line.area.grown(2, u32::MAX, u32::MAX)));
    }
}

impl Reader {
    /// A reader from the bytes of two ONNX models of the PP-OCR family: a detector (DB) and a recogniser (CTC).
    ///
    /// `dictionary` has one character a line; without it, the recogniser's own (`character` in its metadata) is taken.
    ///
    /// # Errors
    /// [`ImageError::Model`] if a model cannot be loaded or there is no dictionary.
    pub fn new(
        detection: Vec<u8>,
        recognition: Vec<u8>,
        dictionary: Option<&str>,
        limits: ReadLimits,
    ) -> Result<Self, ImageError> {
        let detector = load("detection", detection)?;
        let recogniser = load("recognition", recognition)?;
        let own = recogniser.metadata().get("character");
        let dictionary = dictionary.or(own).ok_or_else(|| ImageError::Model {
            model: "recognition",
            reason: "it has no dictionary of characters".to_owned(),
        })?;
        let characters = dictionary.lines().map(str::to_owned).collect();
        Ok(Self { detector, recogniser, characters, limits })
    }

    /// The lines of text on an image, from the top, then from the left.
    ///
    /// # Errors
    /// [`ImageError::TooManyPixels`] and [`ImageError::TooMuchText`] beyond the limits; [`ImageError::Run`].
    pub fn read(&self, raster: &Raster) -> Result<Vec<Line>, ImageError> {
        self.read_again(raster, &mut Memory::default())
    }

    pub(super) fn read_again(&self, raster: &Raster, memory: &mut Memory) -> Result<Vec<Line>, ImageError> {
        let boxes = self.boxes(raster, memory)?;
        let mut known = std::mem::take(&mut memory.lines);
        let (mut lines, mut unread) = (Vec::new(), Vec::new());
        for text in boxes {
            match known.iter().position(|(seen, _)| seen.is_near(&text)) {
                Some(at) => lines.push(known.swap_remove(at)),
                None => unread.push(text),
            }
        }
        let readings = self.readings(raster, &unread)?;
        lines.extend(unread.iter().zip(readings).map(|(text, (turned, reading))| {
            (*text, line(&turned, reading, raster.width(), raster.height()))
        }));
        lines.sort_by_key(|(_, line)| (line.area.top, line.area.left));
        memory.lines.clone_from(&lines);
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    fn boxes(&self, raster: &Raster, memory: &mut Memory) -> Result<Vec<TextBox>, ImageError> {
        let (width, height) = (raster.width(), raster.height());
        if u64::from(width) * u64::from(height) > self.limits.pixels_max {
            return Err(ImageError::TooManyPixels { width, height, pixels_max: self.limits.pixels_max });
        }
        if memory.layout.is_none() {
            memory.layout = Some(match tiles::page(raster) {
                Some(mut page) => {
                    self.look(raster, &page, memory)?;
                    page.extend(tiles::rest(raster, &tiles::joined(&memory.tiles, raster)));
                    page
                }
                None => tiles::of(raster),
            });
        }
        let layout = memory.layout.clone().unwrap_or_default();
        self.look(raster, &layout, memory)?;
        let boxes = tiles::joined(&memory.tiles, raster);
        if boxes.len() > self.limits.boxes_max {
            return Err(ImageError::TooMuchText { boxes_max: self.limits.boxes_max });
        }
        Ok(boxes)
    }

    /// Looks at the tiles of a layout that were not seen before.
    fn look(&self, raster: &Raster, layout: &[Tile], memory: &mut Memory) -> Result<(), ImageError> {
        let border = raster.border_grey();
        let mut known = std::mem::take(&mut memory.tiles);
        let mut unseen: Vec<Tile> = Vec::new();
        for tile in layout.iter().copied() {
            match known.iter().position(|(seen, _)| *seen == tile) {
                Some(at) => memory.tiles.push(known.swap_remove(at)),
                None => unseen.push(tile),
            }
        }
        // The largest first: so that no thread begins one when the others are done.
        unseen.sort_by_key(|tile| std::cmp::Reverse(tile.size()));
        let found = workers::each(&unseen, |tile, options| self.detect(raster, tile, border, options));
        for (tile, found) in unseen.into_iter().zip(found) {
            memory.tiles.push((tile, found?));
        }
        // Joining goes by the order of tiles, which must not depend on which of them were seen before.
        memory.tiles.sort_by_key(|(tile, _)| layout.iter().position(|other| other == tile));
        Ok(())
    }

    /// The boxes on one tile, in pixels of the image.
    fn detect(
        &self,
        raster: &Raster,
        tile: &Tile,
        border: f32,
        options: RunOptions,
    ) -> Result<Vec<TextBox>, ImageError> {
        let Some(planes) = tile.planes(raster, border) else { return Ok(Vec::new()) };
        let shape = [1, 3, tile.rows, tile.columns];
        let map = run(&self.detector, "detection", shape, planes, options)?;
        if map.shape() != [1, 1, tile.rows, tile.columns] {
            return Err(ImageError::Run { model: "detection", reason: "it gives no map".to_owned() });
        }
        let found = detect::boxes(&map.to_vec(), tile.columns)?;
        Ok(found.iter().map(|text| tile.in_image(text)).collect())
    }

    /// The best reading of each box, with the box turned as it was read.
    fn readings(&self, raster: &Raster, boxes: &[TextBox]) -> Result<Vec<(TextBox, Reading)>, ImageError> {
        let first: Vec<Crop> = boxes
            .iter()
            .map(|text| Crop::fast(if is_turned(text) { text.turned(false) } else { *text }))
            .collect();
        let mut best: Vec<(TextBox, Reading)> =
            first.iter().map(|crop| crop.text).zip(self.recognise(raster, &first)?).collect();
        let squeezed = best
            .iter()
            .zip(&first)
            .enumerate()
            .filter(|(_, ((_, reading), crop))| crop.is_squeezed && reading.score < SQUEEZED_FROM);
        let whole = squeezed.map(|(at, (_, crop))| (at, Crop::of(crop.text))).collect();
        self.better(raster, whole, &mut best)?;
        // Of turned text nobody knows which way it runs, and upside down a part of it may read well.
        let doubtful: Vec<usize> = best
            .iter()
            .zip(boxes)
            .enumerate()
            .filter(|(_, ((_, reading), text))| reading.score < RETRY_BELOW || is_turned(text))
            .map(|(at, _)| at)
            .collect();
        // Upside down (for a turned box: the other way) and as the negative.
        let of = |at: &usize| first.get(*at).map(|crop| (*at, crop.text));
        let flipped = doubtful.iter().filter_map(of).map(|(at, text)| (at, Crop::of(text.flipped())));
        let inverted = doubtful.iter().filter_map(of);
        let inverted = inverted.map(|(at, text)| (at, Crop { is_inverted: true, ..Crop::of(text) }));
        self.better(raster, flipped.chain(inverted).collect(), &mut best)?;
        Ok(best)
    }

    /// Reads further crops of boxes, by their place, and keeps what is surer than the best so far.
    fn better(
        &self,
        raster: &Raster,
        crops: Vec<(usize, Crop)>,
        best: &mut [(TextBox, Reading)],
    ) -> Result<(), ImageError> {
        let (places, crops): (Vec<usize>, Vec<Crop>) = crops.into_iter().unzip();
        let readings = self.recognise(raster, &crops)?;
        for ((at, crop), reading) in places.into_iter().zip(crops).zip(readings) {
            if let Some(slot) = best.get_mut(at)
                && reading.score > slot.1.score
            {
                *slot = (crop.text, reading);
            }
        }
        Ok(())
    }

    /// Reads crops in batches of about equal width.
    fn recognise(&self, raster: &Raster, crops: &[Crop]) -> Result<Vec<Reading>, ImageError> {
        let width = |at: &usize| crops.get(*at).map_or(0, Crop::width);
        let mut order: Vec<usize> = (0..crops.len()).collect();
        // The widest come first, so that no thread begins one when the others are done.
        order.sort_by_key(|at| std::cmp::Reverse(width(at)));
        // Few crops are shared out, so that no thread stands idle.
        let size = order.len().div_ceil(workers::count()).clamp(1, BATCH_MAX);
        let alike = |a: &usize, b: &usize| width(b) * 4 >= width(a) * 3 || width(a) <= CROP_WIDTH_MIN;
        let batches: Vec<&[usize]> = order.chunk_by(alike).flat_map(|group| group.chunks(size)).collect();
        let read = workers::each(&batches, |batch, options| {
            let crops: Vec<_> = batch.iter().filter_map(|at| crops.get(*at).copied()).collect();
            self.recognise_batch(raster, &crops, options)
        });
        let mut readings = vec![Reading::default(); crops.len()];
        for (batch, read) in batches.into_iter().zip(read) {
            for (at, reading) in batch.iter().zip(read?) {
                if let Some(slot) = readings.get_mut(*at) {
                    *slot = reading;
                }
            }
        }
        Ok(readings)
    }

    fn recognise_batch(
        &self,
        raster: &Raster,
        crops: &[Crop],
        options: RunOptions,
    ) -> Result<Vec<Reading>, ImageError> {
        let widths: Vec<usize> = crops.iter().map(Crop::width).collect();
        let widest = widths.iter().copied().max().unwrap_or(0).max(CROP_WIDTH_MIN);
        let stride = widest.next_multiple_of(32);
        let size = 3 * CROP_HEIGHT * stride;
        let mut planes = vec![0.0; crops.len() * size];
        for (crop, planes) in crops.iter().zip(planes.chunks_exact_mut(size)) {
            recognise::draw(raster, crop, stride, planes);
        }
        let shape = [crops.len(), 3, CROP_HEIGHT, stride];
        let steps = run(&self.recogniser, "recognition", shape, planes, options)?;
        let [count, steps_each, classes] = <[usize; 3]>::try_from(steps.shape()).unwrap_or([0; 3]);
        if count != crops.len() || steps_each == 0 || classes < 2 {
            return Err(ImageError::Run { model: "recognition", reason: "it gives no steps".to_owned() });
        }
        let values = steps.to_contiguous();
        let steps = values.data().chunks_exact(steps_each * classes);
        let filled = widths.iter().map(|width| *width as f32 / stride as f32);
        Ok(steps
            .zip(filled)
            .map(|(steps, filled)| recognise::decode(steps, classes, &self.characters, filled))
            .collect())
    }
}

fn is_turned(text: &TextBox) -> bool {
    text.is_upright() && text.height > text.width * TURNED_FROM
}

fn load(name: &'static str, bytes: Vec<u8>) -> Result<Model, ImageError> {
    ModelOptions::with_ops(OpRegistry::with_all_ops())
        .load(bytes)
        .map_err(|error| ImageError::Model { model: name, reason: error.to_string() })
}

fn run(
    model: &Model,
    name: &'static str,
    shape: [usize; 4],
    values: Vec<f32>,
    options: RunOptions,
) -> Result<Tensor<f32>, ImageError> {
    let failed = |reason: String| ImageError::Run { model: name, reason };
    let input = NdTensor::try_from_data(shape, values).map_err(|error| failed(error.to_string()))?;
    let output =
        model.run_one(input.view().into(), Some(options)).map_err(|error| failed(error.to_string()))?;
    output.into_tensor::<f32>().ok_or_else(|| failed("its output is of another type".to_owned()))
}

/// A reading as a line with its words' places.
fn line(text: &TextBox, reading: Reading, width: u32, height: u32) -> Line {
    let is_level = text.is_upright();
    let mut words = Vec::new();
    let mut open: Option<(usize, f32, f32)> = None;
    // Half a letter's width, to either side of a letter's middle; the first and last reach the ends.
    let half = 0.75 / reading.places.len().max(4) as f32;
    let end = reading.text.len();
    let marks = reading.text.char_indices().zip(&reading.places);
    for ((at, letter), place) in marks {
        if letter.is_whitespace() {
            if let Some((start, from, to)) = open.take() {
                words.push((start..at, from, to));
            }
            continue;
        }
        let (start, from, _) = open.unwrap_or((at, (place - half).max(0.0), 0.0));
        open = Some((start, from, (place + half).min(1.0)));
    }
    if let Some((start, from, to)) = open {
        words.push((start..end, from, to));
    }
    if let Some(first) = words.first_mut() {
        first.1 = 0.0;
    }
    if let Some(last) = words.last_mut() {
        last.2 = 1.0;
    }
    Line {
        score: reading.score,
        area: text.area(0.0, 1.0, width, height),
        words: words
            .into_iter()
            .map(|(range, from, to)| Word { range, area: text.area(from, to, width, height) })
            .collect(),
        text: reading.text,
        is_level,
    }
}
