//! Clauses: the compiled conditions of a plan. A clause can estimate itself, drive (give all numbers it holds for) and be
//! asked about one candidate.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use fhir::json::Value;
use storage::engine::{Bytes, Direction, KeyRange, Space};

use super::blocks::WordsClause;
use super::codes::kind;
use super::composite::{self, PartTest, UnitHash};
use super::contained::{Alone, contained_at, container_of};
use super::header::Header;
use super::range::{DateTest, NumberTest};
use super::spans::Found;
use super::special::{BODY_STEPS, BodyTest};
use super::stream::{Gather, MERGED_MAX, Stream};
use super::{Search, SearchError};
use crate::layout;

/// Targets of a chain whose answers are kept.
const CHAIN_SEEN_MAX: usize = 100_000;

/// What a point read of a member record costs, in rows of a scan.
pub(crate) const MEMBER_STEPS: u64 = 2;
/// What a point read of a posting costs.
const POSTING_STEPS: u64 = 6;
/// Comparisons that cost as much as a row of a scan.
const TESTS_IN_A_STEP: u64 = 64;
/// What opening a scan costs.
pub(crate) const SCAN_STEPS: u64 = 16;

/// A compiled condition on the resources of one type.
pub(crate) enum Clause {
    /// Holds for none.
    Nothing,
    /// A posting or compartment row with one of these prefixes, right behind which the number stands.
    Terms { space: Space, parameter: u16, prefixes: Vec<Vec<u8>> },
    /// A reference to one of these resources, ascending.
    Targets { parameter: u16, targets: Vec<u64> },
    /// A posting with one of these prefixes and more of the term before the number.
    Under { prefixes: Vec<Vec<u8>>, found: OnceCell<Vec<u64>> },
    /// One of these labels (ascending). A resource that has one has a posting with one of the prefixes, but not the other way
    /// round.
    Labels { parameter: u16, labels: Vec<u32>, prefixes: Vec<Vec<u8>> },
    /// One of these texts.
    Texts { parameter: u16, terms: Vec<u32> },
    /// A date that passes one of the tests.
    Dates { parameter: u16, tests: Vec<DateTest>, found: Found },
    /// A number that passes one of the tests.
    Numbers { parameter: u16, tests: Vec<NumberTest>, found: Found },
    /// A quantity that passes one of the tests.
    Quantities { parameter: u16, tests: Vec<QuantityTest>, found: Found },
    /// One of these resources, ascending.
    Numbered(Vec<u64>),
    /// Has a value (or none) of the parameter.
    Missing { parameter: u16, missing: bool },
    /// Refers to a resource that passes a branch.
    Chain(Chain),
    /// Is referred to by a resource that passes.
    Has(Has),
    /// Parts that stand together.
    Composite(Composite),
    /// The inner clause does not hold.
    Not(Box<Clause>),
    /// All of the clauses hold.
    All(Vec<Clause>),
    /// One of the clauses holds.
    Any(Vec<Clause>),
    /// One of these words.
    Words(WordsClause),
    /// What only the body tells.
    Body(BodyTest),
    /// Of rows of contained resources: the caller may find their container.
    Container,
}

/// A quantity searched for.
#[derive(Default)]
pub(crate) struct QuantityTest {
    /// What the number must pass where any unit will do.
    pub(crate) any: Option<NumberTest>,
    /// Units (hashes as they stand in keys) with what a number in them must pass. For any unit these are all there are.
    pub(crate) units: Vec<(UnitHash, NumberTest)>,
}

/// A composite searched for.
pub(crate) struct Composite {
    pub(crate) parameter: u16,
    /// Any of these.
    pub(crate) values: Vec<CompositeValue>,
    /// What drives.
    pub(crate) rows: CompositeRows,
}

/// Postings of a composite's own; a resource that has one need not pass: a code's system is not in them.
pub(crate) enum CompositeRows {
    /// There are none for such parts.
    None,
    /// Of a code beside a code: prefixes.
    Terms(Vec<Vec<u8>>),
    /// Of a code (its hash) beside a quantity, under the number of this parameter.
    Quantities(u16, Vec<([u8; 8], UnitHash, NumberTest)>, Found),
}

/// One value of a composite.
pub(crate) struct CompositeValue {
    /// For resources whose record tells what stands together.
    pub(crate) tests: Vec<PartTest>,
    /// For the others: each part by itself.
    pub(crate) parts: Vec<Clause>,
}

