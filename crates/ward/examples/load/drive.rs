//! Sends requests over many connections for a while, and keeps what is needed to judge the answers afterwards.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::Random;
use tokio::task::JoinSet;

use crate::Failure;
use crate::check::{self, Expect};
use crate::http::Target;
use crate::machine::{Watch, round};

/// Requests that one row sends at most.
const REQUESTS_MAX: usize = 5_000_000;
/// Answers of each connection that are looked into; the clock has stopped by then.
const CHECKED_EACH: usize = 5;
/// Refusals after which a connection gives up: the row has failed, more of the same says nothing.
const REFUSED_MAX: usize = 20;

/// A request and what its answer must hold.
pub(crate) struct Ask {
    /// The bytes to send.
    pub(crate) request: Vec<u8>,
    /// What to find.
    pub(crate) expect: Expect,
}

/// Draws the next request.
pub(crate) type Draw = dyn Fn(&mut Random) -> Ask;

#[derive(Default)]
struct Seen {
    latencies_us: Vec<u32>,
    statuses: BTreeMap<u16, u64>,
    bytes: u64,
    kept: Vec<(Expect, Vec<u8>)>,
    problems: Vec<String>,
}

/// Runs `draw` over `connections` for `seconds`, after a short warm-up that is not counted.
pub(crate) async fn timed(
    target: &Target,
    pid: u32,
    connections: usize,
    seconds: f64,
    draw: Rc<Draw>,
) -> Result<Value, Failure> {
    let warm = run(target, connections, seconds.min(1.0), &draw, 1).await?;
    drop(warm);
    let watch = Watch::begin(pid);
    let seen = run(target, connections, seconds, &draw, 2).await?;
    let ok: u64 =
        seen.statuses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, count)| count).sum();
    let mut row = watch.end(ok);
    let refused: u64 = seen.statuses.values().sum::<u64>() - ok;
    let mut problems = seen.problems;
    let mut checks = check::Tally::default();
    for (expect, body) in &seen.kept {
        if let Err(problem) = check::answer(expect, body, &mut checks) {
            problems.push(problem);
        }
    }
    let count = seen.latencies_us.len().max(1) as f64;
    row["connections"] = json!(connections);
    row["errors"] = json!(refused as usize + problems.len());
    row["problems"] = json!(problems.into_iter().take(3).collect::<Vec<_>>());
    row["statuses"] =
        json!(seen.statuses.iter().map(|(status, n)| (status.to_string(), n)).collect::<BTreeMap<_, _>>());
    row["checked"] =
        json!({"answers": seen.kept.len(), "matches": checks.matches, "includes": checks.includes});
    row["answer_kb_mean"] = json!(round(seen.bytes as f64 / count / 1e3));
    spread(&mut row, seen.latencies_us);
    Ok(row)
}

async fn run(
    target: &Target,
    connections: usize,
    seconds: f64,
    draw: &Rc<Draw>,
    seed: u64,
) -> Result<Seen, Failure> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut tasks = JoinSet::new();
    for nth in 0..connections {
        let (target, draw) = (target.clone(), Rc::clone(draw));
        tasks.spawn_local(async move {
            let mut seen = Seen::default();
            let mut random = Random::fork(seed, nth as u64 + 1);
            let most = REQUESTS_MAX / connections.max(1);
            if let Err(failure) = connection(&target, &draw, &mut random, end, most, &mut seen).await {
                seen.problems.push(failure.to_string());
            }
            seen
        });
    }
    let mut all = Seen::default();
    while let Some(seen) = tasks.join_next().await {
        let seen = seen?;
        all.latencies_us.extend(seen.latencies_us);
        for (status, count) in seen.statuses {
            *all.statuses.entry(status).or_default() += count;
        }
        all.bytes += seen.bytes;
        all.kept.extend(seen.kept);
        all.problems.extend(seen.problems);
    }
    Ok(all)
}

async fn connection(
    target: &Target,
    draw: &Rc<Draw>,
    random: &mut Random,
    end: Instant,
    most: usize,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let mut connection = target.connect().await?;
    let mut refused = 0;
    for nth in 0..most {
        let ask = draw(random);
        let began = Instant::now();
        if began >= end {
            break;
        }
        let answer = connection.call(&ask.request).await?;
        seen.latencies_us.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        *seen.statuses.entry(answer.status).or_default() += 1;
        seen.bytes += answer.body.len() as u64;
        if !(200..300).contains(&answer.status) {
            refused += 1;
            if seen.problems.is_empty() {
                let line = ask.request.split(|byte| *byte == b'\r').next().unwrap_or_default();
                let (line, body) = (String::from_utf8_lossy(line), String::from_utf8_lossy(&answer.body));
                seen.problems.push(format!(
                    "{line}: {} {}",
                    answer.status,
                    body.chars().take(300).collect::<String>()
                ));
            }
            if refused >= REFUSED_MAX {
                break;
            }
        } else if nth < CHECKED_EACH {
            seen.kept.push((ask.expect, answer.body));
        }
    }
    Ok(())
}

/// Writes the middle and the tails of latencies into a row.
pub(crate) fn spread(row: &mut Value, mut latencies_us: Vec<u32>) {
    latencies_us.sort_unstable();
    let at = |part: f64| {
        let index = ((latencies_us.len() as f64 * part) as usize).min(latencies_us.len().saturating_sub(1));
        latencies_us.get(index).map_or(0.0, |us| f64::from(*us) / 1e3)
    };
    for (name, part) in [("p50_ms", 0.5), ("p90_ms", 0.9), ("p99_ms", 0.99), ("max_ms", 1.0)] {
        row[name] = json!(at(part));
    }
}
