//! Finding what is known.

use super::{EDIT_LETTERS, Known, PHONE_TAIL, deletions, within_one_edit};
use crate::gazetteer::{Lex, Lexicon};
use crate::names::more_name_than_word;
use crate::patterns::{Page, dates};
use crate::text::token::{Case, Gap, Made, Token, hash_of, hashed, hashed_all, tokens};
use crate::{Entity, Kind, Reason};

/// Tokens that a number may be written in.
const NUMBER_TOKENS: usize = 16;

/// Shortest name that is looked for where digits touch it, in bytes: `Al2O3` names nobody.
const DIGITS_LETTERS: usize = 3;

/// Digits of a telephone number with all codes at most (ITU-T E.164), and a zero for the trunk.
const PHONE_DIGITS: usize = 16;

impl Known {
    /// Adds every place of a page where something known stands.
    pub(crate) fn find(&self, page: &Page<'_>, found: &mut Vec<Entity>) {
        self.phrases.inside(page.tokens.text, found);
        for (index, token) in page.tokens.list.iter().enumerate() {
            match token.made {
                Made::Word => {
                    found.extend(self.phrases.at(page, index));
                    let kind = self.word(page, index, token);
                    if let Some((kind, score)) = kind {
                        found.push(known(token.range(), kind, score));
                    }
                    if token.case == Case::Initial && !self.initials.is_empty() {
                        found.extend(self.initials(page, index).or_else(|| self.initial(page, index)));
                    }
                    if self.number_heads.contains(&token.hash) {
                        found.extend(self.number(page, index));
                    }
                }
                Made::Number | Made::Mixed => {
                    found.extend(self.phrases.at(page, index));
                    found.extend(self.number(page, index));
                    found.extend(self.date(page, index));
                    if token.made == Made::Mixed {
                        self.words_at_digits(page, index, found);
                    }
                }
                Made::Sign => {}
            }
        }
    }

    /// The words of names that digits touch: `Alvarez²` with the mark of a footnote, `alvarez82`. The digits stay, so that a
    /// name has one surrogate with and without them.
    fn words_at_digits(&self, page: &Page<'_>, index: usize, found: &mut Vec<Entity>) {
        let token = page.tokens.at(index);
        let mut end = token.start as usize;
        for piece in page.tokens.str(token).split_inclusive(char::is_numeric) {
            let start = end;
            end += piece.len();
            let letters = piece.trim_end_matches(char::is_numeric);
            let word = self.words.get(&hash_of(letters)).filter(|word| word.kind == Kind::Name);
            let (Some(word), DIGITS_LETTERS..) = (word, letters.len()) else { continue };
            let mut alone = *tokens(letters, Lexicon::shared()).at(0);
            alone.gap = if start == token.start as usize { token.gap } else { Gap::None };
            if word.is_marked || means_name(page, index, &alone) {
                found.push(known(start..start + letters.len(), Kind::Name, 0.95));
            }
        }
    }

    /// The kind of a word that is known, as it is or with one edit.
    fn word(&self, page: &Page<'_>, index: usize, token: &Token) -> Option<(Kind, f32)> {
        if let Some(word) = self.words.get(&token.hash) {
            let sure = word.is_marked
                || means_name(page, index, token)
                || word.kind == Kind::Name && self.beside(page, index);
            return sure.then_some((word.kind, 0.99));
        }
        let letters = page.tokens.str(token).chars().count();
        let plain = token.lex.word() > 0
            || token.lex.has(Lex::DRUG.with(Lex::MEDICAL).with(Lex::MONTH).with(Lex::DISEASE));
        if letters + 1 < EDIT_LETTERS
            || letters < self.edit_lengths.0
            || letters > self.edit_lengths.1
            || plain
        {
            return None;
        }
        let word = page.tokens.str(token).to_lowercase();
        let mut hashes = deletions(&word).chain([token.hash]);
        hashes.find_map(|hash| {
            let candidates = self.edits.get(&hash)?;
            candidates.iter().find_map(|candidate| {
                let (spelling, kind) = self.spellings.get(*candidate as usize)?;
                let near = within_one_edit(&word, spelling)
                    && (letters >= EDIT_LETTERS || spelling.chars().count() > letters);
                // In small letters a word next to a name is mostly a word.
                (near && (token.case != Case::Lower || token.lex.is_empty())).then_some((*kind, 0.9))
            })
        })
    }

