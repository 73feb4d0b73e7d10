//! What the tour prints.

use std::collections::BTreeMap;
use std::path::Path;

use fhir::json::{self, Value};
use http::Method;
use testkit::Showcase;

use super::feed::Sent;
use crate::client::Client;
use crate::commands::audit;
use crate::commands::serve::Served;
use crate::failure::{During, Failure, Result};
use crate::output;

/// The types that are gathered for one patient, each with its reference to the patient.
const RECORD: &[(&str, &str)] = &[
    ("Encounter", "subject"),
    ("Condition", "subject"),
    ("AllergyIntolerance", "patient"),
    ("Observation", "subject"),
    ("DiagnosticReport", "subject"),
    ("ServiceRequest", "subject"),
    ("MedicationRequest", "subject"),
    ("Immunization", "patient"),
    ("DocumentReference", "subject"),
    ("Coverage", "beneficiary"),
    ("RelatedPerson", "patient"),
];

/// Sent, acknowledged, committed, quarantined.
pub(crate) fn sent(sent: &Sent, served: &Served) {
    let rows: Vec<Vec<String>> = sent
        .answers
        .iter()
        .map(|((feed, answer), count)| vec![(*feed).to_owned(), meaning(answer), count.to_string()])
        .collect();
    output::table(&["feed", "answer", "messages"], &rows);
    let total: u64 = sent.answers.values().sum();
    say!(
        "{total} sent and answered in {:.1} s, each answer after its message was durable",
        sent.took.as_secs_f64()
    );
    say!("\nWhat became of the HL7 v2 messages:");
    let rows: Vec<Vec<String>> = outcomes(served)
        .into_iter()
        .map(|((channel, outcome), count)| vec![channel, outcome, count.to_string()])
        .collect();
    output::table(&["channel", "outcome", "messages"], &rows);
    let mut causes: BTreeMap<(String, String), u64> = BTreeMap::new();
    for entry in served.home.ingest.quarantined(None) {
        *causes.entry((entry.channel, entry.reason.text)).or_default() += 1;
    }
    say!("\nIn quarantine (kept, not committed):");
    let rows: Vec<Vec<String>> =
        causes.into_iter().map(|((channel, text), count)| vec![channel, count.to_string(), text]).collect();
    output::table(&["channel", "messages", "reason"], &rows);
}

/// Messages by channel and outcome, as `/metrics` tells them.
fn outcomes(served: &Served) -> BTreeMap<(String, String), u64> {
    let text = served
        .metrics
        .as_ref()
        .map(metrics_exporter_prometheus::PrometheusHandle::render)
        .unwrap_or_default();
    let label = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    text.lines()
        .filter(|line| line.starts_with("ingest_messages_total{"))
        .filter_map(|line| {
            let count = line.rsplit(' ').next()?.parse().ok()?;
            Some(((label(line, "channel")?, label(line, "outcome")?), count))
        })
        .collect()
}

fn meaning(answer: &str) -> String {
    let words = match answer {
        "AA" => "committed, or nothing new",
        "AE" => "error: kept in quarantine",
        "AR" => "rejected: kept in quarantine",
        "200" => "committed",
        "400" | "404" | "412" | "422" => "refused whole",
        _ => "",
    };
    format!("{answer} {words}").trim_end().to_owned()
}

/// One person's record, gathered from the feeds by the hospital's number.
pub(crate) async fn record(client: &mut Client, person: &Showcase) -> Result {
    say!("\nOne person's record, found by the hospital's number {}:", person.mrn);
    let identifier = encode(&format!("{}|{}", person.system, person.mrn));
    let found = get(client, &format!("Patient?identifier={identifier}")).await?;
    let mut rows = Vec::new();
    for patient in resources(&found) {
        let id = text(patient, "id").to_owned();
        let name = patient.get("name").and_then(|names| names.at(0));
        let family = name.map(|name| text(name, "family")).unwrap_or_default();
        let systems = patient.get("identifier").map(Value::elements).unwrap_or_default();
        rows.push(vec![
            source(patient),
            "Patient".to_owned(),
            "1".to_owned(),
            format!("{family}, born {}, {} identifiers", text(patient, "birthDate"), systems.len()),
        ]);
        for (resource_type, parameter) in RECORD {
            let page = get(client, &format!("{resource_type}?{parameter}=Patient/{id}&_count=200")).await?;
            let mut feeds: BTreeMap<String, (u64, String)> = BTreeMap::new();
            for resource in resources(&page) {
                let entry = feeds.entry(source(resource)).or_default();
                entry.0 += 1;
                entry.1 = about(resource);
            }
            for (feed, (count, example)) in feeds {
                rows.push(vec![feed, (*resource_type).to_owned(), count.to_string(), example]);
            }
        }
    }
    output::table(&["feed", "type", "count", "such as"], &rows);
    Ok(())
}

