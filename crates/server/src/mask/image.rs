//! `/mask/image`: a PNG, JPEG or TIFF picture whose text that tells who it is was filled; `/mask/pdf`: the same for each page of a
//! PDF; `/mask/image/entities`: where that text stands.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use fhir::json::{Value, array, object};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use mask::image::{Filled, Found, MaskedImage, What};
use mask::pdf::PdfError;
use mask::transform::kind_name;
use mask::{Desk, Wishes};
use repository::Error;

use super::note;
use super::records::unprocessable;
use super::text::score;
use super::wishes::{Wanted, is_media};
use crate::edge::Edge;
use crate::faults;
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;

/// Something that is masked as pictures.
struct Pictures {
    /// The word for the audit log.
    name: &'static str,
    /// Media types that are taken.
    media: &'static [&'static str],
    /// Masks it.
    mask: fn(&Desk, &[u8], &Wishes<'_>) -> Result<MaskedImage, Error>,
}

const IMAGE: Pictures = Pictures {
    name: "image",
    media: &["image/png", "image/jpeg", "image/tiff"],
    mask: |desk, bytes, wishes| desk.image(bytes, wishes).map_err(unprocessable),
};

const PDF: Pictures = Pictures {
    name: "pdf",
    media: &["application/pdf"],
    mask: |desk, bytes, wishes| {
        desk.pdf(bytes, wishes).map_err(|error| match &error {
            PdfError::Page { source, .. } => unprocessable(format!("{error}: {source}")),
            _ => unprocessable(error),
        })
    },
};

/// Masks a picture; it comes back in its own format, without metadata.
pub(super) async fn masked(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let (media, masked) = mask(&IMAGE, edge, query.as_deref(), &headers, body).await?;
    Ok(file(media, masked))
}

/// Masks a PDF; a PDF comes back whose pages are pictures.
pub(super) async fn pdf(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let (media, masked) = mask(&PDF, edge, query.as_deref(), &headers, body).await?;
    Ok(file(media, masked))
}

fn file(media: &'static str, masked: MaskedImage) -> Response {
    let kind = [(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::OK, kind, masked.bytes).into_response()
}

/// Where a picture tells who it is: boxes with kinds, page by page, and no text.
///
/// A copy is masked and thrown away, for text may come to light only when what is beside it is gone; so these are the boxes that
/// [`masked`] fills, and what cannot be masked is refused here too.
pub(super) async fn entities(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asked = Pictures { name: "image entities", ..IMAGE };
    let (_, masked) = mask(&asked, edge, query.as_deref(), &headers, body).await?;
    let pages = array(masked.pages.iter().zip(1..).map(|(page, number)| listed(page, number)));
    let mut response = reply::json(StatusCode::OK, object([("pages", pages)]).to_vec());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Masks the body of a request. With it the media type.
async fn mask(
    pictures: &Pictures,
    edge: Arc<Edge>,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(&'static str, MaskedImage), Refusal> {
    let access = edge.access(headers)?;
    let pairs = Pairs::parse(query.unwrap_or_default())?;
    let wanted = Wanted::of_query(&pairs)?;
    let Pictures { name, media, mask } = *pictures;
    let Some(media) = media.iter().copied().find(|media| is_media(headers, &[media])) else {
        return Err(Refusal::new(faults::MEDIA, format!("send one of {}", media.join(", "))));
    };
    let body = edge.body(body).await?;
    let shared = Arc::clone(&edge);
    let done = edge
        .work(move || {
            let known = wanted.known(&access)?;
            let asked = wanted.with(known.as_ref(), shared.now_ms());
            Ok(access.masking(name, |_| {
                let masked = mask(shared.desk(), &body, &asked)?;
                let said = said(&masked, &wanted);
                Ok((masked, said))
            })?)
        })
        .await?;
    Ok((media, done))
}

/// What the audit event says: kinds and counts as for text, and how much was filled.
fn said(masked: &MaskedImage, wanted: &Wanted) -> String {
    let boxes: usize = masked.pages.iter().map(|page| page.areas.len()).sum();
    let unreadable = masked.pages.iter().flat_map(|page| &page.found).filter(|found| found.kind().is_none());
    format!(
        "{}; boxes={boxes} unreadable={} pages={}",
        note(&masked.tally(), wanted),
        unreadable.count(),
        masked.pages.len()
    )
}

/// One page as it is told outside, counted from 1; boxes in pixels from its upper left corner.
fn listed(page: &Filled, number: i64) -> Value {
    let (width, height) = page.size;
    object([
        ("page", Value::from(number)),
        ("width", Value::from(i64::from(width))),
        ("height", Value::from(i64::from(height))),
        ("entities", array(page.found.iter().map(entity))),
    ])
}

/// One box, with the members that entities of a text have.
fn entity(found: &Found) -> Value {
    let pixels = |count: u32| Value::from(i64::from(count));
    let mut members = vec![
        ("left", pixels(found.area.left)),
        ("top", pixels(found.area.top)),
        ("width", pixels(found.area.width())),
        ("height", pixels(found.area.height())),
    ];
    match &found.what {
        What::Entity { kind, score: sure, reason } => {
            let (reason, detail) = reason.words();
            members.push(("type", Value::from(kind_name(*kind))));
            members.push(("score", score(*sure)));
            members.push(("reason", Value::from(reason)));
            members.extend(detail.map(|detail| ("detail", Value::from(detail))));
        }
        What::Unreadable => {
            members.push(("type", Value::from(UNREADABLE)));
            members.push(("score", score(0.0)));
            members.push(("reason", Value::from("unreadable")));
        }
    }
    object(members)
}

/// The type of a box that looks like text and cannot be read.
const UNREADABLE: &str = "UNREADABLE";
