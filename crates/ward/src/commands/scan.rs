//! `ward scan`: what tells who somebody is, in files and folders, in the store, and what the server's own scans found. Findings
//! name kinds, counts and places, never a value.

use std::path::PathBuf;

use clap::Args;
use http::{Method, StatusCode};
use mask::scan::{Finding, Looker, Rules, Selection, Severity, Skipped, report};
use mask::transform::{Day, kind_name};
use mask::{Profile, Tier};
use serde_json::Value;
use server::scan::{ScanParts, ScanSpec, Stretch, files, once};

use super::mask::{desk, profile, tier};
use crate::Common;
use crate::config::{Config, read_rules};
use crate::failure::{During, Failure, Result};
use crate::home::{Base, Home};
use crate::output::{self, Format};
use crate::root;
use crate::served::Served;

/// Files of one scan.
const FILES_MAX: usize = 1_000_000;
/// Findings that a server is asked for at once.
const PAGE: usize = 1000;

/// What `ward scan` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files and folders; links are not followed
    #[arg(required_unless_present_any = ["store", "findings"])]
    paths: Vec<PathBuf>,
    /// Look at the data folder itself: free texts of its resources, its archive. No server may run on it
    #[arg(long, conflicts_with_all = ["paths", "findings"])]
    store: bool,
    /// Show what the scans of the configuration found, asking the server that runs on the data folder
    #[arg(long, conflicts_with = "paths")]
    findings: bool,
    /// How much work: scan (patterns and lists) or full (and a tagger)
    #[arg(long, default_value = "scan", value_parser = tier)]
    tier: Tier,
    /// What counts: safe-harbor, limited-dataset, max-recall or search-safe
    #[arg(long, default_value = "safe-harbor", value_parser = profile)]
    profile: Profile,
    /// Only what fits one of these patterns (`*` and `?`): paths of files, or names such as `fhir/Observation/*`
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Nothing that fits one of these patterns
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Look at this share, in percent; the same one each time
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100), value_name = "PERCENT")]
    sample: u8,
    /// Recognisers of your own, texts that are never findings, and findings to suppress: a TOML file
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The folder of the networks that read text off images; without it images are not looked at
    #[arg(long, env = "WARD_MODELS", hide_env_values = true, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Exit with 1 if a finding is of this severity or more: low, medium or high
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn severity(name: &str) -> Result<Severity, String> {
    Severity::named(name)
        .ok_or_else(|| format!("it is one of {}", Severity::ALL.map(Severity::as_str).join(", ")))
}

/// Scans and tells.
pub(crate) fn run(common: &Common, arguments: &Arguments) -> Result {
    let mut found = if arguments.findings {
        ask(common)?
    } else {
        let rules = arguments.rules.as_deref().map(read_rules).transpose()?.unwrap_or_default();
        if arguments.store { store(common, arguments, rules)? } else { paths(arguments, &rules)? }
    };
    let order = |finding: &Finding| (std::cmp::Reverse(finding.severity), finding.key.clone());
    found.findings.sort_by_cached_key(order);
    match arguments.format {
        Format::Json => say!("{}", report(&found.findings, found.looked, &found.skipped)),
        Format::Table => table(&found),
    }
    let worst = found.findings.iter().map(|finding| finding.severity).max();
    match (arguments.fail_on, worst) {
        (Some(limit), Some(worst)) if worst >= limit => {
            Err(Failure::new(format!("there are findings of severity {}", worst.as_str()))
                .hint("`ward mask` masks files; `--rules` suppresses what was looked at"))
        }
        _ => Ok(()),
    }
}

impl Arguments {
    fn selection(&self) -> Selection {
        Selection {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            sample_percent: self.sample,
        }
    }
}

