//! The grammar of `_filter`: text to a tree of comparisons. What names and values mean is the reader's ([`super::parse`]).
//!
//! ```text
//! given eq "peter" and (birthdate ge 2014-10-10 or not (active eq true))
//! subject[active eq true].name co "pet"        _has:Observation:patient:code eq http://loinc.org|1234-5
//! ```
//!
//! `and` and `or` are taken from left to right, neither before the other, as the standard says. A value is `true`, `false`, a
//! JSON string, or whatever stands up to white space, `)` or `]`.
//!
//! Source: FHIR R4 3.1.3 (`_filter`).

use compact_str::CompactString;

use crate::json::{self, Value};

/// Parentheses and brackets within each other.
const DEPTH_MAX: usize = 16;
/// Comparisons of one filter.
const COMPARISONS_MAX: usize = 64;

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// All hold.
    All(Vec<Filter>),
    /// One holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A path is compared with a value.
    Compare(Comparison),
}

/// `path operator value`.
#[derive(Clone, PartialEq)]
pub(super) struct Comparison {
    /// Names of search parameters; all but the last are references that are followed. Never empty.
    pub(super) path: Vec<Step>,
    pub(super) operator: Operator,
    pub(super) value: CompactString,
    /// Where it begins, in characters from 1.
    pub(super) at: usize,
}

/// One name of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// `subject`, `subject:Patient`, `_has:Observation:patient:code`.
    pub(super) name: CompactString,
    /// What the resource that the name leads to must meet besides.
    pub(super) within: Option<Box<Filter>>,
}

/// How a comparison compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Approximate,
    StartsAfter,
    EndsBefore,
    Present,
    Overlaps,
    Subsumes,
    SubsumedBy,
    In,
    NotIn,
    References,
}

const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("ne", Operator::NotEqual),
    ("co", Operator::Contains),
    ("sw", Operator::StartsWith),
    ("ew", Operator::EndsWith),
    ("gt", Operator::Greater),
    ("lt", Operator::Less),
    ("ge", Operator::GreaterOrEqual),
    ("le", Operator::LessOrEqual),
    ("ap", Operator::Approximate),
    ("sa", Operator::StartsAfter),
    ("eb", Operator::EndsBefore),
    ("pr", Operator::Present),
    ("po", Operator::Overlaps),
    ("ss", Operator::Subsumes),
    ("sb", Operator::SubsumedBy),
    ("in", Operator::In),
    ("ni", Operator::NotIn),
    ("re", Operator::References),
];

impl Operator {
    /// Its two letters.
    pub(super) fn code(self) -> &'static str {
        OPERATORS.iter().find(|(_, operator)| *operator == self).map_or("", |(code, _)| code)
    }
}

impl std::fmt::Debug for Comparison {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Comparison({:?} {} …)", self.path, self.operator.code())
    }
}

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilterError {
    /// The place, in characters from 1.
    pub(super) at: usize,
    /// What is expected there.
    pub(super) expected: &'static str,
    /// Whether a bound is exceeded rather than the grammar broken.
    pub(super) too_costly: bool,
}

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut reader = Reader { text, at: 0, comparisons: 0 };
    let found = reader.filter(0)?;
    if reader.rest().is_empty() { Ok(found) } else { Err(reader.wrong("`and`, `or` or the end is expected")) }
}

