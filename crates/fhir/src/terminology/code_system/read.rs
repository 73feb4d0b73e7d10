//! Reads a `CodeSystem` resource.

use std::collections::HashMap;

use super::hierarchy::Hierarchy;
use super::{
    ABSTRACT, CodeSystem, Content, DesignationEntry, Entry, INACTIVE, Key, PropertyDefinition, PropertyEntry,
    ValueKind, fold,
};
use crate::json::Value;
use crate::terminology::error::Unreadable;
use crate::terminology::texts::{Gatherer, Span};

const PROPERTIES: &str = "http://hl7.org/fhir/concept-properties#";

impl CodeSystem {
    /// Reads a `CodeSystem` resource. Concepts stand below those they are nested in and those that their properties
    /// `parent`, `child` and `subsumedBy` (or properties defined as these) name. Of concepts with the same code the first
    /// counts; edges that would close a cycle are left out; both are told by [`CodeSystem::problems`].
    ///
    /// # Errors
    /// [`Unreadable`] if it is no `CodeSystem`, has no `url`, or is larger than 4 GiB of text or concepts.
    pub fn read(resource: &Value) -> Result<Self, Unreadable> {
        if resource.resource_type() != Some("CodeSystem") {
            return Err(Unreadable::WrongType("CodeSystem"));
        }
        let text = |key| resource.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let definitions: Vec<_> = items(resource, "property").iter().filter_map(definition).collect();
        let supplements = text("supplements").map(|base| base.split('|').next().unwrap_or(base).to_owned());
        let mut content = match text("content") {
            Some("not-present") => Content::NotPresent,
            Some("example") => Content::Example,
            Some("fragment") => Content::Fragment,
            Some("supplement") => Content::Supplement,
            _ => Content::Complete,
        };
        if supplements.is_some() {
            content = Content::Supplement;
        }
        let mut reader = Reader::new(&definitions);
        reader.concepts(items(resource, "concept"), None).ok_or(Unreadable::TooLarge(u32::MAX))?;
        // R4: no value means that case does count unless the system says otherwise; codes that differ by case alone are
        // then told apart.
        let is_case_sensitive = resource.get("caseSensitive").and_then(Value::as_bool).unwrap_or(true);
        let mut made = Self {
            url: text("url").ok_or(Unreadable::NoUrl)?.to_owned(),
            version: text("version").map(str::to_owned),
            name: text("name").map(str::to_owned),
            title: text("title").map(str::to_owned),
            value_set: text("valueSet").map(str::to_owned),
            supplements,
            content,
            is_case_sensitive,
            texts: std::mem::take(&mut reader.texts).finish(),
            concepts: std::mem::take(&mut reader.concepts),
            designations: std::mem::take(&mut reader.designations),
            properties: std::mem::take(&mut reader.properties),
            property_names: std::mem::take(&mut reader.names),
            by_code: Vec::new(),
            hierarchy: Hierarchy::default(),
            problems: Vec::new(),
            definitions: Vec::new(),
        };
        let (edges, links) = (std::mem::take(&mut reader.edges), std::mem::take(&mut reader.links));
        made.definitions = definitions;
        made.index();
        made.relate(edges, &links);
        Ok(made)
    }

    /// Sorts the places by code; of equal codes the first stays.
    fn index(&mut self) {
        let mut places: Vec<u32> = (0..self.concepts.len() as u32).collect();
        let sensitive = self.is_case_sensitive;
        if sensitive {
            places.sort_by(|a, b| self.code_at(*a).cmp(self.code_at(*b)));
        } else {
            places.sort_by_cached_key(|place| fold(self.code_at(*place)));
        }
        let before = places.len();
        places.dedup_by(|later, first| {
            Key::new(self.code_at(*first), sensitive).compare(self.code_at(*later), sensitive).is_eq()
        });
        if places.len() < before {
            self.problems
                .push(format!("{} concepts repeat a code; the first of each counts", before - places.len()));
        }
        self.by_code = places;
    }

