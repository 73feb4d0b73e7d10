//! Names of months and weekdays in the languages that notes are written in.

/// One language's names, lower case; an abbreviation is written without its full stop.
pub(super) struct Language {
    pub(super) months: [&'static str; 12],
    pub(super) months_short: [&'static str; 12],
    /// From Monday.
    pub(super) weekdays: [&'static str; 7],
    pub(super) weekdays_short: [&'static str; 7],
}

/// What a word means, and how to write another of its sort.
#[derive(Clone, Copy)]
pub(super) struct Word {
    language: &'static Language,
    /// From 0.
    pub(super) index: usize,
    is_short: bool,
}

impl Word {
    /// The month of this number (from 0), in the same language and length.
    pub(super) fn month(self, index: usize) -> Option<&'static str> {
        let full = self.language.months.get(index)?;
        // A full name that is its own abbreviation (May) says nothing about length: stay short where that is enough.
        if self.is_short { self.language.months_short.get(index).copied() } else { Some(full) }
    }

    /// The weekday of this number (from 0, Monday), in the same language and length.
    pub(super) fn weekday(self, index: usize) -> Option<&'static str> {
        let names = if self.is_short { &self.language.weekdays_short } else { &self.language.weekdays };
        names.get(index).copied()
    }
}

/// The month of that name, any letter case.
pub(super) fn month_named(word: &str) -> Option<Word> {
    let word = word.to_lowercase();
    // The two further English abbreviations that are in use.
    let word = match word.as_str() {
        "sept" => "sep",
        "febr" => "feb",
        other => other,
    };
    LANGUAGES.iter().find_map(|language| find(language, word, &language.months, &language.months_short))
}

/// The weekday of that name, any letter case.
pub(super) fn weekday_named(word: &str) -> Option<Word> {
    let word = word.to_lowercase();
    let word = match word.as_str() {
        "tues" => "tue",
        "thur" | "thurs" => "thu",
        other => other,
    };
    LANGUAGES.iter().find_map(|language| find(language, word, &language.weekdays, &language.weekdays_short))
}

fn find(
    language: &'static Language,
    word: &str,
    full: &'static [&'static str],
    short: &'static [&'static str],
) -> Option<Word> {
    let place = |names: &[&str]| names.iter().position(|name| *name == word);
    let is_full = |index| Word { language, index, is_short: false };
    place(full).map(is_full).or_else(|| Some(Word { language, index: place(short)?, is_short: true }))
}

/// The months as English has them.
pub(crate) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

static LANGUAGES: [Language; 7] = [
    Language {
        months: MONTHS,
        months_short: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        weekdays: ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        weekdays_short: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    },
    Language {
        months: [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        months_short: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
        weekdays: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        weekdays_short: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    },
    Language {
        months: [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        months_short: [
            "janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc",
        ],
        weekdays: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        weekdays_short: ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"],
    },
    Language {
        months: [
            "januar",
            "februar",
            "märz",
            "april",
            "mai",
            "juni",
            "juli",
            "august",
            "september",
            "oktober",
            "november",
            "dezember",
        ],
        months_short: ["jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"],
        weekdays: ["montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"],
        weekdays_short: ["mo", "di", "mi", "do", "fr", "sa", "so"],
    },
    Language {
        months: [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        months_short: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
        weekdays: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
        weekdays_short: ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
    },
    Language {
        months: [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
        months_short: ["jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"],
        weekdays: ["segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo"],
        weekdays_short: ["seg", "ter", "qua", "qui", "sex", "sáb", "dom"],
    },
    Language {
        months: [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        months_short: ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
        weekdays: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
        weekdays_short: ["ma", "di", "wo", "do", "vr", "za", "zo"],
    },
];
