//! What every engine must do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a suite stops at the first surprise")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::{
    Batch, Bytes, Direction, Engine, EngineError, KEY_BYTES_MAX, KeyRange, Reader, Space, SpaceSpec, SpaceUse,
};
use crate::fault::Chance;

/// The spaces with which the suites want their engines opened: one for each use.
pub const SUITE_SPACES: [SpaceSpec; 4] = [
    SpaceSpec { name: "lookup", used_for: SpaceUse::Lookup },
    SpaceSpec { name: "bodies", used_for: SpaceUse::Bodies },
    SpaceSpec { name: "postings", used_for: SpaceUse::Postings },
    SpaceSpec { name: "counters", used_for: SpaceUse::Counters },
];

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
type Model = Vec<BTreeMap<Vec<u8>, Vec<u8>>>;

/// Runs the behaviour suite on engines made by `make` with [`SUITE_SPACES`], each new and empty.
pub fn engine_suite(make: impl Fn() -> Box<dyn Engine>) {
    an_empty_engine_has_nothing(make().as_ref());
    the_last_operation_on_a_key_wins(make().as_ref());
    scans_keep_to_their_range_in_both_directions(make().as_ref());
    odd_keys_and_values_come_back(make().as_ref());
    a_bad_batch_changes_nothing(make().as_ref());
    a_scan_does_not_see_later_writes(make().as_ref());
    spaces_do_not_mix(make().as_ref());
    for seed in 0..4 {
        any_history_answers_as_an_ordered_map(make().as_ref(), seed, 120);
    }
    snapshots_show_whole_batches_alone(make().as_ref());
}

/// Runs the suite of engines that come back: `make` makes a new, empty place and returns what opens the engine in it, again
/// and again (the suite drops one before it opens the next).
pub fn engine_reopen_suite(make: impl Fn() -> Box<dyn Fn() -> Box<dyn Engine>>) {
    let open = make();
    let mut model: Model = vec![BTreeMap::new(); SUITE_SPACES.len()];
    for seed in 0..5 {
        let engine = open();
        assert_same(engine.as_ref(), &model, &format!("after reopening {seed} times"));
        let mut chance = Chance::new(seed);
        for _ in 0..30 {
            write_random(engine.as_ref(), &mut model, &mut chance);
        }
        if seed % 2 == 0 {
            engine.sync().unwrap();
        }
    }
}

fn pairs(reader: &(impl Reader + ?Sized), space: Space, range: KeyRange, direction: Direction) -> Pairs {
    reader
        .scan(space, range, direction)
        .map(|pair| {
            let (key, value) = pair.unwrap();
            (key.to_vec(), value.to_vec())
        })
        .collect()
}

fn keys(reader: &(impl Reader + ?Sized), range: KeyRange, direction: Direction) -> Vec<Vec<u8>> {
    pairs(reader, Space(2), range, direction).into_iter().map(|(key, _)| key).collect()
}

fn an_empty_engine_has_nothing(engine: &dyn Engine) {
    for space in 0..SUITE_SPACES.len() as u8 {
        assert_eq!(engine.get(Space(space), b"a").unwrap(), None);
        assert!(!engine.contains(Space(space), b"").unwrap());
        assert!(pairs(engine, Space(space), KeyRange::all(), Direction::Reverse).is_empty());
    }
    assert_eq!(engine.spaces(), SUITE_SPACES);
    engine.write(Batch::new()).unwrap();
    engine.sync().unwrap();
}

fn the_last_operation_on_a_key_wins(engine: &dyn Engine) {
    let space = Space(0);
    let mut batch = Batch::new();
    batch.put(space, b"a", b"1");
    batch.put(space, b"a", b"2");
    batch.put(space, b"b", b"1");
    batch.delete(space, b"b");
    batch.delete(space, b"c");
    batch.put(space, b"c", b"3");
    engine.write(batch).unwrap();
    let expected: Pairs = vec![(b"a".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"3".to_vec())];
    assert_eq!(pairs(engine, space, KeyRange::all(), Direction::Forward), expected);
    assert_eq!(engine.get(space, b"a").unwrap().as_deref(), Some(b"2".as_slice()));
    assert_eq!(engine.get(space, b"b").unwrap(), None);
    assert!(engine.contains(space, b"c").unwrap());
}

