//! Static checks of an expression against the R4 types, before any resource is seen.
//!
//! Known here are the types that navigation leads to. What a computed value is, and what a name of an unknown type means,
//! is left to the evaluation: a check never refuses an expression that could give something.
//!
//! Source: FHIRPath N1 section 11 (type safety and strict evaluation).

use super::function::Function as F;
use super::model::{TypeInfo, type_info};
use super::syntax::{Expr, Operator, TypeName, TypeOperator};
use super::{PathError, PathErrorKind};

/// What is known of a collection.
#[derive(Clone, Default)]
struct Known {
    /// The types its items may have; `None` when they are not known.
    types: Option<Vec<&'static TypeInfo>>,
    /// Whether its order is not defined, so that nothing may depend on it.
    unordered: bool,
}

/// Checks an expression that is to be evaluated on a `type_name`.
pub(super) fn check(expression: &Expr, type_name: &str) -> Result<(), PathError> {
    let types = type_info(type_name).map(|ty| vec![ty]);
    let root = Known { types, unordered: false };
    visit(expression, &Place { this: &root, root: &root }).map(drop)
}

struct Place<'p> {
    this: &'p Known,
    root: &'p Known,
}

fn visit(expression: &Expr, place: &Place<'_>) -> Result<Known, PathError> {
    let base = |base: &Option<Box<Expr>>| match base {
        Some(base) => visit(base, place),
        None => Ok(place.this.clone()),
    };
    match expression {
        Expr::Member { base: inner, member } => step(&base(inner)?, member.name(), inner.is_none()),
        Expr::Call { base: inner, function, arguments } => call(base(inner)?, *function, arguments, place),
        Expr::Typed { base: inner, operator, name } => Ok(typed(&base(inner)?, *operator, name)),
        Expr::Indexer { base, index } => {
            let known = visit(base, place)?;
            visit(index, place)?;
            ordered(&known, "an index")?;
            Ok(known)
        }
        Expr::Binary { operator, left, right } => {
            let (left, right) = (visit(left, place)?, visit(right, place)?);
            Ok(if *operator == Operator::Union { joined(left, right) } else { Known::default() })
        }
        Expr::Negate(operand) | Expr::Plus(operand) => visit(operand, place).map(|_| Known::default()),
        Expr::This => Ok(place.this.clone()),
        Expr::Variable(name) if name == "context" => Ok(place.root.clone()),
        Expr::Variable(_) | Expr::Empty | Expr::Literal(_) | Expr::Index | Expr::Total => {
            Ok(Known::default())
        }
    }
}

fn step(known: &Known, name: &str, may_be_type: bool) -> Result<Known, PathError> {
    let Some(types) = &known.types else { return Ok(Known::default()) };
    let capital = name.starts_with(|letter: char| letter.is_ascii_uppercase());
    let mut found: Vec<&'static TypeInfo> = Vec::new();
    let mut is_open = types.is_empty();
    for ty in types {
        if may_be_type && capital && ty.is_subtype_of(name) {
            found.push(ty);
        } else if let Some(child) = ty.child(name) {
            found.extend(child.variants.iter().map(super::Variant::ty));
        } else {
            is_open |= ty.is_any_resource();
        }
    }
    if found.is_empty() && !is_open {
        return Err(semantic(format!("`{name}` is unknown on {}", names(types))));
    }
    // A resource of any type may turn out to be anything.
    let is_any = is_open || found.iter().any(|ty| ty.is_any_resource());
    Ok(Known { types: (!is_any).then_some(found), unordered: known.unordered })
}

fn names(types: &[&'static TypeInfo]) -> String {
    let mut names: Vec<&str> = types.iter().map(|ty| ty.name).collect();
    names.dedup();
    names.join(", ")
}

fn typed(known: &Known, operator: TypeOperator, name: &TypeName) -> Known {
    if operator == TypeOperator::Is {
        return Known::default();
    }
    let in_fhir = name.namespace.as_deref() != Some("System");
    let types = type_info(&name.name).filter(|_| in_fhir).map(|ty| vec![ty]);
    Known { types, unordered: known.unordered }
}

fn joined(left: Known, right: Known) -> Known {
    let types = left.types.zip(right.types).map(|(mut all, more)| {
        all.extend(more);
        all
    });
    Known { types, unordered: left.unordered || right.unordered }
}

fn call(input: Known, function: F, arguments: &[Expr], place: &Place<'_>) -> Result<Known, PathError> {
    let on_items = matches!(
        function,
        F::Where
            | F::Select
            | F::All
            | F::Exists
            | F::Repeat
            | F::RepeatAll
            | F::Sort
            | F::Aggregate
            | F::Iif
            | F::DefineVariable
    );
    // What `repeat` comes to is not known after its first step.
    let anything = Known { types: None, unordered: input.unordered };
    let this = match function {
        F::Repeat | F::RepeatAll => &anything,
        _ if on_items => &input,
        _ => place.this,
    };
    let inner = Place { this, root: place.root };
    let mut given = Vec::new();
    for argument in arguments {
        given.push(visit(argument, &inner)?);
    }
    match function {
        F::First | F::Last | F::Tail | F::Skip | F::Take => {
            ordered(&input, function.name())?;
            Ok(input)
        }
        F::Where | F::Single | F::Distinct | F::Trace | F::Exclude | F::Intersect | F::DefineVariable => {
            Ok(input)
        }
        F::CheckModifiers => Ok(input),
        F::Sort => Ok(Known { unordered: false, ..input }),
        F::Select => Ok(given.pop().unwrap_or_default()),
        F::Iif => Ok(given.into_iter().skip(1).reduce(joined).unwrap_or_default()),
        F::Union | F::Combine => {
            Ok(given.into_iter().next().map_or_else(Known::default, |other| joined(input, other)))
        }
        F::Extension => {
            Ok(Known { types: type_info("Extension").map(|ty| vec![ty]), unordered: input.unordered })
        }
        F::Children | F::Descendants => Ok(Known { types: None, unordered: true }),
        _ => Ok(Known::default()),
    }
}

fn ordered(known: &Known, what: &str) -> Result<(), PathError> {
    if known.unordered {
        Err(semantic(format!("{what} depends on an order that `children()` and `descendants()` do not have")))
    } else {
        Ok(())
    }
}

fn semantic(message: String) -> PathError {
    PathError { kind: PathErrorKind::Semantic, offset: None, message: message.into() }
}
