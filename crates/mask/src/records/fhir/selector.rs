//! Paths of rules: which elements they select.
//!
//! Three forms are walked directly, since nearly all rules have them: `Type.name.name`, `nodesByType('Type')` and
//! `nodesByName('name')`, the latter two with or without an expression behind. Everything else is FHIRPath, in which
//! `nodesByType('T')` stands for `descendants().ofType(T)`.

use std::collections::HashMap;

use fhir::definitions::{Kind, Type, resource_named, type_named};
use fhir::json::{Object, Value};
use fhir::path::{Context, Expression, Focus, Item, Node, PathError};

use super::config::address;

/// One alternative of a rule's path.
#[derive(Debug)]
pub(super) enum Selector {
    /// `Patient.contact.name`; a first part that is no type is a name as well.
    Names { root: Option<String>, names: Vec<String> },
    /// `nodesByType('HumanName').family`.
    OfType { name: String, then: Option<Expression> },
    /// `nodesByName('value')`.
    OfName { name: String, then: Option<Expression> },
    /// Anything else.
    Path { root: Option<String>, expression: Expression },
}

/// The elements of one resource, other resources in it left out.
pub(super) struct Nodes<'a> {
    pub(super) resource: &'a Value,
    pub(super) ty: &'static Type,
    by_type: HashMap<&'static str, Vec<Element<'a>>>,
    by_name: HashMap<&'static str, Vec<Element<'a>>>,
}

#[derive(Clone, Copy)]
struct Element<'a> {
    value: Option<&'a Value>,
    companion: Option<&'a Value>,
    ty: &'static Type,
}

impl Selector {
    /// Reads a path; one alternative for each side of a `|`.
    pub(super) fn parse(path: &str) -> Result<Vec<Self>, String> {
        alternatives(path).into_iter().map(|path| Self::one(path.trim())).collect()
    }

    fn one(path: &str) -> Result<Self, String> {
        if let Some((name, rest)) = call(path, "nodesByType") {
            let then = following(rest)?;
            return Ok(Self::OfType { name: name.to_owned(), then });
        }
        if let Some((name, rest)) = call(path, "nodesByName") {
            let then = following(rest)?;
            return Ok(Self::OfName { name: name.to_owned(), then });
        }
        let is_name = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let root = path.split(['.', ' ', '(']).next().filter(|root| is_type(root)).map(str::to_owned);
        if path.split('.').all(is_name) {
            let names = path.split('.').skip(usize::from(root.is_some())).map(str::to_owned).collect();
            return Ok(Self::Names { root, names });
        }
        let text = descendants(path)?;
        Ok(Self::Path { root, expression: parsed(&text)? })
    }

    /// Whether it selects the id of every resource.
    pub(super) fn is_resource_id(&self) -> bool {
        let general = |root: &Option<String>| root.as_deref().is_none_or(|root| root == "Resource");
        matches!(self, Self::Names { root, names } if general(root) && *names == ["id"])
    }

    pub(super) fn applies_to(&self, ty: &Type) -> bool {
        match self {
            Self::Names { root, .. } | Self::Path { root, .. } => {
                root.as_deref().is_none_or(|root| ty.is_subtype_of(root))
            }
            Self::OfType { .. } | Self::OfName { .. } => true,
        }
    }

    /// Tells the addresses of what it selects in a resource.
    pub(super) fn select(&self, nodes: &Nodes<'_>, found: &mut dyn FnMut(usize)) -> Result<(), PathError> {
        match self {
            Self::Names { names, .. } if names.is_empty() => found(address(nodes.resource)),
            Self::Names { names, .. } => walk(nodes.resource, nodes.ty, names, found),
            Self::OfType { name, then } => {
                following_nodes(nodes, nodes.by_type.get(name.as_str()), then.as_ref(), found)?;
            }
            Self::OfName { name, then } => {
                following_nodes(nodes, nodes.by_name.get(name.as_str()), then.as_ref(), found)?;
            }
            Self::Path { expression, .. } => {
                let items = expression.evaluate(nodes.resource, &Context::default())?;
                addresses(&items, found);
            }
        }
        Ok(())
    }
}

fn following_nodes(
    nodes: &Nodes<'_>,
    elements: Option<&Vec<Element<'_>>>,
    then: Option<&Expression>,
    found: &mut dyn FnMut(usize),
) -> Result<(), PathError> {
    for element in elements.into_iter().flatten() {
        let Some(then) = then else {
            element.value.into_iter().chain(element.companion).for_each(|value| found(address(value)));
            continue;
        };
        let Some(node) = element.value.and_then(|value| Node::of_type(value, element.ty.name)) else {
            continue;
        };
        let focus = Focus { node, resource: nodes.resource, root: nodes.resource };
        addresses(&then.evaluate_at(&focus, &Context::default())?, found);
    }
    Ok(())
}

