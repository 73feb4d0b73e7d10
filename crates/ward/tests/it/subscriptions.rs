//! Subscriptions from outside: an endpoint that fails, a server that is killed, a socket, a token that ends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fhir::json::Value;
use futures_util::{SinkExt as _, StreamExt as _};
use rustls_pki_types::ServerName;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::support::endpoint::{events, parameter};
use crate::support::{Client, Endpoint, Folder, Received, Server, at, json, text};

const SECRET: &str = "Bearer planted-secret-of-the-endpoint";

fn configuration(endpoint: &Endpoint, authority: &std::path::Path) -> String {
    format!(
        "[https]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://ward.example\"\n\n[outbound]\nhosts = [\"{}\"]\nauthorities = [\"{}\"]\n\n\
         [subscriptions]\npause_ms = 10\npause_ms_max = 40\ntries_max = 6\n",
        endpoint.address,
        authority.display(),
    )
}

/// A folder whose server may tell the endpoint.
fn folder(endpoint: &Endpoint) -> Folder {
    let folder = Folder::new();
    let authority = folder.file("endpoint.pem", endpoint.authority.as_bytes());
    std::fs::write(folder.data().join("ward.toml"), configuration(endpoint, &authority)).unwrap();
    folder
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "it did not come about in 60 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A Subscription by topic, with a rest hook.
fn hook(id: &str, criteria: &str, filter: Option<&str>, content: &str, url: &str) -> Value {
    let guide = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
    let extras = filter.map_or_else(String::new, |filter| {
        format!(
            r#""_criteria":{{"extension":[{{"url":"{guide}/backport-filter-criteria","valueString":"{filter}"}}]}},"#
        )
    });
    let text = format!(
        r#"{{"resourceType":"Subscription","id":"{id}","status":"requested","reason":"test","criteria":"{criteria}",{extras}
        "channel":{{"type":"rest-hook","endpoint":"{url}","header":["Authorization: {SECRET}"],
        "extension":[{{"url":"{guide}/backport-max-count","valuePositiveInt":3}}],
        "payload":"application/fhir+json",
        "_payload":{{"extension":[{{"url":"{guide}/backport-payload-content","valueCode":"{content}"}}]}}}}}}"#
    );
    json(text.as_bytes())
}

fn observation(id: &str, code: &str) -> Value {
    let text = format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"system":"urn:c","code":"{code}"}}]}}}}"#
    );
    json(text.as_bytes())
}

fn put(client: &mut Client, value: &Value) {
    client.put(&format!("/fhir/{}/{}", text(value, "resourceType"), text(value, "id")), value).ok();
}

fn status(client: &mut Client, id: &str) -> String {
    text(&client.get(&format!("/fhir/Subscription/{id}")).ok(), "status").to_owned()
}

/// All events that were told, by number, checked: a number is always the same event, and new numbers come in order.
fn told(received: &[Received]) -> BTreeMap<u64, String> {
    let mut told: BTreeMap<u64, String> = BTreeMap::new();
    for (number, focus) in received.iter().flat_map(Received::events) {
        let newest = told.last_key_value().map_or(0, |(number, _)| *number);
        assert!(number <= newest + 1, "event {number} came right after {newest}");
        let before = told.insert(number, focus.clone());
        assert!(before.is_none_or(|before| before == focus), "event {number} changed");
    }
    told
}

