//! Words, filters, places, lists and compartments against a plain scan.

use fhir::json::{Limits, Value, parse};
use fhir::search::near::Position;
use fhir::search::query::{Test, TextQuery};
use fhir::search::{Registry, near::Near};

use super::generate::{Ask, Dice, TYPES, ask};
use super::oracle::meets;
use super::world::{Stored, World};
use super::{Bounds, Rule, of_type, world};
use crate::layout;
use crate::search::words::BLOCK;

const VOCABULARY: &[&str] = &[
    "heart",
    "failure",
    "Herz",
    "Größe",
    "grosse",
    "liver",
    "metastases",
    "bone",
    "hearty",
    "患者",
    "Straße",
    "120",
    "NYHA-II",
    "and",
    "l'œil",
];

pub(super) fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn sentence(dice: &mut Dice) -> String {
    let count = 1 + dice.below(6);
    (0..count).map(|_| dice.pick(VOCABULARY)).collect::<Vec<_>>().join([" ", ", ", "  "][dice.below(3)])
}

pub(super) fn note(dice: &mut Dice, id: usize) -> Value {
    let (title, inside, narrative) = (sentence(dice), sentence(dice), sentence(dice));
    let other = if dice.chance(50) {
        format!(
            r#",{{"resourceType":"Organization","name":"{}","text":{{"status":"additional","div":"<div>{}</div>"}}}}"#,
            sentence(dice),
            sentence(dice)
        )
    } else {
        String::new()
    };
    let text = if dice.chance(60) {
        format!(
            r#","text":{{"status":"additional","div":"<div><p>{narrative}</p><b>{}</b></div>"}}"#,
            sentence(dice)
        )
    } else {
        String::new()
    };
    json(&format!(
        r#"{{"resourceType":"Questionnaire","id":"q{id}","title":"{title}"{text},
            "contained":[{{"resourceType":"Organization","name":"{inside}"}}{other}]}}"#
    ))
}

pub(super) fn text_query(dice: &mut Dice, depth: usize) -> String {
    let word = dice.pick(VOCABULARY).replace("and", "bone").replace("患者", "患");
    match dice.below(if depth > 2 { 3 } else { 8 }) {
        0 => {
            word.chars().take(1 + dice.below(4)).filter(|char| char.is_alphanumeric()).collect::<String>()
                + "*"
        }
        1 => format!("\"{} {}\"", dice.pick(VOCABULARY), dice.pick(VOCABULARY)),
        2 | 3 => word,
        4 => format!("({} OR {})", text_query(dice, depth + 1), text_query(dice, depth + 1)),
        5 => format!("{} and {}", text_query(dice, depth + 1), text_query(dice, depth + 1)),
        6 => format!("{}, {}", text_query(dice, depth + 1), text_query(dice, depth + 1)),
        _ => format!("NOT {}", text_query(dice, depth + 3)),
    }
}

fn check(
    world: &World,
    kind: &str,
    pairs: &[(String, String)],
    bounds: &Bounds,
    holds: &dyn Fn(&Stored) -> bool,
) -> usize {
    let mut pairs = pairs.to_vec();
    pairs.push(("_count".into(), "3".into()));
    let expected: Vec<u64> =
        of_type(world, kind).into_iter().filter(|stored| holds(stored)).map(|stored| stored.number).collect();
    let query = World::query(kind, &pairs);
    assert_eq!(world.all(&query, bounds), expected, "{kind}? {pairs:?}");
    let counted = [pairs.as_slice(), &[("_summary".into(), "count".into())]].concat();
    let total = world.run(&World::query(kind, &counted), bounds).unwrap().total.unwrap();
    assert_eq!((total.value, total.exact), (expected.len() as u64, true), "{kind}? {pairs:?}");
    expected.len()
}

#[test]
fn words_find_what_a_plain_reading_of_every_text_finds() {
    let mut found = 0;
    for seed in 500..512 {
        let mut dice = Dice::new(seed);
        let mut world = World::new();
        for step in 0..120 {
            let id = dice.below(40);
            if dice.chance(15) {
                world.delete("Questionnaire", &format!("q{id}"));
            } else {
                world.put(note(&mut dice, id), 1_588_672_800_000 + step);
            }
            // Other resources take numbers, so that those of notes lie in several blocks.
            for other in 0..BLOCK / 30 {
                world.number(1, &format!("{step}-{other}"));
            }
        }
        for _ in 0..60 {
            let name = dice.pick(&["_text", "_content"]).to_owned();
            let text = text_query(&mut dice, 0);
            let query = TextQuery::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let narrative = name == "_text";
            found += check(&world, "Questionnaire", &[(name, text)], &Bounds::everything(), &|stored| {
                query.holds(&stored.resource, narrative)
            });
        }
        let fresh = world.rebuilt();
        assert_eq!(world.rows(layout::WORD), fresh.rows(layout::WORD), "seed {seed}");
    }
    assert!(found > 2000, "{found}");
}

