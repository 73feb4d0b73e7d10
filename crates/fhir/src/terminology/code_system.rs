//! A code system, laid out for look-ups.

mod hierarchy;
mod read;

use super::texts::{Span, Texts};
use hierarchy::Hierarchy;
pub(super) use read::items;

/// How much of a code system its resource holds. R4 value set codesystem-content-mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// None of the concepts: the resource only describes the system.
    NotPresent,
    /// A few concepts, as an example.
    Example,
    /// A part of the concepts.
    Fragment,
    /// All concepts.
    Complete,
    /// Designations and properties that add to another code system.
    Supplement,
}

/// A code system: concepts in the order of the resource, their texts, and their hierarchy.
///
/// Concepts are named by their place; a place is only good for the code system it came from.
#[derive(Debug)]
pub struct CodeSystem {
    url: String,
    version: Option<String>,
    name: Option<String>,
    title: Option<String>,
    value_set: Option<String>,
    supplements: Option<String>,
    content: Content,
    is_case_sensitive: bool,
    definitions: Vec<PropertyDefinition>,
    texts: Texts,
    concepts: Vec<Entry>,
    designations: Vec<DesignationEntry>,
    properties: Vec<PropertyEntry>,
    property_names: Vec<String>,
    /// Places sorted by code (folded, if case does not count).
    by_code: Vec<u32>,
    hierarchy: Hierarchy,
    problems: Vec<String>,
}

/// A property that the code system defines. R4 CodeSystem.property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDefinition {
    /// The name in the concepts.
    pub code: String,
    /// What it means, if it is one of the standard's.
    pub uri: Option<String>,
    /// What it means, in words.
    pub description: Option<String>,
    /// The FHIR type: `code`, `Coding`, `string`, `integer`, `boolean`, `dateTime`, `decimal`.
    pub kind: String,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    code: Span,
    display: Span,
    definition: Span,
    /// Where its own begin; the next concept's begin where they end.
    designations_from: u32,
    properties_from: u32,
    flags: u8,
}

const INACTIVE: u8 = 1;
const ABSTRACT: u8 = 2;

#[derive(Debug, Clone, Copy)]
struct DesignationEntry {
    language: Span,
    use_system: Span,
    use_code: Span,
    use_display: Span,
    value: Span,
}

#[derive(Debug, Clone, Copy)]
struct PropertyEntry {
    name: u16,
    kind: ValueKind,
    text: Span,
    /// Of a `Coding`: its code and display; `text` is the system.
    code: Span,
    display: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueKind {
    Code,
    Coding,
    String,
    Integer,
    Boolean,
    DateTime,
    Decimal,
}

/// A concept of a code system.
#[derive(Clone, Copy)]
pub struct Concept<'s> {
    system: &'s CodeSystem,
    place: u32,
    entry: &'s Entry,
}

/// Another way to write a concept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Designation<'s> {
    /// The language, BCP 47.
    pub language: Option<&'s str>,
    /// What it is for: system and code.
    pub r#use: Option<(&'s str, &'s str)>,
    /// The display of what it is for.
    pub use_display: Option<&'s str>,
    /// The text.
    pub value: &'s str,
}

/// A property of a concept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property<'s> {
    /// Its name.
    pub name: &'s str,
    /// Its value.
    pub value: PropertyValue<'s>,
}

