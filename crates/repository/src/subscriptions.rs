//! Subscriptions: which committed changes their owners are told of.
//!
//! - [`Definition`] reads a Subscription; [`topic`] says which changes are events of a topic.
//! - [`feed`](crate::feed) gives the changes in the order of the log; [`image`] shows a resource as it was at each of them,
//!   so that a query is asked of the very version that was committed, however late.
//! - [`SubscriptionState`] numbers the events and remembers on the shelf how far each subscription is.
//! - [`grant`] keeps in the log whose rights count: those of the writer of the Subscription. What they may not search is no
//!   event for them.
//!
//! The calls are in `access/notify.rs`. Not for: sending (the server does), time-outs, retries.

mod definition;
mod grant;
pub(crate) mod image;
mod state;
pub(crate) mod topic;

use compact_str::CompactString;
use fhir::json::Value;
use fhir::outcome::{Issue, IssueType};
use fhir::search::query::{Query, Test};
use storage::keys::TenantId;
use storage::log::{ReadLimit, Seq};
use storage::seal;

pub use definition::{Channel, Criteria, Definition, PayloadContent, SubscriptionStatus};
pub use state::{EVENTS_KEPT_MAX, SubscriptionEvent, SubscriptionState};
pub use topic::{CHANGE_TOPICS, change_topic};

use crate::error::{Error, ErrorKind, Result};
use crate::finding;
use crate::gate::Caller;
use crate::layout;
use crate::prepare::{Content, Draft};
use crate::record::Record;
use crate::row::Row;
use crate::store::Store;
use crate::view::{View, corrupt, engine};
use topic::{Topic, Trigger};

/// The code of the type Subscription.
pub(crate) const SUBSCRIPTION_CODE: u16 = 130;

/// Subscriptions of a tenant that are looked at.
pub const SUBSCRIPTIONS_MAX: usize = 10_000;

/// Topics in `Basic` resources that are looked at.
const TOPICS_MAX: usize = 1000;

/// What a subscription asks of each change, with its topic looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) filters: Vec<Query>,
    /// The types of the triggers, each once.
    pub(crate) types: Vec<u16>,
}

impl Plan {
    /// The codes of the types that it tells of.
    pub fn types(&self) -> &[u16] {
        &self.types
    }

    /// Finds the topic and puts the filters to it.
    ///
    /// # Errors
    /// `Unprocessable` for a topic that is not there or not supported, or a filter that it does not offer.
    pub(crate) fn of(view: &View, definition: &Definition) -> Result<Self> {
        let (triggers, filters) = match &definition.criteria {
            Criteria::Search(query) => {
                let code =
                    layout::type_code(&query.resource_type).ok_or_else(|| refused("criteria", "no type"))?;
                (vec![Trigger::search(code, query.as_ref().clone())], Vec::new())
            }
            Criteria::Topic { canonical, filters } => {
                let topic = find_topic(view, canonical)?;
                check_filters(&topic, filters)?;
                (topic.triggers, filters.clone())
            }
        };
        let mut types: Vec<u16> = triggers.iter().map(|trigger| trigger.type_code).collect();
        types.sort_unstable();
        types.dedup();
        Ok(Self { triggers, filters, types })
    }
}

fn refused(place: &str, text: impl Into<String>) -> Error {
    let issue = Issue::error(IssueType::NotSupported, text).at(format!("Subscription.{place}"));
    Error::with_issues(ErrorKind::Unprocessable, vec![issue])
}

fn find_topic(view: &View, canonical: &str) -> Result<Topic> {
    if let Some(topic) = topic::built_in(canonical) {
        return Ok(topic);
    }
    let (url, version) = match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (canonical, None),
    };
    let code = layout::type_code("Basic").unwrap_or_default();
    let search = "code=http://hl7.org/fhir/fhir-types|SubscriptionTopic";
    for number in finding::all(view, "Basic", search, TOPICS_MAX)? {
        let Some(row) = view.row(code, number)? else { continue };
        let Some(body) = view.body(code, number, &row)? else { continue };
        let basic = body.value().map_err(corrupt)?;
        let Some((found, found_version)) = topic::canonical(&basic) else { continue };
        if found == url && (version.is_none() || version == found_version) {
            return topic::read(view.registry()?, &basic)
                .map_err(|issues| Error::with_issues(ErrorKind::Unprocessable, issues));
        }
    }
    let hint = format!(
        "this topic is not known here; `{CHANGE_TOPICS}Observation` (or another type) tells of every change, and others can \
         be stored as `Basic` resources"
    );
    Err(refused("criteria", hint))
}

/// A topic may say what it can be filtered by.
fn check_filters(topic: &Topic, filters: &[Query]) -> Result<()> {
    for filter in filters {
        let code = layout::type_code(&filter.resource_type);
        if !topic.triggers.iter().any(|trigger| Some(trigger.type_code) == code) {
            let text = format!("the topic tells of no {}", filter.resource_type);
            return Err(refused("criteria.extension", text));
        }
        for criterion in filter.criteria.iter().filter(|_| !topic.filters.is_empty()) {
            let name = match &criterion.test {
                Test::Own { parameter, .. } | Test::Chain { parameter, .. } => parameter.code.as_str(),
                _ => criterion.name.as_str(),
            };
            let offered = |(of, parameter): &(Option<u16>, String)| {
                parameter.as_str() == name && of.is_none_or(|of| Some(of) == code)
            };
            if !topic.filters.iter().any(offered) {
                return Err(refused(
                    "criteria.extension",
                    format!("the topic cannot be filtered by `{name}`"),
                ));
            }
        }
    }
    Ok(())
}

