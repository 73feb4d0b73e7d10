//! `ward mask FILE…`: texts, records and images without who they are about; `ward mask evaluate`: how much of it is found; `ward mask risk`:
//! how likely someone is found again in a table.

mod evaluate;
mod kind;
mod one;
mod reveal;
mod risk;

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use fhir::json::{self, Value};
use mask::transform::{Day, Tally, kind_name};
use mask::{Desk, Engine, Profile, Style, Subject, Tier, Wishes};
use server::MaskSecret;
use storage::keys::{MaskKey, TenantId};

use self::kind::What;
use crate::Common;
use crate::failure::{During, Failure, Result};
use crate::home::Base;
use crate::pages::OwnProcess;
use crate::{output, root};

/// What `ward mask` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Text, FHIR (JSON, NDJSON), HL7 v2, C-CDA, CSV, PNG, JPEG, TIFF, PDF or DICOM; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    choices: Choices,
    /// What the files are; told by their content without it
    #[arg(long = "as", value_enum, value_name = "WHAT")]
    what: Option<What>,
    /// Write each result into this folder, under the name of its file; needed for several files
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to print of a text: the text itself, or the text and what was found in it as JSON
    #[arg(long, value_enum, default_value_t)]
    format: Shape,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Score what is found against sets of documents whose identifiers were marked by hand
    Evaluate(evaluate::Arguments),
    /// Reckon how likely someone is found again in a table: k-anonymity, l-diversity and the risks of three kinds of attackers
    Risk(risk::Arguments),
    /// Lead back ids, values and dates that were masked so that they can be
    Reveal(reveal::Arguments),
}

/// How a masked text is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// The masked text alone.
    #[default]
    Text,
    /// `{"text","entities":[{"start","end","type","score","reason"}]}`, offsets in characters of the input.
    Json,
}

/// How to mask.
#[derive(Debug, Args)]
struct Choices {
    /// What counts: safe-harbor, limited-dataset, max-recall or search-safe
    #[arg(long, default_value = "safe-harbor", value_parser = profile)]
    profile: Profile,
    /// How much work: scan (patterns and lists), full (and a tagger) or record (and what is known of the patient)
    #[arg(long, default_value = "full", value_parser = tier)]
    tier: Tier,
    /// What stands in place of what was found in text: labels, tags, surrogates or remove
    #[arg(long, default_value = "labels", value_parser = style)]
    style: Style,
    /// The Patient resource (JSON) that texts are about: its names, numbers and dates are found in every way of writing, and
    /// dates are shifted with it
    #[arg(long, value_name = "FILE")]
    patient: Option<PathBuf>,
    /// Rules for FHIR, in the form of the Microsoft anonymiser's configuration
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Rules for CSV: what is done with each column; guessed from names and content without it
    #[arg(long, value_name = "FILE")]
    columns: Option<PathBuf>,
    /// Make pseudonyms and shifted dates with the key of the data folder, so that they match those of other runs
    #[arg(long)]
    keyed: bool,
    /// The folder of the networks that read text off images, as `cargo xtask models` fills it
    #[arg(long, env = "WARD_MODELS", hide_env_values = true, value_name = "DIR")]
    models: Option<PathBuf>,
}

pub(super) fn profile(text: &str) -> Result<Profile, String> {
    Profile::named(text).ok_or_else(|| named(Profile::ALL.map(Profile::as_str)))
}

pub(super) fn tier(text: &str) -> Result<Tier, String> {
    Tier::named(text).ok_or_else(|| named(Tier::ALL.map(Tier::as_str)))
}

fn style(text: &str) -> Result<Style, String> {
    Style::named(text).ok_or_else(|| named(Style::ALL.map(Style::as_str)))
}

fn named<const N: usize>(names: [&str; N]) -> String {
    format!("it is one of {}", names.join(", "))
}

