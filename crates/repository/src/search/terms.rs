//! The terms of one resource, coded: what can be done outside the committer, in parallel.
//!
//! Extracting, normalising and hashing happen here. What only the committer can know stays open: the numbers of reference
//! targets, of texts and of labels; [`super::Postings`] fills them in. Not for: deciding what a parameter reads (`fhir::search`).

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use compact_str::CompactString;
use fhir::json::Value;
use fhir::search::{LabelOf, Parameter, ReferenceTerm, Registry, Term, TokenSource, normalise};

use super::codes::{Codes, NumberCode, TERM_BYTES_MAX, kind};
use super::composite::{self, Part, UnitHash};
use super::header::Quantity;
use super::labels::{self, Label};
use super::words::Words;
use crate::layout;

/// Texts longer than this are indexed by their beginning; queries are cut alike.
pub(crate) const TEXT_BYTES_MAX: usize = 512;

/// All terms of one resource, ready for the committer.
///
/// Two `Terms` of the same resource contents are equal, so what an update must change is their difference.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) type_code: u16,
    /// Every parameter that has a value, even one that nothing finds, such as a concept that is only a text.
    pub(crate) present: Vec<u16>,
    pub(crate) fixed: Vec<Fixed>,
    pub(crate) dates: Vec<(u16, u64, u64)>,
    pub(crate) numbers: Vec<(u16, NumberCode)>,
    /// Quantities, one for each unit that they are found by.
    pub(crate) quantities: Vec<(u16, Quantity)>,
    /// Numbers that are ranges: both ends.
    pub(crate) ranges: Vec<(u16, NumberCode, NumberCode)>,
    /// Postings whose terms are longer than [`Fixed`] takes: those of ranges.
    pub(crate) long: Vec<(u16, Vec<u8>)>,
    /// Parameter, normalised text, text as written.
    pub(crate) texts: Vec<(u16, CompactString, CompactString)>,
    pub(crate) references: Vec<(u16, Target)>,
    pub(crate) labels: Vec<(u16, Label)>,
    /// Texts that a shared dictionary must know (its number, and the text): URIs and units.
    pub(crate) known: Vec<(u16, CompactString)>,
    /// What stands together, for parameters where not every part stands with every other.
    pub(crate) composites: Vec<(u16, Vec<Vec<Part>>)>,
    /// The words of its texts.
    pub(crate) words: Words,
    /// References to resources contained in the same resource: parameter, place in `contained`.
    pub(crate) inside: Vec<(u16, u32)>,
    /// Of terms of contained resources: their places in `contained`.
    pub(crate) places: Vec<u32>,
    /// The terms of the contained resources, those of one type joined; ascending by type.
    pub(crate) contained: Vec<Terms>,
}

/// A posting whose term is known: parameter, and the term with its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fixed {
    pub(crate) parameter: u16,
    length: u8,
    bytes: [u8; TERM_BYTES_MAX],
}

/// What a local reference points to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    /// The durable code of the target's type.
    pub(crate) type_code: u16,
    /// The target's logical id.
    pub(crate) id: CompactString,
}

impl std::fmt::Debug for Terms {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.fixed.len() + self.dates.len() + self.texts.len() + self.references.len();
        write!(formatter, "Terms({count})")
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Target({})", layout::type_name(self.type_code).unwrap_or("?"))
    }
}

impl Fixed {
    fn new(parameter: u16, parts: &[&[u8]]) -> Self {
        let mut bytes = [0; TERM_BYTES_MAX];
        let mut length = 0_u8;
        for (to, from) in bytes.iter_mut().zip(parts.iter().flat_map(|part| part.iter())) {
            *to = *from;
            length += 1;
        }
        Self { parameter, length, bytes }
    }

