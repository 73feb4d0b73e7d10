use std::sync::Arc;

use super::*;
use crate::clock::SystemRandom;
use crate::keys::Secret;

fn direct(id: u64) -> DataKey {
    DataKey::direct(KeyId(id), Secret::generate(&SystemRandom), Arc::new(SystemRandom))
}

fn general() -> DataKey {
    DataKey::with_epochs(KeyId(0), Secret::generate(&SystemRandom), Arc::new(SystemRandom))
}

#[test]
fn what_was_sealed_opens_at_its_place_only() {
    for key in [direct(7), general()] {
        let sealed = seal(&key, &[b"Patient", b"1"], b"a body");
        assert_eq!(open(&key, &[b"Patient", b"1"], sealed.as_bytes()).unwrap(), b"a body");
        for place in [&[b"Patient".as_slice(), b"2"][..], &[b"Patient1"], &[b"Patien", b"t1"], &[]] {
            assert!(matches!(open(&key, place, sealed.as_bytes()), Err(SealError::Altered)));
        }
    }
}

#[test]
fn every_flipped_bit_is_seen() {
    let key = general();
    let sealed = seal(&key, &[b"x"], b"some bytes").into_bytes();
    for bit in 0..sealed.len() * 8 {
        let mut other = sealed.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key, &[b"x"], &other).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(open(&key, &[b"x"], &sealed[..length]).is_err(), "length {length}");
    }
}

#[test]
fn another_key_says_so() {
    let sealed = seal(&direct(1), &[], b"");
    assert!(matches!(
        open(&direct(2), &[], sealed.as_bytes()),
        Err(SealError::OtherKey { found: 1, expected: 2 })
    ));
    assert!(matches!(open(&direct(1), &[], sealed.as_bytes()), Err(SealError::Altered)));
}

#[test]
fn sealing_twice_gives_different_bytes() {
    let key = direct(1);
    assert_ne!(seal(&key, &[], b"same"), seal(&key, &[], b"same"));
}

#[test]
fn a_general_key_opens_what_it_sealed_in_an_earlier_run() {
    let secret = Secret::generate(&SystemRandom);
    let run = || DataKey::with_epochs(KeyId(0), secret.clone(), Arc::new(SystemRandom));
    let sealed: Vec<_> = (0..100).map(|_| seal(&run(), &[], b"earlier")).collect();
    let now = run();
    for sealed in &sealed {
        assert_eq!(open(&now, &[], sealed.as_bytes()).unwrap(), b"earlier");
    }
}

#[test]
fn an_object_reads_back_whole_and_by_range() {
    let key = general();
    let plain: Vec<u8> = (0..1000u32).map(|at| (at * 7 % 251) as u8).collect();
    for length in [0, 1, 15, 16, 17, 31, 32, 33, 160, 1000] {
        let plain = &plain[..length];
        let mut sealed = Vec::new();
        let mut sealer = chunked::Sealer::begin(&key, &[b"object"], 4, &mut sealed);
        for piece in plain.chunks(7) {
            sealer.write(piece, &mut sealed);
        }
        sealer.finish(&mut sealed);
        assert_eq!(chunked::open(&key, &[b"object"], &sealed).unwrap(), plain);
        let opener = chunked::Opener::new(&key, &[b"object"], &sealed, sealed.len() as u64).unwrap();
        assert_eq!(opener.plain_bytes(), length as u64);
        for (start, end) in [(0, 1), (5, 40), (16, 32), (900, 2000), (31, 33), (0, 1000), (40, 5)] {
            let read = opener
                .read(start..end, |range| Ok(sealed[range.start as usize..range.end as usize].to_vec()))
                .unwrap();
            let (start, end) = ((start as usize).min(length), (end as usize).min(length));
            assert_eq!(read, plain.get(start..end).unwrap_or_default());
        }
    }
}

#[test]
fn an_object_with_chunks_cut_swapped_or_altered_does_not_open() {
    let key = general();
    let mut sealed = Vec::new();
    let mut sealer = chunked::Sealer::begin(&key, &[], 4, &mut sealed);
    sealer.write(&[9; 64], &mut sealed);
    sealer.finish(&mut sealed);
    let stride = 32;
    let start = chunked::OBJECT_HEADER_BYTES;
    let refused = |bytes: &[u8]| assert!(chunked::open(&key, &[], bytes).is_err());
    refused(&sealed[..start + 3 * stride]);
    refused(&sealed[..start]);
    let mut swapped = sealed.clone();
    swapped[start..start + 2 * stride].rotate_left(stride);
    refused(&swapped);
    let mut longer = sealed.clone();
    longer.extend_from_slice(&sealed[start..start + stride]);
    refused(&longer);
    for at in 0..sealed.len() {
        let mut other = sealed.clone();
        other[at] ^= 0x10;
        refused(&other);
    }
    assert!(chunked::open(&key, &[b"elsewhere"], &sealed).is_err());
}
