//! What stands of scans on the shelf: how far each is, and what it found. `docs/internals/shelf.md` names the kinds.

use mask::scan::{Finding, Skipped};
use repository::{Error, ErrorKind, Result, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::look::{Place, Stretch};

/// The kind of a scan's state; the key is its name.
const STATES: &str = "scan";
/// The kind of stretches of findings; keys are `name/run/number`.
const FINDINGS: &str = "scan-finding";
const VERSION: u32 = 1;

/// Findings that are kept of one run; more are counted.
pub(super) const FINDINGS_MAX: u64 = 10_000;
/// Things that were not looked at and are named; more are counted.
const SKIPPED_MAX: usize = 100;

/// How a scan stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    version: u32,
    /// Runs that were begun so far.
    runs: u64,
    /// When the newest run was begun, milliseconds since 1970 UTC.
    pub(crate) begun_ms: Option<i64>,
    /// The run at work.
    pub(crate) run: Option<Run>,
    /// The newest run that came to its end, and when it did.
    pub(crate) last: Option<(Run, i64)>,
    /// What is still to be told.
    pub(crate) alerts: Vec<Pending>,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    number: u64,
    pub(crate) started_ms: i64,
    pub(crate) place: Place,
    /// Things that were looked at.
    pub(crate) looked: u64,
    /// Findings that are kept, and that are not.
    pub(crate) findings: u64,
    pub(crate) left_out: u64,
    /// Key and reason of the first ones, and how many there are.
    pub(crate) skipped: Vec<(String, String)>,
    pub(crate) skipped_count: u64,
    /// Stretches of findings on the shelf.
    pub(crate) chunks: u32,
}

/// An alert that has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) body: String,
    pub(crate) tries: u32,
    pub(crate) next_ms: i64,
}

impl Kept {
    /// The run at work, begun now if there is none.
    pub(super) fn run(&mut self, now_ms: i64) -> Run {
        if let Some(run) = &self.run {
            return run.clone();
        }
        self.runs += 1;
        self.begun_ms = Some(now_ms);
        let run = Run { number: self.runs, started_ms: now_ms, ..Run::default() };
        self.run = Some(run.clone());
        run
    }

    /// The run whose findings are shown: the newest finished one, else the one at work.
    pub(crate) fn shown(&self) -> Option<&Run> {
        self.last.as_ref().map(|(run, _)| run).or(self.run.as_ref())
    }
}

impl Run {
    /// Counts what a stretch gave; gives the findings that are to be kept.
    pub(super) fn take(&mut self, stretch: Stretch) -> Vec<Finding> {
        self.looked += stretch.looked;
        self.skipped_count += stretch.skipped.len() as u64;
        let room = SKIPPED_MAX.saturating_sub(self.skipped.len());
        self.skipped
            .extend(stretch.skipped.into_iter().take(room).map(|Skipped { key, reason }| (key, reason)));
        let mut findings = stretch.findings;
        let room = usize::try_from(FINDINGS_MAX.saturating_sub(self.findings)).unwrap_or(usize::MAX);
        self.left_out += findings.len().saturating_sub(room) as u64;
        findings.truncate(room);
        self.findings += findings.len() as u64;
        findings
    }
}

/// Reads how scans of these names stand. What the shelf holds of others, and of runs that are over, is removed.
///
/// # Errors
/// `Corrupt` or `Unavailable` if the shelf does not read.
pub(super) fn load(store: &Store, names: &[&str]) -> Result<Vec<Kept>> {
    let Some(shelf) = store.shelf() else { return Ok(names.iter().map(|_| Kept::default()).collect()) };
    let mut all = Vec::with_capacity(names.len());
    let mut wanted = Vec::new();
    for name in names {
        let kept = match shelf.get(STATES, name)? {
            Some(bytes) => read(&bytes)?,
            None => Kept::default(),
        };
        let runs = kept.run.iter().chain(kept.last.as_ref().map(|(run, _)| run));
        wanted.extend(runs.map(|run| format!("{name}/{}/", run.number)));
        all.push(kept);
    }
    for key in shelf.list(FINDINGS)? {
        if !wanted.iter().any(|run| key.starts_with(run)) {
            shelf.remove(FINDINGS, &key)?;
        }
    }
    for name in shelf.list(STATES)?.iter().filter(|name| !names.contains(&name.as_str())) {
        shelf.remove(STATES, name)?;
    }
    Ok(all)
}

