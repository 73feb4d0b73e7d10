//! Who may ask: tokens made, listed, revoked and expired, and the few paths that need none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fhir::json::{Value, object};
use protect::access::{Actor, ActorKind, Purpose, Scopes};
use protect::token::{TokenSpec, TokenStore};
use storage::clock::{Clock, ManualClock, SystemClock, SystemRandom};
use storage::disk::{Disk, RealDisk};
use storage::keys::{KeyRing, RootKey, TenantId};

use crate::support::{Folder, json, text};

/// Method, path, headers and body.
type Request<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a [u8]);

/// A token whose time was over before the test began.
fn expired(folder: &Folder) -> String {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let random = Arc::new(SystemRandom);
    let key = RootKey::read(disk.as_ref(), &folder.key(), None).unwrap();
    let ring = KeyRing::open(Arc::clone(&disk), &folder.data().join("keys"), key, random.clone()).unwrap();
    let yesterday = SystemClock.now_ms() - 86_400_000;
    let clock = Arc::new(ManualClock::new(yesterday - 1000));
    let tokens = TokenStore::open(disk, &folder.data().join("tokens"), &ring, clock, random).unwrap();
    let spec = TokenSpec {
        scopes: Scopes::parse("system/*.cruds").unwrap(),
        actor: Actor { kind: ActorKind::System, id: "late".to_owned(), display: String::new() },
        tenant: TenantId::DEFAULT,
        purpose: Purpose::Treatment,
        masked: None,
        expires_ms: Some(yesterday),
    };
    tokens.create(spec).unwrap().1
}