    /// The term: its kind and what follows.
    pub(crate) fn term(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl Terms {
    /// Reads and codes all terms of a resource of the type with this code (see [`layout::type_code`]).
    ///
    /// Never fails: what cannot be read as its parameter wants it has no term, as [`Registry::extract`] says.
    pub(crate) fn prepare(codes: &Codes, registry: &Registry, type_code: u16, resource: &Value) -> Self {
        let inside = Inside::new(resource);
        let mut coder = Coder::new(codes, type_code, &inside);
        coder.terms.words = Words::of(resource);
        registry.extract(resource, &mut |parameter, term| coder.add(parameter, term));
        coder.join_composites(registry, false);
        coder.terms.tidy();
        coder.terms
    }

    /// With the terms of the resources that `container`, which these terms are of, contains.
    ///
    /// They are read by the standard's parameters alone: those of a tenant's own come and go, and are built for resources of
    /// their types only.
    #[must_use]
    pub(crate) fn with_contained(mut self, codes: &Codes, container: &Value) -> Self {
        let Some(contained) = container.get("contained") else { return self };
        let mut by_type: BTreeMap<u16, Vec<(u32, &Value)>> = BTreeMap::new();
        for (at, resource) in (0_u32..).zip(contained.elements()) {
            if let Some(type_code) = resource.resource_type().and_then(layout::type_code) {
                by_type.entry(type_code).or_default().push((at, resource));
            }
        }
        let inside = Inside::new(container);
        let joined =
            |(type_code, resources): (u16, Vec<_>)| Self::joined(codes, type_code, &inside, &resources);
        self.contained = by_type.into_iter().map(joined).collect();
        self
    }

    /// The terms of contained resources of one type, with their places in `contained`, as if they were one resource.
    /// `inside` is of their container.
    pub(crate) fn joined(
        codes: &Codes,
        type_code: u16,
        inside: &Inside<'_>,
        resources: &[(u32, &Value)],
    ) -> Self {
        let registry = Registry::base();
        let mut coder = Coder::new(codes, type_code, inside);
        let id = layout::type_name(type_code).and_then(|name| registry.parameter(name, "_id"));
        for (at, resource) in resources {
            coder.terms.places.push(*at);
            coder.terms.words.join(Words::of(resource));
            registry.extract(resource, &mut |parameter, term| coder.add(parameter, term));
            // Outside their container ids of contained resources say nothing, so they have no numbers.
            if let (Some(parameter), Some(own)) = (id, resource.get("id").and_then(Value::as_str)) {
                coder.terms.present.push(parameter.id);
                coder.push(parameter.id, &[&[kind::URI], &codes.uri(own)]);
            }
        }
        coder.join_composites(registry, resources.len() > 1);
        coder.terms.tidy();
        coder.terms
    }

    fn none(type_code: u16) -> Self {
        Self {
            type_code,
            present: Vec::with_capacity(32),
            fixed: Vec::with_capacity(32),
            dates: Vec::new(),
            numbers: Vec::new(),
            quantities: Vec::new(),
            ranges: Vec::new(),
            long: Vec::new(),
            texts: Vec::new(),
            references: Vec::new(),
            labels: Vec::with_capacity(16),
            known: Vec::new(),
            composites: Vec::new(),
            words: Words::default(),
            inside: Vec::new(),
            places: Vec::new(),
            contained: Vec::new(),
        }
    }

    /// These terms and others of the same resource, which has the same words.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.present.extend(others.present);
        self.fixed.extend(others.fixed);
        self.dates.extend(others.dates);
        self.numbers.extend(others.numbers);
        self.quantities.extend(others.quantities);
        self.ranges.extend(others.ranges);
        self.long.extend(others.long);
        self.texts.extend(others.texts);
        self.references.extend(others.references);
        self.labels.extend(others.labels);
        self.known.extend(others.known);
        self.composites.extend(others.composites);
        self.inside.extend(others.inside);
        self.tidy();
        self
    }

    /// These terms but for those of some parameters.
    pub(crate) fn without(mut self, parameters: &[u16]) -> Self {
        let keep = |parameter: u16| !parameters.contains(&parameter);
        self.present.retain(|parameter| keep(*parameter));
        self.fixed.retain(|fixed| keep(fixed.parameter));
        self.dates.retain(|(parameter, ..)| keep(*parameter));
        self.numbers.retain(|(parameter, _)| keep(*parameter));
        self.quantities.retain(|(parameter, _)| keep(*parameter));
        self.ranges.retain(|(parameter, ..)| keep(*parameter));
        self.long.retain(|(parameter, _)| keep(*parameter));
        self.texts.retain(|(parameter, ..)| keep(*parameter));
        self.references.retain(|(parameter, _)| keep(*parameter));
        self.labels.retain(|(parameter, _)| keep(*parameter));
        self.composites.retain(|(parameter, _)| keep(*parameter));
        self.inside.retain(|(parameter, _)| keep(*parameter));
        self
    }

    /// Adds a posting whose pieces are known.
    fn term(&mut self, parameter: u16, pieces: &[&[u8]]) {
        match pieces.iter().map(|piece| piece.len()).sum::<usize>() > TERM_BYTES_MAX {
            true => self.long.push((parameter, pieces.concat())),
            false => self.fixed.push(Fixed::new(parameter, pieces)),
        }
    }

    fn tidy(&mut self) {
        once(&mut self.present);
        once(&mut self.fixed);
        once(&mut self.dates);
        once(&mut self.numbers);
        once(&mut self.quantities);
        once(&mut self.ranges);
        once(&mut self.long);
        once(&mut self.texts);
        once(&mut self.references);
        once(&mut self.labels);
        once(&mut self.known);
        once(&mut self.composites);
        once(&mut self.inside);
    }
}

/// Orders a list and keeps each entry once.
fn once<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

/// Tokens whose hashes are kept while one resource is coded: `code` and `combo-code` see the same ones.
const RECENT_MAX: usize = 8;

/// Composites that the member record keeps for one parameter; further ones are not found.
const COMPOSITES_MAX: usize = 4096;

/// Composites of one parameter that are looked through for whether each part stands with every other.
const WHOLE_MAX: usize = 64;

struct Recent {
    system: Option<CompactString>,
    code: CompactString,
    any: [u8; 16],
    pair: [u8; 20],
}

/// The resources that one contains, by their ids.
pub(crate) struct Inside<'v> {
    container: &'v Value,
    /// Made when first needed: few resources refer to what they contain.
    places: OnceCell<HashMap<&'v str, u32>>,
}

