//! Reading the searchable values out of a resource.

mod convert;
mod route;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use compact_str::CompactString;

use super::{Kind, NumberRange, Parameter, ReferenceTerm, Registry, Term};
use crate::definitions::CodeSet;
use crate::json::Value;
use crate::path::{Bounds, Context, Expression, Item, TypeInfo};
use convert::convert;
pub(crate) use convert::type_in_url;
use route::{Route, compile, walk};

/// How many combinations of component values one composite may give; a resource beyond has no honest use for them.
const COMBINATIONS_MAX: usize = 256;

/// The ids of the patients to whose compartment `resource` belongs, each once, in the order they are found.
///
/// A Patient belongs to its own compartment, a Binary to that of the Patient who is its security context. Only references of the form `Patient/id` count.
///
/// Source: FHIR R4 CompartmentDefinition `patient`.
#[must_use]
pub fn patient_compartment(resource: &Value) -> Vec<CompactString> {
    let mut patients: Vec<CompactString> = Vec::new();
    let Some(of_type) = resource.resource_type().and_then(|name| Registry::base().of_type(name)) else {
        return patients;
    };
    if of_type.resource_type == "Binary"
        && let Some(patient) =
            security_context(resource).and_then(|reference| reference.strip_prefix("Patient/"))
        && !patient.contains('/')
    {
        patients.push(patient.into());
    }
    if of_type.resource_type == "Patient"
        && let Some(id) = resource.get("id").and_then(Value::as_str)
    {
        patients.push(id.into());
    }
    let plan = of_type.plan();
    for entry in plan.compartment.iter().filter_map(|index| plan.entries.get(*index)) {
        entry.read(resource, &mut |term| {
            if let Term::Reference(ReferenceTerm::Local { resource_type, id, .. }) = term
                && resource_type == "Patient"
                && !patients.contains(&id)
            {
                patients.push(id);
            }
        });
    }
    patients
}

/// What stands for a Binary when it is decided who may see it (R4 binary.html#security-context).
fn security_context(binary: &Value) -> Option<&str> {
    binary.get("securityContext")?.get("reference")?.as_str()
}

/// How all values of one resource type are read.
pub(super) struct Plan {
    entries: Vec<Entry>,
    /// The entries whose references decide the patient compartment.
    compartment: Vec<usize>,
}

struct Entry {
    parameter: Arc<Parameter>,
    reader: Reader,
    /// What the plain codes among the values are bound to.
    code_sets: Vec<&'static CodeSet>,
}

enum Reader {
    /// Plain paths.
    Routes(Vec<Route>),
    /// Anything else.
    General(Expression),
    /// A composite: each route with the routes of its parts.
    Composite(Vec<(Route, Vec<Vec<Route>>)>),
}

impl Plan {
    /// Makes the plan of a type. A test holds that every expression of the registry can be compiled, so that none is
    /// left out here.
    pub(super) fn compile(resource_type: &str, parameters: &[Arc<Parameter>], compartment: &[&str]) -> Self {
        let entries: Vec<Entry> = parameters
            .iter()
            .filter(|parameter| parameter.code != "_lastUpdated")
            .filter_map(|parameter| {
                let reader = reader(resource_type, parameter)?;
                let code_sets = match &reader {
                    Reader::Routes(routes) if parameter.kind == Kind::Token => {
                        routes.iter().filter_map(Route::code_set).collect()
                    }
                    _ => Vec::new(),
                };
                Some(Entry { parameter: Arc::clone(parameter), reader, code_sets })
            })
            .collect();
        let compartment = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| compartment.contains(&entry.parameter.code.as_str()))
            .map(|(index, _)| index)
            .collect();
        Self { entries, compartment }
    }

    /// Gives every value of a resource of the plan's type, with its parameter.
    pub(super) fn extract(&self, resource: &Value, emit: &mut dyn FnMut(&Parameter, Term)) {
        for entry in &self.entries {
            entry.read(resource, &mut |term| emit(&entry.parameter, term));
        }
    }

    /// The same for one parameter.
    pub(super) fn extract_only(&self, parameter: u16, resource: &Value, emit: &mut dyn FnMut(Term)) {
        if let Some(entry) = self.entry(parameter) {
            entry.read(resource, emit);
        }
    }

    /// The code sets of a parameter's plain codes.
    pub(super) fn code_sets(&self, parameter: u16) -> &[&'static CodeSet] {
        self.entry(parameter).map_or(&[], |entry| &entry.code_sets)
    }

    /// The names of the types of the elements that a parameter reads, those of all parts for a composite; `None` where that cannot
    /// be told from the expression alone.
    pub(super) fn element_types(&self, parameter: u16) -> Option<Vec<&'static str>> {
        let of =
            |routes: &[Route]| routes.iter().flat_map(Route::types).map(|ty| ty.name).collect::<Vec<_>>();
        match &self.entry(parameter)?.reader {
            Reader::Routes(routes) => Some(of(routes)),
            Reader::General(_) => None,
            Reader::Composite(routes) => {
                Some(routes.iter().flat_map(|(_, parts)| parts.iter().flat_map(|part| of(part))).collect())
            }
        }
    }

    fn entry(&self, parameter: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.parameter.id == parameter)
    }
}

