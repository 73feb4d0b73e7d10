//! Trains the dictionary that stored bodies are compressed with, from the synthetic hospital, and shows what it saves.
//!
//! `cargo run -p ward --example dictionary -- FILE` writes it to FILE. `crates/repository/dictionaries/` holds those in use:
//! one that a store has used is never changed, only a new number added. Files after it, with one FHIR bundle a line, are
//! measured with and without.

#![allow(clippy::print_stdout, missing_docs, reason = "a tool for developers")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use fhir::json::{self, Value};
use formats::hl7v2::{ParseOptions, parse};
use mapping::hl7v2::Source;
use storage::keys::sha256;
use testkit::{Hospital, Payload};

/// Enough people for every kind of message to come up often.
const PATIENTS: usize = 600;
const SEED: u64 = 11;
/// Samples of a type that are trained on; more add nothing.
const SAMPLES_MAX: usize = 300;
/// Larger ones save no more.
const DICTIONARY_BYTES_MAX: usize = 48 * 1024;
const LEVEL: i32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let target = arguments.next().ok_or("usage: dictionary FILE [BUNDLES…]")?;
    // As many of each type, so that the frequent ones do not crowd out the others.
    let samples: Vec<Vec<u8>> = samples()?.into_values().flatten().collect();
    let dictionary = zstd::dict::from_samples(&samples, DICTIONARY_BYTES_MAX)?;
    std::fs::write(&target, &dictionary)?;
    println!("{} bytes from {} samples", dictionary.len(), samples.len());
    arguments.try_for_each(|file| measure(&file, &dictionary))
}

type Samples = BTreeMap<String, Vec<Vec<u8>>>;

/// Bodies by type, as the store would hold them.
fn samples() -> Result<Samples, Box<dyn Error>> {
    let source = Source::new("adt", "tenant/1", Arc::new(sha256));
    let mut samples = Samples::new();
    let mut add = |value: &Value| {
        let list = samples.entry(value.resource_type().unwrap_or_default().to_owned()).or_default();
        if list.len() < SAMPLES_MAX {
            list.push(value.to_vec());
        }
    };
    for delivery in Hospital::new(SEED, PATIENTS).into_deliveries() {
        match delivery.payload {
            Payload::Hl7v2(bytes) => {
                let Ok(parsed) = parse(&bytes, &ParseOptions::default()) else { continue };
                let Ok(mapped) = mapping::hl7v2::map(&parsed.message, &source) else { continue };
                mapped.intents.iter().for_each(|intent| add(&intent.resource));
            }
            Payload::FhirBundle(bytes) => {
                let Ok(bundle) = json::parse(&bytes, &json::Limits::default()) else { continue };
                let entries = bundle.get("entry").map(Value::elements).unwrap_or_default();
                entries.iter().filter_map(|entry| entry.get("resource")).for_each(&mut add);
            }
        }
    }
    Ok(samples)
}

fn measure(file: &str, dictionary: &[u8]) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read(file)?;
    let mut totals: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let value = json::parse(line, &json::Limits::default())?;
        let entries = value.get("entry").map(Value::elements).unwrap_or_default();
        for resource in entries.iter().filter_map(|entry| entry.get("resource")) {
            let body = resource.to_vec();
            let with = |dictionary: &[u8]| -> Result<usize, Box<dyn Error>> {
                Ok(zstd::bulk::Compressor::with_dictionary(LEVEL, dictionary)?.compress(&body)?.len())
            };
            let sizes = [body.len(), with(&[])?, with(dictionary)?];
            let total = totals.entry(resource.resource_type().unwrap_or_default().to_owned()).or_default();
            total.iter_mut().zip(sizes).for_each(|(total, size)| *total += size);
        }
    }
    println!("{file}: bytes plain, compressed, compressed with the dictionary");
    for (name, total) in &totals {
        println!("  {name} {total:?}");
    }
    let all = totals.values().fold([0; 3], |sum, one| [0, 1, 2].map(|at| sum[at] + one[at]));
    println!("  all {all:?}");
    Ok(())
}
