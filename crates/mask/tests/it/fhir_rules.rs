//! The methods of rules, one by one, on small resources made here.

use fhir::json::{self, Limits, Value};
use mask::Kind;
use mask::records::Finder;
use mask::records::fhir::{Config, ConfigError, FhirMaskError, FhirMasker};
use mask::transform::{Method, Plan, Reversal, Tally};
use proptest::prelude::*;

use crate::support::{DATES, TestKeys, Words, scope, tools};

fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn masker(rules: &str) -> FhirMasker {
    let text = format!(
        r#"{{"fhirVersion":"R4","fhirPathRules":[{rules}],"parameters":{{"dateShiftScope":"patient"}}}}"#
    );
    FhirMasker::new(Config::parse(text.as_bytes()).unwrap())
}

fn masked_with(masker: &FhirMasker, resource: &str, finder: &dyn Finder) -> (Value, Tally) {
    let (keys, plan) = (TestKeys(1), Plan::labels());
    let masked = masker.mask(&value(resource), tools(&keys, finder, &plan), &scope()).unwrap();
    (masked.resource, masked.tally)
}

fn masked(rules: &str, resource: &str) -> Value {
    masked_with(&masker(rules), resource, &DATES).0
}

fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match part.parse::<usize>() {
        Ok(index) => value.at(index),
        Err(_) => value.get(part),
    })
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    at(value, path).and_then(Value::as_str).unwrap_or("(nothing)")
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","gender":"female","birthDate":"1970-03-14",
    "name":[{"use":"official","family":"Example","given":["Ann","Bea"]}],
    "address":[{"use":"home","line":["12 Example Street"],"city":"Anytown","state":"MA","postalCode":"02139-4307","country":"US"}],
    "telecom":[{"system":"phone","value":"617-555-0123"}],
    "identifier":[{"system":"urn:oid:1.2.3","value":"MRN-000123"}]}"#;

