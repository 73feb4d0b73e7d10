//! A small hash table from names to facts, made once and read often.

/// Names with a value each. Open addressing at most half full, so a look-up is one hash and mostly one comparison.
#[derive(Debug)]
pub(super) struct Names<T> {
    slots: Vec<Option<(&'static str, T)>>,
}

/// No element of R4 has a longer name; longer ones need not be hashed.
const NAME_BYTES_MAX: usize = 64;

impl<T> Names<T> {
    pub(super) fn new(entries: Vec<(&'static str, T)>) -> Self {
        let mut slots = Vec::new();
        slots.resize_with((entries.len() * 2).next_power_of_two(), || None);
        let mut names = Self { slots };
        for (name, value) in entries {
            let mask = names.slots.len() - 1;
            let mut at = hash(name) & mask;
            while names.slots.get(at).is_some_and(Option::is_some) {
                at = (at + 1) & mask;
            }
            if let Some(slot) = names.slots.get_mut(at) {
                *slot = Some((name, value));
            }
        }
        names
    }

    #[inline]
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = hash(name) & mask;
        loop {
            match self.slots.get(at)? {
                Some((known, value)) if *known == name => return Some(value),
                Some(_) => at = (at + 1) & mask,
                None => return None,
            }
        }
    }
}

/// FNV-1a. The names that are stored are ours, so nobody can make them collide.
#[inline]
fn hash(name: &str) -> usize {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (hash ^ (hash >> 32)) as usize
}
