//! Whole messages and what they become, to read and to notice changes. `WARD_BLESS=1` writes the files anew; read the diff.

use std::path::Path;

use crate::support::*;

fn check_golden(name: &str, text: &str) {
    let mapped = mapped(text);
    let whole = format!(
        "{}\n{}\n",
        mapping::bundle(&mapped).to_pretty().trim_end(),
        mapped.report.to_json().to_pretty().trim_end()
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("WARD_BLESS").is_some() {
        std::fs::write(&path, &whole).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(whole == expected, "{name} changed; run with WARD_BLESS=1 and read the diff");
}

#[test]
fn an_admission_becomes_what_the_golden_file_says() {
    let more = [
        segment("NK1", &[(1, "1"), (2, "Muster^Karl"), (3, "SPO"), (5, "5550")]),
        segment("AL1", &[(1, "1"), (2, "DA"), (3, "70618^Penicillin^RXNORM"), (4, "SV"), (5, "hives")]),
        segment("DG1", &[(1, "1"), (3, "I10^Hypertension^I10"), (5, "20240301"), (6, "A"), (15, "1")]),
        segment(
            "IN1",
            &[
                (1, "1"),
                (2, "GOLD^Gold plan"),
                (3, "K1^^^FUNDS"),
                (4, "Example fund"),
                (17, "SEL"),
                (36, "PN1"),
            ],
        ),
        segment("ZPD", &[(1, "local")]),
    ];
    let text = format!("{}\n{}", ADMIT.trim_end(), more.concat());
    check_golden("adt_a01.json", &text);
}

#[test]
fn a_merge_becomes_what_the_golden_file_says() {
    let segments = [pid("P1^^^HOSP^MR", &[]), segment("MRG", &[(1, "P2^^^HOSP^MR"), (7, "Mustermann^Anna")])];
    check_golden("adt_a40.json", &adt("A40", "20240302080000+0100", &segments));
}

#[test]
fn a_culture_becomes_what_the_golden_file_says() {
    let lines = [
        obx(
            "CE",
            "634-6^Bacteria identified^LN",
            "112283007^Escherichia coli^SCT",
            &[(4, "1"), (14, "20240303")],
        ),
        segment("NTE", &[(1, "1"), (3, "Growth after 24 h.")]),
        segment("SPM", &[(1, "1"), (2, "^S77&LAB"), (4, "UR^Urine^HL70487"), (17, "20240301070000")]),
        segment("ORC", &[(1, "RE"), (2, "O2^WARD"), (3, "F2^LAB")]),
        segment(
            "OBR",
            &[
                (2, "O2^WARD"),
                (3, "F2^LAB"),
                (4, "29576-6^Susceptibility^LN"),
                (25, "F"),
                (26, "634-6&Bacteria identified&LN^1^Escherichia coli"),
                (29, "^F1&LAB"),
            ],
        ),
        obx("SN", "28-1^Ampicillin^LN", ">=^32", &[(6, "ug/mL^^UCUM"), (8, "R")]),
    ];
    let obr =
        [(4, "630-4^Urine culture^LN"), (16, "D1^Arzt^Otto^^^Dr^^^HOSP"), (22, "20240303120000"), (24, "MB")];
    check_golden("oru_r01_culture.json", &oru("20240303121500+0100", &obr, &lines));
}
