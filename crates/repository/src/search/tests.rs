//! Search against a plain scan: random resources, random questions.

mod contained;
mod generate;
mod oracle;
mod special;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use fhir::search::patient_compartment;

use self::generate::{Ask, Dice, TYPES, ask, resource};
use self::oracle::{compare, local_references, meets};
use self::world::{Stored, TENANT, World};
use super::clause::Clause;
use super::plan::Driver;
use super::{Bounds, Rule, SearchError};
use crate::layout;

const WORLDS: u64 = 24;
const QUESTIONS: usize = 120;

/// A world after many puts, updates and deletes.
fn world(seed: u64) -> (World, Dice) {
    let mut dice = Dice::new(seed);
    let mut world = World::new();
    for step in 0..220 {
        if dice.chance(15) {
            let kind = dice.pick(TYPES);
            let id = generate::id(&mut dice, kind);
            world.delete(kind, &id);
        } else {
            let resource = resource(&mut dice);
            // Few moments, so that some resources share one.
            world.put(resource, 1_588_672_800_000 + (step / 3) * 500);
        }
    }
    (world, dice)
}

fn of_type<'w>(world: &'w World, kind: &str) -> Vec<&'w Stored> {
    let mut all: Vec<&Stored> =
        world.stored.iter().filter(|((own, _), _)| own == kind).map(|(_, stored)| stored).collect();
    all.sort_by_key(|stored| stored.number);
    all
}

fn question(dice: &mut Dice) -> (String, Vec<Ask>, Vec<(String, String)>) {
    let kind = dice.pick(TYPES).to_owned();
    let count = [0, 1, 1, 1, 2, 2, 3][dice.below(7)];
    let asks: Vec<Ask> = (0..count).map(|_| ask(dice, &kind, true)).collect();
    let pairs = asks.iter().map(Ask::pair).collect();
    (kind, asks, pairs)
}

fn sort(dice: &mut Dice, kind: &str) -> Vec<&'static str> {
    let keys: &[&[&str]] = match kind {
        "Patient" => &[
            &["birthdate"],
            &["-birthdate", "family"],
            &["name"],
            &["-given", "-_lastUpdated"],
            &["gender", "-birthdate"],
            &["-identifier"],
            &["organization", "_id"],
        ],
        "Observation" => &[
            &["-date"],
            &["date"],
            &["value-quantity", "-date"],
            &["-date", "value-quantity"],
            &["code"],
            &["-status", "-combo-code"],
            &["subject", "-date"],
        ],
        "Encounter" => &[&["-date", "-_lastUpdated"], &["date"], &["-class"], &["status", "-subject"]],
        "Condition" => &[&["onset-date"], &["-onset-date", "_lastUpdated"], &["-code", "asserter"]],
        "RiskAssessment" => &[&["probability"], &["-probability"]],
        "Questionnaire" => &[&["title"], &["-date", "-title"], &["url"], &["-url", "date"]],
        "DocumentReference" => &[&["_lastUpdated"], &["relation"], &["-relation", "_tag"]],
        "MolecularSequence" => &[&["variant-start"], &["-variant-start", "_lastUpdated"]],
        _ => &[&["name"], &["-name"]],
    };
    if dice.chance(25) {
        return vec![*dice_pick(dice, &["_lastUpdated", "-_lastUpdated", "_id", "-_id"])];
    }
    dice_pick(dice, keys).to_vec()
}

fn dice_pick<'a, T>(dice: &mut Dice, from: &'a [T]) -> &'a T {
    &from[dice.below(from.len())]
}

