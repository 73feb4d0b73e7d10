//! `$everything`: the record of a patient, or all around an encounter, in pages.
//!
//! First comes the resource itself, then its compartment in the order of types and numbers, then what those refer to:
//! practitioners, organisations, locations, medications and whatever they refer to in turn. A page begins behind a place
//! in that order, so writes meanwhile neither shift nor repeat anything. What the caller may not find by searching is left
//! out here too.
//!
//! Source: R4 patient-operation-everything.html, encounter-operation-everything.html.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use compact_str::CompactString;
use fhir::definitions::compartment_parameters;
use fhir::outcome::{Issue, IssueType, Severity};
use fhir::search::{Kind, Registry};
use protect::access::Interaction;
use storage::engine::{Direction, KeyRange};
use storage::keys::TenantId;
use storage::seal;

use super::{Access, gone, type_code};
use crate::codec::{Malformed, Reader, put_bytes, put_varint};
use crate::error::{Error, ErrorKind, Result};
use crate::finding;
use crate::gate::Shown;
use crate::layout;
use crate::search::clause::{Clause, Probe, reference_prefix};
use crate::search::header::Header;
use crate::search::{Found, Search, SearchError, last_updated};
use crate::types::{SearchEntry, SearchMode, SearchPage};
use crate::view::engine;

/// Resources on a page of `$everything` when `_count` does not say.
pub const EVERYTHING_COUNT_DEFAULT: usize = 1000;
/// The most resources on a page of `$everything`.
pub const EVERYTHING_COUNT_MAX: usize = 2000;
/// Resources outside the compartment that are followed; more are left out, and said so.
const REFERRED_MAX: usize = 20_000;

/// What an `$everything` request narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EverythingOptions {
    /// Only versions made after this time, milliseconds since 1970 UTC (`_since`).
    pub since_ms: Option<i64>,
    /// Only these types (`_type`); empty for all.
    pub types: Vec<CompactString>,
    /// Only care at or after this time (`start`). What bears no date of care stays.
    pub start_ms: Option<i64>,
    /// Only care before this time (`end`, its last millisecond included).
    pub end_ms: Option<i64>,
    /// Resources a page (`_count`), at most [`EVERYTHING_COUNT_MAX`].
    pub count: Option<usize>,
}

/// Where a page begins: behind this resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    part: Part,
    found: Found,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The patient or encounter itself.
    Focus,
    /// What lies in its compartment.
    Compartment,
    /// What those refer to.
    Referred,
}

impl Access {
    /// The first page of everything about a Patient or an Encounter.
    ///
    /// # Errors
    /// `NotFound`, `Gone`, `Denied` as a read; `Invalid` for another type or unknown types in the options; `TooCostly`.
    pub fn everything(
        &self,
        resource_type: &str,
        id: &str,
        options: &EverythingOptions,
    ) -> Result<SearchPage> {
        self.operation(Interaction::Operation, "everything", resource_type, |shown| {
            self.everything_after(resource_type, id, options, None, shown)
        })
    }

    /// Another page, by the token of a page's link, which holds the options.
    ///
    /// # Errors
    /// `Invalid` for a token that was altered, or made for another tenant, caller or resource; else as [`Self::everything`].
    pub fn everything_page(&self, resource_type: &str, id: &str, token: &str) -> Result<SearchPage> {
        self.operation(Interaction::Operation, "everything", resource_type, |shown| {
            let (options, place) = self.open_everything(token, &label(resource_type, id))?;
            self.everything_after(resource_type, id, &options, Some(place), shown)
        })
    }

