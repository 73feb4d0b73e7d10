//! Reads the committed tables. Their layout is described where they are written, in `xtask/src/definitions/`.

use std::collections::HashMap;

use super::names::Names;
use super::search::{Base, Compartments, Component, SearchParameter};
use super::{CodeSet, Element, Kind, Primitive, Type, TypeChoice};

const ELEMENTS: &str = include_str!("../../definitions/elements.tsv");
const CODES: &str = include_str!("../../definitions/codes.tsv");
const SEARCH: &str = include_str!("../../definitions/search.tsv");
const COMPARTMENTS: &str = include_str!("../../definitions/compartments.tsv");

/// The types and what their elements refer to.
pub(super) struct Types {
    pub(super) all: Vec<Type>,
    pub(super) by_name: HashMap<&'static str, u16>,
    pub(super) code_sets: Vec<CodeSet>,
}

/// A type's own line, before its base is looked up.
struct Draft {
    name: &'static str,
    base: &'static str,
    kind: Kind,
    is_abstract: bool,
    elements: Vec<Element>,
}

pub(super) fn types() -> Option<Types> {
    let code_sets = code_sets()?;
    let set_index: HashMap<&str, u16> =
        (0..).zip(&code_sets).map(|(at, set)| (short_url(set.url), at)).collect();
    let names = lines(ELEMENTS).filter(|line| !line.starts_with('\t')).map(|line| cell(line, 0));
    let by_name: HashMap<&'static str, u16> = names.zip(0..).collect();

    let mut drafts: Vec<Draft> = Vec::new();
    for line in lines(ELEMENTS) {
        match line.strip_prefix('\t') {
            None => drafts.push(draft(line)?),
            Some(line) => {
                let draft = drafts.last_mut()?;
                draft.elements.push(element(draft.name, line, &by_name, &set_index)?);
            }
        }
    }
    let all = drafts.iter().map(|draft| finish(draft, &drafts, &by_name)).collect::<Option<_>>()?;
    Some(Types { all, by_name, code_sets })
}

fn draft(line: &'static str) -> Option<Draft> {
    let kind = match cell(line, 2) {
        "primitive" => Kind::Primitive,
        "complex" => Kind::Complex,
        "part" => Kind::Part,
        "resource" => Kind::Resource,
        _ => return None,
    };
    let is_abstract = cell(line, 3) == "abstract";
    Some(Draft { name: cell(line, 0), base: cell(line, 1), kind, is_abstract, elements: Vec::new() })
}

fn element(
    owner: &str,
    line: &'static str,
    by_name: &HashMap<&'static str, u16>,
    code_sets: &HashMap<&str, u16>,
) -> Option<Element> {
    let (full_name, flags) = (cell(line, 0), cell(line, 4));
    let (min, max) = cell(line, 1).split_once("..")?;
    let mut types = Vec::new();
    for choice in cell(line, 2).split('|') {
        let (name, targets) = choice.split_once('(').unwrap_or((choice, ""));
        let targets = targets.trim_end_matches(')').split(',').filter(|target| !target.is_empty()).collect();
        types.push(TypeChoice { type_index: *by_name.get(name)?, targets });
    }
    Some(Element {
        name: full_name.trim_end_matches("[x]"),
        path: forever(format!("{owner}.{full_name}")),
        is_choice: full_name.ends_with("[x]"),
        min: min.parse().ok()?,
        max: if max == "*" { None } else { Some(max.parse().ok()?) },
        types: Vec::leak(types),
        is_summary: flags.contains('S'),
        is_modifier: flags.contains('M'),
        binding: match cell(line, 3) {
            "-" => None,
            name => Some(*code_sets.get(name)?),
        },
    })
}

