//! Text in the character sets of (0008,0005).

use std::borrow::Cow;

use encoding_rs::{
    EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6,
    ISO_8859_7, ISO_8859_8, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1252, WINDOWS_1254,
};

use super::{DataSet, Tag, Value};

const SPECIFIC_CHARACTER_SET: Tag = Tag::new(0x0008, 0x0005);

/// How the text of a data set is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

impl Default for Charset {
    /// The default repertoire, read as Windows-1252: what senders put beyond it is most often that.
    fn default() -> Self {
        Self(WINDOWS_1252)
    }
}

impl Charset {
    /// The one that a data set names; `outer` if it names none. Of several, the one that the text switches to counts.
    ///
    /// Source: PS3.3, C.12.1.1.2.
    pub fn of(data: &DataSet, outer: Self) -> Self {
        let Some(names) = data.text(SPECIFIC_CHARACTER_SET) else { return outer };
        let last = names.split('\\').rev().map(str::trim).find(|name| !name.is_empty());
        let Some(name) = last else { return outer };
        let encoding = match name
            .replace("ISO 2022 ", "ISO_")
            .replace("ISO_IR ", "ISO_IR_")
            .replace("ISO_IR_IR ", "ISO_IR_")
            .as_str()
        {
            "ISO_IR_101" => ISO_8859_2,
            "ISO_IR_109" => ISO_8859_3,
            "ISO_IR_110" => ISO_8859_4,
            "ISO_IR_144" => ISO_8859_5,
            "ISO_IR_127" => ISO_8859_6,
            "ISO_IR_126" => ISO_8859_7,
            "ISO_IR_138" => ISO_8859_8,
            "ISO_IR_148" => WINDOWS_1254,
            "ISO_IR_166" => WINDOWS_874,
            "ISO_IR_13" => SHIFT_JIS,
            "ISO_IR_87" | "ISO_IR_159" => ISO_2022_JP,
            "ISO_IR_149" => EUC_KR,
            "ISO_IR_58" | "GBK" => GBK,
            "GB18030" => GB18030,
            "ISO_IR_192" => UTF_8,
            _ => WINDOWS_1252,
        };
        Self(encoding)
    }

    /// Bytes as text; what is not of the set becomes U+FFFD.
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        self.0.decode_without_bom_handling(bytes).0
    }
}

/// Rewrites a data set and its items in UTF-8, named so in (0008,0005) where there is text beyond ASCII.
///
/// Texts are then of one kind, whatever they were, and a text put in need not fit the old set.
pub fn to_utf8(data: &mut DataSet) {
    let is_plain = !recode(data, Charset::default());
    if is_plain {
        data.remove(SPECIFIC_CHARACTER_SET);
    } else {
        let name = b"ISO_IR 192".as_slice();
        data.put(SPECIFIC_CHARACTER_SET, super::Element::bytes(super::Vr::CS, name));
    }
}

/// Whether anything beyond ASCII was met.
fn recode(data: &mut DataSet, outer: Charset) -> bool {
    let charset = Charset::of(data, outer);
    let mut has_more = false;
    for (_, element) in data.iter_mut() {
        let follows = element.vr.follows_charset();
        match &mut element.value {
            Value::Bytes(bytes) if follows => {
                let text = charset.decode(bytes).into_owned();
                has_more |= !text.is_ascii();
                *bytes = text.into_bytes();
            }
            Value::Items(items) => {
                for item in items {
                    has_more |= recode(item, charset);
                    item.remove(SPECIFIC_CHARACTER_SET);
                }
            }
            _ => {}
        }
    }
    has_more
}

/// Without the padding and the spaces around it.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace())
}
