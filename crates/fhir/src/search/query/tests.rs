use super::super::{Kind, Registry};
use super::*;
use proptest::prelude::*;

fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    query.split('&').map(pair).collect()
}

fn read(resource_type: &str, query: &str) -> Result<Query, Vec<crate::outcome::Issue>> {
    parse(Registry::base(), resource_type, &pairs(query), false, &Limits::default())
}

/// The values of the only criterion.
fn values(resource_type: &str, query: &str) -> Vec<QueryValue> {
    let query = read(resource_type, query).unwrap();
    match &query.criteria[0].test {
        Test::Own { values, .. } => values.clone(),
        other => panic!("{other:?}"),
    }
}

fn refused(resource_type: &str, query: &str, part: &str) {
    let issues = read(resource_type, query).unwrap_err();
    assert!(issues[0].details.contains(part), "{query}: {}", issues[0].details);
    assert!(issues[0].expression[0].starts_with("http."));
}

fn token(system: TokenSystem, code: Option<&str>) -> QueryValue {
    QueryValue::Token { system, code: code.map(Into::into) }
}

#[test]
fn tokens_have_four_shapes_and_escapes() {
    assert_eq!(
        values("Observation", "code=a,s|b,|c,s|,x\\,y\\|z\\\\"),
        [
            token(TokenSystem::Any, Some("a")),
            token(TokenSystem::Is("s".into()), Some("b")),
            token(TokenSystem::Absent, Some("c")),
            token(TokenSystem::Is("s".into()), None),
            token(TokenSystem::Any, Some("x,y|z\\")),
        ]
    );
    for query in ["code=|", "code=a|b|c", "code=", "code=a,,b", "code:not="] {
        refused("Observation", query, "code");
    }
}

#[test]
fn references_have_their_shapes() {
    let local = |resource_type: Option<&str>, id: &str, version: Option<&str>| {
        QueryValue::Reference(ReferenceValue::Local {
            resource_type: resource_type.map(Into::into),
            id: id.into(),
            version: version.map(Into::into),
        })
    };
    let absolute = |url: &str| QueryValue::Reference(ReferenceValue::Absolute(url.into()));
    assert_eq!(
        values("Observation", "subject=1,Patient/2,Group/3/_history/4,http://x.org/Patient/5,urn:uuid:6"),
        [
            local(None, "1", None),
            local(Some("Patient"), "2", None),
            local(Some("Group"), "3", Some("4")),
            absolute("http://x.org/Patient/5"),
            absolute("urn:uuid:6"),
        ]
    );
    assert_eq!(values("Observation", "subject:Patient=7"), [local(Some("Patient"), "7", None)]);
    let identifier = values("Observation", "subject:identifier=urn:mrn|8");
    assert_eq!(identifier, [token(TokenSystem::Is("urn:mrn".into()), Some("8"))]);
    refused("Observation", "subject:Patient=Group/1", "subject:Patient");
    refused("Observation", "subject:Encounter=1", "points to");
    refused("Observation", "subject=Nonsense/1", "resource type");
    refused("Observation", "subject=a b", "an id has");
}

#[test]
fn ordered_values_carry_prefix_and_range() {
    for (text, expected) in [
        ("2020", Prefix::Equal),
        ("eq2020", Prefix::Equal),
        ("ne2020", Prefix::NotEqual),
        ("gt2020", Prefix::Greater),
        ("lt2020", Prefix::Less),
        ("ge2020", Prefix::GreaterOrEqual),
        ("le2020", Prefix::LessOrEqual),
        ("sa2020", Prefix::StartsAfter),
        ("eb2020", Prefix::EndsBefore),
        ("ap2020", Prefix::Approximate),
    ] {
        let (low_ms, high_ms) = (1_577_836_800_000, 1_609_459_200_000);
        let value = QueryValue::Date { prefix: expected, low_ms, high_ms };
        assert_eq!(values("Observation", &format!("date={text}")), [value]);
    }
    let decimal = |text: &str| text.parse::<Decimal>().unwrap();
    assert_eq!(
        values("Observation", "value-quantity=gt5.40|http://unitsofmeasure.org|mg,5||mg,ap100"),
        [
            QueryValue::Quantity {
                prefix: Prefix::Greater,
                low: decimal("5.395"),
                high: decimal("5.405"),
                value: decimal("5.40"),
                system: Some("http://unitsofmeasure.org".into()),
                code: Some("mg".into()),
            },
            QueryValue::Quantity {
                prefix: Prefix::Equal,
                low: decimal("4.5"),
                high: decimal("5.5"),
                value: decimal("5"),
                system: None,
                code: Some("mg".into()),
            },
            QueryValue::Quantity {
                prefix: Prefix::Approximate,
                low: decimal("90"),
                high: decimal("110"),
                value: decimal("100"),
                system: None,
                code: None,
            },
        ]
    );
    let space_for_plus = values("Observation", "date=2020-01-01T00:00:00 01:00");
    assert_eq!(space_for_plus, values("Observation", "date=2020-01-01T00:00:00+01:00"));
    refused("Observation", "date=xx2020", "a date is expected");
    refused("Observation", "value-quantity=5|mg", "number|system|code");
    refused("RiskAssessment", "probability=a", "a number is expected");
}

