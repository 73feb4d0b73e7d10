//! Existence, filtering, subsetting, combining.
//!
//! Source: FHIRPath N1 5.1-5.4, 5.8, 5.9 and 7.

use std::cmp::Ordering;

use super::super::collection::Items;
use super::super::evaluate::{Result, Scope, collect, evaluation, limit, system};
use super::super::function::Function as F;
use super::super::item::Item;
use super::super::operators::{equal, order};
use super::super::syntax::Expr;
use super::Call;

/// Answers every function that no other file does.
pub(super) fn call<'a>(call: Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let first_argument = call.arguments.first();
    match call.function {
        F::Empty => Ok(call.input.is_empty().into()),
        F::Count => Ok(i64::try_from(call.input.len()).ok().into()),
        F::Exists => match first_argument {
            Some(criterion) => Ok(any(&call, criterion, true)?.into()),
            None => Ok((!call.input.is_empty()).into()),
        },
        F::All => match first_argument {
            Some(criterion) => Ok((!any(&call, criterion, false)?).into()),
            None => Ok(Items::Empty),
        },
        F::AllTrue => quantified(&call, true, true),
        F::AnyTrue => quantified(&call, true, false),
        F::AllFalse => quantified(&call, false, true),
        F::AnyFalse => quantified(&call, false, false),
        F::Not => Ok(call.evaluator.boolean(&call.input)?.map(|value| !value).into()),
        F::Where => filter(call),
        F::Select => project(&call),
        F::Repeat => repeat(&call, true),
        F::RepeatAll => repeat(&call, false),
        F::Single => match call.input.len() {
            0 | 1 => Ok(call.input),
            _ => Err(evaluation("`single` found several items")),
        },
        F::First => Ok(call.input.into_first()),
        F::Last => Ok(call.input.into_vec().pop().into()),
        F::Tail => Ok(call.input.into_vec().into_iter().skip(1).collect::<Vec<_>>().into()),
        F::Skip | F::Take => cut(call),
        F::Distinct => call.evaluator.distinct(call.input),
        F::IsDistinct => {
            let all = call.input.len();
            Ok((call.evaluator.distinct(call.input)?.len() == all).into())
        }
        F::SubsetOf => {
            let other = call.argument(0)?;
            Ok(subset(&call, &call.input, &other)?.into())
        }
        F::SupersetOf => {
            let other = call.argument(0)?;
            Ok(subset(&call, &other, &call.input)?.into())
        }
        F::Intersect => kept(call, true),
        F::Exclude => kept(call, false),
        F::Union => {
            let other = call.argument(0)?;
            call.evaluator.union(call.input, other)
        }
        F::Combine => {
            let other = call.argument(0)?;
            let mut all = call.input;
            all.append(other);
            Ok(all)
        }
        F::Coalesce => {
            for argument in call.arguments {
                let value = call.evaluator.scoped(argument, call.scope)?;
                if !value.is_empty() {
                    return Ok(value);
                }
            }
            Ok(Items::Empty)
        }
        F::Iif => choose(&call),
        F::Aggregate => aggregate(&call),
        F::Sort => sort(call),
        F::Trace => Ok(call.input),
        F::DefineVariable => define(call),
        _ => Err(evaluation("the function is not offered")),
    }
}

/// Whether the criterion is `wanted` for any item.
fn any<'a>(call: &Call<'_, '_, 'a, '_>, criterion: &'a Expr, wanted: bool) -> Result<bool> {
    for (index, item) in call.input.as_slice().iter().enumerate() {
        if call.evaluator.holds(criterion, item, index)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `allTrue` and its kin: over the truth values of the items.
fn quantified<'a>(call: &Call<'_, '_, 'a, '_>, wanted: bool, all: bool) -> Result<Items<'a>> {
    for item in call.input.as_slice() {
        let Item::Boolean(value) = *system(item) else {
            return Err(evaluation("a collection of truth values is expected"));
        };
        if (value == wanted) != all {
            return Ok((!all).into());
        }
    }
    Ok(all.into())
}

fn filter<'a>(call: Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(criterion) = call.arguments.first() else { return Ok(Items::Empty) };
    let mut out = Items::Empty;
    for (index, item) in call.input.as_slice().iter().enumerate() {
        if call.evaluator.holds(criterion, item, index)? {
            out.push(item.clone());
        }
    }
    Ok(out)
}

fn project<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(projection) = call.arguments.first() else { return Ok(Items::Empty) };
    let mut out = Items::Empty;
    for (index, item) in call.input.as_slice().iter().enumerate() {
        let scope = Scope { this: std::slice::from_ref(item), index: i64::try_from(index).ok(), total: None };
        out.append(call.evaluator.scoped(projection, &scope)?);
        call.evaluator.check_size(&out)?;
    }
    Ok(out)
}

/// Applies the projection to what it found until nothing (new) is found.
fn repeat<'a>(call: &Call<'_, '_, 'a, '_>, unique: bool) -> Result<Items<'a>> {
    let Some(projection) = call.arguments.first() else { return Ok(Items::Empty) };
    let mut out: Vec<Item<'a>> = Vec::new();
    let mut waiting = call.input.clone().into_vec();
    while !waiting.is_empty() {
        let mut next = Vec::new();
        for item in &waiting {
            let scope = Scope { this: std::slice::from_ref(item), index: None, total: None };
            for found in call.evaluator.scoped(projection, &scope)?.into_vec() {
                call.evaluator.charge(1 + if unique { out.len() } else { 0 })?;
                if unique && out.iter().any(|known| equal(known, &found) == Some(true)) {
                    continue;
                }
                out.push(found.clone());
                next.push(found);
            }
            if out.len() > call.evaluator.context.bounds.items_max {
                return Err(limit("a collection became too large"));
            }
        }
        waiting = next;
    }
    Ok(out.into())
}

