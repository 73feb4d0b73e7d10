//! The marker segments of a JPEG or JPEG-LS stream. Source: ITU-T T.81, B.1.1; T.87, C.1.

/// Start and end of an image, frame header, scan header.
pub(super) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(super) const SOS: u8 = 0xDA;
/// Restart interval.
pub(super) const DRI: u8 = 0xDD;

pub(super) struct Segments<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Segments<'b> {
    /// The segments of a stream, behind the marker that it begins with.
    pub(super) fn of(bytes: &'b [u8]) -> Result<Self, String> {
        let is_image = bytes.starts_with(&[0xFF, SOI]);
        is_image.then_some(Self { bytes, at: 2 }).ok_or_else(|| "it is no JPEG stream".to_owned())
    }

    /// The next marker and what belongs to it.
    pub(super) fn next(&mut self) -> Result<(u8, &'b [u8]), String> {
        let ends = || "it ends within its segments".to_owned();
        if self.bytes.get(self.at) != Some(&0xFF) {
            return Err(if self.at < self.bytes.len() {
                format!("no marker stands at byte {}", self.at)
            } else {
                ends()
            });
        }
        // A marker may be preceded by any number of these.
        while self.bytes.get(self.at) == Some(&0xFF) {
            self.at += 1;
        }
        let marker = *self.bytes.get(self.at).ok_or_else(ends)?;
        self.at += 1;
        if matches!(marker, SOI | EOI | 0x01 | 0xD0..=0xD7) {
            return Ok((marker, &[]));
        }
        let Some([high, low, ..]) = self.bytes.get(self.at..) else { return Err(ends()) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let segment = self.bytes.get(self.at + 2..self.at + length).ok_or_else(ends)?;
        self.at += length;
        Ok((marker, segment))
    }

    /// The entropy-coded bytes that follow, up to the next marker: what stands behind an 0xFF tells whether one is there.
    pub(super) fn coded(&mut self, is_marker: impl Fn(u8) -> bool) -> &'b [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let marker = rest.windows(2).position(|pair| matches!(pair, [0xFF, next] if is_marker(*next)));
        let coded = rest.get(..marker.unwrap_or(rest.len())).unwrap_or_default();
        self.at += coded.len();
        coded
    }
}

/// A number of two bytes.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let pair = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_be_bytes(pair)))
}