#[test]
fn modifiers_fit_their_kind_or_are_refused_by_name() {
    for (query, expected) in [
        ("name:exact=A", Modifier::Exact),
        ("name:contains=A", Modifier::Contains),
        ("gender:not=male", Modifier::Not),
        ("gender:missing=true", Modifier::Missing),
        ("birthdate:missing=false", Modifier::Missing),
        ("_profile:below=http://x", Modifier::Below),
        ("_profile:above=http://x", Modifier::Above),
        ("gender:text=male", Modifier::Text),
        ("general-practitioner:text=Who", Modifier::Text),
        ("gender:code-text=ma", Modifier::CodeText),
        ("gender:in=http://x", Modifier::In),
        ("gender:not-in=ValueSet/1", Modifier::NotIn),
        ("gender:below=s|a", Modifier::Below),
        ("organization:above=1", Modifier::Above),
        ("identifier:of-type=a|b|c", Modifier::OfType),
    ] {
        let query = read("Patient", query).unwrap();
        assert!(matches!(&query.criteria[0].test, Test::Own { modifier, .. } if *modifier == Some(expected)));
    }
    for query in ["name:not=x", "name:text=x", "_id:text=x", "birthdate:exact=2020"] {
        refused("Patient", query, "not offered");
    }
    refused("Patient", "gender:missing=maybe", "`true` or `false`");
    refused("Patient", "gender:below=a", "told by its system");
    refused("Patient", "identifier:of-type=a|b", "`system|code|value`");
}

#[test]
fn chains_branch_over_the_types_that_know_the_parameter() {
    let query = read(
        "Observation",
        "subject.name=Ann&subject:Patient.organization.name=General&subject:Patient.name:exact=X",
    )
    .unwrap();
    let Test::Chain { parameter, branches } = &query.criteria[0].test else { panic!() };
    assert_eq!(parameter.code, "subject");
    let types: Vec<_> = branches.iter().map(|branch| branch.resource_type.as_str()).collect();
    // Device is found by `device-name`; a Group has no name in R4.
    assert_eq!(types.iter().filter(|name| ["Patient", "Location"].contains(name)).count(), 2, "{types:?}");
    let Test::Chain { branches, .. } = &query.criteria[1].test else { panic!() };
    let Test::Chain { parameter, branches } = &branches[0].test else { panic!() };
    assert_eq!(
        (parameter.code.as_str(), branches[0].resource_type.as_str()),
        ("organization", "Organization")
    );
    refused("Observation", "subject.nothing=1", "no search parameter `nothing`");
    refused("Observation", "code.text=1", "only a reference");
    refused("Observation", "focus.name=1", "any type");
    refused("Observation", "subject:Encounter.date=1", "points to");
    refused("Patient", &format!("{}name=1", "link.".repeat(9)), "a chain may follow");
}

#[test]
fn has_asks_for_those_that_refer_here() {
    let query = read(
        "Patient",
        "_has:Observation:patient:code=1234-5&_has:Observation:subject:_has:AuditEvent:entity:agent=X",
    )
    .unwrap();
    let Test::Has { resource_type, parameter, test } = &query.criteria[0].test else { panic!() };
    assert_eq!((resource_type.as_str(), parameter.code.as_str()), ("Observation", "patient"));
    assert!(matches!(test.as_ref(), Test::Own { parameter, .. } if parameter.code == "code"));
    assert!(
        matches!(&query.criteria[1].test, Test::Has { test, .. } if matches!(test.as_ref(), Test::Has { .. }))
    );
    refused("Encounter", "_has:Observation:patient:code=1", "points to Patient");
    refused("Patient", "_has:Observation:code=1", "is expected");
}

#[test]
fn composites_type_each_part() {
    let found = values("Observation", "code-value-quantity=http://loinc.org|8480-6$gt120");
    let [QueryValue::Composite(parts)] = found.as_slice() else { panic!() };
    assert!(matches!(parts[0], QueryValue::Token { .. }) && matches!(parts[1], QueryValue::Quantity { .. }));
    refused("Observation", "code-value-quantity=1", "each component");
}

