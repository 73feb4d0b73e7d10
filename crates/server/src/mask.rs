//! `/mask/*`: texts, records and images of the caller's own, handed back without who they are about.
//!
//! Nothing that is sent here is kept. Each masking leaves one audit event: what kinds were found and how many, the profile, the
//! version; no values.

mod comprehend;
mod image;
mod models;
mod records;
mod reveal;
mod text;
mod view;
mod wishes;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use mask::transform::{Tally, kind_name};
use repository::MaskKey;

pub(crate) use self::comprehend::detected;
pub(crate) use self::records::unprocessable;
pub(crate) use self::wishes::{Wanted, is_media};
use crate::edge::Edge;

pub use models::image_reader;
pub(crate) use view::DeskVeil;

/// A tenant's key for masking, as the masking engine takes it.
#[derive(Clone, Debug)]
pub struct MaskSecret(Arc<MaskKey>);

impl MaskSecret {
    /// Masks with this key.
    #[must_use]
    pub fn new(key: Arc<MaskKey>) -> Self {
        Self(key)
    }
}

impl From<MaskKey> for MaskSecret {
    fn from(key: MaskKey) -> Self {
        Self(Arc::new(key))
    }
}

impl mask::Keys for MaskSecret {
    fn mac(&self, label: &str, data: &[u8]) -> [u8; 32] {
        self.0.mac(label, data)
    }

    fn block(&self, block: [u8; 16]) -> [u8; 16] {
        self.0.block(block)
    }
}

/// The routes.
pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/mask/text", post(text::masked))
        .route("/mask/text/entities", post(text::entities))
        .route("/mask/fhir", post(records::fhir))
        .route("/mask/hl7v2", post(records::hl7v2))
        .route("/mask/ccda", post(records::ccda))
        .route("/mask/csv", post(records::csv))
        .route("/mask/dicom", post(records::dicom))
        .route("/mask/image", post(image::masked))
        .route("/mask/pdf", post(image::pdf))
        .route("/mask/image/entities", post(image::entities))
        .route("/mask/comprehend", post(comprehend::detect_phi))
        .route("/mask/reveal", post(reveal::reveal))
        // Bodies are read within the bounds of `Edge::body`.
        .layer(DefaultBodyLimit::disable())
}

/// What an audit event says of a masking.
pub(crate) fn note(tally: &Tally, wanted: &Wanted) -> String {
    let kinds: Vec<String> =
        tally.kinds().map(|(kind, count)| format!("{}={count}", kind_name(kind))).collect();
    let kinds = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(" ") };
    format!(
        "{kinds}; profile={} tier={} version={}",
        wanted.profile.as_str(),
        wanted.tier.as_str(),
        mask::VERSION
    )
}
