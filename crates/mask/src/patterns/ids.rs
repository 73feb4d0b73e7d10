//! Identifying numbers and codes: by check digit, by the words before them, by their form.

use super::{CONTEXT_BYTES, Page, checks, found};
use crate::gazetteer::{Cue, Lex};
use crate::text::token::{Case, Gap, Made, hashed_all};
use crate::{Entity, Kind};

/// Longest cluster in tokens; what is longer is no identifier of a person.
const LONGEST: usize = 16;

/// Letters and digits without blanks between them: `AB123456`, `123-45-678`, `12345-ABC`.
struct Cluster {
    last: usize,
    bare: Vec<u8>,
    letters: usize,
    digits: usize,
    lower: usize,
    signs: usize,
    dotted: bool,
}

/// An identifier in the cluster that begins at this token.
pub(super) fn cluster(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let token = tokens.at(index);
    if token.made == Made::Word && (token.len() > 6 || !tokens.at(index + 1).made.eq(&Made::Sign)) {
        return None;
    }
    if token.gap == Gap::None
        && joins(tokens.before(index, 1).first)
        && tokens.before(index, 2).made != Made::Sign
        && index > 1
    {
        // The middle of something that was looked at from its beginning.
        if tokens.before(index, 1).gap == Gap::None
            && tokens.before(index, 1).made == Made::Sign
            && tokens.before(index, 1).first != b'#'
        {
            return None;
        }
    }
    let cluster = read(page, index)?;
    let range = tokens.span(index, cluster.last);
    if let Some((kind, score, pattern)) = checked(&cluster.bare, page, index) {
        return Some(found(range, kind, score, pattern));
    }
    let (cue, adjacent) = cue_before(page, index);
    if page.context(index).has(Cue::CODE) && !adjacent {
        return None;
    }
    if let Some(blank) = spaced(page, index, &cluster, cue, adjacent) {
        return Some(blank);
    }
    if let Some(kind) = kind_of(cue)
        && fits_cue(&cluster, adjacent, kind, page, index)
    {
        return Some(found(range, kind, if adjacent { 0.95 } else { 0.75 }, "cue"));
    }
    by_form(page, index, &cluster).then(|| found(range, Kind::Id, 0.6, "form"))
}

/// `NI no. QQ 12 34 56 C`, `policy GTX 0048821-9`, `reg LV17 OKT`: capitals, then groups with digits, right behind a cue; at the
/// capitals.
pub(super) fn lettered(page: &Page<'_>, index: usize) -> Option<Entity> {
    let tokens = page.tokens;
    let head = tokens.at(index);
    if head.case != Case::Upper && head.case != Case::Initial
        || head.len() > 4
        || !tokens.at(index + 1).has_digit()
    {
        return None;
    }
    let is_word = head.lex.has(Lex::FUNCTION.with(Lex::MONTH)) || head.lex.word() > 0 && head.len() > 2;
    if tokens.at(index + 1).gap > Gap::Blank || head.cue != Cue::NONE || is_word {
        return None;
    }
    let (cue, adjacent) = cue_before(page, index);
    let kind = kind_of(cue).filter(|_| adjacent)?;
    let (last, digits) = groups(page, index, index);
    let amount = page.cue(last + 1).has(Cue::DOSE) && tokens.at(last + 1).gap <= Gap::Blank;
    (digits >= 4 && !amount).then(|| found(tokens.span(index, last), kind, 0.8, "cue"))
}

/// Where groups with digits that follow a token, and capitals between or behind them, end, and how many digits they have.
fn groups(page: &Page<'_>, index: usize, mut last: usize) -> (usize, usize) {
    let tokens = page.tokens;
    let count = |at: usize| tokens.str(tokens.at(at)).bytes().filter(u8::is_ascii_digit).count();
    let mut digits: usize = (index..=last).map(count).sum();
    for _ in 0..10 {
        let sign = tokens.at(last + 1);
        let joined = sign.made == Made::Sign && sign.gap == Gap::None && joins(sign.first);
        let next = last + 1 + usize::from(joined);
        let token = tokens.at(next);
        let near =
            if joined { token.gap == Gap::None } else { token.gap == Gap::Blank || token.gap == Gap::None };
        let capitals = token.made == Made::Word
            && (token.case == Case::Initial
                || token.case == Case::Upper && token.len() <= 3 && token.lex.is_empty());
        if !near || !(token.has_digit() || capitals) {
            break;
        }
        digits += count(next);
        last = next;
    }
    (last, digits)
}

fn joins(sign: u8) -> bool {
    matches!(sign, b'-' | b'/' | b'.' | b'_')
}

