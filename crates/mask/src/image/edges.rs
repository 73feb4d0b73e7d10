//! Where an image has edges. Text has: where neighbouring pixels hardly differ nothing can be read, by anyone.

use super::Area;
use super::raster::Raster;

/// Side of a cell, in pixels.
const CELL: u32 = 16;
/// What two pixels, two apart, have to differ by, of 255. Print on a radiograph differs by 100 and more, a watermark by 30.
const STEP_MIN: i16 = 20;
/// How many of a cell's values (256 a channel) have to: a letter of ten pixels has some dozens, a speck of noise a few.
const STEPS_MIN: usize = 8;
/// Cells with up to this many between them belong together.
const REACH: i64 = 2;
/// Side of a block: the image is looked at in blocks.
const BLOCK: u32 = 128;
/// What a region keeps around its blocks, so that the network sees what surrounds a line, and no line is cut.
const AROUND: u32 = 64;

/// More regions than this are left as they are: joining compares each with each.
const MERGED_MAX: usize = 256;

/// Joins regions where one around both is not larger than the two.
pub(super) fn merged(mut regions: Vec<Area>) -> Vec<Area> {
    let size = |area: &Area| u64::from(area.width()) * u64::from(area.height());
    if regions.len() > MERGED_MAX {
        return regions;
    }
    let mut done: Vec<Area> = Vec::new();
    while let Some(region) = regions.pop() {
        let fits = |other: &Area| size(&region.union(other)) <= size(&region) + size(other);
        match done.iter().position(fits) {
            Some(at) => regions.push(done.swap_remove(at).union(&region)),
            None => done.push(region),
        }
    }
    done.sort();
    done
}

/// The cells of an image, each with whether it has an edge.
pub(super) struct Edges {
    columns: u32,
    rows: u32,
    cells: Vec<bool>,
}

impl Edges {
    pub(super) fn of(raster: &Raster) -> Self {
        let (width, height) = (raster.width() as usize, raster.height() as usize);
        let columns = raster.width().div_ceil(CELL);
        let rows = raster.height().div_ceil(CELL);
        let mut steps = vec![0_usize; columns as usize * rows as usize];
        let channels = (raster.pixels().len() / width.max(1)).checked_div(height).unwrap_or(1).max(1);
        let lines: Vec<&[u8]> = raster.pixels().chunks_exact((width * channels).max(1)).collect();
        let differ = |(a, b): (&u8, &u8)| (i16::from(*a) - i16::from(*b)).abs() >= STEP_MIN;
        let cell_bytes = CELL as usize * channels;
        for (y, line) in lines.iter().enumerate() {
            let below = lines.get(y + 2).unwrap_or(line);
            let right = line.get(2 * channels..).unwrap_or_default();
            let first = (y / CELL as usize) * columns as usize;
            let parts = line.chunks(cell_bytes).zip(below.chunks(cell_bytes));
            for (cell, (here, under)) in parts.enumerate() {
                let beside = right.get(cell * cell_bytes..).unwrap_or_default();
                let count = here.iter().zip(under).filter(|pair| differ(*pair)).count()
                    + here.iter().zip(beside).filter(|pair| differ(*pair)).count();
                if let Some(slot) = steps.get_mut(first + cell) {
                    *slot += count;
                }
            }
        }
        Self { columns, rows, cells: steps.into_iter().map(|steps| steps >= STEPS_MIN * channels).collect() }
    }

    /// Without the cells that have no other within [`REACH`]: specks, and single letters.
    pub(super) fn without_specks(self) -> Self {
        let cells = (0..self.cells.len()).map(|at| self.has_company(at)).collect();
        Self { cells, ..self }
    }

    fn has_company(&self, at: usize) -> bool {
        let columns = self.columns.max(1) as usize;
        let (x, y) = (at % columns, at / columns);
        let is_edge = |x: usize, y: usize| x < columns && self.cells.get(y * columns + x) == Some(&true);
        let reach = REACH as usize;
        let near = |at: usize| at.saturating_sub(reach)..at + reach + 1;
        is_edge(x, y) && near(y).any(|v| near(x).any(|u| (u, v) != (x, y) && is_edge(u, v)))
    }

    /// Areas that together have all edges and what is around them. Where two meet, each has some of the other.
    pub(super) fn regions(&self, width: u32, height: u32) -> Vec<Area> {
        let mut regions: Vec<Area> = Vec::new();
        for top in (0..height).step_by(BLOCK as usize) {
            for (left, right) in self.runs(top, width) {
                let run = Area { left, top, right, bottom: (top + BLOCK).min(height) };
                let above = |other: &&mut Area| {
                    other.bottom == run.top && other.left == run.left && other.right == run.right
                };
                match regions.iter_mut().rev().find(above) {
                    Some(above) => above.bottom = run.bottom,
                    None => regions.push(run),
                }
            }
        }
        merged(regions.iter().map(|region| region.grown(AROUND, width, height)).collect())
    }

    /// In one row of blocks, those with edges that lie side by side, from column to column.
    fn runs(&self, top: u32, width: u32) -> Vec<(u32, u32)> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for left in (0..width).step_by(BLOCK as usize) {
            let block = Area::new(left, top, BLOCK, BLOCK);
            if !self.has_edges(&block) {
                continue;
            }
            let right = (left + BLOCK).min(width);
            match runs.last_mut() {
                // One block between costs less than a second tile with its surroundings.
                Some(last) if last.1 + BLOCK >= left => last.1 = right,
                _ => runs.push((left, right)),
            }
        }
        runs
    }

    fn has_edges(&self, area: &Area) -> bool {
        let columns = area.left / CELL..area.right.div_ceil(CELL).min(self.columns);
        (area.top / CELL..area.bottom.div_ceil(CELL).min(self.rows)).any(|row| {
            let first = row as usize * self.columns as usize;
            let cells = self.cells.get(first + columns.start as usize..first + columns.end as usize);
            cells.is_some_and(|cells| cells.contains(&true))
        })
    }

    /// The areas of cells with edges that lie together: all that might be text, and much that is not.
    pub(super) fn clusters(&self) -> Vec<Area> {
        let mut open = self.cells.clone();
        let mut found = Vec::new();
        let (columns, rows) = (i64::from(self.columns), i64::from(self.rows));
        for start in 0..open.len() {
            let mut stack = vec![start];
            let mut around: Option<Area> = None;
            while let Some(at) = stack.pop() {
                match open.get_mut(at) {
                    Some(is_open) if *is_open => *is_open = false,
                    _ => continue,
                }
                let (x, y) = (at as i64 % columns.max(1), at as i64 / columns.max(1));
                let cell = Area::new(x as u32 * CELL, y as u32 * CELL, CELL, CELL);
                around = Some(around.map_or(cell, |around| around.union(&cell)));
                for near_y in (y - REACH).max(0)..(y + REACH + 1).min(rows) {
                    let near = (x - REACH).max(0)..(x + REACH + 1).min(columns);
                    stack.extend(near.map(|near_x| (near_y * columns + near_x) as usize));
                }
            }
            found.extend(around);
        }
        found
    }
}
