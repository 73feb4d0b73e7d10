//! `ward.toml`: what an administrator decides. Read once at start; unknown keys are errors.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ingest::config::{self, ChannelConfig, Key};
use rustls_pki_types::ServerName;
use serde::Deserialize;
use server::outbound::{Host, Outbound, OutboundOptions};
use server::subscriptions::SubscriptionLimits;

mod scan;

pub(crate) use scan::{ScanTable, read_rules};

use crate::Common;
use crate::failure::{During, Failure, Result};
use crate::home::Layout;

/// The file that `ward init` writes.
pub(crate) const TEMPLATE: &str = r#"# Ward's configuration. `ward config check` reads it and says what is wrong.

[https]
# Where FHIR, health and metrics are served. Loopback only, until you change it.
listen = "127.0.0.1:8443"
# The names and addresses in the certificate.
hosts = ["localhost", "127.0.0.1"]
# The base of links in answers, if clients use another name.
# public_url = "https://ward.example.org"

[audit]
# true: a request's answer waits until its audit event is on disk. false: at most 100 ms behind.
strict = false

# A way in: HL7 v2 over MLLP, with TLS.
[[channel]]
name = "adt"
kind = "mllp"
listen = "127.0.0.1:2575"
# The zone of times that name no offset.
# zone = "Europe/Berlin"
# URI for an assigning authority's namespace, as it stands in CX.4.
# [channel.authorities]
# HOSP = "urn:oid:2.16.840.1.113883.19.5"

# Files put into a folder.
# [[channel]]
# name = "drop"
# kind = "folder"
# path = "/srv/ward/drop"

# Messages by HTTPS POST to /channels/post.
[[channel]]
name = "post"
kind = "https"
"#;

/// Every table of the file with its keys, for the documentation.
pub(crate) const TABLES: &[(&str, &[Key])] = &[
    ("[https]", HTTPS),
    ("[audit]", AUDIT),
    ("[outbound]", OUTBOUND),
    ("[subscriptions]", SUBSCRIPTIONS),
    ("[mask]", MASK),
    ("[[scan]]", scan::KEYS),
    ("[[channel]]", config::KEYS),
];

const MASK: &[Key] = &[Key {
    name: "models",
    kind: "folder",
    default: None,
    meaning: "The networks that read text off images, as `cargo xtask models` fetches them. Without it `/mask/image` refuses.",
}];

const HTTPS: &[Key] = &[
    Key {
        name: "listen",
        kind: "`HOST:PORT`",
        default: Some("\"127.0.0.1:8443\""),
        meaning: "Where FHIR, health, metrics and `https` channels are served. Port 0 picks a free one.",
    },
    Key {
        name: "hosts",
        kind: "list of names and addresses",
        default: Some("[\"localhost\", \"127.0.0.1\"]"),
        meaning: "The names and addresses in the certificate.",
    },
    Key {
        name: "public_url",
        kind: "URL",
        default: None,
        meaning: "The base of links in answers, such as `https://ward.example.org`. Without it the request's host.",
    },
    Key {
        name: "body_bytes_max",
        kind: "bytes",
        default: Some("67108864"),
        meaning: "The longest body of a request, after any compression is undone; also the longest message of `ward ingest`.",
    },
    Key {
        name: "connections_max",
        kind: "count",
        default: Some("4096"),
        meaning: "Connections at a time; more wait.",
    },
];

const AUDIT: &[Key] = &[Key {
    name: "strict",
    kind: "boolean",
    default: Some("false"),
    meaning: "`true`: an answer waits until its audit event is on disk. `false`: the event is at most 100 ms behind.",
}];

const OUTBOUND: &[Key] = &[
    Key {
        name: "hosts",
        kind: "list of `NAME` or `NAME:PORT`",
        default: Some("[]"),
        meaning: "The only hosts that Ward reaches by itself, by HTTPS: endpoints of subscriptions, sources of imports. Without a port, 443.",
    },
    Key {
        name: "authorities",
        kind: "list of paths",
        default: Some("[]"),
        meaning: "Files with certificates (PEM) of authorities that are trusted beside those of the system.",
    },
    Key {
        name: "plain_loopback",
        kind: "boolean",
        default: Some("false"),
        meaning: "`true`: a listed loopback address, such as `127.0.0.1:9000`, may be reached by `http://` as well. For a relay on this machine, and for tests.",
    },
];