impl<'v> Inside<'v> {
    pub(crate) fn new(container: &'v Value) -> Self {
        Self { container, places: OnceCell::new() }
    }

    /// The place in `contained` of the first with this id.
    fn place(&self, id: &str) -> Option<u32> {
        let places = self.places.get_or_init(|| {
            let contained = self.container.get("contained").map(Value::elements).unwrap_or_default();
            let mut places = HashMap::new();
            for (at, resource) in (0_u32..).zip(contained) {
                if let Some(id) = resource.get("id").and_then(Value::as_str) {
                    places.entry(id).or_insert(at);
                }
            }
            places
        });
        places.get(id).copied()
    }
}

struct Coder<'a, 'v> {
    codes: &'a Codes,
    inside: &'a Inside<'v>,
    recent: Vec<Recent>,
    /// How many values each parameter gave that can be searched for.
    counts: Vec<(u16, usize)>,
    /// What each composite parameter found together.
    composites: Vec<(u16, Vec<Term>)>,
    terms: Terms,
}

impl<'a, 'v> Coder<'a, 'v> {
    fn new(codes: &'a Codes, type_code: u16, inside: &'a Inside<'v>) -> Self {
        Self {
            codes,
            inside,
            recent: Vec::with_capacity(RECENT_MAX),
            counts: Vec::new(),
            composites: Vec::new(),
            terms: Terms::none(type_code),
        }
    }
}

