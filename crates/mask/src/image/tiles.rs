//! An image in parts of bounded size, and the boxes of the parts put together again.

use super::Area;
use super::area::TextBox;
use super::edges::{Edges, merged};
use super::net::{Map, Scratch};
use super::raster::Raster;
use super::resample::{Axis, resample};

/// Side of a tile as the network sees it, in pixels.
const SIDE: u32 = 960;
/// Two tiles share this much, so that a line of usual height lies whole in one.
const SHARED: u32 = 96;
/// The network wants sides of this multiple.
const MULTIPLE: u32 = 32;
/// Small images are enlarged until the shorter side has this many pixels, but not more than [`ENLARGE_MAX`] times.
const SHORT_SIDE: f32 = 736.0;
const ENLARGE_MAX: f32 = 2.0;
/// A margin around the image: text that touches the edge is else not seen.
const MARGIN: u32 = 16;
/// Side of the whole image seen small, for letters too large for a tile.
const OVERVIEW: f32 = 512.0;
/// What a tile's part that is looked at again shows of its surroundings, in the network's pixels.
const PATCH_BORDER: f32 = 64.0;
/// A box whose shorter side is more than this share of the image's longer side is part of the picture, not text.
const LETTER_SHARE_MAX: f32 = 0.25;
/// Where there is an overview, boxes on tiles count up to this height only (in the tile's pixels): a tile sees too little
/// of something larger, and takes ribs for letters.
const TILE_HEIGHT_MAX: f32 = 96.0;
/// In the overview only boxes of this height (in its pixels) count; smaller ones the tiles see better.
const OVERVIEW_HEIGHT_MIN: f32 = 16.0;
/// A page of print is first looked at in half its size or less: a quarter of the work, and for print of usual size all of it.
const PAGE_SCALE_MAX: f32 = 0.5;
/// Its longer side is then no longer than this.
const PAGE_SIDE: f32 = 960.0;
/// The same as [`OVERVIEW_HEIGHT_MIN`] there.
const PAGE_HEIGHT_MIN: f32 = 12.0;
/// Rows of its tiles: more than one, so that each processor has its own.
const PAGE_ROWS: u32 = 544;
/// Pixels of a page that are like its border, at least, as a share; and by how many grey levels they may differ from it.
const PAGE_SHARE: f32 = 0.7;
const PAPER: f32 = 24.0;

/// One part of the image, scaled for the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tile {
    /// The pixels that it shows.
    pub(super) source: Area,
    /// Network pixels for one image pixel.
    scale: f32,
    /// Size for the network.
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Boxes of less height, in its pixels, are left to tiles of more; 0 in those of most.
    height_min: f32,
}

/// The tiles of an image: the parts that have edges, for text has, cut to a bounded size.
pub(super) fn of(raster: &Raster) -> Vec<Tile> {
    let (width, height) = (raster.width(), raster.height());
    let mut tiles = fine(raster);
    let side = (SIDE as f32 / scale_of(raster)) as u32;
    if width.max(height) > side {
        let scale = OVERVIEW / width.max(height) as f32;
        tiles.push(tile(Area::new(0, 0, width, height), scale, OVERVIEW_HEIGHT_MIN));
    }
    tiles
}

/// The tiles to begin with if an image is a large page of print; what they leave is for [`rest`].
pub(super) fn page(raster: &Raster) -> Option<Vec<Tile>> {
    let is_large = raster.width().max(raster.height()) > SIDE && scale_of(raster) == 1.0;
    let regions = || Edges::of(raster).without_specks().regions(raster.width(), raster.height());
    let scale = PAGE_SCALE_MAX.min(PAGE_SIDE / raster.width().max(raster.height()) as f32);
    let tile = |area| tile(area, scale, PAGE_HEIGHT_MIN);
    (is_large && is_paper(raster)).then(|| cut(&regions(), scale, PAGE_ROWS).map(tile).collect())
}

/// The tiles of a page for what stands outside of the boxes of its first ones, however near: small print under large.
pub(super) fn rest(raster: &Raster, boxes: &[TextBox]) -> Vec<Tile> {
    let paper = raster.border_grey() as u8;
    let mut left = raster.clone();
    // What leans has others in the corners of its area.
    for text in boxes.iter().filter(|text| text.is_upright()) {
        left.paint(&text.area(0.0, 1.0, raster.width(), raster.height()), paper);
    }
    fine(&left)
}

