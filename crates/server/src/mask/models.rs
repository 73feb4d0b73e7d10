//! The networks that read text off images: two files of a folder.

use std::io;
use std::path::{Path, PathBuf};

use mask::image::{ImageError, ReadLimits, Reader};

/// Why the models could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// A file could not be read.
    #[error("`{}` could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// They are no models of this kind.
    #[error("they are not what is expected")]
    Model(#[source] ImageError),
}

/// Loads what reads text off images: `detection.onnx` and `recognition.onnx` of this folder.
///
/// # Errors
/// [`ModelsError`].
pub fn image_reader(folder: &Path) -> Result<Reader, ModelsError> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|source| ModelsError::Read { path, source })
    };
    let (detection, recognition) = (read("detection.onnx")?, read("recognition.onnx")?);
    Reader::new(detection, recognition, None, ReadLimits::default()).map_err(ModelsError::Model)
}