#[test]
fn a_failing_endpoint_gets_every_event_in_order_whatever_is_killed_in_between() {
    let endpoint = Endpoint::start();
    let folder = folder(&endpoint);
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let topic = "urn:ward:subscription-topic:Observation";
    put(
        &mut client,
        &hook("s", topic, Some("Observation?code=urn:c|wanted"), "full-resource", &endpoint.url()),
    );
    until("the handshake", || endpoint.received().iter().any(|one| one.kind() == "handshake"));
    until("active", || status(&mut client, "s") == "active");

    let mut written = 0;
    for round in 0..4 {
        endpoint.refuse(3);
        for at in 0..8 {
            put(&mut client, &observation(&format!("r{round}-{at}"), "wanted"));
            put(&mut client, &observation(&format!("r{round}-{at}-other"), "other"));
            written += 1;
        }
        if round == 3 {
            break;
        }
        // Some may have been told, some not; some were told and that was not yet kept.
        server.kill();
        server = folder.serve();
        client = server.client(&token);
    }
    until("all events", || told(&endpoint.received()).len() >= written);
    let received = endpoint.received();
    let told = told(&received);
    assert_eq!(told.len(), written);
    let mut expected = (0..4).flat_map(|round| (0..8).map(move |at| format!("/Observation/r{round}-{at}")));
    for (number, focus) in &told {
        let end = expected.next().unwrap();
        assert!(focus.ends_with(&end), "event {number} is {focus} instead of {end}");
    }
    assert!(endpoint.refused() > 0);
    for one in &received {
        assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", "/hook"));
        assert_eq!(one.headers["authorization"], SECRET);
        assert_eq!(one.headers["content-type"], "application/fhir+json");
        assert_eq!(fhir::validate::validate(&one.bundle()), []);
        assert!(one.events().len() <= 3);
        let entries = one.bundle().get("entry").map(Value::elements).unwrap_or_default().len();
        assert_eq!(entries, one.events().len() + 1);
    }
    // The handshake was not repeated at each start.
    assert_eq!(received.iter().filter(|one| one.kind() == "handshake").count(), 1);

    let answer = client.get("/fhir/Subscription/s/$status").ok();
    let shown = at(&answer, "entry.0.resource").unwrap();
    assert_eq!(
        parameter(shown, "events-since-subscription-start").map(|one| text(one, "valueString")),
        Some("32")
    );
    let again = client.get("/fhir/Subscription/s/$events?eventsSinceNumber=31").ok();
    let again: Vec<u64> =
        events(at(&again, "entry.0.resource").unwrap()).iter().map(|(number, _)| *number).collect();
    assert_eq!(again, [31, 32]);
    assert_eq!(client.get("/fhir/Subscription/s/$events?nothing=1").status, 400);
    assert_eq!(client.get("/fhir/Subscription/none/$status").status, 404);

    let said = server.stop();
    for word in ["planted-secret", "/hook", "r0-0"] {
        assert!(!said.contains(word), "{word} stands in the log:\n{said}");
    }
    let listed = folder.ward(&["audit", "list", "--count", "10000", "--format", "json"]).good();
    let shown = listed.matches("Observation/r3-7/_history/1").count();
    assert!(shown >= 2, "a delivery is a disclosure: {shown} events name what was told and written");
    folder.ward(&["audit", "verify"]).good();
}

