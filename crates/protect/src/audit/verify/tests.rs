use storage::disk::{self, OpenMode};

use super::*;
use crate::audit::log::tests::{Setting, event};

const ROWS: u64 = 700;

/// A log of some hundred rows whose rows are then changed. Gives what the verifier and what a start say.
fn tampered(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> (Vec<Problem>, Result<(), AuditError>) {
    let setting = Setting::new();
    let log = setting.open(false, false).unwrap();
    for number in 0..ROWS {
        log.record(&event(number)).unwrap();
    }
    drop(log);
    let path = rows::path(&setting.dir, 0);
    let bytes = disk::read(setting.disk.as_ref(), &path, 1 << 30).unwrap();
    let (header, mut rest) = bytes.split_at(rows::HEADER_BYTES as usize);
    let mut frames = Vec::new();
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let (frame, after) = rest.split_at(12 + u32::from_be_bytes(*length) as usize);
        frames.push(frame.to_vec());
        rest = after;
    }
    assert_eq!(frames.len() as u64, ROWS);
    change(&mut frames);
    let file = setting.disk.open(&path, OpenMode::Write).unwrap();
    file.set_len(0).unwrap();
    file.write_at(0, &[header, &frames.concat()].concat()).unwrap();
    let report = verify(setting.disk.as_ref(), &setting.dir, &setting.key()).unwrap();
    assert_eq!(report.tree_size, ROWS);
    (report.problems, setting.open(false, false).map(drop))
}

/// Makes the eight bytes before a row fit it again, as someone who knows the layout would.
fn mend(frame: &mut [u8]) {
    rows::finish_frame(frame);
}

#[test]
fn an_untouched_log_is_good() {
    let (problems, opened) = tampered(|_| {});
    assert_eq!(problems, []);
    opened.unwrap();
}

#[test]
fn a_flipped_bit_is_detected() {
    let (problems, opened) = tampered(|frames| frames[300][40] ^= 1);
    assert!(problems.contains(&Problem::Row { index: 300 }), "{problems:?}");
    assert!(matches!(opened, Err(AuditError::Damaged { index: 300 })), "{opened:?}");
    let (problems, opened) = tampered(|frames| frames[650][40] ^= 1);
    assert!(problems.contains(&Problem::Row { index: 650 }), "{problems:?}");
    assert!(matches!(opened, Err(AuditError::Damaged { index: 650 })), "{opened:?}");
}

#[test]
fn a_flipped_bit_is_detected_even_if_its_check_was_mended() {
    let (problems, _) = tampered(|frames| {
        frames[300][40] ^= 1;
        mend(&mut frames[300]);
    });
    assert!(problems.contains(&Problem::Row { index: 300 }), "{problems:?}");
    assert!(problems.contains(&Problem::Root { size: ROWS }), "{problems:?}");
    let (problems, opened) = tampered(|frames| {
        frames[650][40] ^= 1;
        mend(&mut frames[650]);
    });
    assert!(problems.contains(&Problem::Root { size: ROWS }), "{problems:?}");
    assert!(matches!(opened, Err(AuditError::Altered { size: ROWS })), "{opened:?}");
}

#[test]
fn a_removed_row_is_detected() {
    for at in [0, 300, 650] {
        let (problems, opened) = tampered(|frames| drop(frames.remove(at)));
        assert!(problems.contains(&Problem::Cut { signed: ROWS, found: ROWS - 1 }), "{problems:?}");
        assert!(opened.is_err());
    }
}

#[test]
fn a_cut_tail_is_detected() {
    for kept in [0, 1, 256, 512, 699] {
        let (problems, opened) = tampered(|frames| frames.truncate(kept));
        assert!(problems.contains(&Problem::Cut { signed: ROWS, found: kept as u64 }), "{problems:?}");
        assert!(matches!(opened, Err(AuditError::Cut { signed: ROWS, .. })), "{opened:?}");
    }
}

#[test]
fn two_swapped_rows_are_detected() {
    let (problems, _) = tampered(|frames| frames.swap(10, 20));
    assert!(problems.contains(&Problem::Row { index: 10 }), "{problems:?}");
    assert!(problems.contains(&Problem::Root { size: ROWS }), "{problems:?}");
    let (problems, opened) = tampered(|frames| frames.swap(690, 691));
    assert!(problems.contains(&Problem::Root { size: ROWS }), "{problems:?}");
    assert!(matches!(opened, Err(AuditError::Altered { .. })));
}

#[test]
fn another_key_and_a_forged_checkpoint_are_detected() {
    let setting = Setting::new();
    let log = setting.open(false, false).unwrap();
    log.record(&event(1)).unwrap();
    drop(log);
    let other = Setting::new().key();
    let report = verify(setting.disk.as_ref(), &setting.dir, &other).unwrap();
    assert!(
        report.problems.contains(&Problem::NoCheckpoint)
            && report.problems.contains(&Problem::NewestCheckpoint)
    );
    let path = setting.dir.join("checkpoint");
    let note = String::from_utf8(disk::read(setting.disk.as_ref(), &path, 1 << 20).unwrap()).unwrap();
    disk::write_durably(setting.disk.as_ref(), &path, note.replacen("\n1\n", "\n0\n", 1).as_bytes()).unwrap();
    let report = verify(setting.disk.as_ref(), &setting.dir, &setting.key()).unwrap();
    assert_eq!(report.problems, [Problem::NewestCheckpoint]);
}

#[test]
fn a_changed_tile_is_detected() {
    let setting = Setting::new();
    let log = setting.open(false, false).unwrap();
    for number in 0..ROWS {
        log.record(&event(number)).unwrap();
    }
    drop(log);
    let path = tiles::path(&setting.dir, 0, 1);
    setting.disk.open(&path, OpenMode::Write).unwrap().write_at(64, &[0; 32]).unwrap();
    let report = verify(setting.disk.as_ref(), &setting.dir, &setting.key()).unwrap();
    assert_eq!(report.problems, [Problem::Tile { level: 0, index: 1 }, Problem::Row { index: 258 }]);
}
