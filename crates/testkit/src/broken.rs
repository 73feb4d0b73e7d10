//! Messages that are wrong on purpose.

use crate::random::Random;

/// How a message is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broken {
    /// It begins with EVN.
    NoHeader,
    /// It has no PID.
    NoPatient,
    /// MSH-2 names one character twice.
    BadDelimiters,
    /// It ends inside PID, before any identifier.
    Truncated,
    /// A trigger event that does not exist.
    UnknownEvent,
    /// MSH-9 is empty.
    NoMessageType,
    /// A FHIR bundle that ends in the middle.
    NotJson,
    /// A FHIR bundle with a resource that is not valid R4.
    InvalidResource,
}

impl Broken {
    /// The kinds that an HL7 v2 message can have.
    pub(crate) const V2: &[Self] = &[
        Self::NoHeader,
        Self::NoPatient,
        Self::BadDelimiters,
        Self::Truncated,
        Self::UnknownEvent,
        Self::NoMessageType,
    ];

    /// Breaks a sound ADT message.
    pub(crate) fn apply(self, sound: &[u8]) -> Vec<u8> {
        let text: Vec<&[u8]> = sound.split(|byte| *byte == b'\r').collect();
        let joined = |segments: Vec<Vec<u8>>| segments.join(&b'\r');
        let segments = |keep: &dyn Fn(&[u8]) -> bool| -> Vec<Vec<u8>> {
            text.iter().copied().filter(|segment| keep(segment)).map(<[u8]>::to_vec).collect()
        };
        let header = |change: &dyn Fn(&str) -> String| -> Vec<u8> {
            let mut all = segments(&|_| true);
            if let Some(first) = all.first_mut() {
                *first = change(&String::from_utf8_lossy(first)).into_bytes();
            }
            joined(all)
        };
        match self {
            Self::NoHeader => joined(segments(&|segment| !segment.starts_with(b"MSH"))),
            Self::NoPatient => joined(segments(&|segment| !segment.starts_with(b"PID"))),
            Self::BadDelimiters => header(&|header| header.replacen("^~\\&", "^^^&", 1)),
            Self::UnknownEvent => header(&|header| field(header, 8, "ADT^Z99^ADT_Z99")),
            Self::NoMessageType => header(&|header| field(header, 8, "")),
            Self::Truncated => {
                let patient = sound
                    .windows(5)
                    .position(|window| window == b"\rPID|")
                    .map_or(sound.len(), |start| start + 8);
                sound.get(..patient).unwrap_or(sound).to_vec()
            }
            Self::NotJson | Self::InvalidResource => sound.to_vec(),
        }
    }

    /// One of the kinds of v2, in a seeded order.
    pub(crate) fn any(random: &mut Random) -> Self {
        *random.pick(Self::V2)
    }
}

/// The header with the field after the `nth` separator replaced.
fn field(header: &str, nth: usize, value: &str) -> String {
    let mut fields: Vec<&str> = header.split('|').collect();
    if let Some(slot) = fields.get_mut(nth) {
        *slot = value;
    }
    fields.join("|")
}