/// Whether a parameter's expression can be read, and may find something.
pub(super) fn is_readable(parameter: &Parameter) -> bool {
    reader(parameter.resource_type, parameter).is_some()
}

fn reader(resource_type: &str, parameter: &Parameter) -> Option<Reader> {
    let root = crate::path::type_info(resource_type)?;
    let expression = Expression::parse(&parameter.expression).ok()?;
    let routes = match compile(&expression, root, root) {
        Some(routes) if routes.is_empty() => return None,
        Some(routes) => routes,
        None => return (parameter.kind != Kind::Composite).then_some(Reader::General(expression)),
    };
    if parameter.kind != Kind::Composite {
        return Some(Reader::Routes(routes));
    }
    let mut parts = Vec::new();
    for component in &parameter.components {
        parts.push(Expression::parse(&component.expression).ok()?);
    }
    let with_parts = |route: Route| {
        let focus = route.ty()?;
        let parts = parts.iter().map(|part| compile(part, focus, root)).collect::<Option<Vec<_>>>()?;
        Some((route, parts))
    };
    Some(Reader::Composite(routes.into_iter().map(with_parts).collect::<Option<Vec<_>>>()?))
}

impl Entry {
    fn read(&self, resource: &Value, emit: &mut dyn FnMut(Term)) {
        let kind = self.parameter.kind;
        match &self.reader {
            Reader::Routes(routes) => {
                for route in routes {
                    walk(route, resource, resource, &mut |value, ty| convert(kind, value, ty, emit));
                }
            }
            Reader::General(expression) => general(expression, kind, resource, emit),
            Reader::Composite(routes) => {
                for (route, parts) in routes {
                    walk(route, resource, resource, &mut |focus, _| {
                        self.combine(parts, focus, resource, emit);
                    });
                }
            }
        }
    }

    /// Every combination of the parts' values below one focus.
    fn combine(&self, parts: &[Vec<Route>], focus: &Value, resource: &Value, emit: &mut dyn FnMut(Term)) {
        let mut combinations: Vec<Vec<Term>> = vec![Vec::new()];
        for (routes, component) in parts.iter().zip(&self.parameter.components) {
            let mut found = Vec::new();
            for route in routes {
                walk(route, focus, resource, &mut |value, ty| {
                    convert(component.kind, value, ty, &mut |term| {
                        if !matches!(term, Term::Label { .. } | Term::TypedIdentifier { .. }) {
                            found.push(term);
                        }
                    });
                });
            }
            let longer = combinations.iter().flat_map(|head| {
                found.iter().map(move |term| {
                    let mut longer = head.clone();
                    longer.push(term.clone());
                    longer
                })
            });
            combinations = longer.take(COMBINATIONS_MAX).collect();
        }
        for combination in combinations {
            emit(Term::Composite(combination));
        }
    }
}

/// The bounds of one expression on one resource: far beyond what an honest one needs.
const STEPS_MAX: u64 = 200_000;
const ITEMS_MAX: usize = 10_000;

/// Evaluates an expression that is more than a path. One that fails on a resource, or goes beyond its bounds, finds nothing there.
fn general(expression: &Expression, kind: Kind, resource: &Value, emit: &mut dyn FnMut(Term)) {
    let bounds = Bounds { steps_max: STEPS_MAX, items_max: ITEMS_MAX, ..Bounds::default() };
    let Ok(items) = expression.evaluate(resource, &Context { bounds, ..Context::default() }) else { return };
    for item in &items {
        match item {
            Item::Node(node) => convert(kind, node.value(), node.type_info(), emit),
            Item::Quantity(quantity) if kind == Kind::Quantity => {
                let (system, unit) = (Some(UCUM_SYSTEM.into()), CompactString::from(&*quantity.unit));
                let range = NumberRange::exactly(quantity.value);
                emit(Term::Quantity { range, system, code: Some(unit.clone()), unit: Some(unit) });
            }
            computed => {
                let Some((value, type_name)) = plain(computed) else { continue };
                if let Some(ty) = crate::path::type_info(type_name) {
                    convert(kind, &value, ty, emit);
                }
            }
        }
    }
}

const UCUM_SYSTEM: &str = "http://unitsofmeasure.org";

/// A computed value as the element it would be.
fn plain(item: &Item<'_>) -> Option<(Value, &'static str)> {
    Some(match item {
        Item::Boolean(value) => (Value::from(*value), "boolean"),
        Item::Integer(value) => (Value::from(*value), "integer"),
        Item::Decimal(value) => (number_value(&value.to_string())?, "decimal"),
        Item::String(text) => (Value::from(&**text), "string"),
        Item::Date(date) => (Value::from(date.to_string()), "date"),
        Item::DateTime(time) => (Value::from(time.to_string()), "dateTime"),
        Item::Time(time) => (Value::from(time.to_string()), "time"),
        _ => return None,
    })
}

fn number_value(text: &str) -> Option<Value> {
    crate::json::parse(text.as_bytes(), &crate::json::Limits::default()).ok()
}

/// The type of a value found at run time where the definitions only say "a resource".
fn actual_type(value: &Value, ty: &'static TypeInfo) -> &'static TypeInfo {
    if ty.is_any_resource() { crate::path::resource_info(value.resource_type()) } else { ty }
}
