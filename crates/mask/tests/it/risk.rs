//! Risks of small tables whose figures can be reckoned by hand.

use std::collections::HashMap;

use mask::risk::{Assessment, Determination, Population, RiskError};
use proptest::prelude::*;

/// Classes of 4, 2 and 1 rows.
fn small() -> Assessment {
    let mut assessment = Assessment::new();
    for (quasi, sensitive) in [
        (["F", "021"], "flu"),
        (["F", "021"], "flu"),
        (["F", "021"], "asthma"),
        (["F", "021"], "cold"),
        (["M", "021"], "flu"),
        (["M", "021"], "flu"),
        (["M", "100"], "gout"),
    ] {
        assessment.add(&quasi, &[sensitive]).unwrap();
    }
    assessment
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9
}

#[test]
fn the_figures_of_a_small_table_are_those_reckoned_by_hand() {
    let report = small().report(&Population::Unknown, 0.3).unwrap();
    assert_eq!((report.rows, report.classes, report.k, report.unique_rows), (7, 3, 1, 1));
    assert_eq!(report.histogram.into_iter().collect::<Vec<_>>(), [(1, 1), (2, 1), (4, 1)]);
    assert_eq!((report.diversity[0].distinct, report.diversity[0].uniform_rows), (1, 3));
    assert!(near(report.diversity[0].entropy, 1.0));
    assert!(near(report.prosecutor.max, 1.0) && near(report.prosecutor.average, 3.0 / 7.0));
    assert_eq!(report.prosecutor.rows_over_threshold, 3);
    assert!(near(report.journalist.average, 3.0 / 7.0) && near(report.marketer, 3.0 / 7.0));
}

#[test]
fn a_population_lowers_the_risks_of_journalist_and_marketer_only() {
    let report = small().report(&Population::Size(70), 0.3).unwrap();
    assert!(near(report.prosecutor.max, 1.0) && near(report.journalist.max, 0.1));
    assert!(near(report.marketer, 3.0 / 70.0) && near(report.journalist.average, 3.0 / 70.0));
    let mut counts = HashMap::new();
    for _ in 0..20 {
        Assessment::add_person(&mut counts, &["M", "100"]);
    }
    let report = small().report(&Population::Counted(counts), 0.3).unwrap();
    assert!(near(report.journalist.max, 0.5));
    assert!(near(report.marketer, (1.0 + 1.0 + 0.05) / 7.0));
}

#[test]
fn an_expert_s_limits_are_compared_with_the_figures() {
    let determination = |row_risk_max| Determination {
        data_set: "test".into(),
        quasi_identifiers: vec!["sex".into(), "zip".into()],
        sensitive: vec!["diagnosis".into()],
        masked_by: "safe-harbor".into(),
        report: small().report(&Population::Unknown, 0.3).unwrap(),
        average_risk_max: 0.5,
        row_risk_max,
    };
    assert!(determination(1.0).is_within_limits());
    assert!(!determination(0.5).is_within_limits());
    assert!(!determination(1.0).report.is_k_anonymous(2) && determination(1.0).report.is_l_diverse(1));
}

#[test]
fn tables_that_cannot_be_assessed_are_refused() {
    assert_eq!(Assessment::new().report(&Population::Unknown, 0.1).unwrap_err(), RiskError::Empty);
    let mut assessment = small();
    assert_eq!(assessment.add(&["F"], &["x"]), Err(RiskError::Columns { row: 8 }));
    assert_eq!(assessment.add(&["F"; 65], &["x"]), Err(RiskError::TooManyColumns));
    // Two columns that run together are not one.
    let mut assessment = Assessment::new();
    assessment.add(&["ab", "c"], &[]).unwrap();
    assessment.add(&["a", "bc"], &[]).unwrap();
    assert_eq!(assessment.report(&Population::Unknown, 0.1).unwrap().classes, 2);
}

proptest! {
    #[test]
    fn figures_stay_in_their_ranges(rows in proptest::collection::vec(("[ab]{0,2}", "[xy]?"), 1..60), people in 0_u64..500) {
        let mut assessment = Assessment::new();
        for (quasi, sensitive) in &rows {
            assessment.add(&[quasi], &[sensitive]).unwrap();
        }
        let report = assessment.report(&Population::Size(people), 0.2).unwrap();
        let counted: u64 = report.histogram.iter().map(|(size, classes)| size * classes).sum();
        prop_assert_eq!(counted, rows.len() as u64);
        for risk in [report.prosecutor, report.journalist] {
            prop_assert!(risk.average <= risk.max + 1e-9 && risk.max <= 1.0 && risk.average > 0.0);
        }
        prop_assert!(near(report.prosecutor.max, 1.0 / report.k as f64));
        prop_assert!(report.journalist.max <= report.prosecutor.max + 1e-9);
        let diversity = report.diversity[0];
        prop_assert!(diversity.entropy <= 3.0 + 1e-9 && diversity.entropy >= 1.0 - 1e-9);
        prop_assert!(diversity.distinct as f64 + 1e-9 >= 1.0);
    }
}
