//! Recognisers of the user's own, and what is never an entity.

use std::collections::HashSet;

use regex::{Regex, RegexBuilder};

use crate::{Entity, Kind, Reason};

/// How far around a match a context word may stand, in bytes.
const CONTEXT_BYTES: usize = 60;

/// Compiled size of one pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A pattern of the user's: what it is called, what it looks for, which words have to stand near.
#[derive(Clone, Debug)]
pub struct Recogniser {
    name: String,
    pattern: Regex,
    context: Vec<String>,
    kind: Kind,
}

/// Why a recogniser cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecogniserError {
    /// The pattern is no regular expression, or one too large.
    #[error("the pattern of recogniser `{name}` cannot be used")]
    Pattern {
        /// The recogniser.
        name: String,
        /// What is wrong with it.
        #[source]
        source: Box<regex::Error>,
    },
}

impl Recogniser {
    /// A recogniser by its name, its regular expression (in the syntax of the `regex` crate; it is matched against the text in
    /// plain letters, see the `mask` crate's page on folding), words of which one has to stand within 60 bytes of a match (none:
    /// no such need), and the kind it finds. If the expression has a group, the first group is what is found.
    ///
    /// # Errors
    /// [`RecogniserError::Pattern`] if the expression does not compile within a megabyte.
    pub fn new(name: &str, pattern: &str, context: &[&str], kind: Kind) -> Result<Self, RecogniserError> {
        let pattern = RegexBuilder::new(pattern)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map_err(|source| RecogniserError::Pattern { name: name.to_owned(), source: Box::new(source) })?;
        let context = context.iter().map(|word| word.to_lowercase()).collect();
        Ok(Self { name: name.to_owned(), pattern, context, kind })
    }

    pub(crate) fn find(&self, text: &str, found: &mut Vec<Entity>) {
        for captures in self.pattern.captures_iter(text) {
            let Some(hit) = captures.get(1).or_else(|| captures.get(0)) else { continue };
            if !hit.is_empty() && self.has_context(text, hit.start(), hit.end()) {
                let reason = Reason::Custom(self.name.clone());
                found.push(Entity { range: hit.range(), kind: self.kind, score: 0.9, reason });
            }
        }
    }

    fn has_context(&self, text: &str, start: usize, end: usize) -> bool {
        if self.context.is_empty() {
            return true;
        }
        let from = text.floor_char_boundary(start.saturating_sub(CONTEXT_BYTES));
        let to = text.ceil_char_boundary((end + CONTEXT_BYTES).min(text.len()));
        let around = text.get(from..to).unwrap_or_default().to_lowercase();
        self.context.iter().any(|word| around.contains(word.as_str()))
    }
}

/// Texts that are never entities, compared without regard to case.
#[derive(Clone, Debug, Default)]
pub struct AllowList(HashSet<String>);

impl AllowList {
    /// A list of whole texts: an entity is dropped if what it covers is one of them.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Self(texts.into_iter().map(|text| text.trim().to_lowercase()).collect())
    }

    pub(crate) fn apply(&self, text: &str, entities: &mut Vec<Entity>) {
        if !self.0.is_empty() {
            entities.retain(|entity| {
                text.get(entity.range.clone())
                    .is_none_or(|covered| !self.0.contains(&covered.trim().to_lowercase()))
            });
        }
    }
}
