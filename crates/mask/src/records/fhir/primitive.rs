//! What becomes of one primitive value under its rule.

use fhir::definitions::{Element, Primitive, Property, Type};
use fhir::json::{Number, Object, Value};
use fhir::path::{Context, Expression, Focus, Item, Node};

use super::FhirMaskError;
use super::method::{Case, Method, Noise, OtherValues};
use super::rebuild::Rebuild;
use super::reference;
use crate::Kind;
use crate::records::attachment;
use crate::records::markup;
use crate::transform::{self, AGE_MAX_TOLD, Method as Did, encrypt_value, label, surrogate, zip3};

/// Where a primitive stands.
pub(super) struct Place<'a> {
    pub(super) property: Property,
    /// The object around it, as it was.
    pub(super) parent: &'a Object,
    pub(super) parent_ty: &'static Type,
}

impl Place<'_> {
    fn name(&self) -> &'static str {
        self.property.element.name
    }

    fn element(&self) -> &'static Element {
        self.property.element
    }

    fn primitive(&self) -> Option<Primitive> {
        self.property.ty.primitive
    }

    /// What an element is by its place alone; `None` if that says nothing.
    fn kind(&self) -> Option<Kind> {
        Some(match (self.parent_ty.name, self.name()) {
            ("HumanName", "family" | "given" | "text" | "prefix" | "suffix") => Kind::Name,
            ("Address", "line" | "city" | "district" | "text") => Kind::Location,
            ("Address", "postalCode") => Kind::Zip,
            ("ContactPoint", "value") => match self.parent.get("system").and_then(Value::as_str) {
                Some("email") => Kind::Email,
                Some("fax") => Kind::Fax,
                Some("url") => Kind::Url,
                _ => Kind::Phone,
            },
            ("Identifier", "value") => Kind::Id,
            _ => return None,
        })
    }

    fn is_age(&self) -> bool {
        self.parent_ty.name == "Age" && self.name() == "value"
    }

    fn is_date(&self) -> bool {
        matches!(self.primitive(), Some(Primitive::Date | Primitive::DateTime | Primitive::Instant))
    }

    fn is_reference(&self) -> bool {
        self.parent_ty.name == "Reference" && self.name() == "reference"
    }

    /// Whether any text may stand there without the resource becoming invalid.
    fn takes_any_text(&self) -> bool {
        match self.primitive() {
            Some(
                Primitive::String | Primitive::Markdown | Primitive::Id | Primitive::Uri | Primitive::Url,
            ) => true,
            Some(Primitive::Canonical) => true,
            Some(Primitive::Code) => self.element().binding().is_none(),
            _ => false,
        }
    }
}

