//! The command line: help, outputs that scripts rely on, refusals with their hints and exit codes.

use fhir::json::Value;
use testkit::canary;

use crate::support::folder::run;
use crate::support::line::adt;
use crate::support::{Folder, json, number, text};

/// Every command, with its subcommands.
const COMMANDS: &[&str] = &[
    "",
    "demo",
    "init",
    "serve",
    "config",
    "config check",
    "ingest",
    "convert",
    "channel",
    "channel list",
    "channel show",
    "channel quarantine",
    "channel replay",
    "package",
    "package add",
    "package list",
    "validate",
    "fhirpath",
    "mask",
    "mask evaluate",
    "mask reveal",
    "mask risk",
    "scan",
    "token",
    "token create",
    "token list",
    "token revoke",
    "audit",
    "audit verify",
    "audit list",
    "index",
    "index verify",
    "index status",
    "index rebuild",
];

/// The help of all commands as it was looked at last; `WARD_GOLDEN=write` writes it anew.
const HELP: &str = "tests/it/golden/help.txt";

#[test]
fn the_help_of_every_command_is_as_it_was_looked_at_last() {
    let folder = Folder::empty();
    let mut all = String::new();
    for words in COMMANDS {
        let mut arguments: Vec<&str> = words.split_whitespace().collect();
        arguments.push("--help");
        let mut command = folder.command(&arguments);
        command.env_remove("WARD_DATA").env_remove("WARD_KEY_FILE").env("COLUMNS", "110");
        let said = run(command).good();
        let said: Vec<&str> = said.lines().map(str::trim_end).collect();
        let name = ["ward", words].join(" ");
        all.push_str(&format!("== {}\n{}\n\n", name.trim_end(), said.join("\n").trim_end()));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(HELP);
    if std::env::var_os("WARD_GOLDEN").is_some() {
        std::fs::write(&path, &all).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == all, "the help differs from {HELP}; look at it, then set WARD_GOLDEN=write\n{all}");
}

#[test]
fn the_help_knows_all_commands() {
    // A command that is new and not in the list above would escape the golden file.
    let folder = Folder::empty();
    for parent in COMMANDS.iter().filter(|words| !words.contains(' ')) {
        let mut arguments: Vec<&str> = parent.split_whitespace().collect();
        arguments.push("--help");
        let said = folder.ward(&arguments).good();
        let Some((_, listed)) = said.split_once("Commands:\n") else { continue };
        for line in listed.lines().take_while(|line| line.starts_with("  ")) {
            let word = line.split_whitespace().next().unwrap();
            let name = format!("{parent} {word}");
            let known = COMMANDS.contains(&name.trim()) || word == "help" || !line.starts_with("  ");
            assert!(known || line.starts_with("    "), "`{name}` is not in the golden help");
        }
    }
}

#[test]
fn wrong_usage_ends_with_2_and_unbuilt_commands_say_so() {
    let folder = Folder::empty();
    assert_eq!(folder.ward(&["serve", "--no-such-option"]).code, 2);
    assert_eq!(folder.ward(&["token", "create"]).code, 2);
    assert_eq!(folder.ward(&["fhirpath", "name"]).code, 2);
    folder.ward(&["frobnicate"]).refused(2, "`frobnicate`");
    folder.ward(&["backup"]).refused(1, "not built yet");
    let version = folder.ward(&["--version"]).good();
    assert!(version.starts_with("ward ") && version.contains('.'), "{version}");
}

#[test]
fn init_makes_a_private_folder_once_and_wants_the_key_elsewhere() {
    let folder = Folder::empty();
    let data = folder.data();
    let inside = data.join("root.key");
    let inside = ["init", "--key-file", inside.to_str().unwrap()];
    folder.ward(&inside).refused(2, "in the data folder");
    assert!(!data.exists(), "a refused `init` leaves nothing");

    let said = folder.ward(&["init"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
    assert!(said.err.contains("next: "), "{said:?}");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&folder.key())), (0o700, 0o600));
    folder.ward(&["config", "check"]).good();
    folder.ward(&["init"]).refused(1, "is a data folder already");
}

