//! The terms of one resource, coded: what can be done outside the committer, in parallel.
//!
//! Extracting, normalising and hashing happen here. What only the committer can know stays open: the numbers of reference
//! targets and of texts; [`super::Postings`] fills them in. Not for: deciding what a parameter reads (`fhir::search`).

use compact_str::CompactString;
use fhir::json::Value;
use fhir::search::{Parameter, ReferenceTerm, Registry, Term, normalise};

use super::codes::{Codes, NumberCode, TERM_BYTES_MAX, kind};
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
    /// Parameter, normalised text, text as written.
    pub(crate) texts: Vec<(u16, CompactString, CompactString)>,
    pub(crate) references: Vec<(u16, Target)>,
    /// The words of its texts.
    pub(crate) words: Words,
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
        let mut coder = Coder {
            codes,
            recent: Vec::with_capacity(RECENT_MAX),
            terms: Self {
                type_code,
                present: Vec::with_capacity(32),
                fixed: Vec::with_capacity(32),
                dates: Vec::new(),
                numbers: Vec::new(),
                texts: Vec::new(),
                references: Vec::new(),
                words: Words::of(resource),
            },
        };
        registry.extract(resource, &mut |parameter, term| coder.add(parameter, term));
        let mut terms = coder.terms;
        terms.present.sort_unstable();
        terms.present.dedup();
        terms.fixed.sort_unstable();
        terms.fixed.dedup();
        terms.dates.sort_unstable();
        terms.dates.dedup();
        terms.numbers.sort_unstable();
        terms.numbers.dedup();
        terms.texts.sort_unstable();
        terms.texts.dedup();
        terms.references.sort_unstable();
        terms.references.dedup();
        terms
    }

    /// These terms and others of the same resource, which has the same words.
    pub(crate) fn and(mut self, others: Self) -> Self {
        let Self { type_code: _, present, fixed, dates, numbers, texts, references, words: _ } = others;
        join(&mut self.present, present);
        join(&mut self.fixed, fixed);
        join(&mut self.dates, dates);
        join(&mut self.numbers, numbers);
        join(&mut self.texts, texts);
        join(&mut self.references, references);
        self
    }

    /// These terms but for those of some parameters.
    pub(crate) fn without(mut self, parameters: &[u16]) -> Self {
        let Self { type_code: _, present, fixed, dates, numbers, texts, references, words: _ } = &mut self;
        present.retain(|parameter| !parameters.contains(parameter));
        fixed.retain(|fixed| !parameters.contains(&fixed.parameter));
        dates.retain(|(parameter, ..)| !parameters.contains(parameter));
        numbers.retain(|(parameter, _)| !parameters.contains(parameter));
        texts.retain(|(parameter, ..)| !parameters.contains(parameter));
        references.retain(|(parameter, _)| !parameters.contains(parameter));
        self
    }
}

fn join<T: Ord>(list: &mut Vec<T>, more: Vec<T>) {
    list.extend(more);
    list.sort_unstable();
    list.dedup();
}

/// Tokens whose hashes are kept while one resource is coded: `code` and `combo-code` see the same ones.
const RECENT_MAX: usize = 8;

struct Recent {
    system: Option<CompactString>,
    code: CompactString,
    any: [u8; 16],
    pair: [u8; 20],
}

struct Coder<'a> {
    codes: &'a Codes,
    recent: Vec<Recent>,
    terms: Terms,
}

impl Coder<'_> {
    fn add(&mut self, parameter: &Parameter, term: Term) {
        let id = parameter.id;
        if matches!(parameter.code.as_str(), "_id" | "_lastUpdated") {
            return; // ids are looked up; the time of the commit comes from the committer
        }
        if self.terms.present.last() != Some(&id) {
            self.terms.present.push(id);
        }
        match term {
            Term::String(text) => {
                if !text.is_empty() {
                    let raw = cut(&text);
                    self.terms.texts.push((id, normalise::string(raw).into(), raw.into()));
                }
            }
            Term::Token { system, code, .. } => {
                self.token(id, kind::TOKEN_ANY, kind::TOKEN_PAIR, system, code)
            }
            Term::Date { low_ms, high_ms } => {
                let (low, high) = (self.codes.date(id, low_ms), self.codes.date(id, high_ms));
                if low <= high {
                    self.terms.dates.push((id, low, high));
                }
            }
            Term::Number { value, .. } => {
                let code = self.codes.number(id, value);
                self.push(id, &[&[kind::NUMBER], &code]);
                self.terms.numbers.push((id, code));
            }
            Term::Quantity { value, system, code, unit, .. } => {
                let number = self.codes.number(id, value);
                self.quantity(id, &number, system.as_deref(), code.as_deref(), unit.as_deref());
                self.terms.numbers.push((id, number));
            }
            Term::Reference(reference) => self.reference(id, reference),
            Term::Uri(uri) => self.push(id, &[&[kind::URI], &self.codes.uri(&uri)]),
            Term::Position(position) => {
                for cell in position.cells() {
                    self.push(id, &[&[kind::CELL], &self.codes.cell(cell)]);
                }
            }
            // Composites cannot be searched yet: see `super::compile`.
            Term::Composite(_) => {}
        }
    }

    fn push(&mut self, parameter: u16, parts: &[&[u8]]) {
        self.terms.fixed.push(Fixed::new(parameter, parts));
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

    fn quantity(
        &mut self,
        parameter: u16,
        number: &NumberCode,
        system: Option<&str>,
        code: Option<&str>,
        unit: Option<&str>,
    ) {
        let code = code.or(unit).unwrap_or("");
        let pair = self.codes.unit_pair(system, code);
        self.push(parameter, &[&[kind::QUANTITY], &self.codes.unit(code), &pair, number]);
        if let Some(unit) = unit.filter(|unit| *unit != code) {
            let pair = self.codes.unit_pair(None, unit);
            self.push(parameter, &[&[kind::QUANTITY], &self.codes.unit(unit), &pair, number]);
        }
    }

    fn reference(&mut self, parameter: u16, reference: ReferenceTerm) {
        match reference {
            ReferenceTerm::Local { resource_type, id, .. } => {
                if let Some(type_code) = layout::type_code(&resource_type) {
                    self.terms.references.push((parameter, Target { type_code, id }));
                }
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