impl Rebuild<'_> {
    /// The masked value; `None` if it goes.
    pub(super) fn primitive(
        &mut self,
        value: &Value,
        place: &Place<'_>,
        rule: Option<usize>,
    ) -> Option<Value> {
        if matches!(value, Value::Array(_) | Value::Object(_)) {
            self.tally().removed_unread += 1;
            return None;
        }
        match self.method(rule) {
            Some(Method::Keep) => Some(value.clone()),
            Some(Method::Redact) => self.redact(value, place),
            Some(Method::ShiftDate) if place.is_date() => self.shift(value, place),
            Some(Method::ShiftDate | Method::Inspect) | None => self.inspect(value, place),
            Some(Method::Hash) => self.hash(value, place),
            Some(Method::Encrypt) => self.encrypt(value, place),
            Some(Method::Surrogate) => self.surrogate(value, place),
            Some(Method::Substitute(with)) => {
                self.done.substituted = true;
                self.note(place, Did::Substitute);
                fitting(with, place)
            }
            Some(Method::Perturb(noise)) => self.perturb(value, place, *noise),
            Some(Method::Generalize(cases, otherwise)) => {
                self.generalize(value, place, cases, *otherwise, rule.unwrap_or(0))
            }
        }
    }

    fn note(&mut self, place: &Place<'_>, did: Did) {
        let kind = match place.kind() {
            Some(kind) => kind,
            None if place.is_date() => Kind::Date,
            None if place.is_age() => Kind::Age,
            None => Kind::Id,
        };
        self.tally().add(kind, did);
    }

    fn redact(&mut self, value: &Value, place: &Place<'_>) -> Option<Value> {
        let parameters = &self.config.parameters;
        let text = value.as_str();
        if place.is_age()
            && parameters.partial_ages
            && age(value).is_some_and(|age| age <= f64::from(AGE_MAX_TOLD))
        {
            return Some(value.clone());
        }
        let zip_areas: Vec<&str> = parameters.small_areas.iter().map(String::as_str).collect();
        let partial =
            if place.is_date() && parameters.partial_dates && place.primitive() != Some(Primitive::Instant) {
                text.and_then(|text| self.year_of(text))
            } else if place.kind() == Some(Kind::Zip) && parameters.partial_zip_codes {
                text.and_then(|text| zip3(text, &zip_areas))
            } else {
                None
            };
        match partial {
            Some(partial) => {
                self.done.abstracted = true;
                self.note(place, Did::Generalize);
                Some(partial.into())
            }
            None => {
                self.done.redacted = true;
                self.note(place, Did::Redact);
                None
            }
        }
    }

    /// The year of a date that is not too old to be told.
    fn year_of(&self, text: &str) -> Option<String> {
        let year = text.get(..4).filter(|year| year.bytes().all(|byte| byte.is_ascii_digit()))?;
        // Unshifted, a date is capped just as a shifted one.
        let oldest = self.inspector.shift.cap_year().unwrap_or(0);
        (year.parse::<i32>().ok()? > oldest).then(|| year.to_owned())
    }

    fn shift(&mut self, value: &Value, place: &Place<'_>) -> Option<Value> {
        let text = value.as_str()?;
        let shift = self.inspector.shift;
        let shifted = if place.primitive() == Some(Primitive::Instant) {
            shift.instant(text)
        } else {
            shift.fhir(text)
        };
        match shifted {
            Some(shifted) => {
                self.done.perturbed = true;
                self.note(place, Did::ShiftDate);
                Some(shifted.into())
            }
            None => {
                self.done.redacted = true;
                self.note(place, Did::Redact);
                None
            }
        }
    }

    fn hash(&mut self, value: &Value, place: &Place<'_>) -> Option<Value> {
        let Some(text) = value.as_str().filter(|_| place.takes_any_text()) else {
            return self.redact(value, place);
        };
        let keys = self.inspector.tools.keys;
        self.done.hashed = true;
        self.note(place, Did::Hash);
        let is_address =
            matches!(place.primitive(), Some(Primitive::Uri | Primitive::Url | Primitive::Canonical));
        Some(if place.name() == "ifNoneExist" {
            reference::parameters(keys, text).into()
        } else if place.is_reference() || is_address {
            reference::reference(keys, text).into()
        } else {
            reference::id(keys, text).into()
        })
    }

    fn encrypt(&mut self, value: &Value, place: &Place<'_>) -> Option<Value> {
        let is_text = matches!(
            place.primitive(),
            Some(Primitive::String | Primitive::Markdown | Primitive::Base64Binary | Primitive::Uri)
        );
        let Some(text) = value.as_str().filter(|_| is_text) else { return self.redact(value, place) };
        self.done.encrypted = true;
        self.note(place, Did::Encrypt);
        Some(encrypt_value(self.inspector.tools.keys, text).into())
    }

    fn surrogate(&mut self, value: &Value, place: &Place<'_>) -> Option<Value> {
        let Some(text) = value.as_str() else { return self.inspect(value, place) };
        let Some(kind) = place.kind() else { return self.inspect(value, place) };
        match surrogate(self.inspector.tools.keys, kind, text) {
            Some(new) => {
                self.done.substituted = true;
                self.note(place, Did::Surrogate);
                Some(new.into())
            }
            None => self.redact(value, place),
        }
    }

    /// By its type, where no rule says more.
    fn inspect(&mut self, value: &Value, place: &Place<'_>) -> Option<Value> {
        let text = match value {
            Value::String(text) => text.as_str(),
            Value::Number(number) => return self.inspect_number(number, place),
            Value::Bool(_) => return Some(value.clone()),
            _ => return None,
        };
        match place.kind() {
            Some(Kind::Id) => return self.hash(value, place),
            Some(Kind::Zip) => {
                let code = zip3(text, &transform::SMALL_AREAS);
                self.note(place, Did::Generalize);
                self.done.abstracted |= code.is_some();
                self.done.redacted |= code.is_none();
                return code.map(Value::from);
            }
            Some(kind) => {
                self.done.redacted = true;
                self.note(place, Did::Label);
                return Some(label(kind).into());
            }
            None => {}
        }
        match place.primitive()? {
            _ if place.is_date() => self.shift(value, place),
            Primitive::String | Primitive::Markdown => Some(self.searched(text)),
            Primitive::Xhtml => {
                let before = self.inspector.tally.total();
                let masked = markup::mask(&mut self.inspector, text, false);
                self.done.redacted |= self.inspector.tally.total() > before;
                Some(masked.into())
            }
            Primitive::Base64Binary => self.document(text, place),
            Primitive::Uri | Primitive::Url if !is_definition(place) => Some(self.address(text, place)),
            Primitive::Uri | Primitive::Url | Primitive::Canonical | Primitive::Oid | Primitive::Uuid => {
                Some(self.known(text))
            }
            Primitive::Id if self.config.hashes_ids && place.parent_ty.is_subtype_of("Resource") => {
                self.hash(value, place)
            }
            Primitive::Code => {
                let is_loose = place.parent_ty.name == "Coding" && !place.parent.contains_key("system");
                let new = if is_loose { self.searched(text) } else { self.known(text) };
                (place.element().binding().is_none() || new == *value).then_some(new)
            }
            Primitive::Id => Some(value.clone()),
            Primitive::Time => Some(value.clone()),
            // Text where none should be.
            _ => None,
        }
    }

    fn inspect_number(&mut self, number: &Number, place: &Place<'_>) -> Option<Value> {
        if place.is_age() && age_of(number).is_some_and(|age| age > f64::from(AGE_MAX_TOLD)) {
            self.done.abstracted = true;
            self.note(place, Did::Generalize);
            return Some(transform::AGE_TOP.into());
        }
        if number.as_str().len() >= 6 && !self.inspector.near.find(number.as_str()).is_empty() {
            self.done.redacted = true;
            self.note(place, Did::Redact);
            return None;
        }
        Some(number.clone().into())
    }

    fn searched(&mut self, text: &str) -> Value {
        let new: Value = self.inspector.text(text).as_ref().into();
        self.done.redacted |= new.as_str() != Some(text);
        new
    }

    fn known(&mut self, text: &str) -> Value {
        let new: Value = self.inspector.known(text).as_ref().into();
        self.done.redacted |= new.as_str() != Some(text);
        new
    }

    /// A reference or an address that names no definition.
    fn address(&mut self, text: &str, place: &Place<'_>) -> Value {
        let refers = place.is_reference() || text.starts_with("urn:uuid:") || text.contains("://");
        if refers && self.config.hashes_ids {
            self.done.hashed = true;
            self.note(place, Did::Hash);
            return reference::reference(self.inspector.tools.keys, text).into();
        }
        if place.is_reference() {
            return text.into();
        }
        self.searched(text)
    }

    fn document(&mut self, text: &str, place: &Place<'_>) -> Option<Value> {
        if place.parent_ty.name == "Attachment" && place.name() == "hash" {
            // The digest of the original would prove what it was.
            return None;
        }
        let is_document = matches!(place.parent_ty.name, "Attachment" | "Binary") && place.name() == "data";
        let content_type = place.parent.get("contentType").and_then(Value::as_str).filter(|_| is_document);
        let before = self.inspector.tally.total();
        let masked = content_type.and_then(|ty| attachment::mask_base64(&mut self.inspector, ty, text));
        self.done.redacted |= masked.is_none() || self.inspector.tally.total() > before;
        let Some(document) = masked else {
            self.tally().removed_unread += 1;
            return None;
        };
        let data = attachment::to_base64(&document.bytes);
        self.document = Some(document);
        // An empty document has no data.
        (!data.is_empty()).then(|| data.into())
    }

    fn perturb(&mut self, value: &Value, place: &Place<'_>, noise: Noise) -> Option<Value> {
        let Value::Number(number) = value else { return self.inspect(value, place) };
        self.done.perturbed = true;
        self.note(place, Did::Perturb);
        let least = match place.primitive() {
            Some(Primitive::PositiveInt) => Some(1.0),
            Some(Primitive::UnsignedInt) => Some(0.0),
            _ => None,
        };
        let is_whole = place.primitive() != Some(Primitive::Decimal);
        Some(self.noisy(number, noise, is_whole, least))
    }

    /// A quantity with its number changed; the rest of it stays.
    pub(super) fn perturb_quantity(&mut self, old: &Object, noise: Noise) -> Value {
        let mut new = old.clone();
        if let Some(Value::Number(number)) = old.get("value") {
            self.done.perturbed = true;
            self.tally().add(Kind::Id, Did::Perturb);
            new.insert("value", self.noisy(number, noise, false, None));
        }
        Value::Object(new)
    }

    /// Noise is evenly spread over the span, by a MAC of the resource's id and the number.
    fn noisy(&self, number: &Number, noise: Noise, is_whole: bool, least: Option<f64>) -> Value {
        let value: f64 = number.as_str().parse().unwrap_or(0.0);
        let input = format!("{}|{}", self.resource_id, number.as_str());
        let mac = self.inspector.tools.keys.mac("perturb", input.as_bytes());
        let draw = mac.iter().take(6).fold(0.0, |sum, byte| (sum + f64::from(*byte)) / 256.0);
        let span = if noise.is_proportional { value.abs() * noise.span } else { noise.span };
        let value = value + (draw - 0.5) * span;
        let value = least.map_or(value, |least| value.max(least));
        let decimals = if is_whole { 0 } else { usize::from(noise.decimals.unwrap_or(2)) };
        let text = format!("{value:.decimals$}");
        let text = if text.trim_matches(['-', '0', '.']).is_empty() {
            text.trim_start_matches('-').to_owned()
        } else {
            text
        };
        Number::from_literal(&text).map_or(Value::Null, Value::from)
    }

    fn generalize(
        &mut self,
        value: &Value,
        place: &Place<'_>,
        cases: &[Case],
        otherwise: OtherValues,
        rule: usize,
    ) -> Option<Value> {
        self.done.generalized = true;
        self.note(place, Did::Generalize);
        let node = Node::of_type(value, place.property.ty.name)?;
        for case in cases {
            match evaluate(&case.condition, node, value) {
                Ok(items) if is_true(&items) => match evaluate(&case.result, node, value) {
                    Ok(items) => return items.first().and_then(literal).and_then(|new| fitting(&new, place)),
                    Err(reason) => self.fail(rule, reason),
                },
                Ok(_) => {}
                Err(reason) => self.fail(rule, reason),
            }
            if self.failure.is_some() {
                return None;
            }
        }
        (otherwise == OtherValues::Keep).then(|| value.clone())
    }

    fn fail(&mut self, rule: usize, reason: String) {
        self.failure.get_or_insert(FhirMaskError::Rule { rule: rule + 1, reason });
    }
}

