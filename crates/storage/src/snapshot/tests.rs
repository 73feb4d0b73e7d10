#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

use super::*;
use crate::engine::SpaceUse;

#[test]
fn the_layout_is_that_of_the_worked_example() {
    let mut bytes = Vec::new();
    write_head(&mut bytes, &[SpaceSpec { name: "ids", used_for: SpaceUse::Lookup }], Seq(7)).unwrap();
    bytes.extend([TAG_SPACE, 0]);
    write_pair(&mut bytes, &[1, 2], &[0xFF]).unwrap();
    bytes.push(TAG_END);
    bytes.extend(1u64.to_be_bytes());
    let mut lines = String::new();
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let hex: Vec<_> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        lines += &format!("{:04x}  {}\n", line * 16, hex.join(" "));
    }
    let page = include_str!("../../../../docs/internals/engine.md");
    assert!(page.contains(&lines), "the example should be:\n{lines}");
}
