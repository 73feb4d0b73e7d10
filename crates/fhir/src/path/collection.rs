//! A collection of items that needs no heap while it holds at most one.

use super::item::Item;

#[derive(Clone, Debug, Default)]
pub(super) enum Items<'a> {
    #[default]
    Empty,
    One(Item<'a>),
    Many(Vec<Item<'a>>),
}

impl<'a> Items<'a> {
    pub(super) fn as_slice(&self) -> &[Item<'a>] {
        match self {
            Self::Empty => &[],
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, item: Item<'a>) {
        match std::mem::take(self) {
            Self::Empty => *self = Self::One(item),
            Self::One(first) => {
                let mut items = Vec::with_capacity(4);
                items.push(first);
                items.push(item);
                *self = Self::Many(items);
            }
            Self::Many(mut items) => {
                items.push(item);
                *self = Self::Many(items);
            }
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        match other {
            Self::Empty => {}
            Self::One(item) => self.push(item),
            Self::Many(items) => items.into_iter().for_each(|item| self.push(item)),
        }
    }

    pub(super) fn into_vec(self) -> Vec<Item<'a>> {
        match self {
            Self::Empty => Vec::new(),
            Self::One(item) => vec![item],
            Self::Many(items) => items,
        }
    }

    pub(super) fn into_first(self) -> Self {
        self.into_vec_first().map_or(Self::Empty, Self::One)
    }

    fn into_vec_first(self) -> Option<Item<'a>> {
        match self {
            Self::Empty => None,
            Self::One(item) => Some(item),
            Self::Many(items) => items.into_iter().next(),
        }
    }
}

impl<'a> From<Vec<Item<'a>>> for Items<'a> {
    fn from(items: Vec<Item<'a>>) -> Self {
        Self::Many(items)
    }
}

impl<'a> From<Item<'a>> for Items<'a> {
    fn from(item: Item<'a>) -> Self {
        Self::One(item)
    }
}

impl From<bool> for Items<'_> {
    fn from(value: bool) -> Self {
        Self::One(Item::Boolean(value))
    }
}

impl From<i64> for Items<'_> {
    fn from(value: i64) -> Self {
        Self::One(Item::Integer(value))
    }
}

impl From<String> for Items<'_> {
    fn from(value: String) -> Self {
        Self::One(Item::String(value.into()))
    }
}

impl<'a, T: Into<Items<'a>>> From<Option<T>> for Items<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}
