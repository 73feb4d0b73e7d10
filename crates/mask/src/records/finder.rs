//! Who finds identities in free text.

use crate::{Ask, Engine, Entity};

/// Finds entities in a text. Maskers of records ask one for every free text.
pub trait Finder {
    /// The entities of `text`, with ranges in its bytes.
    fn find(&self, text: &str) -> Vec<Entity>;
}

/// An engine and what it is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// How much work, what counts, and what is known.
    pub ask: Ask<'a>,
}

impl Finder for Asked<'_> {
    fn find(&self, text: &str) -> Vec<Entity> {
        self.engine.find(text, &self.ask)
    }
}