    /// Whether another word of a name that is known stands beside one, with no more than an initial and signs between: then
    /// both are names, also where each by itself is a word like others.
    fn beside(&self, page: &Page<'_>, index: usize) -> bool {
        const REACH: usize = 4;
        let own = page.tokens.at(index).hash;
        let between = |token: &Token| {
            token.case == Case::Initial
                || token.made == Made::Sign && matches!(token.first, b'.' | b',' | b'-' | b'\'')
        };
        let is_name = |token: &Token| {
            token.hash != own && self.words.get(&token.hash).is_some_and(|word| word.kind == Kind::Name)
        };
        let ahead = (1..=REACH)
            .map(|step| page.tokens.at(index + step))
            .take_while(|token| token.gap <= Gap::Line)
            .find(|token| !between(token));
        let mut joined = page.tokens.at(index).gap <= Gap::Line;
        let behind = (1..=REACH)
            .map(|step| page.tokens.before(index, step))
            .take_while(|token| std::mem::replace(&mut joined, token.gap <= Gap::Line))
            .find(|token| !between(token));
        ahead.is_some_and(is_name) || behind.is_some_and(is_name)
    }

    /// `C.M.`, `C. M.`, `C.Q.M.`: the initials of someone known.
    fn initials(&self, page: &Page<'_>, index: usize) -> Option<Entity> {
        let tokens = page.tokens;
        let pair = tokens.at(index + 1).is(b'.')
            && tokens.at(index + 2).case == Case::Initial
            && tokens.at(index + 2).made == Made::Word
            && tokens.at(index + 2).gap <= Gap::Blank
            && tokens.at(index + 3).is(b'.');
        let letters =
            (tokens.at(index).first.to_ascii_lowercase(), tokens.at(index + 2).first.to_ascii_lowercase());
        if !pair || !self.initials.contains(&letters) {
            return None;
        }
        let mut last = index + 2;
        let further = |at: usize| {
            let (point, letter) = (tokens.at(at + 1), tokens.at(at + 2));
            point.is(b'.')
                && letter.case == Case::Initial
                && letter.made == Made::Word
                && letter.gap <= Gap::Blank
                && tokens.at(at + 3).is(b'.')
                && self.initials.iter().any(|pair| pair.0 == letter.first.to_ascii_lowercase())
        };
        while last < index + 8 && further(last) {
            last += 2;
        }
        Some(known(tokens.span(index, last), Kind::Name, 0.9))
    }

    /// The initial of a known name beside another: `Cheryl F. McAllister`, `McAllister, C`.
    fn initial(&self, page: &Page<'_>, index: usize) -> Option<Entity> {
        let token = page.tokens.at(index);
        let own = self.initials.iter().any(|pair| pair.0 == token.first.to_ascii_lowercase());
        // "A" and "I" are words unless a point follows.
        let pointed = page.tokens.at(index + 1).is(b'.') || !matches!(token.first, b'A' | b'I');
        (own && pointed && self.beside(page, index)).then(|| known(token.range(), Kind::Name, 0.9))
    }

    /// The longest known number that begins at a token, whatever signs and blanks are between its parts.
    fn number(&self, page: &Page<'_>, index: usize) -> Option<Entity> {
        if self.numbers.is_empty() {
            return None;
        }
        let longest = if self.phone_tails.is_empty() { 0 } else { PHONE_DIGITS }.max(self.numbers_longest);
        let mut bare = Vec::with_capacity(longest);
        let mut best = None;
        for at in index..index + NUMBER_TOKENS {
            let token = page.tokens.at(at);
            if at > index && token.gap > Gap::Blank || token.end == u32::MAX {
                break;
            }
            if token.made == Made::Sign {
                if !matches!(token.first, b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b'_' | b'#' | b':') {
                    break;
                }
                continue;
            }
            bare.extend(page.tokens.str(token).bytes().map(|byte| byte.to_ascii_lowercase()));
            if bare.len() > longest {
                break;
            }
            if let Some(kind) = self.numbers.get(&bare).or_else(|| self.telephone(&bare)) {
                best = Some(known(page.tokens.span(index, at), *kind, 0.99));
            }
        }
        best
    }

