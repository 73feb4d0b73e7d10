//! The run: each row in turn, into one report.

use std::rc::Rc;
use std::time::Instant;

use serde_json::{Value, json};
use testkit::Random;

use crate::arguments::Arguments;
use crate::check::{self, Expect, Page, Tally};
use crate::drive::{self, Ask};
use crate::http::Target;
use crate::input::Input;
use crate::machine::{disk_bytes, resident_mb, round};
use crate::queries::COMPOSITE;
use crate::truth::Truth;
use crate::{Failure, floor, import, messages, operations, queries};

/// Connections of the read row.
const READ_CONNECTIONS: usize = 32;
/// Connections of each search row.
const SEARCH_CONNECTIONS: usize = 16;
/// Connections of the two create rows.
const CREATE_CONNECTIONS: [usize; 2] = [4, 32];

/// Runs the rows that `arguments` name; gives the report.
pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Failure> {
    if arguments.wants("first") {
        return first(arguments).await;
    }
    let input = Rc::new(Input::new(arguments)?);
    let mut rows = Vec::new();
    let mut report = json!({
        "input": {
            "about": input.about,
            "bundles": input.bundles.len(),
            "bundle_mb": round(input.bundle_bytes() as f64 / 1e6),
            "messages": input.stories.iter().map(Vec::len).sum::<usize>(),
        },
    });
    let on_server =
        ["import", "read", "search", "operations", "create", "mllp"].iter().any(|row| arguments.wants(row));
    if on_server {
        let target = Target::new(arguments)?;
        // Everything but the MLLP rows asks for what was imported.
        if ["import", "read", "search", "operations", "create"].iter().any(|row| arguments.wants(row)) {
            with_import(arguments, &target, &input, &mut rows, &mut report).await?;
        }
        if arguments.wants("mllp") {
            say("mllp");
            rows.extend(messages::run(arguments, &target, &input).await?);
        }
        report["resident_mb_at_end"] = json!(round(resident_mb(arguments.pid)));
        report["disk_at_end"] = disk(arguments)?.0;
    }
    if arguments.wants("parse") {
        say("parse");
        rows.push(("parse".to_owned(), floor::parse(&input.stories)));
    }
    if arguments.wants("fhirpath") {
        say("fhirpath");
        rows.push(("fhirpath".to_owned(), floor::fhirpath(&input.bundles)?));
    }
    report["rows"] = rows.into_iter().map(|(name, row)| json!({"name": name, "figures": row})).collect();
    Ok(report)
}

async fn with_import(
    arguments: &Arguments,
    target: &Target,
    input: &Rc<Input>,
    rows: &mut Vec<(String, Value)>,
    report: &mut Value,
) -> Result<(), Failure> {
    say("import");
    let empty = disk(arguments)?.1;
    let floor_before = floor::bundles(&input.bundles)?;
    let (mut row, truth) = import::run(arguments, target, input).await?;
    let floor_ms_mb = f64::midpoint(floor_before, floor::bundles(&input.bundles)?);
    let (parts, full) = disk(arguments)?;
    let ok = row["ok"].as_f64().unwrap_or(0.0).max(1.0);
    let floor_each = floor_ms_mb * row["input_bytes"].as_f64().unwrap_or(0.0) / 1e6 / ok;
    row["floor_cpu_ms_each"] = json!(floor_each);
    row["floor_ratio"] = json!(row["server_cpu_ms_each"].as_f64().unwrap_or(0.0) / floor_each.max(1e-9));
    let kept = row["created"].as_f64().unwrap_or(0.0).max(1.0);
    row["disk_bytes_each"] = json!(full.saturating_sub(empty) as f64 / kept);
    row["disk"] = parts;
    report["resources"] = json!(truth.ids.values().map(Vec::len).sum::<usize>());
    report["types"] = truth.ids.iter().map(|(kind, ids)| (kind.clone(), json!(ids.len()))).collect();
    row["counts_checked"] = counts(target, &truth, &mut row).await?;
    rows.push(("import".to_owned(), row));
    if arguments.wants("read") {
        say("read");
        rows.push(("read".to_owned(), read(arguments, target, &truth).await?));
    }
    if arguments.wants("search") {
        operations::prepare(target, &truth).await?;
        let told = operations::search_parameters(target, "Observation").await?;
        let answered = |name: &str| !name.ends_with("composite") || told.iter().any(|one| one == COMPOSITE);
        for query in queries::all(target, &truth).into_iter().filter(|query| answered(query.name)) {
            say(query.name);
            let row = drive::timed(target, arguments.pid, SEARCH_CONNECTIONS, arguments.seconds, query.draw)
                .await?;
            rows.push((query.name.to_owned(), row));
        }
    }
    if arguments.wants("operations") {
        say("operations");
        rows.extend(operations::run(arguments, target, &truth).await?);
    }
    if arguments.wants("create") {
        for connections in CREATE_CONNECTIONS {
            say("create");
            rows.push((
                format!("create, {connections} clients"),
                create(arguments, target, &truth, connections).await?,
            ));
        }
        say("update");
        let connections = CREATE_CONNECTIONS[1];
        let row = operations::update(arguments, target, &truth, connections).await?;
        rows.push((format!("update, {connections} clients"), row));
    }
    Ok(())
}