/// A condition on the target of a reference.
pub(crate) struct Chain {
    pub(crate) parameter: u16,
    /// Possible target types with all that must hold for the target.
    pub(crate) branches: Vec<(u16, Vec<Clause>)>,
    /// The same for targets contained in the resource itself, under the type codes of such.
    pub(crate) inside: Vec<(u16, Vec<Clause>)>,
    pub(crate) seen: RefCell<HashMap<u64, bool>>,
}

/// A condition on a resource that refers to this one.
pub(crate) struct Has {
    pub(crate) source: u16,
    pub(crate) parameter: u16,
    pub(crate) clauses: Vec<Clause>,
    pub(crate) found: OnceCell<Vec<u64>>,
}

/// A candidate: its number, and its member record once something asks for it.
pub(crate) struct Probe {
    pub(crate) type_code: u16,
    pub(crate) number: u64,
    record: Option<Option<Bytes>>,
    /// Where the candidate is one contained resource of several: the rows that it alone would have.
    pub(super) alone: Option<Box<Alone>>,
}

impl Probe {
    pub(crate) fn new(type_code: u16, number: u64) -> Self {
        Self { type_code, number, record: None, alone: None }
    }

    /// One contained resource by itself.
    pub(super) fn alone(type_code: u16, number: u64, record: Bytes, alone: Alone) -> Self {
        Self { type_code, number, record: Some(Some(record)), alone: Some(Box::new(alone)) }
    }

    /// A candidate whose member record was read already.
    pub(crate) fn with(type_code: u16, number: u64, record: Option<Bytes>) -> Self {
        Self { type_code, number, record: record.map(Some), alone: None }
    }

    /// The candidate itself, a contained one too; `None` if it is gone.
    pub(crate) fn resource(&mut self, search: &Search<'_>) -> Result<Option<Arc<Value>>, SearchError> {
        if let Some(alone) = &self.alone {
            return Ok(Some(Arc::clone(&alone.resource)));
        }
        search.spend(BODY_STEPS)?;
        if !layout::is_contained(self.type_code) {
            return Ok((search.bodies)(self.type_code, self.number)?.map(Arc::new));
        }
        let Some((container, places)) = self.header(search)?.and_then(container_of) else { return Ok(None) };
        let body = (search.bodies)(container, self.number)?;
        let resource = body.as_ref().zip(places.first()).and_then(|(body, at)| contained_at(body, *at));
        Ok(resource.cloned().map(Arc::new))
    }

