//! Tables about orders.

use super::Row;

/// Table 0119 order control → request-status.
pub(crate) const CONTROL_STATUS: &[Row] = &[
    ("NW", "active"),
    ("OK", "active"),
    ("SN", "active"),
    ("NA", "active"),
    ("PA", "active"),
    ("CH", "active"),
    ("RL", "active"),
    ("RO", "active"),
    ("RP", "revoked"),
    ("RQ", "revoked"),
    ("AF", "active"),
    ("XO", "active"),
    ("XX", "active"),
    ("XR", "active"),
    ("CA", "revoked"),
    ("CR", "revoked"),
    ("OC", "revoked"),
    ("DC", "revoked"),
    ("DR", "revoked"),
    ("OD", "revoked"),
    ("DF", "revoked"),
    ("UA", "revoked"),
    ("HD", "on-hold"),
    ("HR", "on-hold"),
    ("OH", "on-hold"),
    ("RE", "completed"),
    ("FU", "completed"),
    ("DE", "entered-in-error"),
];

/// Table 0038 order status → request-status.
pub(crate) const ORDER_STATUS: &[Row] = &[
    ("A", "active"),
    ("IP", "active"),
    ("SC", "active"),
    ("CM", "completed"),
    ("CA", "revoked"),
    ("DC", "revoked"),
    ("RP", "revoked"),
    ("ER", "entered-in-error"),
    ("HD", "on-hold"),
];

/// Tables 0485 and the old TQ priority → request-priority.
pub(crate) const PRIORITY: &[Row] =
    &[("S", "stat"), ("A", "asap"), ("R", "routine"), ("T", "urgent"), ("P", "urgent"), ("C", "urgent")];

/// Table 0065 specimen action code → request-intent.
pub(crate) const INTENT: &[Row] = &[("G", "reflex-order")];
