//! The configuration: JSON as the Microsoft anonymiser takes it, with ours beside it.

use std::collections::HashMap;

use fhir::json::{self, Limits, Number, Object, Value};
use fhir::path::Expression;

use super::FhirMaskError;
use super::method::{Case, Method, Noise, OtherValues};
use super::selector::{Nodes, Selector};
use crate::transform::SMALL_AREAS;

/// No configuration has that many rules.
const RULES_MAX: usize = 5000;

/// Rules and parameters, ready for use.
#[derive(Debug)]
pub struct Config {
    pub(super) rules: Vec<Rule>,
    /// What the parameters say.
    pub parameters: Parameters,
    /// Whether a resource on which a rule fails becomes an empty one.
    pub(super) skips_errors: bool,
    /// Whether ids change, so that references have to change with them.
    pub(super) hashes_ids: bool,
    /// The text of the configuration, so that a seal tells rules apart.
    pub(super) fingerprint: String,
}

/// One rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) selectors: Vec<Selector>,
    pub(super) method: Method,
}

/// What the parameters say. Keys in a configuration are not used: keys come in as [`Keys`](crate::Keys).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Which dates shift alike.
    pub shift_scope: ShiftScope,
    /// Redacting keeps ages up to 89.
    pub partial_ages: bool,
    /// Redacting keeps the year of a date.
    pub partial_dates: bool,
    /// Redacting keeps three digits of a ZIP code.
    pub partial_zip_codes: bool,
    /// Three-digit areas that are not told.
    pub small_areas: Vec<String>,
}

/// Which dates shift alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShiftScope {
    /// Those of one resource, by its id.
    Resource,
    /// Those of one file.
    File,
    /// Those of one folder.
    Folder,
    /// Those of one patient, by the id of the Patient that a resource is about.
    Patient,
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is no JSON.
    #[error("the configuration is not JSON")]
    Json(#[source] json::JsonError),
    /// Its version is not R4.
    #[error("`fhirVersion` must be `R4`")]
    Version,
    /// Something in its frame.
    #[error("`{member}` {problem}")]
    Member {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Something in one of its rules.
    #[error("rule {rule} (counted from 1): {problem}")]
    Rule {
        /// Its number, from 1.
        rule: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl Config {
    /// Reads a configuration. Comments and trailing commas are refused; unknown members are passed over.
    ///
    /// # Errors
    /// [`ConfigError`] with the number of the rule.
    pub fn parse(input: &[u8]) -> Result<Self, ConfigError> {
        let value = json::parse(input, &Limits::default()).map_err(ConfigError::Json)?;
        match value.get("fhirVersion").and_then(Value::as_str) {
            None | Some("" | "R4") => {}
            Some(_) => return Err(ConfigError::Version),
        }
        let errors = value.get("processingErrors").or_else(|| value.get("processingError"));
        let skips_errors = match errors.and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "raise") => false,
            Some("skip") => true,
            Some(_) => return Err(member("processingErrors", "must be `raise` or `skip`")),
        };
        let rules = value.get("fhirPathRules").and_then(Value::as_array);
        let rules = rules.ok_or(member("fhirPathRules", "must be an array"))?;
        if rules.len() > RULES_MAX {
            return Err(member("fhirPathRules", "has more than 5000 rules"));
        }
        let rules = rules
            .iter()
            .enumerate()
            .map(|(at, rule)| Rule::read(rule).map_err(|problem| ConfigError::Rule { rule: at + 1, problem }))
            .collect::<Result<Vec<_>, _>>()?;
        let is_id = |rule: &Rule| rule.selectors.iter().any(Selector::is_resource_id);
        let hashes_ids = rules.iter().find(|rule| is_id(rule)).is_some_and(|rule| !rule.method.keeps());
        let parameters = Parameters::read(value.get("parameters"))?;
        Ok(Self { rules, parameters, skips_errors, hashes_ids, fingerprint: value.to_string() })
    }

    /// Which rule reaches which element directly, over a resource and everything in it.
    pub(super) fn matches(&self, resource: &Value) -> Result<Matches, FhirMaskError> {
        let mut matches = Matches::default();
        for nodes in Nodes::of_all(resource) {
            for (number, rule) in self.rules.iter().enumerate() {
                for selector in rule.selectors.iter().filter(|selector| selector.applies_to(nodes.ty)) {
                    selector.select(&nodes, &mut |address| matches.add(address, number)).map_err(
                        |error| FhirMaskError::Rule { rule: number + 1, reason: error.to_string() },
                    )?;
                }
            }
        }
        Ok(matches)
    }
}

/// The first rule that selects an element, by the element's place in memory.
///
/// The resource is borrowed for as long as these are used, so that places stay what they are.
#[derive(Debug, Default)]
pub(super) struct Matches(HashMap<usize, usize>);

impl Matches {
    fn add(&mut self, address: usize, rule: usize) {
        self.0.entry(address).and_modify(|first| *first = rule.min(*first)).or_insert(rule);
    }

    /// The first rule that selects this element or one above it.
    pub(super) fn first(&self, value: Option<&Value>, above: Option<usize>) -> Option<usize> {
        let own = value.and_then(|value| self.0.get(&address(value)).copied());
        match (own, above) {
            (Some(own), Some(above)) => Some(own.min(above)),
            (own, above) => own.or(above),
        }
    }
}

/// Where a value lies; only ever compared.
pub(super) fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}

