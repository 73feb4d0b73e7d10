//! Preparation: everything about a write that needs no order, done by the caller's thread.
//!
//! A resource is checked, brought into stored form, its terms are extracted and hashed, the body is compressed, and what
//! stands in the store now is read, with its terms, so that the committer only has to see whether that is still so.

use compact_str::CompactString;
use fhir::json::Value;

use crate::body::Body;
use crate::error::{Error, ErrorKind, Result, Signal};
use crate::layout;
use crate::record::Origin;
use crate::row::Row;
use crate::search::Terms;
use crate::types::{Effect, Expected};
use crate::view::View;

/// What an operation writes.
pub(crate) enum Content {
    /// A resource.
    Put(Box<Prepared>),
    /// A deletion.
    Delete,
}

/// A resource, ready to be sealed.
pub(crate) struct Prepared {
    pub(crate) body: Body,
    pub(crate) payload: Vec<u8>,
    pub(crate) terms: Terms,
    /// Ids of the patients whose compartment it belongs to.
    pub(crate) patients: Vec<CompactString>,
}

/// What stood in the store when the operation was prepared.
#[derive(Clone)]
pub(crate) struct Base {
    pub(crate) row: Row,
    /// Terms and patients of that version; `None` if it is a deletion.
    pub(crate) indexed: Option<(Terms, Vec<CompactString>)>,
    /// Its stored bytes are the ones to write.
    pub(crate) same: bool,
}

/// A row that was read, and its body; a deletion has none.
pub(crate) struct Found {
    pub(crate) row: Row,
    pub(crate) body: Option<Body>,
}

/// One operation of a transaction.
pub(crate) struct Draft {
    pub(crate) type_code: u16,
    pub(crate) id: CompactString,
    pub(crate) id_hash: [u8; 16],
    pub(crate) content: Content,
    pub(crate) expected: Expected,
    /// How to refuse when `expected` does not hold.
    pub(crate) refusal: ErrorKind,
    /// The id was drawn just now: nothing can stand under it.
    pub(crate) fresh: bool,
    /// The content was made from this version; if it is not the current one any more, it has to be made again.
    pub(crate) made_from: Option<u64>,
    pub(crate) base: Option<Base>,
}

/// What a conditional step found; it must still be so when the transaction is committed.
pub(crate) struct Guard {
    pub(crate) type_code: u16,
    pub(crate) query: String,
    pub(crate) found: Option<u64>,
}

/// A resource outside the transaction that one of its references leads to; it must still be there at the commit.
pub(crate) struct Need {
    pub(crate) type_code: u16,
    pub(crate) id_hash: [u8; 16],
}

/// A transaction, ready for the committer.
pub(crate) struct Transaction {
    pub(crate) view: View,
    /// The log position the index stood at before anything was read for this transaction.
    pub(crate) position: u64,
    pub(crate) origin: Origin,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) needs: Vec<Need>,
    /// A step of reindexing instead of drafts.
    pub(crate) step: Option<crate::reindex::Prepared>,
}

/// What became of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) effect: Effect,
    /// The version that stands now; 0 if nothing ever stood there.
    pub(crate) version: u64,
    pub(crate) time_ms: i64,
}

/// Brings a checked resource into the form that is stored.
///
/// `value` must be an object of type `type_code`; the id in it is replaced by `id`.
pub(crate) fn prepare(view: &View, type_code: u16, id: &str, mut value: Value) -> Result<Prepared> {
    let resource_type = layout::type_name(type_code).unwrap_or_default();
    let Some(object) = value.as_object_mut() else {
        return Err(Error::new(ErrorKind::Invalid, "a resource is a JSON object"));
    };
    object.insert("id", id);
    let body = Body::of(object, resource_type, id);
    let bytes_max = match resource_type {
        "CodeSystem" | "ValueSet" | "ConceptMap" => TERMINOLOGY_BYTES_MAX,
        _ => RESOURCE_BYTES_MAX,
    };
    if body.as_bytes().len() > bytes_max {
        let text = format!("a {resource_type} may have at most {bytes_max} bytes");
        return Err(Error::new(ErrorKind::TooCostly, text));
    }
    let (terms, patients) = index(view, type_code, &value)?;
    Ok(Prepared { payload: body.compress(), body, terms, patients })
}

