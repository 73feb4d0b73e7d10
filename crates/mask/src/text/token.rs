//! Tokens: words, numbers, mixtures of both and single signs, with what the lists know of them.

use crate::gazetteer::{Cue, Lex, Lexicon};

/// What a token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// Letters, perhaps with apostrophes between them.
    Word,
    /// Digits only.
    Number,
    /// Letters and digits.
    Mixed,
    /// One sign; a sign outside ASCII is all of its bytes.
    Sign,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// All small, or a script without cases, or no word at all.
    Lower,
    /// A capital, then small letters.
    Title,
    /// Two or more letters, all capitals.
    Upper,
    /// One capital.
    Initial,
    /// Capitals inside.
    Camel,
}

/// What stands before a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    /// Nothing.
    None,
    /// A blank or several.
    Blank,
    /// The end of a line.
    Line,
    /// An empty line or the beginning of the text.
    Paragraph,
}

/// One token of a folded text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Of the lower-case form.
    pub(crate) hash: u64,
    pub(crate) lex: Lex,
    /// What it tells about its neighbours.
    pub(crate) cue: Cue,
    pub(crate) made: Made,
    pub(crate) case: Case,
    pub(crate) gap: Gap,
    /// The first byte; for a sign, the sign.
    pub(crate) first: u8,
}

impl Token {
    /// A token behind the end of every text.
    pub(crate) const NONE: Self = Self {
        start: u32::MAX,
        end: u32::MAX,
        hash: 0,
        lex: Lex::EMPTY,
        cue: Cue::NONE,
        made: Made::Sign,
        case: Case::Lower,
        gap: Gap::Paragraph,
        first: 0,
    };

    /// The bytes it takes.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many bytes it takes.
    pub(crate) fn len(&self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it is this sign.
    pub(crate) fn is(&self, sign: u8) -> bool {
        self.made == Made::Sign && self.first == sign
    }

    /// Whether it is a word that begins with a capital.
    pub(crate) fn is_capital(&self) -> bool {
        self.made == Made::Word && self.case != Case::Lower
    }

    /// Whether it holds a digit.
    pub(crate) fn has_digit(&self) -> bool {
        matches!(self.made, Made::Number | Made::Mixed)
    }
}

/// A folded text and its tokens.
pub(crate) struct Tokens<'v> {
    pub(crate) text: &'v str,
    pub(crate) list: Vec<Token>,
}

impl Tokens<'_> {
    /// The token at an index, or [`Token::NONE`].
    pub(crate) fn at(&self, index: usize) -> &Token {
        self.list.get(index).unwrap_or(&Token::NONE)
    }

    /// The token `back` places before an index, or [`Token::NONE`].
    pub(crate) fn before(&self, index: usize, back: usize) -> &Token {
        index.checked_sub(back).map_or(&Token::NONE, |place| self.at(place))
    }

    /// The letters of a token.
    pub(crate) fn str(&self, token: &Token) -> &str {
        self.text.get(token.range()).unwrap_or_default()
    }

    /// The text between two tokens, both included.
    pub(crate) fn span(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        self.at(from).start as usize..self.at(to).end as usize
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The hash of a word as tokens carry it: of its lower-case form.
pub(crate) fn hash_of(word: &str) -> u64 {
    let mut hash = FNV_OFFSET;
    for c in word.chars() {
        hash = add(hash, c);
    }
    finish(hash)
}

/// [`hash_of`] of a word in small ASCII letters, at compile time.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which would refuse a place outside")]
pub(crate) const fn hashed(word: &str) -> u64 {
    let bytes = word.as_bytes();
    let mut hash = FNV_OFFSET;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(FNV_PRIME);
        at += 1;
    }
    finish(hash)
}

/// [`hashed`] of several words.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which would refuse a place outside")]
pub(crate) const fn hashed_all<const N: usize>(words: [&str; N]) -> [u64; N] {
    let mut hashes = [0; N];
    let mut at = 0;
    while at < N {
        hashes[at] = hashed(words[at]);
        at += 1;
    }
    hashes
}

/// The hash of two or more words in a row.
pub(crate) fn join(first: u64, second: u64) -> u64 {
    finish(first.rotate_left(7) ^ second)
}

fn add(hash: u64, c: char) -> u64 {
    if c.is_ascii() {
        return (hash ^ u64::from(c.to_ascii_lowercase() as u8)).wrapping_mul(FNV_PRIME);
    }
    c.to_lowercase().fold(hash, |hash, lower| (hash ^ u64::from(u32::from(lower))).wrapping_mul(FNV_PRIME))
}

