//! `[[scan]]`: what is looked for leaks, how often, and who is told.

use std::path::{Path, PathBuf};

use ingest::config::Key;
use mask::scan::{Rules, Selection, Severity};
use mask::{Profile, Tier};
use serde::Deserialize;
use server::scan::{Alert, ScanSpec};

use crate::failure::{During, Failure, Result};

/// Its keys.
pub(super) const KEYS: &[Key] = &[
    Key {
        name: "name",
        kind: "name",
        default: None,
        meaning: "What it is called: 1 to 64 letters, digits, `-` and `_`. Required.",
    },
    Key {
        name: "what",
        kind: "list of `fhir`, `archive`, `exports`, `logs`",
        default: Some("[\"fhir\"]"),
        meaning: "`fhir`: free texts of the store's resources (narratives, notes, attachments) but those about persons and institutions by themselves. `archive`: free texts of what came in, and all of what was masked. `exports`: free texts of finished exports. `logs`: the file that the server's log goes to, if it goes to one (Linux).",
    },
    Key {
        name: "folders",
        kind: "list of paths",
        default: Some("[]"),
        meaning: "Files and folders that are looked at as a whole: shares, logs, files that were handed out.",
    },
    Key {
        name: "every",
        kind: "time, such as `30m`, `24h` or `7d`",
        default: Some("\"24h\""),
        meaning: "From one beginning to the next; at least a minute.",
    },
    Key {
        name: "sample_percent",
        kind: "percent",
        default: Some("100"),
        meaning: "The share that is looked at, the same one each time.",
    },
    Key {
        name: "include",
        kind: "list of patterns (`*` and `?`)",
        default: Some("[]"),
        meaning: "Only what fits one: `fhir/Observation/*`, `archive/raw/*`, `archive/masked/*`, `export/*`, or a path.",
    },
    Key { name: "exclude", kind: "list of patterns", default: Some("[]"), meaning: "Nothing that fits one." },
    Key {
        name: "rules",
        kind: "path",
        default: None,
        meaning: "Recognisers of your own, texts that are never findings, findings to suppress: the file of `ward scan --rules`.",
    },
    Key {
        name: "tier",
        kind: "`scan` or `full`",
        default: Some("\"scan\""),
        meaning: "How much work: patterns and lists, or a tagger too.",
    },
    Key {
        name: "profile",
        kind: "`safe-harbor`, `limited-dataset`, `max-recall` or `search-safe`",
        default: Some("\"safe-harbor\""),
        meaning: "What counts.",
    },
    Key {
        name: "alert",
        kind: "`low`, `medium` or `high`",
        default: None,
        meaning: "New findings of this severity or more are told: in the log, the audit log, and at `alert_url`.",
    },
    Key {
        name: "alert_url",
        kind: "URL",
        default: None,
        meaning: "Where to POST it as JSON: counts alone, no names of files and no ids. Its host stands in `outbound.hosts`.",
    },
];

/// One scan.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScanTable {
    /// What it is called.
    name: String,
    #[serde(default = "fhir")]
    what: Vec<What>,
    #[serde(default)]
    folders: Vec<PathBuf>,
    #[serde(default = "a_day")]
    every: String,
    #[serde(default = "all")]
    sample_percent: u8,
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    rules: Option<PathBuf>,
    #[serde(default = "tier")]
    tier: String,
    #[serde(default = "profile")]
    profile: String,
    #[serde(default)]
    alert: Option<String>,
    #[serde(default)]
    alert_url: Option<String>,
}

/// What of Ward's own is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Fhir,
    Archive,
    Exports,
    Logs,
}

fn fhir() -> Vec<What> {
    vec![What::Fhir]
}

fn a_day() -> String {
    "24h".to_owned()
}

fn all() -> u8 {
    100
}

fn tier() -> String {
    Tier::Scan.as_str().to_owned()
}

fn profile() -> String {
    Profile::default().as_str().to_owned()
}

/// Checks all scans of a configuration.
pub(super) fn check_all(scans: &[ScanTable]) -> Result<(), String> {
    for (at, scan) in scans.iter().enumerate() {
        scan.spec(Rules::default()).map_err(|problem| format!("scan `{}`: {problem}", scan.name))?;
        if scans.iter().skip(at + 1).any(|other| other.name == scan.name) {
            return Err(format!("two scans are called `{}`", scan.name));
        }
    }
    Ok(())
}

