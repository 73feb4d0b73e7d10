//! The plan in words, for `__explain`: names of parameters, counts and choices; never a value.

use fhir::json::{Object, Value};

use super::clause::Clause;
use super::plan::Driver;
use super::run::Strategy;
use super::{Search, SearchError};
use crate::layout;

/// Rows to which each clause is counted for the reader of a plan.
const COUNTED_MAX: u64 = 1024;

impl Search<'_> {
    /// Describes a plan.
    pub(crate) fn explain(
        &self,
        type_code: u16,
        clauses: &[&Clause],
        strategy: Option<Strategy>,
    ) -> Result<Value, SearchError> {
        // Rows are counted whoever may see their resources: who may not see all is told no counts.
        let counts = self.bounds.is_everything();
        let mut listed = Vec::with_capacity(clauses.len());
        for clause in clauses {
            let mut entry = Object::new();
            let (what, parameter) = describe(clause);
            entry.insert("clause", Value::from(what));
            if let Some(name) = parameter.and_then(|id| self.parameter_name(type_code, id)) {
                entry.insert("parameter", Value::from(name));
            }
            if counts && clause.drives() {
                let rows = clause.estimate(self, type_code, COUNTED_MAX)?;
                entry.insert("rows", number(rows));
                entry.insert("rowsAreMore", Value::from(rows == COUNTED_MAX));
            }
            listed.push(Value::from(entry));
        }
        let mut plan = Object::new();
        if counts {
            plan.insert("members", number(self.members(type_code)?));
        }
        plan.insert("clauses", Value::from(listed));
        match strategy {
            Some(Strategy::ByNumber(Driver::Everything)) => {
                plan.insert("order", Value::from("resource number"));
                plan.insert("driver", Value::from("every resource of the type"));
            }
            Some(Strategy::ByNumber(Driver::Clause(at, _))) => {
                plan.insert("order", Value::from("resource number"));
                plan.insert("driver", number(at as u64));
            }
            Some(Strategy::AlongRange(at)) => {
                plan.insert("order", Value::from("the range's rows"));
                plan.insert("driver", number(at as u64));
            }
            Some(Strategy::AlongPatient(_)) => {
                plan.insert("order", Value::from("the patient's dated rows"));
            }
            Some(Strategy::AlongDates) => {
                plan.insert("order", Value::from("the type's dated postings"));
            }
            Some(Strategy::Sorted) => {
                plan.insert("order", Value::from("all matches, sorted"));
            }
            None => {
                plan.insert("order", Value::from("count only"));
            }
        }
        if counts {
            plan.insert("steps", number(self.steps.get()));
        }
        Ok(Value::from(plan))
    }

    fn parameter_name(&self, type_code: u16, id: u16) -> Option<&str> {
        let found = self.registry.parameter_numbered(layout::type_name(layout::plain(type_code))?, id)?;
        Some(found.code.as_str())
    }
}

fn number(value: u64) -> Value {
    Value::from(i64::try_from(value).unwrap_or(i64::MAX))
}

fn describe(clause: &Clause) -> (&'static str, Option<u16>) {
    match clause {
        Clause::Nothing => ("nothing", None),
        Clause::Terms { space, .. } if *space == layout::COMPARTMENT => ("compartment", None),
        Clause::Terms { parameter, .. } => ("exact terms", Some(*parameter)),
        Clause::Targets { parameter, .. } => ("references", Some(*parameter)),
        Clause::Under { .. } => ("terms of a system", None),
        Clause::Labels { parameter, .. } => ("labels", Some(*parameter)),
        Clause::Texts { parameter, .. } => ("texts", Some(*parameter)),
        Clause::Dates { parameter, .. } => ("date range", Some(*parameter)),
        Clause::Numbers { parameter, .. } => ("number range", Some(*parameter)),
        Clause::Quantities { parameter, .. } => ("quantity range", Some(*parameter)),
        Clause::Numbered(_) => ("ids", None),
        Clause::Missing { parameter, .. } => ("missing", Some(*parameter)),
        Clause::Chain(chain) => ("chain", Some(chain.parameter)),
        Clause::Has(_) => ("has", None),
        Clause::Composite(composite) => ("composite", Some(composite.parameter)),
        Clause::Not(_) => ("not", None),
        Clause::All(_) => ("all of", None),
        Clause::Any(_) => ("any of", None),
        Clause::Words(_) => ("words", None),
        Clause::Body(_) => ("bodies", None),
        Clause::Container => ("container", None),
    }
}
