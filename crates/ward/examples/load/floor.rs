//! The naive work that a row is held against, and the rows that need no server.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use fhir::json::{self, Limits};
use fhir::path::{Context, Expression};
use formats::hl7v2;
use serde_json::{Value, json};

use crate::Failure;
use crate::machine::{round, thread_cpu_ms, yardstick};

/// Processor time that a measurement takes at least, in milliseconds.
const CPU_MS_MIN: f64 = 700.0;
/// Bytes of bundles that the floor goes through once.
const BYTES_MAX: usize = 64 << 20;

/// Milliseconds of processor time for each MB of bundles: `serde_json::from_slice::<Value>` and zstd level 3 of the same
/// bytes.
pub(crate) fn bundles(bundles: &[Rc<[u8]>]) -> Result<f64, Failure> {
    let (mut bytes, began) = (0_usize, thread_cpu_ms());
    let mut compressor = zstd::bulk::Compressor::new(3)?;
    loop {
        let mut once = 0;
        for bundle in bundles {
            black_box(serde_json::from_slice::<Value>(bundle)?);
            black_box(compressor.compress(bundle)?);
            bytes += bundle.len();
            once += bundle.len();
            if once > BYTES_MAX {
                break;
            }
        }
        let spent = thread_cpu_ms() - began;
        if spent >= CPU_MS_MIN || bytes == 0 {
            return Ok(spent / (bytes.max(1) as f64 / 1e6));
        }
    }
}

/// Milliseconds of processor time for each message that is split at every delimiter into owned strings.
pub(crate) fn split(messages: &[Vec<u8>]) -> f64 {
    let (mut count, began) = (0_usize, thread_cpu_ms());
    loop {
        for message in messages {
            let text = String::from_utf8_lossy(message);
            let segments: Vec<Vec<Vec<Vec<String>>>> = text.split('\r').map(fields).collect();
            black_box(segments);
            count += 1;
        }
        let spent = thread_cpu_ms() - began;
        if spent >= CPU_MS_MIN || count == 0 {
            return spent / count.max(1) as f64;
        }
    }
}

fn fields(segment: &str) -> Vec<Vec<Vec<String>>> {
    let repetitions = |field: &str| field.split('~').map(components).collect();
    segment.split('|').map(repetitions).collect()
}

fn components(repetition: &str) -> Vec<String> {
    repetition.split(['^', '&']).map(str::to_owned).collect()
}

/// Runs `work` until enough processor time is spent; gives a row of units a second of one core.
fn alone(mut work: impl FnMut() -> u64) -> Value {
    let before = yardstick();
    work();
    let (began, cpu, mut units) = (Instant::now(), thread_cpu_ms(), 0);
    while thread_cpu_ms() - cpu < CPU_MS_MIN {
        units += work();
    }
    let spent_ms = thread_cpu_ms() - cpu;
    json!({
        "ok": units,
        "wall_s": round(began.elapsed().as_secs_f64()),
        "rate_per_s": round(units as f64 / spent_ms * 1e3),
        "cpu_ms_each": spent_ms / units.max(1) as f64,
        "errors": 0,
        "yardstick_wall_ms": [round(before.0), round(yardstick().0)],
    })
}

/// The reader of HL7 v2 alone, on results of about 2 kB each, one core.
pub(crate) fn parse(stories: &[Vec<Vec<u8>>]) -> Value {
    let results = stories.iter().flatten().filter(|message| message.windows(4).any(|text| text == b"ORU^"));
    let messages: Vec<&Vec<u8>> = results.take(500).collect();
    let options = hl7v2::ParseOptions::default();
    let mut errors = 0_u64;
    let mut row = alone(|| {
        for message in &messages {
            match hl7v2::parse(message, &options) {
                Ok(parsed) => drop(black_box(parsed)),
                Err(_) => errors += 1,
            }
        }
        messages.len() as u64
    });
    let bytes: usize = messages.iter().map(|message| message.len()).sum();
    row["message_bytes_mean"] = json!(bytes / messages.len().max(1));
    row["errors"] = json!(errors);
    row["floor_cpu_ms_each"] = json!(split(&messages.into_iter().cloned().collect::<Vec<_>>()));
    row["floor_ratio"] =
        json!(row["cpu_ms_each"].as_f64().unwrap_or(0.0) / row["floor_cpu_ms_each"].as_f64().unwrap_or(1.0));
    row
}

/// Expressions as search parameters and rules hold them.
const EXPRESSIONS: &[(&str, &str)] = &[
    ("Patient", "Patient.birthDate"),
    ("Patient", "Patient.name.where(use = 'official').family"),
    ("Patient", "Patient.telecom.where(system = 'phone').exists()"),
    ("Observation", "Observation.code.coding.code"),
    ("Observation", "Observation.value.ofType(Quantity).value > 50"),
    ("Observation", "Observation.status = 'final'"),
];

/// FHIRPath alone: expressions read once, evaluated on Patients and Observations of the input, one core.
pub(crate) fn fhirpath(bundles: &[Rc<[u8]>]) -> Result<Value, Failure> {
    let mut resources = Vec::new();
    for bundle in bundles.iter().take(40) {
        let bundle = json::parse(bundle, &Limits::default()).map_err(|_| "a bundle does not parse")?;
        for entry in bundle.get("entry").and_then(json::Value::as_array).unwrap_or_default() {
            if let Some(resource) = entry.get("resource") {
                resources.push(resource.clone());
            }
        }
    }
    let kind = |resource: &json::Value| {
        resource.get("resourceType").and_then(|kind| kind.as_str().map(str::to_owned))
    };
    let mut pairs = Vec::new();
    for (wanted, text) in EXPRESSIONS {
        let expression = Expression::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
        let of_kind = resources.iter().filter(|resource| kind(resource).as_deref() == Some(wanted)).take(50);
        pairs.push((expression, of_kind.collect::<Vec<_>>()));
    }
    let context = Context::default();
    let mut errors = 0_u64;
    let mut row = alone(|| {
        let mut units = 0;
        for (expression, resources) in &pairs {
            for resource in resources {
                match expression.evaluate(resource, &context) {
                    Ok(items) => drop(black_box(items)),
                    Err(_) => errors += 1,
                }
                units += 1;
            }
        }
        units
    });
    row["errors"] = json!(errors);
    Ok(row)
}
