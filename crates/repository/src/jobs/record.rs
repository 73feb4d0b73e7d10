//! A job as it stands on the shelf: JSON, version 1; version 2 if its caller sees the masked view, so that a program that knows
//! nothing of the view does not do such a job without it.

use std::str::FromStr as _;

use fhir::json::{self, Value};
use fhir::json_object;
use protect::access::{Actor, ActorKind, Purpose, Scopes};
use storage::keys::TenantId;

use crate::gate::Caller;

const VERSION: i64 = 1;
/// The version with `masked` in its caller.
const MASKED_VERSION: i64 = 2;

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Nobody works on it yet, or it goes on after the next start.
    Waiting,
    /// It is worked on.
    Running,
    /// All is done.
    Done,
    /// It ended before it was done.
    Failed,
}

impl JobState {
    /// Whether nothing more will happen.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }

    fn code(self) -> &'static str {
        match self {
            // What runs when the power goes waits for the next start.
            Self::Waiting | Self::Running => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// What a file of a job holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileRole {
    /// Resources that were asked for.
    Output,
    /// Bundles that name what was deleted.
    Deleted,
    /// OperationOutcomes.
    Error,
}

impl FileRole {
    const ALL: [Self; 3] = [Self::Output, Self::Deleted, Self::Error];

    /// Its member in a manifest.
    pub fn code(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Deleted => "deleted",
            Self::Error => "error",
        }
    }
}

/// One finished file of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFile {
    /// Its number within the job.
    pub number: u32,
    /// What it holds.
    pub role: FileRole,
    /// The type of its resources.
    pub resource_type: String,
    /// Lines.
    pub count: u64,
    /// Bytes, as they are sent.
    pub bytes: u64,
}

/// How a job stands, for whoever asks.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStatus {
    /// Its kind.
    pub kind: String,
    /// How far it is.
    pub state: JobState,
    /// The URL that it was asked by.
    pub request: String,
    /// Short words on how far it is; nothing of a patient.
    pub told: String,
    /// When it was asked, milliseconds since 1970 UTC.
    pub created_ms: i64,
    /// When it and its files go, once it is finished.
    pub expires_ms: Option<i64>,
    /// Its finished files.
    pub files: Vec<JobFile>,
    /// What its runner says of the result.
    pub result: Value,
    /// Why it failed: an OperationOutcome.
    pub failure: Option<Value>,
}

/// One job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) caller: OwnCaller,
    pub(crate) request: String,
    pub(crate) spec: Value,
    pub(crate) created_ms: i64,
    pub(crate) state: JobState,
    pub(crate) checkpoint: Value,
    pub(crate) told: String,
    pub(crate) files: Vec<JobFile>,
    pub(crate) result: Value,
    pub(crate) finished_ms: Option<i64>,
    pub(crate) failure: Option<Value>,
    /// It is cancelled and will be gone; not written down.
    pub(crate) hidden: bool,
}

/// A caller that can be compared, for tests.
#[derive(Clone, Debug)]
pub(crate) struct OwnCaller(pub(crate) Caller);

impl PartialEq for OwnCaller {
    fn eq(&self, other: &Self) -> bool {
        caller_json(&self.0) == caller_json(&other.0)
    }
}

impl Job {
    pub(crate) fn new(
        id: &str,
        kind: &str,
        caller: Caller,
        request: &str,
        spec: Value,
        created_ms: i64,
    ) -> Self {
        Self {
            id: id.to_owned(),
            kind: kind.to_owned(),
            caller: OwnCaller(caller),
            request: request.to_owned(),
            spec,
            created_ms,
            state: JobState::Waiting,
            checkpoint: Value::Null,
            told: "waiting".to_owned(),
            files: Vec::new(),
            result: Value::Null,
            finished_ms: None,
            failure: None,
            hidden: false,
        }
    }

    /// Whether this caller began it.
    pub(crate) fn is_of(&self, caller: &Caller) -> bool {
        let own = &self.caller.0;
        !self.hidden
            && own.tenant == caller.tenant
            && own.home == caller.home
            && own.actor.id == caller.actor.id
            && own.masked == caller.masked
    }

