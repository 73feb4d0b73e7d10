//! Reading text off an image with two networks: one finds lines, one reads them.

use super::area::TextBox;
use super::net::Net;
use super::raster::Raster;
use super::recognise::{self, CROP_MULTIPLE, CROP_WIDTH_MIN, Crop, Reading};
use super::tiles::{self, Tile};
use super::workers::{Worker, Workers};
use super::{Area, ImageError, detect};

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

impl Line {
    /// The part of its area in which its letters stand: a sixth of the height around them is margin that the detector gives.
    fn letters(&self) -> Area {
        let Area { left, top, right, bottom } = self.area;
        let margin = if self.is_level { self.area.height().min(self.area.width()) / 6 } else { 0 };
        Area { left: left + margin, top: top + margin, right: right - margin, bottom: bottom - margin }
    }
}

/// Reads text off images. Made once from the models' bytes, used from many threads.
pub struct Reader {
    detector: Net,
    recogniser: Net,
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
/// the result, and a box that moved by less than a letter, or lost only margin around its letters, shows the same. Of a tile that changed in a small part, that part with
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
        self.lines.retain(|(_, line)| !touches(&line.letters()));
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
        let detector = Net::load("detection", &detection)?;
        let recogniser = Net::load("recognition", &recognition)?;
        let dictionary = dictionary.or(recogniser.characters()).ok_or_else(|| ImageError::Model {
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
        self.read_again(raster, &mut Memory::default(), &Workers::default())
    }

    /// The same, with what was seen before, by workers that may have worked before.
    pub(super) fn read_again(
        &self,
        raster: &Raster,
        memory: &mut Memory,
        workers: &Workers,
    ) -> Result<Vec<Line>, ImageError> {
        let boxes = self.boxes(raster, memory, workers)?;
        let mut known = std::mem::take(&mut memory.lines);
        let (mut lines, mut unread) = (Vec::new(), Vec::new());
        for text in boxes {
            match known.iter().position(|(seen, _)| seen.is_near(&text)) {
                Some(at) => lines.push(known.swap_remove(at)),
                None => unread.push(text),
            }
        }
        let readings = self.readings(raster, &unread, workers)?;
        lines.extend(unread.iter().zip(readings).map(|(text, (turned, reading))| {
            (*text, line(&turned, reading, raster.width(), raster.height()))
        }));
        lines.sort_by_key(|(_, line)| (line.area.top, line.area.left));
        memory.lines.clone_from(&lines);
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    fn boxes(
        &self,
        raster: &Raster,
        memory: &mut Memory,
        workers: &Workers,
    ) -> Result<Vec<TextBox>, ImageError> {
        let (width, height) = (raster.width(), raster.height());
        if u64::from(width) * u64::from(height) > self.limits.pixels_max {
            return Err(ImageError::TooManyPixels { width, height, pixels_max: self.limits.pixels_max });
        }
        if memory.layout.is_none() {
            memory.layout = Some(match tiles::page(raster) {
                Some(mut page) => {
                    self.look(raster, &page, memory, workers)?;
                    page.extend(tiles::rest(raster, &tiles::joined(&memory.tiles, raster)));
                    page
                }
                None => tiles::of(raster),
            });
        }
        let layout = memory.layout.clone().unwrap_or_default();
        self.look(raster, &layout, memory, workers)?;
        let boxes = tiles::joined(&memory.tiles, raster);
        if boxes.len() > self.limits.boxes_max {
            return Err(ImageError::TooMuchText { boxes_max: self.limits.boxes_max });
        }
        Ok(boxes)
    }

    /// Looks at the tiles of a layout that were not seen before.
    fn look(
        &self,
        raster: &Raster,
        layout: &[Tile],
        memory: &mut Memory,
        workers: &Workers,
    ) -> Result<(), ImageError> {
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
        let found = workers.each(&unseen, |tile, worker| self.detect(raster, tile, border, worker));
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
        worker: &mut Worker,
    ) -> Result<Vec<TextBox>, ImageError> {
        let Some(picture) = tile.picture(raster, border, &mut worker.scratch) else { return Ok(Vec::new()) };
        let map = self.detector.pixels(picture, worker)?;
        let found = detect::boxes(&map, tile.columns)?;
        worker.scratch.give(map);
        Ok(found.iter().map(|text| tile.in_image(text)).collect())
    }

    /// The best reading of each box, with the box turned as it was read.
    fn readings(
        &self,
        raster: &Raster,
        boxes: &[TextBox],
        workers: &Workers,
    ) -> Result<Vec<(TextBox, Reading)>, ImageError> {
        let first: Vec<Crop> = boxes
            .iter()
            .map(|text| Crop::of(if is_turned(text) { text.turned(false) } else { *text }))
            .collect();
        let mut best: Vec<(TextBox, Reading)> =
            first.iter().map(|crop| crop.text).zip(self.recognise(raster, &first, workers)?).collect();
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
        self.better(raster, flipped.chain(inverted).collect(), &mut best, workers)?;
        Ok(best)
    }

    /// Reads further crops of boxes, by their place, and keeps what is surer than the best so far.
    fn better(
        &self,
        raster: &Raster,
        crops: Vec<(usize, Crop)>,
        best: &mut [(TextBox, Reading)],
        workers: &Workers,
    ) -> Result<(), ImageError> {
        let (places, crops): (Vec<usize>, Vec<Crop>) = crops.into_iter().unzip();
        let readings = self.recognise(raster, &crops, workers)?;
        for ((at, crop), reading) in places.into_iter().zip(crops).zip(readings) {
            if let Some(slot) = best.get_mut(at)
                && reading.score > slot.1.score
            {
                *slot = (crop.text, reading);
            }
        }
        Ok(())
    }

    /// A reading of each crop, whatever the others are.
    fn recognise(
        &self,
        raster: &Raster,
        crops: &[Crop],
        workers: &Workers,
    ) -> Result<Vec<Reading>, ImageError> {
        let mut order: Vec<(usize, Crop)> = crops.iter().copied().enumerate().collect();
        // The widest come first, so that no thread begins one when the others are done.
        order.sort_by_key(|(_, crop)| std::cmp::Reverse(crop.width()));
        let read = workers.each(&order, |(_, crop), worker| self.recognise_one(raster, crop, worker));
        let mut readings = vec![Reading::default(); crops.len()];
        for ((at, _), reading) in order.into_iter().zip(read) {
            if let Some(slot) = readings.get_mut(at) {
                *slot = reading?;
            }
        }
        Ok(readings)
    }

    fn recognise_one(
        &self,
        raster: &Raster,
        crop: &Crop,
        worker: &mut Worker,
    ) -> Result<Reading, ImageError> {
        let width = crop.width();
        let columns = width.max(CROP_WIDTH_MIN).next_multiple_of(CROP_MULTIPLE);
        let picture = recognise::draw(raster, crop, columns, &mut worker.scratch);
        let steps = self.recogniser.steps(picture, worker)?;
        Ok(recognise::decode(&steps, &self.characters, width as f32 / columns as f32))
    }
}

fn is_turned(text: &TextBox) -> bool {
    text.is_upright() && text.height > text.width * TURNED_FROM
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
