//! Keys, a stand-in finder and the shared samples.

use std::io::Read;
use std::path::PathBuf;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use mask::records::{Finder, Scope, Tools};
use mask::transform::{Day, Plan};
use mask::{Entity, Keys, Kind, Reason};
use proptest::prelude::ProptestConfig;

/// Keys made of one byte.
pub(crate) struct TestKeys(pub(crate) u8);

impl Keys for TestKeys {
    fn mac(&self, label: &str, data: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[self.0; 32]);
        let derived = hmac::sign(&key, label.as_bytes());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()), data);
        tag.as_ref().try_into().unwrap()
    }

    fn block(&self, mut block: [u8; 16]) -> [u8; 16] {
        let key = EncryptingKey::ecb(UnboundCipherKey::new(&AES_256, &[!self.0; 32]).unwrap()).unwrap();
        key.encrypt(&mut block).unwrap();
        block
    }
}

/// Finds dates written as digits and a few words that stand here, so that these tests do not depend on the engine.
pub(crate) struct Words(pub(crate) &'static [(&'static str, Kind)]);

impl Finder for Words {
    fn find(&self, text: &str) -> Vec<Entity> {
        let found = |range, kind| Entity { range, kind, score: 1.0, reason: Reason::Tagger };
        let mut entities: Vec<Entity> = self
            .0
            .iter()
            .flat_map(|(word, kind)| {
                text.match_indices(word).map(move |(at, _)| found(at..at + word.len(), *kind))
            })
            .collect();
        let is_date = |letter: char| letter.is_ascii_digit() || matches!(letter, '/' | '-');
        let mut start = None;
        for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
            match start {
                None if letter.is_ascii_digit() => start = Some(at),
                Some(from) if !is_date(letter) => {
                    start = None;
                    let word = &text[from..at];
                    if (8..=10).contains(&word.len()) && word.matches(['/', '-']).count() == 2 {
                        entities.push(found(from..at, Kind::Date));
                    }
                }
                _ => {}
            }
        }
        entities
    }
}

/// A finder that knows dates only.
pub(crate) const DATES: Words = Words(&[]);

/// So many cases, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok());
    ProptestConfig::with_cases(asked.unwrap_or(count))
}

/// The tools of most tests.
pub(crate) fn tools<'a>(keys: &'a TestKeys, finder: &'a dyn Finder, plan: &'a Plan) -> Tools<'a> {
    Tools { finder, keys, plan }
}

/// The scope of most tests.
pub(crate) fn scope() -> Scope<'static> {
    Scope::on(Day::from_ymd(2026, 11, 30).unwrap())
}

/// A folder of the shared samples; `None`, with a line that says so, if it is absent. `checks` is how many checks are skipped
/// then.
pub(crate) fn corpus(path: &str, checks: usize) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let folder = std::env::var_os("WARD_SHARED").map_or_else(beside, PathBuf::from).join("corpus").join(path);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("skipped: {checks} corpus checks, shared folder absent");
    None
}

/// The lines of a gzipped NDJSON file.
pub(crate) fn lines(path: PathBuf) -> Vec<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}
