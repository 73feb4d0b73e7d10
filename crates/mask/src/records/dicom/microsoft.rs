//! Rules of the Microsoft DICOM anonymiser: its JSON configuration.
//!
//! The first rule that fits an attribute decides. What no rule names falls to the profile, where that tool would keep it. Keys
//! and ranges in the file are not used: keys come from [`Keys`](crate::Keys) and the shift is handed in.

use formats::dicom::{Element, Tag, Value, Vr, tag_of};
use serde_json::Value as Json;

use super::apply::emptied;
use super::{DicomAsk, values};
use crate::Keys;

/// Why a configuration is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// It is not JSON, or has no rules.
    #[error("not a configuration of the anonymiser: {reason}")]
    Shape {
        /// What was wrong.
        reason: String,
    },
    /// A rule that cannot be followed.
    #[error("rule {number}: {reason}")]
    Rule {
        /// Counted from 1.
        number: usize,
        /// What was wrong.
        reason: String,
    },
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    Tag(Tag),
    /// Eight hexadecimal digits, some open.
    Mask([Option<u8>; 8]),
    Vr(Vr),
}

#[derive(Clone, Debug, PartialEq)]
enum Method {
    Keep,
    Remove,
    Redact,
    CryptoHash,
    Encrypt,
    DateShift,
    Perturb { span: f64, is_proportional: bool, digits: i32 },
    Substitute(String),
    RefreshUid,
}

/// A configuration that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct MicrosoftRules {
    rules: Vec<(About, Method)>,
}

impl MicrosoftRules {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`RulesError`] for what is no configuration, and for a rule with an unknown tag or method: it is refused rather than
    /// passed over, since a rule that does nothing hides nothing.
    pub fn read(json: &str) -> Result<Self, RulesError> {
        let shape = |reason: &str| RulesError::Shape { reason: reason.to_owned() };
        let json = json.trim_start_matches('\u{FEFF}');
        let document: Json = serde_json::from_str(json).map_err(|error| shape(&error.to_string()))?;
        let list = document.get("rules").and_then(Json::as_array).ok_or_else(|| shape("it has no rules"))?;
        let mut rules = Vec::new();
        for (at, rule) in list.iter().enumerate() {
            let wrong = |reason: String| RulesError::Rule { number: at + 1, reason };
            let text = |key: &str| rule.get(key).and_then(Json::as_str).unwrap_or_default();
            let about =
                about(text("tag")).ok_or_else(|| wrong(format!("`{}` names no attribute", text("tag"))))?;
            rules.push((about, method(&document, rule).map_err(wrong)?));
        }
        Ok(Self { rules })
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What a rule makes of an attribute: `None` if there is no rule, `Some(None)` if it goes.
    pub(super) fn apply(&self, tag: Tag, element: &Element, ask: &DicomAsk<'_>) -> Option<Option<Element>> {
        let (about, method) = self.rules.iter().find(|(about, _)| about.fits(tag, element.vr))?;
        // A mask does not keep what is private or unknown: it cannot mean what it does not know.
        let is_known = formats::dicom::vr_of(tag).is_some();
        if *method == Method::Keep && !is_known && !matches!(about, About::Tag(_)) {
            return Some(None);
        }
        Some(method.apply(element, ask))
    }
}

impl About {
    fn fits(&self, tag: Tag, vr: Vr) -> bool {
        match self {
            Self::Tag(wanted) => *wanted == tag,
            Self::Vr(wanted) => *wanted == vr,
            Self::Mask(digits) => {
                let number = u32::from(tag.group) << 16 | u32::from(tag.element);
                let mut shift = 32;
                digits.iter().all(|digit| {
                    shift -= 4;
                    digit.is_none_or(|digit| u32::from(digit) == number >> shift & 0xF)
                })
            }
        }
    }
}