/// Asks one question; gives how it was answered and how many matches there were.
fn check(world: &World, dice: &mut Dice, seed: u64) -> (String, usize) {
    let (mut kind, mut asks, mut pairs) = question(dice);
    let mut keys = if dice.chance(50) { sort(dice, &kind) } else { Vec::new() };
    if dice.chance(15) {
        kind = dice.pick(&["Observation", "Encounter"]).to_owned();
        let patient = format!("Patient/{}", generate::id(dice, "Patient"));
        let subject = Ask::Own {
            parameter: "subject".into(),
            kind: "Patient".into(),
            modifier: None,
            values: vec![patient],
        };
        asks = vec![subject];
        if dice.chance(50) {
            asks.push(ask(dice, &kind, true));
        }
        pairs = asks.iter().map(Ask::pair).collect();
        keys = dice_pick(dice, &[vec!["date"], vec!["-date"], vec!["-date", "_lastUpdated"]]).clone();
    }
    if !keys.is_empty() {
        pairs.push(("_sort".into(), keys.join(",")));
    }
    let count = [1, 2, 3, 7, 50][dice.below(5)];
    pairs.push(("_count".into(), count.to_string()));

    let mut expected: Vec<&Stored> = of_type(world, &kind)
        .into_iter()
        .filter(|stored| asks.iter().all(|ask| meets(world, stored, ask)))
        .collect();
    expected.sort_by(|left, right| compare(&keys, left, right));
    let expected: Vec<u64> = expected.iter().map(|stored| stored.number).collect();
    let query = World::query(&kind, &pairs);
    let bounds = Bounds::everything();
    assert_eq!(world.all(&query, &bounds), expected, "seed {seed}: {kind}? {pairs:?}");

    pairs.push(("__explain".into(), "true".into()));
    pairs.push(("_total".into(), "accurate".into()));
    let answer = world.run(&World::query(&kind, &pairs), &bounds).unwrap();
    let total = answer.total.unwrap();
    assert_eq!((total.value, total.exact), (expected.len() as u64, true), "seed {seed}: {kind}? {pairs:?}");
    let order = answer.plan.unwrap().get("order").and_then(fhir::json::Value::as_str).unwrap().to_owned();
    (order, expected.len())
}

#[test]
fn index_search_equals_a_plain_scan() {
    let mut orders = BTreeMap::new();
    let (mut found_some, mut found_none) = (0, 0);
    for seed in 0..WORLDS {
        let (world, mut dice) = world(seed);
        for _ in 0..QUESTIONS {
            let (order, found) = check(&world, &mut dice, seed);
            *orders.entry(order).or_insert(0) += 1;
            *(if found > 0 { &mut found_some } else { &mut found_none }) += 1;
        }
    }
    // The questions are worth asking, and every way to an order is taken.
    assert!(found_some > 1000 && found_none > 100, "{found_some} {found_none}");
    assert!(orders.len() == 5 && orders.values().all(|count| *count > 20), "{orders:?}");
}

#[test]
fn every_driver_gives_the_same_candidates() {
    let mut drivers = 0;
    for seed in 100..100 + WORLDS / 2 {
        let (world, mut dice) = world(seed);
        for _ in 0..QUESTIONS {
            let (kind, asks, pairs) = question(&mut dice);
            let type_code = layout::type_code(&kind).unwrap();
            let expected: Vec<u64> = of_type(&world, &kind)
                .into_iter()
                .filter(|stored| asks.iter().all(|ask| meets(&world, stored, ask)))
                .map(|stored| stored.number)
                .collect();
            let query = World::query(&kind, &pairs);
            world.look(&Bounds::everything(), |search| {
                let clauses = search.compile(type_code, &query.criteria).unwrap();
                let clauses: Vec<&Clause> = clauses.iter().collect();
                let driving = (0..clauses.len()).filter(|at| clauses[*at].drives());
                let all = driving.map(|at| Driver::Clause(at, 0)).chain([Driver::Everything]);
                for driver in all {
                    let from = dice.below(60) as u64;
                    let mut stream = search.candidates_by(type_code, &clauses, from, driver).unwrap();
                    let found: Vec<u64> = std::iter::from_fn(|| stream.next(search).unwrap()).collect();
                    let behind: Vec<u64> =
                        expected.iter().copied().filter(|number| *number >= from).collect();
                    assert_eq!(found, behind, "seed {seed}: {kind}? {pairs:?} by {driver:?}");
                    drivers += 1;
                }
            });
        }
    }
    assert!(drivers > 1500, "{drivers}");
}

