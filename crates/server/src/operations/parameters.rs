//! What an operation was given: pairs of a query, or a `Parameters` resource (R4 parameters.html).
//!
//! A getter takes what it asks for; [`Parameters::finish`] then refuses what nobody asked for, by name. So a parameter
//! that an operation does not know is never passed over in silence.

use axum::body::Body;
use fhir::json::{self, Value};
use fhir::outcome::{Issue, IssueType};
use fhir::search::date;
use http::{HeaderMap, Method, StatusCode};

use crate::edge::Edge;
use crate::reply::Refusal;
use crate::rest::form::Pairs;
use crate::rest::negotiate::{self, RESOURCE};

/// The parameters of a request: those of its query and, with POST, those of its body, which has to be a `Parameters` resource.
///
/// # Errors
/// 401 before a body is read for nobody; 415, 413, 400 for a body that is no `Parameters` resource.
pub(crate) async fn gathered(
    edge: &Edge,
    method: &Method,
    pairs: &Pairs,
    headers: &HeaderMap,
    body: Body,
) -> Result<Parameters, Refusal> {
    edge.caller(headers)?;
    if method != Method::POST {
        return Ok(Parameters::from_query(pairs));
    }
    negotiate::takes(headers, RESOURCE)?;
    let body = edge.body(body).await?;
    Ok(Parameters::from_body(edge.parse(&body)?)?.and_query(pairs))
}

/// The parameters of one request, by name, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    given: Vec<Given>,
}

#[derive(Debug)]
struct Given {
    name: String,
    value: Content,
    /// FHIRPath of its place in the body; empty for a query.
    place: String,
}

#[derive(Debug)]
enum Content {
    /// Text of a query: any primitive.
    Text(String),
    /// `value[x]`: the name of its type and the value.
    Value(String, Value),
    /// A whole resource.
    Resource(Value),
    /// Parts.
    Parts(Parameters),
    /// Nothing at all.
    Nothing,
}

impl Parameters {
    /// Those of a query. What shapes the answer alone (`_format`, `_pretty`) is left out.
    pub(crate) fn from_query(pairs: &Pairs) -> Self {
        let own = |name: &str| !matches!(name, "_format" | "_pretty");
        let given = pairs.0.iter().filter(|(name, _)| own(name)).map(|(name, value)| Given {
            name: name.clone(),
            value: Content::Text(value.clone()),
            place: String::new(),
        });
        Self { given: given.collect() }
    }

    /// Those of a body: a `Parameters` resource.
    ///
    /// # Errors
    /// 400 for another resource, or a parameter without a name.
    pub(crate) fn from_body(body: Value) -> Result<Self, Refusal> {
        if body.resource_type() != Some("Parameters") {
            return Err(Refusal::invalid("a `Parameters` resource is expected as the body"));
        }
        Self::read(body.get("parameter").map(Value::elements).unwrap_or_default(), "Parameters.parameter")
    }

    fn read(list: &[Value], path: &str) -> Result<Self, Refusal> {
        let mut given = Vec::with_capacity(list.len());
        for (at, one) in list.iter().enumerate() {
            let place = format!("{path}[{at}]");
            let Some(name) = one.get("name").and_then(Value::as_str) else {
                return Err(wrong(&place, "a parameter needs a `name`"));
            };
            let typed = one.as_object().into_iter().flat_map(json::Object::iter);
            let mut typed = typed.filter_map(|(member, value)| Some((member.strip_prefix("value")?, value)));
            let value = if let Some((kind, value)) = typed.next() {
                Content::Value(kind.to_owned(), value.clone())
            } else if let Some(resource) = one.get("resource") {
                Content::Resource(resource.clone())
            } else if let Some(parts) = one.get("part") {
                Content::Parts(Self::read(parts.elements(), &format!("{place}.part"))?)
            } else {
                Content::Nothing
            };
            given.push(Given { name: name.to_owned(), value, place });
        }
        Ok(Self { given })
    }

    /// Adds those of a query to those of a body.
    pub(crate) fn and_query(mut self, pairs: &Pairs) -> Self {
        self.given.extend(Self::from_query(pairs).given);
        self
    }