/// Spreads the entropy of a hash over all of its bits: tables use the low ones, features all.
pub(crate) const fn finish(hash: u64) -> u64 {
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// Cuts a folded text into tokens.
pub(crate) fn tokens<'v>(text: &'v str, lexicon: &Lexicon) -> Tokens<'v> {
    let mut list = Vec::with_capacity(text.len() / 5 + 8);
    let bytes = text.as_bytes();
    let mut at = 0_usize;
    let mut gap = Gap::Paragraph;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' => {
                gap = if gap >= Gap::Line { Gap::Paragraph } else { Gap::Line };
                at += 1;
            }
            0..=b' ' | 0x7f => {
                gap = gap.max(Gap::Blank);
                at += 1;
            }
            _ => {
                let mut token = read(text, at);
                token.gap = gap;
                at = token.end as usize;
                gap = Gap::None;
                list.push(token);
            }
        }
    }
    // In passes of their own: a look-up waits for memory, and so the processor waits for many of them at once.
    for token in list.iter_mut().filter(|token| token.made == Made::Word) {
        token.lex = lexicon.of(token.hash);
    }
    for token in list.iter_mut().filter(|token| token.lex.has(Lex::CUE)) {
        token.cue = lexicon.cue(token.hash);
    }
    Tokens { text, list }
}

/// Reads the token that begins at a byte that is not blank.
fn read(text: &str, start: usize) -> Token {
    let bytes = text.as_bytes();
    let first = bytes.get(start).copied().unwrap_or_default();
    let mut scan =
        Scan { hash: FNV_OFFSET, letters: 0, digits: 0, capitals: 0, first_capital: false, end: start };
    while let Some(&byte) = bytes.get(scan.end) {
        if byte.is_ascii() {
            if byte.is_ascii_alphanumeric() {
                scan.take_ascii(byte);
            } else if byte == b'\'' && scan.joins(bytes) {
                scan.hash = add(scan.hash, '\'');
                scan.end += 1;
            } else {
                break;
            }
        } else {
            let Some(c) = text.get(scan.end..).and_then(|rest| rest.chars().next()) else { break };
            if !c.is_alphanumeric() {
                break;
            }
            scan.take(c);
        }
    }
    let made = match (scan.letters, scan.digits) {
        (0, 0) => Made::Sign,
        (_, 0) => Made::Word,
        (0, _) => Made::Number,
        _ => Made::Mixed,
    };
    if made == Made::Sign {
        let length = text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        scan.end = start + length;
        scan.hash = u64::from(first) | (length as u64) << 32;
    }
    let case = match (scan.capitals, scan.letters, scan.first_capital) {
        (0, ..) => Case::Lower,
        (1, 1, _) => Case::Initial,
        (capitals, letters, _) if capitals == letters => Case::Upper,
        (1, _, true) => Case::Title,
        _ => Case::Camel,
    };
    let (start, end) =
        (u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(scan.end).unwrap_or(u32::MAX));
    Token {
        start,
        end,
        hash: finish(scan.hash),
        lex: Lex::EMPTY,
        cue: Cue::NONE,
        made,
        case,
        gap: Gap::None,
        first,
    }
}

/// A token in the making.
struct Scan {
    hash: u64,
    letters: u32,
    digits: u32,
    capitals: u32,
    first_capital: bool,
    end: usize,
}

impl Scan {
    fn take_ascii(&mut self, byte: u8) {
        self.hash = (self.hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(FNV_PRIME);
        if byte.is_ascii_digit() {
            self.digits += 1;
        } else {
            if byte.is_ascii_uppercase() {
                self.first_capital |= self.letters == 0;
                self.capitals += 1;
            }
            self.letters += 1;
        }
        self.end += 1;
    }

    fn take(&mut self, c: char) {
        self.hash = add(self.hash, c);
        if c.is_numeric() {
            self.digits += 1;
        } else {
            if c.is_uppercase() {
                self.first_capital |= self.letters == 0;
                self.capitals += 1;
            }
            self.letters += 1;
        }
        self.end += c.len_utf8();
    }

    /// Whether the apostrophe at the end belongs to the word: letters on both sides, and not the `'s` of a genitive.
    fn joins(&self, bytes: &[u8]) -> bool {
        let letter =
            |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
        let next = self.end + 1;
        let genitive = matches!(bytes.get(next), Some(b's' | b'S')) && !letter(next + 1);
        self.letters > 0 && self.digits == 0 && letter(next) && !genitive
    }
}