    /// Joins the edges of nesting with those that properties name.
    fn relate(&mut self, mut edges: Vec<(u32, u32)>, links: &[Link]) {
        let mut unknown = 0_usize;
        for link in links {
            match self.concept(self.texts.get(link.code)).map(|concept| concept.place()) {
                Some(other) if link.is_upper => edges.push((other, link.place)),
                Some(other) => edges.push((link.place, other)),
                None => unknown += 1,
            }
        }
        // A concept that repeats a code is not found by it; what is nested in it belongs to the first.
        if self.by_code.len() < self.concepts.len() {
            for (upper, lower) in &mut edges {
                for place in [upper, lower] {
                    *place = self.concept(self.code_at(*place)).map_or(*place, |first| first.place());
                }
            }
        }
        let (hierarchy, cycles) = Hierarchy::new(self.concepts.len(), edges);
        self.hierarchy = hierarchy;
        if unknown > 0 {
            self.problems.push(format!("{unknown} parents or children are not among the concepts"));
        }
        if cycles > 0 {
            self.problems.push(format!("{cycles} relations close a circle and are left out"));
        }
    }
}

/// A relation that a property names by code.
struct Link {
    place: u32,
    code: Span,
    /// Whether the named concept is the upper one.
    is_upper: bool,
}

/// What a property means for the concept that has it.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    Plain,
    Parent,
    Child,
    Status,
    Inactive,
    Abstract,
}

struct Reader {
    meanings: HashMap<String, Meaning>,
    texts: Gatherer,
    concepts: Vec<Entry>,
    designations: Vec<DesignationEntry>,
    properties: Vec<PropertyEntry>,
    names: Vec<String>,
    name_places: HashMap<String, u16>,
    edges: Vec<(u32, u32)>,
    links: Vec<Link>,
}

