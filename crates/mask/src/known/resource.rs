//! Facts out of FHIR resources with demographics.

use fhir::json::Value;

use super::KnownBuilder;
use crate::Kind;

/// Elements whose text is looked at in references and plans; deeper ones are no demographics.
const DISPLAYS: [&str; 9] = [
    "generalPractitioner",
    "managingOrganization",
    "organization",
    "practitioner",
    "subscriber",
    "payor",
    "beneficiary",
    "patient",
    "location",
];

impl KnownBuilder {
    /// Takes in what a resource tells: see [`super::Known::from_patient`].
    pub fn resource(&mut self, resource: &Value) -> &mut Self {
        self.person(resource);
        for contact in list(resource.get("contact")) {
            self.person(contact);
        }
        for element in DISPLAYS {
            for reference in list(resource.get(element)) {
                if let Some(display) = text(reference, "display") {
                    match element {
                        "managingOrganization" | "organization" | "payor" | "location" => {
                            self.organization(display)
                        }
                        _ => self.name(display),
                    };
                }
            }
        }
        for link in list(resource.get("link")) {
            if let Some(display) = link.get("other").and_then(|other| text(other, "display")) {
                self.name(display);
            }
        }
        for number in ["subscriberId"] {
            if let Some(value) = text(resource, number) {
                self.number(Kind::HealthPlan, value);
            }
        }
        self
    }

    /// Name, dates, identifiers, telecom and addresses of a person or organisation.
    fn person(&mut self, value: &Value) {
        let is_organization = matches!(value.resource_type(), Some("Organization" | "Location"));
        for name in list(value.get("name")) {
            match name.as_str() {
                Some(name) if is_organization => drop(self.organization(name)),
                Some(name) => drop(self.name(name)),
                None => self.human_name(name),
            }
        }
        for element in ["birthDate", "deceasedDateTime"] {
            if let Some(date) = text(value, element) {
                self.date(date);
            }
        }
        for identifier in list(value.get("identifier")) {
            if let Some(number) = text(identifier, "value") {
                self.number(kind_of(identifier), number);
            }
        }
        for telecom in list(value.get("telecom")) {
            self.telecom(telecom);
        }
        for address in list(value.get("address")) {
            self.fhir_address(address);
        }
        for alias in list(value.get("alias")).iter().filter_map(Value::as_str) {
            self.organization(alias);
        }
    }

    fn human_name(&mut self, name: &Value) {
        if let Some(whole) = text(name, "text") {
            self.name(whole);
        }
        let family = text(name, "family").unwrap_or_default();
        let given: Vec<&str> = list(name.get("given")).iter().filter_map(Value::as_str).collect();
        self.name(family);
        for part in &given {
            self.name(part);
        }
        if let Some(first) = given.first() {
            self.name(&format!("{first} {family}"));
        }
        self.name(&format!("{} {family}", given.join(" ")));
        self.name(&format!("{family}, {}", given.join(" ")));
    }

    fn telecom(&mut self, telecom: &Value) {
        let Some(value) = text(telecom, "value") else { return };
        match text(telecom, "system") {
            Some("email") => self.online(Kind::Email, value),
            Some("url") => self.online(Kind::Url, value),
            Some("fax") => self.number(Kind::Fax, value),
            _ if value.contains('@') => self.online(Kind::Email, value),
            _ => self.number(Kind::Phone, value),
        };
    }

    fn fhir_address(&mut self, address: &Value) {
        for element in ["text", "city", "district"] {
            if let Some(part) = text(address, element) {
                self.address(part);
            }
        }
        for line in list(address.get("line")).iter().filter_map(Value::as_str) {
            self.address(line);
        }
        if let Some(code) = text(address, "postalCode") {
            self.zip(code);
        }
    }
}

fn text<'v>(value: &'v Value, element: &str) -> Option<&'v str> {
    value.get(element)?.as_str()
}

/// The elements of an array; a single value is an array of one.
fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(elements)) => elements,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// The kind of an identifier by its type (HL7 v2 table 0203) and its system.
fn kind_of(identifier: &Value) -> Kind {
    let kind = identifier.get("type");
    let code = kind
        .map(|kind| list(kind.get("coding")))
        .unwrap_or_default()
        .iter()
        .find_map(|coding| text(coding, "code"));
    let code = code.or_else(|| kind.and_then(|kind| text(kind, "text"))).unwrap_or_default();
    let system = text(identifier, "system").unwrap_or_default();
    match code {
        "MR" | "MRN" | "MRT" | "PT" | "PI" => Kind::Mrn,
        "SS" | "SSN" | "SB" | "NI" | "NNxxx" => Kind::Ssn,
        "MB" | "MC" | "MA" | "SN" | "HC" => Kind::HealthPlan,
        "DL" | "NPI" | "DN" | "LN" | "MD" | "PRN" => Kind::License,
        "AN" | "BA" | "VN" => Kind::Account,
        _ if system.contains("us-ssn") => Kind::Ssn,
        _ if system.contains("us-npi") => Kind::License,
        _ => Kind::Id,
    }
}
