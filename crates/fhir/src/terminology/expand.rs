//! Listing the codes of a value set.

mod write;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use compact_str::CompactString;

use super::code_system::Concept;
use super::error::TerminologyError;
use super::filter::Filter;
use super::member::{Evaluation, Stack, undefined};
use super::value_set::{Include, Listed, ValueSet};
use super::{CodeSystem, Content, Terminology, grammar};
use crate::json::Value;
use crate::search::normalise;

/// Codes held while a value set is evaluated, paged or not.
const HELD_MAX: usize = 1_000_000;

/// From so many candidates on, the codes to compare them with are listed once. Tests have small value sets and try both ways.
const LISTING_MIN: usize = if cfg!(test) { 4 } else { 64 };

/// Codes by system, as the systems write them.
type Keys = HashSet<(Arc<str>, CompactString)>;

/// What of the codes is wanted. R4 ValueSet/$expand.
#[derive(Debug, Clone, Default)]
pub struct ExpansionOptions {
    /// Only codes whose display has words that begin with each word of it, or whose code begins with it.
    pub filter: Option<String>,
    /// How many to pass over.
    pub offset: usize,
    /// How many to give; `Some(0)` asks for the total alone.
    pub count: Option<usize>,
    /// Leave out codes that are out of use.
    pub active_only: bool,
    /// Give designations with each code.
    pub with_designations: bool,
    /// Language of the displays.
    pub display_language: Option<String>,
    /// Leave out codes that only group others.
    pub exclude_abstract: bool,
}

/// A page of the codes of a value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// How many codes there are, with the filter.
    pub total: usize,
    /// How many were passed over.
    pub offset: usize,
    /// The codes.
    pub members: Vec<Member>,
    /// The code systems that were read, with versions.
    pub systems: BTreeMap<String, Option<String>>,
    /// Those of them of which only a part is loaded: there may be more codes.
    pub incomplete: Vec<String>,
}

/// One code of an expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The system.
    pub system: String,
    /// Its version, if it is known.
    pub version: Option<String>,
    /// The code.
    pub code: String,
    /// The display in the language asked for, else the system's.
    pub display: Option<String>,
    /// Whether it only groups others.
    pub is_abstract: bool,
    /// Whether it is out of use.
    pub is_inactive: bool,
    /// `ValueSet.expansion.contains.designation` elements, if they were asked for.
    pub designations: Vec<Value>,
}

/// A code on its way into an expansion.
struct Candidate {
    system: Arc<str>,
    code: CompactString,
    /// Where its texts are: the concept, if its system is loaded,
    concept: Option<(Arc<CodeSystem>, u32)>,
    /// and what the value set itself says of it.
    listed: Option<Box<Listed>>,
}

