//! The report as a table, each figure beside its target.

use std::fmt::Write as _;

use serde_json::Value;

/// What section 9 of the design asks for, and what peers were seen to do on such a machine.
struct Target {
    row: &'static str,
    rate_min: Option<f64>,
    p99_ms_max: Option<f64>,
    floor_max: Option<f64>,
    words: &'static str,
}

const fn target(row: &'static str, rate_min: f64, p99_ms_max: Option<f64>, words: &'static str) -> Target {
    Target { row, rate_min: Some(rate_min), p99_ms_max, floor_max: None, words }
}

const fn peer(row: &'static str, words: &'static str) -> Target {
    Target { row, rate_min: None, p99_ms_max: None, floor_max: None, words }
}

const TARGETS: &[Target] = &[
    Target {
        row: "import",
        rate_min: Some(8_000.0),
        p99_ms_max: None,
        floor_max: Some(8.0),
        words: ">= 8,000/s, CPU <= 8 x floor (peer 639)",
    },
    target("read", 15_000.0, Some(10.0), ">= 15,000/s, p99 < 10 ms (peer 4,175)"),
    target("search code", 3_000.0, Some(30.0), ">= 3,000/s, p99 < 30 ms (peer 368)"),
    target("search name", 3_000.0, Some(30.0), ">= 3,000/s, p99 < 30 ms (peer 1,771)"),
    target("search subject+date, sorted", 3_000.0, Some(30.0), ">= 3,000/s, p99 < 30 ms (peer 276)"),
    peer("search chain subject.name", "(peer 352, another chain)"),
    peer("search chain subject.birthdate", "(peer 352)"),
    peer("search code, _include", "(peer 278)"),
    peer("search _id, _revinclude", "(peer 762)"),
    peer("create, 4 clients", "(peer 345, no fsync)"),
    peer("create, 32 clients", ""),
    target("mllp", 2_000.0, None, ">= 2,000/s"),
    Target {
        row: "mllp, half load",
        rate_min: None,
        p99_ms_max: Some(50.0),
        floor_max: None,
        words: "p99 < 50 ms",
    },
    target("parse", 50_000.0, None, ">= 50,000/s a core"),
    target("fhirpath", 1_500_000.0, None, ">= 1,500,000/s a core"),
];

/// How many wrong answers the run counted.
pub(super) fn errors(report: &Value) -> u64 {
    let rows = rows(report).map(|(_, figures)| figures["errors"].as_u64().unwrap_or(0)).sum::<u64>();
    let starts = ["start_after_stop", "start_after_kill"];
    rows + starts.iter().map(|start| report[*start]["errors"].as_u64().unwrap_or(0)).sum::<u64>()
}

fn rows(report: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let rows = report["run"]["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().map(|row| (row["name"].as_str().unwrap_or_default(), &row["figures"]))
}

/// The whole table.
pub(super) fn render(report: &Value) -> String {
    let mut out = String::new();
    head(&mut out, report);
    let _ = writeln!(
        out,
        "\n{:<31} {:>10} {:>9} {:>9} {:>9} {:>8} {:>8} {:>6} {:>6}  {:<6} target",
        "row", "rate/s", "p50 ms", "p99 ms", "CPU ms", "x floor", "peak MB", "errors", "load", ""
    );
    for (name, figures) in rows(report) {
        let target = TARGETS.iter().find(|target| target.row == name);
        let cpu = if figures["cpu_ms_each"].is_number() { "cpu_ms_each" } else { "server_cpu_ms_each" };
        let _ = writeln!(
            out,
            "{name:<31} {:>10} {:>9} {:>9} {:>9} {:>8} {:>8} {:>6} {:>6}  {:<6} {}",
            number(&figures["rate_per_s"], 0),
            number(&figures["p50_ms"], 2),
            number(&figures["p99_ms"], 2),
            number(&figures[cpu], 4),
            number(&figures["floor_ratio"], 1),
            number(&figures["peak_rss_mb"], 0),
            number(&figures["errors"], 0),
            number(&figures["load_after"], 1),
            target.map_or("", |target| verdict(target, figures)),
            target.map_or("", |target| target.words),
        );
        for problem in figures["problems"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "    problem: {}", problem.as_str().unwrap_or_default());
        }
        for problem in figures["problems_of_counts"].as_array().into_iter().flatten() {
            let _ = writeln!(out, "    problem: {}", problem.as_str().unwrap_or_default());
        }
    }
    foot(&mut out, report);
    out
}

fn verdict(target: &Target, figures: &Value) -> &'static str {
    let at_least =
        |name: &str, least: Option<f64>| least.is_none_or(|least| figures[name].as_f64() >= Some(least));
    let at_most = |name: &str, most: Option<f64>| {
        most.is_none_or(|most| figures[name].as_f64().is_some_and(|figure| figure <= most))
    };
    if target.rate_min.is_none() && target.p99_ms_max.is_none() && target.floor_max.is_none() {
        return "";
    }
    let met = at_least("rate_per_s", target.rate_min)
        && at_most("p99_ms", target.p99_ms_max)
        && at_most("floor_ratio", target.floor_max);
    if met { "met" } else { "missed" }
}