/// Joins a type's elements behind those of its bases, and prepares the look-up by JSON name.
fn finish(draft: &Draft, drafts: &[Draft], by_name: &HashMap<&'static str, u16>) -> Option<Type> {
    let mut chain = vec![draft];
    while let Some(base) = chain.last().map(|draft| draft.base).filter(|&base| base != "-") {
        chain.push(drafts.get(usize::from(*by_name.get(base)?))?);
    }
    let elements: Vec<Element> =
        chain.iter().rev().flat_map(|draft| draft.elements.iter().cloned()).collect();
    let mut properties = Vec::new();
    for (index, element) in (0..).zip(&elements) {
        for (choice, ty) in (0..).zip(element.types) {
            let type_name = drafts.get(usize::from(ty.type_index))?.name;
            let name =
                if element.is_choice { forever(choice_name(element.name, type_name)) } else { element.name };
            properties.push((name, (index, choice)));
        }
    }
    if elements.len() > 128 {
        return None; // presence is kept in 128 bits
    }
    let required = elements.iter().enumerate().filter(|(_, element)| element.min > 0);
    Some(Type {
        required: required.fold(0, |mask, (index, _)| mask | 1 << index),
        name: draft.name,
        kind: draft.kind,
        is_abstract: draft.is_abstract,
        primitive: if draft.kind == Kind::Primitive { Some(primitive(draft.name)?) } else { None },
        base: by_name.get(draft.base).copied(),
        by_name: Names::new((0..).zip(&elements).map(|(index, element)| (element.name, index)).collect()),
        by_json_name: Names::new(properties),
        elements,
    })
}

/// `value` and `dateTime` make `valueDateTime`.
pub(super) fn choice_name(name: &str, type_name: &str) -> String {
    let mut letters = type_name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    name.chars().chain(first).chain(letters).collect()
}

fn primitive(name: &str) -> Option<Primitive> {
    Some(match name {
        "base64Binary" => Primitive::Base64Binary,
        "boolean" => Primitive::Boolean,
        "canonical" => Primitive::Canonical,
        "code" => Primitive::Code,
        "date" => Primitive::Date,
        "dateTime" => Primitive::DateTime,
        "decimal" => Primitive::Decimal,
        "id" => Primitive::Id,
        "instant" => Primitive::Instant,
        "integer" => Primitive::Integer,
        "markdown" => Primitive::Markdown,
        "oid" => Primitive::Oid,
        "positiveInt" => Primitive::PositiveInt,
        "string" => Primitive::String,
        "time" => Primitive::Time,
        "unsignedInt" => Primitive::UnsignedInt,
        "uri" => Primitive::Uri,
        "url" => Primitive::Url,
        "uuid" => Primitive::Uuid,
        "xhtml" => Primitive::Xhtml,
        _ => return None,
    })
}

fn code_sets() -> Option<Vec<CodeSet>> {
    let mut sets: Vec<CodeSet> = Vec::new();
    for line in lines(CODES) {
        match line.strip_prefix('\t') {
            None if line.starts_with("http") => sets.push(CodeSet::new(line)),
            None => sets.push(CodeSet::new(forever(format!("{VALUE_SETS}{line}")))),
            Some(line) => {
                let mut cells = line.split('\t');
                sets.last_mut()?.add(cells.next()?, cells.collect());
            }
        }
    }
    Some(sets)
}

const VALUE_SETS: &str = "http://hl7.org/fhir/ValueSet/";

fn short_url(url: &str) -> &str {
    url.strip_prefix(VALUE_SETS).unwrap_or(url)
}

pub(super) fn search_parameters() -> Option<Vec<SearchParameter>> {
    let mut parameters: Vec<SearchParameter> = Vec::new();
    for line in lines(SEARCH) {
        let Some(line) = line.strip_prefix('\t') else {
            parameters.push(SearchParameter {
                number: cell(line, 0).parse().ok()?,
                id: cell(line, 1),
                code: cell(line, 2),
                kind: cell(line, 3),
                targets: cell(line, 4).split('|').filter(|&target| target != "-").collect(),
                bases: Vec::new(),
                components: Vec::new(),
            });
            continue;
        };
        let parameter = parameters.last_mut()?;
        if cell(line, 0) == "+" {
            parameter.components.push(Component { definition: cell(line, 1), expression: cell(line, 2) });
        } else {
            let expression = if cell(line, 1) == "-" { "" } else { cell(line, 1) };
            parameter.bases.push(Base { type_name: cell(line, 0), expression });
        }
    }
    Some(parameters)
}

pub(super) fn compartments() -> Compartments {
    let mut compartments = Compartments::new();
    for line in lines(COMPARTMENTS) {
        let codes = line.split('\t').skip(2).collect();
        compartments.entry(cell(line, 0)).or_default().insert(cell(line, 1), codes);
    }
    compartments
}

fn lines(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

fn cell(line: &'static str, column: usize) -> &'static str {
    line.split('\t').nth(column).unwrap_or_default()
}

/// Keeps a text until the program ends: the tables are read once.
fn forever(text: String) -> &'static str {
    String::leak(text)
}
