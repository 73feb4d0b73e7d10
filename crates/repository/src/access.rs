//! `Access`: the only door to resources. Every call is decided, done and audited here, once.

mod apply;
mod bundle;
mod document;
mod erase;
mod everything;
mod history;
mod import;
mod lastn;
mod masking;
mod meta;
mod needs;
mod notify;
mod scanning;
mod terminology;
mod validate;
mod write;

pub use apply::{CHANGES_MAX, Job, Standing, WorkOut, apply_together};
pub use bundle::BUNDLE_ENTRIES_MAX;
pub use document::Document;
pub use erase::Erased;
pub use everything::{EVERYTHING_COUNT_DEFAULT, EVERYTHING_COUNT_MAX, EverythingOptions};
pub(crate) use import::{ImportDone, ImportLine};
pub use notify::{Found, Told};
pub use validate::{Validation, ValidationMode};

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use compact_str::CompactString;
use fhir::json::Value;
use fhir::search::Registry;
use fhir::search::query::{Across, Query, SearchContext};
use protect::access::Interaction;

use crate::error::{Error, ErrorKind, Result, Signal};
use crate::finding;
use crate::gate::{self, Caller, Reach, Shown};
use crate::layout;
use crate::prepare::{Answer, Content, Done, Draft, Guard, Need, Transaction, prepare};
use crate::record::Origin;
use crate::reindex::Reindexing;
use crate::row::Row;
use crate::search::Beginnings;
use crate::store::Inner;
use crate::subscriptions;
use crate::types::{Conditions, Read, SearchPage, Versioned};
use crate::veil::MaskedView;
use crate::view::{View, corrupt};

/// Tries of a call whose preparation was overtaken by other writers.
const TRIES_MAX: usize = 16;

/// One caller's door to the store. Cheap to make: one for each request.
pub struct Access {
    inner: Arc<Inner>,
    caller: Caller,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Access {
    pub(crate) fn new(inner: Arc<Inner>, caller: Caller) -> Self {
        Self { inner, caller }
    }

    /// The current version of a resource (R4 http.html#read).
    ///
    /// # Errors
    /// `NotFound`, `Gone` after a deletion, `Denied`.
    pub fn read(&self, resource_type: &str, id: &str) -> Result<Versioned> {
        match self.read_if(resource_type, id, Conditions::default())? {
            Read::Found(found) => Ok(found),
            Read::NotModified { .. } => {
                Err(Error::internal(ErrorKind::Internal, "a read without conditions"))
            }
        }
    }

    /// The current version, unless the caller holds it already (R4 http.html#cread).
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_if(&self, resource_type: &str, id: &str, conditions: Conditions) -> Result<Read> {
        self.audited_in_view(Interaction::Read, Some(resource_type), |shown| {
            let masked = match &self.caller.masked {
                Some(_) => self.masked_view(&self.view()?)?,
                None => None,
            };
            let id = match &masked {
                Some(masked) => masked.real_id(resource_type, id)?,
                None => id.into(),
            };
            let real = self.current(&shown.reach, resource_type, &id)?;
            let (found, real) = match &masked {
                Some(masked) => (masked.show(&real)?, Some(real)),
                None => (real, None),
            };
            let (version, last_updated_ms) = (found.version, found.last_updated_ms);
            // The masked view does not tell when something changed.
            let holds_time = conditions
                .if_modified_since_ms
                .filter(|_| masked.is_none())
                .is_some_and(|since| last_updated_ms.div_euclid(1000) <= since.div_euclid(1000));
            // If-None-Match goes before If-Modified-Since (RFC 9110, 13.2.2).
            let holds = conditions.if_none_match.map_or(holds_time, |held| held.holds(version));
            if holds {
                return Ok(Read::NotModified { version, last_updated_ms });
            }
            shown.add(real.as_ref().unwrap_or(&found));
            if let Some(masked) = &masked {
                masked.note(shown);
            }
            Ok(Read::Found(found))
        })
    }

    /// What the caller sees instead of resources as they are, if so.
    fn masked_view(&self, view: &View) -> Result<Option<MaskedView<'_>>> {
        MaskedView::of(&self.inner, &self.caller, view)
    }

