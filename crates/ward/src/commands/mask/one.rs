//! One file, masked.

use std::path::Path;

use fhir::json::{self, Value};
use formats::hl7v2::batch;
use mask::records::csv::CsvConfig;
use mask::records::fhir::{Config, FhirMasker};
use mask::transform::{Tally, kind_name};
use mask::{Desk, Wishes, in_characters};
use server::MaskSecret;

use super::Shape;
use super::kind::What;
use crate::failure::{During, Failure, Result};

/// What every file is masked with.
pub(super) struct Work<'a> {
    pub(super) desk: &'a Desk,
    pub(super) secret: &'a MaskSecret,
    pub(super) wishes: Wishes<'a>,
    pub(super) rules: Option<&'a FhirMasker>,
    pub(super) columns: Option<&'a CsvConfig>,
    pub(super) shape: Shape,
}

/// Reads rules for FHIR.
pub(super) fn rules(path: &Path) -> Result<FhirMasker> {
    let bytes = std::fs::read(path).during(format!("`{}` could not be read", path.display()))?;
    Config::parse(&bytes).map(FhirMasker::new).during(format!("the rules in `{}`", path.display()))
}

/// Reads rules for columns.
pub(super) fn columns(path: &Path) -> Result<CsvConfig> {
    let bytes = std::fs::read(path).during(format!("`{}` could not be read", path.display()))?;
    CsvConfig::parse(&bytes).during(format!("the rules in `{}`", path.display()))
}

impl Work<'_> {
    /// The masked content of a file; never the original.
    pub(super) fn mask(&self, bytes: &[u8], what: What, path: &Path, tally: &mut Tally) -> Result<Vec<u8>> {
        let name = path.display();
        match what {
            What::Text => self.text(bytes, tally).map_err(|problem| {
                Failure::new(format!("`{name}`: {problem}")).hint("`iconv` makes UTF-8 of other encodings")
            }),
            What::Fhir => {
                let limits = json::Limits { bytes_max: bytes.len(), ..json::Limits::default() };
                let resource = json::parse(bytes, &limits).during(format!("`{name}` is not JSON"))?;
                let masked = self.resource(&resource, tally).during(format!("`{name}`"))?;
                Ok([masked.to_pretty().as_bytes(), b"\n"].concat())
            }
            What::Ndjson => self.lines(bytes, path, tally),
            What::Hl7v2 => self.messages(bytes, path, tally),
            What::Ccda => {
                let masked = self.desk.ccda(bytes, self.secret, &self.wishes).during(format!("`{name}`"))?;
                tally.join(&masked.tally);
                Ok(masked.bytes)
            }
            What::Csv => {
                let masked = self.desk.csv(bytes, self.columns, self.secret, &self.wishes);
                let (masked, done) = masked.during(format!("`{name}`"))?;
                tally.join(&done);
                Ok(masked)
            }
            What::Dicom => {
                let masked = self.desk.dicom(bytes, self.secret, &self.wishes).during(format!("`{name}`"))?;
                let counts = masked.counts;
                eprintln!(
                    "attributes: {} removed, {} replaced, {} UIDs mapped; {} frames read",
                    counts.removed,
                    counts.replaced,
                    counts.uids,
                    masked.frames.len()
                );
                Ok(masked.bytes)
            }
            What::Image | What::Pdf => {
                let masked = match what {
                    What::Pdf => self.desk.pdf(bytes, &self.wishes).during(format!("`{name}`")),
                    _ => self.desk.image(bytes, &self.wishes).during(format!("`{name}`")),
                }?;
                let boxes: usize = masked.pages.iter().map(|page| page.areas.len()).sum();
                eprintln!("filled: {boxes} boxes on {} pages", masked.pages.len());
                tally.join(&masked.tally());
                Ok(masked.bytes)
            }
        }
    }

    fn text(&self, bytes: &[u8], tally: &mut Tally) -> Result<Vec<u8>, String> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))?;
        let masked = self.desk.text(text, self.secret, &self.wishes);
        tally.join(&masked.tally);
        if self.shape == Shape::Text {
            return Ok(masked.text.into_bytes());
        }
        let places = in_characters(text, masked.entities.iter().map(|entity| entity.range.clone()));
        let entities = masked.entities.iter().zip(places).map(|(entity, place)| {
            serde_json::json!({
                "start": place.start,
                "end": place.end,
                "type": kind_name(entity.kind),
                "score": (f64::from(entity.score) * 1000.0).round() / 1000.0,
                "reason": entity.reason.words().0,
            })
        });
        let whole = serde_json::json!({ "text": masked.text, "entities": entities.collect::<Vec<_>>() });
        Ok(format!("{whole}\n").into_bytes())
    }

    fn resource(
        &self,
        resource: &Value,
        tally: &mut Tally,
    ) -> Result<Value, mask::records::fhir::FhirMaskError> {
        let masked = match self.rules {
            Some(rules) => self.desk.fhir_by(rules, resource, self.secret, &self.wishes),
            None => self.desk.fhir(resource, self.secret, &self.wishes),
        }?;
        tally.join(&masked.tally);
        Ok(masked.resource)
    }

    /// Each line a resource, or an object with a text.
    fn lines(&self, bytes: &[u8], path: &Path, tally: &mut Tally) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len());
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        for (index, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            let place = || format!("`{}`: line {}", path.display(), index + 1);
            let value = json::parse(line, &json::Limits::default()).during(place())?;
            if value.resource_type().is_some() {
                out.extend(self.resource(&value, tally).during(place())?.to_vec());
            } else {
                let text = value.get("text").and_then(Value::as_str).ok_or_else(|| {
                    Failure::new(format!("{} is neither a resource nor an object with a `text`", place()))
                })?;
                let shaped = Work { shape: Shape::Json, ..*self }.text(text.as_bytes(), tally);
                let shaped = shaped.map_err(|problem| Failure::new(format!("{}: {problem}", place())))?;
                out.extend(shaped.trim_ascii_end());
            }
            out.push(b'\n');
        }
        Ok(out)
    }

    /// Each message of a file, one behind the other.
    fn messages(&self, bytes: &[u8], path: &Path, tally: &mut Tally) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len());
        for (index, piece) in batch::split(bytes).enumerate() {
            let place = || format!("`{}`: message {}", path.display(), index + 1);
            match piece {
                batch::Piece::Message { bytes, .. } => {
                    let masked = self.desk.hl7v2(bytes, self.secret, &self.wishes).during(place())?;
                    tally.join(&masked.tally);
                    out.extend(masked.bytes);
                }
                batch::Piece::Problem(problem) => {
                    return Err(Failure::new(format!("{}: {problem}", place())));
                }
            }
        }
        Ok(out)
    }
}
