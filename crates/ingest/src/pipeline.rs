//! The way of one message: archive, decode, map, commit, and only then acknowledge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use fhir::json;
use formats::hl7v2::{self, Message, ParseOptions};
use mapping::hl7v2::{MessageIdentity, Source as MappingSource};
use parking_lot::RwLock;
use protect::access::{Actor, ActorKind, Purpose, Scopes};
use repository::{Access, Caller, Store};
use storage::archive::{Archive, Digest};
use storage::clock::Clock;
use storage::keys::{KeyRing, TenantId, sha256};

use crate::answer::Answers;
use crate::commit::{self, Origin, Wanted};
use crate::config::{ChannelConfig, ConfigError};
use crate::events;
use crate::outcome::Outcome;
use crate::quarantine::{Cause, Quarantine, QuarantineError, Quarantined, Reason};

/// What an [`Ingest`] is put together from.
pub struct IngestParts {
    /// The store that messages are committed to.
    pub store: Store,
    /// Where raw messages are kept.
    pub archive: Arc<Archive>,
    /// Where messages stay that could not be committed.
    pub quarantine: Quarantine,
    /// Keys, for the digests in resource ids.
    pub ring: Arc<KeyRing>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The tenant that messages belong to.
    pub tenant: TenantId,
    /// What may come in, and how.
    pub channels: Vec<ChannelConfig>,
}

/// Takes messages: the same way for every channel, file and replay.
pub struct Ingest {
    store: Store,
    archive: Arc<Archive>,
    quarantine: Quarantine,
    ring: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    tenant: TenantId,
    channels: RwLock<BTreeMap<String, Arc<Channel>>>,
    answers: Answers,
}

/// A checked channel.
pub struct Channel {
    /// Its configuration.
    pub config: ChannelConfig,
    source: MappingSource,
    options: ParseOptions,
}

/// What a sender gets back, and what became of the message.
pub struct Received {
    /// What became of it.
    pub outcome: Outcome,
    /// Acknowledgements in order of sending, without frames; empty for what is not HL7 v2 or wants none.
    pub answers: Vec<Vec<u8>>,
}

/// Counts the answers: they repeat what the sender wrote in its header.
impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Received")
            .field("outcome", &self.outcome)
            .field("answers", &self.answers.len())
            .finish()
    }
}

impl Ingest {
    /// Puts it together.
    ///
    /// # Errors
    /// [`ConfigError`] if a channel's configuration is wrong.
    pub fn new(parts: IngestParts) -> Result<Arc<Self>, ConfigError> {
        crate::config::check_all(&parts.channels)?;
        let answers = Answers::new(parts.clock.now_ms());
        let ingest = Self {
            store: parts.store,
            archive: parts.archive,
            quarantine: parts.quarantine,
            ring: parts.ring,
            clock: parts.clock,
            tenant: parts.tenant,
            channels: RwLock::new(BTreeMap::new()),
            answers,
        };
        for config in parts.channels {
            ingest.add_channel(config)?;
        }
        Ok(Arc::new(ingest))
    }

    /// Adds a channel, or replaces the one of that name.
    ///
    /// # Errors
    /// [`ConfigError`] if its configuration is wrong.
    pub fn add_channel(&self, config: ChannelConfig) -> Result<Arc<Channel>, ConfigError> {
        config.check()?;
        let mut source =
            MappingSource::new(&config.name, format!("tenant/{}", self.tenant.0), Arc::new(sha256));
        source.zone = config.zone()?;
        source.assigning_authorities.clone_from(&config.authorities);
        source.code_systems.clone_from(&config.code_systems);
        source.units.clone_from(&config.units);
        let mut options = ParseOptions { default_charset: config.charset()?, ..ParseOptions::default() };
        options.limits.message_bytes_max = config.message_bytes_max;
        let channel = Arc::new(Channel { config, source, options });
        self.channels.write().insert(channel.config.name.clone(), Arc::clone(&channel));
        Ok(channel)
    }

