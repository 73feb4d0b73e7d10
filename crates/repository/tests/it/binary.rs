//! Who may see a Binary: whoever may see what it belongs to.

use fhir::json::Value;
use protect::access::Scopes;
use repository::{Access, Caller, HistoryOptions, HistoryTarget};

use crate::fixture::{Hospital, caller, hospital, json, patient};

fn binary(id: &str, context: Option<&str>) -> Value {
    let context =
        context.map(|to| format!(r#","securityContext":{{"reference":"{to}"}}"#)).unwrap_or_default();
    json(&format!(
        r#"{{"resourceType":"Binary","id":"{id}","contentType":"text/plain","data":"YQ=="{context}}}"#
    ))
}

fn as_patient(hospital: &Hospital, id: &str, scopes: &str) -> Access {
    let scopes = Scopes::parse(scopes).unwrap();
    hospital.store.access(Caller { scopes, launch_patient: Some(id.to_owned()), ..caller("") })
}

#[test]
fn a_binary_is_seen_by_those_who_see_its_security_context() {
    let hospital = hospital();
    let all = hospital.access();
    for id in ["p", "q"] {
        all.update("Patient", id, patient(id, "Muster"), None).unwrap();
        let document = format!(
            r#"{{"resourceType":"DocumentReference","id":"d{id}","status":"current","subject":{{"reference":"Patient/{id}"}},
               "content":[{{"attachment":{{"url":"Binary/d"}}}}]}}"#
        );
        all.update("DocumentReference", &format!("d{id}"), json(&document), None).unwrap();
    }
    for (id, context) in [
        ("free", None),
        ("ofp", Some("Patient/p")),
        ("ofq", Some("Patient/q")),
        ("ofdp", Some("DocumentReference/dp")),
        ("ofdq", Some("DocumentReference/dq")),
        ("lost", Some("DocumentReference/none")),
    ] {
        all.update("Binary", id, binary(id, context), None).unwrap();
    }
    let seen = |access: &Access| -> Vec<&str> {
        let ids = ["free", "ofp", "ofq", "ofdp", "ofdq", "lost"];
        ids.into_iter()
            .filter(|id| access.read("Binary", id).is_ok() && access.vread("Binary", id, 1).is_ok())
            .collect()
    };
    assert_eq!(seen(&all).len(), 6);
    assert_eq!(seen(&as_patient(&hospital, "p", "patient/*.rs")), ["ofp", "ofdp"]);
    assert_eq!(seen(&as_patient(&hospital, "p", "patient/Binary.rs patient/Patient.rs")), ["ofp"]);
    assert_eq!(
        seen(&hospital.access_with("user/Binary.rs user/DocumentReference.rs")),
        ["free", "ofdp", "ofdq"]
    );
    assert_eq!(seen(&hospital.access_with("user/Patient.rs")), [""; 0]);

    let listed = |access: &Access| -> Vec<String> {
        let target = HistoryTarget::Type("Binary".into());
        let page = access.history(&target, &HistoryOptions::default()).unwrap();
        page.entries.iter().map(|entry| entry.versioned.id.to_string()).collect()
    };
    assert_eq!(listed(&as_patient(&hospital, "p", "patient/*.rs")), ["ofdp", "ofp"]);
    assert_eq!(listed(&all).len(), 6);
}
