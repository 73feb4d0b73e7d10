//! Filling what tells who it is, and looking again until nothing does.

use std::ops::Range;

use super::found::{self, Found};
use super::known::KnownValues;
use super::reader::{Line, Memory, Reader};
use super::repair::repaired;
use super::rows::{PageText, page_text};
use super::workers::Workers;
use super::{Area, ImageError, Raster};
use crate::Entity;

/// How much is filled for an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Extent {
    /// The whole row it stands in: what is beside a name is often about the same person.
    #[default]
    Row,
    /// Only its words.
    Words,
}

/// What happens with boxes that look like text but cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unreadable {
    /// They are filled.
    #[default]
    Fill,
    /// They stay.
    Keep,
}

/// What happens where there are no models to read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Unread {
    /// The job fails with [`ImageError::NoModels`].
    #[default]
    Refuse,
    /// The regions handed in are filled, and nothing else; it fails if there are none.
    FillRegions,
    /// The regions, and all places with the sharp edges that text has, are filled: also much of the picture.
    FillTextLike,
}

/// Unreadable boxes are filled in this many rounds: those of later ones are the edges of what was filled, in which the
/// detector sees strokes.
const UNREADABLE_ROUNDS: u32 = 1;

/// Choices of masking images.
#[derive(Clone, Copy, Debug)]
pub struct ImagePolicy {
    /// How much is filled for an entity.
    pub extent: Extent,
    /// What happens with text that cannot be read.
    pub unreadable: Unreadable,
    /// A reading with a lower score counts as unreadable.
    pub readable_from: f32,
    /// What happens without models.
    pub unread: Unread,
    /// Pixels around a box that are filled too, beside a sixth of its height.
    pub margin: u32,
    /// How often the image is read and filled again before it fails.
    pub rounds_max: u32,
}

impl Default for ImagePolicy {
    /// The strict policy: whole rows, unreadable text too, refusal without models, four rounds.
    fn default() -> Self {
        Self {
            extent: Extent::Row,
            unreadable: Unreadable::Fill,
            readable_from: 0.6,
            unread: Unread::Refuse,
            margin: 3,
            rounds_max: 4,
        }
    }
}

/// What an image is masked with.
pub struct ImageAsk<'a> {
    /// Finds entities in text.
    pub find: &'a dyn Fn(&str) -> Vec<Entity>,
    /// Values that must not be seen: the header's, the patient's.
    pub known: &'a KnownValues,
    /// Areas that are filled whatever they show, such as a scanner's banner.
    pub regions: &'a [Area],
    /// Choices.
    pub policy: ImagePolicy,
}

impl std::fmt::Debug for ImageAsk<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ImageAsk({:?}, {} regions, {:?})", self.known, self.regions.len(), self.policy)
    }
}

/// Something with pixels that can be looked at and filled.
pub trait Canvas {
    /// What there is to see: one raster, or several of the same size for different contrasts.
    ///
    /// # Errors
    /// [`ImageError`] if the pixels cannot be shown.
    fn views(&self) -> Result<Vec<Raster>, ImageError>;

    /// Fills an area so that nothing of it can be made out.
    fn fill(&mut self, area: &Area);
}

impl Canvas for Raster {
    fn views(&self) -> Result<Vec<Raster>, ImageError> {
        Ok(vec![self.clone()])
    }

    fn fill(&mut self, area: &Area) {
        Raster::fill(self, area);
    }
}

/// What was done to one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filled {
    /// Columns and rows of the image; zero where it was filled without being looked at.
    pub size: (u32, u32),
    /// What was filled.
    pub areas: Vec<Area>,
    /// What was found, each with its kind; with [`Extent::Row`] more than this was filled.
    pub found: Vec<Found>,
    /// How often the image was read.
    pub readings: u32,
}

