//! `ward package add`: reads packages and puts their resources into the store, some hundred at a time.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Instant;

use fhir::json::{self, Object, Value};
use fhir::json_object;
use indicatif::ProgressBar;
use repository::TERMINOLOGY_BYTES_MAX;

use super::Add;
use super::door::{Door, version_of};
use super::list::GUIDES_MAX;
use super::report::{self, Problem, Report, label};
use super::source::{self, Entry, Manifest};
use crate::failure::{Failure, Result};
use crate::output;

/// Resources that are written in one transaction, and their bytes; a larger one goes alone.
const CHUNK_MAX: usize = 100;
const CHUNK_BYTES_MAX: usize = 4 << 20;

/// The package that every R4 package builds on; what of it matters is part of Ward.
const CORE: &str = "hl7.fhir.r4.core";

/// Puts in all packages, and ends with one summary.
pub(super) fn run(door: &mut Door, arguments: &Add) -> Result {
    let mut reports = Vec::new();
    for path in &arguments.paths {
        let started = Instant::now();
        let mut report = add(door, path, arguments)?;
        report.seconds = started.elapsed().as_secs_f64();
        reports.push(report);
    }
    report::print(&reports, arguments.format);
    let conflicts: usize = reports.iter().map(|report| report.conflicts.len()).sum();
    let failed: usize = reports.iter().map(|report| report.failed.len()).sum();
    if reports.iter().all(Report::is_whole) {
        return Ok(());
    }
    let hint = match (conflicts, failed) {
        (0, _) => "the rest is stored; what is not valid R4 is for the package's publisher to mend",
        _ => "`--replace` puts this package's versions in their places; the rest is stored",
    };
    Err(Failure::new(format!("{} resources were not stored", conflicts + failed)).hint(hint))
}

fn add(door: &mut Door, path: &Path, arguments: &Add) -> Result<Report> {
    let (source, manifest, count) = source::open(path, arguments.examples)?;
    let mut report = Report::of(manifest.as_ref(), path);
    let bar = output::bar(count, "resources");
    let mut adding =
        Adding { door, arguments, report: &mut report, chunk: Vec::new(), bytes: 0, has_guide: false, bar };
    source.each(arguments.examples, &mut |entry| adding.take(entry))?;
    if let Some(manifest) = &manifest
        && !adding.has_guide
    {
        adding.guide(manifest)?;
    }
    adding.flush()?;
    adding.bar.finish_and_clear();
    if let Some(manifest) = &manifest {
        report.missing = missing(door, manifest)?;
    }
    Ok(report)
}

/// The packages that `manifest` builds on and that are not there.
fn missing(door: &mut Door, manifest: &Manifest) -> Result<Vec<String>> {
    let wanted: Vec<(&String, &String)> =
        manifest.dependencies.iter().filter(|(name, _)| *name != CORE).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let guides = door.search(&format!("ImplementationGuide?_count={GUIDES_MAX}"))?;
    let is_there =
        |name: &str| guides.iter().any(|guide| guide.get("packageId").and_then(Value::as_str) == Some(name));
    let missing = wanted.into_iter().filter(|(name, _)| !is_there(name));
    Ok(missing.map(|(name, version)| format!("{name} {version}")).collect())
}

/// A package on its way in.
struct Adding<'a> {
    door: &'a mut Door,
    arguments: &'a Add,
    report: &'a mut Report,
    chunk: Vec<Value>,
    bytes: usize,
    has_guide: bool,
    bar: ProgressBar,
}

/// What stands under an id.
struct Stored {
    row_version: u64,
    url: Option<String>,
    version: Option<String>,
}

