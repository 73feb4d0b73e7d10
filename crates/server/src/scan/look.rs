//! One sweep over everything that a scan looks at, in stretches: after each it can be left, and gone on with later.

use std::io::{BufRead as _, BufReader, Read as _};

use fhir::json::{self, Value};
use ingest::objects::Bucket;
use mask::scan::{Finding, Found, Looker, Outcome, Rules, Skipped, is_about_somebody};
use mask::transform::Day;
use repository::{Caller, Error, Result, layout};
use serde::{Deserialize, Serialize};

use super::files::{Content, File, files};
use super::{ScanParts, ScanSpec};

/// Resources or objects that are taken at once, and their bytes.
const STRETCH_COUNT_MAX: usize = 200;
const STRETCH_BYTES_MAX: usize = 8 << 20;
/// The longest line of an export.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// Files of one sweep.
const FILES_MAX: usize = 200_000;

/// What a scan goes through, in this order.
const SOURCES: [Source; 5] = [Source::Store, Source::Exports, Source::Raw, Source::Masked, Source::Files];

#[derive(Clone, Copy, Debug)]
enum Source {
    Store,
    Exports,
    Raw,
    Masked,
    Files,
}

/// Where a sweep is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Which of the sources.
    source: usize,
    /// Of the store, which of its types.
    kind: usize,
    /// What was done of it last: a resource's number, or how many objects or files.
    after: Option<u64>,
}

impl Place {
    fn next_source(&self) -> Self {
        Self { source: self.source + 1, ..Self::default() }
    }
}

/// What a stretch, or a whole sweep, gave.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// What was found; what the rules suppress is left out.
    pub findings: Vec<Finding>,
    /// How many things were looked at.
    pub looked: u64,
    /// What was not.
    pub skipped: Vec<Skipped>,
}

impl Stretch {
    /// Takes what a look gave.
    pub fn add(&mut self, key: &str, bytes: u64, outcome: Outcome, rules: &Rules) {
        match outcome {
            Outcome::Looked(found) => {
                self.looked += 1;
                self.findings.extend(Finding::of(key, bytes, found).filter(|one| !rules.suppresses(one)));
            }
            Outcome::Skipped(reason) => self.skipped.push(Skipped { key: key.to_owned(), reason }),
        }
    }
}

impl File {
    /// Looks at all of the file; one that cannot be read is skipped.
    #[must_use]
    pub fn look(&self, looker: &Looker<'_>) -> Outcome {
        match self.read() {
            Ok(Content::Bytes(bytes)) => looker.all(&bytes),
            Ok(Content::Skipped(reason)) => Outcome::Skipped(reason.to_owned()),
            Err(error) => Outcome::Skipped(format!("it could not be read: {error}")),
        }
    }
}

/// Does one whole sweep at once, with nothing kept: for a command on a store that nobody serves.
///
/// # Errors
/// `Corrupt`, `Unavailable`.
pub fn once(parts: &ScanParts, spec: &ScanSpec) -> Result<Stretch> {
    let engine = spec.rules.engine();
    let mut sweep = Sweep::new(parts, spec, &engine, &|| true);
    let (mut place, mut all) = (Some(Place::default()), Stretch::default());
    while let Some(at) = place {
        let (stretch, next) = sweep.step(&at)?;
        all.looked += stretch.looked;
        all.findings.extend(stretch.findings);
        all.skipped.extend(stretch.skipped);
        place = next;
    }
    Ok(all)
}

/// A sweep at work.
pub(super) struct Sweep<'a> {
    parts: &'a ScanParts,
    spec: &'a ScanSpec,
    caller: Caller,
    looker: Looker<'a>,
    /// Listed when the files' turn comes.
    files: Option<Vec<File>>,
}

impl<'a> Sweep<'a> {
    /// `go_on` is asked between pieces of work; after it said `false`, what a step gives counts for nothing.
    pub(super) fn new(
        parts: &'a ScanParts,
        spec: &'a ScanSpec,
        engine: &'a mask::Engine,
        go_on: &'a dyn Fn() -> bool,
    ) -> Self {
        let looker = Looker {
            engine,
            desk: &parts.desk,
            tier: spec.tier,
            profile: spec.profile,
            today: Day::of_time(parts.store.now_ms()),
            go_on,
        };
        Self { parts, spec, caller: spec.caller(), looker, files: None }
    }

    /// Does a stretch from a place on; gives where to go on, `None` at the end.
    pub(super) fn step(&mut self, place: &Place) -> Result<(Stretch, Option<Place>)> {
        let Some(source) = SOURCES.get(place.source) else { return Ok((Stretch::default(), None)) };
        let mut stretch = Stretch::default();
        let next = match source {
            Source::Store if self.spec.fhir => self.store(place, &mut stretch)?,
            Source::Exports if self.spec.exports => self.export(place, &mut stretch)?,
            Source::Raw if self.spec.archive => self.objects(Bucket::Raw, place, &mut stretch)?,
            Source::Masked if self.spec.archive => self.objects(Bucket::Masked, place, &mut stretch)?,
            Source::Files => self.file(place, &mut stretch),
            _ => None,
        };
        Ok((stretch, Some(next.unwrap_or_else(|| place.next_source()))))
    }

