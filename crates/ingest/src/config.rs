//! Channels as an administrator writes them, in TOML.
//!
//! These types are the edge: they mirror the file, refuse what they do not know, and are checked once into
//! [`Channel`](crate::Channel)s. `docs/reference/configuration.md` is told from [`KEYS`]; a test holds it to the types.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use formats::hl7v2::Charset;
use mapping::hl7v2::Zone;
use serde::Deserialize;

/// The most that `message_bytes_max` may be: what the archive takes at once.
pub const MESSAGE_BYTES_MAX: usize = storage::archive::OBJECT_BYTES_MAX;

/// The most that `connections_max` may be.
pub const CONNECTIONS_MAX: usize = 65_536;

/// One `[[channel]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// The channel's name: lower-case letters, digits, `-`.
    pub name: String,
    /// How messages come in.
    pub kind: ChannelKind,
    /// `mllp`: the address to listen on.
    pub listen: Option<SocketAddr>,
    /// `mllp`: take messages without TLS. Only for a line that is protected otherwise.
    #[serde(default)]
    pub plaintext: bool,
    /// `folder`: the folder to watch.
    pub path: Option<PathBuf>,
    /// `folder`: seconds between looks.
    #[serde(default = "poll_seconds")]
    pub poll_seconds: u64,
    /// The IANA zone of times without an offset, such as `Europe/Berlin`.
    pub zone: Option<String>,
    /// The character set of messages that do not name one (a name of table 0211, such as `8859/1`).
    pub charset: Option<String>,
    /// URI for each assigning authority's namespace.
    #[serde(default)]
    pub authorities: BTreeMap<String, String>,
    /// URI for each coding system's short name, beyond the well-known ones.
    #[serde(default)]
    pub code_systems: BTreeMap<String, String>,
    /// UCUM code for each unit, beyond the well-known ones.
    #[serde(default)]
    pub units: BTreeMap<String, String>,
    /// Bytes of one message.
    #[serde(default = "message_bytes_max")]
    pub message_bytes_max: usize,
    /// `mllp`: connections at a time.
    #[serde(default = "connections_max")]
    pub connections_max: usize,
    /// `mllp`: seconds without a byte after which a connection is closed.
    #[serde(default = "idle_seconds_max")]
    pub idle_seconds_max: u64,
}

/// What the documentation says of one key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key as written.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: &'static str,
    /// The value that counts where the key is left out, as TOML; `None` where there is none.
    pub default: Option<&'static str>,
    /// What it is for.
    pub meaning: &'static str,
}

const fn key(
    name: &'static str,
    kind: &'static str,
    default: Option<&'static str>,
    meaning: &'static str,
) -> Key {
    Key { name, kind, default, meaning }
}

/// Every key of a `[[channel]]` table.
pub const KEYS: &[Key] = &[
    key("name", "text", None, "Required. The channel's name: 1 to 40 lower-case letters, digits or `-`."),
    key("kind", "`mllp`, `folder`, `https`", None, "Required. How messages come in."),
    key(
        "listen",
        "`HOST:PORT`",
        None,
        "`mllp`, required there: the address to listen on. Port 0 picks a free one.",
    ),
    key(
        "plaintext",
        "boolean",
        Some("false"),
        "`mllp`: take messages without TLS. Only for a line that is protected otherwise.",
    ),
    key("path", "path", None, "`folder`, required there: the folder to watch."),
    key("poll_seconds", "seconds", Some("2"), "`folder`: time between looks."),
    key(
        "zone",
        "IANA zone",
        None,
        "The zone of times that name no offset, such as `Europe/Berlin`. Without it such times become dates.",
    ),
    key(
        "charset",
        "name of HL7 table 0211",
        None,
        "The character set of messages whose MSH-18 names none, such as `8859/1`. Without it UTF-8.",
    ),
    key("authorities", "table of URIs", Some("{}"), "A URI for each assigning authority's namespace (CX.4)."),
    key(
        "code_systems",
        "table of URIs",
        Some("{}"),
        "A URI for each coding system's short name, beyond the well-known ones.",
    ),
    key("units", "table of UCUM codes", Some("{}"), "A UCUM code for each unit, beyond the well-known ones."),
    key(
        "message_bytes_max",
        "bytes",
        Some("16777216"),
        "The longest message that is taken; at most 1073741824.",
    ),
    key("connections_max", "count", Some("256"), "`mllp`: connections at a time."),
    key("idle_seconds_max", "seconds", Some("900"), "`mllp`: silence after which a connection is closed."),
];

/// How messages come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// HL7 v2 over MLLP.
    Mllp,
    /// Files put into a folder.
    Folder,
    /// HTTPS POST to `/channels/NAME`.
    Https,
}

impl ChannelKind {
    /// The word in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Mllp => "mllp",
            Self::Folder => "folder",
            Self::Https => "https",
        }
    }
}

fn poll_seconds() -> u64 {
    2
}

fn message_bytes_max() -> usize {
    16 * 1024 * 1024
}

fn connections_max() -> usize {
    256
}