    /// The channel of this name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<Arc<Channel>> {
        self.channels.read().get(name).cloned()
    }

    /// All channels, by name.
    #[must_use]
    pub fn channels(&self) -> Vec<Arc<Channel>> {
        self.channels.read().values().cloned().collect()
    }

    /// The messages in quarantine, of one channel or of all.
    #[must_use]
    pub fn quarantined(&self, channel: Option<&str>) -> Vec<Quarantined> {
        self.quarantine.list(channel)
    }

    /// Takes one HL7 v2 message without its frame: archives, commits, and says what to answer.
    ///
    /// Blocks until the message is durable. Never panics on foreign bytes.
    pub fn receive_hl7v2(&self, channel: &Channel, bytes: &[u8]) -> Received {
        self.receive_as(channel, bytes, None)
    }

    fn receive_as(&self, channel: &Channel, bytes: &[u8], replay: Option<&str>) -> Received {
        // One message has one answer: the other arm is never taken.
        let none = || Received { outcome: Outcome::failed("the message was not taken"), answers: Vec::new() };
        self.receive_all(channel, &[bytes], replay).pop().unwrap_or_else(none)
    }

    /// Takes HL7 v2 messages that came on several connections. Each goes its own way, as in [`Self::receive_hl7v2`]; what
    /// waits for the disk is done for all of them at once.
    pub fn receive_hl7v2_together(&self, channel: &Channel, messages: &[&[u8]]) -> Vec<Received> {
        self.receive_all(channel, messages, None)
    }

    /// With `replay`, a message that was committed before is done again, once for each name of a replay.
    fn receive_all(&self, channel: &Channel, messages: &[&[u8]], replay: Option<&str>) -> Vec<Received> {
        let started = Instant::now();
        let parsed: Vec<_> = messages.iter().map(|bytes| hl7v2::parse(bytes, &channel.options)).collect();
        let archived = self.archive_all(channel, messages);
        let mut results: Vec<Option<Result<Outcome, Stop>>> = messages.iter().map(|_| None).collect();
        let (mut wanted, mut places) = (Vec::new(), Vec::new());
        for (place, (parsed, archived)) in parsed.iter().zip(&archived).enumerate() {
            let Ok(digest) = archived else { continue };
            let mapped = match parsed {
                Ok(parsed) => one_alone(&parsed.message)
                    .and_then(|()| self.wanted(channel, &parsed.message, digest, replay)),
                Err(error) => Err(Stop::Aside(Reason { cause: Cause::Unreadable, text: error.to_string() })),
            };
            match mapped {
                Ok(one) => {
                    wanted.push(one);
                    places.push(place);
                }
                Err(stop) => set(&mut results, place, Err(stop)),
            }
        }
        for (place, result) in places.into_iter().zip(commit::intents(wanted)) {
            set(&mut results, place, result);
        }
        let mut received = Vec::with_capacity(messages.len());
        let each = messages.iter().zip(parsed).zip(archived).zip(results);
        for (((bytes, parsed), archived), result) in each {
            let outcome = match (archived, result) {
                (Ok(digest), Some(result)) => self.conclude(channel, &digest, result),
                (Err(outcome), _) => outcome,
                (Ok(_), None) => Outcome::failed("the message was not taken"),
            };
            let message = match parsed {
                Ok(parsed) => Some(parsed.message),
                Err(_) => hl7v2::parse_header(bytes, &channel.options),
            };
            let answers = self.answers.to(message.as_ref(), &outcome, self.clock.now_ms());
            events::received(&channel.config.name, &outcome, bytes.len(), started.elapsed());
            received.push(Received { outcome, answers });
        }
        received
    }

    /// Takes one FHIR resource or Bundle as JSON.
    ///
    /// Transactions and batches run as they say; other bundles and single resources are stored under their own ids.
    pub fn receive_fhir(&self, channel: &Channel, bytes: &[u8]) -> Received {
        let started = Instant::now();
        let outcome = self.keep(channel, bytes, |digest| self.commit_fhir(channel, bytes, digest));
        events::received(&channel.config.name, &outcome, bytes.len(), started.elapsed());
        Received { outcome, answers: Vec::new() }
    }

    /// Takes one message of either format, by its first bytes.
    pub fn receive(&self, channel: &Channel, bytes: &[u8]) -> Received {
        if looks_like_json(bytes) {
            self.receive_fhir(channel, bytes)
        } else {
            self.receive_hl7v2(channel, bytes)
        }
    }

    /// A message by HTTPS for the channel `name`, by a caller with a token; `None` if there is no such channel.
    ///
    /// Channels of every kind take it: the caller may write everything anyway, and `ward ingest --channel` goes this way when
    /// a server runs.
    ///
    /// # Errors
    /// `Denied` unless the caller may create, change and delete resources of any type.
    pub fn receive_for(
        &self,
        caller: &Caller,
        name: &str,
        bytes: &[u8],
    ) -> Result<Option<Received>, repository::Error> {
        self.store.access(caller.clone()).may_ingest()?;
        let Some(channel) = self.channel(name) else { return Ok(None) };
        Ok(Some(self.receive(&channel, bytes)))
    }

    /// Does the quarantined messages of a channel again, with the mapping as it is now. `each` hears of every outcome.
    ///
    /// # Errors
    /// [`ReplayError`] if an archived message cannot be read; those before it are done.
    pub fn replay_quarantined(
        &self,
        channel: &Channel,
        each: &mut dyn FnMut(&Outcome),
    ) -> Result<(), ReplayError> {
        for entry in self.quarantine.list(Some(&channel.config.name)) {
            let digest = Digest::parse(&entry.message).ok_or(ReplayError::Missing)?;
            let object = self.archive.get(&digest)?.ok_or(ReplayError::Missing)?;
            each(&self.receive(channel, &object.bytes).outcome);
        }
        Ok(())
    }

    /// Does all archived messages of a channel again, in order of arrival, with the mapping as it is now.
    ///
    /// What the mapping makes of a message now is joined with what is stored by the same rules as when it came: an older
    /// state does not overwrite a newer one, and what says nothing new makes no new version.
    ///
    /// # Errors
    /// As for [`Self::replay_quarantined`].
    pub fn replay_all(&self, channel: &Channel, each: &mut dyn FnMut(&Outcome)) -> Result<(), ReplayError> {
        let run = format!("replay/{}", self.clock.now_ms());
        for object in self.archive.replay(0) {
            let object = object?;
            if object.note != channel.config.name.as_bytes() {
                continue;
            }
            let outcome = if looks_like_json(&object.bytes) {
                self.receive_fhir(channel, &object.bytes).outcome
            } else {
                self.receive_as(channel, &object.bytes, Some(&run)).outcome
            };
            each(&outcome);
        }
        Ok(())
    }

    /// Says no to a frame that was dropped because it is longer than a message of the channel may be.
    pub(crate) fn refuse_frame(&self, channel: &Channel) -> Vec<u8> {
        let outcome = too_long(channel);
        events::received(&channel.config.name, &outcome, 0, std::time::Duration::ZERO);
        self.answers.unread(&outcome, self.clock.now_ms())
    }

    /// Archives first; then does `commit`; then puts aside what could not be committed.
    fn keep(
        &self,
        channel: &Channel,
        bytes: &[u8],
        commit: impl FnOnce(&Digest) -> Result<Outcome, Stop>,
    ) -> Outcome {
        match self.archive_all(channel, &[bytes]).pop() {
            Some(Ok(digest)) => self.conclude(channel, &digest, commit(&digest)),
            Some(Err(outcome)) => outcome,
            None => Outcome::failed("the message was not taken"),
        }
    }

    /// Archives messages, durable on return; what is not archived has its outcome.
    fn archive_all(&self, channel: &Channel, messages: &[&[u8]]) -> Vec<Result<Digest, Outcome>> {
        let limit = channel.config.message_bytes_max;
        let fitting: Vec<&[u8]> = messages.iter().copied().filter(|bytes| bytes.len() <= limit).collect();
        let mut archived = self.archive.put_each_noted(&fitting, channel.config.name.as_bytes()).into_iter();
        let outcome = |bytes: &&[u8]| {
            if bytes.len() > limit {
                return Err(too_long(channel));
            }
            match archived.next() {
                Some(Ok(digest)) => Ok(digest),
                Some(Err(error)) => {
                    tracing::error!(channel = %channel.config.name, error = %error, "a message could not be archived");
                    Err(Outcome::failed("the message could not be kept; send it again later"))
                }
                None => Err(Outcome::failed("the message was not taken")),
            }
        };
        messages.iter().map(outcome).collect()
    }

    /// What became of an archived message; what could not be committed is put aside.
    fn conclude(&self, channel: &Channel, digest: &Digest, result: Result<Outcome, Stop>) -> Outcome {
        let name = digest.to_string();
        let kept = match result {
            Ok(outcome) => self.quarantine.remove(&channel.config.name, &name).map(|()| outcome),
            Err(Stop::Aside(reason)) => self.put_aside(channel, name, reason),
            Err(Stop::Later(text)) => Ok(Outcome::failed(text)),
        };
        kept.unwrap_or_else(|error| {
            tracing::error!(channel = %channel.config.name, error = %error, "the quarantine could not be written");
            Outcome::failed("the message could not be kept; send it again later")
        })
    }

    fn put_aside(
        &self,
        channel: &Channel,
        message: String,
        reason: Reason,
    ) -> Result<Outcome, QuarantineError> {
        tracing::warn!(channel = %channel.config.name, cause = reason.cause.word(), "a message was put into quarantine");
        self.quarantine.add(Quarantined {
            message,
            channel: channel.config.name.clone(),
            reason: reason.clone(),
            since_ms: self.clock.now_ms(),
        })?;
        Ok(Outcome::Quarantined(reason))
    }

    /// What a message says should be in the store.
    fn wanted<'a>(
        &self,
        channel: &'a Channel,
        message: &Message,
        digest: &'a Digest,
        replay: Option<&str>,
    ) -> Result<Wanted<'a>, Stop> {
        let mapped = mapping::hl7v2::map(message, &channel.source)
            .map_err(|error| Stop::Aside(commit::unmapped(&error)))?;
        let identity = identity(&mapped.identity, digest, replay);
        let origin = Origin { identity, digest, channel: &channel.config.name };
        let access = self.access(channel, &mapped.identity.control_id);
        Ok(Wanted { access, intents: mapped.intents, origin })
    }

    fn commit_fhir(&self, channel: &Channel, bytes: &[u8], digest: &Digest) -> Result<Outcome, Stop> {
        let limits = json::Limits { bytes_max: channel.config.message_bytes_max, ..json::Limits::default() };
        let value = json::parse(bytes, &limits).map_err(|error| {
            Stop::Aside(Reason { cause: Cause::Unreadable, text: format!("the text is not JSON: {error}") })
        })?;
        let identity = [b"fhir\0".as_slice(), digest.as_bytes()].concat();
        let origin = Origin { identity, digest, channel: &channel.config.name };
        commit::fhir(&self.access(channel, ""), value, origin)
    }

    /// The channel's own door: its actor is the channel, and it may read and write everything of its tenant.
    fn access(&self, channel: &Channel, control_id: &str) -> Access {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let request_id: String =
            control_id.bytes().filter(|byte| plain(*byte)).take(64).map(char::from).collect();
        let name = &channel.config.name;
        self.store.access(Caller {
            actor: Actor { kind: ActorKind::Device, id: format!("channel/{name}"), display: String::new() },
            purpose: Purpose::Treatment,
            home: self.tenant,
            tenant: self.tenant,
            scopes: Scopes::all(),
            launch_patient: None,
            masked: None,
            token: None,
            request_id,
            source: format!("channel/{name}"),
        })
    }

    /// The keys, for channels that need them.
    #[must_use]
    pub fn ring(&self) -> &Arc<KeyRing> {
        &self.ring
    }
}