struct Reader<'t> {
    text: &'t str,
    /// Bytes read.
    at: usize,
    comparisons: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, expected: &'static str) -> FilterError {
        FilterError { at: self.place(), expected, too_costly: false }
    }

    fn costly(&self, expected: &'static str) -> FilterError {
        FilterError { at: self.place(), expected, too_costly: true }
    }

    fn place(&self) -> usize {
        self.text.get(..self.at).map_or(0, |before| before.chars().count()) + 1
    }

    fn skip(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, symbol: char) -> bool {
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len_utf8();
        }
        found
    }

    /// What stands up to the first character that does not belong.
    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|char| !belongs(char)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// A word of the grammar, if it stands here by itself.
    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let found = rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && rest
                .get(word.len()..)
                .and_then(|after| after.chars().next())
                .is_none_or(|next| !is_name(next));
        if found {
            self.at += word.len();
        }
        found
    }

    fn filter(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > DEPTH_MAX {
            return Err(self.costly("fewer parentheses within each other are expected"));
        }
        let mut found = self.one(depth)?;
        loop {
            self.skip();
            if self.word("and") {
                let next = self.one(depth)?;
                found = match found {
                    Filter::All(mut parts) => {
                        parts.push(next);
                        Filter::All(parts)
                    }
                    other => Filter::All(vec![other, next]),
                };
            } else if self.word("or") {
                let next = self.one(depth)?;
                found = match found {
                    Filter::Any(mut parts) => {
                        parts.push(next);
                        Filter::Any(parts)
                    }
                    other => Filter::Any(vec![other, next]),
                };
            } else {
                return Ok(found);
            }
        }
    }

    fn one(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.skip();
        let start = self.at;
        if self.word("not") {
            self.skip();
            if self.rest().starts_with('(') {
                return Ok(Filter::Not(Box::new(self.one(depth)?)));
            }
            // `not` might be the name of a parameter.
            self.at = start;
        }
        if self.take('(') {
            let inner = self.filter(depth + 1)?;
            self.skip();
            if !self.take(')') {
                return Err(self.wrong("`and`, `or` or `)` is expected"));
            }
            // Its own, so that `(a or b) or c` stays as written.
            return Ok(match inner {
                Filter::All(parts) if parts.len() > 1 => Filter::All(vec![Filter::All(parts)]),
                Filter::Any(parts) if parts.len() > 1 => Filter::Any(vec![Filter::Any(parts)]),
                other => other,
            });
        }
        self.comparison(depth)
    }

    fn comparison(&mut self, depth: usize) -> Result<Filter, FilterError> {
        self.comparisons += 1;
        if self.comparisons > COMPARISONS_MAX {
            return Err(self.costly("at most 64 comparisons are expected"));
        }
        let at = self.place();
        let path = self.path(depth)?;
        self.space()?;
        let before = self.at;
        let code = self.run(|char| char.is_ascii_alphabetic());
        let operator = OPERATORS.iter().find(|(known, _)| known.eq_ignore_ascii_case(code));
        let Some((_, operator)) = operator else {
            self.at = before;
            return Err(self.wrong(
                "eq, ne, co, sw, ew, gt, lt, ge, le, ap, sa, eb, pr, po, ss, sb, in, ni or re is expected",
            ));
        };
        self.space()?;
        let value = self.value()?;
        Ok(Filter::Compare(Comparison { path, operator: *operator, value, at }))
    }

    fn space(&mut self) -> Result<(), FilterError> {
        let before = self.at;
        self.skip();
        if self.at == before { Err(self.wrong("a space is expected")) } else { Ok(()) }
    }

    fn path(&mut self, depth: usize) -> Result<Vec<Step>, FilterError> {
        let mut path = Vec::new();
        loop {
            let start = self.at;
            let name = self.run(|char| is_name(char) || char == ':');
            if !name.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic()) {
                self.at = start;
                return Err(self.wrong("the name of a search parameter is expected"));
            }
            let mut step = Step { name: name.into(), within: None };
            if self.take('[') {
                step.within = Some(Box::new(self.filter(depth + 1)?));
                self.skip();
                if !self.take(']') {
                    return Err(self.wrong("`and`, `or` or `]` is expected"));
                }
                path.push(step);
                if !self.take('.') {
                    return Err(self.wrong("`.` and a name are expected after `]`"));
                }
                continue;
            }
            path.push(step);
            if !self.take('.') {
                return Ok(path);
            }
        }
    }

    fn value(&mut self) -> Result<CompactString, FilterError> {
        if !self.rest().starts_with('"') {
            let token = self.run(|char| !char.is_whitespace() && char != ')' && char != ']');
            return if token.is_empty() { Err(self.wrong("a value is expected")) } else { Ok(token.into()) };
        }
        let mut escaped = true; // for the opening quote
        let rest = self.rest();
        let end = rest.char_indices().find_map(|(at, char)| {
            let closes = char == '"' && !escaped;
            escaped = char == '\\' && !escaped;
            closes.then_some(at + 1)
        });
        let literal =
            end.and_then(|end| rest.get(..end)).ok_or_else(|| self.wrong("a closing `\"` is expected"))?;
        let read = json::parse(literal.as_bytes(), &json::Limits::default());
        let Ok(Value::String(text)) = read else { return Err(self.wrong("a JSON string is expected")) };
        self.at += literal.len();
        Ok(text)
    }
}