    /// The candidate's member record; `None` if there is no such resource (any more).
    pub(crate) fn header(&mut self, search: &Search<'_>) -> Result<Option<Header<'_>>, SearchError> {
        if self.record.is_none() {
            search.spend(MEMBER_STEPS)?;
            let key = layout::member_key(search.tenant, self.type_code, self.number);
            self.record = Some(search.reader.get(layout::MEMBER, &key)?);
        }
        Ok(self.record.as_ref().and_then(Option::as_ref).map(|record| Header::new(record)))
    }
}

impl Clause {
    /// Whether the clause holds for the candidate.
    pub(crate) fn holds(&self, search: &Search<'_>, probe: &mut Probe) -> Result<bool, SearchError> {
        search.spend(self.tests() / TESTS_IN_A_STEP)?;
        match self {
            Self::Nothing => Ok(false),
            Self::Terms { space, prefixes, .. } if *space == layout::POSTING && probe.alone.is_some() => {
                let number = probe.number.to_be_bytes();
                Ok(probe.alone.as_ref().is_some_and(|alone| {
                    prefixes
                        .iter()
                        .any(|prefix| alone.postings.contains(&[prefix.as_slice(), &number].concat()))
                }))
            }
            Self::Terms { space, parameter, prefixes } => {
                if prefixes.len() > 4
                    && !probe
                        .header(search)?
                        .is_some_and(|header| *space != layout::POSTING || header.has(*parameter))
                {
                    return Ok(false);
                }
                let mut key = Vec::with_capacity(64);
                for prefix in prefixes {
                    search.spend(POSTING_STEPS)?;
                    key.clear();
                    key.extend_from_slice(prefix);
                    key.extend_from_slice(&probe.number.to_be_bytes());
                    if search.reader.contains(*space, &key)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            // A member record is read faster than a posting, and other clauses want it too.
            Self::Targets { parameter, targets } => Ok(probe.header(search)?.is_some_and(|header| {
                header.references(*parameter).any(|(_, number)| targets.binary_search(&number).is_ok())
            })),
            Self::Under { prefixes, found } => {
                if let Some(alone) = &probe.alone {
                    return Ok(prefixes.iter().any(|prefix| alone.has_under(prefix)));
                }
                Ok(self.found(search, found, probe)?.binary_search(&probe.number).is_ok())
            }
            Self::Texts { parameter, terms } => Ok(probe.header(search)?.is_some_and(|header| {
                header.texts(*parameter).any(|term| terms.binary_search(&term).is_ok())
            })),
            Self::Labels { parameter, labels, .. } => Ok(probe.header(search)?.is_some_and(|header| {
                header.labels(*parameter).any(|label| labels.binary_search(&label).is_ok())
            })),
            Self::Dates { parameter, tests, .. } => Ok(probe.header(search)?.is_some_and(|header| {
                header.dates(*parameter).any(|(low, high)| tests.iter().any(|test| test.passes(low, high)))
            })),
            Self::Numbers { parameter, tests, .. } => Ok(probe.header(search)?.is_some_and(|header| {
                header.numbers(*parameter).any(|(low, high)| tests.iter().any(|test| test.passes(low, high)))
            })),
            Self::Quantities { parameter, tests, .. } => Ok(probe
                .header(search)?
                .is_some_and(|header| tests.iter().any(|test| test.passes(header, *parameter)))),
            Self::Numbered(numbers) => {
                Ok(numbers.binary_search(&probe.number).is_ok() && probe.header(search)?.is_some())
            }
            Self::Missing { parameter, missing } => {
                Ok(probe.header(search)?.is_some_and(|header| header.has(*parameter) != *missing))
            }
            Self::Chain(chain) => chain.holds(search, probe),
            Self::Has(has) => has.holds(search, probe.number),
            Self::Composite(composite) => composite.holds(search, probe),
            Self::Not(inner) => Ok(probe.header(search)?.is_some() && !inner.holds(search, probe)?),
            Self::Any(clauses) => {
                for clause in clauses {
                    if clause.holds(search, probe)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::All(clauses) => {
                // Bodies are read last.
                let is_body = |clause: &&Self| matches!(clause, Self::Body(_));
                let (bodies, others): (Vec<&Self>, Vec<&Self>) = clauses.iter().partition(is_body);
                for clause in others.into_iter().chain(bodies) {
                    if !clause.holds(search, probe)? {
                        return Ok(false);
                    }
                }
                Ok(probe.header(search)?.is_some())
            }
            Self::Words(words) => match &probe.alone {
                Some(alone) => words.holds_in(search, &alone.words),
                None => words.holds(search, probe.type_code, probe.number),
            },
            Self::Body(test) => test.holds(search, probe),
            Self::Container => search.may_find_container(probe),
        }
    }

    /// How many values a candidate's own are compared with, one by one.
    fn tests(&self) -> u64 {
        let count = match self {
            Self::Dates { tests, .. } => tests.len(),
            Self::Numbers { tests, .. } => tests.len(),
            Self::Quantities { tests, .. } => tests.iter().map(|test| test.units.len()).sum(),
            Self::Composite(composite) => composite.values.len(),
            _ => 0,
        };
        count as u64
    }

    fn found<'c>(
        &self,
        search: &Search<'_>,
        kept: &'c OnceCell<Vec<u64>>,
        probe: &Probe,
    ) -> Result<&'c [u64], SearchError> {
        if kept.get().is_none() {
            let numbers = self.gather(search, probe.type_code)?;
            return Ok(kept.get_or_init(|| numbers));
        }
        Ok(kept.get().map_or(&[], Vec::as_slice))
    }

    /// Whether the clause can give its numbers without looking at every resource of the type.
    pub(crate) fn drives(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Not(_) | Self::Body(_) | Self::Container => false,
            Self::Composite(composite) => !matches!(composite.rows, CompositeRows::None),
            Self::All(clauses) => clauses.iter().any(Self::drives),
            Self::Any(clauses) => clauses.iter().all(Self::drives),
            Self::Chain(chain) => {
                let mut all = chain.branches.iter().chain(&chain.inside);
                all.all(|(_, clauses)| clauses.iter().any(Self::drives))
            }
            Self::Has(has) => has.clauses.iter().any(Self::drives),
            _ => true,
        }
    }

    /// Whether [`Self::stream`] may give numbers for which the clause does not hold.
    pub(crate) fn is_loose(&self) -> bool {
        matches!(self, Self::Labels { .. } | Self::Composite(_))
    }

    /// Whether the clause gives its numbers one by one, with nothing gathered first.
    pub(crate) fn is_lazy(&self) -> bool {
        match self {
            Self::Terms { prefixes, .. } | Self::Labels { prefixes, .. } => prefixes.len() <= MERGED_MAX,
            Self::Texts { terms, .. } => terms.len() <= MERGED_MAX,
            Self::Targets { targets, .. } => targets.len() <= MERGED_MAX,
            Self::Words(words) => words.is_lazy(),
            Self::Composite(Composite { rows: CompositeRows::Terms(prefixes), .. }) => {
                prefixes.len() <= MERGED_MAX
            }
            Self::Numbered(_) | Self::Nothing => true,
            _ => false,
        }
    }

    /// The numbers from `from` on for which the clause holds; a loose clause gives others too.
    pub(crate) fn stream(
        &self,
        search: &Search<'_>,
        type_code: u16,
        from: u64,
    ) -> Result<Stream, SearchError> {
        match self {
            Self::Nothing => Ok(Stream::Empty),
            Self::Terms { space, prefixes, .. } => search.terms_stream(*space, prefixes, from),
            Self::Labels { prefixes, .. }
            | Self::Composite(Composite { rows: CompositeRows::Terms(prefixes), .. }) => {
                search.terms_stream(layout::POSTING, prefixes, from)
            }
            Self::Targets { parameter, targets } => search.terms_stream(
                layout::POSTING,
                &target_prefixes(search, type_code, *parameter, targets),
                from,
            ),
            Self::Texts { parameter, terms } => search.terms_stream(
                layout::POSTING,
                &text_prefixes(search, type_code, *parameter, terms),
                from,
            ),
            Self::Words(words) => words.stream(search, type_code, from),
            other => {
                let mut numbers = other.gather(search, type_code)?;
                let skipped = numbers.partition_point(|number| *number < from);
                numbers.drain(..skipped);
                Ok(Stream::List(numbers.into_iter()))
            }
        }
    }

    /// All numbers for which the clause holds, ascending.
    fn gather(&self, search: &Search<'_>, type_code: u16) -> Result<Vec<u64>, SearchError> {
        if let Some(found) = self.ranged() {
            self.count_spans(search, type_code, found, u64::MAX)?;
            return Ok(found.get().cloned().unwrap_or_default());
        }
        let mut numbers = Gather::new(search);
        match self {
            Self::Under { prefixes, .. } => {
                for prefix in prefixes {
                    let mut scan =
                        search.reader.scan(layout::POSTING, KeyRange::prefix(prefix), Direction::Forward);
                    while let Some(key) = next_key(search, &mut scan)? {
                        numbers.push(layout::number_at_end(&key).ok_or(SearchError::Corrupt)?)?;
                    }
                }
            }
            Self::Numbered(list) => {
                for number in list {
                    if Probe::new(type_code, *number).header(search)?.is_some() {
                        numbers.push(*number)?;
                    }
                }
            }
            Self::Chain(chain) => {
                for (target, clauses) in &chain.branches {
                    let mut targets = search.stream_all(*target, clauses)?;
                    while let Some(number) = targets.next(search)? {
                        let prefix = reference_prefix(search, type_code, chain.parameter, number);
                        let mut sources = Stream::Term(search.term_scan(layout::POSTING, &prefix, 0));
                        search.spend(SCAN_STEPS)?;
                        while let Some(number) = sources.next(search)? {
                            numbers.push(number)?;
                        }
                    }
                }
                for (type_code_inside, clauses) in &chain.inside {
                    let mut containers = search.stream_all(*type_code_inside, clauses)?;
                    while let Some(number) = containers.next(search)? {
                        if chain.holds(search, &mut Probe::new(type_code, number))? {
                            numbers.push(number)?;
                        }
                    }
                }
            }
            Self::Has(has) => has.targets(search, type_code, &mut numbers)?,
            Self::Any(clauses) => {
                for clause in clauses {
                    let mut stream = clause.stream(search, type_code, 0)?;
                    while let Some(number) = stream.next(search)? {
                        if !clause.is_loose() || clause.holds(search, &mut Probe::new(type_code, number))? {
                            numbers.push(number)?;
                        }
                    }
                }
            }
            Self::All(clauses) => {
                let mut stream = search.stream_all(type_code, clauses)?;
                while let Some(number) = stream.next(search)? {
                    numbers.push(number)?;
                }
            }
            Self::Words(words) => return words.gather(search, type_code),
            _ => {
                let mut stream = search.candidates(type_code, &[self], 0, u64::MAX)?;
                while let Some(number) = stream.next(search)? {
                    numbers.push(number)?;
                }
            }
        }
        Ok(numbers.finish())
    }

    /// How many rows the clause's numbers stand in, counted up to `cap`.
    pub(crate) fn estimate(&self, search: &Search<'_>, type_code: u16, cap: u64) -> Result<u64, SearchError> {
        if let Some(found) = self.ranged() {
            return self.count_spans(search, type_code, found, cap);
        }
        let mut count = 0;
        let mut add = |space: Space, range: KeyRange| -> Result<bool, SearchError> {
            search.spend(SCAN_STEPS)?;
            let mut scan = search.reader.scan(space, range, Direction::Forward);
            while count < cap && next_key(search, &mut scan)?.is_some() {
                count += 1;
            }
            Ok(count < cap)
        };
        match self {
            Self::Nothing => {}
            Self::Numbered(list) => return Ok((list.len() as u64).min(cap)),
            Self::Terms { space, prefixes, .. } => {
                for prefix in prefixes {
                    if !add(*space, KeyRange::prefix(prefix))? {
                        break;
                    }
                }
            }
            Self::Under { prefixes, .. }
            | Self::Labels { prefixes, .. }
            | Self::Composite(Composite { rows: CompositeRows::Terms(prefixes), .. }) => {
                for prefix in prefixes {
                    if !add(layout::POSTING, KeyRange::prefix(prefix))? {
                        break;
                    }
                }
            }
            Self::Targets { parameter, targets } => {
                for target in targets {
                    let prefix = reference_prefix(search, type_code, *parameter, *target);
                    if !add(layout::POSTING, KeyRange::prefix(&prefix))? {
                        break;
                    }
                }
            }
            Self::Texts { parameter, terms } => {
                for term in terms {
                    let prefix =
                        search.posting_prefix(type_code, *parameter, &[&[kind::STRING], &term.to_be_bytes()]);
                    if !add(layout::POSTING, KeyRange::prefix(&prefix))? {
                        break;
                    }
                }
            }
            Self::Chain(chain) => {
                let members = search.members(type_code)?;
                for (target, clauses) in &chain.branches {
                    // Each target is referred to by its share of the resources.
                    let share = members.checked_div(search.members(*target)?).unwrap_or(0).max(1);
                    count += search.estimate_all(*target, clauses, cap)?.saturating_mul(share);
                }
                for (type_code, clauses) in &chain.inside {
                    count += search.estimate_all(*type_code, clauses, cap)?;
                }
            }
            Self::Has(has) => count = search.estimate_all(has.source, &has.clauses, cap)?.saturating_mul(2),
            Self::Any(clauses) => {
                for clause in clauses {
                    count += clause.estimate(search, type_code, cap)?;
                }
            }
            Self::All(clauses) => count = search.estimate_all(type_code, clauses, cap)?,
            Self::Words(words) => return words.estimate(search, type_code, cap),
            Self::Missing { .. } | Self::Not(_) | Self::Body(_) | Self::Container => count = cap,
            Self::Composite(_) | Self::Dates { .. } | Self::Numbers { .. } | Self::Quantities { .. } => {
                count = cap
            }
        }
        Ok(count.min(cap))
    }
}

impl QuantityTest {
    /// Whether one of a resource's quantities passes.
    fn passes(&self, header: Header<'_>, parameter: u16) -> bool {
        header.quantities(parameter).any(|own| match self.any {
            Some(test) => test.passes(own.low, own.high),
            None => self
                .units
                .iter()
                .any(|(unit, test)| unit.ends_with(&own.unit) && test.passes(own.low, own.high)),
        })
    }
}

impl Composite {
    fn holds(&self, search: &Search<'_>, probe: &mut Probe) -> Result<bool, SearchError> {
        let Some(header) = probe.header(search)? else { return Ok(false) };
        if let Some(record) = header.composites(self.parameter) {
            return Ok(self.values.iter().any(|value| composite::passes(record, &value.tests)));
        }
        if !header.has(self.parameter) {
            return Ok(false);
        }
        'value: for value in self.values.iter().filter(|value| value.parts.len() == value.tests.len()) {
            for part in &value.parts {
                if !part.holds(search, probe)? {
                    continue 'value;
                }
            }
            return Ok(true);
        }
        Ok(false)
    }
}

impl Chain {
    fn holds(&self, search: &Search<'_>, probe: &mut Probe) -> Result<bool, SearchError> {
        let Some(header) = probe.header(search)? else { return Ok(false) };
        for (type_code, number) in header.references(self.parameter) {
            let known = self.seen.borrow().get(&number).copied();
            let holds = match known {
                Some(holds) => holds,
                None => {
                    let holds = self.target_holds(search, type_code, number)?;
                    let mut seen = self.seen.borrow_mut();
                    if seen.len() < CHAIN_SEEN_MAX {
                        seen.insert(number, holds);
                    }
                    holds
                }
            };
            if holds {
                return Ok(true);
            }
        }
        self.inside_holds(search, probe)
    }