#[test]
fn the_first_rule_that_reaches_an_element_decides() {
    let patient = masked(
        r#"{"path":"nodesByType('Address').state | nodesByType('Address').country","method":"keep"},
           {"path":"nodesByType('Address')","method":"redact"},
           {"path":"Patient.address.city","method":"keep"},
           {"path":"nodesByType('HumanName').use","method":"keep"},
           {"path":"nodesByType('HumanName')","method":"redact"}"#,
        PATIENT,
    );
    assert_eq!(at(&patient, "address.0").unwrap().to_string(), r#"{"state":"MA","country":"US"}"#);
    assert_eq!(at(&patient, "name.0").unwrap().to_string(), r#"{"use":"official"}"#);
    let patient = masked(
        r#"{"path":"Patient.address.city","method":"keep"},{"path":"nodesByName('address')","method":"redact"}"#,
        PATIENT,
    );
    assert_eq!(at(&patient, "address.0").unwrap().to_string(), r#"{"city":"Anytown"}"#);
}

#[test]
fn what_no_rule_reaches_is_inspected() {
    let patient = masked("", PATIENT);
    assert_eq!(text(&patient, "gender"), "female");
    assert_eq!(text(&patient, "name.0.family"), "[NAME]");
    assert_eq!(text(&patient, "address.0.line.0"), "[LOCATION]");
    assert_eq!(text(&patient, "address.0.postalCode"), "02100");
    assert_eq!(text(&patient, "telecom.0.value"), "[PHONE]");
    assert_eq!(text(&patient, "identifier.0.value").len(), 64);
    assert_ne!(text(&patient, "birthDate"), "1970-03-14");
    let observation = r#"{"resourceType":"Observation","status":"final","code":{"text":"by Miller"},
        "note":[{"text":"Seen by Miller on 3/14/2019."}],"valueString":"Miller","unknown":"Miller"}"#;
    let finder = Words(&[("Miller", Kind::Name)]);
    let (observation, tally) = masked_with(&masker(""), observation, &finder);
    assert!(!observation.to_string().contains("Miller"));
    assert!(text(&observation, "note.0.text").starts_with("Seen by [NAME] on "));
    assert_eq!(tally.removed_unread, 1);
    assert!(tally.methods().any(|(method, count)| method == Method::ShiftDate && count == 1));
}

#[test]
fn redacting_keeps_years_young_ages_and_three_digits_where_the_parameters_say_so() {
    let config = |flags: &str| {
        let text = format!(
            r#"{{"fhirPathRules":[{{"path":"Resource","method":"redact"}}],"parameters":{{{flags}}}}}"#
        );
        FhirMasker::new(Config::parse(text.as_bytes()).unwrap())
    };
    let all = r#""enablePartialAgesForRedact":true,"enablePartialDatesForRedact":true,"enablePartialZipCodesForRedact":true,
        "restrictedZipCodeTabulationAreas":["036"]"#;
    let (patient, _) = masked_with(&config(all), PATIENT, &DATES);
    assert_eq!(text(&patient, "birthDate"), "1970");
    assert_eq!(at(&patient, "address.0").unwrap().to_string(), r#"{"postalCode":"02100"}"#);
    assert_eq!(at(&patient, "name"), None);
    let (patient, _) =
        masked_with(&config(all), &PATIENT.replace("1970-", "1931-").replace("02139", "03601"), &DATES);
    assert_eq!(at(&patient, "birthDate"), None);
    assert_eq!(text(&patient, "address.0.postalCode"), "00000");
    let (patient, _) = masked_with(&config(""), PATIENT, &DATES);
    assert_eq!(at(&patient, "birthDate"), None);
    assert_eq!(at(&patient, "address"), None);

    let condition = |age: u32| {
        format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/p1"}},"onsetAge":{{"value":{age},"unit":"a"}}}}"#
        )
    };
    let (young, _) = masked_with(&config(all), &condition(45), &DATES);
    assert_eq!(at(&young, "onsetAge.value").and_then(Value::as_i64), Some(45));
    let (old, _) = masked_with(&config(all), &condition(95), &DATES);
    assert_eq!(at(&old, "onsetAge"), None);
    assert_eq!(fhir::validate::validate(&old), []);
    assert_eq!(text(&old, "subject.extension.0.valueCode"), "masked");
}

#[test]
fn ids_and_references_meet_again() {
    let bundle = r##"{"resourceType":"Bundle","type":"transaction","entry":[
        {"fullUrl":"urn:uuid:4d259dab-0b75-4e8c-9f3b-7d2f00000001","resource":{"resourceType":"Patient","id":"4d259dab-0b75-4e8c-9f3b-7d2f00000001"},
         "request":{"method":"PUT","url":"Patient/4d259dab-0b75-4e8c-9f3b-7d2f00000001"}},
        {"fullUrl":"https://hospital.example/fhir/Observation/o-77","resource":{"resourceType":"Observation","id":"o-77","status":"final","code":{"text":"x"},
          "subject":{"reference":"urn:uuid:4d259dab-0b75-4e8c-9f3b-7d2f00000001"},
          "hasMember":[{"reference":"https://hospital.example/fhir/Observation/o-77/_history/3"},{"reference":"Observation/o-77"},{"reference":"#c1"}],
          "contained":[{"resourceType":"Practitioner","id":"c1"}]},
         "request":{"method":"POST","url":"Observation","ifNoneExist":"identifier=urn:x|MRN-000123"}}]}"##;
    let masker = FhirMasker::safe_harbor().unwrap();
    let (bundle, _) = masked_with(&masker, bundle, &DATES);
    let patient = text(&bundle, "entry.0.resource.id").to_owned();
    assert_eq!(patient.len(), 36);
    assert_eq!(text(&bundle, "entry.0.fullUrl"), format!("urn:uuid:{patient}"));
    assert_eq!(text(&bundle, "entry.0.request.url"), format!("Patient/{patient}"));
    assert_eq!(text(&bundle, "entry.1.resource.subject.reference"), format!("urn:uuid:{patient}"));
    let observation = text(&bundle, "entry.1.resource.id").to_owned();
    assert_eq!(observation.len(), 64);
    let url = text(&bundle, "entry.1.fullUrl");
    assert!(
        url.starts_with("https://masked.invalid/") && url.ends_with(&format!("/Observation/{observation}"))
    );
    assert_eq!(text(&bundle, "entry.1.resource.hasMember.0.reference"), format!("{url}/_history/3"));
    assert_eq!(text(&bundle, "entry.1.resource.hasMember.1.reference"), format!("Observation/{observation}"));
    let contained = text(&bundle, "entry.1.resource.contained.0.id");
    assert_eq!(text(&bundle, "entry.1.resource.hasMember.2.reference"), format!("#{contained}"));
    let (other, _) = masked_with(&masker, PATIENT, &DATES);
    let identifier = text(&other, "identifier.0.value");
    assert_eq!(text(&bundle, "entry.1.request.ifNoneExist"), format!("identifier=urn:x|{identifier}"));
    assert!(!bundle.to_string().contains("hospital.example"));
    assert_eq!(fhir::validate::validate(&bundle), []);
}

