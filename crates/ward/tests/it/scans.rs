//! Scans by the server, objects of the archive, and leading back: what they find and make, who may, what the audit log says.

use std::time::{Duration, Instant};

use fhir::json::Value;

use crate::support::endpoint::Endpoint;
use crate::support::https::FHIR;
use crate::support::{Client, Folder, at, json, text};

const JSON: (&str, &str) = ("content-type", "application/json");
const OCTETS: (&str, &str) = ("content-type", "application/octet-stream");
/// What must stand in no finding, alert, log or event.
const TELLS: [&str; 3] = ["555-0132", "00482913", "078-05-1120"];

fn observation(id: &str, note: &str) -> Vec<u8> {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"weight"}},"note":[{{"text":"{note}"}}]}}"#
    )
    .into_bytes()
}

fn config(endpoint: &Endpoint, folder: &std::path::Path) -> String {
    format!(
        "[https]\nlisten = \"127.0.0.1:0\"\n[outbound]\nhosts = [\"{}\"]\nauthorities = [\"{}\"]\n\
         [[scan]]\nname = \"nightly\"\nwhat = [\"fhir\", \"archive\"]\nfolders = [\"{}\"]\nalert = \"medium\"\nalert_url = \"{}\"\n",
        endpoint.address,
        folder.join("ca.pem").display(),
        folder.join("share").display(),
        endpoint.url()
    )
}

