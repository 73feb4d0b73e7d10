//! The bytes of our durable formats: LEB128 varints, length-prefixed bytes, ids. Readers never panic.

/// Bytes ended early, or hold what no writer of ours writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored bytes do not have the form of their version")]
pub(crate) struct Malformed;

/// Appends `value` as LEB128.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends length and bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends an id: a lower-case UUID as 0 and 16 bytes, anything else with its length.
pub(crate) fn put_id(out: &mut Vec<u8>, id: &str) {
    match uuid_bytes(id) {
        Some(bytes) => {
            out.push(0);
            out.extend_from_slice(&bytes);
        }
        None => put_bytes(out, id.as_bytes()),
    }
}

fn uuid_bytes(id: &str) -> Option<[u8; 16]> {
    if id.len() != 36 {
        return None;
    }
    let mut bytes = [0_u8; 16];
    let mut nibbles = 0_usize;
    for (at, letter) in id.bytes().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if letter != b'-' {
                return None;
            }
            continue;
        }
        let nibble = match letter {
            b'0'..=b'9' => letter - b'0',
            b'a'..=b'f' => letter - b'a' + 10,
            _ => return None,
        };
        let byte = bytes.get_mut(nibbles / 2)?;
        *byte = *byte << 4 | nibble;
        nibbles += 1;
    }
    Some(bytes)
}

/// A UUID's text, lower case.
pub(crate) fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for nibble in [byte >> 4, byte & 0xF] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// Reads what the `put_` functions wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A LEB128 number.
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        if count > self.0.len() {
            return Err(Malformed);
        }
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(taken)
    }

    /// Length and bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        self.take(count)
    }

    /// Length and UTF-8 text.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// An id.
    pub(crate) fn id(&mut self) -> Result<compact_str::CompactString, Malformed> {
        let mut ahead = *self;
        if ahead.byte()? == 0 {
            let bytes: [u8; 16] = ahead.take(16)?.try_into().map_err(|_| Malformed)?;
            *self = ahead;
            return Ok(uuid_text(&bytes).into());
        }
        Ok(self.text()?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(Reader::new(&out).varint(), Ok(value));
        }
        assert_eq!(Reader::new(&[0x80; 11]).varint(), Err(Malformed));
    }

    #[test]
    fn ids_read_back_and_uuids_are_short() {
        for id in
            ["a", "example", "74ab949d-17ac-3309-83a0-13b4405c66aa", "74AB949d-17ac-3309-83a0-13b4405c66aa"]
        {
            let mut out = Vec::new();
            put_id(&mut out, id);
            out.push(7);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.id().as_deref(), Ok(id));
            assert_eq!(reader.rest(), [7]);
        }
        let mut out = Vec::new();
        put_id(&mut out, "74ab949d-17ac-3309-83a0-13b4405c66aa");
        assert_eq!(out.len(), 17);
    }

    #[test]
    fn short_bytes_are_refused() {
        assert_eq!(Reader::new(&[5, 1]).bytes(), Err(Malformed));
        assert_eq!(Reader::new(&[]).id(), Err(Malformed));
        assert_eq!(Reader::new(&[0, 1]).id(), Err(Malformed));
    }
}
