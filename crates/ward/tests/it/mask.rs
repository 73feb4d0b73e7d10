//! Masking by HTTP and by command: what comes back, what refuses, and what the audit log says of it.

use fhir::json::{Value, array, object};

use crate::support::https::FHIR;
use crate::support::{Folder, json, text};

const JSON: (&str, &str) = ("content-type", "application/json");
const PLAIN: (&str, &str) = ("content-type", "text/plain; charset=utf-8");

const PDF: (&str, &str) = ("content-type", "application/pdf");
const PNG: (&str, &str) = ("content-type", "image/png");

/// Path, media type, body, and the status that says no.
type Case = (&'static str, (&'static str, &'static str), &'static [u8], u16);

const NOTE: &str = "Seen by Dr. Zoë Ünal on 03/14/2024. MRN 00482913, call (415) 555-0132.";
/// What of the note must not come back.
const TELLS: [&str; 5] = ["Zoë", "Ünal", "03/14/2024", "00482913", "555-0132"];

fn asked(members: &[(&'static str, &str)]) -> Vec<u8> {
    object(members.iter().map(|(name, value)| (*name, Value::from(*value)))).to_vec()
}

fn patient() -> Value {
    object([
        ("resourceType", Value::from("Patient")),
        ("id", Value::from("p1")),
        ("name", array([object([("family", Value::from("Quillfeather")), ("given", array(["Odalric"]))])])),
        ("birthDate", Value::from("1961-07-23")),
    ])
}

#[test]
fn a_text_comes_back_without_who_it_is_about_and_with_places_in_characters() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let answer = client.call("POST", "/mask/text", &[JSON], &asked(&[("text", NOTE)])).ok();
    let masked = text(&answer, "text");
    TELLS.iter().for_each(|tell| assert!(!masked.contains(tell), "{tell}"));
    assert!(masked.contains("[NAME] on [DATE]"), "{masked}");
    let characters: Vec<char> = NOTE.chars().collect();
    let found: Vec<String> = answer
        .get("entities")
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|entity| {
            let at = |name: &str| usize::try_from(entity.get(name).unwrap().as_i64().unwrap()).unwrap();
            characters[at("start")..at("end")].iter().collect()
        })
        .collect();
    assert!(found.iter().any(|found| found.contains("Zoë Ünal")), "{found:?}");

    let listed = client.call("POST", "/mask/text/entities", &[PLAIN], NOTE.as_bytes()).ok();
    assert_eq!(listed.get("entities"), answer.get("entities"));
    assert!(listed.get("text").is_none());
    let plain = client.call("POST", "/mask/text?style=remove", &[PLAIN], NOTE.as_bytes());
    let plain = String::from_utf8(plain.body.to_vec()).unwrap();
    assert!(plain.starts_with("Seen by") && !plain.contains("[NAME]"), "{plain}");
    TELLS.iter().for_each(|tell| assert!(!plain.contains(tell), "{tell}"));
    server.stop();
}

#[test]
fn what_is_known_of_a_patient_is_found_in_a_text_about_it() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    client.call("PUT", "/fhir/Patient/p1", &[FHIR], &patient().to_vec());
    let note = "odalric was calm; QUILLFEATHER slept. Born 23-Jul-1961.";
    let body = asked(&[("text", note), ("patient", "Patient/p1"), ("style", "tags")]);
    let answer = client.call("POST", "/mask/text", &[JSON], &body).ok();
    let masked = text(&answer, "text").to_lowercase();
    ["odalric", "quillfeather", "23-jul"].iter().for_each(|tell| assert!(!masked.contains(tell), "{masked}"));
    let again = client.call("POST", "/mask/text", &[JSON], &body).ok();
    assert_eq!(text(&again, "text"), text(&answer, "text"), "the same tags for the same names");

    let unknown = asked(&[("text", note), ("patient", "Patient/p2")]);
    assert_eq!(client.call("POST", "/mask/text", &[JSON], &unknown).status, 404);
    server.stop();
}

