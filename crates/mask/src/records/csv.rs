//! CSV tables, by column.
//!
//! Rules name columns by pattern; [`profile`] guesses rules from a header and some rows. Rows stream through a [`CsvMasker`] in
//! chunks of any size, one row in memory at a time. Free text in a row is searched with what the row's own columns tell.
//! Quotes, delimiters and line ends stay as they are wherever a value does not force others.
//!
//! Source: RFC 4180.

mod config;
mod profile;
mod reader;

use super::inspect::{Inspector, Scope, Tools};
use super::near::Near;
use super::seal;
use crate::Kind;
use crate::transform::{Method, SMALL_AREAS, Tally, label, pseudonym, top_code, zip3};
use reader::{Field, Reader, Row};

pub use config::{ColumnMethod, ColumnRule, CsvConfig, CsvConfigError};
pub use profile::{ColumnGuess, Guess, profile};

/// The column that holds the seal of each row, if the configuration asks for one.
const SEAL_COLUMN: &str = "mask_seal";

/// Bytes of one field.
const FIELD_BYTES_MAX: usize = 4 << 20;

/// Columns of a table.
const COLUMNS_MAX: usize = 10_000;

/// The domain of pseudonyms for ids.
const ID: &str = "id";

/// Why a table could not be masked. It holds nothing of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// A field is too long.
    #[error("row {row}: a field is longer than {FIELD_BYTES_MAX} bytes")]
    FieldTooLong {
        /// The row, the header being 1.
        row: u64,
    },
    /// Too many columns.
    #[error("row {row}: more than {COLUMNS_MAX} columns")]
    TooManyColumns {
        /// The row, the header being 1.
        row: u64,
    },
    /// Bytes that are not UTF-8.
    #[error("row {row}: not UTF-8")]
    NotUtf8 {
        /// The row, the header being 1.
        row: u64,
    },
    /// A quote that nothing closes, or text behind one that is closed.
    #[error("row {row}: a quote that does not fit")]
    Quote {
        /// The row, the header being 1.
        row: u64,
    },
}

/// Hands each row of a table to `row`, the header too, as the texts of its fields.
///
/// # Errors
/// [`CsvError`], and whatever `row` returns.
pub fn each_row<E: From<CsvError>>(
    table: &[u8],
    delimiter: u8,
    mut row: impl FnMut(Vec<String>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = Reader::new(delimiter);
    let mut hand = |found: Row| row(found.fields.into_iter().map(|field| field.text).collect());
    for byte in table {
        if let Some(found) = reader.take(*byte)? {
            hand(found)?;
        }
    }
    reader.finish()?.map_or(Ok(()), hand)
}

/// Masks a table as it comes. The first row is the header.
pub struct CsvMasker<'a> {
    config: &'a CsvConfig,
    scope: Scope<'a>,
    reader: Reader,
    inspector: Inspector<'a>,
    /// What is done with each column; empty before the header.
    columns: Vec<ColumnMethod>,
    /// The column that tells the patient.
    patient: Option<usize>,
    has_header: bool,
    /// Whether the table came with seals.
    is_sealed: bool,
    rows: u64,
}

impl<'a> CsvMasker<'a> {
    /// A masker for one table.
    #[must_use]
    pub fn new(config: &'a CsvConfig, tools: Tools<'a>, scope: Scope<'a>) -> Self {
        let shift = scope.shift(tools.keys, &format!("file|{}", scope.file));
        Self {
            config,
            scope,
            reader: Reader::new(config.delimiter),
            inspector: Inspector::new(tools, Near::default(), shift),
            columns: Vec::new(),
            patient: None,
            has_header: false,
            is_sealed: false,
            rows: 0,
        }
    }