const SUBSCRIPTIONS: &[Key] = &[
    Key {
        name: "count_max",
        kind: "count",
        default: Some("1000"),
        meaning: "Subscriptions that are served at a time; others go to `error`.",
    },
    Key {
        name: "tries_max",
        kind: "count",
        default: Some("30"),
        meaning: "Tries of one notification, after which its subscription goes to `error`.",
    },
    Key {
        name: "pause_ms",
        kind: "milliseconds",
        default: Some("1000"),
        meaning: "The pause after the first failed try; it doubles with each one.",
    },
    Key {
        name: "pause_ms_max",
        kind: "milliseconds",
        default: Some("300000"),
        meaning: "The longest pause between tries.",
    },
];

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The HTTPS listener.
    pub(crate) https: Https,
    /// The audit log.
    pub(crate) audit: Audit,
    /// The way out.
    pub(crate) outbound: OutboundTable,
    /// Subscriptions.
    pub(crate) subscriptions: SubscriptionsTable,
    /// Masking.
    pub(crate) mask: MaskTable,
    /// What is looked for leaks, and how often.
    pub(crate) scan: Vec<ScanTable>,
    /// Ways in.
    pub(crate) channel: Vec<ChannelConfig>,
}

/// `[https]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Https {
    /// Address and port; port 0 picks a free one.
    pub(crate) listen: SocketAddr,
    /// Names and addresses in the certificate.
    pub(crate) hosts: Vec<String>,
    /// Base of links in answers.
    pub(crate) public_url: Option<String>,
    /// Bytes of a request's body.
    pub(crate) body_bytes_max: usize,
    /// Connections at a time.
    pub(crate) connections_max: usize,
}

impl Default for Https {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8443)),
            hosts: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            public_url: None,
            body_bytes_max: server::RequestLimits::default().body_bytes_max,
            connections_max: server::ListenLimits::default().connections_max,
        }
    }
}

/// `[audit]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Audit {
    /// Whether an answer waits for its event's fsync.
    pub(crate) strict: bool,
}

/// `[subscriptions]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SubscriptionsTable {
    /// Subscriptions served at a time.
    pub(crate) count_max: usize,
    /// Tries of one notification.
    pub(crate) tries_max: u32,
    /// The first pause.
    pub(crate) pause_ms: u64,
    /// The longest pause.
    pub(crate) pause_ms_max: u64,
}

impl Default for SubscriptionsTable {
    fn default() -> Self {
        let SubscriptionLimits { count_max, tries_max, pause_ms, pause_ms_max } =
            SubscriptionLimits::default();
        Self { count_max, tries_max, pause_ms, pause_ms_max }
    }
}

impl SubscriptionsTable {
    /// The bounds of this table.
    pub(crate) fn limits(&self) -> SubscriptionLimits {
        let Self { count_max, tries_max, pause_ms, pause_ms_max } = *self;
        SubscriptionLimits { count_max, tries_max, pause_ms, pause_ms_max }
    }
}

/// `[mask]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MaskTable {
    /// The folder of the networks that read text off images.
    pub(crate) models: Option<PathBuf>,
}

/// `[outbound]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OutboundTable {
    /// Hosts that may be reached.
    pub(crate) hosts: Vec<String>,
    /// Files with certificates of authorities.
    pub(crate) authorities: Vec<PathBuf>,
    /// Whether loopback may be reached without TLS.
    pub(crate) plain_loopback: bool,
}

impl OutboundTable {
    fn hosts(&self) -> Result<Vec<Host>, String> {
        self.hosts.iter().map(|host| host.parse()).collect()
    }

    /// The client of this table; reads the files of the authorities.
    pub(crate) fn open(&self) -> Result<Outbound> {
        let mut authorities_pem = Vec::with_capacity(self.authorities.len());
        for path in &self.authorities {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::new(format!(
                    "`outbound.authorities`: `{}` could not be read: {error}",
                    path.display()
                ))
                .hint("it names files with certificates in PEM")
            })?;
            authorities_pem.push(text);
        }
        let hosts = self.hosts().map_err(|problem| Failure::new(format!("`outbound.hosts`: {problem}")))?;
        let options = OutboundOptions {
            hosts,
            authorities_pem,
            plain_loopback: self.plain_loopback,
            ..OutboundOptions::default()
        };
        Outbound::new(options).during("the client for other hosts could not be set up")
    }
}

