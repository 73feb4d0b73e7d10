//! Tables for an assessment: CSV with a header, and NDJSON of flat objects.

use fhir::json::{Limits, Value, parse};

use super::{Assessment, RiskError};
use crate::records::csv::{CsvError, each_row};

/// Which columns of a table are looked at; the others are left out of account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// What an attacker may know.
    pub quasi: Vec<String>,
    /// What he wants to learn.
    pub sensitive: Vec<String>,
}

/// Why a table could not be assessed. It names columns that were asked for, and rows by their number; it holds no value of a cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// It is no CSV.
    #[error("it could not be read as CSV")]
    Csv(#[from] CsvError),
    /// A line is no flat JSON object.
    #[error("line {row} is no JSON object")]
    Object {
        /// The line, from 1.
        row: u64,
    },
    /// A column that is named is not there.
    #[error("it has no column `{name}`")]
    NoColumn {
        /// The column.
        name: String,
    },
    /// Two columns have the same name.
    #[error("it has more than one column `{name}`")]
    Twice {
        /// The column.
        name: String,
    },
    /// A row with more or fewer fields than the header.
    #[error("row {row} has another number of fields than the header")]
    Fields {
        /// The row, the header being 1.
        row: u64,
    },
    /// A value that is a list or an object.
    #[error("line {row}: `{name}` is not a single value")]
    Nested {
        /// The line, from 1.
        row: u64,
        /// The member.
        name: String,
    },
    /// The figures could not be reckoned.
    #[error(transparent)]
    Risk(#[from] RiskError),
}

impl Assessment {
    /// Counts the rows of a CSV table whose first row is the header. Values are compared as they are written.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn of_csv(table: &[u8], columns: &Columns) -> Result<Self, TableError> {
        let mut assessment = Self::new();
        let mut places: Option<Places> = None;
        let mut row = 0_u64;
        each_row(table, b',', |fields: Vec<String>| {
            row += 1;
            let Some(places) = &places else {
                places = Some(Places::of(&fields, columns)?);
                return Ok(());
            };
            // An empty line, as at the end of many files.
            if fields.len() == 1 && places.width > 1 && fields.iter().all(String::is_empty) {
                return Ok(());
            }
            if fields.len() != places.width {
                return Err(TableError::Fields { row });
            }
            assessment.add(&pick(&fields, &places.quasi), &pick(&fields, &places.sensitive))?;
            Ok(())
        })?;
        Ok(assessment)
    }

    /// Counts the objects of NDJSON, one a line. A member that an object lacks, or that is null, is an empty text. Every column has to
    /// be a member of one object at least.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn of_ndjson(lines: &[u8], columns: &Columns) -> Result<Self, TableError> {
        let mut assessment = Self::new();
        let names = || columns.quasi.iter().chain(&columns.sensitive);
        let mut seen = vec![false; names().count()];
        for (row, line) in (1_u64..).zip(lines.split(|byte| *byte == b'\n')) {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let object =
                parse(line, &Limits::default()).ok().filter(|value| matches!(value, Value::Object(_)));
            let object = object.ok_or(TableError::Object { row })?;
            let cells: Vec<String> =
                names().map(|name| cell(&object, name, row)).collect::<Result<_, _>>()?;
            for (seen, name) in seen.iter_mut().zip(names()) {
                *seen |= object.get(name).is_some();
            }
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let (quasi, sensitive) = cells.split_at(columns.quasi.len().min(cells.len()));
            assessment.add(quasi, sensitive)?;
        }
        match names().zip(&seen).find(|(_, seen)| !**seen) {
            Some((name, _)) if assessment.rows > 0 => Err(TableError::NoColumn { name: name.clone() }),
            _ => Ok(assessment),
        }
    }
}

/// Where the columns stand.
struct Places {
    width: usize,
    quasi: Vec<usize>,
    sensitive: Vec<usize>,
}

impl Places {
    fn of(header: &[String], columns: &Columns) -> Result<Self, TableError> {
        let place = |name: &String| {
            let mut places =
                (0..).zip(header).filter(|(_, column)| column.trim() == name).map(|(place, _)| place);
            let first = places.next().ok_or_else(|| TableError::NoColumn { name: name.clone() })?;
            match places.next() {
                Some(_) => Err(TableError::Twice { name: name.clone() }),
                None => Ok(first),
            }
        };
        let all = |names: &[String]| names.iter().map(place).collect::<Result<Vec<usize>, _>>();
        Ok(Self { width: header.len(), quasi: all(&columns.quasi)?, sensitive: all(&columns.sensitive)? })
    }
}

fn pick<'f>(fields: &'f [String], places: &[usize]) -> Vec<&'f str> {
    places.iter().map(|place| fields.get(*place).map_or("", String::as_str)).collect()
}

fn cell(object: &Value, name: &str, row: u64) -> Result<String, TableError> {
    Ok(match object.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.to_string(),
        Some(Value::Array(_) | Value::Object(_)) => {
            return Err(TableError::Nested { row, name: name.to_owned() });
        }
        Some(other) => String::from_utf8(other.to_vec()).unwrap_or_default(),
    })
}
