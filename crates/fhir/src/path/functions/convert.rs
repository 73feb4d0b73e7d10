//! Conversions between the System types.
//!
//! Source: FHIRPath N1 5.5.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::super::collection::Items;
use super::super::evaluate::{Result, evaluation};
use super::super::function::Function as F;
use super::super::item::{Item, Quantity};
use super::super::operators::{converted, operand};
use super::super::syntax::CALENDAR_UNITS;
use super::super::temporal::{Date, DateTime, Time};
use super::Call;

pub(super) fn call<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(item) = call.evaluator.single(&call.input, call.function.name())? else {
        return Ok(Items::Empty);
    };
    let item = operand(item);
    let item = item.as_ref();
    let asked = |converted: Option<Item<'a>>| Ok(Items::from(converted.is_some()));
    let given = |converted: Option<Item<'a>>| Ok(Items::from(converted));
    match call.function {
        F::ToBoolean => given(boolean(item)),
        F::ConvertsToBoolean => asked(boolean(item)),
        F::ToInteger | F::ToLong => given(integer(item)),
        F::ConvertsToInteger | F::ConvertsToLong => asked(integer(item)),
        F::ToDate => given(date(item)),
        F::ConvertsToDate => asked(date(item)),
        F::ToDateTime => given(date_time(item)),
        F::ConvertsToDateTime => asked(date_time(item)),
        F::ToTime => given(time(item)),
        F::ConvertsToTime => asked(time(item)),
        F::ToDecimal => given(to_decimal(item).map(Item::Decimal)),
        F::ConvertsToDecimal => asked(to_decimal(item).map(Item::Decimal)),
        F::ToQuantity => given(in_unit(call, quantity(item))?),
        F::ConvertsToQuantity => asked(in_unit(call, quantity(item))?),
        F::ToString => given(text(item).map(|text| Item::String(text.into()))),
        F::ConvertsToString => asked(text(item).map(|text| Item::String(text.into()))),
        _ => Err(evaluation("the function is not offered")),
    }
}

fn boolean<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let value = match item {
        Item::Boolean(value) => *value,
        Item::Integer(1) => true,
        Item::Integer(0) => false,
        Item::Decimal(value) if *value == Decimal::ONE => true,
        Item::Decimal(value) if value.is_zero() => false,
        Item::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Item::Boolean(value))
}

fn integer<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    match item {
        Item::Integer(value) => Some(Item::Integer(*value)),
        Item::Boolean(value) => Some(Item::Integer((*value).into())),
        Item::String(text) => text.parse().ok().map(Item::Integer),
        _ => None,
    }
}

fn to_decimal(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(value) => Some(Decimal::from(*value)),
        Item::Decimal(value) => Some(*value),
        Item::Boolean(value) => Some(if *value { Decimal::ONE } else { Decimal::ZERO }),
        Item::String(text) => number(text),
        _ => None,
    }
}

/// `[+-]digits[.digits]` and nothing else.
fn number(text: &str) -> Option<Decimal> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shape = unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.ends_with(|c: char| c.is_ascii_digit())
        && unsigned.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if shape { Decimal::from_str_exact(text).ok() } else { None }
}

fn date<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    match item {
        Item::Date(date) => Some(Item::Date(*date)),
        Item::DateTime(moment) => Some(Item::Date(moment.date)),
        Item::String(text) => {
            Date::parse(text).or_else(|| DateTime::parse(text).map(|moment| moment.date)).map(Item::Date)
        }
        _ => None,
    }
}

fn date_time<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    match item {
        Item::DateTime(moment) => Some(Item::DateTime(*moment)),
        Item::Date(date) => Some(Item::DateTime(DateTime { date: *date, time: None, offset_min: None })),
        Item::String(text) => DateTime::parse(text).map(Item::DateTime),
        _ => None,
    }
}

fn time<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    match item {
        Item::Time(time) => Some(Item::Time(*time)),
        Item::String(text) => Time::parse(text.strip_prefix('T').unwrap_or(text)).map(Item::Time),
        _ => None,
    }
}

fn quantity<'a>(item: &Item<'a>) -> Option<Item<'a>> {
    let plain = |value| Quantity { value, unit: Cow::Borrowed("1"), is_calendar: false };
    let quantity = match item {
        Item::Quantity(quantity) => return Some(Item::Quantity(quantity.clone())),
        Item::Integer(_) | Item::Decimal(_) | Item::Boolean(_) => plain(to_decimal(item)?),
        Item::String(text) => {
            let end = text
                .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-')))
                .unwrap_or(text.len());
            let (value, unit) = (number(text.get(..end)?)?, text.get(end..)?.trim());
            if unit.is_empty() {
                plain(value)
            } else if let Some(code) = unit.strip_prefix('\'').and_then(|unit| unit.strip_suffix('\'')) {
                Quantity { value, unit: Cow::Owned(code.to_owned()), is_calendar: false }
            } else {
                let found =
                    CALENDAR_UNITS.iter().find(|(singular, plural)| unit == *singular || unit == *plural);
                Quantity { value, unit: Cow::Borrowed(found?.0), is_calendar: true }
            }
        }
        _ => return None,
    };
    Some(Item::Quantity(Box::new(quantity)))
}

/// A quantity in the unit that the first argument names, if there is one; `None` when it cannot be converted.
fn in_unit<'a>(call: &Call<'_, '_, 'a, '_>, quantity: Option<Item<'a>>) -> Result<Option<Item<'a>>> {
    let (Some(Item::Quantity(quantity)), false) = (&quantity, call.arguments.is_empty()) else {
        return Ok(quantity);
    };
    let Some(unit) = call.text_argument(0)? else { return Ok(None) };
    let calendar = CALENDAR_UNITS.iter().find(|(singular, plural)| unit == *singular || unit == *plural);
    let (unit, is_calendar) = match calendar {
        Some((singular, _)) => (Cow::Borrowed(*singular), true),
        None => (unit, false),
    };
    let asked = Quantity { value: Decimal::ONE, unit, is_calendar };
    let value = converted(quantity, &asked);
    Ok(value.map(|value| Item::Quantity(Box::new(Quantity { value, ..asked }))))
}

/// A value as text; `None` for elements that are no values.
pub(super) fn text(item: &Item<'_>) -> Option<String> {
    Some(match item {
        Item::String(text) => text.clone().into_owned(),
        Item::Boolean(value) => value.to_string(),
        Item::Integer(value) => value.to_string(),
        Item::Decimal(value) => value.to_string(),
        Item::Date(value) => value.to_string(),
        Item::DateTime(value) => value.to_string(),
        Item::Time(value) => value.to_string(),
        Item::Quantity(quantity) if quantity.is_calendar => {
            let plural = if quantity.value == Decimal::ONE { "" } else { "s" };
            format!("{} {}{plural}", quantity.value, quantity.unit)
        }
        Item::Quantity(quantity) => format!("{} '{}'", quantity.value, quantity.unit),
        Item::Node(_) | Item::Type(_) | Item::Elsewhere(_) => return None,
    })
}
