//! Clauses of criteria that are no values of a search parameter: words, lists, places, compartments, and the comparisons of
//! texts that `_filter` knows. What the index cannot tell (the order of words, exact distances) is looked up in the body of
//! a candidate that passes all else.

use std::ops::ControlFlow;

use compact_str::CompactString;
use fhir::definitions::compartment_parameters;
use fhir::json::Value;
use fhir::search::near::{Near, Position};
use fhir::search::query::{QueryValue, TextQuery, TextTest};
use fhir::search::{Kind, Parameter, Registry, normalise};

use super::blocks::WordsClause;
use super::clause::{Clause, Probe};
use super::codes::kind;
use super::words::{CONTENT, TEXT};
use super::{Search, SearchError, terms};
use crate::layout;

/// What reading a body costs, in rows of a scan.
pub(crate) const BODY_STEPS: u64 = 100;

/// What only a resource's body tells.
pub(crate) enum BodyTest {
    /// Its words stand as asked.
    Words { narrative: bool, query: TextQuery },
    /// Its position is near one of these.
    Near(Vec<Near>),
}

impl BodyTest {
    /// Reads the candidate's body and decides.
    pub(crate) fn holds(&self, search: &Search<'_>, probe: &mut Probe) -> Result<bool, SearchError> {
        if probe.header(search)?.is_none() {
            return Ok(false);
        }
        let Some(body) = probe.resource(search)? else { return Ok(false) };
        Ok(match self {
            Self::Words { narrative, query } => query.holds(&body, *narrative),
            Self::Near(places) => {
                let position = body.get("position").and_then(|position: &Value| Position::of(position));
                position.is_some_and(|position| places.iter().any(|near| near.holds(position)))
            }
        })
    }
}

