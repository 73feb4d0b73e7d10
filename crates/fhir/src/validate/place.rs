//! Where in a resource the validator is.

use std::fmt;

/// A place as a chain on the stack, so that a valid resource costs no allocation; it becomes text only for an issue.
pub(crate) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    name: &'a str,
    index: Option<usize>,
    depth: usize,
}

impl<'a> Place<'a> {
    /// The resource itself.
    pub(crate) fn root(name: &'a str) -> Self {
        Self { parent: None, name, index: None, depth: 0 }
    }

    /// The element `name` of this place, or its repetition `index` (from 0).
    pub(crate) fn member(&'a self, name: &'a str, index: Option<usize>) -> Place<'a> {
        Place { parent: Some(self), name, index, depth: self.depth + 1 }
    }

    /// The names down to here without repetitions: `Patient.contact.name`.
    pub(crate) fn path(&self) -> String {
        match self.parent {
            Some(parent) => format!("{}.{}", parent.path(), self.name),
            None => self.name.to_owned(),
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}
