//! The Merkle tree of RFC 6962, section 2.1, grown at its right edge, and the tiles that fall off it.

use storage::keys::sha256_parts;

/// A SHA-256 hash.
pub(super) type Hash = [u8; 32];

/// Hashes in a full tile; a tile of the next level has the roots of as many.
pub(super) const TILE_WIDTH: usize = 256;
/// Levels of the tree that one tile covers.
pub(super) const TILE_HEIGHT: u8 = 8;

pub(super) fn leaf_hash(row: &[u8]) -> Hash {
    sha256_parts(&[&[0], row])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256_parts(&[&[1], left, right])
}

/// A tile that became full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FullTile {
    pub(super) level: u8,
    pub(super) index: u64,
    pub(super) hashes: Vec<Hash>,
}

/// The right edge of a tree: enough to append and to compute the root.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    size: u64,
    /// Roots of the perfect trees that the leaves make, from left to right, with their heights, which fall.
    peaks: Vec<(u8, Hash)>,
    /// For each level of tiles the hashes of its tile that is not full yet.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree of which `levels` are the tiles that are not full; `levels[0]` belongs to the leaves.
    pub(super) fn from_levels(levels: Vec<Vec<Hash>>) -> Self {
        let mut tree = Self { size: 0, peaks: Vec::new(), levels };
        let mut peaks: Vec<(u8, Hash)> = Vec::new();
        let mut size = 0u64;
        for (level, hashes) in tree.levels.iter().enumerate().rev() {
            let height = level as u8 * TILE_HEIGHT;
            size += (hashes.len() as u64) << height;
            for hash in hashes {
                merge(&mut peaks, height, *hash, |_, _| {});
            }
        }
        tree.peaks = peaks;
        tree.size = size;
        tree
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The tiles that are not full, level by level.
    pub(super) fn levels(&self) -> &[Vec<Hash>] {
        &self.levels
    }

    /// Adds a leaf; tiles that it fills go to `full`.
    pub(super) fn append(&mut self, leaf: Hash, full: &mut Vec<FullTile>) {
        let Self { size, peaks, levels } = self;
        add(levels, 0, *size, leaf, full);
        let index = *size;
        merge(peaks, 0, leaf, |height, hash| {
            if height % TILE_HEIGHT == 0 {
                add(levels, height / TILE_HEIGHT, index >> height, hash, full);
            }
        });
        *size += 1;
    }

    /// The root: of an empty tree the hash of nothing.
    pub(super) fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => sha256_parts(&[]),
            Some((_, last)) => peaks.fold(*last, |right, (_, left)| node_hash(left, &right)),
        }
    }
}

/// Puts a perfect tree at the right end and merges those of equal height; `made` sees each tree that is made so.
fn merge(peaks: &mut Vec<(u8, Hash)>, height: u8, hash: Hash, mut made: impl FnMut(u8, Hash)) {
    let (mut height, mut hash) = (height, hash);
    while let Some((last, left)) = peaks.last()
        && *last == height
    {
        hash = node_hash(left, &hash);
        height += 1;
        peaks.pop();
        made(height, hash);
    }
    peaks.push((height, hash));
}

fn add(levels: &mut Vec<Vec<Hash>>, level: u8, index: u64, hash: Hash, full: &mut Vec<FullTile>) {
    while levels.len() <= usize::from(level) {
        levels.push(Vec::new());
    }
    if let Some(hashes) = levels.get_mut(usize::from(level)) {
        hashes.push(hash);
        if hashes.len() == TILE_WIDTH {
            full.push(FullTile { level, index: index / TILE_WIDTH as u64, hashes: std::mem::take(hashes) });
        }
    }
}

/// The root of a full tile.
pub(super) fn tile_root(hashes: &[Hash]) -> Hash {
    let mut peaks = Vec::new();
    for hash in hashes {
        merge(&mut peaks, 0, *hash, |_, _| {});
    }
    peaks.last().map_or([0; 32], |(_, root)| *root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, word by word.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256_parts(&[]),
            [leaf] => *leaf,
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                node_hash(&naive(&leaves[..half]), &naive(&leaves[half..]))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count as u64).map(|at| leaf_hash(&at.to_be_bytes())).collect()
    }

    #[test]
    fn the_root_is_that_of_the_standard_at_every_size() {
        let leaves = leaves(600);
        let (mut tree, mut full) = (Tree::default(), Vec::new());
        for size in 0..leaves.len() {
            assert_eq!(tree.root(), naive(&leaves[..size]), "size {size}");
            tree.append(leaves[size], &mut full);
        }
        assert_eq!(full.len(), 2);
        assert_eq!(full[1], FullTile { level: 0, index: 1, hashes: leaves[256..512].to_vec() });
    }

    #[test]
    fn known_roots_of_the_standard_come_out() {
        // The test vectors of RFC 6962's reference implementation.
        let inputs: [&[u8]; 3] = [b"", b"\x00", b"\x10"];
        let mut tree = Tree::default();
        for input in inputs {
            tree.append(leaf_hash(input), &mut Vec::new());
        }
        assert_eq!(
            hex::encode(leaf_hash(b"")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            hex::encode(tree.root()),
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
        );
    }

    #[test]
    fn a_tree_grows_on_from_its_edge() {
        let leaves = leaves(66_000);
        let (mut tree, mut full) = (Tree::default(), Vec::new());
        for leaf in &leaves {
            tree.append(*leaf, &mut full);
        }
        assert_eq!(tree.root(), naive(&leaves));
        let mut again = Tree::from_levels(tree.levels().to_vec());
        assert_eq!((again.size(), again.root()), (tree.size(), tree.root()));
        for leaf in &leaves[..300] {
            tree.append(*leaf, &mut Vec::new());
            again.append(*leaf, &mut Vec::new());
        }
        assert_eq!(again.root(), tree.root());
        let upper: Vec<_> = full.iter().filter(|tile| tile.level == 1).collect();
        assert_eq!((upper.len(), upper[0].index), (1, 0));
        assert_eq!(upper[0].hashes[3], tile_root(&leaves[768..1024]));
    }
}
