use super::*;
use crate::json::{Limits, parse};
use crate::patch::apply_fhirpath_patch;
use proptest::prelude::*;

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// Members in the order of their names: a patch adds at the end.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[track_caller]
fn leads(from: &Value, to: &Value) -> usize {
    let Some(patch) = diff(from, to) else {
        assert_eq!(sorted(from.clone()), sorted(to.clone()));
        return 0;
    };
    assert_eq!(crate::validate::validate(&patch), [], "{patch}");
    let made =
        apply_fhirpath_patch(from.clone(), &patch).unwrap_or_else(|issue| panic!("{issue:?} in {patch}"));
    assert_eq!(sorted(made), sorted(to.clone()), "{patch}");
    patch.get("parameter").unwrap().elements().len()
}

#[test]
fn a_change_is_told_where_it_is() {
    let from = json(
        r#"{"resourceType":"Patient","active":true,"name":[{"family":"A","given":["x","y"]},{"text":"n"}]}"#,
    );
    let to = json(
        r#"{"resourceType":"Patient","name":[{"family":"B","given":["x","z","y"]},{"text":"n"}],"gender":"male"}"#,
    );
    assert_eq!(leads(&from, &to), 4);
    assert_eq!(leads(&to, &from), 4);
    assert_eq!(leads(&from, &from), 0);
    let patch = diff(&from, &to).unwrap().to_string();
    assert!(
        patch.contains(r#""valueString":"Patient.name[0].given""#) && patch.contains("insert"),
        "{patch}"
    );
}

#[test]
fn choices_backbones_extensions_and_contained_resources_change_too() {
    let states = [
        r##"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"a"}"##,
        r##"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.0,"unit":"g"}}"##,
        r##"{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[{"code":{"text":"c"},"valueInteger":1,"referenceRange":[{"text":"r"}]}]}"##,
        r##"{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[{"code":{"text":"c"},"valueInteger":2},{"code":{"text":"d"}}],
            "extension":[{"url":"u","valueBoolean":true}],"contained":[{"resourceType":"Patient","id":"p","active":true}],"subject":{"reference":"#p"}}"##,
        r##"{"resourceType":"Observation","status":"final","_status":{"id":"s"},"code":{"text":"x"},"contained":[{"resourceType":"Group","id":"p","type":"person","actual":true}],
            "text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"},"_effectiveDateTime":{"extension":[{"url":"u","valueCode":"c"}]}}"##,
    ];
    for from in states {
        for to in states {
            leads(&json(from), &json(to));
        }
    }
}

#[test]
fn other_types_have_no_difference_to_tell() {
    assert_eq!(diff(&json(r#"{"resourceType":"Patient"}"#), &json(r#"{"resourceType":"Group"}"#)), None);
    assert_eq!(diff(&json("{}"), &json("{}")), None);
}

fn name() -> impl Strategy<Value = String> {
    let given = prop::collection::vec(prop::sample::select(vec!["\"a\"", "\"b\"", "\"c\""]), 1..4);
    (prop::option::of("[AB]"), given).prop_map(|(family, given)| {
        let family = family.map(|family| format!("\"family\":\"{family}\",")).unwrap_or_default();
        format!("{{{family}\"given\":[{}]}}", given.join(","))
    })
}

fn patient() -> impl Strategy<Value = String> {
    (prop::collection::vec(name(), 0..4), any::<bool>(), prop::option::of(any::<bool>())).prop_map(
        |(names, active, dead)| {
            let mut members = vec!["\"resourceType\":\"Patient\"".to_owned(), format!("\"active\":{active}")];
            if !names.is_empty() {
                members.push(format!("\"name\":[{}]", names.join(",")));
            }
            match dead {
                Some(true) => members.push("\"deceasedBoolean\":true".to_owned()),
                Some(false) => members.push("\"deceasedDateTime\":\"2020\"".to_owned()),
                None => {}
            }
            format!("{{{}}}", members.join(","))
        },
    )
}

proptest! {
    #[test]
    fn a_difference_always_leads_from_one_to_the_other(from in patient(), to in patient()) {
        leads(&json(&from), &json(&to));
    }
}
