//! Bytes to text and back by the names of HL7 table 0211.

use std::borrow::Cow;

use encoding_rs::{
    BIG5, DecoderResult, EUC_JP, EUC_KR, EncoderResult, Encoding, GB18030, ISO_8859_2, ISO_8859_3,
    ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_10, ISO_8859_13, ISO_8859_14,
    ISO_8859_15, ISO_8859_16, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_874, WINDOWS_1252, WINDOWS_1254,
};

use super::iso2022;

/// A character set that a message can be written in.
///
/// 8859/1, 8859/9 and 8859/11 are read as their Windows supersets, as the web does: the bytes 80-9F then are letters
/// and signs, which is what senders mean by them, and not control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    base: Base,
    /// MSH-18 repeats: the sets can change inside the text by ISO 2022 escape sequences.
    switching: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Ascii,
    Encoding(&'static Encoding),
}

impl Charset {
    /// `UNICODE UTF-8`.
    pub const UTF_8: Self = Self { base: Base::Encoding(UTF_8), switching: false };
    /// `ASCII`.
    pub const ASCII: Self = Self { base: Base::Ascii, switching: false };
    /// `8859/1`.
    pub const LATIN_1: Self = Self { base: Base::Encoding(WINDOWS_1252), switching: false };

    pub(super) const UTF_16LE: Self = Self { base: Base::Encoding(UTF_16LE), switching: false };
    pub(super) const UTF_16BE: Self = Self { base: Base::Encoding(UTF_16BE), switching: false };

    /// Looks a name up in table 0211; names that senders use instead (`UTF-8`, `ISO-8859-1`, `windows-1250`) are known too.
    ///
    /// Source: HL7 v2.8, table 0211; labels of the WHATWG Encoding Standard.
    pub fn named(name: &str) -> Option<Self> {
        let compact: String = name
            .chars()
            .filter(|found| !found.is_whitespace())
            .map(|found| found.to_ascii_uppercase())
            .collect();
        let encoding = match compact.as_str() {
            "ASCII" | "US-ASCII" | "ISOIR6" => return Some(Self::ASCII),
            "8859/1" => WINDOWS_1252,
            "8859/2" => ISO_8859_2,
            "8859/3" => ISO_8859_3,
            "8859/4" => ISO_8859_4,
            "8859/5" => ISO_8859_5,
            "8859/6" => ISO_8859_6,
            "8859/7" => ISO_8859_7,
            "8859/8" => ISO_8859_8,
            "8859/9" => WINDOWS_1254,
            "8859/10" => ISO_8859_10,
            "8859/11" => WINDOWS_874,
            "8859/13" => ISO_8859_13,
            "8859/14" => ISO_8859_14,
            "8859/15" => ISO_8859_15,
            "8859/16" => ISO_8859_16,
            // JIS X 0201 is the one-byte part of Shift JIS.
            "ISOIR14" => SHIFT_JIS,
            // As a primary set these are 7-bit sets that only make sense with escape sequences.
            "ISOIR87" | "ISOIR159" => return Some(Self { base: Base::Encoding(EUC_JP), switching: true }),
            "GB18030-2000" | "GB18030" => GB18030,
            "KSX1001" => EUC_KR,
            "BIG-5" | "BIG5" | "CNS11643-1992" => BIG5,
            "UNICODE" | "UNICODEUTF-8" | "UTF-8" | "UTF8" => UTF_8,
            "UNICODEUTF-16" | "UTF-16" => UTF_16BE,
            _ => Encoding::for_label(name.trim().as_bytes())?,
        };
        Some(Self { base: Base::Encoding(encoding), switching: false })
    }