#[test]
fn a_resource_and_a_message_come_back_whole_but_masked() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let masked = client.call("POST", "/mask/fhir", &[FHIR], &patient().to_vec()).ok();
    assert_eq!(text(&masked, "resourceType"), "Patient");
    let written = String::from_utf8(masked.to_vec()).unwrap();
    ["Quill", "Odalric", "1961-07-23"].iter().for_each(|tell| assert!(!written.contains(tell), "{written}"));

    let rules = r#"{"resource":{"resourceType":"Patient","birthDate":"1961-07-23","active":true},
        "configuration":{"fhirVersion":"R4","fhirPathRules":[
            {"path":"Patient.birthDate","method":"redact"},{"path":"Patient.active","method":"keep"}],
            "parameters":{"enablePartialDatesForRedact":true}}}"#;
    let masked = client.call("POST", "/mask/fhir", &[JSON], rules.as_bytes()).ok();
    assert_eq!(masked.get("birthDate"), Some(&Value::from("1961")));
    assert_eq!(masked.get("active"), Some(&Value::from(true)));

    let message = "MSH|^~\\&|LAB|H|||20240314||ADT^A01|1|P|2.5\rPID|1||777123^^^H^MR||Quillfeather^Odalric||19610723|M\r";
    let kind = ("content-type", "application/hl7-v2");
    let masked = client.call("POST", "/mask/hl7v2", &[kind], message.as_bytes());
    let masked = String::from_utf8(masked.body.to_vec()).unwrap();
    assert!(masked.starts_with("MSH|^~\\&|") && masked.contains("\rPID|1|"), "{masked}");
    ["777123", "Quill", "Odalric", "19610723"]
        .iter()
        .for_each(|tell| assert!(!masked.contains(tell), "{masked}"));
    server.stop();
}

#[test]
fn a_client_of_detect_phi_is_understood() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let kind = ("content-type", "application/x-amz-json-1.1");
    let answer = client.call("POST", "/mask/comprehend", &[kind], &asked(&[("Text", NOTE)])).ok();
    let entities = answer.get("Entities").unwrap().as_array().unwrap();
    let name = entities.iter().find(|entity| text(entity, "Type") == "NAME").unwrap();
    assert!(text(name, "Text").contains("Ünal"));
    assert_eq!(text(name, "Category"), "PROTECTED_HEALTH_INFORMATION");
    server.stop();
}

#[test]
fn what_cannot_be_masked_is_refused_and_never_handed_back() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let cases: [Case; 12] = [
        ("/mask/text", PLAIN, b"\xff\xfe Quill", 400),
        ("/mask/text", JSON, b"{\"note\":\"Quill\"}", 400),
        ("/mask/text?profile=none", PLAIN, b"Quill", 400),
        ("/mask/text", ("content-type", "application/pdf"), b"Quill", 415),
        ("/mask/fhir", FHIR, b"{\"resourceType\":\"Quill\"}", 422),
        ("/mask/hl7v2", ("content-type", "application/hl7-v2"), b"Quill", 422),
        ("/mask/image", ("content-type", "image/png"), b"\x89PNG Quill", 422),
        ("/mask/image", ("content-type", "text/plain"), b"Quill", 415),
        ("/mask/image", PNG, b"%PDF-1.7 Quill", 422),
        ("/mask/image/entities", PNG, b"\x89PNG Quill", 422),
        ("/mask/pdf", PDF, b"%PDF-1.7 Quill", 422),
        ("/mask/pdf", PNG, b"%PDF-1.7 Quill", 415),
    ];
    for (path, kind, body, status) in cases {
        let answer = client.call("POST", path, &[kind], body);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("Quill"), "{path}");
    }
    let mut nobody = server.client("");
    assert_eq!(nobody.call("POST", "/mask/text", &[PLAIN], b"x").status, 401);
    server.stop();
}

#[test]
fn every_masking_leaves_an_event_with_counts_and_no_values() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    client.call("POST", "/mask/text?profile=max-recall", &[PLAIN], NOTE.as_bytes());
    server.stop();
    let listed = folder.ward(&["audit", "list", "--format", "json"]).good();
    let events = json(listed.trim().as_bytes());
    let event =
        events.elements().iter().find(|event| text(event, "outcomeDesc").contains("profile=max-recall"));
    let event = text(event.unwrap(), "outcomeDesc");
    assert!(event.contains("NAME=") && event.contains("DATE=") && event.contains("version="), "{event}");
    TELLS.iter().for_each(|tell| assert!(!listed.contains(tell), "{tell}"));
    folder.ward(&["audit", "verify"]).good();
}

