//! Carries out a query: field by field, with the definitions saying what each may hold.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use async_graphql_parser::types::{Directive, Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql_parser::{Pos, Positioned};
use async_graphql_value::{ConstValue, Name};
use fhir::definitions::{self, Kind, Type};
use fhir::json::{Object, Value, object};
use fhir::path::{Context, Expression, Focus, Item, Node};

use super::Resource;
use super::arguments::{constant, search_pairs, text};
use super::source::{Found, Source};

/// Fields of one answer.
const FIELDS_MAX: usize = 200_000;
/// Fragments within each other; a cycle ends here.
const FRAGMENTS_MAX: usize = 16;
/// Errors that are listed.
const ERRORS_MAX: usize = 100;

/// One query being answered.
pub(super) struct Run<'a> {
    source: &'a dyn Source,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    variables: Vec<(String, ConstValue)>,
    fields: Cell<usize>,
    errors: RefCell<Vec<Value>>,
}

/// What fields are picked from.
#[derive(Clone, Copy)]
enum Parent<'v> {
    /// The base: searches and reads.
    System,
    /// An element, or a whole resource.
    Element(&'v Value, &'static Type),
    /// A page of a search.
    Page(&'v Found),
    /// An entry of one.
    Entry(&'v Resource, &'static str),
}

impl<'a> Run<'a> {
    pub(super) fn new(
        source: &'a dyn Source,
        fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
        variables: Vec<(String, ConstValue)>,
    ) -> Self {
        Self { source, fragments, variables, fields: Cell::new(0), errors: RefCell::default() }
    }

    /// The answer's `data`, with `errors` where fields failed.
    pub(super) fn answer(&self, set: &SelectionSet, focus: Option<&Resource>) -> Value {
        let mut data = Object::new();
        match focus {
            None => self.select(set, Parent::System, 0, &mut data),
            Some(resource) => match typed(resource) {
                Some(ty) => self.select(set, Parent::Element(resource, ty), 0, &mut data),
                None => self.fail("the resource has no type", Pos::default()),
            },
        }
        let mut members = vec![("data", Value::Object(data))];
        let errors = self.errors.take();
        if !errors.is_empty() {
            members.push(("errors", Value::from(errors)));
        }
        object(members)
    }