impl Reader {
    fn new(definitions: &[PropertyDefinition]) -> Self {
        let meaning = |name: &str| match name {
            "parent" | "subsumedBy" => Meaning::Parent,
            "child" => Meaning::Child,
            "status" => Meaning::Status,
            "inactive" => Meaning::Inactive,
            "notSelectable" | "abstract" | "not-selectable" => Meaning::Abstract,
            _ => Meaning::Plain,
        };
        let standard = ["parent", "subsumedBy", "child", "status", "inactive", "notSelectable", "abstract"];
        let mut meanings: HashMap<String, Meaning> =
            standard.iter().map(|name| ((*name).to_owned(), meaning(name))).collect();
        for definition in definitions {
            if let Some(name) = definition.uri.as_deref().and_then(|uri| uri.strip_prefix(PROPERTIES)) {
                meanings.insert(definition.code.clone(), meaning(name));
            }
        }
        Self {
            meanings,
            texts: Gatherer::default(),
            concepts: Vec::new(),
            designations: Vec::new(),
            properties: Vec::new(),
            names: Vec::new(),
            name_places: HashMap::new(),
            edges: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Reads concepts and those nested in them; `None` when there are too many. Nesting is as deep as the JSON reader
    /// allows, so that calling itself is safe.
    fn concepts(&mut self, concepts: &[Value], upper: Option<u32>) -> Option<()> {
        for concept in concepts {
            let Some(code) = concept.get("code").and_then(Value::as_str).filter(|code| !code.is_empty())
            else {
                self.concepts(items(concept, "concept"), upper)?;
                continue;
            };
            let place = u32::try_from(self.concepts.len()).ok().filter(|place| *place < u32::MAX)?;
            let own = |key| concept.get(key).and_then(Value::as_str).unwrap_or_default();
            let entry = Entry {
                code: self.texts.add(code)?,
                display: self.texts.add(own("display"))?,
                definition: self.texts.add(own("definition"))?,
                designations_from: u32::try_from(self.designations.len()).ok()?,
                properties_from: u32::try_from(self.properties.len()).ok()?,
                flags: 0,
            };
            self.concepts.push(entry);
            for designation in items(concept, "designation") {
                self.designation(designation)?;
            }
            let mut flags = 0;
            for property in items(concept, "property") {
                flags |= self.property(place, property)?;
            }
            if let Some(entry) = self.concepts.get_mut(place as usize) {
                entry.flags = flags;
            }
            self.edges.extend(upper.map(|upper| (upper, place)));
            self.concepts(items(concept, "concept"), Some(place))?;
        }
        Some(())
    }

    fn designation(&mut self, designation: &Value) -> Option<()> {
        let text = |key| designation.get(key).and_then(Value::as_str).unwrap_or_default();
        let purpose = |key| {
            designation
                .get("use")
                .and_then(|purpose| purpose.get(key))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let entry = DesignationEntry {
            language: self.texts.share(text("language"))?,
            use_system: self.texts.share(purpose("system"))?,
            use_code: self.texts.share(purpose("code"))?,
            use_display: self.texts.share(purpose("display"))?,
            value: self.texts.add(text("value"))?,
        };
        self.designations.push(entry);
        Some(())
    }

    /// Reads one property; gives the flags that it sets.
    fn property(&mut self, place: u32, property: &Value) -> Option<u8> {
        let Some(name) = property.get("code").and_then(Value::as_str) else { return Some(0) };
        let Some((kind, value)) = property_value(property) else { return Some(0) };
        let mut entry = PropertyEntry {
            name: self.name(name)?,
            kind,
            text: Span::default(),
            code: Span::default(),
            display: Span::default(),
        };
        let own = |key| value.get(key).and_then(Value::as_str).unwrap_or_default();
        match value {
            Value::Object(_) => {
                entry.text = self.texts.share(own("system"))?;
                entry.code = self.texts.share(own("code"))?;
                entry.display = self.texts.share(own("display"))?;
            }
            Value::String(text) => entry.text = self.texts.share(text)?,
            Value::Number(number) => entry.text = self.texts.share(number.as_str())?,
            Value::Bool(truth) => entry.text = self.texts.share(if *truth { "true" } else { "false" })?,
            Value::Null | Value::Array(_) => return Some(0),
        }
        self.properties.push(entry);
        let text = value.as_str().unwrap_or_default();
        let is_true = value.as_bool() == Some(true) || text == "true";
        Some(match self.meanings.get(name).copied().unwrap_or(Meaning::Plain) {
            Meaning::Parent | Meaning::Child if text.is_empty() => 0,
            meaning @ (Meaning::Parent | Meaning::Child) => {
                self.links.push(Link { place, code: entry.text, is_upper: meaning == Meaning::Parent });
                0
            }
            Meaning::Status if matches!(text, "retired" | "inactive" | "withdrawn") => INACTIVE,
            Meaning::Inactive if is_true => INACTIVE,
            Meaning::Abstract if is_true => ABSTRACT,
            _ => 0,
        })
    }

    fn name(&mut self, name: &str) -> Option<u16> {
        if let Some(place) = self.name_places.get(name) {
            return Some(*place);
        }
        let place = u16::try_from(self.names.len()).ok()?;
        self.names.push(name.to_owned());
        self.name_places.insert(name.to_owned(), place);
        Some(place)
    }
}

fn property_value(property: &Value) -> Option<(ValueKind, &Value)> {
    let kinds = [
        ("valueCode", ValueKind::Code),
        ("valueString", ValueKind::String),
        ("valueCoding", ValueKind::Coding),
        ("valueBoolean", ValueKind::Boolean),
        ("valueInteger", ValueKind::Integer),
        ("valueDateTime", ValueKind::DateTime),
        ("valueDecimal", ValueKind::Decimal),
    ];
    kinds.into_iter().find_map(|(key, kind)| Some((kind, property.get(key)?)))
}

fn definition(property: &Value) -> Option<PropertyDefinition> {
    let text = |key| property.get(key).and_then(Value::as_str);
    Some(PropertyDefinition {
        code: text("code")?.to_owned(),
        uri: text("uri").map(str::to_owned),
        description: text("description").map(str::to_owned),
        kind: text("type").unwrap_or("string").to_owned(),
    })
}

/// The elements of the array `key`, if there is one.
pub(in crate::terminology) fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).unwrap_or_default()
}
