use super::*;
use proptest::prelude::*;

/// Parses `text`, writes it, and expects the same expression back.
fn round_trip(text: &str) {
    let parsed = Expression::parse(text).unwrap();
    let written = parsed.to_string();
    assert_eq!(Expression::parse(&written).unwrap(), parsed, "{text} was written as {written}");
}

#[test]
fn what_is_written_parses_to_the_same() {
    for text in [
        "Patient.name.given",
        "(Observation.value as Quantity).unit | Observation.code.coding[0].display",
        "Patient.deceased.exists() and Patient.deceased != false",
        "telecom.where(system = 'phone' and use in ('home' | 'work'))",
        "-1 + 2 * 3 div 4 mod 5 - -6",
        "-(1).convertsToInteger()",
        "a implies b or c and d xor e",
        "`a b`.`is`.contains('\\u00e4\\n\\'') contains `true`",
        "@2015 = @2015T or @2015-02-04T14:34:28.123+10:00 > @T14:30",
        "4 days + 10.10 'mg' & {}",
        "iif($this.x, $index, $total).ofType(FHIR.Quantity)",
        "%resource.a & %`us-zip` & %'us-zip'",
        "sort(-$this, name desc)",
        "Observation.value.as(System.String)",
    ] {
        round_trip(text);
    }
}

#[test]
fn operators_bind_as_the_grammar_says() {
    let parse = |text: &str| Expression::parse(text).unwrap();
    for (text, same) in [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("a | b = c", "(a | b) = c"),
        ("a = b in c", "(a = b) in c"),
        ("a and b or c", "(a and b) or c"),
        ("a or b implies c", "(a or b) implies c"),
        ("-a.b", "-(a.b)"),
        ("1 + 2 is Integer", "(1 + 2).is(Integer)"),
        ("a is B | c", "(a is B) | c"),
        ("a > b is Boolean", "a > (b is Boolean)"),
    ] {
        assert_eq!(parse(text), parse(same), "{text}");
    }
}

#[test]
fn what_is_no_expression_is_refused_with_its_place() {
    for (text, offset) in [
        ("", 0),
        ("a.", 2),
        ("2 + 2 /", 7),
        ("2 + 2 /* not finished", 6),
        ("a b", 2),
        ("a.nosuch()", 2),
        ("(a", 2),
        ("'a", 0),
        ("@2015-13", 0),
        ("$that", 0),
        ("a ; b", 2),
        ("count(1)", 0),
    ] {
        let error = Expression::parse(text).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (PathErrorKind::Syntax, Some(offset)), "{text}: {error}");
    }
}

#[test]
fn deep_nesting_is_refused_and_harmless() {
    for (open, close) in [("(", ")"), ("-", ""), ("a.where(", ")"), ("a[", "]")] {
        let text = format!("{}1{}", open.repeat(5000), close.repeat(5000));
        assert!(Expression::parse(&text).is_err());
    }
    for link in [".a", "+ 1", "[0]", " is A", ".first()"] {
        assert!(Expression::parse(&format!("a{}", link.repeat(1500))).is_err());
    }
}

fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("$this".to_owned()),
        Just("{}".to_owned()),
        Just("true".to_owned()),
        Just("4 days".to_owned()),
        Just("@2015-02T".to_owned()),
        "[a-z]{1,5}",
        "[0-9]{1,4}(\\.[0-9]{1,3})?",
        "'[a-zä\" ]{0,5}'",
        "`[a-z ]{1,5}`",
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                inner.clone(),
                prop::sample::select(vec!["+", "-", "and", "|", "=", "in", "&", "<=", "implies"])
            )
                .prop_map(|(left, right, sign)| format!("{left} {sign} {right}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("-{inner}")),
            inner.clone().prop_map(|inner| format!("({inner}).where(a = {inner})")),
            (inner.clone(), inner.clone()).prop_map(|(left, index)| format!("({left})[{index}]")),
            inner.prop_map(|inner| format!("({inner}) is FHIR.Patient")),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_panics_the_parser(text in "\\PC{0,60}") {
        let _ = Expression::parse(&text);
    }

    #[test]
    fn no_row_of_tokens_panics_the_parser(text in "([a-z.()\\[\\]'`@%$0-9T:+*|=<>, -]|where|is|and ){0,40}") {
        if let Ok(parsed) = Expression::parse(&text) {
            prop_assert_eq!(Expression::parse(&parsed.to_string()).unwrap(), parsed);
        }
    }

    #[test]
    fn any_expression_is_written_as_it_was_parsed(text in any_expression()) {
        // A keyword may come up as a name.
        if let Ok(parsed) = Expression::parse(&text) {
            prop_assert_eq!(Expression::parse(&parsed.to_string()).unwrap(), parsed);
        }
    }
}

fn evaluate(text: &str, resource: &str) -> Result<Vec<String>, PathError> {
    let resource = crate::json::parse(resource.as_bytes(), &crate::json::Limits::default()).unwrap();
    let expression = Expression::parse(text).unwrap();
    let items = expression.evaluate(&resource, &Context { now: Some((0, 0)), ..Context::default() })?;
    Ok(items.iter().map(|item| format!("{item:?}")).collect())
}

const PATIENT: &str = r##"{"resourceType":"Patient","birthDate":"1974-12-25","_birthDate":{"extension":[{"url":"u","valueCode":"c"}]},
  "name":[{"given":["Ann",null],"_given":[null,{"id":"x"}],"family":"Doe"}],"deceasedBoolean":false,
  "generalPractitioner":[{"reference":"#p"},{"reference":"Organization/1"}],
  "contained":[{"resourceType":"Practitioner","id":"p","active":true}]}"##;

#[test]
fn elements_keep_their_types_extensions_and_references() {
    for (text, expected) in [
        ("deceased", vec!["Node(boolean)"]),
        ("birthDate.extension('u').value", vec!["Node(code)"]),
        ("name.given", vec!["Node(string)", "Node(string)"]),
        ("name.given.where(hasValue())", vec!["Node(string)"]),
        ("generalPractitioner.resolve()", vec!["Node(Practitioner)", "Elsewhere(Organization)"]),
        ("generalPractitioner.where(resolve() is Organization)", vec!["Node(Reference)"]),
        ("contained.active", vec!["Node(boolean)"]),
        ("now()", vec!["DateTime"]),
    ] {
        assert_eq!(evaluate(text, PATIENT).unwrap(), expected, "{text}");
    }
}

/// A terminology, other resources and profiles, all made up.
struct World;

impl Codes for World {
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        (value_set == "http://vs").then(|| system == Some("http://s") && code == "a")
    }
    fn subsumes(&self, _: &str, general: &str, special: &str) -> Option<bool> {
        Some(special.starts_with(general))
    }
}

impl Resolve for World {
    fn resolve(&self, reference: &str) -> Option<std::sync::Arc<Value>> {
        let organization = crate::json_object! { "resourceType": "Organization", "name": "elsewhere" };
        (reference == "Organization/1").then(|| organization.into())
    }
}

impl Conforms for World {
    fn conforms(&self, node: Node<'_>, profile: &str) -> Option<bool> {
        (profile == "http://p").then(|| node.type_name() == "Patient")
    }
}

use crate::json::Value;

