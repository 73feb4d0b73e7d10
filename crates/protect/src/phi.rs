//! A coat for protected health information in memory.

use std::fmt;

/// A value that is, or may hold, PHI. Printing shows a mask, so a log line or an error cannot carry it by accident.
///
/// ```
/// use protect::phi::Phi;
/// let name = Phi::new(String::from("Testperson"));
/// assert_eq!(format!("{name} {name:?}"), "*** Phi(***)");
/// assert_eq!(name.reveal(), "Testperson");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Puts the coat on.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Each use is a place to look at in a review.
    pub fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the coat off.
    pub fn into_revealed(self) -> T {
        self.0
    }

    /// Another value made of this one, which is PHI as well.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Phi<U> {
        Phi(change(self.0))
    }
}

impl<T> From<T> for Phi<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phi(***)")
    }
}

impl<T> fmt::Display for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
