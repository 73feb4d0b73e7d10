//! FHIR packages: a gzipped tarball with JSON resources in its folder `package`.
//!
//! Source: FHIR NPM packages (confluence.hl7.org), `package/package.json` and the resources beside it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fhir::json::{self, Limits, Value};
use flate2::read::GzDecoder;

use crate::failure::{During, Failure, Result};

/// The largest package that is read, unpacked.
const UNPACKED_BYTES_MAX: u64 = 2 << 30;

/// The largest resource of a package.
const RESOURCE_BYTES_MAX: u64 = 64 << 20;

/// Files in one package.
const FILES_MAX: usize = 100_000;

/// Which package it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Label {
    /// Its name, such as `hl7.fhir.us.core`; empty if it does not say.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

/// Reads a package: hands every resource in it to `take`, one after the other, and gives its name and version.
///
/// Files that are no FHIR resources (the index, pictures, examples in subfolders) are passed over.
///
/// # Errors
/// A file that is no gzipped tarball, one beyond the bounds, and what `take` fails of.
pub(crate) fn read(path: &Path, mut take: impl FnMut(Value) -> Result) -> Result<Label> {
    let shown = path.display();
    let hint = "name a FHIR package, a .tgz as the package registries hand them out";
    let file = File::open(path)
        .during(format!("`{shown}` could not be read"))
        .map_err(|failure| failure.hint(hint))?;
    let wrong =
        |error: std::io::Error| Failure::new(format!("`{shown}` is no gzipped tarball: {error}")).hint(hint);
    // A tarball that unpacks to more than the bound ends early, which the reader reports.
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(UNPACKED_BYTES_MAX));
    let mut label = Label::default();
    for (count, entry) in archive.entries().map_err(wrong)?.enumerate() {
        let entry = entry.map_err(wrong)?;
        if count >= FILES_MAX {
            return Err(Failure::new(format!("`{shown}` has more than {FILES_MAX} files")));
        }
        let name = entry.path().map_err(wrong)?.to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix("package/").filter(|name| is_resource(name)) else { continue };
        let name = name.to_owned();
        if entry.size() > RESOURCE_BYTES_MAX {
            return Err(Failure::new(format!(
                "`{name}` in `{shown}` is larger than {RESOURCE_BYTES_MAX} bytes"
            )));
        }
        let mut bytes = Vec::new();
        entry.take(RESOURCE_BYTES_MAX).read_to_end(&mut bytes).map_err(wrong)?;
        let limits =
            Limits { bytes_max: RESOURCE_BYTES_MAX as usize, nodes_max: 8_000_000, ..Limits::default() };
        let value = json::parse(&bytes, &limits).during(format!("`{name}` in `{shown}` is not JSON"))?;
        if name == "package.json" {
            let text = |key| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            label = Label { name: text("name"), version: text("version") };
        } else if value.resource_type().is_some() {
            take(value)?;
        }
    }
    Ok(label)
}

/// A JSON file directly in the folder, the index aside.
fn is_resource(name: &str) -> bool {
    name.ends_with(".json") && !name.contains('/') && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(files: &[(&str, &str)]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let gzip = flate2::write::GzEncoder::new(file.reopen().unwrap(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(gzip);
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        file
    }

    #[test]
    fn a_package_gives_its_resources_and_its_name() {
        let file = packed(&[
            ("package/package.json", r#"{"name":"a.b","version":"1.2.3"}"#),
            ("package/.index.json", "{}"),
            ("package/ValueSet-x.json", r#"{"resourceType":"ValueSet","url":"x:y"}"#),
            ("package/example/Patient-1.json", r#"{"resourceType":"Patient"}"#),
            ("package/openapi/a.txt", "text"),
        ]);
        let mut taken = Vec::new();
        let label = read(file.path(), |value| {
            taken.push(value.resource_type().unwrap().to_owned());
            Ok(())
        });
        assert_eq!(label.unwrap(), Label { name: "a.b".into(), version: "1.2.3".into() });
        assert_eq!(taken, ["ValueSet"]);
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let file = packed(&[("package/ValueSet-x.json", "{")]);
        assert!(read(file.path(), |_| Ok(())).unwrap_err().to_string().contains("ValueSet-x.json"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "text").unwrap();
        assert!(read(file.path(), |_| Ok(())).is_err());
        assert!(read(Path::new("absent.tgz"), |_| Ok(())).is_err());
    }
}
