use repository::{Applied, Change, Expected, Source, Standing};

use crate::fixture::{NOW_MS, family, hospital, kind, observation, patient};

fn source(identity: &str) -> Source {
    Source {
        message_identity: identity.as_bytes().to_vec(),
        archive_digest: vec![1; 32],
        channel: "adt".into(),
    }
}

fn put(value: fhir::json::Value, expected: Expected) -> Change {
    Change::Put { value, expected }
}

#[test]
fn a_message_is_applied_once() {
    let hospital = hospital();
    let access = hospital.access();
    let changes =
        || vec![put(patient("a", "Alpha"), Expected::Absent), put(observation("o", "a"), Expected::Any)];
    assert!(
        matches!(access.apply(changes(), &source("m1")).unwrap(), Applied::Committed(written) if written.len() == 2)
    );
    let Applied::Seen(seen) = access.apply(changes(), &source("m1")).unwrap() else {
        panic!("applied twice")
    };
    assert_eq!((seen.seq, seen.time_ms), (1, NOW_MS));
    assert_eq!(access.seen(b"m1").unwrap(), Some(seen));
    assert_eq!(access.seen(b"m2").unwrap(), None);
    // Another message with the same content: no new version, but it is remembered.
    let same = vec![put(patient("a", "Alpha"), Expected::Version(1))];
    assert!(matches!(access.apply(same, &source("m2")).unwrap(), Applied::Unchanged(_)));
    assert!(access.seen(b"m2").unwrap().is_some());
    assert_eq!(access.read("Patient", "a").unwrap().version, 1);
}

#[test]
fn an_expectation_that_does_not_hold_applies_nothing() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    for expected in [Expected::Absent, Expected::Version(2)] {
        let changes = vec![put(observation("o", "a"), Expected::Any), put(patient("a", "Beta"), expected)];
        assert_eq!(kind(access.apply(changes, &source("m"))), "Conflict");
    }
    assert_eq!(kind(access.read("Observation", "o")), "NotFound");
    assert_eq!(access.seen(b"m").unwrap(), None);
    let twice = vec![put(patient("b", "Beta"), Expected::Any), put(patient("b", "Gamma"), Expected::Any)];
    assert_eq!(kind(access.apply(twice, &source("m"))), "Invalid");
}

#[test]
fn a_set_is_worked_out_anew_when_its_target_changed_meanwhile() {
    let hospital = hospital();
    let access = hospital.access();
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let mut calls = 0;
    let applied = access
        .apply_resolving(&[("Patient".into(), "a".into())], &source("m"), &mut |standing: &[Option<
            Standing,
        >]| {
            calls += 1;
            let standing = standing[0].as_ref().unwrap();
            if calls == 1 {
                access.update("Patient", "a", patient("a", "Beta"), None).unwrap();
            }
            let name = format!("seen{}", standing.version);
            Ok(vec![put(patient("a", &name), Expected::Any)])
        })
        .unwrap();
    assert!(matches!(applied, Applied::Committed(_)));
    assert_eq!(calls, 2);
    assert_eq!(family(&access.read("Patient", "a").unwrap()), "seen2");
}