impl ScanTable {
    /// The scan; reads its rules.
    pub(crate) fn open(&self) -> Result<ScanSpec> {
        let rules = self.rules.as_deref().map(read_rules).transpose()?.unwrap_or_default();
        self.spec(rules).map_err(|problem| Failure::new(format!("scan `{}`: {problem}", self.name)))
    }

    fn spec(&self, rules: Rules) -> Result<ScanSpec, String> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if !(1..=64).contains(&self.name.len()) || !self.name.chars().all(plain) {
            return Err("a name has 1 to 64 letters, digits, `-` and `_`".to_owned());
        }
        if !(1..=100).contains(&self.sample_percent) {
            return Err("`sample_percent` is 1 to 100".to_owned());
        }
        if self.what.is_empty() && self.folders.is_empty() {
            return Err("there is nothing to look at: `what` and `folders` are empty".to_owned());
        }
        let tier = Tier::named(&self.tier).filter(|tier| *tier != Tier::Record);
        let tier = tier.ok_or("`tier` is one of scan, full")?;
        let profile = Profile::named(&self.profile)
            .ok_or_else(|| format!("`profile` is one of {}", Profile::ALL.map(Profile::as_str).join(", ")))?;
        let mut folders = self.folders.clone();
        if self.what.contains(&What::Logs) {
            folders.extend(log_file());
        }
        Ok(ScanSpec {
            name: self.name.clone(),
            fhir: self.what.contains(&What::Fhir),
            archive: self.what.contains(&What::Archive),
            exports: self.what.contains(&What::Exports),
            folders,
            every_ms: milliseconds(&self.every)?,
            selection: Selection {
                include: self.include.clone(),
                exclude: self.exclude.clone(),
                sample_percent: self.sample_percent,
            },
            rules,
            tier,
            profile,
            alert: self.alert()?,
        })
    }

    fn alert(&self) -> Result<Option<Alert>, String> {
        match (&self.alert, &self.alert_url) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err("`alert_url` needs `alert`: from which severity on?".to_owned()),
            (Some(severity), url) => {
                let severity = Severity::named(severity).ok_or("`alert` is one of low, medium, high")?;
                Ok(Some(Alert { severity, url: url.clone() }))
            }
        }
    }
}

/// Reads the rules of a scan.
pub(crate) fn read_rules(path: &Path) -> Result<Rules> {
    let name = path.display();
    let text = std::fs::read_to_string(path).during(format!("`{name}` could not be read"))?;
    Rules::parse(&text)
        .during(format!("the rules in `{name}`"))
        .map_err(|failure| failure.hint("docs/guides/masking.md shows such a file"))
}

/// `90s`, `30m`, `24h`, `7d` in milliseconds; a minute to ten years.
fn milliseconds(text: &str) -> Result<i64, String> {
    let wrong = || "`every` is a time such as `30m`, `24h` or `7d`, at least a minute".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit_ms = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let every_ms = i64::from(number).saturating_mul(unit_ms);
    if (60_000..=315_360_000_000).contains(&every_ms) { Ok(every_ms) } else { Err(wrong()) }
}

/// Where the log goes, if that is a file: what stands behind our standard error.
fn log_file() -> Option<PathBuf> {
    std::fs::read_link("/proc/self/fd/2").ok().filter(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    #[test]
    fn a_scan_says_what_is_wrong_with_it() {
        for (lines, problem) in [
            ("name = 'a b'", "1 to 64 letters"),
            ("name = 'a'\nevery = '10s'", "at least a minute"),
            ("name = 'a'\nevery = 'é'", "such as `30m`"),
            ("name = 'a'\ntier = 'record'", "scan, full"),
            ("name = 'a'\nsample_percent = 0", "1 to 100"),
            ("name = 'a'\nwhat = []", "nothing to look at"),
            ("name = 'a'\nalert_url = 'https://h/'", "from which severity"),
            ("name = 'a'\nwhat = ['mail']", "unknown variant"),
            ("name = 'a'\n[[scan]]\nname = 'a'", "two scans"),
        ] {
            let found = Config::parse(&format!("[[scan]]\n{lines}\n")).unwrap_err();
            assert!(found.contains(problem), "{lines}: {found}");
        }
        let good = "[[scan]]\nname = 'nightly'\nwhat = ['fhir', 'archive', 'exports', 'logs']\nevery = '90m'\nalert = 'high'\n";
        let spec = Config::parse(good).unwrap().scan[0].open().unwrap();
        assert_eq!((spec.every_ms, spec.fhir, spec.archive, spec.exports), (5_400_000, true, true, true));
    }
}
