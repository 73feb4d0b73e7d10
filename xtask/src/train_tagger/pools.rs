//! What texts are filled with: names, places, streets.

use std::collections::BTreeMap;

use super::draw::Draw;

pub(super) const STATES: [(&str, &str); 51] = [
    ("Alabama", "AL"),
    ("Alaska", "AK"),
    ("Arizona", "AZ"),
    ("Arkansas", "AR"),
    ("California", "CA"),
    ("Colorado", "CO"),
    ("Connecticut", "CT"),
    ("Delaware", "DE"),
    ("Florida", "FL"),
    ("Georgia", "GA"),
    ("Hawaii", "HI"),
    ("Idaho", "ID"),
    ("Illinois", "IL"),
    ("Indiana", "IN"),
    ("Iowa", "IA"),
    ("Kansas", "KS"),
    ("Kentucky", "KY"),
    ("Louisiana", "LA"),
    ("Maine", "ME"),
    ("Maryland", "MD"),
    ("Massachusetts", "MA"),
    ("Michigan", "MI"),
    ("Minnesota", "MN"),
    ("Mississippi", "MS"),
    ("Missouri", "MO"),
    ("Montana", "MT"),
    ("Nebraska", "NE"),
    ("Nevada", "NV"),
    ("New Hampshire", "NH"),
    ("New Jersey", "NJ"),
    ("New Mexico", "NM"),
    ("New York", "NY"),
    ("North Carolina", "NC"),
    ("North Dakota", "ND"),
    ("Ohio", "OH"),
    ("Oklahoma", "OK"),
    ("Oregon", "OR"),
    ("Pennsylvania", "PA"),
    ("Rhode Island", "RI"),
    ("South Carolina", "SC"),
    ("South Dakota", "SD"),
    ("Tennessee", "TN"),
    ("Texas", "TX"),
    ("Utah", "UT"),
    ("Vermont", "VT"),
    ("Virginia", "VA"),
    ("Washington", "WA"),
    ("West Virginia", "WV"),
    ("Wisconsin", "WI"),
    ("Wyoming", "WY"),
    ("District of Columbia", "DC"),
];

/// A person to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Person {
    pub(super) given: String,
    pub(super) family: String,
}

#[derive(Default)]
pub(super) struct Pools {
    /// By how common, 1 to 3.
    given: [Vec<String>; 4],
    family: [Vec<String>; 4],
    cities: [Vec<String>; 4],
    countries: Vec<String>,
    /// Words of English, as they are.
    words: [Vec<String>; 4],
    /// Common ones of them that are names too.
    words_and_names: Vec<String>,
    /// By locale.
    latin: Vec<Vec<Person>>,
    other: Vec<Vec<Person>>,
    latin_streets: Vec<Vec<String>>,
    other_streets: Vec<String>,
    pub(super) carriers: Vec<String>,
    pub(super) sentences: Vec<String>,
}

impl Pools {
    pub(super) fn read(lexicon: &str, people: &str, streets: &str, carriers: Vec<String>) -> Self {
        let mut pools = Self::default();
        for (key, flags) in lexicon.lines().filter_map(|line| line.split_once('\t')) {
            let level = |kind: char| {
                flags
                    .split_once(kind)
                    .and_then(|(_, rest)| rest.get(..1))
                    .and_then(|digit| digit.parse::<usize>().ok())
            };
            if !key.is_ascii() {
                continue;
            }
            for (pool, kind) in [(&mut pools.given, 'g'), (&mut pools.family, 's'), (&mut pools.cities, 'c')]
            {
                if let Some(list) = level(kind).and_then(|level| pool.get_mut(level)) {
                    list.push(title(key));
                }
            }
            if level('w') >= Some(2) && (level('g').is_some() || level('s').is_some()) {
                pools.words_and_names.push(key.to_owned());
            }
            if let Some(list) = level('w').and_then(|level| pools.words.get_mut(level)) {
                list.push(key.to_owned());
            }
            if level('n').is_some() {
                pools.countries.push(title(key));
            }
        }
        let mut locales: BTreeMap<&str, Vec<Person>> = BTreeMap::new();
        for line in people.lines() {
            let mut parts = line.split('\t').map(str::to_owned);
            if let (Some(_), Some(given), Some(family)) = (parts.next(), parts.next(), parts.next()) {
                let locale = line.split('\t').next().unwrap_or_default();
                locales.entry(locale).or_default().push(Person { given, family });
            }
        }
        for (_, list) in locales {
            let latin = list.iter().filter(|person| is_latin(&person.given)).count() * 2 > list.len();
            if latin { pools.latin.push(list) } else { pools.other.push(list) }
        }
        let mut by_locale: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (locale, street) in streets.lines().filter_map(|line| line.split_once('\t')) {
            if is_latin(street) {
                by_locale.entry(locale).or_default().push(street.to_owned());
            } else {
                pools.other_streets.push(street.to_owned());
            }
        }
        pools.latin_streets = by_locale.into_values().collect();
        pools.sentences = carriers
            .iter()
            .flat_map(|text| text.split_inclusive(". "))
            .map(|sentence| sentence.trim().to_owned())
            .filter(|sentence| sentence.len() > 12 && sentence.ends_with('.'))
            .collect();
        pools.carriers = carriers;
        pools
    }

