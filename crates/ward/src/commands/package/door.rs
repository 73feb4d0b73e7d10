//! The way to the store: through the server that has it open, or straight into the folder.

use fhir::json::{self, Value};
use fhir::json_object;
use http::Method;
use protect::access::{Actor, ActorKind, Purpose, Scopes};
use repository::{Access, Caller};
use storage::keys::TenantId;

use crate::config::Config;
use crate::failure::{During, Failure, Result};
use crate::home::{Base, Home};
use crate::served::Served;

const COMMAND: &str = "ward package";
const FHIR: &[(&str, &str)] =
    &[("content-type", "application/fhir+json"), ("accept", "application/fhir+json")];

/// See the module.
pub(super) enum Door {
    Direct(Box<Home>),
    Server(Box<Served>),
}

/// Why something was not done: what the store said to it.
pub(super) type Said<T> = std::result::Result<T, String>;

impl Door {
    pub(super) fn open(base: Base, config: &Config) -> Result<Self> {
        match Served::find(base, COMMAND)? {
            Ok(served) => Ok(Self::Server(Box::new(served))),
            Err(base) => Ok(Self::Direct(Box::new(Home::open(base, config, &mut |_, _| {})?))),
        }
    }

    /// Carries out a batch or transaction; gives the response bundle.
    pub(super) fn bundle(&mut self, bundle: Value) -> Result<Said<Value>> {
        match self {
            Self::Direct(home) => {
                let access = access(home)?;
                let is_batch = bundle.get("type").and_then(Value::as_str) == Some("batch");
                let done = if is_batch { access.batch(bundle) } else { access.transaction(bundle) };
                Ok(done.map_err(|error| spoken(&error)))
            }
            Self::Server(served) => call(served, Method::POST, "/fhir", &bundle),
        }
    }

    /// The first page of a search.
    pub(super) fn search(&mut self, query: &str) -> Result<Vec<Value>> {
        let request = json_object! { "method": "GET", "url": query };
        let entry = json_object! { "request": request };
        let batch = json_object! { "resourceType": "Bundle", "type": "batch", "entry": vec![entry] };
        let refused = |text: String| Failure::new(format!("the store could not be searched: {text}"));
        let answer = self.bundle(batch)?.map_err(refused)?;
        let entry = answer.get("entry").and_then(|entries| entries.at(0));
        let Some(page) = entry.and_then(|entry| entry.get("resource")) else {
            let issue = entry.and_then(|entry| entry.get("response")?.get("outcome")).and_then(first_issue);
            return Err(refused(issue.unwrap_or_default()));
        };
        let found = page.get("entry").map(Value::elements).unwrap_or_default().iter();
        Ok(found.filter_map(|entry| entry.get("resource")).cloned().collect())
    }

    /// Writes one resource under its own id; gives its version.
    pub(super) fn put(&mut self, resource: Value) -> Result<Said<u64>> {
        let text = |key: &str| resource.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, id) = (text("resourceType"), text("id"));
        match self {
            Self::Direct(home) => {
                let written = access(home)?.update(&name, &id, resource, None);
                Ok(written.map(|written| written.versioned.version).map_err(|error| spoken(&error)))
            }
            Self::Server(served) => {
                let answer = call(served, Method::PUT, &format!("/fhir/{name}/{id}"), &resource)?;
                Ok(answer.map(|stored| version_of(&stored)))
            }
        }
    }

    pub(super) fn close(self) {
        match self {
            Self::Direct(home) => home.close(),
            Self::Server(served) => served.close(),
        }
    }
}

/// `meta.versionId`; 0 if there is none.
pub(super) fn version_of(resource: &Value) -> u64 {
    let version = resource.get("meta").and_then(|meta| meta.get("versionId")).and_then(Value::as_str);
    version.and_then(|version| version.parse().ok()).unwrap_or_default()
}

fn access(home: &Home) -> Result<Access> {
    Ok(home.store.access(Caller {
        actor: Actor { kind: ActorKind::System, id: COMMAND.to_owned(), display: String::new() },
        purpose: Purpose::SystemAdministration,
        home: TenantId::DEFAULT,
        tenant: TenantId::DEFAULT,
        scopes: Scopes::parse("system/*.cruds").during("the rights of the command are not understood")?,
        launch_patient: None,
        masked: None,
        token: None,
        request_id: "package".to_owned(),
        source: "command".to_owned(),
    }))
}

fn call(served: &mut Served, method: Method, path: &str, body: &Value) -> Result<Said<Value>> {
    let (status, bytes) = served.call(method, path, FHIR, body.to_vec())?;
    let limits = json::Limits { bytes_max: usize::MAX, nodes_max: usize::MAX, ..json::Limits::default() };
    let answer = json::parse(&bytes, &limits);
    if status.is_success() {
        return answer.map(Ok).map_err(|_| Failure::new("the server's answer was not understood"));
    }
    let issue = answer.ok().as_ref().and_then(first_issue);
    Ok(Err(issue.unwrap_or_else(|| format!("the server answered {status}"))))
}

/// What the first issue of a refusal says, with its place.
fn spoken(error: &repository::Error) -> String {
    first_issue(&error.outcome().to_json()).unwrap_or_else(|| error.to_string())
}

/// What the first issue of an outcome says, with its place.
pub(super) fn first_issue(outcome: &Value) -> Option<String> {
    let issue = outcome.get("issue")?.at(0)?;
    let said = issue.get("details").and_then(|details| details.get("text")).or(issue.get("diagnostics"));
    let place = issue.get("expression").and_then(|places| places.at(0)).and_then(Value::as_str);
    let said = said?.as_str()?;
    Some(place.map_or_else(|| said.to_owned(), |place| format!("{place}: {said}")))
}
