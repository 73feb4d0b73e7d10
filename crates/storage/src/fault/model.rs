//! What the model of a disk knows, and what it does at each call.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Fault;
use crate::disk::{Entry, OpenMode, parent};

/// Disks write whole sectors: a write that is cut short may keep some of them and not others.
const SECTOR_BYTES: usize = 512;

pub(super) type InodeId = usize;

#[derive(Debug)]
pub(super) struct Model {
    pub(super) steps: u64,
    pub(super) plan: Option<(u64, Fault)>,
    pub(super) has_failed: bool,
    pub(super) is_full: bool,
    is_off: bool,
    chance: Chance,
    inodes: Vec<Inode>,
    folders: BTreeSet<PathBuf>,
    /// Names as programs see them.
    names: BTreeMap<PathBuf, InodeId>,
    /// Names that are on the disk.
    durable_names: BTreeMap<PathBuf, InodeId>,
    /// Changes of names that are not, in order.
    waiting: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    /// Bytes as programs see them.
    seen: Vec<u8>,
    /// Bytes that are on the disk.
    durable: Vec<u8>,
    /// Changes that are not, in order.
    waiting: Vec<ByteChange>,
}

#[derive(Clone, Debug)]
enum ByteChange {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

/// Names that change together, as in a rename.
#[derive(Clone, Debug)]
struct NameChange {
    /// Syncing any of these folders makes it durable.
    folders: Vec<PathBuf>,
    names: Vec<(PathBuf, Option<InodeId>)>,
}

/// What the plan says about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    GoOn,
    /// Refuse it; where it is a write, do a part of it.
    Refuse(io::ErrorKind),
    /// The power is gone; the step was perhaps begun.
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Needs room on the disk.
    Grow,
    Sync,
    Other,
}

/// A small generator of our own (SplitMix64), so that the model has no part that could change under a seed.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

fn clean(path: &Path) -> PathBuf {
    path.components().collect()
}

impl Inode {
    fn len(&self) -> u64 {
        self.seen.len() as u64
    }

    fn change(&mut self, change: ByteChange) {
        change.apply(&mut self.seen);
        self.waiting.push(change);
    }

    /// The bytes found after a power loss: any of the waiting changes, whole or torn.
    fn after_crash(&self, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.waiting {
            for part in change.torn(chance) {
                part.apply(&mut bytes);
            }
        }
        bytes
    }
}

impl ByteChange {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => bytes.resize(*len, 0),
            Self::Write { offset, bytes: new } => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(new);
            }
        }
    }

    /// What of this change reached the disk.
    fn torn(&self, chance: &mut Chance) -> Vec<Self> {
        let kind = chance.below(4);
        match (kind, self) {
            (0, _) => Vec::new(),
            (1, _) | (_, Self::SetLen(_)) => vec![self.clone()],
            (2, Self::Write { offset, bytes }) => {
                let kept = chance.below(bytes.len() + 1);
                vec![Self::Write { offset: *offset, bytes: bytes[..kept].to_vec() }]
            }
            (_, Self::Write { offset, bytes }) => {
                let mut parts = Vec::new();
                let (mut at, end) = (*offset, offset + bytes.len());
                while at < end {
                    let sector_end = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
                    if chance.coin() {
                        parts.push(Self::Write {
                            offset: at,
                            bytes: bytes[at - offset..sector_end - offset].to_vec(),
                        });
                    }
                    at = sector_end;
                }
                parts
            }
        }
    }
}

