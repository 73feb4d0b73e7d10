//! `ward ingest PATH…`: files and folders, with or without a running server.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use http::Method;
use ingest::files::Tally;
use ingest::{Outcome, Run};

use crate::Common;
use crate::config::Config;
use crate::failure::{During, Failure, Result, chain};
use crate::home::{Base, FILES_CHANNEL, Home};
use crate::output::{self, Format};
use crate::root;
use crate::served::Served;

/// What `ward ingest` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files and folders; folders are walked, in the order of names
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The channel whose settings (zone, character set, authorities) the messages get
    #[arg(long, default_value = FILES_CHANNEL)]
    channel: String,
    /// How to print the summary
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Takes everything in, and ends with one summary.
pub(crate) fn run(common: &Common, arguments: &Arguments) -> Result {
    super::serve::start_logs("error");
    let started = Instant::now();
    let config = Config::of(common)?;
    let base = Base::open(&common.data, &root::source(common)?)?;
    let mut found = Vec::new();
    for path in &arguments.paths {
        walk(path, &mut found)?;
    }
    let mut way = Way::open(base, &config, &arguments.channel)?;
    let bar = output::bar(found.len() as u64, "files");
    let mut unread = Vec::new();
    let mut deliver = |bytes: &[u8]| way.deliver(bytes);
    let mut run = Run::new(config.https.body_bytes_max, &mut deliver);
    for path in &found {
        let taken = run.take(path);
        let problems = &taken.tally.problems;
        problems.iter().for_each(|problem| bar.suspend(|| eprintln!("{}: {problem}", path.display())));
        if taken.tally.skipped > 0 {
            bar.suspend(|| eprintln!("{}: no format that is taken in; left alone", path.display()));
        }
        unread.extend(taken.stopped.map(|error| format!("`{}`: {}", path.display(), chain(&error))));
        bar.inc(1);
    }
    let total = run.finish();
    bar.finish_and_clear();
    way.close();
    summary(&total, started.elapsed().as_secs_f64(), arguments.format);
    if total.failed > 0 {
        let text = format!("{} messages could not be dealt with; they are not committed", total.failed);
        return Err(Failure::new(text).hint("run it again: what is committed is not committed twice"));
    }
    let Some(first) = unread.first() else { return Ok(()) };
    let others = unread.len() - 1;
    let more = if others > 0 { format!(", and {others} more like it") } else { String::new() };
    Err(Failure::new(format!("{first}{more}")).hint("everything else was taken in"))
}

fn summary(total: &Tally, seconds: f64, format: Format) {
    if format == Format::Json {
        say!(
            "{}",
            serde_json::json!({
                "files": total.files,
                "messages": total.messages,
                "committed": total.committed,
                "unchanged": total.unchanged,
                "quarantined": total.quarantined,
                "failed": total.failed,
                "resources": total.resources,
                "seconds": (seconds * 1000.0).round() / 1000.0,
            })
        );
        return;
    }
    let row = [
        total.files,
        total.messages,
        total.committed,
        total.unchanged,
        total.quarantined,
        total.failed,
        total.resources,
    ];
    let mut row: Vec<String> = row.iter().map(u64::to_string).collect();
    row.push(format!("{seconds:.1}"));
    output::table(
        &["files", "messages", "committed", "unchanged", "quarantined", "failed", "resources", "seconds"],
        &[row],
    );
    if total.quarantined > 0 {
        eprintln!("hint: `ward channel quarantine` lists what was kept but not committed, with reasons");
    }
}

/// All files at or below a path, in the order of names; links are not followed below the path given.
fn walk(path: &Path, found: &mut Vec<PathBuf>) -> Result {
    let facts = std::fs::metadata(path).map_err(|error| {
        Failure::new(format!("`{}`: {error}", path.display())).hint("name files and folders that are there")
    })?;
    if !facts.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut entries = entries.during(format!("`{}` could not be read", path.display()))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().during("a folder could not be read")?;
        if kind.is_dir() {
            walk(&entry.path(), found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// How messages get in: straight into the open store, or through the server that has it open.
enum Way {
    Direct { home: Box<Home>, channel: std::sync::Arc<ingest::Channel> },
    Server { served: Box<Served>, path: String },
}

impl Way {
    fn open(base: Base, config: &Config, channel: &str) -> Result<Self> {
        let unknown = || {
            Failure::usage(format!("there is no channel `{channel}`"))
                .hint("`ward channel list` shows the channels")
        };
        if channel != FILES_CHANNEL && config.channel.iter().all(|one| one.name != channel) {
            return Err(unknown());
        }
        match Served::find(base, "ward ingest")? {
            Ok(served) => Ok(Self::Server { served: Box::new(served), path: format!("/channels/{channel}") }),
            Err(base) => {
                let home = Home::open(base, config, &mut |_, _| {})?;
                let channel = home.ingest.channel(channel).ok_or_else(unknown)?;
                Ok(Self::Direct { home: Box::new(home), channel })
            }
        }
    }

    fn deliver(&mut self, bytes: &[u8]) -> Outcome {
        match self {
            Self::Direct { home, channel } => home.ingest.receive(channel, bytes).outcome,
            Self::Server { served, path } => {
                let accept = [("accept", "application/json"), ("content-type", "application/octet-stream")];
                let answer = served.call(Method::POST, path, &accept, bytes.to_vec());
                let failed = |text: String| Outcome::Failed { text };
                match answer {
                    Ok((status, body)) if status.is_success() => serde_json::from_slice(&body)
                        .unwrap_or_else(|_| failed("the server's answer was not understood".to_owned())),
                    Ok((status, _)) => failed(format!("the server answered {status}")),
                    Err(failure) => failed(failure.to_string()),
                }
            }
        }
    }

    fn close(self) {
        match self {
            Self::Direct { home, .. } => home.close(),
            Self::Server { served, .. } => served.close(),
        }
    }
}
