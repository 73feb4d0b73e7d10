//! A search parameter comes to a store full of resources, while others write and the server is killed again and again.
//!
//! `WARD_REINDEX_RESOURCES` sets how many resources there are (3,000), `WARD_SEED` the seed of the kills; both are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fhir::json::{Value, array, object};
use testkit::Random;

use crate::support::{Client, Folder, Server, at, number, resources, text};

const RESOURCES: usize = 3_000;
/// Resources of one bundle of the first load.
const BUNDLE: usize = 200;
/// Kills while the parameter is built.
const KILLS: usize = 5;
const COLOURS: [&str; 5] = ["amber", "blue", "brown", "green", "grey"];

fn patient(id: &str, colour: &str) -> Value {
    let eye = object([("url", Value::from("http://example.org/eye")), ("valueCode", Value::from(colour))]);
    object([
        ("resourceType", Value::from("Patient")),
        ("id", Value::from(id)),
        ("name", array([object([("family", Value::from(format!("Family{}", id.len()).as_str()))])])),
        ("extension", array([eye])),
    ])
}

fn parameter() -> Value {
    object([
        ("resourceType", Value::from("SearchParameter")),
        ("id", Value::from("eye")),
        ("url", Value::from("http://example.org/SearchParameter/eye")),
        ("name", Value::from("Eye")),
        ("status", Value::from("active")),
        ("description", Value::from("The colour of the eyes")),
        ("code", Value::from("eye")),
        ("base", array([Value::from("Patient")])),
        ("type", Value::from("token")),
        ("expression", Value::from("Patient.extension.where(url = 'http://example.org/eye').value")),
    ])
}

fn load(client: &mut Client, count: usize) {
    for first in (0..count).step_by(BUNDLE) {
        let entries = (first..count.min(first + BUNDLE)).map(|number| {
            let id = format!("p{number}");
            let url = format!("Patient/{id}");
            object([
                ("resource", patient(&id, COLOURS[number % 4])),
                ("request", object([("method", Value::from("PUT")), ("url", Value::from(url.as_str()))])),
            ])
        });
        let bundle = object([
            ("resourceType", Value::from("Bundle")),
            ("type", Value::from("transaction")),
            ("entry", array(entries)),
        ]);
        client.post("/fhir", &bundle).ok();
    }
}

/// Writes until it is stopped or the server is gone: changes colours, adds patients, deletes some.
fn write(client: &mut Client, at: &AtomicUsize, count: usize, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let round = at.fetch_add(1, Ordering::Relaxed);
        let id = if round.is_multiple_of(4) {
            format!("new{round}")
        } else {
            format!("p{}", round * 7919 % count)
        };
        let (method, body) = match round % 10 {
            9 => ("DELETE", Vec::new()),
            _ => ("PUT", patient(&id, COLOURS[round % 5]).to_vec()),
        };
        let headers = [("content-type", "application/fhir+json")];
        if client.attempt(method, &format!("/fhir/Patient/{id}"), &headers, &body).is_none() {
            return;
        }
    }
}

/// Patients by colour, read one by one: what a search must find.
fn plain(client: &mut Client) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    walk(client, "/fhir/Patient?_count=1000", &mut |one| {
        let colour = text(one, "extension.0.valueCode").to_owned();
        found.entry(colour).or_default().insert(text(one, "id").to_owned());
    });
    found
}

fn walk(client: &mut Client, path: &str, each: &mut dyn FnMut(&Value)) {
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let page = client.get(&path).ok();
        resources(&page).into_iter().for_each(&mut *each);
        let links = page.get("link").map(Value::elements).unwrap_or_default();
        let link = links.iter().find(|link| text(link, "relation") == "next");
        next = link.map(|link| {
            let url = text(link, "url");
            url.get(url.find("/fhir").unwrap()..).unwrap().to_owned()
        });
    }
}

