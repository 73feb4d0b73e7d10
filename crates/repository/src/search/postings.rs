//! Terms into index rows: what the applier puts into its batch for each resource that it writes.
//!
//! The same calls in the same order give the same rows, in a commit and in a replay: numbers of texts are given out in the
//! order of the calls, and nothing else is drawn or read from elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use compact_str::CompactString;
use fhir::search::normalise;

use storage::engine::{Batch, Reader, Space};

use super::codes::{Codes, date_class, kind};
use super::composite::{self, Numbering};
use super::dictionary::{Dictionaries, NewTexts};
use super::header::{self, Draft};
use super::terms::Target;
use super::words::{Changed, WordPostings};
use super::{SearchError, Terms, last_updated};
use crate::layout;

/// Marks the posting with the lowest low end among a resource's dates of one parameter: an ascending walk takes this one.
pub(crate) const FIRST: u8 = 1;
/// Marks the posting with the highest low end: a descending walk takes this one.
pub(crate) const LAST: u8 = 2;

/// One version of a resource as the index sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indexed<'a> {
    /// Its terms.
    pub(crate) terms: &'a Terms,
    /// Its `meta.lastUpdated` in milliseconds since 1970 UTC.
    pub(crate) updated_ms: i64,
    /// The numbers of the patients in whose compartments it is.
    pub(crate) patients: &'a [u64],
}

/// What happens to one resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TermChange<'a> {
    /// The tenant.
    pub(crate) tenant: u32,
    /// The tenant's codes.
    pub(crate) codes: &'a Codes,
    /// The code of the resource's type.
    pub(crate) type_code: u16,
    /// The resource's number.
    pub(crate) number: u64,
    /// The version that stood in the index; `None` for a resource that is new or was deleted.
    pub(crate) old: Option<Indexed<'a>>,
    /// The version that shall stand there; `None` for a deletion.
    pub(crate) new: Option<Indexed<'a>>,
}

/// What rows of contained resources tell of their container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container {
    /// The code of its type.
    pub(crate) type_code: u16,
}

/// Writes index rows for the applier. One for the whole store; used by one thread.
pub(crate) struct Postings {
    dictionaries: Arc<Dictionaries>,
    new_texts: NewTexts,
    words: WordPostings,
    counts: BTreeMap<(u32, u16), i64>,
    /// Numbers of texts of shared dictionaries: most resources say what others have said.
    recent: HashMap<(u32, u16), HashMap<CompactString, u32>>,
}

impl std::fmt::Debug for Postings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Postings({:?})", self.new_texts)
    }
}

impl Postings {
    /// Starts with an empty batch.
    pub(crate) fn new(dictionaries: Arc<Dictionaries>) -> Self {
        Self {
            dictionaries,
            new_texts: NewTexts::default(),
            words: WordPostings::default(),
            counts: BTreeMap::new(),
            recent: HashMap::new(),
        }
    }

    /// One that makes rows without adding texts: for looking at a version beside the index, whose rows are thrown away.
    pub(crate) fn looking(dictionaries: Arc<Dictionaries>) -> Self {
        Self { new_texts: NewTexts::looking(), ..Self::new(dictionaries) }
    }

