//! Which terminology resources a tenant has: addresses, versions, and where each stands.

use std::collections::HashMap;
use std::sync::Arc;

use fhir::json::Value;
use fhir::terminology::compare_versions;
use storage::engine::{Direction, KeyRange};

use crate::applier::ChangeRow;
use crate::codec::Malformed;
use crate::error::{ErrorKind, Result};
use crate::layout;
use crate::row::{Head, Row};
use crate::view::{View, corrupt, engine};

/// The types of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    CodeSystem,
    ValueSet,
    ConceptMap,
    StructureDefinition,
}

impl Kind {
    const ALL: [Self; 4] = [Self::CodeSystem, Self::ValueSet, Self::ConceptMap, Self::StructureDefinition];

    pub(super) fn type_code(self) -> u16 {
        let name = match self {
            Self::CodeSystem => "CodeSystem",
            Self::ValueSet => "ValueSet",
            Self::ConceptMap => "ConceptMap",
            Self::StructureDefinition => "StructureDefinition",
        };
        layout::type_code(name).unwrap_or_default()
    }
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) number: u64,
    /// The version of the row; the business version is `version`.
    pub(super) row_version: u64,
    time_ms: i64,
    url: String,
    version: Option<String>,
    /// Of a code system: the value set of all its codes, and what it supplements.
    of_all: Option<String>,
    supplements: Option<String>,
}

/// The catalogues of all tenants.
#[derive(Default)]
pub(crate) struct Catalogues(HashMap<u32, Arc<Catalogue>>);

impl Catalogues {
    /// A tenant's catalogue with all changes so far.
    pub(super) fn newest(&mut self, view: &View) -> Result<Arc<Catalogue>> {
        let known = self.0.get(&view.tenant);
        let mut marks = Marks::default();
        for (mark, kind) in marks.iter_mut().zip(Kind::ALL) {
            *mark = newest_change(view, kind)?;
        }
        if let Some(known) = known
            && known.marks == marks
        {
            return Ok(Arc::clone(known));
        }
        let mut made = known.map(|known| Catalogue::clone(known)).unwrap_or_default();
        made.take_changes(view, marks)?;
        let made = Arc::new(made);
        self.0.insert(view.tenant, Arc::clone(&made));
        Ok(made)
    }
}

/// The newest change of each kind that is in the catalogue: sequence and operation.
type Marks = [Option<(u64, u32)>; 4];

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    marks: Marks,
    entries: HashMap<(Kind, u64), Entry>,
    /// Numbers by address, the newest version first.
    by_url: HashMap<(Kind, String), Vec<u64>>,
    of_all: HashMap<String, u64>,
    supplements: HashMap<String, Vec<u64>>,
}

impl Catalogue {
    /// The resource `url` of `version`, or the newest.
    pub(super) fn find(&self, kind: Kind, url: &str, version: Option<&str>) -> Option<&Entry> {
        let numbers = self.by_url.get(&(kind, url.to_owned()))?.iter();
        let mut entries = numbers.filter_map(|number| self.entries.get(&(kind, *number)));
        entries.find(|entry| version.is_none() || entry.version.as_deref() == version)
    }

    /// The code system whose value set of all codes is `url`.
    pub(super) fn of_all(&self, url: &str) -> Option<&Entry> {
        self.entries.get(&(Kind::CodeSystem, *self.of_all.get(url)?))
    }

    /// The supplements of a code system.
    pub(super) fn supplements(&self, url: &str) -> impl Iterator<Item = &Entry> {
        let numbers = self.supplements.get(url).into_iter().flatten();
        numbers.filter_map(|number| self.entries.get(&(Kind::CodeSystem, *number)))
    }

    /// The addresses of a kind, sorted.
    pub(super) fn urls(&self, kind: Kind) -> Vec<&str> {
        let mut urls: Vec<&str> =
            self.by_url.keys().filter(|(own, _)| *own == kind).map(|(_, url)| url.as_str()).collect();
        urls.sort_unstable();
        urls
    }

    /// Reads what changed up to `marks`. What is written meanwhile may be read already; the next time tells.
    fn take_changes(&mut self, view: &View, marks: Marks) -> Result<()> {
        for ((kind, known), newest) in Kind::ALL.into_iter().zip(self.marks).zip(marks) {
            match (known, newest) {
                (known, newest) if known == newest => {}
                (None, _) => self.take_all(view, kind)?,
                (Some(known), _) => self.take_since(view, kind, known)?,
            }
        }
        self.marks = marks;
        self.order();
        Ok(())
    }

