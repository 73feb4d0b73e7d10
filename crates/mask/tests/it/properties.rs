//! What masking promises for any patient and any note: nothing planted is left, a masked text stays as it is, places are right, shifted
//! dates keep their intervals, surrogates stay the same.
//!
//! Patients and notes are made up here, from lists of this file and by chance.

mod dates;
mod notes;
mod offsets;
mod people;
mod surrogates;
mod survivors;
mod twice;

use mask::transform::Day;
use mask::{Desk, Engine, Profile, Style, Subject, Tier, Wishes};

/// One desk for all cases: making one reads the rules for FHIR.
fn desk() -> &'static Desk {
    static DESK: std::sync::LazyLock<Desk> =
        std::sync::LazyLock::new(|| Desk::new(Engine::new(), None).unwrap());
    &DESK
}

fn today() -> Day {
    Day::from_ymd(2026, 11, 30).unwrap()
}

fn wishes(style: Style, profile: Profile, known: Option<&Subject>) -> Wishes<'_> {
    Wishes { profile, tier: Tier::Full, style, known, patient: None, today: today() }
}
