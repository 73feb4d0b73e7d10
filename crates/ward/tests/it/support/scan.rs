//! Looks for strings in files and logs, in the shapes in which a leak would show: as they are in any case, in UTF-16, in
//! hexadecimal, in base64 at each of its three alignments, and inside gzip and zstd frames.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Bytes that a compressed frame may grow to before the rest of it is left alone.
const FRAME_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Shapes shorter than this would be found by chance.
const SHAPE_BYTES_MIN: usize = 6;

/// Strings to look for.
pub(crate) struct Scan {
    /// The string's place in the list given, what the shape is, and its bytes in lower case.
    shapes: Vec<(usize, &'static str, Vec<u8>)>,
    /// Shapes by their first two bytes.
    starts: Vec<Vec<usize>>,
    strings: Vec<String>,
}

/// What was found: the string, its shape and where.
pub(crate) type Find = (String, &'static str, String);

impl Scan {
    pub(crate) fn new(strings: &[&str]) -> Self {
        let mut shapes = Vec::new();
        for (index, text) in strings.iter().enumerate() {
            for (shape, bytes) in shapes_of(text) {
                if bytes.len() >= SHAPE_BYTES_MIN {
                    shapes.push((index, shape, bytes.to_ascii_lowercase()));
                }
            }
        }
        let mut starts = vec![Vec::new(); 1 << 16];
        for (index, (_, _, bytes)) in shapes.iter().enumerate() {
            starts[usize::from(bytes[0]) << 8 | usize::from(bytes[1])].push(index);
        }
        Self { shapes, starts, strings: strings.iter().map(|&text| text.to_owned()).collect() }
    }

    /// What stands in these bytes; `place` says where they are from.
    pub(crate) fn bytes(&self, place: &str, bytes: &[u8]) -> Vec<Find> {
        let mut found = self.plain(place, bytes);
        for (start, magic) in bytes.windows(4).enumerate() {
            let rest = &bytes[start..];
            let inside = match magic {
                [0x28, 0xB5, 0x2F, 0xFD] => zstd::Decoder::new(rest).ok().map(unpacked),
                [0x1F, 0x8B, 0x08, _] => Some(unpacked(flate2::read::GzDecoder::new(rest))),
                _ => None,
            };
            if let Some(inside) = inside.filter(|inside| !inside.is_empty()) {
                found.extend(self.plain(&format!("{place} unpacked at {start}"), &inside));
            }
        }
        found
    }

    fn plain(&self, place: &str, bytes: &[u8]) -> Vec<Find> {
        let lower = bytes.to_ascii_lowercase();
        let mut found = Vec::new();
        for (start, pair) in lower.windows(2).enumerate() {
            for index in &self.starts[usize::from(pair[0]) << 8 | usize::from(pair[1])] {
                let (text, shape, bytes) = &self.shapes[*index];
                if lower[start..].starts_with(bytes) {
                    found.push((self.strings[*text].clone(), *shape, format!("{place} at {start}")));
                }
            }
        }
        found
    }

    /// What stands in the names and contents of all files below a folder. Also gives how many files and bytes were read.
    pub(crate) fn folder(&self, folder: &Path) -> (Vec<Find>, usize, u64) {
        let (mut found, mut files, mut bytes) = (Vec::new(), 0, 0);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            found.extend(self.plain("a file's name", name.as_bytes()));
            if path.is_dir() {
                let below = self.folder(&path);
                found.extend(below.0);
                files += below.1;
                bytes += below.2;
            } else if let Ok(content) = std::fs::read(&path) {
                // A running server may remove a file between the listing and the look.
                found.extend(self.bytes(&name, &content));
                files += 1;
                bytes += content.len() as u64;
            }
        }
        (found, files, bytes)
    }
}

fn unpacked(frame: impl std::io::Read) -> Vec<u8> {
    let mut inside = Vec::new();
    // A frame that breaks off still gave what came before.
    let _ = frame.take(FRAME_BYTES_MAX).read_to_end(&mut inside);
    inside
}

fn shapes_of(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let mut shapes = vec![
        ("plain", bytes.to_vec()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16 big end first", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("hexadecimal", hex::encode(bytes).into_bytes()),
        ("percent-encoded", text.replace(' ', "%20").into_bytes()),
        ("form-encoded", text.replace(' ', "+").into_bytes()),
    ];
    // Base64 of the string inside a longer text: the letters that its neighbours do not touch.
    for before in 0..3 {
        let padded = [&b"\0\0"[..before], bytes].concat();
        let letters = STANDARD_NO_PAD.encode(&padded);
        let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        shapes.push(("base64", letters.as_bytes()[first..last].to_vec()));
    }
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_a_planted_string_in_every_shape() {
        let scan = Scan::new(&["Grünzaun Lane 17"]);
        let text = "at Grünzaun Lane 17, behind";
        let check = |content: Vec<u8>, shape: &str| {
            let found = scan.bytes("here", &content);
            assert!(found.iter().any(|find| find.1 == shape), "{shape}: {found:?}");
        };
        check(text.into(), "plain");
        check(text.to_ascii_uppercase().into(), "plain");
        check(text.encode_utf16().flat_map(u16::to_le_bytes).collect(), "UTF-16");
        check(hex::encode_upper(text).into(), "hexadecimal");
        check(text.replace(' ', "%20").into(), "percent-encoded");
        for before in ["", "x", "xx"] {
            check(STANDARD_NO_PAD.encode(format!("{before}{text}")).into(), "base64");
        }
        let zstd = zstd::encode_all(text.as_bytes(), 3).unwrap();
        check([b"some bytes", zstd.as_slice()].concat(), "plain");
        let mut gzip = flate2::write::GzEncoder::new(b"x".to_vec(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
        check(gzip.finish().unwrap(), "plain");
        assert!(scan.bytes("here", b"nothing of the kind stands here").is_empty());
    }

    #[test]
    fn the_scan_of_a_folder_finds_a_planted_file_and_a_planted_name() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("a").join("b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("content"), "the purple tightrope").unwrap();
        std::fs::write(deep.join("purple tightrope"), "").unwrap();
        let (found, files, _) = Scan::new(&["purple tightrope"]).folder(place.path());
        assert_eq!((found.len(), files), (2, 2), "{found:?}");
    }
}
