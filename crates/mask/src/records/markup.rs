//! Text in tags: XHTML narratives, HTML and XML attachments. The words are masked as one text, over the tags between them, and put
//! back where they stood; tags that could hide something go.
//!
//! The reader is lenient, since HTML is no XML: it never fails, and what looks like no tag is text.

use std::borrow::Cow;
use std::ops::Range;

use super::inspect::Inspector;

/// Elements whose end is the end of a word.
const BLOCKS: [&str; 30] = [
    "p",
    "div",
    "br",
    "li",
    "ul",
    "ol",
    "td",
    "th",
    "tr",
    "table",
    "tbody",
    "thead",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "dl",
    "dt",
    "dd",
    "pre",
    "hr",
    "caption",
    "item",
    "list",
    "paragraph",
    "title",
    "option",
    "section",
];

/// Elements that go with everything in them: they hold no words, or words that nobody sees.
const DROPPED: [&str; 10] =
    ["script", "style", "object", "embed", "iframe", "applet", "svg", "math", "noscript", "template"];

/// Attributes whose value may be a word about someone; all others but [`KEPT`] go.
const INSPECTED: [&str; 8] = ["title", "alt", "summary", "abbr", "content", "value", "label", "caption"];

/// Attributes that only say how something looks or fits together.
const KEPT: [&str; 22] = [
    "class",
    "id",
    "name",
    "style",
    "xmlns",
    "lang",
    "xml:lang",
    "dir",
    "colspan",
    "rowspan",
    "border",
    "width",
    "height",
    "align",
    "valign",
    "cellpadding",
    "cellspacing",
    "scope",
    "headers",
    "type",
    "start",
    "styleCode",
];

/// One piece of a document.
enum Piece<'a> {
    Tag(&'a str),
    /// Words, with the entities resolved; where they stand in the joined text.
    Words(Range<usize>),
}

/// A document with tags, its words and telling attributes masked. `is_xml` keeps unknown attributes (inspected) where the
/// vocabulary is not HTML's.
pub(super) fn mask(inspector: &mut Inspector<'_>, document: &str, is_xml: bool) -> String {
    let (pieces, joined) = pieces(document);
    inspector.tally.texts += 1;
    let entities = inspector.entities(&joined);
    let masked = inspector.masker().mask(&joined, &entities, &mut inspector.tally);
    let mut out = String::with_capacity(document.len() + 64);
    for piece in pieces {
        match piece {
            Piece::Tag(tag) => write_tag(inspector, tag, is_xml, &mut out),
            Piece::Words(range) => {
                let edits = masked.replaced.iter().map(|one| (one.old.clone(), one.new.clone()));
                let words = put_back(&joined, &masked.text, edits, range);
                out.push_str(&escaped(&words, false));
            }
        }
    }
    out
}

/// Splits a document into tags and words. Comments, instructions, declarations and dropped elements are passed over.
fn pieces(document: &str) -> (Vec<Piece<'_>>, String) {
    let mut pieces = Vec::new();
    let mut joined = String::with_capacity(document.len());
    let mut rest = document;
    while !rest.is_empty() {
        let Some(tag) = tag_at(rest) else {
            // Text up to the next tag; a `<` that opens none is text as well.
            let skip = rest.chars().next().map_or(1, char::len_utf8);
            let end = rest.get(skip..).and_then(|rest| rest.find('<')).map_or(rest.len(), |at| at + skip);
            let start = joined.len();
            joined.push_str(&resolved(rest.get(..end).unwrap_or("")));
            pieces.push(Piece::Words(start..joined.len()));
            rest = rest.get(end..).unwrap_or("");
            continue;
        };
        rest = rest.get(tag.len()..).unwrap_or("");
        let name = name_of(tag);
        if tag.starts_with("<!") || tag.starts_with("<?") {
            continue;
        }
        if DROPPED.contains(&name.as_str()) {
            if !tag.starts_with("</") && !tag.ends_with("/>") {
                rest = behind(rest, &name);
            }
            continue;
        }
        if BLOCKS.contains(&name.as_str()) && !joined.is_empty() {
            joined.push('\n');
        }
        pieces.push(Piece::Tag(tag));
    }
    (pieces, joined)
}

/// The tag, comment, instruction or section that the text begins with.
fn tag_at(text: &str) -> Option<&str> {
    let upto = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    let second = text.strip_prefix('<')?.chars().next()?;
    let end = match second {
        '!' if text.starts_with("<!--") => upto("-->"),
        // A section's text would be words; no narrative has one, so it goes with what is in it.
        '!' if text.starts_with("<![CDATA[") => upto("]]>"),
        '!' => upto(">"),
        '?' => upto("?>"),
        '/' | 'a'..='z' | 'A'..='Z' | '_' => tag_end(text)?,
        _ => return None,
    };
    text.get(..end)
}

/// Behind the `>` that ends a tag; one in quotes does not.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    // A quote that is never closed was none.
    text.find('>').map(|at| at + 1)
}

fn name_of(tag: &str) -> String {
    let name = tag.trim_start_matches(['<', '/']);
    let end =
        name.find(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '/')).unwrap_or(name.len());
    name.get(..end).unwrap_or("").rsplit(':').next().unwrap_or("").to_ascii_lowercase()
}

/// What comes after the end tag of `name`; nothing if it never ends.
fn behind<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut from = rest;
    while let Some(at) = from.find("</") {
        from = from.get(at..).unwrap_or("");
        let Some(tag) = tag_at(from) else { return "" };
        from = from.get(tag.len()..).unwrap_or("");
        if name_of(tag) == name {
            return from;
        }
    }
    ""
}

