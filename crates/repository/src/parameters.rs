//! A tenant's own search parameters, as one state of the index has them.
//!
//! They come from the tenant's active SearchParameter resources, in the order of the log: number and state of each stand in
//! one row of the index, which the applier alone writes. A new one is *building* until the resources that were there before
//! it are indexed too, a retired one stays known until its rows are gone; see [`crate::reindex`].

use std::collections::HashSet;
use std::sync::Arc;

use fhir::search::custom::{self, Definition, Wish};
use fhir::search::{CUSTOM_FIRST, Kind, Registry};

use crate::codec::{Malformed, Reader, put_varint};
use crate::error::{Error, ErrorKind, Result};
use crate::layout;
use crate::prepare::{Content, Draft};
use crate::view::{View, corrupt, engine};

/// The most parameters of a tenant's own, those that are being retired included.
const OWN_MAX: usize = 4096;

/// A place in the walk over a parameter's types: all smaller types are done, and of this one all smaller numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) type_code: u16,
    pub(crate) number: u64,
}

/// What can be said of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// All its rows are there: it is searched by.
    Ready,
    /// Rows of resources behind the place are missing, unless they were written since it was registered.
    Building(At),
    /// It is no longer searched by; rows of resources behind the place are still there.
    Retiring(At),
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The number that stands in index keys; never given twice.
    pub(crate) id: u16,
    /// The resource number of its SearchParameter.
    pub(crate) number: u64,
    /// The version that defines it.
    pub(crate) version: u64,
    /// The record that registered it, or retired it.
    pub(crate) since: u64,
    pub(crate) state: State,
    /// Resources whose rows were made, or taken away, behind the registration.
    pub(crate) done: u64,
    /// Kinds of those parts of a composite that are parameters of the tenant, in order.
    kinds: Vec<Kind>,
}

impl Entry {
    pub(crate) fn is_retiring(&self) -> bool {
        matches!(self.state, State::Retiring(_))
    }

    /// Where the walk over its resources goes on, if there is one.
    pub(crate) fn at(&self) -> Option<At> {
        match self.state {
            State::Ready => None,
            State::Building(at) | State::Retiring(at) => Some(at),
        }
    }
}

/// A parameter with what defines it.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) entry: Entry,
    /// `None` if the defining version cannot be read any more: it finds nothing then.
    pub(crate) definition: Option<Arc<Definition>>,
    /// This parameter and no other.
    pub(crate) only: Arc<Registry>,
}

impl Own {
    fn new(entry: Entry, definition: Option<Arc<Definition>>) -> Self {
        let parameters = definition.iter().flat_map(|definition| definition.parameters(entry.id));
        let only = Arc::new(Registry::only(parameters));
        Self { entry, definition, only }
    }

    fn codes(&self) -> impl Iterator<Item = u16> {
        let bases = self.definition.iter().flat_map(|definition| &definition.bases);
        bases.filter_map(|(base, _)| layout::type_code(base))
    }
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Parameters {
    /// The row as it stands; empty if the tenant never had any.
    bytes: Vec<u8>,
    next_id: u16,
    pub(crate) own: Vec<Own>,
    /// The standard's parameters and the tenant's: what requests are read with, and new versions indexed by.
    pub(crate) registry: Arc<Registry>,
    /// Those that are being retired: what old versions may have rows of besides.
    pub(crate) retired: Option<Arc<Registry>>,
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Parameters({})", self.own.len())
    }
}

impl Parameters {
    /// Those of a tenant that never had any.
    pub(crate) fn none() -> Self {
        let registry = Arc::clone(Registry::base());
        Self { bytes: Vec::new(), next_id: CUSTOM_FIRST, own: Vec::new(), registry, retired: None }
    }

