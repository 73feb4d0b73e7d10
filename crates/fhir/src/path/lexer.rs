//! Text to tokens.

use compact_str::CompactString;

use super::PathError;

/// One token and the byte offset where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) offset: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name or keyword as written.
    Word(CompactString),
    /// A name in backticks, never a keyword.
    Quoted(CompactString),
    /// A string literal, unescaped.
    String(CompactString),
    /// Digits, with a fraction when there was one.
    Number(CompactString),
    /// What follows `@` in a date, time or dateTime literal.
    Temporal(CompactString),
    /// `$this`, `$index`, `$total`, without the dollar sign.
    Special(CompactString),
    /// `%name`, without the percent sign.
    Variable(CompactString),
    /// An operator or bracket.
    Sign(&'static str),
}

/// Longer signs stand before their prefixes.
const SIGNS: [&str; 23] = [
    "<=", ">=", "!=", "!~", "<", ">", "=", "~", "+", "-", "*", "/", "&", "|", "(", ")", "[", "]", "{", "}",
    ".", ",", "%",
];

/// Splits an expression into tokens; comments and white space fall away.
pub(super) fn tokens(text: &str, tokens_max: usize) -> Result<Vec<Token>, PathError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut found = Vec::new();
    while let Some(token) = lexer.next()? {
        if found.len() == tokens_max {
            return Err(PathError::syntax(token.offset, "the expression is too long"));
        }
        found.push(token);
    }
    Ok(found)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn next(&mut self) -> Result<Option<Token>, PathError> {
        self.skip_blank()?;
        let offset = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let kind = match first {
            'a'..='z' | 'A'..='Z' | '_' => TokenKind::Word(self.word().into()),
            '0'..='9' => TokenKind::Number(self.number().into()),
            '\'' => TokenKind::String(self.quoted('\'')?),
            '`' => TokenKind::Quoted(self.quoted('`')?),
            '@' => {
                self.at += 1;
                TokenKind::Temporal(self.temporal().into())
            }
            '$' => {
                self.at += 1;
                TokenKind::Special(self.word().into())
            }
            '%' => {
                self.at += 1;
                match self.rest().chars().next() {
                    Some('`') => TokenKind::Variable(self.quoted('`')?),
                    Some('\'') => TokenKind::Variable(self.quoted('\'')?),
                    Some('a'..='z' | 'A'..='Z' | '_') => TokenKind::Variable(self.word().into()),
                    _ => return Err(PathError::syntax(offset, "a name must follow `%`")),
                }
            }
            _ => match SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    TokenKind::Sign(sign)
                }
                None => return Err(PathError::syntax(offset, "this character has no meaning here")),
            },
        };
        Ok(Some(Token { kind, offset }))
    }

    fn skip_blank(&mut self) -> Result<(), PathError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace());
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
            } else if let Some(comment) = trimmed.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else {
                    return Err(PathError::syntax(self.at, "the comment has no end"));
                };
                self.at += end + 4;
            } else {
                return Ok(());
            }
        }
    }

    /// Takes what `accept` allows.
    fn take(&mut self, accept: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| !accept(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn word(&mut self) -> &'t str {
        self.take(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// A fraction only counts when a digit follows the point: `1.toString()` is a call on `1`.
    fn number(&mut self) -> &'t str {
        let start = self.at;
        self.take(|c| c.is_ascii_digit());
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
        }
        let number = self.text.get(start..self.at).unwrap_or("");
        // `1L` is a Long, which is the same as an Integer here: both have 64 bits.
        let mut after = self.rest().chars();
        let ends = |next: Option<char>| !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        if after.next() == Some('L') && ends(after.next()) && !number.contains('.') {
            self.at += 1;
        }
        number
    }

    /// `YYYY-MM-DDThh:mm:ss.fff+hh:mm` as far as it goes; its parts are checked where the literal is made.
    fn temporal(&mut self) -> &'t str {
        let start = self.at;
        if !self.rest().starts_with('T') {
            self.take(|c| c.is_ascii_digit() || c == '-');
        }
        if self.rest().starts_with('T') {
            self.at += 1;
            self.take(|c| c.is_ascii_digit() || c == ':');
            let mut after = self.rest().chars();
            if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
                self.at += 1;
                self.take(|c| c.is_ascii_digit());
            }
            let rest = self.rest();
            if rest.starts_with('Z') {
                self.at += 1;
            } else if rest.starts_with(['+', '-']) && offset_follows(rest) {
                self.at += 6;
            }
        }
        self.text.get(start..self.at).unwrap_or("")
    }

    fn quoted(&mut self, quote: char) -> Result<CompactString, PathError> {
        let offset = self.at;
        self.at += quote.len_utf8();
        let mut out = CompactString::default();
        loop {
            let mut chars = self.rest().chars();
            let Some(char) = chars.next() else {
                return Err(PathError::syntax(offset, "the quote is not closed"));
            };
            self.at += char.len_utf8();
            if char == quote {
                return Ok(out);
            }
            if char != '\\' {
                out.push(char);
                continue;
            }
            let escape = chars.next();
            self.at += escape.map_or(0, char::len_utf8);
            out.push(match escape {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('f') => '\u{c}',
                Some('u') => self.unicode(offset)?,
                Some(plain @ ('\'' | '"' | '`' | '\\' | '/')) => plain,
                _ => return Err(PathError::syntax(offset, "the string has an unknown escape")),
            });
        }
    }

    /// The four hexadecimal digits after `\u`, and the second half of a surrogate pair when the first calls for one.
    fn unicode(&mut self, offset: usize) -> Result<char, PathError> {
        let wrong = || PathError::syntax(offset, "the string has a wrong `\\u` escape");
        let high = self.hex().ok_or_else(wrong)?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or_else(wrong);
        }
        if !self.rest().starts_with("\\u") {
            return Err(wrong());
        }
        self.at += 2;
        let low = self.hex().filter(|low| (0xdc00..0xe000).contains(low)).ok_or_else(wrong)?;
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(wrong)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

fn offset_follows(rest: &str) -> bool {
    let shape = rest.as_bytes().get(1..6);
    shape.is_some_and(|shape| {
        shape.iter().enumerate().all(|(at, byte)| if at == 2 { *byte == b':' } else { byte.is_ascii_digit() })
    })
}
