//! Bytes to a data set, within bounds.
//!
//! The data set is read here and not by dicom-rs, because a masker must know, before anything is allocated or any call
//! nests, that a length fits into what is there and a sequence is not too deep, and must name tag and offset where not.
//! Of dicom-rs the dictionary is used.

use std::io::Read;

use super::model::{DataSet, Element, File, Value};
use super::pixels::{BITS_ALLOCATED, PIXELS};
use super::{DicomError, Syntax, Tag, Vr, vr_of};

/// Bounds of reading.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sequences within sequences.
    pub depth_max: usize,
    /// Attributes, those of items included.
    pub elements_max: usize,
    /// Bytes of a data set that was deflated.
    pub inflated_bytes_max: usize,
}

impl Default for Limits {
    /// 32 deep, a million attributes, 1 GiB.
    fn default() -> Self {
        Self { depth_max: 32, elements_max: 1_000_000, inflated_bytes_max: 1 << 30 }
    }
}

const ITEM: Tag = Tag::new(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag::new(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag::new(0xFFFE, 0xE0DD);
const TRANSFER_SYNTAX: Tag = Tag::new(0x0002, 0x0010);
const UNDEFINED: u32 = u32::MAX;

/// Reads a file, or a data set that stands bare (its encoding is then told by its first attribute).
///
/// # Errors
/// [`DicomError`], naming the tag and the byte (in the inflated data set if it was deflated).
///
/// Source: PS3.10, 7.1; PS3.5, 7 and A.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<File, DicomError> {
    let begin = if bytes.get(128..132) == Some(b"DICM") { 132 } else { 0 };
    let mut reader = Reader { bytes, at: begin, base: 0, syntax: Syntax::explicit(), limits, elements: 0 };
    let mut meta = DataSet::new();
    while reader.peek_tag().is_some_and(|tag| tag.group == 2) {
        let (tag, element) = reader.element(0)?;
        meta.put(tag, element);
    }
    let syntax = match meta.text(TRANSFER_SYNTAX) {
        Some(uid) => Syntax::of(&uid).ok_or(DicomError::TransferSyntax { uid: printable(&uid) })?,
        None => guessed(bytes.get(reader.at..).unwrap_or_default()).ok_or(DicomError::NotDicom)?,
    };
    let rest = bytes.get(reader.at..).unwrap_or_default();
    let data = if syntax.is_deflated {
        let inflated = inflated(rest, limits)?;
        Reader { bytes: &inflated, at: 0, base: 0, syntax: syntax.clone(), limits, elements: 0 }
            .data_set(0)?
    } else {
        reader.syntax = syntax.clone();
        reader.data_set(0)?
    };
    if data.is_empty() {
        return Err(DicomError::NotDicom);
    }
    Ok(File { meta, data, syntax })
}

/// A UID may hold anything; only its digits and dots are told.
fn printable(uid: &str) -> String {
    uid.chars().filter(|letter| letter.is_ascii_digit() || *letter == '.').take(64).collect()
}

/// The encoding of a bare data set by its first attribute, which is of a low group.
fn guessed(bytes: &[u8]) -> Option<Syntax> {
    let [a, b, _, _, c, d, ..] = bytes else { return None };
    let is_explicit = Vr::of([*c, *d]).is_some();
    match (a, b) {
        (0 | 2 | 8 | 16, 0) if is_explicit => Some(Syntax::explicit()),
        (0 | 2 | 8 | 16, 0) => Syntax::of(Syntax::IMPLICIT),
        (0, 8 | 16) if is_explicit => Syntax::of("1.2.840.10008.1.2.2"),
        _ => None,
    }
}

fn inflated(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, DicomError> {
    let mut out = Vec::new();
    let bytes_max = limits.inflated_bytes_max;
    let mut decoder = flate2::read::DeflateDecoder::new(bytes).take(bytes_max as u64 + 1);
    let read = decoder.read_to_end(&mut out);
    if read.is_err() || out.len() > bytes_max {
        return Err(DicomError::Deflate { bytes_max });
    }
    Ok(out)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What `bytes` begins at, for messages.
    base: usize,
    syntax: Syntax,
    limits: &'a Limits,
    elements: usize,
}

/// An attribute's header.
struct Header {
    tag: Tag,
    vr: Vr,
    length: u32,
    offset: usize,
}

impl<'a> Reader<'a> {
    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, tag: Tag, offset: usize, count: usize) -> Result<&'a [u8], DicomError> {
        let left = self.bytes.len().saturating_sub(self.at);
        let end = self.at.saturating_add(count);
        let taken = self.bytes.get(self.at..end).ok_or(DicomError::Truncated {
            tag,
            offset: self.base + offset,
            wanted: count as u64,
            left,
        })?;
        self.at = end;
        Ok(taken)
    }

    fn short(&self, bytes: &[u8]) -> u16 {
        match bytes {
            [high, low, ..] if self.syntax.is_big_endian => u16::from_be_bytes([*high, *low]),
            [low, high, ..] => u16::from_le_bytes([*low, *high]),
            _ => 0,
        }
    }

    fn long(&self, bytes: &[u8]) -> u32 {
        let (first, second) =
            (u32::from(self.short(bytes)), u32::from(self.short(bytes.get(2..).unwrap_or_default())));
        if self.syntax.is_big_endian { first << 16 | second } else { second << 16 | first }
    }

    fn tag_at(&self, bytes: &[u8]) -> Tag {
        Tag::new(self.short(bytes), self.short(bytes.get(2..).unwrap_or_default()))
    }

    fn peek_tag(&self) -> Option<Tag> {
        self.bytes.get(self.at..self.at.checked_add(4)?).map(|bytes| self.tag_at(bytes))
    }

    /// Attributes until the bytes or, within an item of undefined length, the item ends.
    fn data_set(&mut self, depth: usize) -> Result<DataSet, DicomError> {
        let mut data = DataSet::new();
        while !self.is_at_end() {
            if self.peek_tag() == Some(ITEM_END) {
                if depth == 0 {
                    return Err(DicomError::Unexpected { tag: ITEM_END, offset: self.base + self.at });
                }
                break;
            }
            let (tag, mut element) = self.element(depth)?;
            // Words were turned; samples of 32 bits are of two.
            if let (PIXELS, Vr::OW, Value::Bytes(bytes)) = (tag, element.vr, &mut element.value)
                && self.syntax.is_big_endian
                && data.number(BITS_ALLOCATED) == Some(32)
            {
                bytes.chunks_exact_mut(4).for_each(|sample| sample.rotate_left(2));
            }
            // Group lengths are retired, and wrong as soon as anything changes.
            if tag.element != 0 || tag.group == 2 {
                data.put(tag, element);
            }
        }
        Ok(data)
    }

    fn element(&mut self, depth: usize) -> Result<(Tag, Element), DicomError> {
        let header = self.header()?;
        let Header { tag, vr, length, offset } = header;
        self.elements += 1;
        if self.elements > self.limits.elements_max {
            let elements_max = self.limits.elements_max;
            return Err(DicomError::TooManyElements { tag, offset: self.base + offset, elements_max });
        }
        if tag.group == 0xFFFE {
            return Err(DicomError::Unexpected { tag, offset: self.base + offset });
        }
        if vr == Vr::SQ || (vr == Vr::UN && length == UNDEFINED) {
            let items = self.sequence(&header, depth)?;
            return Ok((tag, Element::items(items)));
        }
        if length == UNDEFINED {
            if tag != PIXELS || !matches!(vr, Vr::OB | Vr::OW) {
                return Err(DicomError::Unexpected { tag, offset: self.base + offset });
            }
            let fragments = self.fragments(&header)?;
            return Ok((tag, Element { vr, value: Value::Fragments(fragments) }));
        }
        let mut bytes = self.take(tag, offset, length as usize)?.to_vec();
        if self.syntax.is_big_endian && vr.unit() > 1 {
            bytes.chunks_exact_mut(vr.unit()).for_each(<[u8]>::reverse);
        }
        Ok((tag, Element::bytes(vr, bytes)))
    }

    fn header(&mut self) -> Result<Header, DicomError> {
        let offset = self.at;
        let unknown = self.peek_tag().unwrap_or(Tag::new(0, 0));
        let head = self.take(unknown, offset, 4)?;
        let tag = self.tag_at(head);
        let is_delimiter = tag.group == 0xFFFE;
        if !self.syntax.is_explicit || is_delimiter {
            let length = self.take(tag, offset, 4)?;
            let length = self.long(length);
            let vr = match vr_of(tag) {
                Some(vr) => vr,
                None if length == UNDEFINED && !is_delimiter => Vr::SQ,
                None => Vr::UN,
            };
            return Ok(Header { tag, vr, length, offset });
        }
        let letters = self.take(tag, offset, 2)?;
        let vr = <[u8; 2]>::try_from(letters).ok().and_then(Vr::of);
        let vr = vr.ok_or(DicomError::BadVr { tag, offset: self.base + offset })?;
        let length = if vr.has_long_length() {
            self.take(tag, offset, 2)?;
            let length = self.take(tag, offset, 4)?;
            self.long(length)
        } else {
            let length = self.take(tag, offset, 2)?;
            u32::from(self.short(length))
        };
        Ok(Header { tag, vr, length, offset })
    }

    /// The items of a sequence. What was unknown to its writer is in implicit encoding. Source: PS3.5, 6.2.2, note 2.
    fn sequence(&mut self, header: &Header, depth: usize) -> Result<Vec<DataSet>, DicomError> {
        let Header { tag, vr, length, offset } = *header;
        if depth >= self.limits.depth_max {
            let depth_max = self.limits.depth_max;
            return Err(DicomError::TooDeep { tag, offset: self.base + offset, depth_max });
        }
        let outer = self.syntax.clone();
        if vr == Vr::UN {
            self.syntax.is_explicit = false;
            self.syntax.is_big_endian = false;
        }
        let items = if length == UNDEFINED {
            let items = self.items(depth)?;
            let end = self.header()?;
            if end.tag != SEQUENCE_END {
                return Err(DicomError::Unexpected { tag: end.tag, offset: self.base + end.offset });
            }
            items
        } else {
            let start = self.at;
            let inner = self.take(tag, offset, length as usize)?;
            self.within(inner, start, |reader| reader.items(depth))?
        };
        self.syntax = outer;
        Ok(items)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<DataSet>, DicomError> {
        let mut items = Vec::new();
        while !self.is_at_end() && self.peek_tag() != Some(SEQUENCE_END) {
            let header = self.header()?;
            if header.tag != ITEM {
                return Err(DicomError::Unexpected { tag: header.tag, offset: self.base + header.offset });
            }
            self.elements += 1; // empty items, too, take room
            if self.elements > self.limits.elements_max {
                let elements_max = self.limits.elements_max;
                return Err(DicomError::TooManyElements {
                    tag: ITEM,
                    offset: self.base + header.offset,
                    elements_max,
                });
            }
            if header.length == UNDEFINED {
                items.push(self.data_set(depth + 1)?);
                let end = self.header()?;
                if end.tag != ITEM_END {
                    return Err(DicomError::Unexpected { tag: end.tag, offset: self.base + end.offset });
                }
            } else {
                let start = self.at;
                let inner = self.take(ITEM, header.offset, header.length as usize)?;
                items.push(self.within(inner, start, |reader| reader.data_set(depth + 1))?);
            }
        }
        Ok(items)
    }

    /// Reads a part as if it were all, so that nothing in it reaches beyond.
    fn within<T>(
        &mut self,
        part: &'a [u8],
        start: usize,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DicomError>,
    ) -> Result<T, DicomError> {
        let mut inner = Reader {
            bytes: part,
            at: 0,
            base: self.base + start,
            syntax: self.syntax.clone(),
            limits: self.limits,
            elements: self.elements,
        };
        let value = read(&mut inner)?;
        if !inner.is_at_end() {
            let tag = inner.peek_tag().unwrap_or(ITEM);
            return Err(DicomError::Unexpected { tag, offset: inner.base + inner.at });
        }
        self.elements = inner.elements;
        Ok(value)
    }

    fn fragments(&mut self, header: &Header) -> Result<Vec<Vec<u8>>, DicomError> {
        let mut fragments = Vec::new();
        loop {
            let item = self.header()?;
            match item.tag {
                SEQUENCE_END => return Ok(fragments),
                ITEM if item.length != UNDEFINED => {
                    self.elements += 1;
                    if self.elements > self.limits.elements_max {
                        return Err(DicomError::TooManyElements {
                            tag: header.tag,
                            offset: self.base + item.offset,
                            elements_max: self.limits.elements_max,
                        });
                    }
                    fragments.push(self.take(header.tag, item.offset, item.length as usize)?.to_vec());
                }
                tag => return Err(DicomError::Unexpected { tag, offset: self.base + item.offset }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_big_endian_files_are_turned_in_their_size() {
        let file = |bits: u8| {
            let head = *b"\0\x08\0\x60CS\0\x02OT\0\x28\x01\0US\0\x02\0";
            let bytes = [&head[..], &[bits], b"\x7F\xE0\0\x10OW\0\0\0\0\0\x04\x01\x02\x03\x04"].concat();
            read(&bytes, &Limits::default()).unwrap().data.bytes(PIXELS).unwrap().to_vec()
        };
        assert_eq!(file(32), [4, 3, 2, 1]);
        assert_eq!(file(16), [2, 1, 4, 3]);
    }
}