    /// Puts into `batch` what leads from the old rows of a resource to the new ones.
    ///
    /// `engine` reads the newest state. `number_of` gives the number of a target by type code and id, a new one if it has
    /// none. Texts and counts wait for [`Self::finish`].
    ///
    /// # Errors
    /// From the engine, from the keys, from `number_of`. Then this and the batch must be thrown away, and the dictionaries
    /// forget what they have in memory.
    pub(crate) fn replace<'a>(
        &mut self,
        engine: &dyn Reader,
        batch: &mut Batch,
        change: &TermChange<'a>,
        number_of: &mut dyn FnMut(u16, &str) -> Result<u64, SearchError>,
    ) -> Result<(), SearchError> {
        self.replace_one(engine, batch, change, None, number_of)?;
        let contained =
            |side: Option<Indexed<'a>>| side.map_or(&[][..], |side| side.terms.contained.as_slice());
        let types = contained(change.old).iter().chain(contained(change.new)).map(|terms| terms.type_code);
        for type_code in types.collect::<BTreeSet<u16>>() {
            let of_type = |side: Option<Indexed<'a>>| {
                let side = side?;
                let terms = side.terms.contained.iter().find(|terms| terms.type_code == type_code)?;
                Some(Indexed { terms, patients: &[], ..side })
            };
            let (old, new) = (of_type(change.old), of_type(change.new));
            let of_type = TermChange { type_code: layout::contained(type_code), old, new, ..*change };
            let container = Some(Container { type_code: change.type_code });
            self.replace_one(engine, batch, &of_type, container, number_of)?;
        }
        Ok(())
    }

    /// The same of rows under one type code.
    fn replace_one(
        &mut self,
        engine: &dyn Reader,
        batch: &mut Batch,
        change: &TermChange<'_>,
        container: Option<Container>,
        number_of: &mut dyn FnMut(u16, &str) -> Result<u64, SearchError>,
    ) -> Result<(), SearchError> {
        let mut rows_of = |side: Option<Indexed<'_>>| match side {
            Some(side) => self.rows(engine, change, side, container, number_of).map(Some),
            None => Ok(None),
        };
        let (old, new) = (rows_of(change.old)?, rows_of(change.new)?);
        let changed = Changed { tenant: change.tenant, type_code: change.type_code, number: change.number };
        self.words.replace(
            (&self.dictionaries, &mut self.new_texts),
            engine,
            changed,
            (change.old.map(|side| &side.terms.words), change.new.map(|side| &side.terms.words)),
        )?;
        let by = i64::from(new.is_some()) - i64::from(old.is_some());
        if by != 0 {
            *self.counts.entry((change.tenant, change.type_code)).or_default() += by;
        }
        match (old, new) {
            (None, None) => {}
            (None, Some(new)) => new.rows.iter().for_each(|row| new.put(row, batch)),
            (Some(old), None) => old.rows.iter().for_each(|row| old.delete(row, batch)),
            (Some(mut old), Some(mut new)) => replace_rows(&mut old, &mut new, batch),
        }
        Ok(())
    }

    /// Puts rows of one parameter alone for `change.new` into the batch, or takes away those for `change.old`; both hold no terms of
    /// another. The member record is changed accordingly. No other change of the resource may be in the batch.
    ///
    /// # Errors
    /// As [`Self::replace`].
    pub(crate) fn patch(
        &mut self,
        engine: &dyn Reader,
        batch: &mut Batch,
        change: &TermChange<'_>,
        parameter: u16,
        number_of: &mut dyn FnMut(u16, &str) -> Result<u64, SearchError>,
    ) -> Result<(), SearchError> {
        let Some(side) = change.new.or(change.old) else { return Ok(()) };
        let rows = self.rows(engine, change, side, None, number_of)?;
        let mut values = None;
        for row in &rows.rows {
            if row.space == layout::MEMBER {
                values = Some(rows.part(&row.value));
                continue;
            }
            if !matches!(row.space, layout::POSTING | layout::COMPARTMENT) {
                continue;
            }
            let at =
                rows.part(&row.key).get(parameter_place(row.space)..).and_then(|rest| rest.first_chunk());
            if at.map(|at| u16::from_be_bytes(*at)) != Some(parameter) {
                continue;
            }
            if change.new.is_some() { rows.put(row, batch) } else { rows.delete(row, batch) }
        }
        let key = layout::member_key(change.tenant, change.type_code, change.number);
        let Some(record) = engine.get(layout::MEMBER, &key)? else { return Ok(()) };
        let values = values.filter(|_| change.new.is_some()).unwrap_or_default();
        batch.put(layout::MEMBER, key, header::patched(&record, parameter, values));
        Ok(())
    }

    /// The keys of the postings, and the member record, that `change.new` would have in a container: for looking at it alone.
    ///
    /// # Errors
    /// As [`Self::replace`].
    pub(crate) fn look(
        &mut self,
        engine: &dyn Reader,
        change: &TermChange<'_>,
        container: Container,
        number_of: &mut dyn FnMut(u16, &str) -> Result<u64, SearchError>,
    ) -> Result<(BTreeSet<Vec<u8>>, Vec<u8>), SearchError> {
        let (mut postings, mut record) = (BTreeSet::new(), Vec::new());
        let Some(side) = change.new else { return Ok((postings, record)) };
        let rows = self.rows(engine, change, side, Some(container), number_of)?;
        for row in &rows.rows {
            match row.space {
                layout::POSTING => drop(postings.insert(rows.part(&row.key).to_vec())),
                layout::MEMBER => record = rows.part(&row.value).to_vec(),
                _ => {}
            }
        }
        Ok((postings, record))
    }

    /// Takes away the texts of a parameter that has no rows any more.
    ///
    /// # Errors
    /// From the engine.
    pub(crate) fn forget_texts(
        &mut self,
        engine: &dyn Reader,
        batch: &mut Batch,
        (tenant, parameter): (u32, u16),
    ) -> Result<(), SearchError> {
        let prefix = layout::Key::new(tenant).u16(parameter).into_vec();
        for row in super::scan_prefix(engine, layout::DICTIONARY, &prefix) {
            batch.delete(layout::DICTIONARY, row?.0.to_vec());
        }
        self.new_texts.forget(tenant, parameter);
        self.dictionaries.forget_parameter(tenant, parameter);
        Ok(())
    }

    /// Puts the rows of words alone into `batch`: what [`Self::finish`] would put of them.
    ///
    /// # Errors
    /// From the engine.
    pub(crate) fn put_words(&mut self, engine: &dyn Reader, batch: &mut Batch) -> Result<(), SearchError> {
        self.words.finish(engine, batch)
    }

    /// Puts new texts and changed counts into `batch`; to be called once for each batch, after all its changes.
    ///
    /// # Errors
    /// From the engine and the keys.
    pub(crate) fn finish(&mut self, engine: &dyn Reader, batch: &mut Batch) -> Result<(), SearchError> {
        self.words.finish(engine, batch)?;
        for (key, sealed) in std::mem::take(&mut self.new_texts).rows(&self.dictionaries)? {
            batch.put(layout::DICTIONARY, key, sealed);
        }
        for ((tenant, type_code), by) in std::mem::take(&mut self.counts) {
            let count = super::count(engine, tenant, type_code)?;
            let count = count.saturating_add_signed(by);
            batch.put(layout::STATS, layout::stats_key(tenant, type_code, 0), count.to_be_bytes());
        }
        Ok(())
    }

    fn rows(
        &mut self,
        engine: &dyn Reader,
        change: &TermChange<'_>,
        side: Indexed<'_>,
        container: Option<Container>,
        number_of: &mut dyn FnMut(u16, &str) -> Result<u64, SearchError>,
    ) -> Result<Rows, SearchError> {
        let terms = side.terms;
        let mut rows = Rows::new(change, terms.fixed.len() + terms.dates.len());
        let mut record = Draft::default();
        terms.present.iter().for_each(|parameter| record.present(*parameter));
        if let Some(container) = container {
            record.reference(layout::CONTAINER, container.type_code, change.number);
            terms.places.iter().for_each(|place| record.text(layout::CONTAINER, *place));
        }
        for fixed in &terms.fixed {
            rows.posting(fixed.parameter, &[fixed.term()], &[]);
        }
        for (parameter, term) in &terms.long {
            rows.posting(*parameter, &[term], &[]);
        }
        dated(&mut rows, &mut record, change, side);
        for (parameter, code) in &terms.numbers {
            record.number(*parameter, *code);
        }
        for (parameter, quantity) in &terms.quantities {
            record.quantity(*parameter, *quantity);
        }
        for (parameter, low, high) in &terms.ranges {
            record.range(*parameter, *low, *high);
        }
        let mut numbers = Numbers { postings: self, engine, tenant: change.tenant, parameter: 0, number_of };
        for (parameter, normal, raw) in &terms.texts {
            numbers.parameter = *parameter;
            let term = numbers.text(normal, raw)?;
            rows.posting(*parameter, &[&[kind::STRING], &term.to_be_bytes()], &[]);
            record.text(*parameter, term);
        }
        for (parameter, label) in &terms.labels {
            let number = numbers.shared(label.dictionary, &label.raw)?;
            if label.is_alone {
                rows.posting(*parameter, &[&[kind::LABEL], &number.to_be_bytes()], &[]);
            }
            record.label(*parameter, number);
        }
        for (dictionary, text) in &terms.known {
            numbers.shared(*dictionary, text)?;
        }
        for (parameter, target) in &terms.references {
            let number = numbers.target(target)?;
            rows.posting(*parameter, &[&[kind::REFERENCE], &number.to_be_bytes()], &[]);
            record.reference(*parameter, target.type_code, number);
        }
        // References have no texts otherwise.
        for (parameter, place) in &terms.inside {
            record.text(*parameter, *place);
        }
        for (parameter, found) in &terms.composites {
            numbers.parameter = *parameter;
            record.composites(*parameter, composite::write(found, &mut numbers)?);
        }
        for patient in side.patients {
            rows.compartment(*patient, layout::MEMBERSHIP, &[], &[]);
        }
        rows.member(&record.write());
        Ok(rows)
    }

    /// The number of a text of a shared dictionary.
    fn shared(&mut self, engine: &dyn Reader, place: (u32, u16), raw: &str) -> Result<u32, SearchError> {
        if let Some(number) = self.recent.get(&place).and_then(|of_place| of_place.get(raw)) {
            return Ok(*number);
        }
        let normal = normalise::string(raw);
        let number = self.new_texts.number(&self.dictionaries, engine, place, &normal, raw)?;
        let of_place = self.recent.entry(place).or_default();
        if of_place.len() >= RECENT_MAX {
            of_place.clear();
        }
        of_place.insert(raw.into(), number);
        Ok(number)
    }
}

