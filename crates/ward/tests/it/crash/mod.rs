//! `kill -9` in a loop under writers: what was acknowledged stays, once and whole, and nobody repairs anything.
//!
//! `WARD_KILLS` sets how many kills, `WARD_SEED` the seed of their times; both are printed.

mod bundles;
mod messages;
mod singles;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fhir::json::Value;
use testkit::Random;

use crate::support::folder::CONFIG;
use crate::support::{Client, Folder, Server, json, text};

/// Kills in a run.
const KILLS: u64 = 52;

/// A client that writes until the server is gone, and that knows what it was promised.
trait Writer: Send {
    /// Writes until `stop` or until the connection breaks. Adds the id of each acknowledged request to `told`.
    fn write(&mut self, server: &Reach, stop: &AtomicBool, told: &mut Vec<String>);

    /// Compares the store with what was promised: since the last check, or ever.
    fn check(&mut self, client: &mut Client, ever: bool);
}

/// How writers find the server.
#[derive(Clone)]
struct Reach {
    https: std::net::SocketAddr,
    mllp: std::net::SocketAddr,
    trust: Arc<rustls::ClientConfig>,
    token: String,
}

impl Reach {
    fn client(&self) -> Client {
        Client::new(self.https, Arc::clone(&self.trust), &self.token)
    }
}

/// The system of all identifiers here.
const SYSTEM: &str = "urn:oid:2.999.66";

/// How many resources a search finds, whether it shows them all or not.
#[track_caller]
fn total(client: &mut Client, query: &str) -> i64 {
    let found = client.search(&format!("{query}&_total=accurate"));
    crate::support::number(&found, "total").expect("a total was asked for")
}

#[test]
fn acknowledged_writes_survive_every_kill_once_and_whole() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = variable("WARD_KILLS").unwrap_or(KILLS);
    let seed = variable("WARD_SEED").unwrap_or_else(|| u64::from(std::process::id()) ^ 0x5EED_0000);
    eprintln!("crash: {kills} kills, WARD_SEED={seed}");
    let mut random = Random::new(seed);

    let folder = Folder::with(CONFIG);
    let token = folder.token();
    let mut writers: Vec<Box<dyn Writer>> = vec![
        Box::new(bundles::Bundles::new(0)),
        Box::new(bundles::Bundles::new(1)),
        Box::new(singles::Singles::new(2)),
        Box::new(singles::Singles::new(3)),
        Box::new(messages::Messages::new(4)),
        Box::new(messages::Messages::new(5)),
    ];
    let mut told = Vec::new();
    let mut slowest = Duration::ZERO;
    for kill in 1..=kills {
        if kill % 6 == 0 {
            // While it comes up: recovery is cut, too.
            let mut server = folder.launch(&[]);
            std::thread::sleep(Duration::from_millis(random.below(400)));
            server.kill();
            continue;
        }
        let started = Instant::now();
        let mut server = folder.serve();
        slowest = slowest.max(started.elapsed());
        let mut client = server.client(&token);
        writers.iter_mut().for_each(|writer| writer.check(&mut client, false));
        if kill == kills / 2 {
            server = without_index(&folder, server, &token);
        }
        let reach = Reach {
            https: server.address(),
            mllp: server.channel("adt"),
            trust: server.trust(),
            token: token.clone(),
        };
        let stop = AtomicBool::new(false);
        let pause = Duration::from_millis(20 + random.below(330));
        std::thread::scope(|scope| {
            let running: Vec<_> = writers
                .iter_mut()
                .map(|writer| {
                    let (reach, stop) = (&reach, &stop);
                    scope.spawn(move || {
                        let mut told = Vec::new();
                        writer.write(reach, stop, &mut told);
                        told
                    })
                })
                .collect();
            std::thread::sleep(pause);
            server.kill();
            stop.store(true, Ordering::Relaxed);
            for writer in running {
                told.extend(writer.join().unwrap());
            }
        });
    }
    eprintln!("crash: {} requests acknowledged, slowest start {slowest:?}", told.len());

    let mut server = folder.serve();
    let mut client = server.client(&token);
    writers.iter_mut().for_each(|writer| writer.check(&mut client, true));
    server.stop();
    folder.ward(&["index", "verify"]).good();
    folder.ward(&["audit", "verify"]).good();
    audited(&folder, &told);
    assert!(told.len() as u64 > kills, "too few writes between the kills to say anything: {}", told.len());
}

