//! Persons: by title, label, relation or role before them, by two names in a row.

use super::{is_function, more_name_than_word, name_like};
use crate::gazetteer::{Cue, Lex};
use crate::patterns::Page;
use crate::text::token::{Case, Gap, Made, Token, hashed, hashed_all};
use crate::{Entity, Kind, Reason};

/// Words of one name at most.
const NAME_WORDS: usize = 5;

/// Adds the name that begins at this token, or that this token announces.
pub(super) fn at(page: &Page<'_>, index: usize, out: &mut Vec<Entity>) {
    let token = page.tokens.at(index);
    if token.lex.has(Lex::CUE) {
        let cue = page.cue(index);
        let hit = titled(page, index, cue)
            .or_else(|| labelled(page, index, cue))
            .or_else(|| related(page, index, cue))
            .or_else(|| credentialed(page, index, cue));
        if let Some(entity) = hit {
            out.push(entity);
            return;
        }
    }
    if let Some(entity) = in_a_row(page, index) {
        out.push(entity);
    }
}

fn name(page: &Page<'_>, from: usize, to: usize, score: f32, reason: Reason) -> Entity {
    Entity { range: page.tokens.span(from, to), kind: Kind::Name, score, reason }
}

/// Particles inside of family names.
fn is_particle(token: &Token) -> bool {
    const PARTICLES: [u64; 17] = hashed_all([
        "de", "la", "le", "du", "del", "della", "di", "da", "dos", "van", "von", "der", "den", "bin", "ibn",
        "al", "el",
    ]);
    token.made == Made::Word && token.len() <= 5 && PARTICLES.contains(&token.hash)
}

/// The last token of a name that begins at a token: capitals, initials with their points, hyphens and particles between.
fn extend(page: &Page<'_>, first: usize, strict: bool) -> usize {
    let tokens = page.tokens;
    let mut last = first;
    let mut at = first + 1;
    let mut words = 1;
    while words < NAME_WORDS {
        let token = tokens.at(at);
        if token.gap > Gap::Blank {
            break;
        }
        let initial_before = tokens.at(at - 1).case == Case::Initial && tokens.at(at - 1).made == Made::Word;
        if token.is(b'.') && token.gap == Gap::None && initial_before {
            last = at;
        } else if token.is(b'-')
            && token.gap == Gap::None
            && tokens.at(at + 1).gap == Gap::None
            && tokens.at(at + 1).is_capital()
        {
        } else if token.made == Made::Word && token.case == Case::Initial && tokens.at(at + 1).is(b'.')
            || name_like(token)
                && (!strict || token.lex.is_name() || token.lex.is_empty())
                && !stops(page, at)
        {
            last = at;
            words += 1;
        } else if !(is_particle(token) && (1..=2).any(|step| name_like(tokens.at(at + step)))) {
            break;
        }
        at += 1;
    }
    last
}

/// Words that end a name though they begin with a capital: labels, credentials, words of medicine.
fn stops(page: &Page<'_>, index: usize) -> bool {
    let token = page.tokens.at(index);
    let cue = page.cue(index);
    cue.has(Cue::CREDENTIAL) && token.case == Case::Upper
        || cue.has(Cue::LABEL.with(Cue::FACILITY).with(Cue::MRN).with(Cue::SSN))
            && (page.tokens.at(index + 1).is(b':') || token.lex.word() > 0 && !token.lex.is_name())
        || token.lex.has(Lex::MEDICAL) && !token.lex.is_name()
        || token.lex.has(Lex::DISEASE) && token.lex.word() > 0
}