fn read(page: &Page<'_>, index: usize) -> Option<Cluster> {
    let tokens = page.tokens;
    let mut cluster =
        Cluster { last: index, bare: Vec::new(), letters: 0, digits: 0, lower: 0, signs: 0, dotted: false };
    let mut at = index;
    loop {
        let token = tokens.at(at);
        if token.made == Made::Sign || at > index + LONGEST || at > index && token.gap != Gap::None {
            break;
        }
        for byte in tokens.str(token).bytes() {
            cluster.bare.push(byte);
            cluster.digits += usize::from(byte.is_ascii_digit());
            cluster.letters += usize::from(!byte.is_ascii_digit());
            cluster.lower += usize::from(byte.is_ascii_lowercase());
        }
        cluster.last = at;
        let sign = tokens.at(at + 1);
        if sign.made != Made::Sign || !joins(sign.first) || sign.gap != Gap::None {
            break;
        }
        // A sentence's full stop, and "12/alcohol": a word behind a sign is not the rest of a number.
        let next = tokens.at(at + 2);
        let wordy =
            next.made == Made::Word && (next.len() > 4 || next.case == Case::Lower && sign.first != b'-');
        if next.gap != Gap::None || wordy || next.made == Made::Sign {
            break;
        }
        cluster.signs += 1;
        cluster.dotted |= sign.first == b'.';
        at += 2;
    }
    (cluster.digits > 0).then_some(cluster)
}

/// What a check digit or a fixed format tells.
fn checked(bare: &[u8], page: &Page<'_>, index: usize) -> Option<(Kind, f32, &'static str)> {
    let digits = bare.iter().all(u8::is_ascii_digit);
    if !(9..=34).contains(&bare.len()) {
        return None;
    }
    if digits && (12..=19).contains(&bare.len()) && checks::luhn(bare) {
        return Some((Kind::Account, 0.9, "card"));
    }
    let context = page.context(index);
    if checks::npi(bare) && context.has(Cue::LICENSE) {
        return Some((Kind::License, 0.99, "npi"));
    }
    if !digits && bare.len() == 9 && checks::dea(bare) {
        return Some((Kind::License, 0.8, "dea"));
    }
    if !digits && checks::mbi(bare) {
        return Some((Kind::HealthPlan, 0.8, "mbi"));
    }
    if checks::vin(bare) && (!digits || context.has(Cue::VEHICLE)) {
        return Some((Kind::Vehicle, 0.95, "vin"));
    }
    checks::iban(bare).then_some((Kind::Account, 0.99, "iban"))
}

/// The cue for a value: the nearest words before it, and whether only connecting words stand between.
fn cue_before(page: &Page<'_>, index: usize) -> (Cue, bool) {
    let tokens = page.tokens;
    let from = tokens.at(index).start as usize;
    let mut near = Cue::NONE;
    let mut adjacent = true;
    let mut found_cue = false;
    let mut at = index;
    while at > 0 && tokens.at(at).gap < Gap::Paragraph {
        at -= 1;
        let token = tokens.at(at);
        if token.start as usize + CONTEXT_BYTES < from {
            break;
        }
        // "mg/dL" is no driver's licence.
        let unit = token.gap == Gap::None && tokens.before(at, 1).is(b'/');
        let cue = if unit { Cue::NONE } else { page.cue(at) };
        if token.made == Made::Word && kind_of(cue).is_some() {
            near = near.with(cue);
            found_cue = true;
        } else if token.has_digit() || token.is(b';') || token.is(b',') && found_cue {
            break;
        } else if token.made == Made::Word && !is_connector(token.hash) && !found_cue {
            adjacent = false;
        } else if found_cue {
            break;
        }
        if tokens.at(at).gap >= Gap::Line && found_cue {
            break;
        }
    }
    (near, adjacent && found_cue)
}

fn is_connector(hash: u64) -> bool {
    const {
        hashed_all([
            "is", "was", "of", "the", "a", "with", "as", "to", "for", "his", "her", "my", "under", "are",
            "be", "e", "on", "file", "listed", "ending", "ends", "end", "in", "last", "four",
        ])
    }
    .contains(&hash)
}

/// The kind that cues stand for; the most telling first.
fn kind_of(cue: Cue) -> Option<Kind> {
    const KINDS: [(Cue, Kind); 9] = [
        (Cue::SSN, Kind::Ssn),
        (Cue::MRN, Kind::Mrn),
        (Cue::PLAN, Kind::HealthPlan),
        (Cue::ACCOUNT, Kind::Account),
        (Cue::LICENSE, Kind::License),
        (Cue::VEHICLE, Kind::Vehicle),
        (Cue::DEVICE, Kind::Device),
        (Cue::MRN_WORD, Kind::Mrn),
        (Cue::ID_WORD, Kind::Id),
    ];
    KINDS.iter().find(|(flag, _)| cue.has(*flag)).map(|(_, kind)| *kind)
}

