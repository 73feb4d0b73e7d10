//! The facts of the FHIR R4 definitions: types and their elements, code sets of required bindings, search parameters,
//! compartments.
//!
//! They come from the committed tables in `definitions/` (written by `cargo xtask definitions`), are read once on first use
//! and then looked up without allocating. Not here: prose, profiles, value sets that no element is bound to.
//!
//! ```
//! use fhir::definitions::type_named;
//! let patient = type_named("Patient").unwrap();
//! let deceased = patient.property("deceasedBoolean").unwrap();
//! assert_eq!((deceased.element.name, deceased.ty.name), ("deceased", "boolean"));
//! assert!(patient.is_subtype_of("DomainResource"));
//! ```
//!
//! Source: FHIR R4 (4.0.1).

mod codes;
mod names;
mod read;
mod search;

use std::sync::LazyLock;

pub use codes::CodeSet;
pub use search::{Base, Component, SearchParameter, compartment_parameters, search_parameters};

#[cfg(test)]
mod tests;

use names::Names;

static TYPES: LazyLock<read::Types> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the tables are part of the program; a test reads them whole")]
    read::types().expect("the committed tables are well formed")
});

/// What sort of type a [`Type`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `string`, `date` and the like: a JSON literal, with `id` and `extension` in a sibling member.
    Primitive,
    /// A data type with elements, such as `HumanName`.
    Complex,
    /// A backbone element, named by its path: `Patient.contact`.
    Part,
    /// A resource type.
    Resource,
}

/// The primitive types. FHIR R4 section 2.24.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as in the standard, which defines it")]
pub enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

/// One type of R4.
#[derive(Debug)]
pub struct Type {
    /// `Patient`, `HumanName`, `string`; a part is named by its path, such as `Patient.contact`.
    pub name: &'static str,
    /// What sort of type it is.
    pub kind: Kind,
    /// Whether it only serves as a base (`Resource`, `DomainResource`, `Element`, `BackboneElement`).
    pub is_abstract: bool,
    /// Which primitive it is, if it is one.
    pub primitive: Option<Primitive>,
    base: Option<u16>,
    elements: Vec<Element>,
    /// FHIRPath name to the place of its element.
    by_name: Names<u16>,
    /// JSON name to the places of its element and of its type among the element's.
    by_json_name: Names<(u16, u16)>,
    required: u128,
}

/// One element of a type.
#[derive(Debug, Clone)]
pub struct Element {
    /// The name in FHIRPath: without the `[x]` of a choice.
    pub name: &'static str,
    /// The element's path where it is defined, such as `Element.id` or `Observation.value[x]`.
    pub path: &'static str,
    /// Whether it is a choice: its JSON name is then followed by the type, as in `valueQuantity`.
    pub is_choice: bool,
    /// How many there must be.
    pub min: u16,
    /// How many there may be; `None` is no bound. An element that may repeat is always a JSON array.
    pub max: Option<u16>,
    /// The types it may have; exactly one unless it is a choice.
    pub types: &'static [TypeChoice],
    /// Whether it belongs to the summary of its resource.
    pub is_summary: bool,
    /// Whether it may change the meaning of what holds it.
    pub is_modifier: bool,
    binding: Option<u16>,
}

/// A type that an element may have.
#[derive(Debug)]
pub struct TypeChoice {
    type_index: u16,
    /// Resource types that a `Reference` or `canonical` may point to; empty if nothing is said, `Resource` is any.
    pub targets: Vec<&'static str>,
}

/// What a JSON member of a type stands for.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// The element.
    pub element: &'static Element,
    /// Its place among [`Type::elements`].
    pub index: usize,
    /// The element's type; of a choice, the one that the name tells.
    pub ty: &'static Type,
}

/// The type `name` (a part by its path), if R4 has it. Names are case-sensitive.
#[must_use]
pub fn type_named(name: &str) -> Option<&'static Type> {
    type_at(*TYPES.by_name.get(name)?)
}

