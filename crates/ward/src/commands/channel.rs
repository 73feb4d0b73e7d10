//! `ward channel list|show|quarantine|replay`.

use clap::Subcommand;
use ingest::Quarantined;

use crate::Common;
use crate::config::Config;
use crate::failure::{During, Failure, Result};
use crate::home::{Base, Home};
use crate::output::{self, Format};
use crate::root;

/// What can be done with channels.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the configured channels
    List {
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show one channel
    Show {
        /// Its name
        name: String,
    },
    /// List messages that are kept but not committed, each with its reason
    Quarantine {
        /// Only this channel
        name: Option<String>,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Do messages of a channel again, with the mapping as it is now
    Replay {
        /// Its name
        name: String,
        /// All archived messages of the channel, not only those in quarantine
        #[arg(long)]
        all: bool,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Runs it.
pub(crate) fn run(common: &Common, verb: &Verb) -> Result {
    let config = Config::of(common)?;
    match verb {
        Verb::List { format } => list(&config, *format),
        Verb::Show { name } => show(&config, name),
        Verb::Quarantine { name, format } => {
            let home = open(common, &config)?;
            quarantine(&home.ingest.quarantined(name.as_deref()), *format);
            home.close();
            Ok(())
        }
        Verb::Replay { name, all, format } => replay(&open(common, &config)?, name, *all, *format),
    }
}

fn open(common: &Common, config: &Config) -> Result<Home> {
    Home::open(Base::open(&common.data, &root::source(common)?)?, config, &mut |_, _| {})
}

fn list(config: &Config, format: Format) -> Result {
    if format == Format::Json {
        let rows: Vec<_> = config
            .channel
            .iter()
            .map(|one| serde_json::json!({ "name": one.name, "kind": one.kind.word(), "listen": one.listen, "path": one.path }))
            .collect();
        say!("{}", serde_json::Value::from(rows));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = config
        .channel
        .iter()
        .map(|one| {
            let place = one.listen.map(|address| address.to_string());
            let place = place.or_else(|| one.path.as_ref().map(|path| path.display().to_string()));
            let tls = if one.listen.is_none() {
                ""
            } else if one.plaintext {
                "plaintext"
            } else {
                "TLS"
            };
            vec![one.name.clone(), one.kind.word().to_owned(), place.unwrap_or_default(), tls.to_owned()]
        })
        .collect();
    output::table(&["name", "kind", "where", "line"], &rows);
    Ok(())
}

fn show(config: &Config, name: &str) -> Result {
    let channel = config.channel.iter().find(|one| one.name == name).ok_or_else(|| unknown(name))?;
    let mut rows = vec![
        vec!["name".to_owned(), channel.name.clone()],
        vec!["kind".to_owned(), channel.kind.word().to_owned()],
        vec![
            "zone".to_owned(),
            channel.zone.clone().unwrap_or_else(|| "none: times without offset become dates".to_owned()),
        ],
        vec![
            "charset".to_owned(),
            channel.charset.clone().unwrap_or_else(|| "UTF-8 where MSH-18 names none".to_owned()),
        ],
        vec!["message_bytes_max".to_owned(), channel.message_bytes_max.to_string()],
    ];
    rows.extend(channel.listen.map(|address| vec!["listen".to_owned(), address.to_string()]));
    rows.extend(channel.path.as_ref().map(|path| vec!["path".to_owned(), path.display().to_string()]));
    rows.extend(channel.authorities.iter().map(|(name, uri)| vec![format!("authority {name}"), uri.clone()]));
    output::table(&["key", "value"], &rows);
    Ok(())
}

fn quarantine(entries: &[Quarantined], format: Format) {
    if format == Format::Json {
        say!("{}", serde_json::json!(entries));
        return;
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let message = entry.message.get(..12).unwrap_or(&entry.message).to_owned();
            let reason = &entry.reason;
            vec![
                output::time(entry.since_ms),
                entry.channel.clone(),
                message,
                reason.cause.word().to_owned(),
                reason.text.clone(),
            ]
        })
        .collect();
    output::table(&["since", "channel", "message", "cause", "reason"], &rows);
}

fn replay(home: &Home, name: &str, all: bool, format: Format) -> Result {
    let channel = home.ingest.channel(name).ok_or_else(|| unknown(name))?;
    let bar = output::bar(0, "messages");
    let (mut committed, mut unchanged, mut quarantined, mut failed) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut each = |outcome: &ingest::Outcome| {
        bar.inc(1);
        match outcome {
            ingest::Outcome::Committed { .. } => committed += 1,
            ingest::Outcome::Unchanged => unchanged += 1,
            ingest::Outcome::Quarantined(_) => quarantined += 1,
            _ => failed += 1,
        }
    };
    let done = if all {
        home.ingest.replay_all(&channel, &mut each)
    } else {
        home.ingest.replay_quarantined(&channel, &mut each)
    };
    done.during("the replay stopped")?;
    bar.finish_and_clear();
    let messages = committed + unchanged + quarantined + failed;
    if format == Format::Json {
        say!(
            "{}",
            serde_json::json!({ "messages": messages, "committed": committed, "unchanged": unchanged, "quarantined": quarantined, "failed": failed })
        );
    } else {
        let row =
            [messages, committed, unchanged, quarantined, failed].map(|number| number.to_string()).to_vec();
        output::table(&["messages", "committed", "unchanged", "quarantined", "failed"], &[row]);
    }
    Ok(())
}

fn unknown(name: &str) -> Failure {
    Failure::usage(format!("there is no channel `{name}`"))
        .hint("`ward channel list` shows those that the configuration has")
}
