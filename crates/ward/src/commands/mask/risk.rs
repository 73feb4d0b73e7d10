//! `ward mask risk FILE --quasi …`: how likely someone is found again in a table, and what that rests on. No value of a cell is
//! printed.

use std::path::PathBuf;

use clap::Args;
use mask::risk::{Assessment, Columns, Determination, Population, Risk, RiskReport, TableError};

use super::read;
use crate::failure::{Failure, Result, chain};
use crate::output::{self, Format};

/// What `ward mask risk` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// CSV with a header, or NDJSON of flat objects; `-` is standard input
    file: PathBuf,
    /// The columns that an attacker may know, such as zip3,birth_year,sex
    #[arg(long, value_delimiter = ',', required = true, value_name = "COLUMNS")]
    quasi: Vec<String>,
    /// The columns that he wants to learn
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    sensitive: Vec<String>,
    /// The largest risk of a single row, 0 to 1, that is accepted
    #[arg(long, default_value_t = 0.09, value_parser = share, value_name = "RISK")]
    threshold: f64,
    /// The largest average risk, 0 to 1, that is accepted; that of a single row without it
    #[arg(long, value_parser = share, value_name = "RISK")]
    average: Option<f64>,
    /// How many people the table was drawn from; without it, the table is taken for all of them
    #[arg(long, value_name = "PEOPLE")]
    population: Option<u64>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "it is a number from 0 to 1".to_owned())
}

/// Assesses the table.
pub(super) fn run(arguments: &Arguments) -> Result {
    let bytes = read(&arguments.file)?;
    let columns = Columns { quasi: arguments.quasi.clone(), sensitive: arguments.sensitive.clone() };
    let is_ndjson = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let assessed = match is_ndjson {
        true => Assessment::of_ndjson(&bytes, &columns),
        false => Assessment::of_csv(&bytes, &columns),
    };
    let population = arguments.population.map_or(Population::Unknown, Population::Size);
    let report = assessed.and_then(|assessment| Ok(assessment.report(&population, arguments.threshold)?));
    let report = report.map_err(|error| refusal(arguments, &error))?;
    let determination = Determination {
        data_set: arguments.file.display().to_string(),
        quasi_identifiers: columns.quasi,
        sensitive: columns.sensitive,
        masked_by: String::new(),
        report,
        average_risk_max: arguments.average.unwrap_or(arguments.threshold),
        row_risk_max: arguments.threshold,
    };
    match arguments.format {
        Format::Json => say!("{}", json(&determination, arguments.population)),
        Format::Table => tables(&determination, arguments.population),
    }
    Ok(())
}

fn refusal(arguments: &Arguments, error: &TableError) -> Failure {
    let failure = Failure::new(format!("`{}`: {}", arguments.file.display(), chain(error)));
    failure.hint(match error {
        TableError::NoColumn { .. } => "columns are named as in the header, letter case counts",
        TableError::Twice { .. } => "give each column a name of its own",
        TableError::Nested { .. } => "an object a line, with texts, numbers and booleans in it",
        _ => "a table is CSV with a header and commas, or NDJSON of flat objects",
    })
}

/// What the figures rest on: an expert has to say whether it holds.
fn assumptions(determination: &Determination, population: Option<u64>) -> Vec<String> {
    let sensitive = match determination.sensitive.as_slice() {
        [] => "no column is taken as sensitive".to_owned(),
        columns => format!("{} and nothing else is what an attacker wants to learn", columns.join(", ")),
    };
    vec![
        format!("{} and nothing else is known to an attacker", determination.quasi_identifiers.join(", ")),
        sensitive,
        match population {
            Some(people) => format!("the table was drawn evenly from {people} people"),
            None => "the table is the whole population".to_owned(),
        },
        "each row is one person; values are compared as they are written, a missing one is a value"
            .to_owned(),
        "other columns, also free text, tell nothing that leads to a person".to_owned(),
        format!(
            "a risk of {} for a row and of {} on average is very small for who will receive the table",
            determination.row_risk_max, determination.average_risk_max
        ),
    ]
}