#[test]
fn a_passphrase_opens_what_it_locked_and_no_other_does() {
    let folder = Folder::empty();
    let with = |passphrase: Option<&str>, arguments: &[&str]| {
        let mut command = folder.command(arguments);
        command.env_remove("WARD_KEY_FILE");
        passphrase.into_iter().for_each(|passphrase| _ = command.env("WARD_PASSPHRASE", passphrase));
        run(command)
    };
    with(Some("short"), &["init"]).refused(2, "fewer than");
    with(None, &["init"]).refused(2, "no terminal");
    assert!(!folder.data().exists(), "a refused `init` leaves nothing");
    with(Some("five quite random words here"), &["init"]).good();
    with(Some("five quite random words here"), &["token", "list"]).good();
    with(Some("five quite random words there"), &["token", "list"]).refused(1, "root key");
    with(None, &["token", "list"]).refused(2, "no terminal");
    with(None, &["serve"]).refused(2, "no terminal");
}

#[test]
fn a_wrong_or_missing_key_file_and_a_missing_folder_are_named() {
    let folder = Folder::new();
    let other = Folder::new();
    let key = other.key();
    folder.ward(&["token", "list", "--key-file", key.to_str().unwrap()]).refused(1, "keys");
    folder.ward(&["token", "list", "--key-file", "nowhere.key"]).refused(1, "`nowhere.key`");
    let garbage = folder.file("garbage.key", b"not a key");
    folder.ward(&["token", "list", "--key-file", garbage.to_str().unwrap()]).refused(1, "garbage.key");
    folder.ward(&["token", "list", "--data", "nowhere"]).refused(1, "no data folder of Ward");
    folder.ward(&["audit", "verify", "--data", "nowhere"]).refused(1, "no data folder of Ward");
    folder.ward(&["serve", "--data", "nowhere"]).refused(1, "nowhere");
}

#[test]
fn convert_prints_the_bundle_and_writes_the_loss_report() {
    let folder = Folder::empty();
    folder.file("m.hl7", &canary::result());
    let first = folder.ward(&["convert", "m.hl7", "--report", "r.json", "--zone", "America/Chicago"]);
    assert!(first.err.contains("loss report: "), "{first:?}");
    let first = first.good();
    let second = folder.ward(&["convert", "m.hl7", "--zone", "America/Chicago"]).good();
    assert!(first == second, "the same file gives other bytes");
    let bundle = json(first.as_bytes());
    assert_eq!((text(&bundle, "resourceType"), text(&bundle, "type")), ("Bundle", "transaction"));
    let issues = fhir::validate::validate(&bundle);
    assert!(issues.is_empty(), "{issues:?}");
    let report = json(&std::fs::read(folder.path().join("r.json")).unwrap());
    for member in ["mapped", "unmapped", "ignored", "problems"] {
        assert!(report.get(member).and_then(Value::as_array).is_some(), "{member} in {}", report.to_pretty());
    }

    folder.file("none.txt", b"no message at all");
    folder.ward(&["convert", "none.txt"]).refused(1, "no HL7 v2 message");
    folder.file("two.hl7", &[canary::admission(), canary::result()].concat());
    folder.ward(&["convert", "two.hl7"]).refused(1, "several messages");
    folder.ward(&["convert", "absent.hl7"]).refused(1, "absent.hl7");
    folder.ward(&["convert", "m.hl7", "--zone", "Mars/North"]).refused(2, "Mars/North");
    folder.ward(&["convert", "m.hl7", "--charset", "runes"]).refused(2, "runes");
    folder.file("z.hl7", &adt("Z99", "1", "1", "A"));
    folder.ward(&["convert", "z.hl7"]).refused(1, "could not be mapped");
}

const PATIENT: &str = r#"{"resourceType":"Patient","active":true,"multipleBirthInteger":2,
    "name":[{"family":"Oak","given":["Ann","Bo"]}],"birthDate":"1970-01-02"}"#;

