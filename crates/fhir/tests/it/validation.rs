//! Validation held against data that others made.

use std::path::Path;

use fhir::json::{Limits, Value, parse};
use fhir::validate::validate;

use crate::corpus;

fn read(text: &[u8]) -> Value {
    parse(text, &Limits::default()).unwrap()
}

/// The issues as `code place` lines.
fn issues(value: &Value) -> Vec<String> {
    validate(value)
        .iter()
        .map(|issue| format!("{} {}", issue.code.as_str(), issue.expression.join(",")))
        .collect()
}

#[test]
fn r4_bundles_of_others_read_back_the_same_and_are_valid() {
    let Some(folder) = corpus::folder(2) else { return };
    let mut resources = 0;
    for file in ["synthea-2024-r4.bundles.ndjson.gz", "smart-r4.bundles.ndjson.gz"] {
        for (index, line) in corpus::lines(folder.join(file)).iter().enumerate() {
            let bundle = read(line.as_bytes());
            assert!(read(&bundle.to_vec()) == bundle, "{file} line {index}");
            let issues = validate(&bundle);
            assert!(issues.is_empty(), "{file} line {index}: {issues:#?}");
            resources += bundle.get("entry").unwrap().elements().len();
        }
    }
    assert_eq!(resources, 4892 + 9802);
}

#[test]
fn resources_of_older_versions_are_refused_where_they_differ() {
    let Some(folder) = corpus::folder(4) else { return };
    let stu3 = folder.join("stu3-resources");
    let of = |name: &str| issues(&read(&std::fs::read(stu3.join(name)).unwrap()));
    assert_eq!(of("Patient.json"), ["structure Patient.animal"]);
    assert_eq!(of("Encounter.json"), ["structure Encounter.reason", "structure Encounter.diagnosis[0].role"]);
    assert_eq!(of("Observation.json"), ["structure Observation.related"]);
    assert_eq!(of("Sequence.json"), ["structure Resource"]);

    // What did not change between the versions is valid in both.
    let names = files_without_issues(&stu3);
    let unchanged = [
        "AppointmentResponse",
        "DeviceUseStatement",
        "Location",
        "NamingSystem",
        "OperationOutcome",
        "Organization",
        "Person",
        "Practitioner",
        "PractitionerRole",
        "SearchParameter",
        "Specimen",
        "StructureMap",
    ];
    assert_eq!(names, unchanged);
}

/// Another converter's R4: most of it is valid, and each complaint is a defect of that output (a single `coding` that is no
/// array, a boolean written as text, `valuedateTime`, two types of one choice, a required element left out).
#[test]
fn defects_in_converted_resources_are_found() {
    let Some(folder) = corpus::folder(1) else { return };
    let folder = folder.join("stu3-to-r4-their-output");
    let of = |name: &str| issues(&read(&std::fs::read(folder.join(name)).unwrap()));
    assert_eq!(files_without_issues(&folder).len(), 26);
    assert_eq!(
        of("Condition.json"),
        ["structure Condition.clinicalStatus.coding", "structure Condition.verificationStatus.coding"]
    );
    assert_eq!(of("Bundle.json"), ["required Bundle.entry[0].resource.status"]);
    assert_eq!(
        of("OperationDefinition.json"),
        ["required OperationDefinition.parameter[0].binding.strength"]
    );
}

fn files_without_issues(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| issues(&read(&std::fs::read(path).unwrap())).is_empty())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