/// Fills all that tells who it is, and reads the image again until nothing does.
///
/// Without a reader the policy decides; see [`Unread`].
///
/// # Errors
/// [`ImageError::Remains`] if identifying text is still found after the policy's rounds, [`ImageError::NoModels`], and those
/// of [`Reader::read`]. After an error the canvas is not fit to be given out.
pub fn mask_canvas(
    reader: Option<&Reader>,
    canvas: &mut dyn Canvas,
    ask: &ImageAsk<'_>,
) -> Result<Filled, ImageError> {
    let mut filled = Filled::default();
    for region in ask.regions.iter().filter(|region| !region.is_empty()) {
        canvas.fill(region);
        filled.areas.push(*region);
    }
    let Some(reader) = reader else { return without_models(canvas, ask, filled) };
    let mut memories: Vec<Memory> = Vec::new();
    let workers = Workers::default();
    for round in 0..=ask.policy.rounds_max {
        let views = canvas.views()?;
        memories.resize_with(views.len(), Memory::default);
        let mut wanted = Wanted::default();
        for (view, memory) in views.iter().zip(&mut memories) {
            let lines = reader.read_again(view, memory, &workers)?;
            wanted.take(&lines, view, ask, round < UNREADABLE_ROUNDS);
        }
        filled.readings += 1;
        // Each round fills more around what is still read than the one before.
        let margin = ask.policy.margin.saturating_mul(1 << round.min(8));
        let size = views.first().map_or((0, 0), |view| (view.width(), view.height()));
        filled.size = size;
        // At first no more than the print between them: a margin that cuts into the next line takes its letters, too.
        let kept = if round == 0 { std::mem::take(&mut wanted.kept) } else { Vec::new() };
        let grow = |area: &Area| up_to(&kept, area, around(area, margin, size));
        let areas = wanted.open(&filled.areas, grow);
        if areas.is_empty() {
            return Ok(filled);
        }
        if round == ask.policy.rounds_max {
            return Err(ImageError::Remains { boxes: areas.len(), rounds: round });
        }
        found::add(&mut filled.found, wanted.found, &filled.areas, grow);
        for area in &areas {
            canvas.fill(area);
        }
        memories.iter_mut().for_each(|memory| memory.forget(&areas));
        filled.areas.extend(areas);
    }
    Ok(filled)
}

fn without_models(
    canvas: &mut dyn Canvas,
    ask: &ImageAsk<'_>,
    mut filled: Filled,
) -> Result<Filled, ImageError> {
    match ask.policy.unread {
        Unread::FillRegions if !filled.areas.is_empty() => {}
        Unread::FillTextLike => {
            for view in canvas.views()? {
                for area in super::edges::Edges::of(&view).clusters() {
                    let area = area.grown(ask.policy.margin, view.width(), view.height());
                    canvas.fill(&area);
                    filled.areas.push(area);
                }
            }
        }
        _ => return Err(ImageError::NoModels),
    }
    Ok(filled)
}

/// An area with a margin: letters reach beyond the box that was seen around them.
fn around(area: &Area, margin: u32, (width, height): (u32, u32)) -> Area {
    area.grown(margin + area.height().min(area.width()) / 6, width, height)
}

/// A grown area that does not reach into the lines over and under it. Where the line it is of does, they part in the middle, but
/// it gives up no more than an eighth of its height: its letters may stand behind that.
fn up_to(lines: &[Area], area: &Area, mut grown: Area) -> Area {
    let (top, bottom) = (area.top + area.height() / 8, area.bottom - area.height() / 8);
    for line in lines.iter().filter(|line| line.columns_shared(area) > 0.0) {
        let middle = line.top.midpoint(line.bottom);
        if middle >= area.bottom {
            let border = line.top.max(line.top.midpoint(area.bottom));
            grown.bottom = grown.bottom.min(border.max(bottom));
        } else if middle <= area.top {
            let border = line.bottom.min(line.bottom.midpoint(area.top));
            grown.top = grown.top.max(border.min(top));
        }
    }
    grown
}

/// What has to be filled.
#[derive(Default)]
struct Wanted {
    found: Vec<Found>,
    telling: Vec<Area>,
    unreadable: Vec<Area>,
    /// The lines of which nothing is filled.
    kept: Vec<Area>,
}

impl Wanted {
    fn take(&mut self, lines: &[Line], view: &Raster, ask: &ImageAsk<'_>, fills_unreadable: bool) {
        let page = page_text(lines);
        let mut entities = ask.known.find(&page.text);
        entities.extend(found_in(&page.text, ask.find));
        // What runs across the image in another direction may tear a row's text; so each line is asked about alone, too.
        for (at, begin) in page.rows.iter().flatten() {
            let Some(line) = lines.get(*at) else { continue };
            entities.extend(found_in(&line.text, ask.find).into_iter().map(|entity| Entity {
                range: entity.range.start + begin..entity.range.end + begin,
                ..entity
            }));
        }
        let ranges: Vec<Range<usize>> = entities.iter().map(|entity| entity.range.clone()).collect();
        self.telling.extend(areas_of(&page, lines, &ranges, ask.policy.extent));
        self.found.extend(found::of_entities(&page, lines, entities));
        if ask.policy.unreadable == Unreadable::Fill && fills_unreadable {
            let unsure =
                |line: &&Line| line.score < ask.policy.readable_from && is_dark_on_light(view, &line.area);
            let areas = lines.iter().filter(unsure).map(|line| line.area);
            self.unreadable.extend(areas.clone());
            self.found.extend(areas.map(Found::unreadable));
        }
        let filled = || self.telling.iter().chain(&self.unreadable);
        let stays = |line: &&Line| !filled().any(|area| line.area.contains(area));
        self.kept.extend(lines.iter().filter(stays).map(|line| line.area));
    }