    /// Reads them as `view` has them.
    pub(crate) fn load(view: &View) -> Result<Arc<Self>> {
        let key = layout::parameters_key(view.tenant);
        let row = view.reader.get(layout::APPLIED, &key).map_err(engine)?;
        let bytes = row.as_deref().unwrap_or_default();
        let known = view.core.parameters(view.tenant);
        if let Some(known) = known.as_ref().filter(|known| known.bytes == bytes) {
            return Ok(Arc::clone(known));
        }
        let (next_id, entries) = decode(bytes).map_err(corrupt)?;
        let mut own = Vec::with_capacity(entries.len());
        for entry in entries {
            let same = |known: &&Own| (known.entry.id, known.entry.version) == (entry.id, entry.version);
            let same = known.iter().flat_map(|known| &known.own).find(same);
            own.push(match same {
                Some(same) => Own { entry, ..same.clone() },
                None => {
                    let definition = definition(view, &entry)?.map(Arc::new);
                    Own::new(entry, definition)
                }
            });
        }
        let loaded =
            Arc::new(Self { bytes: bytes.to_vec(), next_id, own, ..Self::none() }.joined(known.as_deref()));
        view.core.keep_parameters(view.tenant, &loaded);
        Ok(loaded)
    }

    /// With the registries of its parameters; those of `known` serve if the parameters are the same.
    fn joined(mut self, known: Option<&Self>) -> Self {
        if let Some(known) = known.filter(|known| known.is_like(&self)) {
            (self.registry, self.retired) = (Arc::clone(&known.registry), known.retired.clone());
            return self;
        }
        let of = |retiring: bool| {
            let own = self.own.iter().filter(move |own| own.entry.is_retiring() == retiring);
            own.flat_map(|own| {
                own.definition.iter().flat_map(|definition| definition.parameters(own.entry.id))
            })
        };
        let retired: Vec<_> = of(true).collect();
        if of(false).next().is_some() {
            self.registry = Arc::new(Registry::with(of(false)));
        }
        self.retired = (!retired.is_empty()).then(|| Arc::new(Registry::only(retired)));
        self
    }

    /// Whether resources have the same terms under both.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let same = |(left, right): (&Own, &Own)| {
            let of = |own: &Own| (own.entry.id, own.entry.version, own.entry.is_retiring());
            of(left) == of(right)
        };
        self.own.len() == other.own.len() && self.own.iter().zip(&other.own).all(same)
    }

    /// The parameter of this number.
    pub(crate) fn numbered(&self, id: u16) -> Option<&Own> {
        self.own.iter().find(|own| own.entry.id == id)
    }

    /// The parameters in use that have no rows yet of a version which `seq` wrote.
    pub(crate) fn without_rows(&self, type_code: u16, number: u64, seq: u64) -> Vec<u16> {
        let here = At { type_code, number };
        let lacks = |own: &&Own| match own.entry.state {
            State::Building(at) => here >= at && seq <= own.entry.since,
            State::Ready | State::Retiring(_) => false,
        };
        self.own.iter().filter(lacks).map(|own| own.entry.id).collect()
    }

    /// The kind of an active parameter by its canonical address.
    fn kind_of(&self, url: &str) -> Option<Kind> {
        let active = self.own.iter().filter(|own| !own.entry.is_retiring());
        let mut definitions = active.filter_map(|own| own.definition.as_ref());
        definitions.find(|definition| definition.url == url).map(|definition| definition.kind)
    }

    /// The parameter that would give a type a second one of the same name.
    fn clash(&self, number: u64, wished: &Definition) -> bool {
        let others = self.own.iter().filter(|own| own.entry.number != number && !own.entry.is_retiring());
        others.filter_map(|own| own.definition.as_ref()).any(|other| other.clashes(wished))
    }

    /// Takes in a new version of the SearchParameter of this number, as the record `seq` wrote it; `wish` is what it asks.
    ///
    /// `is_empty` says whether a type has no resources: then nothing has to be built.
    pub(crate) fn take(
        &mut self,
        (number, version, seq): (u64, u64, u64),
        wish: Wish,
        is_empty: &dyn Fn(u16) -> Result<bool>,
    ) -> Result<()> {
        let wished = match wish {
            Wish::Own(definition) if !self.clash(number, &definition) => Some(definition),
            _ => None,
        };
        let current = self.own.iter_mut().find(|own| own.entry.number == number && !own.entry.is_retiring());
        if let Some(current) = current {
            if wished.is_some() && current.definition.as_deref() == wished.as_ref() {
                current.entry.version = version;
                return Ok(());
            }
            let id = current.entry.id;
            current.entry.since = seq;
            current.entry.done = 0;
            match first_place(current, 0, is_empty)? {
                Some(at) => current.entry.state = State::Retiring(at),
                None => self.own.retain(|own| own.entry.id != id),
            }
        }
        let Some(definition) = wished else { return Ok(()) };
        let Some(next) = self.next_id.checked_add(1).filter(|_| self.own.len() < OWN_MAX) else {
            return Ok(());
        };
        let kinds = own_kinds(&definition);
        let entry =
            Entry { id: self.next_id, number, version, since: seq, state: State::Ready, done: 0, kinds };
        self.next_id = next;
        let mut own = Own::new(entry, Some(Arc::new(definition)));
        if let Some(at) = first_place(&own, 0, is_empty)? {
            own.entry.state = State::Building(at);
        }
        self.own.push(own);
        Ok(())
    }

    /// Moves the walk of a parameter on behind `until` of a type; at the end of the last it is ready, or gone.
    pub(crate) fn advance(
        &mut self,
        id: u16,
        (type_code, until): (u16, u64),
        done: u64,
        is_empty: &dyn Fn(u16) -> Result<bool>,
    ) -> Result<()> {
        let Some(own) = self.own.iter_mut().find(|own| own.entry.id == id) else { return Ok(()) };
        own.entry.done += done;
        let next = match until {
            u64::MAX => first_place(own, type_code.saturating_add(1), is_empty)?,
            number => Some(At { type_code, number }),
        };
        match (own.entry.state, next) {
            (State::Building(_), Some(at)) => own.entry.state = State::Building(at),
            (State::Retiring(_), Some(at)) => own.entry.state = State::Retiring(at),
            (State::Building(_), None) => own.entry.state = State::Ready,
            (State::Retiring(_), None) => self.own.retain(|own| own.entry.id != id),
            (State::Ready, _) => {}
        }
        Ok(())
    }

    /// The row to write.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + self.own.len() * 16);
        put_varint(&mut out, u64::from(self.next_id));
        put_varint(&mut out, self.own.len() as u64);
        for Own { entry, .. } in &self.own {
            put_varint(&mut out, u64::from(entry.id));
            put_varint(&mut out, entry.number);
            put_varint(&mut out, entry.version);
            put_varint(&mut out, entry.since);
            let (state, at) = match entry.state {
                State::Ready => (0, None),
                State::Building(at) => (1, Some(at)),
                State::Retiring(at) => (2, Some(at)),
            };
            out.push(state);
            if let Some(at) = at {
                put_varint(&mut out, u64::from(at.type_code));
                put_varint(&mut out, at.number);
            }
            put_varint(&mut out, entry.done);
            put_varint(&mut out, entry.kinds.len() as u64);
            out.extend(entry.kinds.iter().map(|kind| kind_number(*kind)));
        }
        out
    }
}

