//! A seeded synthetic hospital: HL7 v2 messages and FHIR bundles of people who do not exist.