    fn fail(&self, message: impl AsRef<str>, at: Pos) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < ERRORS_MAX {
            let place = |number: usize| i64::try_from(number).unwrap_or_default();
            let place = object([("line", place(at.line).into()), ("column", place(at.column).into())]);
            errors.push(object([
                ("message", Value::from(message.as_ref())),
                ("locations", Value::from(vec![place])),
            ]));
        }
    }

    fn select(&self, set: &SelectionSet, parent: Parent<'_>, fragments: usize, out: &mut Object) {
        for item in &set.items {
            match self.is_wanted(item.node.directives()) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(message) => {
                    self.fail(message, item.pos);
                    continue;
                }
            }
            match &item.node {
                Selection::Field(field) => self.put(&field.node, field.pos, parent, out),
                Selection::FragmentSpread(spread) => {
                    let found = self.fragments.get(&spread.node.fragment_name.node);
                    match found {
                        Some(_) if fragments >= FRAGMENTS_MAX => {
                            self.fail("fragments are nested too deeply", item.pos);
                        }
                        Some(found) => {
                            let found = &found.node;
                            if fits(parent, Some(found.type_condition.node.on.node.as_str())) {
                                self.select(&found.selection_set.node, parent, fragments + 1, out);
                            }
                        }
                        None => self.fail("a fragment of this name is not there", item.pos),
                    }
                }
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    if fits(parent, condition.map(|on| on.node.on.node.as_str())) {
                        self.select(&inline.node.selection_set.node, parent, fragments, out);
                    }
                }
            }
        }
    }

    /// `@skip` and `@include`; `@first` is the field's; others are refused.
    fn is_wanted(&self, directives: &[Positioned<Directive>]) -> Result<bool, String> {
        for directive in directives {
            let name = directive.node.name.node.as_str();
            if !matches!(name, "skip" | "include") {
                if name == "first" {
                    continue;
                }
                return Err(format!("the directive `@{name}` is not supported"));
            }
            let value = directive.node.arguments.iter().find(|(name, _)| name.node.as_str() == "if");
            let value = value.map(|(_, value)| {
                value.node.clone().into_const_with(|name| {
                    self.variables
                        .iter()
                        .find(|(known, _)| *known == name.as_str())
                        .map(|(_, value)| value.clone())
                        .ok_or(())
                })
            });
            let Some(Ok(ConstValue::Boolean(condition))) = value else {
                return Err(format!("`@{name}` needs `if`, true or false"));
            };
            if condition != (name == "include") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Answers a field; one that fails is null and listed among the errors.
    fn put(&self, field: &Field, at: Pos, parent: Parent<'_>, out: &mut Object) {
        self.fields.set(self.fields.get() + 1);
        let value = if self.fields.get() > FIELDS_MAX {
            Err(format!("the answer has more than {FIELDS_MAX} fields"))
        } else {
            self.field(field, parent)
        };
        let value = value.unwrap_or_else(|message| {
            self.fail(message, at);
            Value::Null
        });
        let key = field.response_key().node.as_str();
        match out.get_mut(key) {
            Some(known) => merge(known, value),
            None => drop(out.insert(key, value)),
        }
    }

    fn field(&self, field: &Field, parent: Parent<'_>) -> Result<Value, String> {
        let arguments = constant(field, &self.variables)?;
        let name = field.name.node.as_str();
        match parent {
            Parent::System => self.root(field, name, arguments),
            Parent::Element(value, ty) => self.element(field, name, &arguments, value, ty),
            Parent::Page(found) => self.page_field(field, name, found),
            Parent::Entry(resource, mode) => match name {
                "mode" => Ok(Value::from(mode)),
                "resource" => self.whole(field, resource),
                _ => Err(format!("`{name}` is not known to an edge; there are `mode` and `resource`")),
            },
        }
    }

    fn root(&self, field: &Field, name: &str, arguments: Vec<(String, ConstValue)>) -> Result<Value, String> {
        if definitions::is_resource(name) {
            let [(given, id)] = arguments.as_slice() else {
                return Err(format!("`{name}` takes `id` alone"));
            };
            let id =
                text(id).filter(|_| given == "id").ok_or_else(|| format!("`{name}` takes `id` alone"))?;
            return self.whole(field, &self.source.read(name, &id)?);
        }
        self.search(field, name, &arguments, None)?.ok_or_else(|| {
            format!("`{name}` is neither a resource type nor a search of one, such as `PatientList`")
        })
    }

    /// `TypeList` and `TypeConnection`; backwards from `focus` where `_reference` says by which parameter.
    fn search(
        &self,
        field: &Field,
        name: &str,
        arguments: &[(String, ConstValue)],
        focus: Option<&str>,
    ) -> Result<Option<Value>, String> {
        let (resource_type, is_list) = match (name.strip_suffix("List"), name.strip_suffix("Connection")) {
            (Some(name), _) => (name, true),
            (_, Some(name)) => (name, false),
            _ => return Ok(None),
        };
        if !definitions::is_resource(resource_type) {
            return Ok(None);
        }
        let (special, own): (Vec<_>, Vec<_>) = arguments
            .iter()
            .cloned()
            .partition(|(name, _)| matches!(name.as_str(), "_reference" | "_cursor"));
        let special =
            |wanted: &str| special.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| text(value));
        let found = if let Some(token) = special("_cursor") {
            self.source.page(resource_type, &token)?
        } else {
            let mut pairs = search_pairs(&own)?;
            match (focus, special("_reference")) {
                (Some(focus), Some(parameter)) => pairs.push((parameter, focus.to_owned())),
                (Some(_), None) => {
                    return Err("`_reference` is needed: the parameter that refers back".to_owned());
                }
                (None, Some(_)) => return Err("`_reference` is there within a resource alone".to_owned()),
                (None, None) => {}
            }
            self.source.search(resource_type, &pairs)?
        };
        if !is_list {
            return self.nested(field, Parent::Page(&found)).map(Some);
        }
        let matches = found.entries.iter().filter(|(_, mode)| *mode == "match");
        matches
            .map(|(resource, _)| self.whole(field, resource))
            .collect::<Result<Vec<_>, _>>()
            .map(|all| Some(all.into()))
    }

    fn page_field(&self, field: &Field, name: &str, found: &Found) -> Result<Value, String> {
        let token = |token: &Option<String>| token.as_deref().map_or(Value::Null, Value::from);
        let number = |number: usize| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        Ok(match name {
            "count" => {
                found.total.map_or(Value::Null, |total| number(usize::try_from(total).unwrap_or(usize::MAX)))
            }
            "pagesize" => number(found.entries.len()),
            "next" => token(&found.next),
            "previous" => token(&found.previous),
            "edges" => {
                let edges = found
                    .entries
                    .iter()
                    .map(|(resource, mode)| self.nested(field, Parent::Entry(resource, mode)));
                Value::from(edges.collect::<Result<Vec<_>, _>>()?)
            }
            _ => return Err(format!("`{name}` is not known to a connection")),
        })
    }

    fn whole(&self, field: &Field, resource: &Resource) -> Result<Value, String> {
        let ty = typed(resource).ok_or("a resource without a type")?;
        self.nested(field, Parent::Element(resource, ty))
    }

    fn nested(&self, field: &Field, parent: Parent<'_>) -> Result<Value, String> {
        let set = &field.selection_set.node;
        if set.items.is_empty() {
            return Err(format!("`{}` needs a selection: `{{ … }}`", field.name.node));
        }
        let mut out = Object::new();
        self.select(set, parent, 0, &mut out);
        Ok(Value::Object(out))
    }

    fn element(
        &self,
        field: &Field,
        name: &str,
        arguments: &[(String, ConstValue)],
        value: &Value,
        ty: &'static Type,
    ) -> Result<Value, String> {
        match name {
            "__typename" => return Ok(Value::from(ty.name)),
            "resourceType" if ty.kind == Kind::Resource => return Ok(Value::from(ty.name)),
            "resource" if ty.name == "Reference" => return self.target(field, value, arguments),
            _ => {}
        }
        let (plain, is_beside) = name.strip_prefix('_').map_or((name, false), |plain| (plain, true));
        let Some(property) = ty.property(plain).filter(|found| !is_beside || found.ty.primitive.is_some())
        else {
            if ty.kind == Kind::Resource
                && let Some(id) = value.get("id").and_then(Value::as_str)
                && let Some(found) =
                    self.search(field, name, arguments, Some(&format!("{}/{id}", ty.name)))?
            {
                return Ok(found);
            }
            return Err(format!("`{name}` is not known to {}", ty.name));
        };
        let Some(found) = value.get(name) else { return Ok(Value::Null) };
        let inner =
            if is_beside { definitions::type_named("Element").unwrap_or(property.ty) } else { property.ty };
        if !property.element.is_list() {
            if !arguments.is_empty() {
                return Err(format!("`{name}` is no list and takes no arguments"));
            }
            return self.one(field, found, inner);
        }
        let chosen = chosen(found.elements(), inner, arguments)?;
        let mut answers = Vec::with_capacity(chosen.len());
        for one in chosen {
            answers.push(self.one(field, one, inner)?);
        }
        if field.directives.iter().any(|directive| directive.node.name.node.as_str() == "first") {
            return Ok(answers.into_iter().next().unwrap_or(Value::Null));
        }
        Ok(Value::from(answers))
    }

    fn one(&self, field: &Field, value: &Value, ty: &'static Type) -> Result<Value, String> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        if ty.primitive.is_some() {
            if !field.selection_set.node.items.is_empty() {
                return Err(format!("`{}` is a plain value and has no selection", field.name.node));
            }
            return Ok(value.clone());
        }
        let ty =
            if ty.kind == Kind::Resource { typed(value).ok_or("a resource without a type")? } else { ty };
        self.nested(field, Parent::Element(value, ty))
    }

    /// The target of a reference, if it is of the type asked for.
    fn target(
        &self,
        field: &Field,
        value: &Value,
        arguments: &[(String, ConstValue)],
    ) -> Result<Value, String> {
        let argument = |wanted: &str| {
            arguments.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| text(value))
        };
        if let Some((name, _)) =
            arguments.iter().find(|(name, _)| !matches!(name.as_str(), "optional" | "type"))
        {
            return Err(format!("`resource` does not take `{name}`; it takes `optional` and `type`"));
        }
        let reference = value.get("reference").and_then(Value::as_str).unwrap_or_default();
        let mut parts = reference.split('/');
        let (resource_type, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if !definitions::is_resource(resource_type) || id.is_empty() {
            return if argument("optional").as_deref() == Some("true") || reference.is_empty() {
                Ok(Value::Null)
            } else {
                Err("the reference does not lead to a resource of this server".to_owned())
            };
        }
        if argument("type").is_some_and(|wanted| wanted != resource_type) {
            return Ok(Value::Null);
        }
        match self.source.read(resource_type, id) {
            Ok(resource) => self.whole(field, &resource),
            Err(_) if argument("optional").as_deref() == Some("true") => Ok(Value::Null),
            Err(message) => Err(message),
        }
    }
}

