//! As much JSON writing as the bundles need.

/// A JSON value whose objects keep their order.
#[derive(Debug, Clone)]
pub(crate) enum Json {
    Text(String),
    /// A number as it is to be written.
    Number(String),
    Bool(bool),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        self.write(&mut text);
        text.into_bytes()
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Text(value) => quote(value, text),
            Self::Number(value) => text.push_str(value),
            Self::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            Self::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    text.push(if index == 0 { '[' } else { ',' });
                    value.write(text);
                }
                text.push_str(if values.is_empty() { "[]" } else { "]" });
            }
            Self::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    text.push(if index == 0 { '{' } else { ',' });
                    quote(name, text);
                    text.push(':');
                    value.write(text);
                }
                text.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

fn quote(value: &str, text: &mut String) {
    text.push('"');
    for found in value.chars() {
        match found {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            control if control < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<Json>> for Json {
    fn from(values: Vec<Json>) -> Self {
        Self::List(values)
    }
}

/// An object literal: `object!{ "system": system, "value": value }`.
macro_rules! object {
    ($($name:literal : $value:expr),* $(,)?) => {
        $crate::json::Json::Object(vec![$(($name, $crate::json::Json::from($value))),*])
    };
}
pub(crate) use object;

/// Standard base64, as `base64Binary` wants it.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |word: u32, shift: u32| {
        let index = (word >> shift & 63) as usize;
        ALPHABET.get(index).map_or('A', |byte| char::from(*byte))
    };
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |index: usize| group.get(index).copied().map_or(0, u32::from);
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.push(letter(word, 18));
        text.push(letter(word, 12));
        text.push(if group.len() > 1 { letter(word, 6) } else { '=' });
        text.push(if group.len() > 2 { letter(word, 0) } else { '=' });
    }
    text
}
