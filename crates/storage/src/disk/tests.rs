#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

use super::*;

#[test]
fn a_durable_write_replaces_the_old_bytes_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write_durably(&RealDisk, &path, b"first, and longer").unwrap();
    write_durably(&RealDisk, &path, b"second").unwrap();
    assert_eq!(read(&RealDisk, &path, 100).unwrap(), b"second");
    assert_eq!(read(&RealDisk, &path, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
    let names: Vec<_> = RealDisk.list(folder.path()).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn appends_follow_each_other_and_say_where_they_begin() {
    let folder = tempfile::tempdir().unwrap();
    let file = RealDisk.open(&folder.path().join("a"), OpenMode::CreateNew).unwrap();
    assert_eq!(file.append(b"abc").unwrap(), 0);
    assert_eq!(file.append(b"de").unwrap(), 3);
    let mut buffer = [0; 5];
    file.read_exact_at(0, &mut buffer).unwrap();
    assert_eq!(&buffer, b"abcde");
    assert_eq!(file.read_exact_at(1, &mut buffer).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_second_locker_is_refused_until_the_first_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let first = RealDisk.lock(&path).unwrap();
    assert_eq!(RealDisk.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(first);
    RealDisk.lock(&path).unwrap();
}

#[test]
fn open_modes_refuse_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/a");
    RealDisk.create_dir_all(path.parent().unwrap()).unwrap();
    assert_eq!(RealDisk.open(&path, OpenMode::Write).unwrap_err().kind(), io::ErrorKind::NotFound);
    RealDisk.open(&path, OpenMode::CreateNew).unwrap();
    assert_eq!(RealDisk.open(&path, OpenMode::CreateNew).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    let file = RealDisk.open(&path, OpenMode::OpenOrCreate).unwrap();
    assert!(file.is_empty().unwrap());
}
