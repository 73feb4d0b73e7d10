use repository::Effect;

use crate::fixture::{family, hospital, json, kind, patient};

#[test]
fn a_conditional_create_creates_once() {
    let hospital = hospital();
    let access = hospital.access();
    let query = Some("identifier=urn:mrn|Alpha");
    let one = access.create("Patient", patient("x", "Alpha"), query).unwrap();
    let two = access.create("Patient", patient("x", "Alpha"), query).unwrap();
    assert_eq!((one.effect, two.effect), (Effect::Created, Effect::Existing));
    assert_eq!(one.versioned, two.versioned);
    access.create("Patient", patient("x", "Alpha"), None).unwrap();
    assert_eq!(kind(access.create("Patient", patient("x", "Alpha"), query)), "MultipleMatches");
    assert_eq!(kind(access.create("Patient", patient("x", "Alpha"), Some("nonsense=1"))), "Invalid");
    assert_eq!(kind(access.create("Patient", patient("x", "Alpha"), Some(""))), "Invalid");
}

#[test]
fn a_conditional_update_creates_updates_or_refuses() {
    let hospital = hospital();
    let access = hospital.access();
    let mut value = patient("x", "Alpha");
    value.as_object_mut().unwrap().remove("id");
    let query = "identifier=urn:mrn%7CAlpha";
    let created = access.conditional_update("Patient", query, value.clone(), None).unwrap();
    assert_eq!(created.effect, Effect::Created);
    let same = access.conditional_update("Patient", query, value.clone(), None).unwrap();
    assert_eq!((same.effect, &same.versioned.id), (Effect::Unchanged, &created.versioned.id));
    value.as_object_mut().unwrap().insert("active", true);
    let updated = access.conditional_update("Patient", query, value.clone(), Some(1)).unwrap();
    assert_eq!((updated.effect, updated.versioned.version), (Effect::Updated, 2));
    assert_eq!(kind(access.conditional_update("Patient", query, patient("other", "Alpha"), None)), "Invalid");
    let named =
        access.conditional_update("Patient", "identifier=urn:mrn|Beta", patient("b", "Beta"), None).unwrap();
    assert_eq!((named.effect, named.versioned.id.as_str()), (Effect::Created, "b"));
    access.create("Patient", patient("x", "Alpha"), None).unwrap();
    assert_eq!(kind(access.conditional_update("Patient", query, value, None)), "MultipleMatches");
}

#[test]
fn a_conditional_delete_deletes_one_and_never_guesses() {
    let hospital = hospital();
    let access = hospital.access();
    let query = "identifier=urn:mrn|Alpha";
    assert_eq!(access.conditional_delete("Patient", query).unwrap().effect, Effect::AlreadyDeleted);
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    access.update("Patient", "b", patient("b", "Alpha"), None).unwrap();
    assert_eq!(kind(access.conditional_delete("Patient", query)), "MultipleMatches");
    access.delete("Patient", "b", None).unwrap();
    assert_eq!(access.conditional_delete("Patient", query).unwrap().effect, Effect::Deleted);
    assert_eq!(kind(access.read("Patient", "a")), "Gone");
}

#[test]
fn a_conditional_patch_patches_the_one_it_finds() {
    let hospital = hospital();
    let access = hospital.access();
    let patch = json(r#"[{"op":"replace","path":"/name/0/family","value":"Beta"}]"#);
    let query = "identifier=urn:mrn|Alpha";
    assert_eq!(kind(access.conditional_patch("Patient", query, &patch, None)), "NotFound");
    access.update("Patient", "a", patient("a", "Alpha"), None).unwrap();
    access.conditional_patch("Patient", query, &patch, Some(1)).unwrap();
    assert_eq!(family(&access.read("Patient", "a").unwrap()), "Beta");
}