/// Where the parameter stands in a key.
fn parameter_place(space: Space) -> usize {
    let before = if space == layout::COMPARTMENT { 8 } else { 0 };
    layout::PREFIX_BYTES + before + 2
}

/// Texts of a shared dictionary whose numbers are kept at hand.
const RECENT_MAX: usize = 16_384;

/// The rows of the dates.
fn dated(rows: &mut Rows, record: &mut Draft, change: &TermChange<'_>, side: Indexed<'_>) {
    let updated = last_updated();
    let low = change.codes.date(updated, side.updated_ms);
    let stamp = [(updated, low, change.codes.date(updated, side.updated_ms.saturating_add(1)))];
    for dates in side.terms.dates.chunk_by(|a, b| a.0 == b.0).chain([&stamp[..]]) {
        let last = dates.len().saturating_sub(1);
        for (at, (parameter, low, high)) in dates.iter().enumerate() {
            let mark = if at == 0 { FIRST } else { 0 } | if at == last { LAST } else { 0 };
            let mark = [mark];
            let mark: &[u8] = if dates.len() == 1 { &[] } else { &mark };
            let (from, to) = (low.to_be_bytes(), high.to_be_bytes());
            rows.posting(*parameter, &[&[kind::DATE | date_class(*low, *high)], &from, &to], mark);
            if *parameter != updated {
                for patient in side.patients {
                    rows.compartment(*patient, *parameter, &[&from, &to], mark);
                }
            }
            record.date(*parameter, *low, *high);
        }
    }
}