impl Coder<'_, '_> {
    fn add(&mut self, parameter: &Parameter, term: Term) {
        let id = parameter.id;
        if matches!(parameter.code.as_str(), "_id" | "_lastUpdated") {
            return; // ids are looked up; the time of the commit comes from the committer
        }
        if self.terms.present.last() != Some(&id) {
            self.terms.present.push(id);
        }
        if !matches!(term, Term::Label { .. } | Term::TypedIdentifier { .. } | Term::Composite(_)) {
            match self.counts.last_mut().filter(|(last, _)| *last == id) {
                Some((_, count)) => *count += 1,
                None => self.counts.push((id, 1)),
            }
        }
        match term {
            Term::String(text) => {
                if !text.is_empty() {
                    let raw = cut(&text);
                    self.terms.texts.push((id, normalise::string(raw).into(), raw.into()));
                }
            }
            Term::Token { system, code, text, source } => {
                self.token_label(id, system.as_deref(), code.as_deref(), text.as_deref(), source);
                self.token(id, kind::TOKEN_ANY, kind::TOKEN_PAIR, system, code);
            }
            Term::TypedIdentifier { type_system, type_code, value } => {
                let hash = self.codes.of_type(type_system.as_deref(), &type_code, &value);
                self.push(id, &[&[kind::OF_TYPE], &hash]);
            }
            Term::Label { text, of } => {
                let label = match &of {
                    LabelOf::Concept { system, code } => Label::concept(&text, system.as_deref(), Some(code)),
                    LabelOf::Target { resource_type, id } => Label::target(&text, resource_type, id),
                    LabelOf::Nothing if parameter.kind == fhir::search::Kind::Reference => {
                        Label::display(&text)
                    }
                    LabelOf::Nothing => Label::concept(&text, None, None),
                };
                self.label(id, label);
            }
            Term::Date { low_ms, high_ms } => {
                let (low, high) = (self.codes.date(id, low_ms), self.codes.date(id, high_ms));
                if low <= high {
                    self.terms.dates.push((id, low, high));
                }
            }
            Term::Number(range) => {
                let (low, high) = self.codes.range(id, range);
                self.number(id, &[&[kind::NUMBER]], &[&[kind::NUMBER_RANGE]], low, high);
                match low == high {
                    true => self.terms.numbers.push((id, low)),
                    false => self.terms.ranges.push((id, low, high)),
                }
            }
            Term::Quantity { range, system, code, unit } => {
                let (low, high) = self.codes.range(id, range);
                if let Some(known) = labels::unit(system.as_deref(), code.as_deref()) {
                    self.terms.known.push((labels::UNITS, known));
                }
                for unit in self.units(system.as_deref(), code.as_deref(), unit.as_deref()) {
                    let (point, wide) =
                        ([&[kind::QUANTITY], &unit[..]], [&[kind::QUANTITY_RANGE], &unit[..]]);
                    self.number(id, &point, &wide, low, high);
                    let [.., a, b, c, d, e, f, g, h] = unit;
                    let unit = [a, b, c, d, e, f, g, h];
                    self.terms.quantities.push((id, Quantity { low, high, unit }));
                }
            }
            Term::Reference(reference) => self.reference(id, reference),
            Term::Position(position) => {
                for cell in position.cells() {
                    self.push(id, &[&[kind::CELL], &self.codes.cell(cell)]);
                }
            }
            Term::Uri(uri) => {
                self.push(id, &[&[kind::URI], &self.codes.uri(&uri)]);
                if labels::has_path(&uri) {
                    self.terms.known.push((labels::URIS, uri));
                }
            }
            Term::Composite(parts) => self.composites.push((id, parts)),
        }
    }

    /// A number under its kind and what stands before it.
    fn number(&mut self, parameter: u16, point: &[&[u8]], wide: &[&[u8]], low: NumberCode, high: NumberCode) {
        let pieces: Vec<&[u8]> = match low == high {
            true => point.iter().copied().chain([&low[..]]).collect(),
            false => wide.iter().copied().chain([&low[..], &high[..]]).collect(),
        };
        self.terms.term(parameter, &pieces);
    }

