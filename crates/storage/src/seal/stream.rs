//! A sealed file as a stream of plain bytes, one way and the other.

use std::io::{self, Read, Write};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SealError;
use super::chunked::{CHUNK_LOG2_DEFAULT, OBJECT_HEADER_BYTES, Opener, Sealer};
use crate::disk::File;
use crate::keys::DataKey;

/// Bytes that are written or read at a time.
const BLOCK_BYTES: usize = 1024 * 1024;

/// Seals what is written to it. `F` is a borrowed or an owned handle of a file.
pub(crate) struct SealedWriter<F> {
    file: F,
    sealer: Sealer,
    waiting: Vec<u8>,
    written: u64,
}

impl<F: Deref<Target: File>> SealedWriter<F> {
    pub(crate) fn new(file: F, key: &DataKey, additional: &[&[u8]]) -> Self {
        let mut waiting = Vec::with_capacity(BLOCK_BYTES * 2);
        let sealer = Sealer::begin(key, additional, CHUNK_LOG2_DEFAULT, &mut waiting);
        Self { file, sealer, waiting, written: 0 }
    }

    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Ends the object and returns the length of the file, and its handle. Not durable yet.
    pub(crate) fn finish(self) -> io::Result<(u64, F)> {
        let Self { file, sealer, mut waiting, written } = self;
        sealer.finish(&mut waiting);
        file.write_at(written, &waiting)?;
        Ok((written + waiting.len() as u64, file))
    }
}

impl<F: Deref<Target: File>> Write for SealedWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sealer.write(bytes, &mut self.waiting);
        if self.waiting.len() >= BLOCK_BYTES {
            self.file.write_at(self.written, &self.waiting)?;
            self.written += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens what is read from it, and errs at the first altered chunk. A file that was cut off errs too.
pub(crate) struct SealedReader<F> {
    file: F,
    opener: Opener,
    file_bytes: u64,
    /// Plain bytes taken out of the file.
    taken: u64,
    position: Arc<AtomicU64>,
    block: Vec<u8>,
    given: usize,
}

impl<F: Deref<Target: File>> SealedReader<F> {
    pub(crate) fn new(file: F, key: &DataKey, additional: &[&[u8]]) -> io::Result<Self> {
        let file_bytes = file.len()?;
        let mut header = [0; OBJECT_HEADER_BYTES];
        if file_bytes < OBJECT_HEADER_BYTES as u64 {
            return Err(sealing(SealError::Header));
        }
        file.read_exact_at(0, &mut header)?;
        let opener = Opener::new(key, additional, &header, file_bytes).map_err(sealing)?;
        let position = Arc::new(AtomicU64::new(0));
        Ok(Self { file, opener, file_bytes, taken: 0, position, block: Vec::new(), given: 0 })
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Follows how far the reader is, in bytes of the file.
    pub(crate) fn position(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.position)
    }

    fn next_block(&mut self) -> io::Result<()> {
        let range = self.taken..self.taken + BLOCK_BYTES as u64;
        let (file, position) = (&*self.file, &self.position);
        self.block = self.opener.read(range, |sealed| {
            let mut bytes = vec![0; (sealed.end - sealed.start) as usize];
            file.read_exact_at(sealed.start, &mut bytes)?;
            position.store(sealed.end, Ordering::Relaxed);
            Ok(bytes)
        })?;
        self.given = 0;
        self.taken += self.block.len() as u64;
        Ok(())
    }
}

impl<F: Deref<Target: File>> Read for SealedReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.block.len() {
            self.next_block()?;
        }
        let rest = &self.block[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

fn sealing(error: SealError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