    /// A date in digits that means a known day, year or no year.
    fn date(&self, page: &Page<'_>, index: usize) -> Option<Entity> {
        if self.dates.is_empty() {
            return None;
        }
        let (range, first, second, year) =
            dates::in_digits(page.tokens.text, page.tokens.at(index).start as usize)?;
        let means = self.dates.iter().any(|(known_year, month, day)| {
            let same_day = (first, second) == (*month, *day) || (second, first) == (*month, *day);
            same_day && year.is_none_or(|year| year == *known_year || year == known_year % 100)
        });
        means.then(|| known(range, Kind::Date, 0.95))
    }

    /// The kind of a number that ends as a known telephone number does.
    fn telephone(&self, bare: &[u8]) -> Option<&Kind> {
        let tail = bare.len().checked_sub(PHONE_TAIL).and_then(|from| bare.get(from..))?;
        let fits = bare.len() <= PHONE_DIGITS && bare.iter().all(u8::is_ascii_digit);
        self.phone_tails.get(tail).filter(|_| fits)
    }
}

pub(super) fn known(range: std::ops::Range<usize>, kind: Kind, score: f32) -> Entity {
    Entity { range, kind, score, reason: Reason::Known }
}

/// Words that say that someone is or does something.
fn is_predicate(token: &Token) -> bool {
    const VERBS: [u64; 32] = hashed_all([
        "was",
        "is",
        "has",
        "had",
        "will",
        "did",
        "does",
        "can",
        "reports",
        "reported",
        "denies",
        "denied",
        "states",
        "stated",
        "says",
        "said",
        "feels",
        "felt",
        "looks",
        "came",
        "went",
        "lives",
        "takes",
        "took",
        "presents",
        "presented",
        "tolerated",
        "returns",
        "returned",
        "agrees",
        "remains",
        "and",
    ]);
    VERBS.contains(&token.hash)
}

/// Whether a known word is a name here. Names that are also words (`Long`, `Hope`, `May`) need a capital, and at the
/// beginning of a sentence, if they are of the commonest, a verb or another name behind them.
fn means_name(page: &Page<'_>, index: usize, token: &Token) -> bool {
    let next = page.tokens.at(index + 1);
    let before = page.tokens.before(index, 1);
    let eponym = token.lex.has(Lex::EPONYM)
        && (next.lex.has(Lex::DISEASE) && next.gap <= Gap::Blank
            || next.is(b'\'') && page.tokens.at(index + 3).lex.has(Lex::DISEASE));
    if eponym {
        return false;
    }
    let wordy = token.lex.word() > 0 || token.lex.has(Lex::MEDICAL.with(Lex::DRUG));
    if !wordy {
        return token.case != Case::Lower || token.len() >= 3;
    }
    let begins = token.gap >= Gap::Line
        || matches!(before.first, b'.' | b'!' | b'?')
            && before.made == Made::Sign
            && before.hash != const { hashed(",") };
    let beside_name = next.is_capital() && next.lex.is_name() || before.is_capital() && before.lex.is_name();
    let goes_on = next.made == Made::Word && next.case == Case::Lower && next.gap <= Gap::Blank;
    match token.case {
        // "maria" and "muller" are in the dictionary, too.
        Case::Lower => token.lex.word() <= 1 && more_name_than_word(token),
        // "Long discussion with …", but "Long was seen" and "Grace slept well".
        Case::Title if begins && token.lex.word() == 3 => beside_name || !goes_on || is_predicate(next),
        _ => true,
    }
}
