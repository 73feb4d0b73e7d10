//! Contained resources by HTTPS: found in their containers, shown as either, and not beyond a caller's reach.

use fhir::json::{Limits, Value, parse};

use crate::support::{Client, Folder, names, number, text};

fn fill(client: &mut Client) {
    for resource in [
        r#"{"resourceType":"Organization","id":"maker","name":"Maker"}"#,
        r#"{"resourceType":"Patient","id":"a"}"#,
        r#"{"resourceType":"Patient","id":"b"}"#,
        r#"{"resourceType":"Medication","id":"plain","code":{"text":"salve"},"status":"active"}"#,
        r##"{"resourceType":"MedicationRequest","id":"of-a","status":"active","intent":"order",
            "subject":{"reference":"Patient/a"},"medicationReference":{"reference":"#m1"},"contained":[
            {"resourceType":"Medication","id":"m1","code":{"text":"salve"},"status":"active",
                "manufacturer":{"reference":"Organization/maker"}},
            {"resourceType":"Medication","id":"m2","code":{"text":"powder"},"status":"inactive"}]}"##,
        r##"{"resourceType":"MedicationRequest","id":"of-b","status":"active","intent":"order",
            "subject":{"reference":"Patient/b"},"medicationReference":{"reference":"#m1"},"contained":[
            {"resourceType":"Medication","id":"m1","code":{"text":"salve"},"status":"active"}]}"##,
    ] {
        let value: Value = parse(resource.as_bytes(), &Limits::default()).unwrap();
        let (kind, id) = (text(&value, "resourceType").to_owned(), text(&value, "id").to_owned());
        assert_eq!(client.put(&format!("/fhir/{kind}/{id}"), &value).status, 201, "{kind}/{id}");
    }
}

/// The full URLs of a bundle behind its base, each with the mode of its entry.
fn urls(bundle: &Value) -> String {
    let entries = bundle.get("entry").map(Value::elements).unwrap_or_default();
    let url = |entry: &Value| {
        let (_, path) = text(entry, "fullUrl").split_once("/fhir/").unwrap();
        format!("{path}:{}", text(entry, "search.mode"))
    };
    entries.iter().map(url).collect::<Vec<_>>().join(" ")
}

#[test]
fn contained_resources_are_shown_as_themselves_or_by_their_containers() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    fill(&mut client);
    for (query, expected) in [
        ("", "Medication/plain:match"),
        ("_contained=false", "Medication/plain:match"),
        ("_contained=true", "MedicationRequest/of-a:match MedicationRequest/of-b:match"),
        (
            "_contained=true&_containedType=contained",
            "MedicationRequest/of-a#m1:match MedicationRequest/of-a#m2:match MedicationRequest/of-b#m1:match",
        ),
        (
            "_contained=both&_containedType=contained&code:text=salve",
            "Medication/plain:match MedicationRequest/of-a#m1:match MedicationRequest/of-b#m1:match",
        ),
        ("_contained=true&code:text=salve&status=inactive", ""),
        ("_contained=true&code:text=powder&status=inactive", "MedicationRequest/of-a:match"),
        (
            "_contained=true&_containedType=contained&manufacturer.name=maker&_include=Medication:manufacturer",
            "MedicationRequest/of-a#m1:match Organization/maker:include",
        ),
        (
            "_contained=both&_containedType=contained&_sort=-status,_id&_count=10",
            "MedicationRequest/of-a#m2:match MedicationRequest/of-a#m1:match MedicationRequest/of-b#m1:match \
             Medication/plain:match",
        ),
    ] {
        let found = client.get(&format!("/fhir/Medication?{query}")).ok();
        assert_eq!(urls(&found), expected, "{query}");
        let count = expected.split(' ').filter(|url| url.ends_with("match")).count();
        let total = client.get(&format!("/fhir/Medication?{query}&_summary=count")).ok();
        assert_eq!(number(&total, "total"), Some(count as i64), "{query}");
    }
    let query = "_contained=true&_containedType=contained&status=inactive";
    let found = client.get(&format!("/fhir/Medication?{query}&_elements=status")).ok();
    assert_eq!(text(&found, "entry.0.resource.id"), "m2");
    assert_eq!(text(&found, "entry.0.resource.meta.tag.0.code"), "SUBSETTED");

    // Pages, of the system too.
    for path in ["/fhir/Medication?_contained=both", "/fhir?_type=Medication,Patient&_contained=both"] {
        let (mut seen, mut next) = (Vec::new(), Some(format!("{path}&_containedType=contained&_count=2")));
        while let Some(path) = next {
            let page = client.get(&path).ok();
            seen.extend(urls(&page).split(' ').map(str::to_owned));
            let links = page.get("link").map(Value::elements).unwrap_or_default();
            let link = links.iter().find(|link| text(link, "relation") == "next");
            next = link.map(|link| {
                text(link, "url").split_once("/fhir").map(|(_, path)| format!("/fhir{path}")).unwrap()
            });
        }
        let whole = client.get(&format!("{path}&_containedType=contained")).ok();
        assert_eq!(seen.join(" "), urls(&whole), "{path}");
    }

    // A write takes rows away and makes others.
    assert_eq!(client.call("DELETE", "/fhir/MedicationRequest/of-b", &[], &[]).status, 204);
    let found = client.get("/fhir/Medication?_contained=true").ok();
    assert_eq!(names(&found), ["MedicationRequest/of-a"]);
    server.stop();
}