    /// One version of a resource (R4 http.html#vread).
    ///
    /// # Errors
    /// `NotFound`, `Gone` if that version is a deletion, `Denied`.
    pub fn vread(&self, resource_type: &str, id: &str, version: u64) -> Result<Versioned> {
        self.audited(Interaction::Vread, Some(resource_type), |shown| {
            let found = self.version(&shown.reach, resource_type, id, version)?;
            shown.add(&found);
            Ok(found)
        })
    }

    /// A page of a search.
    ///
    /// # Errors
    /// `Invalid` for a query that cannot be run, `TooCostly` beyond its bounds, `Denied`.
    pub fn search(&self, query: &Query) -> Result<SearchPage> {
        let resource_type = query.resource_type.to_string();
        self.audited_in_view(Interaction::SearchType, Some(&resource_type), |shown| {
            self.run_search(query, shown)
        })
    }

    /// Another page of a search, by the token of a page's link. The token holds the search, its page size included.
    ///
    /// # Errors
    /// `Invalid` for a token that was altered, or made for another tenant, caller or type; else as [`Self::search`].
    pub fn search_page(&self, resource_type: &str, token: &str) -> Result<SearchPage> {
        self.audited_in_view(Interaction::SearchType, Some(resource_type), |shown| {
            let view = self.inner.core.snapshot(self.tenant())?;
            let (query, beginnings) = finding::open_page(&view, resource_type, token, &self.caller)?;
            self.find(&view, &query, &beginnings, shown)
        })
    }

    /// A page of a search over several types or of a compartment (R4 http.html#search).
    ///
    /// Types that the request does not name and the caller may not search are left out.
    ///
    /// # Errors
    /// `Denied` if a named type, or every type, may not be searched; else as [`Self::search`].
    pub fn search_across(&self, across: &Across) -> Result<SearchPage> {
        self.audited_across(&across.context, self.searchable(across), |shown| {
            let view = self.inner.core.snapshot(self.tenant())?;
            self.find_across(&view, across, &Beginnings::default(), shown)
        })
    }

    /// Another page of a search over several types or of a compartment.
    ///
    /// # Errors
    /// As [`Self::search_page`] and [`Self::search_across`].
    pub fn search_across_page(&self, context: &SearchContext, token: &str) -> Result<SearchPage> {
        self.audited_across(context, Ok(()), |shown| {
            let view = self.inner.core.snapshot(self.tenant())?;
            let (across, beginnings) = finding::open_page_across(&view, context, token, &self.caller)?;
            self.searchable(&across)?;
            self.find_across(&view, &across, &beginnings, shown)
        })
    }

    /// What is permitted is decided type by type; `decided` says whether anything is.
    fn audited_across<T>(
        &self,
        context: &SearchContext,
        decided: Result<()>,
        work: impl FnOnce(&mut Shown) -> Result<T>,
    ) -> Result<T> {
        let interaction = match context.resource_type {
            Some(_) => Interaction::SearchType,
            None => Interaction::SearchSystem,
        };
        let resource_type = context.resource_type.as_deref();
        let decided = decided.map(|()| Reach::All);
        gate::recorded_in_view(&self.inner, &self.caller, (interaction, resource_type, ""), decided, work)
    }

    /// Refuses if a named type may not be searched, or none may.
    fn searchable(&self, across: &Across) -> Result<()> {
        let decide = |query: &Query| self.caller.decide(Interaction::SearchType, Some(&query.resource_type));
        if across.names_types {
            return across.queries.iter().try_for_each(|query| decide(query).map(|_| ()));
        }
        if across.queries.iter().any(|query| decide(query).is_ok()) {
            return Ok(());
        }
        self.caller.decide(Interaction::SearchSystem, None).map(|_| ())
    }

