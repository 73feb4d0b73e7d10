//! The HTTP edge: FHIR interactions, health, metrics, channels by HTTPS.
//!
//! Takes requests off TLS connections, finds out who asks, hands the work to `repository::Access` and turns answers and
//! errors into HTTP. It is not a place for rules about resources: those are the repository's and `protect`'s.

mod channel;
mod drain;
mod edge;
mod events;
mod faults;
mod health;
mod jobs;
mod limits;
mod listen;
mod mask;
mod objects;
mod openapi;
mod operations;
pub mod outbound;
mod reply;
mod rest;
mod router;
pub mod scan;
pub mod subscriptions;
mod time;
pub mod tls;
mod xml;

pub use edge::{Edge, Parts};
pub use events::METRICS;
pub use faults::{FAULTS, Fault};
pub use limits::RequestLimits;
pub use listen::{ListenLimits, serve};
pub use mask::{MaskSecret, image_reader};
pub use reply::{Refusal, status};
pub use router::router;
