//! `ward scan PATH…`: what of files and folders tells who somebody is. Findings name kinds, counts and places, never a value.

mod finding;
mod rules;
mod walk;

use std::path::PathBuf;

use clap::Args;
use mask::image::ImageError;
use mask::transform::kind_name;
use mask::{Ask, Desk, Engine, Profile, Tier, Wishes};

use self::finding::{Finding, Severity};
use self::rules::Rules;
use self::walk::{Found, Outcome};
use super::mask::{kind, profile, tier};
use crate::failure::{During, Failure, Result};
use crate::output::{self, Format};

/// What `ward scan` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files and folders; links are not followed
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How much work: scan (patterns and lists) or full (and a tagger)
    #[arg(long, default_value = "scan", value_parser = tier)]
    tier: Tier,
    /// What counts: safe-harbor, limited-dataset, max-recall or search-safe
    #[arg(long, default_value = "safe-harbor", value_parser = profile)]
    profile: Profile,
    /// Only files whose path fits one of these patterns (`*` and `?`)
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// No files whose path fits one of these patterns
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Look at this share of the files, in percent; the same ones each time
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100), value_name = "PERCENT")]
    sample: u8,
    /// Recognisers of your own, texts that are never findings, and findings to suppress: a TOML file
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The folder of the networks that read text off images; without it images are not looked at
    #[arg(long, env = "WARD_MODELS", hide_env_values = true, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Exit with 1 if a finding is of this severity or more: low, medium or high
    #[arg(long, value_name = "SEVERITY", value_parser = Severity::named)]
    fail_on: Option<Severity>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Scans and tells.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let rules = arguments.rules.as_deref().map(Rules::read).transpose()?.unwrap_or_default();
    let engine =
        Engine::new().with_recognisers(rules.recognisers.clone()).with_allow_list(rules.allowed.clone());
    let reader = arguments.models.as_deref().map(server::image_reader).transpose();
    let reader = reader
        .during("the models could not be loaded")
        .map_err(|failure| failure.hint("`cargo xtask models` fetches them and says into which folder"))?;
    let desk = Desk::new(engine, reader).during("the rules for FHIR could not be read")?;
    let wanted = walk::Wanted {
        include: &arguments.include,
        exclude: &arguments.exclude,
        sample_percent: arguments.sample,
    };
    let files = walk::files(&arguments.paths, &wanted)?;
    let bar = output::bar(files.len() as u64, "scanning");
    let (mut findings, mut skipped) = (Vec::new(), Vec::new());
    for file in &files {
        match look(&desk, arguments, file) {
            Ok(Outcome::Looked(found)) => findings.extend(Finding::of(file, found)),
            Ok(Outcome::Skipped(why)) => skipped.push((file.clone(), why.to_owned())),
            Err(failure) => skipped.push((file.clone(), failure.to_string())),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    findings.retain(|finding| !rules.suppresses(finding));
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.file.cmp(&b.file)));
    match arguments.format {
        Format::Json => say!("{}", finding::json(&findings, files.len(), &skipped)),
        Format::Table => table(&findings, files.len(), &skipped),
    }
    let worst = findings.iter().map(|finding| finding.severity).max();
    match (arguments.fail_on, worst) {
        (Some(limit), Some(worst)) if worst >= limit => {
            Err(Failure::new(format!("there are findings of severity {}", worst.as_str()))
                .hint("`ward mask` masks files; `--rules` suppresses what was looked at"))
        }
        _ => Ok(()),
    }
}

/// What one file tells.
fn look(desk: &Desk, arguments: &Arguments, file: &walk::File) -> Result<Outcome> {
    let bytes = match walk::read(file)? {
        walk::Content::Bytes(bytes) => bytes,
        walk::Content::Skipped(why) => return Ok(Outcome::Skipped(why)),
    };
    let ask = Ask { tier: arguments.tier, profile: arguments.profile, known: None };
    if kind::is_image(&bytes) {
        if arguments.models.is_none() {
            return Ok(Outcome::Skipped("an image, and no `--models` to read it with"));
        }
        return image(desk, arguments, &bytes);
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Ok(Outcome::Skipped("neither text in UTF-8 nor an image"));
    };
    Ok(Outcome::Looked(Found::of_text(text, &desk.engine().find(text, &ask))))
}

/// Masks a copy of the image that is thrown away: what was filled is what tells.
fn image(desk: &Desk, arguments: &Arguments, bytes: &[u8]) -> Result<Outcome> {
    let wishes = Wishes {
        profile: arguments.profile,
        tier: arguments.tier,
        style: mask::Style::Labels,
        known: None,
        patient: None,
        today: mask::transform::Day::of_time(jiff::Timestamp::now().as_millisecond()),
    };
    match desk.image(bytes, &wishes) {
        Ok(masked) => Ok(Outcome::Looked(Found::of_image(masked.pages.iter().map(|page| page.telling)))),
        Err(error @ (ImageError::UnknownFormat | ImageError::Decode { .. })) => {
            Err(Failure::new(format!("it cannot be read as an image: {error}")))
        }
        Err(error) => Err(Failure::new(error.to_string())),
    }
}

fn table(findings: &[Finding], files: usize, skipped: &[(walk::File, String)]) {
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|finding| {
            let kinds: Vec<String> = finding
                .kinds
                .iter()
                .map(|(kind, found)| format!("{} {}", found.count, kind_name(*kind)))
                .collect();
            let first = finding.kinds.values().flat_map(|found| found.places.iter()).min();
            let first = first.map_or_else(String::new, |place| format!("{}:{}", place.line, place.start));
            vec![finding.severity.as_str().to_owned(), finding.file.clone(), kinds.join(", "), first]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["severity", "file", "what", "first at"], &rows);
    }
    eprintln!("{files} files, {} with findings, {} not looked at", findings.len(), skipped.len());
    skipped.iter().take(20).for_each(|(file, why)| eprintln!("not looked at: {}: {why}", file.shown));
}