    pub(crate) fn status(&self, kept_ms: i64) -> JobStatus {
        JobStatus {
            kind: self.kind.clone(),
            state: self.state,
            request: self.request.clone(),
            told: self.told.clone(),
            created_ms: self.created_ms,
            expires_ms: self.finished_ms.map(|finished| finished.saturating_add(kept_ms)),
            files: self.files.clone(),
            result: self.result.clone(),
            failure: self.failure.clone(),
        }
    }

    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let files = self.files.iter().map(|file| {
            json_object! {
                "number": file.number, "role": file.role.code(), "type": file.resource_type.as_str(),
                "count": file.count, "bytes": file.bytes,
            }
        });
        let optional = |ms: Option<i64>| ms.map_or(Value::Null, Value::from);
        let version = if self.caller.0.masked.is_some() { MASKED_VERSION } else { VERSION };
        json_object! {
            "version": version, "id": self.id.as_str(), "kind": self.kind.as_str(),
            "caller": caller_json(&self.caller.0), "request": self.request.as_str(), "spec": self.spec.clone(),
            "created": self.created_ms, "state": self.state.code(), "checkpoint": self.checkpoint.clone(),
            "told": self.told.as_str(), "files": json::array(files), "result": self.result.clone(),
            "finished": optional(self.finished_ms), "failure": self.failure.clone().unwrap_or(Value::Null),
        }
        .to_vec()
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let value =
            json::parse(bytes, &json::Limits { bytes_max: bytes.len(), ..json::Limits::default() }).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let member = |name: &str| value.get(name).cloned().unwrap_or(Value::Null);
        let caller = read_caller(value.get("caller")?)?;
        if value.get("version")?.as_i64()? != if caller.masked.is_some() { MASKED_VERSION } else { VERSION } {
            return None;
        }
        let state = match text("state")?.as_str() {
            "waiting" => JobState::Waiting,
            "done" => JobState::Done,
            "failed" => JobState::Failed,
            _ => return None,
        };
        Some(Self {
            id: text("id")?,
            kind: text("kind")?,
            caller: OwnCaller(caller),
            request: text("request")?,
            spec: member("spec"),
            created_ms: value.get("created")?.as_i64()?,
            state,
            checkpoint: member("checkpoint"),
            told: text("told")?,
            files: value.get("files")?.elements().iter().map(read_file).collect::<Option<_>>()?,
            result: member("result"),
            finished_ms: value.get("finished").and_then(Value::as_i64),
            failure: value.get("failure").filter(|failure| !failure.is_null()).cloned(),
            hidden: false,
        })
    }
}

fn read_file(value: &Value) -> Option<JobFile> {
    let role = value.get("role")?.as_str()?;
    let number = |name: &str| value.get(name)?.as_i64();
    Some(JobFile {
        number: u32::try_from(number("number")?).ok()?,
        role: FileRole::ALL.into_iter().find(|known| known.code() == role)?,
        resource_type: value.get("type")?.as_str()?.to_owned(),
        count: u64::try_from(number("count")?).ok()?,
        bytes: u64::try_from(number("bytes")?).ok()?,
    })
}

fn caller_json(caller: &Caller) -> Value {
    let kind = match caller.actor.kind {
        ActorKind::User => "user",
        ActorKind::System => "system",
        ActorKind::Device => "device",
    };
    let mut json = json_object! {
        "kind": kind, "actor": caller.actor.id.as_str(), "display": caller.actor.display.as_str(),
        "purpose": caller.purpose.code(), "home": caller.home.0, "tenant": caller.tenant.0,
        "scopes": caller.scopes.to_string(),
        "patient": caller.launch_patient.clone().map_or(Value::Null, Value::from),
        "token": caller.token.clone().map_or(Value::Null, Value::from), "request": caller.request_id.as_str(), "source": caller.source.as_str(),
    };
    if let (Some(profile), Some(object)) = (&caller.masked, json.as_object_mut()) {
        object.insert("masked", profile.as_str());
    }
    json
}

