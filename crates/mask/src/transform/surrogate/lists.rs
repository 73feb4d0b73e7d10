//! The names that surrogates are taken from. Where they come from stands in `docs/internals/masking.md`.

use std::collections::HashMap;
use std::sync::LazyLock;

const FEMALE: &str = include_str!("female.txt");
const MALE: &str = include_str!("male.txt");
const SURNAMES: &str = include_str!("surnames.txt");
const STREETS: &str = include_str!("streets.txt");
const CITIES: &str = include_str!("cities.txt");

/// The scripts that there are lists for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Greek,
    Hebrew,
    Arabic,
    Han,
    Kana,
    Hangul,
}

/// Whose name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gender {
    Female,
    Male,
}

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) enum Pool {
    /// Given names of that gender; surnames if it is not known to be a given name.
    Names(Option<Gender>),
    Surnames,
    Cities,
    /// Streets and cities.
    Places,
}

impl Script {
    /// Whether a name is a few signs, each of which means something by itself.
    pub(super) fn is_syllabic(self) -> bool {
        matches!(self, Self::Han | Self::Kana | Self::Hangul)
    }
}

/// The script of the first letter; `None` if there is no list for it.
pub(super) fn script_of(word: &str) -> Option<Script> {
    let letter = word.chars().find(|letter| letter.is_alphabetic())?;
    Some(match u32::from(letter) {
        0x41..=0x24f | 0x1e00..=0x1eff => Script::Latin,
        0x370..=0x3ff | 0x1f00..=0x1fff => Script::Greek,
        0x400..=0x52f => Script::Cyrillic,
        0x590..=0x5ff => Script::Hebrew,
        0x600..=0x6ff | 0x750..=0x77f => Script::Arabic,
        0x3040..=0x30ff => Script::Kana,
        0x3400..=0x9fff => Script::Han,
        0xac00..=0xd7a3 => Script::Hangul,
        _ => return None,
    })
}

static GENDERS: LazyLock<HashMap<String, Gender>> = LazyLock::new(|| {
    let of = |list: &'static str, gender| list.lines().map(move |name| (name.to_lowercase(), gender));
    let cyrillic = CYRILLIC_FEMALE.iter().map(|name| (name.to_lowercase(), Gender::Female));
    let cyrillic_male = CYRILLIC_MALE.iter().map(|name| (name.to_lowercase(), Gender::Male));
    of(FEMALE, Gender::Female).chain(of(MALE, Gender::Male)).chain(cyrillic).chain(cyrillic_male).collect()
});

/// Whether the word is a woman's or a man's given name; `None` if our lists do not have it.
pub(super) fn gender_of(word: &str) -> Option<Gender> {
    GENDERS.get(&word.to_lowercase()).or_else(|| GENDERS.get(&super::plain(word))).copied()
}

/// The names of a script that are looked for.
pub(super) fn pool_for(script: Script, pool: Pool) -> Option<Vec<&'static str>> {
    let lines = |list: &'static str| list.lines().collect::<Vec<_>>();
    Some(match (script, pool) {
        (Script::Latin, Pool::Names(Some(Gender::Female))) => lines(FEMALE),
        (Script::Latin, Pool::Names(Some(Gender::Male))) => lines(MALE),
        (Script::Latin, Pool::Names(None) | Pool::Surnames) => lines(SURNAMES),
        (_, Pool::Cities) => lines(CITIES),
        (_, Pool::Places) => lines(STREETS).into_iter().chain(CITIES.lines()).collect(),
        (Script::Cyrillic, Pool::Names(Some(Gender::Female))) => CYRILLIC_FEMALE.to_vec(),
        (Script::Cyrillic, Pool::Names(Some(Gender::Male))) => CYRILLIC_MALE.to_vec(),
        (Script::Cyrillic, _) => CYRILLIC_SURNAMES.to_vec(),
        (Script::Greek, _) => GREEK.to_vec(),
        (Script::Hebrew, _) => HEBREW.to_vec(),
        (Script::Arabic, _) => ARABIC.to_vec(),
        (Script::Han, Pool::Surnames) => HAN_SURNAMES.to_vec(),
        (Script::Han, _) => HAN.to_vec(),
        (Script::Kana, _) => KANA.to_vec(),
        (Script::Hangul, Pool::Surnames) => HANGUL_SURNAMES.to_vec(),
        (Script::Hangul, _) => HANGUL.to_vec(),
    })
}

const CYRILLIC_FEMALE: [&str; 16] = [
    "Анна",
    "Мария",
    "Елена",
    "Ольга",
    "Наталья",
    "Татьяна",
    "Ирина",
    "Светлана",
    "Екатерина",
    "Людмила",
    "Галина",
    "Вера",
    "Нина",
    "Юлия",
    "Дарья",
    "Полина",
];
const CYRILLIC_MALE: [&str; 16] = [
    "Иван",
    "Сергей",
    "Дмитрий",
    "Андрей",
    "Алексей",
    "Николай",
    "Михаил",
    "Павел",
    "Олег",
    "Виктор",
    "Юрий",
    "Игорь",
    "Борис",
    "Антон",
    "Максим",
    "Степан",
];
const CYRILLIC_SURNAMES: [&str; 16] = [
    "Ковальчук",
    "Шевченко",
    "Бондаренко",
    "Ткаченко",
    "Коваленко",
    "Кравченко",
    "Олейник",
    "Лысенко",
    "Марченко",
    "Савченко",
    "Мельник",
    "Гончар",
    "Руденко",
    "Дорош",
    "Черных",
    "Седых",
];
const GREEK: [&str; 16] = [
    "Μαρία",
    "Ελένη",
    "Αικατερίνη",
    "Σοφία",
    "Άννα",
    "Γεώργιος",
    "Νικόλαος",
    "Δημήτριος",
    "Παναγιώτης",
    "Χρήστος",
    "Αντωνίου",
    "Γεωργίου",
    "Δημητρίου",
    "Ιωάννου",
    "Νικολάου",
    "Παππάς",
];
const HEBREW: [&str; 16] = [
    "נועה",
    "מיכל",
    "תמר",
    "רחל",
    "שרה",
    "יעל",
    "דוד",
    "משה",
    "יוסף",
    "אברהם",
    "אורי",
    "לוי",
    "מזרחי",
    "פרץ",
    "ביטון",
    "אדרי",
];
const ARABIC: [&str; 16] = [
    "فاطمة",
    "مريم",
    "عائشة",
    "ليلى",
    "سارة",
    "زينب",
    "أحمد",
    "محمود",
    "يوسف",
    "إبراهيم",
    "خالد",
    "حسن",
    "منصور",
    "حداد",
    "نجار",
    "خوري",
];
const HAN_SURNAMES: [&str; 16] =
    ["王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "林"];
const HAN: [&str; 24] = [
    "明", "华", "丽", "伟", "芳", "敏", "静", "强", "军", "平", "英", "文", "玉", "红", "志", "国", "建",
    "春", "秀", "海", "云", "佳", "宁", "安",
];
const KANA: [&str; 16] =
    ["ア", "イ", "ウ", "エ", "オ", "カ", "キ", "ケ", "サ", "シ", "タ", "ナ", "マ", "ミ", "ヤ", "ユ"];
const HANGUL_SURNAMES: [&str; 13] =
    ["김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서"];
const HANGUL: [&str; 16] =
    ["민", "서", "지", "현", "수", "영", "은", "진", "주", "호", "준", "혜", "미", "선", "우", "연"];