/// Kills the server, removes the index folder, starts again, and gets the same answers.
fn without_index(folder: &Folder, mut server: Server, token: &str) -> Server {
    let before = answers(&mut server.client(token));
    server.kill();
    std::fs::remove_dir_all(folder.data().join("index")).unwrap();
    // A rebuild that is killed on its way leaves nothing that the next start could not deal with.
    let mut rebuild = folder.command(&["index", "rebuild"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(60));
    let _ = rebuild.kill();
    rebuild.wait().unwrap();
    let server = folder.serve();
    let after = answers(&mut server.client(token));
    assert_eq!(before.len(), after.len());
    for ((path, before), (_, after)) in before.iter().zip(&after) {
        assert!(before == after, "{path} answers otherwise after the rebuild:\n{before}\n{after}");
    }
    server
}

/// A set of searches and reads with their answers, without the links, whose tokens are never the same twice.
fn answers(client: &mut Client) -> Vec<(String, String)> {
    let mut paths: Vec<String> = [
        "Patient?_count=1000&_total=accurate",
        "Patient?_count=1000&_sort=family,-_lastUpdated",
        "Patient?_count=1000&_sort=birthdate&_summary=true",
        "Patient?name=Kill&_count=50&_total=accurate",
        "Patient?name:contains=ill&_count=1000",
        "Patient?birthdate=ge1970&_count=1000",
        "Patient?gender:missing=true&_total=accurate&_count=1000",
        "Patient?_lastUpdated=gt2020-01-01&_total=accurate&_count=0",
        "Observation?code=urn:oid:2.999.66|weight&_count=1000",
        "Observation?value-quantity=gt1.5&_total=accurate&_count=1000",
        "Observation?subject:Patient.name=Kill&_count=1000",
        "Observation?_include=Observation:subject&_count=100",
        "Encounter?_count=1000&_revinclude=Provenance:target",
        "_history?_count=1000",
    ]
    .map(|query| format!("/fhir/{query}"))
    .into();
    let patients = client.search("Patient?_count=25");
    for patient in crate::support::resources(&patients) {
        let id = text(patient, "id");
        paths.push(format!("/fhir/Patient/{id}"));
        paths.push(format!("/fhir/Patient/{id}/_history"));
        paths.push(format!("/fhir/Patient/{id}/_history/1"));
    }
    let mut all = Vec::new();
    for path in paths {
        let mut answer = client.get(&path).ok();
        if let Some(object) = answer.as_object_mut() {
            object.remove("link");
        }
        all.push((path, answer.to_pretty().to_string()));
    }
    all
}

/// Every acknowledged request has its event in the audit log.
fn audited(folder: &Folder, told: &[String]) {
    let listed = folder.ward(&["audit", "list", "--count", "1000000", "--format", "json"]).good();
    let mut requests = BTreeSet::new();
    gather(&json(listed.as_bytes()), &mut requests);
    let missing: Vec<_> = told.iter().filter(|id| !requests.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "{} acknowledged requests are not audited: {missing:?}", missing.len());
}

/// All texts in a JSON value.
fn gather(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => _ = texts.insert(text.to_string()),
        Value::Array(elements) => elements.iter().for_each(|element| gather(element, texts)),
        Value::Object(object) => object.iter().for_each(|(_, member)| gather(member, texts)),
        _ => {}
    }
}