    fn find_across(
        &self,
        view: &View,
        across: &Across,
        beginnings: &Beginnings,
        shown: &mut Shown,
    ) -> Result<SearchPage> {
        let path = finding::token_path(&across.context);
        shown.query_hash = Some(hash_of(view, &path, &across.used));
        let asker = finding::Asker {
            caller: &self.caller,
            reach: &shown.reach,
            now_ms: self.inner.clock.now_ms(),
            base: self.inner.options.base_url.as_deref(),
        };
        let masked = self.masked_view(view)?;
        let admitted =
            masked.as_ref().map(|masked| across.queries.iter().map(|query| masked.admit(query)).collect());
        let admitted: Option<Vec<Query>> = admitted.transpose()?;
        let queries = (admitted.as_ref().unwrap_or(&across.queries).as_slice(), &across.used);
        let mut page = finding::run_across(view, &path, queries, beginnings, &asker)?;
        page.entries.iter().for_each(|entry| shown.add(&entry.versioned));
        if let (Some(masked), Some(query)) = (&masked, across.queries.first()) {
            masked.show_page(&mut page, query)?;
            masked.note(shown);
        }
        Ok(page)
    }

    fn run_search(&self, query: &Query, shown: &mut Shown) -> Result<SearchPage> {
        let view = self.inner.core.snapshot(self.tenant())?;
        self.find(&view, query, &Beginnings::default(), shown)
    }

    fn find(
        &self,
        view: &View,
        query: &Query,
        beginnings: &Beginnings,
        shown: &mut Shown,
    ) -> Result<SearchPage> {
        shown.query_hash = Some(query_hash(view, query));
        let asker = finding::Asker {
            caller: &self.caller,
            reach: &shown.reach,
            now_ms: self.inner.clock.now_ms(),
            base: self.inner.options.base_url.as_deref(),
        };
        let masked = self.masked_view(view)?;
        let admitted = masked.as_ref().map(|masked| masked.admit(query)).transpose()?;
        let mut page = finding::run(view, admitted.as_ref().unwrap_or(query), beginnings, &asker)?;
        page.entries.iter().for_each(|entry| shown.add(&entry.versioned));
        if let Some(masked) = &masked {
            masked.show_page(&mut page, query)?;
            masked.note(shown);
        }
        Ok(page)
    }

    fn audited<T>(
        &self,
        interaction: Interaction,
        resource_type: Option<&str>,
        work: impl FnOnce(&mut Shown) -> Result<T>,
    ) -> Result<T> {
        gate::audited(&self.inner, &self.caller, interaction, resource_type, work)
    }

    /// As [`Self::audited`], for what shows who may only see masked nothing else.
    fn audited_in_view<T>(
        &self,
        interaction: Interaction,
        resource_type: Option<&str>,
        work: impl FnOnce(&mut Shown) -> Result<T>,
    ) -> Result<T> {
        let decided = self.caller.decide(interaction, resource_type);
        gate::recorded_in_view(&self.inner, &self.caller, (interaction, resource_type, ""), decided, work)
    }

    /// As [`Self::audited`] for an operation: the event names it.
    fn operation<T>(
        &self,
        interaction: Interaction,
        name: &'static str,
        resource_type: &str,
        work: impl FnOnce(&mut Shown) -> Result<T>,
    ) -> Result<T> {
        self.audited(interaction, Some(resource_type), |shown| {
            shown.operation = name;
            work(shown)
        })
    }

    /// Refuses what lies beyond the caller's reach as if it were not there.
    fn admit(&self, reach: &Reach, view: &View, (code, number): (u16, u64), row: &Row) -> Result<()> {
        if code == layout::BINARY_CODE {
            return self.admit_binary(reach, view, number, row);
        }
        let Reach::Patient(patient) = reach else { return Ok(()) };
        let Some(body) = view.body(code, number, row)? else { return Err(Error::not_found()) };
        let value = body.value().map_err(corrupt)?;
        if fhir::search::patient_compartment(&value).contains(patient) {
            return Ok(());
        }
        Err(Error::not_found())
    }