    fn everything_after(
        &self,
        resource_type: &str,
        id: &str,
        options: &EverythingOptions,
        after: Option<Place>,
        shown: &mut Shown,
    ) -> Result<SearchPage> {
        if !matches!(resource_type, "Patient" | "Encounter") {
            return Err(Error::new(ErrorKind::Invalid, "`$everything` is there for Patient and Encounter"));
        }
        let view = self.inner.core.snapshot(self.tenant())?;
        let code = type_code(resource_type)?;
        let (number, row) = view.find(code, id)?.ok_or_else(Error::not_found)?;
        self.admit(&shown.reach, &view, (code, number), &row)?;
        if row.deleted {
            return Err(gone());
        }
        let types = options.types.iter().map(|name| type_code(name)).collect::<Result<Vec<u16>>>()?;
        let bounds = finding::bounds(&view, &self.caller, Some((code, &shown.reach)))?;
        let count = options.count.unwrap_or(EVERYTHING_COUNT_DEFAULT).clamp(1, EVERYTHING_COUNT_MAX);
        let focus = Found::whole(code, number);
        let (mut places, cut) =
            finding::with_search(&view, &bounds, self.inner.clock.now_ms(), None, |search| {
                let mut walk =
                    Walk { search, focus, options, types: &types, clauses: HashMap::new(), cut: false };
                Ok((walk.after(after, count + 1)?, walk.cut))
            })?;
        let more = places.len() > count;
        places.truncate(count);
        let mut page = SearchPage { total_is_exact: true, ..SearchPage::default() };
        if let Some(last) = places.last().filter(|_| more) {
            page.next = Some(self.seal_everything(options, *last, &label(resource_type, id))?);
        }
        for place in places {
            let mode = if place.part == Part::Referred { SearchMode::Include } else { SearchMode::Match };
            let versioned = finding::read(&view, place.found, None)?;
            page.entries.extend(versioned.map(|versioned| SearchEntry { versioned, mode, contained: None }));
        }
        page.entries.iter().for_each(|entry| shown.add(&entry.versioned));
        if cut {
            let text = format!("more than {REFERRED_MAX} resources outside the compartment are referred to");
            page.issues.push(Issue::new(Severity::Warning, IssueType::Incomplete, text));
        }
        Ok(page)
    }

    fn seal_everything(&self, options: &EverythingOptions, place: Place, label: &[u8]) -> Result<String> {
        let key = self.inner.core.ring.general_key(TenantId(self.tenant())).map_err(engine)?;
        let aad = [b"everything page".as_slice(), self.caller.actor.id.as_bytes(), label];
        Ok(URL_SAFE_NO_PAD.encode(seal::seal(&key, &aad, &write_token(options, place)).as_bytes()))
    }

    fn open_everything(&self, token: &str, label: &[u8]) -> Result<(EverythingOptions, Place)> {
        let other = || Error::new(ErrorKind::Invalid, "the page token does not belong to this request");
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| other())?;
        let key = self.inner.core.ring.general_key(TenantId(self.tenant())).map_err(engine)?;
        let aad = [b"everything page".as_slice(), self.caller.actor.id.as_bytes(), label];
        let plain = seal::open(&key, &aad, &sealed).map_err(|_| other())?;
        read_token(&plain).map_err(|_| other())
    }
}

fn label(resource_type: &str, id: &str) -> Vec<u8> {
    format!("{resource_type}/{id}").into_bytes()
}

/// One look at everything around a focus.
struct Walk<'w, 'a> {
    search: &'w Search<'a>,
    focus: Found,
    options: &'w EverythingOptions,
    types: &'w [u16],
    /// What the caller's bounds say of each type.
    clauses: HashMap<u16, Vec<Clause>>,
    cut: bool,
}

impl Walk<'_, '_> {
    /// The first `need` places behind `after` that the options let through.
    fn after(&mut self, after: Option<Place>, need: usize) -> Result<Vec<Place>, SearchError> {
        let mut places = Vec::new();
        let focus = Place { part: Part::Focus, found: self.focus };
        if after.is_none() && self.wanted(focus.found, false)? {
            places.push(focus);
        }
        if after.is_none_or(|place| place.part < Part::Referred) {
            let from = after.filter(|place| place.part == Part::Compartment).map(|place| place.found);
            let mut found = Vec::new();
            self.members(from, &mut |walk, member| {
                if places.len() + found.len() < need && walk.wanted(member, true)? {
                    found.push(Place { part: Part::Compartment, found: member });
                }
                Ok(places.len() + found.len() < need)
            })?;
            places.append(&mut found);
        }
        if places.len() < need {
            let from = after.filter(|place| place.part == Part::Referred).map(|place| place.found);
            for found in self.referred()? {
                if places.len() == need {
                    break;
                }
                if from.is_none_or(|from| found > from) && self.wanted(found, false)? {
                    places.push(Place { part: Part::Referred, found });
                }
            }
        }
        Ok(places)
    }