/// The most bytes of one stored resource.
pub const RESOURCE_BYTES_MAX: usize = 16 << 20;

/// The most bytes of one stored CodeSystem, ValueSet or ConceptMap: whole code systems are one resource each. The rest up to
/// what a body may have is left for version and time.
pub const TERMINOLOGY_BYTES_MAX: usize = crate::body::BODY_BYTES_MAX - (1 << 20);

/// The terms and patients of a resource as new content: the one function that commit and replay share.
pub(crate) fn index(view: &View, type_code: u16, value: &Value) -> Result<(Terms, Vec<CompactString>)> {
    let patients = fhir::search::patient_compartment(value);
    let terms = Terms::prepare(&view.keys.codes, view.registry()?, type_code, value);
    Ok((terms.with_contained(&view.keys.codes, value), patients))
}

/// The same, of content that goes: rows of parameters that are being retired may stand there too.
pub(crate) fn index_old(view: &View, type_code: u16, value: &Value) -> Result<(Terms, Vec<CompactString>)> {
    let (terms, patients) = index(view, type_code, value)?;
    let retired = view.parameters()?.retired.as_ref();
    let Some(retired) =
        retired.filter(|retired| retired.knows(layout::type_name(type_code).unwrap_or_default()))
    else {
        return Ok((terms, patients));
    };
    Ok((terms.and(Terms::prepare(&view.keys.codes, retired, type_code, value)), patients))
}

impl Draft {
    /// An operation under an id that may exist; reads what stands there.
    pub(crate) fn new(view: &View, type_code: u16, id: &str, content: Content) -> Result<Self> {
        let mut draft = Self::unread(view, type_code, id, content);
        draft.read_base(view)?;
        Ok(draft)
    }

    /// An operation under an id of which it is known what stands there: `found`, and its content as a value, if it was
    /// parsed already. A second change of one resource in one set is refused, so nothing is lost by taking `found` out.
    pub(crate) fn on(
        view: &View,
        type_code: u16,
        id: &str,
        content: Content,
        found: Option<Found>,
        value: Option<&Value>,
    ) -> Result<Self> {
        let mut draft = Self::unread(view, type_code, id, content);
        if let Some(Found { row, body }) = found {
            let same = matches!((&draft.content, &body), (Content::Put(new), Some(old)) if new.body == *old);
            let indexed = match value.filter(|_| !same) {
                Some(value) => Some(index(view, type_code, value)?),
                None => None,
            };
            draft.base = Some(Base { row, indexed, same });
        }
        Ok(draft)
    }

    /// An operation under an id drawn just now.
    pub(crate) fn fresh(view: &View, type_code: u16, id: &str, content: Content) -> Self {
        Self { fresh: true, ..Self::unread(view, type_code, id, content) }
    }

    fn unread(view: &View, type_code: u16, id: &str, content: Content) -> Self {
        Self {
            type_code,
            id: id.into(),
            id_hash: view.id_hash(type_code, id),
            content,
            expected: Expected::Any,
            refusal: ErrorKind::PreconditionFailed,
            fresh: false,
            made_from: None,
            base: None,
        }
    }

    /// Sets what must be true of the resource, and how to refuse otherwise.
    #[must_use]
    pub(crate) fn expecting(mut self, expected: Expected, refusal: ErrorKind) -> Self {
        self.expected = expected;
        self.refusal = refusal;
        self
    }

    /// Says which version the content was made from.
    #[must_use]
    pub(crate) fn based_on(mut self, version: u64) -> Self {
        self.made_from = Some(version);
        self
    }

