//! Filters of a value set's `include`: which concepts of a system they let through.

use std::cell::Cell;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

use super::code_system::{CodeSystem, Concept};
use super::error::TerminologyError;
use crate::json::Value;

/// Compiled size of a regular expression; matching is linear in the text whatever the pattern.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Length of a pattern.
const PATTERN_BYTES_MAX: usize = 4096;

/// One filter: property, operator and value as written.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    property: String,
    op: Option<Op>,
    op_code: String,
    value: String,
    regex: OnceLock<Option<Regex>>,
}

/// R4 value set filter-operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Equals,
    IsA,
    DescendentOf,
    IsNotA,
    Regex,
    In,
    NotIn,
    Generalizes,
    Exists,
}

impl Filter {
    pub(super) fn read(filter: &Value) -> Self {
        let text = |key| filter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self::new(&text("property"), &text("op"), &text("value"))
    }

    pub(super) fn new(property: &str, op_code: &str, value: &str) -> Self {
        let op = match op_code {
            "=" => Some(Op::Equals),
            "is-a" => Some(Op::IsA),
            "descendent-of" => Some(Op::DescendentOf),
            "is-not-a" => Some(Op::IsNotA),
            "regex" => Some(Op::Regex),
            "in" => Some(Op::In),
            "not-in" => Some(Op::NotIn),
            "generalizes" => Some(Op::Generalizes),
            "exists" => Some(Op::Exists),
            _ => None,
        };
        let (property, op_code, value) = (property.to_owned(), op_code.to_owned(), value.to_owned());
        Self { property, op, op_code, value, regex: OnceLock::new() }
    }

    /// Makes the filter ready for `system`.
    ///
    /// # Errors
    /// [`TerminologyError::Unsupported`] for an operator that R4 does not have, a property that the system does not have, or
    /// a pattern that is no regular expression or too large; [`TerminologyError::Invalid`] if a code that the filter starts
    /// from is not in the system.
    pub(super) fn bind<'s>(&'s self, system: &'s CodeSystem) -> Result<Bound<'s>, TerminologyError> {
        let op = self.op.ok_or_else(|| self.refused("is no operator of R4"))?;
        let test = match op {
            Op::IsA | Op::DescendentOf | Op::IsNotA | Op::Generalizes => self.relation(op, system)?,
            Op::Regex => {
                let regex = self.regex.get_or_init(|| compile(&self.value)).as_ref();
                Test::Regex(
                    self.subject(system)?,
                    regex.ok_or_else(|| self.refused("is no regular expression of bounded size"))?,
                )
            }
            Op::Equals => Test::Within(self.subject(system)?, vec![self.value.trim()], true),
            Op::In => Test::Within(self.subject(system)?, self.values(), true),
            Op::NotIn => Test::Within(self.subject(system)?, self.values(), false),
            Op::Exists => match self.value.trim() {
                "true" => Test::Exists(self.subject(system)?, true),
                "false" => Test::Exists(self.subject(system)?, false),
                _ => return Err(self.refused("needs `true` or `false`")),
            },
        };
        if let Test::Regex(Subject::Ancestor, _) | Test::Exists(Subject::Ancestor, _) = test {
            return Err(self.refused("cannot be asked of all ancestors"));
        }
        Ok(Bound { test, system, looked_at: Cell::new(0) })
    }

    fn relation<'s>(&'s self, op: Op, system: &'s CodeSystem) -> Result<Test<'s>, TerminologyError> {
        if !matches!(self.property.as_str(), "concept" | "code" | "parent" | "ancestor" | "") {
            return Err(self.refused("asks for a hierarchy of a property, which does not exist"));
        }
        let Some(root) = system.concept(self.value.trim()) else {
            if system.is_complete() {
                return Err(TerminologyError::Invalid {
                    what: format!(
                        "a filter starts from a code that CodeSystem `{}` does not have",
                        system.url()
                    ),
                });
            }
            return Err(TerminologyError::Incomplete { system: system.url().to_owned() });
        };
        let root = root.place();
        Ok(match op {
            Op::Generalizes => Test::Above(root),
            Op::IsNotA => Test::NotBelow(root),
            Op::DescendentOf => Test::StrictlyBelow(root),
            _ => Test::Below(root),
        })
    }

    fn subject<'s>(&'s self, system: &CodeSystem) -> Result<Subject<'s>, TerminologyError> {
        Ok(match self.property.as_str() {
            "code" | "concept" => Subject::Code,
            "display" => Subject::Display,
            "definition" => Subject::Definition,
            own if system.has_property(own) && !matches!(own, "parent" | "child") => Subject::Property(own),
            "parent" => Subject::Parent,
            "child" => Subject::Child,
            "ancestor" => Subject::Ancestor,
            "inactive" => Subject::Inactive,
            own if system.is_complete() => {
                return Err(
                    self.refused(&format!("asks for the property `{own}`, which the system does not have"))
                );
            }
            _ => return Err(TerminologyError::Incomplete { system: system.url().to_owned() }),
        })
    }

    fn values(&self) -> Vec<&str> {
        let mut values: Vec<&str> =
            self.value.split(',').map(str::trim).filter(|value| !value.is_empty()).collect();
        values.sort_unstable();
        values
    }

    fn refused(&self, why: &str) -> TerminologyError {
        TerminologyError::Unsupported {
            what: format!("filter `{} {}` {why}: it", self.property, self.op_code),
        }
    }
}

