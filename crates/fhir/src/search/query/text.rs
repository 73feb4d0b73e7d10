//! What `_text` and `_content` ask for: words, beginnings of words, phrases, and how they go together.
//!
//! ```text
//! (bone OR liver) and metastases      "heart failure", nephro*      diabetes NOT insipidus
//! ```
//!
//! Words beside each other must all be there, as with `AND`. `OR` and a comma mean either and bind less. `AND` and `OR` may be
//! written in any case, `NOT` in capitals only, for "not" is a word that notes are full of. A phrase stands in one text, its
//! words beside each other in their order. `word*` is any word that begins so.
//!
//! Source: FHIR R4 3.1.1.4.16.

use compact_str::CompactString;

use super::super::words::{Place, texts, words};
use crate::json::Value;

/// Words, beginnings and words of phrases in one criterion.
const TERMS_MAX: usize = 64;
/// Parentheses and `NOT`s within each other.
const DEPTH_MAX: usize = 16;

/// What the words of a resource must be. `Debug` shows no word.
#[derive(Clone, PartialEq, Eq)]
pub enum TextQuery {
    /// This word, normalised.
    Word(CompactString),
    /// A word that begins like this, normalised.
    Prefix(CompactString),
    /// These words beside each other in one text.
    Phrase(Vec<CompactString>),
    /// All of these.
    All(Vec<TextQuery>),
    /// One of these.
    Any(Vec<TextQuery>),
    /// Not this.
    Not(Box<TextQuery>),
}

impl std::fmt::Debug for TextQuery {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(_) => formatter.write_str("Word(…)"),
            Self::Prefix(_) => formatter.write_str("Prefix(…)"),
            Self::Phrase(words) => write!(formatter, "Phrase({})", words.len()),
            Self::All(parts) => formatter.debug_tuple("All").field(parts).finish(),
            Self::Any(parts) => formatter.debug_tuple("Any").field(parts).finish(),
            Self::Not(part) => formatter.debug_tuple("Not").field(part).finish(),
        }
    }
}

impl TextQuery {
    /// Reads the value of `_text` or `_content`.
    ///
    /// # Errors
    /// What is expected, for a person; never what was given.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable(), terms: 0 };
        let found = reader.either(0)?;
        match reader.tokens.next() {
            None => found.ok_or("a word is expected"),
            Some(_) => Err("a `)` closes nothing"),
        }
    }

    /// Whether a resource's texts meet it, by reading all of them: `narrative` says whether only its narrative counts.
    #[must_use]
    pub fn holds(&self, resource: &Value, narrative: bool) -> bool {
        let mut read: Vec<Vec<CompactString>> = Vec::new();
        texts(resource, &mut |place, text| {
            if !narrative || place == Place::Narrative {
                let mut one = Vec::new();
                words(text, &mut |word| one.push(word.into()));
                read.push(one);
            }
        });
        self.holds_for(&read)
    }

    fn holds_for(&self, texts: &[Vec<CompactString>]) -> bool {
        let some = |test: &dyn Fn(&CompactString) -> bool| texts.iter().flatten().any(test);
        match self {
            Self::Word(word) => some(&|found| found == word),
            Self::Prefix(prefix) => some(&|found| found.starts_with(prefix.as_str())),
            Self::Phrase(phrase) => texts
                .iter()
                .any(|text| text.windows(phrase.len().max(1)).any(|window| window == phrase.as_slice())),
            Self::All(parts) => parts.iter().all(|part| part.holds_for(texts)),
            Self::Any(parts) => parts.iter().any(|part| part.holds_for(texts)),
            Self::Not(part) => !part.holds_for(texts),
        }
    }
}

enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Term { text: String, quoted: bool },
}

fn tokens(text: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        match first {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Or),
            '"' => {
                let (inside, behind) = after.split_once('"').ok_or("a closing `\"` is expected")?;
                tokens.push(Token::Term { text: inside.to_owned(), quoted: true });
                rest = behind;
                continue;
            }
            space if space.is_whitespace() => {}
            _ => {
                let end = rest.find(|char: char| char.is_whitespace() || "(),\"".contains(char));
                let (term, behind) = rest.split_at(end.unwrap_or(rest.len()));
                tokens.push(match term {
                    "NOT" => Token::Not,
                    _ if term.eq_ignore_ascii_case("and") => Token::And,
                    _ if term.eq_ignore_ascii_case("or") => Token::Or,
                    _ => Token::Term { text: term.to_owned(), quoted: false },
                });
                rest = behind;
                continue;
            }
        }
        rest = after;
    }
    Ok(tokens)
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    terms: usize,
}

