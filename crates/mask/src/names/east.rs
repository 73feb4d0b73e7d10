//! Names in Chinese, Japanese and Korean writing, which parts no words and knows no capitals: by the lists of family and given
//! names, by a label before them or a form of address behind them.

use unicode_normalization::UnicodeNormalization;

use crate::patterns::Page;
use crate::text::token::{Made, Token, hash_of};
use crate::{Entity, Kind, Reason};

/// Words before a name.
const LABELS: [&str; 27] = [
    "患者",
    "患者名",
    "氏名",
    "名前",
    "お名前",
    "担当医",
    "主治医",
    "医師",
    "看護師",
    "保護者",
    "姓名",
    "病人",
    "医生",
    "医师",
    "護士",
    "护士",
    "联系人",
    "聯絡人",
    "家属",
    "家屬",
    "환자",
    "성명",
    "이름",
    "보호자",
    "담당의",
    "의사",
    "간호사",
];

/// Words behind one.
const ADDRESSES: [&str; 17] = [
    "様",
    "さん",
    "さま",
    "氏",
    "殿",
    "先生",
    "医師",
    "看護師",
    "君",
    "ちゃん",
    "女士",
    "小姐",
    "医生",
    "医师",
    "씨",
    "님",
    "선생님",
];

/// Common family names of Korea.
const KOREAN: &str = "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국";

/// Letters of a given name at most.
const GIVEN_MAX: usize = 3;

/// Adds the names inside a word of such writing.
pub(super) fn at(page: &Page<'_>, index: usize, out: &mut Vec<Entity>) {
    let token = page.tokens.at(index);
    if token.made != Made::Word || token.first < 0xe1 {
        return;
    }
    let text = page.tokens.str(token);
    if text.starts_with(is_jamo) {
        if is_korean_name(page, index, text) {
            out.push(entity(token.range()));
        }
        return;
    }
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    let mut place = 0;
    while place < letters.len() {
        match name(page, index, text, &letters, place) {
            Some(end) => {
                let byte = |place: usize| letters.get(place).map_or(text.len(), |(byte, _)| *byte);
                let start = token.start as usize;
                out.push(entity(start + byte(place)..start + byte(end)));
                place = end;
            }
            None => place += 1,
        }
    }
}

fn entity(range: std::ops::Range<usize>) -> Entity {
    Entity { range, kind: Kind::Name, score: 0.8, reason: Reason::Gazetteer("names") }
}

fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '々')
}

/// The parts that syllables of Hangul are folded to.
fn is_jamo(letter: char) -> bool {
    matches!(letter, '\u{1100}'..='\u{11ff}')
}

/// Where a name that begins at a letter of a word ends.
fn name(page: &Page<'_>, index: usize, text: &str, letters: &[(usize, char)], place: usize) -> Option<usize> {
    let part = |from: usize, to: usize| {
        let end = letters.get(to).map_or(text.len(), |(byte, _)| *byte);
        letters.get(from).and_then(|(start, _)| text.get(*start..end)).unwrap_or_default()
    };
    if !letters.get(place).is_some_and(|(_, letter)| is_han(*letter)) {
        return None;
    }
    let labelled = if place == 0 {
        follows_label(page, index)
    } else {
        LABELS.iter().any(|label| part(0, place).ends_with(label))
    };
    let lexicon = page.lexicon;
    for family in [2, 1] {
        let first = place + family;
        if first >= letters.len() || lexicon.of(hash_of(part(place, first))).family() == 0 {
            continue;
        }
        // "由医生" is no doctor You: in a sentence a single letter and a trade tell of nobody.
        let alone = family == 1 && !labelled && place > 0;
        let addressed = |end: usize| {
            let behind = part(end, letters.len());
            let trade = ["医", "看"].iter().any(|word| behind.starts_with(word));
            !(alone && trade) && ADDRESSES.iter().any(|word| behind.starts_with(word))
        };
        if addressed(first) {
            return Some(first);
        }
        for end in (first + 1..=(first + GIVEN_MAX).min(letters.len())).rev() {
            let listed = lexicon.of(hash_of(part(first, end))).given() > 0;
            let whole = end == letters.len() && labelled;
            let han = letters.get(first..end).is_some_and(|all| all.iter().all(|(_, l)| is_han(*l)));
            let short = end <= first + 2 && han;
            // One letter is a word too often to say much by itself.
            let row = family == 2 || labelled || end == letters.len() && place == 0 && end > first + 1;
            if listed && (row || addressed(end)) || short && (addressed(end) || whole) {
                return Some(end);
            }
        }
    }
    None
}

/// Whether a label stands right before a word, with a colon or blank between.
fn follows_label(page: &Page<'_>, index: usize) -> bool {
    let colon = usize::from(page.tokens.before(index, 1).is(b':'));
    let before = page.tokens.before(index, 1 + colon);
    let text = page.tokens.str(before);
    before.made == Made::Word && !text.is_ascii() && {
        let text: String = text.nfc().collect();
        LABELS.iter().any(|label| text.ends_with(label))
    }
}

/// A family name and two syllables, with a label before or a form of address behind.
fn is_korean_name(page: &Page<'_>, index: usize, text: &str) -> bool {
    let syllables: Vec<char> = text.nfc().collect();
    let family = syllables.first().is_some_and(|first| KOREAN.contains(*first));
    if !family || syllables.len() < 3 {
        return false;
    }
    let spelled = |token: &Token| page.tokens.str(token).nfc().collect::<String>();
    let addressed = |text: &str| ADDRESSES.iter().any(|word| text.starts_with(word));
    let behind: String = syllables.iter().skip(3).collect();
    follows_label(page, index)
        || addressed(&behind)
        || behind.is_empty() && addressed(&spelled(page.tokens.at(index + 1)))
}