fn typed(resource: &Value) -> Option<&'static Type> {
    resource.resource_type().and_then(definitions::resource_named)
}

/// Whether a fragment's type condition holds.
fn fits(parent: Parent<'_>, condition: Option<&str>) -> bool {
    match (parent, condition) {
        (_, None) => true,
        (Parent::Element(_, ty), Some(on)) => ty.is_subtype_of(on),
        (_, Some(_)) => true,
    }
}

/// The elements of a list that its arguments leave: `fhirpath`, values of children, then `_offset` and `_count`.
fn chosen<'v>(
    list: &'v [Value],
    ty: &'static Type,
    arguments: &[(String, ConstValue)],
) -> Result<Vec<&'v Value>, String> {
    let mut left: Vec<&Value> = list.iter().collect();
    let (mut offset, mut count) = (0, usize::MAX);
    for (name, value) in arguments {
        let given = text(value).ok_or_else(|| format!("`{name}` is given as a plain value"))?;
        let number = || given.parse::<usize>().map_err(|_| format!("`{name}` is a whole number"));
        match name.as_str() {
            "_offset" => offset = number()?,
            "_count" => count = number()?,
            "fhirpath" => left = passing(left, ty, &given)?,
            _ if ty.property(name).is_some_and(|found| found.ty.primitive.is_some()) => {
                left.retain(|one| {
                    one.get(name).is_some_and(|found| found.elements().iter().any(|own| is(own, &given)))
                });
            }
            _ => return Err(format!("`{name}` is no plain element of {}", ty.name)),
        }
    }
    Ok(left.into_iter().skip(offset).take(count).collect())
}