#[test]
fn what_shapes_the_answer_is_no_criterion() {
    let query = read(
        "Observation",
        "_sort=-date,code&_count=5000&_total=accurate&_summary=data&_elements=code,status&_include=Observation:subject:Patient\
         &_include:iterate=Patient:organization&_include=*&_revinclude=Provenance:target&_format=json&__explain=true",
    )
    .unwrap();
    assert!(query.criteria.is_empty());
    assert_eq!(
        query.sort.iter().map(|key| (key.parameter.code.as_str(), key.descending)).collect::<Vec<_>>(),
        [("date", true), ("code", false)]
    );
    assert_eq!(
        (query.count, query.total, query.summary),
        (Some(1000), Some(Total::Accurate), Some(Summary::Data))
    );
    assert_eq!(query.elements, ["code", "status"]);
    assert_eq!(query.includes.len(), 3);
    assert_eq!(query.includes[0].target.as_deref(), Some("Patient"));
    assert!(query.includes[1].iterate && query.includes[2].source.is_none());
    assert_eq!(query.revincludes[0].parameter.as_ref().unwrap().code, "target");
    assert!(query.explain);
    assert_eq!(query.used.len(), 9);
    for (bad, part) in [
        ("_sort=nothing", "no search parameter"),
        ("_sort=code-value-quantity", "cannot be ordered"),
        ("_count=x", "whole number"),
        ("_page=abc", "stands alone"),
        ("_count=1&_count=2", "more than once"),
        ("_include=Observation", "is expected"),
        ("_include=Observation:code", "no reference"),
        ("_query=x", "not offered"),
    ] {
        refused("Observation", bad, part);
    }
}

#[test]
fn an_unknown_name_is_an_error_with_near_names_unless_lenient() {
    refused("Patient", "birthDate=2020&famly=x", "near it: `birthdate`");
    assert_eq!(read("Patient", "birthDate=2020&famly=x").unwrap_err().len(), 2);
    let pairs = pairs("famly=x&gender=male&name:not=y");
    let query = parse(Registry::base(), "Patient", &pairs, true, &Limits::default()).unwrap();
    assert_eq!(query.criteria.len(), 1);
    assert_eq!(
        query.ignored.iter().map(|ignored| ignored.name.as_str()).collect::<Vec<_>>(),
        ["famly", "name:not"]
    );
    // A wrong value is an error even then.
    let wrong = [("birthdate".to_owned(), "x".to_owned())];
    assert!(parse(Registry::base(), "Patient", &wrong, true, &Limits::default()).is_err());
}

#[test]
fn every_bound_is_a_clear_refusal() {
    let many = vec!["a"; 10_001].join(",");
    refused("Patient", &format!("gender={many}"), "10000 values");
    let long = [("name".to_owned(), "x".repeat(300_000))];
    assert!(
        parse(Registry::base(), "Patient", &long, false, &Limits::default()).unwrap_err()[0]
            .details
            .contains("bytes")
    );
    let pair = ("name".to_owned(), "x".to_owned());
    assert!(parse(Registry::base(), "Patient", &vec![pair; 65], false, &Limits::default()).is_err());
}

#[test]
fn errors_never_repeat_values() {
    for query in [
        "birthdate=secret",
        "gender=secret|a|b",
        "_sort=-birthdate&_count=secret",
        "general-practitioner=secret/1",
    ] {
        for issue in read("Patient", query).unwrap_err() {
            assert!(!issue.details.contains("secret"), "{}", issue.details);
        }
    }
}

proptest! {
    #[test]
    fn no_request_panics_the_reader(
        name in "(_has:Observation:patient:|subject(:Patient)?\\.|)(code|date|_sort|value-quantity|code-value-quantity|subject|\\PC{0,6})(:(not|missing|Patient|\\PC{0,4}))?",
        value in "(gt|ap|)(\\PC|[0-9|$,\\\\.-]){0,20}",
        lenient in any::<bool>(),
    ) {
        let _ = parse(Registry::base(), "Observation", &[(name.clone(), value.clone())], lenient, &Limits::default());
        let _ = parse(Registry::base(), "Patient", &[(name, value)], lenient, &Limits::default());
    }

    #[test]
    fn escaped_text_stands_for_itself(text in "[a-z,|$\\\\ ]{1,12}") {
        let found = parse(Registry::base(), "Patient", &[("name".to_owned(), escape(&text))], false, &Limits::default()).unwrap();
        let Test::Own { parameter, values, .. } = &found.criteria[0].test else { panic!() };
        prop_assert_eq!(parameter.kind, Kind::String);
        prop_assert_eq!(values, &[QueryValue::String(text.as_str().into())]);
    }
}