    /// Gives the resources of the compartment behind `after`, in order and without the focus, as long as `each` says so.
    fn members(
        &mut self,
        after: Option<Found>,
        each: &mut dyn FnMut(&mut Self, Found) -> Result<bool, SearchError>,
    ) -> Result<(), SearchError> {
        if self.focus.type_code != layout::PATIENT_CODE {
            for found in self.around_encounter()? {
                if after.is_none_or(|after| found > after) && !each(self, found)? {
                    break;
                }
            }
            return Ok(());
        }
        // Membership rows stand first among a type's rows: each type costs two looks, however many rows it has.
        let patient = || layout::Key::new(self.search.tenant).u64(self.focus.number);
        let compartment = patient().into_vec();
        let mut from = match after {
            Some(found) => {
                let key = patient().u16(found.type_code).u16(layout::MEMBERSHIP);
                key.u64(found.number.saturating_add(1)).into_vec()
            }
            None => compartment.clone(),
        };
        loop {
            let range = KeyRange::prefix_from(&compartment, &from);
            let mut next = None;
            for row in self.search.reader.scan(layout::COMPARTMENT, range, Direction::Forward) {
                let (key, _) = row?;
                self.search.spend(1)?;
                let (type_code, parameter, number) = read_row(&key).ok_or(SearchError::Corrupt)?;
                if parameter != layout::MEMBERSHIP {
                    next = Some(type_code.saturating_add(1));
                    break;
                }
                let found = Found::whole(type_code, number);
                if found != self.focus && !each(self, found)? {
                    return Ok(());
                }
            }
            let Some(type_code) = next else { return Ok(()) };
            let patient = layout::Key::new(self.search.tenant).u64(self.focus.number);
            from = patient.u16(type_code).into_vec();
        }
    }

    /// What refers to the encounter by a parameter of the encounter compartment.
    fn around_encounter(&self) -> Result<BTreeSet<Found>, SearchError> {
        let mut found = BTreeSet::new();
        for type_code in layout::type_codes() {
            let name = layout::type_name(type_code).unwrap_or_default();
            for code in compartment_parameters("Encounter", name) {
                let Some(parameter) = self.search.registry.parameter(name, code) else { continue };
                let prefix = reference_prefix(self.search, type_code, parameter.id, self.focus.number);
                for row in self.search.term_scan(layout::POSTING, &prefix, 0) {
                    self.search.spend(1)?;
                    let number = layout::number_at_end(&row?.0).ok_or(SearchError::Corrupt)?;
                    found.insert(Found::whole(type_code, number));
                }
            }
        }
        found.remove(&self.focus);
        Ok(found)
    }

    /// What the compartment refers to and does not hold, and what that refers to in turn.
    fn referred(&mut self) -> Result<BTreeSet<Found>, SearchError> {
        let mut seen: HashSet<Found> = HashSet::from([self.focus]);
        let mut waiting = Vec::new();
        self.members(None, &mut |walk, member| {
            seen.insert(member);
            if walk.in_time(member)? {
                waiting.push(member);
            }
            Ok(true)
        })?;
        waiting.push(self.focus);
        let patients = self.patients()?;
        let mut referred = BTreeSet::new();
        while let Some(found) = waiting.pop() {
            for target in self.targets(found)? {
                if !seen.insert(target) || !self.belongs(target, &patients)? {
                    continue;
                }
                if referred.len() >= REFERRED_MAX {
                    self.cut = true;
                    return Ok(referred);
                }
                referred.insert(target);
                // Others' records are not followed any further.
                if target.type_code != layout::PATIENT_CODE {
                    waiting.push(target);
                }
            }
        }
        Ok(referred)
    }

