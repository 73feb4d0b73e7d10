//! The R4 types as navigation needs them: what a name means on a type, and under which JSON members it may stand.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::definitions::{self, Kind, Primitive, Type};

/// One type, with its children ready to be looked up.
#[derive(Debug)]
pub(crate) struct TypeInfo {
    pub(super) index: u32,
    pub(crate) name: &'static str,
    pub(crate) definition: &'static Type,
    pub(crate) primitive: Option<Primitive>,
    children: Vec<Child>,
    by_name: HashMap<&'static str, u32>,
}

/// What one name means on a type.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) name: &'static str,
    /// One for a plain element, one for each type of a choice.
    pub(crate) variants: Vec<Variant>,
}

/// One JSON member that a child may stand under.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) json: &'static str,
    /// The member with the id and extensions of a primitive.
    pub(crate) companion: &'static str,
    type_index: u32,
}

impl Variant {
    /// The type of the values under this member; `Resource` stands for whatever they say they are.
    pub(crate) fn ty(&self) -> &'static TypeInfo {
        at(self.type_index)
    }
}

static MODEL: LazyLock<Model> = LazyLock::new(Model::build);

struct Model {
    types: Vec<TypeInfo>,
    by_name: HashMap<&'static str, u32>,
    unknown: TypeInfo,
}

/// The type of this name; parts are named by their path.
pub(crate) fn type_info(name: &str) -> Option<&'static TypeInfo> {
    MODEL.by_name.get(name).map(|index| at(*index))
}

/// The type of a value that says which resource it is; a type without children when it says nothing known.
pub(crate) fn resource_info(resource_type: Option<&str>) -> &'static TypeInfo {
    resource_type.and_then(type_info).unwrap_or(&MODEL.unknown)
}

fn at(index: u32) -> &'static TypeInfo {
    MODEL.types.get(index as usize).unwrap_or(&MODEL.unknown)
}

impl TypeInfo {
    pub(crate) fn child(&self, name: &str) -> Option<&Child> {
        self.child_at(*self.by_name.get(name)?)
    }

    pub(super) fn child_index(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(super) fn child_at(&self, index: u32) -> Option<&Child> {
        self.children.get(index as usize)
    }

    pub(crate) fn children(&self) -> &[Child] {
        &self.children
    }

    pub(crate) fn is_subtype_of(&self, ancestor: &str) -> bool {
        self.definition.is_subtype_of(ancestor)
    }

    /// Whether its values may be of any resource type.
    pub(crate) fn is_any_resource(&self) -> bool {
        self.definition.kind == Kind::Resource && self.definition.is_abstract
    }
}

impl Model {
    fn build() -> Self {
        let all: Vec<&'static Type> = definitions::types().collect();
        let by_name: HashMap<&'static str, u32> =
            all.iter().zip(0..).map(|(definition, index)| (definition.name, index)).collect();
        let types =
            all.iter().zip(0..).map(|(definition, index)| info(definition, index, &by_name)).collect();
        let element = definitions::type_named("Element");
        #[expect(clippy::expect_used, reason = "the committed tables have the type every other derives from")]
        let unknown = info(element.expect("`Element` is a type"), u32::MAX - 1, &HashMap::new());
        Self { types, by_name, unknown: TypeInfo { name: "Unknown", ..unknown } }
    }
}

fn info(definition: &'static Type, index: u32, by_name: &HashMap<&'static str, u32>) -> TypeInfo {
    let children: Vec<Child> = definition
        .elements()
        .iter()
        .map(|element| {
            let variant = |type_name: &'static str| {
                let json = if element.is_choice { leak(element.json_name(type_name)) } else { element.name };
                let type_index = by_name.get(type_name).copied().unwrap_or(u32::MAX);
                Variant { json, companion: leak(format!("_{json}")), type_index }
            };
            let variants =
                element.types.iter().filter_map(|choice| Some(variant(choice.ty()?.name))).collect();
            Child { name: element.name, variants }
        })
        .collect();
    let names = children.iter().zip(0..).map(|(child, at)| (child.name, at)).collect();
    TypeInfo {
        index,
        name: definition.name,
        definition,
        primitive: definition.primitive,
        children,
        by_name: names,
    }
}

/// The model is built once and lives as long as the program.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}
