//! Made-up patients, and the ways in which notes write what is known of them.

use super::dates::MONTHS;
use fhir::json::{Value, array, object};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Given names and family names of many peoples: with marks, hyphens, apostrophes, particles, in other scripts, and ones that are
/// words.
const NAMES: [(&str, &str); 28] = [
    ("José", "Núñez-Álvarez"),
    ("Siobhán", "O'Connell"),
    ("Renée", "D’Aubigné"),
    ("Jürgen", "Müller"),
    ("Åsa", "Björkström"),
    ("Ngọc", "Nguyễn"),
    ("Łukasz", "Wiśniewski"),
    ("Mary-Jane", "Featherstonehaugh"),
    ("María", "de la Cruz"),
    ("Pieter", "van der Merwe"),
    ("İbrahim", "Yıldırım"),
    ("Sa'ad", "Al-Tikriti"),
    ("Hope", "Long"),
    ("Grace", "Young"),
    ("Rose", "Brown"),
    ("Will", "Price"),
    ("Bo", "Li"),
    ("Иван", "Петров"),
    ("Марк", "Вова"),
    ("Ελένη", "Παπαδοπούλου"),
    ("נועה", "מזרחי"),
    ("فاطمة", "منصور"),
    ("小明", "王"),
    ("민준", "김"),
    ("さくら", "田中"),
    ("Zoë", "Ünal"),
    ("Þóra", "Guðmundsdóttir"),
    ("François", "Lœuvre"),
];

/// What names by chance are made of; three of them are no word of any list.
const SYLLABLES: [&str; 16] = [
    "vuz", "zob", "kef", "ryx", "dak", "miv", "tov", "gral", "bruv", "sneh", "plod", "quim", "yar", "jeb",
    "hux", "wof",
];

const STREETS: [&str; 8] = [
    "Farthing Mews",
    "Quarry Lane",
    "N Calloway Terrace",
    "Vexley Street",
    "Old Bramble Road",
    "W Osterly Avenue",
    "Tillow Court",
    "St. Brannoc Boulevard",
];

const CITIES: [&str; 6] =
    ["Nether Wallop", "Port Vexley", "Östersund", "Kragujevac", "St. Brannoc", "Tuscaloosa"];

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) given: Vec<String>,
    pub(super) family: String,
    /// Whether any name is a word of English too.
    pub(super) wordy: bool,
    pub(super) mrn: (String, String),
    /// Area, exchange, line.
    pub(super) phone: [String; 3],
    pub(super) born: (i32, u8, u8),
    pub(super) street: String,
    pub(super) city: String,
    pub(super) zip: String,
}

impl Person {
    pub(super) fn email(&self) -> String {
        format!("{}{}@mail.example.org", "inbox.", self.mrn.1)
    }

    pub(super) fn resource(&self) -> Value {
        let (year, month, day) = self.born;
        let texts = |texts: &[String]| array(texts.iter().map(|text| Value::from(text.as_str())));
        let telecom = |system: &str, value: &str| {
            object([("system", Value::from(system)), ("value", Value::from(value))])
        };
        let [area, exchange, line] = &self.phone;
        object([
            ("resourceType", Value::from("Patient")),
            (
                "name",
                array([object([
                    ("family", Value::from(self.family.as_str())),
                    ("given", texts(&self.given)),
                ])]),
            ),
            ("birthDate", Value::from(format!("{year:04}-{month:02}-{day:02}").as_str())),
            (
                "identifier",
                array([object([
                    ("type", object([("text", Value::from("MRN"))])),
                    ("value", Value::from([self.mrn.0.as_str(), &self.mrn.1].concat().as_str())),
                ])]),
            ),
            (
                "telecom",
                array([
                    telecom("phone", &format!("({area}) {exchange}-{line}")),
                    telecom("email", &self.email()),
                ]),
            ),
            (
                "address",
                array([object([
                    ("line", texts(std::slice::from_ref(&self.street))),
                    ("city", Value::from(self.city.as_str())),
                    ("postalCode", Value::from(self.zip.as_str())),
                ])]),
            ),
        ])
    }
}

