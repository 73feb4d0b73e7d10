//! The files of a scan.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use mask::scan::Selection;

/// Bytes of one file that are looked at.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Folders within each other.
const DEPTH_MAX: usize = 64;

/// A file to look at.
#[derive(Clone, Debug)]
pub struct File {
    path: PathBuf,
    /// As findings name it: the path as it was given, and below.
    pub shown: String,
    /// How long it is.
    pub bytes: u64,
}

/// What a file holds.
pub(super) enum Content {
    Bytes(Vec<u8>),
    Skipped(&'static str),
}

/// Why the files of a scan cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// A folder or file could not be read.
    #[error("`{}` could not be read", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Too many.
    #[error("there are more than {files_max} files")]
    TooMany {
        /// How many are looked at.
        files_max: usize,
    },
}

/// All files of these files and folders that are selected, in the order of their names. Links are not followed.
///
/// # Errors
/// [`FilesError`].
pub fn files(paths: &[PathBuf], selection: &Selection, files_max: usize) -> Result<Vec<File>, FilesError> {
    let mut walk = Walk { selection, files_max, files: Vec::new() };
    for path in paths {
        let about = std::fs::symlink_metadata(path).map_err(|source| unread(path, source))?;
        walk.add(path, &about, 0)?;
    }
    Ok(walk.files)
}

fn unread(path: &Path, source: io::Error) -> FilesError {
    FilesError::Read { path: path.to_owned(), source }
}

struct Walk<'a> {
    selection: &'a Selection,
    files_max: usize,
    files: Vec<File>,
}

impl Walk<'_> {
    fn add(&mut self, path: &Path, about: &std::fs::Metadata, depth: usize) -> Result<(), FilesError> {
        if about.is_dir() && depth < DEPTH_MAX {
            let read = || -> io::Result<Vec<PathBuf>> {
                std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect()
            };
            let mut inside = read().map_err(|source| unread(path, source))?;
            inside.sort_unstable();
            for path in inside {
                // A file that went away meanwhile is no file of the scan.
                if let Ok(about) = std::fs::symlink_metadata(&path) {
                    self.add(&path, &about, depth + 1)?;
                }
            }
            return Ok(());
        }
        let shown = path.display().to_string();
        if about.is_file() && self.selection.takes(&shown) {
            if self.files.len() >= self.files_max {
                return Err(FilesError::TooMany { files_max: self.files_max });
            }
            self.files.push(File { path: path.to_owned(), shown, bytes: about.len() });
        }
        Ok(())
    }
}

impl File {
    /// Reads it, unpacked if it is gzipped.
    pub(super) fn read(&self) -> io::Result<Content> {
        let mut bytes = Vec::new();
        std::fs::File::open(&self.path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.starts_with(&[0x1F, 0x8B]) {
            let packed = std::mem::take(&mut bytes);
            let unpacked = flate2::read::MultiGzDecoder::new(packed.as_slice());
            unpacked.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        }
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Ok(Content::Skipped("larger than 256 MiB"));
        }
        Ok(Content::Bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_names_and_not_too_many_of_them() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        for name in ["z.txt", "deep/b.txt", "deep/a.txt", "skip.bin"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("z.txt", folder.path().join("link.txt")).unwrap();
        let selection = Selection { include: vec!["*.txt".to_owned()], ..Selection::default() };
        let paths = [folder.path().to_owned()];
        let found = files(&paths, &selection, 3).unwrap();
        let names: Vec<&str> = found.iter().map(|file| file.shown.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["a.txt", "b.txt", "z.txt"]);
        assert!(matches!(files(&paths, &selection, 2), Err(FilesError::TooMany { files_max: 2 })));
        let nowhere = [folder.path().join("nowhere")];
        assert!(matches!(files(&nowhere, &selection, 2), Err(FilesError::Read { .. })));
    }
}
