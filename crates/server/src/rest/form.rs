//! Query strings and form bodies: `application/x-www-form-urlencoded` into pairs, and back.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::reply::Refusal;

/// Characters that stand as they are in a query we write.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b',');

/// Decoded `name=value` pairs, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl Pairs {
    /// Decodes a query string or a form.
    ///
    /// # Errors
    /// 400 if an escape does not decode to UTF-8.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut pairs = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// The last value given for `name`.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Result<String, Refusal> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Refusal::invalid("the query holds an escape that is not UTF-8"))
}

/// Writes pairs as a query string.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let separator = if text.is_empty() { "" } else { "&" };
        let (name, value) = (utf8_percent_encode(name, PLAIN), utf8_percent_encode(value, PLAIN));
        let _ = write!(text, "{separator}{name}={value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plus_is_a_space_and_bad_escapes_are_refused() {
        let pairs = Pairs::parse("name=Ana+Mar%C3%ADa&code=http%3A%2F%2Floinc.org%7C8302-2&flag").unwrap();
        assert_eq!(pairs.last("name"), Some("Ana María"));
        assert_eq!(pairs.last("code"), Some("http://loinc.org|8302-2"));
        assert_eq!(pairs.last("flag"), Some(""));
        assert!(Pairs::parse("name=%FF").is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(pairs in prop::collection::vec(("[^=&]{1,8}", ".{0,12}"), 0..6)) {
            let text = encode(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            prop_assert_eq!(Pairs::parse(&text).unwrap().0, pairs);
        }
    }
}