    fn targets(&self, found: Found) -> Result<Vec<Found>, SearchError> {
        let mut probe = Probe::new(found.type_code, found.number);
        let Some(header) = probe.header(self.search)? else { return Ok(Vec::new()) };
        let targets = header.all_references().map(|(_, type_code, number)| Found::whole(type_code, number));
        Ok(targets.collect())
    }

    /// The patients whose record the focus belongs to.
    fn patients(&self) -> Result<Vec<u64>, SearchError> {
        if self.focus.type_code == layout::PATIENT_CODE {
            return Ok(vec![self.focus.number]);
        }
        let targets = self.targets(self.focus)?.into_iter();
        Ok(targets
            .filter(|found| found.type_code == layout::PATIENT_CODE)
            .map(|found| found.number)
            .collect())
    }

    /// Whether a resource that is referred to is part of this record or of nobody's: never another patient's.
    fn belongs(&self, target: Found, patients: &[u64]) -> Result<bool, SearchError> {
        if target.type_code == layout::PATIENT_CODE {
            return Ok(patients.contains(&target.number));
        }
        let name = layout::type_name(target.type_code).unwrap_or_default();
        if compartment_parameters("Patient", name).is_empty() {
            return Ok(true);
        }
        for patient in patients {
            self.search.spend(2)?;
            let key = layout::compartment_key(
                self.search.tenant,
                *patient,
                target.type_code,
                layout::MEMBERSHIP,
                &[],
                target.number,
            );
            if self.search.reader.contains(layout::COMPARTMENT, &key)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the options and the caller's bounds let a resource through; of what is `dated`, the date of care counts too.
    fn wanted(&mut self, found: Found, dated: bool) -> Result<bool, SearchError> {
        if !self.types.is_empty() && !self.types.contains(&found.type_code) {
            return Ok(false);
        }
        if !self.clauses.contains_key(&found.type_code) {
            let mut clauses = Vec::new();
            self.search.bound(found.type_code, &mut clauses);
            self.clauses.insert(found.type_code, clauses);
        }
        let clauses = self.clauses.get(&found.type_code).map_or(&[][..], Vec::as_slice);
        let mut probe = Probe::new(found.type_code, found.number);
        if !self.search.all_hold(clauses, &mut probe)? {
            return Ok(false);
        }
        let Some(header) = probe.header(self.search)? else { return Ok(false) };
        if let Some(since_ms) = self.options.since_ms {
            let since = self.search.codes.date(last_updated(), since_ms);
            if !header.dates(last_updated()).any(|(low, _)| low > since) {
                return Ok(false);
            }
        }
        Ok(!dated || self.care_in_time(found.type_code, header))
    }

    fn in_time(&self, found: Found) -> Result<bool, SearchError> {
        if self.options.start_ms.is_none() && self.options.end_ms.is_none() {
            return Ok(true);
        }
        let mut probe = Probe::new(found.type_code, found.number);
        Ok(probe.header(self.search)?.is_some_and(|header| self.care_in_time(found.type_code, header)))
    }

    fn care_in_time(&self, type_code: u16, header: Header<'_>) -> bool {
        let Some(id) = CARE_DATES.get(&type_code) else { return true };
        let start = self.search.codes.date(*id, self.options.start_ms.unwrap_or(i64::MIN));
        let end = self.search.codes.date(*id, self.options.end_ms.unwrap_or(i64::MAX));
        let mut dates = header.dates(*id).peekable();
        dates.peek().is_none() || dates.any(|(low, high)| low < end && high > start)
    }
}

/// Type, parameter and resource number of a compartment row.
fn read_row(key: &[u8]) -> Option<(u16, u16, u64)> {
    let rest = key.get(layout::PREFIX_BYTES + 8..)?;
    let (type_code, rest) = rest.split_first_chunk()?;
    let (parameter, _) = rest.split_first_chunk()?;
    Some((u16::from_be_bytes(*type_code), u16::from_be_bytes(*parameter), layout::number_at_end(key)?))
}

/// Which parameter says when care was given, by type code: the first of these codes that the type has.
static CARE_DATES: LazyLock<HashMap<u16, u16>> = LazyLock::new(|| {
    let codes = [
        "authoredon",
        "date",
        "period",
        "occurrence",
        "onset-date",
        "sent",
        "start-date",
        "event-date",
        "effective-time",
        "effective",
        "whenhandedover",
        "started",
        "authored",
        "created",
        "identified",
        "datetime",
        "collected",
        "datewritten",
        "recorded",
    ];
    let care_date = |type_code: u16| {
        let own = Registry::base().parameters(layout::type_name(type_code)?);
        let dates = |code: &&str| own.iter().find(|one| one.kind == Kind::Date && one.code == *code);
        codes.iter().find_map(dates).map(|found| (type_code, found.id))
    };
    layout::type_codes().filter_map(care_date).collect()
});

const TOKEN_VERSION: u8 = 1;

fn write_token(options: &EverythingOptions, place: Place) -> Vec<u8> {
    let mut out = vec![TOKEN_VERSION, place.part as u8];
    put_varint(&mut out, u64::from(place.found.type_code));
    put_varint(&mut out, place.found.number);
    for time in [options.since_ms, options.start_ms, options.end_ms] {
        out.push(u8::from(time.is_some()));
        put_varint(&mut out, time.unwrap_or_default().cast_unsigned());
    }
    put_varint(&mut out, options.count.unwrap_or_default() as u64);
    put_varint(&mut out, options.types.len() as u64);
    options.types.iter().for_each(|name| put_bytes(&mut out, name.as_bytes()));
    out
}

fn read_token(bytes: &[u8]) -> std::result::Result<(EverythingOptions, Place), Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != TOKEN_VERSION {
        return Err(Malformed);
    }
    let part = match reader.byte()? {
        0 => Part::Focus,
        1 => Part::Compartment,
        2 => Part::Referred,
        _ => return Err(Malformed),
    };
    let type_code = u16::try_from(reader.varint()?).map_err(|_| Malformed)?;
    let found = Found::whole(type_code, reader.varint()?);
    let mut time = || -> std::result::Result<Option<i64>, Malformed> {
        let there = reader.byte()? == 1;
        let ms = reader.varint()?.cast_signed();
        Ok(there.then_some(ms))
    };
    let (since_ms, start_ms, end_ms) = (time()?, time()?, time()?);
    let count = usize::try_from(reader.varint()?).ok().filter(|count| *count > 0);
    let mut types = Vec::new();
    for _ in 0..reader.varint()? {
        types.push(CompactString::from_utf8(reader.bytes()?).map_err(|_| Malformed)?);
    }
    Ok((EverythingOptions { since_ms, types, start_ms, end_ms, count }, Place { part, found }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_holds_reads_as_it_was_written() {
        let options = EverythingOptions {
            since_ms: Some(-5),
            types: vec!["Patient".into(), "Observation".into()],
            start_ms: None,
            end_ms: Some(i64::MAX),
            count: Some(7),
        };
        for part in [Part::Focus, Part::Compartment, Part::Referred] {
            let place = Place { part, found: Found::whole(97, u64::MAX) };
            let bytes = write_token(&options, place);
            assert_eq!(read_token(&bytes), Ok((options.clone(), place)));
            for end in 0..bytes.len() {
                assert_eq!(read_token(&bytes[..end]), Err(Malformed));
            }
        }
    }

    #[test]
    fn most_types_of_the_patient_compartment_bear_a_date_of_care_and_birth_is_none() {
        let code = |name| layout::type_code(name).unwrap();
        for (name, expected) in [
            ("Observation", Some("date")),
            ("MedicationRequest", Some("authoredon")),
            ("Condition", Some("onset-date")),
            ("Claim", Some("created")),
            ("Patient", None),
            ("Coverage", None),
        ] {
            let id = expected
                .and_then(|expected| Registry::base().parameter(name, expected))
                .map(|found| found.id);
            assert_eq!(CARE_DATES.get(&code(name)).copied(), id, "{name}");
        }
    }
}
