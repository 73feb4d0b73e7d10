//! Value representations.

/// The two letters that say what a value is. Source: PS3.5, 6.2.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Vr([u8; 2]);

impl std::fmt::Debug for Vr {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

macro_rules! vrs {
    ($($name:ident)*) => {
        impl Vr {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub const $name: Self = {
                    let letters = stringify!($name).as_bytes();
                    match letters {
                        [first, second] => Self([*first, *second]),
                        _ => Self(*b"UN"),
                    }
                };
            )*
            /// All of the standard.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

vrs! { AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV }

impl Vr {
    /// The representation that two letters name, if the standard has it.
    pub fn of(letters: [u8; 2]) -> Option<Self> {
        Self::ALL.iter().copied().find(|vr| vr.0 == letters)
    }

    /// From text, such as `PN`.
    pub fn named(name: &str) -> Option<Self> {
        <[u8; 2]>::try_from(name.as_bytes()).ok().and_then(Self::of)
    }

    /// Its letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("UN")
    }

    pub(super) fn letters(self) -> [u8; 2] {
        self.0
    }

    /// Whether its length takes four bytes in explicit encodings. Source: PS3.5, table 7.1-1.
    pub(super) fn has_long_length(self) -> bool {
        matches!(
            self,
            Self::OB
                | Self::OD
                | Self::OF
                | Self::OL
                | Self::OV
                | Self::OW
                | Self::SQ
                | Self::SV
                | Self::UC
                | Self::UN
                | Self::UR
                | Self::UT
                | Self::UV
        )
    }

    /// Whether its text is written in the data set's character set. Source: PS3.5, 6.1.2.2.
    pub fn follows_charset(self) -> bool {
        matches!(self, Self::LO | Self::LT | Self::PN | Self::SH | Self::ST | Self::UC | Self::UT)
    }

    /// Whether its value is text.
    pub fn is_text(self) -> bool {
        self.follows_charset()
            || matches!(
                self,
                Self::AE
                    | Self::AS
                    | Self::CS
                    | Self::DA
                    | Self::DS
                    | Self::DT
                    | Self::IS
                    | Self::TM
                    | Self::UI
                    | Self::UR
            )
    }

    /// Whether a backslash parts several values.
    pub fn has_many(self) -> bool {
        self.is_text() && !matches!(self, Self::LT | Self::ST | Self::UT | Self::UR)
    }

    /// Bytes of a number whose order depends on the encoding; 1 where there is none.
    pub(super) fn unit(self) -> usize {
        match self {
            Self::AT | Self::OW | Self::SS | Self::US => 2,
            Self::FL | Self::OF | Self::OL | Self::SL | Self::UL => 4,
            Self::FD | Self::OD | Self::OV | Self::SV | Self::UV => 8,
            _ => 1,
        }
    }

    /// What makes a value's length even. Source: PS3.5, 6.2.
    pub(super) fn padding(self) -> u8 {
        if self.is_text() && self != Self::UI { b' ' } else { 0 }
    }
}