pub(super) fn person() -> impl Strategy<Value = Person> {
    let syllables = || prop::collection::vec(prop::sample::select(&SYLLABLES[..]), 3..4);
    let chance = (syllables(), syllables())
        .prop_map(|(given, family)| (title(&given.concat()), title(&family.concat()), false));
    let listed = prop::sample::select(&NAMES[..]).prop_map(|(given, family)| {
        (given.to_owned(), family.to_owned(), ["Hope", "Grace", "Rose", "Will", "Bo"].contains(&given))
    });
    let names = prop_oneof![2 => listed, 1 => chance];
    let numbers = (
        "[A-Z]{0,3}",
        "[1-9][0-9]{5,8}",
        "[2-9][0-8][1-9]",
        "[2-9][0-9]{2}",
        "[0-9]{4}",
        "[1-9][0-9]{3}[1-9]",
    );
    let places = (1_u32..9999, prop::sample::select(&STREETS[..]), prop::sample::select(&CITIES[..]));
    let born = (1941_i32..2020, 1_u8..13, 1_u8..29);
    (names, prop::option::of(syllables()), numbers, born, places).prop_map(
        |(
            (given, family, wordy),
            middle,
            (letters, number, area, exchange, line, zip),
            born,
            (house, street, city),
        )| Person {
            given: [Some(given), middle.map(|middle| title(&middle.concat()))]
                .into_iter()
                .flatten()
                .collect(),
            family,
            wordy,
            mrn: (letters, number),
            phone: [area, exchange, line],
            born,
            street: format!("{house} {street}"),
            city: city.to_owned(),
            zip,
        },
    )
}

pub(super) fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Without marks, as keyboards without them write.
pub(super) fn bare(text: &str) -> String {
    text.nfd().filter(|letter| !is_combining_mark(*letter)).collect()
}

/// Letters and digits alone, in small letters without marks: what of a text a reader would know someone by.
pub(super) fn folded(text: &str) -> String {
    let plain: String =
        text.nfkd().filter(|letter| letter.is_alphanumeric() && !is_combining_mark(*letter)).collect();
    plain.to_lowercase()
}