fn is_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The filter with parentheses around everything, values in brackets.
    fn shape(filter: &Filter) -> String {
        let join = |parts: &[Filter], word: &str| {
            format!("({})", parts.iter().map(shape).collect::<Vec<_>>().join(&format!(" {word} ")))
        };
        match filter {
            Filter::All(parts) => join(parts, "and"),
            Filter::Any(parts) => join(parts, "or"),
            Filter::Not(inner) => format!("not {}", shape(inner)),
            Filter::Compare(one) => {
                let steps = one.path.iter().map(|step| match &step.within {
                    Some(within) => format!("{}[{}]", step.name, shape(within)),
                    None => step.name.to_string(),
                });
                format!("{} {} <{}>", steps.collect::<Vec<_>>().join("."), one.operator.code(), one.value)
            }
        }
    }

    #[test]
    fn filters_of_the_standard_are_read() {
        for (text, expected) in [
            (r#"name co "pet""#, "name co <pet>"),
            (
                r#"given eq "peter" and birthdate ge 2014-10-10"#,
                "(given eq <peter> and birthdate ge <2014-10-10>)",
            ),
            ("code eq http://loinc.org|1234-5", "code eq <http://loinc.org|1234-5>"),
            (r#"subject.name co "pet""#, "subject.name co <pet>"),
            (
                r#"related[type eq "has-component"].target pr true"#,
                "related[type eq <has-component>].target pr <true>",
            ),
            (
                "related[type eq has-component].target re Observation/4",
                "related[type eq <has-component>].target re <Observation/4>",
            ),
            ("_has:Observation:patient:code eq x", "_has:Observation:patient:code eq <x>"),
            (
                "a eq 1 and b eq 2 or c eq 3 and d eq 4",
                "(((a eq <1> and b eq <2>) or c eq <3>) and d eq <4>)",
            ),
            ("a eq 1 or (b eq 2 or c eq 3)", "(a eq <1> or ((b eq <2> or c eq <3>)))"),
            ("not (a eq 1) and b eq 2", "(not a eq <1> and b eq <2>)"),
            ("NOT(a EQ 1 AND b eq 2)", "not ((a eq <1> and b eq <2>))"),
            (r#" ( a eq "x ) ] \" \u00e9" ) "#, "a eq <x ) ] \" é>"),
            ("not-given eq 1", "not-given eq <1>"),
            ("order eq 1 or android eq 2", "(order eq <1> or android eq <2>)"),
            ("subject[a eq 1 and b eq 2].c eq 3", "subject[(a eq <1> and b eq <2>)].c eq <3>"),
        ] {
            let found = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!(shape(&found), expected, "{text}");
        }
    }

    #[test]
    fn a_broken_filter_names_the_place() {
        for (text, at) in [
            ("", 1),
            ("name", 5),
            ("name xx 1", 6),
            ("name eq", 8),
            ("name eq ", 9),
            (r#"name eq "open"#, 9),
            ("é eq 1", 1),
            ("a eq 1 b eq 2", 8),
            ("(a eq 1", 8),
            ("a eq 1)", 7),
            ("a eq 1 and", 11),
            ("not a eq 1", 5),
            ("a[b eq 1 c eq 2", 10),
            ("a[b eq 1] eq 2", 10),
            ("a..b eq 1", 3),
            ("1a eq 1", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.at, error.too_costly), (at, false), "{text}: {error:?}");
        }
    }

    #[test]
    fn a_filter_is_bounded() {
        for text in [
            "(".repeat(10_000),
            "a[".repeat(10_000),
            "not (".repeat(10_000),
            "a eq 1 or ".repeat(100) + "a eq 1",
        ] {
            assert!(parse(&text).unwrap_err().too_costly);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_stops_the_reading(text in "[a-c \"()\\[\\].eqandort1\\\\]{0,40}|\\PC*") {
            let _ = parse(&text);
        }
    }
}
