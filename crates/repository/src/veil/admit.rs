//! Which searches the masked view answers.
//!
//! A search tells something of every resource that it does not show, too. So it may only ask for what the view shows as it is:
//! codes, truth values, amounts, and references between the view's own ids. Names, identifiers, addresses, texts, ages are out,
//! and dates where they are shifted. Which element a parameter reads decides, not its name; what cannot be told is out.

use compact_str::CompactString;
use fhir::search::query::{
    Branch, Contained, Criterion, Modifier, Query, QueryValue, ReferenceValue, Summary, Test, TokenSystem,
};
use fhir::search::{Kind, Parameter};

use super::MaskedView;
use crate::error::{Error, ErrorKind, Result};

/// Types of elements that are shown as they are, whatever the profile.
const SHOWN: &[&str] = &[
    "boolean",
    "code",
    "Coding",
    "CodeableConcept",
    "decimal",
    "integer",
    "positiveInt",
    "unsignedInt",
    "Quantity",
    "SimpleQuantity",
    "Count",
    "Distance",
    "Duration",
    "Money",
    "Range",
    "SampledData",
];

/// Types of elements that are shown as they are where dates are.
const DATES: &[&str] = &["date", "dateTime", "instant", "Period", "Timing"];

/// See [`MaskedView::admit`].
pub(super) fn admit(view: &MaskedView<'_>, query: &Query) -> Result<Query> {
    if query.contained != Contained::No {
        return Err(closed("`_contained`"));
    }
    if query.explain {
        return Err(closed("`__explain`"));
    }
    for key in &query.sort {
        open(view, &key.parameter)?;
    }
    let mut admitted = query.clone();
    for Criterion { test, .. } in &mut admitted.criteria {
        admit_test(view, test)?;
    }
    // What is masked is the whole resource; it is cut afterwards.
    admitted.summary = query.summary.filter(|summary| *summary == Summary::Count);
    admitted.elements = Vec::new();
    Ok(admitted)
}

/// Checks a test, and leads the ids in it back.
fn admit_test(view: &MaskedView<'_>, test: &mut Test) -> Result<()> {
    match test {
        Test::Own { parameter, modifier, values } if parameter.code == "_id" => {
            if !matches!(modifier, None | Some(Modifier::Not)) {
                return Err(closed("`_id` with a modifier"));
            }
            values.iter_mut().try_for_each(|value| admit_id(view, parameter, value))
        }
        Test::Own { parameter, modifier, values } if parameter.kind == Kind::Reference => {
            standard(parameter)?;
            match modifier {
                None => values.iter_mut().try_for_each(|value| admit_reference(view, value)),
                Some(Modifier::Missing) => Ok(()),
                Some(_) => Err(closed(&format!("`{}` with that modifier", parameter.code))),
            }
        }
        Test::Own { parameter, modifier, .. } => {
            open(view, parameter)?;
            match modifier {
                None | Some(Modifier::Missing | Modifier::Not | Modifier::In | Modifier::NotIn) => Ok(()),
                Some(Modifier::Above | Modifier::Below) => Ok(()),
                Some(_) => Err(closed(&format!("`{}` with that modifier", parameter.code))),
            }
        }
        Test::Chain { parameter, branches } => {
            standard(parameter)?;
            branches.iter_mut().try_for_each(|Branch { test, .. }| admit_test(view, test))
        }
        Test::Has { parameter, test, .. } => {
            standard(parameter)?;
            admit_test(view, test)
        }
        Test::Not(test) => admit_test(view, test),
        Test::Within { compartment, id } => {
            *id = view.real_id(compartment, id)?;
            Ok(())
        }
        Test::All(tests) | Test::Any(tests) => tests.iter_mut().try_for_each(|test| admit_test(view, test)),
        Test::Words { .. } => Err(closed("`_text` and `_content`")),
        Test::Listed(_) => Err(closed("`_list`")),
        Test::Near { .. } => Err(closed("`near`")),
    }
}

/// Refuses a parameter that a tenant defined: it may read anything.
fn standard(parameter: &Parameter) -> Result<()> {
    if parameter.is_custom() { Err(closed(&format!("`{}`", parameter.code))) } else { Ok(()) }
}

/// Refuses a parameter that reads what the view does not show as it is.
fn open(view: &MaskedView<'_>, parameter: &Parameter) -> Result<()> {
    let is_shown = |name: &&str| SHOWN.contains(name) || (DATES.contains(name) && view.shows_dates());
    standard(parameter)?;
    // `_lastUpdated` is read by no expression.
    let types = if parameter.code == "_lastUpdated" {
        Some(vec!["instant"])
    } else {
        view.view.registry()?.element_types(parameter.resource_type, parameter.id)
    };
    if types.is_some_and(|types| !types.is_empty() && types.iter().all(is_shown)) {
        return Ok(());
    }
    Err(closed(&format!("`{}`", parameter.code)))
}

fn closed(what: &str) -> Error {
    let text = format!(
        "{what} is not for the masked view, because matches would tell what is masked; codes, amounts and references can be searched by"
    );
    Error::new(ErrorKind::Denied, text)
}

/// An id that is searched for; one that the view does not show is none.
fn admit_id(view: &MaskedView<'_>, parameter: &Parameter, value: &mut QueryValue) -> Result<()> {
    let QueryValue::Token { system: TokenSystem::Any, code: Some(code) } = value else {
        return Err(closed("`_id` with a system"));
    };
    *code = view.real_id(parameter.resource_type, code).or_else(nowhere)?;
    Ok(())
}

fn admit_reference(view: &MaskedView<'_>, value: &mut QueryValue) -> Result<()> {
    let QueryValue::Reference(ReferenceValue::Local { resource_type, id, version: None }) = value else {
        return Err(closed("a reference that is no `Type/id`"));
    };
    let name = match resource_type {
        Some(name) => Some(name.clone()),
        None => super::id::read(&view.key, id)
            .and_then(|(code, _)| crate::layout::type_name(code))
            .map(CompactString::from),
    };
    let Some(name) = name else {
        *id = NOWHERE.into();
        return Ok(());
    };
    *id = view.real_id(&name, id).or_else(nowhere)?;
    *resource_type = Some(name);
    Ok(())
}

/// No resource has this id: it has a character that none may have.
const NOWHERE: &str = "?";

/// What the view does not show is not there, which is no error of a search.
fn nowhere(error: Error) -> Result<CompactString> {
    if error.kind() == ErrorKind::NotFound { Ok(NOWHERE.into()) } else { Err(error) }
}
