//! Who may see one patient alone learns nothing of others: every search answers as if there were nothing else in the store.

use fhir::json::Value;
use fhir::search::patient_compartment;
use fhir::search::query::{self, SearchContext};
use repository::{Access, Result, SearchMode, SearchPage};

use crate::fixture::{Hospital, caller, hospital, json};

/// All resources; those of patient `b` share words, places, lists and practitioners with those of patient `a`.
fn resources() -> Vec<Value> {
    let mut all = vec![
        r#"{"resourceType":"Organization","id":"ward","name":"Ward"}"#.to_owned(),
        r#"{"resourceType":"Practitioner","id":"doc","name":[{"family":"Curie"}]}"#.to_owned(),
        r#"{"resourceType":"Location","id":"bed","name":"Bed","position":{"latitude":47.1,"longitude":8.1}}"#
            .to_owned(),
    ];
    for id in ["a", "b"] {
        let subject = format!(r#""subject":{{"reference":"Patient/{id}"}}"#);
        // Whom a patient refers to as a link lies in its compartment: `b` must not refer to `a`.
        let link =
            if id == "a" { r#","link":[{"other":{"reference":"Patient/b"},"type":"seealso"}]"# } else { "" };
        all.extend([
            format!(
                r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Family-{id}","given":["Shared"]}}],
                "birthDate":"1970-01-01","generalPractitioner":[{{"reference":"Practitioner/doc"}}],
                "text":{{"status":"generated","div":"<div>shared word of-{id}</div>"}}{link}}}"#
            ),
            format!(
                r#"{{"resourceType":"Encounter","id":"visit-{id}","status":"finished","class":{{"code":"AMB"}},{subject},
                "participant":[{{"individual":{{"reference":"Practitioner/doc"}}}}],
                "location":[{{"location":{{"reference":"Location/bed"}}}}]}}"#
            ),
            format!(
                r#"{{"resourceType":"Condition","id":"flu-{id}",{subject},"code":{{"text":"heart failure of-{id}"}},
                "encounter":{{"reference":"Encounter/visit-{id}"}},"onsetDateTime":"2020-01-01"}}"#
            ),
            format!(
                r#"{{"resourceType":"List","id":"own-{id}","status":"current","mode":"working",{subject},
                "entry":[{{"item":{{"reference":"Condition/flu-a"}}}},{{"item":{{"reference":"Condition/flu-b"}}}}]}}"#
            ),
            format!(r#"{{"resourceType":"RelatedPerson","id":"kin-{id}","patient":{{"reference":"Patient/{id}"}}}}"#),
        ]);
        for number in 0..4 {
            all.push(format!(
                r#"{{"resourceType":"Observation","id":"{id}{number}","status":"final",
                "code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}}]}},{subject},
                "encounter":{{"reference":"Encounter/visit-{id}"}},"effectiveDateTime":"2026-01-0{}",
                "performer":[{{"reference":"Practitioner/doc"}}],"valueQuantity":{{"value":{},"unit":"/min"}},
                "contained":[{{"resourceType":"Specimen","id":"s","status":"available","note":[{{"text":"shared"}}],
                    "subject":{{"reference":"Patient/b"}}}},{{"resourceType":"Condition","id":"c","subject":{{"reference":"Patient/{id}"}}}}],
                "note":[{{"text":"seen by shared hands {number}"}}]}}"#,
                number + 1,
                70 + number
            ));
        }
    }
    all.push(
        r#"{"resourceType":"List","id":"both","status":"current","mode":"working","subject":{"reference":"Patient/b"},
            "entry":[{"item":{"reference":"Condition/flu-a"}},{"item":{"reference":"Condition/flu-b"}}]}"#
            .to_owned(),
    );
    // Patients first: who is referred to gets a number then, and the order without a sort is that of numbers.
    let (mut first, others): (Vec<Value>, Vec<Value>) =
        all.iter().map(|text| json(text)).partition(|resource| resource.resource_type() == Some("Patient"));
    first.extend(others);
    first
}

