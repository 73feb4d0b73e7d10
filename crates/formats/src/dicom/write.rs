//! A data set to bytes: Explicit VR Little Endian, with compressed pixels as they are.

use super::model::{DataSet, Element, File, Value};
use super::{Syntax, Tag, Vr};

const UNDEFINED: u32 = u32::MAX;

/// Writes a file: preamble, meta information, data set.
///
/// The syntax written is that of `file.syntax` if its pixels are compressed, and Explicit VR Little Endian otherwise: an
/// implicit, big-endian or deflated data set becomes explicit. The meta information is made anew from the data set's SOP
/// class and instance.
///
/// Source: PS3.10, 7.1.
pub fn write(file: &File) -> Vec<u8> {
    let has_fragments = file.data.iter().any(|(_, element)| matches!(element.value, Value::Fragments(_)));
    let syntax = if has_fragments { file.syntax.uid.as_str() } else { Syntax::EXPLICIT };
    let mut meta = DataSet::new();
    let mut put = |element: u16, vr: Vr, value: &[u8]| {
        meta.put(Tag::new(2, element), Element::bytes(vr, value));
    };
    put(0x0001, Vr::OB, &[0, 1]);
    put(0x0002, Vr::UI, file.data.bytes(Tag::new(8, 0x16)).unwrap_or_default());
    put(0x0003, Vr::UI, file.data.bytes(Tag::new(8, 0x18)).unwrap_or_default());
    put(0x0010, Vr::UI, syntax.as_bytes());
    // A UUID of this program's own, as PS3.5, B.2 has it.
    put(0x0012, Vr::UI, b"2.25.226331873301217486423461250219474162271");
    put(0x0013, Vr::SH, b"WARD");
    let mut group = Vec::new();
    data_set(&meta, &mut group);
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    let length = Element::bytes(Vr::UL, (group.len() as u32).to_le_bytes());
    element(Tag::new(2, 0), &length, &mut out);
    out.extend_from_slice(&group);
    data_set(&file.data, &mut out);
    out
}

fn data_set(data: &DataSet, out: &mut Vec<u8>) {
    for (tag, value) in data.iter() {
        element(tag, value, out);
    }
}

fn element(tag: Tag, element: &Element, out: &mut Vec<u8>) {
    match &element.value {
        Value::Bytes(bytes) => {
            let length = bytes.len() + bytes.len() % 2;
            // What is too long for two bytes of length is written as unknown, which has four. Source: PS3.5, 6.2.2, note 5.
            let is_over = !element.vr.has_long_length() && length > usize::from(u16::MAX);
            let vr = if is_over { Vr::UN } else { element.vr };
            header(tag, vr, length as u32, out);
            out.extend_from_slice(bytes);
            if bytes.len() % 2 == 1 {
                out.push(element.vr.padding());
            }
        }
        Value::Items(items) => {
            header(tag, Vr::SQ, UNDEFINED, out);
            for item in items {
                delimiter(0xE000, UNDEFINED, out);
                data_set(item, out);
                delimiter(0xE00D, 0, out);
            }
            delimiter(0xE0DD, 0, out);
        }
        Value::Fragments(fragments) => {
            header(tag, Vr::OB, UNDEFINED, out);
            for fragment in fragments {
                delimiter(0xE000, (fragment.len() + fragment.len() % 2) as u32, out);
                out.extend_from_slice(fragment);
                if fragment.len() % 2 == 1 {
                    out.push(0);
                }
            }
            delimiter(0xE0DD, 0, out);
        }
    }
}

fn header(tag: Tag, vr: Vr, length: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&tag.group.to_le_bytes());
    out.extend_from_slice(&tag.element.to_le_bytes());
    out.extend_from_slice(&vr.letters());
    if vr.has_long_length() {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&length.to_le_bytes());
    } else {
        out.extend_from_slice(&(length as u16).to_le_bytes());
    }
}

fn delimiter(element: u16, length: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&0xFFFE_u16.to_le_bytes());
    out.extend_from_slice(&element.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
}
