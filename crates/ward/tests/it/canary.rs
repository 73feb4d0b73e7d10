//! A conspicuous patient goes through everything that Ward does, and stands readable in no file, log or metric.

use std::path::Path;
use std::process::Stdio;

use fhir::json::{Value, array, object};
use testkit::canary;

use crate::support::folder::CONFIG;
use crate::support::https::FHIR;
use crate::support::scan::{Find, Scan};
use crate::support::{Client, Folder, Server, json, names, text};

const LOGS: &[(&str, &str)] = &[("WARD_LOG", "trace,h2=info,rustls=info"), ("RUST_BACKTRACE", "1")];

/// The message of the canary, broken in the ways that lead to quarantine or to a refusal.
fn broken() -> Vec<Vec<u8>> {
    let sound = String::from_utf8(canary::admission()).unwrap();
    let header_end = sound.find('\r').unwrap();
    vec![
        sound.replacen("ADT^A01", "ADT^Z99", 1).into_bytes(),
        sound.replacen("^~\\&", "^^^&", 1).into_bytes(),
        sound.as_bytes()[header_end + 1..].to_vec(),
        sound.replace("PID|", "PIX|").into_bytes(),
        sound.replacen("|2.5.1", &format!("|{}", canary::FAMILY), 1).into_bytes(),
        // Names in places where dates, codes and numbers belong.
        sound.replace("PV1|1|I", &format!("PV1|{}|{}", canary::FAMILY, canary::NOTE)).into_bytes(),
        sound.as_bytes()[..sound.len() / 2].to_vec(),
    ]
}

/// Everything by MLLP and by HTTPS that brings the strings in.
fn load(server: &Server, client: &mut Client) {
    let mut line = server.line("adt");
    for message in [canary::admission(), canary::update(), canary::result(), canary::update()] {
        assert_eq!(line.send(&message), "AA");
    }
    for message in broken() {
        // What the sender is told is for its eyes, yet it names places and not values.
        line.write(&message).unwrap();
        let answer = line.read().unwrap();
        assert!(matches!(answer.get("MSA-1").as_deref(), Some("AA" | "AE" | "AR")));
        for path in ["ERR-1", "ERR-2", "ERR-3", "ERR-7", "ERR-8", "MSA-3"] {
            let said = answer.get(path).unwrap_or_default().into_owned();
            let found = Scan::new(canary::STRINGS).bytes(path, said.as_bytes());
            assert!(found.is_empty(), "{found:?}");
        }
    }
    // Junk between frames, and a frame that the connection breaks off.
    line.raw(format!("{}\x0bMSH|^~\\&|{}", canary::FAMILY, canary::NOTE).as_bytes()).unwrap();
    drop(line);

    client.call("POST", "/fhir", &[FHIR], &canary::bundle()).ok();
    let message = canary::result();
    let posted = client.call("POST", "/channels/post", &[("accept", "application/json")], &message);
    assert_eq!(posted.status, 200);
    for message in broken() {
        client.call("POST", "/channels/post", &[], &message);
    }
    // The strings where the structure does not want them: the refusal names the place.
    for (member, value) in [
        ("birthDate", Value::from(canary::FAMILY)),
        ("gender", Value::from(canary::NOTE)),
        ("active", Value::from(canary::MRN)),
        ("name", Value::from(canary::FAMILY)),
    ] {
        let body = object([("resourceType", Value::from("Patient")), (member, value)]);
        let answer = client.post("/fhir/Patient", &body);
        answer.refused(422);
        unseen("a refusal", &answer.body);
        client.call("POST", "/channels/post", &[], &body.to_vec());
    }
    let half = canary::bundle();
    let answer = client.call("POST", "/fhir", &[FHIR], &half[..half.len() / 2]);
    answer.refused(400);
    unseen("a refusal", &answer.body);
    client.call("POST", "/channels/post", &[], &half[..half.len() / 2]);
}

