//! The HTTP edge: FHIR interactions, health, metrics, admin.
