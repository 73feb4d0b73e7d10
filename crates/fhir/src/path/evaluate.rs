//! The evaluator: scopes, navigation, types. Operators and functions stand in their own files.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use super::collection::Items;
use super::item::{Item, Node, Quantity};
use super::member::Member;
use super::model::{self, TypeInfo, Variant};
use super::syntax::{Expr, Literal, TypeName, TypeOperator, Unit};
use super::temporal::{Date, DateTime, Time};
use super::{Context, Focus, PathError, PathErrorKind};
use crate::definitions::Primitive;
use crate::json::Value;

pub(super) type Result<T, E = PathError> = std::result::Result<T, E>;

/// One evaluation.
pub(super) struct Evaluator<'a, 'c> {
    /// `%context`.
    start: Node<'a>,
    /// `%resource`.
    pub(super) resource: &'a Value,
    /// `%rootResource`.
    pub(super) root: &'a Value,
    pub(super) context: &'c Context<'a>,
    steps: Cell<u64>,
    /// What `defineVariable` has defined, in the order of definition.
    pub(super) defined: RefCell<Vec<(String, Items<'a>)>>,
}

/// What `$this`, `$index` and `$total` mean at one place.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub(super) this: &'s [Item<'a>],
    pub(super) index: Option<i64>,
    pub(super) total: Option<&'s Items<'a>>,
}

/// Remembered by a [`Member`] for "the type itself" and for "no such child".
const SELF: u32 = u32::MAX - 1;
const NONE: u32 = u32::MAX - 2;
/// Remembered for a choice's JSON name (`valueQuantity`), which is no name in FHIRPath.
const CHOICE: u32 = u32::MAX - 3;

impl<'a, 'c> Evaluator<'a, 'c> {
    pub(super) fn new(focus: &Focus<'a>, context: &'c Context<'a>) -> Self {
        Self {
            start: focus.node,
            resource: focus.resource,
            root: focus.root,
            context,
            steps: Cell::new(0),
            defined: RefCell::new(Vec::new()),
        }
    }

    /// Counts work, so that an expression cannot run without end.
    pub(super) fn charge(&self, steps: usize) -> Result<()> {
        let all = self.steps.get().saturating_add(steps as u64);
        self.steps.set(all);
        if all > self.context.bounds.steps_max {
            Err(limit("the evaluation takes too many steps"))
        } else {
            Ok(())
        }
    }

    pub(super) fn check_size(&self, items: &Items<'a>) -> Result<()> {
        let most = self.context.bounds.items_max;
        if items.len() > most { Err(limit("a collection became too large")) } else { Ok(()) }
    }

