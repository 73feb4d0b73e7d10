//! Access decisions, tokens and the tamper-evident audit log.
