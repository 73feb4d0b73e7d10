//! Results that are kept: one file in `benches/results/` for each recorded run, named by its day, commit and machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{machine, table};

/// Refuses to record figures that no commit stands for.
///
/// # Errors
/// A message when the tree differs from its commit.
pub(super) fn check(root: &Path) -> Result<(), String> {
    match machine::commit(root).ends_with("changed") {
        true => Err("`--record` needs a tree as committed: the file names its commit".to_owned()),
        false => Ok(()),
    }
}

/// Writes a report; gives the place of its file.
///
/// # Errors
/// A message when the file cannot be written.
pub(super) fn write(root: &Path, report: &Value, arguments: &[String]) -> Result<PathBuf, String> {
    let folder = root.join("benches").join("results");
    let commit = report["commit"].as_str().unwrap_or("unknown");
    let place = folder.join(format!("{}-{commit}-{}.md", today(), slug(&report["machine"])));
    // A path names who ran it and where; what was sent is in the table's head.
    let options: Vec<&str> = arguments
        .iter()
        .map(|word| if word.contains('/') { word.rsplit('/').next().unwrap_or_default() } else { word })
        .filter(|word| *word != "--record")
        .collect();
    let text = format!(
        "`cargo xtask bench {}`. How to read it: [benchmarks.md](../../docs/benchmarks.md).\n\n```\n{}```\n",
        options.join(" "),
        table::render(report)
    );
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&place, text))
        .map_err(|error| format!("`{}` cannot be written: {error}", place.display()))?;
    Ok(place)
}

/// `2cores-amd-epyc`.
fn slug(machine: &Value) -> String {
    let name = machine["processor"].as_str().unwrap_or_default().to_ascii_lowercase();
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).take(4).collect();
    format!("{}cores-{}", machine["cores"], words.join("-"))
}

/// The day, UTC.
fn today() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_a_short_name() {
        let machine = serde_json::json!({"processor": "AMD EPYC 9R14 96-Core Processor", "cores": 2});
        assert_eq!(slug(&machine), "2cores-amd-epyc-9r14-96");
    }
}