/// Looks at the patient in every way. Gives the id of the patient of the hospital's feed.
fn look(client: &mut Client) -> String {
    let by_identifier = format!("Patient?identifier={}", canary::identifier());
    let found = client.search(&by_identifier);
    let all = names(&found);
    assert!(!all.is_empty(), "the canary is not in the store");
    let id = all[0].strip_prefix("Patient/").unwrap().to_owned();
    for query in [
        format!("Patient?name={}", canary::FAMILY),
        format!("Patient?family:exact={}", canary::FAMILY),
        format!("Patient?given:contains={}", &canary::GIVEN[2..]),
        format!("Patient?address={}", canary::STREET_NEW.replace(' ', "%20")),
        format!("Patient?address-city={}", canary::TOWN),
        format!("Patient?email={}", canary::EMAIL),
    ] {
        assert!(names(&client.search(&query)).contains(&format!("Patient/{id}")), "{query}");
    }
    // Words: their postings and their dictionary stand in the index from here on.
    let note = canary::NOTE.replace(' ', "%20");
    for query in [
        format!("Patient?_content={}%20{}*", canary::FAMILY, &canary::TOWN[..3]),
        format!("Observation?_content=%22{note}%22"),
        format!("Patient?_filter=family%20eq%20%22{}%22", canary::FAMILY),
        format!("?_type=Patient,Observation&_content={}", canary::FAMILY),
    ] {
        assert!(!names(&client.search(&query)).is_empty(), "{query}");
    }
    assert!(!names(&client.search(&format!("Patient/{id}/*?_content=%22{note}%22"))).is_empty());
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("name={}&address={}", canary::GIVEN, canary::STREET_NEW.replace(' ', "+"));
    let posted = client.call("POST", "/fhir/Patient/_search", &form, body.as_bytes()).ok();
    assert!(!names(&posted).is_empty());
    // Pages: their tokens stand in links, and links in logs of others.
    let page = client.search("Observation?_count=1&_sort=-date");
    if let Some(Value::Array(links)) = page.get("link") {
        let next = links.iter().find(|link| text(link, "relation") == "next");
        let url = next.map(|link| text(link, "url").to_owned()).unwrap_or_default();
        unseen("a page link", url.as_bytes());
    }
    let with_all =
        client.search(&format!("{by_identifier}&_revinclude=Observation:subject&_include=*&__explain=true"));
    assert!(with_all.to_vec().len() > 100);
    client.search(&format!("Observation?subject:Patient.name={}", canary::FAMILY));
    let history = client.get(&format!("/fhir/Patient/{id}/_history")).ok();
    assert!(names(&history).len() >= 2, "the update made a second version");
    client.get(&format!("/fhir/Patient/{id}/_history/1")).ok();
    client.get("/fhir/_history").ok();
    // Refusals of requests that carry the strings.
    for query in [
        format!("Patient?{}=1", canary::FAMILY),
        format!("Patient?name:{}=1", canary::FAMILY),
        format!("Patient?birthdate={}", canary::FAMILY),
        format!("{}?name=a", canary::FAMILY),
        format!("Patient/{}", canary::MRN),
        format!("Patient/{id}/{}", canary::FAMILY),
        format!("Patient?name={}&_page={}", canary::FAMILY, canary::MRN),
        format!("Patient?_filter=name%20xx%20{}", canary::FAMILY),
        format!("Patient?_text=({}", canary::FAMILY),
        format!("?_type={}", canary::FAMILY),
    ] {
        client.get(&format!("/fhir/{query}"));
    }
    client.call("GET", &format!("/fhir/Patient/{id}"), &[("x-request-id", canary::EMAIL)], &[]).ok();
    client.call(&canary::FAMILY.to_ascii_uppercase(), "/fhir/Patient", &[], &[]);
    client.call("GET", "/fhir/Patient", &[("accept", &format!("text/{}", canary::FAMILY))], &[]);
    id
}

/// Changes the patient in every way, and deletes it.
fn change(client: &mut Client, id: &str) {
    let path = format!("/fhir/Patient/{id}");
    let patch = array([object([
        ("op", Value::from("add")),
        ("path", Value::from("/text")),
        (
            "value",
            object([
                ("status", Value::from("additional")),
                (
                    "div",
                    Value::from(
                        format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", canary::NOTE)
                            .as_str(),
                    ),
                ),
            ]),
        ),
    ])]);
    let kind = [("content-type", "application/json-patch+json")];
    client.call("PATCH", &path, &kind, &patch.to_vec()).ok();
    let mut patient = client.get(&path).ok();
    patient.as_object_mut().unwrap().insert("language", Value::from("en"));
    client.put(&path, &patient).ok();
    let stale = client.call("PUT", &path, &[FHIR, ("if-match", "W/\"1\"")], &patient.to_vec());
    unseen("a refusal", stale.refused(412).as_bytes());
    let none_exist = format!("identifier={}", canary::identifier());
    let body = object([("resourceType", Value::from("Patient"))]).to_vec();
    client.call("POST", "/fhir/Patient", &[FHIR, ("if-none-exist", &none_exist)], &body);
    let deleted = client.call("DELETE", &path, &[], &[]);
    assert_eq!(deleted.status, 204, "{deleted:?}");
    assert_eq!(client.get(&path).status, 410);
    assert!(
        !names(&client.search(&format!("Patient?name={}", canary::FAMILY)))
            .contains(&format!("Patient/{id}"))
    );
}

