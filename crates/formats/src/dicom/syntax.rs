//! Transfer syntaxes: how a data set is written.

/// A transfer syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Its UID.
    pub uid: String,
    /// Whether each attribute names its representation.
    pub is_explicit: bool,
    /// Whether numbers have their high byte first.
    pub is_big_endian: bool,
    /// Whether the data set is deflated.
    pub is_deflated: bool,
    /// Whether the pixels are compressed.
    pub is_encapsulated: bool,
}

impl Default for Syntax {
    fn default() -> Self {
        Self::explicit()
    }
}

impl Syntax {
    /// Implicit VR Little Endian.
    pub const IMPLICIT: &str = "1.2.840.10008.1.2";
    /// Explicit VR Little Endian.
    pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
    /// JPEG 2000 Image Compression, lossless only and not.
    pub const JPEG_2000: [&str; 2] = ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"];
    /// JPEG Baseline, Extended, and Lossless (process 14, and its selection value 1).
    pub const JPEG: [&str; 4] = [
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
    ];
    /// JPEG-LS, lossless and near-lossless.
    pub const JPEG_LS: [&str; 2] = ["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"];
    /// RLE Lossless.
    pub const RLE: &str = "1.2.840.10008.1.2.5";

    /// Explicit VR Little Endian.
    pub fn explicit() -> Self {
        Self {
            uid: Self::EXPLICIT.to_owned(),
            is_explicit: true,
            is_big_endian: false,
            is_deflated: false,
            is_encapsulated: false,
        }
    }

    /// The syntax of a UID; `None` if it is none that can be read. Source: PS3.5, A.
    pub fn of(uid: &str) -> Option<Self> {
        let plain = Self { uid: uid.to_owned(), ..Self::explicit() };
        Some(match uid {
            Self::IMPLICIT => Self { is_explicit: false, ..plain },
            Self::EXPLICIT => plain,
            "1.2.840.10008.1.2.1.99" => Self { is_deflated: true, ..plain },
            "1.2.840.10008.1.2.2" => Self { is_big_endian: true, ..plain },
            "1.2.840.10008.1.2.1.98" | Self::RLE => Self { is_encapsulated: true, ..plain },
            _ if uid.starts_with("1.2.840.10008.1.2.4.") => Self { is_encapsulated: true, ..plain },
            _ => return None,
        })
    }
}
