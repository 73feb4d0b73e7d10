//! The masked view of the store, over real TLS: what a researcher's token shows, what it is refused, what the audit log says.

use std::time::{Duration, Instant};

use fhir::json::{self, Value};

use crate::support::https::FHIR;
use crate::support::{Client, Folder, Server, json, names, resources, text};

/// What nobody of the view may ever read, in any answer. The dates are far from the present and from each other, so that no shifted
/// date becomes one of them.
const TELLS: [&str; 16] = [
    "quillfeather",
    "odalric",
    "brackenbury",
    "ysolde",
    "mrn-77120345",
    "1961-07-23",
    "23 july",
    "555-0132",
    "tanglewood",
    "p-secret-1",
    "p-secret-2",
    "o-secret",
    "d-secret",
    "pr-secret",
    "2019-03-14",
    "77120345",
];

const PATIENTS: [&str; 2] = [
    r#"{"resourceType":"Patient","id":"p-secret-1","identifier":[{"system":"urn:mrn","value":"MRN-77120345"}],
        "name":[{"family":"Quillfeather","given":["Odalric"]}],"gender":"male","birthDate":"1961-07-23",
        "telecom":[{"system":"phone","value":"(415) 555-0132"}],
        "address":[{"line":["12 Tanglewood Lane"],"city":"Ashdown","state":"MA","postalCode":"02139"}],
        "generalPractitioner":[{"reference":"Practitioner/pr-secret","display":"Dr. Ysolde Brackenbury"}]}"#,
    r#"{"resourceType":"Patient","id":"p-secret-2","name":[{"family":"Other"}],"gender":"female"}"#,
];

const OTHERS: [&str; 4] = [
    r#"{"resourceType":"Practitioner","id":"pr-secret","name":[{"family":"Brackenbury","given":["Ysolde"]}]}"#,
    r#"{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},
        "subject":{"reference":"Patient/p-secret-1"},"period":{"start":"2019-03-14T09:00:00Z"}}"#,
    r#"{"resourceType":"Observation","id":"o-secret","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},
        "subject":{"reference":"Patient/p-secret-1"},"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2019-03-14",
        "valueQuantity":{"value":72,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"},
        "note":[{"text":"odalric was calm. QUILLFEATHER, born 23 July 1961, called from 415 555 0132."}]}"#,
    r#"{"resourceType":"DocumentReference","id":"d-secret","status":"current","subject":{"reference":"Patient/p-secret-1"},
        "content":[{"attachment":{"contentType":"text/plain","data":"UXVpbGxmZWF0aGVyLCBPZGFscmljIGNhbWUgaW4u"}}]}"#,
];

struct Hospital {
    folder: Folder,
    server: Server,
    all: Client,
    view: Client,
}

fn open(scope: &str, profile: &str) -> Hospital {
    let folder = Folder::new();
    let token = folder.token();
    let create = ["token", "create", "--scope", scope, "--name", "researcher", "--masked", profile];
    let masked = folder.ward(&create).good();
    let server = folder.serve();
    let (mut all, view) = (server.client(&token), server.client(masked.trim()));
    for resource in PATIENTS.iter().chain(&OTHERS) {
        let value = json(resource.as_bytes());
        let path = format!("/fhir/{}/{}", text(&value, "resourceType"), text(&value, "id"));
        assert_eq!(all.call("PUT", &path, &[FHIR], resource.as_bytes()).status, 201);
    }
    Hospital { folder, server, all, view }
}

/// Asks, and looks through the whole answer, headers too, for what must not be there.
#[track_caller]
fn ask(view: &mut Client, path: &str) -> Value {
    let answer = view.get(path);
    let shown = format!("{:?} {}", answer, String::from_utf8_lossy(&answer.body)).to_lowercase();
    for tell in TELLS {
        assert!(!shown.contains(tell), "`{tell}` in the answer to {path}");
    }
    assert_eq!(answer.status, 200, "{path}: {shown}");
    json(&answer.body)
}

fn of_type<'b>(bundle: &'b Value, name: &str) -> Vec<&'b Value> {
    resources(bundle).into_iter().filter(|resource| resource.resource_type() == Some(name)).collect()
}