#[test]
fn what_a_caller_may_not_find_is_in_no_answer() {
    for seed in 200..200 + WORLDS {
        let (mut world, mut dice) = world(seed);
        let patient = generate::id(&mut dice, "Patient");
        let patient_code = layout::type_code("Patient").unwrap();
        let number = world.number(patient_code, &patient);
        let rules = ["Patient", "Observation", "Encounter", "Condition", "RiskAssessment"]
            .map(|kind| (layout::type_code(kind).unwrap(), Rule::Patients(vec![number])));
        let nothing = (layout::type_code("Organization").unwrap(), Rule::Nothing);
        let bounds =
            Bounds { otherwise: Rule::Everything, types: rules.into_iter().chain([nothing]).collect() };
        let reaches = |kind: &str, stored: &Stored| match kind {
            "Organization" => false,
            "Questionnaire" | "Practitioner" | "DocumentReference" | "MolecularSequence" => true,
            _ => patient_compartment(&stored.resource).iter().any(|id| *id == patient),
        };
        let allowed = |stored: &Stored| reaches(stored.resource.resource_type().unwrap(), stored);
        // What may not be found is as if it were not there, for chains too.
        let mut seen = World::new();
        seen.ids = world.ids.clone();
        let all = world.stored.clone().into_iter().filter(|(_, stored)| allowed(stored));
        seen.stored = all.map(|(key, one)| (key, one.veiled(&|kind| reaches(kind, &one)))).collect();
        for _ in 0..QUESTIONS {
            let (kind, asks, mut pairs) = question(&mut dice);
            pairs.push(("_count".into(), "4".into()));
            if kind == "Observation" && dice.chance(50) {
                pairs.push(("_sort".into(), "-date".into()));
            }
            let mut expected: Vec<&Stored> = of_type(&seen, &kind);
            expected.retain(|stored| asks.iter().all(|ask| meets(&seen, stored, ask)));
            let keys: &[&str] = if pairs.last().unwrap().0 == "_sort" { &["-date"] } else { &[] };
            expected.sort_by(|left, right| compare(keys, left, right));
            let expected: Vec<u64> = expected.iter().map(|stored| stored.number).collect();
            let query = World::query(&kind, &pairs);
            assert_eq!(world.all(&query, &bounds), expected, "seed {seed}: {kind}? {pairs:?}");
        }
    }
}

#[test]
fn updates_and_deletes_leave_no_stale_row() {
    for seed in 300..300 + WORLDS {
        let (mut world, _) = world(seed);
        let fresh = world.rebuilt();
        for space in [layout::POSTING, layout::COMPARTMENT, layout::MEMBER, layout::WORD] {
            assert_eq!(world.rows(space), fresh.rows(space), "seed {seed}");
        }
        let counts = |world: &World| -> Vec<_> {
            world
                .rows(layout::STATS)
                .into_iter()
                .filter(|(_, value)| value.iter().any(|byte| *byte != 0))
                .collect()
        };
        assert_eq!(counts(&world), counts(&fresh), "seed {seed}");
        for (kind, id) in world.stored.keys().cloned().collect::<Vec<_>>() {
            world.delete(&kind, &id);
        }
        for space in [layout::POSTING, layout::COMPARTMENT, layout::MEMBER, layout::WORD] {
            assert!(world.rows(space).is_empty());
        }
    }
}