/// `Dr. B. Marsh`, `Mrs Le`, `Ms. All`.
fn titled(page: &Page<'_>, index: usize, cue: Cue) -> Option<Entity> {
    let tokens = page.tokens;
    let token = tokens.at(index);
    if !cue.has(Cue::TITLE) || token.lex.has(Lex::MEDICAL) && token.case != Case::Title {
        return None;
    }
    // "Father", "Major", "General" and the like stand before too much else; the tagger sees to them.
    let sure = token.len() <= 4 && token.case != Case::Upper
        || matches!(token.len(), 2 | 3)
        || token.hash == const { hashed("doctor") };
    let mut first = index + 1;
    if tokens.at(first).is(b'.') {
        // After other words than abbreviations a sentence ends.
        if !is_abbreviation(token) {
            return None;
        }
        first += 1;
    }
    let next = tokens.at(first);
    let upper_line = token.case == Case::Upper && token.len() > 2;
    if !sure || upper_line && !next.lex.is_name() || next.gap > Gap::Blank || next.made != Made::Word {
        return None;
    }
    let initial = next.case == Case::Initial;
    let lower_name = next.case == Case::Lower
        && tokens.at(index).case == Case::Lower
        && more_name_than_word(next)
        && next.len() > 2;
    if !(initial
        || lower_name
        || !is_function(next)
            && next.is_capital()
            && (next.lex.is_name() || !next.lex.has(Lex::MEDICAL.with(Lex::DRUG))))
    {
        return None;
    }
    if const { hashed("st") } == token.hash || tokens.at(first).hash == const { hashed("who") } {
        return None;
    }
    let last = if next.case == Case::Lower { lower_end(page, first) } else { extend(page, first, false) };
    Some(name(page, first, last, 0.95, Reason::Context("title")))
}

fn is_abbreviation(token: &Token) -> bool {
    const SHORT: [u64; 22] = hashed_all([
        "dr", "drs", "mr", "mrs", "ms", "mx", "prof", "rev", "fr", "capt", "lt", "sgt", "col", "gen", "hr",
        "mevr", "sr", "sra", "srta", "hon", "sig", "mme",
    ]);
    SHORT.contains(&token.hash)
}

/// The last of the names in small letters from a token on.
fn lower_end(page: &Page<'_>, first: usize) -> usize {
    let next = page.tokens.at(first + 1);
    if next.gap == Gap::Blank && next.made == Made::Word && more_name_than_word(next) {
        first + 1
    } else {
        first
    }
}

/// `Patient: HOLLOWAY, JUNE`, `Name: Tomas Reyd`, `RE: Marsh, Peter`, `Attending: Dr. …`.
fn labelled(page: &Page<'_>, index: usize, cue: Cue) -> Option<Entity> {
    let tokens = page.tokens;
    if !cue.has(Cue::LABEL) || !tokens.at(index + 1).is(b':') {
        return None;
    }
    let mut first = index + 2;
    if page.cue(first).has(Cue::TITLE) && tokens.at(first).len() <= 4 {
        first += 1 + usize::from(tokens.at(first + 1).is(b'.'));
    }
    let token = tokens.at(first);
    let lower = token.case == Case::Lower && more_name_than_word(token);
    if token.gap > Gap::Blank
        || token.made != Made::Word
        || !(name_like(token) || lower || token.case == Case::Initial)
    {
        return None;
    }
    if lower {
        return Some(name(page, first, lower_end(page, first), 0.8, Reason::Context("label")));
    }
    let last = extend(page, first, false);
    let known = (first..=last).any(|at| tokens.at(at).lex.is_name() || tokens.at(at).lex.is_empty());
    let all_words = (first..=last).all(|at| tokens.at(at).lex.word() >= 2 && !tokens.at(at).lex.is_name());
    if !known || all_words || tokens.at(last + 1).is(b':') {
        return None;
    }
    Some(name(page, first, with_given(page, last), 0.9, Reason::Context("label")))
}

/// Takes the given names behind a comma into a name: `Marsh, Peter Q.`.
fn with_given(page: &Page<'_>, last: usize) -> usize {
    let tokens = page.tokens;
    let given = tokens.at(last + 2);
    let fits = tokens.at(last + 1).is(b',')
        && given.gap <= Gap::Blank
        && (name_like(given) || given.case == Case::Initial)
        && given.made == Made::Word
        && !page.cue(last + 2).has(Cue::CREDENTIAL);
    if fits { extend(page, last + 2, true) } else { last }
}

