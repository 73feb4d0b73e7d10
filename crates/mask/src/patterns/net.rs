//! Addresses on networks: e-mail, web, IP, MAC.

use std::net::Ipv6Addr;

use super::{Page, found};
use crate::gazetteer::Cue;
use crate::text::token::{Gap, Made, Token};
use crate::{Entity, Kind};

/// Longest address looked at, in bytes: a text without blanks may not make the search slow.
const LONGEST: usize = 2048;

/// Top-level domains that need nothing else to be taken for one.
const DOMAINS: [&str; 66] = [
    "com", "org", "net", "edu", "gov", "mil", "info", "biz", "io", "health", "clinic", "care", "app", "dev",
    "online", "site", "uk", "de", "fr", "nl", "be", "ch", "es", "pt", "pl", "cz", "sk", "hu", "ro", "bg",
    "gr", "se", "dk", "fi", "ie", "lt", "lv", "ee", "hr", "si", "rs", "ua", "ru", "jp", "cn", "kr", "br",
    "mx", "ca", "au", "nz", "za", "ca", "eu", "tv", "cc", "co", "tr", "il", "ae", "sg", "hk", "tw", "vn",
    "xyz", "name",
];

/// Those that are also words, so that a missing blank after a full stop looks like one.
const WORDY_DOMAINS: [&str; 12] = ["it", "is", "in", "at", "no", "me", "us", "ai", "id", "my", "to", "so"];

/// At an `@`, an e-mail address or a handle; at a `:` an IPv6 address that begins with one; at a sign nothing else.
pub(super) fn sign(page: &Page<'_>, index: usize) -> Option<Entity> {
    let token = page.tokens.at(index);
    match token.first {
        b'@' => email(page.tokens.text, token.start as usize),
        b':' if page.tokens.at(index + 1).is(b':') => ipv6(page.tokens.text, token.start as usize),
        _ => None,
    }
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'' | '&' | '=' | '!' | '~')
}

/// The address around an `@`.
fn email(text: &str, at: usize) -> Option<Entity> {
    let before = text.get(..at)?;
    let start = before
        .char_indices()
        .rev()
        .take(128)
        .take_while(|(_, c)| is_local(*c))
        .last()
        .map_or(at, |(place, _)| place);
    let start = start + text.get(start..at)?.len()
        - text.get(start..at)?.trim_start_matches(['.', '\'', '-', '&', '=']).len();
    let after = text.get(at + 1..)?;
    let length: usize = after
        .chars()
        .take(256)
        .take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
        .map(char::len_utf8)
        .sum();
    let domain = after.get(..length)?.trim_end_matches(['.', '-']);
    if domain.is_empty() || start == at {
        return None;
    }
    let dotted = domain
        .rsplit_once('.')
        .is_some_and(|(_, top)| top.len() >= 2 && top.chars().all(char::is_alphabetic));
    let score = if dotted { 0.99 } else { 0.7 };
    Some(found(start..at + 1 + domain.len(), Kind::Email, score, "email"))
}

/// At a word: a web address (`https://…`, `www.…`, `name.org/…`), or an e-mail address whose `@` comes later.
pub(super) fn word(page: &Page<'_>, index: usize) -> Option<Entity> {
    let start = page.tokens.at(index).start as usize;
    let rest = page.tokens.text.get(start..)?;
    let chunk = chunk(rest);
    if !chunk.contains(['.', ':', '@']) {
        return None;
    }
    if let Some(place) = chunk.find('@') {
        return email(page.tokens.text, start + place).filter(|entity| entity.range.start <= start);
    }
    let lower = chunk.get(..8).or_else(|| chunk.get(..4)).unwrap_or_default().to_ascii_lowercase();
    let scheme = lower.starts_with("http") || lower.starts_with("ftp") || lower.starts_with("sftp");
    if scheme && chunk.contains("://") || lower.starts_with("www.") {
        return Some(found(start..start + trim_url(chunk).len(), Kind::Url, 0.99, "url"));
    }
    if let Some(entity) = ipv6(page.tokens.text, start).or_else(|| mac(page.tokens.text, start)) {
        return Some(entity);
    }
    domain(page, index, chunk, start)
}

fn chunk(rest: &str) -> &str {
    let end = rest
        .char_indices()
        .take_while(|(place, c)| {
            *place < LONGEST
                && !c.is_whitespace()
                && !matches!(c, '<' | '>' | '"' | '(' | ')' | '[' | ']' | '{' | '}')
        })
        .last()
        .map_or(0, |(place, c)| place + c.len_utf8());
    rest.get(..end).unwrap_or_default()
}