fn addresses(items: &[Item<'_>], found: &mut dyn FnMut(usize)) {
    for item in items {
        if let Item::Node(node) = item {
            found(address(node.value()));
            if let Some(companion) = node.companion() {
                found(address(companion));
            }
        }
    }
}

/// Walks names down from an object; `onset` goes to `onsetAge` too.
fn walk(value: &Value, ty: &'static Type, names: &[String], found: &mut dyn FnMut(usize)) {
    let (Some((name, rest)), Value::Object(object)) = (names.split_first(), value) else { return };
    for (member, value) in object {
        let own = member.strip_prefix('_').unwrap_or(member);
        let Some(property) = ty.property(own).filter(|property| property.element.name == name) else {
            continue;
        };
        for value in value.elements().iter().filter(|value| !value.is_null()) {
            if rest.is_empty() {
                found(address(value));
            } else if let Some(ty) = type_of(value, property.ty) {
                walk(value, ty, rest, found);
            }
        }
    }
}

/// The type of a value under an element: of a resource, the one it says.
fn type_of(value: &Value, declared: &'static Type) -> Option<&'static Type> {
    if declared.kind == Kind::Resource { resource_named(value.resource_type()?) } else { Some(declared) }
}

impl<'a> Nodes<'a> {
    /// Those of a resource and of each resource in it, outer ones first.
    pub(super) fn of_all(resource: &'a Value) -> Vec<Self> {
        let mut all = Vec::new();
        let mut waiting = vec![resource];
        while let Some(resource) = waiting.pop() {
            let Some(ty) = resource.resource_type().and_then(resource_named) else { continue };
            let Value::Object(object) = resource else { continue };
            let mut nodes = Self { resource, ty, by_type: HashMap::new(), by_name: HashMap::new() };
            nodes.object(object, ty, &mut waiting);
            all.push(nodes);
        }
        all
    }

    fn object(&mut self, object: &'a Object, ty: &'static Type, inner: &mut Vec<&'a Value>) {
        for (member, value) in object {
            let (own, is_companion) = match member.strip_prefix('_') {
                Some(own) => (own, true),
                None => (member, false),
            };
            let Some(property) = ty.property(own) else { continue };
            for value in value.elements().iter().filter(|value| !value.is_null()) {
                if property.ty.kind == Kind::Resource {
                    inner.push(value);
                    continue;
                }
                // A primitive's id and extensions belong to it, and have elements of their own.
                let (whole, companion) = if is_companion { (None, Some(value)) } else { (Some(value), None) };
                let element = Element { value: whole, companion, ty: property.ty };
                let type_name =
                    if property.ty.kind == Kind::Part { "BackboneElement" } else { property.ty.name };
                self.by_type.entry(type_name).or_default().push(element);
                self.by_name.entry(property.element.name).or_default().push(element);
                let below = if is_companion { type_named("Element") } else { Some(property.ty) };
                if let (Value::Object(object), Some(ty)) = (value, below) {
                    self.object(object, ty, inner);
                }
            }
        }
    }
}

fn is_type(name: &str) -> bool {
    matches!(name, "Resource" | "DomainResource") || resource_named(name).is_some()
}

/// The sides of each `|` that stands in no parentheses, brackets or quotes.
fn alternatives(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quote, mut start) = (0_i32, None, 0);
    let mut escaped = false;
    for (at, letter) in path.char_indices() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, '|') if depth == 0 => {
                parts.push(path.get(start..at).unwrap_or(""));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(path.get(start..).unwrap_or(""));
    parts
}

/// `function('argument')` at the beginning, as the argument and what follows.
fn call<'a>(path: &'a str, function: &str) -> Option<(&'a str, &'a str)> {
    let inside = path.strip_prefix(function)?.trim_start().strip_prefix('(')?.trim_start();
    let quote = inside.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (argument, rest) = inside.get(1..)?.split_once(quote)?;
    let rest = rest.trim_start().strip_prefix(')')?;
    let is_name = argument.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    is_name.then_some((argument, rest))
}

/// What follows a call: an expression behind a dot, or nothing.
fn following(rest: &str) -> Result<Option<Expression>, String> {
    let rest = rest.trim();
    if rest.is_empty() {
        return Ok(None);
    }
    if let Some(expression) = rest.strip_prefix('.') {
        return parsed(&descendants(expression)?).map(Some);
    }
    // ` as Quantity` or `[0]` apply to the whole.
    parsed(&format!("$this{}{rest}", if rest.starts_with('[') { "" } else { " " })).map(Some)
}

/// A path with each call of `nodesByType` as FHIRPath knows it.
fn descendants(path: &str) -> Result<String, String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find("nodesBy") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (name, after) =
            call(from, "nodesByType").ok_or("`nodesByName` can stand only at the beginning of a path")?;
        out.push_str("descendants().ofType(");
        out.push_str(name);
        out.push(')');
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn parsed(text: &str) -> Result<Expression, String> {
    Expression::parse(text).map_err(|error| format!("`path` is not FHIRPath: {error}"))
}
