//! Folder channels: what is taken, when, and where it goes.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ingest::Channel;
use ingest::config::{ChannelConfig, ChannelKind};
use ingest::folder::Watch;
use storage::fault::{Fault, FaultDisk};

use crate::fixture::{Bench, adt, on, patient};

struct Folder {
    disk: FaultDisk,
    bench: Bench,
    channel: Arc<Channel>,
    dir: tempfile::TempDir,
    watch: Watch,
}

fn folder() -> Folder {
    let dir = tempfile::tempdir().unwrap();
    let config = ChannelConfig {
        path: Some(dir.path().to_owned()),
        message_bytes_max: 3000,
        ..ChannelConfig::new("in", ChannelKind::Folder)
    };
    let disk = FaultDisk::new(1);
    let bench = on(&disk, vec![config]).unwrap();
    let channel = bench.channel("in");
    Folder { disk, bench, channel, dir, watch: Watch::default() }
}

impl Folder {
    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    fn look(&mut self) {
        self.watch.look(&self.bench.ingest, &self.channel, &|| false);
    }

    /// Names in the folder itself, in `done` and in `failed`.
    fn names(&self) -> [Vec<String>; 3] {
        ["", "done", "failed"].map(|below| files(&self.dir.path().join(below)))
    }
}

fn files(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file());
    let mut names: Vec<String> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_file_is_taken_when_two_looks_see_it_the_same() {
    let mut folder = folder();
    folder.put("a.hl7", &adt("C1", "1", "Alpha")[..50]);
    folder.look();
    assert_eq!(folder.names(), [names(&["a.hl7"]), vec![], vec![]]);
    // It grows: whoever writes it is not done.
    folder.put("a.hl7", &adt("C1", "1", "Alpha"));
    folder.look();
    assert_eq!((folder.names()[0].len(), folder.bench.archive.len()), (1, 0));
    folder.look();
    assert_eq!(folder.names(), [vec![], names(&["a.hl7"]), vec![]]);
    assert!(folder.bench.versions() > 0 && folder.bench.aside().is_empty());
}

#[test]
fn what_cannot_be_read_goes_to_failed_and_what_is_quarantined_is_done() {
    let mut folder = folder();
    folder.put("broken.hl7", b"MSH|^~\\&|A|B|||20260101||ADT^Z99|1|P|2.5\r");
    folder.put("empty", b"");
    folder.put("letter.txt", b"Dear colleague,\n");
    folder.put("long.json", patient("a", &"x".repeat(4000)).as_bytes());
    folder.put("two.ndjson", format!("{}\n{}", patient("a", "A"), patient("b", "B")).as_bytes());
    folder.put(".hidden", &adt("C1", "1", "Alpha"));
    fs::create_dir(folder.dir.path().join("below")).unwrap();
    folder.look();
    folder.look();
    let failed = names(&["empty", "letter.txt", "long.json"]);
    assert_eq!(folder.names(), [names(&[".hidden"]), names(&["broken.hl7", "two.ndjson"]), failed]);
    assert_eq!(folder.bench.aside(), [("in".to_owned(), "unsupported")]);
    assert_eq!(folder.bench.versions(), 2);
}

#[test]
fn a_message_over_the_limit_does_not_keep_its_file_for_ever() {
    let mut folder = folder();
    folder.put("long.hl7", &[adt("C1", "1", "Alpha"), adt("C2", "2", &"x".repeat(4000))].concat());
    folder.look();
    folder.look();
    assert_eq!(folder.names(), [vec![], vec![], names(&["long.hl7"])]);
    assert!(folder.bench.versions() > 0, "what could be taken is taken");
}

#[test]
fn a_name_that_is_taken_in_done_gets_a_number() {
    let mut folder = folder();
    for round in 0..3 {
        folder.put("a.hl7", &adt(&format!("C{round}"), "1", &format!("Alpha{round}")));
        folder.look();
        folder.look();
    }
    assert_eq!(folder.names(), [vec![], names(&["a.hl7", "a.hl7.1", "a.hl7.2"]), vec![]]);
}

#[test]
fn a_file_stays_while_the_store_cannot_take_it_and_is_taken_once() {
    let mut folder = folder();
    folder.put("a.hl7", &[adt("C1", "1", "Alpha"), adt("C2", "2", "Beta")].concat());
    folder.look();
    folder.disk.plan(folder.disk.steps() + 1, Fault::StaysFull);
    folder.look();
    assert_eq!(folder.names(), [names(&["a.hl7"]), vec![], vec![]]);
    folder.disk.repair();
    folder.look();
    assert_eq!(folder.names(), [vec![], names(&["a.hl7"]), vec![]]);
    let versions = folder.bench.versions();
    folder.put("again.hl7", &adt("C2", "2", "Beta"));
    folder.look();
    folder.look();
    assert_eq!(folder.bench.versions(), versions);
}

#[test]
fn a_stop_ends_the_look_between_files() {
    let mut folder = folder();
    folder.put("a.hl7", &adt("C1", "1", "Alpha"));
    folder.put("b.hl7", &adt("C2", "2", "Beta"));
    folder.look();
    let taken = std::cell::Cell::new(0);
    folder.watch.look(&folder.bench.ingest, &folder.channel, &|| taken.replace(taken.get() + 1) >= 1);
    assert_eq!(folder.names(), [names(&["b.hl7"]), names(&["a.hl7"]), vec![]]);
    folder.look();
    assert_eq!(folder.names()[0], Vec::<String>::new());
}
