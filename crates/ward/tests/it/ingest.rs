//! `ward ingest`: the same counts with and without a server, and nothing new the second time.

use testkit::{Hospital, Payload};

use crate::support::{Folder, json, number};

const COUNTS: [&str; 6] = ["files", "messages", "committed", "unchanged", "quarantined", "resources"];

/// Writes a small hospital's deliveries as files: messages in one batch file a feed, bundles as files, and NDJSON; beside
/// them what is not taken in.
fn deliveries(folder: &Folder) {
    let hospital = Hospital::new(7, 6);
    let mut feed = Vec::new();
    for (index, delivery) in hospital.deliveries().iter().enumerate() {
        match &delivery.payload {
            Payload::Hl7v2(message) if index % 3 == 0 => {
                folder.file(&format!("in/one/{index:04}.hl7"), message);
            }
            Payload::Hl7v2(message) => feed.push(message.clone()),
            Payload::FhirBundle(bundle) => {
                folder.file(&format!("in/bundles/{index:04}.json"), bundle);
            }
        }
    }
    folder.file("in/feed.hl7", &feed.concat());
    let lines: Vec<String> = (0..5)
        .map(|number| format!("{{\"resourceType\":\"Patient\",\"id\":\"nd{number}\",\"active\":true}}"))
        .collect();
    folder.file("in/patients.ndjson", lines.join("\n").as_bytes());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, lines.join("\n").replace("\"nd", "\"gz").as_bytes()).unwrap();
    folder.file("in/patients.ndjson.gz", &gzip.finish().unwrap());
    folder.file("in/empty.hl7", b"");
    folder.file("in/readme.txt", b"this is no message");
    folder.file("in/noise.bin", &[0, 159, 146, 150, 7, 8, 9]);
}

fn ingest(folder: &Folder) -> [i64; 6] {
    let said = folder.ward(&["ingest", "in", "--format", "json"]).good();
    let last = json(said.lines().last().unwrap().as_bytes());
    assert!(last.get("seconds").is_some());
    let counts = COUNTS.map(|name| number(&last, name).unwrap_or_else(|| panic!("no `{name}` in {said}")));
    let [_, messages, committed, unchanged, quarantined, _] = counts;
    assert_eq!(messages, committed + unchanged + quarantined, "{said}");
    counts
}

#[test]
fn ingest_counts_the_same_with_and_without_a_server_and_nothing_twice() {
    let (direct, through) = (Folder::new(), Folder::new());
    deliveries(&direct);
    deliveries(&through);
    let first = ingest(&direct);
    assert!(first[1] > 20 && first[2] > 10 && first[4] > 0, "{first:?}");
    let again = ingest(&direct);
    assert_eq!((again[2], again[5]), (0, 0), "a second run commits nothing: {again:?}");
    assert_eq!(again[4], first[4], "what was put aside is put aside again");

    let mut server = through.serve();
    assert_eq!(ingest(&through), first);
    let again = ingest(&through);
    assert_eq!((again[2], again[5]), (0, 0), "{again:?}");
    server.stop();
    // And across: what came through the server is known without it.
    assert_eq!(ingest(&through)[2], 0);
    let quarantined = |folder: &Folder| {
        let kept = json(folder.ward(&["channel", "quarantine", "--format", "json"]).good().as_bytes());
        kept.as_array().unwrap().len()
    };
    assert_eq!(quarantined(&direct), quarantined(&through));
    for folder in [&direct, &through] {
        folder.ward(&["index", "verify"]).good();
        folder.ward(&["audit", "verify"]).good();
    }
}

#[test]
fn ingest_names_what_it_cannot_find() {
    let folder = Folder::new();
    folder.ward(&["ingest", "absent.hl7"]).refused(1, "absent.hl7");
    folder.file("a.hl7", b"MSH|");
    folder.ward(&["ingest", "a.hl7", "--channel", "nobody"]).refused(2, "`nobody`");
    assert_eq!(folder.ward(&["ingest"]).code, 2);
    let mut server = folder.serve();
    folder.ward(&["ingest", "a.hl7", "--channel", "nobody"]).refused(2, "`nobody`");
    server.stop();
}

#[test]
fn a_server_that_was_killed_is_not_waited_for() {
    let folder = Folder::new();
    folder.file("p.json", br#"{"resourceType":"Patient","id":"a"}"#);
    let mut server = folder.serve();
    server.kill();
    let said = json(folder.ward(&["ingest", "p.json", "--format", "json"]).good().as_bytes());
    assert_eq!(number(&said, "committed"), Some(1));
}

#[test]
fn an_ingest_that_was_killed_goes_on_where_it_was_and_ends_with_the_same_store() {
    let (killed, whole) = (Folder::new(), Folder::new());
    deliveries(&killed);
    deliveries(&whole);
    ingest(&whole);
    for pause_ms in [120, 250, 400, 700] {
        let mut child = killed.command(&["ingest", "in"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        let _ = child.kill();
        child.wait().unwrap();
    }
    ingest(&killed);
    assert_eq!(ingest(&killed)[2], 0, "everything is in");
    let counts = |folder: &Folder| {
        let token = folder.token();
        let mut server = folder.serve();
        let mut client = server.client(&token);
        let types = ["Patient", "Encounter", "Observation", "DiagnosticReport", "Provenance", "Location"];
        let counts = types.map(|name| number(&client.search(&format!("{name}?_summary=count")), "total"));
        server.stop();
        counts
    };
    assert_eq!(counts(&killed), counts(&whole));
    killed.ward(&["index", "verify"]).good();
    killed.ward(&["audit", "verify"]).good();
}
