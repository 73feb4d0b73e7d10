//! The figures of an assessment, and what an expert needs to write beside them.

use std::collections::BTreeMap;

/// What an assessment found. Counts and shares only.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskReport {
    /// Rows of the table.
    pub rows: u64,
    /// Different combinations of quasi-identifiers.
    pub classes: u64,
    /// The size of the smallest class: the table is k-anonymous for this k.
    pub k: u64,
    /// Rows that are alone in their class.
    pub unique_rows: u64,
    /// How many classes there are of each size.
    pub histogram: BTreeMap<u64, u64>,
    /// For each sensitive column, in order.
    pub diversity: Vec<Diversity>,
    /// The risk above which a row counts as at risk.
    pub threshold: f64,
    /// The attacker knows that someone is in the table.
    pub prosecutor: Risk,
    /// The attacker does not know who is in the table, and looks for anyone.
    pub journalist: Risk,
    /// The attacker links all rows; the share that he gets right on average.
    pub marketer: f64,
}

/// The risk of a row to be found again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Risk {
    /// Of the row most at risk, 0 to 1.
    pub max: f64,
    /// On average over rows, 0 to 1.
    pub average: f64,
    /// Rows whose risk is over the threshold.
    pub rows_over_threshold: u64,
}

/// How much a sensitive column tells about everyone in a class at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diversity {
    /// The fewest different values in a class: the table is distinct l-diverse for this l.
    pub distinct: u64,
    /// e to the least entropy of a class: the table is entropy l-diverse for this l.
    pub entropy: f64,
    /// Rows in classes where all have the same value: who is known to be in one has it.
    pub uniform_rows: u64,
}

impl RiskReport {
    /// Whether at least `k` rows share every combination.
    #[must_use]
    pub fn is_k_anonymous(&self, k: u64) -> bool {
        self.k >= k
    }

    /// Whether every class has at least `l` different values in every sensitive column.
    #[must_use]
    pub fn is_l_diverse(&self, l: u64) -> bool {
        self.diversity.iter().all(|diversity| diversity.distinct >= l)
    }
}

/// What an expert's determination rests on: 45 CFR 164.514(b)(1). The figures are ours; the judgement, its methods and its
/// reasons are the expert's, and are kept with it (164.514(b)(1)(ii)).
#[derive(Clone, Debug, PartialEq)]
pub struct Determination {
    /// What the data set is, in the expert's words.
    pub data_set: String,
    /// The columns taken as quasi-identifiers.
    pub quasi_identifiers: Vec<String>,
    /// The columns taken as sensitive.
    pub sensitive: Vec<String>,
    /// Rules and version that masked it.
    pub masked_by: String,
    /// The figures.
    pub report: RiskReport,
    /// The largest average risk that the expert holds very small for the anticipated recipient.
    pub average_risk_max: f64,
    /// The largest risk of a single row that the expert accepts.
    pub row_risk_max: f64,
}

impl Determination {
    /// Whether the figures are within what the expert set. It is a help to a decision, not the decision.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        let risks = [self.report.prosecutor, self.report.journalist];
        self.report.marketer <= self.average_risk_max
            && risks.iter().all(|risk| risk.average <= self.average_risk_max && risk.max <= self.row_risk_max)
    }
}
