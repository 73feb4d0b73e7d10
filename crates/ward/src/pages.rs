//! Pages of PDF files, shown by a process of their own: `ward show-pdf`.
//!
//! A PDF is a program that a stranger wrote. A small one can take hours or all memory, and no library promises not to break down on
//! one. So its pages come from a child that holds nothing else: no environment, no data folder, no key, bounded memory and
//! processor time, and it is ended when a page takes too long.

pub(crate) mod wire;

use std::ffi::OsString;
use std::io::{self, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use mask::pdf::{PageSource, Pages, PdfError, PdfLimits, PdfPage};

/// The hidden command that shows pages.
pub(crate) const COMMAND: &str = "show-pdf";
/// How long one page may take.
const PAGE_TIME: Duration = Duration::from_secs(30);
/// Address space of the child: a page of 40 million pixels takes 160 MB, its layers as much each.
pub(crate) const MEMORY_BYTES: u64 = 3 << 30;
/// Processor time of the child.
pub(crate) const PROCESSOR_SECONDS: u64 = 600;

/// Starts this program again for each file.
#[derive(Clone, Debug)]
pub(crate) struct OwnProcess {
    /// Program and arguments.
    command: Vec<OsString>,
    page_time: Duration,
    limits: PdfLimits,
}

impl OwnProcess {
    /// This program.
    ///
    /// # Errors
    /// If the system does not say where it lies.
    pub(crate) fn new() -> io::Result<Self> {
        let command = vec![std::env::current_exe()?.into_os_string(), COMMAND.into()];
        Ok(Self { command, page_time: PAGE_TIME, limits: PdfLimits::default() })
    }
}

impl PageSource for OwnProcess {
    fn pages(&self, file: &[u8]) -> Result<Pages<'_>, PdfError> {
        if file.len() > self.limits.bytes_max {
            return Err(PdfError::TooLong { bytes_max: self.limits.bytes_max });
        }
        let (program, arguments) = self.command.split_first().ok_or(PdfError::NoSource)?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = Ended(child.map_err(|_| PdfError::NoSource)?);
        let (Some(mut input), Some(output)) = (child.0.stdin.take(), child.0.stdout.take()) else {
            return Err(PdfError::NoSource);
        };
        let file = file.to_vec();
        // Where the child ends early, so does this, and what it reads tells.
        std::thread::spawn(move || drop(input.write_all(&file)));
        let pages = received(output, self.limits);
        Ok(Box::new(Running { _child: child, pages, page_time: self.page_time, is_over: false }))
    }
}

/// Reads pages on a thread, for a pipe cannot be read with a time limit. One page waits, so a second is shown while one is masked.
fn received(output: ChildStdout, limits: PdfLimits) -> Receiver<Option<Result<PdfPage, PdfError>>> {
    let (sender, receiver) = sync_channel(1);
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        loop {
            let page = wire::receive(&mut output, &limits).transpose();
            let is_last = !matches!(page, Some(Ok(_)));
            if sender.send(page).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// The pages of a child at work.
struct Running {
    _child: Ended,
    pages: Receiver<Option<Result<PdfPage, PdfError>>>,
    page_time: Duration,
    is_over: bool,
}

impl Iterator for Running {
    type Item = Result<PdfPage, PdfError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let page = self.pages.recv_timeout(self.page_time).unwrap_or(Some(Err(PdfError::Stopped)));
        self.is_over = !matches!(page, Some(Ok(_)));
        page
    }
}

/// A child that does not outlive its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// What the first and second page of a child's are, for a shell's script.
    fn check(script: &str, expected: &str) {
        let command = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
        let page_time = Duration::from_millis(300);
        let source = OwnProcess { command, page_time, limits: PdfLimits::default() };
        let began = Instant::now();
        let mut pages = source.pages(b"%PDF-1.7").unwrap();
        let first = pages.next().map(|page| page.map_err(|error| error.to_string()));
        assert_eq!(first.unwrap().unwrap_err(), expected, "{script}");
        assert!(pages.next().is_none(), "{script}");
        drop(pages);
        assert!(began.elapsed() < Duration::from_secs(20), "{script}");
    }

    #[test]
    fn a_child_that_hangs_floods_or_dies_is_ended_and_is_a_refusal() {
        let stopped = PdfError::Stopped.to_string();
        check("exec sleep 60", &stopped);
        check("cat >/dev/null; exec sleep 60", &stopped);
        check("exec yes", &stopped);
        check("kill -9 $$", &stopped);
        check("printf P", &stopped);
        check("printf 'R\\001\\000\\000\\000\\000'", &PdfError::Encrypted.to_string());
    }
}
