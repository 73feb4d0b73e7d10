//! Objects of the archive by HTTP, and the paths of AWS's AI-powered health data masking on them (v1.0): `/text/phi`, `/text/mask`,
//! `/image/phi`, `/image/mask`.
//!
//! The bucket `raw` is what came in, its keys are digests; the bucket `masked` is what was made of it. Masking changes nothing in
//! `raw`: what it makes is an object of `masked`, which leads nowhere back. Differences to that solution: `/text/*` takes an object
//! as well as a text, and of a picture a box is told under `PHI`, not under what stands in it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use fhir::json::{Value, array, object};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use ingest::objects::{Bucket, MadeFrom, Objects};
use mask::image::Area;
use repository::{Caller, Error};

use crate::edge::Edge;
use crate::faults;
use crate::mask::{MaskSecret, Wanted, detected, is_media, note, unprocessable};
use crate::reply::{self, Refusal};
use crate::rest::form::Pairs;

pub(crate) fn routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/archive", post(put))
        .route("/archive/{bucket}/{key}", get(read))
        .route("/text/phi", post(text_phi))
        .route("/text/mask", post(text_mask))
        .route("/image/phi", get(image_phi_by_query).post(image_phi))
        .route("/image/mask", post(image_mask))
        // Bodies are read within the bounds of `Edge::body`.
        .layer(DefaultBodyLimit::disable())
}

/// Keeps an object in `raw`; answers where.
async fn put(State(edge): State<Arc<Edge>>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let (caller, objects) = (edge.caller(&headers)?, edge.objects()?);
    // What it is does not matter here, and a body that was meant for another path is not kept for ever.
    if !is_media(&headers, &["application/octet-stream"]) {
        return Err(Refusal::new(faults::MEDIA, "send the object as `application/octet-stream`"));
    }
    let body = edge.body(body).await?;
    if body.is_empty() {
        return Err(Refusal::new(faults::EMPTY, "the body is empty; send the object"));
    }
    let key = edge.work(move || Ok(objects.put(&caller, &body)?)).await?;
    let place = object([("s3Bucket", Value::from("raw")), ("s3Key", Value::from(key))]);
    Ok(json(StatusCode::CREATED, &place))
}

async fn read(
    State(edge): State<Arc<Edge>>,
    Path((bucket, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (caller, objects) = (edge.caller(&headers)?, edge.objects()?);
    let bucket = named(&bucket)?;
    let bytes = edge
        .work(move || {
            Ok(objects.with(&caller, (bucket, &key), "read", |bytes| {
                let told = format!("{} bytes", bytes.len());
                Ok((bytes, told))
            })?)
        })
        .await?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::OK, kind, bytes).into_response())
}

/// What a request names.
struct Asked {
    text: Option<String>,
    object: Option<(Bucket, String)>,
    destination: Option<String>,
    /// What is found with a lower score is left alone.
    threshold: f32,
}

const MEMBERS: &str = "text, s3Bucket, s3Key, destinationBucket, destinationKey, phiDetectionThreshold";

impl Asked {
    fn of<'a>(members: impl Iterator<Item = (&'a str, String)>) -> Result<Self, Refusal> {
        let mut asked = Self { text: None, object: None, destination: None, threshold: 0.0 };
        let (mut bucket, mut key) = (None, None);
        for (name, value) in members {
            match name {
                "text" => asked.text = Some(value),
                "s3Bucket" => bucket = Some(named(&value)?),
                "s3Key" => key = Some(value),
                "destinationBucket" if named(&value)? == Bucket::Masked => {}
                "destinationBucket" => return Err(Refusal::invalid("`destinationBucket` is `masked`")),
                "destinationKey" => asked.destination = Some(value),
                "phiDetectionThreshold" => {
                    let number = value.parse().ok().filter(|number| (0.0..=1.0).contains(number));
                    asked.threshold = number
                        .ok_or_else(|| Refusal::invalid("`phiDetectionThreshold` is a number from 0 to 1"))?;
                }
                _ => {
                    return Err(Refusal::invalid(format!("there is no such member; it is one of {MEMBERS}")));
                }
            }
        }
        asked.object = bucket.zip(key);
        Ok(asked)
    }

    async fn of_body(edge: &Edge, body: Body) -> Result<Self, Refusal> {
        let body = edge.body(body).await?;
        let value = edge.parse(&body)?;
        let members = value.as_object().ok_or_else(|| Refusal::invalid("a JSON object is expected"))?;
        let texts: Result<Vec<(&str, String)>, Refusal> = members
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name, text.to_string())),
                Value::Number(_) if name == "phiDetectionThreshold" => Ok((name, value.to_string())),
                _ => Err(Refusal::invalid("members of the object are strings")),
            })
            .collect();
        Self::of(texts?.into_iter())
    }

    fn object(&self) -> Result<(Bucket, String), Refusal> {
        self.object.clone().ok_or_else(|| Refusal::invalid("`s3Bucket` and `s3Key` name an object"))
    }
}

fn named(bucket: &str) -> Result<Bucket, Refusal> {
    Bucket::named(bucket)
        .ok_or_else(|| Refusal::new(faults::UNKNOWN_PATH, "there is no such bucket; they are raw and masked"))
}

