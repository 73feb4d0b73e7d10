//! The engine: text in, entities out.

use crate::Entity;

/// How much work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tier {
    /// Patterns and gazetteers.
    Scan,
    /// These and the tagger.
    #[default]
    Full,
    /// These and what is known of the patient.
    Record,
}

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// 45 CFR 164.514(b)(2): the eighteen identifiers.
    #[default]
    SafeHarbor,
    /// 45 CFR 164.514(e): dates, cities, states and ZIP codes stay.
    LimitedDataset,
    /// Whatever might be one, at the price of precision.
    MaxRecall,
    /// For text that goes into a search: what is not certain stays.
    SearchSafe,
}

/// What is asked of the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask {
    /// How much work.
    pub tier: Tier,
    /// What counts.
    pub profile: Profile,
}

/// Finds entities. Made once, asked from many threads.
#[derive(Debug, Default)]
pub struct Engine {}

impl Engine {
    /// The engine with its built-in lists and tagger.
    pub fn new() -> Self {
        Self {}
    }

    /// The entities of a text: ascending, none within or across another.
    pub fn find(&self, _text: &str, _ask: &Ask) -> Vec<Entity> {
        Vec::new()
    }
}
