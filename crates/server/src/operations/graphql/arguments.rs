//! Arguments of a field: variables put in, and turned into search parameters.

use async_graphql_parser::Positioned;
use async_graphql_parser::types::Field;
use async_graphql_value::{ConstValue, Name, Value};

/// The arguments of a field, in order, without variables.
pub(super) fn constant(
    field: &Field,
    variables: &[(String, ConstValue)],
) -> Result<Vec<(String, ConstValue)>, String> {
    let fill = |(name, value): &(Positioned<Name>, Positioned<Value>)| {
        let filled = value.node.clone().into_const_with(|name| {
            let found = variables.iter().find(|(known, _)| *known == name.as_str());
            found
                .map(|(_, value)| value.clone())
                .ok_or_else(|| format!("the variable `${name}` is not declared"))
        })?;
        Ok((name.node.to_string(), filled))
    };
    // An argument that is null counts as not given.
    let filled = field.arguments.iter().map(fill).collect::<Result<Vec<_>, String>>()?;
    Ok(filled.into_iter().filter(|(_, value)| *value != ConstValue::Null).collect())
}

/// A plain value as text.
pub(super) fn text(value: &ConstValue) -> Option<String> {
    match value {
        ConstValue::String(text) => Some(text.clone()),
        ConstValue::Number(number) => Some(number.to_string()),
        ConstValue::Boolean(truth) => Some(truth.to_string()),
        ConstValue::Enum(name) => Some(name.to_string()),
        _ => None,
    }
}

/// Search parameters. In GraphQL a name has `_` where FHIR has `-` (the first may stay), and a list repeats its parameter.
pub(super) fn search_pairs(arguments: &[(String, ConstValue)]) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for (name, value) in arguments {
        let (mark, rest) = name.strip_prefix('_').map_or(("", name.as_str()), |rest| ("_", rest));
        let name = format!("{mark}{}", rest.replace('_', "-"));
        let values = match value {
            ConstValue::List(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let text = text(value).ok_or_else(|| format!("`{name}` is given as a plain value"))?;
            pairs.push((name.clone(), text));
        }
    }
    Ok(pairs)
}
