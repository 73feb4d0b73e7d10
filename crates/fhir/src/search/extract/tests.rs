use super::super::{Decimal, LabelOf, NumberRange};
use super::*;
use crate::definitions;
use crate::json::{Limits, parse};
use proptest::prelude::*;

/// Shows a term in one line; test data only.
fn show(term: &Term) -> String {
    let part = |part: &Option<CompactString>| part.as_deref().unwrap_or("-").to_owned();
    match term {
        Term::String(text) => text.to_string(),
        Term::Token { system, code, text, .. } => format!("{}|{}|{}", part(system), part(code), part(text)),
        Term::TypedIdentifier { type_system, type_code, value } => {
            format!("{}|{type_code} of type: {value}", part(type_system))
        }
        Term::Label { text, of } => match of {
            LabelOf::Concept { system, code } => format!("\"{text}\" of {}|{code}", part(system)),
            LabelOf::Target { resource_type, id } => format!("\"{text}\" of {resource_type}/{id}"),
            LabelOf::Nothing => format!("\"{text}\""),
        },
        Term::Date { low_ms, high_ms } => format!("{low_ms}..{high_ms}"),
        Term::Number(range) => numbers(*range),
        Term::Quantity { range, system, code, unit } => {
            format!("{} {}|{}|{}", numbers(*range), part(system), part(code), part(unit))
        }
        Term::Reference(ReferenceTerm::Local { resource_type, id, version }) => {
            format!("{resource_type}/{id}/{}", part(version))
        }
        Term::Reference(ReferenceTerm::Absolute(url)) => url.to_string(),
        Term::Reference(ReferenceTerm::Contained(id)) => format!("#{id}"),
        Term::Reference(ReferenceTerm::Logical { resource_type, system, value }) => {
            format!("{}?{}|{}", part(resource_type), part(system), part(value))
        }
        Term::Reference(ReferenceTerm::Canonical { url, version }) => format!("{url}|{}", part(version)),
        Term::Uri(uri) => uri.to_string(),
        Term::Position(_) => "a place".to_owned(),
        Term::Composite(parts) => parts.iter().map(show).collect::<Vec<_>>().join(" $ "),
    }
}

fn numbers(range: NumberRange) -> String {
    let NumberRange { low, high, low_is_open, high_is_open } = range;
    let is_open = |end: Decimal| [Decimal::MIN, Decimal::MAX].contains(&end);
    let end = |end: Decimal| if is_open(end) { String::new() } else { end.to_string() };
    let above = if low_is_open { ">" } else { "" };
    let below = if high_is_open { "<" } else { "" };
    if low == high { low.to_string() } else { format!("{above}{}..{below}{}", end(low), end(high)) }
}

fn check(resource: &str, code: &str, expected: &[&str]) {
    let resource = parse(resource.as_bytes(), &Limits::default()).unwrap();
    let mut found = Vec::new();
    Registry::base().extract(&resource, &mut |parameter, term| {
        if parameter.code == code {
            found.push(show(&term));
        }
    });
    assert_eq!(found, expected, "{code}");
}

const OBSERVATION: &str = r##"{"resourceType":"Observation","id":"o1",
 "meta":{"profile":["http://example.org/p"],"tag":[{"system":"s","code":"t"}],"source":"http://example.org/feed#1"},
 "status":"final","category":[{"coding":[{"system":"http://c","code":"laboratory"}]}],
 "code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"BP"},{"code":"bp"}],"text":"Blood pressure"},
 "subject":{"reference":"Patient/p1","identifier":{"system":"urn:mrn","value":"77"}},
 "performer":[{"reference":"Practitioner/d1/_history/3"},{"reference":"#inside"},{"reference":"http://other.org/Organization/2"}],
 "effectiveDateTime":"2020-01-01","valueQuantity":{"value":5.40,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"},
 "component":[{"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":120,"comparator":"<"}},
              {"code":{"text":"only text"},"valueCodeableConcept":{"coding":[{"code":"high"}]}}]}"##;

