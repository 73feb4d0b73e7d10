use repository::{Access, Effect, HistoryOptions, HistoryTarget};

use crate::fixture::{NOW_MS, hospital, kind, observation, patient};

fn all(access: &Access, target: &HistoryTarget, count: usize, since_ms: Option<i64>) -> Vec<String> {
    let mut options = HistoryOptions { count: Some(count), since_ms, cursor: None };
    let mut seen = Vec::new();
    loop {
        let page = access.history(target, &options).unwrap();
        assert!(page.entries.len() <= count);
        seen.extend(page.entries.iter().map(|entry| {
            let versioned = &entry.versioned;
            let letter = match entry.effect {
                Effect::Created => 'c',
                Effect::Updated => 'u',
                Effect::Deleted => 'd',
                _ => '?',
            };
            assert_eq!(versioned.deleted, letter == 'd');
            format!("{}{}{letter}", versioned.id, versioned.version)
        }));
        match page.next {
            Some(next) => options.cursor = Some(next),
            None => return seen,
        }
    }
}

#[test]
fn histories_list_versions_newest_first_and_pages_add_up_to_the_whole() {
    let hospital = hospital();
    let access = hospital.access();
    let put = |id: &str, name: &str| {
        hospital.clock.advance(1000);
        access.update("Patient", id, patient(id, name), None).unwrap();
    };
    put("a", "1");
    put("b", "1");
    put("a", "2");
    hospital.clock.advance(1000);
    access.update("Observation", "o", observation("o", "a"), None).unwrap();
    hospital.clock.advance(1000);
    access.delete("Patient", "a", None).unwrap();
    put("a", "3");

    let instance = HistoryTarget::Instance("Patient".into(), "a".into());
    let patients = HistoryTarget::Type("Patient".into());
    for count in [1, 2, 3, 50] {
        assert_eq!(all(&access, &instance, count, None), ["a4c", "a3d", "a2u", "a1c"]);
        assert_eq!(all(&access, &patients, count, None), ["a4c", "a3d", "a2u", "b1c", "a1c"]);
        assert_eq!(
            all(&access, &HistoryTarget::System, count, None),
            ["a4c", "a3d", "o1c", "a2u", "b1c", "a1c"]
        );
    }
    let since = Some(NOW_MS + 3000);
    assert_eq!(all(&access, &patients, 1, since), ["a4c", "a3d", "a2u"]);
    assert_eq!(all(&access, &instance, 2, since), ["a4c", "a3d", "a2u"]);
    assert_eq!(access.history(&instance, &HistoryOptions::default()).unwrap().total, Some(4));
}

#[test]
fn a_page_token_belongs_to_its_history() {
    let hospital = hospital();
    let access = hospital.access();
    for name in ["1", "2"] {
        access.update("Patient", "a", patient("a", name), None).unwrap();
    }
    let options = HistoryOptions { count: Some(1), ..HistoryOptions::default() };
    let instance = HistoryTarget::Instance("Patient".into(), "a".into());
    let cursor = access.history(&instance, &options).unwrap().next;
    assert!(cursor.is_some());
    let options = HistoryOptions { cursor, ..HistoryOptions::default() };
    assert_eq!(kind(access.history(&HistoryTarget::System, &options)), "Invalid");
    let cursor = options.cursor.map(|token| token.replace(|_: char| true, "A"));
    assert_eq!(
        kind(access.history(&instance, &HistoryOptions { cursor, ..HistoryOptions::default() })),
        "Invalid"
    );
    let none = HistoryTarget::Instance("Patient".into(), "never".into());
    assert_eq!(kind(access.history(&none, &HistoryOptions::default())), "NotFound");
}
