//! Finding what is known.

use super::{EDIT_LETTERS, Known, deletions, within_one_edit};
use crate::gazetteer::Lex;
use crate::patterns::{Page, dates};
use crate::text::token::{Case, Gap, Made, Token, hashed, hashed_all};
use crate::{Entity, Kind, Reason};

/// Tokens that a number may be written in.
const NUMBER_TOKENS: usize = 16;

impl Known {
    /// Adds every place of a page where something known stands.
    pub(crate) fn find(&self, page: &Page<'_>, found: &mut Vec<Entity>) {
        self.phrases(page.tokens.text, found);
        for (index, token) in page.tokens.list.iter().enumerate() {
            match token.made {
                Made::Word => {
                    let kind = self.word(page, index, token);
                    if let Some((kind, score)) = kind {
                        found.push(known(token.range(), kind, score));
                    }
                    if token.case == Case::Initial && !self.initials.is_empty() {
                        found.extend(self.initials(page, index));
                    }
                    if token.len() <= 4 && page.tokens.at(index + 1).has_digit() {
                        found.extend(self.number(page, index));
                    }
                }
                Made::Number | Made::Mixed => {
                    found.extend(self.number(page, index));
                    found.extend(self.date(page, index));
                }
                Made::Sign => {}
            }
        }
    }

    /// The kind of a word that is known, as it is or with one edit.
    fn word(&self, page: &Page<'_>, index: usize, token: &Token) -> Option<(Kind, f32)> {
        if let Some(word) = self.words.get(&token.hash) {
            return means_name(page, index, token).then_some((word.kind, 0.99));
        }
        let letters = token.len();
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
                let near =
                    within_one_edit(&word, spelling) && (letters >= EDIT_LETTERS || spelling.len() > letters);
                // In small letters a word next to a name is mostly a word.
                (near && (token.case != Case::Lower || token.lex.is_empty())).then_some((*kind, 0.9))
            })
        })
    }

    /// `C.M.`, `C. M.`: the initials of someone known.
    fn initials(&self, page: &Page<'_>, index: usize) -> Option<Entity> {
        let tokens = page.tokens;
        let pair = tokens.at(index + 1).is(b'.')
            && tokens.at(index + 2).case == Case::Initial
            && tokens.at(index + 2).made == Made::Word
            && tokens.at(index + 2).gap <= Gap::Blank
            && tokens.at(index + 3).is(b'.');
        let letters =
            (tokens.at(index).first.to_ascii_lowercase(), tokens.at(index + 2).first.to_ascii_lowercase());
        (pair && self.initials.contains(&letters))
            .then(|| known(tokens.span(index, index + 2), Kind::Name, 0.9))
    }

    /// The longest known number that begins at a token, whatever signs and blanks are between its parts.
    fn number(&self, page: &Page<'_>, index: usize) -> Option<Entity> {
        if self.numbers.is_empty() {
            return None;
        }
        let mut bare = Vec::with_capacity(self.numbers_longest);
        let mut best = None;
        for at in index..index + NUMBER_TOKENS {
            let token = page.tokens.at(at);
            if at > index && token.gap > Gap::Blank || token.end == u32::MAX {
                break;
            }
            if token.made == Made::Sign {
                if !matches!(token.first, b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b'_' | b'#') {
                    break;
                }
                continue;
            }
            bare.extend(page.tokens.str(token).bytes().map(|byte| byte.to_ascii_lowercase()));
            if bare.len() > self.numbers_longest {
                break;
            }
            if let Some(kind) = self.numbers.get(&bare) {
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

    fn phrases(&self, text: &str, found: &mut Vec<Entity>) {
        let Some(automaton) = &self.phrases else { return };
        let letter = |at: Option<usize>| {
            at.and_then(|at| text.as_bytes().get(at))
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
        };
        for hit in automaton.find_iter(text) {
            if letter(hit.start().checked_sub(1)) || letter(Some(hit.end())) {
                continue;
            }
            if let Some(kind) = self.phrase_kinds.get(hit.pattern().as_usize()) {
                found.push(known(hit.start()..hit.end(), *kind, 0.97));
            }
        }
    }
}

fn known(range: std::ops::Range<usize>, kind: Kind, score: f32) -> Entity {
    Entity { range, kind, score, reason: Reason::Known }
}

/// Whether a known word is a name here. Names that are also words (`Long`, `Hope`, `May`) need a capital inside of a sentence,
/// or a title or another name beside them.
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
    let predicate =
        const { hashed_all(["was", "is", "has", "reports", "denies", "states", "will", "did", "had"]) }
            .contains(&next.hash)
            || next.is(b'\'')
            || next.is(b',');
    match token.case {
        Case::Lower => false,
        Case::Title if begins && token.lex.word() >= 2 => beside_name || predicate,
        _ => true,
    }
}
