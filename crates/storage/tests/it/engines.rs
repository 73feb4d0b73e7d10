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
