//! `_contained` against a plain scan.

use std::collections::BTreeSet;

use fhir::search::query::TextQuery;
use fhir::search::{Registry, patient_compartment, query};

use super::generate::{self, Ask, CONTAINED, Dice, TYPES, ask, resource};
use super::oracle::{compare, meets};
use super::special::{json, note, text_query, tree};
use super::world::{Stored, TENANT, World};
use super::{Bounds, Rule, of_type, sort, world};
use crate::layout;

/// What is asked, beside the criteria.
struct Wish {
    both: bool,
    /// Whether contained resources stand for themselves.
    itself: bool,
    keys: Vec<&'static str>,
}

impl Wish {
    fn random(dice: &mut Dice, kind: &str) -> Self {
        let keys = if dice.chance(50) { sort(dice, kind) } else { Vec::new() };
        Self { both: dice.chance(50), itself: dice.chance(50), keys }
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = vec![("_contained".to_owned(), if self.both { "both" } else { "true" }.to_owned())];
        if self.itself {
            pairs.push(("_containedType".into(), "contained".into()));
        }
        if !self.keys.is_empty() {
            pairs.push(("_sort".into(), self.keys.join(",")));
        }
        pairs
    }

    /// The matches in order: numbers, and one more than the place in `contained`, or 0. `may` says whether the contained
    /// resources of a container may be found.
    fn expected(
        &self,
        world: &World,
        kind: &str,
        may: &dyn Fn(&Stored) -> bool,
        holds: &dyn Fn(&Stored) -> bool,
    ) -> Vec<(u64, u32)> {
        let mut found: Vec<Stored> = Vec::new();
        if self.both {
            found.extend(of_type(world, kind).into_iter().filter(|stored| holds(stored)).cloned());
        }
        let whole: BTreeSet<u64> = found.iter().map(|stored| stored.number).collect();
        for container in world.stored.values().filter(|stored| may(stored)) {
            let inside = container.contained().filter(|one| one.resource.resource_type() == Some(kind));
            let mut inside: Vec<Stored> = inside.filter(|one| holds(one)).collect();
            if !self.itself {
                inside.sort_by(|left, right| compare(&self.keys, left, right));
                inside.truncate(usize::from(!whole.contains(&container.number)));
                inside.iter_mut().for_each(|one| one.within = 0);
            }
            found.extend(inside);
        }
        found.sort_by(|left, right| compare(&self.keys, left, right));
        found.iter().map(|stored| (stored.number, stored.within)).collect()
    }
}

/// Asks one question; gives how many matches there were.
fn check(
    (world, bounds): (&World, &Bounds),
    dice: &mut Dice,
    (kind, criteria, wish): (&str, &[(String, String)], &Wish),
    expected: &[(u64, u32)],
) -> usize {
    let count = [1, 2, 3, 7, 50][dice.below(5)].to_string();
    let mut pairs = [criteria, &wish.pairs(), &[("_count".into(), count)]].concat();
    let query = World::query(kind, &pairs);
    assert_eq!(world.all_found(&query, bounds), expected, "{kind}? {pairs:?}");
    pairs.push(("_summary".into(), "count".into()));
    let total = world.run(&World::query(kind, &pairs), bounds).unwrap().total.unwrap();
    assert_eq!((total.value, total.exact), (expected.len() as u64, true), "{kind}? {pairs:?}");
    expected.len()
}

fn kind(dice: &mut Dice) -> &'static str {
    if dice.chance(75) { dice.pick(CONTAINED) } else { dice.pick(TYPES) }
}

fn asks(dice: &mut Dice, kind: &str) -> (Vec<Ask>, Vec<(String, String)>) {
    let count = [0, 1, 1, 1, 2, 2][dice.below(6)];
    let asks: Vec<Ask> = (0..count).map(|_| ask(dice, kind, true)).collect();
    let pairs = asks.iter().map(Ask::pair).collect();
    (asks, pairs)
}

#[test]
fn contained_resources_are_found_as_a_plain_scan_finds_them() {
    let (mut some, mut none) = (0, 0);
    for seed in 700..712 {
        let (world, mut dice) = world(seed);
        for _ in 0..120 {
            let kind = kind(&mut dice);
            let (asks, pairs) = asks(&mut dice, kind);
            let wish = Wish::random(&mut dice, kind);
            let holds = |stored: &Stored| asks.iter().all(|ask| meets(&world, stored, ask));
            let expected = wish.expected(&world, kind, &|_| true, &holds);
            let found = check((&world, &Bounds::everything()), &mut dice, (kind, &pairs, &wish), &expected);
            *(if found > 0 { &mut some } else { &mut none }) += 1;
        }
    }
    assert!(some > 500 && none > 150, "{some} {none}");
}

