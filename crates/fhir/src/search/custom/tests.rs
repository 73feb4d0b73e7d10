use super::*;
use crate::json::{Limits, parse};
use crate::search::{CUSTOM_FIRST, Term};

fn resource(members: &str) -> Value {
    let text = format!(
        r#"{{"resourceType":"SearchParameter","name":"X","description":"x",
            "status":"active",{members}}}"#
    );
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn wish(members: &str) -> Result<Wish, Vec<Issue>> {
    read(&resource(members), &|url| (url == "http://example.org/own").then_some(Kind::Token))
}

fn own(members: &str) -> Definition {
    match wish(members) {
        Ok(Wish::Own(definition)) => definition,
        other => panic!("{other:?}"),
    }
}

fn refused(members: &str, place: &str, part: &str) {
    let issues = wish(members).unwrap_err();
    let found = issues.iter().any(|issue| {
        issue.expression == [format!("SearchParameter.{place}")] && issue.details.contains(part)
    });
    assert!(found, "{place}: {issues:?}");
}

#[test]
fn only_an_active_parameter_asks_for_something() {
    let draft = r#"{"resourceType":"SearchParameter","status":"draft","code":"a b"}"#;
    let draft = parse(draft.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(read(&draft, &|_| None), Ok(Wish::Nothing));
    let eye = own(
        r#""code":"eye","base":["Patient"],"type":"token","expression":"Patient.extension.where(url='http://e/eye').value""#,
    );
    assert_eq!((eye.code.as_str(), eye.kind), ("eye", Kind::Token));
    assert_eq!(eye.bases, [("Patient", "Patient.extension.where(url='http://e/eye').value".into())]);
}

#[test]
fn what_the_standard_offers_already_needs_nothing() {
    for members in [
        // By its address, by what it is derived from, by its expression.
        r#""code":"name","base":["Patient"],"type":"string","expression":"Patient.name.text",
            "url":"http://hl7.org/fhir/SearchParameter/Patient-name""#,
        r#""code":"name","base":["Patient"],"type":"string","expression":"Patient.name.text",
            "derivedFrom":"http://hl7.org/fhir/SearchParameter/Patient-name|4.0.1""#,
        r#""code":"name","base":["Patient"],"type":"string","expression":" Patient . name""#,
    ] {
        assert_eq!(wish(members), Ok(Wish::Standard), "{members}");
    }
    refused(
        r#""code":"name","base":["Patient"],"type":"string","expression":"Patient.name.text""#,
        "code",
        "of the standard",
    );
}

#[test]
fn each_type_gets_its_part_of_the_expression() {
    let both = own(r#""code":"nick","base":["Person","Patient"],"type":"string",
           "expression":"Patient.name.where(use = 'nickname' | '|').given | Person.name.where(use='nickname').given | name.suffix""#);
    assert_eq!(
        both.bases,
        [
            ("Patient", "Patient.name.where(use = 'nickname' | '|').given | name.suffix".into()),
            ("Person", "Person.name.where(use='nickname').given | name.suffix".into()),
        ]
    );
    let all = own(r#""code":"lang","base":["Resource"],"type":"token","expression":"Resource.language""#);
    assert!(all.has_base("Patient") && all.has_base("Binary") && all.bases.len() > 140);
    assert!(
        all.clashes(&own(r#""code":"lang","base":["Group"],"type":"token","expression":"Group.language""#))
    );
}

#[test]
fn what_cannot_be_indexed_is_refused_with_its_place() {
    let with = |expression: &str| {
        format!(r#""code":"x","base":["Patient"],"type":"token","expression":"{expression}""#)
    };
    refused(&with("Patient.name.where("), "expression", "no FHIRPath");
    refused(&with("Patient.nothing.here"), "expression", "no element of Patient");
    refused(&with("Observation.code"), "expression", "no element of Patient");
    refused(&with("Patient.where(birthDate < today())"), "expression", "`today`");
    refused(&with("Patient.gender.where(memberOf('http://v'))"), "expression", "`memberOf`");
    own(&with("Patient.name.where(text = 'today()').family"));
    refused(
        r#""code":"_x","base":["Patient"],"type":"token","expression":"Patient.gender""#,
        "code",
        "letters",
    );
    refused(
        r#""code":"x","base":["Patients"],"type":"token","expression":"gender""#,
        "base[0]",
        "no resource type",
    );
    refused(r#""code":"x","base":["Patient"],"type":"special","expression":"gender""#, "type", "rules");
    refused(r#""code":"x","base":["Patient"],"type":"token""#, "expression", "needed");
    refused(
        r#""code":"x","base":["Patient"],"type":"string","xpathUsage":"phonetic","expression":"name""#,
        "xpathUsage",
        "normal",
    );
}

#[test]
fn a_composite_has_parts_that_the_server_knows() {
    let composite = |definition: &str| {
        format!(
            r#""code":"pair","base":["Observation"],"type":"composite","expression":"Observation.component",
               "component":[{{"definition":"{definition}","expression":"code"}},
                 {{"definition":"http://hl7.org/fhir/SearchParameter/Observation-component-value-quantity","expression":"value.as(Quantity)"}}]"#
        )
    };
    for definition in ["http://hl7.org/fhir/SearchParameter/clinical-code", "http://example.org/own"] {
        let kinds: Vec<Kind> = own(&composite(definition)).components.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, [Kind::Token, Kind::Quantity]);
    }
    refused(&composite("http://example.org/other"), "component[0].definition", "no active parameter");
}

/// The values of an own parameter, shown.
fn values(kind: &str, expression: &str, resource: &str) -> Vec<String> {
    let definition =
        own(&format!(r#""code":"x","base":["Patient"],"type":"{kind}","expression":"{expression}""#));
    let registry = Registry::with(definition.parameters(CUSTOM_FIRST));
    let resource = parse(resource.as_bytes(), &Limits::default()).unwrap();
    let mut found = Vec::new();
    registry.extract(&resource, &mut |parameter, term| {
        if parameter.is_custom() {
            found.push(match term {
                Term::String(text) => text.to_string(),
                Term::Token { system, code, .. } => {
                    format!("{}|{}", system.unwrap_or_default(), code.unwrap_or_default())
                }
                Term::Number(range) => range.low.to_string(),
                Term::Quantity { range, code, .. } => format!("{} {}", range.low, code.unwrap_or_default()),
                Term::Date { low_ms, high_ms } => format!("{low_ms}..{high_ms}"),
                other => panic!("{other:?}"),
            });
        }
    });
    found
}

#[test]
fn any_expression_gives_values_computed_ones_too() {
    let patient = r#"{"resourceType":"Patient","active":true,"birthDate":"1970-01-01","multipleBirthInteger":2,
        "name":[{"family":"Doe","given":["Ann","Bea"]}],
        "extension":[{"url":"http://e/eye","valueCoding":{"system":"s","code":"blue"}}]}"#;
    assert_eq!(values("token", "Patient.extension.where(url='http://e/eye').value", patient), ["s|blue"]);
    assert_eq!(values("token", "Patient.extension('http://e/eye').value", patient), ["s|blue"]);
    assert_eq!(values("token", "Patient.name.given.count() > 1", patient), ["|true"]);
    assert_eq!(values("string", "Patient.name.select(given.first() & ' ' & family)", patient), ["Ann Doe"]);
    assert_eq!(values("number", "Patient.name.given.count()", patient), ["2"]);
    assert_eq!(values("number", "Patient.multipleBirth.ofType(integer) * 1.5", patient), ["3.0"]);
    assert_eq!(
        values("quantity", "Patient.name.given.count().toString().toQuantity('mg')", patient),
        Vec::<String>::new()
    );
    assert_eq!(values("date", "Patient.birthDate + 1 day", patient), ["86400000..172800000"]);
    // A failing one finds nothing, a costly one ends.
    assert_eq!(values("number", "Patient.name.given.single().toInteger()", patient), Vec::<String>::new());
    let many = "descendants().descendants().descendants().select(%resource.descendants().count())";
    let costly = format!("Patient.where({many}.sum() > 0).active.select(1)");
    assert!(values("number", &costly, patient).len() < 2);
}
