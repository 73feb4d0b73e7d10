//! Who is in a resource or bundle: what is known of them, and whose dates are whose.

use std::collections::HashMap;

use fhir::json::{Object, Value};

use crate::Kind;
use crate::records::near::Near;
use crate::transform::Day;

/// Members that name the patient a resource is about, the surest first.
const SUBJECTS: [&str; 9] =
    ["patient", "subject", "beneficiary", "for", "individual", "member", "sender", "source", "actor"];

/// The people of a resource or bundle.
pub(super) struct People {
    pub(super) near: Near,
    with_ids: bool,
    /// Ids, addresses and identifiers of the Patients, with the id of each.
    patients: HashMap<String, String>,
    /// The one patient, if there is only one.
    only: Option<String>,
}

impl People {
    /// `with_ids` says whether ids of resources are among what must not be told.
    pub(super) fn of(resource: &Value, with_ids: bool) -> Self {
        let mut people = Self { near: Near::default(), with_ids, patients: HashMap::new(), only: None };
        people.visit(resource, None);
        let mut ids: Vec<&String> = people.patients.values().collect();
        ids.sort();
        ids.dedup();
        if let [only] = ids.as_slice() {
            people.only = Some((*only).clone());
        }
        people
    }

    /// The id of the one patient there is; `None` if there are more or none.
    pub(super) fn only_patient(&self) -> Option<&str> {
        self.only.as_deref()
    }

    /// The id of the patient that a resource is about: its own if it is a Patient, else the one it refers to.
    pub(super) fn patient_of(&self, resource: &Value) -> Option<String> {
        if resource.resource_type() == Some("Patient")
            && let Some(id) = resource.get("id").and_then(Value::as_str)
        {
            return Some(id.to_ascii_lowercase());
        }
        SUBJECTS.iter().find_map(|name| self.referred(resource.get(name)?))
    }

    fn referred(&self, value: &Value) -> Option<String> {
        let reference = value.elements().iter().find_map(|value| value.get("reference")?.as_str())?;
        if let Some(id) = self.patients.get(reference) {
            return Some(id.clone());
        }
        if let Some((_, query)) = reference.split_once("Patient?") {
            let identifier = query.split('&').find_map(|part| part.strip_prefix("identifier="))?;
            let value = identifier.rsplit('|').next()?;
            return Some(self.patients.get(value).cloned().unwrap_or_else(|| value.to_ascii_lowercase()));
        }
        // Something else may stand there: a practitioner is a subject too.
        let (_, id) = reference.rsplit_once("Patient/")?;
        id.split('/').next().map(str::to_ascii_lowercase)
    }

    fn visit(&mut self, value: &Value, full_url: Option<&str>) {
        match value {
            Value::Array(elements) => elements.iter().for_each(|value| self.visit(value, full_url)),
            Value::Object(object) => {
                match object.get("resourceType").and_then(Value::as_str) {
                    Some("Patient") => {
                        self.patient(object, full_url);
                        self.person(object);
                    }
                    Some("Practitioner" | "RelatedPerson" | "Person") => self.person(object),
                    Some("Organization" | "Location") => self.organization(object),
                    Some("Coverage") => {
                        if let Some(id) = object.get("subscriberId").and_then(Value::as_str) {
                            self.near.id(id, Kind::HealthPlan);
                        }
                        self.identifiers(object, Kind::HealthPlan);
                    }
                    _ => {}
                }
                let url = object.get("fullUrl").and_then(Value::as_str);
                object.iter().for_each(|(_, value)| self.visit(value, url));
            }
            _ => {}
        }
    }

    fn patient(&mut self, object: &Object, full_url: Option<&str>) {
        let Some(id) = object.get("id").and_then(Value::as_str) else { return };
        let key = id.to_ascii_lowercase();
        for name in [id.to_owned(), format!("Patient/{id}"), format!("#{id}"), format!("urn:uuid:{id}")] {
            self.patients.insert(name, key.clone());
        }
        if let Some(url) = full_url {
            self.patients.insert(url.to_owned(), key.clone());
        }
        for identifier in object.get("identifier").into_iter().flat_map(Value::elements) {
            if let Some(value) = identifier.get("value").and_then(Value::as_str) {
                self.patients.insert(value.to_owned(), key.clone());
            }
        }
    }