/// Asks for exact totals; what differs counts as an error of the import.
async fn counts(target: &Target, truth: &Truth, row: &mut Value) -> Result<Value, Failure> {
    let mut connection = target.connect().await?;
    let (mut tally, mut problems) = (Tally::default(), Vec::new());
    let cases = queries::counts(truth);
    for (path, page) in &cases {
        let answer = connection.call(&target.get(path)).await?;
        if let Err(problem) = check::answer(&Expect::Page(page.clone()), &answer.body, &mut tally) {
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        row["errors"] = json!(row["errors"].as_u64().unwrap_or(0) + problems.len() as u64);
        row["problems_of_counts"] = json!(problems);
    }
    Ok(json!(cases.len()))
}

async fn read(arguments: &Arguments, target: &Target, truth: &Truth) -> Result<Value, Failure> {
    let ids: Vec<(String, String)> =
        truth.ids.iter().flat_map(|(kind, ids)| ids.iter().map(|id| (kind.clone(), id.clone()))).collect();
    let asker = target.clone();
    let draw = move |random: &mut Random| {
        let (kind, id) = random.pick(&ids);
        Ask {
            request: asker.get(&format!("{kind}/{id}")),
            expect: Expect::Resource(kind.clone(), id.clone()),
        }
    };
    drive::timed(target, arguments.pid, READ_CONNECTIONS, arguments.seconds, Rc::new(draw)).await
}

async fn create(
    arguments: &Arguments,
    target: &Target,
    truth: &Truth,
    connections: usize,
) -> Result<Value, Failure> {
    let patients: Vec<String> = truth.patients.keys().cloned().collect();
    let asker = target.clone();
    let draw = move |random: &mut Random| {
        let patient: &String = random.pick(&patients);
        let observation = observation(patient, random);
        Ask { request: asker.post("Observation", observation.to_string().as_bytes()), expect: Expect::Done }
    };
    drive::timed(target, arguments.pid, connections, arguments.seconds, Rc::new(draw)).await
}

/// A heart rate of a patient.
pub(crate) fn observation(patient: &str, random: &mut Random) -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}], "text": "Heart rate"},
        "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": format!("2024-{:02}-{:02}T10:{:02}:00Z", 1 + random.below(12), 1 + random.below(28), random.below(60)),
        "valueQuantity": {"value": 50 + random.below(70), "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    })
}

/// The first answer of a server that has just started: one search with one match.
async fn first(arguments: &Arguments) -> Result<Value, Failure> {
    let began = Instant::now();
    let target = Target::new(arguments)?;
    let mut connection = target.connect().await?;
    let answer = connection.call(&target.get("Patient?_count=1")).await?;
    let page = Page { about: "first answer".to_owned(), matches: 1, ..Page::default() };
    let correct = check::answer(&Expect::Page(page), &answer.body, &mut Tally::default());
    let first_answer_ms = round(began.elapsed().as_secs_f64() * 1e3);
    Ok(json!({
        "first_answer_ms": first_answer_ms,
        "resources": resources(&target).await?,
        "disk": disk(arguments)?.0,
        "status": answer.status,
        "errors": u8::from(correct.is_err()),
        "problems": correct.err(),
        "resident_mb": round(resident_mb(arguments.pid)),
    }))
}

/// How many resources the store holds, counted type by type.
async fn resources(target: &Target) -> Result<u64, Failure> {
    let mut connection = target.connect().await?;
    let metadata: Value = serde_json::from_slice(&connection.call(&target.get("metadata")).await?.body)?;
    let mut sum = 0;
    for kind in metadata["rest"][0]["resource"].as_array().into_iter().flatten() {
        let path = format!("{}?_summary=count", kind["type"].as_str().unwrap_or_default());
        let answer: Value = serde_json::from_slice(&connection.call(&target.get(&path)).await?.body)?;
        sum += answer["total"].as_u64().unwrap_or(0);
    }
    Ok(sum)
}

/// Bytes on disk, by the data folder's parts and together.
fn disk(arguments: &Arguments) -> Result<(Value, u64), Failure> {
    let parts = disk_bytes(&arguments.data)?;
    let sum = parts.iter().map(|(_, bytes)| bytes).sum();
    Ok((parts.into_iter().map(|(name, bytes)| (name, json!(bytes))).collect(), sum))
}

fn say(row: &str) {
    eprintln!("  {row} ...");
}
