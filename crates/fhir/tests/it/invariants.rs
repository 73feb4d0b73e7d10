//! What must hold for any bytes; shared by the replayed inputs and the fuzz targets.

use fhir::json::{self, Value};
use fhir::path::{Bounds, Context, Expression};
use fhir::search::{self, query};

const PATIENT: &str = r##"{"resourceType":"Patient","id":"p1","active":true,"birthDate":"1974-12-25",
 "_birthDate":{"extension":[{"url":"u","valueDateTime":"1974-12-25T14:35:45-05:00"}]},
 "name":[{"use":"official","family":"Doe","given":["Ann",null],"_given":[null,{"id":"x"}]}],
 "generalPractitioner":[{"reference":"#p"},{"reference":"Organization/1"}],
 "contained":[{"resourceType":"Practitioner","id":"p","active":true}],"multipleBirthInteger":2}"##;

/// A parsed expression is written so that it parses back, and evaluating it ends.
pub(crate) fn check_fhirpath(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(expression) = Expression::parse(text) else { return };
    let written = expression.to_string();
    assert_eq!(Expression::parse(&written).as_ref(), Ok(&expression), "{text} is written as {written}");
    let patient = json::parse(PATIENT.as_bytes(), &json::Limits::default()).unwrap();
    let bounds = Bounds { steps_max: 50_000, items_max: 5_000, text_bytes_max: 50_000, ..Bounds::default() };
    let context = Context { now: Some((0, 0)), bounds, ..Context::default() };
    let once = expression.evaluate(&patient, &context);
    assert_eq!(once, expression.evaluate(&patient, &context), "a second evaluation gives something else");
}

/// `Type?name=value&name=value`, not percent-encoded. A request that is read is read the same from the pairs it used.
pub(crate) fn check_search_query(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (resource_type, rest) = text.split_once('?').unwrap_or(("Observation", text));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    let pairs: Vec<_> = rest.split('&').map(pair).collect();
    let limits = query::Limits::default();
    let strict = query::parse(search::Registry::base(), resource_type, &pairs, false, &limits);
    let Ok(lenient) = query::parse(search::Registry::base(), resource_type, &pairs, true, &limits) else {
        assert!(strict.is_err(), "what is refused leniently is refused strictly");
        return;
    };
    if let Ok(strict) = strict {
        assert!(lenient.ignored.is_empty());
        assert_eq!(strict, lenient);
    }
    let again = query::parse(search::Registry::base(), resource_type, &lenient.used, false, &limits).unwrap();
    assert_eq!(again.criteria, lenient.criteria);
    assert_eq!(again.sort, lenient.sort);
}

/// JSON that is read is written so that it reads back; validation and extraction take whatever it is.
pub(crate) fn check_fhir_json(input: &[u8]) {
    let Ok(value) = json::parse(input, &json::Limits::default()) else { return };
    let written = value.to_vec();
    assert_eq!(json::parse(&written, &json::Limits::default()).as_ref(), Ok(&value));
    let _ = fhir::validate::validate(&value);
    search::Registry::base().extract(&value, &mut |_, _| {});
    let _ = search::patient_compartment(&value);
    let _: Option<&Value> = value.get("id");
}
