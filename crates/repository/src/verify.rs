//! Comparing two indexes space by space.

use std::cmp::Ordering;

use storage::engine::{Bytes, Direction, KeyRange, Reader, Space};

use crate::core::Core;
use crate::error::Result;
use crate::layout;
use crate::store::SpaceReport;
use crate::view::engine;

/// Walks both indexes. Rows of the dictionary are compared by their content: how many texts share a row depends on which
/// transactions were committed together.
pub(crate) fn compare(stored: &Core, rebuilt: &Core) -> Result<Vec<SpaceReport>> {
    let mut reports = Vec::with_capacity(layout::SPACES.len());
    for (at, spec) in layout::SPACES.iter().enumerate() {
        let space = Space(u8::try_from(at).unwrap_or(u8::MAX));
        let mut report = SpaceReport { space: spec.name, keys: 0, missing: 0, surplus: 0, different: 0 };
        if space == layout::DICTIONARY {
            compare_texts(stored, rebuilt, &mut report)?;
        } else {
            compare_rows(stored.engine.as_ref(), rebuilt.engine.as_ref(), space, &mut report)?;
        }
        reports.push(report);
    }
    Ok(reports)
}

fn rows(reader: &dyn Reader, space: Space) -> impl Iterator<Item = Result<(Bytes, Bytes)>> {
    reader.scan(space, KeyRange::all(), Direction::Forward).map(|row| row.map_err(engine))
}

fn compare_rows(
    stored: &dyn Reader,
    rebuilt: &dyn Reader,
    space: Space,
    report: &mut SpaceReport,
) -> Result<()> {
    let mut ours = rows(stored, space);
    let mut theirs = rows(rebuilt, space);
    let (mut left, mut right) = (ours.next().transpose()?, theirs.next().transpose()?);
    loop {
        let order = match (&left, &right) {
            (Some(left), Some(right)) => left.0.cmp(&right.0),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Ok(()),
        };
        match order {
            Ordering::Less => report.surplus += 1,
            Ordering::Greater => report.missing += 1,
            Ordering::Equal => {
                let same = left.as_ref().map(|row| &row.1) == right.as_ref().map(|row| &row.1);
                report.different += u64::from(!same);
            }
        }
        if order != Ordering::Greater {
            report.keys += 1;
            left = ours.next().transpose()?;
        }
        if order != Ordering::Less {
            right = theirs.next().transpose()?;
        }
    }
}

fn compare_texts(stored: &Core, rebuilt: &Core, report: &mut SpaceReport) -> Result<()> {
    let (ours, keys) = texts(stored)?;
    let (theirs, _) = texts(rebuilt)?;
    report.keys = keys;
    for (parameter, text) in &ours {
        match theirs.get(parameter) {
            None => report.surplus += 1,
            Some(other) => report.different += u64::from(other != text),
        }
    }
    report.missing += theirs.keys().filter(|parameter| !ours.contains_key(*parameter)).count() as u64;
    Ok(())
}

type Texts = std::collections::BTreeMap<Vec<u8>, Vec<u8>>;

/// The opened texts of each tenant and parameter, one behind the other, and the number of rows.
fn texts(core: &Core) -> Result<(Texts, u64)> {
    let mut all = Texts::new();
    let mut count = 0;
    for row in rows(core.engine.as_ref(), layout::DICTIONARY) {
        let (key, sealed) = row?;
        let text = core.open_dictionary_row(&key, &sealed)?;
        let parameter = key.get(..layout::PREFIX_BYTES + 2).unwrap_or(&key).to_vec();
        all.entry(parameter).or_default().extend_from_slice(&text);
        count += 1;
    }
    Ok((all, count))
}