    /// Whether a parameter of this name is left.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.name == name)
    }

    /// All texts of this name: strings, codes, URIs, dates, and numbers and booleans as they are written.
    ///
    /// # Errors
    /// 400 for one that is no primitive.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let texts = self.take(name).into_iter().map(|given| match given.value {
            Content::Text(text) => Ok(text),
            Content::Value(_, value) => primitive(&value)
                .ok_or_else(|| wrong(&given.place, &format!("`{name}` is a primitive value"))),
            _ => Err(wrong(&given.place, &format!("`{name}` needs a `value[x]`"))),
        });
        texts.collect()
    }

    /// The text of this name.
    ///
    /// # Errors
    /// 400 if it is there twice, or is no primitive.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        let mut texts = self.texts(name)?;
        if texts.len() > 1 {
            return Err(Refusal::invalid(format!("`{name}` is given more than once")));
        }
        Ok(texts.pop())
    }

    /// All codes of this name, where several may also stand in one with commas between.
    ///
    /// # Errors
    /// As [`Self::texts`].
    pub(crate) fn listed(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let texts = self.texts(name)?;
        let split = texts.iter().flat_map(|text| text.split(',')).map(|one| one.trim().to_owned());
        Ok(split.filter(|one| !one.is_empty()).collect())
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// 400 for anything else, or if it is there twice.
    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid(format!("`{name}` is `true` or `false`"))),
        }
    }

    /// A whole number that is not negative.
    ///
    /// # Errors
    /// 400 for anything else, or if it is there twice.
    pub(crate) fn count(&mut self, name: &str) -> Result<Option<usize>, Refusal> {
        let wrong = |_| Refusal::invalid(format!("`{name}` is not a whole number"));
        self.text(name)?.map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// A date, dateTime or instant as the span `[low, high)` that it stands for, in milliseconds since 1970 UTC.
    ///
    /// # Errors
    /// 400 for anything else, or if it is there twice.
    pub(crate) fn span(&mut self, name: &str) -> Result<Option<(i64, i64)>, Refusal> {
        let wrong = || {
            Refusal::invalid(format!("`{name}` is not a date or an instant, such as 2026-01-31T12:00:00Z"))
        };
        self.text(name)?.map(|text| date::range(&text).ok_or_else(wrong)).transpose()
    }

    /// References of this name: `Type/id`, or a `Reference` with one.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(crate) fn references(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let references = self.take(name).into_iter().map(|given| {
            let text = match &given.value {
                Content::Text(text) => Some(text.clone()),
                Content::Value(_, value) => {
                    let inner = value.get("reference").unwrap_or(value);
                    inner.as_str().map(str::to_owned)
                }
                _ => None,
            };
            text.ok_or_else(|| wrong(&given.place, &format!("`{name}` is a reference, such as `Patient/1`")))
        });
        references.collect()
    }

    /// Resources of this name.
    ///
    /// # Errors
    /// 400 for what is no resource.
    pub(crate) fn resources(&mut self, name: &str) -> Result<Vec<Value>, Refusal> {
        let resources = self.take(name).into_iter().map(|given| match given.value {
            Content::Resource(resource) => Ok(resource),
            _ => Err(wrong(&given.place, &format!("`{name}` is given as a `resource`"))),
        });
        resources.collect()
    }

    /// Values of this name that are data types, each with the name of its type (`Coding`, `CodeableConcept`).
    ///
    /// # Errors
    /// 400 for a resource or parts.
    pub(crate) fn values(&mut self, name: &str) -> Result<Vec<(String, Value)>, Refusal> {
        let values = self.take(name).into_iter().map(|given| match given.value {
            Content::Text(text) => Ok(("String".to_owned(), Value::from(text))),
            Content::Value(kind, value) => Ok((kind, value)),
            _ => Err(wrong(&given.place, &format!("`{name}` needs a `value[x]`"))),
        });
        values.collect()
    }

    /// Parameters of this name that have parts.
    ///
    /// # Errors
    /// 400 for one that has none.
    pub(crate) fn parts(&mut self, name: &str) -> Result<Vec<Self>, Refusal> {
        let parts = self.take(name).into_iter().map(|given| match given.value {
            Content::Parts(parts) => Ok(parts),
            _ => Err(wrong(&given.place, &format!("`{name}` has parts"))),
        });
        parts.collect()
    }

    /// All that is left, as pairs of a query: for operations that take search parameters.
    ///
    /// # Errors
    /// 400 for one that is no primitive.
    pub(crate) fn into_pairs(self) -> Result<Pairs, Refusal> {
        let pair = |given: Given| match given.value {
            Content::Text(text) => Ok((given.name, text)),
            Content::Value(_, value) => {
                let text = primitive(&value)
                    .ok_or_else(|| wrong(&given.place, "a search parameter is given as a primitive value"))?;
                Ok((given.name, text))
            }
            _ => Err(wrong(&given.place, "a search parameter is given as a primitive value")),
        };
        Ok(Pairs(self.given.into_iter().map(pair).collect::<Result<_, _>>()?))
    }

    /// Refuses what is left: parameters that the operation does not know.
    ///
    /// # Errors
    /// 400, each named.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        let issue = |given: Given| {
            let text =
                format!("the parameter `{}` is not supported by this operation", printable(&given.name));
            let issue = Issue::error(IssueType::NotSupported, text);
            if given.place.is_empty() { issue } else { issue.at(given.place) }
        };
        let issues: Vec<Issue> = self.given.into_iter().map(issue).collect();
        if issues.is_empty() { Ok(()) } else { Err(Refusal::with_issues(StatusCode::BAD_REQUEST, issues)) }
    }

    fn take(&mut self, name: &str) -> Vec<Given> {
        let (taken, left) = std::mem::take(&mut self.given).into_iter().partition(|given| given.name == name);
        self.given = left;
        taken
    }
}