/// An ask as a comparison of `_filter`, where it has one.
fn compared(ask: &Ask) -> Option<String> {
    match ask {
        Ask::Own { parameter, kind, modifier, values } => {
            let [value] = values.as_slice() else { return None };
            let quoted = Value::from(value.as_str()).to_vec();
            let quoted = String::from_utf8(quoted).unwrap();
            let code = match (kind.as_str(), modifier.as_deref()) {
                (_, Some("missing")) => {
                    return Some(format!(
                        "{parameter} pr {}",
                        if value == "true" { "false" } else { "true" }
                    ));
                }
                ("string", None) => "sw",
                ("string", Some("contains")) => "co",
                ("string", _) | (_, Some("identifier")) => return None,
                ("date" | "number" | "quantity", _) => {
                    let (code, rest) = super::oracle::prefixed(value);
                    return Some(format!("{parameter} {code} {rest}"));
                }
                ("token" | "gender" | "flag" | "status" | "uri" | "profile" | "id", None) => "eq",
                (_, Some("in")) => "in",
                (_, Some("not-in")) => "ni",
                ("token", Some("below")) => "ss",
                ("token", Some("above")) => "sb",
                (_, Some("not")) => return Some(format!("not ({parameter} eq {quoted})")),
                (target, None) if TYPES.contains(&target) => "re",
                _ => return None,
            };
            Some(format!("{parameter} {code} {quoted}"))
        }
        Ask::Chain { parameter, target, then } => {
            let inner = compared(then)?;
            (!inner.starts_with("not")).then(|| format!("{parameter}:{target}.{inner}"))
        }
        Ask::Has { source, parameter, then } => {
            let inner = compared(then)?;
            (!inner.starts_with("not")).then(|| format!("_has:{source}:{parameter}:{inner}"))
        }
    }
}

/// A filter and what it means.
pub(super) enum Tree {
    One(Ask),
    Both(Box<Tree>, Box<Tree>),
    Either(Box<Tree>, Box<Tree>),
    Not(Box<Tree>),
}

pub(super) fn tree(dice: &mut Dice, kind: &str, depth: usize) -> (String, Tree) {
    match dice.below(if depth > 2 { 1 } else { 5 }) {
        0 | 1 => loop {
            let ask = ask(dice, kind, true);
            if let Some(text) = compared(&ask) {
                return (text, Tree::One(ask));
            }
        },
        2 => {
            let ((left, a), (right, b)) = (tree(dice, kind, depth + 1), tree(dice, kind, depth + 1));
            (format!("({left} and {right})"), Tree::Both(Box::new(a), Box::new(b)))
        }
        3 => {
            let ((left, a), (right, b)) = (tree(dice, kind, depth + 1), tree(dice, kind, depth + 1));
            (format!("({left} or {right})"), Tree::Either(Box::new(a), Box::new(b)))
        }
        _ => {
            let (text, inner) = tree(dice, kind, depth + 1);
            (format!("not ({text})"), Tree::Not(Box::new(inner)))
        }
    }
}

impl Tree {
    pub(super) fn holds(&self, world: &World, stored: &Stored) -> bool {
        match self {
            Self::One(ask) => meets(world, stored, ask),
            Self::Both(left, right) => left.holds(world, stored) && right.holds(world, stored),
            Self::Either(left, right) => left.holds(world, stored) || right.holds(world, stored),
            Self::Not(inner) => !inner.holds(world, stored),
        }
    }
}

#[test]
fn filters_find_what_a_plain_scan_finds() {
    let mut found = 0;
    for seed in 600..612 {
        let (world, mut dice) = world(seed);
        for _ in 0..80 {
            let kind = dice.pick(TYPES);
            let (text, tree) = tree(&mut dice, kind, 0);
            let pair = ("_filter".to_owned(), text);
            found +=
                check(&world, kind, &[pair], &Bounds::everything(), &|stored| tree.holds(&world, stored));
        }
    }
    assert!(found > 1000, "{found}");
}