/// The elements for which an expression is true.
fn passing<'v>(list: Vec<&'v Value>, ty: &'static Type, text: &str) -> Result<Vec<&'v Value>, String> {
    let expression = Expression::parse(text).map_err(|error| format!("`fhirpath`: {error}"))?;
    let mut left = Vec::with_capacity(list.len());
    for one in list {
        let Some(node) = Node::of_type(one, ty.name) else { continue };
        let focus = Focus { node, resource: one, root: one };
        let found = expression
            .evaluate_at(&focus, &Context::default())
            .map_err(|error| format!("`fhirpath`: {error}"))?;
        if matches!(found.as_slice(), [Item::Boolean(true)]) {
            left.push(one);
        }
    }
    Ok(left)
}

fn is(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Number(own) => own.as_str() == text,
        Value::Bool(own) => own.to_string() == text,
        _ => false,
    }
}

/// Puts what a field asked for twice together (GraphQL 5.3.2).
fn merge(known: &mut Value, more: Value) {
    match (known, more) {
        (Value::Object(known), Value::Object(more)) => {
            for (key, value) in more {
                match known.get_mut(&key) {
                    Some(inner) => merge(inner, value),
                    None => drop(known.insert(key, value)),
                }
            }
        }
        (Value::Array(known), Value::Array(more)) => {
            known.iter_mut().zip(more).for_each(|(known, more)| merge(known, more));
        }
        (known, more) => *known = more,
    }
}
