//! `ward audit verify|list`.

use clap::Subcommand;
use protect::audit::{self, Filter, NoteKey};

use crate::Common;
use crate::failure::{During, Failure, Result};
use crate::home::Base;
use crate::output::{self, Format};
use crate::root;

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Check every row against the signed tree; exit 0 only if everything holds
    Verify {
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List events, newest last
    List {
        /// Most events to show
        #[arg(long, default_value_t = 50)]
        count: usize,
        /// How to print; JSON is FHIR AuditEvents
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Runs it.
pub(crate) fn run(common: &Common, verb: &Verb) -> Result {
    let base = Base::open(&common.data, &root::source(common)?)?;
    match verb {
        Verb::Verify { format } => verify(&base, *format),
        Verb::List { count, format } => list(&base, *count, *format),
    }
}

fn verify(base: &Base, format: Format) -> Result {
    let report = check(base)?;
    let root = hex::encode(report.root);
    match format {
        Format::Json => {
            say!(
                "{}",
                serde_json::json!({ "tree_size": report.tree_size, "root": root, "problems": report.problems.iter().map(ToString::to_string).collect::<Vec<_>>() })
            );
        }
        Format::Table => {
            say!("tree size  {}", report.tree_size);
            say!("root       {root}");
            report.problems.iter().for_each(|problem| say!("problem    {problem}"));
        }
    }
    if report.problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("the audit log does not verify: {} problems", report.problems.len()))
        .hint("keep a copy of the folder as it is; compare its checkpoint with copies kept elsewhere"))
}

/// Verifies the audit log of a data folder with its public key.
pub(crate) fn check(base: &Base) -> Result<audit::Report> {
    let key = NoteKey::of_ring(&base.ring).during("the audit log's public key could not be had")?;
    audit::verify(base.disk.as_ref(), &base.layout.audit(), &key).during("the audit log could not be read")
}

fn list(base: &Base, count: usize, format: Format) -> Result {
    let filter = Filter { limit: count, newest_first: true, ..Filter::default() };
    let mut events = audit::list(base.disk.as_ref(), &base.layout.audit(), &base.ring, &filter)
        .during("the audit log could not be read")?;
    events.reverse();
    if format == Format::Json {
        let events: Vec<String> = events
            .iter()
            .map(|(index, event)| {
                String::from_utf8_lossy(&event.to_fhir(&index.to_string()).to_vec()).into_owned()
            })
            .collect();
        say!("[{}]", events.join(","));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = events
        .iter()
        .map(|(index, event)| {
            vec![
                index.to_string(),
                output::time(event.time_ms),
                event.actor.id.clone(),
                event.purpose.code().to_owned(),
                event.interaction.code().to_owned(),
                event.resource_type.clone().unwrap_or_default().into_owned(),
                format!("{:?}", event.outcome).to_lowercase(),
                event.entities.len().to_string(),
            ]
        })
        .collect();
    output::table(&["row", "time", "who", "why", "what", "type", "outcome", "shown"], &rows);
    Ok(())
}