    /// Someone with a name of one people, American ones in half of the cases.
    pub(super) fn person(&self, draw: &mut Draw) -> Person {
        match draw.below(100) {
            0..52 => Person {
                given: self.of(&self.given, draw, [0, 25, 35, 40]),
                family: self.of(&self.family, draw, [0, 40, 30, 30]),
            },
            52..91 => {
                let list = draw.one(&self.latin);
                list.and_then(|list| list.get(draw.below(list.len()))).cloned().unwrap_or_default()
            }
            91..94 => {
                let list = draw.one(&self.other);
                list.and_then(|list| list.get(draw.below(list.len()))).cloned().unwrap_or_default()
            }
            _ => Person { given: invented(draw), family: invented(draw) },
        }
    }

    /// A word of lists by how common, with these shares of a hundred.
    fn of(&self, lists: &[Vec<String>; 4], draw: &mut Draw, shares: [usize; 4]) -> String {
        let mut at = draw.below(100);
        for (list, share) in lists.iter().zip(shares) {
            if at < share {
                return draw.one(list).cloned().unwrap_or_default();
            }
            at -= share;
        }
        String::new()
    }

    /// A word of English, mostly a common one.
    pub(super) fn word(&self, draw: &mut Draw) -> String {
        self.of(&self.words, draw, [0, 35, 30, 35])
    }

    /// A common word that is a name too.
    pub(super) fn word_and_name(&self, draw: &mut Draw) -> String {
        draw.one(&self.words_and_names).cloned().unwrap_or_default()
    }

    /// A name that stands for a sign or score, not for a person.
    pub(super) fn unmarked(&self, draw: &mut Draw) -> String {
        let one = self.person(draw).family;
        if draw.percent(25) { format!("{one}-{}", self.person(draw).family) } else { one }
    }

    pub(super) fn city(&self, draw: &mut Draw) -> String {
        self.of(&self.cities, draw, [0, 62, 30, 8])
    }

    pub(super) fn big_city(&self, draw: &mut Draw) -> String {
        const FAMILIAR: [&str; 40] = [
            "New York",
            "Los Angeles",
            "Chicago",
            "Houston",
            "Phoenix",
            "Philadelphia",
            "San Antonio",
            "San Diego",
            "Dallas",
            "Austin",
            "Seattle",
            "Denver",
            "Boston",
            "Detroit",
            "Memphis",
            "Portland",
            "Baltimore",
            "Atlanta",
            "Miami",
            "Tampa",
            "Cleveland",
            "Pittsburgh",
            "St. Louis",
            "Minneapolis",
            "New Orleans",
            "Cincinnati",
            "Orlando",
            "Sacramento",
            "Kansas City",
            "Salt Lake City",
            "Brooklyn",
            "Queens",
            "the Bronx",
            "Manhattan",
            "NYC",
            "LA",
            "SF",
            "Long Island",
            "San Francisco",
            "Nashville",
        ];
        if draw.percent(45) {
            return draw.one(&FAMILIAR).copied().unwrap_or_default().to_owned();
        }
        self.of(&self.cities, draw, [0, 0, 45, 55])
    }

    pub(super) fn country(&self, draw: &mut Draw) -> String {
        draw.one(&self.countries).cloned().unwrap_or_default()
    }

    pub(super) fn street(&self, draw: &mut Draw) -> String {
        if draw.percent(4) {
            return draw.one(&self.other_streets).cloned().unwrap_or_default();
        }
        let list = draw.one(&self.latin_streets);
        list.and_then(|list| list.get(draw.below(list.len()))).cloned().unwrap_or_default()
    }
}

fn is_latin(text: &str) -> bool {
    text.chars()
        .all(|c| u32::from(c) < 0x250 || (0x1e00..0x1f00).contains(&u32::from(c)) || !c.is_alphabetic())
}

