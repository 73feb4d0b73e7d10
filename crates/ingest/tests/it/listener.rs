//! MLLP over real sockets, with TLS and without.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use formats::hl7v2::mllp::{FrameEvent, FrameReader, frame};
use ingest::config::{ChannelConfig, ChannelKind};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use storage::fault::FaultDisk;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fixture::{Bench, adt, on, told};

/// Nothing here takes so long; a test that hangs must end.
const PATIENCE: Duration = Duration::from_secs(60);

struct Listening {
    bench: Bench,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

async fn listen(
    change: impl FnOnce(&mut ChannelConfig),
    tls: Option<Arc<rustls::ServerConfig>>,
) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = ChannelConfig {
        listen: Some(address),
        plaintext: tls.is_none(),
        ..ChannelConfig::new("adt", ChannelKind::Mllp)
    };
    change(&mut config);
    let bench = on(&FaultDisk::new(1), vec![config]).unwrap();
    let (stop, stopping) = watch::channel(false);
    let server = tokio::spawn(ingest::mllp::serve(
        bench.ingest.clone(),
        bench.channel("adt"),
        listener,
        tls,
        stopping,
    ));
    Listening { bench, address, stop, server }
}

impl Listening {
    async fn connect(&self) -> Sender<TcpStream> {
        Sender::on(TcpStream::connect(self.address).await.unwrap())
    }

    async fn stop(self) -> Bench {
        self.stop.send(true).unwrap();
        tokio::time::timeout(PATIENCE, self.server).await.expect("it stops").unwrap();
        self.bench
    }
}

