//! The rights of whoever wrote a Subscription, kept in the record that wrote it: with them, and never with more, it is looked
//! for what to tell.

use protect::access::{Actor, ActorKind, Purpose, Scopes};
use storage::keys::TenantId;

use crate::codec::{Malformed, Reader, put_bytes, put_varint};
use crate::gate::Caller;

const FORMAT: u8 = 1;

/// The bytes for the record.
pub(crate) fn write(caller: &Caller) -> Vec<u8> {
    let kind = match caller.actor.kind {
        ActorKind::User => 1,
        ActorKind::System => 2,
        ActorKind::Device => 3,
    };
    let mut out = vec![FORMAT, kind];
    put_varint(&mut out, u64::from(caller.home.0));
    let patient = caller.launch_patient.as_deref().unwrap_or_default();
    let token = caller.token.as_deref().unwrap_or_default();
    let scopes = caller.scopes.to_string();
    for text in [&caller.actor.id, &caller.actor.display, caller.purpose.code(), &scopes, patient, token] {
        put_bytes(&mut out, text.as_bytes());
    }
    out
}

/// The caller again, as they were then; `request_id` and `source` are for the audit log.
///
/// # Errors
/// [`Malformed`] for bytes of another shape.
pub(crate) fn read(bytes: &[u8], tenant: TenantId) -> Result<Caller, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != FORMAT {
        return Err(Malformed);
    }
    let kind = match reader.byte()? {
        1 => ActorKind::User,
        2 => ActorKind::System,
        3 => ActorKind::Device,
        _ => return Err(Malformed),
    };
    let home = TenantId(u32::try_from(reader.varint()?).map_err(|_| Malformed)?);
    let (id, display) = (reader.text()?.to_owned(), reader.text()?.to_owned());
    let purpose = Purpose::from_code(reader.text()?).ok_or(Malformed)?;
    let scopes = Scopes::parse(reader.text()?).map_err(|_| Malformed)?;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (launch_patient, token) = (some(reader.text()?), some(reader.text()?));
    Ok(Caller {
        actor: Actor { kind, id, display },
        purpose,
        home,
        tenant,
        scopes,
        launch_patient,
        masked: None,
        token,
        request_id: String::new(),
        source: "subscription".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_reads_back_and_no_bytes_panic_the_reader() {
        let caller = Caller {
            actor: Actor { kind: ActorKind::User, id: "ada".to_owned(), display: "Ada".to_owned() },
            purpose: Purpose::Research,
            home: TenantId::DEFAULT,
            tenant: TenantId::DEFAULT,
            scopes: Scopes::parse("patient/Observation.rs system/Patient.r").unwrap(),
            launch_patient: Some("p1".to_owned()),
            masked: None,
            token: Some("0011223344556677".to_owned()),
            request_id: "r".to_owned(),
            source: "https".to_owned(),
        };
        let bytes = write(&caller);
        let read = |bytes: &[u8]| super::read(bytes, TenantId::DEFAULT);
        let expected = Caller { request_id: String::new(), source: "subscription".to_owned(), ..caller };
        assert_eq!(format!("{:?}", read(&bytes).unwrap()), format!("{expected:?}"));
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
