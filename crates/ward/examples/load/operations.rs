//! Rows that are neither a plain read nor a plain search: versions, updates, far pages, everything of a patient, the
//! capability statement; and what some rows need to be there beforehand.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::Random;

use crate::Failure;
use crate::arguments::Arguments;
use crate::check::Expect;
use crate::drive::{self, Ask};
use crate::http::Target;
use crate::machine::Watch;
use crate::queries::{ASSESSMENTS, probability};
use crate::truth::Truth;

/// Connections of each row.
const CONNECTIONS: usize = 16;
/// Pages from the first one to the one that is asked for.
const DEEP_PAGES: usize = 20;

/// Requests to draw from, each with what its answer must hold.
type Asks = Vec<(Vec<u8>, Expect)>;

/// Makes what no input holds: assessments for searches by a number, in one batch.
///
/// # Errors
/// When the server refuses it.
pub(crate) async fn prepare(target: &Target, truth: &Truth) -> Result<(), Failure> {
    let Some(patient) = truth.patients.keys().next() else { return Ok(()) };
    let entries: Vec<Value> = (0..ASSESSMENTS)
        .map(|nth| {
            let probability: Value = serde_json::from_str(&probability(nth)).unwrap_or_default();
            json!({
                "request": {"method": "PUT", "url": format!("RiskAssessment/bench-{nth}")},
                "resource": {
                    "resourceType": "RiskAssessment",
                    "id": format!("bench-{nth}"),
                    "status": "final",
                    "subject": {"reference": format!("Patient/{patient}")},
                    "prediction": [{"probabilityDecimal": probability}],
                },
            })
        })
        .collect();
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    let answer = target.connect().await?.call(&target.post("", batch.to_string().as_bytes())).await?;
    if answer.status == 200 {
        Ok(())
    } else {
        Err(format!("the batch was refused: {}", answer.status).into())
    }
}

/// The search parameters of a type that the server's capability statement lists.
///
/// # Errors
/// When the server does not tell.
pub(crate) async fn search_parameters(target: &Target, kind: &str) -> Result<Vec<String>, Failure> {
    let answer = target.connect().await?.call(&target.get("metadata")).await?;
    let statement: Value = serde_json::from_slice(&answer.body)?;
    let resources = statement["rest"][0]["resource"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = resources.iter().find(|one| one["type"] == *kind);
    let parameters =
        found.and_then(|one| one["searchParam"].as_array()).map(Vec::as_slice).unwrap_or_default();
    Ok(parameters.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect())
}

/// The rows, in order; each over what was imported.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn run(
    arguments: &Arguments,
    target: &Target,
    truth: &Truth,
) -> Result<Vec<(String, Value)>, Failure> {
    let mut rows = Vec::new();
    let mut asks: Vec<(&str, Asks)> = vec![
        ("vread", versions(target, truth)),
        ("search deep page", deep_pages(target, truth).await?),
        ("$everything", everything(target, truth)),
        ("metadata", vec![(target.get("metadata"), Expect::Done)]),
    ];
    asks.retain(|(_, asks)| !asks.is_empty());
    for (name, asks) in asks {
        let draw = move |random: &mut Random| {
            let (request, expect) = random.pick(&asks);
            Ask { request: request.clone(), expect: expect.clone() }
        };
        let row = drive::timed(target, arguments.pid, CONNECTIONS, arguments.seconds, Rc::new(draw)).await?;
        rows.push((name.to_owned(), row));
    }
    rows.push(("$export".to_owned(), export(arguments, target).await?));
    Ok(rows)
}

fn versions(target: &Target, truth: &Truth) -> Asks {
    let ids = truth.ids.iter().flat_map(|(kind, ids)| ids.iter().map(move |id| (kind, id)));
    ids.take(100_000)
        .map(|(kind, id)| {
            let request = target.get(&format!("{kind}/{id}/_history/1"));
            (request, Expect::Resource(kind.clone(), id.clone()))
        })
        .collect()
}

