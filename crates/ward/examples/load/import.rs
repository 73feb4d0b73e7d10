//! The import row: every transaction bundle over a few connections, each entry's answer read once the clock has stopped.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Failure;
use crate::arguments::Arguments;
use crate::drive::spread;
use crate::http::Target;
use crate::input::Input;
use crate::machine::{Watch, round};
use crate::truth::Truth;

/// Times that a bundle which met another in the same breath is sent again.
const TRIES_MAX: usize = 5;

#[derive(Default)]
struct Sent {
    answers: BTreeMap<usize, (u16, Vec<u8>)>,
    latencies_us: Vec<u32>,
    retries: usize,
}

/// Sends all bundles; gives the row and what the store must hold now.
pub(crate) async fn run(
    arguments: &Arguments,
    target: &Target,
    input: &Rc<Input>,
) -> Result<(Value, Truth), Failure> {
    let sent = Rc::new(RefCell::new(Sent::default()));
    let next = Rc::new(Cell::new(0));
    let watch = Watch::begin(arguments.pid);
    let end = Instant::now() + Duration::from_secs_f64(arguments.import_seconds_max);
    let mut tasks = JoinSet::new();
    for _ in 0..arguments.import_clients {
        let (target, input) = (target.clone(), Rc::clone(input));
        let (sent, next) = (Rc::clone(&sent), Rc::clone(&next));
        tasks.spawn_local(async move {
            client(&target, &input, &sent, &next, end).await.map_err(|e| e.to_string())
        });
    }
    let mut problems = Vec::new();
    while let Some(done) = tasks.join_next().await {
        if let Err(problem) = done? {
            problems.push(problem);
        }
    }
    let mut row = watch.end(1);
    let sent = sent.take();
    let (mut truth, mut created, mut existing, mut failed, mut bytes) =
        (Truth::default(), 0_u64, 0_u64, 0_u64, 0_u64);
    for (nth, (status, answer)) in &sent.answers {
        let bundle: Value = serde_json::from_slice(input.bundles.get(*nth).ok_or("an answer to no bundle")?)?;
        bytes += input.bundles.get(*nth).map_or(0, |bundle| bundle.len()) as u64;
        let asked = bundle["entry"].as_array().map_or(0, Vec::len) as u64;
        if *status != 200 {
            failed += asked;
            let text: String = String::from_utf8_lossy(answer).chars().take(400).collect();
            problems.push(format!("bundle {nth}: {status} {text}"));
            continue;
        }
        let answer: Value = serde_json::from_slice(answer)?;
        let told = truth.learn(&bundle, &answer);
        created += told.created;
        existing += told.existing;
        failed += asked - told.created - told.existing;
    }
    let ok = created + existing;
    let (wall_s, cpu_s) =
        (row["wall_s"].as_f64().unwrap_or(1.0), row["server_cpu_s"].as_f64().unwrap_or(0.0));
    row["ok"] = json!(ok);
    row["rate_per_s"] = json!(round(ok as f64 / wall_s));
    row["server_cpu_ms_each"] = json!(round(cpu_s * 1e3 / ok.max(1) as f64));
    row["connections"] = json!(arguments.import_clients);
    row["bundles"] = json!(sent.answers.len());
    row["bundles_left_out"] = json!(input.bundles.len() - sent.answers.len());
    row["created"] = json!(created);
    row["existing"] = json!(existing);
    row["retries"] = json!(sent.retries);
    row["input_mb"] = json!(round(bytes as f64 / 1e6));
    row["input_bytes"] = json!(bytes);
    row["mb_per_s"] = json!(round(bytes as f64 / 1e6 / wall_s));
    row["errors"] = json!(failed as usize + problems.len());
    row["problems"] = json!(problems.into_iter().take(3).collect::<Vec<_>>());
    spread(&mut row, sent.latencies_us);
    Ok((row, truth))
}

async fn client(
    target: &Target,
    input: &Input,
    sent: &RefCell<Sent>,
    next: &Cell<usize>,
    end: Instant,
) -> Result<(), Failure> {
    let mut connection = target.connect().await?;
    loop {
        let nth = next.get();
        let Some(bundle) = input.bundles.get(nth) else { return Ok(()) };
        if Instant::now() >= end {
            return Ok(());
        }
        next.set(nth + 1);
        let request = target.post("", bundle);
        for attempt in 1..=TRIES_MAX {
            let began = Instant::now();
            let answer = connection.call(&request).await?;
            let took_us = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
            let again = matches!(answer.status, 409 | 412 | 429 | 503) && attempt < TRIES_MAX;
            {
                let mut sent = sent.borrow_mut();
                sent.latencies_us.push(took_us);
                if !again {
                    sent.answers.insert(nth, (answer.status, answer.body));
                    break;
                }
                sent.retries += 1;
            }
            tokio::time::sleep(Duration::from_millis(20 * attempt as u64)).await;
        }
    }
}