#[test]
fn an_observation_gives_each_kind_of_value() {
    check(OBSERVATION, "_id", &["-|o1|-"]);
    check(OBSERVATION, "_profile", &["http://example.org/p"]);
    check(OBSERVATION, "_tag", &["s|t|-"]);
    check(OBSERVATION, "_source", &["http://example.org/feed#1"]);
    check(OBSERVATION, "_lastUpdated", &[]);
    check(OBSERVATION, "status", &["-|final|-"]);
    check(
        OBSERVATION,
        "code",
        &["http://loinc.org|85354-9|BP", "-|bp|-", "\"Blood pressure\" of http://loinc.org|85354-9"],
    );
    check(OBSERVATION, "subject", &["Patient/p1/-", "-?urn:mrn|77"]);
    check(OBSERVATION, "patient", &["Patient/p1/-", "-?urn:mrn|77"]);
    check(OBSERVATION, "performer", &["Practitioner/d1/3", "#inside", "http://other.org/Organization/2"]);
    check(OBSERVATION, "date", &["1577836800000..1577923200000"]);
    let units = "http://unitsofmeasure.org|mmol/L|mmol/L";
    check(OBSERVATION, "value-quantity", &[&format!("5.40 {units}")]);
    check(OBSERVATION, "component-value-quantity", &["..<120 -|-|-"]);
    check(OBSERVATION, "component-code", &["-|8480-6|-", "-|-|only text"]);
}

#[test]
fn a_composite_joins_what_stands_together() {
    let quantity = "5.40 http://unitsofmeasure.org|mmol/L|mmol/L";
    let (first, second) =
        (format!("http://loinc.org|85354-9|BP $ {quantity}"), format!("-|bp|- $ {quantity}"));
    check(OBSERVATION, "code-value-quantity", &[&first, &second]);
    let component = "-|8480-6|- $ ..<120 -|-|-";
    check(OBSERVATION, "component-code-value-quantity", &[component]);
    check(OBSERVATION, "combo-code-value-quantity", &[&first, &second, component]);
    check(OBSERVATION, "component-code-value-concept", &["-|-|only text $ -|high|-"]);
    let sequence = r#"{"resourceType":"MolecularSequence","referenceSeq":{"chromosome":{"coding":[{"code":"1"}]}},
      "variant":[{"start":3,"end":5}]}"#;
    check(sequence, "chromosome-variant-coordinate", &["-|1|- $ 3 $ 5"]);
}

#[test]
fn a_patient_gives_names_contacts_and_whether_they_live() {
    let patient = r#"{"resourceType":"Patient","id":"p1","active":true,"birthDate":"1974-12",
      "name":[{"family":"Doe","given":["Ann","Bea"],"text":"Dr Ann Doe"}],
      "telecom":[{"system":"phone","value":"555"},{"system":"email","value":"a@example.org"},{"value":"x"}],
      "address":[{"line":["1 Way"],"city":"Town","postalCode":"99"}],
      "link":[{"other":{"reference":"Patient/p2"}}],"deceasedBoolean":false}"#;
    check(patient, "name", &["Doe", "Ann", "Bea", "Dr Ann Doe"]);
    check(patient, "family", &["Doe"]);
    check(patient, "phone", &["-|555|-"]);
    check(patient, "telecom", &["-|555|-", "-|a@example.org|-", "-|x|-"]);
    check(patient, "address", &["1 Way", "Town", "99"]);
    check(patient, "active", &["-|true|-"]);
    check(patient, "deceased", &["-|false|-"]);
    check(patient, "birthdate", &["155088000000..157766400000"]);
    let value = parse(patient.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(patient_compartment(&value), ["p1", "p2"]);
}

