//! A Subscription resource, read: what is asked for, where it goes, and how.
//!
//! Two shapes are known: the topic-based one of the Subscriptions R5 Backport guide 1.1 (`criteria` is the canonical URL of a
//! topic, the rest stands in extensions), and the plain one of R4 (`criteria` is a search such as `Observation?code=…`).
//! Reading is pure; whether a topic exists and a host may be reached is found out elsewhere.

use std::sync::Arc;

use compact_str::CompactString;
use fhir::json::Value;
use fhir::outcome::{Issue, IssueType};
use fhir::search::Registry;
use fhir::search::query::Query;

use crate::finding;

/// What all extensions of the guide begin with.
const GUIDE: &str = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/";
/// Headers of one channel.
const HEADERS_MAX: usize = 32;
/// Filters of one subscription.
const FILTERS_MAX: usize = 32;
/// Bytes of an endpoint, of a header, of a criteria text.
const TEXT_BYTES_MAX: usize = 4096;
/// The shortest heartbeat period that is kept, in seconds.
const HEARTBEAT_SECONDS_MIN: u64 = 5;
/// The longest attempt, in seconds.
const TIMEOUT_SECONDS_MAX: u64 = 120;
/// Events in a notification where the subscription does not say.
const COUNT_DEFAULT: usize = 20;
/// The most events in a notification, whatever the subscription says.
const COUNT_MAX: usize = 500;

/// `Subscription.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// The client has asked for it; it is not set up yet.
    Requested,
    /// Notifications are sent.
    Active,
    /// Delivery failed; the client has to ask again.
    Error,
    /// Switched off.
    Off,
}

impl SubscriptionStatus {
    /// The code of <http://hl7.org/fhir/subscription-status>.
    pub fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Active => "active",
            Self::Error => "error",
            Self::Off => "off",
        }
    }

    fn read(code: &str) -> Option<Self> {
        [Self::Requested, Self::Active, Self::Error, Self::Off]
            .into_iter()
            .find(|status| status.code() == code)
    }
}

/// How much of a resource a notification carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadContent {
    /// Only that something happened.
    Empty,
    /// References to the resources.
    IdOnly,
    /// The resources.
    FullResource,
}

impl PayloadContent {
    /// The content of a code of the guide's value set.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "empty" => Some(Self::Empty),
            "id-only" => Some(Self::IdOnly),
            "full-resource" => Some(Self::FullResource),
            _ => None,
        }
    }
}

/// How notifications travel.
#[derive(Clone, PartialEq, Eq)]
pub enum Channel {
    /// A request to an endpoint for each notification.
    RestHook {
        /// The URL.
        endpoint: String,
        /// Headers to send along: secrets, as a rule.
        headers: Vec<(String, String)>,
    },
    /// A connection that the client opens.
    WebSocket,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RestHook { .. } => "RestHook",
            Self::WebSocket => "WebSocket",
        })
    }
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Criteria {
    /// The events of a topic that pass all filters for their type.
    Topic {
        /// The topic's canonical URL.
        canonical: String,
        /// The filters.
        filters: Vec<Query>,
    },
    /// Whatever a search finds from now on (R4).
    Search(Box<Query>),
}

/// A Subscription, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its logical id; empty if it has none yet.
    pub id: CompactString,
    /// Its status, as it stands.
    pub status: SubscriptionStatus,
    /// When it ends, milliseconds since 1970 UTC.
    pub end_ms: Option<i64>,
    /// What is to be told.
    pub criteria: Criteria,
    /// How.
    pub channel: Channel,
    /// How much of each resource. `None` for a plain R4 channel without `payload`, which is told that something happened and
    /// nothing else.
    pub content: Option<PayloadContent>,
    /// Whether notifications are Bundles of the guide; otherwise they are those of R4.
    pub bundles: bool,
    /// Seconds of silence after which a heartbeat is sent.
    pub heartbeat_seconds: Option<u64>,
    /// Seconds that one attempt may take.
    pub timeout_seconds: u64,
    /// Events in one notification.
    pub count_max: usize,
}

impl Definition {
    /// Reads a Subscription that is valid R4.
    ///
    /// # Errors
    /// An issue for each thing that is not supported or cannot be understood, with its place.
    pub fn read(registry: &Arc<Registry>, resource: &Value) -> Result<Self, Vec<Issue>> {
        let mut reading = Reading { registry, issues: Vec::new() };
        let read = reading.definition(resource);
        match read {
            Some(definition) if reading.issues.is_empty() => Ok(definition),
            _ => Err(reading.issues),
        }
    }

