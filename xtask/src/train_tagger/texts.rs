//! Texts out of templates, with the places of their entities. `templates.txt` explains the language.

use std::collections::BTreeMap;
use std::ops::Range;

use mask::tagger::CLASSES;

use super::draw::Draw;
use super::pools::{self, Person, Pools, STATES};

/// Depth of macros in macros.
const DEPTH_MAX: usize = 24;

enum Piece {
    Text(String),
    Slot { name: String, capitals: bool },
    Choice(Vec<Vec<Piece>>),
}

struct Macro {
    class: Option<usize>,
    choices: Vec<Vec<Piece>>,
}

/// A text with its entities: their bytes and classes.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) spans: Vec<(Range<usize>, usize)>,
}

pub(super) struct Templates {
    macros: BTreeMap<String, Macro>,
    /// Each as often as it is to be taken.
    lines: Vec<usize>,
    templates: Vec<Vec<Piece>>,
}

impl Templates {
    pub(super) fn read(source: &str) -> Result<Self, String> {
        let mut read = Self { macros: BTreeMap::new(), lines: Vec::new(), templates: Vec::new() };
        for line in source.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some((head, body)) = line.strip_prefix('@').and_then(|rest| rest.split_once(" = ")) {
                let (name, label) =
                    head.split_once(' ').map_or((head, None), |(name, label)| (name, Some(label)));
                let class = label.map(|label| {
                    CLASSES.iter().position(|class| *class == label).ok_or(format!("no class {label}"))
                });
                read.macros
                    .insert(name.to_owned(), Macro { class: class.transpose()?, choices: choices(body)? });
                continue;
            }
            let (weight, body) =
                line.split_once("* ").map_or((1, line), |(weight, body)| (weight.parse().unwrap_or(1), body));
            read.lines.extend(std::iter::repeat_n(read.templates.len(), weight));
            read.templates.push(pieces(body)?);
        }
        Ok(read)
    }

    pub(super) fn count(&self) -> usize {
        self.templates.len()
    }

    /// One text.
    pub(super) fn text(&self, pools: &Pools, draw: &mut Draw) -> Text {
        let style = match draw.below(100) {
            0..9 => Style::Small,
            9..12 => Style::Capital,
            _ => Style::AsIs,
        };
        let person = |draw: &mut Draw| pools.person(draw);
        let mut making = Making {
            templates: self,
            pools,
            out: Text::default(),
            style,
            capitals: 0,
            labelled: false,
            now: person(draw),
            now2: person(draw),
            patient: person(draw),
            middle: letter(draw, b'A').to_string(),
            doctor: person(draw),
            relative: person(draw),
        };
        let template = draw.one(&self.lines).and_then(|line| self.templates.get(*line));
        making.all(template.map(Vec::as_slice).unwrap_or_default(), draw, 0);
        making.out
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    AsIs,
    Small,
    Capital,
}

/// A text in the making.
struct Making<'t> {
    templates: &'t Templates,
    pools: &'t Pools,
    out: Text,
    style: Style,
    capitals: usize,
    labelled: bool,
    now: Person,
    now2: Person,
    patient: Person,
    middle: String,
    doctor: Person,
    relative: Person,
}

