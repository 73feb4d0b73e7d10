//! The masked view: what it shows, what it may be asked, and that nothing else is reached by it.

use std::sync::Arc;

use fhir::json::Value;
use fhir::search::Registry;
use fhir::search::query::{Limits, Query, SearchContext, parse, parse_across};
use repository::{
    Access, Caller, Conditions, ExportLevel, ExportOptions, Held, HistoryOptions, HistoryTarget, Read,
    SearchPage, Veil, VeilSubject, Veiled, Veiling,
};

use crate::export::works;
use crate::fixture::{body, caller, hospital, json, kind, observation, patient};

/// Shows ids, references and types, and nothing else: masking itself has tests of its own.
struct Bare;

impl Veil for Bare {
    fn knows(&self, profile: &str) -> bool {
        ["bare", "dated"].contains(&profile)
    }

    fn shows_dates(&self, profile: &str) -> bool {
        profile == "dated"
    }

    fn label(&self, profile: &str) -> String {
        format!("profile={profile}")
    }

    fn subject(&self, patient: &Value) -> VeilSubject {
        Arc::new(patient.get("id").and_then(Value::as_str).unwrap().to_owned())
    }

    fn mask(&self, asked: &Veiling<'_>) -> Result<Veiled, String> {
        if let Some((id, subject)) = asked.patient {
            assert_eq!(subject.downcast_ref::<String>().unwrap(), id);
        }
        let resource = asked.resource;
        let name = resource.resource_type().unwrap();
        if resource.get("implicitRules").is_some() {
            return Err("it cannot be masked".to_owned());
        }
        let shown = |name: &str, id: &str| (asked.shown_id)(name, id).unwrap();
        let own = shown(name, resource.get("id").unwrap().as_str().unwrap());
        let mut masked = json(&format!(r#"{{"resourceType":"{name}","id":"{own}"}}"#));
        let reference = resource.get("subject").and_then(|subject| subject.get("reference")?.as_str());
        if let Some((name, id)) = reference.and_then(|reference| reference.split_once('/')) {
            let reference = json(&format!(r#"{{"reference":"{name}/{}"}}"#, shown(name, id)));
            masked.as_object_mut().unwrap().insert("subject", reference);
        }
        Ok(Veiled { resource: masked, kinds: vec![("NAME", 1)] })
    }
}

fn masked(profile: &str) -> Caller {
    Caller { masked: Some(profile.to_owned()), ..caller("system/*.cruds") }
}

fn query(of: &str, text: &str) -> Query {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    let pairs: Vec<_> = pairs.collect();
    parse(Registry::base(), of, &pairs, false, &Limits::default()).unwrap()
}

fn ids(page: &SearchPage) -> Vec<String> {
    page.entries.iter().map(|entry| entry.versioned.id.to_string()).collect()
}

fn reference(entry: &Value) -> &str {
    entry.get("subject").unwrap().get("reference").unwrap().as_str().unwrap()
}

#[test]
fn links_of_the_view_work_and_real_ids_lead_nowhere() {
    let hospital = hospital();
    hospital.store.veil_with(Arc::new(Bare));
    let plain = hospital.access();
    for id in ["a", "b"] {
        plain.update("Patient", id, patient(id, "Alpha"), None).unwrap();
        plain.update("Observation", &format!("o{id}"), observation(&format!("o{id}"), id), None).unwrap();
    }
    let view = hospital.store.access(masked("bare"));
    let page = view.search(&query("Observation", "_include=Observation:subject")).unwrap();
    assert_eq!(page.entries.len(), 4);
    let first = body(&page.entries[0].versioned);
    let (kind_of, of) = reference(&first).split_once('/').unwrap();
    assert_eq!(kind_of, "Patient");
    let read = view.read("Patient", of).unwrap();
    assert_eq!((read.id.as_str(), read.version, read.last_updated_ms), (of, 1, 0));
    assert!(body(&read).get("name").is_none());

    // All the ways to name it, from the view's own words.
    let own = page.entries[0].versioned.id.as_str();
    for (of, text) in [
        ("Observation", format!("subject=Patient/{of}")),
        ("Observation", format!("subject={of}")),
        ("Observation", format!("patient={of}")),
        ("Observation", format!("subject:Patient={of}")),
        ("Observation", format!("_id={own}")),
        ("Observation", format!("subject:Patient._id={of}")),
        ("Observation", format!("_filter=subject eq Patient/{of} and status eq final")),
    ] {
        assert_eq!(ids(&view.search(&query(of, &text)).unwrap()), [own], "{text}");
    }
    let has = query("Patient", &format!("_has:Observation:subject:_id={own}"));
    assert_eq!(ids(&view.search(&has).unwrap()), [of]);
    let across =
        |context: SearchContext| parse_across(Registry::base(), context, &[], false, &Limits::default());
    let compartment = SearchContext::compartment("Patient", of, "*").unwrap();
    let found = view.search_across(&across(compartment).unwrap()).unwrap();
    assert_eq!(found.entries.len(), 2);

    for real in ["a", "oa", "Patient/a"] {
        assert_eq!(kind(view.read("Patient", real)), "NotFound", "{real}");
    }
    assert_eq!(kind(view.read("Observation", of)), "NotFound", "the id of another type");
    for text in ["subject=Patient/a", "subject=a", "_id=oa", &format!("_id={of}")] {
        assert!(view.search(&query("Observation", text)).unwrap().entries.is_empty(), "{text}");
    }
    let compartment = SearchContext::compartment("Patient", "a", "*").unwrap();
    assert_eq!(kind(view.search_across(&across(compartment).unwrap())), "NotFound");
    assert_eq!(kind(plain.read("Patient", of)), "NotFound", "ids of the view are of the view alone");
}

#[test]
fn pages_of_the_view_go_on_and_hold_parts() {
    let hospital = hospital();
    hospital.store.veil_with(Arc::new(Bare));
    for number in 0..5 {
        let id = format!("o{number}");
        hospital.access().update("Observation", &id, observation(&id, "a"), None).unwrap();
    }
    let view = hospital.store.access(masked("bare"));
    let mut page = view.search(&query("Observation", "_count=2&status=final&_elements=subject")).unwrap();
    let mut all = ids(&page);
    while let Some(token) = page.next.clone() {
        page = view.search_page("Observation", &token).unwrap();
        for entry in &page.entries {
            assert!(body(&entry.versioned).get("meta").unwrap().get("tag").is_some(), "SUBSETTED");
            reference(&body(&entry.versioned));
        }
        all.extend(ids(&page));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
    let counted = view.search(&query("Observation", "_summary=count")).unwrap();
    assert_eq!((counted.total, counted.entries.len()), (Some(5), 0));
}

#[test]
fn what_is_masked_is_not_searched_by() {
    let hospital = hospital();
    hospital.store.veil_with(Arc::new(Bare));
    let view = hospital.store.access(masked("bare"));
    for (of, text) in [
        ("Observation", "code=8867-4"),
        ("Observation", "code:not=8867-4"),
        ("Observation", "value-quantity=gt5"),
        ("Observation", "code-value-quantity=8867-4$72"),
        ("Observation", "status:missing=true"),
        ("Observation", "_sort=code"),
        ("Observation", "subject:Patient.gender=female"),
        ("Patient", "gender=female"),
        ("Patient", "active=true"),
        ("Patient", "_has:Observation:subject:code=8867-4"),
        ("RiskAssessment", "probability=gt0.5"),
        ("Encounter", "class=AMB"),
        ("Patient", "_tag=a"),
    ] {
        assert!(view.search(&query(of, text)).is_ok(), "{of}?{text}");
    }
    let refused = [
        ("Patient", "name=alpha"),
        ("Patient", "family:exact=Alpha"),
        ("Patient", "identifier=urn:mrn|Alpha"),
        ("Patient", "identifier:missing=true"),
        ("Patient", "phone=1"),
        ("Patient", "address-city=x"),
        ("Patient", "address-postalcode=9"),
        ("Patient", "_sort=family"),
        ("Patient", "_content=alpha"),
        ("Patient", "_text=alpha"),
        ("Patient", "_list=1"),
        ("Patient", "_filter=name co \"alp\""),
        ("Patient", "_filter=not (gender eq female and family eq \"a\")"),
        ("Patient", "gender:text=fem"),
        ("Observation", "subject:identifier=urn:mrn|Alpha"),
        ("Observation", "subject:Patient.name=alpha"),
        ("Observation", "performer:Practitioner.identifier=1"),
        ("Observation", "code:text=rate"),
        ("Observation", "_contained=true"),
        ("Observation", "__explain=true"),
        ("Patient", "_has:Observation:subject:value-string=x"),
        ("Condition", "onset-age=gt90"),
        ("Location", "near=1|1"),
        ("Encounter", "subject=https://elsewhere.example/fhir/Patient/a"),
        ("Observation", "subject=Patient/a/_history/1"),
    ];
    for (of, text) in refused {
        assert_eq!(kind(view.search(&query(of, text))), "Denied", "{of}?{text}");
    }
    let dates = [
        ("Patient", "birthdate=1970"),
        ("Patient", "_sort=birthdate"),
        ("Observation", "date=2026"),
        ("Patient", "_lastUpdated=gt2020"),
        ("Patient", "_sort=-_lastUpdated"),
    ];
    let dated = hospital.store.access(masked("dated"));
    for (of, text) in dates {
        assert_eq!(kind(view.search(&query(of, text))), "Denied", "{of}?{text}");
        assert!(dated.search(&query(of, text)).is_ok(), "{of}?{text}");
    }
}

#[test]
fn what_a_tenant_defined_is_not_searched_by() {
    let hospital = hospital();
    hospital.store.veil_with(Arc::new(Bare));
    let own = crate::parameters::parameter("doctor", "Patient", "reference", "Patient.generalPractitioner");
    hospital.access().create("SearchParameter", own, None).unwrap();
    let view = hospital.store.access(masked("bare"));
    let registry = view.registry().unwrap();
    for (of, name, value) in [
        ("Patient", "doctor", "Practitioner/1"),
        ("Patient", "doctor:missing", "true"),
        ("Patient", "doctor:Practitioner.gender", "male"),
        ("Practitioner", "_has:Patient:doctor:gender", "male"),
    ] {
        let pairs = [(name.to_owned(), value.to_owned())];
        let asked = parse(&registry, of, &pairs, false, &Limits::default()).unwrap();
        assert_eq!(kind(view.search(&asked)), "Denied", "{of}?{name}");
    }
}

#[test]
fn nothing_else_is_reached_by_who_may_only_see_masked() {
    let hospital = hospital();
    hospital.store.veil_with(Arc::new(Bare));
    hospital.access().update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let view = hospital.store.access(masked("bare"));
    let of = view.search(&query("Patient", "")).unwrap().entries[0].versioned.id.to_string();
    let refused = |what: &str, kind: String| assert_eq!(kind, "Denied", "{what}");
    for id in ["a", &of] {
        refused("vread", kind(view.vread("Patient", id, 1)));
        let target = HistoryTarget::Instance("Patient".into(), id.into());
        refused("history", kind(view.history(&target, &HistoryOptions::default())));
        refused("update", kind(view.update("Patient", id, patient(id, "Beta"), None)));
        refused("delete", kind(view.delete("Patient", id, None)));
    }
    refused("create", kind(view.create("Patient", patient("x", "Beta"), None)));
    refused("history", kind(view.history(&HistoryTarget::System, &HistoryOptions::default())));
    refused("reindexing", kind(view.reindexing()));
    refused("masking", kind(view.masking("text", |_| Ok(((), String::new())))));
    // A profile that nobody here masks by, and a store without anything that masks: nothing is shown.
    assert_eq!(kind(hospital.store.access(masked("other")).read("Patient", &of)), "Unavailable");
    let bare = crate::fixture::hospital();
    bare.access().update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    assert_eq!(kind(bare.store.access(masked("bare")).search(&query("Patient", ""))), "Unavailable");
}

#[test]
fn what_cannot_be_masked_is_not_shown() {
    let hospital = hospital();
    hospital.store.veil_with(Arc::new(Bare));
    let mut odd = patient("a", "Alpha");
    odd.as_object_mut().unwrap().insert("implicitRules", "http://example.org/rules");
    hospital.access().update("Patient", "a", odd, None).unwrap();
    let view = hospital.store.access(masked("bare"));
    assert_eq!(kind(view.search(&query("Patient", ""))), "Internal");
}

#[test]
fn an_unchanged_resource_is_told_by_its_version_and_not_by_its_time() {
    let hospital = hospital();
    hospital.store.veil_with(Arc::new(Bare));
    hospital.access().update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    let view = hospital.store.access(masked("bare"));
    let of = view.search(&query("Patient", "")).unwrap().entries[0].versioned.id.to_string();
    let ask = |access: &Access, conditions: Conditions| access.read_if("Patient", &of, conditions).unwrap();
    let later = Conditions { if_modified_since_ms: Some(i64::MAX / 2), ..Conditions::default() };
    assert!(matches!(ask(&view, later), Read::Found(_)));
    let held = Conditions { if_none_match: Some(Held::Versions(vec![1])), ..Conditions::default() };
    assert_eq!(ask(&view, held), Read::NotModified { version: 1, last_updated_ms: 0 });
}

#[test]
fn an_export_of_the_view_is_masked_and_its_owners_alone() {
    let works = works().clinic();
    works.store.veil_with(Arc::new(Bare));
    works.jobs.start().unwrap();
    let view = masked("bare");
    let group = works.store.access(view.clone()).search(&query("Group", "")).unwrap();
    let patients = works.store.access(view.clone()).search(&query("Patient", "")).unwrap();
    let one = patients.entries[0].versioned.id.to_string();
    for (options, count) in [
        (ExportOptions::default(), 21),
        (ExportOptions { level: ExportLevel::Patients, patients: vec![one], ..ExportOptions::default() }, 7),
        (
            ExportOptions {
                level: ExportLevel::Group(group.entries[0].versioned.id.to_string()),
                ..ExportOptions::default()
            },
            14,
        ),
    ] {
        let id = works.jobs.export(&view, &options, "https://h/fhir/$export").unwrap();
        let lines: Vec<Value> = works.lines(&view, &id).into_values().flatten().collect();
        assert_eq!(lines.len(), count);
        assert!(lines.iter().all(|line| line.get("id").unwrap().as_str().unwrap().len() == 52), "{lines:?}");
        assert!(lines.iter().all(|line| line.get("name").is_none() && line.get("code").is_none()));
        // The same actor without the view does not see it, nor the other way round.
        assert_eq!(kind(works.jobs.status(&caller("system/*.cruds"), &id)), "NotFound");
    }
    let export = |options: &ExportOptions| works.jobs.export(&view, options, "https://h/fhir/$export");
    let real = ExportOptions { level: ExportLevel::Group("g".to_owned()), ..ExportOptions::default() };
    assert_eq!(kind(export(&real)), "NotFound");
    let since = ExportOptions { since_ms: Some(0), ..ExportOptions::default() };
    assert_eq!(kind(export(&since)), "Denied");
    let filter = ("Patient".to_owned(), "name=a".to_owned());
    let filtered = ExportOptions { filters: vec![filter], ..ExportOptions::default() };
    assert_eq!(kind(export(&filtered)), "Denied");
    let kind_of_job = works.jobs.begin(&view, "import", "https://h/fhir/$import", || Ok(Value::Null));
    assert_eq!(kind(kind_of_job), "Denied");
}
