//! A scan's rules: a TOML file.
//!
//! ```toml
//! allow = ["General Hospital"]          # texts that are never findings
//!
//! [[recogniser]]
//! name = "study number"
//! pattern = 'STU-(\d{6})'
//! context = ["study"]                   # one of these has to stand near; none: no such need
//! type = "ID"
//!
//! [[suppress]]
//! path = "*/testdata/*"
//! types = ["DATE"]                      # all without it
//! reason = "synthetic"
//! ```

use serde::Deserialize;

use super::finding::Finding;
use super::pattern::fits;
use crate::transform::{kind_name, kind_named};
use crate::{AllowList, Engine, Recogniser, RecogniserError};

/// The rules, ready.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    recognisers: Vec<Recogniser>,
    allowed: AllowList,
    suppress: Vec<Suppress>,
}

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// It is no TOML, or has other keys.
    #[error("{0}")]
    Form(String),
    /// A type that is none.
    #[error("there is no type `{0}`")]
    Kind(String),
    /// A recogniser cannot be made.
    #[error(transparent)]
    Recogniser(#[from] RecogniserError),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    allow: Vec<String>,
    recogniser: Vec<WrittenRecogniser>,
    suppress: Vec<Suppress>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRecogniser {
    name: String,
    pattern: String,
    #[serde(default)]
    context: Vec<String>,
    #[serde(rename = "type")]
    kind: String,
}

/// Findings that were looked at and are known to be none. The reason is for whoever reads the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suppress {
    path: String,
    #[serde(default)]
    types: Vec<String>,
    #[serde(rename = "reason")]
    _reason: String,
}

impl Rules {
    /// Reads the text of such a file.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let written: Written =
            toml::from_str(text).map_err(|error| RulesError::Form(error.message().to_owned()))?;
        let known = |name: &str| kind_named(name).ok_or_else(|| RulesError::Kind(name.to_owned()));
        let mut recognisers = Vec::with_capacity(written.recogniser.len());
        for one in &written.recogniser {
            let context: Vec<&str> = one.context.iter().map(String::as_str).collect();
            recognisers.push(Recogniser::new(&one.name, &one.pattern, &context, known(&one.kind)?)?);
        }
        for name in written.suppress.iter().flat_map(|suppress| &suppress.types) {
            known(name)?;
        }
        let allowed = AllowList::new(written.allow.iter().map(String::as_str));
        Ok(Self { recognisers, allowed, suppress: written.suppress })
    }

    /// An engine that finds by them too.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine::new().with_recognisers(self.recognisers.clone()).with_allow_list(self.allowed.clone())
    }

    /// Whether a finding is known: every kind of it is suppressed for its key.
    #[must_use]
    pub fn suppresses(&self, finding: &Finding) -> bool {
        finding.kinds.keys().all(|kind| {
            self.suppress.iter().any(|suppress| {
                fits(&suppress.path, &finding.key)
                    && (suppress.types.is_empty()
                        || suppress.types.iter().any(|name| name == kind_name(*kind)))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_what_is_wrong_with_them() {
        for (text, problem) in [
            ("nothing = 1", "unknown field"),
            ("[[recogniser]]\nname = 'a'\npattern = '('\ntype = 'ID'", "cannot be used"),
            ("[[recogniser]]\nname = 'a'\npattern = 'a'\ntype = 'NOTHING'", "there is no type `NOTHING`"),
            ("[[suppress]]\npath = '*'", "missing field `reason`"),
        ] {
            let found = Rules::parse(text).err().unwrap().to_string();
            assert!(found.contains(problem), "{found}");
        }
        assert!(Rules::parse("allow = ['A']").is_ok());
    }
}
