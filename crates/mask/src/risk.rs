//! How likely someone is found again in a masked table: k-anonymity, l-diversity, and the risks of three kinds of attackers.
//!
//! Rows come in as quasi-identifiers (what an attacker may know: age, sex, ZIP code, dates) and sensitive values (what he wants to
//! learn). The report holds counts and shares only, so it may be shown. Not here: which columns are which, and whether a risk
//! is small enough; an expert says so (45 CFR 164.514(b)(1)).
//!
//! Sources: Sweeney 2002 (k-anonymity); Machanavajjhala et al. 2007 (l-diversity); El Emam, "Guide to the De-Identification of
//! Personal Health Information", 2013, for prosecutor, journalist and marketer.

mod report;
mod table;

use std::collections::{BTreeMap, HashMap};

pub use report::{Determination, Diversity, Risk, RiskReport};
pub use table::{Columns, TableError};

/// Equivalence classes that are kept apart; more would be nearly as many as rows.
const CLASSES_MAX: usize = 20_000_000;

/// Columns of one sort.
const COLUMNS_MAX: usize = 64;

/// Why a table could not be assessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RiskError {
    /// A row with another number of columns than the first.
    #[error("row {row} has another number of columns than the first")]
    Columns {
        /// The row, from 1.
        row: u64,
    },
    /// Too many columns.
    #[error("more than {COLUMNS_MAX} columns of one sort")]
    TooManyColumns,
    /// Too many classes.
    #[error("more than {CLASSES_MAX} different combinations of quasi-identifiers")]
    TooManyClasses,
    /// No rows.
    #[error("the table has no rows")]
    Empty,
}

/// What is known of the population that a table was drawn from.
#[derive(Clone, Debug, Default)]
pub enum Population {
    /// Nothing: the table is taken for all of it.
    #[default]
    Unknown,
    /// How many people it has; each class is then taken to be as much larger as the whole is.
    Size(u64),
    /// How many people of it there are in each class, from [`Assessment::add_person`].
    Counted(HashMap<String, u64>),
}

/// Rows as they are counted.
#[derive(Debug, Default)]
pub struct Assessment {
    classes: HashMap<String, Class>,
    rows: u64,
    columns: Option<(usize, usize)>,
}

#[derive(Debug, Default)]
struct Class {
    size: u64,
    /// How often each value of each sensitive column occurs.
    sensitive: Vec<HashMap<String, u64>>,
}

impl Assessment {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one row. Every row has the same columns in the same order; what is missing is an empty text.
    ///
    /// # Errors
    /// [`RiskError`].
    pub fn add(&mut self, quasi: &[&str], sensitive: &[&str]) -> Result<(), RiskError> {
        if quasi.len() > COLUMNS_MAX || sensitive.len() > COLUMNS_MAX {
            return Err(RiskError::TooManyColumns);
        }
        let columns = *self.columns.get_or_insert((quasi.len(), sensitive.len()));
        if columns != (quasi.len(), sensitive.len()) {
            return Err(RiskError::Columns { row: self.rows + 1 });
        }
        let is_full = self.classes.len() >= CLASSES_MAX;
        let key = class_key(quasi);
        if is_full && !self.classes.contains_key(&key) {
            return Err(RiskError::TooManyClasses);
        }
        self.rows += 1;
        let class = self.classes.entry(key).or_default();
        class.size += 1;
        class.sensitive.resize_with(sensitive.len(), HashMap::new);
        for (counts, value) in class.sensitive.iter_mut().zip(sensitive) {
            *counts.entry((*value).to_owned()).or_default() += 1;
        }
        Ok(())
    }

    /// Counts one person of the population in `counts`, by the same quasi-identifiers.
    pub fn add_person(counts: &mut HashMap<String, u64>, quasi: &[&str]) {
        *counts.entry(class_key(quasi)).or_default() += 1;
    }