    pub(super) fn eval(&self, expr: &'a Expr, scope: &Scope<'_, 'a>) -> Result<Items<'a>> {
        self.charge(1)?;
        match expr {
            Expr::Member { base, member } => self.member(base.as_deref(), member, scope),
            Expr::Call { base, function, arguments } => {
                let input = self.base(base.as_deref(), scope)?;
                self.call(*function, input, arguments, scope)
            }
            Expr::Literal(literal) => Ok(Items::One(literal_item(literal))),
            Expr::Binary { operator, left, right } => self.binary(*operator, left, right, scope),
            Expr::This => Ok(collect(scope.this)),
            Expr::Empty => Ok(Items::Empty),
            Expr::Index => Ok(scope.index.into()),
            Expr::Total => Ok(scope.total.cloned().unwrap_or_default()),
            Expr::Variable(name) => self.variable(name),
            Expr::Indexer { base, index } => {
                let items = self.eval(base, scope)?;
                let index = self.scoped(index, scope)?;
                let Some(index) = self.integer(&index, "an index")? else { return Ok(Items::Empty) };
                let index = usize::try_from(index).ok();
                Ok(index.and_then(|index| items.into_vec().into_iter().nth(index)).into())
            }
            Expr::Typed { base, operator, name } => {
                let input = self.base(base.as_deref(), scope)?;
                self.typed(input, *operator, name)
            }
            Expr::Negate(operand) => self.negate(&self.eval(operand, scope)?),
            Expr::Plus(operand) => {
                let value = self.eval(operand, scope)?;
                self.negate(&value)?;
                Ok(value)
            }
        }
    }

    /// Evaluates a part whose `defineVariable` must not be seen outside.
    pub(super) fn scoped(&self, expr: &'a Expr, scope: &Scope<'_, 'a>) -> Result<Items<'a>> {
        let before = self.defined.borrow().len();
        let result = self.eval(expr, scope);
        self.defined.borrow_mut().truncate(before);
        result
    }

    fn base(&self, base: Option<&'a Expr>, scope: &Scope<'_, 'a>) -> Result<Items<'a>> {
        match base {
            Some(base) => self.eval(base, scope),
            None => Ok(collect(scope.this)),
        }
    }

    fn variable(&self, name: &str) -> Result<Items<'a>> {
        if let Some((_, items)) = self.defined.borrow().iter().rev().find(|(known, _)| known == name) {
            return Ok(items.clone());
        }
        if let Some((_, items)) = self.context.variables.iter().find(|(known, _)| known == name) {
            return Ok(items.clone().into());
        }
        let fixed = |text: &'static str| Ok(Item::String(Cow::Borrowed(text)).into());
        match name {
            "context" => Ok(Item::Node(self.start).into()),
            "resource" => Ok(Item::Node(Node::of_resource(self.resource)).into()),
            "rootResource" => Ok(Item::Node(Node::of_resource(self.root)).into()),
            "sct" => fixed("http://snomed.info/sct"),
            "loinc" => fixed("http://loinc.org"),
            "ucum" => fixed("http://unitsofmeasure.org"),
            "vs-administrative-gender" => fixed("http://hl7.org/fhir/ValueSet/administrative-gender"),
            _ => match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(set), _) => Ok(format!("http://hl7.org/fhir/ValueSet/{set}").into()),
                (_, Some(extension)) => {
                    Ok(format!("http://hl7.org/fhir/StructureDefinition/{extension}").into())
                }
                _ => Err(evaluation("a variable of the expression is not defined")),
            },
        }
    }