#[test]
fn fhirpath_prints_a_json_array_or_a_line_an_item() {
    let folder = Folder::empty();
    folder.file("p.json", PATIENT.as_bytes());
    let check = |expression: &str, expected: &str| {
        let said = folder.ward(&["fhirpath", expression, "p.json", "--format", "json"]).good();
        assert_eq!(said.trim(), expected, "{expression}");
    };
    check("Patient.name.given", r#"["Ann","Bo"]"#);
    check("name.given.count()", "[2]");
    check("active and true", "[true]");
    check("1.50 + 0", "[1.50]");
    check("nothing", "[]");
    check("birthDate", r#"["1970-01-02"]"#);
    let lines = folder.ward(&["fhirpath", "name.given", "p.json"]).good();
    assert_eq!(lines, "Ann\nBo\n");
    folder.ward(&["fhirpath", "name.(", "p.json"]).refused(2, "FHIRPath");
    folder.ward(&["fhirpath", "1 + 'a'", "p.json"]).refused(1, "evaluated");
    folder.ward(&["fhirpath", "name", "absent.json"]).refused(1, "absent.json");
    folder.file("broken.json", b"{\"resourceType\":");
    folder.ward(&["fhirpath", "name", "broken.json"]).refused(1, "not JSON");
    folder.ward(&["fhirpath", "nme", "p.json", "--strict"]).refused(1, "`nme` is unknown on Patient");
}

#[test]
fn fhirpath_reads_lines_bundles_and_parts_of_a_resource() {
    let folder = Folder::empty();
    let one_line = PATIENT.replace('\n', " ");
    folder.file("p.ndjson", format!("{one_line}\n\n{one_line}\n").as_bytes());
    folder.file("broken.ndjson", format!("{one_line}\n{{\n").as_bytes());
    let bundle = format!(r#"{{"resourceType":"Bundle","entry":[{{"resource":{PATIENT}}},{{}}]}}"#);
    folder.file("b.json", bundle.as_bytes());
    let check = |arguments: &[&str], expected: &str| {
        let all = [&["fhirpath"], arguments, &["--format", "json"]].concat();
        assert_eq!(folder.ward(&all).good().trim(), expected, "{arguments:?}");
    };
    check(&["name.family", "p.ndjson"], r#"["Oak","Oak"]"#);
    check(&["entry.count()", "b.json"], "[2]");
    check(&["Patient.name.family", "b.json", "--entries"], r#"["Oak"]"#);
    check(
        &["given.last() & %resource.active.toString()", "p.ndjson", "--context", "name"],
        r#"["Botrue","Botrue"]"#,
    );
    folder.ward(&["fhirpath", "name", "broken.ndjson"]).refused(1, "line 2");
    folder.ward(&["fhirpath", "name.\n  where(", "p.ndjson"]).refused(2, "line 2:   where(");
    folder.ward(&["fhirpath", "$this", "p.ndjson", "--context", "1"]).refused(2, "--context");
}

#[test]
fn validate_names_places_and_ends_with_1_for_what_is_not_valid() {
    let folder = Folder::empty();
    folder.file("good.json", PATIENT.as_bytes());
    folder.file("bad.json", PATIENT.replace("1970-01-02", "someday").as_bytes());
    folder.file("broken.json", b"{\"resourceType\":");
    let good = folder.ward(&["validate", "good.json"]).good();
    assert_eq!(good, "good.json: valid\n");
    let bad = folder.ward(&["validate", "good.json", "bad.json", "broken.json"]);
    bad.refused(1, "2 of 3");
    assert!(bad.out.contains("bad.json: error: Patient.birthDate: "), "{bad:?}");
    assert!(!bad.out.contains("someday"), "a value stands in the problem: {bad:?}");
    let bad = folder.ward(&["validate", "good.json", "bad.json", "--format", "json"]);
    assert_eq!(bad.code, 1);
    let outcomes = json(bad.out.as_bytes());
    for outcome in outcomes.as_array().unwrap() {
        assert_eq!(text(outcome, "resourceType"), "OperationOutcome");
        assert!(fhir::validate::validate(outcome).is_empty(), "{}", outcome.to_pretty());
    }
    assert_eq!(text(&outcomes, "1.issue.0.expression.0"), "Patient.birthDate");
    folder.ward(&["validate", "absent.json"]).refused(1, "absent.json");
}

/// A FHIR package with these resources.
fn packed(resources: &[&str]) -> Vec<u8> {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let manifest = r#"{"name":"example.package","version":"1.0.0"}"#;
    let files = resources.iter().enumerate().map(|(index, text)| (format!("package/r{index}.json"), *text));
    for (name, text) in files.chain([("package/package.json".to_owned(), manifest)]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn validate_checks_profiles_of_packages() {
    let folder = Folder::empty();
    let profile = r#"{"resourceType":"StructureDefinition","url":"http://example.org/p","type":"Patient","derivation":"constraint",
      "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","differential":{"element":[
      {"id":"Patient.gender","path":"Patient.gender","min":1},
      {"id":"Patient.maritalStatus","path":"Patient.maritalStatus","binding":{"strength":"required","valueSet":"http://example.org/v"}}]}}"#;
    let set = r#"{"resourceType":"ValueSet","url":"http://example.org/v","status":"active",
      "compose":{"include":[{"system":"http://example.org/c","concept":[{"code":"a"}]}]}}"#;
    folder.file("p.tgz", &packed(&[profile, set]));
    let patient = |code: &str| {
        format!(
            r#"{{"resourceType":"Patient","gender":"male","maritalStatus":{{"coding":[{{"system":"http://example.org/c","code":"{code}"}}]}}}}"#
        )
    };
    folder.file(
        "all.ndjson",
        format!("{}\n{}\n{{\"resourceType\":\"Patient\"}}\n", patient("a"), patient("b")).as_bytes(),
    );
    let said =
        folder.ward(&["validate", "all.ndjson", "--package", "p.tgz", "--profile", "http://example.org/p"]);
    said.refused(1, "2 of 3");
    assert_eq!(
        said.out,
        "all.ndjson: line 1: warning: Patient.maritalStatus: has no code of http://hl7.org/fhir/ValueSet/marital-status, \
         which it should have if one of them fits\n\
         all.ndjson: line 1: valid\n\
         all.ndjson: line 2: error: Patient.maritalStatus: has no code of http://example.org/v, which the profile requires\n\
         all.ndjson: line 3: error: Patient.gender: the profile asks for at least 1, there are 0\n"
    );
    folder.ward(&["validate", "all.ndjson", "--profile", "http://example.org/p"]).refused(1, "3 of 3");
    folder.ward(&["validate", "all.ndjson", "--package", "absent.tgz"]).refused(1, "absent.tgz");
}

#[test]
fn audit_and_index_say_what_they_found() {
    let folder = Folder::new();
    folder.file("m.hl7", &canary::admission());
    folder.ward(&["ingest", "m.hl7"]).good();
    let report = json(folder.ward(&["audit", "verify", "--format", "json"]).good().as_bytes());
    assert!(number(&report, "tree_size").is_some_and(|size| size > 0), "{}", report.to_pretty());
    assert_eq!(text(&report, "root").len(), 64);
    let table = folder.ward(&["audit", "verify"]).good();
    assert!(table.contains("tree size") && table.contains(text(&report, "root")), "{table}");
    let events = json(folder.ward(&["audit", "list", "--format", "json"]).good().as_bytes());
    for event in events.as_array().unwrap() {
        assert_eq!(text(event, "resourceType"), "AuditEvent");
        let issues = fhir::validate::validate(event);
        assert!(issues.is_empty(), "{issues:?} in {}", event.to_pretty());
    }
    folder.ward(&["index", "verify"]).good();
    folder.ward(&["index", "rebuild"]).good();
    folder.ward(&["index", "verify"]).good();

    // One flipped bit in the middle of the rows.
    let rows = files(&folder.data().join("audit").join("rows"));
    let path = rows.iter().max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
    folder.ward(&["audit", "verify"]).refused(1, "audit log");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn channels_are_listed_shown_and_replayed() {
    let folder = Folder::new();
    let list = json(folder.ward(&["channel", "list", "--format", "json"]).good().as_bytes());
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|one| text(one, "name")).collect();
    assert_eq!(names, ["adt", "plain", "post"]);
    assert_eq!(text(&list, "0.kind"), "mllp");
    let table = folder.ward(&["channel", "list"]).good();
    assert!(table.contains("plaintext") && table.contains("TLS"), "{table}");
    assert!(folder.ward(&["channel", "show", "adt"]).good().contains("America/Chicago"));
    folder.ward(&["channel", "show", "nobody"]).refused(2, "`nobody`");
    folder.ward(&["channel", "replay", "nobody"]).refused(2, "`nobody`");

    folder.file("m.hl7", &[canary::admission(), adt("Z99", "2", "7", "B")].concat());
    folder.ward(&["ingest", "m.hl7"]).good();
    let kept = json(folder.ward(&["channel", "quarantine", "--format", "json"]).good().as_bytes());
    assert_eq!(kept.as_array().unwrap().len(), 1);
    assert_eq!(text(&kept, "0.reason.cause"), "unsupported");
    assert_eq!(text(&kept, "0.channel"), "files");
    let table = folder.ward(&["channel", "quarantine", "files"]).good();
    assert!(table.contains("unsupported"), "{table}");
    let counts = |arguments: &[&str]| {
        let said = json(folder.ward(arguments).good().as_bytes());
        ["messages", "committed", "unchanged", "quarantined", "failed"]
            .map(|name| number(&said, name).unwrap())
    };
    assert_eq!(counts(&["channel", "replay", "files", "--format", "json"]), [1, 0, 0, 1, 0]);
    assert_eq!(counts(&["channel", "replay", "files", "--all", "--format", "json"]), [2, 0, 1, 1, 0]);
}