fn primitive(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

fn wrong(place: &str, text: &str) -> Refusal {
    let issue = Issue::error(IssueType::Invalid, text);
    let issue = if place.is_empty() { issue } else { issue.at(place) };
    Refusal::with_issues(StatusCode::BAD_REQUEST, vec![issue])
}

/// A name as it may be repeated in an answer: short and without control characters.
fn printable(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Result<Parameters, Refusal> {
        Parameters::from_body(json::parse(text.as_bytes(), &json::Limits::default()).unwrap())
    }

    #[test]
    fn a_query_and_a_body_say_the_same() {
        let query = Pairs::parse("_type=Patient,Observation&_since=2026-01-31&_count=5&_format=json&a=true");
        let by_query = Parameters::from_query(&query.unwrap());
        let by_body = body(
            r#"{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},
                {"name":"_type","valueCode":"Observation"},{"name":"_since","valueInstant":"2026-01-31"},
                {"name":"_count","valueInteger":5},{"name":"a","valueBoolean":true}]}"#,
        );
        for mut parameters in [by_query, by_body.unwrap()] {
            assert_eq!(parameters.listed("_type").unwrap(), ["Patient", "Observation"]);
            assert_eq!(parameters.span("_since").unwrap(), date::range("2026-01-31"));
            assert_eq!(parameters.count("_count").unwrap(), Some(5));
            assert_eq!(parameters.boolean("a").unwrap(), Some(true));
            assert_eq!(parameters.text("b").unwrap(), None);
            assert!(parameters.finish().is_ok());
        }
    }

    #[test]
    fn what_is_unknown_twice_or_of_another_shape_is_refused() {
        let given = || Parameters::from_query(&Pairs::parse("a=1&a=2&b=x").unwrap());
        assert!(given().finish().is_err());
        assert!(given().text("a").is_err());
        assert!(given().count("b").is_err() && given().boolean("b").is_err() && given().span("b").is_err());
        assert!(body(r#"{"resourceType":"Patient"}"#).is_err());
        assert!(body(r#"{"resourceType":"Parameters","parameter":[{"valueString":"x"}]}"#).is_err());
        let resource =
            r#"{"resourceType":"Parameters","parameter":[{"name":"a","resource":{"resourceType":"Basic"}}]}"#;
        assert!(body(resource).unwrap().text("a").is_err());
        let reference = r#"{"resourceType":"Parameters","parameter":[{"name":"a","valueReference":{"reference":"Patient/1"}}]}"#;
        assert_eq!(body(reference).unwrap().references("a").unwrap(), ["Patient/1"]);
    }
}
