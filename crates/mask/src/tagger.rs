//! The tagger: a linear-chain model that labels each token by itself, its neighbours and the label before.
//!
//! Features are hashed into a table of small integers, so tagging a token is some forty look-ups and additions. The weights
//! come from `cargo xtask train-tagger`; `data/README.md` says what they were made from. The items that are public here are for
//! that task.

use std::ops::Range;
use std::sync::OnceLock;

use crate::gazetteer::{Cue, Lex, Lexicon};
use crate::names;
use crate::patterns::Page;
use crate::text::fold::View;
use crate::text::token::{Case, Gap, Made, Token, tokens};
use crate::{Entity, Kind, Reason};

mod decode;
mod features;
mod model;

use features::Sketch;

pub use model::{Model, ModelError};

/// Rows of the weight table, a power of two.
pub const BUCKETS: usize = 1 << 18;

/// What a token can be a part of; label 0 is "nothing", then a first and a further token of each of these.
pub const CLASSES: [&str; 6] = ["NAME", "PLACE", "FACILITY", "STREET", "ORG", "ID"];

/// Labels: nothing, and two for each class.
pub const LABELS: usize = 1 + 2 * CLASSES.len();

/// Weights of the model that is compiled in.
const WEIGHTS: &[u8] = include_bytes!("../data/tagger.bin");

/// A text as the tagger sees it.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The bytes of the text that each token takes.
    pub ranges: Vec<Range<usize>>,
    /// The rows of the weight table that each token adds up, below [`BUCKETS`].
    pub features: Vec<Vec<u32>>,
}

/// Encodes a text for training. Tokens for which `forget` says so are treated as if no list had them, so that the model learns to do
/// without lists too.
pub fn encode(text: &str, forget: impl Fn(&Range<usize>) -> bool) -> Encoded {
    let view = View::of(text);
    let mut tokens = tokens(&view.text, Lexicon::shared());
    let ranges: Vec<_> = tokens.list.iter().map(|token| view.back(token.range())).collect();
    for (token, range) in tokens.list.iter_mut().zip(&ranges) {
        if token.made == Made::Word && forget(range) {
            (token.lex, token.cue, token.hash) = (Lex::EMPTY, Cue::NONE, features::FORGOTTEN);
        }
    }
    let page = Page { tokens: &tokens, lexicon: Lexicon::shared() };
    let sketches = features::sketches(&page);
    let mut row = Vec::new();
    let features = (0..tokens.list.len())
        .map(|index| {
            row.clear();
            features::at(&page, &sketches, index, |bucket| row.push(bucket));
            row.clone()
        })
        .collect();
    Encoded { ranges, features }
}

/// The weights, ready to tag.
#[derive(Debug)]
pub(crate) struct Tagger {
    model: Model,
}

impl Tagger {
    /// The model of this build, read at the first call.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Tagger> = OnceLock::new();
        SHARED.get_or_init(|| Self { model: Model::read(WEIGHTS).unwrap_or_default() })
    }

    /// Adds what the model takes for names, places, facilities, streets, organisations and identifiers.
    pub(crate) fn find(&self, page: &Page<'_>, found: &mut Vec<Entity>) {
        if page.tokens.list.is_empty() {
            return;
        }
        let sketches = features::sketches(page);
        let path = decode::decode(page, &sketches, &self.model);
        let mut index = 0;
        while let Some(&(label, margin)) = path.get(index) {
            let Some(class) = class_of(label) else {
                index += 1;
                continue;
            };
            let mut last = index;
            let mut least = margin;
            let mut sum = margin;
            while let Some(&(next, margin)) = path.get(last + 1)
                && next == inside(class)
                // Nothing goes on over an empty line.
                && page.tokens.at(last + 1).gap < Gap::Paragraph
            {
                last += 1;
                least = least.min(margin);
                sum += margin;
            }
            let mean = sum / (last + 1 - index) as f32;
            if let Some((from, to)) = trimmed(page, index, last, class)
                && plausible(page, &sketches, from, to, class)
                && let Some(entity) =
                    entity(page, from, to, class, self.model.certainty(mean.min(least + mean)))
            {
                found.push(entity);
            }
            index = last + 1;
        }
    }
}

/// Whether the form of a finding fits its class. In lines written in small letters only, and in scripts without capitals,
/// form tells nothing.
fn plausible(page: &Page<'_>, sketches: &[Sketch], first: usize, last: usize, class: usize) -> bool {
    let small = sketches.get(first).is_some_and(Sketch::is_small_line);
    let tokens = || (first..=last).map(|index| page.tokens.at(index));
    let capital = tokens().any(|token| {
        token.is_capital()
            || token.made == Made::Mixed && token.case != Case::Lower
            || token.made == Made::Word && !token.first.is_ascii()
    });
    let listed = tokens().any(|token| token.made == Made::Word && token.lex.word() == 0 && is_listed(token));
    match CLASSES.get(class).copied().unwrap_or_default() {
        "ID" => is_identifier(page, first, last),
        "STREET" if !capital && !small => {
            // The postal code at the end of an address.
            let code = first == last
                && page.tokens.at(first).made == Made::Number
                && page.tokens.at(first).len() == 5;
            code && page.tokens.at(first).gap <= Gap::Line && page.tokens.before(first, 1).is_capital()
                || listed
        }
        "NAME" if !small => tokens().any(Token::is_capital) || listed,
        _ if small => tokens().any(|token| token.made == Made::Word),
        _ => capital || listed,
    }
}

