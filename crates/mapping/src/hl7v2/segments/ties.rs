//! What ties observations together: OBX-4 within an order, OBR-26 with OBR-29 between orders.
//!
//! Source: HL7 v2.8 chapter 7, 7.4.2.4 OBX-4; chapter 4, 4.5.3.26 OBR-26 and 4.5.3.29 OBR-29.

use compact_str::{CompactString, format_compact};

use crate::hl7v2::context::Context;
use crate::hl7v2::reader::{Node, Seg};
use crate::hl7v2::segments::obr::unknown_code;
use crate::hl7v2::types::{coded, identifier, people};
use crate::json::{Build, reference};

/// One observation of a message, for tying it to others.
pub(crate) struct Member {
    /// `Observation/id`.
    pub(crate) key: CompactString,
    /// The key of the order's results.
    pub(crate) order: CompactString,
    /// OBX-3 as a key.
    pub(crate) code: CompactString,
    /// OBX-4.
    pub(crate) sub_id: CompactString,
}

/// The observations of one patient in one message, in order.
#[derive(Default)]
pub(crate) struct Group {
    members: Vec<Member>,
}

impl Group {
    pub(crate) fn push(&mut self, member: Member) {
        self.members.push(member);
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// `Observation/id` of those from `start` on.
    pub(crate) fn since(&self, start: usize) -> Vec<CompactString> {
        self.members.iter().skip(start).map(|member| member.key.clone()).collect()
    }

    /// Ties the observations of one order, those from `start` on: by OBX-4 to each other, by OBR-26 to the observation of
    /// another order that they are about.
    pub(crate) fn tie(
        &self,
        context: &mut Context<'_, '_>,
        obr: Seg<'_, '_>,
        start: usize,
        patient: &CompactString,
    ) {
        let own = self.members.get(start..).unwrap_or_default();
        tie_by_sub_id(context, own);
        let Some(parent) = obr.one(26) else { return };
        let Some(code) = parent.part(1).and_then(|part| coded::key(&part)) else {
            parent.refuse("names no observation");
            return;
        };
        let sub_id = parent.get(2).unwrap_or_default();
        let order = obr.one(29).and_then(|node| parent_order(context, &node));
        let matches = |member: &&Member| {
            member.code == code
                && member.sub_id == sub_id
                && order.as_ref().is_none_or(|order| *order == member.order)
        };
        let others = self.members.get(..start).unwrap_or_default();
        let name = parent.part(1).and_then(|part| coded::concept(context, &part));
        parent.ignore("repeats the value of the observation it names");
        let key = match (others.iter().rev().find(matches), order) {
            (Some(member), _) => {
                for child in own {
                    context.add(&member.key, "hasMember", reference(&child.key));
                }
                member.key.clone()
            }
            // In an earlier message: it is there already, or it will be when that message arrives.
            (None, Some(order)) => {
                let id = context.id("Observation", &[&order, &code, &sub_id, ""]);
                let resource = Build::resource("Observation", &id)
                    .with("status", "unknown")
                    .with("code", name.unwrap_or_else(unknown_code))
                    .with("subject", people::to(patient))
                    .done();
                context.mention(resource)
            }
            (None, None) => return,
        };
        for child in own {
            context.add(&child.key, "derivedFrom", reference(&key));
        }
    }
}

/// OBR-29: the order whose observation OBR-26 names, as results are keyed by it.
fn parent_order(context: &Context<'_, '_>, node: &Node<'_, '_>) -> Option<CompactString> {
    let placer = node.part(1).and_then(|part| identifier::ei(context, &part, None, "placer order"));
    let filler = node.part(2).and_then(|part| identifier::ei(context, &part, None, "filler order"));
    // Without the filler's number the parent cannot be found again: its key holds its code too.
    drop(placer);
    filler.map(|filler| format_compact!("filler {}", filler.key))
}

/// The first observation of a sub-id leads the others of it, and those of the sub-ids below it (`1` leads `1.1`). One
/// sub-id for the whole order, or one for each line, is numbering and ties nothing.
fn tie_by_sub_id(context: &mut Context<'_, '_>, own: &[Member]) {
    let Some(first) = own.first() else { return };
    if own.iter().all(|member| member.sub_id == first.sub_id) {
        return;
    }
    let mut leaders: Vec<&Member> = Vec::new();
    for member in own.iter().filter(|member| !member.sub_id.is_empty()) {
        let mut wanted = Some(member.sub_id.as_str());
        let mut leader = None;
        while let Some(sub_id) = wanted {
            leader = leaders.iter().find(|leader| leader.sub_id == sub_id).copied();
            if leader.is_some() {
                break;
            }
            wanted = sub_id.rsplit_once('.').map(|(above, _)| above);
        }
        if let Some(leader) = leader {
            context.add(&leader.key, "hasMember", reference(&member.key));
        }
        if leader.is_none_or(|leader| leader.sub_id != member.sub_id) {
            leaders.push(member);
        }
    }
}
