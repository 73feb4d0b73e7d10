//! Folder channels: files that somebody puts down are taken, and moved aside when they are done.
//!
//! A file is taken when two looks in a row see it unchanged. `done/` then holds files whose messages were all dealt with
//! (committed or in quarantine), `failed/` those that could not be read, or not to their end. Nothing is ever deleted. A
//! file that a crash left in its place is taken again, which changes nothing.

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
    let mut watch = Watch::default();
    loop {
        let (ingest, channel, stopping) = (Arc::clone(&ingest), Arc::clone(&channel), stop.clone());
        let look = tokio::task::spawn_blocking(move || {
            watch.look(&ingest, &channel, &|| *stopping.borrow());
            watch
        });
        // A look that panicked has forgotten what it saw; the next one begins anew.
        watch = look.await.unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// Looks into a folder again and again, and remembers what it saw.
#[derive(Default)]
pub struct Watch {
    seen: Seen,
}

/// What a look saw of each file: its length and the time of its last change.
type Seen = BTreeMap<PathBuf, State>;
type State = (u64, SystemTime);

impl Watch {
    /// One look: takes the files that are as the look before saw them. Ends early, between files, when `stopping` says so.
    ///
    /// What goes wrong is logged; the next look tries again.
    pub fn look(&mut self, ingest: &Ingest, channel: &Channel, stopping: &dyn Fn() -> bool) {
        let Some(folder) = channel.config.path.as_deref() else { return };
        let now = match list(folder) {
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
            if self.seen.get(path) == Some(state) {
                take(ingest, channel, folder, path, *state);
            }
        }
        self.seen = now;
    }
}

fn list(folder: &Path) -> io::Result<Seen> {
    let mut now = Seen::new();
    for entry in fs::read_dir(folder)?.take(FILES_PER_ROUND_MAX) {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // Who put the file there may take it away again meanwhile. A link is not followed: it could lead anywhere.
        let Some(facts) = entry.metadata().ok().filter(|facts| facts.is_file() && !hidden) else { continue };
        now.insert(entry.path(), state_of(&facts)?);
    }
    Ok(now)
}

fn state_of(facts: &fs::Metadata) -> io::Result<State> {
    Ok((facts.len(), facts.modified()?))
}

fn take(ingest: &Ingest, channel: &Channel, folder: &Path, path: &Path, state: State) {
    // File names may hold a patient's name: they are not logged.
    let name = &channel.config.name;
    let bytes_max = channel.config.message_bytes_max;
    let taken = files::ingest_file(path, bytes_max, &mut |bytes| ingest.receive(channel, bytes).outcome);
    let tally = taken.tally;
    let target = match taken.stopped {
        _ if tally.again > 0 => {
            tracing::warn!(channel = %name, messages = tally.again, "a file stays: some messages could not be dealt with now");
            return;
        }
        None if tally.skipped + tally.failed > 0 => {
            tracing::warn!(channel = %name, refused = tally.failed, "a file was not taken, or not all of it");
            "failed"
        }
        None => {
            let (messages, quarantined) = (tally.messages, tally.quarantined);
            tracing::info!(channel = %name, messages, quarantined, "a file was taken");
            "done"
        }
        Some(error) => {
            tracing::warn!(channel = %name, error = %error, "a file could not be read to its end");
            "failed"
        }
    };
    // More may have been written to it while it was read: then it is looked at again, and what is known stays as it is.
    if fs::symlink_metadata(path).and_then(|facts| state_of(&facts)).ok() != Some(state) {
        return;
    }
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