fn is_latin(text: &str) -> bool {
    folded(text).bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The names as notes write them.
pub(super) fn names(person: &Person) -> Vec<String> {
    let (given, family) = (&person.given[0], &person.family);
    let all = person.given.join(" ");
    let mut written = vec![
        format!("{given} {family}"),
        format!("{all} {family}"),
        format!("{family}, {given}"),
        format!("{family}, {all}"),
        format!("{family} {given}"),
        format!("{family}\n{given}"),
        family.clone(),
        given.clone(),
    ];
    if is_latin(family) && is_latin(given) {
        let first = |name: &str| bare(name).chars().next().unwrap().to_uppercase().to_string();
        let last = folded(family).chars().next().unwrap().to_uppercase().to_string();
        written.push(format!("{}.{last}.", first(given)));
        written.push(format!("{}. {last}.", first(given)));
        written.push(format!("{last}.{}.", first(given)));
        if let Some(middle) = person.given.get(1) {
            written.push(format!("{given} {}. {family}", first(middle)));
            written.push(format!("{}.{}.{last}.", first(given), first(middle)));
        }
    }
    if family.chars().count() == 1 || given.chars().count() <= 3 && !given.is_ascii() && !is_latin(given) {
        written = vec![format!("{family}{given}"), format!("{given} {family}"), given.clone()];
    }
    let shouted: Vec<String> = written.iter().map(|name| name.to_uppercase()).collect();
    let plain: Vec<String> = written.iter().map(|name| bare(name)).collect();
    // In small letters a name that is a word is one, unless another stands beside it.
    let small =
        written.iter().filter(|name| (name.contains([' ', '\n']) || !person.wordy) && !name.contains('.'));
    let small: Vec<String> = small.map(|name| name.to_lowercase()).collect();
    // A sentence that begins with a name that is a word needs a verb to tell; notes here have none.
    let lone = |name: &String| person.wordy && !name.contains([' ', '\n', '.']);
    let all = written
        .iter()
        .chain(&shouted)
        .chain(&plain)
        .chain(&small)
        .filter(|name| !lone(name) || **name == name.to_uppercase());
    all.cloned().collect()
}

/// Names by chance, with a letter more, less or other.
pub(super) fn misspelled(person: &Person) -> Vec<String> {
    let family = &person.family;
    if !family.is_ascii() || family.len() < 8 || person.wordy || family.contains(|c: char| !c.is_alphabetic())
    {
        return Vec::new();
    }
    let (head, tail) = family.split_at(4);
    vec![format!("{head}x{tail}"), format!("{head}{}", &tail[1..]), format!("{head}o{}", &tail[1..])]
}

pub(super) fn numbers(person: &Person) -> Vec<String> {
    let (letters, digits) = &person.mrn;
    let (half, rest) = digits.split_at(3);
    let [area, exchange, line] = &person.phone;
    vec![
        format!("{letters}{digits}"),
        format!("{letters}{digits}").to_lowercase(),
        digits.clone(),
        format!("{letters}{half} {rest}"),
        format!("{letters}-{half}-{rest}").trim_start_matches('-').to_owned(),
        format!("{letters} {half}.{rest}").trim_start().to_owned(),
        format!("({area}) {exchange}-{line}"),
        format!("({area}) {exchange} - {line}"),
        format!("{area}-{exchange}-{line}"),
        format!("{area}.{exchange}.{line}"),
        format!("{area} {exchange} {line}"),
        format!("{area}{exchange}{line}"),
        format!("+1 {area} {exchange} {line}"),
        format!("1-{area}-{exchange}-{line}"),
        format!("001 {area} {exchange}-{line}"),
        format!("{exchange}-{line}"),
        format!("{exchange}{line}"),
        person.zip.clone(),
        format!("{}-4307", person.zip),
        person.email(),
        person.email().to_uppercase(),
    ]
}

/// The day of birth in every written style.
pub(super) fn dates(person: &Person) -> Vec<String> {
    let (year, month, day) = person.born;
    let name = MONTHS[usize::from(month) - 1];
    let (short, two) = (&name[..3], year % 100);
    let th = match day {
        11..=13 => "th",
        _ => ["th", "st", "nd", "rd"].get(usize::from(day % 10)).copied().unwrap_or("th"),
    };
    let written = vec![
        format!("{year:04}-{month:02}-{day:02}"),
        format!("{year:04}/{month:02}/{day:02}"),
        format!("{year:04}.{month:02}.{day:02}"),
        format!("{month:02}/{day:02}/{year:04}"),
        format!("{month}/{day}/{year:04}"),
        format!("{month}/{day}/{two:02}"),
        format!("{month:02}-{day:02}-{year:04}"),
        format!("{day:02}.{month:02}.{year:04}"),
        format!("{day}.{month}.{two:02}"),
        format!("{day:02}/{month:02}/{year:04}"),
        format!("{day:02} {month:02} {year:04}"),
        format!("{year:04}{month:02}{day:02}"),
        format!("{month:02}{day:02}{year:04}"),
        format!("{month:02}/{day:02}"),
        format!("{name} {day}, {year:04}"),
        format!("{name} {day}{th}, {year:04}"),
        format!("{name} {day}"),
        format!("{short} {day}, {year:04}"),
        format!("{short} {day} '{two:02}"),
        format!("{day} {name} {year:04}"),
        format!("{day}{th} of {name}, {year:04}"),
        format!("{day}{th} {name}"),
        format!("{day}-{short}-{year:04}"),
        format!("{day:02}{short}{year:04}"),
        format!("{year:04}-{month:02}-{day:02}T08:15:00Z"),
    ];
    // "may 5" in small letters is as often what someone may do.
    let small = written.iter().filter(|_| month != 5).map(|date| date.to_lowercase());
    let small: Vec<String> = small.filter(|date| !date.contains('t') || !date.contains('z')).collect();
    written.iter().map(|date| date.to_uppercase()).chain(small).chain(written.iter().cloned()).collect()
}

pub(super) fn places(person: &Person) -> Vec<String> {
    let short = [
        ("Lane", "Ln"),
        ("Street", "St."),
        ("Road", "Rd"),
        ("Avenue", "Ave."),
        ("Court", "Ct"),
        ("Boulevard", "Blvd"),
    ];
    let abbreviated =
        short.iter().fold(person.street.clone(), |street, (long, short)| street.replace(long, short));
    let (street, city) = (&person.street, &person.city);
    let written = [
        street.clone(),
        abbreviated,
        city.clone(),
        format!("{street}, {city}"),
        format!("{street}\n{city}"),
        bare(city),
    ];
    written.iter().flat_map(|place| [place.clone(), place.to_uppercase(), place.to_lowercase()]).collect()
}