fn head(out: &mut String, report: &Value) {
    let machine = &report["machine"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let _ = writeln!(out, "commit   {}", text(&report["commit"]));
    let _ = writeln!(
        out,
        "machine  {} cores of {} ({}), {} GB, Linux {}, {}, fsync of 4 kB {} ms{}",
        machine["cores"],
        text(&machine["processor"]),
        text(&machine["family_model"]),
        machine["memory_gb"],
        text(&machine["kernel"]),
        text(&machine["disk"]),
        machine["fsync_ms_p50"],
        machine["cpus"].as_str().map(|cpus| format!(", bound to {cpus}")).unwrap_or_default(),
    );
    let run = &report["run"];
    let _ = writeln!(
        out,
        "data     {}; {} bundles ({} MB), {} messages; {} resources kept by the import",
        text(&run["input"]["about"]),
        run["input"]["bundles"],
        number(&run["input"]["bundle_mb"], 1),
        run["input"]["messages"],
        number(&run["resources"], 0),
    );
    let yardsticks: Vec<f64> = rows(report)
        .flat_map(|(_, figures)| figures["yardstick_wall_ms"].as_array().into_iter().flatten())
        .filter_map(Value::as_f64)
        .collect();
    let (low, high) =
        yardsticks.iter().fold((f64::MAX, 0.0_f64), |(low, high), ms| (low.min(*ms), high.max(*ms)));
    let _ = writeln!(
        out,
        "yardstick {low:.1} to {high:.1} ms of wall time for the same work; even means a quiet machine"
    );
}

fn foot(out: &mut String, report: &Value) {
    for (name, figures) in rows(report).filter(|(name, _)| *name == "import") {
        let _ = writeln!(
            out,
            "\n{name}: {} entries ({} made, {} found), {} MB/s, {} counts checked; floor {} CPU ms each; {} retries",
            figures["ok"],
            figures["created"],
            figures["existing"],
            number(&figures["mb_per_s"], 1),
            figures["counts_checked"],
            number(&figures["floor_cpu_ms_each"], 4),
            figures["retries"],
        );
        let each = figures["disk_bytes_each"].as_f64().unwrap_or(0.0);
        let met = if each <= 1_500.0 { "met" } else { "missed" };
        let _ = writeln!(
            out,
            "disk at its end: {each:.0} bytes a resource, journals included  {met}  target <= 1,500: {}",
            parts(&figures["disk"])
        );
        let peak = figures["peak_rss_mb"].as_f64().unwrap_or(0.0);
        let met = if peak < 1_000.0 { "met" } else { "missed" };
        let _ = writeln!(out, "memory: {peak:.0} MB at most while importing  {met}  target < 1,000");
    }
    settled(out, report);
    for (name, words) in
        [("start_after_stop", "start after stop"), ("start_after_kill", "start after kill -9")]
    {
        let start = &report[name];
        if start.is_null() {
            continue;
        }
        let (ready, first) = (&start["ready_ms"], &start["first_answer_ms"]);
        let sum = ready.as_f64().unwrap_or(0.0) + first.as_f64().unwrap_or(0.0);
        let met = if sum < 3_000.0 { "met" } else { "missed" };
        let _ = writeln!(
            out,
            "{words}: ready {} ms, first answer {} ms later  {met}  target < 3 s with 1 M resources; memory {} MB",
            number(ready, 0),
            number(first, 1),
            number(&start["resident_mb"], 0),
        );
    }
}

/// What the store takes once the journals are merged away. The audit log is left out: it grows with what is shown.
fn settled(out: &mut String, report: &Value) {
    let settled = &report["start_after_stop"];
    let (Some(disk), Some(resources)) = (settled["disk"].as_object(), settled["resources"].as_f64()) else {
        return;
    };
    let kept = disk.iter().filter(|(name, _)| *name != "audit").filter_map(|(_, bytes)| bytes.as_f64());
    let each = kept.sum::<f64>() / resources.max(1.0);
    let met = if each <= 1_500.0 { "met" } else { "missed" };
    let _ = writeln!(
        out,
        "disk after a stop: {each:.0} bytes for each of {resources} resources, without audit  {met}  target <= 1,500: {}",
        parts(&settled["disk"]),
    );
}

fn parts(disk: &Value) -> String {
    let Some(disk) = disk.as_object() else { return String::new() };
    let shown: Vec<String> = disk
        .iter()
        .filter_map(|(name, bytes)| Some((name, bytes.as_f64()? / 1e6)))
        .filter(|(_, mb)| *mb >= 0.1)
        .map(|(name, mb)| format!("{name} {mb:.1} MB"))
        .collect();
    shown.join(", ")
}

fn number(value: &Value, places: usize) -> String {
    value.as_f64().map_or_else(String::new, |number| format!("{number:.places$}"))
}
