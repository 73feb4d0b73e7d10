//! What the model is told of a token: rows of the weight table.

use super::BUCKETS;
use crate::gazetteer::{Cue, Lex};
use crate::names;
use crate::patterns::Page;
use crate::text::token::{Case, Gap, Made, Token, finish};

/// The hash of a word that training forgets.
pub(super) const FORGOTTEN: u64 = 0;

/// A token in a few numbers, each the hash of a description; finer and coarser ones are combined with neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sketch {
    /// The word itself if the lists have it as a word, else its form.
    word: u32,
    /// All that the lists say, with the form.
    class: u32,
    /// The same, coarser.
    coarse: u32,
    /// What a longer entry of the lists that it is a part of says.
    entry: u32,
    /// The first word of its line if a colon follows it there.
    head: u32,
    /// How its line is written: mixed, small letters only, capitals only.
    style: u32,
}

impl Sketch {
    /// Whether its line is written in small letters only.
    pub(super) fn is_small_line(&self) -> bool {
        self.style == 1
    }
}

fn mix(a: u32, b: u32) -> u32 {
    (finish(u64::from(a) << 32 | u64::from(b)) >> 16) as u32
}

/// Describes every token of a page.
pub(super) fn sketches(page: &Page<'_>) -> Vec<Sketch> {
    let mut sketches: Vec<Sketch> = Vec::with_capacity(page.tokens.list.len());
    let mut line = Line::default();
    for (index, token) in page.tokens.list.iter().enumerate() {
        if token.gap >= Gap::Line {
            line = Line::read(page, index);
        }
        let cue = page.cue(index);
        sketches.push(Sketch {
            word: word(page, token),
            class: class(token, cue, line.style),
            coarse: coarse(token, cue),
            entry: 0,
            head: line.head,
            style: line.style,
        });
    }
    for index in 0..page.tokens.list.len() {
        if !page.tokens.at(index).lex.has(Lex::BEGINS) {
            continue;
        }
        let (last, lex) = names::entry(page, index);
        if last > index {
            let kind = lex.city()
                | u32::from(lex.has(Lex::COUNTRY.with(Lex::PLACE))) << 2
                | u32::from(lex.has(Lex::STATE)) << 3
                | u32::from(lex.has(Lex::FACILITY_NAME)) << 4
                | u32::from(lex.is_name()) << 5
                | u32::from(lex.has(Lex::MEDICAL.with(Lex::DRUG).with(Lex::EPONYM))) << 6
                | u32::from(lex.has(Lex::COUNTY)) << 7;
            for (place, at) in (index..=last).enumerate() {
                if let Some(sketch) = sketches.get_mut(at)
                    && sketch.entry == 0
                {
                    sketch.entry = mix(kind, u32::from(place > 0) + 1 + 2 * u32::from(at == last));
                }
            }
        }
    }
    sketches
}

/// What is said of a whole line.
#[derive(Clone, Copy, Default)]
struct Line {
    head: u32,
    style: u32,
}

impl Line {
    fn read(page: &Page<'_>, index: usize) -> Self {
        const LOOK: usize = 40;
        let first = page.tokens.at(index);
        let label = (1..=3).any(|step| page.tokens.at(index + step).is(b':'));
        let (mut capitals, mut titles, mut smalls) = (0, 0, 0);
        for at in index..index + LOOK {
            let token = page.tokens.at(at);
            if at > index && token.gap >= Gap::Line {
                break;
            }
            if token.made == Made::Word && token.len() > 2 {
                match token.case {
                    Case::Upper => capitals += 1,
                    Case::Lower => smalls += 1,
                    _ => titles += 1,
                }
            }
        }
        let style = match (capitals, titles, smalls) {
            (0, 0, 2..) => 1,
            (2.., _, _) if capitals > 2 * (titles + smalls) => 2,
            (_, 2.., 0) => 3,
            _ => 0,
        };
        let head = if label && first.made == Made::Word { first.hash as u32 } else { 0 };
        Self { head, style }
    }
}

/// The identity of a word that the lists have as a word or cue; the form of anything else.
fn word(page: &Page<'_>, token: &Token) -> u32 {
    let listed = Lex::CUE
        .with(Lex::MEDICAL)
        .with(Lex::DRUG)
        .with(Lex::EPONYM)
        .with(Lex::DISEASE)
        .with(Lex::MONTH)
        .with(Lex::WEEKDAY)
        .with(Lex::STATE)
        .with(Lex::STATE_SHORT)
        .with(Lex::NATIONAL);
    match token.made {
        Made::Word
            if token.lex.word() > 0
                || token.lex.has(listed)
                || token.len() <= 3 && token.case == Case::Lower =>
        {
            token.hash as u32
        }
        Made::Sign => token.hash as u32 ^ 0x51_60,
        _ => form(page, token),
    }
}

/// The form of a token: what it is made of, how it is written, how long it is.
fn form(page: &Page<'_>, token: &Token) -> u32 {
    let length = token.len().min(12) as u32;
    let made = match token.made {
        Made::Word => 1,
        Made::Number => 2,
        Made::Mixed => 3 + u32::from(token.first.is_ascii_digit()),
        Made::Sign => 5,
    };
    let length = match token.made {
        Made::Word => length.div_ceil(4),
        _ => length,
    };
    // Ordinals and units look alike without their letters.
    let tail = if token.made == Made::Mixed {
        page.tokens.str(token).bytes().next_back().map_or(0, |byte| u32::from(byte.is_ascii_digit()))
    } else {
        0
    };
    mix(made << 8 | case_of(token) << 4 | tail, length ^ 0xf0_4d)
}