    fn store(&self, place: &Place, stretch: &mut Stretch) -> Result<Option<Place>> {
        let names = layout::type_codes().filter_map(layout::type_name);
        let Some(name) = names.filter(|name| !is_about_somebody(name)).nth(place.kind) else {
            return Ok(None);
        };
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let access = self.parts.store.access(self.caller.clone());
        let after = access.scan(name, place.after, STRETCH_COUNT_MAX, &mut |versioned, value| {
            let key = format!("fhir/{name}/{}", versioned.id);
            if self.spec.selection.takes(&key) {
                bytes += versioned.body.len();
                taken.push((key, versioned.body.len() as u64, value));
            }
            bytes < STRETCH_BYTES_MAX
        })?;
        for (key, bytes, value) in &taken {
            if !(self.looker.go_on)() {
                break;
            }
            let mut found = Found::default();
            self.looker.resource(value, 0, &mut found);
            stretch.add(key, *bytes, Outcome::Looked(found), &self.spec.rules);
        }
        let kind = if after.is_some() { place.kind } else { place.kind + 1 };
        Ok(Some(Place { kind, after, ..place.clone() }))
    }

    /// One file of a finished export; what came or went meanwhile may be missed or looked at twice.
    fn export(&self, place: &Place, stretch: &mut Stretch) -> Result<Option<Place>> {
        let Some(jobs) = &self.parts.jobs else { return Ok(None) };
        let done = place.after.unwrap_or(0);
        let mut listed = jobs.exported().into_iter().skip(usize::try_from(done).unwrap_or(usize::MAX));
        let Some((id, file)) = listed.next() else { return Ok(None) };
        let next = Place { after: Some(done + 1), ..place.clone() };
        let key = format!("export/{id}/{}", file.number);
        if !self.spec.selection.takes(&key) || is_about_somebody(&file.resource_type) {
            return Ok(Some(next));
        }
        let Some(reader) = jobs.exported_file(&self.caller, &id, &file)? else { return Ok(Some(next)) };
        let outcome = match self.lines(reader) {
            Ok(found) => Outcome::Looked(found),
            Err(error) => Outcome::Skipped(format!("it could not be read: {error}")),
        };
        stretch.add(&key, file.bytes, outcome, &self.spec.rules);
        Ok(Some(next))
    }

    fn lines(&self, reader: impl std::io::Read) -> std::io::Result<Found> {
        let (mut reader, mut found, mut line) = (BufReader::new(reader), Found::default(), Vec::new());
        for index in 0.. {
            line.clear();
            if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0
                || !(self.looker.go_on)()
            {
                break;
            }
            let limits = json::Limits { bytes_max: line.len(), ..json::Limits::default() };
            let resource: Value = json::parse(&line, &limits).map_err(std::io::Error::other)?;
            self.looker.resource(&resource, index, &mut found);
        }
        Ok(found)
    }

    fn objects(&self, bucket: Bucket, place: &Place, stretch: &mut Stretch) -> Result<Option<Place>> {
        let Some(objects) = &self.parts.objects else { return Ok(None) };
        let (mut taken, mut bytes, mut count) = (Vec::new(), 0, 0);
        let next = objects.scan(&self.caller, bucket, place.after.unwrap_or(0), &mut |key, object| {
            let key = format!("archive/{}/{key}", bucket.as_str());
            count += 1;
            if self.spec.selection.takes(&key) {
                bytes += object.len();
                taken.push((key, object));
            }
            bytes < STRETCH_BYTES_MAX && count < STRETCH_COUNT_MAX
        })?;
        for (key, object) in &taken {
            if !(self.looker.go_on)() {
                break;
            }
            let outcome = match bucket {
                Bucket::Raw => self.looker.free_text(object),
                // What was masked should tell nothing anywhere.
                Bucket::Masked => self.looker.all(object),
            };
            stretch.add(key, object.len() as u64, outcome, &self.spec.rules);
        }
        Ok(next.map(|after| Place { after: Some(after), ..place.clone() }))
    }

    fn file(&mut self, place: &Place, stretch: &mut Stretch) -> Option<Place> {
        let files = match &mut self.files {
            Some(files) => files,
            None => self.files.insert(listed(self.spec, stretch)),
        };
        let done = place.after.unwrap_or(0);
        let file = files.get(usize::try_from(done).unwrap_or(usize::MAX))?;
        stretch.add(&file.shown, file.bytes, file.look(&self.looker), &self.spec.rules);
        Some(Place { after: Some(done + 1), ..place.clone() })
    }
}

/// The files of a scan; a folder that cannot be listed is told among what was not looked at.
fn listed(spec: &ScanSpec, stretch: &mut Stretch) -> Vec<File> {
    let mut all = Vec::new();
    for folder in &spec.folders {
        let left = FILES_MAX.saturating_sub(all.len());
        match files(std::slice::from_ref(folder), &spec.selection, left) {
            Ok(found) => all.extend(found),
            Err(error) => {
                stretch.skipped.push(Skipped { key: folder.display().to_string(), reason: told(&error) })
            }
        }
    }
    all
}

fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// An error in words for the log, without what a caller is told.
pub(super) fn internal(error: &Error) -> String {
    error.internal_text().map_or_else(|| error.to_string(), str::to_owned)
}