/// Whether most of an image looks like its border.
fn is_paper(raster: &Raster) -> bool {
    const STEP: usize = 4;
    let border = raster.border_grey();
    let (mut like, mut all) = (0_u32, 0_u32);
    for y in (0..raster.height()).step_by(STEP) {
        for x in (0..raster.width()).step_by(STEP) {
            let [red, green, blue] = raster.at(i64::from(x), i64::from(y)).map(f32::from);
            all += 1;
            like += u32::from(((red + green + blue) / 3.0 - border).abs() <= PAPER);
        }
    }
    like as f32 >= PAGE_SHARE * all as f32
}

/// Network pixels for one image pixel, where the network sees most.
fn scale_of(raster: &Raster) -> f32 {
    let short = raster.width().min(raster.height()).max(1) as f32;
    (SHORT_SIDE / short).clamp(1.0, ENLARGE_MAX)
}

/// The tiles of most pixels around all edges of an image.
fn fine(raster: &Raster) -> Vec<Tile> {
    let scale = scale_of(raster);
    let regions = Edges::of(raster).without_specks().regions(raster.width(), raster.height());
    cut(&regions, scale, SIDE).map(|area| tile(area, scale, 0.0)).collect()
}

/// Regions cut to what fits one tile of at most so many rows.
fn cut(regions: &[Area], scale: f32, rows: u32) -> impl Iterator<Item = Area> {
    let side = (SIDE as f32 / scale) as u32;
    let shared = (SHARED as f32 / scale) as u32;
    regions.iter().flat_map(move |region| {
        let rows = spans(region.height(), (rows as f32 / scale) as u32, shared);
        let columns = spans(region.width(), side, shared);
        let across = move |(top, height)| {
            let place = move |(left, width)| Area::new(region.left + left, region.top + top, width, height);
            columns.clone().into_iter().map(place)
        };
        rows.into_iter().flat_map(across)
    })
}

fn tile(source: Area, scale: f32, height_min: f32) -> Tile {
    let side = |pixels: u32| {
        let scaled = (pixels as f32 * scale).ceil() as u32 + 2 * MARGIN;
        scaled.next_multiple_of(MULTIPLE) as usize
    };
    Tile { source, scale, columns: side(source.width()), rows: side(source.height()), height_min }
}

/// Starts and lengths that cover `length`, of about equal size, `shared` in common.
fn spans(length: u32, side: u32, shared: u32) -> Vec<(u32, u32)> {
    let step = side.saturating_sub(shared).max(1);
    let count = length.saturating_sub(shared).div_ceil(step).max(1);
    let each = (length.saturating_sub(shared)).div_ceil(count) + shared;
    (0..count)
        .map(|at| {
            let start = (at * (each - shared)).min(length.saturating_sub(1));
            (start, each.min(length - start))
        })
        .collect()
}

impl Tile {
    /// How many pixels the network sees.
    pub(super) fn size(&self) -> usize {
        self.columns * self.rows
    }

    /// The parts of it that lie around what changed, as tiles.
    pub(super) fn patches(&self, changed: &[Area]) -> Vec<Self> {
        let around = (PATCH_BORDER / self.scale) as u32;
        let parts = changed.iter().filter(|changed| changed.intersects(&self.source));
        let parts = parts.map(|changed| changed.grown(around, u32::MAX, u32::MAX).shared(&self.source));
        merged(parts.collect()).into_iter().map(|part| tile(part, self.scale, self.height_min)).collect()
    }

    /// Its pixels as values from -1 to 1; `None` if all are of one colour, for then there is nothing to see.
    pub(super) fn picture(&self, raster: &Raster, border: f32, scratch: &mut Scratch) -> Option<Map> {
        let mut map = Map::unset(self.rows, self.columns, 3, scratch);
        map.values.fill(border / 127.5 - 1.0);
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        let points = ((1.0 / self.scale).round() as usize).clamp(1, 8);
        let axis = |side: usize, start: u32, length: u32, whole: u32| {
            let count = ((length as f32 * self.scale).ceil() as usize).min(side - MARGIN as usize);
            Axis::new(start as f32, 1.0 / self.scale, count, points, whole)
        };
        let down = axis(self.rows, self.source.top, self.source.height(), raster.height());
        let across = axis(self.columns, self.source.left, self.source.width(), raster.width());
        let margin = MARGIN as usize;
        resample(raster, &down, &across, |row, column, colour| {
            let at = 3 * ((row + margin) * self.columns + column + margin);
            if let Some(place) = map.values.get_mut(at..at + 3) {
                for (slot, value) in place.iter_mut().zip(colour) {
                    (low, high) = (low.min(value), high.max(value));
                    *slot = value / 127.5 - 1.0;
                }
            }
        });
        (high - low > 1.0).then_some(map)
    }