    fn person(&mut self, object: &Object) {
        if let Some(id) = object.get("id").and_then(Value::as_str).filter(|_| self.with_ids) {
            self.near.id(id, Kind::Id);
        }
        self.identifiers(object, Kind::Mrn);
        if let Some(day) = object.get("birthDate").and_then(Value::as_str).and_then(day_of) {
            self.near.date(day);
        }
        self.details(object);
        for extension in object.get("extension").into_iter().flat_map(Value::elements) {
            self.extension(extension);
        }
        for contact in object.get("contact").into_iter().flat_map(Value::elements) {
            if let Value::Object(contact) = contact {
                self.details(contact);
            }
        }
        for qualification in object.get("qualification").into_iter().flat_map(Value::elements) {
            if let Value::Object(qualification) = qualification {
                self.identifiers(qualification, Kind::License);
            }
        }
    }

    /// Names, contacts and addresses.
    fn details(&mut self, object: &Object) {
        let members = |name: &str| object.get(name).into_iter().flat_map(Value::elements);
        for name in members("name") {
            self.human_name(name);
        }
        for telecom in members("telecom") {
            self.contact(telecom);
        }
        for address in members("address") {
            self.address(address);
        }
    }

    fn human_name(&mut self, name: &Value) {
        for member in ["family", "given", "text"] {
            for part in name.get(member).into_iter().flat_map(Value::elements) {
                self.near.name(part.as_str().unwrap_or(""));
            }
        }
    }

    fn contact(&mut self, telecom: &Value) {
        let Some(value) = telecom.get("value").and_then(Value::as_str) else { return };
        match telecom.get("system").and_then(Value::as_str) {
            Some("email") => self.near.phrase(value, Kind::Email),
            Some("url") => self.near.phrase(value, Kind::Url),
            _ if value.contains('@') => self.near.phrase(value, Kind::Email),
            _ => self.near.phone(value),
        }
    }

    fn address(&mut self, address: &Value) {
        for member in ["line", "text"] {
            for line in address.get(member).into_iter().flat_map(Value::elements) {
                self.near.phrase(line.as_str().unwrap_or(""), Kind::Location);
            }
        }
        for member in ["city", "district"] {
            self.near.place(address.get(member).and_then(Value::as_str).unwrap_or(""), Kind::Location);
        }
        if let Some(code) = address.get("postalCode").and_then(Value::as_str).filter(|code| code.len() >= 5) {
            self.near.phrase(code, Kind::Zip);
        }
    }

    /// Extensions of people hold names (the mother's maiden name) and places (of birth).
    fn extension(&mut self, extension: &Value) {
        let url = extension.get("url").and_then(Value::as_str).unwrap_or("");
        if let Some(text) = extension.get("valueString").and_then(Value::as_str)
            && url.to_ascii_lowercase().contains("name")
        {
            self.near.name(text);
        }
        if let Some(address) = extension.get("valueAddress") {
            self.address(address);
        }
        if let Some(name) = extension.get("valueHumanName") {
            self.human_name(name);
        }
        if let Some(id) = extension.get("valueIdentifier").and_then(|id| id.get("value")?.as_str()) {
            self.near.id(id, Kind::Id);
        }
    }

    fn organization(&mut self, object: &Object) {
        if let Some(name) = object.get("name").and_then(Value::as_str).filter(|name| name.len() >= 6) {
            self.near.phrase(name, Kind::Organization);
        }
        for telecom in object.get("telecom").into_iter().flat_map(Value::elements) {
            self.contact(telecom);
        }
        for address in object.get("address").into_iter().flat_map(Value::elements) {
            self.address(address);
        }
    }

    fn identifiers(&mut self, object: &Object, kind: Kind) {
        for identifier in object.get("identifier").into_iter().flat_map(Value::elements) {
            if let Some(value) = identifier.get("value").and_then(Value::as_str) {
                self.near.id(value, kind);
            }
        }
    }
}

fn day_of(date: &str) -> Option<Day> {
    let mut parts = date.split('-');
    let year = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    Day::from_ymd(year, month, parts.next()?.parse().ok()?)
}
