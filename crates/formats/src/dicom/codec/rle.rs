//! RLE Lossless: PackBits by byte planes. Source: PS3.5, G.

/// Decodes one frame of `pixels` pixels of `samples` samples of `unit` bytes; little endian, samples of a pixel together.
/// `None` if the segments do not hold as much.
pub(super) fn decode(fragment: &[u8], pixels: usize, samples: usize, unit: usize) -> Option<Vec<u8>> {
    let word = |at: usize| {
        let bytes = fragment.get(at * 4..at * 4 + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let segments = word(0)?;
    if segments != samples * unit || segments > 15 {
        return None;
    }
    let mut frame = vec![0; pixels.checked_mul(segments)?];
    for segment in 0..segments {
        let start = word(segment + 1)?;
        let end = if segment + 1 < segments { word(segment + 2)? } else { fragment.len() };
        let plane = unpack(fragment.get(start..end)?, pixels)?;
        // The high byte of each sample comes first.
        let place = segment / unit * unit + (unit - 1 - segment % unit);
        for (slot, byte) in frame.iter_mut().skip(place).step_by(segments).zip(plane) {
            *slot = byte;
        }
    }
    Some(frame)
}

/// PackBits, exactly `count` bytes.
fn unpack(bytes: &[u8], count: usize) -> Option<Vec<u8>> {
    // A run of two bytes gives at most 128: what could never fill the plane is not given room.
    if count > bytes.len().checked_mul(128)? {
        return None;
    }
    let mut out = Vec::with_capacity(count);
    let mut rest = bytes;
    while out.len() < count {
        let (&head, tail) = rest.split_first()?;
        rest = tail;
        let wanted = count - out.len();
        match head {
            0..=127 => {
                let (run, tail) = rest.split_at_checked(usize::from(head) + 1)?;
                out.extend_from_slice(run.get(..run.len().min(wanted))?);
                rest = tail;
            }
            129.. => {
                let (&byte, tail) = rest.split_first()?;
                out.resize(out.len() + (257 - usize::from(head)).min(wanted), byte);
                rest = tail;
            }
            128 => {}
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_put_together_low_byte_first() {
        let mut fragment = vec![0; 64];
        fragment[0] = 2;
        fragment[4] = 64;
        fragment[8] = 66;
        fragment.extend([255, 1]); // two high bytes of 1
        fragment.extend([1, 2, 3]); // low bytes 2 and 3
        assert_eq!(decode(&fragment, 2, 1, 2).unwrap(), [2, 1, 3, 1]);
        assert_eq!(decode(&fragment, 3, 1, 2), None);
        assert_eq!(decode(&[], 1, 1, 1), None);
    }
}