#[test]
fn a_plain_r4_search_is_told_without_a_body_or_with_the_resource_as_an_update() {
    let endpoint = Endpoint::start();
    let folder = folder(&endpoint);
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let plain = |id: &str, payload: &str| {
        let text = format!(
            r#"{{"resourceType":"Subscription","id":"{id}","status":"requested","reason":"test","criteria":"Observation?code=urn:c|{id}",
            "channel":{{"type":"rest-hook","endpoint":"{}/{id}"{payload}}}}}"#,
            endpoint.url()
        );
        json(text.as_bytes())
    };
    put(&mut client, &plain("ping", ""));
    put(&mut client, &plain("full", r#","payload":"application/fhir+json""#));
    put(&mut client, &observation("a", "ping"));
    put(&mut client, &observation("b", "full"));
    until("both", || endpoint.received().len() >= 2);
    let received = endpoint.received();
    let ping = received.iter().find(|one| one.path.starts_with("/hook/ping")).unwrap();
    assert_eq!((ping.method.as_str(), ping.path.as_str(), ping.body.len()), ("POST", "/hook/ping", 0));
    let full = received.iter().find(|one| one.path.starts_with("/hook/full")).unwrap();
    assert_eq!((full.method.as_str(), full.path.as_str()), ("PUT", "/hook/full/Observation/b"));
    assert_eq!(text(&json(&full.body), "id"), "b");
    server.stop();
}

#[test]
fn what_cannot_be_told_goes_to_error_or_off_and_can_be_asked_for_again() {
    let endpoint = Endpoint::start();
    let folder = folder(&endpoint);
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let topic = "urn:ward:subscription-topic:Observation";
    let value = |id: &str, url: &str| hook(id, topic, None, "id-only", url);
    // A host that is not listed, and a listed one without TLS.
    put(&mut client, &value("unlisted", "https://127.0.0.1:1/hook"));
    put(&mut client, &value("plain", &endpoint.url().replace("https", "http")));
    // One that refuses the handshake, until it is asked for again.
    endpoint.refuse(1000);
    put(&mut client, &value("refuses", &endpoint.url()));
    for id in ["unlisted", "plain", "refuses"] {
        until(id, || status(&mut client, id) == "error");
        let error = text(&client.get(&format!("/fhir/Subscription/{id}")).ok(), "error").to_owned();
        assert!(!error.is_empty() && !error.contains("127.0.0.1"), "{error}");
    }
    put(&mut client, &observation("meanwhile", "x"));
    endpoint.refuse(0);
    put(&mut client, &value("refuses", &endpoint.url()));
    until("again", || told(&endpoint.received()).len() == 1);
    assert_eq!(status(&mut client, "refuses"), "active");

    // A token of its own, which then ends.
    let other = folder.ward(&[
        "token",
        "create",
        "--scope",
        "system/Subscription.cruds system/Observation.rs",
        "--name",
        "other",
    ]);
    let other = other.good().trim().to_owned();
    let mut owner = server.client(&other);
    put(&mut owner, &value("ends", &endpoint.url()));
    until("active", || status(&mut client, "ends") == "active");
    // It may not be told of what it may not read.
    let refused = owner.put(
        "/fhir/Subscription/more",
        &hook("more", "urn:ward:subscription-topic:Patient", None, "empty", &endpoint.url()),
    );
    assert_eq!(refused.status, 403);
    let list = json(folder.ward(&["token", "list", "--format", "json"]).good().as_bytes());
    let id =
        list.elements().iter().find(|one| text(one, "name") == "other").map(|one| text(one, "id")).unwrap();
    folder.ward(&["token", "revoke", id]).good();
    until("off", || status(&mut client, "ends") == "off");

    // Deleted, it is told nothing more.
    let before = endpoint.received().len();
    assert!(client.call("DELETE", "/fhir/Subscription/refuses", &[], &[]).status.is_success());
    put(&mut client, &value("marker", &endpoint.url()));
    until("the marker's handshake", || endpoint.received().len() > before);
    put(&mut client, &observation("late", "x"));
    until("the marker's event", || {
        endpoint.received().iter().any(|one| one.events().iter().any(|(_, focus)| focus.ends_with("/late")))
    });
    let late: Vec<_> = endpoint
        .received()
        .into_iter()
        .filter(|one| one.events().iter().any(|(_, focus)| focus.ends_with("/late")))
        .collect();
    assert_eq!(late.len(), 1);
    server.stop();
}

/// A WebSocket over TLS, read message by message.
struct Socket {
    runtime: tokio::runtime::Runtime,
    stream: tokio_tungstenite::WebSocketStream<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>,
}

impl Socket {
    fn open(server: &Server) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (address, trust) = (server.address(), server.trust());
        let stream = runtime.block_on(async move {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let name = ServerName::from(address.ip());
            let stream = tokio_rustls::TlsConnector::from(trust).connect(name, stream).await.unwrap();
            let url = format!("wss://{address}/fhir/$subscription-ws");
            tokio_tungstenite::client_async(url, stream).await.unwrap().0
        });
        Self { runtime, stream }
    }

    fn send(&mut self, text: &str) {
        let (runtime, stream) = (&self.runtime, &mut self.stream);
        runtime.block_on(stream.send(Message::Text(Utf8Bytes::from(text)))).unwrap();
    }

    /// The status of the next notification; `None` once it was closed.
    fn next(&mut self) -> Option<Value> {
        loop {
            let (runtime, stream) = (&self.runtime, &mut self.stream);
            let message = runtime.block_on(async {
                tokio::time::timeout(Duration::from_secs(60), stream.next()).await.unwrap()
            });
            match message {
                Some(Ok(Message::Text(text))) => {
                    return at(&json(text.as_bytes()), "entry.0.resource").cloned();
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    fn kind(status: &Value) -> &str {
        parameter(status, "type").map(|one| text(one, "valueCode")).unwrap_or_default()
    }
}

fn socket_subscription(id: &str) -> Value {
    let guide = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
    let text = format!(
        r#"{{"resourceType":"Subscription","id":"{id}","status":"requested","reason":"test",
        "criteria":"urn:ward:subscription-topic:Observation",
        "channel":{{"type":"websocket","payload":"application/fhir+json",
        "extension":[{{"url":"{guide}/backport-heartbeat-period","valueUnsignedInt":5}}],
        "_payload":{{"extension":[{{"url":"{guide}/backport-payload-content","valueCode":"id-only"}}]}}}}}}"#
    );
    json(text.as_bytes())
}

fn ticket(client: &mut Client, id: &str) -> String {
    let answer = client.get(&format!("/fhir/Subscription/{id}/$get-ws-binding-token")).ok();
    let url = parameter(&answer, "websocket-url").map(|one| text(one, "valueUrl").to_owned()).unwrap();
    assert!(url.starts_with("wss://") && url.ends_with("/fhir/$subscription-ws"), "{url}");
    parameter(&answer, "token").map(|one| text(one, "valueString").to_owned()).unwrap()
}

#[test]
fn a_socket_hears_what_happened_since_it_was_last_bound_and_then_what_happens() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    put(&mut client, &socket_subscription("s"));
    until("active", || status(&mut client, "s") == "active");
    put(&mut client, &observation("before", "x"));
    // While nobody is bound, events are numbered and can be asked for.
    until("the first event", || {
        let asked = client.get("/fhir/Subscription/s/$events").ok();
        events(at(&asked, "entry.0.resource").unwrap()).len() == 1
    });

    let mut socket = Socket::open(&server);
    socket.send(&format!("bind-with-token {}", ticket(&mut client, "s")));
    let focus = |status: &Value| {
        events(status)
            .into_iter()
            .map(|(number, focus)| (number, focus.rsplit('/').next().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(Socket::kind(&socket.next().unwrap()), "handshake");
    assert_eq!(focus(&socket.next().unwrap()), [(1, "before".to_owned())]);
    put(&mut client, &observation("after", "x"));
    assert_eq!(focus(&socket.next().unwrap()), [(2, "after".to_owned())]);
    assert_eq!(Socket::kind(&socket.next().unwrap()), "heartbeat");

    // The server goes and comes: what happened meanwhile waits for the next binding.
    server.stop();
    assert_eq!(socket.next(), None);
    let mut server = folder.serve();
    let mut client = server.client(&token);
    put(&mut client, &observation("unheard", "x"));
    let mut socket = Socket::open(&server);
    socket.send(&format!("bind-with-token {}", ticket(&mut client, "s")));
    assert_eq!(Socket::kind(&socket.next().unwrap()), "handshake");
    assert_eq!(focus(&socket.next().unwrap()), [(3, "unheard".to_owned())]);

    // Nobody else can listen, not even with more rights, and a made-up token binds nothing.
    let other = folder.ward(&["token", "create", "--scope", "system/*.cruds", "--name", "other"]).good();
    let mut other = server.client(other.trim());
    assert_eq!(other.get("/fhir/Subscription/s/$get-ws-binding-token").status, 403);
    let mut stranger = Socket::open(&server);
    stranger.send("bind-with-token made-up");
    assert_eq!(stranger.next(), None);
    // A plain request is told what the path is for.
    assert_eq!(client.get("/fhir/$subscription-ws").status, 400);
    server.stop();
}
