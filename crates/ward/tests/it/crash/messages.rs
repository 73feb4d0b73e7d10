//! HL7 v2 over MLLP, as a sender does it: a message without an acknowledgement is sent again, and is there once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Reach, Writer};
use crate::support::line::{adt, code};
use crate::support::{Client, Line, resources, text};

pub(super) struct Messages {
    writer: usize,
    /// Messages before this one are acknowledged.
    next: u64,
    checked: u64,
}

impl Messages {
    pub(super) fn new(writer: usize) -> Self {
        Self { writer, next: 0, checked: 0 }
    }

    fn mrn(&self, number: u64) -> String {
        format!("K{}N{number}", self.writer)
    }
}

impl Writer for Messages {
    fn write(&mut self, server: &Reach, stop: &AtomicBool, told: &mut Vec<String>) {
        let Ok(mut line) = Line::tls(server.mllp, Arc::clone(&server.trust)) else { return };
        while !stop.load(Ordering::Relaxed) {
            let control_id = format!("M{}-{}", self.writer, self.next);
            let message = adt("A28", &control_id, &self.mrn(self.next), "Killmessage");
            let Ok(answer) = line.write(&message).and_then(|()| line.read()) else { return };
            assert_eq!(code(&answer), "AA", "{control_id}");
            told.push(control_id);
            self.next += 1;
        }
    }

    fn check(&mut self, client: &mut Client, ever: bool) {
        // The last one is in doubt: it may be there, but not twice.
        for number in if ever { 0 } else { self.checked }..=self.next {
            let query = format!("Patient?identifier=urn:oid:2.999.10.1|{}", self.mrn(number));
            let found = client.search(&query);
            let patients = resources(&found);
            let expected = if number < self.next { 1..=1 } else { 0..=1 };
            assert!(expected.contains(&patients.len()), "{number}: {} of it", patients.len());
            for patient in patients {
                assert_eq!(
                    text(patient, "meta.versionId"),
                    "1",
                    "a message sent twice makes no second version"
                );
            }
        }
        self.checked = self.next;
    }
}
