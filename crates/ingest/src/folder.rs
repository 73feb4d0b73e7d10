//! Folder channels: files that somebody puts down are taken, and moved aside when they are done.
//!
//! A file is taken when two looks in a row see it unchanged. `done/` then holds files whose messages were all dealt with
//! (committed or in quarantine), `failed/` those that could not be read. Nothing is ever deleted.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::files;
use crate::pipeline::{Channel, Ingest};

/// Files looked at in one round; the rest wait for the next.
const FILES_PER_ROUND_MAX: usize = 10_000;

/// Watches the folder of `channel` until `stop` turns true.
pub async fn serve(ingest: Arc<Ingest>, channel: Arc<Channel>, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_secs(channel.config.poll_seconds);
    let mut seen = Seen::default();
    loop {
        let (ingest, channel, stopping) = (Arc::clone(&ingest), Arc::clone(&channel), stop.clone());
        let round = tokio::task::spawn_blocking(move || {
            round(&ingest, &channel, &mut seen, &|| *stopping.borrow());
            seen
        });
        // A round that panicked has forgotten what it saw; the next one begins anew.
        seen = round.await.unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// What the last look saw of each file: its length and the time of its last change.
type Seen = BTreeMap<PathBuf, (u64, SystemTime)>;

fn round(ingest: &Ingest, channel: &Channel, seen: &mut Seen, stopping: &dyn Fn() -> bool) {
    let Some(folder) = channel.config.path.as_deref() else { return };
    let now = match look(folder) {
        Ok(now) => now,
        Err(error) => {
            tracing::error!(channel = %channel.config.name, error = %error, "the folder could not be read");
            return;
        }
    };
    for (path, state) in &now {
        if stopping() {
            return;
        }
        if seen.get(path) == Some(state) {
            take(ingest, channel, folder, path);
        }
    }
    *seen = now;
}

fn look(folder: &Path) -> io::Result<Seen> {
    let mut now = Seen::new();
    for entry in fs::read_dir(folder)?.take(FILES_PER_ROUND_MAX) {
        let entry = entry?;
        let facts = entry.metadata()?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if facts.is_file() && !hidden {
            now.insert(entry.path(), (facts.len(), facts.modified()?));
        }
    }
    Ok(now)
}

fn take(ingest: &Ingest, channel: &Channel, folder: &Path, path: &Path) {
    // File names may hold a patient's name: they are not logged.
    let name = &channel.config.name;
    let target = match files::ingest_file(path, channel.config.message_bytes_max, &mut |bytes| {
        ingest.receive(channel, bytes).outcome
    }) {
        Ok(tally) if tally.failed > 0 => {
            tracing::warn!(channel = %name, failed = tally.failed, "a file stays: some messages could not be dealt with now");
            return;
        }
        Ok(tally) if tally.skipped > 0 => "failed",
        Ok(tally) => {
            let (messages, quarantined) = (tally.messages, tally.quarantined);
            tracing::info!(channel = %name, messages, quarantined, "a file was taken");
            "done"
        }
        Err(error) => {
            tracing::warn!(channel = %name, error = %error, "a file could not be read");
            "failed"
        }
    };
    if let Err(error) = set_aside(folder, target, path) {
        tracing::error!(channel = %name, error = %error, "a file could not be moved; its messages are known and will not be committed twice");
    }
}

/// Moves a file into a folder beside it, under a name that is free there.
fn set_aside(folder: &Path, target: &str, path: &Path) -> io::Result<()> {
    let Some(name) = path.file_name() else { return Ok(()) };
    let folder = folder.join(target);
    fs::create_dir_all(&folder)?;
    let mut free = folder.join(name);
    let mut count = 1_u32;
    while free.try_exists()? {
        let mut numbered = name.to_os_string();
        numbered.push(format!(".{count}"));
        free = folder.join(numbered);
        count += 1;
    }
    fs::rename(path, free)
}