    /// Reads all resources of a kind.
    fn take_all(&mut self, view: &View, kind: Kind) -> Result<()> {
        let prefix = layout::Key::new(view.tenant).u16(kind.type_code()).into_vec();
        for row in view.reader.scan(layout::CURRENT, KeyRange::prefix(&prefix), Direction::Forward) {
            let (key, value) = row.map_err(engine)?;
            let number = key.last_chunk::<8>().copied().map(u64::from_be_bytes);
            let number = number.ok_or_else(|| corrupt(Malformed))?;
            if !Head::read(&value).map_err(corrupt)?.deleted {
                self.take(view, kind, number, &Row::read(&value).map_err(corrupt)?)?;
            }
        }
        Ok(())
    }

    /// Reads the resources of a kind that changed after `known`.
    fn take_since(&mut self, view: &View, kind: Kind, known: (u64, u32)) -> Result<()> {
        let prefix = layout::Key::new(view.tenant).u16(kind.type_code()).into_vec();
        let after = layout::change_key(view.tenant, kind.type_code(), known.0, known.1);
        let range = KeyRange::prefix_after(&prefix, &after);
        for row in view.reader.scan(layout::CHANGE, range, Direction::Forward) {
            let number = ChangeRow::read(&row.map_err(engine)?.1)?.number;
            self.entries.remove(&(kind, number));
            if let Some(row) = view.row(kind.type_code(), number)?.filter(|row| !row.deleted) {
                self.take(view, kind, number, &row)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, view: &View, kind: Kind, number: u64, row: &Row) -> Result<()> {
        let body = match view.body(kind.type_code(), number, row) {
            Err(error) if error.kind() == ErrorKind::Gone => return Ok(()),
            body => body?,
        };
        let Some(body) = body else { return Ok(()) };
        let value = body.value().map_err(corrupt)?;
        let text =
            |key| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let Some(url) = text("url") else { return Ok(()) };
        let is_description = text("content").as_deref() == Some("not-present");
        let supplements = text("supplements").map(|base| base.split('|').next().unwrap_or(&base).to_owned());
        if kind == Kind::CodeSystem && is_description && supplements.is_none() {
            // A description without concepts must not stand before one of R4 that has them.
            return Ok(());
        }
        let entry = Entry {
            kind,
            number,
            row_version: row.version,
            time_ms: row.time_ms,
            url,
            version: text("version"),
            of_all: text("valueSet").filter(|_| kind == Kind::CodeSystem),
            supplements: supplements.filter(|_| kind == Kind::CodeSystem),
        };
        self.entries.insert((kind, number), entry);
        Ok(())
    }

    /// Makes the ways into the entries anew.
    fn order(&mut self) {
        self.by_url.clear();
        self.of_all.clear();
        self.supplements.clear();
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        // Newest first: by business version, then by time, then by place so that equal ones have an order too.
        entries.sort_by(|a, b| {
            let versions = [b, a].map(|entry| entry.version.as_deref().unwrap_or_default());
            compare_versions(versions[0], versions[1]).then((b.time_ms, b.number).cmp(&(a.time_ms, a.number)))
        });
        for entry in entries {
            if let Some(base) = &entry.supplements {
                self.supplements.entry(base.clone()).or_default().push(entry.number);
                continue;
            }
            self.by_url.entry((entry.kind, entry.url.clone())).or_default().push(entry.number);
            if let Some(all) = &entry.of_all {
                self.of_all.entry(all.clone()).or_insert(entry.number);
            }
        }
    }
}

/// The newest change of a kind.
fn newest_change(view: &View, kind: Kind) -> Result<Option<(u64, u32)>> {
    let prefix = layout::Key::new(view.tenant).u16(kind.type_code()).into_vec();
    let newest = view.reader.scan(layout::CHANGE, KeyRange::prefix(&prefix), Direction::Reverse).next();
    let Some(row) = newest else { return Ok(None) };
    let (key, _) = row.map_err(engine)?;
    let (_, _, seq) = layout::read_change_key(&key).ok_or_else(|| corrupt(Malformed))?;
    let operation = key.last_chunk::<4>().copied().map(u32::from_be_bytes);
    Ok(Some((seq, operation.ok_or_else(|| corrupt(Malformed))?)))
}