#[test]
fn one_contained_resource_has_to_meet_a_whole_filter() {
    let mut found = 0;
    for seed in 730..738 {
        let (world, mut dice) = world(seed);
        for _ in 0..100 {
            let kind = kind(&mut dice);
            let (text, tree) = tree(&mut dice, kind, 0);
            let wish = Wish::random(&mut dice, kind);
            let holds = |stored: &Stored| tree.holds(&world, stored);
            let expected = wish.expected(&world, kind, &|_| true, &holds);
            let pairs = [("_filter".to_owned(), text)];
            found += check((&world, &Bounds::everything()), &mut dice, (kind, &pairs, &wish), &expected);
        }
    }
    assert!(found > 2000, "{found}");
}

#[test]
fn words_of_contained_resources_are_their_own() {
    let mut found = 0;
    for seed in 750..756 {
        let mut dice = Dice::new(seed);
        let mut world = World::new();
        for step in 0..80 {
            let note = note(&mut dice, (step % 40) as usize);
            world.put(note, 1_588_672_800_000 + step);
        }
        for _ in 0..60 {
            let name = dice.pick(&["_text", "_content"]).to_owned();
            let text = text_query(&mut dice, 0);
            let query = TextQuery::parse(&text).unwrap();
            let wish = Wish { both: dice.chance(50), itself: dice.chance(50), keys: Vec::new() };
            let holds = |stored: &Stored| query.holds(&stored.resource, name == "_text");
            let expected = wish.expected(&world, "Organization", &|_| true, &holds);
            let asked = ("Organization", &[(name.clone(), text)][..], &wish);
            found += check((&world, &Bounds::everything()), &mut dice, asked, &expected);
        }
        let fresh = world.rebuilt();
        assert_eq!(world.rows(layout::WORD), fresh.rows(layout::WORD), "seed {seed}");
    }
    assert!(found > 500, "{found}");
}

#[test]
fn who_may_not_find_a_container_finds_nothing_in_it() {
    let mut hidden = 0;
    for seed in 760..772 {
        let (mut world, mut dice) = world(seed);
        let patient = generate::id(&mut dice, "Patient");
        let code = |kind: &str| layout::type_code(kind).unwrap();
        let number = world.number(code("Patient"), &patient);
        let own = ["Patient", "Observation", "Encounter", "Condition", "RiskAssessment"];
        let rules = own.map(|kind| (code(kind), Rule::Patients(vec![number])));
        let nothing = [(code("Organization"), Rule::Nothing), (code("Practitioner"), Rule::Nothing)];
        let bounds =
            Bounds { otherwise: Rule::Everything, types: rules.into_iter().chain(nothing).collect() };
        let reaches = |kind: &str, stored: &Stored| match kind {
            "Organization" | "Practitioner" => false,
            kind if own.contains(&kind) => {
                patient_compartment(&stored.resource).iter().any(|id| *id == patient)
            }
            _ => true,
        };
        let allowed = |stored: &Stored| reaches(stored.resource.resource_type().unwrap(), stored);
        let mut seen = World::new();
        seen.ids = world.ids.clone();
        let all = world.stored.clone().into_iter().filter(|(_, stored)| allowed(stored));
        seen.stored = all.map(|(key, one)| (key, one.veiled(&|kind| reaches(kind, &one)))).collect();
        for _ in 0..80 {
            let kind = kind(&mut dice);
            let (asks, pairs) = asks(&mut dice, kind);
            let wish = Wish::random(&mut dice, kind);
            let holds = |stored: &Stored| asks.iter().all(|ask| meets(&seen, stored, ask));
            let may = |container: &Stored| reaches(kind, container);
            let expected = wish.expected(&seen, kind, &may, &holds);
            check((&world, &bounds), &mut dice, (kind, &pairs, &wish), &expected);
            hidden += wish.expected(&world, kind, &|_| true, &holds).len() - expected.len();
        }
    }
    assert!(hidden > 2500, "{hidden}");
}

