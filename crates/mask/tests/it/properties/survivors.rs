//! Nothing that is known of the patient survives the `record` tier, however it is written.

use mask::{Profile, Style, Subject};
use proptest::prelude::*;

use super::notes::{disguised, noise, note};
use super::people::{self, Person, folded, person};
use super::{desk, wishes};
use crate::invariants::Plain;
use crate::support::cases;

/// Some of the ways in which what is known of a person is written.
fn written(person: &Person, picks: &[usize]) -> Vec<String> {
    let sorts = [
        people::names(person),
        people::dates(person),
        people::numbers(person),
        people::places(person),
        people::misspelled(person),
    ];
    let filled: Vec<&Vec<String>> = sorts.iter().filter(|sort| !sort.is_empty()).collect();
    picks
        .iter()
        .enumerate()
        .map(|(at, pick)| filled[at % filled.len()][pick % filled[at % filled.len()].len()].clone())
        .collect()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn nothing_planted_survives(
        person in person(),
        picks in prop::collection::vec(0_usize..1000, 1..8),
        disguises in prop::collection::vec((any::<u8>(), any::<usize>()), 8),
        carriers in prop::collection::vec(0_usize..20, 8),
        noise in prop::collection::vec(noise(), 0..4),
    ) {
        let values: Vec<String> = written(&person, &picks)
            .iter()
            .zip(&disguises)
            .map(|(value, (how, place))| disguised(value, *how, *place))
            .collect();
        let note = note(&values, &carriers, &noise);
        let subject = Subject::from_patient(&person.resource());
        let masked = desk().text(&note.text, &Plain, &wishes(Style::Labels, Profile::SafeHarbor, Some(&subject)));
        for (planted, value) in note.planted.iter().zip(&values) {
            for (at, letter) in note.text[planted.clone()].char_indices().filter(|(_, letter)| letter.is_alphanumeric()) {
                let place = planted.start + at;
                prop_assert!(
                    masked.entities.iter().any(|entity| entity.range.contains(&place)),
                    "{letter:?} of {value:?} is left: {:?}", masked.text
                );
            }
            let telling = folded(value);
            // Noise may hold a name that is a word ("Brown stool") as that word.
            let by_chance = telling.chars().count() < 5
                || person.wordy && noise.iter().any(|piece| folded(piece).contains(&telling));
            prop_assert!(by_chance || !folded(&masked.text).contains(&telling), "{value:?} is left in {:?}", masked.text);
        }
    }
}
