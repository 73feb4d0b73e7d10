//! `/mask/image`: a PNG, JPEG or TIFF picture whose text that tells who it is was filled.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use super::records::unprocessable;
use super::wishes::{Wanted, is_media};
use crate::edge::Edge;
use crate::faults;
use crate::reply::Refusal;
use crate::rest::form::Pairs;

const MEDIA: [&str; 3] = ["image/png", "image/jpeg", "image/tiff"];

/// Masks a picture; it comes back in its own format, without metadata.
pub(super) async fn masked(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let access = edge.access(&headers)?;
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let wanted = Wanted::of_query(&pairs)?;
    let Some(media) = MEDIA.into_iter().find(|media| is_media(&headers, &[media])) else {
        return Err(Refusal::new(faults::MEDIA, "send `image/png`, `image/jpeg` or `image/tiff`"));
    };
    let body = edge.body(body).await?;
    let shared = Arc::clone(&edge);
    let done = edge
        .work(move || {
            let known = wanted.known(&access)?;
            let asked = wanted.with(known.as_ref(), shared.now_ms());
            Ok(access.masking("image", |_| {
                let masked = shared.desk().image(&body, &asked).map_err(unprocessable)?;
                let boxes: usize = masked.pages.iter().map(|page| page.areas.len()).sum();
                let pages = masked.pages.len();
                let note = format!(
                    "{boxes} boxes on {pages} pages; profile={} version={}",
                    wanted.profile.as_str(),
                    mask::VERSION
                );
                Ok((masked.bytes, note))
            })?)
        })
        .await?;
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")], done)
        .into_response())
}