impl Reader {
    /// `a OR b, c`; `None` where there is only what holds no word, such as a dash.
    fn either(&mut self, depth: usize) -> Result<Option<TextQuery>, &'static str> {
        if depth > DEPTH_MAX {
            return Err("fewer parentheses within each other are expected");
        }
        let mut parts = Vec::new();
        loop {
            parts.extend(self.all(depth)?);
            if !matches!(self.tokens.peek(), Some(Token::Or)) {
                break;
            }
            self.tokens.next();
        }
        Ok(joined(parts, TextQuery::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Option<TextQuery>, &'static str> {
        let mut parts = Vec::new();
        let mut expects_more = true;
        loop {
            match self.tokens.peek() {
                Some(Token::And) if !expects_more => {
                    self.tokens.next();
                    expects_more = true;
                    continue;
                }
                Some(Token::And | Token::Or | Token::Close) | None if expects_more => {
                    return Err("a word is expected on both sides of `AND`, `OR` and `,`");
                }
                Some(Token::Or | Token::Close) | None => return Ok(joined(parts, TextQuery::All)),
                _ => {}
            }
            parts.extend(self.one(depth)?);
            expects_more = false;
        }
    }

    fn one(&mut self, depth: usize) -> Result<Option<TextQuery>, &'static str> {
        match self.tokens.next() {
            Some(Token::Not) if depth < DEPTH_MAX => {
                let inner = self.one(depth + 1)?.ok_or("a word is expected after `NOT`")?;
                Ok(Some(TextQuery::Not(Box::new(inner))))
            }
            Some(Token::Open) => {
                let inner = self.either(depth + 1)?;
                match self.tokens.next() {
                    Some(Token::Close) => Ok(inner),
                    _ => Err("a closing `)` is expected"),
                }
            }
            Some(Token::Term { text, quoted }) => self.term(&text, quoted),
            _ => Err("a word is expected"),
        }
    }

    fn term(&mut self, text: &str, quoted: bool) -> Result<Option<TextQuery>, &'static str> {
        let (text, open) = match text.strip_suffix('*').filter(|_| !quoted) {
            Some(text) => (text, true),
            None => (text, false),
        };
        let mut found: Vec<CompactString> = Vec::new();
        words(text, &mut |word| found.push(word.into()));
        self.terms = self.terms.saturating_add(found.len());
        if self.terms > TERMS_MAX {
            return Err("at most 64 words are expected");
        }
        let mut all = found.into_iter();
        match (all.next(), open) {
            (None, true) => Err("letters are expected before `*`"),
            (None, false) => Ok(None),
            (Some(only), true) if all.len() == 0 => Ok(Some(TextQuery::Prefix(only))),
            (Some(_), true) => Err("one word is expected before `*`"),
            (Some(only), false) if all.len() == 0 => Ok(Some(TextQuery::Word(only))),
            // `covid-19` is as good as a phrase.
            (Some(first), false) => Ok(Some(TextQuery::Phrase(std::iter::once(first).chain(all).collect()))),
        }
    }
}

fn joined(mut parts: Vec<TextQuery>, join: fn(Vec<TextQuery>) -> TextQuery) -> Option<TextQuery> {
    if parts.len() > 1 { Some(join(parts)) } else { parts.pop() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(text: &str) -> Value {
        let json = format!(
            r#"{{"resourceType":"Basic","code":{{"text":{text:?}}},
            "text":{{"div":"<div>Seen today</div>"}}}}"#
        );
        crate::json::parse(json.as_bytes(), &crate::json::Limits::default()).unwrap()
    }

    fn check(query: &str, text: &str, holds: bool) {
        let parsed = TextQuery::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(parsed.holds(&resource(text), false), holds, "{query} in {text}");
    }

    #[test]
    fn words_are_combined_as_they_are_written() {
        for (query, text, holds) in [
            ("liver", "Metastases in the LIVER", true),
            ("liv", "liver", false),
            ("liv*", "liver", true),
            ("(bone OR liver) and metastases", "liver metastases", true),
            ("(bone OR liver) and metastases", "liver", false),
            ("bone, liver metastases", "bone", true),
            ("bone, liver metastases", "liver", false),
            ("\"heart failure\"", "acute heart failure", true),
            ("\"heart failure\"", "failure of the heart", false),
            ("heart failure", "failure of the heart", true),
            ("heart-failure", "heart failure", true),
            ("diabetes NOT insipidus", "diabetes insipidus", false),
            ("diabetes NOT insipidus", "diabetes mellitus", true),
            ("not smoking", "smoking", false),
            ("NOT (a or b)", "c", true),
            ("Müller", "muller", true),
            ("seen", "nothing here", true),
            ("\"today nothing\"", "nothing", false),
            ("- heart -", "heart", true),
        ] {
            check(query, text, holds);
        }
        let seen = TextQuery::parse("heart").unwrap();
        assert!(!seen.holds(&resource("heart"), true), "only the narrative counts");
    }

    #[test]
    fn what_cannot_be_read_says_what_is_expected() {
        for query in
            ["", "  ", "\"open", "(a", "a)", "a OR", "OR a", "a AND", "*", "a-b*", "NOT", "-", ",", "NOT -"]
        {
            assert!(TextQuery::parse(query).is_err(), "{query}");
        }
        assert!(TextQuery::parse(&"a ".repeat(65)).is_err());
        assert!(TextQuery::parse(&"(".repeat(5000)).is_err());
        assert!(TextQuery::parse(&"NOT ".repeat(5000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_stops_the_reading(text in "[a-z \"()*,]{0,30}|\\PC*") {
            let _ = TextQuery::parse(&text);
        }
    }
}
