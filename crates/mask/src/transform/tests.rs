use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use proptest::prelude::*;

use super::ff1::{self, Direction};
use super::*;
use crate::{Entity, Keys, Kind, Reason};

/// Keys made of bytes that stand here.
pub(crate) struct TestKeys {
    mac: Vec<u8>,
    block: Vec<u8>,
}

impl TestKeys {
    pub(crate) fn new(secret: u8) -> Self {
        Self { mac: vec![secret; 32], block: vec![secret ^ 0x55; 32] }
    }
}

impl Keys for TestKeys {
    fn mac(&self, label: &str, data: &[u8]) -> [u8; 32] {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.mac), label.as_bytes());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()), data);
        tag.as_ref().try_into().unwrap()
    }

    fn block(&self, mut block: [u8; 16]) -> [u8; 16] {
        let key = EncryptingKey::ecb(UnboundCipherKey::new(&AES_256, &self.block).unwrap()).unwrap();
        key.encrypt(&mut block).unwrap();
        block
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// NIST, FF1samples.pdf, samples 7 to 9 (AES-256).
#[test]
fn ff1_gives_the_published_results() {
    let block = from_hex("2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94");
    let keys = TestKeys { mac: vec![0], block };
    let check = |radix: u32, tweak: &str, plain: &str, cipher: &str| {
        let numerals = |text: &str| text.chars().map(|c| c.to_digit(36).unwrap()).collect::<Vec<_>>();
        let tweak = from_hex(tweak);
        let encrypted = ff1::apply(&keys, Direction::Encrypt, radix, &tweak, &numerals(plain)).unwrap();
        assert_eq!(encrypted, numerals(cipher));
        let decrypted = ff1::apply(&keys, Direction::Decrypt, radix, &tweak, &encrypted).unwrap();
        assert_eq!(decrypted, numerals(plain));
    };
    check(10, "", "0123456789", "6657667009");
    check(10, "39383736353433323130", "0123456789", "1001623463");
    check(36, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd");
}

#[test]
fn ff1_refuses_what_is_too_small() {
    let keys = TestKeys::new(1);
    for (radix, numerals) in
        [(10, vec![1; 5]), (10, vec![1]), (10, vec![]), (2, vec![1; 19]), (1, vec![0; 30])]
    {
        assert_eq!(ff1::apply(&keys, Direction::Encrypt, radix, b"", &numerals), None);
    }
    assert_eq!(ff1::apply(&keys, Direction::Encrypt, 10, b"", &[10; 8]), None);
}

#[test]
fn ids_too_short_to_encrypt_are_refused() {
    let keys = TestKeys::new(1);
    let cipher = IdCipher::new(&keys);
    for id in ["", "12345", "A123", "---", &"9".repeat(101)] {
        assert_eq!(cipher.encrypt("mrn", id), None, "{id}");
    }
    assert!(cipher.encrypt("mrn", "123456").is_some());
    assert_ne!(cipher.encrypt("mrn", "123456"), cipher.encrypt("ssn", "123456"));
}

#[test]
fn zip_codes_keep_three_digits_unless_few_people_live_there() {
    for (code, expected) in [
        ("02139", Some("02100")),
        ("02139-4307", Some("02100")),
        ("021394307", Some("02100")),
        ("03601", Some("00000")),
        ("89301-0001", Some("00000")),
        ("893", Some("000")),
        ("021", Some("021")),
        ("00000", Some("00000")),
        ("K1A 0B1", None),
        ("1234", None),
        ("", None),
    ] {
        assert_eq!(zip3(code, &SMALL_AREAS).as_deref(), expected, "{code}");
    }
}

#[test]
fn ages_over_89_become_90() {
    for (text, expected) in [
        ("92-year-old", Some("90-year-old")),
        ("aged 101", Some("aged 90")),
        ("89", Some("89")),
        ("90 y/o", Some("90 y/o")),
        ("ninety-two", None),
        ("99999999999999999999", Some("90")),
    ] {
        assert_eq!(top_code(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn surrogates_keep_gender_case_initials_and_titles() {
    let keys = TestKeys::new(7);
    let name = |text: &str| surrogate(&keys, Kind::Name, text).unwrap();
    let whole = name("Mary Johnson");
    let (given, family) = whole.split_once(' ').unwrap();
    assert!(include_str!("surrogate/female.txt").lines().any(|line| line == given));
    assert_ne!((given, family), ("Mary", "Johnson"));
    assert_eq!(name("JOHNSON, MARY"), format!("{}, {}", family.to_uppercase(), given.to_uppercase()));
    assert_eq!(name("Dr. Johnson's"), format!("Dr. {family}'s"));
    let initial = name("M. Johnson");
    assert!(initial.ends_with(family) && !initial.starts_with('M') && initial.as_bytes()[1] == b'.');
    assert!(name("Μαρία Παππάς").chars().all(|letter| !letter.is_ascii_alphabetic()));
    assert_eq!(name("王小明").chars().count(), 3);
    assert_eq!(surrogate(&keys, Kind::Name, "ชื่อ"), None);
}

#[test]
fn surrogates_of_numbers_belong_to_nobody() {
    let keys = TestKeys::new(7);
    let phone = surrogate(&keys, Kind::Phone, "+1 (617) 861-4321").unwrap();
    assert!(phone.starts_with("+1 (") && phone.contains(") 555-01"), "{phone}");
    let again = surrogate(&keys, Kind::Phone, "617.861.4321").unwrap();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).rev().take(10).collect::<String>();
    assert_eq!(digits(&phone), digits(&again));
    assert!(surrogate(&keys, Kind::Ssn, "123-45-6789").unwrap().starts_with('9'));
    assert!(surrogate(&keys, Kind::Email, "a@b.com").unwrap().ends_with("@example.org"));
    assert!(surrogate(&keys, Kind::Ip, "10.1.2.3").unwrap().starts_with("192.0.2."));
    let street = surrogate(&keys, Kind::Location, "123 Main Street, Apt 4").unwrap();
    assert!(street.contains("Street, Apt ") && !street.contains("Main"), "{street}");
}

#[test]
fn a_pseudonym_of_ours_comes_back_as_it_is_and_no_other_does() {
    let keys = TestKeys::new(3);
    let other = TestKeys::new(4);
    for make in [pseudonym::hex, pseudonym::short, pseudonym::uuid, pseudonym::oid] {
        let once = make(&keys, "id", "12345");
        assert_eq!(make(&keys, "id", &once), once);
        assert_ne!(make(&keys, "other", &once), once);
        assert_ne!(make(&other, "id", &once), once);
        assert_ne!(make(&keys, "id", "12346"), once);
    }
    assert!(pseudonym::looks_like_uuid(&pseudonym::uuid(&keys, "id", "x")));
    assert_eq!(pseudonym::hex(&keys, "id", "x").len(), 64);
}

#[test]
fn a_tag_that_was_not_made_here_is_no_label() {
    let keys = TestKeys::new(3);
    let text = format!("[NAME] {} [NAME-SMITHABC] [FOO] [NAME", tag(&keys, Kind::Name, "Smith"));
    assert_eq!(label::labels_in(&keys, &text).len(), 2);
}

fn words_as_names(text: &str) -> Vec<Entity> {
    text.match_indices(char::is_alphanumeric)
        .map(|(at, letter)| Entity {
            range: at..at + letter.len(),
            kind: Kind::Name,
            score: 1.0,
            reason: Reason::Tagger,
        })
        .collect()
}

#[test]
fn what_was_replaced_is_told_in_both_texts() {
    let keys = TestKeys::new(1);
    let plan = Plan::all(Transform::Label);
    let entity = |range, kind| Entity { range, kind, score: 1.0, reason: Reason::Tagger };
    let text = "Ann, born 3/4/1970";
    let entities = [entity(10..18, Kind::Date), entity(0..3, Kind::Name)];
    let mut tally = Tally::default();
    let masked = TextMasker::new(&keys, &plan, None).mask(text, &entities, &mut tally);
    assert_eq!(masked.text, "[NAME], born [DATE]");
    let shown: Vec<_> =
        masked.replaced.iter().map(|one| (&text[one.old.clone()], &masked.text[one.new.clone()])).collect();
    assert_eq!(shown, [("Ann", "[NAME]"), ("3/4/1970", "[DATE]")]);
    assert_eq!(tally.kinds().collect::<Vec<_>>(), [(Kind::Name, 1), (Kind::Date, 1)]);
}

#[test]
fn encrypted_values_come_back_only_under_their_keys() {
    let keys = TestKeys::new(1);
    let sealed = encrypt_value(&keys, "Example City");
    assert_eq!(encrypt_value(&keys, &sealed), sealed);
    assert_eq!(Reversal::new(&keys).value(&sealed).as_deref(), Some("Example City"));
    assert_eq!(Reversal::new(&TestKeys::new(2)).value(&sealed), None);
    assert_eq!(Reversal::new(&keys).value("not sealed"), None);
}

#[test]
fn a_patient_has_one_shift_however_it_is_named() {
    let keys = TestKeys::new(1);
    let options = ShiftOptions::new(Day::from_ymd(2026, 1, 1).unwrap());
    let shifted = |scope: &str| DateShift::derive(&keys, scope, &options).fhir("2020-05-17");
    for name in ["Patient/A1", "A1", " patient/a1", "a1"] {
        assert_eq!(shifted(name), shifted("a1"), "{name}");
    }
    assert_ne!(shifted("a1"), shifted("a2"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_encrypted_id_keeps_its_format_and_comes_back(id in "[A-Z]{0,3}-?[0-9]{6,12}[a-z]{0,2}", secret in 0_u8..8) {
        let keys = TestKeys::new(secret);
        let encrypted = IdCipher::new(&keys).encrypt("mrn", &id).unwrap();
        let form = |text: &str| -> Vec<char> {
            text.chars().map(|c| match c { '0'..='9' => '0', 'a'..='z' => 'a', 'A'..='Z' => 'A', _ => c }).collect()
        };
        prop_assert_eq!(form(&encrypted), form(&id));
        prop_assert_eq!(Reversal::new(&keys).id("mrn", &encrypted), Some(id));
    }

    #[test]
    fn surrogates_are_consistent_and_never_the_word_itself(word in "[A-Z][a-z]{2,9}", secret in 0_u8..8) {
        let keys = TestKeys::new(secret);
        let once = surrogate(&keys, Kind::Name, &word).unwrap();
        prop_assert_eq!(surrogate(&keys, Kind::Name, &word), Some(once.clone()));
        prop_assert_eq!(surrogate(&keys, Kind::Name, &word.to_uppercase()), Some(once.to_uppercase()));
        if !["Mr", "Dr", "Ms"].contains(&word.as_str()) && word.len() > 3 && !word.eq_ignore_ascii_case("nurse") {
            prop_assert!(once != word || word.len() < 4);
        }
    }

    #[test]
    fn labelling_twice_is_labelling_once(text in "\\PC{0,80}", masked_by in 0_usize..5) {
        let keys = TestKeys::new(1);
        let transform = [
            Transform::Label, Transform::Tag, Transform::Characters('*'), Transform::Remove, Transform::TopCode,
        ][masked_by];
        let plan = Plan::all(transform);
        let masker = TextMasker::new(&keys, &plan, None);
        let mut tally = Tally::default();
        let once = masker.mask(&text, &words_as_names(&text), &mut tally).text;
        let twice = masker.mask(&once, &words_as_names(&once), &mut tally).text;
        prop_assert_eq!(twice, once);
    }

    #[test]
    fn any_ranges_in_any_text_leave_a_sound_result(
        text in "\\PC{0,60}",
        ranges in proptest::collection::vec((0_usize..80, 0_usize..80, 0_usize..19), 0..8),
        chosen in 0_usize..10,
    ) {
        let transform = [
            Transform::Keep, Transform::Remove, Transform::Label, Transform::Tag, Transform::Characters('x'),
            Transform::Surrogate, Transform::Pseudonym, Transform::Cipher, Transform::ShiftDate, Transform::Zip3,
        ][chosen];
        let keys = TestKeys::new(1);
        let plan = Plan::all(transform);
        let entities: Vec<_> = ranges
            .into_iter()
            .map(|(start, end, kind)| Entity {
                range: start..end, kind: KINDS[kind], score: 0.5, reason: Reason::Tagger,
            })
            .collect();
        let shift = DateShift::derive(&keys, "p", &ShiftOptions::new(Day::from_ymd(2026, 1, 1).unwrap()));
        let masked = TextMasker::new(&keys, &plan, Some(shift)).mask(&text, &entities, &mut Tally::default());
        for one in &masked.replaced {
            prop_assert!(text.get(one.old.clone()).is_some());
            prop_assert!(masked.text.get(one.new.clone()).is_some());
        }
    }
}
