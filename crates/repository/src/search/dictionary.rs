//! The texts of string parameters, sorted in memory: what gives prefix search, `:contains`, `:exact` and order, while keys
//! hold only a text's number.
//!
//! A dictionary belongs to a tenant and a parameter and only grows. Its texts stand sealed in the `dictionary` space, many
//! to a row; a dictionary is read when first asked for. A text is in the dictionary before a posting with its number can be
//! seen, and a text's place among others never changes, so that a reader with an older snapshot may use a newer dictionary:
//! texts it does not know have no postings there.
//!
//! In memory a dictionary is a few sorted runs, merged when an older one is not much larger, and a small young part. Runs
//! follow each other in age, hence each holds a contiguous stretch of numbers.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use fhir::search::normalise;
use parking_lot::{Mutex, RwLock};
use storage::engine::Reader;
use storage::keys::{KeyRing, TenantId};
use storage::seal;

use super::header::{push_varint, take_varint};
use super::{SearchError, scan_prefix};
use crate::layout;

/// Texts in the young part before it becomes a run.
const YOUNG_MAX: usize = 1024;

/// Seals and opens rows of dictionaries; the store has the keys.
pub(crate) trait RowSealer: Send + Sync {
    /// Seals a row. `place` (the row's key) is bound to it.
    ///
    /// # Errors
    /// When the tenant's key is not to be had.
    fn seal(&self, tenant: u32, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SearchError>;

    /// Opens what [`Self::seal`] made at the same place.
    ///
    /// # Errors
    /// When the key is not to be had, or the row is not what was sealed there.
    fn open(&self, tenant: u32, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SearchError>;
}

impl RowSealer for KeyRing {
    fn seal(&self, tenant: u32, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SearchError> {
        let key = self.general_key(TenantId(tenant)).map_err(|error| SearchError::Store(Box::new(error)))?;
        Ok(seal::seal(&key, &[b"search", &tenant.to_be_bytes(), place], plain).into_bytes())
    }

    fn open(&self, tenant: u32, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SearchError> {
        seal::open_with(self, &[b"search", &tenant.to_be_bytes(), place], sealed)
            .map_err(|error| SearchError::Store(Box::new(error)))
    }
}

/// All dictionaries of a store, shared by the committer (which adds texts) and searches.
pub(crate) struct Dictionaries {
    sealer: Arc<dyn RowSealer>,
    open: RwLock<HashMap<(u32, u16), Arc<Dictionary>>>,
    loading: Mutex<()>,
}

impl std::fmt::Debug for Dictionaries {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Dictionaries({})", self.open.read().len())
    }
}

impl Dictionaries {
    /// No dictionary is read yet.
    pub(crate) fn new(sealer: Arc<dyn RowSealer>) -> Self {
        Self { sealer, open: RwLock::default(), loading: Mutex::default() }
    }

    /// Forgets all that is in memory: to be called after a batch with new texts could not be written.
    pub(crate) fn forget(&self) {
        self.open.write().clear();
    }

    /// Forgets the texts of a parameter whose rows are gone.
    pub(crate) fn forget_parameter(&self, tenant: u32, parameter: u16) {
        self.open.write().remove(&(tenant, parameter));
    }

    /// The dictionary of a tenant's parameter, read by `reader` when it is asked for the first time.
    ///
    /// A reader's snapshot must not be older than the last commit when the committer may add to the dictionary; so the
    /// store hands in the engine itself, not a snapshot.
    pub(crate) fn get(
        &self,
        reader: &dyn Reader,
        tenant: u32,
        parameter: u16,
    ) -> Result<Arc<Dictionary>, SearchError> {
        if let Some(open) = self.open.read().get(&(tenant, parameter)) {
            return Ok(Arc::clone(open));
        }
        let _one = self.loading.lock();
        if let Some(open) = self.open.read().get(&(tenant, parameter)) {
            return Ok(Arc::clone(open));
        }
        let dictionary = Arc::new(self.load(reader, tenant, parameter)?);
        self.open.write().insert((tenant, parameter), Arc::clone(&dictionary));
        Ok(dictionary)
    }

    fn load(&self, reader: &dyn Reader, tenant: u32, parameter: u16) -> Result<Dictionary, SearchError> {
        let prefix = layout::Key::new(tenant).u16(parameter).into_vec();
        let mut all = Vec::new();
        for row in scan_prefix(reader, layout::DICTIONARY, &prefix) {
            let (key, sealed) = row?;
            let plain = self.sealer.open(tenant, &key, &sealed)?;
            let first = key.last_chunk::<4>().map(|number| u32::from_be_bytes(*number));
            if first != Some(all.len() as u32) {
                return Err(SearchError::Corrupt);
            }
            let mut number = all.len() as u32..;
            read_row(&plain, |raw| all.extend(number.next().map(|number| Entry::new(raw, number))))
                .ok_or(SearchError::Corrupt)?;
        }
        let dictionary = Dictionary::default();
        if !all.is_empty() {
            all.sort_unstable();
            let run = Run::build(0, all.iter().map(|entry| (&*entry.normal, &*entry.raw, entry.number)));
            let mut state = dictionary.state.write();
            state.count = run.entries.len() as u32;
            state.runs.push(Arc::new(run));
        }
        Ok(dictionary)
    }
}

/// Key and value of a row of the `dictionary` space.
pub(crate) type SealedRow = (Vec<u8>, Vec<u8>);

/// The texts that a batch adds, gathered by [`NewTexts::number`] and written by [`NewTexts::rows`].
#[derive(Default)]
pub(crate) struct NewTexts {
    /// Nothing may be added: a text that is not known has the number [`UNKNOWN_TEXT`].
    looking: bool,
    added: BTreeMap<(u32, u16), (u32, Vec<u8>)>,
}

impl std::fmt::Debug for NewTexts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "NewTexts({})", self.added.len())
    }
}

