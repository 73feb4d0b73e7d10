//! The FHIR store: versions, transactions, search, history; Access is the only door.
