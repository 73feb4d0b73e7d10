//! Precision, the boundaries it gives, and the parts of dates and times.
//!
//! Source: FHIRPath 2.0 (N1 with its standard-for-trial-use additions) 5.9.

use rust_decimal::Decimal;
use rust_decimal::prelude::RoundingStrategy;

use super::super::collection::Items;
use super::super::evaluate::{Result, evaluation};
use super::super::function::Function as F;
use super::super::item::{Item, Quantity};
use super::super::operators::{operand, reduced};
use super::super::temporal::{Date, DateTime, Time};
use super::Call;
use crate::search::date::days_in_month;

/// The most digits after the point that a boundary is given with.
const DECIMALS_MAX: i64 = 28;

/// The farthest zones: where a day begins first and ends last.
const EARLIEST_ZONE_MIN: i16 = 14 * 60;
const LATEST_ZONE_MIN: i16 = -12 * 60;

pub(super) fn call<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(item) = call.evaluator.single(&call.input, call.function.name())? else {
        return Ok(Items::Empty);
    };
    let item = operand(item);
    match call.function {
        F::Precision => Ok(precision(item.as_ref()).into()),
        F::Comparable => comparable(call, item.as_ref()),
        _ => {
            let digits = call.integer_argument(0)?;
            let high = call.function == F::HighBoundary;
            Ok(boundary(item.as_ref(), digits, high)?.into())
        }
    }
}

fn precision(item: &Item<'_>) -> Option<i64> {
    Some(match item {
        Item::Integer(_) => 0,
        Item::Decimal(value) => value.scale().into(),
        Item::Date(date) => date_digits(*date),
        Item::DateTime(moment) => date_digits(moment.date) + moment.time.map_or(0, time_digits),
        Item::Time(time) => time_digits(*time),
        _ => return None,
    })
}

fn date_digits(date: Date) -> i64 {
    4 + if date.month.is_some() { 2 } else { 0 } + if date.day.is_some() { 2 } else { 0 }
}

fn time_digits(time: Time) -> i64 {
    2 + if time.minute.is_some() { 2 } else { 0 }
        + if time.second.is_some() { 2 } else { 0 }
        + if time.millisecond.is_some() { 3 } else { 0 }
}

fn comparable<'a>(call: &Call<'_, '_, 'a, '_>, item: &Item<'a>) -> Result<Items<'a>> {
    let other = call.argument(0)?;
    let Some(other) = call.evaluator.single(&other, "`comparable`")? else { return Ok(Items::Empty) };
    let other = operand(other);
    let (Item::Quantity(left), Item::Quantity(right)) = (item, other.as_ref()) else {
        return Err(evaluation("`comparable` takes quantities"));
    };
    let powers = |quantity: &Quantity<'_>| reduced(quantity).map(|reduced| reduced.powers);
    Ok((left.unit == right.unit || powers(left).is_some_and(|left| Some(left) == powers(right))).into())
}

fn boundary<'a>(item: &Item<'a>, digits: Option<i64>, high: bool) -> Result<Option<Item<'a>>> {
    Ok(match item {
        Item::Integer(value) => decimal_boundary(Decimal::from(*value), digits, high).map(Item::Decimal),
        Item::Decimal(value) => decimal_boundary(*value, digits, high).map(Item::Decimal),
        Item::Quantity(quantity) => decimal_boundary(quantity.value, digits, high)
            .map(|value| Item::Quantity(Box::new(Quantity { value, ..quantity.as_ref().clone() }))),
        Item::Date(date) => date_boundary(*date, digits.unwrap_or(8), high).map(Item::Date),
        Item::DateTime(moment) => moment_boundary(*moment, digits.unwrap_or(17), high),
        Item::Time(time) => time_boundary(*time, digits.unwrap_or(9), high).map(Item::Time),
        _ => return Err(evaluation("a boundary is only known for numbers, dates and times")),
    })
}

/// Half a unit of the last written digit below or above, with the digits asked for: an edge that lies farther from zero than
/// the value is rounded to the nearest, one that lies nearer is cut.
fn decimal_boundary(value: Decimal, digits: Option<i64>, high: bool) -> Option<Decimal> {
    let digits = digits.unwrap_or(8);
    if !(0..=DECIMALS_MAX).contains(&digits) {
        return None;
    }
    let half = Decimal::try_new(5, value.scale() + 1).ok()?;
    let edge = if high { value.checked_add(half)? } else { value.checked_sub(half)? };
    let strategy = if edge.abs() > value.abs() {
        RoundingStrategy::MidpointAwayFromZero
    } else {
        RoundingStrategy::ToZero
    };
    Some(edge.round_dp_with_strategy(u32::try_from(digits).ok()?, strategy))
}

