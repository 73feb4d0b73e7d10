//! A file on its way out, piece by piece: each piece is read on a thread that may block, when the client has taken the one
//! before. A slow client holds neither a thread nor more than one piece in memory.

use std::future::Future;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use tokio::task::JoinHandle;

/// Bytes of a piece.
const PIECE_BYTES: usize = 256 * 1024;

/// See the module.
pub(super) struct Download<R> {
    state: State<R>,
}

enum State<R> {
    Idle(R),
    Reading(JoinHandle<(R, io::Result<Vec<u8>>)>),
    Done,
}

impl<R: Read + Send + Unpin + 'static> Download<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { state: State::Idle(reader) }
    }
}

fn piece<R: Read>(mut reader: R) -> (R, io::Result<Vec<u8>>) {
    let mut bytes = Vec::with_capacity(PIECE_BYTES);
    let read = reader.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut bytes);
    (reader, read.map(|_| bytes))
}

impl<R: Read + Send + Unpin + 'static> HttpBody for Download<R> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Idle(reader) => {
                    self.state = State::Reading(tokio::task::spawn_blocking(move || piece(reader)));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(joined) = Pin::new(&mut reading).poll(context) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (reader, bytes) = joined.map_err(axum::Error::new)?;
                    let bytes = bytes.map_err(|error| {
                        tracing::error!(%error, "a file of a job could not be read to its end");
                        axum::Error::new(error)
                    })?;
                    if bytes.is_empty() {
                        return Poll::Ready(None);
                    }
                    self.state = State::Idle(reader);
                    return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_download_gives_all_bytes_in_order() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * PIECE_BYTES + 7).collect();
        let body = Download::new(io::Cursor::new(bytes.clone()));
        assert_eq!(axum::body::Body::new(body).collect().await.unwrap().to_bytes(), bytes);
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_breaks_the_answer_off() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::InvalidData.into())
            }
        }
        assert!(axum::body::Body::new(Download::new(Broken)).collect().await.is_err());
    }
}