    /// Reads what stands under the id now. The caller's thread does it first; the committer again if it changed since.
    pub(crate) fn read_base(&mut self, view: &View) -> Result<()> {
        self.base = None;
        let Some(number) = view.number_of_hash(&self.id_hash)? else { return Ok(()) };
        let Some(row) = view.row(self.type_code, number)? else { return Ok(()) };
        self.base = Some(base_of(view, self.type_code, number, row, &self.content)?);
        Ok(())
    }

    /// Whether the old and the new content are in a patient's compartment.
    pub(crate) fn lies_within(&self, patient: &str) -> bool {
        let has = |patients: &[CompactString]| patients.iter().any(|id| id == patient);
        let new = match &self.content {
            Content::Put(prepared) => has(&prepared.patients),
            Content::Delete => true,
        };
        let old = match &self.base {
            None => true,
            Some(base) if base.row.deleted || base.same => true,
            Some(base) => base.indexed.as_ref().is_some_and(|(_, patients)| has(patients)),
        };
        new && old
    }

    /// Reads again what stands under the id, if that is another version than the one read before. `number` is the id's.
    pub(crate) fn refresh(&mut self, view: &View, number: Option<u64>) -> Result<()> {
        let version = match number {
            Some(number) => view.version_of(self.type_code, number)?,
            None => None,
        };
        if version == self.base.as_ref().map(|base| base.row.version) { Ok(()) } else { self.read_base(view) }
    }

    /// Reads the terms of both sides again, because the tenant's search parameters are not what they were.
    pub(crate) fn reindex(&mut self, view: &View) -> Result<()> {
        if let Content::Put(prepared) = &mut self.content {
            let value = prepared.body.value().map_err(crate::view::corrupt)?;
            (prepared.terms, prepared.patients) = index(view, self.type_code, &value)?;
        }
        if self.fresh { Ok(()) } else { self.read_base(view) }
    }

    /// The version that stands now, if the resource exists.
    pub(crate) fn live_version(&self) -> Option<u64> {
        self.base.as_ref().filter(|base| !base.row.deleted).map(|base| base.row.version)
    }

    /// Whether the expectation holds against the base.
    pub(crate) fn check(&self) -> Result<()> {
        let holds = match self.expected {
            Expected::Any => true,
            Expected::Absent => self.live_version().is_none(),
            Expected::Version(version) => self.live_version() == Some(version),
        };
        if holds && self.made_from.is_some_and(|version| self.live_version() != Some(version)) {
            return Err(Error::new(ErrorKind::Conflict, "the resource changed meanwhile; try again")
                .signalling(Signal::Stale));
        }
        if holds {
            return Ok(());
        }
        let text = match self.expected {
            Expected::Version(_) => "the resource does not have the expected version: read it again",
            _ => "the resource exists already",
        };
        Err(Error::new(self.refusal, text))
    }
}

fn base_of(view: &View, type_code: u16, number: u64, row: Row, content: &Content) -> Result<Base> {
    let old = match view.body(type_code, number, &row) {
        Ok(Some(old)) => old,
        Ok(None) => return Ok(Base { row, indexed: None, same: false }),
        // Erased content cannot be read to take its postings away; a later compaction by rebuild drops them.
        Err(error) if error.kind() == ErrorKind::Gone => return Ok(Base { row, indexed: None, same: false }),
        Err(error) => return Err(error),
    };
    let same = matches!(content, Content::Put(prepared) if prepared.body == old);
    // The terms of an unchanged body are never needed.
    let indexed = if same {
        None
    } else {
        Some(index_old(view, type_code, &old.value().map_err(crate::view::corrupt)?)?)
    };
    Ok(Base { row, indexed, same })
}

/// A transaction's way back from the committer.
pub(crate) type Answer = Result<Vec<Done>>;
