//! Foreign samples that lie outside the repository, in the folder `shared` beside it.

use std::io::Read;
use std::path::PathBuf;

/// The folder with the samples: `WARD_SHARED`, or `shared` beside the workspace. `None`, with a line that says so, if it is
/// absent; `checks` is how many checks are skipped then.
pub(crate) fn folder(checks: usize) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let folder = std::env::var_os("WARD_SHARED").map_or_else(beside, PathBuf::from).join("corpus/fhir");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {checks} corpus checks, shared folder absent");
    None
}

/// The lines of a gzipped NDJSON file of the folder.
pub(crate) fn lines(path: PathBuf) -> Vec<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}