fn scans_keep_to_their_range_in_both_directions(engine: &dyn Engine) {
    let mut batch = Batch::new();
    for key in [&b"a"[..], b"ab", b"ab\0", b"ac", b"b", b"\xFF", b"\xFF\xFF"] {
        batch.put(Space(2), key, b"");
    }
    engine.write(batch).unwrap();
    let check = |range: KeyRange, expected: &[&[u8]]| {
        let mut expected: Vec<_> = expected.iter().map(|key| key.to_vec()).collect();
        assert_eq!(keys(engine, range.clone(), Direction::Forward), expected);
        expected.reverse();
        assert_eq!(keys(engine, range, Direction::Reverse), expected);
    };
    check(KeyRange::prefix(b"a"), &[b"a", b"ab", b"ab\0", b"ac"]);
    check(KeyRange::prefix(b"ab"), &[b"ab", b"ab\0"]);
    check(KeyRange::prefix(b"\xFF"), &[b"\xFF", b"\xFF\xFF"]);
    check(KeyRange::prefix_after(b"a", b"ab"), &[b"ab\0", b"ac"]);
    check(KeyRange::prefix_before(b"a", b"ab\0"), &[b"a", b"ab"]);
    check(KeyRange::between(b"ab", b"ab"), &[]);
    check(KeyRange::between(b"b", b"a"), &[]);
    check(KeyRange::between(b"ac", b"b\0"), &[b"ac", b"b"]);
    check(KeyRange::prefix(b"zz"), &[]);
}

fn odd_keys_and_values_come_back(engine: &dyn Engine) {
    let long_key = vec![7; KEY_BYTES_MAX];
    let cases: [(&[u8], Vec<u8>); 4] =
        [(b"\0", vec![0; 3]), (&long_key, vec![1; 10]), (b"large", vec![2; 300_000]), (b"none", Vec::new())];
    let mut batch = Batch::new();
    for (key, value) in &cases {
        batch.put(Space(1), *key, value.as_slice());
    }
    engine.write(batch).unwrap();
    for (key, value) in &cases {
        assert_eq!(engine.get(Space(1), key).unwrap().as_deref(), Some(value.as_slice()));
        assert_eq!(engine.get(Space(0), key).unwrap(), None);
    }
}

fn a_bad_batch_changes_nothing(engine: &dyn Engine) {
    let mut batch = Batch::new();
    batch.put(Space(0), b"a", b"1");
    batch.put(Space(99), b"b", b"1");
    assert!(matches!(engine.write(batch), Err(EngineError::UnknownSpace(99))));
    let mut batch = Batch::new();
    batch.put(Space(0), b"a", b"1");
    batch.put(Space(0), vec![0; KEY_BYTES_MAX + 1], b"1");
    assert!(matches!(engine.write(batch), Err(EngineError::TooLarge { what: "key", .. })));
    assert_eq!(engine.get(Space(0), b"a").unwrap(), None);
    assert!(matches!(engine.get(Space(99), b"a"), Err(EngineError::UnknownSpace(99))));
    let answers: Vec<_> = engine.scan(Space(99), KeyRange::all(), Direction::Forward).collect();
    assert!(matches!(answers.as_slice(), [Err(EngineError::UnknownSpace(99))]));
}

fn a_scan_does_not_see_later_writes(engine: &dyn Engine) {
    let mut batch = Batch::new();
    for index in 0..1000u32 {
        batch.put(Space(2), index.to_be_bytes(), b"old");
    }
    engine.write(batch).unwrap();
    let scan = engine.scan(Space(2), KeyRange::all(), Direction::Forward);
    let mut batch = Batch::new();
    for index in 0..2000u32 {
        match index % 2 {
            0 => batch.delete(Space(2), index.to_be_bytes()),
            _ => batch.put(Space(2), index.to_be_bytes(), b"new"),
        }
    }
    engine.write(batch).unwrap();
    let seen: Vec<_> = scan.map(Result::unwrap).collect();
    assert_eq!(seen.len(), 1000);
    assert!(seen.iter().all(|(_, value)| **value == *b"old"));
    assert_eq!(pairs(engine, Space(2), KeyRange::all(), Direction::Reverse).len(), 1000);
}

fn spaces_do_not_mix(engine: &dyn Engine) {
    let mut batch = Batch::new();
    for space in 0..SUITE_SPACES.len() as u8 {
        batch.put(Space(space), b"key", [space]);
    }
    engine.write(batch).unwrap();
    let mut batch = Batch::new();
    batch.delete(Space(1), b"key");
    engine.write(batch).unwrap();
    for space in 0..SUITE_SPACES.len() as u8 {
        let expected = (space != 1).then(|| Bytes::from([space]));
        assert_eq!(engine.get(Space(space), b"key").unwrap(), expected);
    }
}