fn about(text: &str) -> Option<About> {
    if let Some(tag) = Tag::parse(text) {
        return Some(About::Tag(tag));
    }
    if let Some(vr) = Vr::named(text) {
        return Some(About::Vr(vr));
    }
    if let Some(tag) = tag_of(text) {
        return Some(About::Tag(tag));
    }
    let digits: Vec<char> = text.chars().filter(|letter| !matches!(letter, '(' | ')' | ',')).collect();
    let digits: Option<Vec<Option<u8>>> = digits
        .iter()
        .map(|letter| match letter {
            'x' | 'X' => Some(None),
            _ => letter.to_digit(16).map(|digit| Some(digit as u8)),
        })
        .collect();
    Some(About::Mask(digits?.try_into().ok()?))
}

fn method(document: &Json, rule: &Json) -> Result<Method, String> {
    let name = rule.get("method").and_then(Json::as_str).unwrap_or_default();
    // A rule's own parameters come first, then the settings it names, then the defaults of the method.
    let setting = |key: &str| {
        let custom = rule.get("setting").and_then(Json::as_str);
        let custom = custom.and_then(|named| document.get("customSettings")?.get(named));
        let default = document.get("defaultSettings").and_then(|all| all.get(camel(name)));
        let own = rule.get("params");
        [own, custom, default].into_iter().flatten().find_map(|settings| settings.get(key)).cloned()
    };
    Ok(match name.to_ascii_lowercase().as_str() {
        "keep" => Method::Keep,
        "remove" => Method::Remove,
        "redact" => Method::Redact,
        "cryptohash" => Method::CryptoHash,
        "encrypt" => Method::Encrypt,
        "dateshift" => Method::DateShift,
        "refreshuid" => Method::RefreshUid,
        "perturb" => Method::Perturb {
            span: setting("span").and_then(|span| span.as_f64()).unwrap_or(1.0),
            is_proportional: setting("rangeType").is_none_or(|kind| kind.as_str() != Some("Fixed")),
            digits: setting("roundTo").and_then(|digits| digits.as_i64()).unwrap_or(2).clamp(0, 28) as i32,
        },
        "substitute" => {
            let text = setting("replaceWith");
            Method::Substitute(text.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default())
        }
        _ => return Err(format!("`{name}` is no method")),
    })
}

/// The method as the settings spell it.
fn camel(name: &str) -> &str {
    const NAMES: [&str; 6] = ["perturb", "dateShift", "cryptoHash", "redact", "encrypt", "substitute"];
    NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name)
}

impl Method {
    fn apply(&self, element: &Element, ask: &DicomAsk<'_>) -> Option<Element> {
        let vr = element.vr;
        let Value::Bytes(bytes) = &element.value else {
            return match self {
                Self::Keep => Some(element.clone()),
                Self::Remove => None,
                _ => Some(emptied(vr)),
            };
        };
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace());
        let each = |change: &dyn Fn(&str) -> Option<String>| {
            let all: Option<Vec<String>> = text.split('\\').map(change).collect();
            all.map_or_else(|| emptied(vr), |all| Element::bytes(vr, all.join("\\")))
        };
        Some(match self {
            Self::Keep => element.clone(),
            Self::Remove => return None,
            Self::Redact => emptied(vr),
            _ if text.is_empty() && vr.is_text() => emptied(vr),
            Self::DateShift if matches!(vr, Vr::DA | Vr::DT) => {
                each(&|date| values::shifted(date, ask.shift_days))
            }
            Self::RefreshUid if vr == Vr::UI => each(&|uid| {
                let uid = uid.trim_matches('\0');
                let is_standard = values::is_standard_uid(uid);
                let mapped = || String::from_utf8_lossy(&values::uid(ask.keys, uid.as_bytes())).into_owned();
                Some(if is_standard { uid.to_owned() } else { mapped() })
            }),
            Self::CryptoHash if vr.is_text() => each(&|value| {
                let hash = ask.keys.mac("dicom-hash", value.as_bytes());
                fitted(vr, hash.iter().map(|byte| format!("{byte:02x}")).collect())
            }),
            Self::Encrypt if vr.is_text() => each(&|value| fitted(vr, sealed(ask.keys, value))),
            Self::Substitute(with) if vr.is_text() => {
                fitted(vr, with.clone()).map_or_else(|| emptied(vr), |with| Element::bytes(vr, with))
            }
            Self::Perturb { span, is_proportional, digits } => {
                perturbed(element, text, (*span, *is_proportional, *digits), ask.keys)
                    .unwrap_or_else(|| emptied(vr))
            }
            // A method that does not fit the value takes it away.
            _ => emptied(vr),
        })
    }
}

