//! Imports: what was exported comes back the same, broken lines cost only themselves, and a crash costs nothing.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use fhir::json::Value;
use flate2::Compression;
use flate2::write::GzEncoder;
use repository::{
    Error, ErrorKind, ExportOptions, FileRole, ImportInput, Importer, Inputs, JobOptions, JobState, JobStatus,
};
use storage::fault::FaultDisk;

use crate::export::{Works, me, works, works_with};
use crate::fixture::{caller, kind, observation, patient};

/// Inputs by name; `.gz` ones are handed out packed, `.cut` ones packed and cut short.
struct Texts(BTreeMap<&'static str, String>);

impl Inputs for Texts {
    fn open(&self, place: &str) -> repository::Result<Box<dyn Read + Send>> {
        let text =
            self.0.get(place).ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such input"))?;
        let mut bytes = text.clone().into_bytes();
        if place.ends_with(".gz") || place.ends_with(".cut") {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&bytes).unwrap();
            bytes = encoder.finish().unwrap();
        }
        if place.ends_with(".cut") {
            bytes.truncate(bytes.len() / 2);
        }
        Ok(Box::new(Cursor::new(bytes)))
    }
}

pub(crate) fn serve(works: &Works, texts: &[(&'static str, String)]) {
    works.jobs.serve("import", Arc::new(Importer::new(Arc::new(Texts(texts.iter().cloned().collect())))));
}

fn inputs(places: &[&str]) -> Vec<ImportInput> {
    places.iter().map(|place| ImportInput { place: (*place).to_owned(), resource_type: None }).collect()
}

fn ndjson<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    values.into_iter().map(|value| format!("{value}\n")).collect()
}

pub(crate) fn counts(status: &JobStatus) -> [i64; 4] {
    ["created", "updated", "unchanged", "refused"]
        .map(|name| status.result.get("extension").unwrap().get(name).unwrap().as_i64().unwrap())
}

pub(crate) fn import(works: &Works, places: &[&str]) -> JobStatus {
    works.jobs.start().unwrap();
    let id = works.jobs.import(&me(), &inputs(places), "").unwrap();
    works.wait(&me(), &id)
}

/// All resources, without version and time.
pub(crate) fn content(works: &Works) -> BTreeMap<String, Value> {
    let mut lines: Vec<Value> =
        works.export(&me(), &ExportOptions::default()).into_values().flatten().collect();
    for value in &mut lines {
        let meta = value.get_mut("meta").unwrap().as_object_mut().unwrap();
        meta.remove("versionId");
        meta.remove("lastUpdated");
        // An empty object is no FHIR.
        if meta.is_empty() {
            value.as_object_mut().unwrap().remove("meta");
        }
    }
    let name = |value: &Value| format!("{}/{}", value.resource_type().unwrap(), value.get("id").unwrap());
    lines.into_iter().map(|value| (name(&value), value)).collect()
}

#[test]
fn what_is_exported_imports_into_an_empty_store_as_the_same_resources() {
    let first = works().clinic();
    let exported: Vec<Value> =
        first.export(&me(), &ExportOptions::default()).into_values().flatten().collect();
    let second = works_with(JobOptions::default(), FaultDisk::new(2));
    serve(&second, &[("all", ndjson(&exported))]);
    let status = import(&second, &["all"]);
    assert_eq!((status.state, counts(&status)), (JobState::Done, [exported.len() as i64, 0, 0, 0]));
    assert_eq!(content(&second), content(&first));
    let again = import(&second, &["all"]);
    assert_eq!(counts(&again), [0, 0, exported.len() as i64, 0], "equal content makes no version");
    assert!(again.files.is_empty());
}

#[test]
fn inputs_may_be_packed_and_one_that_is_cut_short_fails_the_import_with_its_reason() {
    let works = works();
    let lines = |from: usize| {
        ndjson((from..from + 700).map(|at| patient(&format!("p{at}"), "Packed")).collect::<Vec<_>>().iter())
    };
    serve(&works, &[("a.gz", lines(0)), ("b", lines(700)), ("c.cut", lines(1400))]);
    let status = import(&works, &["a.gz", "b"]);
    assert_eq!((status.state, counts(&status)), (JobState::Done, [1400, 0, 0, 0]));
    let status = import(&works, &["c.cut"]);
    assert_eq!(status.state, JobState::Failed);
    let told = status.failure.unwrap().to_string();
    assert!(told.contains("gzip"), "{told}");
}

#[test]
fn references_may_lead_forward_and_the_order_of_inputs_does_not_matter() {
    let works = works();
    let observations: Vec<Value> =
        (0..2000).map(|number| observation(&format!("o{number}"), "late")).collect();
    serve(&works, &[("first", ndjson(&observations)), ("second", ndjson(&[patient("late", "Late")]))]);
    let status = import(&works, &["first", "second"]);
    assert_eq!(counts(&status), [2001, 0, 0, 0]);
    let found =
        works.store.access(me()).everything("Patient", "late", &repository::EverythingOptions::default());
    assert_eq!(found.unwrap().entries.len(), 1000, "the first page");
}

#[test]
fn a_line_that_is_refused_stands_in_the_errors_with_its_place_and_costs_no_other() {
    let works = works();
    let good = |id: &str| patient(id, id).to_string();
    let text = [
        &good("a"),
        "{broken",
        "",
        r#"{"resourceType":"Patient"}"#,
        r#"{"resourceType":"Nonsense","id":"x"}"#,
        r#"{"resourceType":"Patient","id":"c","birthDate":"yesterday"}"#,
        &good("b"),
        r#"{"resourceType":"Observation","id":"o"}"#,
    ];
    serve(&works, &[("text", text.join("\n"))]);
    let status = import(&works, &["text"]);
    assert_eq!((status.state, counts(&status)), (JobState::Done, [2, 0, 0, 5]));
    let id = works.jobs.import(&me(), &inputs(&["text"]), "").unwrap();
    let lines = works.lines(&me(), &id);
    let errors = &lines[&(FileRole::Error, "OperationOutcome".to_owned())];
    let places: Vec<&str> = errors
        .iter()
        .map(|outcome| {
            assert_eq!(fhir::validate::validate(outcome), []);
            outcome.get("issue").unwrap().at(0).unwrap().get("diagnostics").unwrap().as_str().unwrap()
        })
        .collect();
    assert_eq!(places, [2, 4, 5, 6, 8].map(|line| format!("input 1, line {line}")));
}

#[test]
fn inputs_of_one_type_refuse_others_and_one_that_is_not_there_fails_the_import() {
    let works = works();
    serve(&works, &[("text", ndjson(&[patient("a", "A"), observation("o", "a")]))]);
    works.jobs.start().unwrap();
    let typed = ImportInput { place: "text".to_owned(), resource_type: Some("Patient".to_owned()) };
    let id = works.jobs.import(&me(), &[typed], "").unwrap();
    assert_eq!(counts(&works.wait(&me(), &id)), [1, 0, 0, 1]);
    let status = import(&works, &["nowhere"]);
    assert_eq!(status.state, JobState::Failed);
    assert_eq!(status.failure.unwrap().resource_type(), Some("OperationOutcome"));
}

#[test]
fn rights_are_asked_for_each_type() {
    let works = works();
    serve(&works, &[("text", ndjson(&[patient("a", "A"), observation("o", "a")]))]);
    works.jobs.start().unwrap();
    let some = caller("system/Patient.cruds");
    let id = works.jobs.import(&some, &inputs(&["text"]), "").unwrap();
    assert_eq!(counts(&works.wait(&some, &id)), [1, 0, 0, 1]);
    let typed = ImportInput { place: "text".to_owned(), resource_type: Some("Observation".to_owned()) };
    assert_eq!(kind(works.jobs.import(&some, &[typed], "")), "Denied");
    assert_eq!(kind(works.jobs.import(&caller("system/*.rs"), &inputs(&["text"]), "")), "Denied");
    assert_eq!(kind(works.jobs.import(&some, &[], "")), "Invalid");
}

#[test]
fn lines_handed_in_are_kept_until_a_crash_is_over() {
    let works = works();
    let text = ndjson(&(0..1500).map(|number| patient(&format!("p{number}"), "X")).collect::<Vec<_>>());
    let id = works.jobs.import_lines(&me(), text.as_bytes(), "").unwrap();
    let Works { store, jobs, disk } = works;
    drop((jobs, store));
    let works = works_with(JobOptions::default(), disk.crash());
    serve(&works, &[]);
    works.jobs.start().unwrap();
    assert_eq!(counts(&works.wait(&me(), &id)), [1500, 0, 0, 0]);
    works.jobs.cancel(&me(), &id).unwrap();
    assert_eq!(works.disk.files().iter().filter(|path| path.starts_with("/shelf/job-file")).count(), 0);
}
