//! Text that switches between character sets by ISO 2022 escape sequences, as a repeating MSH-18 allows.
//!
//! The sequences come as raw bytes (`1B 24 42`) or as the message's own escapes (`\M2442\`, `\C2842\`). Each stretch
//! between two of them is decoded in the set that is then in force. The 7-bit Asian sets are decoded as the upper half of
//! their EUC forms, which `encoding_rs` knows.

use encoding_rs::{
    EUC_JP, EUC_KR, Encoding, GBK, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7,
    ISO_8859_8, SHIFT_JIS, WINDOWS_1252, WINDOWS_1254,
};

use super::charset::{decode_ascii, decode_with};

/// What the bytes below and above 80 mean at the moment.
#[derive(Clone, Copy)]
struct State {
    low: Low,
    high: Option<&'static Encoding>,
}

#[derive(Clone, Copy, PartialEq)]
enum Low {
    Ascii,
    /// JIS X 0201 katakana: byte + 80 in Shift JIS.
    Katakana,
    /// Pairs of 7-bit bytes: with the high bits set, a pair of this EUC encoding.
    Pairs(&'static Encoding),
    /// JIS X 0212: as pairs, each after 8F in EUC-JP.
    Supplement,
}

/// Source: ISO-IR registry numbers in HL7 v2.8 2.15.9.18 and 2.7.2.
fn designate(state: State, sequence: &[u8]) -> Option<(State, usize)> {
    let low = |low| State { low, ..state };
    let high = |encoding| State { high: Some(encoding), ..state };
    Some(match sequence {
        [b'(', b'B' | b'J', ..] => (low(Low::Ascii), 2),
        [b'(' | b')', b'I', ..] => (low(Low::Katakana), 2),
        [b'$', b'@' | b'B', ..] => (low(Low::Pairs(EUC_JP)), 2),
        [b'$', b'(', b'D', ..] => (low(Low::Supplement), 3),
        [b'$', b'(', b'C', ..] => (low(Low::Pairs(EUC_KR)), 3),
        [b'$', b'A', ..] => (low(Low::Pairs(GBK)), 2),
        [b'$', b'(', b'A', ..] => (low(Low::Pairs(GBK)), 3),
        [b'$', b')', b'C', ..] => (high(EUC_KR), 3),
        [b'$', b')', b'A', ..] => (high(GBK), 3),
        [b'-', final_byte, ..] => {
            let encoding = match final_byte {
                b'A' => WINDOWS_1252,
                b'B' => ISO_8859_2,
                b'C' => ISO_8859_3,
                b'D' => ISO_8859_4,
                b'L' => ISO_8859_5,
                b'G' => ISO_8859_6,
                b'F' => ISO_8859_7,
                b'H' => ISO_8859_8,
                b'M' => WINDOWS_1254,
                _ => return None,
            };
            (high(encoding), 2)
        }
        _ => return None,
    })
}

/// As [`Charset::decode_into`](super::Charset), for switching sets; `base` is the first set, `None` for ASCII.
pub(super) fn decode_into(
    base: Option<&'static Encoding>,
    bytes: &[u8],
    text: &mut String,
    bad: &mut dyn FnMut(usize, usize),
) {
    let start = State { low: Low::Ascii, high: base };
    let mut state = start;
    let mut stretch_start = 0;
    let mut offset = 0;
    while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
        // A line end always returns to the first set, so that one lost escape cannot spoil the segments after it.
        let found = match rest {
            [0x1B, sequence @ ..] => designate(state, sequence).map(|(next, length)| (next, length + 1)),
            [b'\\', b'C' | b'M', hex @ ..] => {
                designate_escaped(state, hex).map(|(next, length)| (next, length + 2))
            }
            [b'\r' | b'\n', ..] if state.low != Low::Ascii => Some((start, 0)),
            _ => None,
        };
        let Some((next, length)) = found else {
            offset += 1;
            continue;
        };
        decode_stretch(state, bytes.get(stretch_start..offset).unwrap_or(&[]), text, bad);
        state = next;
        offset += length;
        stretch_start = offset;
    }
    decode_stretch(state, bytes.get(stretch_start..).unwrap_or(&[]), text, bad);
}

/// `2442\` after `\M`: the same sequence in hexadecimal.
fn designate_escaped(state: State, hex: &[u8]) -> Option<(State, usize)> {
    let end = hex.iter().take(8).position(|byte| *byte == b'\\')?;
    let sequence = super::escape::bytes_of_hex(hex.get(..end)?)?;
    let (next, length) = designate(state, &sequence)?;
    (length == sequence.len()).then_some((next, end + 1))
}

fn decode_stretch(state: State, stretch: &[u8], text: &mut String, bad: &mut dyn FnMut(usize, usize)) {
    let raised = |prefix: &[u8], width: usize| -> Vec<u8> {
        let raise = |pair: &[u8]| {
            let full = pair.len() == width && pair.iter().all(u8::is_ascii_graphic);
            let head = if full { prefix } else { &[] };
            let high = if full { 0x80 } else { 0 };
            head.iter().copied().chain(pair.iter().map(move |byte| byte | high)).collect::<Vec<u8>>()
        };
        stretch.chunks(width).flat_map(raise).collect()
    };
    match (state.low, state.high) {
        (Low::Ascii, None) => decode_ascii(stretch, text, bad),
        (Low::Ascii, Some(encoding)) => decode_with(encoding, stretch, text, bad),
        (Low::Katakana, _) => decode_with(SHIFT_JIS, &raised(&[], 1), text, bad),
        (Low::Pairs(encoding), _) => decode_with(encoding, &raised(&[], 2), text, bad),
        (Low::Supplement, _) => decode_with(EUC_JP, &raised(&[0x8F], 2), text, bad),
    }
}
