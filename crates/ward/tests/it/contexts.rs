//! Searches beyond one type by HTTPS: words, filters, the whole system, compartments, each by GET and by POST.

use fhir::json::{Limits, Value, parse};

use crate::support::{Client, Folder, at, names, number, text};

const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];

fn fill(client: &mut Client) {
    for resource in [
        r#"{"resourceType":"Patient","id":"a","name":[{"family":"Oak"}],"generalPractitioner":[{"reference":"Practitioner/doc"}]}"#,
        r#"{"resourceType":"Patient","id":"b","name":[{"family":"Elm"}],
            "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Plays the <b>violin</b></div>"}}"#,
        r#"{"resourceType":"Practitioner","id":"doc","name":[{"family":"Curie"}]}"#,
        r#"{"resourceType":"Condition","id":"flu","subject":{"reference":"Patient/a"},"code":{"text":"Severe influenza"}}"#,
        r#"{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"pulse"},"subject":{"reference":"Patient/a"}}"#,
        r#"{"resourceType":"Observation","id":"o2","status":"final","code":{"text":"pulse"},"subject":{"reference":"Patient/b"}}"#,
        r#"{"resourceType":"Location","id":"here","position":{"latitude":47.37,"longitude":8.54}}"#,
        r#"{"resourceType":"List","id":"l","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/b"}}]}"#,
    ] {
        let value: Value = parse(resource.as_bytes(), &Limits::default()).unwrap();
        let (kind, id) = (text(&value, "resourceType").to_owned(), text(&value, "id").to_owned());
        assert_eq!(client.put(&format!("/fhir/{kind}/{id}"), &value).status, 201, "{kind}/{id}");
    }
}

fn sorted(bundle: &Value) -> String {
    let mut all = names(bundle);
    all.sort();
    all.join(" ")
}

#[test]
fn searches_beyond_one_type_are_answered_by_get_and_by_post() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    fill(&mut client);
    for (path, query, expected) in [
        ("/Patient", "_text=violin", "Patient/b"),
        ("/Condition", "_content=influ*%20severe", "Condition/flu"),
        ("/Patient", "_filter=name%20sw%20oa%20or%20_id%20eq%20b", "Patient/a Patient/b"),
        ("/Patient", "_list=l", "Patient/b"),
        ("/Location", "near=47.4%7C8.5%7C10%7Ckm", "Location/here"),
        ("", "_type=Patient,Condition&_content=oak,influenza", "Condition/flu Patient/a"),
        ("", "_id=o1", "Observation/o1"),
        ("/Patient/a/Observation", "status=final", "Observation/o1"),
        ("/Patient/a/*", "_type=Observation,Condition", "Condition/flu Observation/o1"),
        ("/Patient/a/*", "", "Condition/flu Observation/o1 Patient/a"),
        ("/Practitioner/doc/Patient", "", "Patient/a"),
        ("/Patient/nobody/*", "", ""),
    ] {
        assert_eq!(sorted(&client.get(&format!("/fhir{path}?{query}")).ok()), expected, "GET {path}?{query}");
        let posted = client.call("POST", &format!("/fhir{path}/_search"), FORM, query.as_bytes()).ok();
        assert_eq!(sorted(&posted), expected, "POST {path}/_search {query}");
    }
    // Pages: the links lead on in the same place.
    for path in ["", "/Patient/a/*"] {
        let (mut seen, mut next) = (Vec::new(), Some(format!("/fhir{path}?_count=2&_total=accurate")));
        while let Some(url) = next {
            let bundle = client.get(&url).ok();
            seen.extend(names(&bundle));
            let links = bundle.get("link").map(Value::elements).unwrap_or_default();
            let url =
                links.iter().find(|link| text(link, "relation") == "next").map(|link| text(link, "url"));
            next = url.and_then(|url| url.strip_prefix("https://ward.example")).map(str::to_owned);
            if next.is_some() {
                let known = number(&bundle, "total");
                assert!(known.is_some() || seen.len() > 2, "a total was asked for: {bundle:?}");
            }
        }
        let whole = client.get(&format!("/fhir{path}?_count=100")).ok();
        assert_eq!(seen, names(&whole), "{path}");
    }
    for (path, status) in [
        ("/Patient/a/Nothing", 404),
        ("/Group/a/Observation", 404),
        ("/Patient/a/Organization", 400),
        ("/Patient/a/Observation?_type=Patient", 400),
        ("?_type=Patient,Observation&birthdate=2020", 400),
        ("?_type=Unknown", 400),
        ("/Patient?_filter=name%20eq", 400),
        ("/Patient?_text=(", 400),
        ("/Patient?_list=$current-allergies", 400),
        ("/Location?near=100%7C0", 400),
    ] {
        let said = client.get(&format!("/fhir{path}")).refused(status);
        assert!(!said.is_empty(), "{path}");
    }
    let plan = client.get("/fhir?_type=Patient&__explain=true").ok();
    assert!(at(&plan, "entry").is_some());
    server.stop();
}
