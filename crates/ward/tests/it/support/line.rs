//! An MLLP client: blocking, one connection, with or without TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use formats::hl7v2::mllp::{FrameEvent, FrameReader, frame};
use formats::hl7v2::{Message, ParseOptions, parse};
use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

/// How long an acknowledgement may take.
const ANSWER_MAX: Duration = Duration::from_secs(60);

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A connection to a channel.
pub(crate) struct Line {
    stream: Box<dyn Stream>,
    socket: TcpStream,
    frames: FrameReader,
}

impl Line {
    /// Connects with TLS.
    pub(crate) fn tls(address: SocketAddr, trust: Arc<rustls::ClientConfig>) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        let connection =
            ClientConnection::new(trust, ServerName::from(address.ip())).map_err(io::Error::other)?;
        let stream = StreamOwned::new(connection, socket.try_clone()?);
        Ok(Self { stream: Box::new(stream), socket, frames: FrameReader::new(1 << 20) })
    }

    /// Connects without TLS.
    pub(crate) fn plain(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self { stream: Box::new(socket.try_clone()?), socket, frames: FrameReader::new(1 << 20) })
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends one message in its frame.
    pub(crate) fn write(&mut self, message: &[u8]) -> io::Result<()> {
        self.raw(&frame(message))
    }

    /// The next acknowledgement; `UnexpectedEof` if the server closed the connection.
    pub(crate) fn read(&mut self) -> io::Result<Message> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(event) = self.frames.next_event() {
                let FrameEvent::Message(bytes) = event else { panic!("the server sent {event:?}") };
                return Ok(parse(&bytes, &ParseOptions::default()).unwrap().message);
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.frames.push(&buffer[..count]),
            }
        }
    }

    /// Sends one message and gives MSA-1 of its acknowledgement.
    #[track_caller]
    pub(crate) fn send(&mut self, message: &[u8]) -> String {
        self.write(message).unwrap();
        code(&self.read().unwrap())
    }

    /// Whether the server closes the connection, or says what is no acknowledgement.
    pub(crate) fn read_fails(&mut self) -> bool {
        let mut all = Vec::new();
        let _ = self.stream.read_to_end(&mut all);
        !all.windows(3).any(|window| window == b"MSA")
    }

    /// Whether the handshake of TLS gets no answer within `wait`.
    pub(crate) fn is_deaf_for(&mut self, wait: Duration) -> bool {
        self.socket.set_read_timeout(Some(wait)).unwrap();
        self.stream.write_all(b"x").and_then(|()| self.stream.flush()).is_err()
    }

    /// Whether nothing more comes within `wait`.
    pub(crate) fn is_silent_for(&mut self, wait: Duration) -> bool {
        self.socket.set_read_timeout(Some(wait)).unwrap();
        let read = self.read();
        self.socket.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        matches!(read, Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut))
    }
}

/// MSA-1.
pub(crate) fn code(answer: &Message) -> String {
    field(answer, "MSA-1")
}

/// A field's text.
pub(crate) fn field(answer: &Message, path: &str) -> String {
    answer.get(path).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

/// An ADT message about one person; `mrn` in the synthetic hospital's namespace.
pub(crate) fn adt(event: &str, control_id: &str, mrn: &str, family: &str) -> Vec<u8> {
    let sent = "20260301120000-0600";
    format!(
        "MSH|^~\\&|ADT|NORTH|WARD|WARD|{sent}||ADT^{event}^ADT_A01|{control_id}|P|2.5.1\r\
         EVN|{event}|{sent}\r\
         PID|1||{mrn}^^^NORTH&2.999.10.1&ISO^MR||{family}^Test||19700102|F\r\
         PV1|1|O\r"
    )
    .into_bytes()
}
