//! The HTTP edge: FHIR interactions, health, metrics, admin.
//!
//! Takes requests off TLS connections, finds out who asks, hands the work to `repository::Access` and turns answers and
//! errors into HTTP. It is not a place for rules about resources: those are the repository's and `protect`'s.

pub mod listen;
pub mod tls;