/// Elements whose address names a definition, not a place.
fn is_definition(place: &Place<'_>) -> bool {
    matches!(
        (place.parent_ty.name, place.name()),
        (_, "system" | "implicitRules" | "profile" | "instantiatesUri" | "definitionUri" | "valueSet")
            | ("Extension", "url")
            | ("Meta", "source")
    )
}

fn evaluate(expression: &Expression, node: Node<'_>, value: &Value) -> Result<Vec<Value>, String> {
    let focus = Focus { node, resource: value, root: value };
    let items = expression.evaluate_at(&focus, &Context::default()).map_err(|error| error.to_string())?;
    Ok(items.iter().filter_map(item_value).collect())
}

fn item_value(item: &Item<'_>) -> Option<Value> {
    Some(match item {
        Item::Node(node) => node.value().clone(),
        Item::Boolean(truth) => (*truth).into(),
        Item::Integer(number) => (*number).into(),
        Item::Decimal(number) => (*number).into(),
        Item::String(text) => text.as_ref().into(),
        Item::Date(date) => date.to_string().into(),
        Item::DateTime(time) => time.to_string().into(),
        Item::Time(time) => time.to_string().into(),
        Item::Quantity(quantity) => quantity.value.into(),
        Item::Type(_) | Item::Elsewhere(_) => return None,
    })
}

fn is_true(items: &[Value]) -> bool {
    matches!(items, [Value::Bool(true)])
}

fn literal(value: &Value) -> Option<Value> {
    (!matches!(value, Value::Array(_) | Value::Object(_))).then(|| value.clone())
}

/// A replacement in the JSON type that the element has; `None` if it has no such form.
fn fitting(new: &Value, place: &Place<'_>) -> Option<Value> {
    let text = match new {
        Value::String(text) => text.to_string(),
        Value::Number(number) => number.as_str().to_owned(),
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    match place.primitive()? {
        Primitive::Boolean => text.parse::<bool>().ok().map(Value::from),
        Primitive::Decimal => Number::from_literal(&text).map(Value::from),
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => {
            text.parse::<i64>().ok().map(Value::from)
        }
        _ => Some(text.into()),
    }
}

fn age(value: &Value) -> Option<f64> {
    value.as_number().and_then(age_of)
}

fn age_of(number: &Number) -> Option<f64> {
    number.as_str().parse().ok()
}