    /// What is not yet filled, grown.
    fn open(&self, done: &[Area], grow: impl Fn(&Area) -> Area) -> Vec<Area> {
        let mut areas: Vec<Area> = Vec::new();
        for area in self.telling.iter().chain(&self.unreadable) {
            let grown = grow(area);
            let is_done = done.iter().chain(&areas).any(|other| other.contains(area));
            // A box inside what is black already cannot be read; the network saw a ghost in the black.
            if !is_done && !grown.is_empty() {
                areas.push(grown);
            }
        }
        areas
    }
}

/// What is found in a text as it was read, and in words and numbers of it that were put right.
fn found_in(text: &str, find: &dyn Fn(&str) -> Vec<Entity>) -> Vec<Entity> {
    let mut entities = find(text);
    if let Some((right, places)) = repaired(text) {
        let touches = |range: &Range<usize>| {
            places.iter().any(|place| place.start < range.end && range.start < place.end)
        };
        entities.extend(find(&right).into_iter().filter(|entity| touches(&entity.range)));
    }
    entities
}

/// Whether an area has more than one colour: a filled one has not, and needs no filling again.
fn is_dark_on_light(view: &Raster, area: &Area) -> bool {
    let first = view.at(i64::from(area.left), i64::from(area.top));
    (area.top..area.bottom)
        .any(|y| (area.left..area.right).any(|x| view.at(i64::from(x), i64::from(y)) != first))
}

/// The pixels of byte ranges of the page's text.
fn areas_of(page: &PageText, lines: &[Line], ranges: &[Range<usize>], extent: Extent) -> Vec<Area> {
    let mut areas = Vec::new();
    for row in &page.rows {
        let mut hit = false;
        for (at, begin) in row {
            let Some(line) = lines.get(*at) else { continue };
            let touches = |part: &Range<usize>| {
                ranges.iter().any(|range| range.start < begin + part.end && begin + part.start < range.end)
            };
            hit |= touches(&(0..line.text.len()));
            if extent == Extent::Words {
                areas.extend(line.words.iter().filter(|word| touches(&word.range)).map(|word| word.area));
            }
        }
        if hit && extent == Extent::Row {
            areas.extend(row.iter().filter_map(|(at, _)| lines.get(*at)).map(|line| line.area));
        }
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_wrongly_is_found_where_it_stands() {
        let find = |text: &str| -> Vec<Entity> {
            let names = ["Candill", "Adams"]
                .into_iter()
                .filter_map(|name| text.find(name).map(|at| at..at + name.len()));
            let entity =
                |range| Entity { range, kind: crate::Kind::Name, score: 1.0, reason: crate::Reason::Tagger };
            names.map(entity).collect()
        };
        let places =
            |text: &str| found_in(text, &find).into_iter().map(|entity| entity.range).collect::<Vec<_>>();
        assert_eq!(
            places("Ms. Candil1 saw Dr. Adams"),
            [20..25, 4..11],
            "what was read well once, what was not as well"
        );
        assert_eq!(places("Ms. Kandil1 saw him"), Vec::<Range<usize>>::new());
    }

    #[test]
    fn a_margin_ends_where_the_next_line_begins() {
        let line = |top| Area::new(100, top, 400, 40);
        let grown = |lines: &[Area]| {
            let grown = up_to(lines, &line(200), around(&line(200), 3, (1000, 1000)));
            (grown.top, grown.bottom)
        };
        assert_eq!(grown(&[]), (191, 249));
        assert_eq!(grown(&[line(100), line(300)]), (191, 249), "far away");
        assert_eq!(grown(&[line(155), line(245)]), (195, 245), "near");
        assert_eq!(grown(&[line(164), line(234)]), (202, 237), "within one another: they part in the middle");
        assert_eq!(
            grown(&[Area::new(100, 205, 400, 300)]),
            (191, 235),
            "a large one over it: its letters are filled"
        );
        assert_eq!(grown(&[Area::new(600, 164, 50, 40)]), (191, 249), "beside");
    }
}
