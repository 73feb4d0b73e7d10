//! The flags of a word.

/// What the lists know of a word: how common it is as a name, a city, a word of English, and which of the small lists have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lex(pub(crate) u32);

impl Lex {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const COUNTRY: Self = Self(1 << 8);
    pub(crate) const COUNTY: Self = Self(1 << 9);
    /// A longer entry begins with this word.
    pub(crate) const BEGINS: Self = Self(1 << 10);
    pub(crate) const STATE: Self = Self(1 << 11);
    pub(crate) const STATE_SHORT: Self = Self(1 << 12);
    pub(crate) const DRUG: Self = Self(1 << 13);
    pub(crate) const EPONYM: Self = Self(1 << 14);
    pub(crate) const FACILITY_NAME: Self = Self(1 << 15);
    pub(crate) const NATIONAL: Self = Self(1 << 16);
    pub(crate) const MEDICAL: Self = Self(1 << 17);
    pub(crate) const MONTH: Self = Self(1 << 18);
    pub(crate) const WEEKDAY: Self = Self(1 << 19);
    pub(crate) const DISEASE: Self = Self(1 << 20);
    pub(crate) const PLACE: Self = Self(1 << 21);
    /// It tells about its neighbours: see [`super::Cue`].
    pub(crate) const CUE: Self = Self(1 << 22);

    /// A word of grammar: no part of a name even with a capital.
    pub(crate) const FUNCTION: Self = Self(1 << 23);

    /// Whether nothing is known of it but that it is a word of grammar.
    pub(crate) fn is_empty(self) -> bool {
        self.0 & !Self::FUNCTION.0 == 0
    }

    /// Whether any of these flags is set.
    pub(crate) fn has(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// How common as a given name, 0 (unknown) to 3.
    pub(crate) fn given(self) -> u32 {
        self.0 & 3
    }

    /// How common as a family name, 0 (unknown) to 3.
    pub(crate) fn family(self) -> u32 {
        (self.0 >> 2) & 3
    }

    /// How large as a city, 0 (unknown) to 3.
    pub(crate) fn city(self) -> u32 {
        (self.0 >> 4) & 3
    }

    /// How common as a word of English, 0 (unknown) to 3.
    pub(crate) fn word(self) -> u32 {
        (self.0 >> 6) & 3
    }

    /// Whether it is in a list of names of persons.
    pub(crate) fn is_name(self) -> bool {
        self.0 & 15 != 0
    }

    /// Both; of two measures of frequency the greater.
    pub(crate) fn with(self, other: Self) -> Self {
        let greater = |shift: u32| ((self.0 >> shift) & 3).max((other.0 >> shift) & 3) << shift;
        Self(greater(0) | greater(2) | greater(4) | greater(6) | ((self.0 | other.0) & !0xff))
    }

    /// Reads the second column of `lexicon.txt`: letters, each with a digit 1 to 3.
    pub(super) fn parse(flags: &str) -> Self {
        let mut lex = 0;
        let mut letters = flags.bytes();
        while let (Some(letter), Some(level)) = (letters.next(), letters.next()) {
            let level = u32::from(level.wrapping_sub(b'0')) & 3;
            lex |= match letter {
                b'g' => level,
                b's' => level << 2,
                b'c' => level << 4,
                b'w' => level << 6,
                b'n' => Self::COUNTRY.0,
                b'o' => Self::COUNTY.0,
                _ => 0,
            };
        }
        Self(lex)
    }

    /// The flag of a section of `terms.txt`.
    pub(super) fn named(section: &str) -> Self {
        match section {
            "state" => Self::STATE,
            "stateabbr" => Self::STATE_SHORT,
            "drug" => Self::DRUG,
            "eponym" => Self::EPONYM,
            "facilityname" => Self::FACILITY_NAME,
            "national" => Self::NATIONAL,
            "medical" => Self::MEDICAL,
            "month" => Self::MONTH,
            "weekday" => Self::WEEKDAY,
            "disease" => Self::DISEASE,
            "place" => Self::PLACE,
            "function" => Self::FUNCTION,
            _ => Self::EMPTY,
        }
    }
}
