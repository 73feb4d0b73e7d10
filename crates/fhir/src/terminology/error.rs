//! Why a question about terminology has no answer.

/// Why a question about terminology has no answer. The texts name addresses of terminology resources, filters and limits,
/// never a code that was asked about: a code may say something about a patient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TerminologyError {
    /// The resource is not loaded, or is known by name only.
    #[error("{kind} `{canonical}` is not loaded")]
    NotLoaded {
        /// `CodeSystem`, `ValueSet` or `ConceptMap`.
        kind: &'static str,
        /// Its address, with the version if one was asked for.
        canonical: String,
    },
    /// Only part of the code system is loaded (a fragment or examples), and the code is not in that part.
    #[error("only a part of CodeSystem `{system}` is loaded, and the code is not in it")]
    Incomplete {
        /// The code system.
        system: String,
    },
    /// The code system does not have the code that the question starts from.
    #[error("CodeSystem `{system}` does not have the code")]
    UnknownCode {
        /// The code system.
        system: String,
    },
    /// No system was given and more than one fits.
    #[error("the code stands in more than one system of ValueSet `{value_set}`; a system must be given")]
    Ambiguous {
        /// The value set.
        value_set: String,
    },
    /// The answer would have more codes, or need more work, than one answer may.
    #[error("the answer needs more than {limit} {unit}")]
    TooCostly {
        /// The limit that was met.
        limit: usize,
        /// What it counts: `codes` or `steps`.
        unit: &'static str,
    },
    /// The codes of the system are written by a grammar and have no end.
    #[error("the codes of `{system}` cannot be listed, since a grammar makes them")]
    Endless {
        /// The system.
        system: String,
    },
    /// Value sets include each other in a circle, or too deep.
    #[error("ValueSet `{value_set}` includes itself, or others more than {depth_max} deep")]
    Circular {
        /// The value set where it was noticed.
        value_set: String,
        /// How deep they may include each other.
        depth_max: usize,
    },
    /// A part of the definition that is not evaluated.
    #[error("{what} cannot be evaluated")]
    Unsupported {
        /// What: a filter, an expression language.
        what: String,
    },
    /// A definition or a request that contradicts itself.
    #[error("{what}")]
    Invalid {
        /// What is wrong, in a sentence.
        what: String,
    },
}

impl TerminologyError {
    pub(super) fn not_loaded(kind: &'static str, url: &str, version: Option<&str>) -> Self {
        let canonical = version.map_or_else(|| url.to_owned(), |version| format!("{url}|{version}"));
        TerminologyError::NotLoaded { kind, canonical }
    }

    /// Whether the answer is open because something is missing here, rather than because the question is wrong.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, TerminologyError::NotLoaded { .. } | TerminologyError::Incomplete { .. })
    }
}

/// Why a resource could not be read as terminology.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is another type of resource.
    #[error("the resource is no {0}")]
    WrongType(&'static str),
    /// It has no `url`, so nothing can name it.
    #[error("the resource has no `url`")]
    NoUrl,
    /// It has more text or more concepts than can be addressed.
    #[error("the code system has more than {0} bytes of text or concepts")]
    TooLarge(u32),
}
