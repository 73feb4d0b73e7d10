use storage::clock::{ManualClock, SystemRandom};
use storage::disk::RealDisk;
use storage::keys::RootKey;

use super::*;
use crate::access::{Actor, Interaction, Purpose};
use crate::audit::verify::verify;

pub(crate) struct Setting {
    _folder: tempfile::TempDir,
    pub(crate) dir: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) ring: KeyRing,
}

impl Setting {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let root = RootKey::generate(&SystemRandom);
        let keys = folder.path().join("keys");
        let ring = KeyRing::create(Arc::clone(&disk), &keys, root, Arc::new(SystemRandom)).unwrap();
        Self { dir: folder.path().join("audit"), _folder: folder, disk, ring }
    }

    pub(crate) fn open(&self, strict: bool, background: bool) -> Result<AuditLog, AuditError> {
        let options = AuditOptions { strict, background, ..AuditOptions::default() };
        let clock = Arc::new(ManualClock::new(5));
        AuditLog::open(Arc::clone(&self.disk), &self.dir, &self.ring, clock, options)
    }

    pub(crate) fn key(&self) -> NoteKey {
        NoteKey::of_ring(&self.ring).unwrap()
    }
}

pub(crate) fn event(number: u64) -> Event {
    let actor = Actor::system(format!("actor-{}", number % 3));
    let mut event =
        Event::new(number as i64, TenantId::DEFAULT, actor, Purpose::Treatment, Interaction::Read);
    event.request_id = format!("request-{number}");
    event.shown("Patient", format!("p{}", number % 10), 1);
    event
}

#[test]
fn what_was_recorded_is_listed_and_verifies_after_a_restart() {
    let setting = Setting::new();
    for (round, background) in [(0, true), (1, false), (2, true)] {
        let log = setting.open(false, background).unwrap();
        for number in round * 700..(round + 1) * 700 {
            assert_eq!(log.record(&event(number)).unwrap().index, number);
        }
    }
    let log = setting.open(false, true).unwrap();
    let all = log.list(&Filter { limit: 5000, ..Filter::default() }).unwrap();
    assert_eq!(all, (0..2100).map(|number| (number, event(number))).collect::<Vec<_>>());
    let report = verify(setting.disk.as_ref(), &setting.dir, &setting.key()).unwrap();
    assert_eq!((report.problems.as_slice(), report.tree_size, report.unsigned_rows), (&[][..], 2100, 0));
    assert_eq!(report.root, log.head().root);
    assert!(report.checkpoints >= 4);
}

#[test]
fn filters_find_what_they_say() {
    let setting = Setting::new();
    let log = setting.open(false, false).unwrap();
    for number in 0..300 {
        log.record(&event(number)).unwrap();
    }
    let numbers = |filter: Filter| -> Vec<u64> {
        log.list(&filter).unwrap().into_iter().map(|(index, _)| index).collect()
    };
    let all = || Filter::default();
    assert_eq!(numbers(Filter { from_ms: Some(7), to_ms: Some(10), ..all() }), [7, 8, 9]);
    assert_eq!(numbers(Filter { actor: Some("actor-1".into()), limit: 3, ..all() }), [1, 4, 7]);
    assert_eq!(numbers(Filter { request_id: Some("request-42".into()), ..all() }), [42]);
    let resource = Some(("Patient".to_owned(), "p9".to_owned()));
    assert_eq!(numbers(Filter { resource, newest_first: true, limit: 2, ..all() }), [299, 289]);
    assert_eq!(numbers(Filter { from_index: 298, ..all() }), [298, 299]);
    assert!(numbers(Filter { interaction: Some(Interaction::Delete), ..all() }).is_empty());
    assert!(numbers(Filter { limit: 0, ..all() }).is_empty());
}

#[test]
fn a_row_is_in_the_file_before_record_returns_and_durable_soon_after() {
    let setting = Setting::new();
    let log = setting.open(false, true).unwrap();
    let receipt = log.record(&event(1)).unwrap();
    let listed =
        crate::audit::list(setting.disk.as_ref(), &setting.dir, &setting.ring, &Filter::default()).unwrap();
    assert_eq!(listed, [(receipt.index, event(1))]);
    let mut waited_ms = 0;
    while log.shared.state.lock().durable < 1 {
        assert!(waited_ms < 5000, "the row was never synced");
        std::thread::sleep(Duration::from_millis(5));
        waited_ms += 5;
    }
}