#[test]
fn containers_beyond_reach_hide_what_they_contain() {
    let folder = Folder::new();
    let all = folder.token();
    let mut server = folder.serve();
    fill(&mut server.client(&all));
    let limited = |scope: &str| folder.ward(&["token", "create", "--scope", scope]).good().trim().to_owned();
    let (medications, both) =
        (limited("user/Medication.rs"), limited("user/Medication.rs user/MedicationRequest.rs"));
    let whole =
        "MedicationRequest/of-a#m1:match MedicationRequest/of-a#m2:match MedicationRequest/of-b#m1:match";
    let query = "/fhir/Medication?_contained=true&_containedType=contained";
    for (token, expected) in [(&all, whole), (&both, whole), (&medications, "")] {
        let mut client = server.client(token);
        assert_eq!(urls(&client.get(query).ok()), expected);
        let counted = client.get(&format!("{query}&_summary=count")).ok();
        let count = expected.split(' ').filter(|url| !url.is_empty()).count();
        assert_eq!(number(&counted, "total"), Some(count as i64));
        let plan = client.get(&format!("{query}&__explain=true")).ok();
        let tells = String::from_utf8(plan.to_vec()).unwrap().contains("members");
        assert_eq!(tells, *token == all, "counts of rows are for who may see all");
    }
    server.stop();
}

#[test]
fn where_contained_resources_are_not_looked_for_the_wish_is_refused_by_name() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    for path in [
        "/fhir/Medication?_contained=yes",
        "/fhir/Medication?_containedType=both",
        "/fhir/Patient/a/Observation?_contained=true",
    ] {
        assert!(client.get(path).refused(400).contains("`_contained"), "{path}");
    }
    let conditional = client.call("DELETE", "/fhir/Medication?_contained=true&status=active", &[], &[]);
    assert!(conditional.refused(400).contains("`_contained"));
    let batch = r#"{"resourceType":"Bundle","type":"batch","entry":[
        {"request":{"method":"GET","url":"Medication?_contained=true"}},
        {"request":{"method":"GET","url":"Medication?_contained=true&_containedType=contained"}}]}"#;
    let answer = client.post("/fhir", &parse(batch.as_bytes(), &Limits::default()).unwrap()).ok();
    assert_eq!(text(&answer, "entry.0.response.status"), "200 OK");
    assert!(text(&answer, "entry.1.response.outcome.issue.0.details.text").contains("`_containedType"));
    server.stop();
}