    /// The canonical URL of its topic, if it has one.
    pub fn topic(&self) -> Option<&str> {
        match &self.criteria {
            Criteria::Topic { canonical, .. } => Some(canonical),
            Criteria::Search(_) => None,
        }
    }
}

struct Reading<'a> {
    registry: &'a Arc<Registry>,
    issues: Vec<Issue>,
}

impl Reading<'_> {
    fn refuse(&mut self, code: IssueType, place: &str, text: impl Into<String>) {
        self.issues.push(Issue::error(code, text).at(format!("Subscription.{place}")));
    }

    fn definition(&mut self, resource: &Value) -> Option<Definition> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = text(resource, "status").as_deref().and_then(SubscriptionStatus::read);
        if status.is_none() {
            self.refuse(
                IssueType::CodeInvalid,
                "status",
                "the status is none of requested, active, error, off",
            );
        }
        let Some(channel) = resource.get("channel") else {
            self.refuse(IssueType::Required, "channel", "a channel is needed");
            return None;
        };
        let payload = text(channel, "payload");
        if payload.as_deref().is_some_and(|kind| !is_json(kind)) {
            self.refuse(
                IssueType::NotSupported,
                "channel.payload",
                "the payload is `application/fhir+json` or none",
            );
        }
        let content = self.content(channel);
        let criteria = self.criteria(resource);
        let end_ms =
            text(resource, "end").and_then(|text| fhir::search::date::range(&text)).map(|(low, _)| low);
        let is_socket = channel.get("type").and_then(Value::as_str) == Some("websocket");
        let kind = self.channel(channel);
        let number = |name: &str| extension_number(channel, name);
        let bundles = content.is_some() || is_socket || matches!(criteria, Some(Criteria::Topic { .. }));
        let content = match (content, bundles, &payload) {
            (Some(content), _, _) => Some(content),
            (None, true, _) => Some(PayloadContent::Empty),
            (None, false, Some(_)) => Some(PayloadContent::FullResource),
            (None, false, None) => None,
        };
        Some(Definition {
            id: text(resource, "id").unwrap_or_default().into(),
            status: status?,
            end_ms,
            criteria: criteria?,
            channel: kind?,
            content,
            bundles,
            heartbeat_seconds: number("backport-heartbeat-period")
                .filter(|seconds| *seconds > 0)
                .map(|seconds| seconds.max(HEARTBEAT_SECONDS_MIN)),
            timeout_seconds: number("backport-timeout").unwrap_or(30).clamp(1, TIMEOUT_SECONDS_MAX),
            count_max: number("backport-max-count")
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(COUNT_DEFAULT)
                .clamp(1, COUNT_MAX),
        })
    }

    fn content(&mut self, channel: &Value) -> Option<PayloadContent> {
        let value = extension(channel.get("_payload")?, "backport-payload-content")?;
        let content = value.get("valueCode").and_then(Value::as_str).and_then(PayloadContent::from_code);
        if content.is_none() {
            let text = "the payload content is one of `empty`, `id-only`, `full-resource`";
            self.refuse(IssueType::CodeInvalid, "channel.payload.extension", text);
        }
        content
    }

    fn channel(&mut self, channel: &Value) -> Option<Channel> {
        if channel.get("_type").is_some_and(|kind| extension(kind, "backport-channel-type").is_some()) {
            self.refuse(
                IssueType::NotSupported,
                "channel.type",
                "no channel types beside those of R4 are supported",
            );
            return None;
        }
        let endpoint = channel.get("endpoint").and_then(Value::as_str);
        let headers = channel.get("header").map(Value::elements).unwrap_or_default();
        match channel.get("type").and_then(Value::as_str) {
            Some("websocket") => {
                if endpoint.is_some() || !headers.is_empty() {
                    let text =
                        "a websocket has no endpoint and no headers: the client connects to this server";
                    self.refuse(IssueType::Invalid, "channel", text);
                }
                Some(Channel::WebSocket)
            }
            Some("rest-hook") => {
                let Some(endpoint) = endpoint.filter(|endpoint| endpoint.len() <= TEXT_BYTES_MAX) else {
                    self.refuse(IssueType::Required, "channel.endpoint", "a rest-hook needs an endpoint");
                    return None;
                };
                let headers = self.headers(headers)?;
                Some(Channel::RestHook { endpoint: endpoint.to_owned(), headers })
            }
            _ => {
                let text = "the channel types that are supported are `rest-hook` and `websocket`";
                self.refuse(IssueType::NotSupported, "channel.type", text);
                None
            }
        }
    }

    fn headers(&mut self, given: &[Value]) -> Option<Vec<(String, String)>> {
        let mut headers = Vec::with_capacity(given.len().min(HEADERS_MAX));
        for (at, header) in given.iter().enumerate() {
            let text = header.as_str().unwrap_or_default();
            let pair = text.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
            let good = |(name, value): &(&str, &str)| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
                    && !value.is_empty()
                    && value.bytes().all(|byte| (0x20..0x7F).contains(&byte))
                    && !OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own))
            };
            match pair.filter(good).filter(|_| at < HEADERS_MAX && text.len() <= TEXT_BYTES_MAX) {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None => {
                    let place = format!("channel.header[{at}]");
                    self.refuse(
                        IssueType::Value,
                        &place,
                        "a header is `Name: value` in ASCII, and none that HTTP itself needs",
                    );
                    return None;
                }
            }
        }
        Some(headers)
    }

    fn criteria(&mut self, resource: &Value) -> Option<Criteria> {
        let Some(text) =
            resource.get("criteria").and_then(Value::as_str).filter(|text| text.len() <= TEXT_BYTES_MAX)
        else {
            self.refuse(
                IssueType::Required,
                "criteria",
                "criteria are needed: the canonical URL of a topic, or a search",
            );
            return None;
        };
        let extras =
            resource.get("_criteria").and_then(|extras| extras.get("extension")).map(Value::elements);
        let given: Vec<&str> = extras
            .unwrap_or_default()
            .iter()
            .filter(|one| is_of(one, "backport-filter-criteria"))
            .map(|one| one.get("valueString").and_then(Value::as_str).unwrap_or_default())
            .collect();
        if !text.contains(':')
            || text.split_once('?').is_some_and(|(name, _)| fhir::definitions::is_resource(name))
        {
            if !given.is_empty() {
                let text = "filters belong to a topic; put them into the search itself";
                self.refuse(IssueType::Invalid, "criteria.extension", text);
            }
            return Some(Criteria::Search(Box::new(self.search("criteria", text)?)));
        }
        if given.len() > FILTERS_MAX {
            self.refuse(
                IssueType::TooCostly,
                "criteria.extension",
                format!("more than {FILTERS_MAX} filters"),
            );
            return None;
        }
        let mut filters = Vec::with_capacity(given.len());
        for filter in given.iter().filter(|filter| filter.len() <= TEXT_BYTES_MAX) {
            filters.push(self.search("criteria.extension", filter)?);
        }
        Some(Criteria::Topic { canonical: text.to_owned(), filters })
    }

    /// `Type?search`; what is no condition on one resource (paging, includes, order) is refused.
    fn search(&mut self, place: &str, text: &str) -> Option<Query> {
        match criteria_query(self.registry, text) {
            Ok(query) => Some(query),
            Err(issues) => {
                self.issues.extend(issues.into_iter().map(|mut issue| {
                    issue.expression = vec![format!("Subscription.{place}")];
                    issue
                }));
                None
            }
        }
    }
}

