use super::*;
use crate::clock::SystemRandom;
use crate::disk::{OpenMode, RealDisk};
use crate::keys::RootKey;

struct Setting {
    _folder: tempfile::TempDir,
    dir: PathBuf,
    disk: Arc<dyn Disk>,
    ring: KeyRing,
    options: ArchiveOptions,
}

impl Setting {
    /// Changes one byte of a file to another; a fixed one might stand there already.
    fn flip(&self, path: &Path, offset: u64) {
        let file = self.disk.open(path, OpenMode::Write).unwrap();
        let mut byte = [0];
        file.read_exact_at(offset, &mut byte).unwrap();
        file.write_at(offset, &[byte[0] ^ 0x55]).unwrap();
    }

    fn new(pack_bytes_max: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let root = RootKey::generate(&SystemRandom);
        let keys = folder.path().join("keys");
        let ring = KeyRing::create(Arc::clone(&disk), &keys, root, Arc::new(SystemRandom)).unwrap();
        let options = ArchiveOptions { pack_bytes_max, ..ArchiveOptions::default() };
        Self { dir: folder.path().join("archive"), _folder: folder, disk, ring, options }
    }

    fn open(&self) -> Archive {
        Archive::open(Arc::clone(&self.disk), &self.dir, &self.ring, TenantId::DEFAULT, self.options).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.disk.list(&self.dir).unwrap().into_iter().map(|entry| entry.name).collect()
    }
}

fn message(number: u32) -> Vec<u8> {
    format!("MSH|^~\\&|TEST|{number}|").repeat((number % 40) as usize).into_bytes()
}

#[test]
fn what_was_put_is_there_after_a_restart_in_the_order_of_arrival() {
    for pack_bytes_max in [1, 2000, 1 << 26] {
        let setting = Setting::new(pack_bytes_max);
        let archive = setting.open();
        let mut digests = Vec::new();
        for number in 1..40 {
            digests.push(archive.put_noted(&message(number), format!("note {number}").as_bytes()).unwrap());
        }
        drop(archive);
        for _ in 0..2 {
            let archive = setting.open();
            assert_eq!(archive.len(), 39);
            let listed: Vec<_> =
                archive.list(0, 1000).unwrap().into_iter().map(|(_, digest)| digest).collect();
            assert_eq!(listed, digests);
            for (number, object) in (1..).zip(archive.replay(0)) {
                let object = object.unwrap();
                assert_eq!(
                    (object.bytes, object.note),
                    (message(number), format!("note {number}").into_bytes())
                );
                assert_eq!(archive.get(&object.digest).unwrap().unwrap().sequence, u64::from(number - 1));
            }
            assert_eq!(archive.replay(30).count(), 9);
        }
    }
}

#[test]
fn the_same_content_is_kept_once() {
    let setting = Setting::new(1 << 26);
    let archive = setting.open();
    let digest = archive.put_noted(b"the message", b"first").unwrap();
    assert_eq!(archive.put_noted(b"the message", b"second").unwrap(), digest);
    let all = archive.put_all([&b"a"[..], b"b", b"a", b"the message"]).unwrap();
    assert_eq!((all[0], all[3]), (all[2], digest));
    assert_eq!(archive.len(), 3);
    assert_eq!(archive.get(&digest).unwrap().unwrap().note, b"first");
    assert!(archive.contains(&all[1]) && !archive.contains(&archive.digest(b"c")));
    assert!(archive.get(&archive.digest(b"c")).unwrap().is_none());
}

#[test]
fn many_threads_share_few_writes() {
    let setting = Setting::new(20_000);
    let archive = setting.open();
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let archive = &archive;
            scope.spawn(move || {
                for number in 0..100 {
                    let bytes = message(thread / 2 * 1000 + number + 1);
                    let digest = archive.put(&bytes).unwrap();
                    assert_eq!(archive.get(&digest).unwrap().unwrap().bytes, bytes);
                }
            });
        }
    });
    let mut unlike: Vec<_> =
        (0..4).flat_map(|half| (0..100).map(move |number| message(half * 1000 + number + 1))).collect();
    unlike.sort();
    unlike.dedup();
    assert_eq!(archive.len(), unlike.len() as u64);
    drop(archive);
    assert_eq!(setting.open().len(), unlike.len() as u64);
}

#[test]
fn a_torn_tail_is_cut_and_written_over() {
    let setting = Setting::new(1 << 26);
    let archive = setting.open();
    let digest = archive.put(b"kept").unwrap();
    drop(archive);
    let pack = setting.dir.join("pack-00000000");
    let whole = setting.disk.len(&pack).unwrap();
    for torn in [&[0; 3][..], &[0; 500], &[1; 500], &[0, 0, 0, 9, 1, 2, 3]] {
        setting.disk.open(&pack, OpenMode::Write).unwrap().append(torn).unwrap();
        let archive = setting.open();
        assert_eq!(setting.disk.len(&pack).unwrap(), whole);
        assert_eq!(
            (archive.len(), archive.get(&digest).unwrap().unwrap().bytes.as_slice()),
            (1, b"kept".as_slice())
        );
    }
    let archive = setting.open();
    archive.put(b"next").unwrap();
    drop(archive);
    assert_eq!(setting.open().len(), 2);
}

#[test]
fn a_lost_or_damaged_index_is_made_again_from_its_pack() {
    let setting = Setting::new(1000);
    let archive = setting.open();
    for number in 0..60 {
        archive.put(&message(number)).unwrap();
    }
    let objects = archive.len();
    drop(archive);
    let index = setting.dir.join("index-00000001");
    assert!(setting.names().contains(&"index-00000001".to_owned()), "{:?}", setting.names());
    setting.disk.remove(&index).unwrap();
    assert_eq!(setting.open().len(), objects);
    setting.flip(&index, 30);
    assert_eq!(setting.open().len(), objects);
}

#[test]
fn a_flipped_bit_is_told_and_not_handed_out() {
    let setting = Setting::new(1 << 26);
    let archive = setting.open();
    let digest = archive.put(b"a message of some length").unwrap();
    let pack = setting.dir.join("pack-00000000");
    setting.flip(&pack, 16 + 44 + 40);
    assert!(matches!(archive.get(&digest), Err(ArchiveError::Damaged { pack: 0, offset: 16 })));
}

#[test]
fn neither_content_nor_a_plain_hash_of_it_stands_in_the_folder() {
    let setting = Setting::new(1 << 26);
    let archive = setting.open();
    let word = b"CANARY-NAME-1234";
    archive.put_noted(&word.repeat(3), b"CANARY-NOTE").unwrap();
    let plain_hash = crate::keys::sha256(&word.repeat(3));
    for name in setting.names() {
        let bytes = crate::disk::read(setting.disk.as_ref(), &setting.dir.join(&name), 1 << 20).unwrap();
        for planted in [&word[..], b"CANARY-NOTE", &plain_hash] {
            assert!(!bytes.windows(planted.len()).any(|window| window == planted), "{name}");
        }
    }
}

#[test]
fn two_processes_cannot_write_one_archive() {
    let setting = Setting::new(1 << 26);
    let _archive = setting.open();
    let second = Archive::open(
        Arc::clone(&setting.disk),
        &setting.dir,
        &setting.ring,
        TenantId::DEFAULT,
        setting.options,
    );
    assert!(matches!(second, Err(ArchiveError::Locked)));
}
