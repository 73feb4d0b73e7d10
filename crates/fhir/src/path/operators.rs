//! The operators.
//!
//! Source: FHIRPath N1 section 6.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::collection::Items;
use super::evaluate::{Evaluator, Result, Scope, evaluation, limit, system};
use super::item::{Item, Quantity};
use super::syntax::{Expr, Operator};
use super::temporal::{CalendarUnit, DateTime};
use super::units;
use crate::json::Value;

impl<'a> Evaluator<'a, '_> {
    pub(super) fn binary(
        &self,
        operator: Operator,
        left: &'a Expr,
        right: &'a Expr,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>> {
        let left = self.scoped(left, scope)?;
        if let Operator::And | Operator::Or | Operator::Xor | Operator::Implies = operator {
            return self.logic(operator, &left, right, scope);
        }
        let right = self.scoped(right, scope)?;
        match operator {
            Operator::Equal => Ok(self.equal(&left, &right)?.into()),
            Operator::NotEqual => Ok(self.equal(&left, &right)?.map(|equal| !equal).into()),
            Operator::Equivalent => Ok(self.equivalent(&left, &right)?.into()),
            Operator::NotEquivalent => Ok((!self.equivalent(&left, &right)?).into()),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                let Some(order) = self.compare(&left, &right)? else { return Ok(Items::Empty) };
                Ok(match operator {
                    Operator::Less => order.is_lt(),
                    Operator::LessOrEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                }
                .into())
            }
            Operator::Union => self.union(left, right),
            Operator::In => self.contained(&left, &right, "`in`"),
            Operator::Contains => self.contained(&right, &left, "`contains`"),
            Operator::Concatenate => {
                let mut text = self.text(&left, "`&`")?.unwrap_or_default().into_owned();
                text.push_str(&self.text(&right, "`&`")?.unwrap_or_default());
                self.check_text(text.len())?;
                Ok(text.into())
            }
            _ => self.arithmetic(operator, &left, &right),
        }
    }

    pub(super) fn check_text(&self, bytes: usize) -> Result<()> {
        if bytes > self.context.bounds.text_bytes_max { Err(limit("a text became too long")) } else { Ok(()) }
    }

    /// Three-valued logic; the right side is not evaluated when the left decides.
    fn logic(
        &self,
        operator: Operator,
        left: &Items<'a>,
        right: &'a Expr,
        scope: &Scope<'_, 'a>,
    ) -> Result<Items<'a>> {
        let left = self.boolean(left)?;
        match (operator, left) {
            (Operator::And, Some(false)) => return Ok(false.into()),
            (Operator::Or, Some(true)) | (Operator::Implies, Some(false)) => return Ok(true.into()),
            _ => {}
        }
        let right = self.boolean(&self.scoped(right, scope)?)?;
        let result = match (operator, left, right) {
            (Operator::And, _, Some(false)) => Some(false),
            (Operator::And, Some(true), Some(true)) => Some(true),
            (Operator::Or | Operator::Implies, _, Some(true)) => Some(true),
            (Operator::Or, Some(false), Some(false)) => Some(false),
            (Operator::Xor, Some(left), Some(right)) => Some(left != right),
            (Operator::Implies, Some(true), right) => right,
            _ => None,
        };
        Ok(result.into())
    }

    fn contained(&self, item: &Items<'a>, items: &Items<'a>, what: &'static str) -> Result<Items<'a>> {
        let Some(item) = self.single(item, what)? else { return Ok(Items::Empty) };
        self.charge(items.len())?;
        Ok(items.as_slice().iter().any(|other| equal(item, other) == Some(true)).into())
    }

    /// `=`: `None` when the order of precision leaves it open, or one side is empty.
    pub(super) fn equal(&self, left: &Items<'a>, right: &Items<'a>) -> Result<Option<bool>> {
        if left.is_empty() || right.is_empty() {
            return Ok(None);
        }
        if left.len() != right.len() {
            return Ok(Some(false));
        }
        self.charge(left.len())?;
        let mut open = false;
        for (left, right) in left.as_slice().iter().zip(right.as_slice()) {
            match equal(left, right) {
                Some(true) => {}
                Some(false) => return Ok(Some(false)),
                None => open = true,
            }
        }
        Ok((!open).then_some(true))
    }

    /// `~`: in any order, empty equals empty.
    fn equivalent(&self, left: &Items<'a>, right: &Items<'a>) -> Result<bool> {
        if left.len() != right.len() {
            return Ok(false);
        }
        let mut rest: Vec<&Item<'a>> = right.as_slice().iter().collect();
        for item in left.as_slice() {
            self.charge(rest.len())?;
            let Some(at) = rest.iter().position(|other| equivalent(item, other)) else { return Ok(false) };
            rest.swap_remove(at);
        }
        Ok(true)
    }

    fn compare(&self, left: &Items<'a>, right: &Items<'a>) -> Result<Option<Ordering>> {
        let (left, right) = (self.single(left, "a comparison")?, self.single(right, "a comparison")?);
        let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
        order(left, right)
    }

    /// Both collections without duplicates.
    pub(super) fn union(&self, left: Items<'a>, right: Items<'a>) -> Result<Items<'a>> {
        let mut all = left;
        all.append(right);
        self.distinct(all)
    }

    pub(super) fn distinct(&self, items: Items<'a>) -> Result<Items<'a>> {
        let Items::Many(items) = items else { return Ok(items) };
        let mut out: Vec<Item<'a>> = Vec::new();
        for item in items {
            self.charge(out.len())?;
            if !out.iter().any(|other| equal(other, &item) == Some(true)) {
                out.push(item);
            }
        }
        Ok(out.into())
    }

    pub(super) fn negate(&self, items: &Items<'a>) -> Result<Items<'a>> {
        let Some(item) = self.single(items, "a sign")? else { return Ok(Items::Empty) };
        Ok(match operand(item).as_ref() {
            Item::Integer(value) => value.checked_neg().into(),
            Item::Decimal(value) => Item::Decimal(-*value).into(),
            Item::Quantity(quantity) => {
                Item::Quantity(Box::new(Quantity { value: -quantity.value, ..quantity.as_ref().clone() }))
                    .into()
            }
            _ => return Err(evaluation("a sign takes a number")),
        })
    }

    fn arithmetic(&self, operator: Operator, left: &Items<'a>, right: &Items<'a>) -> Result<Items<'a>> {
        let (left, right) = (self.single(left, "arithmetic")?, self.single(right, "arithmetic")?);
        let (Some(left), Some(right)) = (left, right) else { return Ok(Items::Empty) };
        let (left, right) = (operand(left), operand(right));
        let result: Option<Item<'a>> = match (operator, left.as_ref(), right.as_ref()) {
            (_, Item::Integer(left), Item::Integer(right)) if operator != Operator::Divide => {
                integers(operator, *left, *right).map(Item::Integer)
            }
            (Operator::Add, Item::String(left), Item::String(right)) => {
                self.check_text(left.len() + right.len())?;
                Some(Item::String(format!("{left}{right}").into()))
            }
            (
                Operator::Add | Operator::Subtract,
                Item::Date(_) | Item::DateTime(_) | Item::Time(_),
                Item::Quantity(span),
            ) => shifted(left.as_ref(), span, operator == Operator::Subtract)?,
            (_, Item::Quantity(left), Item::Quantity(right)) => quantities(operator, left, right)?,
            (Operator::Multiply, Item::Quantity(quantity), number)
            | (Operator::Multiply, number, Item::Quantity(quantity))
            | (Operator::Divide, Item::Quantity(quantity), number)
                if decimal(number).is_some() =>
            {
                let value = decimal(number).and_then(|number| decimals(operator, quantity.value, number));
                value.map(|value| Item::Quantity(Box::new(Quantity { value, ..quantity.as_ref().clone() })))
            }
            (_, left, right) => match (decimal(left), decimal(right)) {
                (Some(left), Some(right)) => {
                    let value = decimals(operator, left, right);
                    let whole = operator == Operator::Div;
                    value.and_then(|value| if whole { as_integer(value) } else { Some(Item::Decimal(value)) })
                }
                _ => return Err(evaluation("arithmetic does not fit these types")),
            },
        };
        Ok(result.into())
    }
}