fn idle_seconds_max() -> u64 {
    900
}

/// What is wrong with a channel's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("channel `{channel}`: {problem}")]
pub struct ConfigError {
    /// The channel's name as written.
    pub channel: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

impl ChannelConfig {
    /// A channel of this kind with the defaults of the file.
    #[must_use]
    pub fn new(name: &str, kind: ChannelKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            listen: None,
            plaintext: false,
            path: None,
            poll_seconds: poll_seconds(),
            zone: None,
            charset: None,
            authorities: BTreeMap::new(),
            code_systems: BTreeMap::new(),
            units: BTreeMap::new(),
            message_bytes_max: message_bytes_max(),
            connections_max: connections_max(),
            idle_seconds_max: idle_seconds_max(),
        }
    }

    /// Checks what the types cannot: names, and which keys belong to which kind.
    ///
    /// # Errors
    /// [`ConfigError`] for the first thing that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong =
            |problem: &str| Err(ConfigError { channel: self.name.clone(), problem: problem.to_owned() });
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.bytes().all(plain) {
            return wrong("a name is 1 to 40 lower-case letters, digits or `-`");
        }
        match self.kind {
            ChannelKind::Mllp if self.listen.is_none() => {
                return wrong("`kind = \"mllp\"` needs `listen = \"HOST:PORT\"`");
            }
            ChannelKind::Folder if self.path.is_none() => {
                return wrong("`kind = \"folder\"` needs `path = \"FOLDER\"`");
            }
            _ => {}
        }
        if self.kind != ChannelKind::Mllp && (self.listen.is_some() || self.plaintext) {
            return wrong("`listen` and `plaintext` belong to `kind = \"mllp\"` only");
        }
        if self.kind != ChannelKind::Folder && self.path.is_some() {
            return wrong("`path` belongs to `kind = \"folder\"` only");
        }
        if self.message_bytes_max == 0 || self.message_bytes_max > MESSAGE_BYTES_MAX {
            return wrong("`message_bytes_max` is 1 to 67108864");
        }
        if self.connections_max > CONNECTIONS_MAX {
            return wrong("`connections_max` is 1 to 65536");
        }
        if self.connections_max == 0 || self.poll_seconds == 0 || self.idle_seconds_max == 0 {
            return wrong("`connections_max`, `poll_seconds` and `idle_seconds_max` are at least 1");
        }
        self.zone().map(|_| ())?;
        self.charset().map(|_| ())
    }

    /// The configured zone.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no such zone.
    pub fn zone(&self) -> Result<Option<Zone>, ConfigError> {
        let zone = self.zone.as_deref().map(Zone::named).transpose();
        zone.map_err(|error| ConfigError { channel: self.name.clone(), problem: error.to_string() })
    }

    /// The configured character set, UTF-8 without one.
    ///
    /// # Errors
    /// [`ConfigError`] if the name is not of table 0211.
    pub fn charset(&self) -> Result<Charset, ConfigError> {
        let Some(name) = &self.charset else { return Ok(Charset::UTF_8) };
        Charset::named(name).ok_or_else(|| ConfigError {
            channel: self.name.clone(),
            problem: format!(
                "`{name}` is no character set of HL7 table 0211; write it like `8859/1` or `UNICODE UTF-8`"
            ),
        })
    }
}

/// Checks all channels, and that no two share a name.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong.
pub fn check_all(channels: &[ChannelConfig]) -> Result<(), ConfigError> {
    for (index, channel) in channels.iter().enumerate() {
        channel.check()?;
        if channels.iter().take(index).any(|other| other.name == channel.name) {
            let problem = "two channels have this name".to_owned();
            return Err(ConfigError { channel: channel.name.clone(), problem });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        let config: ChannelConfig = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        config.check().map_err(|error| error.to_string())
    }

    #[test]
    fn a_listener_needs_an_address_and_nothing_of_other_kinds() {
        check("name = \"adt\"\nkind = \"mllp\"\nlisten = \"127.0.0.1:2575\"").unwrap();
        assert!(check("name = \"adt\"\nkind = \"mllp\"").unwrap_err().contains("listen"));
        assert!(
            check("name = \"in\"\nkind = \"folder\"\npath = \"x\"\nplaintext = true")
                .unwrap_err()
                .contains("mllp")
        );
    }

    #[test]
    fn unknown_keys_zones_and_charsets_are_refused_by_name() {
        assert!(check("name = \"a\"\nkind = \"https\"\nzones = \"x\"").unwrap_err().contains("zones"));
        assert!(
            check("name = \"a\"\nkind = \"https\"\nzone = \"Mars/North\"")
                .unwrap_err()
                .contains("Mars/North")
        );
        assert!(check("name = \"a\"\nkind = \"https\"\ncharset = \"runes\"").unwrap_err().contains("runes"));
    }

    #[test]
    fn two_channels_of_one_name_are_refused() {
        let one = ChannelConfig::new("a", ChannelKind::Https);
        assert!(check_all(&[one.clone(), one]).is_err());
    }
}