#[track_caller]
fn unseen(what: &str, bytes: &[u8]) {
    let found: Vec<Find> = Scan::new(canary::STRINGS).bytes(what, bytes);
    assert!(found.is_empty(), "{found:?}");
}

/// Fails if anything is found; and if there was nothing to look at.
#[track_caller]
fn nothing_in(scan: &Scan, folder: &Path) {
    let (found, files, bytes) = scan.folder(folder);
    assert!(files >= 8 && bytes > 10_000, "{files} files with {bytes} bytes are not what a server leaves");
    assert!(found.is_empty(), "{} finds: {:?}", found.len(), &found[..found.len().min(20)]);
}

#[test]
fn the_canary_stands_readable_in_no_file_log_or_metric() {
    let scan = Scan::new(canary::STRINGS);
    let folder = Folder::with(&CONFIG.replace("2000000", "8000000"));
    let token = folder.token();
    let mut server = folder.serve_with(LOGS);
    let mut client = server.client(&token);

    load(&server, &mut client);
    let id = look(&mut client);
    nothing_in(&scan, &folder.data());
    unseen("metrics", &client.get("/metrics").body);

    server.kill();
    nothing_in(&scan, &folder.data());
    let said = server.said();
    assert!(said.contains("quarantine"), "the logs are on: {said}");
    unseen("logs", said.as_bytes());

    // Offline: the lists and replays that an administrator runs, then files.
    let listed = folder.ward(&["channel", "quarantine", "--format", "json"]);
    assert!(json(listed.out.as_bytes()).as_array().is_some_and(|all| all.len() >= 5), "{listed:?}");
    unseen("the quarantine's list", format!("{listed:?}").as_bytes());
    for arguments in [
        &["channel", "replay", "adt", "--format", "json"][..],
        &["channel", "replay", "adt", "--all", "--format", "json"],
        &["audit", "list", "--count", "1000"],
        &["token", "list"],
    ] {
        let mut command = folder.command(arguments);
        command.envs(LOGS.iter().copied()).stdin(Stdio::null());
        let said = crate::support::folder::run(command);
        assert_eq!(said.code, 0, "{said:?}");
        unseen("a command", format!("{said:?}").as_bytes());
    }
    let all = [canary::admission(), canary::result(), broken().concat()].concat();
    let files = folder.path().join("in");
    folder.file("in/feed.hl7", &all);
    folder.file("in/bundle.json", &canary::bundle());
    let mut command = folder.command(&["ingest", files.to_str().unwrap()]);
    command.envs(LOGS.iter().copied());
    let said = crate::support::folder::run(command);
    assert_eq!(said.code, 0, "{said:?}");
    unseen("ingest", format!("{said:?}").as_bytes());
    nothing_in(&scan, &folder.data());

    let mut server = folder.serve_with(LOGS);
    let mut client = server.client(&token);
    change(&mut client, &id);
    nothing_in(&scan, &folder.data());
    unseen("metrics", &client.get("/metrics").body);
    unseen("logs", server.stop().as_bytes());
    nothing_in(&scan, &folder.data());
    nothing_in_temporary(&scan, &folder);

    // And the look itself is not blind: the same strings, planted where they must not be, are found.
    std::fs::write(folder.data().join("log").join("planted"), canary::result()).unwrap();
    assert!(!scan.folder(&folder.data()).0.is_empty());
}

/// Temporary files hold nothing readable either; there may be none.
fn nothing_in_temporary(scan: &Scan, folder: &Folder) {
    let (found, ..) = scan.folder(&folder.temporary());
    assert!(found.is_empty(), "{found:?}");
}