#[test]
fn pages_of_both_kinds_stay_whole_while_others_write() {
    for seed in 790..814 {
        let (mut world, mut dice) = world(seed);
        let kind = dice.pick(CONTAINED);
        let wish = Wish { both: true, ..Wish::random(&mut dice, kind) };
        let pairs = [wish.pairs(), vec![("_count".to_owned(), "2".to_owned())]].concat();
        let bounds = Bounds::everything();
        let mut steady: BTreeSet<(u64, u32)> =
            wish.expected(&world, kind, &|_| true, &|_| true).into_iter().collect();
        let mut page = world.run(&World::query(kind, &pairs), &bounds).unwrap();
        let mut seen: Vec<(u64, u32)> = Vec::new();
        loop {
            seen.extend(page.matches.iter().map(|found| (found.number, found.within)));
            let Some(token) = page.links.next.clone() else { break };
            for _ in 0..3 {
                let written = resource(&mut dice);
                let touched = written.resource_type().unwrap().to_owned();
                let id = written.get("id").unwrap().as_str().unwrap().to_owned();
                match dice.chance(30) {
                    true => world.delete(&touched, &id),
                    false => world.put(written, 1_588_672_800_000 + 500_000),
                }
                let number = world.ids.get(&(layout::type_code(&touched).unwrap(), id)).copied();
                steady.retain(|(own, _)| Some(*own) != number);
            }
            page = world.page(kind, &token, (TENANT, "caller"), &bounds).unwrap();
        }
        let found: Vec<(u64, u32)> = seen.iter().copied().filter(|place| steady.contains(place)).collect();
        let once: BTreeSet<(u64, u32)> = found.iter().copied().collect();
        assert_eq!((once.len(), once), (found.len(), steady), "seed {seed}: {kind}? {pairs:?}");
    }
}

#[test]
fn chains_go_into_what_is_contained_and_referred_to() {
    let (mut found, mut inside) = (0, 0);
    for seed in 830..842 {
        let (mut world, mut dice) = world(seed);
        for step in 0..40 {
            world.put(generate::with_subjects_inside(&mut dice), 1_588_672_800_000 + step);
        }
        for _ in 0..60 {
            let then = Box::new(ask(&mut dice, "Patient", true));
            let mut asks = vec![Ask::Chain { parameter: "subject".into(), target: "Patient".into(), then }];
            asks.extend(dice.chance(40).then(|| ask(&mut dice, "Observation", true)));
            let pairs: Vec<(String, String)> = asks.iter().map(Ask::pair).collect();
            let holds = |stored: &Stored| asks.iter().all(|ask| meets(&world, stored, ask));
            let all = of_type(&world, "Observation").into_iter().filter(|stored| holds(stored));
            let expected: Vec<u64> = all.map(|stored| stored.number).collect();
            let query = World::query("Observation", &pairs);
            assert_eq!(world.all(&query, &Bounds::everything()), expected, "seed {seed}: {pairs:?}");
            found += expected.len();
            let wish = Wish::random(&mut dice, "Observation");
            let expected = wish.expected(&world, "Observation", &|_| true, &holds);
            let asked = ("Observation", &pairs[..], &wish);
            inside += check((&world, &Bounds::everything()), &mut dice, asked, &expected);
        }
        let fresh = world.rebuilt();
        assert_eq!(world.rows(layout::MEMBER), fresh.rows(layout::MEMBER), "seed {seed}");
    }
    assert!(found > 400 && inside > 1000, "{found} {inside}");
}

/// Numbers and places on a page of several types.
fn across(world: &World, text: &[(&str, &str)], page: &str) -> Vec<(u64, u32)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut pairs: Vec<(String, String)> = text.iter().map(owned).collect();
    pairs.push(("_count".into(), page.into()));
    let (context, limits) = (query::SearchContext::default(), query::Limits::default());
    let asked = query::parse_across(Registry::base(), context, &pairs, false, &limits).unwrap();
    world.all_across(&asked)
}

#[test]
fn a_container_comes_once_however_many_types_are_asked_for() {
    let (world, _) = world(820);
    let types = [("_type", "Observation,Patient,Organization,Encounter"), ("_contained", "both")];
    let whole = across(&world, &types, "1000");
    let once: BTreeSet<_> = whole.iter().copied().collect();
    assert_eq!(once.len(), whole.len());
    let asked = ["Observation", "Patient", "Organization", "Encounter"];
    let is_asked = |stored: &Stored| asked.contains(&stored.resource.resource_type().unwrap());
    let expected: BTreeSet<(u64, u32)> = world
        .stored
        .values()
        .filter(|stored| is_asked(stored) || stored.contained().any(|one| is_asked(&one)))
        .map(|stored| (stored.number, 0))
        .collect();
    assert_eq!(once, expected);
    for sorted in [&[][..], &[("_sort", "-_lastUpdated")], &[("_containedType", "contained")]] {
        let asked = [&types[..], sorted].concat();
        let whole = across(&world, &asked, "1000");
        for page in ["1", "3", "7"] {
            assert_eq!(across(&world, &asked, page), whole, "{sorted:?}");
        }
    }
}

