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

use std::path::Path;

use mask::transform::{kind_name, kind_named};
use mask::{AllowList, Recogniser};
use serde::Deserialize;

use super::finding::Finding;
use super::walk;
use crate::failure::{During, Failure, Result};

/// The rules, ready.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) recognisers: Vec<Recogniser>,
    pub(super) allowed: AllowList,
    suppress: Vec<Suppress>,
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
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suppress {
    path: String,
    #[serde(default)]
    types: Vec<String>,
    #[serde(rename = "reason")]
    _reason: String,
}

impl Rules {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).during(format!("`{name}` could not be read"))?;
        Self::parse(&text).map_err(|problem| {
            Failure::new(format!("the rules in `{name}`: {problem}"))
                .hint("docs/guides/masking.md shows such a file")
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let known = |name: &str| kind_named(name).ok_or_else(|| format!("there is no type `{name}`"));
        let mut recognisers = Vec::with_capacity(written.recogniser.len());
        for one in &written.recogniser {
            let context: Vec<&str> = one.context.iter().map(String::as_str).collect();
            let made = Recogniser::new(&one.name, &one.pattern, &context, known(&one.kind)?);
            recognisers.push(made.map_err(|error| crate::failure::chain(&error))?);
        }
        for name in written.suppress.iter().flat_map(|suppress| &suppress.types) {
            known(name)?;
        }
        let allowed = AllowList::new(written.allow.iter().map(String::as_str));
        Ok(Self { recognisers, allowed, suppress: written.suppress })
    }

    /// Whether a finding is known: every kind of it is suppressed for its path.
    pub(super) fn suppresses(&self, finding: &Finding) -> bool {
        finding.kinds.keys().all(|kind| {
            self.suppress.iter().any(|suppress| {
                walk::fits(&suppress.path, &finding.file)
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
            let found = Rules::parse(text).err().unwrap();
            assert!(found.contains(problem), "{found}");
        }
        assert!(Rules::parse("allow = ['A']").is_ok());
    }
}