/// A Subscription as it stands, and who wrote it.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// Its logical id.
    pub id: CompactString,
    /// Its resource number.
    pub number: u64,
    /// Its version.
    pub version: u64,
    /// The record that wrote this version.
    pub seq: u64,
    /// What it asks for; `None` if it was deleted, issues if it cannot be served.
    pub definition: Option<std::result::Result<Definition, Vec<Issue>>>,
    /// The writer with the rights they had; `None` where they are not known, which is as if they had none.
    pub owner: Option<Caller>,
}

impl Store {
    /// All Subscriptions of a tenant that are not deleted, at most [`SUBSCRIPTIONS_MAX`].
    ///
    /// For the server's own use; who is shown one asks [`crate::Access`].
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    pub fn subscriptions(&self, tenant: TenantId) -> Result<Vec<Subscribed>> {
        let view = self.inner().core.snapshot(tenant.0)?;
        let mut all = Vec::new();
        for number in finding::all(&view, "Subscription", "", SUBSCRIPTIONS_MAX)? {
            all.extend(subscribed(&view, number)?);
        }
        Ok(all)
    }

    /// A Subscription by its number; `None` if nothing was ever written.
    ///
    /// # Errors
    /// As [`Self::subscriptions`].
    pub fn subscription(&self, tenant: TenantId, number: u64) -> Result<Option<Subscribed>> {
        subscribed(&self.inner().core.snapshot(tenant.0)?, number)
    }

    /// A Subscription by its id; `None` if nothing was ever written.
    ///
    /// # Errors
    /// As [`Self::subscriptions`].
    pub fn subscription_named(&self, tenant: TenantId, id: &str) -> Result<Option<Subscribed>> {
        let view = self.inner().core.snapshot(tenant.0)?;
        match view.number(SUBSCRIPTION_CODE, id)? {
            Some(number) => subscribed(&view, number),
            None => Ok(None),
        }
    }
}

fn subscribed(view: &View, number: u64) -> Result<Option<Subscribed>> {
    let Some(row) = view.row(SUBSCRIPTION_CODE, number)? else { return Ok(None) };
    let found = |id: CompactString| Subscribed {
        id,
        number,
        version: row.version,
        seq: row.seq,
        definition: None,
        owner: None,
    };
    let Some(body) = view.body(SUBSCRIPTION_CODE, number, &row)? else {
        let id = view.versioned(SUBSCRIPTION_CODE, number, &row)?.id;
        return Ok(Some(found(id)));
    };
    let value = body.value().map_err(corrupt)?;
    let definition = Definition::read(view.registry()?, &value);
    let grant = grant_of(view, &row)?;
    let owner = if grant.is_empty() { None } else { grant::read(&grant, TenantId(view.tenant)).ok() };
    let id = body.id().map_err(corrupt)?.into();
    Ok(Some(Subscribed { definition: Some(definition), owner, ..found(id) }))
}

/// The grant in the record that wrote a row; empty if there is none.
pub(crate) fn grant_of(view: &View, row: &Row) -> Result<Vec<u8>> {
    let limit = ReadLimit { records_max: 1, ..ReadLimit::default() };
    let records = view.core.log.read(Seq(row.seq), limit).map_err(engine)?;
    let Some((seq, sealed)) = records.first().filter(|(seq, _)| seq.0 == row.seq) else {
        return Ok(Vec::new());
    };
    let aad = [&b"record"[..], &seq.0.to_be_bytes()];
    let opened = seal::open_with(&view.core.ring, &aad, sealed.as_bytes()).map_err(corrupt)?;
    Ok(Record::read(&opened).map_err(corrupt)?.origin.grant)
}

/// Whether a draft writes a Subscription.
pub(crate) fn is_written(draft: &Draft) -> bool {
    draft.type_code == SUBSCRIPTION_CODE && matches!(draft.content, Content::Put(_))
}

/// The grant of a caller, for a record.
pub(crate) fn grant(caller: &Caller) -> Vec<u8> {
    grant::write(caller)
}

/// A version of a resource that has been looked up for a plan: as it is, and the state of the index in which it stands.
pub(crate) struct Candidate<'a> {
    view: &'a View,
    at: (u16, u64),
    row: Option<Row>,
    image: Option<Option<View>>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(view: &'a View, at: (u16, u64), version: u64) -> Result<Self> {
        let row = if version == 0 { None } else { view.row_of_version(at.0, at.1, version)? };
        Ok(Self { view, at, row, image: None })
    }

    /// The version itself; `None` if it is a deletion, was erased or never was.
    pub(crate) fn value(&self) -> Result<Option<Value>> {
        let Some(row) = &self.row else { return Ok(None) };
        match self.view.body(self.at.0, self.at.1, row) {
            Ok(body) => body.map(|body| body.value().map_err(corrupt)).transpose(),
            Err(error) if error.kind() == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The index with this version in it; `None` if it is a deletion, was erased or never was.
    pub(crate) fn image(&mut self) -> Result<Option<&View>> {
        if self.image.is_none() {
            let made = match &self.row {
                Some(row) => image::as_of(self.view, self.at.0, self.at.1, row)?,
                None => None,
            };
            self.image = Some(made);
        }
        Ok(self.image.as_ref().and_then(Option::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_subscription_is_that_of_the_list_of_types() {
        assert_eq!(layout::type_code("Subscription"), Some(SUBSCRIPTION_CODE));
    }
}