fn write_tag(inspector: &mut Inspector<'_>, tag: &str, is_xml: bool, out: &mut String) {
    let is_end = tag.starts_with("</");
    let inner = tag.trim_start_matches(['<', '/']).trim_end_matches('>');
    let (inner, closes) = match inner.strip_suffix('/') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let end = inner.find(char::is_whitespace).unwrap_or(inner.len());
    let (name, mut rest) = inner.split_at_checked(end).unwrap_or((inner, ""));
    if name.is_empty()
        || !name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, ':' | '-' | '_' | '.'))
    {
        return;
    }
    out.push('<');
    if is_end {
        out.push('/');
    }
    // An element's name is no place for a person's, but it could be one.
    out.push_str(&inspector.known(name).replace(['[', ']'], "_"));
    while let Some((name, value, after)) = attribute(rest).filter(|_| !is_end) {
        rest = after;
        let Some(value) = attribute_value(inspector, name, &resolved(value), is_xml) else { continue };
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        out.push_str(&escaped(&value, true));
        out.push('"');
    }
    if closes && !is_end {
        out.push('/');
    }
    out.push('>');
}

/// The first attribute of what is left of a tag, and what comes after it.
fn attribute(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
    let end = text.find(|letter: char| letter.is_whitespace() || letter == '=').unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    if name.is_empty() {
        return None;
    }
    let Some(value) = rest.trim_start().strip_prefix('=').map(str::trim_start) else {
        return Some((name, "", rest));
    };
    if let Some(quote) = value.chars().next().filter(|quote| matches!(quote, '"' | '\'')) {
        let inside = value.get(1..)?;
        let (value, after) = inside.split_once(quote).unwrap_or((inside, ""));
        return Some((name, value, after));
    }
    let end = value.find(char::is_whitespace).unwrap_or(value.len());
    let (value, after) = value.split_at_checked(end)?;
    Some((name, value, after))
}

/// An attribute's value as it may stand; `None` if the attribute goes.
fn attribute_value(inspector: &mut Inspector<'_>, name: &str, value: &str, is_xml: bool) -> Option<String> {
    let sound =
        name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '-' | '_' | '.'));
    let lower = name.to_ascii_lowercase();
    if !sound || lower.starts_with("on") {
        return None;
    }
    if lower.starts_with("xmlns") {
        return Some(inspector.known(value).into_owned());
    }
    if KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name)) {
        // A style may load something from an address that tells who reads it.
        return (lower != "style" || !value.contains("url(")).then(|| inspector.known(value).into_owned());
    }
    match lower.as_str() {
        "href" | "src" | "cite" | "background" => {
            value.starts_with('#').then(|| inspector.known(value).into_owned())
        }
        _ if is_xml || INSPECTED.contains(&lower.as_str()) => Some(inspector.text(value).into_owned()),
        _ => None,
    }
}

/// The part of the masked text that stands for `range` of the old one. What was replaced over a border stands where it began.
pub(super) fn put_back(
    old: &str,
    new: &str,
    edits: impl Iterator<Item = (Range<usize>, Range<usize>)>,
    range: Range<usize>,
) -> String {
    let mut out = String::new();
    let mut at = range.start;
    for (from, to) in edits {
        if from.end <= range.start || from.start >= range.end {
            continue;
        }
        out.push_str(old.get(at..from.start.max(at)).unwrap_or(""));
        if from.start >= range.start {
            out.push_str(new.get(to).unwrap_or(""));
        }
        at = from.end.min(range.end);
    }
    out.push_str(old.get(at..range.end).unwrap_or(""));
    out
}

/// Text with the entities of XML and the usual ones of HTML resolved.
pub(super) fn resolved(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let known = after
            .split_once(';')
            .filter(|(name, _)| name.len() <= 10)
            .and_then(|(name, after)| Some((meaning(name)?, after)));
        match known {
            Some((letter, after)) => {
                out.push(letter);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn meaning(name: &str) -> Option<char> {
    let code = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(hex.get(1..)?, 16).ok()?,
        Some(decimal) => decimal.parse().ok()?,
        None => {
            return Some(match name {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => '\u{a0}',
                "ndash" => '–',
                "mdash" => '—',
                "lsquo" => '‘',
                "rsquo" => '’',
                "ldquo" => '“',
                "rdquo" => '”',
                "eacute" => 'é',
                "egrave" => 'è',
                "agrave" => 'à',
                "aacute" => 'á',
                "iacute" => 'í',
                "oacute" => 'ó',
                "uacute" => 'ú',
                "ntilde" => 'ñ',
                "ccedil" => 'ç',
                "auml" => 'ä',
                "ouml" => 'ö',
                "uuml" => 'ü',
                "szlig" => 'ß',
                _ => return None,
            });
        }
    };
    char::from_u32(code).filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t'))
}

/// Text as it may stand between tags, or in double quotes. Characters that XML cannot hold go.
pub(super) fn escaped(text: &str, in_quotes: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_quotes => out.push_str("&quot;"),
            '\n' | '\r' | '\t' if in_quotes => out.push_str(&format!("&#{};", u32::from(letter))),
            '\n' | '\r' | '\t' => out.push(letter),
            '\u{fffe}' | '\u{ffff}' => {}
            _ if letter.is_control() => {}
            _ => out.push(letter),
        }
    }
    out
}
