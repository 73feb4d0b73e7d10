//! What a figure was taken on: commit, processor, memory, disk.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

/// The commit, with a mark if the tree differs from it.
pub(super) fn commit(root: &Path) -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).current_dir(root).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let hash = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    if changed { format!("{hash}, changed") } else { hash }
}

/// The machine, as far as it decides figures.
pub(super) fn describe(folder: &Path, cpus: Option<&str>) -> Value {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kb =
        memory.split_ascii_whitespace().nth(1).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    json!({
        "processor": value("model name"),
        "family_model": format!("{}/{}", value("cpu family"), value("model")),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "cpus": cpus,
        "memory_gb": (memory_kb * 1024.0 / 1e8).round() / 10.0,
        "kernel": kernel.trim(),
        "disk": file_system(folder),
        "fsync_ms_p50": fsync_ms(folder),
    })
}

/// The kind of file system below a folder: on one in memory an fsync costs nothing, and the figures mean little.
fn file_system(folder: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let kinds = mounts.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    });
    kinds.max().map_or_else(String::new, |(_, kind)| kind.to_owned())
}

/// The middle of 50 times that 4 kB are appended and synced.
fn fsync_ms(folder: &Path) -> Option<f64> {
    let path = folder.join("fsync");
    let mut file = std::fs::File::create(&path).ok()?;
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).ok()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let _ = std::fs::remove_file(path);
    times.sort_by(f64::total_cmp);
    times.get(25).map(|ms| (ms * 1e3).round() / 1e3)
}
