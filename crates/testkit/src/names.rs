//! Names and addresses, put together from invented syllables and plain words.

use crate::random::Random;

const GIVEN_STARTS: &[&str] = &[
    "Ba", "Cor", "Da", "Ela", "Fen", "Ga", "Hil", "Io", "Ja", "Kel", "Lo", "Me", "Na", "Or", "Pe", "Ru",
    "Sa", "Ti", "Vel", "Wen",
];
const GIVEN_ENDS: &[&str] =
    &["ba", "dan", "del", "fa", "kin", "la", "li", "min", "na", "ra", "ren", "rin", "sa", "tan", "vi"];
const FAMILY_STARTS: &[&str] = &[
    "Am", "Bran", "Cal", "Dor", "Es", "Far", "Gol", "Har", "Il", "Jor", "Kas", "Lam", "Mor", "Nor", "Ost",
    "Pal", "Quil", "Ras", "Sten", "Tar", "Ul", "Var", "Wim", "Yor", "Zan",
];
const FAMILY_MIDDLES: &[&str] = &["", "", "a", "e", "i", "o", "eri", "olo", "umi"];
const FAMILY_ENDS: &[&str] =
    &["bek", "dal", "fer", "gan", "heim", "ker", "lund", "mar", "nov", "rick", "sen", "ston", "vik", "wick"];
/// Names with letters beyond ASCII, all of them in 8859/1.
const ACCENTED: &[(&str, &str)] = &[
    ("Mélanor", "Dührsen"),
    ("Søltan", "Åkerdal"),
    ("Ñandel", "Peñabek"),
    ("Jürvik", "Größheim"),
    ("Zoëlla", "Brançomar"),
    ("Þorlin", "Fjarðvik"),
];
/// And some that only Unicode has.
const UNICODE: &[(&str, &str)] =
    &[("Łukand", "Święmar"), ("Ötzlem", "Yıldıbek"), ("Đormin", "Čerlund"), ("Ирлан", "Варомов")];
const STREETS: &[&str] = &[
    "Elm Road",
    "Oak Street",
    "Mill Lane",
    "Station Road",
    "High Street",
    "Garden Way",
    "River Walk",
    "Church Hill",
    "Park Avenue",
];
const TOWNS: &[&str] =
    &["Milltown", "Northfield", "Lakeside", "Oldbridge", "Greenhill", "Southport", "Westmoor"];

/// Whether and how a name leaves ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letters {
    Ascii,
    Latin,
    Unicode,
}

/// Given name, middle name, family name.
pub(crate) fn name(random: &mut Random) -> (String, String, String, Letters) {
    let middle = given(random);
    match random.below(100) {
        0..12 => {
            let (given, family) = *random.pick(ACCENTED);
            (given.to_owned(), middle, family.to_owned(), Letters::Latin)
        }
        12..17 => {
            let (given, family) = *random.pick(UNICODE);
            (given.to_owned(), middle, family.to_owned(), Letters::Unicode)
        }
        _ => (given(random), middle, family(random), Letters::Ascii),
    }
}

pub(crate) fn given(random: &mut Random) -> String {
    format!("{}{}", random.pick(GIVEN_STARTS), random.pick(GIVEN_ENDS))
}

pub(crate) fn family(random: &mut Random) -> String {
    format!("{}{}{}", random.pick(FAMILY_STARTS), random.pick(FAMILY_MIDDLES), random.pick(FAMILY_ENDS))
}

/// House number and street, town, postal code.
pub(crate) fn address(random: &mut Random) -> (String, String, String) {
    let town = random.below(TOWNS.len() as u64);
    let street = format!("{} {}", random.between(1, 299), random.pick(STREETS));
    (street, TOWNS.get(town as usize).copied().unwrap_or("Milltown").to_owned(), format!("0000{}", town + 1))
}

/// The last four digits, from 0100 to 0199: numbers kept for fiction.
pub(crate) fn telephone(random: &mut Random) -> String {
    format!("01{:02}", random.below(100))
}