/// Runs it.
pub(crate) fn run(common: &Common, arguments: &Arguments) -> Result {
    match &arguments.verb {
        Some(Verb::Evaluate(sets)) => return evaluate::run(sets),
        Some(Verb::Risk(table)) => return risk::run(table),
        Some(Verb::Reveal(wanted)) => return reveal::run(common, wanted),
        None => {}
    }
    if arguments.files.len() > 1 && arguments.out.is_none() {
        return Err(Failure::usage("several files need a folder to go to").hint("name it with `--out DIR`"));
    }
    let choices = &arguments.choices;
    let secret = secret(common, choices)?;
    let with_images = match arguments.what {
        Some(what) => what.is_binary(),
        None => arguments.files.iter().any(|path| kind::has_pixels(path)),
    };
    let desk = desk(choices.models.clone().or_else(models).filter(|_| with_images).as_deref())?;
    let rules = choices.rules.as_deref().map(one::rules).transpose()?;
    let columns = choices.columns.as_deref().map(one::columns).transpose()?;
    let patient = choices.patient.as_deref().map(patient).transpose()?;
    let known = patient.as_ref().map(Subject::from_patient);
    let name = patient.as_ref().and_then(|patient| patient.get("id")).and_then(Value::as_str);
    let name = name.map(|id| format!("Patient/{id}"));
    let wishes = Wishes {
        profile: choices.profile,
        tier: choices.tier,
        style: choices.style,
        known: known.as_ref(),
        patient: name.as_deref(),
        today: Day::of_time(jiff::Timestamp::now().as_millisecond()),
    };
    let work = one::Work {
        desk: &desk,
        secret: &secret,
        wishes,
        rules: rules.as_ref(),
        columns: columns.as_ref(),
        shape: arguments.format,
    };
    let mut tally = Tally::default();
    let bar = output::bar(arguments.files.len() as u64, "masking");
    for path in &arguments.files {
        let bytes = read(path)?;
        let what = arguments.what.unwrap_or_else(|| kind::of(&bytes, path));
        let masked = work.mask(&bytes, what, path, &mut tally)?;
        match &arguments.out {
            Some(folder) => write(folder, path, &masked)?,
            None => print(&masked, what)?,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    say_what_was_done(&tally, choices.keyed);
    Ok(())
}

/// The desk, with what reads text off images if its folder is named.
pub(crate) fn desk(models: Option<&Path>) -> Result<Desk> {
    let reader = models.map(server::image_reader).transpose().during("the models could not be loaded");
    let reader = reader
        .map_err(|failure| failure.hint("`cargo xtask models` fetches them and says into which folder"))?;
    let desk = Desk::new(Engine::new(), reader).during("the rules for FHIR could not be read")?;
    let pages = OwnProcess::new().during("this program could not be found")?;
    Ok(desk.with_pages(Box::new(pages)))
}

/// Where `cargo xtask models` puts them, if they are there.
fn models() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("ward/models")).filter(|place| place.is_dir())
}

fn secret(common: &Common, choices: &Choices) -> Result<MaskSecret> {
    if !choices.keyed {
        return Ok(MaskSecret::from(MaskKey::ephemeral()));
    }
    let base = Base::open(&common.data, &root::source(common)?)?;
    let key = base.ring.mask_key(TenantId::DEFAULT).during("the key for masking could not be had")?;
    Ok(MaskSecret::new(key))
}

fn patient(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).during(format!("`{}` could not be read", path.display()))?;
    let hint = |failure: Failure| failure.hint("name a file with one Patient resource in JSON");
    let parsed = json::parse(&bytes, &json::Limits::default());
    let patient = parsed.during(format!("`{}` is not JSON", path.display())).map_err(hint)?;
    if patient.resource_type() != Some("Patient") {
        return Err(hint(Failure::new(format!("`{}` is no Patient resource", path.display()))));
    }
    Ok(patient)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).during("standard input could not be read")?;
        return Ok(bytes);
    }
    std::fs::read(path)
        .during(format!("`{}` could not be read", path.display()))
        .map_err(|failure| failure.hint("name a file, or `-` for standard input"))
}

/// Writes beside and renames, so that nothing half-written has the right name.
fn write(folder: &Path, source: &Path, bytes: &[u8]) -> Result {
    let name = source.file_name().unwrap_or("stdin".as_ref());
    let (part, whole) = (folder.join(format!(".{}.part", name.display())), folder.join(name));
    let done = std::fs::create_dir_all(folder).and_then(|()| {
        if source.canonicalize().is_ok_and(|from| whole.canonicalize().is_ok_and(|to| from == to)) {
            let text = "it is the file itself: choose another folder";
            return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, text));
        }
        std::fs::write(&part, bytes)?;
        std::fs::rename(&part, &whole)
    });
    done.during(format!("`{}` could not be written", whole.display()))
}

fn print(bytes: &[u8], what: What) -> Result {
    let mut stdout = std::io::stdout().lock();
    if what.is_binary() && stdout.is_terminal() {
        return Err(Failure::usage("an image does not go to a terminal")
            .hint("name a folder with `--out DIR`, or send the output to a file"));
    }
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("stdout cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

fn say_what_was_done(tally: &Tally, keyed: bool) {
    let kinds: Vec<String> =
        tally.kinds().map(|(kind, count)| format!("{count} {}", kind_name(kind))).collect();
    let found = if kinds.is_empty() { "nothing that tells who it is".to_owned() } else { kinds.join(", ") };
    eprintln!("masked: {found}");
    if tally.removed_unread > 0 {
        eprintln!("removed unread: {} attachments, elements or segments", tally.removed_unread);
    }
    if !keyed && tally.total() > 0 {
        eprintln!(
            "pseudonyms and shifted dates of this run match those of no other: `--keyed` takes the data folder's key"
        );
    }
}
