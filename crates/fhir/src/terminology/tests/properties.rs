//! What must hold of every code system and every value set.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::*;
use crate::json::{Value, array};
use crate::json_object;

/// A system of codes `c0`, `c1`, … with random relations (cycles and unknown parents among them) and a property `p`.
fn system() -> impl Strategy<Value = Value> {
    (1_usize..14).prop_flat_map(|count| {
        let concept = (prop::collection::vec(0..count + 1, 0..3), 0_u32..3, any::<bool>());
        prop::collection::vec(concept, count).prop_map(|concepts| {
            let concepts = concepts.into_iter().enumerate().map(|(at, (parents, p, retired))| {
                let relation = |parent: usize| json_object! { "code": "parent", "valueCode": format!("c{parent}") };
                let mut properties: Vec<Value> = parents.into_iter().map(relation).collect();
                properties.push(json_object! { "code": "p", "valueInteger": p });
                if retired {
                    properties.push(json_object! { "code": "inactive", "valueBoolean": true });
                }
                json_object! { "code": format!("c{at}"), "display": format!("Code {at}"), "property": properties }
            });
            json_object! {
                "resourceType": "CodeSystem", "url": "urn:s", "content": "complete", "concept": array(concepts),
                "property": vec![json_object! { "code": "p", "type": "integer" }],
            }
        })
    })
}

fn part() -> impl Strategy<Value = Value> {
    let filter = prop_oneof![
        (0_usize..3, prop::sample::select(vec!["is-a", "descendent-of", "is-not-a", "generalizes"]))
            .prop_map(|(at, op)| json_object! { "property": "concept", "op": op, "value": format!("c{at}") }),
        (0_u32..3).prop_map(|p| json_object! { "property": "p", "op": "=", "value": p.to_string() }),
        (0_u32..3).prop_map(|p| json_object! { "property": "p", "op": "not-in", "value": format!("{p},9") }),
        Just(json_object! { "property": "code", "op": "regex", "value": "c.*[135]" }),
    ];
    prop_oneof![
        3 => prop::collection::vec(filter, 0..3)
            .prop_map(|filters| json_object! { "system": "urn:s", "filter": filters }),
        2 => prop::collection::vec(0_usize..16, 0..5).prop_map(|codes| {
            let codes = codes.into_iter().map(|at| json_object! { "code": format!("c{at}") });
            json_object! { "system": "urn:s", "concept": array(codes) }
        }),
        1 => Just(json_object! { "valueSet": vec![Value::from("urn:inner")] }),
        1 => Just(json_object! { "system": "urn:s", "valueSet": vec![Value::from("urn:inner")] }),
    ]
}

fn composed(url: &str, inactive: bool, include: Vec<Value>, exclude: Vec<Value>) -> Value {
    let compose = json_object! { "inactive": inactive, "include": include, "exclude": exclude };
    json_object! { "resourceType": "ValueSet", "url": url, "compose": compose }
}

proptest! {
    #[test]
    fn an_expansion_has_exactly_the_members(
        system in system(),
        inner in prop::collection::vec(part().prop_filter("no circle", |part| part.get("valueSet").is_none()), 1..3),
        include in prop::collection::vec(part(), 1..4),
        exclude in prop::collection::vec(part(), 0..2),
        inactive: bool,
    ) {
        let mut library = Loaded::new();
        library.add(&system).unwrap();
        library.add(&composed("urn:inner", true, inner, Vec::new())).unwrap();
        library.add(&composed("urn:v", inactive, include, exclude)).unwrap();
        let terminology = Terminology::new(&library);
        // A filter may start from a code that a small system lacks: then both refuse.
        let Ok(codes) = terminology.codes("urn:v") else { return Ok(()) };
        let codes: Vec<String> = codes.into_iter().map(|(_, code)| code).collect();
        let distinct: BTreeSet<&String> = codes.iter().collect();
        prop_assert_eq!(distinct.len(), codes.len());
        for at in 0..17 {
            let code = format!("c{at}");
            let is_member = terminology.member_of("urn:v", Some("urn:s"), &code);
            prop_assert_eq!(is_member, Ok(codes.contains(&code)), "{}", code);
        }
        let set = terminology.value_set("urn:v", None).unwrap();
        let mut pages = Vec::new();
        for offset in (0..=codes.len()).step_by(3) {
            let options = ExpansionOptions { offset, count: Some(3), ..ExpansionOptions::default() };
            pages.extend(terminology.expand(&set, &options).unwrap().members.into_iter().map(|member| member.code));
        }
        prop_assert_eq!(pages, codes);
    }

    #[test]
    fn subsumption_is_a_partial_order_and_below_undoes_above(system in system()) {
        let mut library = Loaded::new();
        library.add(&system).unwrap();
        let terminology = Terminology::new(&library);
        let system = library.code_system("urn:s", None).unwrap();
        let codes: Vec<&str> = system.concepts().map(|concept| concept.code()).collect();
        let le = |a: &str, b: &str| {
            let answer = terminology.subsumes("urn:s", None, a, b).unwrap();
            matches!(answer, Subsumption::Subsumes | Subsumption::Equivalent)
        };
        for a in &codes {
            prop_assert!(le(a, a));
            let below = terminology.below("urn:s", a).unwrap();
            for b in &codes {
                prop_assert!(a == b || !(le(a, b) && le(b, a)), "{} and {} stand above each other", a, b);
                prop_assert_eq!(le(a, b), below.iter().any(|code| code == b));
                let above = terminology.above("urn:s", b).unwrap();
                prop_assert_eq!(le(a, b), above.iter().any(|code| code == a));
                for c in &codes {
                    prop_assert!(!(le(a, b) && le(b, c)) || le(a, c));
                }
            }
        }
    }
}
