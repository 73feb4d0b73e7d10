//! The rules for narrative: which XHTML may stand in a resource, and that it says something.
//!
//! Source: FHIR R4 2.4.1.1 (limited XHTML), txt-1 and txt-2; HTML 4.01 chapters 7-11 and 15.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// Elements within each other; deeper narrative is refused.
const DEPTH_MAX: usize = 64;

/// The elements that HTML 4.01 chapters 7-11 (but 9.4) and 15 describe, anchors and images.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "area",
    "b",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "kbd",
    "li",
    "map",
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "ul",
    "var",
];

/// Attributes that any element may have.
const ATTRIBUTES: &[&str] = &[
    "abbr",
    "accesskey",
    "align",
    "axis",
    "border",
    "cellpadding",
    "cellspacing",
    "char",
    "charoff",
    "class",
    "colspan",
    "dir",
    "frame",
    "headers",
    "id",
    "lang",
    "nowrap",
    "rowspan",
    "rules",
    "scope",
    "span",
    "style",
    "summary",
    "tabindex",
    "title",
    "valign",
    "width",
    "xml:lang",
    "xml:space",
];

/// Attributes that belong to one element.
const OWN_ATTRIBUTES: &[(&str, &str)] = &[
    ("a", "charset"),
    ("a", "coords"),
    ("a", "href"),
    ("a", "hreflang"),
    ("a", "name"),
    ("a", "rel"),
    ("a", "rev"),
    ("a", "shape"),
    ("a", "type"),
    ("area", "alt"),
    ("area", "coords"),
    ("area", "href"),
    ("area", "nohref"),
    ("area", "shape"),
    ("blockquote", "cite"),
    ("br", "clear"),
    ("img", "alt"),
    ("img", "height"),
    ("img", "ismap"),
    ("img", "longdesc"),
    ("img", "src"),
    ("img", "usemap"),
    ("map", "name"),
    ("ol", "start"),
    ("ol", "type"),
    ("li", "type"),
    ("li", "value"),
    ("ul", "type"),
    ("q", "cite"),
    ("td", "height"),
    ("th", "height"),
];

const NAMESPACE: &str = "http://www.w3.org/1999/xhtml";

/// A link must not run anything.
const SCRIPT: &str = "javascript:";

/// Whether `text` is a `div` in the XHTML namespace that holds nothing but what the standard allows, and has some text
/// that is not white space, or an image.
pub(crate) fn is_narrative(text: &str) -> bool {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let (mut depth, mut roots, mut says_something) = (0_usize, 0_usize, false);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                roots += usize::from(depth == 0);
                if depth >= DEPTH_MAX || !is_allowed(&start, depth == 0) {
                    return false;
                }
                depth += 1;
            }
            Ok(Event::Empty(empty)) => {
                roots += usize::from(depth == 0);
                if !is_allowed(&empty, depth == 0) {
                    return false;
                }
                says_something |= empty.name().as_ref() == "img";
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Text(text)) => {
                let blank = text.trim().is_empty();
                if depth == 0 && !blank {
                    return false;
                }
                says_something |= !blank;
            }
            Ok(Event::CData(_) | Event::GeneralRef(_)) => says_something |= depth > 0,
            Ok(Event::Comment(_)) => {}
            Ok(Event::Eof) => return depth == 0 && roots == 1 && says_something,
            // A document type, a processing instruction or broken XML.
            _ => return false,
        }
    }
}

fn is_allowed(element: &BytesStart<'_>, is_root: bool) -> bool {
    let name = element.name();
    let name = name.as_ref();
    if is_root && name != "div" || !ELEMENTS.contains(&name) {
        return false;
    }
    let mut has_namespace = false;
    for attribute in element.attributes() {
        let Ok(attribute) = attribute else { return false };
        let key = attribute.key.as_ref();
        if key == "xmlns" {
            has_namespace = attribute.value.as_ref() == NAMESPACE;
            if !has_namespace {
                return false;
            }
            continue;
        }
        let is_known = ATTRIBUTES.contains(&key) || OWN_ATTRIBUTES.contains(&(name, key));
        let scheme = attribute.value.trim_start().get(..SCRIPT.len());
        let is_script = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCRIPT));
        if !is_known || is_script {
            return false;
        }
    }
    !is_root || has_namespace
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inner: &str, expected: bool) {
        let text = format!("<div xmlns=\"{NAMESPACE}\">{inner}</div>");
        assert_eq!(is_narrative(&text), expected, "{inner}");
    }

    #[test]
    fn plain_formatting_is_narrative() {
        check("<p class=\"x\">Text <b>bold</b> &amp; <a href=\"#p1\">link</a></p>", true);
        check("<table border=\"1\"><tr><td colspan=\"2\">1</td></tr></table>", true);
        check("<img src=\"#i\" alt=\"an image\"/>", true);
        check("<!-- said --><ul><li>one</li></ul>", true);
    }

    #[test]
    fn what_the_standard_forbids_is_not() {
        for inner in [
            "",
            "  <br/> ",
            "<script>x</script>",
            "<form>x</form>",
            "<p onclick=\"x()\">x</p>",
            "<a href=\" JavaScript:x()\">x</a>",
            "<iframe>x</iframe>",
            "<object>x</object>",
            "<p>x",
            "<b><i>x</b></i>",
            "<?php x ?>x",
            "<font>x</font>",
            "<svg:p>x</svg:p>",
        ] {
            check(inner, false);
        }
        for text in ["", "text", "<p>x</p>", "<div>x</div>", "<div xmlns=\"http://example.org\">x</div>"] {
            assert!(!is_narrative(text), "{text}");
        }
        let root = format!("<div xmlns=\"{NAMESPACE}\">x</div>");
        assert!(!is_narrative(&format!("{root}{root}")));
        check(&format!("{}x{}", "<b>".repeat(100), "</b>".repeat(100)), false);
    }
}
