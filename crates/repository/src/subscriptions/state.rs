//! How far a subscription is: what survives a restart, on the shelf.
//!
//! Events get their numbers here, before anybody is told of them, so that a notification that is sent again after a crash is
//! the same notification.
//!
//! ```text
//! format 1 | version | seq | operation | events | told | count of kept, then each:
//!     type code << 2 | effect | resource number | version | time          (all varints)
//! ```

use std::collections::VecDeque;

use crate::codec::{Malformed, Reader, put_varint};
use crate::error::{Error, ErrorKind, Result};
use crate::feed::{Committed, Place};
use crate::store::Store;
use crate::types::Effect;
use crate::view::corrupt;

/// Events of a subscription that can be asked for again.
pub const EVENTS_KEPT_MAX: usize = 1000;

const FORMAT: u8 = 1;
const KIND: &str = "subscriptions";

/// One event of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionEvent {
    /// The code of the resource's type.
    pub type_code: u16,
    /// The resource's number.
    pub number: u64,
    /// The version that was committed.
    pub version: u64,
    /// When, milliseconds since 1970 UTC.
    pub time_ms: i64,
    /// Created, updated or deleted.
    pub effect: Effect,
}

impl From<&Committed> for SubscriptionEvent {
    fn from(change: &Committed) -> Self {
        let Committed { type_code, number, version, time_ms, effect, .. } = *change;
        Self { type_code, number, version, time_ms, effect }
    }
}

/// How far a subscription is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionState {
    /// The version of the Subscription that was set up; 0 while none was.
    pub version: u64,
    /// Changes before this place were looked at.
    pub place: Place,
    /// The number of the newest event.
    pub events: u64,
    /// The number of the newest event that was told.
    pub told: u64,
    /// The newest events, oldest first.
    kept: VecDeque<SubscriptionEvent>,
}

impl SubscriptionState {
    /// A subscription that begins at a place.
    pub fn begin(place: Place) -> Self {
        Self { place, ..Self::default() }
    }

    /// Takes events that were found before `next`.
    pub fn found(&mut self, events: &[SubscriptionEvent], next: Place) {
        self.place = next;
        self.events += events.len() as u64;
        self.kept.extend(events);
        let surplus = self.kept.len().saturating_sub(EVENTS_KEPT_MAX);
        self.kept.drain(..surplus);
    }

    /// The events that wait to be told, at most `limit`, with their numbers.
    pub fn waiting(&self, limit: usize) -> Vec<(u64, SubscriptionEvent)> {
        self.between(self.told.saturating_add(1), self.events).into_iter().take(limit).collect()
    }

    /// The events with these numbers (both included), as far as they are kept.
    pub fn between(&self, first: u64, last: u64) -> Vec<(u64, SubscriptionEvent)> {
        let oldest = self.oldest();
        let numbered = self.kept.iter().enumerate().map(|(at, event)| (oldest + at as u64, *event));
        numbered.filter(|(number, _)| (first..=last).contains(number)).collect()
    }

    /// The number of the oldest event that is kept.
    pub fn oldest(&self) -> u64 {
        (self.events + 1).saturating_sub(self.kept.len() as u64)
    }

    fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.kept.len() * 16);
        out.push(FORMAT);
        let Self { version, place, events, told, kept } = self;
        for number in [*version, place.seq, u64::from(place.operation), *events, *told, kept.len() as u64] {
            put_varint(&mut out, number);
        }
        for event in kept {
            let effect = match event.effect {
                Effect::Created => 0,
                Effect::Deleted => 2,
                _ => 1,
            };
            let head = u64::from(event.type_code) << 2 | effect;
            for number in [head, event.number, event.version, event.time_ms.cast_unsigned()] {
                put_varint(&mut out, number);
            }
        }
        out
    }

    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT {
            return Err(Malformed);
        }
        let version = reader.varint()?;
        let seq = reader.varint()?;
        let place = Place { seq, operation: u32::try_from(reader.varint()?).map_err(|_| Malformed)? };
        let (events, told, count) = (reader.varint()?, reader.varint()?, reader.varint()?);
        if told > events || count > events || count > EVENTS_KEPT_MAX as u64 {
            return Err(Malformed);
        }
        let mut kept = VecDeque::new();
        for _ in 0..count {
            let head = reader.varint()?;
            kept.push_back(SubscriptionEvent {
                type_code: u16::try_from(head >> 2).map_err(|_| Malformed)?,
                effect: match head & 3 {
                    0 => Effect::Created,
                    1 => Effect::Updated,
                    2 => Effect::Deleted,
                    _ => return Err(Malformed),
                },
                number: reader.varint()?,
                version: reader.varint()?,
                time_ms: reader.varint()?.cast_signed(),
            });
        }
        if !reader.rest().is_empty() {
            return Err(Malformed);
        }
        Ok(Self { version, place, events, told, kept })
    }
}

