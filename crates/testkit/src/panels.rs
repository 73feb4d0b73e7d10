//! Laboratory panels: LOINC codes, UCUM units and reference ranges of adults.

/// A numeric test.
pub(crate) struct Test {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// Reference range in steps of the last decimal.
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) decimals: u32,
}

/// A panel as it is ordered.
pub(crate) struct Panel {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    /// OBR-24, table 0074.
    pub(crate) section: &'static str,
    pub(crate) tests: &'static [Test],
}

const fn test(
    code: &'static str,
    name: &'static str,
    unit: &'static str,
    low: i64,
    high: i64,
    decimals: u32,
) -> Test {
    Test { code, name, unit, low, high, decimals }
}

/// The numeric panels.
pub(crate) const PANELS: &[Panel] = &[
    Panel {
        code: "24323-8",
        name: "Comprehensive metabolic panel",
        section: "CH",
        tests: &[
            test("2345-7", "Glucose in Serum or Plasma", "mg/dL", 70, 99, 0),
            test("3094-0", "Urea nitrogen in Serum or Plasma", "mg/dL", 7, 20, 0),
            test("2160-0", "Creatinine in Serum or Plasma", "mg/dL", 60, 120, 2),
            test("2951-2", "Sodium in Serum or Plasma", "mmol/L", 136, 145, 0),
            test("2823-3", "Potassium in Serum or Plasma", "mmol/L", 35, 51, 1),
            test("2075-0", "Chloride in Serum or Plasma", "mmol/L", 98, 107, 0),
            test("17861-6", "Calcium in Serum or Plasma", "mg/dL", 86, 102, 1),
            test("1751-7", "Albumin in Serum or Plasma", "g/dL", 35, 50, 1),
            test("1975-2", "Bilirubin total in Serum or Plasma", "mg/dL", 1, 12, 1),
            test("1742-6", "Alanine aminotransferase in Serum or Plasma", "U/L", 7, 56, 0),
            test("1920-8", "Aspartate aminotransferase in Serum or Plasma", "U/L", 10, 40, 0),
        ],
    },
    Panel {
        code: "58410-2",
        name: "Complete blood count",
        section: "HM",
        tests: &[
            test("6690-2", "Leukocytes in Blood", "10*3/uL", 40, 110, 1),
            test("789-8", "Erythrocytes in Blood", "10*6/uL", 420, 590, 2),
            test("718-7", "Hemoglobin in Blood", "g/dL", 120, 175, 1),
            test("4544-3", "Hematocrit of Blood", "%", 36, 53, 0),
            test("787-2", "Erythrocyte mean volume", "fL", 80, 100, 0),
            test("777-3", "Platelets in Blood", "10*3/uL", 150, 400, 0),
        ],
    },
    Panel {
        code: "57698-3",
        name: "Lipid panel",
        section: "CH",
        tests: &[
            test("2093-3", "Cholesterol in Serum or Plasma", "mg/dL", 100, 199, 0),
            test("2571-8", "Triglyceride in Serum or Plasma", "mg/dL", 50, 149, 0),
            test("2085-9", "Cholesterol in HDL in Serum or Plasma", "mg/dL", 40, 80, 0),
        ],
    },
    Panel {
        code: "4548-4",
        name: "Hemoglobin A1c",
        section: "CH",
        tests: &[test("4548-4", "Hemoglobin A1c in Blood", "%", 40, 56, 1)],
    },
    Panel {
        code: "3016-3",
        name: "Thyrotropin",
        section: "CH",
        tests: &[test("3016-3", "Thyrotropin in Serum or Plasma", "m[IU]/L", 40, 400, 2)],
    },
    Panel {
        code: "6301-6",
        name: "INR",
        section: "HM",
        tests: &[
            test("5902-2", "Prothrombin time", "s", 110, 135, 1),
            test("6301-6", "INR in Platelet poor plasma", "{INR}", 8, 11, 1),
        ],
    },
];

/// Organisms (SNOMED CT) that a urine culture may grow.
pub(crate) const ORGANISMS: &[(&str, &str)] = &[
    ("112283007", "Escherichia coli"),
    ("56415008", "Klebsiella pneumoniae"),
    ("78065002", "Enterococcus faecalis"),
];

/// Antibiotics with their LOINC codes for susceptibility.
pub(crate) const ANTIBIOTICS: &[(&str, &str)] = &[
    ("18864-9", "Ampicillin [Susceptibility]"),
    ("18906-8", "Ciprofloxacin [Susceptibility]"),
    ("18928-2", "Gentamicin [Susceptibility]"),
    ("18955-5", "Nitrofurantoin [Susceptibility]"),
];

impl Test {
    /// A value in steps of the last decimal, as text.
    pub(crate) fn text(&self, steps: i64) -> String {
        decimal(steps, self.decimals)
    }

    /// OBX-8 for a value.
    pub(crate) fn flag(&self, steps: i64) -> &'static str {
        if steps < self.low {
            "L"
        } else if steps > self.high {
            "H"
        } else {
            "N"
        }
    }
}

/// `decimal(421, 1)` is `42.1`.
pub(crate) fn decimal(steps: i64, decimals: u32) -> String {
    if decimals == 0 {
        return steps.to_string();
    }
    let divisor = 10_i64.pow(decimals);
    let (whole, rest) = (steps / divisor, steps % divisor);
    format!("{whole}.{rest:0width$}", width = decimals as usize)
}
