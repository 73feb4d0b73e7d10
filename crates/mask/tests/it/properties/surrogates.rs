//! The same value has the same surrogate under a key, wherever it stands; another key has others; what was promised is kept.

use mask::transform::surrogate;
use mask::{Kind, Profile, Style, Subject};
use proptest::prelude::*;

use super::people::{folded, person, title};
use super::{desk, wishes};
use crate::invariants::Plain;
use crate::support::{TestKeys, cases};

const FEMALE: &str = include_str!("../../../src/transform/surrogate/female.txt");
const MALE: &str = include_str!("../../../src/transform/surrogate/male.txt");

fn block(letter: char) -> u32 {
    match u32::from(letter) {
        0x370..=0x3ff | 0x1f00..=0x1fff => 1,
        0x400..=0x52f => 2,
        0x590..=0x5ff => 3,
        0x600..=0x6ff => 4,
        0x3040..=0x30ff => 5,
        0x3400..=0x9fff => 6,
        0xac00..=0xd7a3 => 7,
        _ => 0,
    }
}

/// The scripts of the letters of a text, each once.
fn scripts(text: &str) -> Vec<u32> {
    let mut scripts: Vec<u32> = text.chars().filter(|letter| letter.is_alphabetic()).map(block).collect();
    scripts.sort_unstable();
    scripts.dedup();
    scripts
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_name_has_one_surrogate_in_every_text_and_letter_case(person in person(), key in any::<u8>()) {
        let keys = TestKeys(key);
        let subject = Subject::from_patient(&person.resource());
        let wishes = wishes(Style::Surrogates, Profile::SafeHarbor, Some(&subject));
        let (given, family) = (&person.given[0], &person.family);
        let expected = surrogate(&keys, Kind::Name, &format!("{given} {family}")).unwrap();
        for text in [format!("Patient: {given} {family}\n"), format!("The lungs of {given} {family} are clear.")] {
            let masked = desk().text(&text, &keys, &wishes).text;
            prop_assert!(masked.contains(&expected), "{text:?} became {masked:?}, without {expected:?}");
        }
        let shouted = surrogate(&keys, Kind::Name, &format!("{}, {}", family.to_uppercase(), given.to_uppercase())).unwrap();
        for word in shouted.split(", ") {
            prop_assert!(expected.to_uppercase().contains(&word.to_uppercase()), "{shouted:?} and {expected:?}");
        }
    }

    #[test]
    fn script_stays_and_nobody_gets_the_own_name(person in person(), key in any::<u8>()) {
        for name in person.given.iter().chain([&person.family]) {
            let other = surrogate(&TestKeys(key), Kind::Name, name).unwrap();
            prop_assert_eq!(scripts(&other), scripts(name), "{} became {}", name, other);
            prop_assert_ne!(folded(&other), folded(name));
        }
    }

    #[test]
    fn gender_and_about_the_length_stay(line in 0_usize..300, key in any::<u8>()) {
        for list in [FEMALE, MALE] {
            let name = list.lines().nth(line).unwrap();
            let name = title(&name.to_lowercase());
            let other = surrogate(&TestKeys(key), Kind::Name, &name).unwrap();
            let is_in = |list: &str, name: &str| list.lines().any(|line| line.eq_ignore_ascii_case(name));
            let both = is_in(FEMALE, &name) && is_in(MALE, &name);
            prop_assert!(both || is_in(list, &other), "{name} became {other}");
            prop_assert!(name.chars().count().abs_diff(other.chars().count()) <= 3, "{name} became {other}");
        }
    }

    #[test]
    fn numbers_keep_their_form_and_their_surrogate(letters in "[A-Z]{0,3}", digits in "[1-9][0-9]{5,9}", key in any::<u8>()) {
        let keys = TestKeys(key);
        let number = format!("{letters}{digits}");
        let other = surrogate(&keys, Kind::Mrn, &number).unwrap();
        prop_assert_eq!(&other, &surrogate(&keys, Kind::Mrn, &number).unwrap());
        prop_assert_ne!(&other, &number);
        let form = |text: &str| text.chars().map(|c| if c.is_ascii_digit() { '9' } else { 'A' }).collect::<String>();
        prop_assert_eq!(form(&other), form(&number));
        prop_assert_ne!(other, surrogate(&TestKeys(key.wrapping_add(1)), Kind::Mrn, &number).unwrap());
    }
}

#[test]
fn other_keys_give_other_names() {
    let all: std::collections::BTreeSet<String> =
        (0..50).filter_map(|key| surrogate(&TestKeys(key), Kind::Name, "Wanda Brzezicka")).collect();
    assert!(all.len() > 40, "{}", all.len());
    assert!(surrogate(&Plain, Kind::Name, "Wanda").is_some());
}
