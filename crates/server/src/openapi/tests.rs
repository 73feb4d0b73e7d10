use super::*;

/// Routes that only say where to go instead.
const SIGNPOSTS: &[&str] = &["/fhir/{type}/$everything"];

/// The path templates in the source of this crate.
fn in_source() -> Vec<String> {
    let mut open = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for route in code.split(".route(").skip(1) {
                let route = route.trim_start();
                if let Some(template) = route.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                    found.push(template.to_owned());
                }
            }
        }
    }
    found
}

/// A template as the router has it: an operation is for any type there, and its handler says which it takes.
fn general(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    if let Some(part) = parts.get_mut(2)
        && definitions::is_resource(part)
    {
        *part = "{type}";
    }
    parts.join("/")
}

#[test]
fn the_document_names_every_route_of_the_source() {
    let document = document();
    let told: Vec<String> = document.get("paths").unwrap().as_object().unwrap().keys().map(general).collect();
    let routes = in_source();
    assert!(routes.len() > 20, "{routes:?}");
    for route in routes {
        // With and without a slash at the end it is the same path.
        let route = route.trim_end_matches('/');
        if SIGNPOSTS.contains(&route) {
            continue;
        }
        assert!(told.contains(&general(route)), "{route} is not in the document");
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/").skip(1) {
        let path = reference.split('"').next().unwrap();
        let found = path.split('/').try_fold(&document, |at, name| at.get(name));
        assert!(found.is_some(), "{path}");
    }
}

#[test]
fn every_part_of_a_path_is_described() {
    let document = document();
    for (path, item) in document.get("paths").unwrap().as_object().unwrap() {
        let parts = path.split('{').skip(1).map(|part| part.split('}').next().unwrap());
        for part in parts {
            let reference = format!("#/components/parameters/{part}");
            for (verb, described) in item.as_object().unwrap() {
                assert!(described.to_string().contains(&reference), "{verb} {path}: {part}");
            }
        }
    }
}
