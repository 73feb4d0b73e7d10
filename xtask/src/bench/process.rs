//! Starting and ending the server, and running commands to their end.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take until it says that it is ready.
const READY_MAX: Duration = Duration::from_secs(300);
/// How long it may take to end.
const END_MAX: Duration = Duration::from_secs(60);

/// The `ward` program with its data folder.
pub(super) struct Ward<'a> {
    pub(super) program: &'a Path,
    pub(super) data: &'a Path,
    pub(super) key: &'a Path,
    pub(super) cpus: Option<&'a str>,
}

/// A server that runs. It is killed when it is dropped.
pub(super) struct Server {
    child: Child,
    /// `https://HOST:PORT`.
    pub(super) url: String,
    /// Time from start to ready.
    pub(super) ready_ms: f64,
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command, bound to some processors if asked for.
pub(super) fn on_cpus(program: &Path, cpus: Option<&str>) -> Command {
    let Some(cpus) = cpus else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", cpus]).arg(program);
    command
}

/// Runs a command; gives its stdout, leaves its stderr on the terminal.
pub(super) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{name}` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{name}` failed ({})", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{name}` wrote something that is no text"))
}

impl Ward<'_> {
    fn command(&self) -> Command {
        let mut command = on_cpus(self.program, self.cpus);
        command.env_remove("WARD_PASSPHRASE");
        command
    }

    /// Runs a command of `ward` to its end; gives its stdout.
    pub(super) fn run(&self, words: &[&str]) -> Result<String, String> {
        let mut command = self.command();
        output(command.args(words).arg("--data").arg(self.data).arg("--key-file").arg(self.key))
    }

    /// Starts the server and waits until it is ready.
    pub(super) fn serve(&self) -> Result<Server, String> {
        let began = Instant::now();
        let mut command = self.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--data").arg(self.data).arg("--key-file").arg(self.key);
        let mut child = command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("`ward serve` did not start: {error}"))?;
        let stderr = child.stderr.take().ok_or("`ward serve` has no stderr")?;
        let mut server = Server { child, url: String::new(), ready_ms: 0.0 };
        let (tell, told) = mpsc::channel();
        // The thread ends with the server: its stderr closes then.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                match line.strip_prefix("ready ") {
                    Some(url) => drop(tell.send((url.trim().to_owned(), began.elapsed()))),
                    None => eprintln!("  server: {line}"),
                }
            }
        });
        let (url, took) =
            told.recv_timeout(READY_MAX).map_err(|_| "`ward serve` did not become ready".to_owned())?;
        server.url = url;
        server.ready_ms = (took.as_secs_f64() * 1e4).round() / 10.0;
        Ok(server)
    }
}

/// Ends a server as an administrator does: SIGTERM, exit code 0.
pub(super) fn terminate(server: &mut Server) -> Result<(), String> {
    signal("-TERM", server)?;
    let began = Instant::now();
    while began.elapsed() < END_MAX {
        match server.child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`ward serve` ended with {status}")),
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("`ward serve` did not end".to_owned())
}

/// Ends a server as a power cut does to a process: SIGKILL.
pub(super) fn kill(server: &mut Server) -> Result<(), String> {
    server.child.kill().map_err(|error| error.to_string())?;
    server.child.wait().map(drop).map_err(|error| error.to_string())
}

fn signal(name: &str, server: &Server) -> Result<(), String> {
    let status = Command::new("kill").arg(name).arg(server.pid().to_string()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("`kill {name}` failed")),
    }
}