#[test]
fn includes_add_what_is_referred_to_and_what_refers_once_and_only_if_it_may_be_found() {
    for seed in 400..400 + WORLDS {
        let (world, mut dice) = world(seed);
        for _ in 0..30 {
            let source = dice.pick(&["Observation", "Encounter", "Condition", "Patient"]);
            let (parameter, target) = match source {
                "Patient" => ("general-practitioner", "Practitioner"),
                _ => ("subject", "Patient"),
            };
            let include = ("_include".to_owned(), format!("{source}:{parameter}"));
            let page = world.run(&World::query(source, &[include]), &Bounds::everything()).unwrap();
            let on_page: BTreeSet<u64> = page.matches.iter().map(|found| found.number).collect();
            let expected: BTreeSet<u64> = of_type(&world, source)
                .into_iter()
                .filter(|stored| on_page.contains(&stored.number))
                .flat_map(local_references)
                .filter(|(by, ..)| by == parameter)
                .filter_map(|(_, kind, id)| world.stored.get(&(kind, id)).map(|found| found.number))
                .collect();
            let included: Vec<u64> = page.included.iter().map(|found| found.number).collect();
            assert_eq!(included.iter().copied().collect::<BTreeSet<_>>(), expected, "seed {seed}: {source}");
            assert_eq!(included.len(), expected.len(), "each once");

            let revinclude = ("_revinclude".to_owned(), format!("{source}:{parameter}"));
            let page = world.run(&World::query(target, &[revinclude]), &Bounds::everything()).unwrap();
            let on_page: BTreeSet<u64> = page.matches.iter().map(|found| found.number).collect();
            let expected: BTreeSet<u64> = of_type(&world, source)
                .into_iter()
                .filter(|stored| {
                    local_references(stored).into_iter().any(|(by, kind, id)| {
                        let number = world.stored.get(&(kind, id)).map(|found| found.number);
                        by == parameter && number.is_some_and(|number| on_page.contains(&number))
                    })
                })
                .map(|stored| stored.number)
                .filter(|number| !on_page.contains(number))
                .collect();
            let included: BTreeSet<u64> = page.included.iter().map(|found| found.number).collect();
            assert_eq!(included, expected, "seed {seed}: {target}");
        }
        // Nothing may be included that may not be found.
        let types = [(layout::type_code("Patient").unwrap(), Rule::Nothing)].into_iter().collect();
        let bounds = Bounds { otherwise: Rule::Everything, types };
        let include = ("_include".to_owned(), "Observation:subject".to_owned());
        assert!(world.run(&World::query("Observation", &[include]), &bounds).unwrap().included.is_empty());
    }
}

/// The ids on a page: matches, then includes in brackets.
fn page(world: &World, kind: &str, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<(String, String)> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let found = world.run(&World::query(kind, &pairs), &Bounds::everything()).unwrap();
    let id = |found: &super::Found| {
        let (key, _) = world.stored.iter().find(|(_, stored)| stored.number == found.number).unwrap();
        key.1.clone()
    };
    let matches: Vec<String> = found.matches.iter().map(id).collect();
    let mut included: Vec<String> = found.included.iter().map(id).collect();
    included.sort();
    format!("{} [{}] {:?}", matches.join(" "), included.join(" "), found.total.map(|total| total.value))
}

#[test]
fn includes_go_on_where_asked_and_counts_come_alone() {
    let mut world = World::new();
    for text in [
        r#"{"resourceType":"Organization","id":"top"}"#,
        r#"{"resourceType":"Organization","id":"ward","partOf":{"reference":"Organization/top"}}"#,
        r#"{"resourceType":"Practitioner","id":"doc"}"#,
        r#"{"resourceType":"Patient","id":"pat","managingOrganization":{"reference":"Organization/ward"},
            "generalPractitioner":[{"reference":"Practitioner/doc"},{"reference":"Practitioner/absent"}]}"#,
        r#"{"resourceType":"Encounter","id":"enc","subject":{"reference":"Patient/pat"}}"#,
        r#"{"resourceType":"Observation","id":"obs","subject":{"reference":"Patient/pat"},
            "encounter":{"reference":"Encounter/enc"}}"#,
    ] {
        world.put(fhir::json::parse(text.as_bytes(), &fhir::json::Limits::default()).unwrap(), 1);
    }
    let check = |kind: &str, pairs: &[(&str, &str)], expected: &str| {
        assert_eq!(page(&world, kind, pairs), expected, "{kind}? {pairs:?}");
    };
    let (subject, doctor) = (("_include", "Observation:subject"), "Patient:general-practitioner");
    check("Observation", &[subject], "obs [pat] Some(1)");
    check("Observation", &[subject, ("_include", doctor)], "obs [pat] Some(1)");
    check("Observation", &[subject, ("_include:iterate", doctor)], "obs [doc pat] Some(1)");
    check("Observation", &[("_include", "*")], "obs [enc pat] Some(1)");
    check("Observation", &[("_include", "Observation:subject:Group")], "obs [] Some(1)");
    check(
        "Organization",
        &[("_id", "ward"), ("_include:iterate", "Organization:partof")],
        "ward [top] Some(1)",
    );
    check(
        "Organization",
        &[("_id", "top"), ("_revinclude:iterate", "Organization:partof")],
        "top [ward] Some(1)",
    );
    check(
        "Patient",
        &[("_revinclude", "Observation:subject"), ("_revinclude", "Encounter:*")],
        "pat [enc obs] Some(1)",
    );
    check("Patient", &[("_revinclude", "*")], "pat [enc obs] Some(1)");
    check("Patient", &[("_revinclude", "*"), ("_include", "*")], "pat [doc enc obs ward] Some(1)");
    check("Organization", &[("_summary", "count")], " [] Some(2)");
    check("Organization", &[("_count", "0")], " [] Some(2)");
    check("Organization", &[("_count", "1")], "top [] None");
}

