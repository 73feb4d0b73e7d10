//! Which column is masked how.

use fhir::json::{self, Limits, Value};

/// What is done with the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnMethod {
    /// They stay.
    Keep,
    /// They go; the column stays, empty.
    Remove,
    /// They are searched.
    Inspect,
    /// Names of people.
    Name,
    /// Numbers and codes that name someone or something: pseudonyms.
    Id,
    /// Dates: shifted.
    Date,
    /// Ages: 90 at most.
    Age,
    /// ZIP codes: three digits.
    Zip,
    /// Streets, cities, counties.
    Location,
    /// Organisations.
    Organization,
    /// Telephone and fax numbers.
    Phone,
    /// E-mail addresses.
    Email,
}

impl ColumnMethod {
    /// Name and method, as configurations write them.
    const ALL: [(&'static str, Self); 12] = [
        ("keep", Self::Keep),
        ("remove", Self::Remove),
        ("inspect", Self::Inspect),
        ("name", Self::Name),
        ("id", Self::Id),
        ("date", Self::Date),
        ("age", Self::Age),
        ("zip", Self::Zip),
        ("location", Self::Location),
        ("organization", Self::Organization),
        ("phone", Self::Phone),
        ("email", Self::Email),
    ];

    /// The name that configurations use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, method)| *method == self).map_or("inspect", |(name, _)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, method)| *method)
    }
}

/// What is done with the columns of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRule {
    /// The column's name, any letter case; `*` stands for any letters.
    pub column: String,
    /// What is done.
    pub method: ColumnMethod,
}

/// How a table is masked. The first rule that fits a column decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvConfig {
    /// What stands between fields.
    pub delimiter: u8,
    /// The rules.
    pub rules: Vec<ColumnRule>,
    /// What is done with columns that no rule fits.
    pub otherwise: ColumnMethod,
    /// Patterns of the column whose value names the patient, whose dates shift alike; the first that is there counts.
    pub patient: Vec<String>,
    /// Whether each row gets a seal in a last column `mask_seal`, so that masking twice is masking once. Without it, shifted
    /// dates of a masked table shift again.
    pub seal_rows: bool,
    /// Tells one configuration from another in a seal.
    pub(super) fingerprint: String,
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsvConfigError {
    /// It is no JSON.
    #[error("the configuration is not JSON")]
    Json(#[source] json::JsonError),
    /// A member that cannot be used.
    #[error("`{member}` {problem}")]
    Member {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A rule that cannot be used.
    #[error("rule {rule} (counted from 1) needs a `column` and a known `method`")]
    Rule {
        /// Its number, from 1.
        rule: usize,
    },
}

impl CsvConfig {
    /// A configuration of these rules: commas, unknown columns searched, no seals.
    #[must_use]
    pub fn new(rules: Vec<ColumnRule>, patient: Vec<String>) -> Self {
        let fingerprint = format!("csv 1 {rules:?} {patient:?}");
        let otherwise = ColumnMethod::Inspect;
        Self { delimiter: b',', rules, otherwise, patient, seal_rows: false, fingerprint }
    }

    /// Reads a configuration:
    ///
    /// ```json
    /// { "delimiter": ",", "patient": ["patient", "id"], "otherwise": "inspect", "sealRows": true,
    ///   "rules": [{ "column": "*_name", "method": "name" }] }
    /// ```
    ///
    /// Only `rules` has to be there.
    ///
    /// # Errors
    /// [`CsvConfigError`].
    pub fn parse(input: &[u8]) -> Result<Self, CsvConfigError> {
        let value = json::parse(input, &Limits::default()).map_err(CsvConfigError::Json)?;
        let member = |member, problem| CsvConfigError::Member { member, problem };
        let rules =
            value.get("rules").and_then(Value::as_array).ok_or(member("rules", "must be an array"))?;
        let rules = rules
            .iter()
            .enumerate()
            .map(|(at, rule)| {
                let text = |name: &str| rule.get(name).and_then(Value::as_str);
                let parts = text("column").zip(text("method").and_then(ColumnMethod::named));
                let (column, method) = parts.ok_or(CsvConfigError::Rule { rule: at + 1 })?;
                Ok(ColumnRule { column: column.to_owned(), method })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let patterns = value.get("patient").map(Value::elements).unwrap_or(&[]);
        let patient = patterns.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let mut config = Self::new(rules, patient);
        match value.get("delimiter").and_then(Value::as_str).map(str::as_bytes) {
            None => {}
            Some([byte]) if !matches!(byte, b'"' | b'\r' | b'\n') && byte.is_ascii() => {
                config.delimiter = *byte
            }
            Some(_) => {
                return Err(member("delimiter", "must be one ASCII character, no quote and no line end"));
            }
        }
        if let Some(name) = value.get("otherwise").and_then(Value::as_str) {
            config.otherwise =
                ColumnMethod::named(name).ok_or(member("otherwise", "is not a known method"))?;
        }
        config.seal_rows = value.get("sealRows").and_then(Value::as_bool).unwrap_or(false);
        config.fingerprint = format!("csv 1 {value}");
        Ok(config)
    }

    pub(super) fn method_of(&self, column: &str) -> ColumnMethod {
        self.rules.iter().find(|rule| fits(&rule.column, column)).map_or(self.otherwise, |rule| rule.method)
    }

    pub(super) fn patient_column(&self, columns: &[String]) -> Option<usize> {
        self.patient.iter().find_map(|pattern| columns.iter().position(|column| fits(pattern, column)))
    }
}

/// Whether a name fits a pattern, any letter case.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_they_read() {
        for (pattern, name, expected) in [
            ("ssn", "SSN", true),
            ("ssn", "ssn2", false),
            ("*name*", "Last_Name", true),
            ("*name", "name_code", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
