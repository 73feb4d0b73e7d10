//! Functions on numbers.
//!
//! Source: FHIRPath N1 5.7; roots, logarithms and powers go through binary floating point.

use std::borrow::Cow;

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, RoundingStrategy, ToPrimitive};

use super::super::collection::Items;
use super::super::evaluate::{Result, evaluation};
use super::super::function::Function as F;
use super::super::item::{Item, Quantity};
use super::super::operators::{decimal, operand, order};
use super::Call;

pub(super) fn call<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    if let F::Sum | F::Min | F::Max | F::Avg = call.function {
        return over_all(call);
    }
    let Some(item) = call.evaluator.single(&call.input, call.function.name())? else {
        return Ok(Items::Empty);
    };
    let number = operand(item);
    if let Item::Quantity(quantity) = number.as_ref() {
        let value = match call.function {
            F::Abs => quantity.value.abs(),
            F::Ceiling => quantity.value.ceil(),
            F::Floor => quantity.value.floor(),
            F::Truncate => quantity.value.trunc(),
            F::Round => rounded(call, quantity.value)?,
            _ => return Err(evaluation("this function does not take a quantity")),
        };
        return Ok(Item::Quantity(Box::new(Quantity { value, ..quantity.as_ref().clone() })).into());
    }
    let Some(value) = decimal(&number) else { return Err(evaluation("a number is expected")) };
    let whole = |value: Decimal| Items::from(value.to_i64());
    let float = |result: Option<f64>| {
        let decimal = result.filter(|value| value.is_finite()).and_then(Decimal::from_f64);
        Items::from(decimal.map(|value| Item::Decimal(value.normalize())))
    };
    Ok(match call.function {
        F::Abs => match number.as_ref() {
            Item::Integer(value) => value.checked_abs().into(),
            _ => Item::Decimal(value.abs()).into(),
        },
        F::Ceiling => whole(value.ceil()),
        F::Floor => whole(value.floor()),
        F::Truncate => whole(value.trunc()),
        F::Round => Item::Decimal(rounded(call, value)?).into(),
        F::Exp => float(value.to_f64().map(f64::exp)),
        F::Ln => float(value.to_f64().map(f64::ln)),
        F::Sqrt => float(value.to_f64().map(f64::sqrt)),
        F::Log => {
            let Some(base) = argument(call)? else { return Ok(Items::Empty) };
            float(value.to_f64().zip(base.to_f64()).map(|(value, base)| value.log(base)))
        }
        F::Power => power(call, &number, value)?,
        _ => return Err(evaluation("the function is not offered")),
    })
}

fn argument(call: &Call<'_, '_, '_, '_>) -> Result<Option<Decimal>> {
    let argument = call.argument(0)?;
    let Some(item) = call.evaluator.single(&argument, call.function.name())? else { return Ok(None) };
    decimal(&operand(item)).map(Some).ok_or_else(|| evaluation("a number is expected"))
}

fn power<'a>(call: &Call<'_, '_, 'a, '_>, number: &Item<'a>, value: Decimal) -> Result<Items<'a>> {
    let exponent = call.argument(0)?;
    let Some(item) = call.evaluator.single(&exponent, "`power`")? else { return Ok(Items::Empty) };
    if let (Item::Integer(base), Item::Integer(exponent)) = (number, operand(item).as_ref())
        && let Ok(exponent) = u32::try_from(*exponent)
    {
        return Ok(base.checked_pow(exponent).into());
    }
    let Some(exponent) = decimal(&operand(item)) else { return Err(evaluation("a number is expected")) };
    let result = value.to_f64().zip(exponent.to_f64()).map(|(value, exponent)| value.powf(exponent));
    let result = result.filter(|value| value.is_finite()).and_then(Decimal::from_f64);
    Ok(result.map(|value| Item::Decimal(value.normalize())).into())
}

fn rounded(call: &Call<'_, '_, '_, '_>, value: Decimal) -> Result<Decimal> {
    let digits = call.integer_argument(0)?.unwrap_or(0);
    let digits = u32::try_from(digits).map_err(|_| evaluation("`round` takes a precision of 0 or more"))?;
    Ok(value.round_dp_with_strategy(digits.min(28), RoundingStrategy::MidpointAwayFromZero))
}

fn over_all<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let items = call.input.as_slice();
    let Some((first, rest)) = items.split_first() else { return Ok(Items::Empty) };
    if let F::Min | F::Max = call.function {
        let mut best = operand(first);
        for item in rest {
            let Some(order) = order(item, &best)? else { return Ok(Items::Empty) };
            if (call.function == F::Min && order.is_lt()) || (call.function == F::Max && order.is_gt()) {
                best = operand(item);
            }
        }
        return Ok(best.into_owned().into());
    }
    let mut sum = Decimal::ZERO;
    let mut whole: Option<i64> = Some(0);
    for item in items {
        let item: Cow<'_, Item<'a>> = operand(item);
        let Some(value) = decimal(&item) else { return Err(evaluation("a number is expected")) };
        let Some(next) = sum.checked_add(value) else { return Ok(Items::Empty) };
        sum = next;
        whole = match item.as_ref() {
            Item::Integer(value) => whole.and_then(|whole| whole.checked_add(*value)),
            _ => None,
        };
    }
    if call.function == F::Avg {
        return Ok(sum.checked_div(Decimal::from(items.len())).map(Item::Decimal).into());
    }
    Ok(whole.map_or(Item::Decimal(sum), Item::Integer).into())
}
