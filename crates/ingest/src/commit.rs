//! From intents and FHIR values to one atomic commit.

use fhir::json::{Object, Value};
use mapping::hl7v2::MapError;
use mapping::{Intent, Resolution};
use repository::{
    Access, Applied, Change, Effect, Error, ErrorKind, Expected, Job, Source, Standing, Written,
    apply_together,
};
use storage::archive::Digest;

use crate::outcome::Outcome;
use crate::pipeline::Stop;
use crate::quarantine::{Cause, Reason};

/// Issues of a refused resource that a reason names.
const ISSUES_SHOWN_MAX: usize = 3;

/// Where a message came from, for the record.
pub(crate) struct Origin<'a> {
    pub(crate) identity: Vec<u8>,
    pub(crate) digest: &'a Digest,
    pub(crate) channel: &'a str,
}

impl Origin<'_> {
    fn source(&self) -> Source {
        Source {
            message_identity: self.identity.clone(),
            archive_digest: self.digest.as_bytes().to_vec(),
            channel: self.channel.into(),
        }
    }
}

/// What one message wants.
pub(crate) struct Wanted<'a> {
    pub(crate) access: Access,
    pub(crate) intents: Vec<Intent>,
    pub(crate) origin: Origin<'a>,
}

/// Commits what messages want: each intent joined with what is stored, each message all or nothing.
///
/// What was looked at is a precondition of the commit: if another writer was faster, it is looked at again.
pub(crate) fn intents(wanted: Vec<Wanted<'_>>) -> Vec<Result<Outcome, Stop>> {
    let job = |wanted: Wanted<'_>| {
        let Wanted { access, intents, origin } = wanted;
        let target = |intent: &Intent| {
            let (resource_type, id) = intent.key();
            (resource_type.into(), id.into())
        };
        let channel = origin.channel.to_owned();
        Job {
            access,
            targets: intents.iter().map(target).collect(),
            source: origin.source(),
            work_out: Box::new(move |standing: &[Option<Standing>]| {
                let joined = intents.iter().zip(standing);
                Ok(joined
                    .filter_map(|(intent, standing)| change(intent, standing.as_ref(), &channel))
                    .collect())
            }),
        }
    };
    let applied = apply_together(wanted.into_iter().map(job).collect());
    applied
        .into_iter()
        .map(|applied| applied.map(|applied| outcome(&applied)).map_err(|error| refused(&error)))
        .collect()
}

fn change(intent: &Intent, standing: Option<&Standing>, channel: &str) -> Option<Change> {
    match mapping::resolve(standing.map(|standing| &standing.value), intent) {
        Resolution::Put(mut value) => {
            set_source(&mut value, channel);
            Some(Change::Put { value, expected: Expected::Any })
        }
        _ => None,
    }
}

/// `meta.source` names the channel that wrote a version last; only versions that say something new are written.
fn set_source(value: &mut Value, channel: &str) {
    let Some(resource) = value.as_object_mut() else { return };
    if !resource.contains_key("meta") {
        resource.insert("meta", Value::Object(Object::new()));
    }
    if let Some(meta) = resource.get_mut("meta").and_then(Value::as_object_mut) {
        meta.insert("source", Value::from(format!("urn:ward:channel:{channel}").as_str()));
    }
}

/// Commits a FHIR value: a transaction or batch as it says, other bundles and single resources under their own ids.
pub(crate) fn fhir(access: &Access, value: Value, origin: Origin<'_>) -> Result<Outcome, Stop> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    let applied = match (value.resource_type(), kind) {
        (Some("Bundle"), "transaction" | "batch") => access.transaction_from(value, &origin.source()),
        (Some("Bundle"), "collection" | "searchset" | "history" | "") => {
            let resources = value.get("entry").map(Value::elements).unwrap_or_default();
            let resources: Vec<Value> =
                resources.iter().filter_map(|entry| entry.get("resource")).cloned().collect();
            access.apply(puts(resources, &origin)?, &origin.source())
        }
        (Some(_), _) => access.apply(puts(vec![value], &origin)?, &origin.source()),
        (None, _) => {
            let text = "the JSON has no `resourceType`: it is not FHIR".to_owned();
            return Err(Stop::Aside(Reason { cause: Cause::Unreadable, text }));
        }
    };
    applied.map(|applied| outcome(&applied)).map_err(|error| refused(&error))
}

/// A resource without an id gets one from the digest of its message and its place in it: the same every time.
fn puts(resources: Vec<Value>, origin: &Origin<'_>) -> Result<Vec<Change>, Stop> {
    let place = |(index, mut value): (usize, Value)| {
        if value.get("id").is_none() {
            let name = origin.digest.to_string();
            let id = format!("{}-{index}", name.get(..32).unwrap_or(&name));
            if let Some(object) = value.as_object_mut() {
                object.insert("id", Value::from(id.as_str()));
            }
        }
        Change::Put { value, expected: Expected::Any }
    };
    if resources.is_empty() {
        let text = "the bundle holds no resource".to_owned();
        return Err(Stop::Aside(Reason { cause: Cause::Incomplete, text }));
    }
    Ok(resources.into_iter().enumerate().map(place).collect())
}

fn outcome(applied: &Applied) -> Outcome {
    match applied {
        Applied::Committed(written) => {
            let made =
                |one: &&Written| matches!(one.effect, Effect::Created | Effect::Updated | Effect::Deleted);
            Outcome::Committed { versions: written.iter().filter(made).count() }
        }
        Applied::Unchanged(_) | Applied::Seen(_) => Outcome::Unchanged,
    }
}

/// What to do with a message whose commit the store refused.
fn refused(error: &Error) -> Stop {
    let cause = match error.kind() {
        ErrorKind::Invalid | ErrorKind::Unprocessable => Cause::Invalid,
        ErrorKind::NotFound
        | ErrorKind::Gone
        | ErrorKind::PreconditionFailed
        | ErrorKind::MultipleMatches => Cause::Unresolved,
        ErrorKind::Denied => Cause::Denied,
        ErrorKind::TooCostly => Cause::TooLarge,
        _ => {
            if let Some(internal) = error.internal_text() {
                tracing::error!(kind = ?error.kind(), internal, "a message could not be committed");
            }
            return Stop::Later("the store takes no writes now; send the message again later");
        }
    };
    Stop::Aside(Reason { cause, text: issues(error) })
}

fn issues(error: &Error) -> String {
    let shown = error.issues().iter().take(ISSUES_SHOWN_MAX).map(|issue| {
        let places = issue.expression.join(", ");
        if places.is_empty() { issue.details.clone() } else { format!("{places}: {}", issue.details) }
    });
    let mut text = shown.collect::<Vec<_>>().join("; ");
    if error.issues().len() > ISSUES_SHOWN_MAX {
        text.push_str(&format!("; and {} more", error.issues().len() - ISSUES_SHOWN_MAX));
    }
    text
}

/// The reason of a message that could not be mapped.
pub(crate) fn unmapped(error: &MapError) -> Reason {
    let cause = match error {
        MapError::Unsupported { .. } => Cause::Unsupported,
        _ => Cause::Incomplete,
    };
    Reason { cause, text: error.to_string() }
}
