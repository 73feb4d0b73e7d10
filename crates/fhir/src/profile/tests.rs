//! Profiles in the style of US Core, and the rules of the standard. All made up.

use std::collections::HashMap;

use super::*;
use crate::json::{Limits, parse};
use crate::terminology::{Terminology, core};

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[derive(Default)]
struct Shelf(HashMap<String, Arc<StructureDefinition>>);

impl Profiles for Shelf {
    fn structure(&self, canonical: &str) -> Option<Arc<StructureDefinition>> {
        self.0.get(canonical.split('|').next()?).cloned()
    }
}

/// A profile at `http://p/NAME`; elements as `ID` and what else the ElementDefinition says.
fn profile(name: &str, ty: &str, base: &str, more: &str, elements: &[(&str, &str)]) -> StructureDefinition {
    let elements: Vec<String> = elements
        .iter()
        .map(|(id, says)| {
            let path: Vec<&str> = id.split('.').map(|part| part.split(':').next().unwrap()).collect();
            let slice = id.rsplit('.').next().unwrap().split_once(':').map(|(_, slice)| slice);
            let slice = slice.map(|slice| format!(r#","sliceName":"{slice}""#)).unwrap_or_default();
            let comma = if says.is_empty() { "" } else { "," };
            format!(r#"{{"id":"{id}","path":"{}"{slice}{comma}{says}}}"#, path.join("."))
        })
        .collect();
    let text = format!(
        r#"{{"resourceType":"StructureDefinition","url":"http://p/{name}","type":"{ty}","baseDefinition":"{base}"{more},
        "derivation":"constraint","differential":{{"element":[{}]}}}}"#,
        elements.join(",")
    );
    StructureDefinition::read(&json(&text)).unwrap()
}

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

fn core_url(name: &str) -> String {
    format!("{CORE}{name}")
}

/// A patient with a race extension, vital signs with a sliced category, blood pressure built on them.
fn shelf() -> Shelf {
    let on_patient = r#","context":[{"type":"element","expression":"Patient"}]"#;
    let race = profile(
        "race",
        "Extension",
        &core_url("Extension"),
        on_patient,
        &[
            ("Extension", ""),
            ("Extension.extension:ombCategory", r#""min":0,"max":"2""#),
            ("Extension.extension:ombCategory.url", r#""fixedUri":"ombCategory""#),
            ("Extension.extension:ombCategory.value[x]", r#""min":1,"type":[{"code":"Coding"}]"#),
            ("Extension.extension:text", r#""min":1,"max":"1""#),
            ("Extension.extension:text.url", r#""fixedUri":"text""#),
            ("Extension.extension:text.value[x]", r#""min":1,"type":[{"code":"string"}]"#),
            ("Extension.url", r#""fixedUri":"http://p/race""#),
            ("Extension.value[x]", r#""max":"0""#),
        ],
    );
    let patient = profile(
        "patient",
        "Patient",
        &core_url("Patient"),
        "",
        &[
            (
                "Patient",
                r#""constraint":[{"key":"p-1","severity":"error","human":"a name or a reason","expression":"name.exists() or extension.exists()"}]"#,
            ),
            (
                "Patient.extension:race",
                r#""max":"1","type":[{"code":"Extension","profile":["http://p/race"]}],"mustSupport":true"#,
            ),
            ("Patient.identifier", r#""min":1"#),
            ("Patient.identifier.system", r#""min":1"#),
            (
                "Patient.name",
                r#""max":"2","constraint":[{"key":"p-2","severity":"error","human":"family or given","expression":"family.exists() or given.exists()"}]"#,
            ),
            ("Patient.name.family", r#""maxLength":5"#),
            (
                "Patient.gender",
                r#""min":1,"binding":{"strength":"required","valueSet":"http://hl7.org/fhir/ValueSet/administrative-gender"}"#,
            ),
            ("Patient.birthDate", r#""minValueDate":"1900-01-01""#),
            (
                "Patient.maritalStatus",
                r#""binding":{"strength":"required","valueSet":"http://nowhere/ValueSet/x"}"#,
            ),
            ("Patient.deceased[x]", r#""type":[{"code":"boolean"}]"#),
            (
                "Patient.managingOrganization",
                r#""type":[{"code":"Reference","targetProfile":["http://p/organization"]}]"#,
            ),
        ],
    );
    let organization = profile(
        "organization",
        "Organization",
        &core_url("Organization"),
        "",
        &[("Organization.name", r#""min":1"#)],
    );
    let vitals = profile(
        "vitals",
        "Observation",
        &core_url("Observation"),
        "",
        &[
            (
                "Observation.category",
                r#""min":1,"slicing":{"discriminator":[{"type":"value","path":"coding.code"},{"type":"value","path":"coding.system"}],"rules":"open"}"#,
            ),
            ("Observation.category:VSCat", r#""min":1,"max":"1""#),
            (
                "Observation.category:VSCat.coding.system",
                r#""min":1,"fixedUri":"http://terminology.hl7.org/CodeSystem/observation-category""#,
            ),
            ("Observation.category:VSCat.coding.code", r#""min":1,"fixedCode":"vital-signs""#),
            (
                "Observation.subject",
                r#""min":1,"type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Patient"]}]"#,
            ),
        ],
    );
    let pressure = profile(
        "bp",
        "Observation",
        "http://p/vitals",
        "",
        &[
            ("Observation.category:VSCat.text", r#""min":1"#),
            (
                "Observation.code",
                r#""patternCodeableConcept":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]}"#,
            ),
            (
                "Observation.component",
                r#""min":2,"slicing":{"discriminator":[{"type":"pattern","path":"code"}],"rules":"closed","ordered":true}"#,
            ),
            ("Observation.component:systolic", r#""min":1,"max":"1""#),
            (
                "Observation.component:systolic.code",
                r#""patternCodeableConcept":{"coding":[{"code":"8480-6"}]}"#,
            ),
            ("Observation.component:systolic.valueQuantity.value", r#""min":1,"maxValueDecimal":300"#),
            ("Observation.component:diastolic", r#""min":1,"max":"1""#),
            (
                "Observation.component:diastolic.code",
                r#""patternCodeableConcept":{"coding":[{"code":"8462-4"}]}"#,
            ),
        ],
    );
    let all = [race, patient, organization, vitals, pressure];
    Shelf(all.into_iter().map(|one| (one.url.clone(), Arc::new(one))).collect())
}

fn issues(shelf: &Shelf, resource: &Value, profiles: &[&str]) -> Vec<Issue> {
    let terminology = Terminology::new(core());
    let world = World {
        profiles: shelf,
        codes: Some(&terminology),
        resources: None,
        now: Some((1_795_348_800_000, 0)),
    };
    Validator::new(world).validate(resource, profiles)
}

/// The places of the errors.
fn errors(shelf: &Shelf, resource: &str, profiles: &[&str]) -> Vec<String> {
    let found = issues(shelf, &json(resource), profiles);
    let errors = found.into_iter().filter(|issue| issue.severity >= Severity::Error);
    errors.map(|issue| format!("{}: {}", issue.expression.join(","), issue.details)).collect()
}

#[track_caller]
fn check(resource: &str, profile: &str, expected: &[&str]) {
    let found = errors(&shelf(), resource, &[profile]);
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(fits, "{found:#?}\nexpected {expected:#?}\n{resource}");
}

const PATIENT: &str = r#"{"resourceType":"Patient","extension":[{"url":"http://p/race","extension":[
    {"url":"ombCategory","valueCoding":{"system":"urn:oid:1.2","code":"1"}},{"url":"text","valueString":"t"}]}],
  "identifier":[{"system":"urn:oid:1.2","value":"1"}],"name":[{"family":"Doe"}],"gender":"female","birthDate":"1970-01-01",
  "deceasedBoolean":false}"#;

#[test]
fn a_patient_of_the_profile_is_valid_and_each_deviation_is_found() {
    let with = |from: &str, to: &str| {
        assert!(PATIENT.contains(from), "{from}");
        PATIENT.replace(from, to)
    };
    let profile = "http://p/patient";
    check(PATIENT, profile, &[]);
    check(&with(r#""gender":"female","#, ""), profile, &["Patient.gender: the profile asks for at least 1"]);
    check(&with("urn:oid:1.2\",\"value", "urn:oid:1.2\",\"use"), profile, &["Patient.identifier[0].use"]);
    check(
        &with(r#""system":"urn:oid:1.2","value":"1""#, r#""value":"1""#),
        profile,
        &["Patient.identifier[0].system"],
    );
    check(&with("Doe", "Doe-Smith"), profile, &["Patient.name[0].family: is longer"]);
    check(&with(r#"{"family":"Doe"}"#, r#"{"use":"usual"}"#), profile, &["Patient.name[0]: p-2"]);
    check(
        &with(r#"{"family":"Doe"}"#, r#"{"family":"a"},{"family":"b"},{"family":"c"}"#),
        profile,
        &["Patient.name: the profile allows at most 2"],
    );
    check(&with("1970-01-01", "1870-01-01"), profile, &["Patient.birthDate: is less"]);
    check(
        &with(r#""deceasedBoolean":false"#, r#""deceasedDateTime":"2020""#),
        profile,
        &["Patient.deceased: is a dateTime; the profile allows boolean"],
    );
    check(
        &with(r#",{"url":"text","valueString":"t"}"#, ""),
        profile,
        &["Patient.extension[0].extension: the profile asks for at least 1 in the slice `text`"],
    );
    check(
        &with(r#""valueString":"t""#, r#""valueCode":"t""#),
        profile,
        &["Patient.extension[0].extension[1].value: is a code"],
    );
    check(
        &with(
            r#""deceasedBoolean":false"#,
            r#""maritalStatus":{"extension":[{"url":"http://p/race","extension":[{"url":"text","valueString":"t"}]}]}"#,
        ),
        profile,
        &["Patient.maritalStatus.extension[0]: is not meant for this element"],
    );
}

#[test]
fn what_is_not_loaded_is_said_as_a_warning() {
    let resource = json(&PATIENT.replace(
        r#""deceasedBoolean":false"#,
        r#""maritalStatus":{"coding":[{"system":"s:x","code":"M"}]}"#,
    ));
    let found = issues(&shelf(), &resource, &["http://p/patient"]);
    let said: Vec<(Severity, &str)> =
        found.iter().map(|issue| (issue.severity, issue.details.as_str())).collect();
    assert!(
        said.iter().any(|(severity, text)| *severity == Severity::Warning
            && text.contains("http://nowhere/ValueSet/x is not loaded")),
        "{said:?}"
    );
    let claims =
        json(r#"{"resourceType":"Patient","meta":{"profile":["http://p/unknown","http://p/patient"]}}"#);
    let found = issues(&shelf(), &claims, &[]);
    assert!(
        found
            .iter()
            .any(|issue| issue.severity == Severity::Warning && issue.details.contains("http://p/unknown"))
    );
    assert!(
        found
            .iter()
            .any(|issue| issue.severity == Severity::Error && issue.expression == ["Patient.identifier"]),
        "what is claimed is checked"
    );
    assert!(
        issues(&shelf(), &claims, &["http://p/other"])
            .iter()
            .any(|issue| issue.severity == Severity::Error && issue.code == IssueType::NotFound)
    );
}

const PRESSURE: &str = r#"{"resourceType":"Observation","status":"final","subject":{"reference":"Patient/1"},
  "category":[{"text":"x"},{"text":"y","coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
  "code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"d"}]},
  "component":[{"code":{"coding":[{"code":"8480-6","system":"http://loinc.org"}]},"valueQuantity":{"value":120}},
    {"code":{"coding":[{"code":"8462-4","system":"http://loinc.org"}]},"valueQuantity":{"value":80}}]}"#;

#[test]
fn slices_of_a_profile_and_of_its_base_are_checked() {
    let with = |from: &str, to: &str| {
        assert!(PRESSURE.contains(from), "{from}");
        PRESSURE.replace(from, to)
    };
    let profile = "http://p/bp";
    check(PRESSURE, profile, &[]);
    check(
        &with("vital-signs", "laboratory"),
        profile,
        &["Observation.category: the profile asks for at least 1 in the slice `VSCat`"],
    );
    check(&with(r#""text":"y","#, ""), profile, &["Observation.category[1].text"]);
    check(
        &with("85354-9", "8480-6"),
        profile,
        &["Observation.code: does not have what the profile's pattern"],
    );
    check(
        &with("8462-4", "8480-6"),
        profile,
        &[
            "Observation.component: the profile allows at most 1 in the slice `systolic`",
            "Observation.component: the profile asks for at least 1 in the slice `diastolic`",
        ],
    );
    check(
        &with(r#""8462-4""#, r#""other""#),
        profile,
        &[
            "Observation.component[1]: belongs to no slice",
            "Observation.component: the profile asks for at least 1 in the slice `diastolic`",
        ],
    );
    check(
        &with("8480-6", "x").replace("8462-4", "8480-6").replace("\"x\"", "\"8462-4\""),
        profile,
        &["Observation.component[1]: stands after a slice"],
    );
    check(
        &with(r#""value":120"#, r#""value":301"#),
        profile,
        &["Observation.component[0].value.value: is more"],
    );
    check(
        &with(r#"{"value":120}"#, r#"{"unit":"x"}"#),
        profile,
        &["Observation.component[0].value.value: the profile asks"],
    );
    check(&with("Patient/1", "Group/1"), profile, &["Observation.subject: refers to a Group"]);
    check(
        &with("Patient/1", "Practitioner/1"),
        profile,
        &[
            "Observation.subject: refers to a Practitioner; the profile",
            "Observation.subject: refers to a Practitioner; it may",
        ],
    );
}

#[test]
fn every_kind_of_discriminator_tells_slices_apart() {
    let sliced = |discriminator: &str, rules: &str, slices: &[(&str, &str)]| {
        let slicing = format!(r#""slicing":{{"discriminator":[{discriminator}],"rules":"{rules}"}}"#);
        let mut elements = vec![("Observation.focus", slicing.as_str())];
        elements.extend(slices);
        let mut shelf = shelf();
        let made = profile("sliced", "Observation", &core_url("Observation"), "", &elements);
        shelf.0.insert(made.url.clone(), Arc::new(made));
        shelf
    };
    let resource = |focus: &str| {
        format!(
            r##"{{"resourceType":"Observation","status":"final","code":{{"text":"c"}},"focus":[{focus}],
            "hasMember":[{{"reference":"#o"}}],"contained":[{{"resourceType":"Organization","id":"o","name":"n"}}]}}"##
        )
    };
    let counts = |shelf: &Shelf, focus: &str| errors(shelf, &resource(focus), &["http://p/sliced"]).len();
    let by_type = sliced(
        r#"{"type":"type","path":"resolve()"}"#,
        "closed",
        &[
            (
                "Observation.focus:p",
                r#""max":"1","type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Patient"]}]"#,
            ),
            (
                "Observation.focus:d",
                r#""type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Device"]}]"#,
            ),
        ],
    );
    // dom-3 and the reference's own types are the same in all: an Organization as a member is one error.
    let before = counts(&by_type, r#"{"reference":"Patient/1"},{"reference":"Device/1"}"#);
    assert_eq!(counts(&by_type, r#"{"reference":"Patient/1"},{"reference":"Patient/2"}"#), before + 1);
    assert_eq!(counts(&by_type, r#"{"reference":"Group/1"}"#), before + 1);
    let by_existence = sliced(
        r#"{"type":"exists","path":"display"}"#,
        "open",
        &[("Observation.focus:named", r#""max":"1""#), ("Observation.focus:named.display", r#""min":1"#)],
    );
    assert_eq!(
        counts(&by_existence, r#"{"reference":"Patient/1","display":"d"},{"reference":"Patient/2"}"#),
        before
    );
    assert_eq!(counts(&by_existence, r#"{"display":"d"},{"display":"e"}"#), before + 1);
    let by_profile = sliced(
        r#"{"type":"profile","path":"resolve()"}"#,
        "open",
        &[(
            "Observation.focus:named",
            r#""min":1,"type":[{"code":"Reference","targetProfile":["http://p/organization"]}]"#,
        )],
    );
    assert_eq!(counts(&by_profile, r##"{"reference":"#o"}"##), before);
    assert_eq!(counts(&by_profile, r##"{"reference":"Patient/1"}"##), before + 1);
    let at_end = sliced(
        r#"{"type":"value","path":"$this.type"}"#,
        "openAtEnd",
        &[("Observation.focus:p", ""), ("Observation.focus:p.type", r#""fixedUri":"Patient""#)],
    );
    assert_eq!(counts(&at_end, r#"{"type":"Patient"},{"type":"Device"}"#), before);
    assert_eq!(counts(&at_end, r#"{"type":"Device"},{"type":"Patient"}"#), before + 1);
}

#[test]
fn references_are_held_to_profiles_where_the_target_is_at_hand() {
    let with = |contained: &str| {
        PATIENT.replace(
            r#""deceasedBoolean":false"#,
            &format!(r##""managingOrganization":{{"reference":"#o"}},"contained":[{{"resourceType":"{contained}}}]"##),
        )
    };
    check(&with(r#"Organization","id":"o","name":"n""#), "http://p/patient", &[]);
    check(
        &with(r#"Organization","id":"o","active":true"#),
        "http://p/patient",
        &["Patient.managingOrganization: what it refers to conforms to none", "Patient.contained[0]: org-1"],
    );
    check(
        &with(r#"Location","id":"o","name":"n""#),
        "http://p/patient",
        &[
            "Patient.managingOrganization: refers to a Location; the profile",
            "Patient.managingOrganization: refers to a Location; it may",
        ],
    );
    let bundle = |name: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"fullUrl":"urn:uuid:5d0b8a4e-3b43-4a8e-9d54-1c3f0d6f4a10","resource":{{"resourceType":"Organization"{name}}}}},
            {{"fullUrl":"http://x/Patient/1","resource":{}}}]}}"#,
            PATIENT.replace(r#""deceasedBoolean":false"#, r#""meta":{"profile":["http://p/patient"]},"managingOrganization":{"reference":"urn:uuid:5d0b8a4e-3b43-4a8e-9d54-1c3f0d6f4a10"}"#)
        )
    };
    check(&bundle(r#","name":"n""#), "http://hl7.org/fhir/StructureDefinition/Bundle", &[]);
    check(
        &bundle(r#","identifier":[{"value":"1"}]"#),
        "http://hl7.org/fhir/StructureDefinition/Bundle",
        &["Bundle.entry[1].resource.managingOrganization: what it refers to"],
    );
}

#[test]
fn the_rules_of_the_standard_hold_without_any_profile() {
    let check = |resource: &str, expected: &[&str]| {
        check(resource, "http://hl7.org/fhir/StructureDefinition/Resource", expected)
    };
    check(r#"{"resourceType":"Patient","contact":[{"gender":"male"}]}"#, &["Patient.contact[0]: pat-1"]);
    check(
        r#"{"resourceType":"Patient","identifier":[{"period":{"start":"2021","end":"2020"}}]}"#,
        &["Patient.identifier[0].period: per-1"],
    );
    check(
        r##"{"resourceType":"Patient","managingOrganization":{"reference":"#nowhere"}}"##,
        &["Patient.managingOrganization: ref-1"],
    );
    check(
        r#"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o","name":"n"}]}"#,
        &["Patient: dom-3"],
    );
    check(
        r#"{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>"}}"#,
        &["Patient.text.div: txt-1", "Patient.text.div: txt-2"],
    );
    check(
        r#"{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Patient"}}]}"#,
        &["Bundle: bdl-9", "Bundle: bdl-11", "Bundle: bdl-10"],
    );
    check(
        r#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"http://x/Patient/1"}]}"#,
        &["Bundle.entry[0]: bdl-5"],
    );
    check(
        r#"{"resourceType":"Observation","status":"final","code":{"text":"c"},"subject":{"reference":"Medication/1"}}"#,
        &["Observation.subject: refers to a Medication"],
    );
    check(
        r#"{"resourceType":"Patient","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueString":"x"}]}"#,
        &["Patient.extension[0]: has a value of the wrong type"],
    );
    check(
        r#"{"resourceType":"Patient","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/observation-bodyPosition","valueCodeableConcept":{"text":"x"}}]}"#,
        &["Patient.extension[0]: is not meant"],
    );
    check(
        r#"{"resourceType":"Patient","modifierExtension":[{"url":"http://p/race","extension":[{"url":"text","valueString":"t"}]}]}"#,
        &["Patient.modifierExtension[0]: is no modifier"],
    );
    check(
        r#"{"resourceType":"Patient","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"2020-01-01T00:00:00Z"}]}}"#,
        &[],
    );
}

#[test]
fn a_profile_that_builds_on_itself_is_not_loaded_rather_than_endless() {
    let mut shelf = shelf();
    for (one, other) in [("a", "http://p/b"), ("b", "http://p/a")] {
        let made = profile(one, "Patient", other, "", &[("Patient.name", r#""min":1"#)]);
        shelf.0.insert(made.url.clone(), Arc::new(made));
    }
    let deep = profile(
        "deep",
        "Patient",
        &core_url("Patient"),
        "",
        &[(
            "Patient",
            r#""constraint":[{"key":"d","severity":"error","expression":"conformsTo('http://p/deep')"}]"#,
        )],
    );
    shelf.0.insert(deep.url.clone(), Arc::new(deep));
    let resource = r#"{"resourceType":"Patient"}"#;
    assert_eq!(errors(&shelf, resource, &["http://p/a"]).len(), 1);
    let _ends = errors(&shelf, resource, &["http://p/deep"]);
}
