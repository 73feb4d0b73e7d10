//! One event of the audit log, its compact form in a row, and its form as a FHIR AuditEvent.

use std::borrow::Cow;

use fhir::json::{self, Value, object};
use storage::keys::TenantId;

use crate::access::{Actor, ActorKind, Interaction, Purpose};

mod codec;

/// How it went. The numbers are those of `AuditEvent.outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 0: done.
    Success,
    /// 4: refused or not possible, and nothing wrong with Ward: denied, not found, conflict, invalid.
    Refused,
    /// 8: an error of Ward.
    Failed,
}

impl Outcome {
    /// The code of `AuditEvent.outcome`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Success => "0",
            Self::Refused => "4",
            Self::Failed => "8",
        }
    }
}

/// What was done to one resource. The letters are those of `AuditEvent.action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// C
    Created,
    /// R: shown.
    Shown,
    /// U
    Updated,
    /// D
    Deleted,
}

impl Action {
    fn code(self) -> &'static str {
        match self {
            Self::Created => "C",
            Self::Shown => "R",
            Self::Updated => "U",
            Self::Deleted => "D",
        }
    }
}

/// One resource that was shown or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The FHIR type.
    pub resource_type: Cow<'static, str>,
    /// The logical id.
    pub id: String,
    /// The version that was shown or made.
    pub version: u64,
    /// What was done.
    pub action: Action,
}

/// What happened: one request, one message, one administrative act.
///
/// It is PHI, taken together: who looked at whose record. It never holds the content of a resource or of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// Whose data.
    pub tenant: TenantId,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub purpose: Purpose,
    /// What.
    pub interaction: Interaction,
    /// On which type, where it concerns one.
    pub resource_type: Option<Cow<'static, str>>,
    /// How it went.
    pub outcome: Outcome,
    /// The request's id, as it stands in logs and answers; or the identity of a message, hashed.
    pub request_id: String,
    /// Where from: network address, channel, command.
    pub source: String,
    /// A keyed hash of the search or operation, so that equal ones can be found without keeping what was asked.
    pub query_hash: Option<[u8; 16]>,
    /// A code or short words without PHI: why it was refused, what an administrator did.
    pub detail: String,
    /// What was shown and changed.
    pub entities: Vec<Entity>,
}

impl Event {
    /// An event without source, detail and entities, to be filled in.
    pub fn new(
        time_ms: i64,
        tenant: TenantId,
        actor: Actor,
        purpose: Purpose,
        interaction: Interaction,
    ) -> Self {
        Self {
            time_ms,
            tenant,
            actor,
            purpose,
            interaction,
            resource_type: None,
            outcome: Outcome::Success,
            request_id: String::new(),
            source: String::new(),
            query_hash: None,
            detail: String::new(),
            entities: Vec::new(),
        }
    }

    /// Adds a resource that was shown.
    pub fn shown(
        &mut self,
        resource_type: impl Into<Cow<'static, str>>,
        id: impl Into<String>,
        version: u64,
    ) {
        let (resource_type, id) = (resource_type.into(), id.into());
        self.entities.push(Entity { resource_type, id, version, action: Action::Shown });
    }

    /// `AuditEvent.action`: C, R, U, D or E.
    fn action_code(&self) -> &'static str {
        match self.interaction {
            Interaction::Create => "C",
            Interaction::Update | Interaction::Patch => "U",
            Interaction::Delete => "D",
            Interaction::Read
            | Interaction::Vread
            | Interaction::HistoryInstance
            | Interaction::HistoryType
            | Interaction::HistorySystem
            | Interaction::Archive
            | Interaction::ArchiveMasked => "R",
            _ => "E",
        }
    }

    /// The event as a FHIR R4 AuditEvent with this logical id.
    ///
    /// Source: <http://hl7.org/fhir/R4/auditevent.html>.
    pub fn to_fhir(&self, id: &str) -> Value {
        let subtype_system = match self.interaction.number() {
            ..=14 => "http://hl7.org/fhir/restful-interaction",
            _ => "urn:ward:interaction",
        };
        let mut event = json::Object::new();
        event.insert("resourceType", "AuditEvent");
        event.insert("id", id);
        event.insert("type", coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest"));
        event.insert("subtype", vec![coding(subtype_system, self.interaction.code())]);
        event.insert("action", self.action_code());
        event.insert("recorded", instant(self.time_ms));
        event.insert("outcome", self.outcome.code());
        if !self.detail.is_empty() {
            event.insert("outcomeDesc", self.detail.as_str());
        }
        let purpose = coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", self.purpose.code());
        event.insert("purposeOfEvent", vec![object([("coding", vec![purpose].into())])]);
        event.insert("agent", vec![self.agent()]);
        let observer = object([("display", Value::from("Ward"))]);
        event.insert(
            "source",
            object([("site", format!("tenant {}", self.tenant.0).into()), ("observer", observer)]),
        );
        let entities = self.fhir_entities();
        if !entities.is_empty() {
            event.insert("entity", entities);
        }
        event.into()
    }

    fn agent(&self) -> Value {
        let kind = match self.actor.kind {
            ActorKind::User => "humanuser",
            ActorKind::System => "dataprocessor",
            ActorKind::Device => "datacollector",
        };
        let identifier =
            object([("system", Value::from("urn:ward:actor")), ("value", self.actor.id.as_str().into())]);
        let mut who = json::Object::new();
        who.insert("identifier", identifier);
        if !self.actor.display.is_empty() {
            who.insert("display", self.actor.display.as_str());
        }
        let mut agent = json::Object::new();
        let role = coding("http://terminology.hl7.org/CodeSystem/extra-security-role-type", kind);
        agent.insert("type", object([("coding", vec![role].into())]));
        agent.insert("who", who);
        agent.insert("requestor", true);
        if !self.source.is_empty() {
            agent.insert("network", object([("address", Value::from(self.source.as_str()))]));
        }
        agent.into()
    }

    fn fhir_entities(&self) -> Vec<Value> {
        let mut entities: Vec<Value> = self.entities.iter().map(Entity::to_fhir).collect();
        let mut details = Vec::new();
        if !self.request_id.is_empty() {
            details.push(detail("request", &self.request_id));
        }
        if let Some(hash) = self.query_hash {
            details.push(detail("query-hash", &hex::encode(hash)));
        }
        if let Some(resource_type) = &self.resource_type {
            details.push(detail("resource-type", resource_type));
        }
        if !details.is_empty() {
            entities.push(object([("detail", Value::from(details))]));
        }
        entities
    }
}

impl Entity {
    fn to_fhir(&self) -> Value {
        let reference = format!("{}/{}/_history/{}", self.resource_type, self.id, self.version);
        object([
            ("what", object([("reference", Value::from(reference))])),
            ("detail", vec![detail("action", self.action.code())].into()),
        ])
    }
}

fn coding(system: &str, code: &str) -> Value {
    object([("system", Value::from(system)), ("code", code.into())])
}

fn detail(name: &str, value: &str) -> Value {
    object([("type", Value::from(name)), ("valueString", value.into())])
}

fn instant(time_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(time_ms) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => String::from("1970-01-01T00:00:00.000Z"), // beyond the year 9999: no clock shows that
    }
}

#[cfg(test)]
mod tests;
