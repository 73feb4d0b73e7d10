//! The clinic's feed: FHIR R4 transaction bundles with `urn:uuid` references.
//!
//! Every resource carries an identifier of the clinic's and is created only if none with that identifier exists, so sending
//! a bundle twice adds nothing.

use crate::json::{Json, base64, object};
use crate::moment::Moment;
use crate::panels::decimal;
use crate::person::Person;
use crate::random::Random;
use crate::systems;

const SNOMED: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const UCUM: &str = "http://unitsofmeasure.org";

const CONDITIONS: &[(&str, &str)] = &[
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"),
    ("55822004", "Hyperlipidemia"),
    ("396275006", "Osteoarthritis"),
];
const MEDICATIONS: &[(&str, &str)] = &[
    ("314076", "lisinopril 10 MG Oral Tablet"),
    ("860975", "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet"),
    ("259255", "atorvastatin 80 MG Oral Tablet"),
];
const ALLERGENS: &[(&str, &str)] =
    &[("764146007", "Penicillin"), ("762952008", "Peanut"), ("111088007", "Latex")];
const VACCINES: &[(&str, &str)] =
    &[("140", "Influenza, seasonal, injectable, preservative free"), ("113", "Td (adult)")];

/// One visit at the clinic as a transaction bundle. `known` says that the clinic knows the hospital's number.
pub(crate) fn bundle(person: &Person, nth: u64, at: Moment, known: bool, random: &mut Random) -> Json {
    let mut bundle =
        Bundle { person, nth, at, entries: Vec::new(), uuids: Random::fork(random.word(), person.index) };
    let organization = bundle.organization();
    let practitioner = bundle.practitioner(random.below(3));
    let patient = bundle.patient(known, &organization);
    let encounter = bundle.encounter(&patient, &practitioner, &organization);
    bundle.vitals(&patient, &encounter, random);
    if nth == 0 {
        bundle.history(&patient, &encounter, random);
    }
    bundle.medication(&patient, &encounter, &practitioner, random);
    if random.chance(40) {
        bundle.immunization(&patient, &encounter, random);
    }
    let note = format!(
        "Visit of {} {}.\nFeels well. Blood pressure discussed; next check in three months.\n",
        person.given, person.family
    );
    bundle.note(&patient, &encounter, &practitioner, &note);
    object! { "resourceType": "Bundle", "type": "transaction", "entry": bundle.entries }
}

/// A bundle while it is put together.
pub(crate) struct Bundle<'a> {
    pub(crate) person: &'a Person,
    pub(crate) nth: u64,
    pub(crate) at: Moment,
    pub(crate) entries: Vec<Json>,
    pub(crate) uuids: Random,
}

