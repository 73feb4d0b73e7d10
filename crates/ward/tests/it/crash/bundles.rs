//! Transaction bundles: whole or absent.

use std::sync::atomic::{AtomicBool, Ordering};

use fhir::json::{Value, array, object};

use super::{Reach, SYSTEM, Writer, total};
use crate::support::https::FHIR;
use crate::support::{Client, resources, text};

/// Observations of a bundle.
const OBSERVATIONS: u64 = 3;

pub(super) struct Bundles {
    writer: usize,
    next: u64,
    /// Bundles before this one have been checked.
    checked: u64,
    /// Which of them were acknowledged.
    acknowledged: Vec<bool>,
}

impl Bundles {
    pub(super) fn new(writer: usize) -> Self {
        Self { writer, next: 0, checked: 0, acknowledged: Vec::new() }
    }

    fn name(&self, number: u64) -> String {
        format!("w{}-{number}", self.writer)
    }
}

fn identifier(value: &str) -> Value {
    array([object([("system", Value::from(SYSTEM)), ("value", Value::from(value))])])
}

fn bundle(name: &str) -> Value {
    let entry = |url: &str, kind: &str, resource: Value| {
        object([
            ("fullUrl", Value::from(url)),
            ("resource", resource),
            ("request", object([("method", Value::from("POST")), ("url", Value::from(kind))])),
        ])
    };
    let uuid = "urn:uuid:6d9b4a3e-6a52-4b0e-9d6b-6f8f3c2d1a00";
    let patient = object([
        ("resourceType", Value::from("Patient")),
        ("identifier", identifier(name)),
        ("name", array([object([("family", Value::from("Killbundle"))])])),
    ]);
    let mut entries = vec![entry(uuid, "Patient", patient)];
    for index in 0..OBSERVATIONS {
        let code = object([("system", Value::from(SYSTEM)), ("code", Value::from("weight"))]);
        let observation = object([
            ("resourceType", Value::from("Observation")),
            ("identifier", identifier(&format!("{name}-{index}"))),
            ("status", Value::from("final")),
            ("code", object([("coding", array([code]))])),
            ("subject", object([("reference", Value::from(uuid))])),
            ("valueQuantity", object([("value", Value::from(index as i64)), ("unit", Value::from("kg"))])),
        ]);
        let url = format!("urn:uuid:6d9b4a3e-6a52-4b0e-9d6b-6f8f3c2d1a0{}", index + 1);
        entries.push(entry(&url, "Observation", observation));
    }
    object([
        ("resourceType", Value::from("Bundle")),
        ("type", Value::from("transaction")),
        ("entry", Value::from(entries)),
    ])
}

impl Writer for Bundles {
    fn write(&mut self, server: &Reach, stop: &AtomicBool, told: &mut Vec<String>) {
        let mut client = server.client();
        while !stop.load(Ordering::Relaxed) {
            let name = self.name(self.next);
            let id = format!("bundle-{name}");
            self.next += 1;
            let answer =
                client.attempt("POST", "/fhir", &[FHIR, ("x-request-id", &id)], &bundle(&name).to_vec());
            self.acknowledged.push(answer.is_some());
            let Some(answer) = answer else { return };
            assert_eq!(answer.status, 200, "{answer:?}");
            told.push(id);
        }
    }

    fn check(&mut self, client: &mut Client, ever: bool) {
        for number in if ever { 0 } else { self.checked }..self.next {
            let name = self.name(number);
            let found = client.search(&format!("Patient?identifier={SYSTEM}|{name}"));
            let patients = resources(&found);
            let parts: Vec<String> =
                (0..OBSERVATIONS).map(|index| format!("{SYSTEM}|{name}-{index}")).collect();
            let query = format!("Observation?identifier={}", parts.join(","));
            let observations = total(client, &query);
            let counts = (patients.len(), observations);
            if self.acknowledged[number as usize] {
                assert_eq!(counts, (1, 3), "an acknowledged bundle: {name}");
            } else {
                assert!(counts == (0, 0) || counts == (1, 3), "a bundle in doubt: {name}: {counts:?}");
            }
            if let Some(patient) = patients.first() {
                let whose = format!("{query}&subject=Patient/{}", text(patient, "id"));
                assert_eq!(total(client, &whose), 3, "the observations of {name} name its patient");
            }
        }
        self.checked = self.next;
    }
}
