//! Every path with every method and bodies of every wrong kind: refused, never broken.

use fhir::json::Value;

use crate::support::{Client, Folder};

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What stands in for the parts of a path.
const PARTS: &[(&str, &[&str])] = &[
    ("{type}", &["Patient", "Nothing"]),
    ("{id}", &["none", "%00"]),
    ("{of}", &["Observation", "Nothing"]),
    ("{version}", &["1", "x"]),
    ("{of}", &["Observation", "nothing"]),
    ("{name}", &["none"]),
    ("{file}", &["none"]),
    ("{bucket}", &["raw", "masked", "none"]),
    ("{key}", &["none", "%00"]),
];

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let json = "application/fhir+json";
    let deep = "[".repeat(100_000).into_bytes();
    let wrong = br#"{"resourceType":"Parameters","parameter":[{"name":"x","valueString":7}]}"#.to_vec();
    vec![
        (json, Vec::new()),
        (json, b"{}".to_vec()),
        (json, b"[null]".to_vec()),
        (json, b"\"\"".to_vec()),
        (json, b"{\"resourceType\":\"Nothing\"}".to_vec()),
        (json, b"{\"resourceType\":7}".to_vec()),
        (json, b"{\"resourceType\":\"Patient\",\"birthDate\":\"9999999-99-99\",\"name\":{}}".to_vec()),
        (json, b"\xff\xfe{}".to_vec()),
        (json, deep),
        (json, wrong),
        ("application/json-patch+json", b"[{\"op\":\"add\"}]".to_vec()),
        ("application/x-www-form-urlencoded", b"nothing=%FF&x".to_vec()),
        ("application/fhir+xml", b"<Patient xmlns=\"http://hl7.org/fhir\"><a/></Patient>".to_vec()),
        ("application/json", b"{\"query\":7}".to_vec()),
        ("text/plain", b"x".to_vec()),
        ("", b"x".to_vec()),
    ]
}

/// The paths of a template.
fn filled(template: &str) -> Vec<String> {
    let mut paths = vec![template.to_owned()];
    for (part, values) in PARTS {
        if template.contains(part) {
            paths =
                paths.iter().flat_map(|path| values.iter().map(|value| path.replace(part, value))).collect();
        }
    }
    paths
}

fn document(client: &mut Client) -> Value {
    let answer = client.get("/openapi.json");
    fhir::json::parse(&answer.body, &fhir::json::Limits::default()).unwrap()
}

#[test]
fn every_route_refuses_what_is_wrong_and_breaks_at_nothing() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let document = document(&mut client);
    let (mut asked, bodies) = (0, bodies());
    for (template, verbs) in document.get("paths").unwrap().as_object().unwrap() {
        let is_masked = template.starts_with("/mask/");
        let open = ["/healthz", "/readyz", "/metrics", "/openapi.json", "/fhir/metadata"];
        let is_open = open.contains(&template);
        for path in filled(template) {
            for method in METHODS {
                let offered = verbs.get(&method.to_lowercase()).is_some();
                for (kind, body) in &bodies {
                    let headers: &[(&str, &str)] =
                        if kind.is_empty() { &[] } else { &[("content-type", kind)] };
                    let answer = client.call(method, &path, headers, body);
                    asked += 1;
                    let status = answer.status.as_u16();
                    assert!(status < 500, "{method} {path} with {kind}: {answer:?}");
                    let writes = matches!(*method, "POST" | "PUT" | "PATCH");
                    // A search by form and an operation without parameters ask nothing wrong when they ask nothing.
                    let is_search =
                        template.ends_with("_search") || (template.contains("/$") && body.is_empty());
                    // To say what is wrong is what `$validate` is for; it says so with 200.
                    let is_told = template.ends_with("$validate")
                        && String::from_utf8_lossy(&answer.body).contains("\"error\"");
                    assert!(
                        // Masking takes any text, and of a resource whatever it can make out.
                        status >= 400 || (offered && (!writes || is_search || is_told || is_masked)),
                        "{method} {path} took {kind}: {answer:?}"
                    );
                    if !writes {
                        break;
                    }
                }
                let mut nobody = server.client("nobody");
                let answer = nobody.call(method, &path, &[], &[]);
                assert!(
                    is_open || matches!(answer.status.as_u16(), 400..=499),
                    "{method} {path}: {answer:?}"
                );
            }
        }
    }
    assert!(asked > 1000, "{asked}");
    server.stop();
}
