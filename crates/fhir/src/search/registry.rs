//! The search parameters that there are: those of the standard, and with them a tenant's own.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use super::extract::Plan;
use super::{Component, Kind, Parameter, Term};
use crate::definitions::{self, CodeSet, SearchParameter, compartment_parameters};
use crate::json::Value;

/// The search parameters of every resource type, as a value: what a request is read with, what a resource is indexed by.
///
/// [`Registry::base`] holds those of the standard. A registry is never changed; one with a tenant's own parameters is made
/// by [`Registry::with`] and shares with the base whatever the tenant did not touch.
#[derive(Clone)]
pub struct Registry {
    types: HashMap<&'static str, Arc<TypeSearch>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count: usize = self.types.values().map(|of_type| of_type.parameters.len()).sum();
        write!(formatter, "Registry({count} parameters)")
    }
}

static BASE: LazyLock<Arc<Registry>> = LazyLock::new(|| {
    let by_id: HashMap<_, _> =
        definitions::search_parameters().iter().map(|found| (found.id, found)).collect();
    let types = definitions::resource_types()
        .map(|ty| (ty.name, Arc::new(TypeSearch::new(ty.name, of_standard(ty, &by_id)))))
        .collect();
    Arc::new(Registry { types })
});

impl Registry {
    /// The parameters of the standard.
    #[must_use]
    pub fn base() -> &'static Arc<Self> {
        &BASE
    }

    /// The parameters of the standard and these. One that has the code of another of its type replaces it.
    #[must_use]
    pub fn with(custom: impl IntoIterator<Item = Parameter>) -> Self {
        let mut added: HashMap<&'static str, Vec<Arc<Parameter>>> = HashMap::new();
        for parameter in custom {
            added.entry(parameter.resource_type).or_default().push(Arc::new(parameter));
        }
        let mut types = BASE.types.clone();
        for (name, mut parameters) in added {
            let Some(of_type) = types.get_mut(name) else { continue };
            let is_added = |code: &str, added: &[Arc<Parameter>]| added.iter().any(|one| one.code == code);
            let kept = of_type.parameters.iter().filter(|one| !is_added(&one.code, &parameters)).cloned();
            let kept: Vec<_> = kept.collect();
            parameters.extend(kept);
            *of_type = Arc::new(TypeSearch::new(name, parameters));
        }
        Self { types }
    }

    /// These parameters alone, without those of the standard: to read single values of a resource, never a request.
    #[must_use]
    pub fn only(parameters: impl IntoIterator<Item = Parameter>) -> Self {
        let mut types: HashMap<&'static str, Vec<Arc<Parameter>>> = HashMap::new();
        for parameter in parameters {
            types.entry(parameter.resource_type).or_default().push(Arc::new(parameter));
        }
        let types = types.into_iter().map(|(name, list)| (name, Arc::new(TypeSearch::new(name, list))));
        Self { types: types.collect() }
    }

    /// Whether there is any parameter for a type.
    #[must_use]
    pub fn knows(&self, resource_type: &str) -> bool {
        self.types.contains_key(resource_type)
    }

    /// The search parameter `code` of `resource_type`; `None` when one of them is unknown.
    ///
    /// The parameters of every resource (`_id`, `_lastUpdated`, `_profile`, `_tag`, `_security`, `_source`) are found for
    /// every type.
    #[must_use]
    pub fn parameter(&self, resource_type: &str, code: &str) -> Option<&Arc<Parameter>> {
        let of_type = self.types.get(resource_type)?;
        of_type.parameters.get(*of_type.by_code.get(code)?)
    }

    /// All search parameters of `resource_type`, ordered by code; empty for an unknown type.
    #[must_use]
    pub fn parameters(&self, resource_type: &str) -> &[Arc<Parameter>] {
        self.types.get(resource_type).map_or(&[], |of_type| &of_type.parameters)
    }

    /// The search parameter of `resource_type` with this number.
    #[must_use]
    pub fn parameter_numbered(&self, resource_type: &str, id: u16) -> Option<&Arc<Parameter>> {
        self.parameters(resource_type).iter().find(|parameter| parameter.id == id)
    }

    /// Gives every searchable value of `resource` to `emit`, with its parameter.
    ///
    /// A resource of unknown type gives nothing; a value that cannot be read (a date that is none, a reference that is a
    /// number) is skipped. `_lastUpdated` is not given: the store knows it better. References into `contained` are skipped,
    /// since they lead nowhere outside their resource. A value may be given more than once.
    ///
    /// A token of a CodeableConcept comes once for each coding, or once with only a text when it has no coding. A string
    /// parameter over a HumanName or Address gives each part. A composite gives every combination of its components' values
    /// that stand together.
    ///
    /// Source: FHIR R4 3.1.1.4 (types of parameters).
    pub fn extract(&self, resource: &Value, emit: &mut dyn FnMut(&Parameter, Term)) {
        let Some(of_type) = resource.resource_type().and_then(|name| self.types.get(name)) else { return };
        of_type.plan().extract(resource, emit);
    }

    /// Gives the values of one parameter alone, as [`Self::extract`] does.
    pub fn extract_only(&self, parameter: &Parameter, resource: &Value, emit: &mut dyn FnMut(Term)) {
        if let Some(of_type) = self.of_type(parameter.resource_type) {
            of_type.plan().extract_only(parameter.id, resource, emit);
        }
    }

    /// The code sets that the `code` elements of a parameter are bound to: what tells the system of a plain code.
    #[must_use]
    pub fn code_sets(&self, resource_type: &str, id: u16) -> &[&'static CodeSet] {
        self.of_type(resource_type).map_or(&[], |of_type| of_type.plan().code_sets(id))
    }

    /// The names of the types of the elements that a parameter reads, such as `CodeableConcept`; those of all parts for a composite.
    /// `None` where that cannot be told from the parameter's expression alone.
    #[must_use]
    pub fn element_types(&self, resource_type: &str, id: u16) -> Option<Vec<&'static str>> {
        self.of_type(resource_type)?.plan().element_types(id)
    }

    pub(super) fn of_type(&self, resource_type: &str) -> Option<&TypeSearch> {
        self.types.get(resource_type).map(Arc::as_ref)
    }
}

