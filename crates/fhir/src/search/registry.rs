//! Every search parameter of every resource type, made once from the definitions.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use super::extract::Plan;
use super::{Component, Kind, Parameter};
use crate::definitions::{self, SearchParameter, compartment_parameters};

/// What there is to search for on one resource type.
pub(super) struct TypeSearch {
    pub(super) resource_type: &'static str,
    parameters: Vec<&'static Parameter>,
    by_code: HashMap<&'static str, &'static Parameter>,
    plan: OnceLock<Plan>,
}

impl TypeSearch {
    /// How the type's values are read; made when the first resource of the type comes.
    pub(super) fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| {
            let codes = compartment_parameters("Patient", self.resource_type);
            Plan::compile(self.resource_type, &self.parameters, codes)
        })
    }
}

static REGISTRY: LazyLock<HashMap<&'static str, TypeSearch>> = LazyLock::new(|| {
    let by_id: HashMap<_, _> =
        definitions::search_parameters().iter().map(|found| (found.id, found)).collect();
    definitions::resource_types().map(|ty| (ty.name, type_search(ty, &by_id))).collect()
});

/// A reference parameter that lists more types than this may point to any.
const TARGETS_MAX: usize = 100;

/// The search parameter `code` of `resource_type`; `None` when one of them is unknown.
///
/// The parameters of every resource (`_id`, `_lastUpdated`, `_profile`, `_tag`, `_security`, `_source`) are found for
/// every type.
#[must_use]
pub fn parameter(resource_type: &str, code: &str) -> Option<&'static Parameter> {
    type_registry(resource_type)?.by_code.get(code).copied()
}

/// All search parameters of `resource_type`, ordered by code; empty for an unknown type.
#[must_use]
pub fn parameters(resource_type: &str) -> &'static [&'static Parameter] {
    type_registry(resource_type).map_or(&[], |found| &found.parameters)
}

pub(super) fn type_registry(resource_type: &str) -> Option<&'static TypeSearch> {
    REGISTRY.get(resource_type)
}

fn type_search(
    ty: &'static definitions::Type,
    by_id: &HashMap<&str, &'static SearchParameter>,
) -> TypeSearch {
    let mut parameters: Vec<&'static Parameter> = Vec::new();
    for definition in definitions::search_parameters() {
        let Some(kind) = Kind::from_code(definition.kind) else { continue };
        let base = definition.bases.iter().find(|base| {
            base.type_name == ty.name
                || (matches!(base.type_name, "Resource" | "DomainResource")
                    && ty.is_subtype_of(base.type_name))
        });
        // A parameter without an expression (`_text`, `_content`, `_query`) needs an engine of its own.
        let Some(base) = base.filter(|base| !base.expression.is_empty()) else { continue };
        let components =
            definition.components.iter().filter_map(|part| component(part, by_id)).collect::<Vec<_>>();
        // These live as long as the program: the registry is a constant that is only too large to be written down.
        parameters.push(Box::leak(Box::new(Parameter {
            id: definition.number,
            resource_type: ty.name,
            code: definition.code,
            kind,
            targets: targets(definition, base.expression),
            expression: base.expression,
            components: Box::leak(components.into_boxed_slice()),
        })));
    }
    parameters.sort_by_key(|found| found.code);
    let by_code = parameters.iter().map(|found| (found.code, *found)).collect();
    TypeSearch { resource_type: ty.name, parameters, by_code, plan: OnceLock::new() }
}

fn component(
    part: &definitions::Component,
    by_id: &HashMap<&str, &'static SearchParameter>,
) -> Option<Component> {
    let definition = by_id.get(part.definition)?;
    Some(Component {
        code: definition.code,
        kind: Kind::from_code(definition.kind)?,
        expression: part.expression,
    })
}

/// The types that the references of a parameter may point to, as narrow as its expression says.
fn targets(definition: &SearchParameter, expression: &str) -> &'static [&'static str] {
    let mut targets: Vec<&'static str> = definition.targets.clone();
    if targets.contains(&"Resource") || targets.len() > TARGETS_MAX {
        targets.clear();
    }
    if !expression.contains('|')
        && let Some((_, after)) = expression.split_once("resolve() is ")
    {
        let name = after.trim_end_matches(')').trim();
        targets.retain(|target| *target == name);
        if targets.is_empty() {
            targets.extend(definitions::resource_named(name).map(|found| found.name));
        }
    }
    Box::leak(targets.into_boxed_slice())
}