#[test]
fn a_researcher_reads_and_searches_and_learns_nobody() {
    let Hospital { folder, mut server, mut all, mut view } = open("system/*.rs", "safe-harbor");
    let found = ask(
        &mut view,
        "/fhir/Observation?code=8867-4&_include=Observation:subject&_include=Observation:encounter",
    );
    let observation = of_type(&found, "Observation")[0];
    assert_eq!(text(observation, "code.coding.0.code"), "8867-4");
    assert!(text(observation, "note.0.text").contains("was calm"), "the rest of a note stays");
    let patient = of_type(&found, "Patient")[0];
    assert_eq!(text(observation, "subject.reference"), format!("Patient/{}", text(patient, "id")));
    assert_eq!((text(patient, "gender"), text(patient, "address.0.state")), ("male", "MA"));
    // Dates of one patient move together, in whatever resource they stand.
    let encounter = of_type(&found, "Encounter")[0];
    let day = text(encounter, "period.start").get(..10).unwrap();
    assert_eq!(text(observation, "effectiveDateTime"), day);

    let path = format!("/fhir/{}", text(observation, "subject.reference"));
    assert_eq!(&ask(&mut view, &path), patient, "a link of the view works, and shows the same again");
    let of = text(patient, "id");
    for query in [
        format!("Observation?subject={path}", path = path.trim_start_matches("/fhir/")),
        format!("Patient/{of}/Observation"),
        format!("Observation?patient={of}&_summary=true"),
        "Observation?subject:Patient.gender=male&_elements=code".to_owned(),
        format!("Observation?_id={}", text(observation, "id")),
    ] {
        assert_eq!(names(&ask(&mut view, &format!("/fhir/{query}"))).len(), 1, "{query}");
    }
    for kind in ["Patient", "Practitioner", "Encounter", "DocumentReference", "?"] {
        let path =
            if kind == "?" { "/fhir?_type=Patient,Practitioner".to_owned() } else { format!("/fhir/{kind}") };
        assert!(!names(&ask(&mut view, &path)).is_empty(), "{kind}");
    }
    let documents = ask(&mut view, "/fhir/DocumentReference");
    let data = text(of_type(&documents, "DocumentReference")[0], "content.0.attachment.data");
    assert!(!data.is_empty() && !OTHERS[3].contains(data), "what is attached is masked too");
    assert!(names(&all.get("/fhir/Observation").ok()).contains(&"Observation/o-secret".to_owned()));

    let audit = folder.ward(&["audit", "list", "--format", "json"]).good();
    assert!(audit.contains("masked view of ") && audit.contains("profile=safe-harbor"), "{audit}");
    server.stop();
}

