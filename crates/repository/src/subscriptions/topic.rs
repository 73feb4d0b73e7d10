//! Topics: which changes of which resources are events.
//!
//! Each resource type has a topic of its own, [`change_topic`], which tells of every create, update and delete. Others are
//! `Basic` resources that carry an R5 SubscriptionTopic in extensions, as the Backport guide has it for R4.

use std::sync::Arc;

use fhir::json::Value;
use fhir::outcome::{Issue, IssueType};
use fhir::path::{Bounds, Context, Expression, Item, Node};
use fhir::search::Registry;
use fhir::search::query::Query;

use super::definition::criteria_query;
use crate::layout;
use crate::types::Effect;

/// What the canonical URLs of the topics of single types begin with; the type's name follows.
pub const CHANGE_TOPICS: &str = "urn:ward:subscription-topic:";
/// What the R5 elements of a topic are called as extensions, whichever release the URL names.
const ELEMENTS: &str = "/StructureDefinition/extension-SubscriptionTopic.";
/// Triggers of one topic.
const TRIGGERS_MAX: usize = 32;

/// The canonical URL of the topic that tells of every change of a type.
pub fn change_topic(resource_type: &str) -> String {
    format!("{CHANGE_TOPICS}{resource_type}")
}

/// A topic, ready to be asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Topic {
    /// Any of these makes an event.
    pub(crate) triggers: Vec<Trigger>,
    /// Types and parameters that subscriptions may filter by; empty for all.
    pub(crate) filters: Vec<(Option<u16>, String)>,
}

/// One way in which a change becomes an event (R5 SubscriptionTopic.resourceTrigger).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trigger {
    /// The code of the resource's type.
    pub(crate) type_code: u16,
    pub(crate) on_create: bool,
    pub(crate) on_update: bool,
    pub(crate) on_delete: bool,
    /// What the version before must have met.
    pub(crate) previous: Option<Query>,
    /// What the new version must meet.
    pub(crate) current: Option<Query>,
    /// Whether both must be met where both are there; otherwise one is enough.
    pub(crate) require_both: bool,
    /// What stands in for `previous` when there was none.
    pub(crate) create_passes: bool,
    /// What stands in for `current` when there is none.
    pub(crate) delete_passes: bool,
    /// What must be true of `%previous` and `%current`, besides.
    pub(crate) path: Option<Arc<Expression>>,
}

/// Steps of one FHIRPath criterion.
const PATH_STEPS_MAX: u64 = 1_000_000;

impl Trigger {
    /// Every change of a type.
    pub(crate) fn every(type_code: u16) -> Self {
        Self {
            type_code,
            on_create: true,
            on_update: true,
            on_delete: true,
            previous: None,
            current: None,
            require_both: false,
            create_passes: true,
            delete_passes: true,
            path: None,
        }
    }

    /// What a plain R4 subscription tells of: whatever the search finds after a create or update.
    pub(crate) fn search(type_code: u16, query: Query) -> Self {
        Self { on_delete: false, current: Some(query), ..Self::every(type_code) }
    }

    pub(crate) fn hears(&self, effect: Effect) -> bool {
        match effect {
            Effect::Created => self.on_create,
            Effect::Updated => self.on_update,
            Effect::Deleted => self.on_delete,
            _ => false,
        }
    }

    /// The decision, from what the two queries said (`None` where there is no such query).
    pub(crate) fn passes(&self, previous: Option<bool>, current: Option<bool>) -> bool {
        match (previous, current) {
            (None, None) => true,
            (Some(one), None) | (None, Some(one)) => one,
            (Some(previous), Some(current)) if self.require_both => previous && current,
            (Some(previous), Some(current)) => previous || current,
        }
    }
}

/// Whether a FHIRPath criterion is true of two versions, either of which may be missing. One that cannot be evaluated on
/// them is not.
pub(crate) fn is_true(
    path: &Expression,
    previous: Option<&Value>,
    current: Option<&Value>,
    now_ms: i64,
) -> bool {
    fn items(value: Option<&Value>) -> Vec<Item<'_>> {
        value.map(|value| Item::Node(Node::of_resource(value))).into_iter().collect()
    }
    let Some(focus) = current.or(previous) else { return false };
    let context = Context {
        now: Some((now_ms, 0)),
        variables: vec![("previous".to_owned(), items(previous)), ("current".to_owned(), items(current))],
        bounds: Bounds { steps_max: PATH_STEPS_MAX, ..Bounds::default() },
        ..Context::default()
    };
    matches!(path.evaluate(focus, &context).as_deref(), Ok([Item::Boolean(true)]))
}

/// A topic of a single type; `None` if the URL is no such.
pub(crate) fn built_in(canonical: &str) -> Option<Topic> {
    let type_code = layout::type_code(canonical.strip_prefix(CHANGE_TOPICS)?)?;
    Some(Topic { triggers: vec![Trigger::every(type_code)], filters: Vec::new() })
}