    fn label(&mut self, parameter: u16, label: Option<Label>) {
        self.terms.labels.extend(label.map(|label| (parameter, label)));
    }

    fn token_label(
        &mut self,
        parameter: u16,
        system: Option<&str>,
        code: Option<&str>,
        text: Option<&str>,
        source: TokenSource,
    ) {
        match source {
            TokenSource::Coded => self.label(parameter, Label::concept(text.unwrap_or(""), system, code)),
            // Identifiers are as many as the resources: their values have no place in a dictionary.
            TokenSource::Identifier => {
                let label = text.and_then(|text| Label::concept(text, None, None));
                self.label(parameter, label);
            }
            TokenSource::Other => {}
        }
    }

    /// The part of a composite; `None` where nothing can find it.
    fn part(&self, parameter: u16, term: &Term) -> Option<Part> {
        Some(match term {
            Term::Token { system, code, .. } => {
                if code.is_none() && system.is_none() {
                    return None;
                }
                let pair = self.codes.token_pair(system.as_deref(), code.as_deref().unwrap_or(""));
                Part::Token { code: code.as_ref().map_or([0; 8], |code| self.codes.token_short(code)), pair }
            }
            Term::Date { low_ms, high_ms } => {
                Part::Date(self.codes.date(parameter, *low_ms), self.codes.date(parameter, *high_ms))
            }
            Term::Number(range) => {
                let (low, high) = self.codes.range(parameter, *range);
                Part::Number(low, high)
            }
            Term::Quantity { range, system, code, unit } => {
                let (low, high) = self.codes.range(parameter, *range);
                let units = self.units(system.as_deref(), code.as_deref(), unit.as_deref());
                Part::Quantity { low, high, units }
            }
            Term::Uri(uri) => Part::Hash(self.codes.uri(uri)),
            Term::String(text) => {
                let raw = cut(text);
                Part::Text(normalise::string(raw).into(), raw.into())
            }
            Term::Reference(ReferenceTerm::Local { resource_type, id, .. }) => {
                Part::Reference(Target { type_code: layout::type_code(resource_type)?, id: id.clone() })
            }
            Term::Reference(ReferenceTerm::Absolute(url) | ReferenceTerm::Canonical { url, .. }) => {
                Part::Hash(self.codes.uri(url))
            }
            Term::Reference(ReferenceTerm::Logical { .. } | ReferenceTerm::Contained(_))
            | Term::TypedIdentifier { .. }
            | Term::Position(_)
            | Term::Label { .. }
            | Term::Composite(_) => return None,
        })
    }

    /// Keeps the composites of parameters where not every part stands with every other.
    ///
    /// A part's values are values of the parameter that defines it; so where its parameter gave no more values than the
    /// composite has different parts in that place, and all combinations are there, testing the parts one by one is as good.
    /// Of several resources `keeps_all` are kept: a value of one does not stand with a value of another.
    fn join_composites(&mut self, registry: &Registry, keeps_all: bool) {
        let mut all = std::mem::take(&mut self.composites);
        all.sort_by_key(|(id, _)| *id);
        let resource_type = layout::type_name(self.terms.type_code).unwrap_or_default();
        for together in all.chunk_by(|a, b| a.0 == b.0) {
            let Some((id, _)) = together.first() else { continue };
            let parameter = registry.parameter_numbered(resource_type, *id).map(Arc::as_ref);
            let coded =
                |(_, parts): &(u16, Vec<Term>)| parts.iter().map(|part| self.part(*id, part)).collect();
            let mut found: Vec<Vec<Part>> = together.iter().filter_map(coded).take(COMPOSITES_MAX).collect();
            once(&mut found);
            if parameter
                .and_then(|one| composite::posted_under(registry, one))
                .is_some_and(|own| own.id == *id)
            {
                for parts in &found {
                    composite::postings(parts, &mut |term| self.terms.term(*id, term));
                }
            }
            if keeps_all || !parameter.is_some_and(|parameter| self.is_whole(registry, parameter, together)) {
                self.terms.composites.push((*id, found));
            }
        }
    }

