//! The reference pages are what the binary tells.

use std::path::Path;
use std::process::Command;

#[test]
fn the_reference_pages_are_as_the_code_tells_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for page in ["cli", "configuration", "search-parameters", "metrics", "errors"] {
        let told = Command::new(env!("CARGO_BIN_EXE_ward")).args(["reference", page]).output().unwrap();
        assert!(told.status.success());
        let written = std::fs::read(folder.join(format!("{page}.md"))).unwrap();
        assert!(told.stdout == written, "docs/reference/{page}.md differs: run `cargo xtask docs`");
    }
}