    fn member(&self, base: Option<&'a Expr>, member: &'a Member, scope: &Scope<'_, 'a>) -> Result<Items<'a>> {
        let mut out = Items::Empty;
        match base {
            Some(base) => {
                let input = self.eval(base, scope)?;
                for item in input.as_slice() {
                    self.enter(item, member, false, &mut out)?;
                }
            }
            None => {
                for item in scope.this {
                    self.enter(item, member, true, &mut out)?;
                }
            }
        }
        self.check_size(&out)?;
        Ok(out)
    }

    /// Adds what `member` means on an item; `may_be_type` where a type's name stands for the item itself.
    fn enter(&self, item: &Item<'a>, member: &Member, may_be_type: bool, out: &mut Items<'a>) -> Result<()> {
        let Item::Node(node) = item else {
            if let Item::Type(name) = item {
                match member.name() {
                    "name" => out.push(Item::String(name.name.into())),
                    "namespace" => out.push(Item::String(name.namespace.into())),
                    _ => {}
                }
            }
            if let Item::Quantity(quantity) = item {
                match member.name() {
                    "value" => out.push(Item::Decimal(quantity.value)),
                    "unit" | "code" => out.push(Item::String(quantity.unit.clone())),
                    _ => {}
                }
            }
            return Ok(());
        };
        // The meaning may differ with `may_be_type`, but one member is always evaluated with the same.
        let found = match member.recall(node.ty.index) {
            Some(found) => found,
            None => {
                let found = look_up(node.ty, member.name(), may_be_type);
                member.remember(node.ty.index, found);
                found
            }
        };
        match found {
            SELF => out.push(item.clone()),
            NONE if self.context.strict => {
                return Err(evaluation("a name of the expression is unknown on the type it is applied to"));
            }
            NONE => {}
            CHOICE => {
                return Err(evaluation(
                    "a choice is named without its type in FHIRPath: `value`, not `valueQuantity`",
                ));
            }
            index => {
                if let Some(child) = node.ty.child_at(index) {
                    for variant in &child.variants {
                        self.push_variant(node, variant, out)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds the values under one JSON member.
    pub(super) fn push_variant(
        &self,
        node: &Node<'a>,
        variant: &'static Variant,
        out: &mut Items<'a>,
    ) -> Result<()> {
        let ty = variant.ty();
        // The id and extensions of a primitive stand beside it.
        let object = if node.ty.primitive.is_some() { node.companion } else { Some(node.value) };
        let Some(object) = object.and_then(Value::as_object) else { return Ok(()) };
        let value = object.get(variant.json);
        let companion = if ty.primitive.is_some() { object.get(variant.companion) } else { None };
        match (value, companion) {
            (None, None) => {}
            (Some(Value::Array(values)), companion) => {
                self.charge(values.len())?;
                for (at, value) in values.iter().enumerate() {
                    push_node(value, companion.and_then(|companion| companion.at(at)), ty, out);
                }
            }
            (None, Some(Value::Array(companions))) => {
                self.charge(companions.len())?;
                for companion in companions {
                    push_node(&Value::Null, Some(companion), ty, out);
                }
            }
            (value, companion) => push_node(value.unwrap_or(&Value::Null), companion, ty, out),
        }
        Ok(())
    }

    fn typed(&self, input: Items<'a>, operator: TypeOperator, name: &TypeName) -> Result<Items<'a>> {
        if !name.known {
            return Err(evaluation("a type of the expression is not known"));
        }
        if operator == TypeOperator::Is {
            return match input.as_slice() {
                [] => Ok(Items::Empty),
                [item] => Ok(is_type(item, name).into()),
                _ => Err(evaluation("`is` takes a single item")),
            };
        }
        // A primitive is cast to its own type only: a `code` is a `string`, but `as(string)` does not find it.
        let fits = |item: &Item<'a>| match item {
            Item::Node(node) if node.ty.primitive.is_some() => {
                is_type(item, name) && node.ty.name == name.name
            }
            item => is_type(item, name),
        };
        match input {
            Items::Many(items) if operator == TypeOperator::OfType || items.len() < 2 => {
                Ok(items.into_iter().filter(fits).collect::<Vec<_>>().into())
            }
            Items::Many(_) => Err(evaluation("`as` takes a single item; `ofType` takes several")),
            Items::One(item) if fits(&item) => Ok(Items::One(item)),
            _ => Ok(Items::Empty),
        }
    }

    /// The items as a truth value: empty is none, a single item that is no boolean is true.
    pub(super) fn boolean(&self, items: &Items<'a>) -> Result<Option<bool>> {
        match items.as_slice() {
            [] => Ok(None),
            [item] => match system(item).as_ref() {
                Item::Boolean(value) => Ok(Some(*value)),
                _ => Ok(Some(true)),
            },
            _ => Err(evaluation("a single truth value is expected, there are several items")),
        }
    }

    /// The criterion of `where` and its kin, for one item.
    pub(super) fn holds(&self, criterion: &'a Expr, item: &Item<'a>, index: usize) -> Result<bool> {
        let scope = Scope { this: std::slice::from_ref(item), index: i64::try_from(index).ok(), total: None };
        let result = self.scoped(criterion, &scope)?;
        Ok(self.boolean(&result)?.unwrap_or(false))
    }

    /// The only item; none for an empty collection.
    pub(super) fn single<'i>(
        &self,
        items: &'i Items<'a>,
        what: &'static str,
    ) -> Result<Option<&'i Item<'a>>> {
        match items.as_slice() {
            [] => Ok(None),
            [item] => Ok(Some(item)),
            _ => Err(evaluation(format!("{what} takes a single item, there are several"))),
        }
    }

    pub(super) fn integer(&self, items: &Items<'a>, what: &'static str) -> Result<Option<i64>> {
        match self.single(items, what)?.map(system).as_deref() {
            None => Ok(None),
            Some(Item::Integer(value)) => Ok(Some(*value)),
            Some(_) => Err(evaluation(format!("{what} takes a whole number"))),
        }
    }

    /// The only item as text. Any primitive that JSON writes as a string counts.
    pub(super) fn text(&self, items: &Items<'a>, what: &'static str) -> Result<Option<Cow<'a, str>>> {
        match self.single(items, what)? {
            None => Ok(None),
            Some(Item::String(text)) => Ok(Some(text.clone())),
            Some(Item::Node(Node { value: Value::String(text), .. })) => {
                Ok(Some(Cow::Borrowed(text.as_str())))
            }
            Some(Item::Node(Node { value: Value::Null, .. })) => Ok(None),
            Some(_) => Err(evaluation(format!("{what} takes a text"))),
        }
    }
}

fn look_up(ty: &TypeInfo, name: &str, may_be_type: bool) -> u32 {
    let capital = name.starts_with(|c: char| c.is_ascii_uppercase());
    if may_be_type && capital && ty.is_subtype_of(name) {
        return SELF;
    }
    let is_choice = || ty.definition.property(name).is_some();
    ty.child_index(name).unwrap_or_else(|| if is_choice() { CHOICE } else { NONE })
}

fn push_node<'a>(value: &'a Value, companion: Option<&'a Value>, ty: &'static TypeInfo, out: &mut Items<'a>) {
    let companion = companion.filter(|companion| !companion.is_null());
    if value.is_null() && companion.is_none() {
        return;
    }
    let ty = if ty.is_any_resource() { model::resource_info(value.resource_type()) } else { ty };
    out.push(Item::Node(Node { value, companion, ty }));
}

pub(super) fn collect<'a>(items: &[Item<'a>]) -> Items<'a> {
    match items {
        [] => Items::Empty,
        [item] => Items::One(item.clone()),
        items => Items::Many(items.to_vec()),
    }
}