fn tables(determination: &Determination, population: Option<u64>) {
    let report = &determination.report;
    let figure = |name: &str, value: String| vec![name.to_owned(), value];
    output::table(
        &["measure", "value"],
        &[
            figure("rows", report.rows.to_string()),
            figure("combinations of quasi-identifiers", report.classes.to_string()),
            figure("k, the rows of the smallest", report.k.to_string()),
            figure("rows alone in theirs", report.unique_rows.to_string()),
        ],
    );
    say!("");
    let attacker = |name: &str, risk: Risk| {
        let numbers = [
            format!("{:.4}", risk.max),
            format!("{:.4}", risk.average),
            risk.rows_over_threshold.to_string(),
        ];
        [name.to_owned()].into_iter().chain(numbers).collect::<Vec<_>>()
    };
    let marketer = ["marketer".to_owned(), String::new(), format!("{:.4}", report.marketer), String::new()];
    output::table(
        &["attacker", "largest risk", "average", &format!("rows over {}", report.threshold)],
        &[
            attacker("prosecutor", report.prosecutor),
            attacker("journalist", report.journalist),
            marketer.to_vec(),
        ],
    );
    say!("");
    output::table(&["rows in a combination", "combinations", "rows"], &histogram(report));
    if !report.diversity.is_empty() {
        say!("");
        let rows: Vec<Vec<String>> = determination
            .sensitive
            .iter()
            .zip(&report.diversity)
            .map(|(column, of)| {
                vec![
                    column.clone(),
                    of.distinct.to_string(),
                    format!("{:.2}", of.entropy),
                    of.uniform_rows.to_string(),
                ]
            })
            .collect();
        output::table(
            &["sensitive", "l, fewest values", "entropy l", "rows whose combination tells it"],
            &rows,
        );
    }
    say!("");
    for assumed in assumptions(determination, population) {
        say!("assumed: {assumed}");
    }
    let within = if determination.is_within_limits() { "within" } else { "over" };
    say!(
        "the risks are {within} what was accepted; whether that is enough, an expert says (45 CFR 164.514(b)(1))"
    );
}

/// Combinations by size: each size up to 4, then in ever wider steps.
fn histogram(report: &RiskReport) -> Vec<Vec<String>> {
    const STEPS: [(u64, u64); 8] =
        [(1, 1), (2, 2), (3, 3), (4, 4), (5, 9), (10, 19), (20, 99), (100, u64::MAX)];
    STEPS
        .iter()
        .filter_map(|&(from, to)| {
            let sizes = || report.histogram.range(from..=to);
            let classes: u64 = sizes().map(|(_, classes)| classes).sum();
            let rows: u64 = sizes().map(|(size, classes)| size * classes).sum();
            let name = match to {
                u64::MAX => format!("{from} and more"),
                _ if from == to => from.to_string(),
                _ => format!("{from} to {to}"),
            };
            (classes > 0).then(|| vec![name, classes.to_string(), rows.to_string()])
        })
        .collect()
}

fn json(determination: &Determination, population: Option<u64>) -> serde_json::Value {
    let report = &determination.report;
    let risk = |risk: Risk| serde_json::json!({ "max": risk.max, "average": risk.average, "rowsOverThreshold": risk.rows_over_threshold });
    let histogram: Vec<serde_json::Value> = report
        .histogram
        .iter()
        .map(|(size, classes)| serde_json::json!({ "rows": size, "classes": classes }))
        .collect();
    let diversity: Vec<serde_json::Value> = determination
        .sensitive
        .iter()
        .zip(&report.diversity)
        .map(|(column, of)| {
            serde_json::json!({
                "column": column, "distinct": of.distinct, "entropy": of.entropy, "uniformRows": of.uniform_rows,
            })
        })
        .collect();
    serde_json::json!({
        "dataSet": determination.data_set,
        "quasiIdentifiers": determination.quasi_identifiers,
        "sensitive": determination.sensitive,
        "population": population,
        "rows": report.rows,
        "classes": report.classes,
        "k": report.k,
        "uniqueRows": report.unique_rows,
        "histogram": histogram,
        "diversity": diversity,
        "prosecutor": risk(report.prosecutor),
        "journalist": risk(report.journalist),
        "marketer": report.marketer,
        "rowRiskMax": determination.row_risk_max,
        "averageRiskMax": determination.average_risk_max,
        "withinLimits": determination.is_within_limits(),
        "assumptions": assumptions(determination, population),
    })
}
