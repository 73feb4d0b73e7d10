//! How fast postings go into the index on disk, and what memory that takes:
//! `cargo run --release -p storage --example rate`. `WARD_RESOURCES` says how many resources; 200000 without it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement may stop at the first surprise")]

use storage::engine::{
    Batch, Direction, Engine as _, FjallEngine, FjallOptions, KeyRange, Reader as _, Space,
};
use storage::testing::SUITE_SPACES;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let engine =
        FjallEngine::open(&folder.path().join("index"), &SUITE_SPACES, FjallOptions::default()).unwrap();
    let count: u64 = std::env::var("WARD_RESOURCES").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000);
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
    println!(
        "{count} resources in {seconds:.1} s: {:.0}/s; slowest batch {slowest:?}; {peak}; {:?}",
        count as f64 / seconds,
        engine.footprint()
    );
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        let ticks: u64 = rest.split(' ').skip(12).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        println!("thread {name}): {:.2} s of CPU", ticks as f64 / 100.0);
    }
    let begun = std::time::Instant::now();
    drop(engine);
    let closed = begun.elapsed();
    let begun = std::time::Instant::now();
    let engine =
        FjallEngine::open(&folder.path().join("index"), &SUITE_SPACES, FjallOptions::default()).unwrap();
    println!("closed in {closed:?}, opened in {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    let misses = (0..100_000u64).filter(|n| !engine.contains(Space(0), &n.to_be_bytes()).unwrap()).count();
    println!("{misses} lookups that miss in {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    let scanned = engine.scan(Space(2), KeyRange::all(), Direction::Forward).take(1_000_000).count();
    println!("{scanned} postings scanned in {:?}", begun.elapsed());
}
