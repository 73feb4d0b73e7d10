//! `cargo xtask docs`: the reference pages, as the `ward` binary tells them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The pages: names of `ward reference`, and of the files.
const PAGES: &[&str] = &["cli", "configuration", "search-parameters", "metrics", "errors"];

/// Writes the pages, or with `--check` fails where one differs.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: cargo xtask docs [--check]".to_owned()),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no folder")?;
    let folder = root.join("docs/reference");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut different = Vec::new();
    for page in PAGES {
        let (path, told) = (folder.join(format!("{page}.md")), told(root, page)?);
        if std::fs::read(&path).is_ok_and(|old| old == told) {
            continue;
        }
        if check {
            different.push(format!("docs/reference/{page}.md"));
        } else {
            std::fs::write(&path, &told).map_err(|error| format!("{}: {error}", path.display()))?;
            println!("docs/reference/{page}.md");
        }
    }
    if different.is_empty() {
        return Ok(());
    }
    Err(format!("{} differ from the code: run `cargo xtask docs`", different.join(", ")))
}

fn told(root: &Path, page: &str) -> Result<Vec<u8>, String> {
    let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", "ward", "--", "reference", page])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("`ward reference {page}` failed"));
    }
    Ok(output.stdout)
}
