//! Bits of entropy-coded data, the high ones of a byte first.

/// How a bit is kept from looking like a marker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuffing {
    /// A byte of zero follows each 0xFF. Source: ITU-T T.81, F.1.2.3.
    Byte,
    /// The byte behind an 0xFF has seven bits. Source: ITU-T T.87, A.1.
    Bit,
}

pub(super) struct Bits<'b> {
    bytes: std::slice::Iter<'b, u8>,
    stuffing: Stuffing,
    follows_ff: bool,
    /// The next bits, from the highest on; zeros behind them.
    held: u64,
    count: u32,
}

impl<'b> Bits<'b> {
    pub(super) fn of(bytes: &'b [u8], stuffing: Stuffing) -> Self {
        Self { bytes: bytes.iter(), stuffing, follows_ff: false, held: 0, count: 0 }
    }

    /// The next `length` bits, up to 32.
    pub(super) fn take(&mut self, length: u32) -> Result<u32, String> {
        if length == 0 {
            return Ok(0);
        }
        self.fill();
        if length > self.count {
            return Err("its data end too early".to_owned());
        }
        let bits = self.held >> (64 - length);
        self.drop(length);
        Ok(bits as u32)
    }

    /// How many zeros stand before the next one, which is taken, too; an error if more than `most`, up to 56.
    pub(super) fn zeros(&mut self, most: u32) -> Result<u32, String> {
        self.fill();
        let zeros = self.held.leading_zeros();
        if zeros >= self.count {
            return Err("its data end too early".to_owned());
        }
        if zeros > most {
            return Err("its data are broken".to_owned());
        }
        self.drop(zeros + 1);
        Ok(zeros)
    }

    /// The next 16 bits, zeros behind the end, without taking them.
    pub(super) fn peek(&mut self) -> u16 {
        self.fill();
        (self.held >> 48) as u16
    }

    fn drop(&mut self, length: u32) {
        self.held <<= length;
        self.count -= length;
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.bytes.next() else { break };
            let mut length = 8;
            if std::mem::replace(&mut self.follows_ff, byte == 0xFF) {
                match self.stuffing {
                    Stuffing::Byte => continue,
                    Stuffing::Bit => length = 7,
                }
            }
            self.held |= u64::from(byte) << (64 - length - self.count);
            self.count += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_is_left_out() {
        let mut bits = Bits::of(&[0xFF, 0x00, 0xA5], Stuffing::Byte);
        assert_eq!((bits.take(8), bits.peek(), bits.take(8)), (Ok(0xFF), 0xA500, Ok(0xA5)));
        let mut bits = Bits::of(&[0xFF, 0x7F, 0x80], Stuffing::Bit);
        assert_eq!((bits.take(15), bits.take(8)), (Ok(0x7FFF), Ok(0x80)));
        assert!(bits.take(1).is_err());
    }

    #[test]
    fn zeros_end_with_a_one() {
        let mut bits = Bits::of(&[0x08, 0x00, 0x00], Stuffing::Bit);
        assert_eq!(bits.zeros(4), Ok(4));
        assert!(bits.zeros(50).unwrap_err().contains("early"));
        assert!(Bits::of(&[0x01], Stuffing::Bit).zeros(6).unwrap_err().contains("broken"));
    }
}