fn literal_item(literal: &Literal) -> Item<'_> {
    match literal {
        Literal::Boolean(value) => Item::Boolean(*value),
        Literal::String(text) => Item::String(Cow::Borrowed(text)),
        Literal::Integer(value) => Item::Integer(*value),
        Literal::Decimal(value) => Item::Decimal(*value),
        Literal::Date(value) => Item::Date(*value),
        Literal::DateTime(value) => Item::DateTime(*value),
        Literal::Time(value) => Item::Time(*value),
        Literal::Quantity { value, unit } => {
            let (unit, is_calendar) = match unit {
                Unit::Ucum(unit) => (unit.as_str(), false),
                Unit::Calendar(unit) => (*unit, true),
            };
            Item::Quantity(Box::new(Quantity { value: *value, unit: Cow::Borrowed(unit), is_calendar }))
        }
    }
}

pub(super) fn is_type(item: &Item<'_>, name: &TypeName) -> bool {
    let namespace = name.namespace.as_deref();
    match item {
        Item::Node(node) => namespace != Some("System") && node.ty.is_subtype_of(&name.name),
        Item::Elsewhere(found) => {
            namespace != Some("System") && crate::definitions::is_subtype(found, &name.name)
        }
        other => namespace != Some("FHIR") && (other.system_name() == name.name || name.name == "Any"),
    }
}

/// A primitive element as the value it holds; everything else as it is.
pub(super) fn system<'i, 'a>(item: &'i Item<'a>) -> Cow<'i, Item<'a>> {
    let Item::Node(node) = item else { return Cow::Borrowed(item) };
    let text = |text: &'a str| Item::String(Cow::Borrowed(text));
    Cow::Owned(match (node.value, node.ty.primitive) {
        (Value::Bool(value), _) => Item::Boolean(*value),
        (Value::Number(number), Some(Primitive::Decimal)) => match number.to_decimal() {
            Some(value) => Item::Decimal(value),
            None => return Cow::Borrowed(item),
        },
        (Value::Number(number), _) => match (number.to_i64(), number.to_decimal()) {
            (Some(value), _) if number.is_integer() => Item::Integer(value),
            (_, Some(value)) => Item::Decimal(value),
            _ => return Cow::Borrowed(item),
        },
        (Value::String(value), Some(Primitive::Date)) => {
            Date::parse(value).map_or_else(|| text(value), Item::Date)
        }
        (Value::String(value), Some(Primitive::DateTime | Primitive::Instant)) => {
            DateTime::parse(value).map_or_else(|| text(value), Item::DateTime)
        }
        (Value::String(value), Some(Primitive::Time)) => {
            Time::parse(value).map_or_else(|| text(value), Item::Time)
        }
        (Value::String(value), _) => text(value),
        _ => return Cow::Borrowed(item),
    })
}

pub(super) fn evaluation(message: impl Into<Cow<'static, str>>) -> PathError {
    PathError { kind: PathErrorKind::Evaluation, offset: None, message: message.into() }
}

pub(super) fn unsupported(message: impl Into<Cow<'static, str>>) -> PathError {
    PathError { kind: PathErrorKind::Unsupported, offset: None, message: message.into() }
}

pub(super) fn limit(message: &'static str) -> PathError {
    PathError { kind: PathErrorKind::Limit, offset: None, message: message.into() }
}
