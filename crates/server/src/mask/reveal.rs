//! `/mask/reveal`: what was masked so that it can be led back: ids encrypted in their format, values of the method `encrypt`,
//! shifted dates.
//!
//! It needs the scope `ward/reveal`, which no other scope implies, and a purpose of use said in the request itself. The audit event
//! holds the kinds, how many, and the purpose; no values.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use fhir::json::{Value, array, object};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mask::SHIFT_DAYS_MAX;
use mask::transform::{Day, Reversal, ShiftOptions};

use super::MaskSecret;
use super::wishes::is_media;
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};

/// Values of one request.
const VALUES_MAX: usize = 1000;

/// One thing to lead back.
enum Masked {
    /// An id that was encrypted in its format, of a kind such as `MRN`.
    Id { kind: String, value: String },
    /// What the method `encrypt` made.
    Value { value: String },
    /// A date that was shifted with a patient.
    Date { value: String, patient: String },
}

/// Leads back `{"values":[{"method","value","type"|"patient"}]}`; answers `{"values":[{"value"}|{"problem"}]}` in the same order.
pub(super) async fn reveal(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    if !headers.contains_key("x-purpose-of-use") {
        return Err(Refusal::invalid("say what for: `X-Purpose-Of-Use`, a code of HL7 v3 PurposeOfUse"));
    }
    if !is_media(&headers, &["application/json"]) {
        return Err(Refusal::new(faults::MEDIA, "send `application/json`"));
    }
    let body = edge.body(body).await?;
    let asked = read(&edge.parse(&body)?)?;
    let today = Day::of_time(edge.now_ms());
    let done = edge
        .work(move || {
            let led = access.revealing(|key| {
                let secret = MaskSecret::new(Arc::clone(key));
                let reversal = Reversal::new(&secret);
                let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
                let values: Vec<Value> =
                    asked.iter().map(|one| lead(&reversal, one, today, &mut counts)).collect();
                let counts: Vec<String> =
                    counts.iter().map(|(method, count)| format!("{method}={count}")).collect();
                Ok((values, format!("{} of {}", counts.join(" "), asked.len())))
            })?;
            Ok(object([("values", array(led))]).to_vec())
        })
        .await?;
    let mut response = reply::json(StatusCode::OK, done);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn read(value: &Value) -> Result<Vec<Masked>, Refusal> {
    let values = value.get("values").and_then(Value::as_array);
    let values =
        values.ok_or_else(|| Refusal::new(faults::EMPTY, "the member `values`, a list, is missing"))?;
    if values.len() > VALUES_MAX {
        return Err(Refusal::invalid(format!("one request leads back {VALUES_MAX} values at most")));
    }
    values.iter().map(one).collect()
}

fn one(value: &Value) -> Result<Masked, Refusal> {
    let member = |name: &str| {
        let text = value.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| Refusal::invalid(format!("each value is an object with a text `{name}`")))
    };
    let masked = member("value")?;
    match member("method")?.as_str() {
        "id" => Ok(Masked::Id { kind: member("type")?, value: masked }),
        "encrypt" => Ok(Masked::Value { value: masked }),
        "date" => Ok(Masked::Date { value: masked, patient: member("patient")? }),
        _ => Err(Refusal::invalid("`method` is one of id, encrypt, date")),
    }
}

fn lead(reversal: &Reversal<'_>, masked: &Masked, today: Day, counts: &mut BTreeMap<&str, usize>) -> Value {
    let (method, led) = match masked {
        Masked::Id { kind, value } => ("id", reversal.id(kind, value)),
        Masked::Value { value } => ("encrypt", reversal.value(value)),
        Masked::Date { value, patient } => {
            let options = ShiftOptions { days_max: SHIFT_DAYS_MAX, ..ShiftOptions::new(today) };
            let shift = reversal.dates(patient, &options);
            let led = shift.fhir(value).or_else(|| shift.compact(value)).or_else(|| shift.text(value));
            ("date", led)
        }
    };
    match led {
        Some(value) => {
            *counts.entry(method).or_default() += 1;
            object([("value", Value::from(value))])
        }
        None => object([("problem", Value::from("these keys did not make it, or it has no such form"))]),
    }
}