#[test]
fn the_world_outside_is_asked_through_ports() {
    let observation = r#"{"resourceType":"Observation","performer":[{"reference":"Organization/1"},{"reference":"Organization/2"}],
      "code":{"coding":[{"system":"http://s","code":"b"},{"system":"http://s","code":"a"}]},"modifierExtension":[{"url":"m"}]}"#;
    let resource = crate::json::parse(observation.as_bytes(), &crate::json::Limits::default()).unwrap();
    let resolver = Resolver::new(&World);
    let context = Context {
        resolver: Some(&resolver),
        codes: Some(&World),
        profiles: Some(&World),
        ..Context::default()
    };
    for (text, expected) in [
        ("performer.resolve().name = 'elsewhere'", Some(true)),
        ("performer[1].resolve() is Organization", Some(true)),
        ("code.memberOf('http://vs')", Some(true)),
        ("code.coding[0].memberOf('http://vs')", Some(false)),
        ("code.memberOf('http://unknown')", None),
        ("'a'.memberOf('http://vs')", Some(false)),
        ("code.subsumes(code.coding[1])", Some(true)),
        ("code.coding[0].subsumedBy(code.coding[1])", Some(false)),
        ("conformsTo('http://p')", Some(false)),
        ("checkModifiers('m').exists()", Some(true)),
    ] {
        let expression = Expression::parse(text).unwrap();
        let found = expression.evaluate(&resource, &context).unwrap();
        assert_eq!(found, expected.map(Item::Boolean).into_iter().collect::<Vec<_>>(), "{text}");
    }
    for text in ["checkModifiers()", "conformsTo('http://unknown')"] {
        assert!(Expression::parse(text).unwrap().evaluate(&resource, &context).is_err(), "{text}");
    }
    let bare = Expression::parse("code.memberOf('http://vs')").unwrap();
    let error = bare.evaluate(&resource, &Context::default()).unwrap_err();
    assert_eq!(error.kind(), PathErrorKind::Unsupported);
}

#[test]
fn references_within_a_bundle_lead_to_its_entries() {
    let bundle = r#"{"resourceType":"Bundle","entry":[
      {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"a","active":true}},
      {"fullUrl":"http://x/Patient/b","resource":{"resourceType":"Patient","id":"b"}},
      {"resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:1"},"focus":[{"reference":"Patient/b"}]}}]}"#;
    let found = |text: &str| evaluate(text, bundle).unwrap();
    assert_eq!(found("entry.resource.subject.resolve().active"), ["Node(boolean)"]);
    assert_eq!(found("entry.resource.focus.resolve().id"), ["Node(id)"]);
}

#[test]
fn a_check_finds_what_no_resource_could_have() {
    let check = |text: &str, ty| Expression::parse(text).unwrap().check(ty).map_err(|error| error.kind());
    for (text, ty) in [
        ("Patient.name.given1", "Patient"),
        ("Encounter.name", "Patient"),
        ("name.where(famly = 'x')", "Patient"),
        ("(Observation.value as Period).unit", "Observation"),
        ("children().first()", "Patient"),
        ("descendants()[0]", "Patient"),
        ("contact.select(name.nosuch)", "Patient"),
        ("iif(true, name, contact).birthDate", "Patient"),
        ("(name | contact).birthDate", "Patient"),
    ] {
        assert_eq!(check(text, ty), Err(PathErrorKind::Semantic), "{text}");
    }
    for (text, ty) in [
        ("name.where(family = 'x').given.first()", "Patient"),
        ("value.ofType(Quantity).unit", "Observation"),
        ("value.unit", "Observation"),
        ("contained.anything", "Patient"),
        ("entry.resource.name", "Bundle"),
        ("subject.resolve().name", "Observation"),
        ("repeat(item).linkId", "Questionnaire"),
        ("(name | contact).period", "Patient"),
        ("extension('u').value.code", "Patient"),
        ("children().where(nosuch)", "Patient"),
        ("%context.active", "Patient"),
    ] {
        assert_eq!(check(text, ty), Ok(()), "{text}");
    }
}