impl Making<'_> {
    fn all(&mut self, pieces: &[Piece], draw: &mut Draw, depth: usize) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.put(text),
                Piece::Choice(choices) => {
                    let choice = draw.one(choices).map(Vec::as_slice).unwrap_or_default();
                    self.all(choice, draw, depth + 1);
                }
                Piece::Slot { name, capitals } => {
                    self.capitals += usize::from(*capitals);
                    self.slot(name, draw, depth);
                    self.capitals -= usize::from(*capitals);
                }
            }
        }
    }

    fn slot(&mut self, name: &str, draw: &mut Draw, depth: usize) {
        let Some(called) = self.templates.macros.get(name) else {
            let text = self.built_in(name, draw);
            self.put(&text);
            return;
        };
        if depth > DEPTH_MAX {
            return;
        }
        let start = self.out.text.len();
        let outer = !self.labelled && called.class.is_some();
        if outer {
            (self.now, self.now2) = (self.pools.person(draw), self.pools.person(draw));
            self.labelled = true;
        }
        let choice = draw.one(&called.choices).map(Vec::as_slice).unwrap_or_default();
        self.all(choice, draw, depth + 1);
        if outer {
            self.labelled = false;
            let end = self.out.text.len();
            if let (Some(class), true) = (called.class, end > start) {
                self.out.spans.push((start..end, class));
            }
        }
    }

    fn put(&mut self, text: &str) {
        match (self.style, self.capitals > 0) {
            (Style::Small, _) => self.out.text.push_str(&text.to_lowercase()),
            (Style::Capital, _) | (_, true) => self.out.text.push_str(&text.to_uppercase()),
            _ => self.out.text.push_str(text),
        }
    }

    fn built_in(&mut self, name: &str, draw: &mut Draw) -> String {
        let pick = |list: &[String], draw: &mut Draw| draw.one(list).cloned().unwrap_or_default();
        match name {
            "given" => self.now.given.clone(),
            "family" => self.now.family.clone(),
            "family2" => self.now2.family.clone(),
            "pgiven" => self.patient.given.clone(),
            "pfamily" => self.patient.family.clone(),
            "pmiddle" => self.middle.clone(),
            "dgiven" => self.doctor.given.clone(),
            "dfamily" => self.doctor.family.clone(),
            "rgiven" => self.relative.given.clone(),
            "rfamily" => self.relative.family.clone(),
            "city" => self.pools.city(draw),
            "bigcity" => self.pools.big_city(draw),
            "country" => self.pools.country(draw),
            "street" => self.pools.street(draw),
            "state" => draw.one(&STATES).map_or("", |(name, _)| name).to_owned(),
            "st" => draw.one(&STATES).map_or("", |(_, short)| short).to_owned(),
            "xname" => self.pools.unmarked(draw),
            "word" => self.pools.word(draw),
            "NWord" => pools::title(&self.pools.word_and_name(draw)),
            "med" => pools::medical(draw),
            "Med" => pools::title(&pools::medical(draw)),
            "brand" => pools::brand(draw),
            "Word" => pools::title(&self.pools.word(draw)),
            "carrier" => pick(&self.pools.carriers, draw),
            "carrierline" => pick(&self.pools.sentences, draw),
            _ => random(name, draw),
        }
    }
}

fn letter(draw: &mut Draw, first: u8) -> char {
    char::from(first + draw.below(26) as u8)
}

/// `9:5`, `A:2`, `a:8`, `1-31`.
fn random(name: &str, draw: &mut Draw) -> String {
    if let Some((kind, count)) = name.split_once(':') {
        let count = count.parse().unwrap_or(1);
        return (0..count)
            .map(|_| match kind {
                "9" => char::from(b'0' + draw.below(10) as u8),
                "A" => letter(draw, b'A'),
                _ => letter(draw, b'a'),
            })
            .collect();
    }
    let bounds = name
        .split_once('-')
        .and_then(|(low, high)| Some((low.parse::<usize>().ok()?, high.parse::<usize>().ok()?)));
    match bounds {
        Some((low, high)) => (low + draw.below(high.saturating_sub(low) + 1)).to_string(),
        None => format!("{{{name}}}"),
    }
}

/// Alternatives parted by `|` outside of brackets.
fn choices(source: &str) -> Result<Vec<Vec<Piece>>, String> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    let mut from = 0;
    for (at, c) in source.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.checked_sub(1).ok_or(format!("brackets in `{source}`"))?,
            '|' if depth == 0 => {
                found.push(pieces(source.get(from..at).unwrap_or_default())?);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(pieces(source.get(from..).unwrap_or_default())?);
    Ok(found)
}

fn pieces(source: &str) -> Result<Vec<Piece>, String> {
    let mut found = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let plain = rest.find(['[', '{']).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(plain);
        if !text.is_empty() {
            found.push(Piece::Text(text.replace("\\n", "\n")));
        }
        rest = tail;
        if rest.starts_with('{') {
            let end = rest.find('}').ok_or(format!("`{{` without end in `{source}`"))?;
            let name = rest.get(1..end).unwrap_or_default();
            let capitals = name.starts_with('^');
            found.push(Piece::Slot { name: name.trim_start_matches('^').to_owned(), capitals });
            rest = rest.get(end + 1..).unwrap_or_default();
        } else if rest.starts_with('[') {
            let end = closing(rest).ok_or(format!("`[` without end in `{source}`"))?;
            let inside = rest.get(1..end).unwrap_or_default();
            found.push(Piece::Choice(choices(inside)?));
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }
    Ok(found)
}

/// Where the bracket that opens at the beginning closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}