/// A FHIR Quantity element becomes a quantity, a primitive its value.
pub(super) fn operand<'i, 'a>(item: &'i Item<'a>) -> Cow<'i, Item<'a>> {
    let Item::Node(node) = item else { return Cow::Borrowed(item) };
    if !node.ty.is_subtype_of("Quantity") {
        return system(item);
    }
    let Some(value) =
        node.value.get("value").and_then(Value::as_number).and_then(|number| number.to_decimal())
    else {
        return Cow::Borrowed(item);
    };
    let text = |name| node.value.get(name).and_then(Value::as_str);
    let unit = text("code").or_else(|| text("unit")).unwrap_or("1");
    Cow::Owned(Item::Quantity(Box::new(Quantity { value, unit: Cow::Borrowed(unit), is_calendar: false })))
}

pub(super) fn decimal(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(value) => Some(Decimal::from(*value)),
        Item::Decimal(value) => Some(*value),
        _ => None,
    }
}

fn as_integer<'a>(value: Decimal) -> Option<Item<'a>> {
    i64::try_from(value.trunc()).ok().map(Item::Integer)
}

fn integers(operator: Operator, left: i64, right: i64) -> Option<i64> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Div => left.checked_div(right),
        Operator::Mod => left.checked_rem(right),
        _ => None,
    }
}