impl Terminology<'_> {
    /// The codes of `value_set` in the order of its definition, each once; nested codes stand flat.
    ///
    /// # Errors
    /// [`TerminologyError::NotLoaded`] if a system or value set that it needs is missing; [`TerminologyError::TooCostly`] if
    /// there are more codes than [`Bounds::codes_max`](super::Bounds::codes_max) and no smaller `count` was given;
    /// [`TerminologyError::Endless`] for systems that are written by a grammar.
    pub fn expand(
        &self,
        value_set: &ValueSet,
        options: &ExpansionOptions,
    ) -> Result<Expansion, TerminologyError> {
        let words = options.filter.as_deref().map(words).unwrap_or_default();
        let evaluation = Evaluation::new(self);
        let mut walk = Walk {
            evaluation: &evaluation,
            options,
            words,
            systems: BTreeMap::new(),
            incomplete: Vec::new(),
        };
        let found = walk.gather(value_set, &mut Stack::new())?;
        let total = found.len();
        let limit = self.bounds.codes_max;
        let count = options.count.unwrap_or(usize::MAX).min(total.saturating_sub(options.offset));
        if count > limit {
            return Err(TerminologyError::TooCostly { limit, unit: "codes" });
        }
        let page = found.into_iter().skip(options.offset).take(count);
        let members = page.map(|candidate| self.member(candidate, options)).collect();
        Ok(Expansion {
            total,
            offset: options.offset,
            members,
            systems: walk.systems,
            incomplete: walk.incomplete,
        })
    }

    /// The system and code of everything in the value set `value_set` (`url` or `url|version`).
    ///
    /// # Errors
    /// As [`Terminology::expand`].
    pub fn codes(&self, value_set: &str) -> Result<Vec<(String, String)>, TerminologyError> {
        let expansion = self.expand(&*self.value_set(value_set, None)?, &ExpansionOptions::default())?;
        Ok(expansion.members.into_iter().map(|member| (member.system, member.code)).collect())
    }

    fn member(&self, candidate: Candidate, options: &ExpansionOptions) -> Member {
        let concept = candidate.concept.as_ref().and_then(|(system, place)| system.at(*place));
        let listed = candidate.listed.as_deref();
        let mut designations = Vec::new();
        let supplements = concept.map_or(Vec::new(), |_| self.library.supplements(&candidate.system));
        let extra: Vec<Concept<'_>> =
            supplements.iter().filter_map(|supplement| supplement.concept(&candidate.code)).collect();
        if options.with_designations {
            designations.extend(listed.iter().flat_map(|listed| listed.designations.iter().cloned()));
            designations.extend(concept.iter().chain(&extra).flat_map(designation_values));
        }
        let in_language = options.display_language.as_deref().and_then(|language| {
            let all = concept.iter().chain(&extra);
            all.filter_map(|concept| {
                concept.display_in(language).filter(|text| Some(*text) != concept.display())
            })
            .next()
        });
        let own = listed.and_then(|listed| listed.display.as_deref());
        let display = in_language.or(own).or(concept.and_then(|concept| concept.display()));
        Member {
            display: display.map(str::to_owned),
            is_abstract: concept.is_some_and(|concept| concept.is_abstract())
                || listed.is_some_and(|listed| listed.is_abstract),
            is_inactive: candidate.is_inactive(),
            version: match &candidate.concept {
                Some((system, _)) => system.version().map(str::to_owned),
                None => listed.and_then(|listed| listed.version.clone()),
            },
            system: candidate.system.as_ref().to_owned(),
            code: candidate.code.into_string(),
            designations,
        }
    }
}

/// One expansion: how far it has come.
struct Walk<'t, 'l, 'o> {
    evaluation: &'t Evaluation<'t, 'l>,
    options: &'o ExpansionOptions,
    words: Vec<String>,
    systems: BTreeMap<String, Option<String>>,
    incomplete: Vec<String>,
}