/// Whether `name` is a resource type that can stand as `resourceType` (not an abstract one).
#[must_use]
pub fn is_resource(name: &str) -> bool {
    resource_named(name).is_some()
}

/// The resource type `name`, unless it is abstract.
#[must_use]
pub fn resource_named(name: &str) -> Option<&'static Type> {
    type_named(name).filter(|ty| ty.kind == Kind::Resource && !ty.is_abstract)
}

/// Whether the type `name` is `ancestor` or derives from it. Unknown names derive from nothing.
#[must_use]
pub fn is_subtype(name: &str, ancestor: &str) -> bool {
    type_named(name).is_some_and(|ty| ty.is_subtype_of(ancestor))
}

/// All types, in the order of the definitions.
pub fn types() -> impl Iterator<Item = &'static Type> {
    TYPES.all.iter()
}

/// The resource types that can stand as `resourceType`, in the order of the definitions (nearly alphabetical).
pub fn resource_types() -> impl Iterator<Item = &'static Type> {
    types().filter(|ty| ty.kind == Kind::Resource && !ty.is_abstract)
}

/// The element at a dotted path of FHIRPath names from a type, such as `Patient.contact.name.family`. At a choice the path
/// ends, since the type beyond is not known.
#[must_use]
pub fn element_at(path: &str) -> Option<&'static Element> {
    let mut names = path.split('.');
    let mut ty = type_named(names.next()?)?;
    let mut found: Option<&'static Element> = None;
    for name in names {
        if found.is_some_and(|element| element.is_choice) {
            return None;
        }
        let element = ty.element(name)?;
        ty = element.types.first()?.ty()?;
        found = Some(element);
    }
    found
}

fn type_at(index: u16) -> Option<&'static Type> {
    TYPES.all.get(usize::from(index))
}

impl Type {
    /// The type it derives from: `Patient` from `DomainResource`, `Age` from `Quantity`, `id` from `string`.
    #[must_use]
    pub fn base(&self) -> Option<&'static Type> {
        type_at(self.base?)
    }

    /// Whether it is `ancestor` or derives from it.
    #[must_use]
    pub fn is_subtype_of(&self, ancestor: &str) -> bool {
        self.name == ancestor || self.base().is_some_and(|base| base.is_subtype_of(ancestor))
    }

    /// Its elements, inherited ones first.
    #[must_use]
    pub fn elements(&'static self) -> &'static [Element] {
        &self.elements
    }

    /// The required elements as bits by their place among [`Type::elements`]; no type has more than 128.
    pub(crate) fn required_mask(&self) -> u128 {
        self.required
    }

    /// The element with the FHIRPath name `name`: `value` for a choice `value[x]`.
    #[must_use]
    pub fn element(&'static self, name: &str) -> Option<&'static Element> {
        self.elements.get(usize::from(*self.by_name.get(name)?))
    }

    /// What the JSON member `name` stands for: `valueQuantity` for a choice. A leading underscore is not looked through.
    #[must_use]
    pub fn property(&'static self, name: &str) -> Option<Property> {
        let &(index, choice) = self.by_json_name.get(name)?;
        let index = usize::from(index);
        let element = self.elements.get(index)?;
        Some(Property { element, index, ty: element.types.get(usize::from(choice))?.ty()? })
    }
}

impl Element {
    /// Whether it may stand more than once, and is therefore a JSON array.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.max != Some(1) && self.max != Some(0)
    }

    /// The codes of its required binding, if it has one.
    #[must_use]
    pub fn binding(&self) -> Option<&'static CodeSet> {
        TYPES.code_sets.get(usize::from(self.binding?))
    }

    /// The JSON member name for the type `type_name`: `valueQuantity`; the plain name if it is not a choice.
    #[must_use]
    pub fn json_name(&self, type_name: &str) -> String {
        if self.is_choice { read::choice_name(self.name, type_name) } else { self.name.to_owned() }
    }
}

impl TypeChoice {
    /// The type.
    #[must_use]
    pub fn ty(&self) -> Option<&'static Type> {
        type_at(self.type_index)
    }
}
