//! Every valued leaf of a message with its place: what a loss report is made from.

use std::borrow::Cow;

use super::location::Location;
use super::message::Message;
use super::view::{Field, Segment};

/// Iterator over the valued leaves of a message, in order; see [`Message::leaves`].
///
/// A level that the sender did not divide is 0 in the location: the leaf of an undivided field is `PID-7`, not `PID-7.1.1`;
/// [`Location::covers`] treats both alike.
pub struct Leaves<'a> {
    message: &'a Message,
    segment: usize,
    field: u32,
    /// The leaves of the field at hand, last first.
    pending: Vec<(Location, Cow<'a, str>)>,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(message: &'a Message) -> Self {
        // Fields 1 and 2 of the header are delimiters, not values.
        Self { message, segment: 0, field: 2, pending: Vec::new() }
    }
}

impl<'a> Iterator for Leaves<'a> {
    type Item = (Location, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(leaf) = self.pending.pop() {
                return Some(leaf);
            }
            let segment: Segment<'a> = self.message.segment_at(self.segment)?;
            if self.field >= segment.fields_count() {
                self.segment += 1;
                self.field = 0;
                if self.message.segment_at(self.segment).is_some_and(|next| next.is_header()) {
                    self.field = 2;
                }
                continue;
            }
            self.field += 1;
            if let Some(field) = segment.field(self.field) {
                collect(field, &mut self.pending);
                self.pending.reverse();
            }
        }
    }
}

fn collect<'a>(field: Field<'a>, leaves: &mut Vec<(Location, Cow<'a, str>)>) {
    let delimiters = field.segment().message().delimiters();
    let divided_by = |raw: &str, delimiter: u8| raw.bytes().any(|byte| byte == delimiter);
    for repetition in field.repetitions() {
        let divided = divided_by(repetition.raw(), delimiters.component);
        for component in repetition.components().filter(|component| !component.is_empty()) {
            let divided_again =
                delimiters.subcomponent.is_some_and(|delimiter| divided_by(component.raw(), delimiter));
            for leaf in component.subcomponents().filter(|leaf| !leaf.raw().is_empty()) {
                let mut location = leaf.location();
                if !divided_again {
                    location.subcomponent = 0;
                    if !divided {
                        location.component = 0;
                    }
                }
                leaves.push((location, leaf.text()));
            }
        }
    }
}
