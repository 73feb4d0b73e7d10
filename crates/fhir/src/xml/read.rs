//! XML text into a value.

use quick_xml::NsReader;
use quick_xml::errors::{Error as Fault, IllFormedError};
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use super::{NAMESPACE, XHTML, XmlError, XmlErrorKind};
use crate::definitions::{self, Kind, Primitive, Property, Type};
use crate::json::{Limits, Number, Object, Value};

/// Reads one resource. A byte order mark, a declaration, comments and instructions around and in it are passed over.
///
/// # Errors
/// [`XmlError`] for what is not well formed, what the definitions do not know, and beyond `limits` (whose nodes are
/// elements and attributes here).
pub fn parse(input: &[u8], limits: &Limits) -> Result<Value, XmlError> {
    let whole = |kind| XmlError { kind, path: String::new(), line: 1, column: 1 };
    if input.len() > limits.bytes_max {
        return Err(whole(XmlErrorKind::TooLong(limits.bytes_max)));
    }
    let text = std::str::from_utf8(input).map_err(|_| whole(XmlErrorKind::NotUtf8))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader =
        Reader { text, xml: NsReader::from_str(text), limits, nodes: 0, path: Vec::new(), start: 0 };
    reader.xml.config_mut().expand_empty_elements = true;
    reader.document().map_err(|kind| reader.place(kind))
}

type Result1<T> = Result<T, XmlErrorKind>;

struct Reader<'a> {
    text: &'a str,
    xml: NsReader<&'a [u8]>,
    limits: &'a Limits,
    nodes: usize,
    /// Names of the open elements.
    path: Vec<String>,
    /// Where the event at hand begins.
    start: usize,
}

/// What of the content concerns us.
enum Step<'a> {
    Open(BytesStart<'a>, Space),
    Close,
    End,
}

/// The namespace of an element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Fhir,
    Xhtml,
    Other,
}

