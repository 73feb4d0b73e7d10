//! Terminology: made-up systems and those of R4.

use super::*;
use crate::json::{Limits, Value, parse};

mod bounds;
mod properties;

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

const ANIMALS: &str = r##"{"resourceType":"CodeSystem","url":"urn:animals","version":"2","status":"active","content":"complete",
  "valueSet":"urn:animals-all","title":"Animals","property":[{"code":"legs","type":"integer","description":"How many legs"},
  {"code":"up","uri":"http://hl7.org/fhir/concept-properties#parent","type":"code"}],
  "concept":[{"code":"animal","display":"Animal","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
    {"code":"mammal","display":"Mammal","concept":[
      {"code":"cat","display":"House cat","definition":"Felis catus","property":[{"code":"legs","valueInteger":4}],
       "designation":[{"language":"de","value":"Hauskatze"},{"language":"fr-CA","value":"chat"}]},
      {"code":"dog","display":"Dog","property":[{"code":"legs","valueInteger":4},{"code":"status","valueCode":"retired"}]}]},
    {"code":"bird","display":"Bird","property":[{"code":"legs","valueInteger":2}]}]},
   {"code":"bat","display":"Bat","property":[{"code":"up","valueCode":"mammal"},{"code":"legs","valueInteger":2}]}]}"##;

fn library(more: &[&str]) -> Loaded {
    let mut library = Loaded::new();
    library.add(&json(ANIMALS)).unwrap();
    for text in more {
        library.add(&json(text)).unwrap();
    }
    library
}