/// What of a text tells, in the shape of DetectPHI's entities.
async fn text_phi(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let (caller, access) = (edge.caller(&headers)?, edge.access(&headers)?);
    let asked = Asked::of_body(&edge, body).await?;
    let shared = Arc::clone(&edge);
    let found = edge
        .work(move || {
            let find = |text: &str| {
                let mut entities =
                    shared.desk().entities(text, &Wanted::default().with(None, shared.now_ms()));
                entities.retain(|entity| entity.score >= asked.threshold);
                let count = entities.len();
                (detected(text, &entities), format!("{count} entities; version={}", mask::VERSION))
            };
            if let Some(text) = &asked.text {
                return Ok(access.masking("text phi", |_| Ok(find(text)))?);
            }
            let (bucket, key) = asked.object()?;
            Ok(shared
                .objects()?
                .with(&caller, (bucket, &key), "text phi", |bytes| Ok(find(&text_of(bytes)?)))?)
        })
        .await?;
    Ok(json(StatusCode::OK, &array(found)))
}

/// A masked text, or where the masked object is.
async fn text_mask(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let (caller, access) = (edge.caller(&headers)?, edge.access(&headers)?);
    let asked = Asked::of_body(&edge, body).await?;
    let shared = Arc::clone(&edge);
    let done = edge
        .work(move || {
            let wanted = Wanted::default();
            let masked = |text: &str| {
                access.masking("text", |key| {
                    let wishes = wanted.with(None, shared.now_ms());
                    let secret = MaskSecret::new(Arc::clone(key));
                    let masked = shared.desk().text_from(text, &secret, &wishes, asked.threshold);
                    let said = note(&masked.tally, &wanted);
                    Ok((masked.text, said))
                })
            };
            if let Some(text) = &asked.text {
                return Ok(object([("maskedText", Value::from(masked(text)?))]));
            }
            let make = |bytes| masked(&text_of(bytes)?).map(String::into_bytes);
            let path = made(&shared, &caller, &asked, "text mask", make)?;
            Ok(object([("maskedTextPath", Value::from(path))]))
        })
        .await?;
    Ok(json(StatusCode::OK, &done))
}

async fn image_phi(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let asked = Asked::of_body(&edge, body).await?;
    boxes(edge, headers, asked).await
}

async fn image_phi_by_query(
    State(edge): State<Arc<Edge>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(query.as_deref().unwrap_or_default())?;
    let asked = Asked::of(pairs.0.iter().map(|(name, value)| (name.as_str(), value.clone())))?;
    boxes(edge, headers, asked).await
}

/// The boxes of a picture that tell, each `{"PHI":{"Left","Top","Width","Height"}}` in shares of its size.
async fn boxes(edge: Arc<Edge>, headers: HeaderMap, asked: Asked) -> Result<Response, Refusal> {
    let (caller, objects) = (edge.caller(&headers)?, edge.objects()?);
    let (bucket, key) = asked.object()?;
    let shared = Arc::clone(&edge);
    let found = edge
        .work(move || {
            Ok(objects.with(&caller, (bucket, &key), "image phi", |bytes| {
                let masked = shared.desk().image(&bytes, &Wanted::default().with(None, shared.now_ms()));
                let masked = masked.map_err(unprocessable)?;
                let [page] = masked.pages.as_slice() else {
                    return Err(unprocessable("boxes are told of pictures with one page"));
                };
                let boxes: Vec<Value> = page.areas.iter().map(|area| share(area, page.size)).collect();
                let told = format!("{} boxes; version={}", boxes.len(), mask::VERSION);
                Ok((boxes, told))
            })?)
        })
        .await?;
    Ok(json(StatusCode::OK, &array(found)))
}

fn share(area: &Area, (width, height): (u32, u32)) -> Value {
    let of = |part: u32, whole: u32| {
        let text = format!("{:.6}", f64::from(part) / f64::from(whole));
        fhir::json::parse(text.as_bytes(), &fhir::json::Limits::default()).unwrap_or(Value::Null)
    };
    let place = object([
        ("Left", of(area.left, width)),
        ("Top", of(area.top, height)),
        ("Width", of(area.width(), width)),
        ("Height", of(area.height(), height)),
    ]);
    object([("PHI", place)])
}

/// Masks a picture; answers where the masked one is.
async fn image_mask(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = edge.caller(&headers)?;
    let asked = Asked::of_body(&edge, body).await?;
    let shared = Arc::clone(&edge);
    let path = edge
        .work(move || {
            made(&shared, &caller, &asked, "image mask", |bytes| {
                let masked = shared.desk().image(&bytes, &Wanted::default().with(None, shared.now_ms()));
                Ok(masked.map_err(unprocessable)?.bytes)
            })
        })
        .await?;
    Ok(json(StatusCode::OK, &object([("maskedImagePath", Value::from(path))])))
}

/// Makes a masked object of an object; gives its path.
fn made(
    edge: &Edge,
    caller: &Caller,
    asked: &Asked,
    what: &str,
    make: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, Error>,
) -> Result<String, Refusal> {
    let (bucket, key) = asked.object()?;
    let objects: Arc<Objects> = edge.objects()?;
    let name = asked.destination.as_deref();
    let from = MadeFrom {
        from: format!("{}/{key}", bucket.as_str()),
        profile: Wanted::default().profile.as_str().to_owned(),
        version: mask::VERSION.to_owned(),
        time_ms: edge.now_ms(),
    };
    Ok(objects.with(caller, (bucket, &key), what, |bytes| {
        let masked = objects.put_masked(&make(bytes)?, &from, name)?;
        let path = format!("s3://masked/{}", name.unwrap_or(&masked));
        Ok((path, format!("1 object made; version={}", mask::VERSION)))
    })?)
}

fn text_of(bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|_| unprocessable("the object is no text in UTF-8"))
}

fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = reply::json(status, body.to_vec());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
