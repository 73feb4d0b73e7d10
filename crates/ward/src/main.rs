//! The `ward` binary.

fn main() {}
