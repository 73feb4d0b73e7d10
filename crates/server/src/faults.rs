//! The ways in which the edge refuses a request before the store is asked: one table, for code and documentation.

use fhir::outcome::IssueType;
use http::StatusCode;

/// One way to refuse.
#[derive(Debug)]
pub struct Fault {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code of the issue.
    pub code: IssueType,
    /// When it happens, for the documentation.
    pub meaning: &'static str,
}

macro_rules! faults {
    ($($name:ident = $status:ident, $code:ident, $meaning:literal;)+) => {
        $(pub(crate) const $name: &Fault =
            &Fault { status: StatusCode::$status, code: IssueType::$code, meaning: $meaning };)+

        /// All of them, by status.
        pub const FAULTS: &[&Fault] = &[$($name,)+];
    };
}

faults! {
    MALFORMED = BAD_REQUEST, Invalid, "A header, the query or the form is malformed, or a search parameter cannot be used.";
    EMPTY = BAD_REQUEST, Required, "A body is needed and there is none.";
    NOT_JSON = BAD_REQUEST, Structure, "The body is not JSON, or not FHIR in XML; line and column are named.";
    LOGIN = UNAUTHORIZED, Login, "There is no token, or it is unknown, expired or revoked.";
    NOT_OWN = FORBIDDEN, Forbidden, "The Subscription was written by somebody else, or with other rights.";
    UNKNOWN_PATH = NOT_FOUND, NotFound, "There is nothing at the path, or no such channel.";
    METHOD = METHOD_NOT_ALLOWED, NotSupported, "The path does not take the method.";
    FORMAT = NOT_ACCEPTABLE, NotSupported, "`Accept` or `_format` names no format that is offered.";
    BODY_SLOW = REQUEST_TIMEOUT, Timeout, "The body did not arrive in time.";
    BODY_LONG = PAYLOAD_TOO_LARGE, TooLong, "The body is over `https.body_bytes_max`, after any compression is undone.";
    QUERY_LONG = URI_TOO_LONG, TooLong, "The query or the form of a search is too long.";
    MEDIA = UNSUPPORTED_MEDIA_TYPE, NotSupported, "The body's `Content-Type` is not taken there.";
    NO_SOCKET = UNPROCESSABLE_ENTITY, NotSupported, "The Subscription's channel is not the one that the operation is for.";
    JOBS = TOO_MANY_REQUESTS, Throttled, "Too many jobs wait, or too many of the caller's are kept.";
    BROKEN = INTERNAL_SERVER_ERROR, Exception, "A defect of Ward; the log says more.";
    BUSY = SERVICE_UNAVAILABLE, Throttled, "Too many requests are at work; `Retry-After` says when to come again.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_an_error_status_and_no_two_are_the_same() {
        for (at, fault) in FAULTS.iter().enumerate() {
            assert!(fault.status.is_client_error() || fault.status.is_server_error());
            let same = |other: &&&Fault| (other.status, other.code) == (fault.status, fault.code);
            assert_eq!(FAULTS.iter().filter(same).count(), 1, "{at}");
        }
    }
}
