//! Engines through the behaviour suite, and what only the engine on disk does.

use storage::engine::{
    Batch, Direction, Engine, EngineError, FjallEngine, FjallOptions, KeyRange, MemoryEngine, Reader, Space,
};
use storage::testing::{SUITE_SPACES, engine_reopen_suite, engine_suite};

fn fjall(folder: &tempfile::TempDir) -> FjallEngine {
    FjallEngine::open(&folder.path().join("index"), &SUITE_SPACES, FjallOptions::default()).unwrap()
}

#[test]
fn the_engine_in_memory_passes_the_suite() {
    engine_suite(|| Box::new(MemoryEngine::new(&SUITE_SPACES).unwrap()));
}

#[test]
fn the_engine_on_disk_passes_the_suite() {
    struct Own(FjallEngine, #[expect(dead_code, reason = "keeps the folder")] tempfile::TempDir);
    impl Reader for Own {
        fn get(&self, space: Space, key: &[u8]) -> Result<Option<storage::engine::Bytes>, EngineError> {
            self.0.get(space, key)
        }
        fn scan(&self, space: Space, range: KeyRange, direction: Direction) -> storage::engine::Scan {
            self.0.scan(space, range, direction)
        }
    }
    impl Engine for Own {
        fn write(&self, batch: Batch) -> Result<(), EngineError> {
            self.0.write(batch)
        }
        fn snapshot(&self) -> Box<dyn Reader> {
            self.0.snapshot()
        }
        fn sync(&self) -> Result<(), EngineError> {
            self.0.sync()
        }
        fn spaces(&self) -> &[storage::engine::SpaceSpec] {
            self.0.spaces()
        }
        fn footprint(&self) -> storage::engine::Footprint {
            self.0.footprint()
        }
    }
    engine_suite(|| {
        let folder = tempfile::tempdir().unwrap();
        Box::new(Own(fjall(&folder), folder))
    });
}

#[test]
fn the_engine_on_disk_comes_back_as_it_was() {
    engine_reopen_suite(|| {
        let folder = tempfile::tempdir().unwrap();
        Box::new(move || Box::new(fjall(&folder)))
    });
}

#[test]
fn a_folder_has_one_engine_at_a_time_and_can_be_destroyed_when_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let engine = fjall(&folder);
    let mut batch = Batch::new();
    batch.put(Space(0), b"a", b"1");
    engine.write(batch).unwrap();
    let second = FjallEngine::open(&path, &SUITE_SPACES, FjallOptions::default());
    assert!(matches!(second, Err(EngineError::Locked)));
    assert!(matches!(FjallEngine::destroy(&path), Err(EngineError::Locked)));
    drop(engine);
    FjallEngine::destroy(&path).unwrap();
    assert_eq!(fjall(&folder).get(Space(0), b"a").unwrap(), None);
}

#[test]
fn damaged_files_are_an_error_and_can_be_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    drop(fjall(&folder));
    for entry in walk(&path.join("fjall")) {
        let len = std::fs::metadata(&entry).unwrap().len() as usize;
        std::fs::write(&entry, vec![0xA5; len.min(5000)]).unwrap();
    }
    let damaged = FjallEngine::open(&path, &SUITE_SPACES, FjallOptions::default());
    assert!(matches!(damaged, Err(EngineError::Corrupt { .. } | EngineError::Io(_))), "{damaged:?}");
    FjallEngine::destroy(&path).unwrap();
    drop(fjall(&folder));
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

/// Small memtables, so that tables are written and merged all the time.
const SMALL: FjallOptions = FjallOptions {
    cache_bytes: 1 << 20,
    write_buffer_bytes_max: 1 << 20,
    journal_bytes_max: 64 << 20,
    worker_threads: 2,
};

/// Keys that live at a time in each space of the kill loop.
const ALIVE: u64 = 3_000;

fn applied(reader: &dyn Reader) -> u64 {
    reader
        .get(Space(3), b"applied")
        .unwrap()
        .map_or(0, |value| u64::from_be_bytes(value[..].try_into().unwrap()))
}

fn kill_loop_batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    for space in 0..3 {
        for part in 0..10u64 {
            let key = |number: u64| (number * 10 + part).to_be_bytes();
            batch.put(Space(space), key(number), vec![number as u8; 100]);
            if number > ALIVE {
                batch.delete(Space(space), key(number - ALIVE));
            }
        }
    }
    batch.put(Space(3), b"applied", number.to_be_bytes());
    batch
}