impl Config {
    /// Reads and checks a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("`{}` could not be read: {error}", path.display()))
                .hint("`ward init` writes a first configuration; `--config` names another file")
        })?;
        let config = Self::parse(&text).map_err(|problem| {
            Failure::new(format!("`{}`: {problem}", path.display())).hint(
                "docs/reference/configuration.md lists every key; `ward config check` tells when it is right",
            )
        })?;
        Ok(config)
    }

    /// Reads and checks a text; the error says line and column where it can.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| place(text, span.start)).unwrap_or_default();
            let hint = match error.message() {
                message if message.contains("socket address") => {
                    "; an IP address and a port are expected, such as `127.0.0.1:8443`"
                }
                _ => "",
            };
            format!("{place}{}{hint}", error.message())
        })?;
        ingest::config::check_all(&config.channel).map_err(|error| error.to_string())?;
        scan::check_all(&config.scan)?;
        if config.https.hosts.is_empty() {
            return Err("`https.hosts` is empty: name at least one host for the certificate".to_owned());
        }
        let nameless = |host: &&String| ServerName::try_from(host.as_str()).is_err();
        if let Some(host) = config.https.hosts.iter().find(nameless) {
            return Err(format!("`https.hosts`: `{host}` is neither a host name nor an IP address"));
        }
        if config.https.public_url.as_deref().is_some_and(|url| !url.starts_with("https://")) {
            return Err("`https.public_url` begins with `https://`".to_owned());
        }
        config.outbound.hosts().map_err(|problem| format!("`outbound.hosts`: {problem}"))?;
        if config.subscriptions.tries_max == 0 || config.subscriptions.pause_ms == 0 {
            return Err("`subscriptions.tries_max` and `subscriptions.pause_ms` are at least 1".to_owned());
        }
        if config.https.body_bytes_max == 0 || config.https.connections_max == 0 {
            return Err("`https.body_bytes_max` and `https.connections_max` are at least 1".to_owned());
        }
        Ok(config)
    }

    /// Reads the configuration of the data folder that a command is about.
    pub(crate) fn of(common: &Common) -> Result<Self> {
        Layout { data: common.data.clone() }.expect()?;
        Self::read(&Self::path(&common.data, common.config.as_ref()))
    }

    /// Where the configuration of a data folder is.
    pub(crate) fn path(data: &Path, given: Option<&PathBuf>) -> PathBuf {
        given.cloned().unwrap_or_else(|| data.join("ward.toml"))
    }
}

fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_right_configuration() {
        let config = Config::parse(TEMPLATE).unwrap();
        assert_eq!(config.channel.len(), 2);
    }

    #[test]
    fn a_wrong_key_is_named_with_its_place() {
        let problem = Config::parse("[https]\nlisten = \"127.0.0.1:0\"\nport = 1\n").unwrap_err();
        assert!(problem.starts_with("line 3, column 1"), "{problem}");
        assert!(problem.contains("port"), "{problem}");
    }

    /// The names that the types take, as their own refusal of an unknown key lists them.
    fn taken(table: &str) -> Vec<String> {
        let problem = Config::parse(&format!("{table}\nno-such-key = 1\n")).unwrap_err();
        let list = problem.split("expected").nth(1).expect("the refusal lists the known keys");
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_documented_keys_are_those_of_the_types() {
        for (table, keys) in TABLES {
            let documented: Vec<&str> = keys.iter().map(|key| key.name).collect();
            assert_eq!(taken(table), documented, "{table}");
        }
        let tables: Vec<&str> = TABLES.iter().map(|(table, _)| table.trim_matches(['[', ']'])).collect();
        assert_eq!(taken(""), tables);
    }

    #[test]
    fn the_documented_defaults_are_those_of_the_types() {
        for (table, keys) in TABLES {
            let needed = match *table {
                "[[channel]]" => "name = \"a\"\nkind = \"https\"\n",
                "[[scan]]" => "name = \"a\"\n",
                _ => "",
            };
            let lines = |key: &Key| key.default.map(|value| format!("{} = {value}\n", key.name));
            let written: String = keys.iter().filter_map(lines).collect();
            let explicit = Config::parse(&format!("{table}\n{needed}{written}")).unwrap();
            let implicit = Config::parse(&format!("{table}\n{needed}")).unwrap();
            assert_eq!(format!("{explicit:?}"), format!("{implicit:?}"), "{table}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_an_example() {
        let problem = Config::parse("[https]\nlisten = \"localhost\"\n").unwrap_err();
        assert!(problem.contains("line 2") && problem.contains("127.0.0.1:8443"), "{problem}");
        let problem = Config::parse("[https]\nhosts = [\"not a host\"]\n").unwrap_err();
        assert!(problem.contains("`not a host`"), "{problem}");
        let problem = Config::parse("[outbound]\nhosts = [\"https://a.example/\"]\n").unwrap_err();
        assert!(problem.contains("`outbound.hosts`") && problem.contains("name:port"), "{problem}");
    }

    #[test]
    fn an_empty_file_listens_on_loopback_alone() {
        assert!(Config::parse("").unwrap().https.listen.ip().is_loopback());
    }
}