fn case_of(token: &Token) -> u32 {
    match token.case {
        Case::Lower => 0,
        Case::Title => 1,
        Case::Upper => 2,
        Case::Initial => 3,
        Case::Camel => 4,
    }
}

/// Everything the lists say.
fn class(token: &Token, cue: Cue, style: u32) -> u32 {
    if token.made != Made::Word {
        return mix(
            token.made as u32,
            if token.made == Made::Sign { u32::from(token.first) } else { token.len() as u32 } | 0x100,
        );
    }
    mix(token.lex.0 & !Lex::BEGINS.with(Lex::FUNCTION).0, mix(cue.0, case_of(token) << 4 | style))
}

/// What the lists say in some thirty classes.
fn coarse(token: &Token, cue: Cue) -> u32 {
    let lex = token.lex;
    if token.made != Made::Word {
        let digits = token.len().min(6) as u32;
        return if token.made == Made::Sign {
            u32::from(token.first) | 0x1000
        } else {
            0x2000 | (token.made as u32) << 4 | digits
        };
    }
    let people =
        u32::from(lex.given() > 0) | u32::from(lex.family() > 0) << 1 | u32::from(lex.city() > 0) << 2;
    let common = lex.word().min(3) << 3;
    let group = if lex.has(Lex::MEDICAL.with(Lex::DRUG).with(Lex::DISEASE)) {
        1
    } else if lex.has(Lex::COUNTRY.with(Lex::STATE).with(Lex::PLACE).with(Lex::STATE_SHORT)) {
        2
    } else if cue.has(Cue::FACILITY.with(Cue::FACILITY_PART)) {
        3
    } else if cue.has(Cue::STREET.with(Cue::STREET_HEAD).with(Cue::STREET_SURE)) {
        4
    } else if cue.has(Cue::TITLE) {
        5
    } else if cue.has(Cue::RELATIVE.with(Cue::ROLE).with(Cue::LABEL)) {
        6
    } else if lex.has(Lex::EPONYM) {
        7
    } else {
        0
    };
    people | common | group << 5 | case_of(token) << 9
}

/// Hands the rows of the features of a token to `row`.
pub(super) fn at(page: &Page<'_>, sketches: &[Sketch], index: usize, mut row: impl FnMut(u32)) {
    const NONE: Sketch = Sketch { word: 7, class: 7, coarse: 7, entry: 0, head: 0, style: 0 };
    let sketch =
        |offset: isize| index.checked_add_signed(offset).and_then(|at| sketches.get(at)).unwrap_or(&NONE);
    let token = page.tokens.at(index);
    let (p3, p2, p1, s, n1, n2) = (sketch(-3), sketch(-2), sketch(-1), sketch(0), sketch(1), sketch(2));
    let gap = token.gap as u32 | (page.tokens.at(index + 1).gap as u32) << 2;
    let mut put = |template: u32, value: u32| {
        row(mix(template.wrapping_mul(0x9e37_79b1), value) & (BUCKETS as u32 - 1))
    };
    put(1, s.word);
    put(2, mix(s.word, s.style << 8 | case_of(token)));
    put(3, p1.word);
    put(4, n1.word);
    put(5, p2.word);
    put(6, n2.word);
    put(7, mix(p1.word, s.coarse));
    put(8, mix(s.coarse, n1.word));
    put(9, mix(p2.word, p1.word));
    put(10, mix(n1.word, n2.word));
    put(11, mix(p1.word, n1.word));
    put(12, s.class);
    put(13, p1.class);
    put(14, n1.class);
    put(15, mix(p1.class, s.class));
    put(16, mix(s.class, n1.class));
    put(17, mix(mix(p1.coarse, s.coarse), n1.coarse));
    put(18, mix(mix(p2.coarse, p1.coarse), s.coarse));
    put(19, mix(mix(s.coarse, n1.coarse), n2.coarse));
    put(20, mix(mix(p2.word, p1.word), s.coarse));
    put(21, mix(s.coarse, gap));
    put(22, mix(mix(s.coarse, s.head), s.style));
    put(23, mix(s.entry, p1.word));
    put(24, mix(s.entry, s.style << 4 | case_of(token)));
    put(25, mix(s.coarse, s.style));
    put(26, mix(p3.word, s.coarse));
    put(27, mix(mix(p3.coarse, p2.coarse), mix(p1.coarse, s.coarse)));
    put(28, mix(mix(n1.word, n2.word), s.coarse));
    put(29, mix(s.head, p1.word));
    put(30, form(page, token));
    put(31, mix(p1.entry, s.coarse));
    // A word that no list has as a name: abbreviations and terms that are none are learnt one by one.
    if token.made == Made::Word && token.hash != FORGOTTEN && !token.lex.is_name() && token.lex.city() == 0 {
        put(32, token.hash as u32);
        put(33, mix(token.hash as u32, case_of(token)));
    }
    affixes(page, token, s, &mut put);
}

/// The first and last letters of a word: what names of unknown peoples are made of.
fn affixes(page: &Page<'_>, token: &Token, sketch: &Sketch, put: &mut impl FnMut(u32, u32)) {
    if token.made != Made::Word || token.len() < 3 {
        return;
    }
    let bytes = page.tokens.str(token).as_bytes();
    let hash = |part: &[u8]| {
        part.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
        })
    };
    let common = sketch.style << 8 | case_of(token) << 4 | token.lex.word();
    for length in 2..=4_usize {
        if let Some(tail) = bytes.len().checked_sub(length).and_then(|from| bytes.get(from..)) {
            put(40 + length as u32, mix(hash(tail), common));
        }
    }
    if let Some(head) = bytes.get(..3) {
        put(45, mix(hash(head), common));
    }
}