fn set<T>(list: &mut [Option<T>], place: usize, value: T) {
    if let Some(slot) = list.get_mut(place) {
        *slot = Some(value);
    }
}

fn too_long(channel: &Channel) -> Outcome {
    let limit = channel.config.message_bytes_max;
    let text =
        format!("the message is over {limit} bytes: split it, or raise the channel's `message_bytes_max`");
    Outcome::Refused(Reason { cause: Cause::TooLarge, text })
}

/// Why a message was not committed.
pub(crate) enum Stop {
    /// Put it aside.
    Aside(Reason),
    /// The store cannot now: nothing is kept but the archived bytes, and the sender should try again.
    Later(&'static str),
}

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The archive lacks a message.
    #[error("a quarantined message is not in the archive")]
    Missing,
    /// The archive could not be read.
    #[error("the archive could not be read")]
    Archive(#[from] storage::archive::ArchiveError),
}

/// Refuses several messages in one: there is one acknowledgement to give, and it must not speak for a message that was
/// not looked at.
fn one_alone(message: &Message) -> Result<(), Stop> {
    let headers = message.segments_named("MSH").count();
    if headers == 1 {
        return Ok(());
    }
    let text = format!(
        "{headers} messages came as one: send each in a frame or request of its own, or the file to `ward ingest`"
    );
    Err(Stop::Aside(Reason { cause: Cause::Unreadable, text }))
}

/// What makes two messages the same one: who sent it, its kind, control id and time, and its bytes. A sender that uses a
/// control id again for other content has sent another message.
fn identity(of: &MessageIdentity, digest: &Digest, replay: Option<&str>) -> Vec<u8> {
    let texts = [&of.sending_application, &of.sending_facility, &of.message_type, &of.control_id, &of.time];
    let mut identity = b"hl7v2\0".to_vec();
    for text in texts {
        identity.extend_from_slice(text.as_bytes());
        identity.push(0);
    }
    identity.extend_from_slice(digest.as_bytes());
    identity.extend_from_slice(replay.unwrap_or_default().as_bytes());
    identity
}

/// Whether bytes are JSON rather than HL7 v2, by the first that is no white space.
pub(crate) fn looks_like_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    matches!(bytes.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}
