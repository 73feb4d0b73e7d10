//! PID and PV1 to Patient and Encounter.

use crate::support::*;

#[test]
fn an_admission_gives_patient_encounter_and_provenance() {
    let mapped = mapped(ADMIT);
    let patient = only(&mapped, "Patient");
    assert_eq!(at(patient, "identifier.0.system"), "urn:oid:2.999.1");
    assert_eq!(at(patient, "name.0.family"), "Muster");
    assert_eq!(at(patient, "birthDate"), "1970-05-12");
    let encounter = only(&mapped, "Encounter");
    assert_eq!(at(encounter, "status"), "in-progress");
    assert_eq!(at(encounter, "class.code"), "IMP");
    assert_eq!(at(encounter, "period.start"), "2024-03-01T08:00:00+01:00");
}
