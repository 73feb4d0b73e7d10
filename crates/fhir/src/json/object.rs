//! A JSON object that keeps the order of its members.

use std::fmt;

use compact_str::CompactString;

use super::Value;

/// Members in written order, each name once. Looked up by walking: FHIR objects have a handful of members.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Object(Vec<(CompactString, Value)>);

impl Object {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Members whose names the reader has found to differ.
    pub(super) fn from_distinct(members: Vec<(CompactString, Value)>) -> Self {
        Self(members)
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of `key`, for change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Whether there is a member `key`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key`: in its place if it is there (the old value is returned), at the end if not.
    pub fn insert(
        &mut self,
        key: impl Into<CompactString> + AsRef<str>,
        value: impl Into<Value>,
    ) -> Option<Value> {
        match self.get_mut(key.as_ref()) {
            Some(place) => Some(std::mem::replace(place, value.into())),
            None => {
                self.0.push((key.into(), value.into()));
                None
            }
        }
    }

    /// Sets `key` and makes it the first member, where `resourceType` and `id` belong. Returns the old value.
    pub fn insert_first(
        &mut self,
        key: impl Into<CompactString> + AsRef<str>,
        value: impl Into<Value>,
    ) -> Option<Value> {
        let old = self.remove(key.as_ref());
        self.0.insert(0, (key.into(), value.into()));
        old
    }

    /// Takes the member `key` out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps the members that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Value) -> bool) {
        self.0.retain_mut(|(name, value)| keep(name, value));
    }

    /// The members in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// The members in order, values for change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// The names in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<CompactString> + AsRef<str>, V: Into<Value>> FromIterator<(K, V)> for Object {
    /// A later member replaces an earlier one of the same name.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        let mut object = Self::new();
        for (key, value) in members {
            object.insert(key, value);
        }
        object
    }
}

/// The members of an [`Object`] in order.
#[derive(Clone)]
pub struct Iter<'a>(std::slice::Iter<'a, (CompactString, Value)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_str(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a str, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Object {
    type Item = (CompactString, Value);
    type IntoIter = std::vec::IntoIter<(CompactString, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
