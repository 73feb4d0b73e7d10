//! Masking what was masked changes nothing.

use mask::transform::Day;
use mask::{Profile, Style, Subject, Tier, Wishes};
use proptest::prelude::*;

use super::notes::{noise, note};
use super::people::{self, folded, person};
use super::{desk, today, wishes};
use crate::invariants::Plain;
use crate::support::cases;

/// Any text: sentences, names and numbers by chance, letters of all scripts.
fn any_text() -> impl Strategy<Value = String> {
    prop::collection::vec(noise(), 1..4).prop_map(|parts| parts.concat())
}

fn styles() -> impl Strategy<Value = Style> {
    prop::sample::select(&[Style::Labels, Style::Tags, Style::Remove][..])
}

fn profiles() -> impl Strategy<Value = Profile> {
    prop::sample::select(&Profile::ALL[..])
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_masked_text_stays_as_it_is(
        text in any_text(), style in styles(), profile in profiles(), tier in prop::sample::select(&Tier::ALL[..]),
    ) {
        let wishes = Wishes { tier, ..wishes(style, profile, None) };
        let once = desk().text(&text, &Plain, &wishes);
        let twice = desk().text(&once.text, &Plain, &wishes);
        prop_assert_eq!(&twice.text, &once.text);
    }

    #[test]
    fn a_note_masked_with_a_record_stays_as_it_is(
        person in person(), pick in 0_usize..1000, noise in prop::collection::vec(noise(), 1..3), style in styles(), profile in profiles(),
    ) {
        let sorts = [people::names(&person), people::dates(&person), people::numbers(&person), people::places(&person)];
        let values: Vec<String> = sorts.iter().map(|sort| sort[pick % sort.len()].clone()).collect();
        let note = note(&values, &[pick, pick + 1, pick + 2], &noise);
        let subject = Subject::from_patient(&person.resource());
        let wishes = wishes(style, profile, Some(&subject));
        let once = desk().text(&note.text, &Plain, &wishes);
        let twice = desk().text(&once.text, &Plain, &wishes);
        prop_assert_eq!(&twice.text, &once.text);
    }

    #[test]
    fn what_is_reported_is_what_was_replaced(text in any_text(), style in prop::sample::select(&Style::ALL[..]), shifted in any::<bool>()) {
        let wishes = Wishes { patient: shifted.then_some("Patient/1"), ..wishes(style, Profile::SafeHarbor, None) };
        let note = desk().text(&text, &Plain, &wishes);
        let mut rebuilt = String::new();
        let mut done = 0;
        for replaced in &note.replaced {
            rebuilt.push_str(&text[done..replaced.old.start]);
            prop_assert_eq!(replaced.new.start, rebuilt.len());
            rebuilt.push_str(&note.text[replaced.new.clone()]);
            done = replaced.old.end;
            prop_assert!(note.entities.iter().any(|entity| entity.range == replaced.old && entity.kind == replaced.kind));
        }
        rebuilt.push_str(&text[done..]);
        prop_assert_eq!(&rebuilt, &note.text);
    }

    /// Nothing tells a surrogate from a name: masked again it is another. What was hidden stays hidden.
    #[test]
    fn surrogates_masked_again_hide_what_they_hid(person in person(), pick in 0_usize..1000) {
        let sorts = [people::names(&person), people::numbers(&person)];
        let values: Vec<String> = sorts.iter().map(|sort| sort[pick % sort.len()].clone()).collect();
        let note = note(&values, &[pick], &[]);
        let subject = Subject::from_patient(&person.resource());
        let wishes = wishes(Style::Surrogates, Profile::SafeHarbor, Some(&subject));
        let once = desk().text(&note.text, &Plain, &wishes);
        let twice = desk().text(&once.text, &Plain, &wishes);
        for value in values.iter().filter(|value| folded(value).chars().count() >= 6) {
            prop_assert!(!folded(&twice.text).contains(&folded(value)), "{value:?} in {:?}", twice.text);
        }
    }
}

#[test]
fn tags_are_known_by_the_key_that_made_them() {
    let tagged = wishes(Style::Tags, Profile::SafeHarbor, None);
    let once = desk().text("Seen by Dr. Zoë Ünal, MRN 00482913.", &Plain, &tagged);
    assert!(once.text.contains("[NAME-") && once.text.contains("[MRN-"), "{}", once.text);
    // Under any style: they are no names.
    for style in [Style::Labels, Style::Tags, Style::Remove, Style::Surrogates] {
        let wishes = wishes(style, Profile::SafeHarbor, None);
        assert_eq!(desk().text(&once.text, &Plain, &wishes).text, once.text, "{style:?}");
    }
}

#[test]
fn ages_and_zip_codes_that_were_made_coarser_stay() {
    for style in [Style::Labels, Style::Tags, Style::Surrogates] {
        let wishes = wishes(style, Profile::SafeHarbor, None);
        let once = desk().text(
            "A 94-year-old man, zip code 02139, and a ninety-four year old woman.",
            &Plain,
            &wishes,
        );
        assert!(once.text.contains("90-year-old") && once.text.contains("02100"), "{}", once.text);
        assert_eq!(desk().text(&once.text, &Plain, &wishes).text, once.text);
    }
    assert!(Day::from_ymd(2026, 11, 30) == Some(today()));
}