impl Model {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            steps: 0,
            plan: None,
            has_failed: false,
            is_full: false,
            is_off: false,
            chance: Chance::new(seed),
            inodes: Vec::new(),
            folders: [PathBuf::from("/"), PathBuf::from(".")].into(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            waiting: Vec::new(),
            locks: BTreeSet::new(),
        }
    }

    pub(super) fn crash(&mut self) -> Self {
        self.is_off = true;
        let mut after = Self::new(self.chance.next());
        let mut names = self.durable_names.clone();
        for change in &self.waiting {
            if self.chance.coin() {
                change.apply(&mut names);
            }
        }
        for inode in &self.inodes {
            let bytes = inode.after_crash(&mut self.chance);
            after.inodes.push(Inode { seen: bytes.clone(), durable: bytes, waiting: Vec::new() });
        }
        after.folders = self.folders.clone();
        for path in names.keys() {
            after.folders.extend(path.ancestors().skip(1).map(Path::to_path_buf));
        }
        after.durable_names = names.clone();
        after.names = names;
        after
    }

    pub(super) fn kill(&mut self) -> Self {
        self.is_off = true;
        let mut after = Self::new(self.chance.next());
        after.inodes = self.inodes.clone();
        after.folders = self.folders.clone();
        after.names = self.names.clone();
        after.durable_names = self.durable_names.clone();
        after.waiting = self.waiting.clone();
        after
    }

    /// Counts a step and says whether it may be done.
    fn turn(&mut self, step: Step) -> io::Result<Turn> {
        if self.is_off {
            return Err(off());
        }
        self.steps += 1;
        if self.is_full && step == Step::Grow {
            return Ok(Turn::Refuse(io::ErrorKind::StorageFull));
        }
        let Some((at, fault)) = self.plan else { return Ok(Turn::GoOn) };
        if self.has_failed || self.steps < at {
            return Ok(Turn::GoOn);
        }
        let turn = match (fault, step) {
            (Fault::PowerLoss, _) => Turn::Off,
            (Fault::Full | Fault::StaysFull, Step::Grow) => Turn::Refuse(io::ErrorKind::StorageFull),
            (Fault::FailedSync, Step::Sync) | (Fault::Error, _) => Turn::Refuse(io::ErrorKind::Other),
            (Fault::Full | Fault::StaysFull | Fault::FailedSync, _) => return Ok(Turn::GoOn),
        };
        self.has_failed = true;
        self.is_off = turn == Turn::Off;
        self.is_full = fault == Fault::StaysFull;
        Ok(turn)
    }

    /// A step that is done whole or not at all.
    fn whole(&mut self, step: Step, does: impl FnOnce(&mut Self)) -> io::Result<()> {
        match self.turn(step)? {
            Turn::GoOn => {
                does(self);
                Ok(())
            }
            Turn::Refuse(kind) => Err(kind.into()),
            Turn::Off => {
                if self.chance.coin() {
                    does(self);
                }
                Err(off())
            }
        }
    }

    fn check_on(&self) -> io::Result<()> {
        if self.is_off { Err(off()) } else { Ok(()) }
    }

    fn inode_of(&self, path: &Path) -> io::Result<InodeId> {
        self.check_on()?;
        self.names.get(&clean(path)).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn check_folder(&self, dir: &Path) -> io::Result<PathBuf> {
        self.check_on()?;
        let dir = clean(dir);
        if self.folders.contains(&dir) { Ok(dir) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.waiting.push(change);
    }

    pub(super) fn create_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        self.check_on()?;
        let dir = clean(dir);
        if self.names.contains_key(&dir) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if self.folders.contains(&dir) {
            return Ok(());
        }
        self.whole(Step::Grow, |model| {
            let above = dir.ancestors().filter(|path| !path.as_os_str().is_empty());
            model.folders.extend(above.map(Path::to_path_buf));
        })
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let dir = self.check_folder(dir)?;
        let inside = |path: &Path| -> Option<String> {
            (parent(path) == dir && path != dir).then(|| path.file_name()?.to_str().map(str::to_owned))?
        };
        let folders = self
            .folders
            .iter()
            .filter_map(|path| inside(path).map(|name| Entry { name, is_dir: true, len_bytes: 0 }));
        let files = self.names.iter().filter_map(|(path, inode)| {
            inside(path).map(|name| Entry { name, is_dir: false, len_bytes: self.inodes[*inode].len() })
        });
        let mut entries: Vec<_> = folders.chain(files).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    pub(super) fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<InodeId> {
        let path = clean(path);
        let dir = self.check_folder(parent(&path))?;
        match (self.names.get(&path), mode) {
            (Some(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), _) => return Ok(*inode),
            (None, OpenMode::Read | OpenMode::Write) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::CreateNew | OpenMode::OpenOrCreate) => {}
        }
        let inode = self.inodes.len();
        self.inodes.push(Inode::default());
        self.whole(Step::Grow, |model| {
            model.change_names(NameChange { folders: vec![dir], names: vec![(path, Some(inode))] });
        })?;
        Ok(inode)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.inode_of(from)?;
        let (from, to) = (clean(from), clean(to));
        let folders = vec![self.check_folder(parent(&from))?, self.check_folder(parent(&to))?];
        self.whole(Step::Other, |model| {
            let names = vec![(from, None), (to, Some(inode))];
            model.change_names(NameChange { folders, names });
        })
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.inode_of(path)?;
        let path = clean(path);
        self.whole(Step::Other, |model| {
            model.change_names(NameChange {
                folders: vec![parent(&path).to_path_buf()],
                names: vec![(path, None)],
            });
        })
    }

    pub(super) fn remove_dir_all(&mut self, dir: &Path) -> io::Result<()> {
        self.check_on()?;
        let dir = clean(dir);
        if !self.folders.contains(&dir) {
            return Ok(());
        }
        self.whole(Step::Other, |model| {
            let inside: Vec<_> = model.names.keys().filter(|path| path.starts_with(&dir)).cloned().collect();
            for path in inside {
                let folders = vec![parent(&path).to_path_buf(), parent(&dir).to_path_buf()];
                model.change_names(NameChange { folders, names: vec![(path, None)] });
            }
            model.folders.retain(|folder| !folder.starts_with(&dir));
        })
    }

    pub(super) fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        let dir = self.check_folder(dir)?;
        // Names are journalled by file systems: a failed sync leaves them waiting, unlike bytes.
        self.whole(Step::Sync, |model| {
            let (now, later) = std::mem::take(&mut model.waiting)
                .into_iter()
                .partition::<Vec<_>, _>(|change| change.folders.contains(&dir));
            for change in now {
                change.apply(&mut model.durable_names);
            }
            model.waiting = later;
        })
    }

    pub(super) fn exists(&self, path: &Path) -> io::Result<bool> {
        self.check_on()?;
        let path = clean(path);
        Ok(self.names.contains_key(&path) || self.folders.contains(&path))
    }

    pub(super) fn len_of(&self, path: &Path) -> io::Result<u64> {
        Ok(self.inodes[self.inode_of(path)?].len())
    }

    pub(super) fn lock(&mut self, path: &Path) -> io::Result<PathBuf> {
        self.check_folder(parent(path))?;
        let path = clean(path);
        if self.locks.insert(path.clone()) { Ok(path) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    pub(super) fn unlock(&mut self, path: &Path) {
        self.locks.remove(path);
    }

    pub(super) fn len(&self, inode: InodeId) -> io::Result<u64> {
        self.check_on()?;
        Ok(self.inodes[inode].len())
    }

    pub(super) fn read_at(&self, inode: InodeId, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.check_on()?;
        let bytes = &self.inodes[inode].seen;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let count = buffer.len().min(bytes.len() - start);
        buffer[..count].copy_from_slice(&bytes[start..start + count]);
        Ok(count)
    }

    pub(super) fn write_at(&mut self, inode: InodeId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let turn = self.turn(Step::Grow)?;
        let kept = match turn {
            Turn::GoOn => bytes.len(),
            Turn::Refuse(_) | Turn::Off => self.chance.below(bytes.len() + 1),
        };
        if kept > 0 {
            self.inodes[inode].change(ByteChange::Write { offset, bytes: bytes[..kept].to_vec() });
        }
        match turn {
            Turn::GoOn => Ok(()),
            Turn::Refuse(kind) => Err(kind.into()),
            Turn::Off => Err(off()),
        }
    }

    pub(super) fn set_len(&mut self, inode: InodeId, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let step = if len > self.inodes[inode].seen.len() { Step::Grow } else { Step::Other };
        self.whole(step, |model| model.inodes[inode].change(ByteChange::SetLen(len)))
    }

    pub(super) fn sync(&mut self, inode: InodeId) -> io::Result<()> {
        let turn = self.turn(Step::Sync)?;
        let file = &mut self.inodes[inode];
        match turn {
            Turn::GoOn => {
                file.durable.clone_from(&file.durable_now());
                file.waiting.clear();
                Ok(())
            }
            Turn::Refuse(kind) => {
                // Marked clean although any part of it never came to the disk.
                file.durable = file.after_crash(&mut self.chance);
                file.waiting.clear();
                Err(kind.into())
            }
            Turn::Off => Err(off()),
        }
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn damage(&mut self, path: &Path, change: &dyn Fn(&mut Vec<u8>)) -> io::Result<()> {
        let inode = self.inode_of(path)?;
        change(&mut self.inodes[inode].seen);
        change(&mut self.inodes[inode].durable);
        Ok(())
    }
}

impl Inode {
    /// The durable bytes once all that waits has been written. Not the same as what is seen: what an earlier failed sync
    /// lost stays lost until it is written again.
    fn durable_now(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.waiting {
            change.apply(&mut bytes);
        }
        bytes
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, InodeId>) {
        for (path, inode) in &self.names {
            match inode {
                Some(inode) => names.insert(path.clone(), *inode),
                None => names.remove(path),
            };
        }
    }
}