impl Search<'_> {
    /// `_text` and `_content`.
    pub(crate) fn words(&self, narrative: bool, query: &TextQuery) -> Result<Clause, SearchError> {
        let all = |parts: &[TextQuery]| -> Result<Vec<Clause>, SearchError> {
            parts.iter().map(|part| self.words(narrative, part)).collect()
        };
        let dictionary = self.dictionaries.get(self.newest, self.tenant, CONTENT)?;
        let parameter = if narrative { TEXT } else { CONTENT };
        let one = |word: &CompactString| match dictionary.find(word, word) {
            Some(number) => Clause::Words(WordsClause::new(parameter, vec![number])),
            None => Clause::Nothing,
        };
        Ok(match query {
            TextQuery::Word(word) => one(word),
            TextQuery::Prefix(prefix) => {
                let mut words = Vec::new();
                let limit = self.limits.texts_max;
                dictionary.prefix(prefix, &mut |word| {
                    words.push(word);
                    if words.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                if words.len() > limit {
                    return Err(too_many_texts());
                }
                words.sort_unstable();
                words.dedup();
                Clause::Words(WordsClause::new(parameter, words))
            }
            TextQuery::Phrase(words) => {
                let mut clauses: Vec<Clause> = words.iter().map(one).collect();
                let query = query.clone();
                clauses.push(Clause::Body(BodyTest::Words { narrative, query }));
                Clause::All(clauses)
            }
            TextQuery::All(parts) => Clause::All(all(parts)?),
            TextQuery::Any(parts) => Clause::Any(all(parts)?),
            TextQuery::Not(part) => Clause::Not(Box::new(self.words(narrative, part)?)),
        })
    }

    /// `_list`: what the Lists refer to, as far as the caller may find them.
    pub(crate) fn listed(&self, type_code: u16, ids: &[CompactString]) -> Result<Clause, SearchError> {
        if layout::is_contained(type_code) {
            return Ok(Clause::Nothing);
        }
        let list = layout::type_code("List").ok_or(SearchError::Corrupt)?;
        let item = Registry::base().parameter("List", "item").ok_or(SearchError::Corrupt)?.id;
        let mut bounds = Vec::new();
        self.bound(list, &mut bounds);
        let mut numbers = Vec::new();
        for id in ids {
            let Some(number) = (self.ids)(list, id)? else { continue };
            let mut probe = Probe::new(list, number);
            if !self.all_hold(&bounds, &mut probe)? {
                continue;
            }
            let Some(header) = probe.header(self)? else { continue };
            numbers
                .extend(header.references(item).filter(|(target, _)| *target == type_code).map(|(_, at)| at));
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Clause::Numbered(numbers))
    }

    /// `near`: cells of the index first, then the exact distance.
    pub(crate) fn near(
        &self,
        type_code: u16,
        parameter: &Parameter,
        places: &[Near],
    ) -> Result<Clause, SearchError> {
        let cells: Option<Vec<_>> = places.iter().map(Near::cells).collect();
        let found = match cells {
            Some(cells) => {
                let key = |cell| {
                    self.posting_prefix(type_code, parameter.id, &[&[kind::CELL], &self.codes.cell(cell)])
                };
                let mut prefixes: Vec<Vec<u8>> = cells.into_iter().flatten().map(key).collect();
                prefixes.sort_unstable();
                prefixes.dedup();
                Clause::Terms { space: layout::POSTING, parameter: parameter.id, prefixes }
            }
            None => Clause::Missing { parameter: parameter.id, missing: false },
        };
        Ok(Clause::All(vec![found, Clause::Body(BodyTest::Near(places.to_vec()))]))
    }

    /// What lies in the compartment of one resource.
    pub(crate) fn within(&self, type_code: u16, compartment: &str, id: &str) -> Result<Clause, SearchError> {
        if layout::is_contained(type_code) {
            return Err(SearchError::Unsupported { what: "`_contained` in a compartment".to_owned() });
        }
        let owner = layout::type_code(compartment).ok_or(SearchError::Corrupt)?;
        let Some(number) = (self.ids)(owner, id)? else { return Ok(Clause::Nothing) };
        if owner == layout::PATIENT_CODE {
            return Ok(self.compartments(type_code, &[number]));
        }
        let name = layout::type_name(type_code).unwrap_or_default();
        let mut clauses = Vec::new();
        for code in compartment_parameters(compartment, name) {
            if *code == "{def}" {
                clauses.push(Clause::Numbered(vec![number]));
            } else if let Some(parameter) =
                Registry::base().parameter(name, code).filter(|one| one.kind == Kind::Reference)
            {
                clauses.push(Clause::Targets { parameter: parameter.id, targets: vec![number] });
            }
        }
        Ok(Clause::Any(clauses))
    }

    /// The texts of a parameter that compare as `_filter` asks.
    pub(crate) fn compared(
        &self,
        parameter: u16,
        test: TextTest,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let dictionary = self.dictionaries.get(self.newest, self.tenant, parameter)?;
        let mut found: Vec<u32> = Vec::new();
        for value in values {
            let QueryValue::String(text) = value else { continue };
            let asked = normalise::string(terms::cut(text));
            let asked = asked.as_str();
            let passes = |text: &str| match test {
                TextTest::Equal => text == asked,
                TextTest::NotEqual => text != asked,
                TextTest::Contains => text.contains(asked),
                TextTest::StartsWith => text.starts_with(asked),
                TextTest::EndsWith => text.ends_with(asked),
                TextTest::Greater => text > asked,
                TextTest::Less => text < asked,
                TextTest::GreaterOrEqual => text >= asked,
                TextTest::LessOrEqual => text <= asked,
            };
            self.spend(dictionary.count() / 16)?;
            let limit = self.limits.texts_max;
            dictionary.select(&passes, &mut |term| {
                found.push(term);
                if found.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if found.len() > limit {
                return Err(too_many_texts());
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(Clause::Texts { parameter, terms: found })
    }
}

fn too_many_texts() -> SearchError {
    SearchError::TooCostly { what: "a text stands for too many different words", hint: "give more letters" }
}
