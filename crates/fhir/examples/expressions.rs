//! How fast expressions and extraction are: `cargo run --release -p fhir --example expressions`. Meaningful on a quiet machine only.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement may stop at the first surprise")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use fhir::json::{self, Value};
use fhir::path::{Context, Expression};
use fhir::search;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","meta":{"profile":["http://example.org/StructureDefinition/p"]},
 "extension":[{"url":"http://example.org/race","valueString":"x"}],"active":true,
 "identifier":[{"system":"http://example.org/mrn","value":"12345"},{"system":"urn:oid:1.2.3","value":"999-99-9999"}],
 "name":[{"use":"official","family":"Doe","given":["Ann","Bea"],"prefix":["Dr."]},{"use":"maiden","family":"Roe","given":["Ann"]}],
 "telecom":[{"system":"phone","value":"555-0100","use":"home"}],"gender":"female","birthDate":"1974-12-25",
 "address":[{"line":["1 Way"],"city":"Town","state":"MA","postalCode":"02144","country":"US"}],
 "maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}],"text":"M"},
 "communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en-US","display":"English"}]}}]}"#;

const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"o1","meta":{"versionId":"1","profile":["http://example.org/StructureDefinition/o"]},
 "status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital signs"}]}],
 "code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel"}],"text":"Blood pressure panel"},
 "subject":{"reference":"Patient/8c95253e-8ee8-9ae8-6d40-021d702dc78e"},"encounter":{"reference":"Encounter/23b99bf8-1f4a-dc4b-0f05-02f8a01c8d05"},
 "effectiveDateTime":"2014-08-14T20:00:09-04:00","issued":"2014-08-14T20:00:09.314-04:00",
 "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4","display":"Diastolic"}],"text":"Diastolic"},"valueQuantity":{"value":76,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
 {"code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic"}],"text":"Systolic"},"valueQuantity":{"value":114,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}"#;

fn read(text: &str) -> Value {
    json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
}

/// Nanoseconds of one `work`, the best of five runs.
fn best_ns(mut work: impl FnMut()) -> f64 {
    const ROUNDS: u32 = 100_000;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            work();
        }
        best = best.min(start.elapsed());
    }
    best.as_secs_f64() * 1e9 / f64::from(ROUNDS)
}

fn main() {
    let (patient, observation) = (read(PATIENT), read(OBSERVATION));
    let context = Context::default();
    for (text, resource) in [
        ("Patient.birthDate", &patient),
        ("Patient.name.given", &patient),
        ("name.given.first()", &patient),
        ("Patient.name.where(use = 'official').family", &patient),
        ("Patient.telecom.where(system='phone').value", &patient),
        ("Patient.deceased.exists() and Patient.deceased != false", &patient),
        ("gender = 'female'", &patient),
        ("Observation.code.coding.code", &observation),
        ("Observation.component.value.ofType(Quantity).value", &observation),
        ("Observation.status = 'final'", &observation),
        ("Observation.effective as dateTime", &observation),
    ] {
        let expression = Expression::parse(text).unwrap();
        let ns = best_ns(|| {
            black_box(expression.evaluate(black_box(resource), &context).unwrap());
        });
        println!("{:>10.0} evaluations/s {ns:>7.0} ns  {text}", 1e9 / ns);
    }
    for (name, resource) in [("Patient", &patient), ("Observation", &observation)] {
        let mut terms = 0;
        search::Registry::base().extract(resource, &mut |_, _| terms += 1);
        let ns = best_ns(|| {
            search::Registry::base().extract(black_box(resource), &mut |parameter, term| {
                black_box((parameter, term));
            })
        });
        println!("{ns:>10.0} ns to extract {terms} terms of {name}");
        let ns = best_ns(|| {
            black_box(search::patient_compartment(black_box(resource)));
        });
        println!("{ns:>10.0} ns for the compartment of {name}");
    }
}