impl Walk<'_, '_, '_> {
    fn gather(
        &mut self,
        value_set: &ValueSet,
        stack: &mut Stack,
    ) -> Result<Vec<Candidate>, TerminologyError> {
        self.evaluation.enter(value_set, stack)?;
        let found = match (self.composed(value_set, stack), value_set.listed.as_deref()) {
            // What cannot be evaluated here, somebody has listed.
            (Err(error), Some(listed)) if error.is_open() => self.listed(listed),
            (found, _) => found,
        };
        stack.pop();
        found
    }

    fn composed(
        &mut self,
        value_set: &ValueSet,
        stack: &mut Stack,
    ) -> Result<Vec<Candidate>, TerminologyError> {
        if !value_set.has_compose() {
            return Err(undefined(value_set));
        }
        let mut found = Vec::new();
        for part in &value_set.includes {
            found.extend(self.part(value_set, part, stack)?);
            if found.len() > HELD_MAX {
                return Err(TerminologyError::TooCostly { limit: HELD_MAX, unit: "codes" });
            }
        }
        let mut seen = Keys::with_capacity(found.len());
        found.retain(|candidate| seen.insert(candidate.key()));
        drop(seen);
        if !value_set.takes_inactive {
            found.retain(|candidate| !candidate.is_inactive());
        }
        if value_set.excludes.is_empty() {
            return Ok(found);
        }
        let parts = &value_set.excludes;
        let excluded = self.listing(found.len(), |walk| {
            parts.iter().map(|part| walk.part(value_set, part, &mut stack.clone())).collect()
        });
        self.keep(found, excluded.as_ref(), false, |evaluation, system, code| {
            evaluation.any(value_set, parts, system, code, stack)
        })
    }

    /// The codes of some parts, without the options of the request: cheaper to have at once than to try `count` codes one
    /// by one. `None` where they are few, or cannot be listed though single codes may be judged.
    fn listing(
        &self,
        count: usize,
        list: impl FnOnce(&mut Walk<'_, '_, '_>) -> Result<Vec<Vec<Candidate>>, TerminologyError>,
    ) -> Option<Keys> {
        if count < LISTING_MIN {
            return None;
        }
        let options = ExpansionOptions::default();
        let mut walk = Walk {
            evaluation: self.evaluation,
            options: &options,
            words: Vec::new(),
            systems: BTreeMap::new(),
            incomplete: Vec::new(),
        };
        let listed = list(&mut walk).ok().filter(|_| walk.incomplete.is_empty())?;
        Some(listed.iter().flatten().map(Candidate::key).collect())
    }

    /// Keeps the candidates that are (`wanted`) or are not in `listed`, or of which `test` says so where nothing is listed.
    fn keep(
        &self,
        found: Vec<Candidate>,
        listed: Option<&Keys>,
        wanted: bool,
        mut test: impl FnMut(&Evaluation<'_, '_>, &str, &str) -> Result<bool, TerminologyError>,
    ) -> Result<Vec<Candidate>, TerminologyError> {
        self.evaluation.spend(found.len())?;
        let mut kept = Vec::with_capacity(found.len());
        for candidate in found {
            let is_in = match listed {
                Some(listed) => listed.contains(&candidate.key()),
                None => test(self.evaluation, &candidate.system, &candidate.code)?,
            };
            if is_in == wanted {
                kept.push(candidate);
            }
        }
        Ok(kept)
    }

    fn part(
        &mut self,
        owner: &ValueSet,
        part: &Include,
        stack: &mut Stack,
    ) -> Result<Vec<Candidate>, TerminologyError> {
        let (mut found, imports) = match (&part.system, part.value_sets.split_first()) {
            // Any code of the system, known or not: only single codes can be judged.
            (Some(system), _) if part.is_whole => {
                return Err(TerminologyError::Endless { system: system.clone() });
            }
            (Some(system), _) => (self.of_system(part, system)?, part.value_sets.as_slice()),
            (None, Some((first, others))) => {
                let first = self.evaluation.import(owner, first)?;
                (self.gather(&first, stack)?, others)
            }
            (None, None) => return Ok(Vec::new()),
        };
        for reference in imports {
            let import = self.evaluation.import(owner, reference)?;
            let listed =
                self.listing(found.len(), |walk| Ok(vec![walk.gather(&import, &mut stack.clone())?]));
            found = self.keep(found, listed.as_ref(), true, |evaluation, system, code| {
                evaluation.contains(&import, system, code, stack)
            })?;
        }
        Ok(found)
    }

    /// The codes of one system that a part lists or its filters let through.
    fn of_system(&mut self, part: &Include, system: &str) -> Result<Vec<Candidate>, TerminologyError> {
        let loaded = self.evaluation.terminology.system(system, part.version.as_deref());
        if let Ok(loaded) = &loaded {
            self.systems.insert(system.to_owned(), loaded.version().map(str::to_owned));
        }
        if let Some(concepts) = &part.concepts {
            return self.listed_of(concepts, &Arc::from(system), loaded.ok().as_ref());
        }
        let loaded = loaded.map_err(|missing| match grammar::contains(system, "") {
            Some(_) => TerminologyError::Endless { system: system.to_owned() },
            None => missing,
        })?;
        if matches!(loaded.content(), Content::Fragment | Content::Example)
            && !self.incomplete.iter().any(|known| known == system)
        {
            self.incomplete.push(system.to_owned());
        }
        self.filtered(part, &loaded)
    }

    fn filtered<'p>(
        &mut self,
        part: &'p Include,
        loaded: &'p Arc<CodeSystem>,
    ) -> Result<Vec<Candidate>, TerminologyError> {
        // Each filter walks the hierarchy once.
        self.evaluation.spend(loaded.len().saturating_mul(part.filters.len()))?;
        let bound = |filter: &'p Filter| Ok(filter.bind(loaded)?.for_many());
        let filters = part.filters.iter().map(bound).collect::<Result<Vec<_>, TerminologyError>>()?;
        let narrowest = filters.iter().filter_map(|filter| filter.places()).min_by_key(|places| places.len());
        let places = narrowest.map_or_else(|| (0..loaded.len() as u32).collect(), <[u32]>::to_vec);
        self.evaluation.spend(places.len().saturating_mul(1 + filters.len()))?;
        let system: Arc<str> = Arc::from(loaded.url());
        let mut found = Vec::new();
        for place in places {
            let Some(concept) = loaded.at(place) else { continue };
            if !filters.iter().all(|filter| filter.passes(concept)) {
                continue;
            }
            let candidate = Candidate {
                system: Arc::clone(&system),
                code: concept.code().into(),
                concept: Some((Arc::clone(loaded), place)),
                listed: None,
            };
            self.take(candidate, &mut found)?;
        }
        Ok(found)
    }

    fn listed(&mut self, listed: &[Listed]) -> Result<Vec<Candidate>, TerminologyError> {
        let mut found = Vec::new();
        for part in listed.chunk_by(|a, b| a.system == b.system) {
            let Some(first) = part.first() else { continue };
            let loaded = self.evaluation.terminology.system(&first.system, None).ok();
            found.extend(self.listed_of(part, &Arc::from(first.system.as_str()), loaded.as_ref())?);
        }
        Ok(found)
    }

    fn listed_of(
        &mut self,
        listed: &[Listed],
        system: &Arc<str>,
        loaded: Option<&Arc<CodeSystem>>,
    ) -> Result<Vec<Candidate>, TerminologyError> {
        self.evaluation.spend(listed.len())?;
        let mut found = Vec::new();
        for entry in listed {
            let place =
                loaded.and_then(|loaded| Some((Arc::clone(loaded), loaded.concept(&entry.code)?.place())));
            let candidate = Candidate {
                system: Arc::clone(system),
                code: entry.code.as_str().into(),
                concept: place,
                listed: Some(Box::new(entry.clone())),
            };
            self.take(candidate, &mut found)?;
        }
        Ok(found)
    }

    /// Keeps the candidate if the options let it through.
    fn take(&self, candidate: Candidate, found: &mut Vec<Candidate>) -> Result<(), TerminologyError> {
        let is_out = self.options.active_only && candidate.is_inactive()
            || self.options.exclude_abstract
                && candidate.concept().is_some_and(|concept| concept.is_abstract())
            || !self.words.is_empty() && !self.matches(&candidate);
        if !is_out {
            if found.len() >= HELD_MAX {
                return Err(TerminologyError::TooCostly { limit: HELD_MAX, unit: "codes" });
            }
            found.push(candidate);
        }
        Ok(())
    }

    fn matches(&self, candidate: &Candidate) -> bool {
        if let [only] = self.words.as_slice()
            && normalise::string(&candidate.code).starts_with(only)
        {
            return true;
        }
        let concept = candidate.concept();
        let own = candidate.listed.as_deref().and_then(|listed| listed.display.as_deref());
        let in_language = self.options.display_language.as_deref();
        let translated = in_language.and_then(|language| concept?.display_in(language));
        let displays = [own, translated, concept.and_then(|concept| concept.display())];
        displays.into_iter().flatten().any(|display| {
            let own = words(display);
            self.words.iter().all(|wanted| own.iter().any(|word| word.starts_with(wanted)))
        })
    }
}

impl Candidate {
    /// What tells it from others: the code as its system writes it.
    fn key(&self) -> (Arc<str>, CompactString) {
        let code = self.concept().map_or_else(|| self.code.clone(), |concept| concept.code().into());
        (Arc::clone(&self.system), code)
    }

    fn concept(&self) -> Option<Concept<'_>> {
        self.concept.as_ref().and_then(|(system, place)| system.at(*place))
    }

    fn is_inactive(&self) -> bool {
        match self.concept() {
            Some(concept) => concept.is_inactive(),
            None => self.listed.as_ref().is_some_and(|listed| listed.is_inactive),
        }
    }
}

/// Lower-case words without accents.
fn words(text: &str) -> Vec<String> {
    let text = normalise::string(text);
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The designations of a concept as elements of an expansion.
fn designation_values(concept: &Concept<'_>) -> Vec<Value> {
    concept.designations().map(|designation| designation.to_value()).collect()
}
