//! `$import`: resources in lines from hosts that the configuration lists, or from the request's body (SMART bulk import,
//! "ping and pull"). It is always answered later.

use std::io::{self, Read};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use fhir::definitions;
use http::{HeaderMap, StatusCode, Uri, header};
use repository::{Error, ErrorKind, ImportInput, Inputs};
use tokio::runtime::Handle;

use super::parameters::Parameters;
use crate::edge::Edge;
use crate::jobs;
use crate::outbound::{Download, Outbound};
use crate::reply::Refusal;
use crate::rest::form::Pairs;
use crate::rest::negotiate::{self, Wishes};

/// The media types of resources in lines.
const LINES: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "application/x-ndjson"];
/// Bytes that are read of one input.
const INPUT_BYTES_MAX: u64 = 1 << 40;

pub(super) fn routes() -> Router<Arc<Edge>> {
    Router::new().route("/fhir/$import", post(import))
}

async fn import(
    State(edge): State<Arc<Edge>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let pairs = Pairs::parse(uri.query().unwrap_or_default())?;
    Wishes::read(&headers, &pairs)?;
    let kinds: Vec<&str> = negotiate::RESOURCE.iter().chain(&LINES).copied().collect();
    negotiate::takes(&headers, &kinds)?;
    let caller = edge.caller(&headers)?;
    let body = edge.body(body).await?;
    let base = edge.base(&headers);
    let request = format!("{base}/$import");
    let shared = Arc::clone(&edge);
    let id = if is_lines(&headers) {
        Parameters::from_query(&pairs).finish()?;
        edge.work(move || Ok(jobs::room(&shared, &caller)?.import_lines(&caller, &*body, &request)?)).await?
    } else {
        let inputs = inputs(Parameters::from_body(edge.parse(&body)?)?.and_query(&pairs), edge.outbound())?;
        drop(body);
        edge.work(move || Ok(jobs::room(&shared, &caller)?.import(&caller, &inputs, &request)?)).await?
    };
    Ok(jobs::accepted(&base, &id))
}

fn is_lines(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    LINES.contains(&media.as_str())
}

fn inputs(mut parameters: Parameters, outbound: &Outbound) -> Result<Vec<ImportInput>, Refusal> {
    if let Some(format) = parameters.text("inputFormat")?
        && !LINES.contains(&format.as_str())
    {
        return Err(Refusal::invalid("`inputFormat`: only `application/fhir+ndjson` is read"));
    }
    // Where the files come from, as a name; nothing is fetched from there.
    parameters.text("inputSource")?;
    for mut detail in parameters.parts("storageDetail")? {
        if detail.text("type")?.is_some_and(|kind| kind != "https") {
            return Err(Refusal::invalid("`storageDetail`: only `https` is read"));
        }
        detail.finish()?;
    }
    let mut inputs = Vec::new();
    for mut input in parameters.parts("input")? {
        let resource_type = input.text("type")?;
        if resource_type.as_deref().is_some_and(|name| !definitions::is_resource(name)) {
            return Err(Refusal::invalid("`input`: its `type` is no resource type of FHIR R4"));
        }
        let place =
            input.text("url")?.ok_or_else(|| Refusal::invalid("`input`: a `url` is needed as a part"))?;
        input.finish()?;
        outbound.check(&place).map_err(|error| Refusal::invalid(format!("`input`: its `url`: {error}")))?;
        inputs.push(ImportInput { place, resource_type });
    }
    parameters.finish()?;
    if inputs.is_empty() {
        return Err(Refusal::invalid("an import needs an `input` with a `url`"));
    }
    Ok(inputs)
}

/// Inputs from listed hosts.
pub(crate) struct Outside {
    outbound: Outbound,
    runtime: Handle,
}

impl Outside {
    pub(crate) fn new(outbound: Outbound, runtime: Handle) -> Self {
        Self { outbound, runtime }
    }
}

impl Inputs for Outside {
    fn open(&self, place: &str) -> repository::Result<Box<dyn Read + Send>> {
        let fetched = self.runtime.block_on(self.outbound.fetch(place, HeaderMap::new(), INPUT_BYTES_MAX));
        let failed =
            |text: String| Error::new(ErrorKind::Invalid, format!("an input could not be read: {text}"));
        let (status, download) = fetched.map_err(|error| failed(error.to_string()))?;
        if status != StatusCode::OK {
            return Err(failed(format!("the host answered {}", status.as_u16())));
        }
        Ok(Box::new(Pulled { download, runtime: self.runtime.clone(), piece: Bytes::new() }))
    }
}

/// A body on its way in, read from a thread that may block.
struct Pulled {
    download: Download,
    runtime: Handle,
    piece: Bytes,
}

impl Read for Pulled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.runtime.block_on(self.download.next()).map_err(io::Error::other)? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let taken = self.piece.split_to(self.piece.len().min(buffer.len()));
        buffer.iter_mut().zip(&taken).for_each(|(to, from)| *to = *from);
        Ok(taken.len())
    }
}

#[cfg(test)]
mod tests {
    use fhir::json;

    use super::*;
    use crate::outbound::{Host, OutboundOptions};

    fn read(parameters: &str) -> Result<Vec<ImportInput>, Refusal> {
        let hosts = vec!["files.example".parse::<Host>().unwrap()];
        let outbound = Outbound::new(OutboundOptions { hosts, ..OutboundOptions::default() }).unwrap();
        let body = format!(r#"{{"resourceType":"Parameters","parameter":[{parameters}]}}"#);
        let body = json::parse(body.as_bytes(), &json::Limits::default()).unwrap();
        inputs(Parameters::from_body(body)?, &outbound)
    }

    fn input(url: &str) -> String {
        format!(
            r#"{{"name":"input","part":[{{"name":"type","valueCode":"Patient"}},{{"name":"url","valueUri":"{url}"}}]}}"#
        )
    }

    #[test]
    fn inputs_are_https_urls_of_listed_hosts() {
        let good = input("https://files.example/patients.ndjson");
        let all = format!(
            r#"{{"name":"inputFormat","valueCode":"application/fhir+ndjson"}},
               {{"name":"inputSource","valueUri":"https://files.example"}},
               {{"name":"storageDetail","part":[{{"name":"type","valueCode":"https"}}]}},{good}"#
        );
        for parameters in [&good, &all] {
            let read = read(parameters).unwrap();
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].resource_type.as_deref(), Some("Patient"));
        }
        for url in ["https://other.example/x", "http://files.example/x", "file:///etc/passwd", "shelf:1", ""]
        {
            assert!(read(&input(url)).is_err(), "{url}");
        }
        for other in
            [r#"{"name":"inputFormat","valueCode":"text/csv"}"#, r#"{"name":"colour","valueCode":"red"}"#]
        {
            assert!(read(&format!("{good},{other}")).is_err(), "{other}");
        }
        assert!(read(r#"{"name":"inputSource","valueUri":"x"}"#).is_err(), "no input");
    }
}