fn trim_url(chunk: &str) -> &str {
    chunk.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')'])
}

/// `name.org`, `sub.name.co.uk/path`: labels of letters, digits and hyphens before a known top-level domain.
fn domain(page: &Page<'_>, index: usize, chunk: &str, start: usize) -> Option<Entity> {
    let host = chunk
        .get(..chunk.find(['/', ',', ';', ':', '?']).unwrap_or(chunk.len()))?
        .trim_end_matches(['.', '!', '\'']);
    let (name, top) = host.rsplit_once('.')?;
    let labels_fit = name
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let sure = DOMAINS.contains(&top)
        || DOMAINS.iter().any(|domain| top.len() >= 3 && top.eq_ignore_ascii_case(domain));
    let has_path = chunk.get(host.len()..).is_some_and(|tail| tail.starts_with('/') && tail.len() > 1);
    let wordy = WORDY_DOMAINS.contains(&top)
        && (has_path || page.context(index).has(Cue::PHONE) || name.contains('.') && name.len() > 6);
    let long_enough = name.split('.').next_back().is_some_and(|label| label.len() >= 2) && name.len() >= 3;
    if !labels_fit || !(sure || wordy) || !long_enough {
        return None;
    }
    let end = if has_path { trim_url(chunk).len() } else { host.len() };
    Some(found(start..start + end, Kind::Url, 0.85, "domain"))
}

/// At a number: IP version 4 or 6, MAC, or a domain or e-mail address that begins with a digit.
pub(super) fn number(page: &Page<'_>, index: usize) -> Option<Entity> {
    let start = page.tokens.at(index).start as usize;
    if page.tokens.at(index + 1).gap != Gap::None {
        return None;
    }
    ipv4(page, index).or_else(|| mixed(page, index)).or_else(|| ipv6(page.tokens.text, start))
}

/// At a mixture: MAC, IP version 6, or a domain or e-mail address that begins with a digit.
pub(super) fn mixed(page: &Page<'_>, index: usize) -> Option<Entity> {
    let start = page.tokens.at(index).start as usize;
    let next = page.tokens.at(index + 1);
    if next.gap != Gap::None || next.made != Made::Sign {
        return None;
    }
    match next.first {
        b'@' | b'.' | b'_' | b'-' | b':' => mac(page.tokens.text, start).or_else(|| word(page, index)),
        _ => None,
    }
}

fn ipv4(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    for place in 0..4 {
        let token = tokens.at(index + 2 * place);
        let value: u32 = tokens.str(token).parse().ok()?;
        let glued = place == 0
            || token.gap == Gap::None
                && tokens.at(index + 2 * place - 1).is(b'.')
                && tokens.at(index + 2 * place - 1).gap == Gap::None;
        if token.made != Made::Number || value > 255 || token.len() > 3 || !glued {
            return None;
        }
    }
    // A version or an object identifier goes on; what a sentence ends or begins with does not.
    let dot = |dot: &Token, next: &Token| dot.is(b'.') && dot.gap == Gap::None && next.gap == Gap::None;
    let more = tokens.at(index + 8).made == Made::Number && dot(tokens.at(index + 7), tokens.at(index + 8));
    let before =
        tokens.before(index, 2).made == Made::Number && dot(tokens.before(index, 1), tokens.at(index));
    (!more && !before).then(|| found(tokens.span(index, index + 6), Kind::Ip, 0.95, "ipv4"))
}

fn ipv6(text: &str, start: usize) -> Option<Entity> {
    let rest = text.as_bytes().get(start..)?;
    let length = rest
        .iter()
        .take(46)
        .take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        .count();
    let address = text.get(start..start + length)?.trim_end_matches(['.', ':']);
    let long = address.bytes().filter(|byte| *byte == b':').count() >= 3
        || address.contains("::") && address.len() >= 5;
    (long && address.parse::<Ipv6Addr>().is_ok())
        .then(|| found(start..start + address.len(), Kind::Ip, 0.9, "ipv6"))
}

/// Six pairs of hexadecimal digits with `:` or `-` between them.
fn mac(text: &str, start: usize) -> Option<Entity> {
    let bytes = text.as_bytes().get(start..start + 17)?;
    let sign = *bytes.get(2)?;
    let fits = matches!(sign, b':' | b'-')
        && bytes
            .iter()
            .enumerate()
            .all(|(place, byte)| if place % 3 == 2 { *byte == sign } else { byte.is_ascii_hexdigit() })
        && !text.as_bytes().get(start + 17).is_some_and(u8::is_ascii_alphanumeric);
    fits.then(|| found(start..start + 17, Kind::Ip, 0.95, "mac"))
}
