//! Definitions that could take for ever: they are answered or refused, soon.

use super::super::*;
use super::{codes_of, json, library, value_set};
use crate::json::{Value, array};
use crate::json_object;

/// A system of `count` codes, each the parent of the next: as deep as it is long.
fn chain(count: usize) -> Loaded {
    let concepts = (0..count).map(|at| {
        let parent = json_object! { "code": "parent", "valueCode": format!("c{}", at.saturating_sub(1)) };
        json_object! { "code": format!("c{at}"), "display": format!("Code {at}"), "property": vec![parent] }
    });
    let system = json_object! {
        "resourceType": "CodeSystem", "url": "urn:chain", "content": "complete", "valueSet": "urn:chain-all",
        "concept": array(concepts),
    };
    let mut library = Loaded::new();
    library.add(&system).unwrap();
    library
}

#[test]
fn a_hundred_thousand_codes_in_one_long_line_are_paged_and_filtered() {
    let count = 100_000;
    let library = chain(count);
    let terminology = Terminology::new(&library);
    let all = terminology.value_set("urn:chain-all", None).unwrap();
    let whole = terminology.expand(&all, &ExpansionOptions::default());
    assert!(matches!(whole, Err(TerminologyError::TooCostly { unit: "codes", .. })));
    let page = ExpansionOptions { offset: count - 2, count: Some(10), ..ExpansionOptions::default() };
    let page = terminology.expand(&all, &page).unwrap();
    assert_eq!((page.total, page.members.len()), (count, 2));
    // Walking up from each code anew would be five billion steps.
    let not_below = r#"{"include":[{"system":"urn:chain","filter":[{"property":"concept","op":"is-not-a","value":"c99"},
        {"property":"ancestor","op":"=","value":"c89"}]}]}"#;
    assert_eq!(codes_of(&library, not_below).unwrap().len(), 9);
    assert_eq!(terminology.subsumes("urn:chain", None, "c0", "c99999"), Ok(Subsumption::Subsumes));
    assert_eq!(terminology.above("urn:chain", "c999").unwrap().len(), 1000);
    let excluded = r#"{"include":[{"system":"urn:chain"}],"exclude":[{"system":"urn:chain","filter":[
        {"property":"concept","op":"is-a","value":"c99"}]}]}"#;
    assert_eq!(codes_of(&library, excluded).unwrap().len(), 99);
}

#[test]
fn value_sets_that_include_each_other_many_times_over_are_refused() {
    // Each level includes the one below eight times: eight to the fifteenth.
    let mut levels = vec![value_set(
        "urn:level-0",
        r#"{"include":[{"system":"urn:animals","concept":[{"code":"cat"}]}]}"#,
    )];
    for level in 1..16 {
        let below = format!(r#"{{"valueSet":["urn:level-{}"]}}"#, level - 1);
        levels.push(value_set(
            &format!("urn:level-{level}"),
            &format!(r#"{{"include":[{}]}}"#, [below.as_str(); 8].join(",")),
        ));
    }
    let levels: Vec<&str> = levels.iter().map(String::as_str).collect();
    let library = library(&levels);
    let terminology =
        Terminology { library: &library, bounds: Bounds { steps_max: 1_000_000, ..Bounds::default() } };
    assert_eq!(terminology.member_of("urn:level-15", Some("urn:animals"), "cat"), Ok(true));
    let refused = |answer: Result<(), TerminologyError>| {
        assert!(matches!(answer, Err(TerminologyError::TooCostly { .. })), "{answer:?}");
    };
    refused(terminology.member_of("urn:level-15", Some("urn:animals"), "dog").map(drop));
    refused(terminology.codes("urn:level-15").map(drop));
}

#[test]
fn patterns_that_explode_elsewhere_are_matched_in_linear_time() {
    let code = "a".repeat(50_000);
    let system = json_object! {
        "resourceType": "CodeSystem", "url": "urn:long", "content": "complete",
        "concept": vec![json_object! { "code": code.as_str() }],
    };
    let mut library = Loaded::new();
    library.add(&system).unwrap();
    let with = |pattern: &str| {
        let compose = format!(
            r#"{{"include":[{{"system":"urn:long","filter":[{{"property":"code","op":"regex","value":"{pattern}"}}]}}]}}"#
        );
        codes_of(&library, &compose).map(|codes| codes.len())
    };
    assert_eq!(with("(a+)+b"), Ok(0));
    assert_eq!(with("(a|aa)+"), Ok(1));
    assert!(with(&"a".repeat(5000)).is_err());
}

#[test]
fn maps_that_hand_a_code_on_in_a_circle_end() {
    let map = |url: &str, next: &str| {
        let group = |_: usize| {
            let unmapped = json_object! { "mode": "other-map", "url": next };
            json_object! { "source": "urn:a", "target": "urn:b", "element": Vec::<Value>::new(), "unmapped": unmapped }
        };
        json_object! { "resourceType": "ConceptMap", "url": url, "group": array((0..8).map(group)) }
    };
    let mut library = Loaded::new();
    for (url, next) in [("urn:1", "urn:2"), ("urn:2", "urn:3"), ("urn:3", "urn:1")] {
        library.add(&map(url, next)).unwrap();
    }
    let codings = [Coding { system: Some("urn:a"), code: "x", ..Coding::default() }];
    let request = TranslationRequest { codings: &codings, ..TranslationRequest::default() };
    assert!(!Terminology::new(&library).translate(&request).unwrap().result);
}

#[test]
fn what_is_not_of_the_shape_expected_is_passed_over() {
    let odd = r#"{"resourceType":"CodeSystem","url":"urn:odd","concept":[{"display":"no code"},{"code":7},{"code":"a","property":[{"code":"p"},
        {"valueString":"x"},{"code":"q","valueCoding":"text"}],"designation":[{"language":"de"}]},"text"],"property":["x"]}"#;
    let system = CodeSystem::read(&json(odd)).unwrap();
    assert_eq!(system.len(), 1);
    let odd = r#"{"resourceType":"ValueSet","url":"urn:odd-set","compose":{"include":["x",{"system":7,"concept":"y","filter":[1],"valueSet":[2]}]}}"#;
    let set = ValueSet::read(&json(odd)).unwrap();
    let library = library(&[]);
    assert_eq!(Terminology::new(&library).expand(&set, &ExpansionOptions::default()).unwrap().total, 0);
    assert!(
        ConceptMap::read(&json(r#"{"resourceType":"ConceptMap","group":[{"element":[{"target":[{}]}]},3]}"#))
            .is_ok()
    );
}
