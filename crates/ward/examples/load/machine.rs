//! What the machine says about a row: processor time of both sides, peak memory, load, disk, and a yardstick.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::Failure;

/// Clock ticks a second in `/proc/PID/stat`; fixed on every Linux we know of.
const TICKS_PER_S: f64 = 100.0;

/// Seconds of processor time a process has used, all threads, user and system.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The command's name may hold blanks; everything after its bracket does not.
    let after = text.rsplit(')').next().unwrap_or_default();
    let mut ticks = after.split_ascii_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
    (ticks.next().unwrap_or(0.0) + ticks.next().unwrap_or(0.0)) / TICKS_PER_S
}

/// Milliseconds of processor time this thread has used.
pub(crate) fn thread_cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

fn status_mb(pid: u32, file: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kb = line
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|field| field.parse::<f64>().ok());
    kb.unwrap_or(0.0) * 1024.0 / 1e6
}

/// Resident memory now, in MB.
pub(crate) fn resident_mb(pid: u32) -> f64 {
    status_mb(pid, "status", "VmRSS:")
}

fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0.0)
}

/// A fixed piece of single-thread work: wall and processor milliseconds. Two runs compare only if their yardsticks do.
pub(crate) fn yardstick() -> (f64, f64) {
    let (began, cpu) = (Instant::now(), thread_cpu_ms());
    let mut block = vec![1_u64; 1 << 17];
    let mut state = 88_172_645_463_325_252_u64;
    for _ in 0..40 {
        for word in &mut block {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *word = word.wrapping_mul(31).wrapping_add(state);
        }
    }
    std::hint::black_box(&block);
    (began.elapsed().as_secs_f64() * 1e3, thread_cpu_ms() - cpu)
}

/// Bytes that a folder takes on disk, by its first level of names.
pub(crate) fn disk_bytes(folder: &Path) -> Result<Vec<(String, u64)>, Failure> {
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        parts.push((entry.file_name().to_string_lossy().into_owned(), bytes_below(&entry.path(), 0)));
    }
    parts.sort();
    Ok(parts)
}

fn bytes_below(path: &Path, depth: usize) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    // Files may vanish while the server compacts; what is gone takes no place.
    let Ok(about) = std::fs::symlink_metadata(path) else { return 0 };
    if !about.is_dir() || depth > 8 {
        return about.blocks() * 512;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries.flatten().map(|entry| bytes_below(&entry.path(), depth + 1)).sum()
}

/// The measurements over one row.
#[derive(Debug)]
pub(crate) struct Watch {
    pid: u32,
    began: Instant,
    server_cpu_s: f64,
    client_cpu_s: f64,
    load: f64,
    yardstick: (f64, f64),
}

impl Watch {
    /// Begins: measures the yardstick, then resets the server's high-water mark of memory.
    pub(crate) fn begin(pid: u32) -> Self {
        let yardstick = yardstick();
        let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        Self {
            pid,
            began: Instant::now(),
            server_cpu_s: cpu_seconds(&pid.to_string()),
            client_cpu_s: cpu_seconds("self"),
            load: load(),
            yardstick,
        }
    }

    /// Ends the row: `ok` is how many units of work were done.
    pub(crate) fn end(self, ok: u64) -> Value {
        let wall_s = self.began.elapsed().as_secs_f64();
        let server = cpu_seconds(&self.pid.to_string()) - self.server_cpu_s;
        let client = cpu_seconds("self") - self.client_cpu_s;
        let peak = status_mb(self.pid, "status", "VmHWM:");
        let load_after = load();
        let after = yardstick();
        json!({
            "ok": ok,
            "wall_s": round(wall_s),
            "rate_per_s": round(ok as f64 / wall_s.max(1e-9)),
            "server_cpu_s": round(server),
            "server_cpu_ms_each": round(server * 1e3 / (ok.max(1) as f64)),
            "server_cores": round(server / wall_s.max(1e-9)),
            "client_cpu_s": round(client),
            "client_cores": round(client / wall_s.max(1e-9)),
            "peak_rss_mb": round(peak),
            "pss_after_mb": round(status_mb(self.pid, "smaps_rollup", "Pss:")),
            "load_before": self.load,
            "load_after": load_after,
            "yardstick_wall_ms": [round(self.yardstick.0), round(after.0)],
            "yardstick_cpu_ms": [round(self.yardstick.1), round(after.1)],
        })
    }
}

/// Four significant places behind the point are more than a busy machine can give.
pub(crate) fn round(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}
