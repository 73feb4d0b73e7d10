//! Inputs that are packed with gzip (RFC 1952), unpacked as they are read: told by their first bytes, whatever their name or headers
//! say, for no line of JSON begins with those.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// What a gzip file begins with.
const MAGIC: [u8; 2] = [0x1F, 0x8B];
/// How many times as long as its packed form an input may be: resources in lines come to a tenth of this.
const RATIO_MAX: u64 = 400;
/// Bytes for which the ratio does not count yet.
const FREE_BYTES: u64 = 64 << 20;

/// Why an input could not be unpacked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// It is cut short or altered.
    #[error("an input is packed with gzip and does not unpack to its end")]
    Broken,
    /// It would fill any store.
    #[error("an input unpacks to more than {RATIO_MAX} times its packed length")]
    Bomb,
}

impl Unfit {
    /// The reason behind an error of reading, if it is one of these.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<Unfit> for io::Error {
    fn from(unfit: Unfit) -> Self {
        Self::new(io::ErrorKind::InvalidData, unfit)
    }
}

/// The bytes of an input, unpacked if they are packed.
///
/// # Errors
/// From the reader. What cannot be unpacked is an error of a later read, see [`Unfit::of`].
pub(super) fn unpacked(mut reader: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    let mut first = Vec::with_capacity(MAGIC.len());
    reader.by_ref().take(MAGIC.len() as u64).read_to_end(&mut first)?;
    let is_packed = first == MAGIC;
    let whole = io::Cursor::new(first).chain(reader);
    if !is_packed {
        return Ok(Box::new(whole));
    }
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Counted { reader: whole, taken: Arc::clone(&taken) };
    let decoder = MultiGzDecoder::new(BufReader::new(counted));
    Ok(Box::new(Unpacked { decoder, taken, given: 0 }))
}

struct Counted<R> {
    reader: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

struct Unpacked<R> {
    decoder: MultiGzDecoder<BufReader<Counted<R>>>,
    taken: Arc<AtomicU64>,
    given: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let count = self.decoder.read(buffer).map_err(|error| match error.kind() {
            InvalidData | InvalidInput | UnexpectedEof => Unfit::Broken.into(),
            _ => error,
        })?;
        self.given = self.given.saturating_add(count as u64);
        let most = self.taken.load(Ordering::Relaxed).saturating_mul(RATIO_MAX).max(FREE_BYTES);
        if self.given > most {
            return Err(Unfit::Bomb.into());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// One byte at a time, as a slow host sends them.
    struct Slow(io::Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let end = buffer.len().min(1);
            self.0.read(&mut buffer[..end])
        }
    }

    fn read(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        unpacked(Box::new(Slow(io::Cursor::new(bytes))))?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn packed_inputs_are_unpacked_and_plain_ones_left_alone() {
        for plain in [&b""[..], b"{", b"{}\n{}\n", b"\x1Fx"] {
            assert_eq!(read(plain.to_vec()).unwrap(), plain);
        }
        let lines = b"{\"resourceType\":\"Patient\"}\n".repeat(1000);
        assert_eq!(read(packed(&lines)).unwrap(), lines);
        let two = [packed(b"a\n"), packed(b"b\n")].concat();
        assert_eq!(read(two).unwrap(), b"a\nb\n", "files put one behind the other");
    }

    #[test]
    fn what_is_cut_short_or_altered_is_told() {
        let whole = packed(b"{\"resourceType\":\"Patient\",\"id\":\"a\"}\n");
        for end in 2..whole.len() {
            let error = read(whole[..end].to_vec()).unwrap_err();
            assert!(matches!(Unfit::of(&error), Some(Unfit::Broken)), "{end}: {error}");
        }
        let mut altered = whole.clone();
        let at = altered.len() - 6;
        altered[at] ^= 1;
        assert!(matches!(Unfit::of(&read(altered).unwrap_err()), Some(Unfit::Broken)));
    }

    #[test]
    fn a_bomb_is_put_down_before_it_has_unpacked() {
        let bomb = packed(&vec![b'\n'; 200 << 20]);
        let mut given = 0;
        let mut reader = unpacked(Box::new(io::Cursor::new(bomb))).unwrap();
        let mut buffer = vec![0; 1 << 16];
        let error = loop {
            match reader.read(&mut buffer) {
                Ok(0) => panic!("all of it was unpacked"),
                Ok(count) => given += count as u64,
                Err(error) => break error,
            }
        };
        assert!(matches!(Unfit::of(&error), Some(Unfit::Bomb)));
        assert!(given <= 100 << 20, "{given}");
    }
}
