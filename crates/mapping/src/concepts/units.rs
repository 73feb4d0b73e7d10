//! Units as senders write them → UCUM codes. Only spellings with one possible meaning.

use super::Row;

/// The system of UCUM codes.
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";

const UNITS: &[(&str, &str)] = &[
    ("%", "%"),
    ("g/dL", "g/dL"),
    ("g/dl", "g/dL"),
    ("gm/dL", "g/dL"),
    ("g/L", "g/L"),
    ("mg/dL", "mg/dL"),
    ("mg/dl", "mg/dL"),
    ("MG/DL", "mg/dL"),
    ("mg/L", "mg/L"),
    ("ug/dL", "ug/dL"),
    ("ug/L", "ug/L"),
    ("ng/mL", "ng/mL"),
    ("ng/dL", "ng/dL"),
    ("pg/mL", "pg/mL"),
    ("mmol/L", "mmol/L"),
    ("mmol/l", "mmol/L"),
    ("umol/L", "umol/L"),
    ("nmol/L", "nmol/L"),
    ("pmol/L", "pmol/L"),
    ("mEq/L", "meq/L"),
    ("meq/L", "meq/L"),
    ("U/L", "U/L"),
    ("IU/L", "[IU]/L"),
    ("mIU/L", "m[IU]/L"),
    ("uIU/mL", "u[IU]/mL"),
    ("10*3/uL", "10*3/uL"),
    ("10*6/uL", "10*6/uL"),
    ("10*9/L", "10*9/L"),
    ("10*12/L", "10*12/L"),
    ("fL", "fL"),
    ("pg", "pg"),
    ("mm[Hg]", "mm[Hg]"),
    ("mmHg", "mm[Hg]"),
    ("mm Hg", "mm[Hg]"),
    ("cm", "cm"),
    ("mm", "mm"),
    ("kg", "kg"),
    ("mL", "mL"),
    ("ml", "mL"),
    ("mL/min", "mL/min"),
    ("/min", "/min"),
    ("bpm", "/min"),
    ("kg/m2", "kg/m2"),
    ("Cel", "Cel"),
    ("°C", "Cel"),
    ("[degF]", "[degF]"),
    ("mm/h", "mm/h"),
    ("mm/hr", "mm/h"),
    ("s", "s"),
];

/// The UCUM code of a unit; case matters, as in UCUM.
pub(crate) fn ucum(unit: &str) -> Option<&'static str> {
    UNITS.iter().find(|(from, _): &&Row| *from == unit).map(|(_, to)| *to)
}