#[test]
#[ignore = "the child of the kill loop, started by it"]
fn child_of_the_kill_loop() {
    let Some(path) = std::env::var_os("WARD_TEST_KILL_LOOP") else { return };
    let engine = FjallEngine::open(std::path::Path::new(&path), &SUITE_SPACES, SMALL).unwrap();
    for number in applied(&engine) + 1.. {
        engine.write(kill_loop_batch(number)).unwrap();
        println!("\nwrote {number}");
    }
}

#[test]
fn a_killed_process_leaves_the_index_after_some_whole_batch() {
    use std::io::{BufRead, BufReader};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    for round in 0..8u64 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "engines::child_of_the_kill_loop", "--ignored", "--nocapture"])
            .env("WARD_TEST_KILL_LOOP", &path)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut wrote = lines.filter_map(|line| line.strip_prefix("wrote ")?.parse::<u64>().ok());
        let last = wrote.nth(200 + 97 * round as usize).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let engine = FjallEngine::open(&path, &SUITE_SPACES, SMALL).unwrap();
        let found = applied(&engine);
        assert!(found >= last, "round {round}: a batch handed to the system is not lost by a kill");
        let first = found.saturating_sub(ALIVE) + 1;
        for space in 0..3 {
            let mut expected = first * 10..(found + 1) * 10;
            for pair in engine.scan(Space(space), KeyRange::all(), Direction::Forward) {
                let (key, _) = pair.unwrap();
                assert_eq!(key[..], expected.next().unwrap().to_be_bytes(), "round {round}, space {space}");
            }
            assert_eq!(expected.next(), None, "round {round}, space {space}");
        }
    }
}

/// Not a test of behaviour: how fast postings go in, and what memory that takes. Run it with
/// `cargo test --release -p storage --test it rate -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn rate_of_an_import() {
    let folder = tempfile::tempdir().unwrap();
    let engine =
        FjallEngine::open(&folder.path().join("index"), &SUITE_SPACES, FjallOptions::default()).unwrap();
    let count: u64 =
        std::env::var("WARD_TEST_RESOURCES").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000);
    let begun = std::time::Instant::now();
    let mut mixed = 1u64;
    let mut slowest = std::time::Duration::ZERO;
    for group in 0..count / 100 {
        let mut batch = Batch::with_capacity(100 * 33);
        for index in 0..100 {
            let resource = group * 100 + index;
            for parameter in 0..30u8 {
                mixed = mixed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // tenant 4, partition 2, type 1, parameter 2, hash 16, number 8.
                let mut key = [0u8; 33];
                key[8] = parameter;
                key[9..17].copy_from_slice(&(if parameter < 20 { mixed % 50 } else { mixed }).to_be_bytes());
                key[25..33].copy_from_slice(&resource.to_be_bytes());
                batch.put(Space(2), key, b"");
            }
            let key = [[0; 8], resource.to_be_bytes()].concat();
            batch.put(Space(1), key.as_slice(), vec![mixed as u8; 400]);
            batch.put(Space(0), mixed.to_be_bytes(), resource.to_be_bytes());
        }
        batch.put(Space(3), b"applied", group.to_be_bytes());
        let write = std::time::Instant::now();
        engine.write(batch).unwrap();
        slowest = slowest.max(write.elapsed());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM unknown");
    eprintln!(
        "{count} resources in {seconds:.1} s: {:.0}/s; slowest batch {slowest:?}; {peak}; {:?}",
        count as f64 / seconds,
        engine.footprint()
    );
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        let ticks: u64 = rest.split(' ').skip(12).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        eprintln!("thread {name}): {:.2} s of CPU", ticks as f64 / 100.0);
    }
    let begun = std::time::Instant::now();
    drop(engine);
    let closed = begun.elapsed();
    let begun = std::time::Instant::now();
    let engine =
        FjallEngine::open(&folder.path().join("index"), &SUITE_SPACES, FjallOptions::default()).unwrap();
    eprintln!("closed in {closed:?}, opened in {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    let misses = (0..100_000u64).filter(|n| !engine.contains(Space(0), &n.to_be_bytes()).unwrap()).count();
    eprintln!("{misses} lookups that miss in {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    let scanned = engine.scan(Space(2), KeyRange::all(), Direction::Forward).take(1_000_000).count();
    eprintln!("{scanned} postings scanned in {:?}", begun.elapsed());
}