    /// The set of an MSH-18 with these repetitions: the first is the one to begin with (ASCII if empty); more than one
    /// means that escape sequences switch between them. `None` if the first is not known.
    pub(super) fn from_repetitions<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let first = names.next().unwrap_or("");
        let base = if first.is_empty() { Self::ASCII } else { Self::named(first)? };
        Some(Self { switching: base.switching || names.next().is_some(), ..base })
    }

    /// Whether text in this set can be taken over as it is.
    pub(super) fn is_plain_utf8(&self) -> bool {
        !self.switching && self.base == Base::Encoding(UTF_8)
    }

    pub(super) fn is_ascii(&self) -> bool {
        !self.switching && self.base == Base::Ascii
    }

    pub(super) fn is_switching(&self) -> bool {
        self.switching
    }

    fn is_utf16(&self) -> bool {
        matches!(self.base, Base::Encoding(encoding) if encoding == UTF_16LE || encoding == UTF_16BE)
    }

    /// Appends `bytes` as text. Each run of bytes that mean nothing becomes one U+FFFD, and `bad` is told its offset in
    /// `text` and its length.
    pub(super) fn decode_into(self, bytes: &[u8], text: &mut String, bad: &mut dyn FnMut(usize, usize)) {
        match self.base {
            _ if self.switching => iso2022::decode_into(self.encoding(), bytes, text, bad),
            Base::Ascii => decode_ascii(bytes, text, bad),
            Base::Encoding(encoding) => decode_with(encoding, bytes, text, bad),
        }
    }

    /// The bytes of an `\X..\` escape as text, or `None` if they mean nothing in this set.
    pub(super) fn decode_escape(self, bytes: &[u8]) -> Option<String> {
        // A sender that writes UTF-16 still escapes control characters as one byte.
        let set = if self.is_utf16() && bytes.len() == 1 { Self::ASCII } else { self };
        let mut text = String::new();
        let mut sound = true;
        set.decode_into(bytes, &mut text, &mut |_, _| sound = false);
        sound.then_some(text)
    }

    /// Writes text as bytes. Characters that the set does not have become `?`.
    pub fn encode(self, text: &str) -> Cow<'_, [u8]> {
        if text.is_ascii() && !self.is_utf16() || self.base == Base::Encoding(UTF_8) {
            return Cow::Borrowed(text.as_bytes());
        }
        if self.is_utf16() {
            let little = self.base == Base::Encoding(UTF_16LE);
            let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
            return Cow::Owned(text.encode_utf16().flat_map(bytes).collect());
        }
        let Base::Encoding(encoding) = self.base else {
            return Cow::Owned(
                text.chars()
                    .map(|found| u8::try_from(found).ok().filter(u8::is_ascii).unwrap_or(b'?'))
                    .collect(),
            );
        };
        Cow::Owned(encode_with(encoding, text))
    }

    fn encoding(self) -> Option<&'static Encoding> {
        match self.base {
            Base::Ascii => None,
            Base::Encoding(encoding) => Some(encoding),
        }
    }
}

pub(super) fn decode_ascii(bytes: &[u8], text: &mut String, bad: &mut dyn FnMut(usize, usize)) {
    for run in bytes.chunk_by(|left, right| left.is_ascii() == right.is_ascii()) {
        match std::str::from_utf8(run) {
            Ok(run) if run.is_ascii() => text.push_str(run),
            _ => {
                bad(text.len(), run.len());
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}

pub(super) fn decode_with(
    encoding: &'static Encoding,
    bytes: &[u8],
    text: &mut String,
    bad: &mut dyn FnMut(usize, usize),
) {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut rest = bytes;
    let mut chunk = vec![0u8; 4096.min(bytes.len() * 3 + 16)];
    // Consecutive runs of unreadable bytes are told as one.
    let mut open: Option<(usize, usize)> = None;
    loop {
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(rest, &mut chunk, true);
        rest = rest.get(read..).unwrap_or(&[]);
        if written > 0 {
            if let Some((offset, count)) = open.take() {
                bad(offset, count);
            }
            text.push_str(
                chunk.get(..written).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or(""),
            );
        }
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(length, _) => match &mut open {
                Some((_, count)) => *count += usize::from(length),
                None => {
                    open = Some((text.len(), usize::from(length)));
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            },
        }
    }
    if let Some((offset, count)) = open {
        bad(offset, count);
    }
}

fn encode_with(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    let mut encoder = encoding.new_encoder();
    let mut bytes = Vec::with_capacity(text.len());
    let mut chunk = vec![0u8; 4096.min(text.len() * 2 + 64)];
    let mut rest = text;
    loop {
        let (result, read, written) = encoder.encode_from_utf8_without_replacement(rest, &mut chunk, true);
        rest = rest.get(read..).unwrap_or("");
        bytes.extend_from_slice(chunk.get(..written).unwrap_or(&[]));
        match result {
            EncoderResult::InputEmpty => return bytes,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => bytes.push(b'?'),
        }
    }
}