/// What there is to search for on one resource type.
pub(super) struct TypeSearch {
    pub(super) resource_type: &'static str,
    parameters: Vec<Arc<Parameter>>,
    /// Places among the parameters.
    by_code: HashMap<CompactCode, usize>,
    plan: OnceLock<Plan>,
}

type CompactCode = compact_str::CompactString;

impl TypeSearch {
    fn new(resource_type: &'static str, mut parameters: Vec<Arc<Parameter>>) -> Self {
        parameters.sort_by(|a, b| a.code.cmp(&b.code));
        let by_code = parameters.iter().enumerate().map(|(at, found)| (found.code.clone(), at)).collect();
        Self { resource_type, parameters, by_code, plan: OnceLock::new() }
    }

    /// How the type's values are read; made when the first resource of the type comes.
    pub(super) fn plan(&self) -> &Plan {
        self.plan.get_or_init(|| {
            let codes = compartment_parameters("Patient", self.resource_type);
            Plan::compile(self.resource_type, &self.parameters, codes)
        })
    }
}

/// A reference parameter that lists more types than this may point to any.
const TARGETS_MAX: usize = 100;

fn of_standard(
    ty: &'static definitions::Type,
    by_id: &HashMap<&str, &'static SearchParameter>,
) -> Vec<Arc<Parameter>> {
    let mut parameters = Vec::new();
    for definition in definitions::search_parameters() {
        let Some(kind) = Kind::from_code(definition.kind) else { continue };
        let base = definition.bases.iter().find(|base| {
            base.type_name == ty.name
                || (matches!(base.type_name, "Resource" | "DomainResource")
                    && ty.is_subtype_of(base.type_name))
        });
        // A parameter without an expression (`_text`, `_content`, `_query`) needs an engine of its own.
        let Some(base) = base.filter(|base| !base.expression.is_empty()) else { continue };
        parameters.push(Arc::new(Parameter {
            id: definition.number,
            resource_type: ty.name,
            code: definition.code.into(),
            kind,
            targets: targets(&definition.targets, base.expression),
            expression: base.expression.into(),
            components: components(definition, base.expression, by_id),
        }));
    }
    parameters
}

/// The parts of a composite.
///
/// `DocumentReference.relationship` names the definitions of its two parts in the wrong order (R4): where two parts fit each
/// other's definition and not their own, they are exchanged.
fn components(
    definition: &SearchParameter,
    focus: &str,
    by_id: &HashMap<&str, &'static SearchParameter>,
) -> Vec<Component> {
    let mut parts: Vec<Component> =
        definition.components.iter().filter_map(|part| component(part, by_id)).collect();
    if let [first, second] = parts.as_mut_slice()
        && let (Some(one), Some(other)) = (is_reference(focus, first), is_reference(focus, second))
        && one != other
        && one != (first.kind == Kind::Reference)
        && other != (second.kind == Kind::Reference)
    {
        std::mem::swap(&mut first.code, &mut second.code);
        std::mem::swap(&mut first.kind, &mut second.kind);
    }
    parts
}

/// Whether a part reads a Reference; `None` where its expression is more than the name of an element.
fn is_reference(focus: &str, part: &Component) -> Option<bool> {
    let element = definitions::element_at(&format!("{focus}.{}", part.expression))?;
    Some(element.types.iter().any(|choice| choice.ty().is_some_and(|ty| ty.name == "Reference")))
}

fn component(
    part: &definitions::Component,
    by_id: &HashMap<&str, &'static SearchParameter>,
) -> Option<Component> {
    let definition = by_id.get(part.definition)?;
    Some(Component {
        code: definition.code.into(),
        kind: Kind::from_code(definition.kind)?,
        expression: part.expression.into(),
    })
}

/// The types that the references of a parameter may point to, as narrow as its expression says.
pub(super) fn targets(listed: &[&'static str], expression: &str) -> Vec<&'static str> {
    let mut targets = listed.to_vec();
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
    targets
}