fn decimals(operator: Operator, left: Decimal, right: Decimal) -> Option<Decimal> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right),
        Operator::Div => left.checked_div(right).map(|value| value.trunc()),
        Operator::Mod => left.checked_rem(right),
        _ => None,
    }
}

fn quantities<'a>(operator: Operator, left: &Quantity<'a>, right: &Quantity<'a>) -> Result<Option<Item<'a>>> {
    let make = |value: Option<Decimal>, unit: Cow<'a, str>, is_calendar: bool| {
        value.map(|value| Item::Quantity(Box::new(Quantity { value, unit, is_calendar })))
    };
    match operator {
        Operator::Add | Operator::Subtract => {
            if left.unit == right.unit {
                return Ok(make(
                    decimals(operator, left.value, right.value),
                    left.unit.clone(),
                    left.is_calendar,
                ));
            }
            let value = converted(right, left).and_then(|right| decimals(operator, left.value, right));
            Ok(make(value, left.unit.clone(), left.is_calendar))
        }
        Operator::Multiply | Operator::Divide => {
            let (Some(one), Some(other)) = (reduced(left), reduced(right)) else { return Ok(None) };
            let sign: i8 = if operator == Operator::Multiply { 1 } else { -1 };
            let mut powers = one.powers;
            for (sum, power) in powers.iter_mut().zip(other.powers) {
                *sum = sum.saturating_add(power.saturating_mul(sign));
            }
            if !one.offset.is_zero() || !other.offset.is_zero() {
                return Ok(None);
            }
            let scaled = |value: Decimal, unit: &units::Reduced| {
                value.checked_mul(unit.factor).and_then(|value| value.checked_div(unit.divisor))
            };
            let value = scaled(left.value, &one)
                .zip(scaled(right.value, &other))
                .and_then(|(left, right)| decimals(operator, left, right));
            Ok(make(value, Cow::Owned(units::code(powers)), false))
        }
        _ => Err(evaluation("this arithmetic does not fit quantities")),
    }
}

