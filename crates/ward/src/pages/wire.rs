//! How pages go from one process to the other: frames, each of one byte that says what it is, and numbers with the low byte first.
//!
//! | frame | content |
//! |---|---|
//! | `P` page | columns u32, rows u32, bytes a pixel u8 (1, 3), width and height in points as f32, length of the text u32, text, pixels |
//! | `E` end | nothing |
//! | `R` refusal | what u8, number of the page u32 |

use std::io::{self, Read, Write};

use mask::image::Raster;
use mask::pdf::{PdfError, PdfLimits, PdfPage};

const PAGE: u8 = b'P';
const END: u8 = b'E';
const REFUSAL: u8 = b'R';

/// Writes a page.
pub(crate) fn send(page: &PdfPage, out: &mut impl Write) -> io::Result<()> {
    let raster = &page.raster;
    let length = u32::try_from(page.text.len()).map_err(io::Error::other)?;
    out.write_all(&[PAGE])?;
    out.write_all(&raster.width().to_le_bytes())?;
    out.write_all(&raster.height().to_le_bytes())?;
    out.write_all(&[if raster.is_grey() { 1 } else { 3 }])?;
    out.write_all(&page.points.0.to_le_bytes())?;
    out.write_all(&page.points.1.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(page.text.as_bytes())?;
    out.write_all(raster.pixels())
}

/// Writes how it ended.
pub(crate) fn end(outcome: &Result<(), PdfError>, out: &mut impl Write) -> io::Result<()> {
    let (what, page) = match outcome {
        Ok(()) => return out.write_all(&[END]).and_then(|()| out.flush()),
        Err(PdfError::Encrypted) => (1, 0),
        Err(PdfError::Broken) => (2, 0),
        Err(PdfError::TooLong { .. }) => (3, 0),
        Err(PdfError::TooManyPages { .. }) => (4, 0),
        Err(PdfError::TooManyPixels { page, .. }) => (5, *page),
        Err(PdfError::Incomplete { page }) => (6, *page),
        Err(_) => (0, 0),
    };
    out.write_all(&[REFUSAL, what])?;
    out.write_all(&u32::to_le_bytes(page))?;
    out.flush()
}

/// Reads a page; `None` behind the last. A pipe that ends without saying so is [`PdfError::Stopped`].
pub(crate) fn receive(input: &mut impl Read, limits: &PdfLimits) -> Result<Option<PdfPage>, PdfError> {
    match number::<1>(input)? {
        [PAGE] => page(input, limits).map(Some),
        [END] => Ok(None),
        [REFUSAL] => Err(refusal(input, limits)?),
        _ => Err(PdfError::Stopped),
    }
}

fn page(input: &mut impl Read, limits: &PdfLimits) -> Result<PdfPage, PdfError> {
    let (width, height) = (u32::from_le_bytes(number(input)?), u32::from_le_bytes(number(input)?));
    let [channels] = number::<1>(input)?;
    let points = (f32::from_le_bytes(number(input)?), f32::from_le_bytes(number(input)?));
    let text_bytes = u64::from(u32::from_le_bytes(number(input)?));
    let pixels = u64::from(width) * u64::from(height);
    // The child may have been taken over by the file: its numbers are as foreign as the file.
    if pixels > limits.pixels_max || !(points.0.is_finite() && points.1.is_finite()) {
        return Err(PdfError::Stopped);
    }
    // A last letter may reach beyond the limit.
    let text = bytes(input, text_bytes, limits.text_bytes_max as u64 + 64)?;
    let text = String::from_utf8(text).map_err(|_| PdfError::Stopped)?;
    let pixels = bytes(input, pixels * u64::from(channels), limits.pixels_max * 3)?;
    let make = if channels == 1 { Raster::grey } else { Raster::rgb };
    let raster = make(width, height, pixels).map_err(|_| PdfError::Stopped)?;
    Ok(PdfPage { raster, points, text })
}

fn refusal(input: &mut impl Read, limits: &PdfLimits) -> Result<PdfError, PdfError> {
    let [what] = number::<1>(input)?;
    let page = u32::from_le_bytes(number(input)?);
    Ok(match what {
        1 => PdfError::Encrypted,
        2 => PdfError::Broken,
        3 => PdfError::TooLong { bytes_max: limits.bytes_max },
        4 => PdfError::TooManyPages { pages_max: limits.pages_max },
        5 => PdfError::TooManyPixels { page, pixels_max: limits.pixels_max },
        6 => PdfError::Incomplete { page },
        _ => PdfError::Stopped,
    })
}

fn number<const N: usize>(input: &mut impl Read) -> Result<[u8; N], PdfError> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes).map_err(|_| PdfError::Stopped)?;
    Ok(bytes)
}

fn bytes(input: &mut impl Read, count: u64, count_max: u64) -> Result<Vec<u8>, PdfError> {
    let mut bytes = Vec::new();
    let read = input.take(count.min(count_max)).read_to_end(&mut bytes);
    if read.is_err() || bytes.len() as u64 != count {
        return Err(PdfError::Stopped);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received_and_what_is_cut_off_is_refused() {
        let raster = Raster::rgb(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let page = PdfPage { raster, points: (0.5, 72.0), text: "Zoë".to_owned() };
        let mut pipe = Vec::new();
        send(&page, &mut pipe).unwrap();
        end(&Ok(()), &mut pipe).unwrap();
        let limits = PdfLimits::default();
        let mut rest = pipe.as_slice();
        assert_eq!(receive(&mut rest, &limits).unwrap(), Some(page));
        assert_eq!(receive(&mut rest, &limits).unwrap(), None);
        for length in 0..pipe.len() - 1 {
            let cut = receive(&mut &pipe[..length], &limits);
            assert!(matches!(cut, Err(PdfError::Stopped)), "{length}: {cut:?}");
        }
        let few = PdfLimits { pixels_max: 1, ..limits };
        assert!(matches!(receive(&mut pipe.as_slice(), &few), Err(PdfError::Stopped)));
    }

    #[test]
    fn refusals_come_through() {
        let limits = PdfLimits::default();
        for refusal in [
            PdfError::Encrypted,
            PdfError::Broken,
            PdfError::TooLong { bytes_max: limits.bytes_max },
            PdfError::TooManyPages { pages_max: limits.pages_max },
            PdfError::TooManyPixels { page: 7, pixels_max: limits.pixels_max },
            PdfError::Incomplete { page: 3 },
            PdfError::Stopped,
        ] {
            let (said, mut pipe) = (refusal.to_string(), Vec::new());
            end(&Err(refusal), &mut pipe).unwrap();
            assert_eq!(receive(&mut pipe.as_slice(), &limits).unwrap_err().to_string(), said);
        }
    }
}