impl Adding<'_> {
    fn take(&mut self, entry: Entry) -> Result {
        self.bar.inc(1);
        let limits = json::Limits {
            bytes_max: TERMINOLOGY_BYTES_MAX,
            nodes_max: TERMINOLOGY_BYTES_MAX,
            ..json::Limits::default()
        };
        let resource = match json::parse(&entry.bytes, &limits) {
            Ok(resource) => resource,
            Err(error) => {
                let text = format!("it is not JSON: {error}");
                self.report.failed.push(Problem { resource: entry.name, text });
                return Ok(());
            }
        };
        let is_example = entry.name.contains('/');
        if !is_example && !is_conformance(&resource) {
            self.report.skipped += 1;
            return Ok(());
        }
        if resource.get("id").and_then(Value::as_str).is_none() {
            self.report.failed.push(Problem { resource: entry.name, text: "it has no `id`".to_owned() });
            return Ok(());
        }
        self.has_guide |=
            resource.resource_type() == Some("ImplementationGuide") && resource.get("packageId").is_some();
        self.push(resource, entry.bytes.len())
    }

    fn push(&mut self, resource: Value, bytes: usize) -> Result {
        let name = label(&resource);
        let is_there = self.chunk.iter().any(|known| label(known) == name);
        if is_there || self.chunk.len() >= CHUNK_MAX || self.bytes + bytes > CHUNK_BYTES_MAX {
            self.flush()?;
        }
        self.bytes += bytes;
        self.chunk.push(resource);
        Ok(())
    }

    /// A guide for a package that has none, so that it can be listed.
    fn guide(&mut self, manifest: &Manifest) -> Result {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
        let id: String = manifest.name.chars().map(plain).take(64).collect();
        let url = match &manifest.canonical {
            Some(canonical) => format!("{}/ImplementationGuide/{id}", canonical.trim_end_matches('/')),
            None => format!("urn:ward:package:{id}"),
        };
        let mut guide = Object::new();
        let title = manifest.title.clone().unwrap_or_else(|| manifest.name.clone());
        let texts = [
            ("resourceType", "ImplementationGuide".to_owned()),
            ("id", id.clone()),
            ("url", url),
            ("version", manifest.version.clone()),
            ("name", id),
            ("title", title),
            ("status", "active".to_owned()),
            ("packageId", manifest.name.clone()),
        ];
        for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            guide.insert(key, text);
        }
        guide.insert("fhirVersion", vec![Value::from("4.0.1")]);
        self.push(Value::Object(guide), 0)
    }

    /// Writes what was gathered.
    fn flush(&mut self) -> Result {
        self.bytes = 0;
        let chunk = std::mem::take(&mut self.chunk);
        let stored = self.stored(&chunk)?;
        let mut writes: Vec<(Value, Option<u64>)> = Vec::new();
        for resource in chunk {
            let name = label(&resource);
            let known = stored.get(&name);
            match known.and_then(|known| conflict(&resource, known)) {
                Some(text) if !self.arguments.replace => {
                    self.report.conflicts.push(Problem { resource: name, text })
                }
                _ => writes.push((resource, known.map(|known| known.row_version))),
            }
        }
        if writes.len() > 1 && self.together(&writes)? {
            return Ok(());
        }
        for (resource, before) in writes {
            let name = label(&resource);
            match self.door.put(resource)? {
                Ok(version) => self.count(before, version),
                Err(text) => self.report.failed.push(Problem { resource: name, text }),
            }
        }
        Ok(())
    }

    /// What stands under the ids of `chunk`, by `Type/id`.
    fn stored(&mut self, chunk: &[Value]) -> Result<HashMap<String, Stored>> {
        let mut ids: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for resource in chunk {
            let text = |key| resource.get(key).and_then(Value::as_str).unwrap_or_default();
            ids.entry(text("resourceType")).or_default().push(text("id"));
        }
        let mut stored = HashMap::new();
        for (name, ids) in ids {
            let query = format!("{name}?_id={}&_elements=url,version&_count={CHUNK_MAX}", ids.join(","));
            for found in self.door.search(&query)? {
                let text = |key| found.get(key).and_then(Value::as_str).map(str::to_owned);
                let facts =
                    Stored { row_version: version_of(&found), url: text("url"), version: text("version") };
                stored.insert(label(&found), facts);
            }
        }
        Ok(stored)
    }

    /// Writes all in one transaction; `false` if it was refused, for one of them or more.
    fn together(&mut self, writes: &[(Value, Option<u64>)]) -> Result<bool> {
        let entries = writes.iter().map(|(resource, _)| {
            let request = json_object! { "method": "PUT", "url": label(resource) };
            json_object! { "resource": resource.clone(), "request": request }
        });
        let entries: Vec<Value> = entries.collect();
        let bundle = json_object! { "resourceType": "Bundle", "type": "transaction", "entry": entries };
        let Ok(answer) = self.door.bundle(bundle)? else { return Ok(false) };
        let answers = answer.get("entry").map(Value::elements).unwrap_or_default();
        for ((_, before), answer) in writes.iter().zip(answers) {
            let tag =
                answer.get("response").and_then(|response| response.get("etag")).and_then(Value::as_str);
            let version = tag.map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
            self.count(*before, version.and_then(|version| version.parse().ok()).unwrap_or_default());
        }
        Ok(true)
    }

    fn count(&mut self, before: Option<u64>, version: u64) {
        match before {
            None => self.report.created += 1,
            Some(before) if before == version => self.report.unchanged += 1,
            Some(_) => self.report.updated += 1,
        }
    }
}

/// Why `resource` must not silently take the place of what is stored.
fn conflict(resource: &Value, stored: &Stored) -> Option<String> {
    let text = |key| resource.get(key).and_then(Value::as_str);
    if text("url") != stored.url.as_deref() {
        let other = stored.url.as_deref().unwrap_or("a resource without `url`");
        return Some(format!("the id belongs to {other}"));
    }
    if text("version") != stored.version.as_deref() {
        let version = |version: Option<&str>| version.map_or_else(|| "none".to_owned(), str::to_owned);
        let (stored, new) = (version(stored.version.as_deref()), version(text("version")));
        return Some(format!("version {stored} is stored, the package has {new}"));
    }
    None
}

/// Types that say how data is to be, not what is: they have a canonical address, or are naming systems.
fn is_conformance(resource: &Value) -> bool {
    let Some(ty) = resource.resource_type().and_then(fhir::definitions::resource_named) else { return false };
    ty.name == "NamingSystem"
        || ty.element("url").is_some_and(|url| url.name == "url" && resource.get("url").is_some())
}