/// The value of `quantity` in the unit of `asked`; `None` when they do not measure the same.
pub(super) fn converted(quantity: &Quantity<'_>, asked: &Quantity<'_>) -> Option<Decimal> {
    if quantity.unit == asked.unit && quantity.is_calendar == asked.is_calendar {
        return Some(quantity.value);
    }
    let (from, to) = (reduced(quantity)?, reduced(asked)?);
    if from.powers != to.powers {
        return None;
    }
    let base = quantity.value.checked_add(from.offset)?.checked_mul(from.factor)?.checked_mul(to.divisor)?;
    base.checked_div(from.divisor.checked_mul(to.factor)?)?.checked_sub(to.offset)
}

pub(super) fn reduced(quantity: &Quantity<'_>) -> Option<units::Reduced> {
    if quantity.is_calendar {
        units::reduce(units::calendar_code(&quantity.unit)?)
    } else {
        units::reduce(&quantity.unit)
    }
}

/// A date or time moved by a span.
fn shifted<'a>(moment: &Item<'a>, span: &Quantity<'a>, back: bool) -> Result<Option<Item<'a>>> {
    let Some(unit) = CalendarUnit::find(&span.unit) else {
        return Err(evaluation("only a calendar unit can be added to a date or time"));
    };
    let mut value = if back { -span.value } else { span.value };
    let unit = match unit {
        // Fractions of a calendar second count; of anything longer they are dropped, and of UCUM's `s` too, as the
        // official suite has it.
        CalendarUnit::Millisecond(width @ (1 | 1000)) if span.is_calendar || width == 1 => {
            value = value.checked_mul(Decimal::from(width)).unwrap_or_default();
            CalendarUnit::Millisecond(1)
        }
        unit => unit,
    };
    let Ok(amount) = i64::try_from(value.trunc()) else { return Ok(None) };
    Ok(match moment {
        Item::Date(date) => date.plus(amount, unit).map(Item::Date),
        Item::DateTime(moment) => moment.plus(amount, unit).map(Item::DateTime),
        Item::Time(time) => match unit {
            CalendarUnit::Millisecond(_) => time.plus(amount, unit).map(Item::Time),
            _ => return Err(evaluation("only hours and below can be added to a time")),
        },
        _ => None,
    })
}

fn as_moment(item: &Item<'_>) -> Option<DateTime> {
    match item {
        Item::Date(date) => Some(DateTime { date: *date, time: None, offset_min: None }),
        Item::DateTime(moment) => Some(*moment),
        _ => None,
    }
}

/// Both values in one unit that both can be given in exactly; `None` when they cannot be compared.
fn same_unit(left: &Quantity<'_>, right: &Quantity<'_>) -> Option<(Decimal, Decimal)> {
    if left.unit == right.unit && left.is_calendar == right.is_calendar {
        return Some((left.value, right.value));
    }
    let (one, other) = (reduced(left)?, reduced(right)?);
    if one.powers != other.powers {
        return None;
    }
    let scaled = |value: Decimal, unit: &units::Reduced, divisor: Decimal| {
        value.checked_add(unit.offset)?.checked_mul(unit.factor)?.checked_mul(divisor)
    };
    Some((scaled(left.value, &one, other.divisor)?, scaled(right.value, &other, one.divisor)?))
}

/// Whether two items are equal; `None` when their precision leaves it open.
pub(super) fn equal(left: &Item<'_>, right: &Item<'_>) -> Option<bool> {
    if let (Item::Node(left), Item::Node(right)) = (left, right)
        && std::ptr::eq(left.value, right.value)
        && !left.value.is_null()
    {
        return Some(true);
    }
    let (left, right) = (operand(left), operand(right));
    match (left.as_ref(), right.as_ref()) {
        (Item::Boolean(left), Item::Boolean(right)) => Some(left == right),
        (Item::Integer(left), Item::Integer(right)) => Some(left == right),
        (Item::String(left), Item::String(right)) => Some(left == right),
        (Item::Time(left), Item::Time(right)) => left.compare(*right).map(Ordering::is_eq),
        (Item::Quantity(left), Item::Quantity(right)) => {
            same_unit(left, right).map(|(left, right)| left == right)
        }
        (Item::Quantity(quantity), number) | (number, Item::Quantity(quantity))
            if decimal(number).is_some() =>
        {
            Some(quantity.unit == "1" && decimal(number) == Some(quantity.value))
        }
        (Item::Type(left), Item::Type(right)) => Some(left == right),
        (Item::Node(left), Item::Node(right)) => Some(same_json(left.value, right.value, false)),
        (left, right) => {
            if let (Some(left), Some(right)) = (decimal(left), decimal(right)) {
                return Some(left == right);
            }
            if let (Some(left), Some(right)) = (as_moment(left), as_moment(right)) {
                return left.compare(right).map(Ordering::is_eq);
            }
            Some(false)
        }
    }
}