/// The value of a property. Numbers are as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyValue<'s> {
    /// A code of the same system.
    Code(&'s str),
    /// A code of any system.
    Coding {
        /// The system.
        system: &'s str,
        /// The code.
        code: &'s str,
        /// The display, if given.
        display: Option<&'s str>,
    },
    /// A text.
    String(&'s str),
    /// An integer.
    Integer(&'s str),
    /// A truth value.
    Boolean(bool),
    /// A date or time.
    DateTime(&'s str),
    /// A decimal.
    Decimal(&'s str),
}

impl PropertyValue<'_> {
    /// The value as the text that filters compare with: of a `Coding` its code.
    #[must_use]
    pub fn as_text(&self) -> &str {
        match self {
            PropertyValue::Code(text)
            | PropertyValue::Coding { code: text, .. }
            | PropertyValue::String(text)
            | PropertyValue::Integer(text)
            | PropertyValue::DateTime(text)
            | PropertyValue::Decimal(text) => text,
            PropertyValue::Boolean(true) => "true",
            PropertyValue::Boolean(false) => "false",
        }
    }
}

impl CodeSystem {
    /// The canonical address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The version of the system.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// A name for people: the title, else the name.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref().or(self.name.as_deref())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address of the value set of all its codes, if it names one.
    #[must_use]
    pub fn value_set(&self) -> Option<&str> {
        self.value_set.as_deref()
    }

    /// The code system that this one adds to, if it is a supplement. Without version.
    #[must_use]
    pub fn supplements(&self) -> Option<&str> {
        self.supplements.as_deref()
    }

    /// How much of the system is here.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// Whether a code that is not here does not exist.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.content == Content::Complete
    }

    /// Whether case counts when codes are compared.
    #[must_use]
    pub fn is_case_sensitive(&self) -> bool {
        self.is_case_sensitive
    }

    /// The properties that it defines.
    #[must_use]
    pub fn property_definitions(&self) -> &[PropertyDefinition] {
        &self.definitions
    }

    /// What was found wrong while reading, without the codes' texts: duplicate codes, unknown parents, cycles.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// How many concepts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.concepts.len()
    }

    /// Whether there is no concept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.concepts.is_empty()
    }

    /// The concepts in the order of the resource, parents before the children nested in them.
    pub fn concepts(&self) -> impl Iterator<Item = Concept<'_>> {
        (0..).zip(&self.concepts).map(|(place, entry)| Concept { system: self, place, entry })
    }

    /// The concept with `code`; case counts or not as the system says.
    #[must_use]
    pub fn concept(&self, code: &str) -> Option<Concept<'_>> {
        let key = Key::new(code, self.is_case_sensitive);
        let found =
            self.by_code.binary_search_by(|place| key.compare(self.code_at(*place), self.is_case_sensitive));
        self.at(*self.by_code.get(found.ok()?)?)
    }

    /// The concept at `place`.
    #[must_use]
    pub fn at(&self, place: u32) -> Option<Concept<'_>> {
        let entry = self.concepts.get(place as usize)?;
        Some(Concept { system: self, place, entry })
    }

    /// The places of `place` and all below it, ascending.
    #[must_use]
    pub fn below(&self, place: u32) -> Vec<u32> {
        self.hierarchy.below(place)
    }

    /// The places of `place` and all above it, ascending.
    #[must_use]
    pub fn above(&self, place: u32) -> Vec<u32> {
        self.hierarchy.above(place)
    }

    /// Whether `upper` is `lower` or above it.
    #[must_use]
    pub fn is_above(&self, upper: u32, lower: u32) -> bool {
        self.hierarchy.is_above(upper, lower).0
    }

    /// As [`Self::is_above`], and how many concepts were looked at to say so.
    pub(super) fn is_above_counting(&self, upper: u32, lower: u32) -> (bool, usize) {
        self.hierarchy.is_above(upper, lower)
    }

    /// Whether any concept stands below another.
    #[must_use]
    pub fn has_hierarchy(&self) -> bool {
        self.hierarchy.has_edges()
    }

    /// Whether the system defines or uses the property `name`.
    #[must_use]
    pub fn has_property(&self, name: &str) -> bool {
        self.definitions.iter().any(|definition| definition.code == name)
            || self.property_names.iter().any(|used| used == name)
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.texts.bytes()
            + self.concepts.len() * (size_of::<Entry>() + size_of::<u32>())
            + self.designations.len() * size_of::<DesignationEntry>()
            + self.properties.len() * size_of::<PropertyEntry>()
            + self.hierarchy.memory_bytes()
    }

    fn code_at(&self, place: u32) -> &str {
        self.concepts.get(place as usize).map_or("", |entry| self.texts.get(entry.code))
    }
}

/// A code to look for, folded if case does not count.
struct Key<'c> {
    exact: &'c str,
    folded: String,
}

impl<'c> Key<'c> {
    fn new(code: &'c str, is_case_sensitive: bool) -> Self {
        Self { exact: code, folded: if is_case_sensitive { String::new() } else { fold(code) } }
    }

    /// How `stored` stands to the key.
    fn compare(&self, stored: &str, is_case_sensitive: bool) -> std::cmp::Ordering {
        if is_case_sensitive {
            stored.cmp(self.exact)
        } else {
            stored.chars().flat_map(char::to_lowercase).cmp(self.folded.chars())
        }
    }
}

/// Letter by letter, so that it orders as [`Key::compare`] does.
fn fold(code: &str) -> String {
    code.chars().flat_map(char::to_lowercase).collect()
}