#[test]
fn pages_stay_whole_while_others_write() {
    for seed in 500..500 + WORLDS {
        let (mut world, mut dice) = world(seed);
        let kind = dice.pick(&["Patient", "Observation", "Encounter", "Questionnaire"]).to_owned();
        let keys = if dice.chance(70) { sort(&mut dice, &kind) } else { Vec::new() };
        let mut pairs = vec![("_count".to_owned(), "2".to_owned())];
        if !keys.is_empty() {
            pairs.push(("_sort".to_owned(), keys.join(",")));
        }
        let mut steady: BTreeSet<u64> = of_type(&world, &kind).iter().map(|stored| stored.number).collect();
        let bounds = Bounds::everything();
        let mut page = world.run(&World::query(&kind, &pairs), &bounds).unwrap();
        let mut seen = Vec::new();
        loop {
            seen.extend(page.matches.iter().map(|found| found.number));
            let Some(token) = page.links.next.clone() else { break };
            for _ in 0..3 {
                let touched = if dice.chance(30) {
                    let id = generate::id(&mut dice, &kind);
                    world.delete(&kind, &id);
                    id
                } else {
                    let other = resource(&mut dice);
                    let id = other.get("id").unwrap().as_str().unwrap().to_owned();
                    world.put(other, 1_588_672_800_000 + 500_000);
                    id
                };
                if let Some(number) = world.ids.get(&(layout::type_code(&kind).unwrap(), touched)) {
                    steady.remove(number);
                }
            }
            page = world.page(&kind, &token, (TENANT, "caller"), &bounds).unwrap();
        }
        let found: Vec<u64> = seen.iter().copied().filter(|number| steady.contains(number)).collect();
        let once: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!((once.len(), once), (found.len(), steady), "seed {seed}: {kind}? {pairs:?}");
    }
}