fn decode(bytes: &[u8]) -> std::result::Result<(u16, Vec<Entry>), Malformed> {
    if bytes.is_empty() {
        return Ok((CUSTOM_FIRST, Vec::new()));
    }
    let mut reader = Reader::new(bytes);
    let next_id = u16::try_from(reader.varint()?).map_err(|_| Malformed)?;
    let count = reader.varint()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let id = u16::try_from(reader.varint()?).map_err(|_| Malformed)?;
        let (number, version, since) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let state = reader.byte()?;
        let mut at = || {
            let type_code = u16::try_from(reader.varint()?).map_err(|_| Malformed)?;
            Ok(At { type_code, number: reader.varint()? })
        };
        let state = match state {
            0 => State::Ready,
            1 => State::Building(at()?),
            2 => State::Retiring(at()?),
            _ => return Err(Malformed),
        };
        let done = reader.varint()?;
        let mut kinds = Vec::new();
        for _ in 0..reader.varint()? {
            kinds.push(kind_numbered(reader.byte()?).ok_or(Malformed)?);
        }
        entries.push(Entry { id, number, version, since, state, done, kinds });
    }
    Ok((next_id, entries))
}

/// The kinds that a part of a composite can have, by their numbers in rows.
const PART_KINDS: &[Kind] =
    &[Kind::Number, Kind::Date, Kind::String, Kind::Token, Kind::Reference, Kind::Quantity, Kind::Uri];

