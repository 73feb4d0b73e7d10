//! Just enough XML to read the FHIRPath suite and its inputs.

use fhir::definitions::{self, Primitive, Type};
use fhir::json::{Number, Object, Value};

/// An element; text is kept as children.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Child>,
    /// The element as written.
    pub(crate) raw: String,
}

#[derive(Debug)]
pub(crate) enum Child {
    Element(Element),
    Text(String),
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| element.name == name)
    }

    pub(crate) fn text(&self) -> String {
        let texts = self.children.iter().map(|child| match child {
            Child::Text(text) => text.clone(),
            Child::Element(element) => element.text(),
        });
        texts.collect()
    }
}

/// Reads the root element.
pub(crate) fn read(text: &str) -> Element {
    let mut reader = Reader { text, at: 0 };
    loop {
        let start = reader.text[reader.at..].find('<').unwrap() + reader.at;
        reader.at = start;
        if !reader.skip_markup() {
            return reader.element();
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    /// Skips a comment, declaration or instruction at hand.
    fn skip_markup(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let end = if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<?") || rest.starts_with("<!") && !rest.starts_with("<![CDATA[") {
            ">"
        } else {
            return false;
        };
        self.at += rest.find(end).unwrap() + end.len();
        true
    }

    fn element(&mut self) -> Element {
        let start = self.at;
        let head_end = self.at + tag_end(&self.text[self.at..]);
        let head = &self.text[self.at + 1..head_end];
        self.at = head_end + 1;
        let (head, closed) = head.strip_suffix('/').map_or((head, false), |head| (head, true));
        let name_end = head.find(char::is_whitespace).unwrap_or(head.len());
        let mut element = Element {
            name: head[..name_end].to_owned(),
            attributes: attributes(&head[name_end..]),
            children: Vec::new(),
            raw: String::new(),
        };
        if closed {
            self.text[start..self.at].clone_into(&mut element.raw);
            return element;
        }
        loop {
            let rest = &self.text[self.at..];
            if let Some(data) = rest.strip_prefix("<![CDATA[") {
                let end = data.find("]]>").unwrap();
                element.children.push(Child::Text(data[..end].to_owned()));
                self.at += "<![CDATA[".len() + end + 3;
            } else if rest.starts_with("</") {
                self.at += rest.find('>').unwrap() + 1;
                break;
            } else if rest.starts_with('<') {
                if !self.skip_markup() {
                    let child = self.element();
                    element.children.push(Child::Element(child));
                }
            } else {
                let end = rest.find('<').unwrap();
                element.children.push(Child::Text(plain(&rest[..end])));
                self.at += end;
            }
        }
        self.text[start..self.at].clone_into(&mut element.raw);
        element
    }
}

/// The place of the `>` that ends a tag; one inside an attribute does not.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(char),
            (Some(open), char) if open == char => quote = None,
            _ => {}
        }
    }
    panic!("a tag has no end");
}

fn attributes(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let rest = rest.trim_start();
        let quote = rest.chars().next().unwrap();
        let end = rest[1..].find(quote).unwrap() + 1;
        found.push((name.trim().to_owned(), plain(&rest[1..end])));
        text = &rest[end + 1..];
    }
    found
}

fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (entity, after) = after.split_once(';').unwrap();
        match entity {
            "lt" => out.push('<'),
            "gt" => out.push('>'),
            "amp" => out.push('&'),
            "quot" => out.push('"'),
            "apos" => out.push('\''),
            code => {
                let code = code.strip_prefix('#').unwrap();
                let number =
                    code.strip_prefix('x').map_or_else(|| code.parse(), |hex| u32::from_str_radix(hex, 16));
                out.push(char::from_u32(number.unwrap()).unwrap());
            }
        }
        rest = after;
    }
    out + rest
}

/// A FHIR resource in XML as its JSON form. Source: FHIR R4 2.6.1 and 2.6.2.
pub(crate) fn to_json(element: &Element) -> Value {
    let ty = definitions::type_named(&element.name).unwrap();
    let mut object = Object::new();
    object.insert("resourceType", element.name.as_str());
    fill(&mut object, element, ty);
    Value::Object(object)
}

fn fill(object: &mut Object, element: &Element, ty: &'static Type) {
    for name in ["id", "url"] {
        if let Some(value) = element.attribute(name).filter(|_| ty.kind != definitions::Kind::Resource) {
            object.insert(name, value);
        }
    }
    for child in element.elements() {
        let property =
            ty.property(&child.name).unwrap_or_else(|| panic!("{} has no {}", ty.name, child.name));
        let (value, companion) = value(child, property.ty);
        put(object, &child.name, value, property.element.is_list());
        if property.ty.primitive.is_some() {
            let name = format!("_{}", child.name);
            // Lists of values and of companions run in step.
            if property.element.is_list() || companion.is_some() {
                put(object, &name, companion.unwrap_or(Value::Null), property.element.is_list());
            }
        }
    }
}

fn put(object: &mut Object, name: &str, value: Value, is_list: bool) {
    if !is_list {
        object.insert(name, value);
        return;
    }
    if !object.contains_key(name) {
        object.insert(name, Vec::<Value>::new());
    }
    object.get_mut(name).and_then(Value::as_array_mut).unwrap().push(value);
}

fn value(element: &Element, ty: &'static Type) -> (Value, Option<Value>) {
    if ty.name == "xhtml" {
        return (Value::from(element.raw.as_str()), None);
    }
    let Some(primitive) = ty.primitive else {
        if ty.kind == definitions::Kind::Resource {
            return (to_json(element.elements().next().unwrap()), None);
        }
        let mut object = Object::new();
        fill(&mut object, element, ty);
        return (Value::Object(object), None);
    };
    let mut companion = Object::new();
    fill(&mut companion, element, ty);
    let companion = (!companion.is_empty()).then_some(Value::Object(companion));
    let Some(text) = element.attribute("value") else { return (Value::Null, companion) };
    let value = match primitive {
        Primitive::Boolean => Value::from(text == "true"),
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt | Primitive::Decimal => {
            Value::from(Number::from_literal(text).unwrap())
        }
        _ => Value::from(text),
    };
    (value, companion)
}
