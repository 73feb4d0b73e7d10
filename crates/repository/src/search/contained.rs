//! Contained resources (`_contained`): found by rows of their own, and decided one by one.
//!
//! For each type among a container's contained resources the index has rows under a type code of its own
//! ([`layout::contained`]), with the number of the container and the terms of all those resources joined. So the rows drive as
//! those of any type do, and give too many at most. A container with one such resource is decided by its rows; of others
//! the body is read, and each contained resource is looked at with rows made for it alone.
//!
//! Who may not find the container finds nothing of what it contains.
//!
//! Source: FHIR R4 3.1.1.4.13.

use std::collections::BTreeSet;
use std::sync::Arc;

use compact_str::CompactString;
use fhir::json::Value;
use fhir::search::query::ContainedType;

use super::across::Part;
use super::clause::{Clause, Probe};
use super::header::{self, Header};
use super::plan::Driver;
use super::postings::{Container, Indexed, Postings, TermChange};
use super::run::{Found, TotalCount};
use super::sort::{Key, Place, compare};
use super::special::BODY_STEPS;
use super::stream::Stream;
use super::terms::Inside;
use super::words::Words;
use super::{Rule, Search, SearchError, Terms, last_updated};
use crate::layout;

/// The number of a reference's target that has none: nothing bears it.
const NOBODY: u64 = u64::MAX;

/// What a point read of a membership row costs, in rows of a scan.
const MEMBERSHIP_STEPS: u64 = 6;

/// One contained resource, looked at by itself.
pub(crate) struct Alone {
    /// The keys of the postings that it alone would have.
    pub(super) postings: BTreeSet<Vec<u8>>,
    pub(super) words: Words,
    pub(super) resource: Arc<Value>,
}

impl Alone {
    /// Whether it has a posting whose key begins so.
    pub(super) fn has_under(&self, prefix: &[u8]) -> bool {
        self.postings.range(prefix.to_vec()..).next().is_some_and(|key| key.starts_with(prefix))
    }
}

/// The type of the container that a record of contained resources is about, and their places in its `contained`.
pub(super) fn container_of(header: Header<'_>) -> Option<(u16, Vec<u32>)> {
    let (type_code, _) = header.references(layout::CONTAINER).next()?;
    Some((type_code, header.texts(layout::CONTAINER).collect()))
}

/// A contained resource of its container, by its place.
pub(crate) fn contained_at(container: &Value, at: u32) -> Option<&Value> {
    container.get("contained")?.elements().get(usize::try_from(at).ok()?)
}

/// The id of a contained resource; empty if it has none.
pub(crate) fn id_of(contained: &Value) -> CompactString {
    contained.get("id").and_then(Value::as_str).unwrap_or_default().into()
}

impl Clause {
    /// Whether the clause holds for joined rows wherever it holds for the rows of one of the resources.
    fn is_wide(&self) -> bool {
        match self {
            Self::Not(_) | Self::Body(_) => false,
            Self::Missing { missing, .. } => !missing,
            Self::All(clauses) | Self::Any(clauses) => clauses.iter().all(Self::is_wide),
            _ => true,
        }
    }
}

/// Containers with contained resources that meet all clauses, ascending.
struct Containers<'p> {
    type_code: u16,
    clauses: Vec<&'p Clause>,
    driver: Stream,
    /// Parts whose matches are no matches here: where containers stand for what they contain, each comes once.
    taken_by: &'p [Part<'p>],
}

/// A container, and what of it was found: the places in `contained`, with what is known of each.
struct Holder {
    type_code: u16,
    number: u64,
    found: Vec<(u32, Probe)>,
}