/// R4 has patterns match the whole value.
fn compile(pattern: &str) -> Option<Regex> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return None;
    }
    let whole = format!("^(?:{pattern})$");
    RegexBuilder::new(&whole).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build().ok()
}

/// A filter and the system it filters.
pub(super) struct Bound<'s> {
    test: Test<'s>,
    system: &'s CodeSystem,
    looked_at: Cell<usize>,
}

enum Test<'s> {
    Below(u32),
    StrictlyBelow(u32),
    NotBelow(u32),
    Above(u32),
    /// The place is one of these (ascending), or is not.
    Among(Vec<u32>, bool),
    /// Any value is one of these (sorted), or none is.
    Within(Subject<'s>, Vec<&'s str>, bool),
    Regex(Subject<'s>, &'s Regex),
    Exists(Subject<'s>, bool),
}

/// What of a concept is compared.
#[derive(Clone, Copy)]
enum Subject<'s> {
    Code,
    Display,
    Definition,
    Parent,
    Child,
    Ancestor,
    Inactive,
    Property(&'s str),
}

impl Bound<'_> {
    /// Makes the filter ready for many concepts: relations are walked once, instead of once for each concept.
    pub(super) fn for_many(mut self) -> Self {
        let strictly_below = |root: u32| {
            let mut below = self.system.below(root);
            below.retain(|place| *place != root);
            below
        };
        let made = match &self.test {
            Test::Below(root) => Test::Among(self.system.below(*root), true),
            Test::NotBelow(root) => Test::Among(self.system.below(*root), false),
            Test::Above(root) => Test::Among(self.system.above(*root), true),
            Test::StrictlyBelow(root) => Test::Among(strictly_below(*root), true),
            Test::Within(Subject::Ancestor, values, wanted) => {
                let roots = values.iter().filter_map(|code| self.system.concept(code));
                let mut below: Vec<u32> = roots.flat_map(|root| strictly_below(root.place())).collect();
                below.sort_unstable();
                below.dedup();
                Test::Among(below, *wanted)
            }
            _ => return self,
        };
        self.test = made;
        self
    }

    /// The places that pass, ascending, if [`Self::for_many`] has found them.
    pub(super) fn places(&self) -> Option<&[u32]> {
        if let Test::Among(places, true) = &self.test { Some(places) } else { None }
    }

    /// How many concepts relations were followed over.
    pub(super) fn looked_at(&self) -> usize {
        self.looked_at.get()
    }

    /// Whether `concept` passes.
    pub(super) fn passes(&self, concept: Concept<'_>) -> bool {
        let place = concept.place();
        match &self.test {
            Test::Below(root) => self.is_above(*root, place),
            Test::StrictlyBelow(root) => *root != place && self.is_above(*root, place),
            Test::NotBelow(root) => !self.is_above(*root, place),
            Test::Above(root) => self.is_above(place, *root),
            Test::Among(places, wanted) => places.binary_search(&place).is_ok() == *wanted,
            Test::Within(subject, values, wanted) => {
                self.any(*subject, concept, |value| values.binary_search(&value).is_ok()) == *wanted
            }
            Test::Regex(subject, regex) => self.any(*subject, concept, |value| regex.is_match(value)),
            Test::Exists(subject, wanted) => self.any(*subject, concept, |_| true) == *wanted,
        }
    }

    fn is_above(&self, upper: u32, lower: u32) -> bool {
        let (is_above, looked_at) = self.system.is_above_counting(upper, lower);
        self.looked_at.set(self.looked_at.get() + looked_at);
        is_above
    }

    fn any(&self, subject: Subject<'_>, concept: Concept<'_>, test: impl Fn(&str) -> bool) -> bool {
        match subject {
            Subject::Code => test(concept.code()),
            Subject::Display => concept.display().is_some_and(test),
            Subject::Definition => concept.definition().is_some_and(test),
            Subject::Parent => concept.parents().any(|parent| test(parent.code())),
            Subject::Child => concept.children().any(|child| test(child.code())),
            Subject::Ancestor => {
                let above = self.system.above(concept.place());
                self.looked_at.set(self.looked_at.get() + above.len());
                let mut above = above.into_iter().filter(|place| *place != concept.place());
                above.any(|place| self.system.at(place).is_some_and(|concept| test(concept.code())))
            }
            Subject::Inactive => test(if concept.is_inactive() { "true" } else { "false" }),
            Subject::Property(name) => concept.property(name).any(|value| test(value.as_text())),
        }
    }
}
