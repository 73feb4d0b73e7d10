//! Tables about allergies.

use super::Row;

/// Table 0127 allergen type → allergy-intolerance-category.
pub(crate) const CATEGORY: &[Row] = &[
    ("DA", "medication"),
    ("FA", "food"),
    ("EA", "environment"),
    ("PA", "environment"),
    ("LA", "environment"),
    ("AA", "biologic"),
];

/// Table 0127 allergen type → allergy-intolerance-type.
pub(crate) const KIND: &[Row] = &[
    ("DA", "allergy"),
    ("FA", "allergy"),
    ("MA", "allergy"),
    ("EA", "allergy"),
    ("PA", "allergy"),
    ("LA", "allergy"),
    ("AA", "allergy"),
];

/// Table 0128 allergy severity → reaction-event-severity.
pub(crate) const SEVERITY: &[Row] = &[("SV", "severe"), ("MO", "moderate"), ("MI", "mild")];

/// Table 0128 allergy severity → allergy-intolerance-criticality.
pub(crate) const CRITICALITY: &[Row] = &[("SV", "high"), ("MI", "low"), ("U", "unable-to-assess")];

/// Table 0438 allergy clinical status → allergyintolerance-verification.
pub(crate) const VERIFICATION: &[Row] = &[
    ("C", "confirmed"),
    ("U", "unconfirmed"),
    ("P", "unconfirmed"),
    ("S", "unconfirmed"),
    ("D", "unconfirmed"),
    ("E", "entered-in-error"),
    ("I", "refuted"),
];
