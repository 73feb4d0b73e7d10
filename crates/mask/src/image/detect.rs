//! From the detector's probability map to boxes around lines of text.
//!
//! Differentiable binarization (Liao et al., 2020): the network gives, for each pixel, how likely it lies in the *core* of a
//! line; cores are joined pixels above a threshold, and each is grown back to the line's size.

use rten_imageproc::{Point, min_area_rect};

use super::ImageError;
use super::area::TextBox;

/// What a pixel of a core has to reach.
const CORE_MIN: f32 = 0.3;
/// What a core has to reach on average.
const BOX_MIN: f32 = 0.5;
/// How much a core grows: area x ratio / perimeter, in pixels, to every side.
const UNCLIP_RATIO: f32 = 1.6;
/// Cores of less height are specks.
const CORE_SIDE_MIN: f32 = 3.0;
/// More cores than this on one tile is not a page of text; it is refused, not cut short.
const CORES_MAX: usize = 4_000;
/// Boxes that lean less than this (tangent) are taken as straight, so that they can be joined to rows.
const LEAN_MAX: f32 = 0.06;

/// A set of joined pixels.
#[derive(Default)]
struct Core {
    /// Left and right end of each row it has.
    ends: Vec<(u32, u32, u32)>,
    sum: f32,
    count: u32,
}

/// The boxes on a probability map of `width` columns, in the map's pixels.
///
/// # Errors
/// [`ImageError::TooMuchText`] beyond the number of cores that one tile may have.
pub(super) fn boxes(map: &[f32], width: usize) -> Result<Vec<TextBox>, ImageError> {
    let height = map.len().checked_div(width).unwrap_or(0);
    let mut open: Vec<bool> = dilated(map, width);
    let mut found = Vec::new();
    for start in 0..open.len() {
        if !open.get(start).copied().unwrap_or(false) {
            continue;
        }
        let core = flood(map, &mut open, start, width);
        if core.sum / core.count.max(1) as f32 >= BOX_MIN * 0.8
            && let Some(text) = grown(&core, width, height)
        {
            found.push(text);
        }
        if found.len() > CORES_MAX {
            return Err(ImageError::TooMuchText { boxes_max: CORES_MAX });
        }
    }
    Ok(found)
}

/// The map against the threshold, each true pixel spread to its right, lower and lower right neighbour: it joins cores that
/// a thin gap tears apart.
fn dilated(map: &[f32], width: usize) -> Vec<bool> {
    let core = |at: Option<usize>| at.and_then(|at| map.get(at)).is_some_and(|p| *p > CORE_MIN);
    (0..map.len())
        .map(|at| {
            let left = (width > 0 && at % width > 0).then(|| at - 1);
            let above = at.checked_sub(width);
            let corner = left.and_then(|left| left.checked_sub(width));
            core(Some(at)) || core(left) || core(above) || core(corner)
        })
        .collect()
}

/// Takes the pixels joined to `start` out of `open`.
fn flood(map: &[f32], open: &mut [bool], start: usize, width: usize) -> Core {
    let mut core = Core::default();
    let mut rows: std::collections::BTreeMap<usize, (usize, usize)> = std::collections::BTreeMap::new();
    let mut stack = vec![start];
    while let Some(at) = stack.pop() {
        match open.get_mut(at) {
            Some(is_open) if *is_open => *is_open = false,
            _ => continue,
        }
        let (x, y) = (at % width, at / width);
        let ends = rows.entry(y).or_insert((x, x));
        *ends = (ends.0.min(x), ends.1.max(x));
        // Pixels that only the spreading added do not count for the score.
        let probability = map.get(at).copied().unwrap_or(0.0);
        if probability > CORE_MIN {
            core.sum += probability;
            core.count += 1;
        }
        if x > 0 {
            stack.push(at - 1);
        }
        if x + 1 < width {
            stack.push(at + 1);
        }
        if let Some(above) = at.checked_sub(width) {
            stack.push(above);
        }
        stack.push(at + width); // beyond the last row `get_mut` finds nothing
    }
    core.ends = rows.into_iter().map(|(y, (left, right))| (y as u32, left as u32, right as u32)).collect();
    core
}

/// The core's box grown to the size of its line, or `None` for a speck.
fn grown(core: &Core, width: usize, height: usize) -> Option<TextBox> {
    let score = core.sum / core.count.max(1) as f32;
    let left = core.ends.iter().map(|row| row.1).min()? as f32;
    let right = core.ends.iter().map(|row| row.2).max()? as f32 + 1.0;
    let top = core.ends.first()?.0 as f32;
    let bottom = core.ends.last()?.0 as f32 + 1.0;
    let straight = TextBox::upright(left, top, right, bottom, score);
    let text = leaning(core, score).unwrap_or(straight);
    if text.width.min(text.height) < CORE_SIDE_MIN {
        return None;
    }
    let grow = text.width * text.height * UNCLIP_RATIO / (2.0 * (text.width + text.height));
    let text = TextBox { width: text.width + 2.0 * grow, height: text.height + 2.0 * grow, ..text };
    let inside = text.centre.0 < width as f32 && text.centre.1 < height as f32;
    inside.then_some(text)
}

/// The smallest box around a core if it leans, with its writing from left to right.
fn leaning(core: &Core, score: f32) -> Option<TextBox> {
    let corners: Vec<Point<f32>> = core
        .ends
        .iter()
        .flat_map(|&(y, left, right)| {
            let (top, bottom) = (y as f32, y as f32 + 1.0);
            let (left, right) = (left as f32, right as f32 + 1.0);
            [(top, left), (top, right), (bottom, left), (bottom, right)]
        })
        .map(|(y, x)| Point::from_yx(y, x))
        .collect();
    let rect = min_area_rect(&corners)?;
    let up = rect.up_axis();
    // The writing runs at a right angle to `up`, along the longer side.
    let (mut along, mut width, mut height) = ((up.y, -up.x), rect.width(), rect.height());
    if height > width {
        along = (up.x, up.y);
        std::mem::swap(&mut width, &mut height);
    }
    if along.0 < 0.0 {
        along = (-along.0, -along.1);
    }
    let leans = along.0.min(along.1.abs()) > LEAN_MAX && width > 2.0 * height;
    let centre = rect.center();
    leans.then_some(TextBox { centre: (centre.x, centre.y), along, width, height, score })
}