/// What files and folders tell.
fn paths(arguments: &Arguments, rules: &Rules) -> Result<Stretch> {
    let engine = rules.engine();
    let desk = desk(arguments.models.as_deref())?;
    let looker = Looker {
        engine: &engine,
        desk: &desk,
        tier: arguments.tier,
        profile: arguments.profile,
        today: Day::of_time(jiff::Timestamp::now().as_millisecond()),
        go_on: &|| true,
    };
    let files = files(&arguments.paths, &arguments.selection(), FILES_MAX)
        .during("the files could not be listed")
        .map_err(|failure| failure.hint("name files and folders, one share at a time, or a `--sample`"))?;
    let bar = output::bar(files.len() as u64, "scanning");
    let mut found = Stretch::default();
    for file in &files {
        found.add(&file.shown, file.bytes, file.look(&looker), rules);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(found)
}

/// What the free texts of the store and its archive tell.
fn store(common: &Common, arguments: &Arguments, rules: Rules) -> Result<Stretch> {
    let config = Config::of(common)?;
    let base = Base::open(&common.data, &root::source(common)?)?;
    let home = Home::open(base, &config, &mut |_, _| {})?;
    let parts = ScanParts {
        store: home.store.clone(),
        jobs: None,
        objects: Some(std::sync::Arc::clone(&home.objects)),
        desk: std::sync::Arc::new(desk(arguments.models.as_deref())?),
        outbound: config.outbound.open()?,
    };
    let spec = ScanSpec {
        name: "command".to_owned(),
        fhir: true,
        archive: true,
        selection: arguments.selection(),
        rules,
        tier: arguments.tier,
        profile: arguments.profile,
        ..ScanSpec::default()
    };
    let found = once(&parts, &spec).during("the store could not be scanned");
    drop(parts);
    home.close();
    found
}

/// What the scans of the running server found.
fn ask(common: &Common) -> Result<Stretch> {
    let base = Base::open(&common.data, &root::source(common)?)?;
    let Ok(mut served) = Served::find(base, "scan")? else {
        return Err(Failure::new("no server runs on this data folder")
            .hint("`ward serve` makes the scans of the configuration; `--store` looks without a server"));
    };
    let mut found = Stretch::default();
    let mut token = Some("0".to_owned());
    let mut answered = Ok(());
    while let (Some(next), Ok(())) = (token.take(), &answered) {
        let path = format!("/scan/findings?count={PAGE}&nextToken={next}");
        answered = served.call(Method::GET, &path, &[], Vec::new()).and_then(|(status, body)| {
            if status != StatusCode::OK {
                return Err(Failure::new(format!("the server answers {status}"))
                    .hint("its log, or `ward audit list`, says more"));
            }
            let page: Value = serde_json::from_slice(&body).during("the answer could not be read")?;
            token = take(&page, &mut found);
            Ok(())
        });
    }
    served.close();
    answered.map(|()| found)
}

/// Takes a page of findings; gives what to ask for next.
fn take(page: &Value, found: &mut Stretch) -> Option<String> {
    let list = |name: &str| page.get(name).and_then(Value::as_array).into_iter().flatten();
    found.findings.extend(list("findings").filter_map(Finding::from_json));
    found.looked = page.get("filesScanned").and_then(Value::as_u64).unwrap_or_default();
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    found.skipped =
        list("skipped").map(|one| Skipped { key: text(one, "key"), reason: text(one, "reason") }).collect();
    page.get("nextToken").and_then(Value::as_str).map(str::to_owned)
}

fn table(found: &Stretch) {
    let rows: Vec<Vec<String>> = found
        .findings
        .iter()
        .map(|finding| {
            let kinds: Vec<String> = finding
                .kinds
                .iter()
                .map(|(kind, found)| format!("{} {}", found.count, kind_name(*kind)))
                .collect();
            let first = finding.kinds.values().flat_map(|found| found.places.iter()).min();
            let first = first.map_or_else(String::new, ToString::to_string);
            vec![finding.severity.as_str().to_owned(), finding.key.clone(), kinds.join(", "), first]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["severity", "file", "what", "first at"], &rows);
    }
    let count = found.looked + found.skipped.len() as u64;
    eprintln!("{count} files, {} with findings, {} not looked at", found.findings.len(), found.skipped.len());
    found.skipped.iter().take(20).for_each(|one| eprintln!("not looked at: {}: {}", one.key, one.reason));
}