impl Store {
    /// How far a subscription is; `None` for one that never began.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt` from the shelf.
    pub fn subscription_state(&self, id: &str) -> Result<Option<SubscriptionState>> {
        let value = self.shelf_or_refuse()?.get(KIND, id).map_err(shelf)?;
        value.map(|value| SubscriptionState::read(&value).map_err(corrupt)).transpose()
    }

    /// Keeps how far a subscription is; durable on return.
    ///
    /// # Errors
    /// As [`Self::subscription_state`].
    pub fn keep_subscription_state(&self, id: &str, state: &SubscriptionState) -> Result<()> {
        self.shelf_or_refuse()?.put(KIND, id, &state.to_vec()).map_err(shelf)
    }

    /// Forgets a subscription that is no more.
    ///
    /// # Errors
    /// As [`Self::subscription_state`].
    pub fn forget_subscription_state(&self, id: &str) -> Result<()> {
        self.shelf_or_refuse()?.remove(KIND, id).map_err(shelf)
    }

    /// The ids of the subscriptions of which a state is kept.
    ///
    /// # Errors
    /// As [`Self::subscription_state`].
    pub fn subscription_states(&self) -> Result<Vec<String>> {
        self.shelf_or_refuse()?.list(KIND).map_err(shelf)
    }

    fn shelf_or_refuse(&self) -> Result<&storage::shelf::Shelf> {
        self.shelf().ok_or_else(|| Error::internal(ErrorKind::Unavailable, "the store has no shelf"))
    }
}

fn shelf(error: storage::shelf::ShelfError) -> Error {
    let kind = match error.kind() {
        storage::ErrorKind::Corrupt => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    };
    Error::internal(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64) -> SubscriptionEvent {
        SubscriptionEvent {
            type_code: 103,
            number,
            version: 2,
            time_ms: 1_795_362_961_999,
            effect: Effect::Deleted,
        }
    }

    #[test]
    fn a_state_reads_back_and_cut_bytes_are_refused() {
        let mut state = SubscriptionState::begin(Place::of(7));
        state.version = 3;
        state.found(&[event(1), event(2), event(3)], Place { seq: 9, operation: 2 });
        state.told = 1;
        let bytes = state.to_vec();
        assert_eq!(SubscriptionState::read(&bytes), Ok(state));
        for end in 0..bytes.len() {
            assert_eq!(SubscriptionState::read(&bytes[..end]), Err(Malformed), "cut at {end}");
        }
    }

    #[test]
    fn events_keep_their_numbers_while_old_ones_are_let_go() {
        let mut state = SubscriptionState::begin(Place::of(1));
        for round in 0..3 {
            let events: Vec<_> = (0..400).map(|at| event(round * 400 + at + 1)).collect();
            state.found(&events, Place::of(round + 2));
            state.told = state.events;
        }
        assert_eq!((state.events, state.oldest()), (1200, 201));
        assert!(state.waiting(10).is_empty());
        let between = state.between(200, 203);
        assert_eq!(
            between.iter().map(|(number, event)| (*number, event.number)).collect::<Vec<_>>(),
            [(201, 201), (202, 202), (203, 203)]
        );
        state.told = 1198;
        assert_eq!(state.waiting(1).first().map(|(number, _)| *number), Some(1199));
        assert_eq!(SubscriptionState::begin(Place::of(1)).oldest(), 1);
    }
}