#[test]
fn periods_timings_ranges_and_money_become_ranges() {
    let encounter = r#"{"resourceType":"Encounter","period":{"start":"2020-01-01T10:00:00Z"}}"#;
    check(encounter, "date", &[&format!("1577872800000..{}", i64::MAX)]);
    let timing = r#"{"resourceType":"Observation","effectiveTiming":{"event":["2020-01-03","2020-01-01"],
      "repeat":{"boundsPeriod":{"end":"2020-01-04"}}}}"#;
    check(timing, "date", &[&format!("{}..1578182400000", i64::MIN)]);
    let condition =
        r#"{"resourceType":"Condition","onsetRange":{"low":{"value":5,"code":"a"},"high":{"value":6}}}"#;
    check(condition, "onset-age", &["5..6 -|a|-"]);
    let invoice = r#"{"resourceType":"Invoice","totalNet":{"value":10.00,"currency":"EUR"}}"#;
    check(invoice, "totalnet", &["10.00 urn:iso:std:iso:4217|EUR|EUR"]);
    let risk = r#"{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.5}]}"#;
    check(risk, "probability", &["0.5"]);
}

#[test]
fn sampled_data_stands_for_the_bounds_of_its_values() {
    let sampled = |data: &str| {
        format!(
            r#"{{"resourceType":"Observation","valueSampledData":{{"origin":{{"value":10,"code":"mV"}},"period":1,"factor":0.5,
              "dimensions":1,"lowerLimit":2,"data":"{data}"}}}}"#
        )
    };
    check(&sampled("4 -2 E 6"), "value-quantity", &["9.0..13.0 -|mV|-"]);
    check(&sampled("4 L"), "value-quantity", &["..12.0 -|mV|-"]);
    check(&sampled("E"), "value-quantity", &[]);
    check(&sampled("4 x"), "value-quantity", &[]);
}

#[test]
fn types_of_identifiers_and_texts_beside_values_are_given() {
    let patient = r#"{"resourceType":"Patient","identifier":[{"system":"urn:m","value":"7",
      "type":{"coding":[{"system":"t","code":"MR"},{"code":"X"}],"text":"Medical record"}}],
      "managingOrganization":{"reference":"Organization/o","display":"The Ward"},
      "generalPractitioner":[{"display":"Dr Who"}]}"#;
    let typed = ["t|MR of type: 7", "-|X of type: 7", "urn:m|7|Medical record"];
    check(patient, "identifier", &typed);
    check(patient, "organization", &["\"The Ward\" of Organization/o", "Organization/o/-"]);
    check(patient, "general-practitioner", &["\"Dr Who\""]);
}

#[test]
fn choices_and_types_of_targets_decide() {
    let request = r#"{"resourceType":"MedicationRequest","medicationReference":{"reference":"Medication/1"},
      "subject":{"reference":"Group/g"}}"#;
    check(request, "medication", &["Medication/1/-"]);
    check(request, "code", &[]);
    check(request, "subject", &["Group/g/-"]);
    check(request, "patient", &[]);
    let library = r#"{"resourceType":"Library","url":"http://x/L","relatedArtifact":[
      {"type":"depends-on","resource":"http://x/M|2"},{"type":"successor","resource":"http://x/N"}]}"#;
    check(library, "depends-on", &["http://x/M|2"]);
    check(library, "url", &["http://x/L"]);
    assert_eq!(Registry::base().parameter("Observation", "patient").unwrap().targets, ["Patient"]);
    assert!(Registry::base().parameter("Provenance", "target").unwrap().targets.is_empty());
}

