//! What the resources of a message refer to: it must be there, or come with the message.
//!
//! A REST client may write references that lead nowhere yet. A feed's message may not: it waits in quarantine until what
//! it speaks of has come, so that a record never points into the void.

use std::collections::HashSet;

use compact_str::CompactString;
use fhir::json::Value;
use fhir::outcome::{Issue, IssueType};

use crate::dangling;
use crate::error::{Error, ErrorKind, Result};
use crate::prepare::{Content, Draft, Need};
use crate::view::{View, corrupt};

/// Type and id of everything that one resource refers to.
pub(super) type Named = Vec<(u16, CompactString)>;

/// Everything that a resource refers to.
pub(super) fn named(value: &Value) -> Named {
    let mut named = Named::new();
    dangling::references(value, &mut |code, id| named.push((code, id.into())));
    named
}

/// Everything that a draft refers to, read from its stored form.
pub(super) fn named_of(draft: &Draft) -> Result<Named> {
    match &draft.content {
        Content::Put(prepared) => Ok(named(&prepared.body.value().map_err(corrupt)?)),
        Content::Delete => Ok(Named::new()),
    }
}

/// What has to be there at the commit; `named` is told of each draft.
///
/// # Errors
/// The place of the draft, and `NotFound`, for a reference that leads nowhere. One that stands in the current version
/// already is let be: the message did not bring it.
pub(super) fn needs(
    view: &View,
    drafts: &[Draft],
    named: &[Named],
) -> std::result::Result<Vec<Need>, (usize, Error)> {
    if named.iter().all(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let ids_of = |puts: bool| -> HashSet<[u8; 16]> {
        let chosen = drafts.iter().filter(|draft| matches!(draft.content, Content::Put(_)) == puts);
        chosen.map(|draft| draft.id_hash).collect()
    };
    let (coming, going) = (ids_of(true), ids_of(false));
    let mut known: HashSet<(u16, &str)> = HashSet::new();
    let mut needs = Vec::new();
    for (place, (draft, named)) in drafts.iter().zip(named).enumerate() {
        for (code, id) in named {
            if known.contains(&(*code, id.as_str())) {
                continue;
            }
            let id_hash = view.id_hash(*code, id);
            if !coming.contains(&id_hash) {
                let there = !going.contains(&id_hash)
                    && view.is_live(*code, &id_hash).map_err(|error| (place, error))?;
                if there {
                    needs.push(Need { type_code: *code, id_hash });
                } else if stands_already(view, draft, (*code, id)).map_err(|error| (place, error))? {
                    continue;
                } else {
                    return Err((place, unresolved(draft, (*code, id))));
                }
            }
            known.insert((*code, id));
        }
    }
    Ok(needs)
}

/// Whether the current version of the draft's resource has the reference too.
fn stands_already(view: &View, draft: &Draft, wanted: (u16, &str)) -> Result<bool> {
    let Some(base) = draft.base.as_ref().filter(|base| !base.row.deleted) else { return Ok(false) };
    if base.same {
        return Ok(true);
    }
    let Some(number) = view.number_of_hash(&draft.id_hash)? else { return Ok(false) };
    let Some(body) = view.body(draft.type_code, number, &base.row)? else { return Ok(false) };
    Ok(dangling::place_of(&body.value().map_err(corrupt)?, wanted).is_some())
}

fn unresolved(draft: &Draft, wanted: (u16, &str)) -> Error {
    let place = match &draft.content {
        Content::Put(prepared) => {
            prepared.body.value().ok().and_then(|value| dangling::place_of(&value, wanted))
        }
        Content::Delete => None,
    };
    let issue = Issue::error(IssueType::NotFound, "refers to a resource that is not there");
    let issue = match place {
        Some(place) => issue.at(place),
        None => issue,
    };
    Error::with_issues(ErrorKind::NotFound, vec![issue])
}

/// A resource that was there when the message was prepared was deleted before its commit.
pub(super) fn gone_meanwhile() -> Error {
    Error::new(ErrorKind::NotFound, "refers to a resource that was deleted just now")
}
