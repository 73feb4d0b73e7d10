//! A value into XML text.

use quick_xml::NsReader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;

use super::read::is_attribute;
use super::{NAMESPACE, WriteError, XHTML};
use crate::definitions::{self, Kind, Primitive, Type};
use crate::json::{Object, Value};

/// How the text is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Without white space between elements.
    #[default]
    Compact,
    /// An element a line, two spaces a level.
    Indented,
}

/// Writes a resource as an XML document. Elements stand in the order of the definitions, whatever the order of members.
///
/// A `div` that is not well-formed XHTML is written as text within one, so that nothing of it becomes markup. Characters that
/// XML cannot carry become U+FFFD.
///
/// # Errors
/// [`WriteError`] for what is no valid resource by structure.
pub fn write(resource: &Value, layout: Layout) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer { out: Vec::with_capacity(1024), layout, depth: 0 };
    writer.out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    if layout == Layout::Compact {
        writer.out.push(b'\n');
    }
    writer.resource(resource, true)?;
    if layout == Layout::Indented {
        writer.out.push(b'\n');
    }
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    layout: Layout,
    depth: usize,
}

/// One element's members in JSON: the value, and what stands beside it under `_name`.
struct Member<'v> {
    /// Place among the elements of its type; choices of one element do not stand together in valid data.
    index: usize,
    name: &'v str,
    ty: &'static Type,
    value: Option<&'v Value>,
    beside: Option<&'v Value>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn line(&mut self) {
        if self.layout == Layout::Indented {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.depth, b' ');
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.text(" ");
        self.text(name);
        self.text("=\"");
        escape(value, &mut self.out);
        self.text("\"");
    }

    fn open(&mut self, name: &str) {
        self.line();
        self.text("<");
        self.text(name);
    }

    fn resource(&mut self, value: &Value, is_root: bool) -> Result<(), WriteError> {
        let object = value.as_object().ok_or(WriteError::NoResource)?;
        let ty = value.resource_type().and_then(definitions::resource_named).ok_or(WriteError::NoResource)?;
        self.open(ty.name);
        if is_root {
            self.attribute("xmlns", NAMESPACE);
        }
        self.content(object, ty, ty.name)
    }

    /// Ends the start tag that is open, with what the object holds, and closes the element `name`.
    fn content(&mut self, object: &Object, ty: &'static Type, name: &str) -> Result<(), WriteError> {
        let members = members(object, ty)?;
        for member in members.iter().filter(|member| is_attribute(ty, member.name)) {
            let text = member.value.and_then(Value::as_str).ok_or_else(|| form(member.name))?;
            self.attribute(member.name, text);
        }
        let mut children = members.iter().filter(|member| !is_attribute(ty, member.name)).peekable();
        if children.peek().is_none() {
            self.text("/>");
            return Ok(());
        }
        self.text(">");
        self.depth += 1;
        for member in children {
            self.member(member)?;
        }
        self.depth -= 1;
        self.line();
        self.text("</");
        self.text(name);
        self.text(">");
        Ok(())
    }

    fn member(&mut self, member: &Member<'_>) -> Result<(), WriteError> {
        let values = member.value.map(Value::elements).unwrap_or_default();
        let beside = member.beside.map(Value::elements).unwrap_or_default();
        for at in 0..values.len().max(beside.len()) {
            let value = values.get(at).filter(|value| !value.is_null());
            let companion = beside.get(at).filter(|value| !value.is_null());
            self.one(member, value, companion)?;
        }
        Ok(())
    }

    fn one(
        &mut self,
        member: &Member<'_>,
        value: Option<&Value>,
        companion: Option<&Value>,
    ) -> Result<(), WriteError> {
        let (name, ty) = (member.name, member.ty);
        if ty.primitive == Some(Primitive::Xhtml) {
            self.line();
            self.div(value.and_then(Value::as_str).ok_or_else(|| form(name))?);
            return Ok(());
        }
        if ty.primitive.is_some() {
            return self.primitive(name, ty, value, companion);
        }
        let object = value.and_then(Value::as_object).ok_or_else(|| form(name))?;
        self.open(name);
        if ty.kind != Kind::Resource {
            return self.content(object, ty, name);
        }
        self.text(">");
        self.depth += 1;
        if let Some(value) = value {
            self.resource(value, false)?;
        }
        self.depth -= 1;
        self.line();
        self.text("</");
        self.text(name);
        self.text(">");
        Ok(())
    }

    fn primitive(
        &mut self,
        name: &str,
        ty: &'static Type,
        value: Option<&Value>,
        companion: Option<&Value>,
    ) -> Result<(), WriteError> {
        self.open(name);
        match value {
            None => {}
            Some(Value::String(text)) => self.attribute("value", text),
            Some(Value::Number(number)) => self.attribute("value", number.as_str()),
            Some(Value::Bool(truth)) => self.attribute("value", if *truth { "true" } else { "false" }),
            Some(_) => return Err(form(name)),
        }
        match companion {
            None => {
                self.text("/>");
                Ok(())
            }
            Some(Value::Object(object)) => self.content(object, ty, name),
            Some(_) => Err(form(name)),
        }
    }

    /// Copies a `div` that stands alone as XML; anything else becomes the text of one.
    fn div(&mut self, text: &str) {
        let text = text.trim();
        if is_div(text) {
            self.text(text);
            return;
        }
        self.text("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
        escape(text, &mut self.out);
        self.text("</div>");
    }
}

