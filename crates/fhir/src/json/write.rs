//! JSON text from a [`Value`].

use std::fmt;

use super::{Value, parse::plain_prefix};

impl Value {
    /// Appends compact JSON: no white space, literals and order as read, only the escapes that must be.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Number(number) => out.extend_from_slice(number.as_str().as_bytes()),
            Value::String(text) => write_string(text, out),
            Value::Array(elements) => {
                out.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    element.write_to(out);
                }
                out.push(b']');
            }
            Value::Object(object) => {
                out.push(b'{');
                for (index, (name, value)) in object.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    value.write_to(out);
                }
                out.push(b'}');
            }
        }
    }

    /// Compact JSON as bytes; see [`Value::write_to`].
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.write_to(&mut out);
        out
    }

    /// JSON for people: two spaces of indent, one member or element a line, a line feed at the end.
    #[must_use]
    pub fn to_pretty(&self) -> String {
        let mut out = Vec::with_capacity(256);
        self.write_pretty(0, &mut out);
        out.push(b'\n');
        into_string(out)
    }

    fn write_pretty(&self, depth: usize, out: &mut Vec<u8>) {
        let (open, close) = match self {
            Value::Array(elements) if !elements.is_empty() => (b'[', b']'),
            Value::Object(object) if !object.is_empty() => (b'{', b'}'),
            other => return other.write_to(out),
        };
        out.push(open);
        for (index, element) in self.as_array().unwrap_or_default().iter().enumerate() {
            next_line(index, depth + 1, out);
            element.write_pretty(depth + 1, out);
        }
        for (index, (name, value)) in self.as_object().into_iter().flatten().enumerate() {
            next_line(index, depth + 1, out);
            write_string(name, out);
            out.extend_from_slice(b": ");
            value.write_pretty(depth + 1, out);
        }
        next_line(0, depth, out);
        out.push(close);
    }
}

/// The compact JSON text. This shows the content: not for logs.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&into_string(self.to_vec()))
    }
}

fn into_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default() // only whole strings and ASCII are ever written
}

fn next_line(index: usize, depth: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 4); // quotes, and the colon or comma that follows
    out.push(b'"');
    loop {
        let (plain, tail) = rest.split_at(plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = tail.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control & 15)]);
            }
        }
        rest = after;
    }
    out.push(b'"');
}