/// A short key out of a small set, so that keys meet again.
fn random_key(chance: &mut Chance) -> Vec<u8> {
    let len = chance.below(4);
    (0..len)
        .map(|_| [0, 1, 2, 0x7F, 0xFE, 0xFF][chance.below(6)])
        .collect::<Vec<_>>()
        .into_iter()
        .chain([9])
        .collect()
}

fn write_random(engine: &dyn Engine, model: &mut Model, chance: &mut Chance) {
    let mut batch = Batch::with_capacity(8);
    for _ in 0..1 + chance.below(12) {
        let space = chance.below(model.len());
        let key = random_key(chance);
        if chance.below(3) == 0 {
            model[space].remove(&key);
            batch.delete(Space(space as u8), key);
        } else {
            let value = vec![chance.next() as u8; chance.below(60)];
            model[space].insert(key.clone(), value.clone());
            batch.put(Space(space as u8), key, value);
        }
    }
    engine.write(batch).unwrap();
}

fn assert_same(reader: &(impl Reader + ?Sized), model: &Model, when: &str) {
    for (space, map) in model.iter().enumerate() {
        let expected: Pairs = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        assert_eq!(
            pairs(reader, Space(space as u8), KeyRange::all(), Direction::Forward),
            expected,
            "{when}"
        );
    }
}

fn assert_same_range(reader: &(impl Reader + ?Sized), model: &Model, chance: &mut Chance, when: &str) {
    let space = chance.below(model.len());
    let (start, end) = (random_key(chance), random_key(chance));
    let range = if chance.coin() { KeyRange::between(start.clone(), end) } else { KeyRange::prefix(&start) };
    let mut expected: Pairs = model[space]
        .iter()
        .filter(|(key, _)| range.contains(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    assert_eq!(pairs(reader, Space(space as u8), range.clone(), Direction::Forward), expected, "{when}");
    expected.reverse();
    assert_eq!(pairs(reader, Space(space as u8), range, Direction::Reverse), expected, "{when}");
    let value = reader.get(Space(space as u8), &start).unwrap();
    assert_eq!(value.as_deref(), model[space].get(&start).map(Vec::as_slice), "{when}");
    assert_eq!(reader.contains(Space(space as u8), &start).unwrap(), value.is_some(), "{when}");
}

fn any_history_answers_as_an_ordered_map(engine: &dyn Engine, seed: u64, rounds: usize) {
    let mut chance = Chance::new(seed);
    let mut model: Model = vec![BTreeMap::new(); SUITE_SPACES.len()];
    let mut held: Vec<(Box<dyn Reader>, Model)> = Vec::new();
    for round in 0..rounds {
        let when = format!("seed {seed}, round {round}");
        write_random(engine, &mut model, &mut chance);
        if chance.below(5) == 0 {
            held.push((engine.snapshot(), model.clone()));
        }
        if held.len() > 6 {
            let gone = chance.below(held.len());
            drop(held.swap_remove(gone));
        }
        assert_same_range(engine, &model, &mut chance, &when);
        for (snapshot, then) in &held {
            assert_same_range(snapshot.as_ref(), then, &mut chance, &when);
        }
    }
    for (snapshot, then) in &held {
        assert_same(snapshot.as_ref(), then, &format!("seed {seed}, snapshot"));
    }
    assert_same(engine, &model, &format!("seed {seed}, end"));
}

fn snapshots_show_whole_batches_alone(engine: &dyn Engine) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for count in 0..400u32 {
                let mut batch = Batch::new();
                for space in 0..SUITE_SPACES.len() as u8 {
                    batch.put(Space(space), b"first", count.to_be_bytes());
                    batch.put(Space(space), b"last", count.to_be_bytes());
                }
                engine.write(batch).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut newest = None;
        while !done.load(Ordering::SeqCst) {
            let snapshot = engine.snapshot();
            let expected = snapshot.get(Space(0), b"first").unwrap();
            assert!(expected >= newest, "time does not run back");
            for space in 0..SUITE_SPACES.len() as u8 {
                assert_eq!(snapshot.get(Space(space), b"last").unwrap(), expected);
                for (_, value) in pairs(snapshot.as_ref(), Space(space), KeyRange::all(), Direction::Forward)
                {
                    assert_eq!(Some(Bytes::from(value)), expected);
                }
            }
            newest = expected;
        }
    });
}