fn kind_number(kind: Kind) -> u8 {
    PART_KINDS.iter().position(|known| *known == kind).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn kind_numbered(number: u8) -> Option<Kind> {
    PART_KINDS.get(usize::from(number)).copied()
}

/// The kinds that only the tenant's own parameters tell.
fn own_kinds(definition: &Definition) -> Vec<Kind> {
    let own = definition.components.iter().filter(|part| !custom::is_of_standard(&part.definition));
    own.map(|part| part.kind).collect()
}

/// The first place, from a type on, where there may be resources without rows.
fn first_place(own: &Own, from: u16, is_empty: &dyn Fn(u16) -> Result<bool>) -> Result<Option<At>> {
    let mut codes: Vec<u16> = own.codes().filter(|code| *code >= from).collect();
    codes.sort_unstable();
    for type_code in codes {
        if !is_empty(type_code)? {
            return Ok(Some(At { type_code, number: 0 }));
        }
    }
    Ok(None)
}

/// What the defining version of a parameter says.
fn definition(view: &View, entry: &Entry) -> Result<Option<Definition>> {
    let row = view.row_of_version(layout::SEARCH_PARAMETER_CODE, entry.number, entry.version)?;
    let Some(row) = row else { return Ok(None) };
    let body = match view.body(layout::SEARCH_PARAMETER_CODE, entry.number, &row) {
        Err(error) if error.kind() == ErrorKind::Gone => None,
        other => other?,
    };
    let Some(body) = body else { return Ok(None) };
    let value = body.value().map_err(corrupt)?;
    let kinds = std::cell::RefCell::new(entry.kinds.iter().copied());
    match custom::read(&value, &|_| kinds.borrow_mut().next()) {
        Ok(Wish::Own(definition)) => Ok(Some(definition)),
        _ => Ok(None),
    }
}

/// What a version of a SearchParameter asks, with the tenant's parameters as they are.
pub(crate) fn wish(parameters: &Parameters, value: &fhir::json::Value) -> Result<Wish> {
    custom::read(value, &|url| parameters.kind_of(url))
        .map_err(|issues| Error::with_issues(ErrorKind::Unprocessable, issues))
}

/// Refuses SearchParameters that cannot be offered, or whose name is taken.
pub(crate) fn admit(view: &View, drafts: &[Draft]) -> Result<()> {
    let mut wished: Vec<Definition> = Vec::new();
    let written: HashSet<[u8; 16]> = drafts.iter().map(|draft| draft.id_hash).collect();
    for draft in drafts.iter().filter(|draft| draft.type_code == layout::SEARCH_PARAMETER_CODE) {
        let Content::Put(prepared) = &draft.content else { continue };
        let parameters = view.parameters()?;
        let value = prepared.body.value().map_err(corrupt)?;
        let Wish::Own(definition) = wish(parameters, &value)? else { continue };
        let mut replaced = HashSet::new();
        for hash in &written {
            replaced.extend(view.number_of_hash(hash)?);
        }
        let standing = parameters
            .own
            .iter()
            .filter(|own| !own.entry.is_retiring() && !replaced.contains(&own.entry.number))
            .filter_map(|own| own.definition.as_deref());
        if standing.chain(&wished).any(|other| other.clashes(&definition)) {
            let reason =
                "another active SearchParameter has this code for one of these types; retire it first";
            let issue = fhir::outcome::Issue::error(fhir::outcome::IssueType::Duplicate, reason);
            return Err(Error::with_issues(ErrorKind::Unprocessable, vec![issue.at("SearchParameter.code")]));
        }
        if parameters.own.len() + wished.len() >= OWN_MAX {
            return Err(Error::new(
                ErrorKind::TooCostly,
                format!("a tenant may have {OWN_MAX} search parameters of its own"),
            ));
        }
        wished.push(definition);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back() {
        let entry = |id, state| {
            let kinds = vec![Kind::Token, Kind::Quantity];
            Own::new(Entry { id, number: 7, version: 2, since: 900, state, done: 300, kinds }, None)
        };
        let at = At { type_code: 96, number: u64::MAX - 1 };
        let own = vec![
            entry(0x8000, State::Ready),
            entry(0x8001, State::Building(at)),
            entry(0x8002, State::Retiring(at)),
        ];
        let parameters = Parameters { own, next_id: 0x8003, ..Parameters::none() };
        let bytes = parameters.to_vec();
        let (next_id, entries) = decode(&bytes).unwrap();
        assert_eq!(next_id, 0x8003);
        assert!(entries.iter().eq(parameters.own.iter().map(|own| &own.entry)));
        for end in 1..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