    /// A Binary with a security context is for those who may read that; without one it is in nobody's compartment
    /// (R4 binary.html#security-context).
    fn admit_binary(&self, reach: &Reach, view: &View, number: u64, row: &Row) -> Result<()> {
        if *reach == Reach::All && self.caller.decide(Interaction::Read, None) == Ok(Reach::All) {
            return Ok(());
        }
        let body = view.body(layout::BINARY_CODE, number, row)?;
        let value = body.map(|body| body.value().map_err(corrupt)).transpose()?;
        let context = value.as_ref().and_then(|value| value.get("securityContext"));
        let Some(context) = context else {
            return if *reach == Reach::All { Ok(()) } else { Err(Error::not_found()) };
        };
        let reference = context.get("reference").and_then(Value::as_str).unwrap_or_default();
        let (name, id) = reference.split_once('/').ok_or_else(Error::not_found)?;
        let code = layout::type_code(name).filter(|code| *code != layout::BINARY_CODE);
        let code = code.ok_or_else(Error::not_found)?;
        let reach = self.caller.decide(Interaction::Read, Some(name)).map_err(|_| Error::not_found())?;
        let (number, row) =
            view.find(code, id)?.filter(|(_, row)| !row.deleted).ok_or_else(Error::not_found)?;
        self.admit(&reach, view, (code, number), &row)
    }

    /// The search parameters that the caller's tenant has now: to read a request with.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown tenant, [`ErrorKind::Unavailable`] if the index cannot be read.
    pub fn registry(&self) -> Result<Arc<Registry>> {
        self.view()?.registry().cloned()
    }

    /// How far the search parameters are that the tenant defined itself.
    ///
    /// # Errors
    /// `Denied` to those who may not search SearchParameters, `Unavailable` if the index cannot be read.
    pub fn reindexing(&self) -> Result<Vec<Reindexing>> {
        self.audited(Interaction::SearchType, Some("SearchParameter"), |shown| match shown.reach {
            Reach::All => crate::reindex::status(&self.inner.core.snapshot(self.tenant())?),
            Reach::Patient(_) => Ok(Vec::new()),
        })
    }

    fn tenant(&self) -> u32 {
        self.caller.tenant.0
    }

    /// The newest state, for reading or preparing.
    fn view(&self) -> Result<View> {
        self.inner.core.view(self.tenant())
    }

    fn current(&self, reach: &Reach, resource_type: &str, id: &str) -> Result<Versioned> {
        let view = self.view()?;
        let code = type_code(resource_type)?;
        let (number, row) = view.find(code, id)?.ok_or_else(Error::not_found)?;
        self.admit(reach, &view, (code, number), &row)?;
        if row.deleted {
            return Err(gone());
        }
        view.versioned(code, number, &row)
    }

    fn version(&self, reach: &Reach, resource_type: &str, id: &str, version: u64) -> Result<Versioned> {
        let view = self.view()?;
        let code = type_code(resource_type)?;
        let number = view.number(code, id)?.ok_or_else(Error::not_found)?;
        let row = view.row_of_version(code, number, version)?.ok_or_else(Error::not_found)?;
        self.admit(reach, &view, (code, number), &row)?;
        if row.deleted {
            return Err(gone());
        }
        view.versioned(code, number, &row)
    }

    /// Hands a transaction to the committer and waits.
    fn submit(
        &self,
        view: View,
        position: u64,
        drafts: Vec<Draft>,
        guards: Vec<Guard>,
        origin: Origin,
    ) -> Result<Vec<Done>> {
        self.submit_needing(view, position, drafts, (guards, Vec::new()), origin)
    }