/// The channel that a resource came by, as `meta.source` says; bundles by HTTPS carry none.
fn source(resource: &Value) -> String {
    let source = resource.get("meta").map(|meta| text(meta, "source")).unwrap_or_default();
    let channel = source.split('#').next().unwrap_or_default().rsplit(['/', ':']).next().unwrap_or_default();
    if channel.is_empty() { "fhir".to_owned() } else { channel.to_owned() }
}

/// A few words about a resource: its code's text or display, or its status.
fn about(resource: &Value) -> String {
    let concept = ["code", "type", "medicationCodeableConcept", "vaccineCode"].iter().find_map(|name| {
        let concept = resource.get(name)?;
        let concept = concept.at(0).unwrap_or(concept);
        let coding = concept.get("coding").and_then(|codings| codings.at(0));
        let words = text(concept, "text");
        if words.is_empty() { coding.map(|coding| text(coding, "display")) } else { Some(words) }
    });
    let status = text(resource, "status");
    match concept.filter(|words| !words.is_empty()) {
        Some(words) => {
            format!("{words} {}", if status.is_empty() { String::new() } else { format!("({status})") })
        }
        None => status.to_owned(),
    }
}

/// Three searches with their answers.
pub(crate) async fn searches(client: &mut Client, person: &Showcase) -> Result {
    say!("\nThree searches:");
    let searches = [
        format!("Patient?family={}&_summary=count", encode(&person.family)),
        format!(
            "Observation?code={}&_sort=-date&_count=3",
            encode(&format!("http://loinc.org|{}", person.loinc))
        ),
        format!(
            "Observation?subject:Patient.identifier={}&_summary=count",
            encode(&format!("{}|{}", person.system, person.mrn))
        ),
    ];
    for search in searches {
        let page = get(client, &search).await?;
        let total = page
            .get("total")
            .and_then(Value::as_i64)
            .map_or_else(|| "?".to_owned(), |total| total.to_string());
        say!("  GET /fhir/{}\n    {total} in all", search.replace("%2F", "/").replace("%7C", "|"));
        for resource in resources(&page) {
            let value = resource.get("valueQuantity").map(|quantity| {
                let number = quantity
                    .get("value")
                    .and_then(Value::as_number)
                    .map(json::Number::as_str)
                    .unwrap_or_default();
                format!("{number} {}", text(quantity, "unit"))
            });
            let when = text(resource, "effectiveDateTime");
            say!(
                "    {} {when} {} {}",
                text(resource, "resourceType"),
                about(resource),
                value.unwrap_or_default()
            );
        }
    }
    Ok(())
}

/// The audit log, verified with its public key alone.
pub(crate) fn audit(served: &Served) -> Result {
    served.home.audit.settle().during("the audit log could not be written")?;
    let report = audit::check(&served.home.base)?;
    if let Some(problem) = report.problems.first() {
        return Err(Failure::new(format!("the audit log does not verify: {problem}")));
    }
    say!("\nThe audit log verifies: {} events, root {}", report.tree_size, hex::encode(report.root));
    Ok(())
}

/// What a visitor can do next.
pub(crate) fn how_to_go_on(served: &Served, secret: &str, data: &Path) {
    let authority = data.join("tls").join("ca.crt");
    say!("\nGo on (Ctrl-C ends it):");
    say!("  export TOKEN={secret}");
    say!("  curl --cacert {} {}/fhir/metadata", authority.display(), served.url);
    for path in [
        "Patient?_count=2",
        "Observation?code=http://loinc.org|2345-7&_sort=-date",
        "Encounter?_include=Encounter:subject",
    ] {
        say!(
            "  curl --cacert {} -H \"Authorization: Bearer $TOKEN\" '{}/fhir/{path}'",
            authority.display(),
            served.url
        );
    }
    for (channel, address) in &served.mllp {
        say!("  MLLP over TLS, channel `{channel}`: {address}");
    }
}

async fn get(client: &mut Client, path: &str) -> Result<Value> {
    let (status, body) = client.call(Method::GET, &format!("/fhir/{path}"), &[], Vec::new()).await?;
    if !status.is_success() {
        return Err(Failure::new(format!("a search of the demo was answered with {status}")));
    }
    json::parse(&body, &json::Limits::default()).during("an answer is not JSON")
}

fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
    bundle
        .get("entry")
        .map(Value::elements)
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| entry.get("resource"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            let plain = byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
            if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        })
        .collect()
}