    /// A box of the network's map, in pixels of the image.
    pub(super) fn in_image(&self, text: &TextBox) -> TextBox {
        let place = |at: f32, start: u32| (at - MARGIN as f32) / self.scale + start as f32;
        TextBox {
            centre: (place(text.centre.0, self.source.left), place(text.centre.1, self.source.top)),
            width: text.width / self.scale,
            height: text.height / self.scale,
            ..*text
        }
    }
}

/// All tiles' boxes: what two tiles both saw once, what an edge cut in two whole.
pub(super) fn joined(tiles: &[(Tile, Vec<TextBox>)], raster: &Raster) -> Vec<TextBox> {
    let side_max = raster.width().max(raster.height()) as f32 * LETTER_SHARE_MAX;
    let has_overview = tiles.iter().any(|(tile, _)| tile.height_min > 0.0);
    let mut all: Vec<TextBox> = Vec::new();
    for (tile, boxes) in tiles {
        for text in boxes {
            let side = text.height.min(text.width);
            let wanted = match (tile.height_min > 0.0, has_overview) {
                (true, _) => side * tile.scale >= tile.height_min,
                (false, true) => side * tile.scale <= TILE_HEIGHT_MAX,
                (false, false) => true,
            };
            if !wanted || side > side_max.max(64.0) {
                continue;
            }
            let mut text = *text;
            // A joined box may touch a third.
            while let Some(at) = all.iter().position(|other| is_same_line(other, &text, tiles.len() > 1)) {
                let other = all.swap_remove(at);
                text = union(&other, &text);
            }
            all.push(text);
        }
    }
    all
}

/// Whether two boxes show parts of one line.
fn is_same_line(a: &TextBox, b: &TextBox, tiled: bool) -> bool {
    let (left, right) = (a.area(0.0, 1.0, u32::MAX, u32::MAX), b.area(0.0, 1.0, u32::MAX, u32::MAX));
    if !tiled || !left.intersects(&right) {
        return false;
    }
    if left.rows_shared(&right) > 0.8 && left.columns_shared(&right) > 0.8 {
        return true; // one lies in the other
    }
    let alike = |a: f32, b: f32| a.max(b) <= 1.6 * a.min(b);
    if a.is_upright() && b.is_upright() {
        // Neighbouring lines touch, too: what counts is whether one goes on where the other ends.
        let is_wide = |text: &TextBox| text.width > text.height;
        let level = left.rows_shared(&right) > 0.6 && alike(a.height, b.height) && is_wide(a) && is_wide(b);
        let steep =
            left.columns_shared(&right) > 0.6 && alike(a.width, b.width) && !is_wide(a) && !is_wide(b);
        return level || steep;
    }
    let near = ((a.centre.0 - b.centre.0).powi(2) + (a.centre.1 - b.centre.1).powi(2)).sqrt();
    near < a.height.min(b.height)
}

fn union(a: &TextBox, b: &TextBox) -> TextBox {
    if !a.is_upright() || !b.is_upright() {
        return if a.width * a.height >= b.width * b.height { *a } else { *b };
    }
    let edge = |text: &TextBox, sign: f32| {
        (text.centre.0 + sign * text.width / 2.0, text.centre.1 + sign * text.height / 2.0)
    };
    let ((a_left, a_top), (b_left, b_top)) = (edge(a, -1.0), edge(b, -1.0));
    let ((a_right, a_bottom), (b_right, b_bottom)) = (edge(a, 1.0), edge(b, 1.0));
    TextBox::upright(
        a_left.min(b_left),
        a_top.min(b_top),
        a_right.max(b_right),
        a_bottom.max(b_bottom),
        a.score.max(b.score),
    )
}
