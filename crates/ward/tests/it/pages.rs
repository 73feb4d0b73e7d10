//! Pages: their links lead through everything once, and no further than their caller.

use std::collections::BTreeSet;

use fhir::json::{Value, object};

use crate::support::{Client, Folder, at, names, number, text};

fn link(bundle: &Value, relation: &str) -> Option<String> {
    let links = bundle.get("link").and_then(Value::as_array)?;
    let found = links.iter().find(|link| text(link, "relation") == relation)?;
    Some(text(found, "url").strip_prefix("https://ward.example").unwrap().to_owned())
}

/// Follows `next` to the end; every page's own link must give that page again.
fn walk(client: &mut Client, path: &str, page: usize) -> Vec<String> {
    let (mut all, mut at) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = at {
        let bundle = client.get(&path).ok();
        let shown = versions(&bundle);
        assert!(shown.len() <= page, "{} entries on a page of {page}", shown.len());
        let own = link(&bundle, "self").expect("a page names itself");
        assert_eq!(versions(&client.get(&own).ok()), shown, "{own}");
        all.extend(shown);
        at = link(&bundle, "next");
        assert!(all.len() < 10_000, "the links lead in circles");
    }
    all
}

/// `Type/id/version` of each entry.
fn versions(bundle: &Value) -> Vec<String> {
    let entries = bundle.get("entry").and_then(Value::as_array).unwrap_or_default();
    let version = |entry: &Value| {
        let tag = text(entry, "response.etag");
        let version = if tag.is_empty() { text(entry, "resource.meta.versionId") } else { tag };
        format!("{} {version}", text(entry, "fullUrl"))
    };
    entries.iter().map(version).collect()
}

#[test]
fn the_union_of_pages_is_the_whole_and_nothing_comes_twice() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let families = ["Oak", "Elm", "Ash", "Yew", "Fir"];
    let entries: Vec<Value> = (0..53)
        .map(|index: usize| {
            let name = object([("family", Value::from(families[index % 5]))]);
            let resource = object([
                ("resourceType", Value::from("Patient")),
                ("id", Value::from(format!("p{index}").as_str())),
                ("name", Value::from(vec![name])),
                ("birthDate", Value::from(format!("19{:02}-01-01", index % 7 + 40).as_str())),
            ]);
            let url = format!("Patient/p{index}");
            let request = object([("method", Value::from("PUT")), ("url", Value::from(url.as_str()))]);
            object([("resource", resource), ("request", request)])
        })
        .collect();
    let bundle = object([
        ("resourceType", Value::from("Bundle")),
        ("type", Value::from("transaction")),
        ("entry", Value::from(entries)),
    ]);
    client.post("/fhir", &bundle).ok();
    for id in ["p3", "p4"] {
        client.call("DELETE", &format!("/fhir/Patient/{id}"), &[], &[]);
    }

    for (query, page, expected) in [
        ("Patient?_count=10", 10, 51),
        ("Patient?_count=7&_sort=family", 7, 51),
        ("Patient?_count=7&_sort=-birthdate,family", 7, 51),
        ("Patient?_count=5&_sort=-_lastUpdated", 5, 51),
        ("Patient?_count=1&name=Oak", 1, 11),
        ("Patient?_count=4&name=Oak,Elm&birthdate=ge1941&_sort=family", 4, 0),
        ("Patient?_count=51", 51, 51),
        ("Patient/_history?_count=9", 9, 55),
        ("_history?_count=20", 20, 55),
    ] {
        let all = walk(&mut client, &format!("/fhir/{query}"), page);
        let different: BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{query} shows something twice");
        if expected > 0 {
            assert_eq!(all.len(), expected, "{query}");
        }
        // One page that holds all of it says the same, in the same order.
        let count = query.find("_count=").unwrap();
        let end = query[count..].find('&').map_or(query.len(), |end| count + end);
        let whole = format!("/fhir/{}_count=1000{}", &query[..count], &query[end..]);
        assert_eq!(versions(&client.get(&whole).ok()), all, "{query}");
    }

    // Back as well as forth.
    let first = client.search("Patient?_count=10&_sort=family");
    let second = client.get(&link(&first, "next").unwrap()).ok();
    let back = client.get(&link(&second, "previous").unwrap()).ok();
    assert_eq!(versions(&back), versions(&first));
    assert_eq!(link(&first, "previous"), None);

    // Writes between two pages neither repeat nor move what is still to come.
    let mut shown = names(&first);
    let mut at = link(&first, "next");
    client.call("DELETE", "/fhir/Patient/p9", &[], &[]);
    while let Some(path) = at {
        let page = client.get(&path).ok();
        shown.extend(names(&page));
        at = link(&page, "next");
    }
    let different: BTreeSet<_> = shown.iter().collect();
    assert_eq!(different.len(), shown.len());
    assert!(shown.len() >= 50, "{}", shown.len());

    // A token is bound to its query and its caller, and cannot be made up.
    let next = link(&first, "next").unwrap();
    let (_, page) = next.split_once("_page=").unwrap();
    let page = page.split('&').next().unwrap().to_owned();
    client.get(&format!("/fhir/Patient?name=Oak&_page={page}")).refused(400);
    client.get(&format!("/fhir/Observation?_page={page}")).refused(400);
    client
        .get(&format!("/fhir/Patient?_count=10&_sort=family&_page={}", &page[..page.len() - 2]))
        .refused(400);
    client.get("/fhir/Patient?_page=nonsense").refused(400);
    let other = folder.ward(&["token", "create", "--scope", "system/*.rs", "--name", "somebody"]).good();
    let mut other = server.client(other.trim());
    other.get(&next).refused(400);

    let zero = client.search("Patient?_count=0&_total=accurate");
    assert_eq!((number(&zero, "total"), at_entry(&zero)), (Some(50), false));
    client.get("/fhir/Patient?_count=-1").refused(400);
    server.stop();
}

fn at_entry(bundle: &Value) -> bool {
    at(bundle, "entry").is_some()
}
