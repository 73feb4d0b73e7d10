//! Creates on condition and updates with `If-Match`: the acknowledged version stays, and what was in doubt is there once or
//! not at all.

use std::sync::atomic::{AtomicBool, Ordering};

use fhir::json::{Value, array, object};

use super::{Reach, SYSTEM, Writer, total};
use crate::support::https::FHIR;
use crate::support::{Client, number};

/// Updates of one patient before the next one is created.
const UPDATES: i64 = 12;

pub(super) struct Singles {
    writer: usize,
    requests: u64,
    patients: Vec<Patient>,
    /// Patients before this one have been checked and are not written any more.
    checked: usize,
}

struct Patient {
    name: String,
    /// Its id, once the create was acknowledged.
    id: Option<String>,
    /// The acknowledged version, and the count that it holds.
    version: u64,
    count: i64,
    /// The count of an update that was sent and not acknowledged.
    doubtful: Option<i64>,
}

impl Singles {
    pub(super) fn new(writer: usize) -> Self {
        Self { writer, requests: 0, patients: Vec::new(), checked: 0 }
    }
}

impl Patient {
    fn body(&self, count: i64) -> Vec<u8> {
        let identifier =
            object([("system", Value::from(SYSTEM)), ("value", Value::from(self.name.as_str()))]);
        let mut members = vec![("resourceType", Value::from("Patient"))];
        members.extend(self.id.as_deref().map(|id| ("id", Value::from(id))));
        members.push(("identifier", array([identifier])));
        members.push(("name", array([object([("family", Value::from("Killsingle"))])])));
        members.push(("multipleBirthInteger", Value::from(count)));
        object(members).to_vec()
    }

    /// One write. `false` if the connection broke.
    fn step(&mut self, client: &mut Client, request: &str) -> bool {
        let id = ("x-request-id", request);
        let Some(own) = &self.id else {
            let condition = format!("identifier={SYSTEM}|{}", self.name);
            let headers = [FHIR, id, ("if-none-exist", condition.as_str())];
            let Some(answer) = client.attempt("POST", "/fhir/Patient", &headers, &self.body(0)) else {
                return false;
            };
            // 200: the create in doubt had come through.
            assert!(matches!(answer.status.as_u16(), 200 | 201), "{answer:?}");
            let location = answer.header("location");
            self.id = location.split('/').rev().nth(2).map(str::to_owned);
            (self.version, self.count) = (answer.version(), 0);
            return true;
        };
        let count = self.count + 1;
        let tag = format!("W/\"{}\"", self.version);
        let headers = [FHIR, id, ("if-match", tag.as_str())];
        let answer = client.attempt("PUT", &format!("/fhir/Patient/{own}"), &headers, &self.body(count));
        let Some(answer) = answer else {
            self.doubtful = Some(count);
            return false;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.version(), self.version + 1);
        (self.version, self.count) = (self.version + 1, count);
        true
    }

    fn check(&mut self, client: &mut Client) {
        let query = format!("Patient?identifier={SYSTEM}|{}", self.name);
        let found = total(client, &query);
        let Some(id) = &self.id else {
            assert!(found <= 1, "{} was created {found} times", self.name);
            return;
        };
        assert_eq!(found, 1, "{} was created", self.name);
        let path = format!("/fhir/Patient/{id}");
        let standing = client.get(&path);
        let (version, count) = (standing.version(), number(&standing.ok(), "multipleBirthInteger").unwrap());
        match self.doubtful.take() {
            Some(doubtful) if version == self.version + 1 => {
                assert_eq!(count, doubtful);
                (self.version, self.count) = (version, count);
            }
            _ => assert_eq!((version, count), (self.version, self.count), "{}", self.name),
        }
        let history = client.get(&format!("{path}/_history?_count=100")).ok();
        assert_eq!(number(&history, "total"), Some(version as i64));
        // Every version holds the count that made it.
        let first = client.get(&format!("{path}/_history/1")).ok();
        assert_eq!(number(&first, "multipleBirthInteger"), Some(0));
        if version > 1 {
            let middle = client.get(&format!("{path}/_history/{}", version / 2 + 1)).ok();
            assert_eq!(number(&middle, "multipleBirthInteger"), Some(version as i64 / 2));
        }
    }
}

impl Writer for Singles {
    fn write(&mut self, server: &Reach, stop: &AtomicBool, told: &mut Vec<String>) {
        let mut client = server.client();
        while !stop.load(Ordering::Relaxed) {
            if self.patients.last().is_none_or(|patient| patient.count >= UPDATES) {
                let name = format!("s{}-{}", self.writer, self.patients.len());
                self.patients.push(Patient { name, id: None, version: 0, count: 0, doubtful: None });
            }
            self.requests += 1;
            let request = format!("single-{}-{}", self.writer, self.requests);
            let patient = self.patients.last_mut().unwrap();
            if !patient.step(&mut client, &request) {
                return;
            }
            told.push(request);
        }
    }

    fn check(&mut self, client: &mut Client, ever: bool) {
        let from = if ever { 0 } else { self.checked };
        self.patients[from..].iter_mut().for_each(|patient| patient.check(client));
        self.checked = self.patients.len().saturating_sub(1);
    }
}