#[test]
fn strict_records_of_many_threads_are_durable_on_return() {
    for background in [true, false] {
        let setting = Setting::new();
        let log = setting.open(true, background).unwrap();
        let seen = Mutex::new(HashSet::new());
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let (log, seen) = (&log, &seen);
                scope.spawn(move || {
                    for number in 0..50 {
                        let receipt = log.record(&event(thread * 1000 + number)).unwrap();
                        assert!(log.shared.state.lock().durable > receipt.index);
                        assert!(seen.lock().insert(receipt.index));
                    }
                });
            }
        });
        drop(log);
        let report = verify(setting.disk.as_ref(), &setting.dir, &setting.key()).unwrap();
        assert_eq!((report.is_good(), report.tree_size), (true, 200));
    }
}

#[test]
fn a_torn_tail_is_cut_and_lost_tiles_are_made_again() {
    let setting = Setting::new();
    let log = setting.open(false, false).unwrap();
    for number in 0..600 {
        log.record(&event(number)).unwrap();
    }
    drop(log);
    let rows = rows::path(&setting.dir, 0);
    let tile = setting.dir.join("tile/0/000");
    let whole = setting.disk.len(&rows).unwrap();
    for torn in [&[0, 0][..], &[0; 100], &[0, 0, 0, 4, 1, 1, 1, 1, 1, 1, 1, 1, 7, 7, 7, 7], &[0xFF; 100]] {
        setting.disk.open(&rows, storage::disk::OpenMode::Write).unwrap().append(torn).unwrap();
        setting.disk.remove(&tile).unwrap();
        assert!(!verify(setting.disk.as_ref(), &setting.dir, &setting.key()).unwrap().is_good());
        drop(setting.open(false, false).unwrap());
        assert_eq!(setting.disk.len(&rows).unwrap(), whole);
        let report = verify(setting.disk.as_ref(), &setting.dir, &setting.key()).unwrap();
        assert_eq!((report.problems.as_slice(), report.tree_size), (&[][..], 600));
    }
}

#[test]
fn a_log_of_other_keys_is_left_alone() {
    let (setting, other) = (Setting::new(), Setting::new());
    let log = setting.open(false, false).unwrap();
    log.record(&event(1)).unwrap();
    drop(log);
    let clock = Arc::new(ManualClock::new(5));
    let opened =
        AuditLog::open(Arc::clone(&setting.disk), &setting.dir, &other.ring, clock, AuditOptions::default());
    assert!(matches!(opened, Err(AuditError::OtherKey)), "{opened:?}");
    let report = verify(setting.disk.as_ref(), &setting.dir, &setting.key()).unwrap();
    assert_eq!((report.problems.as_slice(), report.tree_size), (&[][..], 1));
}

#[test]
fn two_processes_cannot_record_at_once() {
    let setting = Setting::new();
    let _log = setting.open(false, true).unwrap();
    assert!(matches!(setting.open(false, true), Err(AuditError::Locked)));
}

#[test]
fn a_command_beside_a_server_is_recorded_too() {
    let setting = Setting::new();
    let once = |number| {
        let clock = Arc::new(ManualClock::new(5));
        let disk = Arc::clone(&setting.disk);
        crate::audit::record_once(disk, &setting.dir, &setting.ring, clock, &event(number)).unwrap();
    };
    once(1);
    let log = setting.open(false, false).unwrap();
    once(2);
    once(3);
    log.record(&event(4)).unwrap();
    log.shared.take_spool().unwrap();
    log.shared.take_spool().unwrap();
    once(5);
    drop(log);
    let log = setting.open(false, false).unwrap();
    let numbers: Vec<_> =
        log.list(&Filter::default()).unwrap().into_iter().map(|(_, event)| event.time_ms).collect();
    assert_eq!(numbers, [1, 4, 2, 3, 5]);
}

#[test]
fn no_id_or_actor_stands_readable_in_the_folder() {
    let setting = Setting::new();
    let log = setting.open(false, false).unwrap();
    for number in 0..300 {
        log.record(&event(number)).unwrap();
    }
    drop(log);
    for file in ["rows/00000000000000000000", "checkpoint", "checkpoints", "verifier", "tile/0/000"] {
        let bytes = storage::disk::read(setting.disk.as_ref(), &setting.dir.join(file), 1 << 30).unwrap();
        for word in [&b"actor-1"[..], b"request-", b"Patient"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word), "{file}");
        }
    }
}

#[test]
fn an_event_too_long_for_a_row_is_refused() {
    let setting = Setting::new();
    let log = setting.open(false, false).unwrap();
    let mut event = event(1);
    event.detail = "x".repeat(rows::ROW_BYTES_MAX);
    assert!(matches!(log.record(&event), Err(AuditError::TooLong { .. })));
}
