//! Search parameters and compartments as the standard defines them.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::read;

static PARAMETERS: LazyLock<Vec<SearchParameter>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the tables are part of the program; a test reads them whole")]
    read::search_parameters().expect("the committed tables are well formed")
});

/// Codes by compartment, then by resource type.
pub(super) type Compartments = HashMap<&'static str, HashMap<&'static str, Vec<&'static str>>>;
static COMPARTMENTS: LazyLock<Compartments> = LazyLock::new(read::compartments);

/// One `SearchParameter` of the standard.
#[derive(Debug)]
pub struct SearchParameter {
    /// Stands for the parameter in stored index keys: kept when the tables are written anew, never given to another.
    pub number: u16,
    /// The last part of its address: `Patient-name`, `clinical-patient`.
    pub id: &'static str,
    /// The name in a search: `name`.
    pub code: &'static str,
    /// The standard's word: `number`, `date`, `string`, `token`, `reference`, `composite`, `quantity`, `uri`, `special`;
    /// or `retired`: its number is taken, but it is no longer searched by.
    pub kind: &'static str,
    /// Resource types that a reference may point to; `Resource` is any.
    pub targets: Vec<&'static str>,
    /// The types that it searches, each with its own part of the expression.
    pub bases: Vec<Base>,
    /// The parts of a composite, in order.
    pub components: Vec<Component>,
}

/// A type that a parameter searches.
#[derive(Debug)]
pub struct Base {
    /// A resource type; `Resource` and `DomainResource` stand for all that derive from them.
    pub type_name: &'static str,
    /// FHIRPath from that type; empty if the standard gives none (`_text`, `_content`, `_query`).
    pub expression: &'static str,
}

/// A part of a composite parameter.
#[derive(Debug)]
pub struct Component {
    /// The [`SearchParameter::id`] of the parameter that says how to compare.
    pub definition: &'static str,
    /// FHIRPath from what the composite's own expression finds.
    pub expression: &'static str,
}

/// All search parameters, by number.
#[must_use]
pub fn search_parameters() -> &'static [SearchParameter] {
    &PARAMETERS
}

/// The codes of the search parameters through which a `resource_type` belongs to a compartment (`Patient`, `Encounter`,
/// `Practitioner`, `RelatedPerson`, `Device`); empty if it does not. A `Patient` is in its own compartment besides.
#[must_use]
pub fn compartment_parameters(compartment: &str, resource_type: &str) -> &'static [&'static str] {
    COMPARTMENTS.get(compartment).and_then(|types| types.get(resource_type)).map_or(&[], Vec::as_slice)
}
