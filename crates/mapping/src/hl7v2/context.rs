//! What a mapping of one message carries along: the reader, the source, the zones, and the resources wanted so far.

use std::collections::HashMap;

use compact_str::{CompactString, format_compact};
use fhir::json::Value;

use crate::hl7v2::events::Event;
use crate::hl7v2::reader::Reader;
use crate::hl7v2::source::Source;
use crate::hl7v2::types::time::Zones;
use crate::intent::{Intent, Mode, SourceTime};
use crate::json::push;
use crate::resolve::has_choice;

/// The state of mapping one message.
pub(crate) struct Context<'r, 'm> {
    pub(crate) reader: &'r Reader<'m>,
    pub(crate) source: &'r Source,
    pub(crate) zones: Zones,
    pub(crate) event: Event,
    /// Who is the assigning authority where a message names none: the sending facility, else application, else channel.
    pub(crate) facility: CompactString,
    /// When the sender recorded the state that the message tells.
    pub(crate) time: Option<SourceTime>,
    intents: Vec<Intent>,
    /// `Type/id` → place in `intents`.
    places: HashMap<CompactString, usize>,
    ordinals: HashMap<CompactString, u32>,
}

impl<'r, 'm> Context<'r, 'm> {
    pub(crate) fn new(reader: &'r Reader<'m>, source: &'r Source, event: Event) -> Self {
        Self {
            reader,
            source,
            zones: Zones::default(),
            event,
            facility: CompactString::default(),
            time: None,
            intents: Vec::with_capacity(16),
            places: HashMap::with_capacity(16),
            ordinals: HashMap::new(),
        }
    }

    /// The id of the resource that the parts name: the same parts always give the same id, and nothing can be read from
    /// it. 26 characters of lower-case base 32 (128 bits).
    pub(crate) fn id(&self, resource_type: &str, parts: &[&str]) -> CompactString {
        let mut bytes = Vec::with_capacity(128);
        for part in [self.source.namespace.as_str(), resource_type].iter().chain(parts) {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        base32(&(self.source.digest)(&bytes))
    }

    /// Wants a resource. One already wanted under the same id is joined with it: a whole view wins over a mention, what
    /// the first one lacks comes from the second.
    pub(crate) fn want(&mut self, mut intent: Intent) -> CompactString {
        let (resource_type, id) = intent.key();
        let key = format_compact!("{resource_type}/{id}");
        match self.places.get(&key).and_then(|place| self.intents.get_mut(*place)) {
            Some(present) => {
                if present.mode == Mode::Mention && intent.mode != Mode::Mention {
                    std::mem::swap(present, &mut intent);
                }
                fill(&mut present.resource, intent.resource);
            }
            None => {
                self.places.insert(key.clone(), self.intents.len());
                self.intents.push(intent);
            }
        }
        key
    }

    /// Wants the sender's present view of a resource; gives `Type/id`.
    pub(crate) fn snapshot(&mut self, resource: Value) -> CompactString {
        let source_time = self.time.clone();
        self.want(Intent::new(resource, Mode::Snapshot, source_time))
    }

    /// Mentions a resource: it should exist, and this is what the message happens to say of it; gives `Type/id`.
    pub(crate) fn mention(&mut self, resource: Value) -> CompactString {
        let source_time = self.time.clone();
        self.want(Intent::new(resource, Mode::Mention, source_time))
    }

    /// The intent for `Type/id`, for additions.
    pub(crate) fn intent_mut(&mut self, key: &str) -> Option<&mut Intent> {
        let place = *self.places.get(key)?;
        self.intents.get_mut(place)
    }

    /// Adds an entry to a list of a wanted resource, once.
    pub(crate) fn add(&mut self, key: &str, list: &'static str, entry: Value) {
        if let Some(Value::Object(object)) = self.intent_mut(key).map(|intent| &mut intent.resource)
            && !object.get(list).is_some_and(|present| present.elements().contains(&entry))
        {
            push(object, list, entry);
        }
    }

    /// How often this key was asked for before in this message: 0, 1, 2. Two results of the same name in one order are two
    /// results.
    pub(crate) fn ordinal(&mut self, key: &str) -> u32 {
        let count = self.ordinals.entry(key.into()).or_insert(0);
        *count += 1;
        *count - 1
    }

    /// `Type/id` of everything wanted so far, in order.
    pub(crate) fn keys(&self) -> Vec<CompactString> {
        self.intents
            .iter()
            .map(|intent| {
                let (resource_type, id) = intent.key();
                format_compact!("{resource_type}/{id}")
            })
            .collect()
    }

    /// The finished list.
    pub(crate) fn into_intents(self) -> Vec<Intent> {
        self.intents
    }
}

/// Adds the members that `target` lacks.
fn fill(target: &mut Value, from: Value) {
    if let (Value::Object(target), Value::Object(from)) = (target, from) {
        for (name, value) in from {
            if !target.contains_key(&name) && !has_choice(target, &name) {
                target.insert(name, value);
            }
        }
    }
}

/// The first 16 bytes in lower-case base 32 (RFC 4648 alphabet, no padding).
fn base32(digest: &[u8; 32]) -> CompactString {
    const ALPHABET: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't',
        'u', 'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
    ];
    let mut text = CompactString::with_capacity(26);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in digest.iter().take(16) {
        bits = (bits << 8) | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(ALPHABET.get(((bits >> count) & 31) as usize).copied().unwrap_or('a'));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(ALPHABET.get(((bits << (5 - count)) & 31) as usize).copied().unwrap_or('a'));
    }
    text
}