#[test]
fn compartments_follow_the_definition() {
    let compartment = |text: &str| patient_compartment(&parse(text.as_bytes(), &Limits::default()).unwrap());
    assert_eq!(compartment(OBSERVATION), ["p1"]);
    let appointment = r#"{"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/a"}},
      {"actor":{"reference":"Practitioner/b"}},{"actor":{"reference":"Patient/c"}},{"actor":{"reference":"Patient/a"}}]}"#;
    assert_eq!(compartment(appointment), ["a", "c"]);
    assert!(compartment(r#"{"resourceType":"Organization","id":"o"}"#).is_empty());
}

#[test]
fn every_parameter_of_the_standard_can_be_read() {
    let mut general = Vec::new();
    for ty in definitions::resource_types() {
        let all = Registry::base().parameters(ty.name);
        let plan = Registry::base().of_type(ty.name).unwrap().plan();
        // All but `_lastUpdated` have a reader.
        assert_eq!(plan.entries.len() + 1, all.len(), "{}", ty.name);
        general.extend(plan.entries.iter().filter_map(|entry| match &entry.reader {
            Reader::General(_) => Some((entry.parameter.resource_type, entry.parameter.code.clone())),
            Reader::Routes(routes) => {
                assert!(!routes.is_empty(), "{:?}", entry.parameter);
                None
            }
            Reader::Composite(routes) => {
                for (_, parts) in routes {
                    assert_eq!(parts.len(), entry.parameter.components.len());
                    assert!(parts.iter().all(|part| !part.is_empty()), "{:?}", entry.parameter);
                }
                None
            }
        }));
        for code in ["_id", "_lastUpdated", "_profile", "_tag", "_security", "_source"] {
            assert!(Registry::base().parameter(ty.name, code).is_some(), "{} {code}", ty.name);
        }
    }
    // Everything else is a plain path.
    assert_eq!(general, [("Patient", "deceased".into())]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = || {
        prop::sample::select(vec![
            "code",
            "coding",
            "system",
            "value",
            "subject",
            "reference",
            "identifier",
            "valueQuantity",
            "component",
            "name",
            "telecom",
            "given",
            "period",
            "effectiveTiming",
            "event",
            "repeat",
            "boundsPeriod",
            "start",
            "meta",
            "tag",
            "low",
        ])
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["Patient/1", "2020", "", "http://x|1", "phone", "9999-12-31"])
            .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names(), inner), 0..6).prop_map(crate::json::object),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_in_a_resource_panics_the_extraction(
        body in any_json(),
        ty in prop::sample::select(vec!["Observation", "Patient", "Encounter", "Bundle", "MolecularSequence", "Nothing"]),
    ) {
        let mut body = body;
        if let Some(object) = body.as_object_mut() {
            object.insert("resourceType", ty);
        }
        Registry::base().extract(&body, &mut |_, _| {});
        let _ = patient_compartment(&body);
    }
}

/// Every resource of the sample bundles; nothing, with a line that says so, where the shared folder is absent.
fn sample_resources() -> Vec<Value> {
    use std::io::Read;
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into();
    let folder =
        std::env::var_os("WARD_SHARED").map_or_else(beside, std::path::PathBuf::from).join("corpus/fhir");
    let mut resources = Vec::new();
    for name in ["synthea-2024-r4.bundles.ndjson.gz", "smart-r4.bundles.ndjson.gz"] {
        let Ok(file) = std::fs::File::open(folder.join(name)) else {
            eprintln!("skipped: 1 corpus checks, shared folder absent");
            continue;
        };
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        for line in text.lines() {
            let bundle = parse(line.as_bytes(), &Limits::default()).unwrap();
            let entries = bundle.get("entry").map_or(&[][..], Value::elements);
            resources.extend(entries.iter().filter_map(|entry| entry.get("resource")).cloned());
        }
    }
    resources
}

#[test]
fn plain_paths_find_what_the_evaluator_finds() {
    let (mut compared, mut terms) = (0_usize, 0_usize);
    // All of them agree; every seventeenth is enough to notice when they stop.
    for resource in sample_resources().iter().step_by(17) {
        let Some(registry) = resource.resource_type().and_then(|name| Registry::base().of_type(name)) else {
            continue;
        };
        for entry in &registry.plan().entries {
            let Reader::Routes(_) = entry.reader else { continue };
            let expression = Expression::parse(&entry.parameter.expression).unwrap();
            // `as` on several items is an error there, and meant as a filter in these expressions.
            if expression.evaluate(resource, &Context::default()).is_err() {
                continue;
            }
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            entry.read(resource, &mut |term| ours.push(show(&term)));
            general(&expression, entry.parameter.kind, resource, &mut |term| theirs.push(show(&term)));
            compared += 1;
            terms += ours.len();
            for found in [&mut ours, &mut theirs] {
                found.sort_unstable();
                found.dedup();
            }
            assert_eq!(ours, theirs, "{:?}", entry.parameter);
        }
    }
    eprintln!("compared {compared} readings with {terms} terms");
}
