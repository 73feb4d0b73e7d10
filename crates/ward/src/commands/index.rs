//! `ward index verify|status|rebuild`.

use std::sync::Arc;

use clap::Subcommand;
use repository::Reindexing;
use storage::engine::FjallEngine;
use storage::keys::TenantId;
use storage::log::Log;

use crate::Common;
use crate::failure::{During, Failure, Result};
use crate::home::Base;
use crate::output::{self, Format};
use crate::root;

/// What can be done with the index.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Build an index in memory from the log and compare, and count references that lead nowhere; changes nothing
    Verify,
    /// How far the index is, and the search parameters that SearchParameter resources define; with a server running, ask it
    /// for `/fhir/$reindex`
    Status {
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Throw the index away and build it anew from the log
    Rebuild,
}

/// Runs it; the server must not run.
pub(crate) fn run(common: &Common, verb: &Verb) -> Result {
    let base = Base::open(&common.data, &root::source(common)?)?;
    let log = base.log()?;
    let bar = output::bar(0, "records");
    let mut progress = |now: repository::Progress| {
        bar.set_length(now.records_total);
        bar.set_position(now.records_done);
    };
    match verb {
        Verb::Status { format } => status(&base, log, *format),
        Verb::Rebuild => {
            // A crash on the way leaves an index that lags behind the log; the next start goes on from there.
            FjallEngine::destroy(&base.layout.index()).during("the old index could not be removed")?;
            let records = repository::rebuild(log, base.engine()?, Arc::clone(&base.ring), &mut progress)
                .during("the index could not be built")?;
            bar.finish_and_clear();
            say!("the index was built anew from {records} records");
            Ok(())
        }
        Verb::Verify => {
            let engine = base.engine()?;
            let (ring, same) = (Arc::clone(&base.ring), Arc::clone(&engine));
            let reports = repository::verify(Arc::clone(&log), same, ring, &mut progress)
                .during("the index could not be read")?;
            let ring = Arc::clone(&base.ring);
            let dangling = repository::dangling(log, engine, ring, TenantId::DEFAULT, &mut |read| {
                bar.set_position(read)
            })
            .during("the index could not be read")?;
            bar.finish_and_clear();
            let rows: Vec<Vec<String>> = reports
                .iter()
                .map(|one| {
                    let count = |number: u64| number.to_string();
                    vec![
                        one.space.to_owned(),
                        count(one.keys),
                        count(one.missing),
                        count(one.surplus),
                        count(one.different),
                    ]
                })
                .collect();
            output::table(&["space", "keys", "missing", "surplus", "different"], &rows);
            let references: u64 = dangling.iter().map(|one| one.references).sum();
            say!("{references} references to resources that are not there");
            if references > 0 {
                let rows: Vec<Vec<String>> = dangling
                    .iter()
                    .map(|one| vec![one.from.to_owned(), one.to.to_owned(), one.references.to_string()])
                    .collect();
                output::table(&["from", "to", "references"], &rows);
            }
            if reports.iter().all(repository::SpaceReport::is_clean) {
                return Ok(());
            }
            Err(Failure::new("the index differs from the log")
                .hint("`ward index rebuild` builds it anew; no data is lost by that"))
        }
    }
}

fn status(base: &Base, log: Arc<dyn Log>, format: Format) -> Result {
    let found = repository::index_status(log, base.engine()?, Arc::clone(&base.ring), TenantId::DEFAULT)
        .during("the index could not be read")?;
    if format == Format::Json {
        let parameter = |one: &Reindexing| {
            serde_json::json!({
                "id": one.id.as_str(), "url": one.url.as_str(), "code": one.code.as_str(), "bases": one.bases,
                "phase": one.phase.word(), "resources_done": one.resources_done, "resources": one.resources,
            })
        };
        let parameters: Vec<_> = found.parameters.iter().map(parameter).collect();
        say!(
            "{}",
            serde_json::json!({
                "layout": found.layout, "records_done": found.records_done, "records_total": found.records_total,
                "parameters": parameters,
            })
        );
        return Ok(());
    }
    say!(
        "layout {}, {} of {} records of the log; the next start applies the rest",
        found.layout,
        found.records_done,
        found.records_total
    );
    if found.parameters.is_empty() {
        return Ok(());
    }
    let row = |one: &Reindexing| {
        vec![
            one.code.to_string(),
            one.bases.join(" "),
            one.phase.word().to_owned(),
            one.resources_done.to_string(),
            one.resources.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = found.parameters.iter().map(row).collect();
    output::table(&["parameter", "types", "phase", "done", "resources"], &rows);
    Ok(())
}