fn fits_cue(cluster: &Cluster, adjacent: bool, kind: Kind, page: &Page<'_>, index: usize) -> bool {
    let tokens = page.tokens;
    let amount = page.cue(cluster.last + 1).has(Cue::DOSE)
        && tokens.at(cluster.last + 1).gap <= Gap::Blank
        && cluster.digits < 7
        || tokens.at(cluster.last + 1).is(b'%');
    let year = cluster.bare.len() == 4
        && cluster.letters == 0
        && cluster.bare.starts_with(b"20") | cluster.bare.starts_with(b"19");
    let decimal = cluster.dotted && cluster.letters == 0 && cluster.digits < 7;
    let diagnosis = cluster.letters == 1 && cluster.dotted && cluster.digits <= 5 && kind == Kind::Id;
    if amount || decimal || diagnosis || year && kind != Kind::Mrn {
        return false;
    }
    let hashed = tokens.before(index, 1).is(b'#') || tokens.before(index, 1).is(b':');
    match kind {
        Kind::Mrn | Kind::Ssn if adjacent => cluster.digits >= 3,
        Kind::Id => {
            let mixed = cluster.letters > 0 && cluster.lower == 0 && cluster.digits >= 3;
            if adjacent {
                cluster.digits >= 5 || mixed || hashed && cluster.digits >= 4
            } else {
                cluster.digits >= 6
            }
        }
        _ if adjacent => cluster.digits >= 4 || cluster.letters > 0 && cluster.digits >= 3,
        _ => cluster.digits >= 5 || cluster.digits >= 4 && cluster.letters > 0 && cluster.lower == 0,
    }
}

/// Values with blanks inside behind a strong cue: `IBAN DE89 3704 0044 0532 0130 00`, `SSN 123 45 6789`, `plate ABC 1234`.
fn spaced(page: &Page<'_>, index: usize, cluster: &Cluster, cue: Cue, adjacent: bool) -> Option<Entity> {
    let tokens = page.tokens;
    if !adjacent {
        return None;
    }
    let kind = kind_of(cue)?;
    let (last, digits) = groups(page, index, cluster.last);
    let lettered = cluster.letters > 0 && cluster.lower == 0 && digits >= 4;
    let amount = page.cue(last + 1).has(Cue::DOSE) && tokens.at(last + 1).gap <= Gap::Blank;
    (last > cluster.last && (digits >= 7 || lettered) && !amount)
        .then(|| found(tokens.span(index, last), kind, 0.8, "cue"))
}

/// Whether the form alone is that of an identifier: many digits, or capitals and digits.
fn by_form(page: &Page<'_>, index: usize, cluster: &Cluster) -> bool {
    let tokens = page.tokens;
    let bare = cluster.bare.as_slice();
    let trial = bare.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(b"NCT"));
    let covid = tokens.at(index).made == Made::Word && tokens.at(index).lex.has(Lex::MEDICAL);
    let amount = page.cue(cluster.last + 1).has(Cue::DOSE)
        && tokens.at(cluster.last + 1).gap <= Gap::Blank
        && cluster.letters == 0;
    if trial || covid || amount || tokens.at(cluster.last + 1).is(b'%') || is_years(page, index, cluster) {
        return false;
    }
    let decimal = cluster.dotted && cluster.letters == 0;
    // ICD-10 ("E11.621"), pregnancies and births ("G3P1011"), sizes ("3.1x2.0x0.2").
    let diagnosis = cluster.letters == 1
        && cluster.dotted
        && cluster.digits <= 6
        && bare.first().is_some_and(u8::is_ascii_uppercase);
    let births =
        cluster.letters == 2 && cluster.digits <= 6 && bare.starts_with(b"G") && bare.contains(&b'P');
    let size = cluster.letters == cluster.lower
        && cluster.letters > 0
        && bare.iter().all(|byte| byte.is_ascii_digit() || *byte == b'x');
    if diagnosis || births || size {
        return false;
    }
    match (cluster.letters, cluster.digits) {
        (0, digits) => {
            digits >= 7
                && !decimal
                && !(cluster.signs > 0 && digits < 8 && cluster.last == index + 2 && bare.len() < 8)
        }
        (1..=5, digits) if cluster.lower == 0 => {
            digits >= 5 || digits >= 4 && cluster.letters >= 2 && cluster.signs > 0
        }
        (1..=5, digits) => digits >= 6,
        (letters, digits) => digits >= 6 && letters + digits >= 12 && cluster.lower == 0,
    }
}

/// `2010-2015` and the like.
fn is_years(page: &Page<'_>, index: usize, cluster: &Cluster) -> bool {
    let year = |at: usize| {
        let token = page.tokens.at(at);
        token.made == Made::Number
            && token.len() == 4
            && matches!(page.tokens.str(token).get(..2), Some("19" | "20" | "18"))
    };
    cluster.last == index + 2 && year(index) && year(cluster.last)
}