/// Phase and resources done, as `$reindex` tells them.
fn progress(client: &mut Client) -> (String, i64) {
    let told = client.get("/fhir/SearchParameter/eye/$reindex").ok();
    let parts = at(&told, "parameter.0.part").map(Value::elements).unwrap_or_default();
    let part = |name: &str| parts.iter().find(|part| text(part, "name") == name).unwrap();
    (text(part("phase"), "valueCode").to_owned(), number(part("resourcesDone"), "valueUnsignedInt").unwrap())
}

#[test]
fn a_new_parameter_finds_all_old_data_though_others_write_and_the_server_is_killed() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let count = variable("WARD_REINDEX_RESOURCES").unwrap_or(RESOURCES);
    let seed = variable("WARD_SEED").unwrap_or_else(|| std::process::id() as usize);
    eprintln!("reindex: {count} resources, WARD_SEED={seed}");
    let mut random = Random::new(seed as u64);
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let started = Instant::now();
    load(&mut client, count);
    eprintln!("reindex: loaded in {:?}", started.elapsed());
    assert_eq!(client.get("/fhir/Patient?eye=blue").status.as_u16(), 400);

    let (started, round) = (Instant::now(), AtomicUsize::new(0));
    assert_eq!(client.put("/fhir/SearchParameter/eye", &parameter()).status.as_u16(), 201);
    let mut seen = vec![progress(&mut client)];
    let (mut kills, mut busy) = (0, Duration::ZERO);
    while seen.last().is_some_and(|(phase, _)| phase == "building") {
        let refused = client.get("/fhir/Patient?eye=blue");
        assert!(refused.status.as_u16() == 200 || !refused.header("retry-after").is_empty(), "{refused:?}");
        let pause = Duration::from_millis(30 + random.below(120) + count as u64 / 1000);
        let kill = kills < KILLS;
        busy += work(&mut server, &folder, &token, (&round, count), if kill { Some(pause) } else { None });
        kills += usize::from(kill);
        client = server.client(&token);
        seen.push(progress(&mut client));
    }
    let (phase, done) = seen.last().cloned().unwrap();
    assert_eq!(phase, "ready");
    eprintln!(
        "reindex: ready after {:?} with {kills} kills ({busy:?} under writers), {} writes, {done} resources; stood at {:?}",
        started.elapsed(),
        round.load(Ordering::Relaxed),
        seen.iter().map(|(_, done)| *done).take(KILLS + 1).collect::<Vec<_>>()
    );

    let expected = plain(&mut client);
    assert!(
        expected.len() == COLOURS.len() && expected.values().map(BTreeSet::len).sum::<usize>() > count / 2
    );
    for (colour, ids) in &expected {
        let mut found = BTreeSet::new();
        walk(&mut client, &format!("/fhir/Patient?eye={colour}&_count=1000"), &mut |one| {
            assert!(found.insert(text(one, "id").to_owned()), "it comes twice");
        });
        assert_eq!(&found, ids, "{colour}");
    }
    server.stop();
    let status = folder.ward(&["index", "status", "--format", "json"]).good();
    assert!(status.contains("\"phase\":\"ready\""), "{status}");
    folder.ward(&["index", "verify"]).good();
}

/// Lets writers work for a while and kills the server, or lets them work until the parameter is ready.
fn work(
    server: &mut Server,
    folder: &Folder,
    token: &str,
    (round, count): (&AtomicUsize, usize),
    kill_after: Option<Duration>,
) -> Duration {
    let started = Instant::now();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let mut client = server.client(token);
            let stop = &stop;
            scope.spawn(move || write(&mut client, round, count, stop));
        }
        match kill_after {
            Some(pause) => {
                std::thread::sleep(pause);
                server.kill();
            }
            None => {
                let mut client = server.client(token);
                while progress(&mut client).0 == "building" {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    if kill_after.is_some() {
        *server = folder.serve();
    }
    started.elapsed()
}
