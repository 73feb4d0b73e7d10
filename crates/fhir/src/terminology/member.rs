//! Whether a code belongs to a value set, decided without listing it.

use std::cell::Cell;
use std::sync::Arc;

use super::error::TerminologyError;
use super::value_set::{Include, Listed, ValueSet};
use super::{CodeSystem, Terminology, grammar};

/// One evaluation: its budget, and the value sets that it stands in.
pub(super) struct Evaluation<'t, 'l> {
    pub(super) terminology: &'t Terminology<'l>,
    steps: Cell<usize>,
}

/// Steps that entering a value set counts for: it is looked up by its address.
const ENTER_STEPS: usize = 64;

/// The value sets that are being evaluated, outermost first, by address (empty for one without).
pub(super) type Stack = Vec<String>;

impl Terminology<'_> {
    /// Whether `code` of `system` belongs to the value set `value_set` (`url` or `url|version`). Without a system, whether
    /// the code belongs to it in any of its systems: for elements of type `code`.
    ///
    /// # Errors
    /// [`TerminologyError::NotLoaded`] and [`TerminologyError::Incomplete`] where the answer depends on what is not here;
    /// the others as their texts say.
    pub fn member_of(
        &self,
        value_set: &str,
        system: Option<&str>,
        code: &str,
    ) -> Result<bool, TerminologyError> {
        let value_set = self.value_set(value_set, None)?;
        self.is_member(&value_set, system, code)
    }

    /// As [`Terminology::member_of`], of a value set at hand.
    ///
    /// # Errors
    /// As there.
    pub fn is_member(
        &self,
        value_set: &ValueSet,
        system: Option<&str>,
        code: &str,
    ) -> Result<bool, TerminologyError> {
        let evaluation = Evaluation::new(self);
        if let Some(system) = system {
            return evaluation.contains(value_set, system, code, &mut Stack::new());
        }
        let mut open = None;
        for system in evaluation.systems(value_set, &mut Stack::new())? {
            match evaluation.contains(value_set, &system, code, &mut Stack::new()) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => open = open.or(Some(error)),
            }
        }
        open.map_or(Ok(false), Err)
    }
}

impl<'t, 'l> Evaluation<'t, 'l> {
    pub(super) fn new(terminology: &'t Terminology<'l>) -> Self {
        Self { terminology, steps: Cell::new(0) }
    }

    /// Spends `count` steps of the budget.
    pub(super) fn spend(&self, count: usize) -> Result<(), TerminologyError> {
        let limit = self.terminology.bounds.steps_max;
        self.steps.set(self.steps.get().saturating_add(count));
        if self.steps.get() > limit {
            Err(TerminologyError::TooCostly { limit, unit: "steps" })
        } else {
            Ok(())
        }
    }

    /// Enters `value_set`; the caller leaves by popping the stack.
    pub(super) fn enter(&self, value_set: &ValueSet, stack: &mut Stack) -> Result<(), TerminologyError> {
        let depth_max = self.terminology.bounds.depth_max;
        let url = value_set.url();
        if stack.len() >= depth_max || !url.is_empty() && stack.iter().any(|outer| outer == url) {
            return Err(TerminologyError::Circular { value_set: url.to_owned(), depth_max });
        }
        self.spend(ENTER_STEPS)?;
        stack.push(url.to_owned());
        Ok(())
    }

    /// The value set that `reference` names within `owner`.
    pub(super) fn import(
        &self,
        owner: &ValueSet,
        reference: &str,
    ) -> Result<Arc<ValueSet>, TerminologyError> {
        match owner.contained(reference) {
            Some(found) => Ok(found),
            None => self.terminology.value_set(reference, None),
        }
    }

    /// Whether `value_set` has `code` of `system`.
    pub(super) fn contains(
        &self,
        value_set: &ValueSet,
        system: &str,
        code: &str,
        stack: &mut Stack,
    ) -> Result<bool, TerminologyError> {
        self.enter(value_set, stack)?;
        let answer = self.contains_entered(value_set, system, code, stack);
        stack.pop();
        answer
    }

    fn contains_entered(
        &self,
        value_set: &ValueSet,
        system: &str,
        code: &str,
        stack: &mut Stack,
    ) -> Result<bool, TerminologyError> {
        let in_list =
            |listed: &[Listed]| listed.iter().any(|entry| entry.system == system && entry.code == code);
        if !value_set.has_compose() {
            let listed = value_set.listed.as_deref().ok_or_else(|| undefined(value_set))?;
            return Ok(in_list(listed));
        }
        match (self.composed(value_set, system, code, stack), value_set.listed.as_deref()) {
            // What cannot be evaluated here, somebody has listed.
            (Err(error), Some(listed)) if error.is_open() => Ok(in_list(listed)),
            (answer, _) => answer,
        }
    }

