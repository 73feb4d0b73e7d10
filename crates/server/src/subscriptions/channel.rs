//! One try to tell: the request to an endpoint, or the message over a socket.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use repository::{Channel, Definition, PayloadContent, Told};

use super::Subscriptions;
use crate::outbound::OutboundError;

const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json");

/// Why a try failed. The texts may stand in `Subscription.error` and in the log: nothing of the URL, nothing that the other
/// side said.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The endpoint was not reached, or its answer is no good.
    #[error("the endpoint could not be told: {0}")]
    Outbound(#[from] OutboundError),
    /// The endpoint refused.
    #[error("the endpoint answered with status {0}")]
    Status(u16),
    /// Nobody is connected, or the connection went away.
    #[error("nobody is connected")]
    Unbound,
}

impl Subscriptions {
    /// Sends one Bundle. `Ok` means that the endpoint took it, or that it was written to the socket.
    pub(super) async fn send_bundle(&self, definition: &Definition, body: Vec<u8>) -> Result<(), Failure> {
        match &definition.channel {
            Channel::RestHook { endpoint, headers } => {
                let mut sent = given(headers);
                sent.insert(header::CONTENT_TYPE, FHIR_JSON);
                self.request(definition, Method::POST, endpoint, sent, body.into()).await
            }
            Channel::WebSocket => {
                let text = String::from_utf8(body).map_err(|_| Failure::Unbound)?;
                self.sockets.send(&definition.id, text).await.ok_or(Failure::Unbound)
            }
        }
    }

    /// Sends one event as R4 itself has it: a request without body, or with `payload` the resource, as an update of it.
    pub(super) async fn send_plain(&self, definition: &Definition, told: &Told) -> Result<(), Failure> {
        let Channel::RestHook { endpoint, headers } = &definition.channel else {
            return Err(Failure::Unbound);
        };
        let mut sent = given(headers);
        let full = definition.content == Some(PayloadContent::FullResource);
        match told.versioned.as_ref().filter(|version| full && !version.body.is_empty()) {
            Some(version) => {
                sent.insert(header::CONTENT_TYPE, FHIR_JSON);
                let url = format!("{}/{}", endpoint.trim_end_matches('/'), version.path());
                self.request(definition, Method::PUT, &url, sent, version.body.clone().into()).await
            }
            None => self.request(definition, Method::POST, endpoint, sent, Bytes::new()).await,
        }
    }

    async fn request(
        &self,
        definition: &Definition,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(), Failure> {
        let timeout = Duration::from_secs(definition.timeout_seconds);
        let status = self.outbound.tell(method, url, headers, body, timeout).await?;
        if status.is_success() { Ok(()) } else { Err(Failure::Status(status.as_u16())) }
    }
}

/// The headers of the channel: secrets, as a rule, so marked as such.
fn given(headers: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            continue;
        };
        value.set_sensitive(true);
        map.append(name, value);
    }
    map
}