impl Rule {
    fn read(rule: &Value) -> Result<Self, String> {
        let text = |name: &str| rule.get(name).and_then(Value::as_str);
        let path = text("path").ok_or("has no `path`")?;
        let method = text("method").ok_or("has no `method`")?;
        let selectors = Selector::parse(path)?;
        Ok(Self { selectors, method: read_method(rule, &method.to_ascii_lowercase())? })
    }
}

fn read_method(rule: &Value, method: &str) -> Result<Method, String> {
    Ok(match method {
        "keep" => Method::Keep,
        "redact" => Method::Redact,
        "dateshift" => Method::ShiftDate,
        "cryptohash" => Method::Hash,
        "encrypt" => Method::Encrypt,
        "inspect" => Method::Inspect,
        "surrogate" => Method::Surrogate,
        "substitute" => {
            Method::Substitute(rule.get("replaceWith").ok_or("`substitute` needs `replaceWith`")?.clone())
        }
        "perturb" => Method::Perturb(read_noise(rule)?),
        "generalize" => read_cases(rule)?,
        _ => return Err("has a `method` that is not known".to_owned()),
    })
}

fn read_noise(rule: &Value) -> Result<Noise, String> {
    let number = |name: &str| match rule.get(name) {
        Some(Value::Number(number)) => number.as_str().parse::<f64>().ok(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let span = number("span").filter(|span| *span >= 0.0 && span.is_finite());
    let range = rule.get("rangeType").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let is_proportional = match range.as_deref() {
        None | Some("fixed") => false,
        Some("proportional") => true,
        Some(_) => return Err("`rangeType` must be `fixed` or `proportional`".to_owned()),
    };
    let decimals = match number("roundTo") {
        None => None,
        Some(decimals) if (0.0..=28.0).contains(&decimals) => Some(decimals as u8),
        Some(_) => return Err("`roundTo` must be from 0 to 28".to_owned()),
    };
    Ok(Noise { span: span.ok_or("`perturb` needs a `span` of 0 or more")?, is_proportional, decimals })
}

fn read_cases(rule: &Value) -> Result<Method, String> {
    // The tool also takes the cases as JSON in a string.
    let parsed;
    let cases = match rule.get("cases") {
        Some(Value::String(text)) => {
            parsed = json::parse(text.as_bytes(), &Limits::default()).map_err(|_| "`cases` is not JSON")?;
            parsed.as_object()
        }
        other => other.and_then(Value::as_object),
    };
    let cases = cases.ok_or("`generalize` needs `cases`")?;
    let expression = |text: &str| {
        Expression::parse(text).map_err(|error| format!("an expression in `cases` is not FHIRPath: {error}"))
    };
    let cases = cases
        .iter()
        .map(|(condition, result)| {
            let result = match result {
                Value::String(text) => expression(text)?,
                other => expression(&other.to_string())?,
            };
            Ok(Case { condition: expression(condition)?, result })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let other = rule.get("otherValues").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let otherwise = match other.as_deref() {
        None | Some("redact") => OtherValues::Redact,
        Some("keep") => OtherValues::Keep,
        Some(_) => return Err("`otherValues` must be `redact` or `keep`".to_owned()),
    };
    Ok(Method::Generalize(cases, otherwise))
}

impl Parameters {
    fn read(parameters: Option<&Value>) -> Result<Self, ConfigError> {
        let empty = Object::new();
        let object = match parameters {
            None | Some(Value::Null) => &empty,
            Some(value) => value.as_object().ok_or(member("parameters", "must be an object"))?,
        };
        let flag = |name: &str| object.get(name).and_then(Value::as_bool).unwrap_or(false);
        let scope = object.get("dateShiftScope").and_then(Value::as_str).map(str::to_ascii_lowercase);
        let shift_scope = match scope.as_deref() {
            None | Some("" | "resource") => ShiftScope::Resource,
            Some("file") => ShiftScope::File,
            Some("folder") => ShiftScope::Folder,
            Some("patient") => ShiftScope::Patient,
            Some(_) => {
                return Err(member("dateShiftScope", "must be `resource`, `file`, `folder` or `patient`"));
            }
        };
        let area = |value: &Value| match value {
            Value::String(text) => Some(text.to_string()),
            Value::Number(number) => Some(Number::as_str(number).to_owned()),
            _ => None,
        };
        let small_areas = match object.get("restrictedZipCodeTabulationAreas") {
            None => SMALL_AREAS.iter().map(|area| (*area).to_owned()).collect(),
            Some(areas) => areas.elements().iter().filter_map(area).collect(),
        };
        Ok(Self {
            shift_scope,
            partial_ages: flag("enablePartialAgesForRedact"),
            partial_dates: flag("enablePartialDatesForRedact"),
            partial_zip_codes: flag("enablePartialZipCodesForRedact"),
            small_areas,
        })
    }
}

fn member(member: &'static str, problem: &'static str) -> ConfigError {
    ConfigError::Member { member, problem }
}
