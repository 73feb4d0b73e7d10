//! Bytes to rows, one byte at a time.

use super::{COLUMNS_MAX, CsvError, FIELD_BYTES_MAX};

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) text: String,
    is_quoted: bool,
}

impl Field {
    pub(super) fn plain(text: String) -> Self {
        Self { text, is_quoted: false }
    }
}

/// One row with its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) fields: Vec<Field>,
    line_end: &'static str,
}

impl Row {
    /// Appends the row; a field is quoted if it was or has to be.
    pub(super) fn write(&self, delimiter: u8, out: &mut Vec<u8>) {
        for (at, field) in self.fields.iter().enumerate() {
            if at > 0 {
                out.push(delimiter);
            }
            let must_quote = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\r' | b'\n');
            if field.is_quoted || field.text.bytes().any(must_quote) {
                out.push(b'"');
                out.extend(field.text.replace('"', "\"\"").bytes());
                out.push(b'"');
            } else {
                out.extend(field.text.bytes());
            }
        }
        out.extend(self.line_end.bytes());
    }

    /// The fields' texts, each with its length, for a seal.
    pub(super) fn content(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in &self.fields {
            bytes.extend((field.text.len() as u64).to_be_bytes());
            bytes.extend(field.text.bytes());
        }
        bytes
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte of a field.
    Start,
    Plain,
    Quoted,
    /// Behind a quote in a quoted field: its end, or half of a doubled one.
    Quote,
    /// Behind a CR that ends a row, if LF follows or not.
    Return,
}

/// Reads rows.
pub(super) struct Reader {
    delimiter: u8,
    state: State,
    field: Vec<u8>,
    is_quoted: bool,
    fields: Vec<Field>,
    row: u64,
}

impl Reader {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::Start,
            field: Vec::new(),
            is_quoted: false,
            fields: Vec::new(),
            row: 1,
        }
    }

    /// Takes one byte; gives a row once its line end, and what may belong to it, has passed.
    pub(super) fn take(&mut self, byte: u8) -> Result<Option<Row>, CsvError> {
        if self.state == State::Return {
            self.state = State::Start;
            if byte == b'\n' {
                return self.end_row("\r\n").map(Some);
            }
            let row = self.end_row("\r")?;
            // No byte but a CR ends a row at once here, and that waits for the next one.
            let nothing = self.take(byte)?;
            debug_assert!(nothing.is_none() || byte == b'\n');
            return Ok(Some(row));
        }
        match (self.state, byte) {
            (State::Quoted, b'"') => self.state = State::Quote,
            (State::Quoted, _) => self.add(byte)?,
            (State::Quote, b'"') => {
                self.add(byte)?;
                self.state = State::Quoted;
            }
            (State::Start, b'"') => {
                self.is_quoted = true;
                self.state = State::Quoted;
            }
            (_, b'\r') => {
                self.end_field()?;
                self.state = State::Return;
            }
            (_, b'\n') => {
                self.end_field()?;
                return self.end_row("\n").map(Some);
            }
            (_, byte) if byte == self.delimiter => self.end_field()?,
            (State::Quote, _) => return Err(CsvError::Quote { row: self.row }),
            (_, _) => {
                self.add(byte)?;
                self.state = State::Plain;
            }
        }
        Ok(None)
    }

    /// The last row, if it has no line end.
    pub(super) fn finish(&mut self) -> Result<Option<Row>, CsvError> {
        match self.state {
            State::Quoted => Err(CsvError::Quote { row: self.row }),
            State::Return => self.end_row("\r").map(Some),
            State::Start if self.fields.is_empty() && self.field.is_empty() && !self.is_quoted => Ok(None),
            _ => {
                self.end_field()?;
                self.end_row("").map(Some)
            }
        }
    }

    fn add(&mut self, byte: u8) -> Result<(), CsvError> {
        if self.field.len() >= FIELD_BYTES_MAX {
            return Err(CsvError::FieldTooLong { row: self.row });
        }
        self.field.push(byte);
        Ok(())
    }

    fn end_field(&mut self) -> Result<(), CsvError> {
        if self.fields.len() >= COLUMNS_MAX {
            return Err(CsvError::TooManyColumns { row: self.row });
        }
        let bytes = std::mem::take(&mut self.field);
        let mut text = String::from_utf8(bytes).map_err(|_| CsvError::NotUtf8 { row: self.row })?;
        if self.row == 1 && self.fields.is_empty() {
            text = text.trim_start_matches('\u{feff}').to_owned();
        }
        self.fields.push(Field { text, is_quoted: std::mem::take(&mut self.is_quoted) });
        self.state = State::Start;
        Ok(())
    }

    fn end_row(&mut self, line_end: &'static str) -> Result<Row, CsvError> {
        self.row += 1;
        self.state = State::Start;
        Ok(Row { fields: std::mem::take(&mut self.fields), line_end })
    }
}