/// Capitals at the beginnings of words; `mc` and `o'` are followed by one.
pub(super) fn title(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut begins = true;
    for c in key.chars() {
        if begins {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        let mc = out.len() >= 2 && out.ends_with("Mc") && key.len() > 5;
        begins = !c.is_alphabetic() || mc;
        if c == '\'' {
            begins = out.len() <= 2;
        }
    }
    out
}

/// A name that no list has.
fn invented(draw: &mut Draw) -> String {
    const HEADS: [&str; 36] = [
        "Ba", "Bre", "Cha", "Da", "Do", "El", "Fa", "Gri", "Ha", "Ja", "Ka", "Kle", "La", "Lo", "Ma", "Mi",
        "Na", "Ne", "O", "Pa", "Pe", "Qua", "Ra", "Ro", "Sa", "Sha", "Ta", "Tri", "U", "Va", "Vi", "Wa",
        "Xi", "Ya", "Za", "Zhe",
    ];
    const MIDDLES: [&str; 24] = [
        "ri", "la", "no", "mi", "ge", "lo", "ra", "ne", "ti", "sha", "vi", "du", "ba", "ko", "lin", "mar",
        "tel", "ber", "nak", "zu", "fo", "wen", "gar", "",
    ];
    const ENDS: [&str; 32] = [
        "n", "na", "son", "ski", "ez", "ov", "ic", "ton", "ley", "man", "berg", "ra", "ko", "li", "wa",
        "dze", "yan", "sen", "ini", "eau", "quist", "vich", "do", "sha", "th", "ck", "lla", "moto", "oglu",
        "aite", "poulos", "nen",
    ];
    let mut name = String::new();
    for part in [draw.one(&HEADS), draw.one(&MIDDLES), draw.one(&ENDS)] {
        name.push_str(part.copied().unwrap_or_default());
    }
    name
}

/// A term of medicine put together of Greek and Latin parts.
pub(super) fn medical(draw: &mut Draw) -> String {
    const HEADS: [&str; 40] = [
        "hyper",
        "hypo",
        "poly",
        "thrombo",
        "cardio",
        "neuro",
        "myo",
        "osteo",
        "arthro",
        "derm",
        "gastro",
        "hepato",
        "nephro",
        "pneumo",
        "pan",
        "peri",
        "endo",
        "leuko",
        "erythro",
        "lympho",
        "angio",
        "broncho",
        "chondro",
        "cysto",
        "encephalo",
        "entero",
        "haem",
        "kerato",
        "laryngo",
        "mening",
        "ophthalmo",
        "oto",
        "phleb",
        "rhino",
        "spondylo",
        "tachy",
        "brady",
        "uretero",
        "vasculo",
        "radiculo",
    ];
    const ENDS: [&str; 40] = [
        "itis",
        "emia",
        "osis",
        "pathy",
        "oma",
        "algia",
        "ectomy",
        "plasty",
        "penia",
        "uria",
        "megaly",
        "sclerosis",
        "stenosis",
        "cardia",
        "pnea",
        "phagia",
        "plegia",
        "paresis",
        "lysis",
        "rrhea",
        "rrhage",
        "scopy",
        "tomy",
        "graphy",
        "genesis",
        "dynia",
        "ular",
        "genic",
        "philic",
        "tension",
        "glycemia",
        "lipidemia",
        "kalemia",
        "cytosis",
        "edema",
        "spasm",
        "malacia",
        "trophy",
        "plasia",
        "cele",
    ];
    format!(
        "{}{}",
        draw.one(&HEADS).copied().unwrap_or_default(),
        draw.one(&ENDS).copied().unwrap_or_default()
    )
}

/// A name of a drug or product that no list has.
pub(super) fn brand(draw: &mut Draw) -> String {
    const HEADS: [&str; 30] = [
        "Zel", "Xyl", "Nap", "Ava", "Lami", "Equa", "Dur", "Min", "Taz", "Ari", "Cet", "Prev", "Nova", "Vas",
        "Ben", "Tri", "Flo", "Pro", "Acu", "Ome", "Ser", "Ran", "Clo", "Max", "Syn", "Pax", "Vy", "Oxy",
        "Ul", "Dyna",
    ];
    const MIDDLES: [&str; 20] = [
        "o", "a", "i", "ra", "to", "ge", "pro", "ca", "ni", "li", "me", "vo", "da", "xe", "zi", "co", "ri",
        "lo", "ta", "",
    ];
    const ENDS: [&str; 30] = [
        "syn", "lide", "sil", "sic", "cin", "rac", "cort", "phil", "vance", "med", "tin", "xin", "zole",
        "pril", "mab", "nib", "statin", "caine", "dex", "lox", "vir", "phen", "tab", "vel", "zyme", "gard",
        "splint", "chek", "derm", "lol",
    ];
    [draw.one(&HEADS), draw.one(&MIDDLES), draw.one(&ENDS)].into_iter().flatten().copied().collect()
}
