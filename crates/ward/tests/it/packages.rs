//! `ward package`: packages from archives and folders, with and without a server, again and in another version.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fhir::json::Value;

use crate::support::{Folder, json, number, text};

const SYSTEM: &str = r#"{"resourceType":"CodeSystem","id":"shades","url":"http://guide.example/CodeSystem/shades","version":"1.0.0",
    "status":"active","content":"complete","concept":[{"code":"dark"},{"code":"light"}]}"#;
const SET: &str = r#"{"resourceType":"ValueSet","id":"shades","url":"http://guide.example/ValueSet/shades","version":"1.0.0",
    "status":"active","compose":{"include":[{"system":"http://guide.example/CodeSystem/shades"}]}}"#;
const EXAMPLE: &str = r#"{"resourceType":"Basic","id":"sample","code":{"text":"a sample"}}"#;

fn manifest(version: &str) -> String {
    format!(
        r#"{{"name":"example.guide","version":"{version}","title":"A guide","canonical":"http://guide.example","fhirVersions":["4.0.1"],
        "dependencies":{{"hl7.fhir.r4.core":"4.0.1","other.guide":"2.0.0"}}}}"#
    )
}

fn files(version: &str) -> Vec<(&'static str, String)> {
    vec![
        ("package/package.json", manifest(version)),
        ("package/.index.json", "{}".to_owned()),
        ("package/CodeSystem-shades.json", SYSTEM.replace("1.0.0", version)),
        ("package/ValueSet-shades.json", SET.replace("1.0.0", version)),
        ("package/Basic-stray.json", EXAMPLE.replace("sample", "stray")),
        ("package/example/Basic-sample.json", EXAMPLE.to_owned()),
        ("package/xml/ValueSet.json", "not read".to_owned()),
    ]
}

fn archive(folder: &Path, version: &str) -> PathBuf {
    let path = folder.join(format!("guide-{version}.tgz"));
    let packed =
        flate2::write::GzEncoder::new(std::fs::File::create(&path).unwrap(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    for (name, content) in files(version) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap().flush().unwrap();
    path
}

/// Runs `ward package add … --format json`; gives its only report and the exit code.
fn add(folder: &Folder, path: &Path, more: &[&str]) -> (Value, i32) {
    let mut arguments = vec!["package", "add", path.to_str().unwrap(), "--format", "json"];
    arguments.extend(more);
    let said = folder.ward(&arguments);
    (json(said.out.trim().as_bytes()).at(0).unwrap_or_else(|| panic!("{said:?}")).clone(), said.code)
}

#[track_caller]
fn counts(report: &Value, expected: [i64; 4]) {
    let found = ["created", "updated", "unchanged", "skipped"].map(|name| number(report, name).unwrap());
    assert_eq!(found, expected, "created, updated, unchanged, skipped: {}", report.to_pretty());
}

#[test]
fn a_package_goes_in_once_and_another_version_is_told() {
    let folder = Folder::new();
    let first = archive(folder.path(), "1.0.0");
    let (report, code) = add(&folder, &first, &[]);
    counts(&report, [3, 0, 0, 1]);
    assert_eq!((code, text(&report, "package")), (0, "example.guide"));
    assert_eq!(report.get("missing").unwrap().at(0).unwrap().as_str(), Some("other.guide 2.0.0"));
    let (again, code) = add(&folder, &first, &["--examples"]);
    counts(&again, [1, 0, 3, 1]);
    assert_eq!(code, 0);

    let listed = folder.ward(&["package", "list", "--format", "json"]).good();
    let listed = json(listed.trim().as_bytes());
    assert_eq!(text(listed.at(0).unwrap(), "package"), "example.guide");
    assert_eq!(text(listed.at(0).unwrap(), "version"), "1.0.0");

    let second = archive(folder.path(), "2.0.0");
    let (refused, code) = add(&folder, &second, &[]);
    counts(&refused, [0, 0, 0, 1]);
    let conflicts = refused.get("conflicts").unwrap().elements();
    assert_eq!((code, conflicts.len()), (1, 3));
    assert!(text(&conflicts[0], "text").contains("1.0.0 is stored"), "{}", refused.to_pretty());
    let (replaced, code) = add(&folder, &second, &["--replace"]);
    counts(&replaced, [0, 3, 0, 1]);
    assert_eq!(code, 0);
}

#[test]
fn a_package_goes_in_through_a_running_server_and_is_used_at_once() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let expand = "/fhir/ValueSet/$expand?url=http://guide.example/ValueSet/shades";
    client.get(expand).refused(404);
    for (name, content) in files("1.0.0") {
        let path = folder.path().join("unpacked").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let (report, code) = add(&folder, &folder.path().join("unpacked"), &[]);
    counts(&report, [3, 0, 0, 1]);
    assert_eq!(code, 0);
    assert_eq!(number(&client.get(expand).ok(), "expansion.total"), Some(2));
    server.stop();
}

#[test]
fn what_is_no_package_or_not_for_r4_or_not_valid_is_refused_with_a_hint() {
    let folder = Folder::new();
    let file = |name: &str, content: &str| folder.file(name, content.as_bytes());
    let refused = |path: &Path, words: &str| {
        let said = folder.ward(&["package", "add", path.to_str().unwrap()]);
        assert!(said.code > 0 && said.err.contains(words) && said.err.contains("hint: "), "{said:?}");
    };
    refused(Path::new("/nowhere.tgz"), "nowhere.tgz");
    refused(&file("notes.txt", "x"), "neither a package");
    refused(&file("broken.tgz", "x"), "could not be read");
    refused(&file("broken.json", "{"), "not JSON");
    refused(
        &file(
            "wrong.json",
            r#"{"resourceType":"ValueSet","id":"w","url":"urn:w","status":"active","colour":"red"}"#,
        ),
        "colour",
    );
    let other = folder.path().join("five");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join("package.json"), manifest("1").replace("4.0.1\"]", "5.0.0\"]")).unwrap();
    refused(&other, "FHIR 5.0.0");
    let (single, code) = add(&folder, &file("one.json", SYSTEM), &[]);
    counts(&single, [1, 0, 0, 0]);
    assert_eq!(code, 0);
}