/// `daughter Olive`, `Pt Graves`, `his wife, Anna`, `nurse Kim`, `named Luis`.
fn related(page: &Page<'_>, index: usize, cue: Cue) -> Option<Entity> {
    let tokens = page.tokens;
    if !cue.has(Cue::RELATIVE.with(Cue::ROLE)) {
        return None;
    }
    let comma = tokens.at(index + 1).is(b',') || tokens.at(index + 1).is(b'(');
    let first = index + 1 + usize::from(comma);
    let token = tokens.at(first);
    let shouted = tokens.at(index).case == Case::Upper && tokens.at(index).len() > 2;
    if token.gap != Gap::Blank && !comma
        || token.made != Made::Word
        || matches!(token.case, Case::Lower | Case::Initial)
        || shouted
    {
        return None;
    }
    // "Pt Foot resting" is a person, "Patient Education" a heading.
    let patient = const { hashed_all(["pt", "patient"]) }.contains(&tokens.at(index).hash);
    let goes_on = tokens.at(first + 1).gap == Gap::Blank
        && tokens.at(first + 1).case == Case::Lower
        && tokens.at(first + 1).made == Made::Word;
    let word_enough = token.lex.word() < 2 || !comma && (token.lex.word() < 3 || patient && goes_on);
    if !token.lex.is_name()
        || !word_enough
        || token.lex.has(Lex::MEDICAL.with(Lex::DRUG))
        || page.cue(first).has(Cue::FACILITY)
    {
        return None;
    }
    // "patient Parkinson disease": the disease.
    if token.lex.has(Lex::EPONYM) && tokens.at(first + 1).lex.has(Lex::DISEASE)
        || token.lex.has(Lex::NATIONAL.with(Lex::MONTH))
    {
        return None;
    }
    let last = extend(page, first, true);
    Some(name(page, first, last, 0.8, Reason::Context("role")))
}

/// `A. Wickliffe, LMSW`, `L BROUSSARD MD`: a name before what its bearer is, at the latter.
fn credentialed(page: &Page<'_>, index: usize, cue: Cue) -> Option<Entity> {
    const SUFFIXES: [u64; 8] = hashed_all(["jr", "sr", "ii", "iii", "iv", "esq", "v", "otr"]);
    let tokens = page.tokens;
    let token = tokens.at(index);
    if !cue.has(Cue::CREDENTIAL)
        || token.case != Case::Upper
        || SUFFIXES.contains(&token.hash)
        || token.gap > Gap::Blank
    {
        return None;
    }
    let comma = usize::from(tokens.before(index, 1).is(b','));
    let last = index.checked_sub(1 + comma)?;
    let (mut first, mut words, mut told) = (None, 0, false);
    let mut at = last;
    while words < NAME_WORDS {
        let part = tokens.at(at);
        let initial = part.made == Made::Word && part.case == Case::Initial;
        let joint = part.is(b'.') && at > 0 && tokens.at(at - 1).case == Case::Initial
            || part.gap == Gap::None && (part.is(b'-') || part.is(b'\''));
        let word = initial
            || name_like(part)
                && !stops(page, at)
                && !page.cue(at).has(Cue::ROLE.with(Cue::TITLE).with(Cue::FACILITY_PART));
        if !(word || joint || words > 0 && is_particle(part)) {
            break;
        }
        if word {
            (first, words) = (Some(at), words + 1);
            told |= !initial && part.len() > 1 && (part.lex.is_name() || part.lex.is_empty());
        }
        if part.gap > Gap::Blank || at == 0 {
            break;
        }
        at -= 1;
    }
    let first = first?;
    // Two letters may be a state or a word in capitals; then it takes two words, or the beginning of a line.
    let places = token.len() == 2 && comma == 1 && tokens.at(last).lex.city() > 0;
    let alone = words == 1 && (tokens.at(first).gap < Gap::Line || tokens.at(last).lex.word() > 0);
    (told && !places && !alone).then(|| name(page, first, last, 0.85, Reason::Context("credential")))
}

