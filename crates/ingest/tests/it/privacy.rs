//! What a canary patient's values must not get into: reasons, answers' errors, logs, `Debug`.

use std::io;
use std::sync::{Arc, Mutex};

use ingest::Received;
use testkit::canary;

use crate::fixture::{Bench, bench, on, plain};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn assert_clean(what: &str, text: &str) {
    let lower = text.to_lowercase();
    for secret in canary::STRINGS {
        assert!(!lower.contains(&secret.to_lowercase()), "`{secret}` stands in {what}: {text}");
    }
}

/// ERR and MSA of the answers: what we say ourselves. The header repeats the sender's own.
fn said(received: &Received) -> String {
    let texts = received.answers.iter().map(|answer| String::from_utf8_lossy(answer).into_owned());
    let errors: Vec<String> = texts
        .flat_map(|text| {
            text.split('\r').filter(|line| line.starts_with("ERR")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    errors.join("\n")
}

/// The canary's messages, each broken in many ways.
fn broken() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for message in [canary::admission(), canary::update(), canary::result()] {
        let text = String::from_utf8(message.clone()).unwrap();
        let control_id = text.split('|').nth(9).unwrap().to_owned();
        let kind = text.split('|').nth(8).unwrap().to_owned();
        all.push(message.clone());
        all.push(text.replacen("MSH", "MSG", 1).into_bytes());
        all.push(text.replacen("\rPID", "\rZPD", 1).into_bytes());
        all.push(text.replacen(&kind, &format!("{}^{}", canary::FAMILY, canary::MRN), 1).into_bytes());
        all.push(text.replacen(&kind, canary::NOTE, 1).into_bytes());
        all.push(text.replacen(&control_id, canary::MRN, 1).replacen(&kind, "ADT^Z99", 1).into_bytes());
        all.push(text.replacen("|2.5.1", &format!("|{}", canary::NOTE), 1).into_bytes());
        all.push(text.replace('|', canary::FAMILY).into_bytes());
        all.push(text.replacen("MSH|", &format!("{}\rMSH|", canary::NOTE), 1).into_bytes());
        all.extend([60, 120, 200, 300].map(|cut| message[..cut.min(message.len())].to_vec()));
    }
    let bundle = String::from_utf8(canary::bundle()).unwrap();
    all.push(bundle.clone().into_bytes());
    all.push(bundle.replace("\"status\"", "\"statuss\"").into_bytes());
    all.push(bundle.replace("\"final\"", &format!("\"{}\"", canary::FAMILY)).into_bytes());
    all.push(bundle.replace("\"family\"", &format!("\"{}\"", canary::NOTE)).into_bytes());
    all.push(bundle.replace("\"family\"", &format!("\"{}\"", canary::GIVEN)).into_bytes());
    all.push(
        bundle
            .replacen(
                "\"resourceType\":\"Observation\"",
                &format!("\"resourceType\":\"{}\"", canary::FAMILY),
                1,
            )
            .into_bytes(),
    );
    all.push(bundle.replace("\"transaction\"", "\"collection\"").into_bytes());
    all.push(bundle.replace("\"POST\"", &format!("\"{}\"", canary::FAMILY)).into_bytes());
    all.push(
        bundle
            .replace("\"url\":\"Observation\"", &format!("\"url\":\"Observation/{}\"", canary::NOTE))
            .into_bytes(),
    );
    all.push(bundle.replace("urn:uuid:", canary::FAMILY).into_bytes());
    let cut = bundle.find(canary::FAMILY).unwrap() + 5;
    all.push(bundle.as_bytes()[..cut].to_vec());
    all.push(format!(r#"{{"resourceType":"Observation","id":"{0}","status":"final","code":{{"text":"{1}"}},"subject":{{"reference":"Patient/{0}"}}}}"#, canary::MRN, canary::NOTE).into_bytes());
    all.push(
        format!(
            r#"{{"resourceType":"Basic","code":{{"text":"x"}},"subject":{{"reference":"Patient?name={}"}}}}"#,
            canary::FAMILY
        )
        .into_bytes(),
    );
    all.push(format!(r#"{{"{}":"{}"}}"#, canary::FAMILY, canary::NOTE).into_bytes());
    all
}

fn drive(bench: &Bench) -> usize {
    let mut aside = 0;
    for message in broken() {
        for channel in bench.ingest.channels() {
            let received = bench.ingest.receive(&channel, &message);
            assert_clean("Debug of what was received", &format!("{received:?}"));
            assert_clean("an answer", &said(&received));
            aside += usize::from(!received.outcome.is_success());
        }
    }
    assert_clean("the list of the quarantine", &format!("{:?}", bench.ingest.quarantined(None)));
    aside
}

#[test]
fn no_value_of_a_patient_gets_into_reasons_answers_logs_or_debug() {
    let lines = Lines::default();
    let writer = lines.clone();
    let logs = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    let _ = logs.with_ansi(false).with_writer(move || writer.clone()).try_init();
    let all = bench();
    assert!(drive(&all) > 40);
    let mut small = plain("small");
    small.message_bytes_max = 300;
    let limited = on(&storage::fault::FaultDisk::new(1), vec![small]).unwrap();
    assert!(drive(&limited) > 20);
    let failing = storage::fault::FaultDisk::new(1);
    let full = on(&failing, vec![plain("adt")]).unwrap();
    failing.plan(failing.steps() + 1, storage::fault::Fault::StaysFull);
    assert!(drive(&full) > 20);
    let log = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    assert!(log.contains("quarantine"), "the log was watched");
    assert_clean("the log", &log);
}