impl Containers<'_> {
    fn next(&mut self, search: &Search<'_>) -> Result<Option<Holder>, SearchError> {
        while let Some((number, record)) = self.driver.next_with_record(search)? {
            let mut probe = Probe::with(self.type_code, number, record);
            let Some((type_code, _)) = probe.header(search)?.and_then(container_of) else { continue };
            let found = search.contained_matches(&self.clauses, probe)?;
            if !found.is_empty() && !self.is_taken(search, (type_code, number))? {
                return Ok(Some(Holder { type_code, number, found }));
            }
        }
        Ok(None)
    }

    fn is_taken(&self, search: &Search<'_>, (type_code, number): (u16, u64)) -> Result<bool, SearchError> {
        for part in self.taken_by {
            let holds = if layout::is_contained(part.type_code) {
                let clauses: Vec<&Clause> = part.clauses.iter().collect();
                !search.contained_matches(&clauses, Probe::new(part.type_code, number))?.is_empty()
            } else {
                part.type_code == type_code
                    && search.all_hold(&part.clauses, &mut Probe::new(type_code, number))?
            };
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Search<'_> {
    /// The contained resources of one container that meet all clauses, each with its place in `contained`. `probe` is of the
    /// container's number under the type of contained resources.
    pub(super) fn contained_matches(
        &self,
        clauses: &[&Clause],
        mut probe: Probe,
    ) -> Result<Vec<(u32, Probe)>, SearchError> {
        let Some((container, places)) = probe.header(self)?.and_then(container_of) else {
            return Ok(Vec::new());
        };
        if let [only] = places.as_slice() {
            let holds = self.each_holds(clauses.iter().copied(), &mut probe)?;
            return Ok(if holds { vec![(*only, probe)] } else { Vec::new() });
        }
        if !self.each_holds(clauses.iter().copied().filter(|clause| clause.is_wide()), &mut probe)? {
            return Ok(Vec::new());
        }
        self.spend(BODY_STEPS)?;
        let Some(body) = (self.bodies)(container, probe.number)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let inside = Inside::new(&body);
        for at in places {
            let Some(resource) = contained_at(&body, at) else { continue };
            let mut alone = self.alone((container, at), &mut probe, (&inside, resource))?;
            if self.each_holds(clauses.iter().copied(), &mut alone)? {
                found.push((at, alone));
            }
        }
        Ok(found)
    }

    /// A contained resource looked at by itself; `joined` is of all of its type in the container.
    fn alone(
        &self,
        (container, at): (u16, u32),
        joined: &mut Probe,
        (inside, resource): (&Inside<'_>, &Value),
    ) -> Result<Probe, SearchError> {
        self.spend(BODY_STEPS)?;
        let (type_code, number) = (joined.type_code, joined.number);
        let mut terms = Terms::joined(self.codes, layout::plain(type_code), inside, &[(at, resource)]);
        let words = std::mem::take(&mut terms.words);
        let change = TermChange {
            tenant: self.tenant,
            codes: self.codes,
            type_code,
            number,
            old: None,
            new: Some(Indexed { terms: &terms, updated_ms: 0, patients: &[] }),
        };
        let mut postings = Postings::looking(Arc::clone(self.dictionaries));
        let (rows, record) =
            postings.look(self.newest, &change, Container { type_code: container }, &mut |code, id| {
                Ok((self.ids)(code, id)?.unwrap_or(NOBODY))
            })?;
        // Its time is that of its container.
        let times = joined.header(self)?.map(Header::bytes).unwrap_or_default();
        let record = header::patched(&record, last_updated(), &times);
        let alone = Alone { postings: rows, words, resource: Arc::new(resource.clone()) };
        Ok(Probe::alone(type_code, number, record.into(), alone))
    }

    /// What is known of one contained resource that was found; `None` if it is no longer there.
    pub(super) fn contained_probe(&self, found: Found) -> Result<Option<Probe>, SearchError> {
        let Some(at) = found.contained_at() else { return Ok(None) };
        self.spend(BODY_STEPS)?;
        let Some(body) = (self.bodies)(found.type_code, found.number)? else { return Ok(None) };
        let Some(resource) = contained_at(&body, at) else { return Ok(None) };
        let Some(type_code) = resource.resource_type().and_then(layout::type_code) else { return Ok(None) };
        let mut joined = Probe::new(layout::contained(type_code), found.number);
        self.alone((found.type_code, at), &mut joined, (&Inside::new(&body), resource)).map(Some)
    }

    /// Whether the caller may find the container that the candidate's rows are about, and resources of the candidate's
    /// type in the container's compartments.
    pub(super) fn may_find_container(&self, probe: &mut Probe) -> Result<bool, SearchError> {
        let (type_code, number) = (layout::plain(probe.type_code), probe.number);
        let Some((container, _)) = probe.header(self)?.and_then(container_of) else { return Ok(false) };
        for rule in [self.bounds.rule(type_code), self.bounds.rule(container)] {
            let admits = match rule {
                Rule::Everything => true,
                Rule::Nothing => false,
                Rule::Patients(patients) => self.lies_with(patients, container, number)?,
            };
            if !admits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn lies_with(&self, patients: &[u64], type_code: u16, number: u64) -> Result<bool, SearchError> {
        for patient in patients {
            self.spend(MEMBERSHIP_STEPS)?;
            let key =
                layout::compartment_key(self.tenant, *patient, type_code, layout::MEMBERSHIP, &[], number);
            if self.reader.contains(layout::COMPARTMENT, &key)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn containers<'p>(
        &self,
        part: &'p Part<'p>,
        earlier: &'p [Part<'p>],
        from: u64,
        need: u64,
    ) -> Result<Containers<'p>, SearchError> {
        let clauses: Vec<&Clause> = part.clauses.iter().collect();
        let driver = match self.choose(part.type_code, &clauses, need)? {
            Driver::Clause(at, _) => clauses.get(at).copied(),
            Driver::Everything => None,
        };
        let driver = match driver {
            Some(clause) => clause.stream(self, part.type_code, from)?,
            None => self.everything(part.type_code, from),
        };
        let taken_by = if part.stand_for_contained() { earlier } else { &[] };
        Ok(Containers { type_code: part.type_code, clauses, driver, taken_by })
    }

    /// The first `need` places behind `after` of a part that is of contained resources; the parts before it are `earlier`.
    pub(super) fn contained_places(
        &self,
        part: &Part<'_>,
        earlier: &[Part<'_>],
        after: Option<&Place>,
        need: usize,
    ) -> Result<Vec<(Found, Place)>, SearchError> {
        let keys = part.keys.as_slice();
        let sorted = !keys.is_empty();
        let (from, wanted) = match sorted {
            true => (0, u64::MAX),
            false => (after.map_or(0, |place| place.number), need as u64),
        };
        let mut containers = self.containers(part, earlier, from, wanted)?;
        let mut places: Vec<(Found, Place)> = Vec::new();
        while sorted || places.len() < need {
            let Some(container) = containers.next(self)? else { break };
            let found = self.places_in(part, keys, container)?;
            places.extend(
                found
                    .into_iter()
                    .filter(|(_, place)| after.is_none_or(|after| compare(keys, place, after).is_gt())),
            );
            if places.len() > 4 * need + 1024 {
                keep_first(&mut places, keys, need);
            }
        }
        keep_first(&mut places, keys, need);
        Ok(places)
    }

    /// The matches that a container gives: itself, where the first of what was found in it stands, or each of these.
    fn places_in(
        &self,
        part: &Part<'_>,
        keys: &[Key],
        container: Holder,
    ) -> Result<Vec<(Found, Place)>, SearchError> {
        let Holder { type_code, number, found } = container;
        let mut places = Vec::with_capacity(found.len());
        for (at, mut probe) in found {
            let found = Found::contained(type_code, number, at);
            let place = self.place(keys, &mut probe)?;
            places.push((found, Place { within: found.within, ..place }));
        }
        if part.stand_for_contained() {
            keep_first(&mut places, keys, 1);
            for (found, place) in &mut places {
                (found.within, place.within) = (0, 0);
            }
        }
        Ok(places)
    }

    /// How many matches a part of contained resources has.
    pub(super) fn contained_total(
        &self,
        part: &Part<'_>,
        earlier: &[Part<'_>],
    ) -> Result<TotalCount, SearchError> {
        let mut containers = self.containers(part, earlier, 0, u64::MAX)?;
        let mut value = 0;
        while let Some(container) = containers.next(self)? {
            value += if part.stand_for_contained() { 1 } else { container.found.len() as u64 };
        }
        Ok(TotalCount { value, exact: true })
    }
}

impl Part<'_> {
    /// Whether the matches are containers in place of what they contain.
    fn stand_for_contained(&self) -> bool {
        self.query.contained_type == ContainedType::Container
    }
}

/// Keeps the first places in the order of the keys.
pub(super) fn keep_first<T>(places: &mut Vec<(T, Place)>, keys: &[Key], need: usize) {
    places.sort_unstable_by(|(_, left), (_, right)| compare(keys, left, right));
    places.truncate(need);
}
