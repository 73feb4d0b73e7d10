//! Tiles: the hashes of the tree in files, 256 to each.
//!
//! `tile/LEVEL/INDEX` holds 256 hashes of 32 bytes; `tile/LEVEL/INDEX.p/WIDTH` the first WIDTH of a tile that is not full.
//! INDEX is cut into groups of three digits, all but the last after an `x`: 1234067 is `x001/x234/067`.
//!
//! Source: C2SP tlog-tiles (tiles of height 8). Entry bundles are not kept: the rows are sealed, and may be longer than a
//! bundle allows.

use std::io;
use std::path::{Path, PathBuf};

use storage::disk::{self, Disk, OpenMode};

use super::merkle::{FullTile, Hash, TILE_WIDTH, Tree, tile_root};

const TILE_BYTES: usize = TILE_WIDTH * 32;

fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

pub(super) fn path(dir: &Path, level: u8, index: u64) -> PathBuf {
    dir.join("tile").join(level.to_string()).join(index_path(index))
}

fn partial_folder(dir: &Path, level: u8, index: u64) -> PathBuf {
    let mut path = path(dir, level, index).into_os_string();
    path.push(".p");
    path.into()
}

/// Writes a full tile, not synced.
pub(super) fn write(disk: &dyn Disk, dir: &Path, tile: &FullTile) -> io::Result<()> {
    let path = path(dir, tile.level, tile.index);
    disk.create_dir_all(disk::parent(&path))?;
    write_hashes(disk, &path, &tile.hashes)
}

fn write_hashes(disk: &dyn Disk, path: &Path, hashes: &[Hash]) -> io::Result<()> {
    let file = disk.open(path, OpenMode::OpenOrCreate)?;
    file.set_len(0)?;
    file.write_at(0, &hashes.concat())
}

/// Makes a tile that was written durable, and its name.
pub(super) fn sync(disk: &dyn Disk, dir: &Path, level: u8, index: u64) -> io::Result<()> {
    let path = path(dir, level, index);
    disk.open(&path, OpenMode::Write)?.sync()?;
    disk.sync_dir(disk::parent(&path))
}

/// Writes the tiles that are not full, for those who read the tree from outside. Not synced: they can be made again.
pub(super) fn write_partial(disk: &dyn Disk, dir: &Path, tree: &Tree) -> io::Result<()> {
    for (level, hashes) in (0u8..).zip(tree.levels()) {
        if hashes.is_empty() {
            continue;
        }
        let index = (tree.size() >> (8 * u32::from(level))) / TILE_WIDTH as u64;
        let folder = partial_folder(dir, level, index);
        disk.create_dir_all(&folder)?;
        let name = hashes.len().to_string();
        write_hashes(disk, &folder.join(&name), hashes)?;
        for entry in disk.list(&folder)? {
            if entry.name != name {
                disk.remove(&folder.join(&entry.name))?;
            }
        }
        if let Some(before) = index.checked_sub(1) {
            disk.remove_dir_all(&partial_folder(dir, level, before))?; // full by now
        }
    }
    Ok(())
}

/// Reads a full tile; `None` if there is none of that length.
pub(super) fn read(disk: &dyn Disk, dir: &Path, level: u8, index: u64) -> io::Result<Option<Vec<Hash>>> {
    let bytes = match disk::read(disk, &path(dir, level, index), TILE_BYTES as u64) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            return Ok(None);
        }
        other => other?,
    };
    let (hashes, rest) = bytes.as_chunks::<32>();
    Ok((hashes.len() == TILE_WIDTH && rest.is_empty()).then(|| hashes.to_vec()))
}

/// The levels above the leaves, at a size, from the full tiles below them; `None` if one is missing.
pub(super) fn upper_levels(disk: &dyn Disk, dir: &Path, size: u64) -> io::Result<Option<Vec<Vec<Hash>>>> {
    let mut levels = Vec::new();
    for level in 1u8..8 {
        let count = size >> (8 * u32::from(level));
        if count == 0 {
            break;
        }
        let mut hashes = Vec::new();
        for index in count / TILE_WIDTH as u64 * TILE_WIDTH as u64..count {
            let Some(tile) = read(disk, dir, level - 1, index)? else { return Ok(None) };
            hashes.push(tile_root(&tile));
        }
        levels.push(hashes);
    }
    Ok(Some(levels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_standard() {
        assert_eq!(path(Path::new("a"), 0, 0), Path::new("a/tile/0/000"));
        assert_eq!(path(Path::new("a"), 1, 1_234_067), Path::new("a/tile/1/x001/x234/067"));
        assert_eq!(partial_folder(Path::new("a"), 0, 70_000), Path::new("a/tile/0/x070/000.p"));
    }
}