#[test]
fn substitute_perturb_encrypt_and_generalize_do_as_the_rules_say() {
    let patient = masked(
        r#"{"path":"nodesByType('Address').city","method":"substitute","replaceWith":"example city"},
           {"path":"nodesByType('HumanName')","method":"substitute","replaceWith":{"text":"nobody"}},
           {"path":"Patient.address.country","method":"encrypt"},
           {"path":"Patient.birthDate","method":"generalize","cases":{"$this >= @1970-01-01 and $this < @1980-01-01":"@1970"}},
           {"path":"Patient.gender","method":"generalize","cases":{"$this = 'male'":"'other'"},"otherValues":"keep"}"#,
        PATIENT,
    );
    assert_eq!(text(&patient, "address.0.city"), "example city");
    assert_eq!(at(&patient, "name.0").unwrap().to_string(), r#"{"text":"nobody"}"#);
    assert_eq!(text(&patient, "birthDate"), "1970");
    assert_eq!(text(&patient, "gender"), "female");
    let keys = TestKeys(1);
    assert_eq!(Reversal::new(&keys).value(text(&patient, "address.0.country")).as_deref(), Some("US"));
    let codes: Vec<&str> =
        at(&patient, "meta.security").unwrap().elements().iter().map(|label| text(label, "code")).collect();
    assert_eq!(codes, ["REDACTED", "ABSTRED", "CRYTOHASH", "ENCRYPT", "SUBSTITUTED", "GENERALIZED"]);

    let observation = r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":100.0,"unit":"mg"}}"#;
    for (rule, low, high) in [
        (r#""path":"(Observation.value as Quantity).value","span":10"#, 95.0, 105.0),
        (r#""path":"Observation.value","span":0.1,"rangeType":"proportional","roundTo":3"#, 95.0, 105.0),
        (r#""path":"Observation.value.ofType(Quantity)","span":0.2,"rangeType":"Proportional""#, 90.0, 110.0),
    ] {
        let observation = masked(&format!(r#"{{{rule},"method":"perturb"}}"#), observation);
        let number: f64 =
            at(&observation, "valueQuantity.value").unwrap().as_number().unwrap().as_str().parse().unwrap();
        assert!((low..=high).contains(&number) && number != 100.0, "{rule}: {number}");
        assert_eq!(text(&observation, "valueQuantity.unit"), "mg");
    }
    let generalized = masked(
        r#"{"path":"Observation.value.ofType(Quantity).value","method":"generalize","cases":{"$this >= 80 and $this < 120":"80"}}"#,
        observation,
    );
    assert_eq!(at(&generalized, "valueQuantity.value").and_then(Value::as_i64), Some(80));
}

#[test]
fn surrogates_stay_people() {
    let patient = masked(
        r#"{"path":"nodesByType('HumanName').use","method":"keep"},{"path":"nodesByType('HumanName')","method":"surrogate"}"#,
        PATIENT,
    );
    let family = text(&patient, "name.0.family");
    assert!(family != "Example" && family.chars().all(char::is_alphabetic), "{family}");
    assert_ne!(text(&patient, "name.0.given.0"), "Ann");
}

#[test]
fn narratives_and_attachments_are_searched() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let data = |text: &str| STANDARD.encode(text);
    let attachment = |content_type: &str, text: &str| {
        format!(
            r#"{{"attachment":{{"contentType":"{content_type}","data":"{}","size":9,"hash":"AAAA","title":"Note"}}}}"#,
            data(text)
        )
    };
    let contents = [
        attachment("text/plain", "Note for Bea Miller, 3/14/2019"),
        attachment(
            "text/html; charset=utf-8",
            "<html><p title='Miller'>Bea <b>Mil</b>ler &amp; <script>Miller</script></p><!-- Miller -->",
        ),
        attachment("application/xml", "<?xml version='1.0'?><a who='Miller'><b>Miller</b></a>"),
        attachment("text/rtf", "{\\rtf1 Bea \\b Miller\\b0 {\\pict Miller}}"),
        attachment("application/pdf", "%PDF Miller"),
        attachment("text/plain; charset=koi8-r", "Miller"),
    ]
    .join(",");
    let document = format!(
        r#"{{"resourceType":"DocumentReference","status":"current",
        "text":{{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p id=\"x\">For <b>Bea</b> Miller <a href=\"https://a.example/Miller\" onclick=\"x('Miller')\">here</a></p></div>"}},
        "content":[{contents}]}}"#
    );
    let finder = Words(&[("Bea Miller", Kind::Name), ("Miller", Kind::Name)]);
    let (document, tally) = masked_with(&masker(""), &document, &finder);
    assert_eq!(
        text(&document, "text.div"),
        r#"<div xmlns="http://www.w3.org/1999/xhtml"><p id="x">For <b>[NAME]</b> <a>here</a></p></div>"#
    );
    let shown = |at_path: &str| {
        let data = text(&document, &format!("{at_path}.attachment.data"));
        String::from_utf8(STANDARD.decode(data).unwrap_or_default()).unwrap()
    };
    assert!(shown("content.0").starts_with("Note for [NAME], "));
    assert_eq!(shown("content.1"), "<html><p title=\"[NAME]\">[NAME]<b></b> &amp; </p>");
    assert_eq!(
        shown("content.2"),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a who=\"[NAME]\"><b>[NAME]</b></a>"
    );
    assert_eq!(shown("content.3"), "{\\rtf1\\ansi\\uc1 [NAME]}");
    for removed in ["content.4", "content.5"] {
        assert_eq!(at(&document, &format!("{removed}.attachment.data")), None);
        assert_eq!(text(&document, &format!("{removed}.attachment.title")), "[attachment removed]");
    }
    assert_eq!(at(&document, "content.0.attachment.hash"), None);
    assert_eq!(
        at(&document, "content.0.attachment.size").and_then(Value::as_i64),
        Some(shown("content.0").len() as i64)
    );
    assert_eq!(tally.removed_unread, 2);
    assert_eq!(fhir::validate::validate(&document), []);
}

#[test]
fn required_elements_that_went_say_that_they_are_masked() {
    let observation = masked(
        r#"{"path":"Observation.status","method":"redact"},{"path":"Observation.code","method":"redact"},
           {"path":"Observation.component","method":"redact"}"#,
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[{"code":{"text":"y"}}]}"#,
    );
    assert_eq!(fhir::validate::validate(&observation), []);
    assert_eq!(text(&observation, "_status.extension.0.valueCode"), "masked");
    assert_eq!(at(&observation, "component"), None);
    let communication = masked(
        r#"{"path":"Communication.payload.content","method":"redact"}"#,
        r#"{"resourceType":"Communication","status":"completed","payload":[{"id":"a","contentString":"x"}]}"#,
    );
    assert_eq!(fhir::validate::validate(&communication), []);
}

#[test]
fn a_seal_counts_only_for_its_keys_rules_and_content() {
    let (plan, resource) = (Plan::labels(), value(PATIENT));
    let masker_a = FhirMasker::safe_harbor().unwrap();
    let once = masker_a.mask(&resource, tools(&TestKeys(1), &DATES, &plan), &scope()).unwrap().resource;
    let again = |masker: &FhirMasker, keys: u8, resource: &Value| {
        masker.mask(resource, tools(&TestKeys(keys), &DATES, &plan), &scope()).unwrap().resource
    };
    assert!(again(&masker_a, 1, &once) == once);
    assert!(again(&masker_a, 2, &once) != once);
    assert!(again(&masker(""), 1, &once) != once);
    let mut changed = once.clone();
    let name = value(r#"[{"family":"Slipped"}]"#);
    changed.as_object_mut().unwrap().insert("name", name);
    assert!(!again(&masker_a, 1, &changed).to_string().contains("Slipped"));
}

#[test]
fn dates_shift_by_the_patient_a_resource_is_about() {
    let masker = FhirMasker::safe_harbor().unwrap();
    let observation = |patient: &str| {
        let text = format!(
            r#"{{"resourceType":"Observation","id":"o","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/{patient}"}},"effectiveDateTime":"2020-01-01"}}"#
        );
        text_of(&masked_with(&masker, &text, &DATES).0, "effectiveDateTime")
    };
    assert_eq!(observation("p1"), observation("p1"));
    assert_ne!(observation("p1"), observation("p2"));
    let patient = r#"{"resourceType":"Patient","id":"p1","birthDate":"2020-01-01"}"#;
    assert_eq!(text_of(&masked_with(&masker, patient, &DATES).0, "birthDate"), observation("p1"));
}

fn text_of(value: &Value, path: &str) -> String {
    text(value, path).to_owned()
}

#[test]
fn a_configuration_that_cannot_be_used_says_which_rule_is_wrong() {
    let parse = |text: &str| Config::parse(text.as_bytes()).map(|_| ()).unwrap_err();
    assert!(matches!(parse("{"), ConfigError::Json(_)));
    assert_eq!(parse(r#"{"fhirVersion":"Stu3","fhirPathRules":[]}"#), ConfigError::Version);
    assert!(matches!(parse("{}"), ConfigError::Member { member: "fhirPathRules", .. }));
    for rule in [
        r#"{"path":"Patient.name"}"#,
        r#"{"path":"Patient.name","method":"explode"}"#,
        r#"{"path":"Patient.name.where(","method":"keep"}"#,
        r#"{"path":"Patient.x.nodesByName('y')","method":"keep"}"#,
        r#"{"path":"Patient.name","method":"perturb"}"#,
        r#"{"path":"Patient.name","method":"perturb","span":-1}"#,
        r#"{"path":"Patient.name","method":"substitute"}"#,
        r#"{"path":"Patient.name","method":"generalize","cases":{"((":"1"}}"#,
    ] {
        let text = format!(r#"{{"fhirPathRules":[{{"path":"Patient","method":"keep"}},{rule}]}}"#);
        assert!(matches!(parse(&text), ConfigError::Rule { rule: 2, .. }), "{rule}");
    }
}

#[test]
fn what_is_no_resource_is_refused_and_a_failing_rule_leaves_nothing() {
    let (keys, plan) = (TestKeys(1), Plan::labels());
    let safe_harbor = FhirMasker::safe_harbor().unwrap();
    for text in ["{}", "[]", "1", r#"{"resourceType":"Nothing"}"#] {
        let error = safe_harbor.mask(&value(text), tools(&keys, &DATES, &plan), &scope()).unwrap_err();
        assert_eq!(error, FhirMaskError::NotAResource);
    }
    let rule = r#"{"path":"Patient.gender","method":"generalize","cases":{"$this.toInteger() + 'a' = 1 / 'b'":"'x'"}}"#;
    let resource = value(PATIENT);
    let raised = masker(rule).mask(&resource, tools(&keys, &DATES, &plan), &scope());
    assert!(matches!(raised, Err(FhirMaskError::Rule { rule: 1, .. })));
    let text = format!(r#"{{"processingErrors":"skip","fhirPathRules":[{rule}]}}"#);
    let skipping = FhirMasker::new(Config::parse(text.as_bytes()).unwrap());
    let empty = skipping.mask(&resource, tools(&keys, &DATES, &plan), &scope()).unwrap().resource;
    let members: Vec<&str> = empty.as_object().unwrap().keys().collect();
    assert_eq!(members, ["resourceType", "meta"]);
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "resourceType",
        "id",
        "name",
        "text",
        "div",
        "status",
        "contained",
        "entry",
        "resource",
        "extension",
        "url",
        "valueString",
        "birthDate",
        "_birthDate",
        "meta",
        "tag",
        "security",
        "given",
        "_given",
        "identifier",
        "value",
        "telecom",
        "data",
        "contentType",
        "photo",
        "x",
    ]);
    let texts = prop::sample::select(vec![
        "Patient",
        "Bundle",
        "Observation",
        "2020-01-01",
        "Ann Example",
        "#",
        "",
        "urn:uuid:x",
        "<div>",
        "&",
        "1999",
        "QQ==",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        texts.prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_json_makes_it_panic_and_twice_is_once(
        value in any_json(),
        ty in prop::sample::select(vec!["Patient", "Bundle", "Observation", "DocumentReference", "Parameters"]),
    ) {
        let Value::Object(mut object) = value else { return Ok(()) };
        object.insert("resourceType", ty);
        let (keys, plan) = (TestKeys(1), Plan::labels());
        let masker = FhirMasker::safe_harbor().unwrap();
        let once = masker.mask(&Value::Object(object), tools(&keys, &DATES, &plan), &scope()).unwrap().resource;
        let twice = masker.mask(&once, tools(&keys, &DATES, &plan), &scope()).unwrap().resource;
        prop_assert!(once == twice);
    }

    #[test]
    fn a_name_slipped_into_any_free_string_of_a_bundle_is_gone(
        place in prop::sample::select(vec![
            "valueString", "note", "comment", "display", "alias", "description", "title", "conclusion", "text",
        ]),
    ) {
        let text = format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[
            {{"resource":{{"resourceType":"Patient","id":"p","name":[{{"family":"Quxbury"}}]}}}},
            {{"resource":{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"{place}":"Quxbury's"}}}}]}}"#
        );
        let (bundle, _) = masked_with(&FhirMasker::safe_harbor().unwrap(), &text, &DATES);
        prop_assert!(!bundle.to_string().contains("Quxbury"));
    }
}