#[test]
fn the_command_masks_files_of_each_kind_and_says_what_it_did() {
    let folder = Folder::empty();
    let note = folder.file("note.txt", NOTE.as_bytes());
    let said = folder.ward(&["mask", &note.to_string_lossy()]);
    TELLS.iter().for_each(|tell| assert!(!said.out.contains(tell), "{tell}"));
    assert!(said.err.contains("NAME") && said.code == 0, "{}", said.err);

    let shaped = folder.ward(&["mask", &note.to_string_lossy(), "--format", "json"]).good();
    let shaped = json(shaped.trim().as_bytes());
    assert!(!shaped.get("entities").unwrap().as_array().unwrap().is_empty());

    let lines = [patient().to_vec(), asked(&[("text", NOTE)])].join(&b"\n"[..]);
    let lines = folder.file("all.ndjson", &lines);
    let out = folder.temporary().join("masked");
    let both = [lines.to_string_lossy(), note.to_string_lossy()];
    folder.ward(&["mask", &both[0], &both[1], "--out", &out.to_string_lossy()]).good();
    let masked = std::fs::read_to_string(out.join("all.ndjson")).unwrap();
    assert_eq!(masked.lines().count(), 2);
    TELLS.iter().chain(&["Quill", "Odalric"]).for_each(|tell| assert!(!masked.contains(tell), "{tell}"));

    folder.ward(&["mask", &both[0], &both[1]]).refused(2, "--out");
    folder.ward(&["mask", "/nowhere/note.txt"]).refused(1, "could not be read");
    let broken = folder.file("broken.txt", b"Quill \xff");
    let said = folder.ward(&["mask", &broken.to_string_lossy()]);
    said.refused(1, "is not UTF-8");
    assert!(!said.out.contains("Quill") && !said.err.contains("Quill"));
}

#[test]
fn the_command_scores_sets_of_marked_documents() {
    let folder = Folder::empty();
    let set = r#"{"text":"Seen by Dr. Lee on 03/14/2024.","spans":[{"start":12,"end":15,"label":"NAME"},{"start":19,"end":29,"label":"DATE"}]}"#;
    let set = folder.file("set.jsonl", set.as_bytes());
    let scored = folder.ward(&["mask", "evaluate", &set.to_string_lossy(), "--format", "json"]).good();
    let scored = json(scored.trim().as_bytes());
    let recall = scored.elements()[0].get("measures").unwrap().get("recall").unwrap().clone();
    assert_eq!(recall.get("of"), Some(&Value::from(2)));
    let table = folder.ward(&["mask", "evaluate", &set.to_string_lossy()]).good();
    assert!(table.contains("documents clean"), "{table}");
    let wrong = folder.file("wrong.jsonl", b"{}\n");
    folder.ward(&["mask", "evaluate", &wrong.to_string_lossy()]).refused(1, "line 1");
}

#[test]
fn a_scan_tells_kinds_and_places_and_no_value() {
    let folder = Folder::empty();
    let inside = folder.temporary().join("share");
    std::fs::create_dir_all(inside.join("deep")).unwrap();
    std::fs::write(inside.join("deep/note.txt"), format!("A line\n{NOTE}\nSTU-123456")).unwrap();
    std::fs::write(inside.join("clean.txt"), "The valve is closed.").unwrap();
    std::fs::write(inside.join("raw.bin"), [0xFF, 0xFE, 0x00]).unwrap();
    let share = inside.to_string_lossy().into_owned();
    let said = folder.ward(&["scan", &share, "--format", "json"]);
    TELLS.iter().for_each(|tell| assert!(!said.out.contains(tell) && !said.err.contains(tell), "{tell}"));
    let found = json(said.out.trim().as_bytes());
    let findings = found.get("findings").unwrap().as_array().unwrap();
    assert_eq!((findings.len(), found.get("filesScanned")), (1, Some(&Value::from(2))));
    assert!(text(&findings[0], "resourcesAffected.s3Object.key").ends_with("deep/note.txt"));
    assert_eq!(text(&findings[0], "severity.description"), "high");
    let line = crate::support::at(
        &findings[0],
        "classificationDetails.result.sensitiveData.0.detections.0.occurrences.lineRanges.0.start",
    );
    assert_eq!(line, Some(&Value::from(2)));

    folder.ward(&["scan", &share, "--fail-on", "high"]).refused(1, "severity high");
    let clean = folder.ward(&["scan", &share, "--include", "*clean*", "--fail-on", "low"]);
    assert_eq!(clean.code, 0, "{}", clean.err);
    let rules = "[[recogniser]]\nname = \"study\"\npattern = 'STU-(\\d+)'\ntype = \"ID\"\n[[suppress]]\npath = \"*note.txt\"\nreason = \"made\"\n";
    let rules = folder.file("rules.toml", rules.as_bytes());
    let known =
        folder.ward(&["scan", &share, "--rules", &rules.to_string_lossy(), "--format", "json"]).good();
    assert!(json(known.trim().as_bytes()).get("findings").unwrap().as_array().unwrap().is_empty());
}