fn value_set(url: &str, compose: &str) -> String {
    format!(r#"{{"resourceType":"ValueSet","url":"{url}","status":"active","compose":{compose}}}"#)
}

fn codes_of(library: &Loaded, compose: &str) -> Result<Vec<String>, TerminologyError> {
    let set = ValueSet::read(&json(&value_set("urn:x", compose))).unwrap();
    let expansion = Terminology::new(library).expand(&set, &ExpansionOptions::default())?;
    Ok(expansion.members.into_iter().map(|member| member.code).collect())
}

#[test]
fn filters_select_what_they_say() {
    let library = library(&[]);
    let check = |property: &str, op: &str, value: &str, expected: &[&str]| {
        let filter = format!(r#"{{"property":"{property}","op":"{op}","value":"{value}"}}"#);
        let compose = format!(r#"{{"include":[{{"system":"urn:animals","filter":[{filter}]}}]}}"#);
        assert_eq!(codes_of(&library, &compose).unwrap(), expected, "{property} {op} {value}");
    };
    check("concept", "is-a", "mammal", &["mammal", "cat", "dog", "bat"]);
    check("concept", "descendent-of", "mammal", &["cat", "dog", "bat"]);
    check("concept", "is-not-a", "mammal", &["animal", "bird"]);
    check("concept", "generalizes", "bat", &["animal", "mammal", "bat"]);
    check("legs", "=", "2", &["bird", "bat"]);
    check("legs", "in", "2, 4", &["cat", "dog", "bird", "bat"]);
    check("legs", "not-in", "4", &["animal", "mammal", "bird", "bat"]);
    check("legs", "exists", "false", &["animal", "mammal"]);
    check("code", "regex", "[bc]at", &["cat", "bat"]);
    check("display", "regex", ".*cat", &["cat"]);
    check("parent", "=", "mammal", &["cat", "dog", "bat"]);
    check("child", "=", "cat", &["mammal"]);
    check("ancestor", "=", "animal", &["mammal", "cat", "dog", "bird", "bat"]);
    check("status", "=", "retired", &["dog"]);
    check("inactive", "=", "false", &["animal", "mammal", "cat", "bird", "bat"]);
}

#[test]
fn filters_that_cannot_be_evaluated_are_refused_by_name() {
    let library = library(&[]);
    let check = |property: &str, op: &str, value: &str, named: &str| {
        let filter = format!(r#"{{"property":"{property}","op":"{op}","value":"{value}"}}"#);
        let compose = format!(r#"{{"include":[{{"system":"urn:animals","filter":[{filter}]}}]}}"#);
        let message = codes_of(&library, &compose).unwrap_err().to_string();
        assert!(message.contains(named), "{message}");
    };
    check("concept", "child-of", "cat", "child-of");
    check("colour", "=", "red", "colour");
    check("code", "regex", "(", "regular expression");
    check("code", "regex", "((a{1000}){1000}){1000}", "bounded");
    check("concept", "is-a", "unicorn", "urn:animals");
    check("legs", "exists", "maybe", "`true` or `false`");
}

#[test]
fn includes_join_and_imports_within_one_intersect_and_excludes_take_away() {
    let two_legs = value_set(
        "urn:two-legs",
        r#"{"include":[{"system":"urn:animals","filter":[{"property":"legs","op":"=","value":"2"}]}]}"#,
    );
    let listed = value_set(
        "urn:listed",
        r#"{"include":[{"system":"urn:animals","concept":[{"code":"bat"},{"code":"cat"}]}]}"#,
    );
    let library = library(&[&two_legs, &listed]);
    let check = |compose: &str, expected: &[&str]| assert_eq!(codes_of(&library, compose).unwrap(), expected);
    check(
        r#"{"include":[{"valueSet":["urn:two-legs"]},{"valueSet":["urn:listed"]}]}"#,
        &["bird", "bat", "cat"],
    );
    check(r#"{"include":[{"valueSet":["urn:two-legs","urn:listed"]}]}"#, &["bat"]);
    check(r#"{"include":[{"system":"urn:animals","valueSet":["urn:listed"]}]}"#, &["cat", "bat"]);
    check(r#"{"include":[{"valueSet":["urn:listed"]}],"exclude":[{"valueSet":["urn:two-legs"]}]}"#, &["cat"]);
    check(
        r#"{"inactive":false,"include":[{"valueSet":["urn:animals-all|2"]}]}"#,
        &["animal", "mammal", "cat", "bird", "bat"],
    );
}

#[test]
fn what_is_not_loaded_is_told_apart_from_no() {
    let mixed = value_set(
        "urn:mixed",
        r#"{"include":[{"system":"urn:animals","concept":[{"code":"cat"}]},{"system":"urn:plants"}]}"#,
    );
    let fragment = r#"{"resourceType":"CodeSystem","url":"urn:stones","content":"fragment","concept":[{"code":"flint"}]}"#;
    let stones = value_set("urn:some-stones", r#"{"include":[{"system":"urn:stones"}]}"#);
    let library = library(&[&mixed, fragment, &stones]);
    let terminology = Terminology::new(&library);
    let member = |set: &str, system: Option<&str>, code: &str| terminology.member_of(set, system, code);
    assert_eq!(member("urn:mixed", Some("urn:animals"), "cat"), Ok(true));
    assert_eq!(member("urn:mixed", Some("urn:animals"), "dog"), Ok(false));
    assert_eq!(member("urn:mixed", None, "cat"), Ok(true));
    assert!(member("urn:mixed", Some("urn:plants"), "oak").unwrap_err().is_open());
    assert!(member("urn:mixed", None, "dog").unwrap_err().is_open());
    assert_eq!(member("urn:some-stones", Some("urn:stones"), "flint"), Ok(true));
    assert!(member("urn:some-stones", Some("urn:stones"), "jade").unwrap_err().is_open());
    assert!(member("urn:nothing", None, "x").unwrap_err().is_open());
    assert!(member("urn:animals-all|1", None, "cat").unwrap_err().is_open());
}

#[test]
fn a_listed_expansion_stands_in_for_systems_that_are_not_loaded() {
    let set = r#"{"resourceType":"ValueSet","url":"urn:trees","compose":{"include":[{"system":"urn:plants",
        "filter":[{"property":"concept","op":"is-a","value":"tree"}]}]},"expansion":{"total":2,"contains":[
        {"system":"urn:plants","code":"oak","display":"Oak","contains":[{"system":"urn:plants","code":"holm-oak"}]}]}}"#;
    let page = set.replace("\"total\":2", "\"total\":9").replace("urn:trees", "urn:page");
    let library = library(&[set, &page]);
    let terminology = Terminology::new(&library);
    assert_eq!(terminology.member_of("urn:trees", None, "holm-oak"), Ok(true));
    assert_eq!(terminology.member_of("urn:trees", None, "rose"), Ok(false));
    assert_eq!(terminology.codes("urn:trees").unwrap().len(), 2);
    assert!(terminology.member_of("urn:page", None, "rose").unwrap_err().is_open());
}

#[test]
fn an_expansion_filters_pages_and_speaks_languages() {
    let library = library(&[]);
    let terminology = Terminology::new(&library);
    let all = terminology.value_set("urn:animals-all", None).unwrap();
    let page = |options: ExpansionOptions| {
        let expansion = terminology.expand(&all, &options).unwrap();
        (
            expansion.total,
            expansion
                .members
                .into_iter()
                .map(|member| member.display.unwrap_or_default())
                .collect::<Vec<_>>(),
        )
    };
    let filter =
        |text: &str| ExpansionOptions { filter: Some(text.to_owned()), ..ExpansionOptions::default() };
    assert_eq!(page(filter("cat hou")), (1, vec!["House cat".to_owned()]));
    assert_eq!(page(filter("MAMM")), (1, vec!["Mammal".to_owned()]));
    assert_eq!(page(filter("og")), (0, vec![]));
    let options = ExpansionOptions {
        offset: 2,
        count: Some(2),
        display_language: Some("de".to_owned()),
        ..Default::default()
    };
    assert_eq!(page(options), (6, vec!["Hauskatze".to_owned(), "Dog".to_owned()]));
    assert_eq!(page(ExpansionOptions { count: Some(0), ..Default::default() }), (6, vec![]));
    assert_eq!(page(ExpansionOptions { active_only: true, ..Default::default() }).0, 5);
    assert_eq!(page(ExpansionOptions { exclude_abstract: true, ..Default::default() }).0, 5);
    let few = Terminology { library: &library, bounds: Bounds { codes_max: 3, ..Bounds::default() } };
    assert!(matches!(
        few.expand(&all, &ExpansionOptions::default()),
        Err(TerminologyError::TooCostly { .. })
    ));
    assert!(few.expand(&all, &ExpansionOptions { count: Some(3), ..Default::default() }).is_ok());
}

#[test]
fn codings_are_judged_with_their_display() {
    let library = library(&[]);
    let terminology = Terminology::new(&library);
    let all = terminology.value_set("urn:animals-all", None).unwrap();
    let judge = |system, code, display| {
        let coding = Coding { system, code, display, version: None };
        terminology.validate_code(Against::ValueSet(&all), &[coding], None, Some(false)).unwrap()
    };
    assert!(judge(Some("urn:animals"), "cat", Some("house  CAT")).result);
    assert!(judge(None, "cat", Some("Hauskatze")).result);
    let wrong = judge(None, "cat", Some("Dog"));
    assert_eq!((wrong.result, wrong.display.as_deref()), (false, Some("House cat")));
    assert!(!judge(None, "unicorn", None).result);
    assert!(!judge(Some("urn:animals"), "animal", None).result, "a code that only groups");
    assert!(judge(Some("urn:plants"), "oak", None).message.is_some());
    let two = [
        Coding { system: Some("urn:plants"), code: "oak", ..Coding::default() },
        Coding { system: Some("urn:animals"), code: "cat", ..Coding::default() },
    ];
    assert_eq!(terminology.validate_code(Against::ValueSet(&all), &two, None, None).unwrap().coding, 1);
}

#[test]
fn a_lookup_tells_properties_designations_and_neighbours() {
    let more = r#"{"resourceType":"CodeSystem","url":"urn:animals-es","content":"supplement","supplements":"urn:animals|2",
        "concept":[{"code":"cat","designation":[{"language":"es","value":"gato"}]}]}"#;
    let library = library(&[more]);
    let terminology = Terminology::new(&library);
    let lookup = terminology.lookup("urn:animals", None, "cat", &[], Some("es")).unwrap();
    assert_eq!(lookup.display.as_deref(), Some("gato"));
    assert_eq!(lookup.designations.len(), 3);
    let names: Vec<&str> = lookup.properties.iter().map(|property| property.name.as_str()).collect();
    assert_eq!(names, ["definition", "inactive", "parent", "legs"]);
    let only = terminology.lookup("urn:animals", None, "mammal", &["child".to_owned()], None).unwrap();
    assert_eq!(only.properties.len(), 3);
    let unknown = terminology.lookup("urn:animals", None, "unicorn", &[], None);
    assert!(matches!(unknown, Err(TerminologyError::UnknownCode { .. })));
}

#[test]
fn translations_follow_groups_reverse_dependencies_and_what_is_unmapped() {
    let map = r#"{"resourceType":"ConceptMap","url":"urn:map","status":"active","sourceUri":"urn:animals-all","targetUri":"urn:sounds-all",
      "group":[{"source":"urn:animals","target":"urn:sounds","element":[
        {"code":"cat","target":[{"code":"meow","equivalence":"wider"}]},
        {"code":"dog","target":[{"code":"bark","equivalence":"equivalent","dependsOn":[{"property":"urn:awake","value":"yes"}]}]},
        {"code":"bird","target":[{"equivalence":"unmatched"}]}],
        "unmapped":{"mode":"fixed","code":"silence"}}]}"#;
    let library = library(&[map]);
    let terminology = Terminology::new(&library);
    let ask = |code: &str, request: TranslationRequest<'_>| {
        let codings = [Coding { system: None, code, ..Coding::default() }];
        let answer = terminology.translate(&TranslationRequest { codings: &codings, ..request }).unwrap();
        (
            answer.result,
            answer.matches.first().map(|found| (found.equivalence, found.code.clone().unwrap_or_default())),
        )
    };
    let plain = TranslationRequest::default;
    assert_eq!(ask("cat", plain()), (true, Some((Equivalence::Wider, "meow".to_owned()))));
    assert_eq!(ask("dog", plain()), (false, None));
    let awake =
        [Dependency { property: "urn:awake".into(), system: None, value: "yes".into(), display: None }];
    assert!(ask("dog", TranslationRequest { dependencies: &awake, ..plain() }).0);
    assert_eq!(ask("bird", plain()), (false, Some((Equivalence::Unmatched, String::new()))));
    assert_eq!(ask("bat", plain()), (true, Some((Equivalence::Inexact, "silence".to_owned()))));
    let back = TranslationRequest { is_reverse: true, ..plain() };
    assert_eq!(ask("meow", back), (true, Some((Equivalence::Narrower, "cat".to_owned()))));
    let codings = [Coding { system: Some("urn:plants"), code: "oak", ..Coding::default() }];
    assert!(terminology.translate(&TranslationRequest { codings: &codings, ..plain() }).is_err());
}

#[test]
fn subsumption_and_its_neighbours() {
    let library = library(&[]);
    let terminology = Terminology::new(&library);
    let check = |a: &str, b: &str, expected: Subsumption| {
        assert_eq!(terminology.subsumes("urn:animals", None, a, b).unwrap(), expected, "{a} {b}");
    };
    check("animal", "bat", Subsumption::Subsumes);
    check("bat", "animal", Subsumption::SubsumedBy);
    check("bat", "bat", Subsumption::Equivalent);
    check("bird", "bat", Subsumption::NotSubsumed);
    assert_eq!(terminology.above("urn:animals", "bat").unwrap(), ["animal", "mammal", "bat"]);
    assert_eq!(terminology.below("urn:animals", "mammal").unwrap(), ["mammal", "cat", "dog", "bat"]);
}

#[test]
fn circles_end() {
    let circle = r#"{"resourceType":"CodeSystem","url":"urn:circle","content":"complete","concept":[
        {"code":"a","property":[{"code":"parent","valueCode":"c"}]},{"code":"b","property":[{"code":"parent","valueCode":"a"}]},
        {"code":"c","property":[{"code":"parent","valueCode":"b"}]},{"code":"c"},{"code":"d","property":[{"code":"parent","valueCode":"gone"}]}]}"#;
    let system = CodeSystem::read(&json(circle)).unwrap();
    assert_eq!(system.problems().len(), 3);
    let a = value_set("urn:a", r#"{"include":[{"valueSet":["urn:b"]}]}"#);
    let b = value_set("urn:b", r#"{"include":[{"valueSet":["urn:a"]},{"system":"urn:animals"}]}"#);
    let library = library(&[circle, &a, &b]);
    let terminology = Terminology::new(&library);
    assert_eq!(terminology.above("urn:circle", "b").unwrap(), ["a", "b"]);
    assert!(matches!(terminology.codes("urn:a"), Err(TerminologyError::Circular { .. })));
    assert_eq!(terminology.member_of("urn:a", Some("urn:animals"), "cat"), Ok(true));
    assert!(terminology.member_of("urn:a", Some("urn:animals"), "unicorn").is_err());
}

#[test]
fn addresses_alone_define_value_sets_of_snomed_and_loinc() {
    let snomed = r#"{"resourceType":"CodeSystem","url":"http://snomed.info/sct","content":"fragment","concept":[
        {"code":"1","concept":[{"code":"11","property":[{"code":"memberOf","valueCode":"900"}]}]},{"code":"2"}]}"#;
    let loinc = r#"{"resourceType":"CodeSystem","url":"http://loinc.org","content":"fragment","property":[{"code":"answer-list","type":"code"}],
        "concept":[{"code":"LP1","concept":[{"code":"1-8"}]},{"code":"LA1","property":[{"code":"answer-list","valueCode":"LL1"}]}]}"#;
    let library = library(&[snomed, loinc]);
    let terminology = Terminology::new(&library);
    let count = |url: &str| terminology.codes(url).map(|codes| codes.len());
    assert_eq!(count("http://snomed.info/sct?fhir_vs"), Ok(3));
    assert_eq!(count("http://snomed.info/sct?fhir_vs=isa/1"), Ok(2));
    assert_eq!(count("http://snomed.info/sct?fhir_vs=refset/900"), Ok(1));
    assert!(matches!(
        count("http://snomed.info/sct?fhir_vs=ecl/%3C1"),
        Err(TerminologyError::Unsupported { .. })
    ));
    assert!(count("http://snomed.info/sct/900000000000207008?fhir_vs").unwrap_err().is_open());
    assert_eq!(count("http://loinc.org/vs"), Ok(3));
    assert_eq!(count("http://loinc.org/vs/LP1"), Ok(1));
    assert_eq!(count("http://loinc.org/vs/LL1"), Ok(1));
}

