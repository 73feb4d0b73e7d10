//! A data folder and the processes on it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Client, Line};

/// How long a server may take to come up or to go, on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// What most tests configure: free ports, two MLLP channels (one plain), one way in by HTTPS.
pub(crate) const CONFIG: &str = r#"
[https]
listen = "127.0.0.1:0"
body_bytes_max = 2000000

[[channel]]
name = "adt"
kind = "mllp"
listen = "127.0.0.1:0"
zone = "America/Chicago"
message_bytes_max = 200000

[[channel]]
name = "plain"
kind = "mllp"
listen = "127.0.0.1:0"
plaintext = true

[[channel]]
name = "post"
kind = "https"
"#;

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl Said {
    /// Standard output of a command that must have worked.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// A refusal: this exit code, `error: …` with `words`, and a `hint:` line.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains("error: ") && self.err.contains(words), "{words:?} is not in {self:?}");
        assert!(self.err.lines().any(|line| line.starts_with("hint: ")), "no hint in {self:?}");
    }
}

/// A place of the test's own with an initialised data folder in it, removed at the end.
pub(crate) struct Folder {
    place: TempDir,
}

impl Folder {
    /// A folder with keys and [`CONFIG`].
    pub(crate) fn new() -> Self {
        Self::with(CONFIG)
    }

    /// A folder with keys and this configuration.
    pub(crate) fn with(config: &str) -> Self {
        let folder = Self::empty();
        folder.ward(&["init"]).good();
        std::fs::write(folder.data().join("ward.toml"), config).unwrap();
        folder
    }

    /// A place where `ward init` has not run.
    pub(crate) fn empty() -> Self {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("temporary")).unwrap();
        Self { place }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.place.path().join("root.key")
    }

    /// Where the processes put their temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.place.path().join("temporary")
    }

    /// Writes a file beside the data folder.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.place.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary, without a terminal, with this folder and key in its environment and nothing else of ours.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ward"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WARD_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("WARD_DATA", self.data())
            .env("WARD_KEY_FILE", self.key())
            .env("TMPDIR", self.temporary())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn ward(&self, arguments: &[&str]) -> Said {
        run(self.command(arguments))
    }

    /// A token that may do everything.
    pub(crate) fn token(&self) -> String {
        self.ward(&["token", "create", "--scope", "system/*.cruds"]).good().trim().to_owned()
    }

    /// The certificate that clients trust.
    pub(crate) fn trust(&self) -> Arc<rustls::ClientConfig> {
        let pem = std::fs::read_to_string(self.data().join("tls").join("ca.crt")).unwrap();
        server::tls::client_config(&pem).unwrap()
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Starts a server with these variables in its environment.
    pub(crate) fn serve_with(&self, environment: &[(&str, &str)]) -> Server {
        let mut server = self.launch(environment);
        server.wait_ready();
        server
    }

    /// Starts a server and does not wait.
    pub(crate) fn launch(&self, environment: &[(&str, &str)]) -> Server {
        let mut command = self.command(&["serve"]);
        command.envs(environment.iter().copied());
        Server::watch(command.spawn().unwrap(), self.trust())
    }
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> Said {
    let output = command.output().unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    }
}

/// A running `ward serve`, killed if the test forgets it.
pub(crate) struct Server {
    child: Child,
    trust: Arc<rustls::ClientConfig>,
    lines: mpsc::Receiver<String>,
    said: Arc<Mutex<Vec<u8>>>,
    /// `https://HOST:PORT`.
    pub(crate) url: String,
    channels: BTreeMap<String, SocketAddr>,
}

impl Server {
    fn watch(mut child: Child, trust: Arc<rustls::ClientConfig>) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let (tell, lines) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in errors.split(b'\n').map_while(Result::ok) {
                let mut all = heard.lock().unwrap();
                all.extend_from_slice(&line);
                all.push(b'\n');
                drop(all);
                let _ = tell.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let mut out = child.stdout.take().unwrap();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut all = Vec::new();
            let _ = out.read_to_end(&mut all);
            heard.lock().unwrap().write_all(&all).unwrap();
        });
        Self { child, trust, lines, said, url: String::new(), channels: BTreeMap::new() }
    }

    /// Reads what it says until `ready`.
    pub(crate) fn wait_ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let _ = self.child.kill();
                panic!("the server did not become ready; it said:\n{}", self.said());
            };
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next()) {
                (Some("channel"), Some(name), Some(address)) => {
                    self.channels.insert(name.to_owned(), address.parse().unwrap());
                }
                (Some("ready"), Some(url), None) => {
                    url.clone_into(&mut self.url);
                    return;
                }
                _ => {}
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.url.strip_prefix("https://").unwrap().parse().unwrap()
    }

    /// Where a channel listens.
    pub(crate) fn channel(&self, name: &str) -> SocketAddr {
        self.channels[name]
    }

    /// A client with a token.
    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(self.address(), Arc::clone(&self.trust), token)
    }

    /// A connection to a channel, with TLS.
    pub(crate) fn line(&self, name: &str) -> Line {
        Line::tls(self.channel(name), Arc::clone(&self.trust)).unwrap()
    }

    pub(crate) fn trust(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.trust)
    }

    /// Everything it has written to its terminal so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, without waiting.
    pub(crate) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end, within [`PATIENCE`].
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the server does not end; it said:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// SIGTERM, and the exit that must follow. Gives what the server said.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> String {
        self.terminate();
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{status}; the server said:\n{}", self.said());
        self.said()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
