//! What must hold for any bytes at all. The fuzz targets include this file too.
#![allow(unreachable_pub, reason = "the fuzz targets include this file too")]

use mask::transform::Day;
use mask::{Desk, Engine, Keys, Profile, Style, Tier, Wishes};

/// Keys that need no cryptography: for these checks only their being a function matters.
pub struct Plain;

impl Keys for Plain {
    fn mac(&self, label: &str, data: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for (at, byte) in label.bytes().chain([0]).chain(data.iter().copied()).chain(0..32).enumerate() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            out[at % 32] ^= state.to_be_bytes()[0];
        }
        out
    }

    fn block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut out = block;
        for round in 0..4_u8 {
            for at in 0..16 {
                out[at] = out[at].wrapping_mul(31).wrapping_add(out[(at + 7) % 16]).wrapping_add(round);
            }
        }
        out
    }
}

fn wishes(profile: Profile, tier: Tier) -> Wishes<'static> {
    let today = Day::of_time(1_796_000_000_000);
    Wishes { profile, tier, style: Style::Labels, known: None, patient: None, today }
}

fn desk() -> Desk {
    Desk::new(Engine::new(), None).unwrap()
}

/// Entities of a text lie on characters, ascending, beside each other, and so does what stands in their place.
pub fn check_text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let desk = desk();
    for (profile, tier) in [(Profile::SafeHarbor, Tier::Full), (Profile::MaxRecall, Tier::Scan)] {
        let wishes = wishes(profile, tier);
        let mut last = 0;
        for entity in desk.entities(&text, &wishes) {
            assert!(last <= entity.range.start && entity.range.start < entity.range.end);
            assert!(text.get(entity.range.clone()).is_some());
            assert!((0.0..=1.0).contains(&entity.score));
            last = entity.range.end;
        }
        let once = desk.text(&text, &Plain, &wishes);
        let mut kept = 0;
        for replaced in &once.replaced {
            assert!(
                once.text.get(replaced.new.clone()).is_some() && text.get(replaced.old.clone()).is_some()
            );
            kept += replaced.old.len();
        }
        assert!(kept <= text.len());
        assert_eq!(desk.text(&once.text, &Plain, &wishes).text, once.text, "masking twice is masking once");
    }
}

/// Records of every format are masked or refused.
pub fn check_record(input: &[u8]) {
    let desk = desk();
    let wishes = wishes(Profile::SafeHarbor, Tier::Scan);
    if let Ok(value) = fhir::json::parse(input, &fhir::json::Limits::default())
        && let Ok(masked) = desk.fhir(&value, &Plain, &wishes)
    {
        let again = desk.fhir(&masked.resource, &Plain, &wishes).unwrap();
        assert!(again.resource == masked.resource, "masking twice is masking once");
    }
    if let Ok(masked) = desk.hl7v2(input, &Plain, &wishes) {
        let again = desk.hl7v2(&masked.bytes, &Plain, &wishes).unwrap();
        assert_eq!(again.bytes, masked.bytes);
    }
    if let Ok(masked) = desk.ccda(input, &Plain, &wishes) {
        let again = desk.ccda(&masked.bytes, &Plain, &wishes).unwrap();
        assert_eq!(again.bytes, masked.bytes);
    }
    let _ = desk.csv(input, None, &Plain, &wishes);
    let _ = desk.dicom(input, &Plain, &wishes);
    let _ = desk.image(input, &wishes);
}