fn cut<'a>(call: Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(count) = call.integer_argument(0)? else { return Ok(Items::Empty) };
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    let items = call.input.into_vec().into_iter();
    let cut: Vec<_> =
        if call.function == F::Skip { items.skip(count).collect() } else { items.take(count).collect() };
    Ok(cut.into())
}

fn subset<'a>(call: &Call<'_, '_, 'a, '_>, part: &Items<'a>, whole: &Items<'a>) -> Result<bool> {
    for item in part.as_slice() {
        call.evaluator.charge(whole.len())?;
        if !whole.as_slice().iter().any(|other| equal(item, other) == Some(true)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `intersect` keeps what the other has too, without duplicates; `exclude` keeps the rest, with them.
fn kept<'a>(call: Call<'_, '_, 'a, '_>, wanted: bool) -> Result<Items<'a>> {
    let other = call.argument(0)?;
    let mut out = Items::Empty;
    for item in call.input.as_slice() {
        call.evaluator.charge(other.len())?;
        if other.as_slice().iter().any(|found| equal(item, found) == Some(true)) == wanted {
            out.push(item.clone());
        }
    }
    if wanted { call.evaluator.distinct(out) } else { Ok(out) }
}

fn choose<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    if call.input.len() > 1 {
        return Err(evaluation("`iif` takes a single item, there are several"));
    }
    let scope = Scope { this: call.input.as_slice(), ..*call.scope };
    let evaluate = |index: usize| match call.arguments.get(index) {
        Some(argument) => call.evaluator.scoped(argument, &scope),
        None => Ok(Items::Empty),
    };
    let criterion = evaluate(0)?;
    let holds = match criterion.as_slice() {
        [Item::String(_) | Item::Integer(_) | Item::Decimal(_)] => {
            return Err(evaluation("the criterion of `iif` must be a truth value"));
        }
        _ => call.evaluator.boolean(&criterion)?.unwrap_or(false),
    };
    evaluate(if holds { 1 } else { 2 })
}

fn aggregate<'a>(call: &Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(step) = call.arguments.first() else { return Ok(Items::Empty) };
    let mut total = call.argument(1)?;
    for (index, item) in call.input.as_slice().iter().enumerate() {
        let scope =
            Scope { this: std::slice::from_ref(item), index: i64::try_from(index).ok(), total: Some(&total) };
        let next = call.evaluator.scoped(step, &scope)?;
        total = next;
    }
    Ok(total)
}

/// Orders by keys; a key with a minus sign (or `desc`) orders downwards. Empty keys come first.
fn sort<'a>(call: Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let mut keyed: Vec<(Vec<Items<'a>>, Item<'a>)> = Vec::new();
    for item in call.input.clone().into_vec() {
        let scope = Scope { this: std::slice::from_ref(&item), index: None, total: None };
        let mut keys = Vec::new();
        for argument in call.arguments {
            let expression = if let Expr::Negate(inner) = argument { inner } else { argument };
            keys.push(call.evaluator.scoped(expression, &scope)?);
        }
        if call.arguments.is_empty() {
            keys.push(collect(scope.this));
        }
        keyed.push((keys, item));
    }
    call.evaluator.charge(keyed.len().saturating_mul(8))?;
    let mut problem = None;
    keyed.sort_by(|(left, _), (right, _)| {
        for (at, (left, right)) in left.iter().zip(right).enumerate() {
            let ordering = match (left.as_slice(), right.as_slice()) {
                ([], []) => Ordering::Equal,
                // First in either direction.
                ([], _) => return Ordering::Less,
                (_, []) => return Ordering::Greater,
                ([left, ..], [right, ..]) => match order(left, right) {
                    Ok(ordering) => ordering.unwrap_or(Ordering::Equal),
                    Err(error) => {
                        problem = Some(error);
                        Ordering::Equal
                    }
                },
            };
            let down = matches!(call.arguments.get(at), Some(Expr::Negate(_)));
            let ordering = if down { ordering.reverse() } else { ordering };
            if ordering.is_ne() {
                return ordering;
            }
        }
        Ordering::Equal
    });
    match problem {
        Some(problem) => Err(problem),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect::<Vec<_>>().into()),
    }
}

/// Defines a variable for what follows on the same path.
fn define<'a>(call: Call<'_, '_, 'a, '_>) -> Result<Items<'a>> {
    let Some(name) = call.text_argument(0)? else { return Err(evaluation("`defineVariable` needs a name")) };
    let value = match call.arguments.get(1) {
        Some(expression) => {
            let scope = Scope { this: call.input.as_slice(), ..*call.scope };
            call.evaluator.scoped(expression, &scope)?
        }
        None => call.input.clone(),
    };
    let mut defined = call.evaluator.defined.borrow_mut();
    let fixed = ["resource", "rootResource", "context", "sct", "loinc", "ucum"].contains(&name.as_ref());
    if fixed || defined.iter().any(|(known, _)| *known == name) {
        return Err(evaluation("`defineVariable` cannot redefine a variable"));
    }
    defined.push((name.into_owned(), value));
    drop(defined);
    Ok(call.input)
}