impl<'a> Reader<'a> {
    fn place(&self, kind: XmlErrorKind) -> XmlError {
        let before = self.text.get(..self.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        let column = 1 + before.get(line_start..).unwrap_or_default().chars().count();
        XmlError { kind, path: self.path.join("."), line, column }
    }

    fn document(&mut self) -> Result1<Value> {
        let Step::Open(root, space) = self.step()? else { return Err(XmlErrorKind::NoResource) };
        let value = self.resource(&root, space)?;
        match self.step()? {
            Step::End => Ok(value),
            _ => Err(XmlErrorKind::TrailingContent),
        }
    }

    /// The next tag; white space, comments and instructions are passed over.
    fn step(&mut self) -> Result1<Step<'a>> {
        loop {
            self.start = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX);
            let (space, event) = self.xml.read_resolved_event().map_err(|fault| malformed(&fault))?;
            let space = match space {
                ResolveResult::Bound(space) if space.as_ref() == NAMESPACE => Space::Fhir,
                ResolveResult::Bound(space) if space.as_ref() == XHTML => Space::Xhtml,
                _ => Space::Other,
            };
            match event {
                Event::Start(tag) => {
                    self.count()?;
                    return Ok(Step::Open(tag, space));
                }
                Event::End(_) => return Ok(Step::Close),
                Event::Eof if self.path.is_empty() => return Ok(Step::End),
                Event::Eof => return Err(XmlErrorKind::Malformed),
                Event::Text(text) if text.chars().all(char::is_whitespace) => {}
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => return Err(XmlErrorKind::Text),
                Event::DocType(_) => return Err(XmlErrorKind::DocumentType),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Empty(_) => {}
            }
        }
    }

    fn count(&mut self) -> Result1<()> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return Err(XmlErrorKind::TooMany(self.limits.nodes_max));
        }
        Ok(())
    }

    /// Enters an element; the caller leaves it by taking its name off the path.
    fn enter(&mut self, name: &str) -> Result1<()> {
        if self.path.len() >= self.limits.depth_max {
            return Err(XmlErrorKind::TooDeep(self.limits.depth_max));
        }
        self.path.push(name.to_owned());
        Ok(())
    }

    /// A resource whose start tag was read, up to its end tag.
    fn resource(&mut self, tag: &BytesStart<'a>, space: Space) -> Result1<Value> {
        if space != Space::Fhir {
            return Err(XmlErrorKind::Namespace);
        }
        let name = local(tag);
        let Some(ty) = definitions::resource_named(&name) else { return Err(XmlErrorKind::NoResource) };
        self.enter(&name)?;
        let mut object = Object::new();
        object.insert("resourceType", ty.name);
        if self.attributes(tag)?.next().is_some() {
            return Err(XmlErrorKind::UnknownAttribute);
        }
        self.children(&mut object, ty)?;
        Ok(Value::Object(object))
    }

    /// The children of an element, up to its end tag.
    fn children(&mut self, object: &mut Object, ty: &'static Type) -> Result1<()> {
        loop {
            match self.step()? {
                Step::Close => {
                    self.path.pop();
                    return Ok(());
                }
                Step::End => return Err(XmlErrorKind::Malformed),
                Step::Open(tag, space) => self.child(object, ty, &tag, space)?,
            }
        }
    }

    fn child(
        &mut self,
        object: &mut Object,
        ty: &'static Type,
        tag: &BytesStart<'a>,
        space: Space,
    ) -> Result1<()> {
        let name = local(tag);
        let property = ty.property(&name).filter(|_| !is_attribute(ty, &name));
        let Some(property) = property else {
            self.path.push(name);
            return Err(XmlErrorKind::UnknownElement);
        };
        self.enter(&name)?;
        if property.ty.primitive == Some(Primitive::Xhtml) {
            let div = self.div(tag, space)?;
            return put(object, &name, property, Value::from(div), None);
        }
        if space != Space::Fhir {
            return Err(XmlErrorKind::Namespace);
        }
        if property.ty.primitive.is_some() {
            let (value, companion) = self.primitive(tag, property.ty)?;
            return put(object, &name, property, value, companion);
        }
        let value = if property.ty.kind == Kind::Resource {
            self.inner_resource()?
        } else {
            self.complex(tag, property.ty)?
        };
        put(object, &name, property, value, None)
    }

    /// The resource within `contained`, `resource` and the like.
    fn inner_resource(&mut self) -> Result1<Value> {
        let Step::Open(tag, space) = self.step()? else { return Err(XmlErrorKind::NoResource) };
        let value = self.resource(&tag, space)?;
        let Step::Close = self.step()? else { return Err(XmlErrorKind::Repeated) };
        self.path.pop();
        Ok(value)
    }

    fn complex(&mut self, tag: &BytesStart<'a>, ty: &'static Type) -> Result1<Value> {
        let mut object = Object::new();
        for (name, value) in self.attributes(tag)? {
            if !is_attribute(ty, &name) {
                return Err(XmlErrorKind::UnknownAttribute);
            }
            object.insert(name, value);
        }
        self.children(&mut object, ty)?;
        if object.is_empty() {
            return Err(XmlErrorKind::Empty);
        }
        Ok(Value::Object(object))
    }

    /// A primitive: its value (`Null` without one) and what stands beside it in JSON.
    fn primitive(&mut self, tag: &BytesStart<'a>, ty: &'static Type) -> Result1<(Value, Option<Value>)> {
        let (mut value, mut companion) = (Value::Null, Object::new());
        for (name, text) in self.attributes(tag)? {
            match name.as_str() {
                "value" => value = literal(ty, text)?,
                "id" => drop(companion.insert(name, text)),
                _ => return Err(XmlErrorKind::UnknownAttribute),
            }
        }
        self.children(&mut companion, ty)?;
        if value.is_null() && companion.is_empty() {
            return Err(XmlErrorKind::Empty);
        }
        Ok((value, (!companion.is_empty()).then_some(Value::Object(companion))))
    }

    /// The attributes that are not declarations of namespaces or of the schema's place.
    fn attributes(&mut self, tag: &BytesStart<'a>) -> Result1<std::vec::IntoIter<(String, String)>> {
        let mut found = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| XmlErrorKind::Malformed)?;
            let name = attribute.key.as_ref();
            if name == "xmlns" || name.contains(':') {
                continue;
            }
            self.count()?;
            let value = unescape(&attribute.value).map_err(|_| XmlErrorKind::Entity)?;
            found.push((name.to_owned(), value.into_owned()));
        }
        Ok(found.into_iter())
    }

    /// A narrative's `div` as written, its end tag included.
    fn div(&mut self, tag: &BytesStart<'a>, space: Space) -> Result1<&'a str> {
        let declares = tag.attributes().flatten().any(|attribute| attribute.key.as_ref() == "xmlns");
        if space != Space::Xhtml || !declares || tag.name().as_ref() != "div" {
            return Err(XmlErrorKind::NotXhtml);
        }
        let begin = self.start;
        let mut depth = 1_usize;
        while depth > 0 {
            self.start = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX);
            match self.xml.read_event().map_err(|fault| malformed(&fault))? {
                Event::Start(_) => {
                    self.count()?;
                    depth += 1;
                    if depth + self.path.len() > self.limits.depth_max {
                        return Err(XmlErrorKind::TooDeep(self.limits.depth_max));
                    }
                }
                Event::End(_) => depth -= 1,
                Event::GeneralRef(reference) if !is_known(&reference) => return Err(XmlErrorKind::Entity),
                Event::DocType(_) => return Err(XmlErrorKind::DocumentType),
                Event::Eof => return Err(XmlErrorKind::Malformed),
                _ => {}
            }
        }
        let end = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX);
        self.path.pop();
        self.text.get(begin..end).ok_or(XmlErrorKind::Malformed)
    }
}

