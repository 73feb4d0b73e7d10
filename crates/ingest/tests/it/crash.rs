//! Every step of a load fails in every way: what was said to be kept is there afterwards, once.

use ingest::Outcome;
use storage::fault::{Case, FaultDisk, walk};

use crate::fixture::{adt, bench, channels, on, told};

/// Messages of the load: two good ones, one that cannot be mapped, one that is no message.
fn messages() -> Vec<Vec<u8>> {
    let unknown = String::from_utf8(adt("C3", "3", "Gamma")).unwrap().replace("ADT^A08^ADT_A01", "ADT^Z99");
    vec![adt("C1", "1", "Alpha"), unknown.into_bytes(), b"PID|1||4\r".to_vec(), adt("C2", "2", "Beta")]
}

/// What each message was answered, `None` where nothing could be asked.
fn load(disk: &FaultDisk) -> Vec<Option<(Outcome, String)>> {
    let Some(bench) = on(disk, channels()) else { return messages().iter().map(|_| None).collect() };
    let channel = bench.channel("adt");
    let send = |message: &Vec<u8>| {
        let received = bench.ingest.receive_hl7v2(&channel, message);
        let (code, _, words) = told(&received.answers[0]);
        assert_eq!(code == "AA", received.outcome.is_success());
        assert_eq!(
            words.starts_with("kept in quarantine"),
            matches!(received.outcome, Outcome::Quarantined(_)),
            "only what is kept is said to be"
        );
        Some((received.outcome, code))
    };
    messages().iter().map(send).collect()
}

/// `versions`: how many there are when all went well.
fn check(disk: &FaultDisk, told: &[Option<(Outcome, String)>], versions: u64, case: &Case) {
    let Some(bench) = on(disk, channels()) else {
        assert!(
            told.iter().flatten().all(|(outcome, _)| !outcome.is_kept()),
            "something acknowledged does not open again: {case}"
        );
        return;
    };
    for (message, told) in messages().iter().zip(told) {
        let digest = bench.archive.digest(message);
        let aside = bench.ingest.quarantined(None).iter().any(|entry| entry.message == digest.to_string());
        match told {
            Some((outcome, code)) if outcome.is_success() => {
                assert_eq!(code, "AA");
                assert!(bench.archive.contains(&digest), "an acknowledged message is not archived");
                assert!(!aside);
            }
            Some((Outcome::Quarantined(_), code)) => {
                assert_eq!(code, "AR");
                assert!(bench.archive.contains(&digest) && aside, "a quarantined message is lost");
            }
            _ => {}
        }
    }
    // The senders repeat what was not acknowledged, and for good measure what was.
    for (message, told) in messages().iter().zip(told) {
        let outcome = bench.send("adt", message);
        if told.as_ref().is_some_and(|(told, _)| told.is_success()) {
            assert_eq!(outcome, Outcome::Unchanged, "an acknowledged message is not in the store");
        }
        assert!(outcome.is_kept(), "{outcome:?}");
    }
    assert_eq!(bench.versions(), versions, "something is there twice, or missing");
    assert_eq!(bench.aside().len(), 2);
    bench.check();
}

#[test]
fn whatever_fails_at_whichever_step_acknowledged_messages_stay_and_none_is_there_twice() {
    let quiet = bench();
    messages().iter().for_each(|message| drop(quiet.send("adt", message)));
    let versions = quiet.versions();
    let cases = walk(1, load, |disk, told, case| check(&disk, &told, versions, case));
    assert!(cases > 100, "{cases} cases");
}