/// Headers that HTTP or Ward sets.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A search that says which resources are meant, and nothing else.
pub(crate) fn criteria_query(registry: &Arc<Registry>, text: &str) -> Result<Query, Vec<Issue>> {
    let issue = |text: String| vec![Issue::error(IssueType::NotSupported, text)];
    let (name, parameters) = text.split_once('?').unwrap_or((text, ""));
    if !fhir::definitions::is_resource(name) {
        return Err(issue("expected a search such as `Observation?code=http://loinc.org|8867-4`".to_owned()));
    }
    let query = finding::parse_with(registry, name, parameters).map_err(|error| error.issues().to_vec())?;
    let more = !query.includes.is_empty()
        || !query.revincludes.is_empty()
        || !query.sort.is_empty()
        || query.count.is_some()
        || query.total.is_some()
        || query.summary.is_some()
        || !query.elements.is_empty()
        || query.explain;
    if more {
        return Err(issue("only conditions count here: no includes, order, page size or summary".to_owned()));
    }
    Ok(query)
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    matches!(kind, "application/fhir+json" | "application/json")
}

fn is_of(extension: &Value, name: &str) -> bool {
    let url = extension.get("url").and_then(Value::as_str).unwrap_or_default();
    url.strip_prefix(GUIDE) == Some(name)
}

fn extension<'a>(element: &'a Value, name: &str) -> Option<&'a Value> {
    element.get("extension").map(Value::elements)?.iter().find(|one| is_of(one, name))
}

fn extension_number(element: &Value, name: &str) -> Option<u64> {
    let found = extension(element, name)?;
    let value = found.get("valueUnsignedInt").or_else(|| found.get("valuePositiveInt"))?;
    value.as_i64().and_then(|number| u64::try_from(number).ok())
}