#[test]
fn quantities_convert_by_their_units() {
    for text in [
        "1 'U/L' = 1 'umol/min/L'",
        "120 'mm[Hg]' > 15 'kPa'",
        "37 'Cel' = 98.6 '[degF]'",
        "37 'Cel' > 300 'K'",
        "2 'h' = 120 'min'",
        "1 'kg'.toQuantity('g') = 1000 'g'",
        "1 'kg'.toQuantity('g').value = 1000",
        "1 'kg'.toQuantity('m').empty()",
        "5 'mmol/L' + 5 'umol/L' = 5.005 'mmol/L'",
        "3 'm[iU]/L' < 1 '[iU]/L'",
        "(1 '[pH]' = 1 '[iU]').empty()",
        "10L + 5 = 15",
    ] {
        assert_eq!(evaluate(text, PATIENT).map(|found| found.len()), Ok(1), "{text}");
        let expression = Expression::parse(text).unwrap();
        let null = Value::Null;
        assert_eq!(expression.evaluate(&null, &Context::default()).unwrap(), [Item::Boolean(true)], "{text}");
    }
}

#[test]
fn work_without_end_stops_at_a_bound() {
    for text in [
        "repeatAll($this)",
        "repeat($this.toString() & 'a')",
        "('a' | 'b').aggregate($total & $total & $total & $total, 'aaaaaaaaaaaaaaaa').length()",
        "name.repeatAll($this | %resource.name)",
    ] {
        let outcome = evaluate(text, PATIENT);
        assert!(
            outcome.is_ok() || outcome.as_ref().is_err_and(|error| error.kind() != PathErrorKind::Syntax),
            "{text}"
        );
    }
    let kind = evaluate("repeatAll($this)", PATIENT).unwrap_err().kind();
    assert_eq!(kind, PathErrorKind::Limit);
}

#[test]
fn the_deepest_expression_fits_a_small_stack() {
    let nested = format!("{}true{}", "where(".repeat(60), ")".repeat(60));
    let chained = format!("name{}", ".first()".repeat(60));
    let added = format!("1{}", " + 1".repeat(60));
    let run = move || {
        for text in [nested, chained, added] {
            assert_eq!(evaluate(&text, PATIENT).unwrap().len(), 1);
        }
    };
    std::thread::Builder::new().stack_size(1024 * 1024).spawn(run).unwrap().join().unwrap();
}

fn any_call() -> impl Strategy<Value = String> {
    let value = || {
        prop::sample::select(vec![
            "{}",
            "$this",
            "name",
            "name.given",
            "birthDate",
            "deceased",
            "1",
            "-9223372036854775807",
            "0.5",
            "79228162514264337593543950335",
            "'a'",
            "''",
            "'(['",
            "'1 year'",
            "@9999-12-31",
            "@0001",
            "@T23:59:59.999",
            "@2015T",
            "@2015-02-04T14:34:28.123+14:00",
            "4 days",
            "9999999999 years",
            "9223372036854775807 'ms'",
            "1 'mg'",
            "1e",
            "(1|2|3)",
            "('a'|true|@2015)",
            "%resource",
            "contained",
        ])
    };
    let function = prop::sample::select(function_names());
    let sign = prop::sample::select(vec![
        "+", "-", "*", "/", "div", "mod", "&", "|", "=", "~", "<", "in", "and", "implies",
    ]);
    (value(), function, value(), value(), sign, value()).prop_map(
        |(base, function, first, second, sign, other)| match first {
            "{}" => format!("({base}).{function}() {sign} {other}"),
            _ if second == "{}" => format!("({base}).{function}({first}) {sign} {other}"),
            _ => format!("({base}).{function}({first}, {second}) {sign} {other}"),
        },
    )
}

fn function_names() -> Vec<&'static str> {
    super::function::names().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn no_call_panics_the_evaluator(text in any_call()) {
        if let Ok(expression) = Expression::parse(&text) {
            let resource = crate::json::parse(PATIENT.as_bytes(), &crate::json::Limits::default()).unwrap();
            let bounds = Bounds { steps_max: 20_000, items_max: 2_000, text_bytes_max: 10_000, ..Bounds::default() };
            let context = Context { now: Some((0, 0)), bounds, ..Context::default() };
            let _ = expression.evaluate(&resource, &context);
        }
    }
}
