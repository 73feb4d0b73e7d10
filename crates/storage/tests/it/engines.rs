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

/// The child of the kill loop, started by it; without its variable there is nothing to do.
#[test]
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
            .args(["--exact", "engines::child_of_the_kill_loop", "--nocapture"])
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