/// The number of a text that is in no dictionary, for who only looks.
const UNKNOWN_TEXT: u32 = u32::MAX;

impl NewTexts {
    /// Texts that are looked up and never added: for who is not the committer.
    pub(crate) fn looking() -> Self {
        Self { looking: true, added: BTreeMap::new() }
    }

    /// The number of a text (normalised, and as written), new if need be. Texts get numbers in the order in which they are asked for.
    pub(crate) fn number(
        &mut self,
        dictionaries: &Dictionaries,
        reader: &dyn Reader,
        (tenant, parameter): (u32, u16),
        normal: &str,
        raw: &str,
    ) -> Result<u32, SearchError> {
        let dictionary = dictionaries.get(reader, tenant, parameter)?;
        if let Some(number) = dictionary.find(normal, raw) {
            return Ok(number);
        }
        if self.looking {
            return Ok(UNKNOWN_TEXT);
        }
        let number = dictionary.add(normal, raw);
        let (_, row) = self.added.entry((tenant, parameter)).or_insert_with(|| (number, Vec::new()));
        push_varint(row, raw.len() as u64);
        row.extend_from_slice(raw.as_bytes());
        Ok(number)
    }

    /// Leaves out what was added for a parameter whose rows are gone.
    pub(crate) fn forget(&mut self, tenant: u32, parameter: u16) {
        self.added.remove(&(tenant, parameter));
    }

    /// The sealed rows to be written with the batch: keys and values of the `dictionary` space.
    pub(crate) fn rows(self, dictionaries: &Dictionaries) -> Result<Vec<SealedRow>, SearchError> {
        self.added
            .into_iter()
            .map(|((tenant, parameter), (first, row))| {
                let key = layout::dictionary_key(tenant, parameter, first);
                let sealed = dictionaries.sealer.seal(tenant, &key, &row)?;
                Ok((key, sealed))
            })
            .collect()
    }
}

fn read_row(mut plain: &[u8], mut take: impl FnMut(&str)) -> Option<()> {
    while !plain.is_empty() {
        let length = usize::try_from(take_varint(&mut plain)?).ok()?;
        let (text, rest) = plain.split_at_checked(length)?;
        take(std::str::from_utf8(text).ok()?);
        plain = rest;
    }
    Some(())
}

/// The texts of one parameter of one tenant.
#[derive(Default)]
pub(crate) struct Dictionary {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    runs: Vec<Arc<Run>>,
    young: BTreeMap<(Box<str>, Box<str>), u32>,
    /// The same by number.
    young_texts: Vec<(Box<str>, Box<str>)>,
    count: u32,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    normal: String,
    raw: String,
    number: u32,
}

impl Entry {
    fn new(raw: &str, number: u32) -> Self {
        Self { normal: normalise::string(raw), raw: raw.to_owned(), number }
    }
}

impl Dictionary {
    /// The number of a text as it is written, if it is known.
    pub(crate) fn find(&self, normal: &str, raw: &str) -> Option<u32> {
        let state = self.state.read();
        if let Some(number) = state.runs.iter().find_map(|run| run.find(normal, raw)) {
            return Some(number);
        }
        if state.young.is_empty() { None } else { state.young.get(&(normal.into(), raw.into())).copied() }
    }