/// Gives the numbers of texts, labels and targets.
struct Numbers<'n> {
    postings: &'n mut Postings,
    engine: &'n dyn Reader,
    tenant: u32,
    /// Whose texts are asked for.
    parameter: u16,
    number_of: &'n mut dyn FnMut(u16, &str) -> Result<u64, SearchError>,
}

impl Numbers<'_> {
    fn shared(&mut self, dictionary: u16, raw: &str) -> Result<u32, SearchError> {
        self.postings.shared(self.engine, (self.tenant, dictionary), raw)
    }
}

impl Numbering<SearchError> for Numbers<'_> {
    fn text(&mut self, normal: &str, raw: &str) -> Result<u32, SearchError> {
        let Postings { dictionaries, new_texts, .. } = &mut *self.postings;
        new_texts.number(dictionaries, self.engine, (self.tenant, self.parameter), normal, raw)
    }

    fn target(&mut self, target: &Target) -> Result<u64, SearchError> {
        (self.number_of)(target.type_code, &target.id)
    }
}

/// The rows of one version of a resource: keys and values in one piece of memory.
struct Rows {
    bytes: Vec<u8>,
    rows: Vec<Row>,
    posting_prefix: [u8; layout::PREFIX_BYTES + 2],
    type_code: u16,
    number: u64,
}

