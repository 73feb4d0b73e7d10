//! Reads what is left of a request's body before its answer goes out.
//!
//! A refusal often comes before the body was read. Over HTTP/2 the stream is then reset right behind the answer, and some
//! clients (curl among them) drop an answer that is followed by a reset: the user would never see why. So a little of the
//! rest is taken and thrown away, within bounds.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, SizeHint};

/// Bytes that are taken; of a longer rest the client has to be told by the reset.
const DRAIN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long is waited for them.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// Runs the request, then takes the rest of its body.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let rest: Rest = Arc::default();
    let slot = Arc::clone(&rest);
    let response = next.run(request.map(|body| Body::new(Watched { body: Some(body), rest: slot }))).await;
    let left = rest.lock().ok().and_then(|mut slot| slot.take());
    if let Some(body) = left {
        let mut body = Limited::new(body, DRAIN_BYTES_MAX);
        let all = async { while let Some(Ok(_)) = body.frame().await {} };
        let _ = tokio::time::timeout(DRAIN_TIME_MAX, all).await;
    }
    response
}

/// Where a body that was not read to its end is put when its reader lets go of it.
type Rest = Arc<Mutex<Option<Body>>>;

/// A body that does not get lost.
struct Watched {
    body: Option<Body>,
    rest: Rest,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream())
            && let Ok(mut slot) = self.rest.lock()
        {
            *slot = Some(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_that_is_let_go_half_read_is_kept_and_one_read_whole_is_not() {
        let body =
            |text: &'static str| Body::new(http_body_util::Full::new(Bytes::from_static(text.as_bytes())));
        let rest: Rest = Arc::default();
        drop(Watched { body: Some(body("abc")), rest: Arc::clone(&rest) });
        let left = rest.lock().unwrap().take().unwrap();
        assert_eq!(left.collect().await.unwrap().to_bytes(), "abc");
        let whole = Watched { body: Some(body("abc")), rest: Arc::clone(&rest) };
        assert_eq!(whole.collect().await.unwrap().to_bytes(), "abc");
        assert!(rest.lock().unwrap().is_none());
    }
}