    fn add(&self, normal: &str, raw: &str) -> u32 {
        let mut state = self.state.write();
        let number = state.count;
        state.count += 1;
        state.young_texts.push((normal.into(), raw.into()));
        state.young.insert((normal.into(), raw.into()), number);
        if state.young.len() >= YOUNG_MAX {
            state.young_texts.clear();
            let young = std::mem::take(&mut state.young);
            let first = state.count - young.len() as u32;
            let run =
                Run::build(first, young.iter().map(|((normal, raw), number)| (&**normal, &**raw, *number)));
            state.runs.push(Arc::new(run));
            state.merge();
        }
        number
    }

    /// Calls `take` with the number of each text whose normalised form begins with `normal`, until it breaks.
    pub(crate) fn prefix(&self, normal: &str, take: &mut dyn FnMut(u32) -> ControlFlow<()>) {
        let runs = {
            let state = self.state.read();
            let from = (Box::from(normal), Box::from(""));
            for ((text, _), number) in state.young.range(from..) {
                if !text.starts_with(normal) {
                    break;
                }
                if take(*number).is_break() {
                    return;
                }
            }
            state.runs.clone()
        };
        for run in runs {
            let start = run.entries.partition_point(|entry| run.normal(entry) < normal);
            for entry in run.entries.iter().skip(start) {
                if !run.normal(entry).starts_with(normal) {
                    break;
                }
                if take(entry.number).is_break() {
                    return;
                }
            }
        }
    }

    /// Calls `take` with the number of each text whose normalised form contains `normal`, until it breaks.
    pub(crate) fn contains(&self, normal: &str, take: &mut dyn FnMut(u32) -> ControlFlow<()>) {
        let runs = {
            let state = self.state.read();
            for ((text, _), number) in &state.young {
                if text.contains(normal) && take(*number).is_break() {
                    return;
                }
            }
            state.runs.clone()
        };
        for run in runs {
            for entry in &run.entries {
                if run.normal(entry).contains(normal) && take(entry.number).is_break() {
                    return;
                }
            }
        }
    }

    /// Calls `take` with the number of each text whose normalised form passes, until it breaks.
    pub(crate) fn select(&self, passes: &dyn Fn(&str) -> bool, take: &mut dyn FnMut(u32) -> ControlFlow<()>) {
        let runs = {
            let state = self.state.read();
            for ((text, _), number) in &state.young {
                if passes(text) && take(*number).is_break() {
                    return;
                }
            }
            state.runs.clone()
        };
        for run in runs {
            for entry in &run.entries {
                if passes(run.normal(entry)) && take(entry.number).is_break() {
                    return;
                }
            }
        }
    }

    /// Calls `take` with each text (normalised, as written, number), until it breaks.
    pub(crate) fn each(&self, take: &mut dyn FnMut(&str, &str, u32) -> ControlFlow<()>) {
        let runs = {
            let state = self.state.read();
            for ((normal, raw), number) in &state.young {
                if take(normal, raw, *number).is_break() {
                    return;
                }
            }
            state.runs.clone()
        };
        for run in runs {
            for entry in &run.entries {
                let (normal, raw) = run.texts(entry);
                if take(normal, raw, entry.number).is_break() {
                    return;
                }
            }
        }
    }

    /// The normalised form of the text with this number.
    pub(crate) fn normal(&self, number: u32) -> Option<String> {
        self.text(number, |normal, _| normal.to_owned())
    }

    /// What `read` makes of the text with this number, normalised and as written.
    pub(crate) fn text<T>(&self, number: u32, read: impl FnOnce(&str, &str) -> T) -> Option<T> {
        let state = self.state.read();
        let run = state.runs.partition_point(|run| run.first <= number).checked_sub(1);
        if let Some((normal, raw)) =
            run.and_then(|at| state.runs.get(at)).and_then(|run| run.numbered(number))
        {
            return Some(read(normal, raw));
        }
        let first = state.count - state.young_texts.len() as u32;
        let (normal, raw) = state.young_texts.get(number.checked_sub(first)? as usize)?;
        Some(read(normal, raw))
    }

    /// The texts there are.
    pub(crate) fn count(&self) -> u64 {
        u64::from(self.state.read().count)
    }
}

impl State {
    /// Merges the youngest runs while the older one is less than twice as large: runs stay few, each text is copied a
    /// logarithmic number of times.
    fn merge(&mut self) {
        while let [.., older, newer] = self.runs.as_slice() {
            if older.entries.len() >= 2 * newer.entries.len() {
                return;
            }
            let merged = Arc::new(Run::merge(older, newer));
            self.runs.truncate(self.runs.len() - 2);
            self.runs.push(merged);
        }
    }
}

/// Sorted texts with numbers from `first` on, all bytes in one piece.
struct Run {
    first: u32,
    bytes: String,
    entries: Vec<Slot>,
    /// Place in `entries` by number less `first`.
    places: Vec<u32>,
}

