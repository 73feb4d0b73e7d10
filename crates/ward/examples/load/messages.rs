//! The MLLP rows: as fast as 64 connections go, then at half that rate on a fixed schedule.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Failure;
use crate::arguments::Arguments;
use crate::drive::spread;
use crate::floor;
use crate::http::Target;
use crate::input::Input;
use crate::machine::Watch;
use crate::mllp::{Channel, accepted};

/// Connections.
const CONNECTIONS: usize = 64;

/// What waits to be sent on one connection: whole stories, so that one patient's messages stay in order.
type Queue = std::collections::VecDeque<Vec<u8>>;

#[derive(Default)]
struct Seen {
    latencies_us: Vec<u32>,
    accepted: u64,
    refused: u64,
    late: u64,
    bytes: u64,
    problems: Vec<String>,
}

/// Runs both rows.
pub(crate) async fn run(
    arguments: &Arguments,
    target: &Target,
    input: &Input,
) -> Result<Vec<(String, Value)>, Failure> {
    let authority = arguments.mllp.as_deref().ok_or("the mllp row needs --mllp HOST:PORT")?;
    let mut queues = vec![Queue::new(); CONNECTIONS];
    for (nth, story) in input.stories.iter().enumerate() {
        if let Some(queue) = queues.get_mut(nth % CONNECTIONS) {
            queue.extend(story.iter().cloned());
        }
    }
    let sample: Vec<Vec<u8>> = queues.iter().flatten().take(5_000).cloned().collect();
    let mut floors = vec![floor::split(&sample)];
    let full = Plan { seconds: arguments.seconds, interval: None, share: 2 };
    let (mut row, rest) = phase(arguments, target, authority, queues, full).await?;
    floors.push(floor::split(&sample));
    let floor_ms = floors.iter().sum::<f64>() / floors.len() as f64;
    row["floor_cpu_ms_each"] = json!(floor_ms);
    row["floor_ratio"] = json!(row["server_cpu_ms_each"].as_f64().unwrap_or(0.0) / floor_ms.max(1e-9));
    let rate = row["rate_per_s"].as_f64().unwrap_or(0.0);
    let mut rows = vec![("mllp".to_owned(), row)];
    if rate >= 1.0 {
        let interval = Duration::from_secs_f64(CONNECTIONS as f64 / (rate / 2.0));
        let half = Plan { seconds: arguments.seconds, interval: Some(interval), share: 1 };
        let (row, _) = phase(arguments, target, authority, rest, half).await?;
        rows.push(("mllp, half load".to_owned(), row));
    }
    Ok(rows)
}

/// How one phase goes.
#[derive(Clone, Copy)]
struct Plan {
    /// How long, in seconds.
    seconds: f64,
    /// Time from one message to the next on a connection; `None`: at once.
    interval: Option<Duration>,
    /// Which part of each queue may be used up: one of so many.
    share: usize,
}

async fn phase(
    arguments: &Arguments,
    target: &Target,
    authority: &str,
    queues: Vec<Queue>,
    plan: Plan,
) -> Result<(Value, Vec<Queue>), Failure> {
    let mut channels = Vec::new();
    for _ in 0..queues.len() {
        channels.push(Channel::connect(authority, target.tls()).await?);
    }
    let seen = Rc::new(RefCell::new(Seen::default()));
    let watch = Watch::begin(arguments.pid);
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for (nth, (mut channel, mut queue)) in channels.into_iter().zip(queues).enumerate() {
        let seen = Rc::clone(&seen);
        tasks.spawn_local(async move {
            let keep = queue.len() - queue.len() / plan.share;
            // Connections begin spread over one interval, not all in the same breath.
            let offset =
                plan.interval.map_or(Duration::ZERO, |interval| interval * nth as u32 / CONNECTIONS as u32);
            let result = send(&mut channel, &mut queue, keep, plan, begin + offset, &seen).await;
            if let Err(failure) = result {
                seen.borrow_mut().problems.push(failure.to_string());
            }
            (nth, queue)
        });
    }
    let mut rest = vec![Queue::new(); CONNECTIONS];
    while let Some(done) = tasks.join_next().await {
        let (nth, queue) = done?;
        if let Some(place) = rest.get_mut(nth) {
            *place = queue;
        }
    }
    let seen = seen.take();
    let mut row = watch.end(seen.accepted);
    row["connections"] = json!(CONNECTIONS);
    row["errors"] = json!(seen.refused + seen.problems.len() as u64);
    row["late_starts"] = json!(seen.late);
    row["problems"] = json!(seen.problems.into_iter().take(3).collect::<Vec<_>>());
    row["message_bytes_mean"] = json!(seen.bytes / (seen.accepted + seen.refused).max(1));
    row["ran_out"] = json!(plan.interval.is_none() && rest.iter().all(Queue::is_empty));
    spread(&mut row, seen.latencies_us);
    Ok((row, rest))
}

async fn send(
    channel: &mut Channel,
    queue: &mut Queue,
    keep: usize,
    plan: Plan,
    begin: Instant,
    seen: &RefCell<Seen>,
) -> Result<(), Failure> {
    let end = begin + Duration::from_secs_f64(plan.seconds);
    let mut due = begin;
    while queue.len() > keep {
        let now = Instant::now();
        if now >= end || due >= end {
            break;
        }
        // On a schedule, latency counts from when the message was due: a slow answer must not hide the next one's wait.
        let mut from = now;
        if let Some(interval) = plan.interval {
            if due > now {
                tokio::time::sleep(due - now).await;
                from = Instant::now();
            } else {
                seen.borrow_mut().late += 1;
                from = due;
            }
            due += interval;
        }
        let Some(message) = queue.pop_front() else { break };
        let ack = channel.call(&message).await?;
        let mut seen = seen.borrow_mut();
        seen.latencies_us.push(u32::try_from(from.elapsed().as_micros()).unwrap_or(u32::MAX));
        seen.bytes += message.len() as u64;
        match accepted(&message, &ack) {
            Ok(()) => seen.accepted += 1,
            Err(problem) => {
                seen.refused += 1;
                if seen.problems.len() < 3 {
                    seen.problems.push(problem);
                }
            }
        }
    }
    Ok(())
}