impl Bundle<'_> {
    /// Adds a resource under a fresh uuid, to be created if no other has `identifier`, and gives its reference.
    fn add(&mut self, kind: &str, identifier: &str, resource: Json) -> Json {
        let full_url = format!("urn:uuid:{}", self.uuid());
        let request = object! {
            "method": "POST",
            "url": kind,
            "ifNoneExist": format!("identifier={}|{identifier}", systems::CLINIC),
        };
        self.entries.push(object! { "fullUrl": full_url.clone(), "resource": resource, "request": request });
        object! { "reference": full_url }
    }

    /// A version 4 uuid from the seeded generator.
    fn uuid(&mut self) -> String {
        let (high, low) = (self.uuids.word(), self.uuids.word());
        let version = (high & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000;
        let variant = (low & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            version >> 32,
            version >> 16 & 0xFFFF,
            version & 0xFFFF,
            variant >> 48,
            variant & 0xFFFF_FFFF_FFFF
        )
    }

    /// An identifier value for something of this visit.
    fn number(&self, what: &str) -> String {
        format!("{what}-{}-{}", self.person.clinic_number, self.nth)
    }

    fn organization(&mut self) -> Json {
        let resource = object! {
            "resourceType": "Organization",
            "identifier": vec![identifier("ORG-1")],
            "active": Json::Bool(true),
            "name": "Lakeside Family Clinic",
        };
        self.add("Organization", "ORG-1", resource)
    }

    fn practitioner(&mut self, nth: u64) -> Json {
        let number = format!("DOC-{nth}");
        let (family, given) =
            [("Starvik", "Ruba"), ("Ilmar", "Orren"), ("Brandal", "Wenna")][(nth % 3) as usize];
        let resource = object! {
            "resourceType": "Practitioner",
            "identifier": vec![identifier(&number)],
            "name": vec![object! { "use": "official", "family": family, "given": vec![Json::from(given)] }],
        };
        self.add("Practitioner", &number, resource)
    }

    pub(crate) fn patient(&mut self, known: bool, organization: &Json) -> Json {
        let person = self.person;
        let mut identifiers = vec![identifier(&person.clinic_number)];
        if known {
            let kind = object! { "coding": vec![coding("http://terminology.hl7.org/CodeSystem/v2-0203", "MR", "Medical record number")] };
            identifiers
                .push(object! { "type": kind, "system": systems::HOSPITAL, "value": person.mrn.clone() });
        }
        let given: Vec<Json> =
            [&person.given, &person.middle].into_iter().map(|name| Json::from(name.as_str())).collect();
        let mut telecom = Vec::new();
        if let Some(last) = &person.telephone {
            telecom.push(object! { "system": "phone", "value": format!("555-555-{last}"), "use": "home" });
        }
        if let Some(email) = &person.email {
            telecom.push(object! { "system": "email", "value": email.clone() });
        }
        let address = object! {
            "use": "home",
            "line": vec![Json::from(person.street.as_str())],
            "city": person.town.clone(),
            "state": "ZZ",
            "postalCode": person.postal_code.clone(),
        };
        let mut members = vec![
            ("resourceType", Json::from("Patient")),
            ("identifier", Json::from(identifiers)),
            ("active", Json::Bool(true)),
            (
                "name",
                Json::from(vec![
                    object! { "use": "official", "family": person.family.clone(), "given": given },
                ]),
            ),
        ];
        if !telecom.is_empty() {
            members.push(("telecom", Json::from(telecom)));
        }
        members.extend([
            ("gender", Json::from(person.fhir_gender())),
            ("birthDate", Json::from(person.birth.fhir_date())),
            ("address", Json::from(vec![address])),
            ("managingOrganization", organization.clone()),
        ]);
        let full_url = format!("urn:uuid:{}", self.uuid());
        // Whoever shares a number with the hospital is looked up by that one, so that both feeds fill one record.
        let (system, value) =
            if known { (systems::HOSPITAL, &person.mrn) } else { (systems::CLINIC, &person.clinic_number) };
        let request = object! { "method": "POST", "url": "Patient", "ifNoneExist": format!("identifier={system}|{value}") };
        self.entries.push(
            object! { "fullUrl": full_url.clone(), "resource": Json::Object(members), "request": request },
        );
        object! { "reference": full_url }
    }

    fn encounter(&mut self, patient: &Json, practitioner: &Json, organization: &Json) -> Json {
        let number = self.number("ENC");
        let resource = object! {
            "resourceType": "Encounter",
            "identifier": vec![identifier(&number)],
            "status": "finished",
            "class": coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB", "ambulatory"),
            "type": vec![concept(SNOMED, "185349003", "Encounter for check up")],
            "subject": patient.clone(),
            "participant": vec![object! { "individual": practitioner.clone() }],
            "period": object! { "start": self.at.fhir(), "end": self.at.plus_minutes(25).fhir() },
            "serviceProvider": organization.clone(),
        };
        self.add("Encounter", &number, resource)
    }

    fn vitals(&mut self, patient: &Json, encounter: &Json, random: &mut Random) {
        let pressure = vec![
            component("8480-6", "Systolic blood pressure", random.between(100, 165)),
            component("8462-4", "Diastolic blood pressure", random.between(60, 98)),
        ];
        let panel = self.observation(
            "BP",
            "85354-9",
            "Blood pressure panel",
            patient,
            encounter,
            ("component", Json::from(pressure)),
        );
        self.add_observation("BP", panel);
        let simple = [
            ("HR", "8867-4", "Heart rate", random.between(52, 104), 0, "/min"),
            ("TEMP", "8310-5", "Body temperature", random.between(361, 384), 1, "Cel"),
            ("WT", "29463-7", "Body weight", random.between(480, 1120), 1, "kg"),
            ("HT", "8302-2", "Body height", random.between(150, 195), 0, "cm"),
        ];
        for (what, code, name, steps, decimals, unit) in simple {
            let value = quantity(&decimal(steps, decimals), unit);
            let resource = self.observation(what, code, name, patient, encounter, ("valueQuantity", value));
            self.add_observation(what, resource);
        }
    }

    fn add_observation(&mut self, what: &str, resource: Json) {
        let number = self.number(what);
        self.add("Observation", &number, resource);
    }

    fn observation(
        &self,
        what: &str,
        code: &str,
        name: &str,
        patient: &Json,
        encounter: &Json,
        value: (&'static str, Json),
    ) -> Json {
        let category = concept(
            "http://terminology.hl7.org/CodeSystem/observation-category",
            "vital-signs",
            "Vital Signs",
        );
        Json::Object(vec![
            ("resourceType", Json::from("Observation")),
            ("identifier", Json::from(vec![identifier(&self.number(what))])),
            ("status", Json::from("final")),
            ("category", Json::from(vec![category])),
            ("code", concept(LOINC, code, name)),
            ("subject", patient.clone()),
            ("encounter", encounter.clone()),
            ("effectiveDateTime", Json::from(self.at.plus_minutes(5).fhir())),
            value,
        ])
    }

    /// What is told once: problems and allergies.
    fn history(&mut self, patient: &Json, encounter: &Json, random: &mut Random) {
        let (code, name) = *random.pick(CONDITIONS);
        let number = self.number("COND");
        let status = |system: &str, code: &str| {
            object! { "coding": vec![object! { "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] }
        };
        let condition = object! {
            "resourceType": "Condition",
            "identifier": vec![identifier(&number)],
            "clinicalStatus": status("condition-clinical", "active"),
            "verificationStatus": status("condition-ver-status", "confirmed"),
            "category": vec![concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item", "Problem List Item")],
            "code": concept(SNOMED, code, name),
            "subject": patient.clone(),
            "encounter": encounter.clone(),
            "recordedDate": self.at.fhir(),
        };
        self.add("Condition", &number, condition);
        if !random.chance(50) {
            return;
        }
        let (code, name) = *random.pick(ALLERGENS);
        let number = self.number("ALG");
        let allergy = object! {
            "resourceType": "AllergyIntolerance",
            "identifier": vec![identifier(&number)],
            "clinicalStatus": status("allergyintolerance-clinical", "active"),
            "verificationStatus": status("allergyintolerance-verification", "confirmed"),
            "criticality": "high",
            "code": concept(SNOMED, code, name),
            "patient": patient.clone(),
            "recordedDate": self.at.fhir(),
        };
        self.add("AllergyIntolerance", &number, allergy);
    }

    fn medication(&mut self, patient: &Json, encounter: &Json, practitioner: &Json, random: &mut Random) {
        let (code, name) = *random.pick(MEDICATIONS);
        let number = self.number("MED");
        let resource = object! {
            "resourceType": "MedicationRequest",
            "identifier": vec![identifier(&number)],
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": concept(RXNORM, code, name),
            "subject": patient.clone(),
            "encounter": encounter.clone(),
            "authoredOn": self.at.fhir(),
            "requester": practitioner.clone(),
            "dosageInstruction": vec![object! { "text": "one tablet once a day" }],
        };
        self.add("MedicationRequest", &number, resource);
    }

    fn immunization(&mut self, patient: &Json, encounter: &Json, random: &mut Random) {
        let (code, name) = *random.pick(VACCINES);
        let number = self.number("IMM");
        let resource = object! {
            "resourceType": "Immunization",
            "identifier": vec![identifier(&number)],
            "status": "completed",
            "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", code, name),
            "patient": patient.clone(),
            "encounter": encounter.clone(),
            "occurrenceDateTime": self.at.fhir_date(),
            "primarySource": Json::Bool(true),
        };
        self.add("Immunization", &number, resource);
    }

    pub(crate) fn note(&mut self, patient: &Json, encounter: &Json, practitioner: &Json, text: &str) {
        let number = self.number("NOTE");
        let attachment = object! {
            "contentType": "text/plain; charset=utf-8",
            "data": base64(text.as_bytes()),
            "title": "Progress note",
        };
        let resource = object! {
            "resourceType": "DocumentReference",
            "identifier": vec![identifier(&number)],
            "status": "current",
            "type": concept(LOINC, "11506-3", "Progress note"),
            "subject": patient.clone(),
            "date": self.at.plus_minutes(30).fhir(),
            "author": vec![practitioner.clone()],
            "content": vec![object! { "attachment": attachment }],
            "context": object! { "encounter": vec![encounter.clone()] },
        };
        self.add("DocumentReference", &number, resource);
    }
}

fn identifier(value: &str) -> Json {
    object! { "system": systems::CLINIC, "value": value }
}

fn coding(system: &str, code: &str, display: &str) -> Json {
    object! { "system": system, "code": code, "display": display }
}

fn concept(system: &str, code: &str, text: &str) -> Json {
    object! { "coding": vec![coding(system, code, text)], "text": text }
}

fn quantity(value: &str, unit: &str) -> Json {
    object! { "value": Json::Number(value.to_owned()), "unit": unit, "system": UCUM, "code": unit }
}

fn component(code: &str, name: &str, value: i64) -> Json {
    object! { "code": concept(LOINC, code, name), "valueQuantity": quantity(&value.to_string(), "mm[Hg]") }
}