#[test]
fn includes_follow_a_contained_match_or_its_container_whichever_is_shown() {
    let mut world = World::new();
    for text in [
        r#"{"resourceType":"Organization","id":"maker"}"#,
        r#"{"resourceType":"Organization","id":"other"}"#,
        r#"{"resourceType":"Patient","id":"pat"}"#,
        r##"{"resourceType":"MedicationRequest","id":"order","status":"active","intent":"order",
            "subject":{"reference":"Patient/pat"},"medicationReference":{"reference":"#m1"},"contained":[
            {"resourceType":"Medication","id":"m1","code":{"text":"salve"},"manufacturer":{"reference":"Organization/maker"}},
            {"resourceType":"Medication","id":"m2","status":"active","manufacturer":{"reference":"Organization/other"}}]}"##,
        r#"{"resourceType":"MedicationDispense","id":"given","authorizingPrescription":[{"reference":"MedicationRequest/order"}]}"#,
    ] {
        world.put(json(text), 1);
    }
    let check = |pairs: &[(&str, &str)], expected: &str| {
        assert_eq!(super::page(&world, "Medication", pairs), expected, "{pairs:?}");
    };
    let (code, only) = (("code:text", "salve"), ("_contained", "true"));
    let itself = ("_containedType", "contained");
    check(&[code], " [] Some(0)");
    check(&[code, only], "order [] Some(1)");
    check(&[code, only, ("_include", "MedicationRequest:subject")], "order [pat] Some(1)");
    check(&[code, only, ("_revinclude", "MedicationDispense:prescription")], "order [given] Some(1)");
    check(&[code, only, itself, ("_include", "Medication:manufacturer")], "order [maker] Some(1)");
    check(&[code, only, itself, ("_include", "*"), ("_revinclude", "*")], "order [maker] Some(1)");
    check(&[only, itself, ("_include", "*")], "order order [maker other] Some(2)");
    check(&[code, only, ("status", "active")], " [] Some(0)");
    check(&[only, ("status:missing", "true")], "order [] Some(1)");
    check(&[only, ("manufacturer._id", "other"), ("_id", "m2")], "order [] Some(1)");
    check(&[only, ("manufacturer._id", "other"), ("_id", "m1")], " [] Some(0)");
    check(&[only, ("_has:MedicationDispense:medication:_id", "given")], " [] Some(0)");
    // A chain goes into what the resource contains and refers to, without being asked to.
    let order = |pairs: &[(&str, &str)], expected: &str| {
        assert_eq!(super::page(&world, "MedicationRequest", pairs), expected, "{pairs:?}");
    };
    order(&[("medication.code:text", "salve")], "order [] Some(1)");
    order(&[("medication.manufacturer._id", "maker")], "order [] Some(1)");
    order(&[("medication.status", "active")], " [] Some(0)");
    order(&[("medication:missing", "false")], "order [] Some(1)");
}

#[test]
fn a_contained_resource_is_read_within_the_bounds_of_a_search() {
    let mut world = World::new();
    let one = |at: usize| format!(r#"{{"resourceType":"Observation","id":"o{at}","status":"final"}}"#);
    let many: Vec<String> = (0..60).map(one).collect();
    let text = format!(r#"{{"resourceType":"Patient","id":"a","contained":[{}]}}"#, many.join(","));
    world.put(json(&text), 1);
    world.limits.steps_max = 3000;
    let query = |pairs: &[(&str, &str)]| {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let pairs: Vec<(String, String)> = pairs.iter().map(owned).collect();
        world.run(&World::query("Observation", &pairs), &Bounds::everything())
    };
    let refused = query(&[("_contained", "true"), ("status", "final")]).unwrap_err();
    assert!(matches!(refused, super::SearchError::TooCostly { .. }));
    // What the joined rows already deny costs no reading.
    assert!(query(&[("_contained", "true"), ("status", "amended")]).unwrap().matches.is_empty());
}