fn form(name: &str) -> WriteError {
    WriteError::Form(name.to_owned())
}

/// The members of an object by element, in the order of the definitions.
fn members<'v>(object: &'v Object, ty: &'static Type) -> Result<Vec<Member<'v>>, WriteError> {
    let mut members: Vec<Member<'v>> = Vec::with_capacity(object.len());
    for (key, value) in object.iter().filter(|(key, _)| *key != "resourceType" || ty.kind != Kind::Resource) {
        let (name, is_beside) = key.strip_prefix('_').map_or((key, false), |name| (name, true));
        let property = ty.property(name).ok_or_else(|| WriteError::Unknown(key.to_owned()))?;
        let (value, beside) = if is_beside { (None, Some(value)) } else { (Some(value), None) };
        match members.iter_mut().find(|member| member.name == name) {
            Some(member) => {
                member.value = member.value.or(value);
                member.beside = member.beside.or(beside);
            }
            None => members.push(Member { index: property.index, name, ty: property.ty, value, beside }),
        }
    }
    members.sort_by_key(|member| member.index);
    Ok(members)
}

/// Whether a text is one well-formed `div` of XHTML and nothing else.
fn is_div(text: &str) -> bool {
    let mut xml = NsReader::from_str(text);
    xml.config_mut().expand_empty_elements = true;
    let (mut depth, mut roots) = (0_usize, 0_usize);
    loop {
        let Ok((space, event)) = xml.read_resolved_event() else { return false };
        match event {
            Event::Start(tag) => {
                let is_xhtml = matches!(space, ResolveResult::Bound(space) if space.as_ref() == XHTML);
                if depth == 0 && !(is_xhtml && tag.name().as_ref() == "div") {
                    return false;
                }
                if tag.attributes().any(|attribute| {
                    !attribute.is_ok_and(|attribute| {
                        unescape(&attribute.value).is_ok_and(|value| value.chars().all(is_xml))
                    })
                }) {
                    return false;
                }
                roots += usize::from(depth == 0);
                depth += 1;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof => return roots == 1 && depth == 0,
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let is_plain = matches!(name, "lt" | "gt" | "amp" | "quot" | "apos");
                let is_char = matches!(reference.resolve_char_ref(), Ok(Some(char)) if is_xml(char));
                if depth == 0 || !(is_plain || is_char) {
                    return false;
                }
            }
            Event::Text(text) if depth > 0 && text.chars().all(is_xml) => {}
            Event::Comment(text) if depth > 0 && text.chars().all(is_xml) => {}
            Event::CData(text) if depth > 0 && text.chars().all(is_xml) => {}
            _ => return false,
        }
    }
}

/// Whether XML 1.0 can carry a character (production 2).
fn is_xml(char: char) -> bool {
    !matches!(char, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Escapes for a text or a double-quoted attribute, so that a reader gives back the same characters.
fn escape(text: &str, out: &mut Vec<u8>) {
    for char in text.chars() {
        match char {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\n' => out.extend_from_slice(b"&#10;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            '\t' => out.extend_from_slice(b"&#9;"),
            char if is_xml(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => out.extend_from_slice("\u{fffd}".as_bytes()),
        }
    }
}