/// The folder of the models; without them a check says that it skips.
fn models() -> Option<std::path::PathBuf> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(std::path::PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let models = set("WARD_MODELS").or_else(|| cache().map(|cache| cache.join("ward/models")));
    let models = models.filter(|models| models.join("detection.onnx").is_file());
    if models.is_none() {
        eprintln!("skipped: 1 check of a picture, models absent");
    }
    models
}

/// A folder whose server reads pictures.
fn reads_pictures(models: &std::path::Path) -> Folder {
    let config = format!("[https]\nlisten = \"127.0.0.1:0\"\n[mask]\nmodels = \"{}\"\n", models.display());
    Folder::with(&config)
}

/// A made-up radiograph with a name, a date and a number burned in.
fn radiograph() -> Vec<u8> {
    let pictures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/pictures");
    std::fs::read(pictures.join("radiograph-before.png")).unwrap()
}

#[test]
fn a_picture_comes_back_with_its_text_filled() {
    let Some(models) = models() else { return };
    let folder = reads_pictures(&models);
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let picture = radiograph();
    let answer = client.call("POST", "/mask/image", &[PNG], &picture);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.starts_with(b"\x89PNG") && answer.body.as_ref() != picture.as_slice());
    let again = client.call("POST", "/mask/image", &[PNG], &answer.body);
    assert_eq!(again.status, 200);
    server.stop();
}

#[test]
fn the_command_tells_the_risks_of_a_table_and_no_value_of_it() {
    let folder = Folder::empty();
    let rows = "zip3,sex,diagnosis,note\n021,F,flu,Quill\n021,F,asthma,\n021,F,\"cold, mild\",\n021,M,flu,\n021,M,flu,\n100,M,gout,\n";
    let table = folder.file("table.csv", rows.as_bytes());
    let table = table.to_string_lossy();
    let asked =
        ["mask", "risk", &table, "--quasi", "zip3,sex", "--sensitive", "diagnosis", "--population", "600"];
    let said = folder.ward(&[&asked[..], &["--format", "json"]].concat()).good();
    let report = json(said.trim().as_bytes());
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_i64);
    assert_eq!(
        (number(&report, "rows"), number(&report, "k"), number(&report, "uniqueRows")),
        (Some(6), Some(1), Some(1))
    );
    let diversity = &report.get("diversity").unwrap().elements()[0];
    assert_eq!((number(diversity, "distinct"), number(diversity, "uniformRows")), (Some(1), Some(3)));
    assert_eq!(report.get("withinLimits"), Some(&Value::from(false)));
    assert!(report.get("assumptions").unwrap().elements().len() >= 5);
    let shown = folder.ward(&asked).good();
    assert!(
        shown.contains("prosecutor") && shown.contains("assumed: the table was drawn evenly from 600 people"),
        "{shown}"
    );
    for tell in ["Quill", "flu", "asthma", "gout", "021"] {
        assert!(!said.contains(tell) && !shown.contains(tell), "{tell}");
    }
    let lines = "{\"zip3\":\"021\",\"sex\":\"F\"}\n{\"zip3\":\"021\",\"sex\":\"F\"}\n";
    let lines = folder.file("table.ndjson", lines.as_bytes());
    let said = folder
        .ward(&["mask", "risk", &lines.to_string_lossy(), "--quasi", "zip3,sex", "--format", "json"])
        .good();
    assert_eq!(number(&json(said.trim().as_bytes()), "k"), Some(2));
    folder.ward(&["mask", "risk", &table, "--quasi", "zip5"]).refused(1, "`zip5`");
    assert_eq!(
        folder.ward(&["mask", "risk", &table]).code,
        2,
        "without quasi-identifiers there is no risk to tell"
    );
    let broken = folder.file("broken.csv", b"zip3,sex\n021\nQuill,F\n");
    let said = folder.ward(&["mask", "risk", &broken.to_string_lossy(), "--quasi", "zip3"]);
    said.refused(1, "row 2");
    assert!(!said.err.contains("Quill") && said.err.contains("hint: "), "{}", said.err);
}