    /// Hands a transaction to the committer and waits. Its needs are the resources that must still be there at the commit.
    fn submit_needing(
        &self,
        view: View,
        position: u64,
        drafts: Vec<Draft>,
        (guards, needs): (Vec<Guard>, Vec<Need>),
        origin: Origin,
    ) -> Result<Vec<Done>> {
        let transaction = self.ready(view, position, drafts, (guards, needs), origin);
        let answers = self.hand_over(vec![transaction])?;
        answers.into_iter().next().map_or_else(|| Err(committer_gone()), |answer| wait_for(&answer))
    }

    /// A transaction of this caller, ready for the committer.
    fn ready(
        &self,
        view: View,
        position: u64,
        drafts: Vec<Draft>,
        (guards, needs): (Vec<Guard>, Vec<Need>),
        mut origin: Origin,
    ) -> Transaction {
        if origin.grant.is_empty() && drafts.iter().any(subscriptions::is_written) {
            origin.grant = subscriptions::grant(&self.caller);
        }
        Transaction { view, position, origin, drafts, guards, needs, step: None }
    }

    /// Hands transactions to the committer, in this order and next to each other; gives where each one's answer will come.
    fn hand_over(&self, transactions: Vec<Transaction>) -> Result<Vec<Receiver<Answer>>> {
        if self.inner.is_poisoned() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the store refuses writes after a failed one; it has to be restarted",
            ));
        }
        self.inner.queue.push_all(transactions)
    }

    /// Prepares and submits again while other writers are faster.
    fn retrying<T>(&self, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let mut tries = 0;
        loop {
            tries += 1;
            match attempt() {
                Err(error) if error.signal() == Some(Signal::Stale) && tries < TRIES_MAX => {}
                result => return result,
            }
        }
    }

    /// Checks a resource against the R4 definitions.
    fn check(&self, resource_type: &str, value: &Value) -> Result<()> {
        if value.resource_type() != Some(resource_type) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("a resource of type {resource_type} is expected here"),
            ));
        }
        if !self.inner.options.validate {
            return Ok(());
        }
        let issues = fhir::validate::validate(value);
        if issues.iter().any(|issue| issue.severity >= fhir::outcome::Severity::Error) {
            return Err(Error::with_issues(ErrorKind::Unprocessable, issues));
        }
        if resource_type == "Subscription" {
            self.check_subscription(value)?;
        }
        Ok(())
    }

    fn content(&self, view: &View, code: u16, id: &str, value: Value) -> Result<Content> {
        Ok(Content::Put(Box::new(prepare(view, code, id, value)?)))
    }

    /// A new server-assigned id: a UUID of version 4.
    fn new_id(&self) -> CompactString {
        let mut bytes = [0_u8; 16];
        self.inner.random.fill(&mut bytes);
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        crate::codec::uuid_text(&bytes).into()
    }

    /// Who and why, for the record.
    fn origin(&self) -> Origin {
        self.caller.origin()
    }
}

/// The committer's answer to one transaction.
fn wait_for(answer: &Receiver<Answer>) -> Result<Vec<Done>> {
    answer.recv().unwrap_or_else(|_| Err(committer_gone()))
}

fn committer_gone() -> Error {
    Error::internal(ErrorKind::Unavailable, "the committer is gone")
}

fn query_hash(view: &View, query: &Query) -> [u8; 16] {
    hash_of(view, &query.resource_type, &query.used)
}

fn hash_of(view: &View, path: &str, used: &[(String, String)]) -> [u8; 16] {
    let mut parts: Vec<&[u8]> = vec![b"query", path.as_bytes()];
    for (name, value) in used {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    view.keys.index_key.keyed_hash16(&parts)
}

/// The code of a type that a caller named.
fn type_code(resource_type: &str) -> Result<u16> {
    layout::type_code(resource_type)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "this is no resource type of FHIR R4"))
}

fn gone() -> Error {
    Error::new(ErrorKind::Gone, "the resource was deleted")
}

/// Checks the form of a logical id (R4 datatypes.html#id).
fn check_id(id: &str) -> Result<()> {
    let good = (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if good {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, "a logical id has 1 to 64 letters, digits, hyphens or dots"))
}