fn everything(target: &Target, truth: &Truth) -> Asks {
    let patients = truth.patients.keys().take(5_000);
    patients
        .map(|id| (target.get(&format!("Patient/{id}/$everything?_count=50")), Expect::Holds(id.clone())))
        .collect()
}

/// Links to far pages of the most frequent codes, followed there once.
async fn deep_pages(target: &Target, truth: &Truth) -> Result<Asks, Failure> {
    let mut connection = target.connect().await?;
    let mut far = Vec::new();
    for (code, _) in truth.frequent_codes(10) {
        let mut path = format!("Observation?code={}&_count=50", code.replace('|', "%7C"));
        let mut pages = 0;
        while pages < DEEP_PAGES {
            let answer: Value = serde_json::from_slice(&connection.call(&target.get(&path)).await?.body)?;
            let links = answer["link"].as_array().map(Vec::as_slice).unwrap_or_default();
            let next = links.iter().find(|link| link["relation"] == "next");
            let Some((_, next)) = next.and_then(|link| link["url"].as_str()?.split_once("/fhir/")) else {
                break;
            };
            path = next.to_owned();
            pages += 1;
        }
        if pages > 0 {
            far.push((target.get(&path), Expect::Done));
        }
    }
    Ok(far)
}

/// How long an export may take, in seconds.
const EXPORT_SECONDS_MAX: u64 = 600;

/// An export of everything: from the kick-off to the last byte of the last file. A unit is a resource.
///
/// # Errors
/// When a connection breaks, or the export does not end.
pub(crate) async fn export(arguments: &Arguments, target: &Target) -> Result<Value, Failure> {
    let path = |url: &str| url.split_once("/fhir/").map(|(_, path)| path.to_owned()).ok_or("no URL of ours");
    let mut connection = target.connect().await?;
    let watch = Watch::begin(arguments.pid);
    let begun = Instant::now();
    let taken = connection.call(&target.get_later("$export")).await?;
    let status = path(&taken.place.ok_or_else(|| format!("no job was begun: {}", taken.status))?)?;
    let manifest: Value = loop {
        let answer = connection.call(&target.get(&status)).await?;
        match answer.status {
            200 => break serde_json::from_slice(&answer.body)?,
            202 if begun.elapsed() < Duration::from_secs(EXPORT_SECONDS_MAX) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => return Err(format!("the export did not end: {other}").into()),
        }
    };
    let (mut resources, mut bytes, mut promised) = (0, 0, 0);
    for file in manifest["output"].as_array().into_iter().flatten() {
        promised += file["count"].as_u64().unwrap_or_default();
        let answer = connection.call(&target.get(&path(file["url"].as_str().unwrap_or_default())?)).await?;
        resources += answer.body.iter().filter(|byte| **byte == b'\n').count() as u64;
        bytes += answer.body.len();
    }
    let mut row = watch.end(resources);
    row["errors"] = json!(u8::from(resources != promised || resources == 0));
    row["bytes"] = json!(bytes);
    Ok(row)
}

/// Updates of observations that were imported: each makes a new version.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn update(
    arguments: &Arguments,
    target: &Target,
    truth: &Truth,
    connections: usize,
) -> Result<Value, Failure> {
    let ids = truth.ids.get("Observation").cloned().unwrap_or_default();
    let patients: Vec<String> = truth.patients.keys().cloned().collect();
    if ids.is_empty() || patients.is_empty() {
        return Ok(json!({"errors": 0}));
    }
    let asker = target.clone();
    let draw = move |random: &mut Random| {
        let id = random.pick(&ids).clone();
        let patient: &String = random.pick(&patients);
        let mut observation = crate::rows::observation(patient, random);
        observation["id"] = json!(id);
        let request = asker.put(&format!("Observation/{id}"), observation.to_string().as_bytes());
        Ask { request, expect: Expect::Done }
    };
    drive::timed(target, arguments.pid, connections, arguments.seconds, Rc::new(draw)).await
}
