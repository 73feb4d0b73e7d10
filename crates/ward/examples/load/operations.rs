//! Rows that are neither a plain read nor a plain search: versions, updates, far pages, everything of a patient, the
//! capability statement; and what some rows need to be there beforehand.

use std::rc::Rc;

use serde_json::{Value, json};
use testkit::Random;

use crate::Failure;
use crate::arguments::Arguments;
use crate::check::Expect;
use crate::drive::{self, Ask};
use crate::http::Target;
use crate::queries::{ASSESSMENTS, probability};
use crate::truth::Truth;

/// Connections of each row.
const CONNECTIONS: usize = 16;
/// Pages from the first one to the one that is asked for.
const DEEP_PAGES: usize = 20;

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
    let mut asks: Vec<(&str, Vec<(Vec<u8>, Expect)>)> = vec![
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
    Ok(rows)
}

fn versions(target: &Target, truth: &Truth) -> Vec<(Vec<u8>, Expect)> {
    let ids = truth.ids.iter().flat_map(|(kind, ids)| ids.iter().map(move |id| (kind, id)));
    ids.take(100_000)
        .map(|(kind, id)| {
            let request = target.get(&format!("{kind}/{id}/_history/1"));
            (request, Expect::Resource(kind.clone(), id.clone()))
        })
        .collect()
}

fn everything(target: &Target, truth: &Truth) -> Vec<(Vec<u8>, Expect)> {
    let patients = truth.patients.keys().take(5_000);
    patients
        .map(|id| (target.get(&format!("Patient/{id}/$everything?_count=50")), Expect::Holds(id.clone())))
        .collect()
}

/// Links to far pages of the most frequent codes, followed there once.
async fn deep_pages(target: &Target, truth: &Truth) -> Result<Vec<(Vec<u8>, Expect)>, Failure> {
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