/// Whether two items mean the same: case, white space, precision and order aside.
pub(super) fn equivalent(left: &Item<'_>, right: &Item<'_>) -> bool {
    let (one, other) = (operand(left), operand(right));
    match (one.as_ref(), other.as_ref()) {
        (Item::String(left), Item::String(right)) => alike(left, right),
        (Item::Date(left), Item::Date(right)) => left == right,
        (Item::Quantity(left), Item::Quantity(right)) => match same_unit(left, right) {
            Some((a, b)) => {
                // Compared with the digits of the less precise one, in its own unit.
                let (coarse, one, other) =
                    if left.value.normalize().scale() <= right.value.normalize().scale() {
                        (left, a, b)
                    } else {
                        (right, b, a)
                    };
                let step = if coarse.value.is_zero() {
                    Decimal::ONE
                } else {
                    one.checked_div(coarse.value).unwrap_or(Decimal::ONE)
                };
                let in_unit = other.checked_div(step).unwrap_or(other);
                in_unit.round_dp(coarse.value.normalize().scale()) == coarse.value.normalize()
            }
            None => false,
        },
        (Item::Node(left), Item::Node(right)) => same_json(left.value, right.value, true),
        (left, right) => {
            if let (Some(left), Some(right)) = (decimal(left), decimal(right)) {
                let scale = left.normalize().scale().min(right.normalize().scale());
                return left.round_dp(scale) == right.round_dp(scale);
            }
            equal(left, right) == Some(true)
        }
    }
}

fn alike(left: &str, right: &str) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    words(left) == words(right)
}

/// Compares elements by value: members in any order; with `loose`, lists in any order and text without case.
/// Recursion is as deep as the JSON, which its reader bounds.
fn same_json(left: &Value, right: &Value, loose: bool) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let counted = |object: &crate::json::Object| {
                object.iter().filter(|(key, _)| !loose || *key != "id").count()
            };
            counted(left) == counted(right)
                && left
                    .iter()
                    .filter(|(key, _)| !loose || *key != "id")
                    .all(|(key, value)| right.get(key).is_some_and(|other| same_json(value, other, loose)))
        }
        (Value::Array(left), Value::Array(right)) if loose => {
            left.len() == right.len()
                && left.iter().all(|value| right.iter().any(|other| same_json(value, other, loose)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same_json(left, right, loose))
        }
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.to_decimal() == right.to_decimal()
        }
        (Value::String(left), Value::String(right)) if loose => alike(left, right),
        (left, right) => left == right,
    }
}

/// The order of two items; `None` when precision leaves it open.
pub(super) fn order(left: &Item<'_>, right: &Item<'_>) -> Result<Option<Ordering>> {
    let (left, right) = (operand(left), operand(right));
    Ok(match (left.as_ref(), right.as_ref()) {
        (Item::String(left), Item::String(right)) => Some(left.cmp(right)),
        (Item::Time(left), Item::Time(right)) => left.compare(*right),
        (Item::Quantity(left), Item::Quantity(right)) => {
            same_unit(left, right).map(|(left, right)| left.cmp(&right))
        }
        (left, right) => {
            if let (Some(left), Some(right)) = (decimal(left), decimal(right)) {
                Some(left.cmp(&right))
            } else if let (Some(left), Some(right)) = (as_moment(left), as_moment(right)) {
                left.compare(right)
            } else {
                return Err(evaluation("these types have no order"));
            }
        }
    })
}
