//! Times as HTTP writes them (RFC 9110, 5.6.7), and as FHIR does.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// An IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT`; times outside jiff's range show as 1970.
#[must_use]
pub(crate) fn http_date(time_ms: i64) -> String {
    let time = Timestamp::from_millisecond(time_ms).unwrap_or_default();
    time.strftime(HTTP_DATE).to_string()
}

/// A FHIR instant such as `1994-11-06T08:49:37.000Z`.
#[must_use]
pub(crate) fn instant(time_ms: i64) -> String {
    let time = Timestamp::from_millisecond(time_ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads an HTTP date into milliseconds since 1970 UTC; `None` if it is none.
#[must_use]
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    // IMF-fixdate is what RFC 2822 allows with the obsolete zone name GMT.
    let parser = rfc2822::DateTimeParser::new();
    parser.parse_timestamp(text.trim()).ok().map(Timestamp::as_millisecond)
}

/// The time now as a FHIR instant in UTC with milliseconds.
#[must_use]
pub(crate) fn instant_now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_reads_back() {
        let text = http_date(784_111_777_000);
        assert_eq!(text, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_http_date(&text), Some(784_111_777_000));
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(instant(784_111_777_000), "1994-11-06T08:49:37.000Z");
    }
}
