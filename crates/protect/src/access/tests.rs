use proptest::prelude::*;

use super::*;

fn check(scopes: &str, interaction: Interaction, resource_type: Option<&str>, expected: bool) {
    let scopes = Scopes::parse(scopes).unwrap();
    let actor = Actor::system("test");
    let facts = Facts {
        caller_tenant: TenantId::DEFAULT,
        tenant: TenantId::DEFAULT,
        actor: &actor,
        purpose: Purpose::Treatment,
        scopes: &scopes,
        interaction,
        resource_type,
        launch_patient: None,
    };
    assert_eq!(decide(&facts).is_permit(), expected, "{scopes} {} {resource_type:?}", interaction.code());
    let elsewhere = Facts { tenant: TenantId(9), ..facts };
    assert_eq!(
        decide(&elsewhere),
        Decision::Deny { reason: DenyReason::Tenant },
        "the wall stands before scopes"
    );
}

#[test]
fn a_scope_grants_its_letters_on_its_type_only() {
    check("system/*.cruds", Interaction::Delete, Some("Patient"), true);
    check("system/*.cruds", Interaction::SearchSystem, None, true);
    check("user/Patient.rs", Interaction::Read, Some("Patient"), true);
    check("user/Patient.rs", Interaction::SearchType, Some("Patient"), true);
    check("user/Patient.rs", Interaction::Update, Some("Patient"), false);
    check("user/Patient.rs", Interaction::Read, Some("Observation"), false);
    check("user/Patient.rs", Interaction::SearchSystem, None, false);
    check("user/Patient.r system/Patient.s", Interaction::SearchType, Some("Patient"), true);
    check("", Interaction::Read, Some("Patient"), false);
    check("openid fhirUser", Interaction::Read, Some("Patient"), false);
    check("", Interaction::Transaction, None, true);
}

#[test]
fn version_1_scopes_mean_what_version_2_says_of_them() {
    check("system/Patient.read", Interaction::SearchType, Some("Patient"), true);
    check("system/Patient.read", Interaction::Create, Some("Patient"), false);
    check("system/Patient.write", Interaction::Delete, Some("Patient"), true);
    check("system/Patient.write", Interaction::Read, Some("Patient"), false);
    check("user/*.*", Interaction::Patch, Some("Patient"), true);
}

#[test]
fn what_is_no_scope_is_refused_and_named() {
    for wrong in [
        "system",
        "system/",
        "system/Patient",
        "system/Patient.",
        "system/Patient.sr",
        "system/Patient.rr",
        "root/*.r",
        "system/patient.r",
        "system/Pa tient.r",
        "system/Patient.x",
        "system/Patient.rs?category=lab",
        "SYSTEM/*.r",
    ] {
        assert!(Scopes::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        Scopes::parse("system/*.r nonsense").unwrap_err().to_string(),
        "`nonsense` is no scope: expected, for example, `system/*.cruds` or `user/Patient.rs`"
    );
}

#[test]
fn a_patient_scope_holds_within_the_launch_patient_only() {
    let scopes = Scopes::parse("patient/*.rs").unwrap();
    let actor = Actor { kind: ActorKind::User, id: "u".into(), display: String::new() };
    let facts = Facts {
        caller_tenant: TenantId::DEFAULT,
        tenant: TenantId::DEFAULT,
        actor: &actor,
        purpose: Purpose::PatientRequested,
        scopes: &scopes,
        interaction: Interaction::Read,
        resource_type: Some("Observation"),
        launch_patient: Some("p1"),
    };
    assert_eq!(decide(&facts), Decision::PermitWithin { patient: "p1".into() });
    let without = Facts { launch_patient: None, ..facts };
    assert_eq!(decide(&without), Decision::Deny { reason: DenyReason::LaunchPatient });
}

#[test]
fn numbers_and_codes_lead_back() {
    for purpose in Purpose::ALL {
        assert_eq!(Purpose::from_code(purpose.code()), Some(*purpose));
        assert_eq!(Purpose::from_number(purpose.number()), Some(*purpose));
    }
    for interaction in Interaction::ALL {
        assert_eq!(Interaction::from_code(interaction.code()), Some(*interaction));
        assert_eq!(Interaction::from_number(interaction.number()), Some(*interaction));
    }
}

proptest! {
    #[test]
    fn no_text_panics_the_reader_and_what_is_read_prints_the_same(text in "\\PC{0,60}") {
        if let Ok(scopes) = Scopes::parse(&text) {
            prop_assert_eq!(Scopes::parse(&scopes.to_string()).unwrap(), scopes);
        }
    }

    #[test]
    fn printed_scopes_read_back(
        context in prop::sample::select(vec!["patient", "user", "system"]),
        on in prop::sample::select(vec!["*", "Patient", "Observation"]),
        rights in prop::sample::select(vec!["c", "r", "cr", "cruds", "rs", "read", "write", "*"]),
    ) {
        let scopes = Scopes::parse(&format!("{context}/{on}.{rights}")).unwrap();
        prop_assert_eq!(Scopes::parse(&scopes.to_string()).unwrap(), scopes);
    }
}

#[test]
fn a_right_of_wards_own_is_granted_by_its_name_alone() {
    check("system/*.cruds user/*.cruds", Interaction::Reveal, None, false);
    check("ward/reveal", Interaction::Reveal, None, true);
    check("ward/masked-objects", Interaction::Reveal, None, false);
    // It implies nothing else either.
    check("ward/reveal ward/masked-objects", Interaction::Read, Some("Patient"), false);
    check("ward/masked-objects", Interaction::ArchiveMasked, None, true);
    check("ward/masked-objects", Interaction::Archive, None, false);
    check("system/*.r", Interaction::ArchiveMasked, None, true);
    check("system/*.r", Interaction::Archive, None, true);
    check("system/Patient.cruds", Interaction::Archive, None, false);
    check("system/*.rs", Interaction::Scan, None, false);
    check("system/*.cruds", Interaction::Scan, None, true);
    let both = Scopes::parse("system/*.r ward/reveal ward/reveal").unwrap();
    assert_eq!(both.to_string(), "system/*.r ward/reveal");
    assert!(!Scopes::parse("ward/reveal").unwrap().is_empty());
    assert!(Scopes::parse("ward/everything").is_err());
}