fn read_caller(value: &Value) -> Option<Caller> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    let tenant = |name: &str| Some(TenantId(u32::try_from(value.get(name)?.as_i64()?).ok()?));
    let kind = match text("kind")?.as_str() {
        "user" => ActorKind::User,
        "system" => ActorKind::System,
        "device" => ActorKind::Device,
        _ => return None,
    };
    Some(Caller {
        actor: Actor { kind, id: text("actor")?, display: text("display")? },
        purpose: Purpose::from_code(&text("purpose")?)?,
        home: tenant("home")?,
        tenant: tenant("tenant")?,
        scopes: Scopes::from_str(&text("scopes")?).ok()?,
        launch_patient: text("patient"),
        masked: text("masked"),
        token: text("token"),
        request_id: text("request")?,
        source: text("source")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let caller = Caller {
            actor: Actor { kind: ActorKind::User, id: "User/ada".to_owned(), display: "Ada".to_owned() },
            purpose: Purpose::Research,
            home: TenantId(1),
            tenant: TenantId(1),
            scopes: Scopes::parse("system/Patient.rs user/*.cruds").unwrap(),
            launch_patient: Some("p".to_owned()),
            masked: None,
            token: Some("t1".to_owned()),
            request_id: "r1".to_owned(),
            source: "https".to_owned(),
        };
        let spec = json_object! { "level": "system" };
        let mut job = Job::new("7f", "export", caller, "https://h/fhir/$export", spec, 5);
        job.checkpoint = json_object! { "type": 2 };
        job.files.push(JobFile {
            number: 1,
            role: FileRole::Deleted,
            resource_type: "Bundle".to_owned(),
            count: 7,
            bytes: 900,
        });
        job
    }

    /// The form of a data folder: to be changed with a new version number alone.
    #[test]
    fn the_form_of_a_job_stays() {
        let expected = concat!(
            r#"{"version":1,"id":"7f","kind":"export","caller":{"kind":"user","actor":"User/ada","display":"Ada","#,
            r#""purpose":"HRESCH","home":1,"tenant":1,"scopes":"system/Patient.rs user/*.cruds","patient":"p","#,
            r#""token":"t1","request":"r1","source":"https"},"request":"https://h/fhir/$export","spec":{"level":"system"},"created":5,"#,
            r#""state":"waiting","checkpoint":{"type":2},"told":"waiting","files":[{"number":1,"role":"deleted","#,
            r#""type":"Bundle","count":7,"bytes":900}],"result":null,"finished":null,"failure":null}"#,
        );
        assert_eq!(String::from_utf8(job().to_vec()).unwrap(), expected);
    }

    #[test]
    fn a_job_of_the_masked_view_is_not_one_of_the_same_actor_without_it() {
        let (plain, mut masked) = (job(), job());
        masked.caller.0.masked = Some("safe-harbor".to_owned());
        let bytes = masked.to_vec();
        assert!(bytes.starts_with(br#"{"version":2,"#));
        assert_eq!(Job::read(&bytes), Some(masked.clone()));
        assert!(!plain.is_of(&masked.caller.0) && !masked.is_of(&plain.caller.0));
        // The version of plain jobs on one of the masked view: a program wrote it that did not know what it did.
        let forged = String::from_utf8(bytes).unwrap().replace(r#""version":2"#, r#""version":1"#);
        assert_eq!(Job::read(forged.as_bytes()), None);
    }

    #[test]
    fn a_job_reads_as_it_was_written_and_one_at_work_as_waiting() {
        let mut job = job();
        assert_eq!(Job::read(&job.to_vec()), Some(job.clone()));
        job.finished_ms = Some(9);
        job.state = JobState::Failed;
        job.failure = Some(json_object! { "resourceType": "OperationOutcome" });
        assert_eq!(Job::read(&job.to_vec()), Some(job.clone()));
        job.state = JobState::Running;
        assert_eq!(Job::read(&job.to_vec()).unwrap().state, JobState::Waiting);
        assert_eq!(Job::read(b"{}"), None);
        assert_eq!(Job::read(b""), None);
    }

    #[test]
    fn a_job_is_its_actors_in_its_tenant_alone() {
        let job = job();
        let mut caller = job.caller.0.clone();
        caller.request_id = "another".to_owned();
        assert!(job.is_of(&caller));
        caller.tenant = TenantId(2);
        assert!(!job.is_of(&caller));
        caller.tenant = TenantId(1);
        caller.actor.id = "User/bob".to_owned();
        assert!(!job.is_of(&caller));
    }
}
