//! An event as bytes.
//!
//! ```text
//! version 1 | time 8 | tenant 4 | interaction 1 | purpose 1 | outcome 1 | actor kind 1 | flags 1
//! | texts: actor id, actor display, request id, source, detail; the type if flag 1 | query hash 16 if flag 2
//! | count of entities, each: action 1, type, id, version
//! ```
//!
//! Numbers of fixed size are big-endian; counts, lengths and versions are LEB128; a text is its length and UTF-8.

use std::borrow::Cow;

use storage::keys::TenantId;

use super::{Action, Entity, Event, Outcome};
use crate::access::{Actor, ActorKind, Interaction, Purpose};

const VERSION: u8 = 1;
const HAS_TYPE: u8 = 1;
const HAS_QUERY: u8 = 2;

impl Event {
    /// Appends the bytes of a row.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        out.extend_from_slice(&self.tenant.0.to_be_bytes());
        let outcome = match self.outcome {
            Outcome::Success => 0,
            Outcome::Refused => 4,
            Outcome::Failed => 8,
        };
        let kind = match self.actor.kind {
            ActorKind::User => 1,
            ActorKind::System => 2,
            ActorKind::Device => 3,
        };
        let has_type = if self.resource_type.is_some() { HAS_TYPE } else { 0 };
        let has_query = if self.query_hash.is_some() { HAS_QUERY } else { 0 };
        out.extend_from_slice(&[
            self.interaction.number(),
            self.purpose.number(),
            outcome,
            kind,
            has_type | has_query,
        ]);
        for text in [&self.actor.id, &self.actor.display, &self.request_id, &self.source, &self.detail] {
            write_text(text, out);
        }
        if let Some(resource_type) = &self.resource_type {
            write_text(resource_type, out);
        }
        if let Some(hash) = &self.query_hash {
            out.extend_from_slice(hash);
        }
        write_number(self.entities.len() as u64, out);
        for entity in &self.entities {
            out.push(match entity.action {
                Action::Created => 1,
                Action::Shown => 2,
                Action::Updated => 3,
                Action::Deleted => 4,
            });
            write_text(&entity.resource_type, out);
            write_text(&entity.id, out);
            write_number(entity.version, out);
        }
    }

    /// Reads what [`Self::write`] wrote; `None` if it is of another shape.
    pub(crate) fn read(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        if byte(input)? != VERSION {
            return None;
        }
        let time_ms = i64::from_be_bytes(array(input)?);
        let tenant = TenantId(u32::from_be_bytes(array(input)?));
        let interaction = Interaction::from_number(byte(input)?)?;
        let purpose = Purpose::from_number(byte(input)?)?;
        let outcome = match byte(input)? {
            0 => Outcome::Success,
            4 => Outcome::Refused,
            8 => Outcome::Failed,
            _ => return None,
        };
        let kind = match byte(input)? {
            1 => ActorKind::User,
            2 => ActorKind::System,
            3 => ActorKind::Device,
            _ => return None,
        };
        let flags = byte(input)?;
        let actor = Actor { kind, id: text(input)?, display: text(input)? };
        let (request_id, source, detail) = (text(input)?, text(input)?, text(input)?);
        let resource_type = if flags & HAS_TYPE == 0 { None } else { Some(Cow::Owned(text(input)?)) };
        let query_hash = if flags & HAS_QUERY == 0 { None } else { Some(array(input)?) };
        let count = number(input)?;
        let mut entities = Vec::new(); // not sized by `count`: each takes some bytes of the input, so it is bounded
        for _ in 0..count {
            entities.push(entity(input)?);
        }
        input.is_empty().then_some(Self {
            time_ms,
            tenant,
            actor,
            purpose,
            interaction,
            resource_type,
            outcome,
            request_id,
            source,
            query_hash,
            detail,
            entities,
        })
    }
}

fn entity(input: &mut &[u8]) -> Option<Entity> {
    let action = match byte(input)? {
        1 => Action::Created,
        2 => Action::Shown,
        3 => Action::Updated,
        4 => Action::Deleted,
        _ => return None,
    };
    Some(Entity {
        action,
        resource_type: Cow::Owned(text(input)?),
        id: text(input)?,
        version: number(input)?,
    })
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn byte(input: &mut &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    Some(*first)
}

fn array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

fn number(input: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let next = byte(input)?;
        number |= u64::from(next & 0x7F) << shift;
        if next & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn text(input: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(number(input)?).ok()?;
    let (head, rest) = input.split_at_checked(length)?;
    *input = rest;
    String::from_utf8(head.to_vec()).ok()
}