fn read(bytes: &[u8]) -> Result<Kept> {
    let kept: Option<Kept> = serde_json::from_slice(bytes).ok();
    kept.filter(|kept| kept.version == VERSION)
        .ok_or_else(|| Error::internal(ErrorKind::Corrupt, "the state of a scan does not read"))
}

/// Writes how a scan stands, durable on return.
pub(super) fn save(store: &Store, name: &str, kept: &Kept) -> Result<()> {
    let Some(shelf) = store.shelf() else { return Ok(()) };
    let written = Kept { version: VERSION, ..kept.clone() };
    let bytes = serde_json::to_vec(&written).map_err(|error| Error::internal(ErrorKind::Internal, error))?;
    Ok(shelf.put(STATES, name, &bytes)?)
}

/// Writes findings as the next stretch of a run; they count once the run's state is saved.
pub(super) fn add(store: &Store, name: &str, run: &mut Run, findings: &[Finding]) -> Result<()> {
    let Some(shelf) = store.shelf() else { return Ok(()) };
    let mut lines = String::new();
    for finding in findings {
        lines.push_str(&finding.to_json(Some(name)).to_string());
        lines.push('\n');
    }
    shelf.put(FINDINGS, &key(name, run.number, run.chunks), lines.as_bytes())?;
    run.chunks += 1;
    Ok(())
}

/// The findings of a run, stretch by stretch. A stretch that is gone (a newer run ended meanwhile) gives none.
pub(super) fn findings<'a>(
    store: &'a Store,
    name: &'a str,
    run: &Run,
) -> impl Iterator<Item = Result<Vec<Value>>> + 'a {
    let number = run.number;
    (0..run.chunks).map(move |chunk| {
        let Some(shelf) = store.shelf() else { return Ok(Vec::new()) };
        let bytes = shelf.get(FINDINGS, &key(name, number, chunk))?.unwrap_or_default();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let read: std::result::Result<_, _> = lines.map(serde_json::from_slice).collect();
        read.map_err(|error| Error::internal(ErrorKind::Corrupt, error))
    })
}

/// Removes the findings of a run that is over.
pub(super) fn forget(store: &Store, name: &str, run: &Run) -> Result<()> {
    let Some(shelf) = store.shelf() else { return Ok(()) };
    // One more than it knows of: a crash may have left one that does not count.
    for chunk in 0..=run.chunks {
        shelf.remove(FINDINGS, &key(name, run.number, chunk))?;
    }
    Ok(())
}

fn key(name: &str, run: u64, chunk: u32) -> String {
    format!("{name}/{run}/{chunk}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of a data folder: to be changed with a new version number alone.
    #[test]
    fn the_form_of_a_state_stays() {
        let mut kept = Kept { version: VERSION, ..Kept::default() };
        let mut run = kept.run(5);
        let skipped = vec![Skipped { key: "a".to_owned(), reason: "b".to_owned() }];
        run.take(Stretch { looked: 2, skipped, ..Stretch::default() });
        kept.last = Some((run, 9));
        kept.alerts.push(Pending { body: "{}".to_owned(), tries: 1, next_ms: 7 });
        let written = serde_json::to_string(&kept).unwrap();
        let run = |looked, skipped, count| {
            format!(
                r#"{{"number":1,"started_ms":5,"place":{{"source":0,"kind":0,"after":null}},"looked":{looked},"findings":0,"left_out":0,"skipped":{skipped},"skipped_count":{count},"chunks":0}}"#
            )
        };
        let expected = format!(
            r#"{{"version":1,"runs":1,"begun_ms":5,"run":{},"last":[{},9],"alerts":[{{"body":"{{}}","tries":1,"next_ms":7}}]}}"#,
            run(0, "[]", 0),
            run(2, r#"[["a","b"]]"#, 1)
        );
        assert_eq!(written, expected);
        assert_eq!(read(written.as_bytes()).unwrap(), kept);
        assert!(read(b"{\"version\":2}").is_err());
    }
}