/// The canonical URL of a topic in a `Basic` resource, with its version if it has one.
pub(crate) fn canonical(basic: &Value) -> Option<(&str, Option<&str>)> {
    let url = extensions(basic, "url").find_map(text)?;
    Some((url, extensions(basic, "version").find_map(text)))
}

/// Reads the topic in a `Basic` resource.
///
/// # Errors
/// An issue for what is not supported or not understood; the places are those of the topic, not of the `Basic`.
pub(crate) fn read(registry: &Arc<Registry>, basic: &Value) -> Result<Topic, Vec<Issue>> {
    let wrong = |code: IssueType, text: String| vec![Issue::error(code, text)];
    let status = extensions(basic, "status").find_map(text);
    if matches!(status, Some("retired")) {
        return Err(wrong(IssueType::BusinessRule, "the topic is retired".to_owned()));
    }
    if extensions(basic, "eventTrigger").next().is_some() {
        return Err(wrong(
            IssueType::NotSupported,
            "the topic has an eventTrigger, which is not supported".to_owned(),
        ));
    }
    let mut topic = Topic { triggers: Vec::new(), filters: Vec::new() };
    for given in extensions(basic, "resourceTrigger") {
        if topic.triggers.len() == TRIGGERS_MAX {
            return Err(wrong(
                IssueType::TooCostly,
                format!("the topic has more than {TRIGGERS_MAX} triggers"),
            ));
        }
        topic.triggers.push(trigger(registry, given)?);
    }
    if topic.triggers.is_empty() {
        return Err(wrong(IssueType::Required, "the topic has no resourceTrigger".to_owned()));
    }
    for given in extensions(basic, "canFilterBy") {
        let type_code = parts(given, "resource").find_map(text).and_then(type_code);
        topic.filters.extend(
            parts(given, "filterParameter").filter_map(text).map(|name| (type_code, name.to_owned())),
        );
    }
    Ok(topic)
}

fn trigger(registry: &Arc<Registry>, given: &Value) -> Result<Trigger, Vec<Issue>> {
    let wrong = |code: IssueType, text: &str| vec![Issue::error(code, text)];
    let type_code = parts(given, "resource").find_map(text).and_then(type_code).ok_or_else(|| {
        wrong(IssueType::Value, "a resourceTrigger of the topic names no resource type of R4")
    })?;
    let mut trigger = Trigger::every(type_code);
    if let Some(text) = parts(given, "fhirPathCriteria").find_map(text) {
        let path = Expression::parse(text).map_err(|error| {
            let text = format!("the fhirPathCriteria of a resourceTrigger cannot be read: {error}");
            vec![Issue::error(IssueType::Value, text)]
        })?;
        trigger.path = Some(Arc::new(path));
    }
    let interactions: Vec<&str> = parts(given, "supportedInteraction").filter_map(text).collect();
    if !interactions.is_empty() {
        trigger.on_create = interactions.contains(&"create");
        trigger.on_update = interactions.contains(&"update");
        trigger.on_delete = interactions.contains(&"delete");
    }
    if let Some(criteria) = parts(given, "queryCriteria").next() {
        let name = layout::type_name(type_code).unwrap_or_default();
        let query = |part: &str| -> Result<Option<Query>, Vec<Issue>> {
            let Some(text) = parts(criteria, part).find_map(text) else { return Ok(None) };
            let typed = text.starts_with(&format!("{name}?"));
            let text =
                if typed { text.to_owned() } else { format!("{name}?{}", text.trim_start_matches('?')) };
            criteria_query(registry, &text).map(Some)
        };
        trigger.previous = query("previous")?;
        trigger.current = query("current")?;
        let passes = |part: &str| parts(criteria, part).find_map(text) != Some("test-fails");
        trigger.create_passes = passes("resultForCreate");
        trigger.delete_passes = passes("resultForDelete");
        let both =
            parts(criteria, "requireBoth").find_map(|part| part.get("valueBoolean").and_then(Value::as_bool));
        trigger.require_both = both.unwrap_or(false);
    }
    Ok(trigger)
}

fn type_code(name: &str) -> Option<u16> {
    layout::type_code(name.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(name))
}

/// The extensions that stand for an element of the topic itself.
fn extensions<'a>(basic: &'a Value, element: &'a str) -> impl Iterator<Item = &'a Value> {
    ["extension", "modifierExtension"]
        .into_iter()
        .flat_map(|member| basic.get(member).map(Value::elements).unwrap_or_default())
        .filter(move |one| {
            let url = one.get("url").and_then(Value::as_str).unwrap_or_default();
            url.split_once(ELEMENTS).is_some_and(|(_, name)| name == element)
        })
}

/// The parts of such an extension.
fn parts<'a>(of: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = of.get("extension").map(Value::elements).unwrap_or_default().iter();
    all.filter(move |one| one.get("url").and_then(Value::as_str) == Some(name))
}

fn text(extension: &Value) -> Option<&str> {
    ["valueString", "valueUri", "valueCode", "valueCanonical", "valueUrl"]
        .into_iter()
        .find_map(|name| extension.get(name).and_then(Value::as_str))
}