/// The text if the representation has room and letters for it; a hash may be cut.
fn fitted(vr: Vr, text: String) -> Option<String> {
    let length_max = match vr {
        Vr::AE | Vr::CS | Vr::SH => 16,
        Vr::LO | Vr::PN => 64,
        Vr::ST => 1_024,
        Vr::LT => 10_240,
        Vr::UC | Vr::UR | Vr::UT => 1 << 20,
        _ => return None, // dates, numbers and UIDs are no place for it
    };
    let text = if vr == Vr::CS { text.to_ascii_uppercase() } else { text };
    (text.len() <= length_max).then_some(text.clone()).or_else(|| text.get(..length_max).map(str::to_owned))
}

/// A value sealed by the keys: a keyed hash of it, which also begins the key stream, then the value under that stream, in
/// hexadecimal. Equal values give equal results.
fn sealed(keys: &dyn Keys, value: &str) -> String {
    let mut counter = [0_u8; 16];
    counter.iter_mut().zip(keys.mac("dicom-encrypt", value.as_bytes())).for_each(|(slot, byte)| *slot = byte);
    let mut sealed = counter.to_vec();
    for (block, part) in value.as_bytes().chunks(16).enumerate() {
        let mut input = counter;
        input.iter_mut().zip((block as u32).to_le_bytes()).for_each(|(slot, byte)| *slot ^= byte);
        let stream = keys.block(input);
        sealed.extend(part.iter().zip(stream).map(|(byte, key)| byte ^ key));
    }
    sealed.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number with keyed noise: the same number gets the same noise, and the keys alone tell which.
fn perturbed(
    element: &Element,
    text: &str,
    (span, is_proportional, digits): (f64, bool, i32),
    keys: &dyn Keys,
) -> Option<Element> {
    let noise = |value: f64| {
        let hash = keys.mac("dicom-perturb", &value.to_le_bytes());
        let share = hash.iter().take(4).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) as f64
            / f64::from(u32::MAX);
        let range = if is_proportional { span * value.abs() } else { span };
        let scale = 10_f64.powi(digits);
        ((value + (share - 0.5) * range) * scale).round() / scale
    };
    let Value::Bytes(bytes) = &element.value else { return None };
    let bytes = match element.vr {
        Vr::DS | Vr::IS => {
            let all: Option<Vec<String>> = text
                .split('\\')
                .map(|value| {
                    let value = noise(value.trim().parse().ok()?);
                    let text =
                        if element.vr == Vr::IS { format!("{}", value as i64) } else { format!("{value}") };
                    (text.len() <= 16).then_some(text)
                })
                .collect();
            all?.join("\\").into_bytes()
        }
        Vr::US => {
            bytes.chunks_exact(2).flat_map(|pair| (noise(unsigned(pair)) as u16).to_le_bytes()).collect()
        }
        Vr::UL => {
            bytes.chunks_exact(4).flat_map(|four| (noise(unsigned(four)) as u32).to_le_bytes()).collect()
        }
        Vr::FL => {
            let single = |four: &[u8]| f32::from_bits(unsigned(four) as u32);
            bytes
                .chunks_exact(4)
                .flat_map(|four| (noise(f64::from(single(four))) as f32).to_le_bytes())
                .collect()
        }
        _ => return None,
    };
    Some(Element::bytes(element.vr, bytes))
}

fn unsigned(bytes: &[u8]) -> f64 {
    bytes.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)) as f64
}