#[derive(Clone)]
struct Row {
    space: Space,
    key: Range<usize>,
    value: Range<usize>,
}

impl Rows {
    fn new(change: &TermChange<'_>, count: usize) -> Self {
        let mut posting_prefix = [0; layout::PREFIX_BYTES + 2];
        let prefix = layout::Key::new(change.tenant).u16(change.type_code);
        for (to, from) in posting_prefix.iter_mut().zip(prefix.as_slice()) {
            *to = *from;
        }
        Self {
            bytes: Vec::with_capacity((count + 16) * 48),
            rows: Vec::with_capacity(count + 16),
            posting_prefix,
            type_code: change.type_code,
            number: change.number,
        }
    }

    fn posting(&mut self, parameter: u16, term: &[&[u8]], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&self.posting_prefix);
        self.finish(layout::POSTING, start, parameter, term, value);
    }

    fn member(&mut self, record: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&self.posting_prefix);
        self.end(layout::MEMBER, start, record);
    }

    fn compartment(&mut self, patient: u64, parameter: u16, term: &[&[u8]], value: &[u8]) {
        let start = self.bytes.len();
        let (tenant, _) = self.posting_prefix.split_at(layout::PREFIX_BYTES);
        self.bytes.extend_from_slice(tenant);
        self.bytes.extend_from_slice(&patient.to_be_bytes());
        self.bytes.extend_from_slice(&self.type_code.to_be_bytes());
        self.finish(layout::COMPARTMENT, start, parameter, term, value);
    }

    fn finish(&mut self, space: Space, start: usize, parameter: u16, term: &[&[u8]], value: &[u8]) {
        self.bytes.extend_from_slice(&parameter.to_be_bytes());
        term.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.end(space, start, value);
    }

    fn end(&mut self, space: Space, start: usize, value: &[u8]) {
        self.bytes.extend_from_slice(&self.number.to_be_bytes());
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.rows.push(Row { space, key: start..middle, value: middle..self.bytes.len() });
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or(&[])
    }

    fn put(&self, row: &Row, batch: &mut Batch) {
        batch.put(row.space, self.part(&row.key), self.part(&row.value));
    }

    fn delete(&self, row: &Row, batch: &mut Batch) {
        batch.delete(row.space, self.part(&row.key));
    }

    fn sort(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_unstable_by(|a, b| (a.space, self.part(&a.key)).cmp(&(b.space, self.part(&b.key))));
        self.rows = rows;
    }
}

/// Deletes old rows that are not among the new ones, puts new rows that are not among the old ones or have another value.
fn replace_rows(old: &mut Rows, new: &mut Rows, batch: &mut Batch) {
    old.sort();
    new.sort();
    let (mut before, mut after) = (old.rows.iter().peekable(), new.rows.iter().peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (Some(a), Some(b)) => (a.space, old.part(&a.key)).cmp(&(b.space, new.part(&b.key))),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return,
        };
        let (a, b) = match order {
            std::cmp::Ordering::Less => (before.next(), None),
            std::cmp::Ordering::Greater => (None, after.next()),
            std::cmp::Ordering::Equal => (before.next(), after.next()),
        };
        match (a, b) {
            (Some(a), None) => old.delete(a, batch),
            (None, Some(b)) => new.put(b, batch),
            (Some(a), Some(b)) if old.part(&a.value) != new.part(&b.value) => new.put(b, batch),
            _ => {}
        }
    }
}