struct Sender<S> {
    stream: S,
    frames: FrameReader,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    fn on(stream: S) -> Self {
        Self { stream, frames: FrameReader::new(1 << 20) }
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next answer; `None` when the other side has closed in good order.
    async fn answer(&mut self) -> Option<(String, String, String)> {
        tokio::time::timeout(PATIENCE, async {
            loop {
                match self.frames.next_event() {
                    Some(FrameEvent::Message(answer)) => return Some(told(&answer)),
                    Some(other) => panic!("{other:?}"),
                    None => {}
                }
                let mut buffer = [0; 4096];
                match self.stream.read(&mut buffer).await.unwrap() {
                    0 => return None,
                    count => self.frames.push(&buffer[..count]),
                }
            }
        })
        .await
        .expect("an answer, or the end")
    }

    async fn send(&mut self, message: &[u8]) -> (String, String) {
        self.write(&frame(message)).await;
        let (code, id, _) = self.answer().await.expect("an answer");
        (code, id)
    }
}

fn accepted(id: &str) -> (String, String) {
    ("AA".to_owned(), id.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_are_answered_each_in_order() {
    let listening = listen(|_| {}, None).await;
    let mut senders = Vec::new();
    for connection in 0..16 {
        let mut sender = listening.connect().await;
        senders.push(tokio::spawn(async move {
            // Without waiting for answers: the frames stand one after another in the stream.
            let messages = (0..6).map(|number| {
                let id = format!("C{connection}x{number}");
                (adt(&id, &connection.to_string(), &format!("Alpha{number}")), id)
            });
            let (messages, ids): (Vec<_>, Vec<_>) = messages.unzip();
            let bytes: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
            sender.write(&bytes).await;
            for id in ids {
                let (code, told_id, _) = sender.answer().await.unwrap();
                assert_eq!((code, told_id), accepted(&id));
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let bench = listening.stop().await;
    let patients: HashSet<_> = bench
        .history()
        .into_iter()
        .filter(|version| version.resource_type == "Patient")
        .map(|v| v.id)
        .collect();
    assert_eq!((patients.len(), bench.archive.len()), (16, 96));
    bench.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_may_come_byte_by_byte_and_after_junk() {
    let listening = listen(|_| {}, None).await;
    let mut sender = listening.connect().await;
    sender.write(b"GET / HTTP/1.1\r\n\r\n").await;
    for byte in frame(&adt("C1", "1", "Alpha")) {
        sender.write(&[byte]).await;
    }
    let (code, id, _) = sender.answer().await.unwrap();
    assert_eq!((code, id), accepted("C1"));
    // A frame that is never ended is dropped when the next begins; nothing of it is kept.
    sender.write(&frame(&adt("C2", "2", "Beta"))[..60]).await;
    assert_eq!(sender.send(&adt("C3", "3", "Gamma")).await, accepted("C3"));
    assert_eq!(listening.stop().await.archive.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_is_too_long_is_refused_and_the_next_is_taken() {
    let listening = listen(|config| config.message_bytes_max = 1000, None).await;
    let mut sender = listening.connect().await;
    sender.write(&frame(&adt("C1", "1", &"x".repeat(5000)))).await;
    let (code, _, words) = sender.answer().await.unwrap();
    assert_eq!(code, "AR");
    assert!(words.contains("over 1000 bytes"), "{words}");
    assert_eq!(sender.send(&adt("C2", "2", "Beta")).await, accepted("C2"));
    let bench = listening.stop().await;
    assert_eq!((bench.archive.len(), bench.aside().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_mapped_is_answered_and_the_connection_goes_on() {
    let listening = listen(|_| {}, None).await;
    let mut sender = listening.connect().await;
    assert_eq!(sender.send(b"junk").await.0, "AR");
    assert_eq!(sender.send(b"").await.0, "AR");
    let unknown = String::from_utf8(adt("C1", "1", "A")).unwrap().replace("ADT^A08^ADT_A01", "ADT^Z99");
    assert_eq!(sender.send(unknown.as_bytes()).await, ("AR".to_owned(), "C1".to_owned()));
    assert_eq!(sender.send(&adt("C2", "1", "Alpha")).await, accepted("C2"));
    listening.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_closed_and_makes_room() {
    let limits = |config: &mut ChannelConfig| {
        config.idle_seconds_max = 1;
        config.connections_max = 1;
    };
    let listening = listen(limits, None).await;
    let mut silent = listening.connect().await;
    let mut second = listening.connect().await;
    second.write(&frame(&adt("C1", "1", "Alpha"))).await;
    assert_eq!(silent.answer().await, None);
    let (code, id, _) = second.answer().await.unwrap();
    assert_eq!((code, id), accepted("C1"));
    listening.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_stop_what_is_at_work_is_answered_and_nothing_else_is_committed() {
    let listening = listen(|_| {}, None).await;
    let mut senders = Vec::new();
    for connection in 0..8 {
        let mut sender = listening.connect().await;
        let (first, begun) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let message =
                |number: usize| adt(&format!("C{number}"), &format!("{connection}x{number}"), "Alpha");
            let bytes: Vec<u8> = (0..40).flat_map(|number| frame(&message(number))).collect();
            sender.write(&bytes).await;
            let mut answers = 0;
            let mut first = Some(first);
            while let Some((code, _, _)) = sender.answer().await {
                assert_eq!(code, "AA");
                answers += 1;
                first.take().map(|first| first.send(()));
            }
            answers
        });
        senders.push((begun, task));
    }
    let mut tasks = Vec::new();
    for (begun, task) in senders {
        begun.await.unwrap();
        tasks.push(task);
    }
    let bench = listening.stop().await;
    let mut answers = 0;
    for task in tasks {
        answers += task.await.unwrap();
    }
    let patients = bench.history().into_iter().filter(|version| version.resource_type == "Patient").count();
    assert_eq!(answers, patients, "every committed message was answered");
    bench.check();
}

fn certificates() -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_messages_are_answered_and_the_end_is_said() {
    let (server, client) = certificates();
    let listening = listen(|_| {}, Some(server)).await;
    let connector = tokio_rustls::TlsConnector::from(client);
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(listening.address).await.unwrap();
    let mut sender = Sender::on(connector.connect(name, stream).await.unwrap());
    for number in 0..5 {
        let id = format!("C{number}");
        assert_eq!(sender.send(&adt(&id, "1", &format!("Alpha{number}"))).await, accepted(&id));
    }
    // Somebody who does not speak TLS gets nothing, and one who says nothing does not hold up the stop.
    let mut plain = listening.connect().await;
    plain.write(&frame(&adt("P1", "2", "Plain"))).await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, plain.stream.read_to_end(&mut rest)).await.expect("it is closed");
    assert!(!String::from_utf8_lossy(&rest).contains("MSA"));
    let _silent = listening.connect().await;
    let begun = std::time::Instant::now();
    let bench = listening.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(sender.answer().await, None, "TLS was closed in good order");
    assert_eq!(bench.archive.len(), 5);
}