    /// Whether a resource that the candidate contains, and refers to, passes (R4 3.1.1.4.13: chains are evaluated in contained
    /// resources too).
    fn inside_holds(&self, search: &Search<'_>, probe: &mut Probe) -> Result<bool, SearchError> {
        if self.inside.is_empty() {
            return Ok(false);
        }
        let number = probe.number;
        let Some(header) = probe.header(search)? else { return Ok(false) };
        let places: Vec<u32> = header.texts(self.parameter).collect();
        if places.is_empty() {
            return Ok(false);
        }
        for (type_code, clauses) in &self.inside {
            let clauses: Vec<&Clause> = clauses.iter().collect();
            let found = search.contained_matches(&clauses, Probe::new(*type_code, number))?;
            if found.iter().any(|(at, _)| places.contains(at)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn target_holds(&self, search: &Search<'_>, type_code: u16, number: u64) -> Result<bool, SearchError> {
        for (_, clauses) in self.branches.iter().filter(|(target, _)| *target == type_code) {
            if search.all_hold(clauses, &mut Probe::new(type_code, number))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Has {
    /// Adds what the passing resources refer to.
    fn targets(&self, search: &Search<'_>, type_code: u16, into: &mut Gather) -> Result<(), SearchError> {
        let mut sources = search.stream_all(self.source, &self.clauses)?;
        while let Some(source) = sources.next(search)? {
            let mut probe = Probe::new(self.source, source);
            let Some(header) = probe.header(search)? else { continue };
            for (_, number) in header.references(self.parameter).filter(|(target, _)| *target == type_code) {
                // A target may have been deleted, or never have come.
                if Probe::new(type_code, number).header(search)?.is_some() {
                    into.push(number)?;
                }
            }
        }
        Ok(())
    }

    fn holds(&self, search: &Search<'_>, number: u64) -> Result<bool, SearchError> {
        if let Some(found) = self.found.get() {
            return Ok(found.binary_search(&number).is_ok());
        }
        let prefix = reference_prefix(search, self.source, self.parameter, number);
        let mut sources = Stream::Term(search.term_scan(layout::POSTING, &prefix, 0));
        search.spend(SCAN_STEPS)?;
        while let Some(source) = sources.next(search)? {
            if search.all_hold(&self.clauses, &mut Probe::new(self.source, source))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The prefix of the postings of a local reference.
pub(crate) fn reference_prefix(search: &Search<'_>, type_code: u16, parameter: u16, target: u64) -> Vec<u8> {
    search.posting_prefix(type_code, parameter, &[&[kind::REFERENCE], &target.to_be_bytes()])
}

fn target_prefixes(search: &Search<'_>, type_code: u16, parameter: u16, targets: &[u64]) -> Vec<Vec<u8>> {
    targets.iter().map(|target| reference_prefix(search, type_code, parameter, *target)).collect()
}

fn text_prefixes(search: &Search<'_>, type_code: u16, parameter: u16, terms: &[u32]) -> Vec<Vec<u8>> {
    let prefix =
        |term: &u32| search.posting_prefix(type_code, parameter, &[&[kind::STRING], &term.to_be_bytes()]);
    terms.iter().map(prefix).collect()
}

fn next_key(search: &Search<'_>, scan: &mut storage::engine::Scan) -> Result<Option<Bytes>, SearchError> {
    let Some(row) = scan.next() else { return Ok(None) };
    search.spend(1)?;
    Ok(Some(row?.0))
}
