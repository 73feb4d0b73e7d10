//! Synthea bundles: all are taken, no reference dangles, a second load makes nothing conditional twice, and a rebuilt index
//! has the same rows.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Read;
use std::path::PathBuf;
use std::time::Instant;

use fhir::json::{self, Value};
use repository::{Access, HistoryOptions, HistoryTarget};

use crate::export::{Works, me, works, works_with};
use crate::fixture::{body, hospital};
use crate::import;

fn lines(name: &str) -> Option<Vec<String>> {
    let shared = std::env::var_os("WARD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let file = std::fs::File::open(shared.join("corpus/fhir").join(name)).ok()?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

fn load(access: &Access, bundle: Value) -> Value {
    let result = match bundle.get("type").and_then(Value::as_str) {
        Some("batch") => access.batch(bundle),
        _ => access.transaction(bundle),
    };
    result.unwrap_or_else(|error| panic!("{error}: {:?}", error.issues()))
}

fn references(value: &Value, into: &mut HashSet<String>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| references(element, into)),
        Value::Object(object) => {
            for (key, member) in object.iter() {
                match member.as_str() {
                    Some(text) if key == "reference" && !text.starts_with('#') => {
                        into.insert(text.to_owned());
                    }
                    _ => references(member, into),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn synthea_bundles_load_whole_with_no_dangling_reference() {
    let Some(lines) = lines("synthea-2024-r4.bundles.ndjson.gz") else {
        eprintln!("skipped: 12 corpus checks, shared folder absent");
        return;
    };
    let hospital = hospital();
    let access = hospital.access();
    let started = Instant::now();
    let mut loaded = 0;
    for line in &lines {
        let bundle = json::parse(line.as_bytes(), &json::Limits::default()).unwrap();
        let count = bundle.get("entry").unwrap().elements().len();
        let response = load(&access, bundle);
        let entries = response.get("entry").unwrap().elements();
        assert_eq!(entries.len(), count);
        let failed = entries.iter().find(|entry| !entry.to_string().contains("\"status\":\"20"));
        assert!(failed.is_none(), "{failed:?}");
        loaded += count;
    }
    eprintln!("loaded {loaded} resources in {} ms (test build)", started.elapsed().as_millis());
    let mut ids = HashSet::new();
    let mut targets = HashSet::new();
    let mut options = HistoryOptions { count: Some(500), ..HistoryOptions::default() };
    loop {
        let page = access.history(&HistoryTarget::System, &options).unwrap();
        for entry in &page.entries {
            ids.insert(entry.versioned.path());
            references(&body(&entry.versioned), &mut targets);
        }
        let Some(next) = page.next else { break };
        options.cursor = Some(next);
    }
    assert_eq!(ids.len(), loaded);
    let dangling: Vec<&String> = targets.difference(&ids).collect();
    assert!(dangling.is_empty(), "{} of {} dangle: {:?}", dangling.len(), targets.len(), dangling.first());
    // The hospital and its practitioners are created on condition: a second load finds them.
    for line in lines.iter().take(2) {
        load(&access, json::parse(line.as_bytes(), &json::Limits::default()).unwrap());
    }
    let count = |name: &str| {
        let options = HistoryOptions { count: Some(500), ..HistoryOptions::default() };
        access.history(&HistoryTarget::Type(name.into()), &options).unwrap().entries.len()
    };
    assert_eq!((count("Organization"), count("Practitioner"), count("Location")), (47, 47, 48));
    let parts = &hospital.parts;
    let reports =
        repository::verify(parts.log.clone(), parts.engine.clone(), parts.ring.clone(), &mut |_| {}).unwrap();
    assert!(reports.iter().all(repository::SpaceReport::is_clean), "{reports:?}");
}

/// Bundles of a file that a test run takes; all of them with `WARD_CORPUS=all`.
const BUNDLES: usize = 3;

/// What is exported is imported into an empty store and exported again: the same resources, but for version and time.
#[test]
fn an_export_of_the_corpus_imports_as_the_same_resources() {
    let all = std::env::var_os("WARD_CORPUS").is_some_and(|wish| wish == "all");
    let first = works();
    let access = first.store.access(me());
    let mut bundles = 0;
    for name in ["synthea-2024-r4.bundles.ndjson.gz", "smart-r4.bundles.ndjson.gz"] {
        let Some(lines) = lines(name) else {
            eprintln!("skipped: 1 round trip of {name}, shared folder absent");
            return;
        };
        for line in lines.iter().take(if all { usize::MAX } else { BUNDLES }) {
            let answer = load(&access, json::parse(line.as_bytes(), &json::Limits::default()).unwrap());
            let entries = answer.get("entry").unwrap().elements();
            let failed = entries.iter().find(|entry| !entry.to_string().contains("\"status\":\"20"));
            assert!(failed.is_none(), "{name}: {failed:?}");
            bundles += 1;
        }
    }
    let started = Instant::now();
    let exported = import::content(&first);
    let export_ms = started.elapsed().as_millis();
    let mut text = String::new();
    exported.values().for_each(|value| writeln!(text, "{value}").unwrap());
    let second: Works = works_with(repository::JobOptions::default(), storage::fault::FaultDisk::new(2));
    import::serve(&second, &[("all", text)]);
    let started = Instant::now();
    let status = import::import(&second, &["all"]);
    let import_ms = started.elapsed().as_millis();
    let count = exported.len() as i64;
    assert_eq!(import::counts(&status), [count, 0, 0, 0], "{:?}", status.failure);
    assert!(import::content(&second) == exported, "what came back differs");
    eprintln!(
        "{bundles} bundles, {count} resources: exported in {export_ms} ms, imported in {import_ms} ms (test build)"
    );
}