/// Whether a token can be what makes a finding [`plausible`].
fn may_tell(page: &Page<'_>, sketch: &Sketch, index: usize) -> bool {
    let token = page.tokens.at(index);
    match token.made {
        Made::Word => {
            sketch.is_small_line()
                || !token.first.is_ascii()
                || token.is_capital() && !names::is_function(token)
                || token.lex.word() == 0 && is_listed(token)
        }
        Made::Mixed => true,
        Made::Number => {
            token.len() >= 4
                || (1..=2).any(|step| {
                    page.tokens.at(index + step).has_digit() || page.tokens.before(index, step).has_digit()
                })
        }
        Made::Sign => false,
    }
}

/// Whether the lists have a token as a name or place.
fn is_listed(token: &Token) -> bool {
    token.lex.is_name() || token.lex.city() > 0 || token.lex.has(Lex::COUNTRY.with(Lex::FACILITY_NAME))
}

/// Whether a finding can be an identifier: four digits or more, and no code of a catalogue or register.
fn is_identifier(page: &Page<'_>, first: usize, last: usize) -> bool {
    let text = page.tokens.text.get(page.tokens.span(first, last)).unwrap_or_default();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let trial = text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("NCT"));
    digits >= 4 && !trial && !page.context(first).has(Cue::CODE) && !page.cue(last + 1).has(Cue::DOSE)
}

/// Leaves out words of grammar and signs at the ends of a name, and titles at its beginning.
fn trimmed(page: &Page<'_>, mut first: usize, mut last: usize, class: usize) -> Option<(usize, usize)> {
    if class != 0 {
        // The end of a sentence is no part of a place; the point of an abbreviation is no letter of it either.
        let closes =
            |token: &Token| token.made == Made::Sign && matches!(token.first, b'.' | b',' | b';' | b':');
        while last > first && closes(page.tokens.at(last)) {
            last -= 1;
        }
        // The words that say what a number is are no part of it.
        let announces = |token: &Token| {
            token.made == Made::Sign
                || token.made == Made::Word && matches!(token.case, Case::Lower | Case::Title)
        };
        let is_id = CLASSES.get(class) == Some(&"ID");
        let asked = Cue::ZIP.with(Cue::ID_WORD).with(Cue::PHONE).with(Cue::FAX);
        while last > first && (page.cue(first).has(asked) || is_id) && announces(page.tokens.at(first)) {
            first += 1;
        }
        return Some((first, last));
    }
    let idle = |index: usize| {
        let token = page.tokens.at(index);
        token.made == Made::Sign || names::is_function(token)
    };
    while first < last && (idle(first) || page.cue(first).has(Cue::TITLE) && page.tokens.at(first).len() <= 4)
    {
        first += 1;
    }
    let initial =
        |index: usize| page.tokens.at(index).is(b'.') && page.tokens.before(index, 1).case == Case::Initial;
    while last > first && idle(last) && !initial(last) {
        last -= 1;
    }
    // A sentence ends after an initial more often than a name goes on with a word of grammar.
    let one = page.tokens.at(first);
    let other = one.lex.has(Lex::NATIONAL.with(Lex::MONTH).with(Lex::WEEKDAY))
        && first == last
        && !(one.lex.has(Lex::BEGINS)
            && (!one.lex.has(Lex::NATIONAL) || page.tokens.at(first + 1).is_capital()));
    (!idle(first) && (!other || page.tokens.before(first, 1).is(b'.'))).then_some((first, last))
}

fn class_of(label: u8) -> Option<usize> {
    (label > 0).then(|| (usize::from(label) - 1) / 2)
}

/// The label of a further token of a class.
fn inside(class: usize) -> u8 {
    u8::try_from(2 + 2 * class).unwrap_or(0)
}

fn entity(page: &Page<'_>, first: usize, last: usize, class: usize, score: f32) -> Option<Entity> {
    let range = page.tokens.span(first, last);
    let digits = || (first..=last).any(|index| page.tokens.at(index).has_digit());
    let (kind, reason) = match class {
        0 => (Kind::Name, Reason::Tagger),
        1 => (Kind::Location, Reason::Context("town")),
        2 | 3 => (Kind::Location, Reason::Tagger),
        4 => (Kind::Organization, Reason::Tagger),
        _ if digits() => (Kind::Id, Reason::Tagger),
        _ => return None,
    };
    Some(Entity { range, kind, score, reason })
}