#[test]
fn boxes_of_a_picture_are_told_with_kinds_and_without_text_and_leave_an_event() {
    let Some(models) = models() else { return };
    let folder = reads_pictures(&models);
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let path = "/mask/image/entities?profile=max-recall";
    let answer = client.call("POST", path, &[PNG], &radiograph());
    assert!(!String::from_utf8_lossy(&answer.body).to_uppercase().contains("MILLER"));
    let answer = answer.ok();
    let pages = answer.get("pages").unwrap().as_array().unwrap();
    assert_eq!(pages.len(), 1);
    let number = |of: &Value, name: &str| of.get(name).unwrap().as_i64().unwrap();
    let size = ["page", "width", "height"].map(|name| number(&pages[0], name));
    assert_eq!(size, [1, 640, 512]);
    let entities = pages[0].get("entities").unwrap().as_array().unwrap();
    // Points in the middle of the surname, the birth date and the record number.
    for (kind, x, y) in [("NAME", 220, 24), ("DATE", 180, 56), ("MRN", 150, 88)] {
        let is_it = |entity: &&Value| {
            let [left, top, width, height] =
                ["left", "top", "width", "height"].map(|name| number(entity, name));
            text(entity, "type") == kind
                && (left..left + width).contains(&x)
                && (top..top + height).contains(&y)
        };
        let entity = entities.iter().find(is_it);
        let entity = entity.unwrap_or_else(|| panic!("{kind} not in {entities:?}"));
        assert!(!text(entity, "reason").is_empty() && entity.get("score").is_some());
    }
    let refused = client.call("POST", path, &[("content-type", "text/plain")], b"Quill");
    assert_eq!(refused.status, 415);
    server.stop();
    let listed = folder.ward(&["audit", "list", "--format", "json"]).good();
    let events = json(listed.trim().as_bytes());
    let said = events.elements().iter().map(|event| text(event, "outcomeDesc"));
    let said: Vec<&str> = said.filter(|said| said.contains("profile=max-recall")).collect();
    let tells = |word: &&str| said.iter().any(|said| said.contains(*word));
    assert!(["NAME=", "DATE=", "boxes=", "pages=1"].iter().all(tells), "{said:?}");
}

/// A PDF whose page has this content. `Quillfeather` stands in the metadata.
fn pdf(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, content).unwrap();
    let packed = packed.finish().unwrap();
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>";
    let stream = format!("<< /Filter /FlateDecode /Length {} >>\nstream\n", packed.len());
    let objects: [&[u8]; 6] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        page.as_bytes(),
        &[stream.as_bytes(), &packed, b"\nendstream"].concat(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Title (Quillfeather) >>",
    ];
    let mut bytes = b"%PDF-1.7\n".to_vec();
    for (object, number) in objects.iter().zip(1..) {
        bytes.extend(format!("{number} 0 obj\n").bytes().chain(object.iter().copied()).chain(*b"\nendobj\n"));
    }
    bytes.extend(b"trailer\n<< /Size 7 /Root 1 0 R /Info 6 0 R >>\n%%EOF\n");
    bytes
}

const PAGE: &[u8] =
    b"BT /F 18 Tf 30 140 Td (Patient: Odalric Quillfeather) Tj 0 -40 Td (The valve is closed) Tj ET";

#[test]
fn a_pdf_comes_back_as_pictures_of_its_pages() {
    let Some(models) = models() else { return };
    let folder = reads_pictures(&models);
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let answer = client.call("POST", "/mask/pdf", &[PDF], &pdf(PAGE));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.starts_with(b"%PDF-"));
    let written = String::from_utf8_lossy(&answer.body);
    ["Quill", "/Font", "/Info"].iter().for_each(|word| assert!(!written.contains(word), "{word}"));
    server.stop();
    let note = folder.file("note.pdf", &pdf(PAGE));
    let out = folder.temporary().join("masked");
    let arguments = ["mask", &note.to_string_lossy(), "--out", &out.to_string_lossy()].map(str::to_owned);
    let said = folder.ward(&arguments.each_ref().map(String::as_str));
    assert!(said.code == 0 && said.err.contains("NAME"), "{}", said.err);
    assert_eq!(std::fs::read(out.join("note.pdf")).unwrap(), answer.body.as_ref(), "the same by both doors");
}

#[test]
fn a_pdf_that_cannot_be_masked_is_refused_by_name() {
    let folder = Folder::empty();
    let refused = |name: &str, bytes: &[u8], why: &str| {
        let file = folder.file(name, bytes);
        let said = folder.ward(&["mask", &file.to_string_lossy()]);
        assert!(said.code == 1 && said.err.contains(why) && said.out.is_empty(), "{name}: {}", said.err);
        assert!(!said.err.contains("Quill"), "{name}");
    };
    refused("torn.pdf", b"%PDF-1.7 Quill", "the PDF cannot be read");
    let mut large = pdf(PAGE);
    let side = large.windows(8).position(|bytes| bytes == b"400 200]").unwrap();
    large.splice(side..side + 8, *b"14400 14400]");
    refused("large.pdf", &large, "page 1 has more than");
}