/// `John Smith`, `Nora K.`, `Smith, John`, `J. Smith`: two names, or a name and an initial.
fn in_a_row(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let token = tokens.at(index);
    if !token.is_capital() || !token.lex.is_name() || token.case == Case::Initial || token.lex.has(Lex::DRUG)
    {
        return None;
    }
    if token.gap == Gap::None && tokens.before(index, 1).is(b'-') || page.cue(index).has(Cue::FACILITY) {
        return None;
    }
    let next = tokens.at(index + 1);
    // HL7 v2 writes family^given^middle.
    if next.is(b'^') && tokens.at(index + 2).gap == Gap::None && tokens.at(index + 2).is_capital() {
        let middle = tokens.at(index + 3).is(b'^')
            && tokens.at(index + 4).is_capital()
            && tokens.at(index + 4).gap == Gap::None;
        return Some(name(page, index, index + if middle { 4 } else { 2 }, 0.9, Reason::Context("caret")));
    }
    if next.is(b',') && next.gap == Gap::None {
        return family_first(page, index);
    }
    if next.gap != Gap::Blank || next.made != Made::Word {
        return None;
    }
    let dotted =
        next.case == Case::Initial && tokens.at(index + 2).is(b'.') && tokens.at(index + 2).gap == Gap::None;
    if next.case == Case::Initial && token.lex.given() > 0 && token.lex.word() < 2 {
        let clinical = !dotted && (next.first == b'A' || next.first == b'I');
        let last = extend(page, index, true).max(index + 1);
        return (!clinical && more_name_than_word(token) || dotted && token.case == Case::Title)
            .then(|| name(page, index, last, 0.85, Reason::Gazetteer("given name")));
    }
    let eponym = token.lex.has(Lex::EPONYM) && next.lex.has(Lex::DISEASE.with(Lex::EPONYM));
    let pair = token.lex.given() > 0
        && next.lex.family() > 0
        && next.is_capital()
        && !next.lex.has(Lex::DRUG.with(Lex::MEDICAL));
    let convincing = more_name_than_word(token) && (next.lex.word() < 3 || next.lex.family() == 3)
        || more_name_than_word(next) && token.lex.given() >= 2 && token.lex.word() < 3;
    if eponym || !pair || !convincing || stops(page, index + 1) || is_place(page, index) {
        return None;
    }
    let last = extend(page, index, true);
    Some(name(page, index, last, 0.8, Reason::Gazetteer("names")))
}

/// Whether the pair at a token is rather the name of a place or a facility: `Santa Maria`, `Jackson Memorial`.
fn is_place(page: &Page<'_>, index: usize) -> bool {
    let (last, lex) = super::entry(page, index);
    last > index
        && (lex.has(Lex::COUNTRY.with(Lex::STATE).with(Lex::FACILITY_NAME).with(Lex::PLACE))
            || lex.city() > 1)
        || page.cue(index + 1).has(Cue::FACILITY.with(Cue::FACILITY_PART).with(Cue::STREET_SURE))
        || page.cue(index + 2).has(Cue::FACILITY)
}

/// `HOLLOWAY, JUNE`: both in the lists, the first rather a name than a word.
fn family_first(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let (token, given) = (tokens.at(index), tokens.at(index + 2));
    let fits = token.lex.family() > 0
        && given.gap <= Gap::Blank
        && given.is_capital()
        && given.case == token.case
        && given.lex.given() > 0
        && given.lex.word() < 2
        && more_name_than_word(given)
        && (more_name_than_word(token) || tokens.at(index).gap >= Gap::Line)
        && !given.lex.has(Lex::STATE.with(Lex::DRUG).with(Lex::MONTH))
        && token.lex.city() < 2;
    fits.then(|| name(page, index, with_given(page, index), 0.75, Reason::Gazetteer("names")))
}
