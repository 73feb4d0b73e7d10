//! Base 32 in capital letters and the digits 2 to 7, without padding.
//!
//! Source: RFC 4648, 6.

const ALPHABET: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Whether the byte is a letter of the alphabet.
pub(crate) fn is_upper_letter(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

/// The bytes as text; what does not fill the last letter is padded with zero bits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes
        .chunks(5)
        .flat_map(|chunk| {
            let number =
                (0..5).fold(0_u64, |sum, at| sum << 8 | u64::from(chunk.get(at).copied().unwrap_or(0)));
            let letters = (chunk.len() * 8).div_ceil(5);
            (0..letters).map(move |at| {
                let index = number >> (35 - at * 5) & 31;
                char::from(
                    usize::try_from(index)
                        .ok()
                        .and_then(|index| ALPHABET.get(index))
                        .copied()
                        .unwrap_or(b'A'),
                )
            })
        })
        .collect()
}

/// The bytes of a text that [`encode`] gave for a multiple of five bytes; `None` for anything else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(8) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 8 * 5);
    for chunk in text.as_bytes().chunks(8) {
        let mut number = 0_u64;
        for byte in chunk {
            let index = ALPHABET.iter().position(|letter| letter == byte)?;
            number = number << 5 | index as u64;
        }
        bytes.extend(number.to_be_bytes().into_iter().skip(3));
    }
    Some(bytes)
}