fn date_boundary(date: Date, digits: i64, high: bool) -> Option<Date> {
    let full = fill_date(date, high)?;
    Some(match digits {
        4 => Date { month: None, day: None, ..full },
        6 => Date { day: None, ..full },
        8 => full,
        _ => return None,
    })
}

fn fill_date(date: Date, high: bool) -> Option<Date> {
    let month = date.month.unwrap_or(if high { 12 } else { 1 });
    let last = u8::try_from(days_in_month(date.year.into(), month.into())).ok()?;
    let day = date.day.unwrap_or(if high { last } else { 1 });
    Some(Date { year: date.year, month: Some(month), day: Some(day) })
}

fn fill_time(time: Option<Time>, high: bool) -> Time {
    let edge = |high_value: u8| if high { high_value } else { 0 };
    let hour = time.map_or(edge(23), |time| time.hour);
    let minute = time.and_then(|time| time.minute).unwrap_or(edge(59));
    let second = time.and_then(|time| time.second).unwrap_or(edge(59));
    let millisecond = time.and_then(|time| time.millisecond).unwrap_or(if high { 999 } else { 0 });
    Time { hour, minute: Some(minute), second: Some(second), millisecond: Some(millisecond) }
}

fn cut_time(full: Time, digits: i64) -> Option<Time> {
    Some(match digits {
        2 => Time { minute: None, second: None, millisecond: None, ..full },
        4 => Time { second: None, millisecond: None, ..full },
        6 => Time { millisecond: None, ..full },
        9 => full,
        _ => return None,
    })
}

fn time_boundary(time: Time, digits: i64, high: bool) -> Option<Time> {
    cut_time(fill_time(Some(time), high), digits)
}

fn moment_boundary<'a>(moment: DateTime, digits: i64, high: bool) -> Option<Item<'a>> {
    if digits <= 8 {
        let date = date_boundary(moment.date, digits, high)?;
        return Some(Item::DateTime(DateTime { date, time: None, offset_min: None }));
    }
    let zone = if high { LATEST_ZONE_MIN } else { EARLIEST_ZONE_MIN };
    // FHIR has no times without minutes: `T08` is `T08:00`.
    let time = moment.time.map(|time| Time { minute: time.minute.or(Some(0)), ..time });
    Some(Item::DateTime(DateTime {
        date: fill_date(moment.date, high)?,
        time: Some(cut_time(fill_time(time, high), digits - 8)?),
        offset_min: Some(moment.offset_min.unwrap_or(zone)),
    }))
}

/// `yearOf()` and its kin; empty when the value has no such part.
pub(super) fn part<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(item) = call.evaluator.single(&call.input, call.function.name())? else {
        return Ok(Items::Empty);
    };
    let (date, time, offset_min) = match operand(item).as_ref() {
        Item::Date(date) => (Some(*date), None, None),
        Item::DateTime(moment) => (Some(moment.date), moment.time, moment.offset_min),
        Item::Time(time) => (None, Some(*time), None),
        _ => return Err(evaluation("a date or time is expected")),
    };
    let number = |value: Option<i64>| Items::from(value);
    Ok(match call.function {
        F::YearOf => number(date.map(|date| date.year.into())),
        F::MonthOf => number(date.and_then(|date| date.month).map(Into::into)),
        F::DayOf => number(date.and_then(|date| date.day).map(Into::into)),
        F::HourOf => number(time.map(|time| time.hour.into())),
        F::MinuteOf => number(time.and_then(|time| time.minute).map(Into::into)),
        F::SecondOf => number(time.and_then(|time| time.second).map(Into::into)),
        F::MillisecondOf => number(time.and_then(|time| time.millisecond).map(Into::into)),
        F::TimezoneOffsetOf => offset_min
            .and_then(|minutes| Decimal::from(minutes).checked_div(Decimal::from(60)))
            .map(Item::Decimal)
            .into(),
        F::DateOf => date.map(Item::Date).into(),
        _ => time.map(Item::Time).into(),
    })
}