/// Waits until a run ended that was begun after `runs` others.
fn wait(client: &mut Client, holds: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let found = client.get("/scan/findings").ok();
        if holds(&found) {
            return found;
        }
        assert!(Instant::now() < end, "it did not come about in 60 s: {found}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn keys(found: &Value) -> Vec<String> {
    let all = found.get("findings").map(Value::elements).unwrap_or_default();
    let mut keys: Vec<String> =
        all.iter().map(|one| text(one, "resourcesAffected.s3Object.key").to_owned()).collect();
    keys.sort();
    keys
}

fn untold(what: &str, said: &str) {
    TELLS.iter().for_each(|tell| assert!(!said.contains(tell), "{tell} in {what}"));
}

#[test]
fn a_scan_finds_in_store_archive_and_folders_tells_once_and_survives_a_restart() {
    let endpoint = Endpoint::start();
    let folder = Folder::new();
    folder.file("ca.pem", endpoint.authority.as_bytes());
    folder.file("share/list.txt", b"one\nSSN 078-05-1120\n");
    folder.file("data/ward.toml", config(&endpoint, folder.path()).as_bytes());
    endpoint.refuse(1);
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    client.call("PUT", "/fhir/Observation/a", &[FHIR], &observation("a", "call (415) 555-0132"));
    client.call("PUT", "/fhir/Observation/b", &[FHIR], &observation("b", "the valve is closed"));
    let object = client.call("POST", "/archive", &[OCTETS], b"Lab: MRN 00482913").json();
    let object = format!("archive/raw/{}", text(&object, "s3Key"));
    client.call("POST", "/scan/nightly/start", &[], b"").ok();
    let wanted = |found: &Value| keys(found).len() == 3 && at(found, "scans.0.running") == Some(&Value::Null);
    let found = wait(&mut client, wanted);
    let share = folder.path().join("share/list.txt").to_string_lossy().into_owned();
    let mut expected = vec![share, object, "fhir/Observation/a".to_owned()];
    expected.sort();
    assert_eq!(keys(&found), expected);
    untold("the findings", &found.to_string());
    assert!(found.to_string().contains("$.note[0].text"), "{found}");
    // The first answer was a refusal; it comes again.
    let end = Instant::now() + Duration::from_secs(60);
    while endpoint.received().is_empty() {
        assert!(Instant::now() < end, "no alert in 60 s");
        std::thread::sleep(Duration::from_millis(100));
    }
    let told = endpoint.received();
    let body = String::from_utf8_lossy(&told[0].body).into_owned();
    untold("the alert", &body);
    assert!(!body.contains("Observation/a") && body.contains("\"scan\":\"nightly\""), "{body}");

    let said = folder.ward(&["scan", "--findings", "--format", "json"]).good();
    assert_eq!(keys(&json(said.trim().as_bytes())), expected);
    let mut reader = server.client(folder.ward(&["token", "create", "--scope", "system/*.rs"]).good().trim());
    reader.get("/scan/findings").refused(403);
    client.call("POST", "/scan/none/start", &[], b"").refused(404);
    client.get("/scan/findings?severity=worst").refused(400);
    let paged = client.get("/scan/findings?count=2").ok();
    assert_eq!((keys(&paged).len(), text(&paged, "nextToken")), (2, "2"));
    server.stop();

    let mut server = folder.serve();
    let mut client = server.client(&token);
    assert_eq!(keys(&client.get("/scan/findings").ok()), expected, "kept over a restart");
    server.stop();
    let events = folder.ward(&["audit", "list", "--count", "500", "--format", "json"]).good();
    untold("the audit log", &events);
    assert!(events.contains("scan/nightly") && events.contains("new findings"), "{events}");
    folder.ward(&["audit", "verify"]).good();
    let offline = folder.ward(&["scan", "--store", "--format", "json"]).good();
    assert!(keys(&json(offline.trim().as_bytes())).contains(&"fhir/Observation/a".to_owned()));
}

#[test]
fn objects_are_masked_beside_themselves_and_who_may_only_read_masked_ones_gets_no_other() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let raw = b"Seen today, call (415) 555-0132.";
    let place = client.call("POST", "/archive", &[OCTETS], raw).json();
    let key = text(&place, "s3Key").to_owned();
    let named = format!(r#"{{"s3Bucket":"raw","s3Key":"{key}"}}"#);
    let entities = client.call("POST", "/text/phi", &[JSON], named.as_bytes()).ok();
    assert_eq!(text(&entities.elements()[0], "Type"), "PHONE_OR_FAX");
    let to = named.replace('}', r#","destinationBucket":"masked","destinationKey":"notes/1.txt"}"#);
    let made = client.call("POST", "/text/mask", &[JSON], to.as_bytes()).ok();
    assert_eq!(text(&made, "maskedTextPath"), "s3://masked/notes/1.txt");
    let plain = client.call("POST", "/text/mask", &[JSON], br#"{"text":"call (415) 555-0132"}"#).ok();
    assert_eq!(text(&plain, "maskedText"), "call [PHONE]");

    let limited = folder.ward(&["token", "create", "--scope", "ward/masked-objects"]).good();
    let mut limited = server.client(limited.trim());
    let masked = limited.get("/archive/masked/notes%2F1.txt");
    assert_eq!(masked.status, 200, "{masked:?}");
    untold("the masked object", &String::from_utf8_lossy(&masked.body));
    limited.get(&format!("/archive/raw/{key}")).refused(403);
    limited.get(&format!("/archive/masked/{key}")).refused(404);
    limited.call("POST", "/text/phi", &[JSON], named.as_bytes()).refused(403);
    assert_eq!(client.get(&format!("/archive/raw/{key}")).body.as_ref(), raw, "raw stays");
    client.get("/archive/attic/1").refused(404);
    client.call("POST", "/image/mask", &[JSON], named.as_bytes()).refused(422);
    client.get(&format!("/image/phi?s3Bucket=raw&s3Key={key}")).refused(422);
    client.call("POST", "/text/phi", &[JSON], br#"{"text":"a","phiDetectionThreshold":2}"#).refused(400);
    server.stop();
    let events = folder.ward(&["audit", "list", "--format", "json"]).good();
    untold("the audit log", &events);
    assert!(events.contains("text mask of bucket raw"), "{events}");
}

#[test]
fn what_was_masked_is_led_back_by_those_with_the_right_and_a_purpose() {
    let folder = Folder::new();
    let token = folder.token();
    let allowed = folder.ward(&["token", "create", "--scope", "system/*.cruds ward/reveal"]).good();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    client.call("PUT", "/fhir/Patient/p1", &[FHIR], br#"{"resourceType":"Patient","id":"p1"}"#);
    let note = br#"{"text":"Seen on 2024-03-14.","patient":"Patient/p1"}"#;
    let masked = client.call("POST", "/mask/text", &[JSON], note).ok();
    let shifted = text(&masked, "text").trim_start_matches("Seen on ").trim_end_matches('.').to_owned();
    assert_ne!(shifted, "2024-03-14");
    let body = format!(
        r#"{{"values":[{{"method":"date","value":"{shifted}","patient":"Patient/p1"}},{{"method":"encrypt","value":"AAAA"}}]}}"#
    );
    let purpose = ("x-purpose-of-use", "HLEGAL");
    client.call("POST", "/mask/reveal", &[JSON, purpose], body.as_bytes()).refused(403);
    let mut client = server.client(allowed.trim());
    client.call("POST", "/mask/reveal", &[JSON], body.as_bytes()).refused(400);
    client.call("POST", "/mask/reveal", &[JSON, purpose], br#"{"values":[1]}"#).refused(400);
    let led = client.call("POST", "/mask/reveal", &[JSON, purpose], body.as_bytes()).ok();
    assert_eq!(text(&led, "values.0.value"), "2024-03-14");
    assert!(text(&led, "values.1.problem").contains("did not make it"));
    let words = ["mask", "reveal", "--method", "date", "--patient", "Patient/p1", "--purpose", "PATRQT"];
    let said = folder.ward(&[&words[..], &[shifted.as_str()]].concat()).good();
    assert_eq!(said.trim(), "2024-03-14");
    assert_eq!(folder.ward(&["mask", "reveal", "--method", "encrypt", "x"]).code, 2, "no purpose");
    folder.ward(&["mask", "reveal", "--method", "encrypt", "--purpose", "PATRQT", "x"]).refused(1, "1 of 1");
    // What commands left beside the log is taken in.
    std::thread::sleep(Duration::from_secs(3));
    server.stop();
    let events = folder.ward(&["audit", "list", "--format", "json"]).good();
    assert!(events.contains("date=1 of 2") && events.contains("HLEGAL"), "{events}");
    assert!(events.contains("date=1 of 1") && events.contains("PATRQT"), "{events}");
    assert!(!events.contains("2024-03-14"));
}
