//! Places: facilities by their kind, cities and countries by list and cue.

use super::{entry, is_function};
use crate::gazetteer::{Cue, Lex};
use crate::patterns::Page;
use crate::text::token::{Case, Gap, Made, Token, hashed, hashed_all};
use crate::{Entity, Kind, Reason};

/// Words of the name of a facility at most.
const FACILITY_WORDS: usize = 9;

/// Adds the facility or place that begins at this token.
pub(super) fn at(page: &Page<'_>, index: usize, out: &mut Vec<Entity>) {
    if let Some(last) = facility(page, index) {
        let last = with_city(page, last);
        out.push(place(page, index, last, 0.85, Reason::Gazetteer("facility")));
        return;
    }
    if let Some((last, score, reason)) = city(page, index) {
        out.push(place(page, index, last, score, reason));
    }
}

fn place(page: &Page<'_>, from: usize, to: usize, score: f32, reason: Reason) -> Entity {
    Entity { range: page.tokens.span(from, to), kind: Kind::Location, score, reason }
}

fn is_saint(token: &Token) -> bool {
    const { hashed_all(["st", "saint", "mt", "mount", "santa", "san"]) }.contains(&token.hash)
}

fn is_connector(token: &Token) -> bool {
    token.made == Made::Word && const { hashed_all(["of", "and", "for", "the", "at"]) }.contains(&token.hash)
        || token.is(b'&')
}

/// Parts of names of facilities that can stand last without `hospital` or `clinic`.
fn closes(page: &Page<'_>, index: usize) -> bool {
    const LAST: [u64; 18] = hashed_all([
        "center",
        "centre",
        "ctr",
        "med",
        "medical",
        "health",
        "institute",
        "general",
        "memorial",
        "manor",
        "pavilion",
        "presbyterian",
        "methodist",
        "university",
        "hospice",
        "system",
        "care",
        "gen",
    ]);
    LAST.contains(&page.tokens.at(index).hash)
}

/// The last token of the facility that begins at a capital.
fn facility(page: &Page<'_>, index: usize) -> Option<usize> {
    let tokens = page.tokens;
    let first = tokens.at(index);
    if !first.is_capital() || continues(page, index) {
        return None;
    }
    let (listed_end, listed) = entry(page, index);
    let named = listed.has(Lex::FACILITY_NAME)
        && (listed_end > index || first.case == Case::Upper || first.lex.word() == 0)
        && !(listed_end == index && first.lex.is_name() && first.case != Case::Upper && !cued(page, index));
    let mut best = named.then_some(listed_end);
    let mut proper = usize::from(named || is_proper(first) || is_saint(first));
    let mut words = 1;
    let mut at = if named { listed_end + 1 } else { index + 1 };
    while words < FACILITY_WORDS {
        let token = tokens.at(at);
        let previous = tokens.at(at - 1);
        if token.gap > Gap::Blank {
            break;
        }
        if token.made == Made::Sign {
            // Points of abbreviations, hyphens, ampersands, the apostrophe of a genitive.
            let short = previous.len() <= 4 && previous.is_capital();
            if token.is(b'.') && !(token.gap == Gap::None && short)
                || !matches!(token.first, b'.' | b'-' | b'\'' | b'&')
            {
                break;
            }
        } else if token.made == Made::Word {
            let cue = page.cue(at);
            let genitive = previous.is(b'\'') && token.hash == const { hashed("s") };
            let capital = token.is_capital();
            if genitive {
                if is_saint(first) && words <= 3 {
                    best = Some(at);
                }
            } else if cue.has(Cue::FACILITY) && (capital || best.is_some() || lower_head(page, index, at))
                || capital && closes(page, at) && proper > 0
            {
                best = Some(at);
            } else if capital {
                proper += usize::from(is_proper(token));
            } else if !(is_connector(token) && tokens.at(at + 1).is_capital()) {
                break;
            }
            words += 1;
        } else {
            break;
        }
        at += 1;
    }
    let last = best?;
    let alone = last == index && !named;
    let generic = !named && proper == 0 && (last == index || !generic_pair(page, index, last));
    (!alone && !generic).then_some(last)
}

/// Whether this capital is inside of a name that was looked at from its beginning.
fn continues(page: &Page<'_>, index: usize) -> bool {
    let before = page.tokens.before(index, 1);
    page.tokens.at(index).gap == Gap::None && (before.is(b'-') || before.is(b'\''))
}

/// A capitalised word that is no everyday word of medicine or of the beginnings of sentences.
fn is_proper(token: &Token) -> bool {
    token.is_capital()
        && !token.lex.has(Lex::MEDICAL.with(Lex::DRUG))
        && (token.lex.word() < 3 || token.lex.is_name() || token.lex.city() > 0)
        && !is_function(token)
        && !is_service(token)
}

/// Words for what is done: a `Wound Care` or an `Ulcer Clinic` is a department anywhere, and a heading.
fn is_service(token: &Token) -> bool {
    const SERVICES: [u64; 64] = hashed_all([
        "home",
        "palliative",
        "wound",
        "patient",
        "patients",
        "advance",
        "advanced",
        "ulcer",
        "prosthetics",
        "pain",
        "sleep",
        "memory",
        "travel",
        "foot",
        "hand",
        "breast",
        "stroke",
        "diabetes",
        "diabetic",
        "asthma",
        "spine",
        "weight",
        "intensive",
        "critical",
        "acute",
        "chronic",
        "long",
        "term",
        "skilled",
        "mental",
        "behavioral",
        "behavioural",
        "public",
        "occupational",
        "world",
        "quality",
        "managed",
        "plan",
        "start",
        "self",
        "direct",
        "continuity",
        "comfort",
        "spiritual",
        "pastoral",
        "postpartum",
        "prenatal",
        "antenatal",
        "neonatal",
        "newborn",
        "preventive",
        "supportive",
        "transitional",
        "respiratory",
        "anticoagulation",
        "coumadin",
        "warfarin",
        "ems",
        "emergency",
        "ambulatory",
        "perioperative",
        "preoperative",
        "device",
        "certification",
    ]);
    SERVICES.contains(&token.hash)
}

