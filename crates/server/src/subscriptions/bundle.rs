//! Notifications as Bundles of the Backport guide: first the status as `Parameters`, then what it is about.

use fhir::json::{Value, array, object};
use repository::{Effect, PayloadContent, Told};

use crate::rest::page::Writer;
use crate::time;

const STATUS_PROFILE: &str =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4";

/// Why something is told (<http://hl7.org/fhir/subscription-notification-type>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whether the channel works.
    Handshake,
    /// That the channel still works.
    Heartbeat,
    /// Something happened.
    Event,
    /// Somebody asked for the status.
    QueryStatus,
    /// Somebody asked for events again.
    QueryEvent,
}

impl Kind {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Heartbeat => "heartbeat",
            Self::Event => "event-notification",
            Self::QueryStatus => "query-status",
            Self::QueryEvent => "query-event",
        }
    }
}

/// What a notification says of its subscription.
pub(crate) struct Notice<'a> {
    /// The base URL of this server.
    pub(crate) base: &'a str,
    /// The Subscription's id.
    pub(crate) id: &'a str,
    /// Why.
    pub(crate) kind: Kind,
    /// Its status.
    pub(crate) status: &'static str,
    /// The topic's canonical URL, if it has one.
    pub(crate) topic: Option<&'a str>,
    /// How much is told of each resource.
    pub(crate) content: PayloadContent,
    /// The number of the newest event.
    pub(crate) events: u64,
    /// What went wrong.
    pub(crate) error: Option<&'a str>,
    /// A name for the status entry.
    pub(crate) uuid: &'a str,
}

impl Notice<'_> {
    /// The whole Bundle.
    pub(crate) fn bundle(&self, told: &[Told], now_ms: i64) -> Vec<u8> {
        let bodies: usize =
            told.iter().filter_map(|told| told.versioned.as_ref()).map(|one| one.body.len() + 400).sum();
        let mut out = Writer::new("history", bodies + 2048);
        out.text(&format!(",\"timestamp\":\"{}\"", time::instant(now_ms)));
        let facts = format!(
            ",\"request\":{{\"method\":\"GET\",\"url\":\"Subscription/{}/$status\"}},\"response\":{{\"status\":\"200\"}}",
            self.id
        );
        out.entry(Some(&format!("urn:uuid:{}", self.uuid)), Some(&self.status(told).to_vec()), &facts);
        for told in told {
            let Some(version) = &told.versioned else { continue };
            let (method, status) = match told.event.effect {
                Effect::Created => ("PUT", "201"),
                Effect::Deleted => ("DELETE", "204"),
                _ => ("PUT", "200"),
            };
            let path = version.path();
            let facts = format!(
                ",\"request\":{{\"method\":\"{method}\",\"url\":\"{path}\"}},\"response\":{{\"status\":\"{status}\",\
                 \"etag\":\"W/\\\"{}\\\"\",\"lastModified\":\"{}\"}}",
                version.version,
                version.last_updated(),
            );
            let body = (!version.body.is_empty()).then_some(version.body.as_slice());
            out.entry(Some(&format!("{}/{path}", self.base)), body, &facts);
        }
        out.finish()
    }

    /// The status alone.
    pub(crate) fn status(&self, told: &[Told]) -> Value {
        let parameter =
            |name: &str, kind: &str, value: Value| object([("name", Value::from(name)), (kind, value)]);
        let reference = |to: String| object([("reference", Value::from(to.as_str()))]);
        let subscription = reference(format!("{}/Subscription/{}", self.base, self.id));
        let mut parameters = vec![parameter("subscription", "valueReference", subscription)];
        if let Some(topic) = self.topic.filter(|_| self.content != PayloadContent::Empty) {
            parameters.push(parameter("topic", "valueCanonical", topic.into()));
        }
        parameters.push(parameter("status", "valueCode", self.status.into()));
        parameters.push(parameter("type", "valueCode", self.kind.code().into()));
        let events = Value::from(self.events.to_string().as_str());
        parameters.push(parameter("events-since-subscription-start", "valueString", events));
        for told in told {
            let number = Value::from(told.number.to_string().as_str());
            let mut parts = vec![
                parameter("event-number", "valueString", number),
                parameter("timestamp", "valueInstant", time::instant(told.event.time_ms).as_str().into()),
            ];
            if let Some(version) = &told.versioned {
                let focus = reference(format!("{}/{}", self.base, version.path()));
                parts.push(parameter("focus", "valueReference", focus));
            }
            parameters.push(parameter("notification-event", "part", parts.into()));
        }
        if let Some(error) = self.error {
            let concept = object([("text", Value::from(error))]);
            parameters.push(parameter("error", "valueCodeableConcept", concept));
        }
        object([
            ("resourceType", Value::from("Parameters")),
            ("meta", object([("profile", array([STATUS_PROFILE]))])),
            ("parameter", parameters.into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};
    use repository::{SubscriptionEvent, Versioned};

    use super::*;

    fn told(number: u64, effect: Effect, body: &str) -> Told {
        let event =
            SubscriptionEvent { type_code: 103, number: 1, version: 2, time_ms: 1_795_362_961_999, effect };
        let versioned = Versioned {
            resource_type: "Patient".into(),
            id: "p".into(),
            version: 2,
            last_updated_ms: 1_795_362_961_999,
            body: body.as_bytes().to_vec(),
            deleted: effect == Effect::Deleted,
        };
        Told { number, event, versioned: Some(versioned) }
    }

    #[test]
    fn every_kind_of_notification_is_a_valid_bundle() {
        let body = r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"2","lastUpdated":"2026-11-22T05:00:00Z"}}"#;
        let all =
            [told(1, Effect::Created, body), told(2, Effect::Updated, ""), told(3, Effect::Deleted, "")];
        for kind in [Kind::Handshake, Kind::Heartbeat, Kind::Event, Kind::QueryStatus, Kind::QueryEvent] {
            for told in [&all[..], &[]] {
                let notice = Notice {
                    base: "https://h.example/fhir",
                    id: "s",
                    kind,
                    status: "active",
                    topic: Some("urn:ward:subscription-topic:Patient"),
                    content: PayloadContent::FullResource,
                    events: 3,
                    error: Some("x"),
                    uuid: "63c28e8a-f402-43e4-beb2-75b1c0f6833f",
                };
                let bundle = parse(&notice.bundle(told, 1_795_362_961_999), &Limits::default()).unwrap();
                assert_eq!(fhir::validate::validate(&bundle), [], "{kind:?}");
                let entries = bundle.get("entry").map(Value::elements).unwrap();
                assert_eq!(entries.len(), told.len() + 1);
                assert_eq!(entries[0].get("resource").and_then(Value::resource_type), Some("Parameters"));
            }
        }
    }
}