fn fill(hospital: &Hospital, keeps: impl Fn(&Value) -> bool) {
    let access = hospital.access();
    for resource in resources().into_iter().filter(|resource| keeps(resource)) {
        let (kind, id) = (resource.resource_type().unwrap().to_owned(), resource.get("id").unwrap().clone());
        access.update(&kind, id.as_str().unwrap(), resource, None).unwrap();
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.split('&').filter_map(pair).collect()
}

/// The path of a search, as a type or a context, and its first and further pages.
fn page(access: &Access, path: &str, text: &str, token: Option<&str>) -> Result<SearchPage> {
    let registry = access.registry().unwrap();
    let limits = query::Limits::default();
    if !path.is_empty() && !path.contains('/') {
        return match token {
            Some(token) => access.search_page(path, token),
            None => access.search(&query::parse(&registry, path, &pairs(text), false, &limits).unwrap()),
        };
    }
    let parts: Vec<&str> = path.split('/').collect();
    let context = match parts.as_slice() {
        [compartment, id, of] => SearchContext::compartment(compartment, id, of).unwrap(),
        _ => SearchContext::default(),
    };
    match token {
        Some(token) => access.search_across_page(&context, token),
        None => access
            .search_across(&query::parse_across(&registry, context, &pairs(text), false, &limits).unwrap()),
    }
}

/// The totals of an answer's pages, as far as they are told, and the resources in order, included ones with a mark.
fn answers(access: &Access, path: &str, text: &str) -> (Vec<Option<u64>>, String) {
    let (mut totals, mut said) = (Vec::new(), Vec::new());
    let mut found = page(access, path, text, None).unwrap_or_else(|error| panic!("{path}?{text}: {error:?}"));
    loop {
        totals.push(found.total);
        for entry in &found.entries {
            let mode = if entry.mode == SearchMode::Match { "" } else { "+" };
            let within = entry.contained.as_ref().map_or_else(String::new, |id| format!("#{id}"));
            said.push(format!("{mode}{}/{}{within}", entry.versioned.resource_type, entry.versioned.id));
        }
        let Some(next) = found.next else { return (totals, said.join(" ")) };
        found = page(access, path, text, Some(&next)).unwrap();
    }
}

fn answer(access: &Access, path: &str, text: &str) -> String {
    answers(access, path, text).1
}

const SEARCHES: &[(&str, &str)] = &[
    ("Patient", "_text=shared"),
    ("Patient", "_text=sha*"),
    ("Patient", "_text=\"shared word\""),
    ("Patient", "_text=b"),
    ("Patient", "_content=NOT nothing"),
    ("Observation", "_content=\"shared hands\"&_count=3"),
    ("Observation", "_content=hea* seen&_sort=-date&_count=1"),
    ("Observation", "_content=shared&_summary=count"),
    ("Observation", "_content=shared&_total=accurate&_count=1"),
    ("Observation", "_content=shared&_total=estimate&_count=1"),
    ("Specimen", "_contained=true&_content=shared"),
    ("Specimen", "_contained=true&_count=1&_sort=-_lastUpdated"),
    ("Specimen", "_contained=both&_containedType=contained&status=available&_count=3&_total=accurate"),
    ("Specimen", "_contained=true&_summary=count"),
    ("Specimen", "_contained=true&_total=estimate&_count=1"),
    ("Specimen", "_contained=true&subject:Patient.family=family"),
    ("Specimen", "_contained=true&_containedType=contained&_include=Specimen:subject&_count=2"),
    ("Condition", "_contained=both&_containedType=contained&_sort=onset-date,_id&_count=2"),
    ("Condition", "_contained=both&_revinclude=List:item"),
    ("", "_type=Specimen,Condition&_contained=both&_count=3"),
    ("Observation", "_filter=code eq loinc|8867-4 and not (value-quantity gt 71)"),
    ("Observation", "_filter=subject:Patient.family sw fam or date po 2026"),
    ("Observation", "_filter=subject[birthdate eq 1970-01-01].given co share&_sort=date"),
    ("Patient", "_filter=_has:Observation:patient:value-quantity ge 70"),
    ("Patient", "_filter=link:Patient.family eq family-b"),
    ("Patient", "link:Patient._text=shared"),
    ("Patient", "_has:Condition:subject:_content=failure"),
    ("Condition", "_list=both"),
    ("Condition", "_list=own-a,own-b"),
    ("Condition", "subject:Patient.family=Family-b"),
    ("Condition", "_has:List:item:_id=own-b,both"),
    ("Encounter", "location.near=47|8|50|km"),
    ("Location", "near=47|8|50|km"),
    ("Location", "_has:Encounter:location:_id=visit-b"),
    ("Patient", "_include=*&_revinclude=Observation:subject&_revinclude=List:subject"),
    ("Patient", "_include:iterate=Patient:link&_revinclude:iterate=Condition:subject"),
    ("Observation", "_include=Observation:*&_count=2"),
    ("List", "_include=List:item"),
    ("", "_lastUpdated=gt2000&_count=3"),
    ("", "_summary=count"),
    ("", "_type=Observation,Condition,Patient&_count=2&_sort=-_lastUpdated&_total=accurate"),
    ("", "_type=Patient,Condition&_content=family"),
    ("", "_content=of&_include=*"),
    ("", "_filter=_content eq shared or _id eq flu-b&_revinclude=Observation:subject"),
    ("", "_list=both"),
    ("Patient/a/Observation", "_count=3&_sort=-date"),
    ("Patient/b/Observation", ""),
    ("Patient/a/*", "_count=4"),
    ("Patient/b/*", ""),
    ("Patient/b/*", "_summary=count"),
    ("Practitioner/doc/Observation", ""),
    ("Practitioner/doc/*", "_total=accurate&_count=2"),
    ("Encounter/visit-b/*", ""),
    ("Encounter/visit-a/Observation", "_include=Observation:encounter"),
    ("RelatedPerson/kin-b/*", ""),
];

#[test]
fn a_search_answers_as_if_nothing_lay_beyond_the_callers_reach() {
    let (all, own) = (hospital(), hospital());
    fill(&all, |_| true);
    fill(&own, |resource| patient_compartment(resource).iter().any(|patient| patient == "a"));
    let mut limited = caller("patient/*.rs");
    limited.launch_patient = Some("a".to_owned());
    let (limited, alone) = (all.store.access(limited), own.access());
    let mut some = 0;
    for (path, text) in SEARCHES {
        let (totals, found) = answers(&limited, path, text);
        let (expected_totals, expected) = answers(&alone, path, text);
        assert_eq!(found, expected, "{path}?{text}");
        // Whether a total is told without being asked for depends on how the page was found.
        for (total, expected) in totals.iter().zip(&expected_totals) {
            let asked = text.contains("_total") || text.contains("_summary");
            assert!(
                total == expected || (!asked && (total.is_none() || expected.is_none())),
                "{path}?{text}: {totals:?}"
            );
        }
        let (full_totals, full) = answers(&all.access(), path, text);
        some += usize::from(full != found || full_totals != totals);
    }
    assert!(some > SEARCHES.len() / 2, "{some}: the searches find more for who may see all");
}

#[test]
fn a_plan_tells_no_counts_to_who_may_not_see_all() {
    let all = hospital();
    fill(&all, |_| true);
    let mut limited = caller("patient/*.rs");
    limited.launch_patient = Some("a".to_owned());
    let plan = |access: &Access, path: &str| {
        let found = page(access, path, "_content=shared&__explain=true", None).unwrap();
        String::from_utf8(found.explain.unwrap().to_vec()).unwrap()
    };
    for path in ["Observation", ""] {
        assert!(plan(&all.access(), path).contains(r#""members""#));
        let told = plan(&all.store.access(limited.clone()), path);
        assert!(!["members", "rows", "steps"].iter().any(|word| told.contains(word)), "{told}");
    }
}

#[test]
fn types_that_may_not_be_searched_are_refused_if_named_and_left_out_if_not() {
    let all = hospital();
    fill(&all, |_| true);
    let some = all.access_with("user/Patient.rs user/Condition.rs");
    let found = answer(&some, "", "_count=50");
    assert_eq!(found, "Patient/a Patient/b Condition/flu-a Condition/flu-b");
    assert!(page(&some, "", "_type=Patient,Observation", None).is_err());
    assert!(page(&some, "Patient/a/Observation", "", None).is_err());
    assert_eq!(answer(&some, "Patient/a/*", ""), "Patient/a Condition/flu-a");
    assert!(page(&all.access_with("user/Patient.r"), "", "_type=Patient", None).is_err());
    assert!(page(&all.access_with("user/Patient.c"), "", "", None).is_err());
    // A page of one caller is not another's, nor one of a type that of the system.
    let first = page(&all.access(), "", "_type=Patient&_count=1", None).unwrap().next.unwrap();
    assert!(page(&all.access(), "Patient/a/*", "", Some(&first)).is_err());
    assert!(all.access().search_page("Patient", &first).is_err());
    assert!(page(&all.access_with("user/Observation.rs"), "", "", Some(&first)).is_err());
}

#[test]
fn pages_over_several_types_are_one_order_without_gaps_or_repeats() {
    let all = hospital();
    let access = all.access();
    fill(&all, |_| true);
    let ids = |text: &str| -> Vec<String> {
        let said = answer(&access, "", text);
        said.split(' ').filter(|word| word.contains('/')).map(str::to_owned).collect()
    };
    let whole = ids("_count=100");
    assert_eq!(whole.len(), resources().len());
    for count in [1, 2, 5, 7] {
        assert_eq!(ids(&format!("_count={count}")), whole, "{count} a page");
    }
    let by_date = ids("_type=Observation,Condition&_sort=-_lastUpdated&_count=100");
    for count in [1, 3, 4] {
        let paged = ids(&format!("_type=Observation,Condition&_sort=-_lastUpdated&_count={count}"));
        assert_eq!(paged, by_date, "{count} a page");
    }
    // A write between two pages neither repeats nor skips what stood before.
    let first = page(&access, "", "_count=3", None).unwrap();
    let new = json(r#"{"resourceType":"Organization","id":"new","name":"New"}"#);
    access.update("Organization", "new", new, None).unwrap();
    access.delete("Observation", "b3", None).unwrap();
    let mut seen: Vec<String> = Vec::new();
    let mut next = first.next.clone();
    while let Some(token) = next {
        let page = page(&access, "", "", Some(&token)).unwrap();
        seen.extend(
            page.entries
                .iter()
                .map(|entry| format!("{}/{}", entry.versioned.resource_type, entry.versioned.id)),
        );
        next = page.next;
    }
    let expected: Vec<String> = whole
        .iter()
        .skip(3)
        .filter(|id| *id != "Observation/b3")
        .cloned()
        .chain(["Organization/new".to_owned()])
        .collect();
    assert_eq!(seen, expected);
}