fn ids(world: &World, kind: &str, name: &str, value: &str) -> String {
    let pairs = [(name.to_owned(), value.to_owned()), ("_count".to_owned(), "100".to_owned())];
    let found = world.run(&World::query(kind, &pairs), &Bounds::everything()).unwrap();
    let id = |number: u64| {
        world.stored.iter().find(|(_, stored)| stored.number == number).map(|(key, _)| key.1.clone())
    };
    found.matches.iter().filter_map(|found| id(found.number)).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_filter_compares_texts_and_spans_as_the_standard_says() {
    let mut world = World::new();
    for text in [
        r#"{"resourceType":"Patient","id":"a","name":[{"family":"Müller","given":["Ana","Bo"]}]}"#,
        r#"{"resourceType":"Patient","id":"b","name":[{"family":"Zweig"}],"active":true}"#,
        r#"{"resourceType":"Patient","id":"c"}"#,
        r#"{"resourceType":"Encounter","id":"year","status":"planned","period":{"start":"2020","end":"2020"},"subject":{"reference":"Patient/a"}}"#,
        r#"{"resourceType":"Encounter","id":"may","status":"planned","period":{"start":"2020-05-02","end":"2020-05-30"},"subject":{"reference":"Patient/b"}}"#,
        r#"{"resourceType":"Encounter","id":"open","status":"planned","period":{"start":"2020-05-20"},"subject":{"reference":"Patient/b"}}"#,
    ] {
        world.put(json(text), 1);
    }
    for (kind, filter, expected) in [
        ("Patient", "family eq muller", "a"),
        ("Patient", "family eq mull", ""),
        ("Patient", "family ew LLER", "a"),
        ("Patient", "family co ei", "b"),
        ("Patient", "given ne ana", "a"),
        ("Patient", "family ne zweig", "a"),
        ("Patient", "family gt muller", "b"),
        ("Patient", "family ge muller", "a b"),
        ("Patient", "given lt b", "a"),
        ("Patient", "family le a", ""),
        ("Patient", "active ne false", "b"),
        ("Patient", "not (active eq true)", "a c"),
        ("Patient", "family pr false", "c"),
        ("Encounter", "date po 2020-05", "year may open"),
        ("Encounter", "date po 2021", "open"),
        ("Encounter", "date co 2020-05-10", "year may"),
        ("Encounter", "date co 2020-05-25", "year may open"),
        ("Encounter", "date co 2020", "year"),
        ("Encounter", "subject[active eq true].family sw z", "may open"),
        ("Encounter", "subject:Patient[active eq true].family sw mull", ""),
        ("Encounter", "_id eq may or _id eq open and date co 2020-05-05", "may"),
        ("Encounter", "_id eq may or (_id eq open and date co 2020-05-05)", "may"),
        ("Encounter", "(date co 2020-05-05 and _id eq open) or _id eq may", "may"),
    ] {
        assert_eq!(ids(&world, kind, "_filter", filter), expected, "{filter}");
    }
}

#[test]
fn near_finds_what_lies_within_the_distance() {
    let mut dice = Dice::new(700);
    let mut degrees = |bound: f64| (dice.below(2_000_001) as f64 / 1_000_000.0 - 1.0) * bound;
    let mut world = World::new();
    for id in 0..300 {
        let (latitude, longitude) = match id % 4 {
            0 => (degrees(90.0), degrees(180.0)),
            1 => (47.0 + degrees(0.5), 8.0 + degrees(0.5)),
            2 => (degrees(1.0), 180.0 - degrees(1.0).abs() * if id % 8 == 2 { 1.0 } else { 359.0 }),
            _ => (90.0 - degrees(1.0).abs(), degrees(180.0)),
        };
        let position = format!(r#","position":{{"latitude":{latitude:.6},"longitude":{longitude:.6}}}"#);
        let position =
            if id % 9 == 0 || !(-180.0..=180.0).contains(&longitude) { String::new() } else { position };
        world.put(json(&format!(r#"{{"resourceType":"Location","id":"l{id}"{position}}}"#)), 1);
    }
    let mut found = 0;
    for (at, text) in ["47|8", "0.1|180", "0|-179.9", "89.5|10", "-90|0", "20|20"].iter().enumerate() {
        for distance in ["0|km", "500|m", "5|km", "30|[mi_us]", "80|km", "", "1500|km", "9000|km", "30000|km"]
        {
            let value = format!("{text}|{distance}");
            let near = Near::parse(&value).unwrap();
            let pairs = [("near".to_owned(), value)];
            found += check(&world, "Location", &pairs, &Bounds::everything(), &|stored| {
                stored
                    .resource
                    .get("position")
                    .and_then(|position: &Value| Position::of(position))
                    .is_some_and(|at| near.holds(at))
            });
        }
        assert!(found > at * 50, "{found}");
    }
}

#[test]
fn a_list_finds_what_it_refers_to_if_it_may_be_found() {
    let mut world = World::new();
    for text in [
        r#"{"resourceType":"Patient","id":"a"}"#,
        r#"{"resourceType":"Patient","id":"b"}"#,
        r#"{"resourceType":"Patient","id":"c"}"#,
        r#"{"resourceType":"Condition","id":"x","subject":{"reference":"Patient/a"}}"#,
        r#"{"resourceType":"List","id":"one","status":"current","mode":"working","subject":{"reference":"Patient/a"},
            "entry":[{"item":{"reference":"Patient/b"}},{"item":{"reference":"Condition/x"}},{"item":{"reference":"Patient/gone"}}]}"#,
        r#"{"resourceType":"List","id":"two","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/c"}}]}"#,
    ] {
        world.put(json(text), 1);
    }
    assert_eq!(ids(&world, "Patient", "_list", "one"), "b");
    assert_eq!(ids(&world, "Patient", "_list", "one,List/two"), "b c");
    assert_eq!(ids(&world, "Condition", "_list", "one"), "x");
    assert_eq!(ids(&world, "Condition", "_list", "absent"), "");
    assert_eq!(ids(&world, "Condition", "subject._list", "one"), "");
    // A List that may not be found leads nowhere.
    let types = [(layout::type_code("List").unwrap(), Rule::Nothing)].into_iter().collect();
    let bounds = Bounds { otherwise: Rule::Everything, types };
    check(&world, "Patient", &[("_list".into(), "one,two".into())], &bounds, &|_| false);
}

#[test]
fn compartments_hold_what_their_definitions_say() {
    let mut world = World::new();
    for text in [
        r#"{"resourceType":"Patient","id":"p","generalPractitioner":[{"reference":"Practitioner/doc"}]}"#,
        r#"{"resourceType":"Patient","id":"q"}"#,
        r#"{"resourceType":"Practitioner","id":"doc"}"#,
        r#"{"resourceType":"Encounter","id":"e","status":"planned","subject":{"reference":"Patient/p"}}"#,
        r#"{"resourceType":"Encounter","id":"f","status":"planned","subject":{"reference":"Patient/q"},
            "participant":[{"individual":{"reference":"Practitioner/doc"}}]}"#,
        r#"{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/p"},
            "encounter":{"reference":"Encounter/e"},"device":{"reference":"Device/d"}}"#,
        r#"{"resourceType":"Observation","id":"n","status":"final","subject":{"reference":"Patient/q"},
            "performer":[{"reference":"Practitioner/doc"},{"reference":"RelatedPerson/r"}]}"#,
        r#"{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/p"}}"#,
        r#"{"resourceType":"Device","id":"d"}"#,
    ] {
        world.put(json(text), 1);
    }
    let within = |compartment: &str, id: &str, kind: &str| {
        let test = Test::Within { compartment: compartment.into(), id: id.into() };
        let mut query = World::query(kind, &[]);
        query.criteria.push(fhir::search::query::Criterion { name: "compartment".into(), test });
        let found = world.run(&query, &Bounds::everything()).unwrap();
        let id = |number: u64| {
            world.stored.iter().find(|(_, one)| one.number == number).map(|(key, _)| key.1.clone())
        };
        found.matches.iter().filter_map(|found| id(found.number)).collect::<Vec<_>>().join(" ")
    };
    for (compartment, id, kind, expected) in [
        ("Patient", "p", "Observation", "o"),
        ("Patient", "p", "Encounter", "e"),
        ("Patient", "p", "Patient", "p"),
        ("Patient", "absent", "Observation", ""),
        ("Practitioner", "doc", "Observation", "n"),
        ("Practitioner", "doc", "Patient", "p"),
        ("Practitioner", "doc", "Encounter", "f"),
        ("Practitioner", "doc", "Practitioner", "doc"),
        ("Encounter", "e", "Observation", "o"),
        ("Encounter", "e", "Encounter", "e"),
        ("RelatedPerson", "r", "Observation", "n"),
        ("Device", "d", "Observation", "o"),
    ] {
        assert_eq!(within(compartment, id, kind), expected, "{compartment}/{id}/{kind}");
    }
    assert!(Registry::base().parameter("Observation", "performer").is_some());
}