/// `General Hospital`, `Memorial Hospital`, `Children's Hospital`, `City Clinic`: generic words, but of a facility, all capitals.
fn generic_pair(page: &Page<'_>, first: usize, last: usize) -> bool {
    const HEADS: [u64; 14] = hashed_all([
        "general",
        "memorial",
        "regional",
        "community",
        "county",
        "city",
        "children's",
        "childrens",
        "methodist",
        "university",
        "veterans",
        "va",
        "women's",
        "children",
    ]);
    let token = page.tokens.at(first);
    page.tokens.at(last).is_capital() && HEADS.contains(&token.hash)
}

/// `Springfield clinic`, `St. Anne hospital`: a small `clinic` right behind a city or a saint.
fn lower_head(page: &Page<'_>, first: usize, head: usize) -> bool {
    let (last, lex) = entry(page, first);
    let whole = last + 1 == head || is_saint(page.tokens.at(first)) || (first + 1 == head);
    whole
        && (lex.city() > 0
            || lex.has(Lex::STATE.with(Lex::PLACE).with(Lex::FACILITY_NAME))
            || is_saint(page.tokens.at(first)))
        && !page.tokens.at(first).lex.has(Lex::MEDICAL)
        && (page.tokens.at(first).lex.word() < 2 || last > first)
}

/// Takes a city behind a facility into it: `Hill Clinic in Springfield, IL`, `City Hospital, MA`, `Women's Hospital of Springfield`.
fn with_city(page: &Page<'_>, last: usize) -> usize {
    let tokens = page.tokens;
    let link = tokens.at(last + 1);
    let linked = link.is(b',')
        || link.gap == Gap::Blank
            && (link.hash == const { hashed("in") } || link.hash == const { hashed("of") });
    let from = if linked { last + 2 } else { last + 1 };
    let (end, lex) = entry(page, from);
    let token = tokens.at(from);
    let is_city = token.is_capital()
        && token.gap <= Gap::Blank
        && (lex.city() > 1
            || lex.city() > 0 && token.lex.word() < 2
            || lex.has(Lex::STATE.with(Lex::PLACE))
            || token.lex.has(Lex::STATE_SHORT) && token.case == Case::Upper && link.is(b','));
    if is_city { with_state(page, end) } else { last }
}

/// Takes a state behind a city into it: `, MN`, `, Texas`.
fn with_state(page: &Page<'_>, last: usize) -> usize {
    let tokens = page.tokens;
    let comma = usize::from(tokens.at(last + 1).is(b','));
    let from = last + 1 + comma;
    let (end, lex) = entry(page, from);
    let token = tokens.at(from);
    let short = token.lex.has(Lex::STATE_SHORT)
        && token.len() == 2
        && token.case == Case::Upper
        && token.gap <= Gap::Blank;
    // "Ashby MD" is a physician rather than a town in Maryland.
    let sure = comma == 1 || !page.cue(from).has(Cue::CREDENTIAL) || tokens.at(from + 1).has_digit();
    if short && sure {
        return from;
    }
    if comma == 1 && token.is_capital() && token.gap <= Gap::Blank && lex.has(Lex::STATE.with(Lex::COUNTRY)) {
        end
    } else {
        last
    }
}

/// The words before say that a place comes: `in`, `from`, `seen at`.
fn cued(page: &Page<'_>, index: usize) -> bool {
    const { hashed_all(["in", "from", "at", "near", "to", "of", "visiting"]) }
        .contains(&page.tokens.before(index, 1).hash)
        || page.tokens.before(index, 1).hash == const { hashed("the") }
            && const { hashed_all(["in", "from", "at"]) }.contains(&page.tokens.before(index, 2).hash)
}

/// A city or country by the lists, with a state behind it.
fn city(page: &Page<'_>, index: usize) -> Option<(usize, f32, Reason)> {
    let tokens = page.tokens;
    let first = tokens.at(index);
    if !first.is_capital() || continues(page, index) {
        return None;
    }
    let (last, lex) = entry(page, index);
    let several = last > index;
    if lex.has(Lex::COUNTRY.with(Lex::PLACE))
        && (several || first.len() > 3 || first.case == Case::Upper || cued(page, index))
        && !(first.lex.is_name() && !several && !cued(page, index))
    {
        return Some((last, 0.7, Reason::Gazetteer("country")));
    }
    if lex.city() == 0 || lex.has(Lex::STATE) && !tokens.at(last + 1).is(b',') {
        return None;
    }
    let end = with_state(page, last);
    if end > last {
        return Some((end, 0.9, Reason::Context("state")));
    }
    let wordy = !several && first.lex.word() > 0
        || first.lex.has(Lex::MEDICAL.with(Lex::DRUG).with(Lex::EPONYM).with(Lex::MONTH));
    let namely = !several && first.lex.is_name();
    let cue = cued(page, index) && first.case != Case::Upper;
    let sure = lex.city() >= 2 && !wordy && (!namely || lex.city() == 3 && first.lex.given() == 0)
        || several && lex.city() >= 2;
    if sure && (cue || lex.city() == 3 || several) {
        return Some((last, 0.7, Reason::Gazetteer("city")));
    }
    (cue && !wordy && (lex.city() >= 2 || several || !namely)).then_some((
        last,
        0.6,
        Reason::Gazetteer("city"),
    ))
}