    /// Takes the next bytes of the table and appends what is masked of it to `out`.
    ///
    /// # Errors
    /// [`CsvError`]; then nothing more can be read, and what was appended is masked all the same.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CsvError> {
        for byte in bytes {
            if let Some(row) = self.reader.take(*byte)? {
                self.row(row, out)?;
            }
        }
        Ok(())
    }

    /// Ends the table: a last row without a line end is masked, too. Returns what was done.
    ///
    /// # Errors
    /// [`CsvError`].
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Tally, CsvError> {
        if let Some(row) = self.reader.finish()? {
            self.row(row, out)?;
        }
        Ok(self.inspector.tally)
    }

    fn row(&mut self, row: Row, out: &mut Vec<u8>) -> Result<(), CsvError> {
        self.rows += 1;
        if !self.has_header {
            self.has_header = true;
            self.header(row, out);
            return Ok(());
        }
        let is_blank = matches!(row.fields.as_slice(), [field] if field.text.is_empty());
        if is_blank {
            row.write(self.config.delimiter, out);
            return Ok(());
        }
        let masked = self.masked(row);
        masked.write(self.config.delimiter, out);
        Ok(())
    }

    fn header(&mut self, mut row: Row, out: &mut Vec<u8>) {
        let mut names: Vec<String> = row.fields.iter().map(|field| field.text.trim().to_owned()).collect();
        self.is_sealed = self.config.seal_rows && names.last().is_some_and(|name| name == SEAL_COLUMN);
        if self.is_sealed {
            names.pop();
        }
        self.columns = names.iter().map(|name| self.config.method_of(name)).collect();
        self.patient = self.config.patient_column(&names);
        if self.config.seal_rows && !self.is_sealed {
            row.fields.push(Field::plain(SEAL_COLUMN.to_owned()));
        }
        row.write(self.config.delimiter, out);
    }

    fn masked(&mut self, mut row: Row) -> Row {
        if self.is_sealed {
            let found = row.fields.pop();
            let is_whole = found.as_ref().is_some_and(|found| {
                let keys = self.inspector.tools.keys;
                seal::verifies(keys, &self.config.fingerprint, &row.content(), &found.text)
            });
            if is_whole {
                row.fields.extend(found);
                return row;
            }
        }
        self.learn(&row);
        for at in 0..row.fields.len() {
            // A row may be longer than its header; what is there has no name and is searched.
            let method = self.columns.get(at).copied().unwrap_or(ColumnMethod::Inspect);
            let Some(field) = row.fields.get_mut(at) else { continue };
            if !field.text.trim().is_empty() {
                let text = std::mem::take(&mut field.text);
                field.text = self.value(method, &text);
            }
        }
        if self.config.seal_rows {
            let seal = seal::seal(self.inspector.tools.keys, &self.config.fingerprint, &row.content());
            row.fields.push(Field::plain(seal));
        }
        row
    }

    /// What the row's own columns tell, and whose dates these are.
    fn learn(&mut self, row: &Row) {
        let mut near = Near::default();
        for (field, method) in row.fields.iter().zip(&self.columns) {
            let text = field.text.trim();
            match method {
                ColumnMethod::Name => near.name(text),
                ColumnMethod::Id | ColumnMethod::Remove => near.id(text, Kind::Mrn),
                ColumnMethod::Phone => near.phone(text),
                ColumnMethod::Email => near.phrase(text, Kind::Email),
                ColumnMethod::Location => near.place(text, Kind::Location),
                ColumnMethod::Organization => near.phrase(text, Kind::Organization),
                _ => {}
            }
        }
        self.inspector.near = near;
        let keys = self.inspector.tools.keys;
        let patient = self.patient.and_then(|at| row.fields.get(at)).map(|field| field.text.trim());
        let key = match (self.scope.patient, patient.filter(|patient| !patient.is_empty())) {
            (Some(patient), _) | (None, Some(patient)) => patient.to_owned(),
            (None, None) => format!("file|{}", self.scope.file),
        };
        self.inspector.shift = self.scope.shift(keys, &key);
    }

    fn value(&mut self, method: ColumnMethod, text: &str) -> String {
        match method {
            ColumnMethod::Keep => text.to_owned(),
            ColumnMethod::Remove => self.noted(Kind::Id, Method::Redact, String::new()),
            ColumnMethod::Name => self.replaced(Kind::Name, text),
            ColumnMethod::Location => self.replaced(Kind::Location, text),
            ColumnMethod::Organization => self.replaced(Kind::Organization, text),
            ColumnMethod::Phone => self.replaced(Kind::Phone, text),
            ColumnMethod::Email => self.replaced(Kind::Email, text),
            ColumnMethod::Id => {
                let keys = self.inspector.tools.keys;
                let text = text.trim();
                let new = if pseudonym::looks_like_uuid(text) {
                    pseudonym::uuid(keys, ID, text)
                } else {
                    pseudonym::short(keys, ID, text)
                };
                self.noted(Kind::Id, Method::Hash, new)
            }
            ColumnMethod::Date => {
                let shift = self.inspector.shift;
                let trimmed = text.trim();
                match shift.fhir(trimmed).or_else(|| shift.text(trimmed)).or_else(|| shift.compact(trimmed)) {
                    Some(new) => self.noted(Kind::Date, Method::ShiftDate, new),
                    None => self.noted(Kind::Date, Method::Redact, String::new()),
                }
            }
            ColumnMethod::Age => match top_code(text) {
                Some(new) if new == text => new,
                Some(new) => self.noted(Kind::Age, Method::Generalize, new),
                None => self.noted(Kind::Age, Method::Redact, String::new()),
            },
            ColumnMethod::Zip => {
                let new = zip3(text, &SMALL_AREAS).unwrap_or_default();
                self.noted(Kind::Zip, Method::Generalize, new)
            }
            ColumnMethod::Inspect => self.inspector.text(text).into_owned(),
        }
    }

    fn noted(&mut self, kind: Kind, method: Method, new: String) -> String {
        self.inspector.tally.add(kind, method);
        new
    }

    fn replaced(&mut self, kind: Kind, text: &str) -> String {
        if text.trim() == label(kind) {
            return text.to_owned();
        }
        match self.inspector.masker().replacement(kind, text.trim()) {
            Some((new, method)) => self.noted(kind, method, new.into_owned()),
            None => text.to_owned(),
        }
    }
}