#[test]
fn wide_questions_are_answered_or_refused_within_bounds() {
    let (world, _) = world(4);
    let ask = |kind: &str, name: &str, value: String| {
        let pairs = [(name.to_owned(), value), ("_count".to_owned(), "1000".to_owned())];
        let query = fhir::search::query::parse(
            fhir::search::Registry::base(),
            kind,
            &pairs,
            false,
            &fhir::search::query::Limits::default(),
        );
        query.map(|query| world.run(&query, &Bounds::everything()))
    };
    let found = |kind: &str, name: &str, value: String| ask(kind, name, value).unwrap().unwrap().matches;
    let many = |one: &dyn Fn(usize) -> String| (0..10_000).map(one).collect::<Vec<_>>().join(",");
    let codes = |at: usize| if at == 9_000 { "x1".to_owned() } else { format!("q{at}") };
    let expected = found("Observation", "code", "x1".into());
    assert!(!expected.is_empty());
    assert_eq!(found("Observation", "code", many(&codes)), expected);
    assert_eq!(
        found("Observation", "subject.gender", many(&|_| "male".into())),
        found("Observation", "subject.gender", "male".into())
    );
    let years = found("Encounter", "date", many(&|at| format!("{:04}", at.max(1))));
    assert!(years.len() <= of_type(&world, "Encounter").len());
    for (kind, name, value) in [
        ("Observation", "value-quantity", "gt7922816251426433759354395033"),
        ("Observation", "value-quantity", "ap-7922816251426433759354395033||mg"),
        ("Observation", "value-quantity", "lt0.0000000000000000000000000001|http://unitsofmeasure.org|mg"),
        ("Observation", "date", "ap0001-01-01"),
        ("Observation", "date", "le9999-12-31T23:59:60Z"),
        ("Questionnaire", "url:below", "http://q.example/////"),
    ] {
        assert!(ask(kind, name, value.into()).unwrap().is_ok(), "{name}={value}");
    }
    for (kind, name, value) in [
        ("Observation", "value-quantity", "1e400".to_owned()),
        ("Observation", "value-quantity", "9".repeat(40)),
        ("Observation", "date", "10000-01-01".to_owned()),
        ("Observation", "date", "0000".to_owned()),
        ("Observation", "code", many(&codes) + ",more"),
        // Every type that a reference may point to is looked at with each value.
        ("Provenance", "target:Observation.focus:Observation.performer._id", many(&|at| at.to_string())),
    ] {
        let refused = ask(kind, name, value).unwrap_err();
        assert!(!refused[0].details.is_empty(), "{name}");
    }
}

#[test]
fn a_page_token_works_for_its_type_caller_and_tenant_only_and_keeps_the_page_size() {
    let (world, _) = world(1);
    let query = World::query("Patient", &[("_count".to_owned(), "2".to_owned())]);
    let token = world.run(&query, &Bounds::everything()).unwrap().links.next.unwrap();
    let page = |resource_type: &str, token: &str, whose: (u32, &str)| {
        world.page(resource_type, token, whose, &Bounds::everything())
    };
    let refused = |resource_type: &str, token: &str, whose: (u32, &str)| {
        matches!(page(resource_type, token, whose), Err(SearchError::PageToken))
    };
    let own = (TENANT, "caller");
    assert_eq!(page("Patient", &token, own).unwrap().matches.len(), 2);
    assert!(refused("Observation", &token, own));
    assert!(refused("Patient", &token, (TENANT, "another")));
    assert!(refused("Patient", &token, (TENANT + 1, "caller")));
    assert!(refused("Patient", &token[1..], own));
    assert!(refused("Patient", "", own));
    for at in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        assert!(refused("Patient", std::str::from_utf8(&altered).unwrap(), own), "byte {at}");
    }
}

#[test]
fn a_page_token_shows_nothing_of_the_search() {
    let (world, _) = world(1);
    let pairs = [("_count".to_owned(), "1".to_owned()), ("_sort".to_owned(), "family".to_owned())];
    let token =
        world.run(&World::query("Patient", &pairs), &Bounds::everything()).unwrap().links.next.unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &token).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"family"));
}

#[test]
fn a_search_beyond_its_steps_is_refused_with_a_hint() {
    let (mut world, _) = world(2);
    world.limits.steps_max = 10;
    let query = World::query(
        "Observation",
        &[("code:missing".into(), "true".into()), ("_count".into(), "50".into())],
    );
    let refusal = world.run(&query, &Bounds::everything()).unwrap_err();
    assert!(matches!(refusal, SearchError::TooCostly { .. }));
}

#[test]
fn the_plan_names_parameters_and_no_values() {
    let (world, _) = world(3);
    let query = World::query(
        "Observation",
        &[
            ("code".into(), "http://a.example|x1".into()),
            ("date".into(), "ge2000".into()),
            ("__explain".into(), "true".into()),
        ],
    );
    let plan = world.run(&query, &Bounds::everything()).unwrap().plan.unwrap();
    let text = String::from_utf8(plan.to_vec()).unwrap();
    assert!(text.contains(r#""parameter":"code""#) && text.contains("date range"), "{text}");
    assert!(!text.contains("x1") && !text.contains("2000"));
}
