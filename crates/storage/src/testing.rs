//! Behaviour suites: what every log and every engine must do. A second implementation only has to be handed in.
//!
//! The suites panic at the first surprise and name the seed where chance took part. They are for tests alone.

mod engine_suite;
mod log_suite;

pub use engine_suite::{SUITE_SPACES, engine_reopen_suite, engine_suite};
pub use log_suite::{log_reopen_suite, log_suite};