    /// The report. `threshold` is the risk of one row above which it counts as at risk (0.05 and 0.09 are usual).
    ///
    /// # Errors
    /// [`RiskError::Empty`].
    pub fn report(&self, population: &Population, threshold: f64) -> Result<RiskReport, RiskError> {
        let k = self.classes.values().map(|class| class.size).min().ok_or(RiskError::Empty)?;
        let mut histogram: BTreeMap<u64, u64> = BTreeMap::new();
        for class in self.classes.values() {
            *histogram.entry(class.size).or_default() += 1;
        }
        let sensitive_count = self.columns.map_or(0, |(_, sensitive)| sensitive);
        Ok(RiskReport {
            rows: self.rows,
            classes: self.classes.len() as u64,
            k,
            unique_rows: histogram.get(&1).copied().unwrap_or(0),
            histogram,
            diversity: (0..sensitive_count).map(|at| self.diversity(at)).collect(),
            threshold,
            prosecutor: self.risk(&|_, class| class.size as f64, threshold),
            journalist: self.journalist(population, threshold),
            marketer: self.marketer(population),
        })
    }

    fn diversity(&self, column: usize) -> Diversity {
        let counts =
            || self.classes.values().filter_map(|class| Some((class.size, class.sensitive.get(column)?)));
        let distinct = counts().map(|(_, counts)| counts.len() as u64).min().unwrap_or(0);
        let entropy = |(size, counts): (u64, &HashMap<String, u64>)| {
            let share = |count: &u64| *count as f64 / size as f64;
            -counts.values().map(|count| share(count) * share(count).ln()).sum::<f64>()
        };
        let least = counts().map(entropy).fold(f64::INFINITY, f64::min);
        let uniform: u64 = counts().filter(|(_, counts)| counts.len() == 1).map(|(size, _)| size).sum();
        Diversity { distinct, entropy: least.max(0.0).exp(), uniform_rows: uniform }
    }

    /// The risk of each row is one over the size that `size_of` gives for its class.
    fn risk(&self, size_of: &dyn Fn(&str, &Class) -> f64, threshold: f64) -> Risk {
        let (mut max, mut sum, mut over) = (0.0_f64, 0.0, 0_u64);
        for (key, class) in &self.classes {
            let risk = 1.0 / size_of(key, class).max(1.0);
            max = max.max(risk);
            sum += risk * class.size as f64;
            if risk > threshold {
                over += class.size;
            }
        }
        Risk { max, average: sum / self.rows as f64, rows_over_threshold: over }
    }

    /// The population's size of a class; never below the table's own.
    fn population_size(&self, population: &Population, key: &str, class: &Class) -> f64 {
        let own = class.size as f64;
        match population {
            Population::Unknown => own,
            Population::Size(people) => own * (*people as f64 / self.rows as f64).max(1.0),
            Population::Counted(counts) => own.max(counts.get(key).copied().unwrap_or(0) as f64),
        }
    }

    fn journalist(&self, population: &Population, threshold: f64) -> Risk {
        let mut risk = self.risk(&|key, class| self.population_size(population, key, class), threshold);
        // The average is the larger of two: El Emam 2013, chapter 16.
        let people: f64 =
            self.classes.iter().map(|(key, class)| self.population_size(population, key, class)).sum();
        risk.average = risk.average.max(self.classes.len() as f64 / people.max(1.0));
        risk
    }

    /// The share of rows that someone who links the whole table to the population gets right.
    fn marketer(&self, population: &Population) -> f64 {
        let right = |(key, class): (&String, &Class)| {
            class.size as f64 / self.population_size(population, key, class).max(1.0)
        };
        self.classes.iter().map(right).sum::<f64>() / self.rows as f64
    }
}

/// The texts one behind the other, each with its length, so that no two combinations look alike.
fn class_key(quasi: &[&str]) -> String {
    let mut key = String::new();
    for text in quasi {
        key.push_str(&text.len().to_string());
        key.push(':');
        key.push_str(text);
    }
    key
}
