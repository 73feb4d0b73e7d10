//! Lines side by side joined to rows, so that a name torn into two boxes is asked about as a whole.

use super::reader::Line;

/// Two boxes this many heights apart may still be one line.
const GAP_MAX: f32 = 2.5;

/// What was read off an image as one text: a row a line, and for each line where its bytes are.
#[derive(Debug, Default)]
pub(super) struct PageText {
    pub(super) text: String,
    /// For each row the lines in it (by index) and the byte where each begins.
    pub(super) rows: Vec<Vec<(usize, usize)>>,
}

/// Joins lines to rows.
pub(super) fn page_text(lines: &[Line]) -> PageText {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let row = rows
            .iter_mut()
            .find(|row| row.iter().filter_map(|other| lines.get(*other)).any(|other| continues(other, line)));
        match row {
            Some(row) => row.push(at),
            None => rows.push(vec![at]),
        }
    }
    let mut page = PageText::default();
    for mut row in rows {
        row.sort_by_key(|at| lines.get(*at).map_or(0, |line| line.area.left));
        let mut begins = Vec::new();
        for (place, at) in row.into_iter().enumerate() {
            let Some(line) = lines.get(at) else { continue };
            if place > 0 {
                page.text.push(' ');
            }
            begins.push((at, page.text.len()));
            page.text.push_str(&line.text);
        }
        page.text.push('\n');
        page.rows.push(begins);
    }
    page
}

fn continues(a: &Line, b: &Line) -> bool {
    let height = a.area.height().min(b.area.height()) as f32;
    let gap = b.area.left.max(a.area.left) as f32 - a.area.right.min(b.area.right) as f32;
    a.is_level && b.is_level && a.area.rows_shared(&b.area) > 0.5 && gap < GAP_MAX * height
}