    fn is_whole(&self, registry: &Registry, parameter: &Parameter, together: &[(u16, Vec<Term>)]) -> bool {
        if together.len() > WHOLE_MAX {
            return false;
        }
        let mut combinations = 1_usize;
        for (place, component) in parameter.components.iter().enumerate() {
            let Some(own) = composite::defined_by(registry, parameter, component) else {
                return false;
            };
            let mut different: Vec<&Term> = Vec::new();
            for part in together.iter().filter_map(|(_, parts)| parts.get(place)) {
                if let Term::Token { system: None, code: None, .. } = part {
                    return false;
                }
                if !different.contains(&part) {
                    different.push(part);
                }
            }
            let given = self.counts.iter().find(|(id, _)| *id == own.id).map_or(0, |(_, count)| *count);
            if given != different.len() {
                return false;
            }
            combinations *= different.len();
        }
        combinations == together.len()
    }

    /// A quantity's unit as it stands in keys: by its code, and by the human form where that is another.
    fn units(&self, system: Option<&str>, code: Option<&str>, unit: Option<&str>) -> Vec<UnitHash> {
        let code = code.or(unit).unwrap_or("");
        let mut units = vec![self.codes.unit_in(system, code)];
        if let Some(unit) = unit.filter(|unit| *unit != code) {
            units.push(self.codes.unit_in(None, unit));
        }
        units
    }

    fn push(&mut self, parameter: u16, parts: &[&[u8]]) {
        self.terms.term(parameter, parts);
    }

    fn token(
        &mut self,
        parameter: u16,
        any_kind: u8,
        pair_kind: u8,
        system: Option<CompactString>,
        code: Option<CompactString>,
    ) {
        match code {
            Some(code) => {
                let (any, pair) = self.hashes(system, code);
                self.push(parameter, &[&[any_kind], &any]);
                self.push(parameter, &[&[pair_kind], &pair]);
            }
            // A token without a code is found by its system alone.
            None => {
                if let Some(system) = system {
                    let pair = self.codes.token_pair(Some(&system), "");
                    self.push(parameter, &[&[pair_kind], &pair]);
                }
            }
        }
    }

    fn hashes(&mut self, system: Option<CompactString>, code: CompactString) -> ([u8; 16], [u8; 20]) {
        if let Some(known) = self.recent.iter().find(|known| known.code == code && known.system == system) {
            return (known.any, known.pair);
        }
        let any = self.codes.token_any(&code);
        let pair = self.codes.token_pair(system.as_deref(), &code);
        if self.recent.len() == RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(Recent { system, code, any, pair });
        (any, pair)
    }

    fn reference(&mut self, parameter: u16, reference: ReferenceTerm) {
        match reference {
            ReferenceTerm::Local { resource_type, id, .. } => {
                if let Some(type_code) = layout::type_code(&resource_type) {
                    self.terms.references.push((parameter, Target { type_code, id }));
                }
            }
            ReferenceTerm::Contained(id) => {
                let place = self.inside.place(&id);
                self.terms.inside.extend(place.map(|place| (parameter, place)));
            }
            ReferenceTerm::Absolute(url) => {
                self.push(parameter, &[&[kind::URL], &self.codes.uri(&url)]);
            }
            ReferenceTerm::Logical { system, value, .. } => {
                self.token(parameter, kind::IDENTIFIER_ANY, kind::IDENTIFIER_PAIR, system, value);
            }
            ReferenceTerm::Canonical { url, version } => {
                self.push(parameter, &[&[kind::URL], &self.codes.uri(&url)]);
                if let Some(version) = version {
                    let versioned = format!("{url}|{version}");
                    self.push(parameter, &[&[kind::URL], &self.codes.uri(&versioned)]);
                }
            }
        }
    }
}

/// The beginning of a text, as long as the index keeps it.
pub(crate) fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}
