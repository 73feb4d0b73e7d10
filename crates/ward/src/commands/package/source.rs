//! Where resources come from: a package (`.tgz` or folder), or single files.
//!
//! Source: FHIR package specification (<https://confluence.hl7.org/display/FHIR/NPM+Package+Specification>): JSON files in
//! `package/`, examples in `package/example/`, a manifest `package/package.json`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use repository::TERMINOLOGY_BYTES_MAX;
use serde::Deserialize;

use crate::failure::{Failure, Result};

/// Files of one package.
const FILES_MAX: usize = 200_000;
/// Bytes of all its files.
const UNPACKED_BYTES_MAX: u64 = 16 << 30;

/// The manifest: what of it matters here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::commands) struct Manifest {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: Option<String>,
    pub(super) canonical: Option<String>,
    #[serde(rename = "fhirVersions", alias = "fhir-version-list")]
    pub(super) fhir_versions: Vec<String>,
    pub(super) dependencies: std::collections::BTreeMap<String, String>,
}

/// A package, or a loose file.
pub(in crate::commands) enum Source {
    /// An archive; its entries are read as they come.
    Archive(PathBuf),
    /// The folder with `package.json`, or with loose files.
    Folder(PathBuf),
    /// One resource.
    File(PathBuf),
}

/// A file of it.
pub(in crate::commands) struct Entry {
    /// The path within the package.
    pub(in crate::commands) name: String,
    pub(in crate::commands) bytes: Vec<u8>,
}

impl Source {
    pub(super) fn of(path: &Path) -> Result<Self> {
        let facts = std::fs::metadata(path).map_err(|error| {
            Failure::new(format!("`{}`: {error}", path.display()))
                .hint("name a FHIR package (`.tgz`), its unpacked folder, or a resource in JSON")
        })?;
        if facts.is_dir() {
            let inner = path.join("package");
            return Ok(Self::Folder(if inner.join("package.json").is_file() {
                inner
            } else {
                path.to_owned()
            }));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if name.ends_with(".tgz") || name.ends_with(".tar.gz") {
            return Ok(Self::Archive(path.to_owned()));
        }
        if name.ends_with(".json") {
            return Ok(Self::File(path.to_owned()));
        }
        Err(Failure::usage(format!("`{}` is neither a package nor a resource in JSON", path.display()))
            .hint("packages end in `.tgz`; resources in `.json`; anything else is for `ward ingest`"))
    }

    /// The manifest, if there is one, and how many files there are to read.
    pub(super) fn look(&self, examples: bool) -> Result<(Option<Manifest>, u64)> {
        let mut manifest = None;
        let mut count = 0;
        self.walk(&mut |name, read| {
            if name == "package.json" {
                let read = serde_json::from_slice(&read()?).map_err(io::Error::other)?;
                manifest = Some(read);
            } else if is_wanted(name, examples) {
                count += 1;
            }
            Ok(())
        })
        .map_err(|error| self.unread(&error))?;
        if matches!(self, Self::Archive(_)) && manifest.is_none() {
            return Err(Failure::new(format!("`{}` is no FHIR package", self.path().display()))
                .hint("a package has the file `package/package.json`"));
        }
        Ok((manifest, count))
    }

    /// Gives each file with a resource to `take`.
    pub(in crate::commands) fn each(&self, examples: bool, take: &mut dyn FnMut(Entry) -> Result) -> Result {
        let mut stopped = None;
        let walked = self.walk(&mut |name, read| {
            if stopped.is_some() || !is_wanted(name, examples) {
                return Ok(());
            }
            let bytes = read()?;
            stopped = take(Entry { name: name.to_owned(), bytes }).err();
            Ok(())
        });
        walked.map_err(|error| self.unread(&error))?;
        stopped.map_or(Ok(()), Err)
    }

    fn path(&self) -> &Path {
        let (Self::Archive(path) | Self::Folder(path) | Self::File(path)) = self;
        path
    }

    fn unread(&self, error: &io::Error) -> Failure {
        Failure::new(format!("`{}` could not be read: {error}", self.path().display()))
            .hint("fetch the package again if it was cut off")
    }

    /// Visits all files: the path below `package/`, and a way to read the content.
    fn walk(&self, visit: &mut Visit<'_>) -> io::Result<()> {
        match self {
            Self::File(path) => visit("resource.json", &mut || bounded(File::open(path)?)),
            Self::Folder(path) => walk_folder(path, "", visit),
            Self::Archive(path) => walk_archive(path, visit),
        }
    }
}

type Visit<'v> = dyn FnMut(&str, &mut dyn FnMut() -> io::Result<Vec<u8>>) -> io::Result<()> + 'v;

fn walk_archive(path: &Path, visit: &mut Visit<'_>) -> io::Result<()> {
    let unpacked = GzDecoder::new(io::BufReader::new(File::open(path)?)).take(UNPACKED_BYTES_MAX);
    let mut archive = tar::Archive::new(unpacked);
    for (at, entry) in archive.entries()?.enumerate() {
        if at >= FILES_MAX {
            return Err(io::Error::other(format!("it has more than {FILES_MAX} files")));
        }
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path()?.to_string_lossy().into_owned();
        // All that counts lies in `package/`; older tools put `./` before it.
        let name = name.trim_start_matches("./");
        if let Some(name) = name.strip_prefix("package/") {
            visit(name, &mut || bounded(&mut entry))?;
        }
    }
    Ok(())
}

/// Two levels: the files of the package, and those of its folders (`example`, `examples`).
fn walk_folder(path: &Path, prefix: &str, visit: &mut Visit<'_>) -> io::Result<()> {
    let mut entries = std::fs::read_dir(path)?.take(FILES_MAX).collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_file() {
            visit(&format!("{prefix}{name}"), &mut || bounded(File::open(entry.path())?))?;
        } else if kind.is_dir() && prefix.is_empty() {
            walk_folder(&entry.path(), &format!("{name}/"), visit)?;
        }
    }
    Ok(())
}

fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(TERMINOLOGY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > TERMINOLOGY_BYTES_MAX {
        return Err(io::Error::other(format!("a file in it is over {TERMINOLOGY_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// Whether a file is to hold a resource: those of the package itself, and its examples if they are asked for.
fn is_wanted(name: &str, examples: bool) -> bool {
    let is_json = name.ends_with(".json") && name != "package.json" && !name.ends_with(".index.json");
    let folder = name.rsplit_once('/').map(|(folder, _)| folder);
    is_json
        && match folder {
            None => !name.starts_with('.'),
            Some(folder) => examples && matches!(folder, "example" | "examples"),
        }
}

/// Whether the package is for the release that Ward speaks.
pub(super) fn check_release(manifest: &Manifest, path: &Path) -> Result {
    let versions = &manifest.fhir_versions;
    if versions.is_empty() || versions.iter().any(|version| version.starts_with("4.0")) {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` is for FHIR {}, not for R4 (4.0.1)", path.display(), versions.join(", ")))
        .hint("guides often publish a package for R4 too, such as `hl7.terminology.r4`"))
}

/// Reads and checks one path's manifest.
pub(in crate::commands) fn open(path: &Path, examples: bool) -> Result<(Source, Option<Manifest>, u64)> {
    let source = Source::of(path)?;
    let (manifest, count) = source.look(examples)?;
    if let Some(manifest) = &manifest {
        check_release(manifest, path)?;
    }
    Ok((source, manifest, count))
}