#[test]
fn grammars_judge_codes_that_nobody_lists() {
    let terminology = Terminology::new(core());
    let check = |set: &str, system: &str, code: &str, expected: bool| {
        let set = json(&value_set("urn:x", &format!(r#"{{"include":[{{"system":"{set}"}}]}}"#)));
        let set = ValueSet::read(&set).unwrap();
        assert_eq!(terminology.is_member(&set, Some(system), code), Ok(expected), "{code}");
    };
    for (system, good, bad) in [
        ("urn:ietf:bcp:47", "de-CH-1996", "e"),
        ("urn:ietf:bcp:13", "application/fhir+json; charset=\"utf-8\"", "json"),
        ("urn:ietf:rfc:3986", "urn:oid:1.2", "no uri"),
        ("http://unitsofmeasure.org", "10*3/uL", "10 mg"),
        ("http://unitsofmeasure.org", "/[HPF]{seen}", "mg/(dL"),
    ] {
        check(system, system, good, true);
        check(system, system, bad, false);
    }
    let units =
        ValueSet::read(&json(&value_set("urn:x", r#"{"include":[{"system":"http://unitsofmeasure.org"}]}"#)))
            .unwrap();
    assert!(matches!(
        terminology.expand(&units, &ExpansionOptions::default()),
        Err(TerminologyError::Endless { .. })
    ));
}

#[test]
fn versions_compare_as_people_count() {
    let check = |older: &str, newer: &str| assert!(compare_versions(older, newer).is_lt(), "{older} {newer}");
    check("2.9", "2.10");
    check("", "1");
    check("2023-12", "2024-01");
    check("4.0", "4.0.1");
    check("1.0.0-a", "1.0.0-b");
}

#[test]
fn the_code_sets_of_r4_can_all_be_read_and_most_expanded() {
    let terminology = Terminology::new(core());
    assert_eq!(terminology.codes("http://hl7.org/fhir/ValueSet/administrative-gender").unwrap().len(), 4);
    assert_eq!(terminology.codes("http://terminology.hl7.org/ValueSet/v2-0001").unwrap().len(), 6);
    let lookup = terminology
        .lookup("http://terminology.hl7.org/CodeSystem/v2-0001", None, "F", &[], Some("de"))
        .unwrap();
    assert_eq!(lookup.display.as_deref(), Some("weiblich"));
    let (total, expanded, refused) = core::tests_expand_all(&terminology);
    println!(
        "{expanded} of {total} value sets of R4 expand; {refused} are refused for other reasons than missing systems"
    );
    assert!(expanded > 1150 && refused < 12, "{expanded} {refused}");
}
