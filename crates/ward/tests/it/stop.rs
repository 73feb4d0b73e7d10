//! The end: open requests are answered, a second server is refused, and what was not heard is not lost.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use testkit::canary;

use crate::support::{Folder, Line, Server};

/// A raw TLS connection to the HTTPS port.
fn raw(server: &Server) -> StreamOwned<ClientConnection, TcpStream> {
    let socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let name = ServerName::from(server.address().ip());
    StreamOwned::new(ClientConnection::new(server.trust(), name).unwrap(), socket)
}

fn rest(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> String {
    let mut all = Vec::new();
    // A server that closes without a TLS farewell still said what came before.
    let _ = stream.read_to_end(&mut all);
    String::from_utf8(all).unwrap()
}

#[test]
fn an_open_request_is_answered_after_the_stop_began() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let body = br#"{"resourceType":"Patient","id":"late"}"#;
    let mut stream = raw(&server);
    let head = format!(
        "PUT /fhir/Patient/late HTTP/1.1\r\nhost: ward.example\r\nauthorization: Bearer {token}\r\n\
         content-type: application/fhir+json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.flush().unwrap();
    // `100 Continue` says that the handler has the request and waits for the body.
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100");
    server.terminate();
    // The port is closed once the stop has begun.
    let address = server.address();
    until(|| TcpStream::connect(address).is_err());
    stream.write_all(body).unwrap();
    stream.flush().unwrap();
    let answer = rest(&mut stream);
    assert!(answer.contains("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.ended().code(), Some(0), "{}", server.said());

    let mut server = folder.serve();
    server.client(&token).get("/fhir/Patient/late").ok();
    server.stop();
}

#[test]
fn idle_connections_do_not_hold_up_the_stop() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    client.get("/fhir/metadata");
    let mut line = server.line("adt");
    assert_eq!(line.send(&canary::admission()), "AA");
    // These have not even begun the handshake of TLS.
    let half = server.line("adt");
    let silent = raw(&server);
    let started = std::time::Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    drop((client, line, half, silent));
    assert!(!folder.data().join("run").join("url").exists());
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_and_harms_nothing() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let url = server.url.clone();
    for arguments in
        [&["serve"][..], &["index", "verify"], &["index", "rebuild"], &["channel", "replay", "adt"]]
    {
        let said = folder.ward(arguments);
        said.refused(1, "could not be opened");
        assert!(said.err.contains(&url), "the hint names the running server: {said:?}");
    }
    let mut client = server.client(&token);
    client.put("/fhir/Patient/a", &crate::support::json(br#"{"resourceType":"Patient","id":"a"}"#)).ok();
    server.stop();
    folder.ward(&["index", "verify"]).good();
    folder.ward(&["audit", "verify"]).good();
}

#[test]
fn an_interrupt_ends_it_as_well() {
    let folder = Folder::new();
    let mut server = folder.serve();
    let id = server.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(server.ended().code(), Some(0), "{}", server.said());
}

#[test]
fn plaintext_on_a_tls_port_gets_no_answer() {
    let folder = Folder::new();
    let mut server = folder.serve();
    for address in [server.address(), server.channel("adt")] {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.write_all(b"GET /fhir/metadata HTTP/1.1\r\nhost: ward.example\r\n\r\n").unwrap();
        let mut all = Vec::new();
        let _ = socket.read_to_end(&mut all);
        assert!(!all.starts_with(b"HTTP/1.1 200"), "{all:?}");
    }
    let mut plain = Line::plain(server.channel("adt")).unwrap();
    plain.write(&canary::admission()).unwrap();
    assert!(plain.read_fails());
    // And the other way round: a channel that says `plaintext = true` takes no TLS.
    let mut tls = Line::tls(server.channel("plain"), server.trust()).unwrap();
    assert!(tls.is_deaf_for(Duration::from_millis(500)));
    server.stop();
}

fn until(mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(std::time::Instant::now() < end, "it did not come about in 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}