#[test]
fn what_would_tell_is_refused() {
    let Hospital { folder: _folder, mut server, mut view, mut all } = open("system/*.rs", "safe-harbor");
    let own = text(of_type(&ask(&mut view, "/fhir/Patient?gender=male"), "Patient")[0], "id").to_owned();
    for (path, status) in [
        ("/fhir/Patient?name=quill", 403),
        ("/fhir/Patient?birthdate=1961-07-23", 403),
        ("/fhir/Patient?identifier=MRN-77120345", 403),
        ("/fhir/Observation?subject:Patient.name=quill", 403),
        ("/fhir/Observation?_content=calm", 403),
        ("/fhir/Observation?date=2026", 403),
        ("/fhir/Observation?_sort=-_lastUpdated", 403),
        ("/fhir/Patient/p-secret-1", 404),
        ("/fhir/Patient/p-secret-1/Observation", 404),
        ("/fhir/Patient/_history", 403),
        ("/fhir/_history", 403),
        ("/archive/raw/0000", 403),
        ("/archive/masked/0000", 403),
        ("/scan/findings", 403),
        ("/fhir/Patient/$export?_since=2020-01-01T00:00:00Z", 403),
    ] {
        let answer = view.get(path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    for rest in ["_history", "_history/1", "$everything", "$meta", "$diff", "$graphql?query={id}"] {
        let answer = view.get(&format!("/fhir/Patient/{own}/{rest}"));
        let shown = String::from_utf8_lossy(&answer.body).to_lowercase();
        assert!(!TELLS.iter().any(|tell| shown.contains(tell)), "{rest}");
        // These read through the same door, and show what the view shows.
        if !["$graphql", "$meta", "$diff"].contains(&rest.split('?').next().unwrap()) {
            assert!([403, 404].contains(&answer.status.as_u16()), "{rest}: {answer:?}");
        }
    }
    let batch = br#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/p-secret-1"}}]}"#;
    assert_eq!(view.call("POST", "/fhir", &[FHIR], batch).status, 403);
    let patient = PATIENTS[0].as_bytes();
    assert_eq!(view.call("PUT", "/fhir/Patient/p-secret-1", &[FHIR], patient).status, 403);
    assert_eq!(view.call("POST", "/fhir/Patient/$validate", &[FHIR], patient).status, 403);
    let json_body = ("content-type", "application/json");
    assert_eq!(view.call("POST", "/mask/text", &[json_body], br#"{"text":"a"}"#).status, 403);
    let values = br#"{"values":[{"method":"encrypt","value":"AAAA"}]}"#;
    let purpose = [json_body, ("x-purpose-of-use", "HRESCH")];
    assert_eq!(view.call("POST", "/mask/reveal", &purpose, values).status, 403);
    let object = [("content-type", "application/octet-stream")];
    assert_eq!(view.call("POST", "/archive", &object, b"a").status, 403);
    // An id of the view is nothing to others.
    all.get(&format!("/fhir/Patient/{own}")).refused(404);
    server.stop();
}

/// Asks for an answer later, waits for it, and gives its path and itself.
fn later(view: &mut Client, path: &str) -> (String, Value) {
    let kicked = view.call("GET", path, &[("prefer", "respond-async")], &[]);
    let job = kicked.header("content-location").strip_prefix("https://ward.example").unwrap().to_owned();
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = view.get(&job);
        if answer.status != 202 {
            return (job, json(&answer.body));
        }
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_request_that_is_answered_later_is_masked_too() {
    let Hospital { folder: _folder, mut server, mut view, .. } = open("system/*.rs", "safe-harbor");
    let (_, answer) = later(&mut view, "/fhir/Observation?_include=Observation:subject");
    let shown = String::from_utf8(answer.to_vec()).unwrap().to_lowercase();
    TELLS.iter().for_each(|tell| assert!(!shown.contains(tell), "{tell}"));
    assert_eq!(names(resources(&answer)[0]).len(), 2);
    let (_, refused) = later(&mut view, "/fhir/Patient/_history");
    assert_eq!(text(&refused, "entry.0.response.status"), "403 Forbidden");
    server.stop();
}

#[test]
fn an_export_of_the_view_is_masked_and_stays_the_views_own() {
    let Hospital { folder, mut server, mut view, .. } = open("system/*.rs", "safe-harbor");
    let (path, manifest) = later(&mut view, "/fhir/$export");
    let mut lines = 0;
    for file in manifest.get("output").map(Value::elements).unwrap() {
        let path = text(file, "url").strip_prefix("https://ward.example").unwrap();
        let answer = view.call("GET", path, &[("accept", "application/fhir+ndjson")], &[]);
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        TELLS.iter().for_each(|tell| assert!(!body.to_lowercase().contains(tell), "{tell} in {body}"));
        for line in body.lines() {
            let resource = json::parse(line.as_bytes(), &json::Limits::default()).unwrap();
            assert_eq!(text(&resource, "id").len(), 52);
            lines += 1;
        }
    }
    assert_eq!(lines, 6);
    // The same name with a token that shows all: it is another's job.
    let plain = folder.ward(&["token", "create", "--scope", "system/*.rs", "--name", "researcher"]).good();
    server.client(plain.trim()).get(&path).refused(404);
    let audit = folder.ward(&["audit", "list", "--format", "json"]).good();
    assert!(audit.contains("export: masked view of 1: "), "{audit}");
    server.stop();
}

#[test]
fn a_limited_data_set_shows_dates_and_may_be_asked_for_them() {
    let Hospital { folder: _folder, mut server, mut view, .. } = open("system/*.rs", "limited-dataset");
    let answer = view.get("/fhir/Observation?date=2019-03-14").ok();
    let observation = of_type(&answer, "Observation")[0];
    assert_eq!(text(observation, "effectiveDateTime"), "2019-03-14");
    let shown = String::from_utf8(observation.to_vec()).unwrap().to_lowercase();
    for tell in ["quillfeather", "odalric", "555-0132", "p-secret", "o-secret"] {
        assert!(!shown.contains(tell), "{tell}");
    }
    server.stop();
}

#[test]
fn a_token_of_the_view_cannot_write() {
    let folder = Folder::new();
    let create = ["token", "create", "--scope", "system/*.cruds", "--masked", "safe-harbor"];
    folder.ward(&create).refused(2, "can write nothing");
    let create = ["token", "create", "--scope", "system/*.rs", "--masked", "nothing"];
    assert_eq!(folder.ward(&create).code, 2);
    folder
        .ward(&["token", "create", "--scope", "system/*.rs", "--masked", "safe-harbor", "--name", "r"])
        .good();
    assert!(folder.ward(&["token", "list"]).good().contains("safe-harbor"));
}
