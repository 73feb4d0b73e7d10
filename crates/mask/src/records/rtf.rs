//! Rich text: its words come out, the rest (pictures, objects, fonts, fields' codes) does not.
//!
//! Source: Rich Text Format (RTF) Specification 1.9.1.

/// Groups nested deeper are no document.
const DEPTH_MAX: usize = 256;

/// Destinations that hold no text of the document.
const SKIPPED: [&str; 22] = [
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "objdata",
    "themedata",
    "colorschememapping",
    "datastore",
    "latentstyles",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "generator",
    "xmlnstbl",
    "fldinst",
    "filetbl",
    "revtbl",
    "bkmkstart",
    "bkmkend",
    "blipuid",
];

/// The text of a document; `None` if it is none. Characters of a code page are read as Latin 1.
pub(super) fn text_of(rtf: &str) -> Option<String> {
    if !rtf.trim_start().starts_with("{\\rtf") {
        return None;
    }
    let mut out = String::with_capacity(rtf.len() / 2);
    // Of each open group: whether it is skipped, and how many characters stand in for a Unicode one.
    let mut groups = vec![(false, 1_usize)];
    let mut standing_in = 0_usize;
    let mut rest = rtf;
    while let Some(letter) = rest.chars().next() {
        rest = rest.get(letter.len_utf8()..)?;
        let (is_skipped, stand_in) = *groups.last()?;
        match letter {
            '{' => {
                if groups.len() >= DEPTH_MAX {
                    return None;
                }
                groups.push((is_skipped, stand_in));
            }
            '}' => {
                groups.pop();
                if groups.is_empty() {
                    break;
                }
            }
            '\\' => {
                let (control, after) = control(rest)?;
                rest = after;
                let group = groups.last_mut()?;
                match control {
                    Control::Ignorable => group.0 = true,
                    Control::Word(word, _) if SKIPPED.contains(&word) => group.0 = true,
                    Control::Word("uc", Some(count)) => group.1 = usize::try_from(count).unwrap_or(1).min(8),
                    Control::Word("bin", Some(bytes)) => {
                        rest = rest.get(usize::try_from(bytes).ok()?..)?;
                    }
                    _ if is_skipped => {}
                    Control::Word("u", Some(code)) => {
                        let code = if code < 0 { code + 65_536 } else { code };
                        out.push(u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
                        standing_in = stand_in;
                    }
                    Control::Word("par" | "line" | "sect" | "page" | "row", _) => out.push('\n'),
                    Control::Word("tab" | "cell", _) => out.push('\t'),
                    Control::Word("emdash" | "endash", _) => out.push('-'),
                    Control::Word("lquote" | "rquote", _) => out.push('\''),
                    Control::Word("ldblquote" | "rdblquote", _) => out.push('"'),
                    Control::Letter(letter) => {
                        if standing_in > 0 {
                            standing_in -= 1;
                        } else {
                            out.push(letter);
                        }
                    }
                    Control::Word(..) => {}
                }
            }
            '\r' | '\n' => {}
            _ if is_skipped => {}
            _ if standing_in > 0 => standing_in -= 1,
            _ => out.push(letter),
        }
    }
    Some(out)
}

/// A plain document with this text.
pub(super) fn document(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    out.push_str("{\\rtf1\\ansi\\uc1 ");
    for letter in text.chars() {
        match letter {
            '\\' | '{' | '}' => {
                out.push('\\');
                out.push(letter);
            }
            '\n' => out.push_str("\\par\n"),
            '\t' => out.push_str("\\tab "),
            ' '..='~' => out.push(letter),
            _ => {
                let mut units = [0; 2];
                for unit in letter.encode_utf16(&mut units) {
                    let code = i32::from(*unit);
                    let code = if code > 32_767 { code - 65_536 } else { code };
                    out.push_str(&format!("\\u{code}?"));
                }
            }
        }
    }
    out.push('}');
    out
}

enum Control<'a> {
    /// `\*`: the group may be passed by.
    Ignorable,
    Word(&'a str, Option<i32>),
    Letter(char),
}

/// What stands behind a backslash, and what comes after it.
fn control(rest: &str) -> Option<(Control<'_>, &str)> {
    let first = rest.chars().next()?;
    if !first.is_ascii_alphabetic() {
        let after = rest.get(first.len_utf8()..)?;
        return Some(match first {
            '*' => (Control::Ignorable, after),
            '\'' => {
                let code = after.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok())?;
                (Control::Letter(char::from(code)), after.get(2..)?)
            }
            '~' => (Control::Letter(' '), after),
            '_' => (Control::Letter('-'), after),
            '-' => (Control::Word("", None), after),
            '\r' | '\n' => (Control::Word("par", None), after),
            letter => (Control::Letter(letter), after),
        });
    }
    let end = rest.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (word, after) = rest.split_at_checked(end)?;
    let is_number = |(at, byte): (usize, u8)| byte.is_ascii_digit() || at == 0 && byte == b'-';
    let digits = after.bytes().enumerate().take_while(|pair| is_number(*pair)).count();
    let (number, after) = after.split_at_checked(digits)?;
    Some((Control::Word(word, number.parse().ok()), after.strip_prefix(' ').unwrap_or(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_out_and_pictures_do_not() {
        let rtf = "{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}{\\*\\generator Secret;}\\f0 Seen by \\b Ann\\b0  O\\'27Hara\\par \
                   {\\pict 89504e47}Z\\u252?rich}";
        assert_eq!(text_of(rtf).as_deref(), Some("Seen by Ann O'Hara\nZürich"));
        assert_eq!(text_of("plain"), None);
    }

    #[test]
    fn a_document_of_ours_reads_back() {
        let text = "a {b} \\c\nd\té 😀";
        // A character beyond the basic plane is two units, which a reader joins; ours does not need to.
        assert_eq!(text_of(&document("a {b} \\c\nd\té")).as_deref(), Some("a {b} \\c\nd\té"));
        assert!(document(text).is_ascii());
    }
}
