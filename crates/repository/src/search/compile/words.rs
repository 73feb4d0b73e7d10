//! What is found by way of the labels there are: words beside codes and references, beginnings of codes, codes of value sets
//! and codes that subsume each other.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use compact_str::CompactString;
use fhir::search::query::{Modifier, QueryValue, TokenSystem};
use fhir::search::{Kind, Parameter, normalise};
use fhir::terminology::{Terminology, TerminologyError, ValueSet};

use super::super::clause::{Clause, reference_prefix};
use super::super::codes::{fold, kind};
use super::super::labels::{CONCEPTS, DISPLAYS, Parts, begins_word, parts};
use super::super::{Search, SearchError, terms};
use crate::layout;

/// Labels that fit, and the keys of the postings that lead to resources which have them.
#[derive(Default)]
struct Fitting {
    labels: Vec<u32>,
    prefixes: BTreeSet<Vec<u8>>,
}

impl Search<'_> {
    /// `:text`: words beside codes, identifiers and references.
    ///
    /// Source: FHIR R4 3.1.1.4.10 (token) and, for references, R5 3.2.1.5.5.
    pub(super) fn labelled(
        &self,
        type_code: u16,
        parameter: &Parameter,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let sought = strings(values);
        self.spend_on_words(parameter, sought.len())?;
        self.fitting(type_code, parameter, &mut |normal, _| {
            Ok(sought.iter().any(|sought| begins_word(normal.words, sought)))
        })
    }

    /// `:code-text`: beginnings of codes.
    pub(super) fn coded_like(
        &self,
        type_code: u16,
        parameter: &Parameter,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let sought = strings(values);
        self.spend_on_words(parameter, sought.len())?;
        self.fitting(type_code, parameter, &mut |normal, _| {
            Ok(!normal.code.is_empty()
                && sought.iter().any(|sought| normal.code.starts_with(sought.as_str())))
        })
    }

    /// `:in`: codes of value sets.
    pub(super) fn in_value_sets(
        &self,
        type_code: u16,
        parameter: &Parameter,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let library = (self.terminology)()?;
        let terminology = Terminology::new(library.as_ref());
        let mut sets = Vec::with_capacity(values.len());
        for value in values {
            if let QueryValue::Uri(url) = value {
                sets.push(self.value_set(&terminology, url)?);
            }
        }
        let implied = self.code_sets(type_code, parameter.id);
        // A code has as many labels as there are words for it.
        let mut known: HashMap<(CompactString, CompactString), bool> = HashMap::new();
        self.fitting(type_code, parameter, &mut |_, label| {
            if label.code.is_empty() {
                return Ok(false);
            }
            let code = (CompactString::from(label.system), CompactString::from(label.code));
            if let Some(is_member) = known.get(&code) {
                return Ok(*is_member);
            }
            self.spend(4)?;
            let systems: Vec<&str> = match label.system {
                "" => implied.iter().flat_map(|set| set.systems().map(|(system, _)| system)).collect(),
                system => vec![system],
            };
            let mut is_member = false;
            for set in &sets {
                for system in &systems {
                    is_member = is_member
                        || terminology.is_member(set, Some(system), label.code).map_err(not_answered)?;
                }
            }
            known.insert(code, is_member);
            Ok(is_member)
        })
    }

    /// A value set by its address, or by its place on this server.
    fn value_set(
        &self,
        terminology: &Terminology<'_>,
        url: &str,
    ) -> Result<std::sync::Arc<ValueSet>, SearchError> {
        let local = url
            .strip_prefix("ValueSet/")
            .or_else(|| url.strip_prefix(self.base?)?.strip_prefix("/ValueSet/"));
        let Some(id) = local else { return terminology.value_set(url, None).map_err(not_answered) };
        let not_here =
            || SearchError::Terminology { what: "there is no such ValueSet on this server".to_owned() };
        let code = layout::type_code("ValueSet").ok_or(SearchError::Corrupt)?;
        let number = (self.ids)(code, id)?.ok_or_else(not_here)?;
        let mut bounds = Vec::new();
        self.bound(code, &mut bounds);
        if !self.all_hold(&bounds, &mut super::super::clause::Probe::new(code, number))? {
            return Err(not_here());
        }
        let resource = (self.bodies)(code, number)?.ok_or_else(not_here)?;
        let read = ValueSet::read(&resource).map_err(|error| SearchError::Terminology {
            what: format!("the ValueSet cannot be used: {error}"),
        })?;
        Ok(std::sync::Arc::new(read))
    }

    /// `:above` and `:below`: codes that subsume the given ones, or that these subsume.
    pub(super) fn subsumed(
        &self,
        type_code: u16,
        parameter: &Parameter,
        modifier: Modifier,
        values: &[QueryValue],
    ) -> Result<Clause, SearchError> {
        let library = (self.terminology)()?;
        let terminology = Terminology::new(library.as_ref());
        let mut wanted: HashMap<&str, BTreeSet<String>> = HashMap::new();
        for value in values {
            let QueryValue::Token { system: TokenSystem::Is(system), code: Some(code) } = value else {
                continue;
            };
            let codes = match modifier {
                Modifier::Above => terminology.above(system, code),
                _ => terminology.below(system, code),
            };
            let codes = codes.map_err(not_answered)?;
            wanted.entry(system).or_default().extend(codes.iter().map(|code| fold(code).into_owned()));
        }
        let implied = self.code_sets(type_code, parameter.id);
        self.fitting(type_code, parameter, &mut |_, label| {
            let code = fold(label.code);
            let is_in = |system: &str| wanted.get(system).is_some_and(|codes| codes.contains(code.as_ref()));
            Ok(match label.system {
                "" => implied.iter().any(|set| {
                    set.systems().any(|(system, _)| set.contains(system, label.code) && is_in(system))
                }),
                system => is_in(system),
            })
        })
    }

    /// Counts the work of comparing each label with each text.
    fn spend_on_words(&self, parameter: &Parameter, texts: usize) -> Result<(), SearchError> {
        let place = if parameter.kind == Kind::Reference { DISPLAYS } else { CONCEPTS };
        let labels = self.dictionaries.get(self.newest, self.tenant, place)?.count();
        self.spend(labels.saturating_mul(texts as u64) / 16)
    }

    /// The clause for the labels that `fits` takes; it sees each label normalised and as written.
    fn fitting(
        &self,
        type_code: u16,
        parameter: &Parameter,
        fits: &mut dyn FnMut(Parts<'_>, Parts<'_>) -> Result<bool, SearchError>,
    ) -> Result<Clause, SearchError> {
        let place = if parameter.kind == Kind::Reference { DISPLAYS } else { CONCEPTS };
        let dictionary = self.dictionaries.get(self.newest, self.tenant, place)?;
        self.spend(dictionary.count() / 8)?;
        let mut found = Fitting::default();
        let mut failure = None;
        let mut look = |normal: &str, raw: &str, number: u32| -> Result<(), SearchError> {
            let (Some(normal), Some(label)) = (parts(normal), parts(raw)) else {
                return Err(SearchError::Corrupt);
            };
            if !fits(normal, label)? {
                return Ok(());
            }
            found.labels.push(number);
            found.prefixes.extend(self.leading(type_code, parameter, label, number)?);
            if found.labels.len() > self.limits.texts_max {
                return Err(SearchError::TooCostly {
                    what: "the value stands for too many different codes or words",
                    hint: "give more letters, or a smaller value set",
                });
            }
            Ok(())
        };
        dictionary.each(&mut |normal, raw, number| match look(normal, raw, number) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        found.labels.sort_unstable();
        let prefixes = found.prefixes.into_iter().collect();
        Ok(Clause::Labels { parameter: parameter.id, labels: found.labels, prefixes })
    }

    /// The key of the postings of every resource that has a label.
    fn leading(
        &self,
        type_code: u16,
        parameter: &Parameter,
        label: Parts<'_>,
        number: u32,
    ) -> Result<Option<Vec<u8>>, SearchError> {
        if label.code.is_empty() {
            let term: [&[u8]; 2] = [&[kind::LABEL], &number.to_be_bytes()];
            return Ok(Some(self.posting_prefix(type_code, parameter.id, &term)));
        }
        if parameter.kind != Kind::Reference {
            let system = Some(label.system).filter(|system| !system.is_empty());
            let pair = self.codes.token_pair(system, label.code);
            return Ok(Some(self.posting_prefix(type_code, parameter.id, &[&[kind::TOKEN_PAIR], &pair])));
        }
        let target = label.code.split_once('/').and_then(|(name, id)| Some((layout::type_code(name)?, id)));
        let Some((target, id)) = target else { return Ok(None) };
        self.spend(2)?;
        let number = (self.ids)(target, id)?;
        Ok(number.map(|number| reference_prefix(self, type_code, parameter.id, number)))
    }
}

/// The texts searched for, normalised.
fn strings(values: &[QueryValue]) -> Vec<String> {
    let text = |value: &QueryValue| match value {
        QueryValue::String(text) => Some(normalise::string(terms::cut(text))),
        _ => None,
    };
    values.iter().filter_map(text).collect()
}

fn not_answered(error: TerminologyError) -> SearchError {
    match error {
        TerminologyError::TooCostly { .. } => SearchError::TooCostly {
            what: "the value set or the hierarchy of codes is too large",
            hint: "name a smaller one",
        },
        error => SearchError::Terminology { what: error.to_string() },
    }
}