impl<'s> Concept<'s> {
    /// Its place in the code system.
    #[must_use]
    pub fn place(&self) -> u32 {
        self.place
    }

    /// The code as the system writes it.
    #[must_use]
    pub fn code(&self) -> &'s str {
        self.system.texts.get(self.entry.code)
    }

    /// The display.
    #[must_use]
    pub fn display(&self) -> Option<&'s str> {
        self.system.texts.find(self.entry.display)
    }

    /// The definition.
    #[must_use]
    pub fn definition(&self) -> Option<&'s str> {
        self.system.texts.find(self.entry.definition)
    }

    /// Whether it is out of use: property `inactive`, or `status` retired, inactive or withdrawn.
    #[must_use]
    pub fn is_inactive(&self) -> bool {
        self.entry.flags & INACTIVE != 0
    }

    /// Whether it only groups others: property `notSelectable` or `abstract`.
    #[must_use]
    pub fn is_abstract(&self) -> bool {
        self.entry.flags & ABSTRACT != 0
    }

    /// Its designations in order.
    pub fn designations(&self) -> impl Iterator<Item = Designation<'s>> + use<'s> {
        let system = self.system;
        let to = self.next().map_or(system.designations.len(), |next| next.designations_from as usize);
        let own = system.designations.get(self.entry.designations_from as usize..to).unwrap_or_default();
        own.iter().map(move |entry| Designation {
            language: system.texts.find(entry.language),
            r#use: system.texts.find(entry.use_code).map(|code| (system.texts.get(entry.use_system), code)),
            use_display: system.texts.find(entry.use_display),
            value: system.texts.get(entry.value),
        })
    }

    /// Its properties in order.
    pub fn properties(&self) -> impl Iterator<Item = Property<'s>> + use<'s> {
        let system = self.system;
        let to = self.next().map_or(system.properties.len(), |next| next.properties_from as usize);
        let own = system.properties.get(self.entry.properties_from as usize..to).unwrap_or_default();
        own.iter().map(move |entry| Property {
            name: system.property_names.get(usize::from(entry.name)).map_or("", String::as_str),
            value: entry.value(&system.texts),
        })
    }

    /// The values of its property `name`.
    pub fn property<'n>(&self, name: &'n str) -> impl Iterator<Item = PropertyValue<'s>> + use<'s, 'n> {
        self.properties().filter(move |property| property.name == name).map(|property| property.value)
    }

    /// The concepts directly above it.
    pub fn parents(&self) -> impl Iterator<Item = Concept<'s>> + use<'s> {
        let system = self.system;
        system.hierarchy.parents(self.place).iter().filter_map(|place| system.at(*place))
    }

    /// The concepts directly below it.
    pub fn children(&self) -> impl Iterator<Item = Concept<'s>> + use<'s> {
        let system = self.system;
        system.hierarchy.children(self.place).iter().filter_map(|place| system.at(*place))
    }

    /// The display, or the first designation, in `language` (BCP 47, by its first subtag too); else the display.
    #[must_use]
    pub fn display_in(&self, language: &str) -> Option<&'s str> {
        let matching = |exact: bool| {
            self.designations().find(|designation| {
                designation.language.is_some_and(|own| {
                    own.eq_ignore_ascii_case(language)
                        || !exact && primary(own).eq_ignore_ascii_case(primary(language))
                })
            })
        };
        matching(true).or_else(|| matching(false)).map(|designation| designation.value).or(self.display())
    }

    fn next(&self) -> Option<&'s Entry> {
        self.system.concepts.get(self.place as usize + 1)
    }
}

fn primary(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}

impl PropertyEntry {
    fn value<'s>(&self, texts: &'s Texts) -> PropertyValue<'s> {
        let text = texts.get(self.text);
        match self.kind {
            ValueKind::Code => PropertyValue::Code(text),
            ValueKind::Coding => PropertyValue::Coding {
                system: text,
                code: texts.get(self.code),
                display: texts.find(self.display),
            },
            ValueKind::String => PropertyValue::String(text),
            ValueKind::Integer => PropertyValue::Integer(text),
            ValueKind::Boolean => PropertyValue::Boolean(text == "true"),
            ValueKind::DateTime => PropertyValue::DateTime(text),
            ValueKind::Decimal => PropertyValue::Decimal(text),
        }
    }
}