/// Whether a reference is one that every XML reader knows.
fn is_known(reference: &quick_xml::events::BytesRef<'_>) -> bool {
    let name: &str = reference;
    matches!(name, "lt" | "gt" | "amp" | "quot" | "apos")
        || matches!(reference.resolve_char_ref(), Ok(Some(_)))
}

fn malformed(fault: &Fault) -> XmlErrorKind {
    match fault {
        Fault::IllFormed(IllFormedError::UnclosedReference) | Fault::Escape(_) => XmlErrorKind::Entity,
        _ => XmlErrorKind::Malformed,
    }
}

fn local(tag: &BytesStart<'_>) -> String {
    tag.local_name().as_ref().to_owned()
}

/// Whether `name` is an attribute in XML: the id of an element, the url of an extension.
pub(super) fn is_attribute(ty: &'static Type, name: &str) -> bool {
    match name {
        "id" => ty.kind != Kind::Resource,
        "url" => ty.name == "Extension",
        _ => false,
    }
}

fn literal(ty: &'static Type, text: String) -> Result1<Value> {
    Ok(match ty.primitive {
        Some(Primitive::Boolean) => match text.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(XmlErrorKind::NotA("boolean")),
        },
        Some(Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt | Primitive::Decimal) => {
            Number::from_literal(&text).map(Value::Number).ok_or(XmlErrorKind::NotA("number"))?
        }
        _ => Value::from(text),
    })
}

/// Puts what was read in its place; lists of values and of companions run in step.
fn put(
    object: &mut Object,
    name: &str,
    property: Property,
    value: Value,
    companion: Option<Value>,
) -> Result1<()> {
    let beside = format!("_{name}");
    if !property.element.is_list() {
        if object.contains_key(name) || object.contains_key(&beside) {
            return Err(XmlErrorKind::Repeated);
        }
        if !value.is_null() {
            object.insert(name, value);
        }
        if let Some(companion) = companion {
            object.insert(beside, companion);
        }
        return Ok(());
    }
    let before = match object.get_mut(name).and_then(Value::as_array_mut) {
        Some(values) => {
            values.push(value);
            values.len() - 1
        }
        None => {
            object.insert(name, vec![value]);
            0
        }
    };
    let there = object.get_mut(&beside).and_then(Value::as_array_mut);
    match (there, companion) {
        (Some(companions), companion) => companions.push(companion.unwrap_or(Value::Null)),
        (None, Some(companion)) => {
            let mut companions = vec![Value::Null; before];
            companions.push(companion);
            object.insert(beside, companions);
        }
        (None, None) => {}
    }
    Ok(())
}
