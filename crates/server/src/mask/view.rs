//! What masks for the masked view of the store: the desk, with the ids that the view shows.

use std::sync::Arc;

use fhir::json::Value;
use mask::transform::{Day, kind_name};
use mask::{Desk, Profile, Style, Subject, Tier, Wishes};
use repository::{Veil, VeilSubject, Veiled, Veiling};

use super::MaskSecret;

/// Masks for the view by the profiles of `mask`.
pub(crate) struct DeskVeil(pub(crate) Arc<Desk>);

impl Veil for DeskVeil {
    fn knows(&self, profile: &str) -> bool {
        Profile::named(profile).is_some()
    }

    fn shows_dates(&self, profile: &str) -> bool {
        Profile::named(profile) == Some(Profile::LimitedDataset)
    }

    fn label(&self, profile: &str) -> String {
        format!("profile={profile} version={}", mask::VERSION)
    }

    fn subject(&self, patient: &Value) -> VeilSubject {
        Arc::new(Subject::from_patient(patient))
    }

    fn mask(&self, asked: &Veiling<'_>) -> Result<Veiled, String> {
        let profile = Profile::named(asked.profile).ok_or("there is no such profile")?;
        // The id as the masker itself finds it in a record, so that a patient's dates shift alike here and there.
        let patient = asked.patient.map(|(id, _)| id.to_ascii_lowercase());
        let known =
            asked.patient.map(|(_, subject)| subject.downcast_ref::<Subject>().ok_or("no subject of ours"));
        let wishes = Wishes {
            profile,
            tier: Tier::Full,
            style: Style::Labels,
            known: known.transpose()?,
            patient: patient.as_deref(),
            today: Day::of_time(asked.now_ms),
        };
        let keys = ViewKeys { secret: MaskSecret::new(Arc::clone(asked.key)), shown_id: asked.shown_id };
        let masked = self.0.fhir(asked.resource, &keys, &wishes).map_err(|error| error.to_string())?;
        let kinds = masked.tally.kinds().map(|(kind, count)| (kind_name(kind), count)).collect();
        Ok(Veiled { resource: masked.resource, kinds })
    }
}

/// The tenant's key, and the ids of the view.
struct ViewKeys<'a> {
    secret: MaskSecret,
    shown_id: &'a dyn Fn(&str, &str) -> Option<String>,
}

impl mask::Keys for ViewKeys<'_> {
    fn mac(&self, label: &str, data: &[u8]) -> [u8; 32] {
        self.secret.mac(label, data)
    }

    fn block(&self, block: [u8; 16]) -> [u8; 16] {
        self.secret.block(block)
    }

    fn shown_id(&self, resource_type: &str, id: &str) -> Option<String> {
        (self.shown_id)(resource_type, id)
    }
}
