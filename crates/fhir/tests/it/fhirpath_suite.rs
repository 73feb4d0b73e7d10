//! The official FHIRPath suite, run where the shared folder is.
//!
//! `mode="strict"` asks for checks of an expression against the definitions before any resource is seen. A case that the
//! standard itself leaves open stands in `fhirpath_open.txt` with its reason; none else may fail.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fhir::json::{self, Value};
use fhir::path::{Context, Expression, Item};

use crate::xml::{self, Element};

/// The cases that the standard leaves open: `GROUP/NAME: REASON` a line.
const OPEN: &str = include_str!("fhirpath_open.txt");

/// 2026-11-22T12:00:00Z: any fixed present will do.
const NOW: (i64, i16) = (1_795_348_800_000, 0);

fn shared() -> PathBuf {
    match std::env::var_os("WARD_SHARED") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

#[test]
fn the_official_fhirpath_suite_passes_but_for_what_the_standard_leaves_open() {
    let folder = shared().join("conformance/fhirpath");
    let Ok(suite) = std::fs::read_to_string(folder.join("tests-fhir-r4.xml")) else {
        eprintln!("skipped: 935 FHIRPath conformance checks, shared folder absent");
        return;
    };
    let suite = xml::read(&suite);
    let mut inputs: HashMap<String, Value> = HashMap::new();
    let open: Vec<&str> = OPEN
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(':').next())
        .collect();
    let (mut passed, mut failed, mut left_open) = (0, 0, 0);
    for group in suite.elements().filter(|element| element.name == "group") {
        for test in group.elements().filter(|element| element.name == "test") {
            let file = test.attribute("inputfile").unwrap_or("patient-example.xml").to_owned();
            let input = inputs.entry(file.clone()).or_insert_with(|| load(&folder.join("input").join(file)));
            match run(test, input) {
                Ok(()) => passed += 1,
                Err(why) => {
                    let expression = test.child("expression").map(Element::text).unwrap_or_default();
                    let group = group.attribute("name").unwrap_or_default();
                    let name = format!("{group}/{}", test.attribute("name").unwrap_or_default());
                    if open.contains(&name.as_str()) {
                        left_open += 1;
                    } else {
                        failed += 1;
                        eprintln!("fails: {name}: `{}`: {why}", expression.trim());
                    }
                }
            }
        }
    }
    eprintln!("FHIRPath suite: {passed} passed, {failed} failed, {left_open} open");
    assert_eq!((failed, left_open), (0, open.len()));
}

fn load(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "json") {
        json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
    } else {
        xml::to_json(&xml::read(&text))
    }
}

fn run(test: &Element, input: &Value) -> Result<(), String> {
    let expression = test.child("expression").unwrap();
    let refused = expression.attribute("invalid").is_some();
    let strict = [test, expression].iter().any(|element| element.attribute("mode") == Some("strict"));
    let context = Context { now: Some(NOW), strict, ..Context::default() };
    let parsed = match Expression::parse(&expression.text()) {
        Ok(parsed) => parsed,
        Err(_) if refused => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if strict && let Err(error) = parsed.check(input.resource_type().unwrap_or_default()) {
        return if refused { Ok(()) } else { Err(error.to_string()) };
    }
    let items = match parsed.evaluate(input, &context) {
        Ok(_) if refused => {
            return Err(format!("should be refused ({})", expression.attribute("invalid").unwrap()));
        }
        Ok(items) => items,
        Err(_) if refused => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let expected: Vec<&Element> = test.elements().filter(|element| element.name == "output").collect();
    if test.attribute("predicate") == Some("true") {
        let found = match items.as_slice() {
            [Item::Boolean(value)] => *value,
            items => !items.is_empty(),
        };
        let wanted = expected[0].text();
        return if found.to_string() == wanted { Ok(()) } else { Err(format!("is {found}")) };
    }
    let found: Vec<String> = items.iter().map(shown).collect();
    if found.len() == expected.len()
        && found.iter().zip(&expected).all(|(found, expected)| same(found, expected))
    {
        return Ok(());
    }
    let wanted: Vec<String> = expected.iter().map(|element| element.text()).collect();
    Err(format!("gives {found:?}, expected {wanted:?}"))
}

/// An item as the suite writes it, without `@`.
fn shown(item: &Item<'_>) -> String {
    match item {
        Item::Node(node) => match node.value() {
            Value::String(text) => text.to_string(),
            other => other.to_string(),
        },
        Item::Boolean(value) => value.to_string(),
        Item::Integer(value) => value.to_string(),
        Item::Decimal(value) => value.to_string(),
        Item::String(text) => text.to_string(),
        Item::Date(value) => value.to_string(),
        Item::DateTime(value) => value.to_string(),
        Item::Time(value) => value.to_string(),
        Item::Quantity(quantity) => format!("{} '{}'", quantity.value, quantity.unit),
        other => format!("{other:?}"),
    }
}

fn same(found: &str, expected: &Element) -> bool {
    let text = expected.text();
    let wanted = match expected.attribute("type") {
        _ if text.starts_with('@') => {
            let text = text.strip_prefix('@').unwrap_or(&text);
            let text = text.strip_prefix('T').unwrap_or(text);
            text.strip_suffix('T').unwrap_or(text).to_owned()
        }
        _ if text.ends_with('\'') => return quantity(found) == quantity(&text),
        _ => text,
    };
    if found == wanted {
        return true;
    }
    let decimal = |text: &str| text.parse::<fhir::search::Decimal>().ok();
    decimal(found).is_some() && decimal(found) == decimal(&wanted)
}

fn quantity(text: &str) -> (Option<fhir::search::Decimal>, String) {
    let (value, unit) = text.split_once(' ').unwrap_or((text, "'1'"));
    (value.parse().ok(), unit.trim_matches('\'').trim_end_matches('s').to_owned())
}