#[test]
fn only_metadata_and_health_answer_without_a_token() {
    let folder = Folder::new();
    let token = folder.token();
    let late = expired(&folder);
    let mut server = folder.serve();
    let mut nobody = server.client("");
    assert_eq!(nobody.get("/healthz").body.as_ref(), b"ok\n");
    assert_eq!(nobody.get("/readyz").body.as_ref(), b"ready\n");
    let capability = nobody.get("/fhir/metadata").ok();
    assert_eq!(text(&capability, "resourceType"), "CapabilityStatement");
    assert_eq!(text(&capability, "fhirVersion"), "4.0.1");

    let patient = object([("resourceType", Value::from("Patient"))]).to_vec();
    let kind = [("content-type", "application/fhir+json")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let patch = [("content-type", "application/json-patch+json")];
    let requests: [Request; 19] = [
        ("GET", "/metrics", &[], b""),
        ("GET", "/fhir/Patient", &[], b""),
        ("GET", "/fhir/Patient/1", &[], b""),
        ("HEAD", "/fhir/Patient/1", &[], b""),
        ("GET", "/fhir/Patient/1/_history", &[], b""),
        ("GET", "/fhir/Patient/1/_history/1", &[], b""),
        ("GET", "/fhir/Patient/_history", &[], b""),
        ("GET", "/fhir/_history", &[], b""),
        ("POST", "/fhir/Patient/_search", &form, b""),
        ("POST", "/fhir/Patient", &kind, &patient),
        ("PUT", "/fhir/Patient/1", &kind, &patient),
        ("PUT", "/fhir/Patient?name=a", &kind, &patient),
        ("PATCH", "/fhir/Patient/1", &patch, b"[]"),
        ("PATCH", "/fhir/Patient?name=a", &patch, b"[]"),
        ("DELETE", "/fhir/Patient/1", &[], b""),
        ("DELETE", "/fhir/Patient?name=a", &[], b""),
        ("POST", "/fhir", &kind, br#"{"resourceType":"Bundle","type":"batch"}"#),
        ("POST", "/channels/post", &[], b"MSH|"),
        ("POST", "/channels/nobody", &[], b"MSH|"),
    ];
    for shown in
        ["", "nonsense", "ward_0000000000000000_AAAA", &late, &format!("{token}x"), &token[..token.len() - 1]]
    {
        let mut stranger = server.client(shown);
        for (method, path, headers, body) in requests {
            let answer = stranger.call(method, path, headers, body);
            assert_eq!(answer.status, 401, "{method} {path} with `{}…`", shown.get(..8).unwrap_or(shown));
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
            if method != "HEAD" {
                assert_eq!(text(&answer.json(), "issue.0.code"), "login", "{method} {path}");
            }
        }
    }
    // Another scheme, and a token in the wrong place.
    let basic = nobody.call("GET", "/fhir/Patient", &[("authorization", &format!("Basic {token}"))], b"");
    assert_eq!(basic.status, 401);
    assert_eq!(nobody.get(&format!("/fhir/Patient?access_token={token}")).status, 401);
    assert_eq!(server.client(&token).get("/fhir/Patient").status, 200);
    server.stop();
}

#[test]
fn a_token_is_shown_once_listed_without_its_secret_and_ends_when_revoked() {
    let folder = Folder::new();
    let mut server = folder.serve();
    let said =
        folder.ward(&["token", "create", "--scope", "system/*.cruds", "--name", "lab", "--days", "3"]).good();
    let token = said.trim();
    assert_eq!(said.lines().count(), 1, "the token stands alone");
    let listed = folder.ward(&["token", "list", "--format", "json"]).good();
    assert!(!listed.contains(&token[token.len() - 20..]), "the secret is listed");
    let listed = json(listed.as_bytes());
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((text(&listed, "0.name"), text(&listed, "0.state")), ("lab", "good"));
    for member in ["id", "scope", "created", "expires"] {
        assert!(!text(&listed, &format!("0.{member}")).is_empty(), "{member}");
    }
    // A running server learns of both within a second or so.
    let mut client = server.client(token);
    until(|| client.get("/fhir/Patient").status == 200);
    folder.ward(&["token", "revoke", text(&listed, "0.id")]).good();
    until(|| client.get("/fhir/Patient").status == 401);
    let listed = json(folder.ward(&["token", "list", "--format", "json"]).good().as_bytes());
    assert_eq!(text(&listed, "0.state"), "revoked");
    server.stop();
}

#[test]
fn tokens_that_cannot_be_are_refused() {
    let folder = Folder::new();
    folder.ward(&["token", "create", "--scope", "everything"]).refused(2, "scope");
    folder.ward(&["token", "create", "--scope", ""]).refused(2, "scope");
    assert_eq!(folder.ward(&["token", "create", "--scope", "system/*.r", "--days", "0"]).code, 2);
    folder.ward(&["token", "revoke", "nonsense"]).refused(2, "token");
    folder.ward(&["token", "revoke", "0123456789abcdef"]).refused(1, "token");
}

#[test]
fn a_scope_bounds_what_its_bearer_may_do() {
    let folder = Folder::new();
    let scoped = |scope: &str| folder.ward(&["token", "create", "--scope", scope]).good().trim().to_owned();
    let (all, reader) = (scoped("system/*.cruds"), scoped("system/Patient.rs"));
    let mut server = folder.serve();
    let (mut all, mut reader) = (server.client(&all), server.client(&reader));
    let patient = object([("resourceType", Value::from("Patient"))]);
    let made = all.post("/fhir/Patient", &patient).ok();
    let path = format!("/fhir/Patient/{}", text(&made, "id"));
    all.post(
        "/fhir/Basic",
        &object([("resourceType", Value::from("Basic")), ("code", object([("text", Value::from("a"))]))]),
    )
    .ok();
    reader.get(&path).ok();
    reader.search("Patient").as_object().unwrap();
    reader.post("/fhir/Patient", &patient).refused(403);
    reader.put(&path, &made).refused(403);
    reader.call("DELETE", &path, &[], b"").refused(403);
    reader.get("/fhir/Basic").refused(403);
    reader.call("POST", "/channels/post", &[], b"MSH|^~\\&|").refused(403);
    // What may not be read is not counted either.
    let history = reader.get("/fhir/_history");
    assert!(
        history.status == 403 || !String::from_utf8_lossy(&history.body).contains("Basic"),
        "{history:?}"
    );
    server.stop();
}

fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "it did not come about in 20 s");
        std::thread::sleep(Duration::from_millis(100));
    }
}