    fn composed(
        &self,
        value_set: &ValueSet,
        system: &str,
        code: &str,
        stack: &mut Stack,
    ) -> Result<bool, TerminologyError> {
        if !self.any(value_set, &value_set.includes, system, code, stack)? {
            return Ok(false);
        }
        if !value_set.takes_inactive && self.is_inactive(system, code) {
            return Ok(false);
        }
        Ok(!self.any(value_set, &value_set.excludes, system, code, stack)?)
    }

    /// Whether any part has the code. One that has it settles the question, whatever another lacks.
    pub(super) fn any(
        &self,
        owner: &ValueSet,
        parts: &[Include],
        system: &str,
        code: &str,
        stack: &mut Stack,
    ) -> Result<bool, TerminologyError> {
        let mut open = None;
        for part in parts {
            match self.part_contains(owner, part, system, code, stack) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => open = open.or(Some(error)),
            }
        }
        open.map_or(Ok(false), Err)
    }

    fn part_contains(
        &self,
        owner: &ValueSet,
        part: &Include,
        system: &str,
        code: &str,
        stack: &mut Stack,
    ) -> Result<bool, TerminologyError> {
        self.spend(1 + part.filters.len())?;
        match &part.system {
            Some(own) if own != system => return Ok(false),
            Some(_) if !self.system_contains(part, system, code)? => return Ok(false),
            None if part.value_sets.is_empty() => return Ok(false),
            _ => {}
        }
        let mut open = None;
        for reference in &part.value_sets {
            let import = self.import(owner, reference);
            match import.and_then(|import| self.contains(&import, system, code, stack)) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => open = open.or(Some(error)),
            }
        }
        open.map_or(Ok(true), Err)
    }

    /// Whether a part's own system, list and filters let the code through.
    fn system_contains(&self, part: &Include, system: &str, code: &str) -> Result<bool, TerminologyError> {
        if part.is_whole {
            return Ok(true);
        }
        let version = part.version.as_deref();
        if let Some(concepts) = &part.concepts {
            self.spend(concepts.len() / 64)?;
            return Ok(concepts.iter().any(|concept| concept.code == code)
                || self.terminology.library.code_system(system, version).is_some_and(|system| {
                    !system.is_case_sensitive()
                        && system.concept(code).is_some_and(|known| {
                            concepts.iter().any(|concept| concept.code.eq_ignore_ascii_case(known.code()))
                        })
                }));
        }
        let loaded = match self.terminology.system(system, version) {
            Ok(loaded) => loaded,
            Err(missing) => {
                let by_form = if part.filters.is_empty() { grammar::contains(system, code) } else { None };
                return by_form.ok_or(missing);
            }
        };
        let Some(concept) = loaded.concept(code) else { return absent(&loaded) };
        for filter in &part.filters {
            let bound = filter.bind(&loaded)?;
            let passes = bound.passes(concept);
            self.spend(bound.looked_at())?;
            if !passes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_inactive(&self, system: &str, code: &str) -> bool {
        let system = self.terminology.library.code_system(system, None);
        system.is_some_and(|system| system.concept(code).is_some_and(|concept| concept.is_inactive()))
    }

    /// The systems that codes of `value_set` may be of, in the order that it names them.
    ///
    /// # Errors
    /// As [`Terminology::member_of`], where an imported value set is missing and no other tells a system.
    pub(super) fn systems(
        &self,
        value_set: &ValueSet,
        stack: &mut Stack,
    ) -> Result<Vec<String>, TerminologyError> {
        self.enter(value_set, stack)?;
        let mut systems: Vec<String> = Vec::new();
        let mut open = None;
        let mut add = |system: &str| {
            if !systems.iter().any(|known| known == system) {
                systems.push(system.to_owned());
            }
        };
        for listed in value_set.listed.iter().flatten() {
            add(&listed.system);
        }
        for part in &value_set.includes {
            if let Some(system) = &part.system {
                add(system);
                continue;
            }
            for reference in &part.value_sets {
                match self.import(value_set, reference).and_then(|import| self.systems(&import, stack)) {
                    Ok(more) => more.iter().for_each(|system| add(system)),
                    Err(error) => open = open.or(Some(error)),
                }
            }
        }
        stack.pop();
        match open {
            Some(error) if systems.is_empty() => Err(error),
            None if systems.is_empty() && !value_set.is_defined() => Err(undefined(value_set)),
            _ => Ok(systems),
        }
    }
}

/// A value set that is known by name only.
pub(super) fn undefined(value_set: &ValueSet) -> TerminologyError {
    TerminologyError::not_loaded("ValueSet", value_set.url(), value_set.version())
}

/// What it means that `system` does not have a code: "no", if all its codes are here.
pub(super) fn absent(system: &CodeSystem) -> Result<bool, TerminologyError> {
    if system.is_complete() {
        Ok(false)
    } else {
        Err(TerminologyError::Incomplete { system: system.url().to_owned() })
    }
}