struct Slot {
    start: u32,
    normal_length: u16,
    raw_length: u16,
    number: u32,
}

impl Run {
    fn build<'a>(first: u32, sorted: impl Iterator<Item = (&'a str, &'a str, u32)>) -> Self {
        let mut run = Self { first, bytes: String::new(), entries: Vec::new(), places: Vec::new() };
        for (normal, raw, number) in sorted {
            run.push(normal, raw, number);
        }
        run.finish()
    }

    fn merge(older: &Self, newer: &Self) -> Self {
        let mut run = Self {
            first: older.first,
            bytes: String::with_capacity(older.bytes.len() + newer.bytes.len()),
            entries: Vec::with_capacity(older.entries.len() + newer.entries.len()),
            places: Vec::new(),
        };
        let (mut left, mut right) = (older.entries.iter().peekable(), newer.entries.iter().peekable());
        loop {
            let (from, entry) = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if older.texts(a) <= newer.texts(b) => (older, left.next()),
                (_, Some(_)) => (newer, right.next()),
                (_, None) => (older, left.next()),
            };
            let Some(entry) = entry else { break };
            let (normal, raw) = from.texts(entry);
            run.push(normal, raw, entry.number);
        }
        run.finish()
    }

    fn push(&mut self, normal: &str, raw: &str, number: u32) {
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let lengths = (u16::try_from(normal.len()), u16::try_from(raw.len()));
        let (Ok(normal_length), Ok(raw_length)) = lengths else { return };
        self.bytes.push_str(normal);
        self.bytes.push_str(raw);
        self.entries.push(Slot { start, normal_length, raw_length, number });
    }

    fn finish(mut self) -> Self {
        self.places = vec![u32::MAX; self.entries.len()];
        for (place, entry) in (0_u32..).zip(&self.entries) {
            if let Some(slot) = self.places.get_mut(entry.number.wrapping_sub(self.first) as usize) {
                *slot = place;
            }
        }
        self
    }

    fn texts(&self, slot: &Slot) -> (&str, &str) {
        let start = slot.start as usize;
        let middle = start + usize::from(slot.normal_length);
        let end = middle + usize::from(slot.raw_length);
        (self.bytes.get(start..middle).unwrap_or(""), self.bytes.get(middle..end).unwrap_or(""))
    }

    fn normal(&self, slot: &Slot) -> &str {
        self.texts(slot).0
    }

    fn find(&self, normal: &str, raw: &str) -> Option<u32> {
        let at = self.entries.binary_search_by(|slot| self.texts(slot).cmp(&(normal, raw))).ok()?;
        self.entries.get(at).map(|slot| slot.number)
    }

    fn numbered(&self, number: u32) -> Option<(&str, &str)> {
        let place = *self.places.get(number.checked_sub(self.first)? as usize)?;
        self.entries.get(place as usize).map(|slot| self.texts(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(walk: impl FnOnce(&mut dyn FnMut(u32) -> ControlFlow<()>)) -> Vec<u32> {
        let mut found = Vec::new();
        walk(&mut |number| {
            found.push(number);
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    #[test]
    fn many_texts_are_found_in_every_way_across_runs() {
        let dictionary = Dictionary::default();
        let raw = |number: u32| format!("Nàme {:05}", number.wrapping_mul(7919) % 100_000);
        for number in 0..20_000 {
            assert_eq!(dictionary.add(&normalise::string(&raw(number)), &raw(number)), number);
        }
        assert!(dictionary.state.read().runs.len() < 12);
        for number in (0..20_000).step_by(977) {
            let normal = normalise::string(&raw(number));
            assert_eq!(dictionary.find(&normal, &raw(number)), Some(number));
            assert_eq!(dictionary.find(&normal, "name"), None);
            assert_eq!(dictionary.normal(number).unwrap(), normal);
            assert_eq!(dictionary.text(number, |_, raw| raw.to_owned()).unwrap(), raw(number));
        }
        let all = |test: &dyn Fn(&str) -> bool| -> Vec<u32> {
            (0..20_000).filter(|number| test(&normalise::string(&raw(*number)))).collect()
        };
        assert_eq!(
            numbers(|take| dictionary.prefix("name 01", take)),
            all(&|text| text.starts_with("name 01"))
        );
        assert_eq!(numbers(|take| dictionary.contains("123", take)), all(&|text| text.contains("123")));
        assert_eq!(numbers(|take| dictionary.each(&mut |_, _, number| take(number))), all(&|_| true));
        assert_eq!(dictionary.count(), 20_000);
        assert_eq!(dictionary.normal(20_000), None);
    }
}
