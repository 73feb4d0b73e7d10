//! The loss report: what became of every valued leaf of a message.

use fhir::json::Value;
use fhir::json_object;
use formats::hl7v2::Location;

/// Every valued leaf of a message stands in exactly one of the three lists, in message order. Places only: no values.
#[derive(Clone, Debug, Default)]
pub struct LossReport {
    /// Reached a FHIR element, or decided one.
    pub mapped: Vec<Location>,
    /// Reached nothing.
    pub unmapped: Vec<Entry>,
    /// Left out on purpose.
    pub ignored: Vec<Entry>,
}

/// A place and why it was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub location: Location,
    /// Why, in words for a person.
    pub reason: &'static str,
}

impl LossReport {
    /// How many leaves the message has.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.mapped.len() + self.unmapped.len() + self.ignored.len()
    }

    /// `{"leaves", "mapped": [place], "unmapped": [{"place", "reason"}], "ignored": [{"place", "reason"}]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let place = |location: &Location| Value::from(location.to_string());
        let entries = |entries: &[Entry]| {
            let entry =
                |entry: &Entry| json_object! { "place": place(&entry.location), "reason": entry.reason };
            entries.iter().map(entry).collect::<Vec<_>>()
        };
        json_object! {
            "leaves": i64::try_from(self.leaves()).unwrap_or(i64::MAX),
            "mapped": self.mapped.iter().map(place).collect::<Vec<_>>(),
            "unmapped": entries(&self.unmapped),
            "ignored": entries(&self.ignored),
        }
    }
}
