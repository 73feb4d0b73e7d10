//! The same message again, and what only looks like it.

use std::sync::{Arc, Barrier};

use ingest::Outcome;

use crate::fixture::{adt, adt_with, bench, is_committed, observation, patient, told};

#[test]
fn a_message_that_comes_twice_is_accepted_twice_and_committed_once() {
    let bench = bench();
    let message = adt("C1", "1", "Alpha");
    let channel = bench.channel("adt");
    assert!(is_committed(&bench.ingest.receive_hl7v2(&channel, &message).outcome));
    let versions = bench.versions();
    let again = bench.ingest.receive_hl7v2(&channel, &message);
    assert_eq!(again.outcome, Outcome::Unchanged);
    assert_eq!(told(&again.answers[0]).0, "AA");
    // By another way in, too.
    assert_eq!(bench.send("lab", &message), Outcome::Unchanged);
    assert_eq!(bench.versions(), versions);
    assert_eq!(bench.archive.len(), 1);
    bench.check();
}

#[test]
fn a_control_id_used_again_for_other_content_is_another_message() {
    let bench = bench();
    assert!(is_committed(&bench.send("adt", &adt("C1", "1", "Alpha"))));
    assert!(is_committed(&bench.send("adt", &adt("C1", "2", "Beta"))));
    assert!(is_committed(&bench.send("adt", &adt("C1", "1", "Gamma"))));
    // What says the same in other bytes is another message: only its own Provenance is new.
    assert_eq!(bench.send("adt", &adt("C9", "1", "Gamma")), Outcome::Committed { versions: 1 });
    assert_eq!(bench.history()[0].resource_type, "Provenance");
    bench.check();
}

#[test]
fn one_message_on_many_connections_at_once_is_committed_once() {
    let bench = Arc::new(bench());
    for round in 0..5 {
        let message = adt_with("C1", &round.to_string(), "Alpha", "2.5.1", "");
        let gate = Arc::new(Barrier::new(8));
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let (bench, gate, message) = (bench.clone(), gate.clone(), message.clone());
                std::thread::spawn(move || {
                    gate.wait();
                    bench.send("adt", &message)
                })
            })
            .collect();
        let outcomes: Vec<Outcome> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
        assert!(outcomes.iter().all(Outcome::is_success), "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|outcome| is_committed(outcome)).count(), 1, "{outcomes:?}");
    }
    let patients = bench.history().into_iter().filter(|version| version.resource_type == "Patient");
    assert_eq!(patients.count(), 5);
    bench.check();
}

#[test]
fn fhir_that_comes_twice_is_committed_once_even_where_it_creates() {
    let bench = bench();
    let post = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{},"request":{{"method":"POST","url":"Patient"}}}}]}}"#,
        patient("x", "Alpha")
    );
    for text in [post, patient("p", "Alpha"), patient("p2", "Beta").replace(r#""id":"p2","#, "")] {
        assert!(is_committed(&bench.send("fhir", text.as_bytes())));
        let versions = bench.versions();
        assert_eq!(bench.send("fhir", text.as_bytes()), Outcome::Unchanged);
        assert_eq!(bench.versions(), versions);
    }
    let other = format!(" {}", observation("o", "p"));
    assert!(is_committed(&bench.send("fhir", other.as_bytes())));
    assert_eq!(bench.send("fhir", observation("o", "p").as_bytes()), Outcome::Unchanged);
    bench.check();
}
