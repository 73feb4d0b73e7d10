//! `ward show-pdf`: reads a PDF from standard input and writes its pages as pixels, for [`crate::pages`]; not for people.

use std::io::{BufWriter, Read as _, Write as _};

use mask::pdf::{PdfError, PdfLimits, show};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{During, Result};
use crate::pages::{MEMORY_BYTES, PROCESSOR_SECONDS, wire};

/// Runs it.
pub(crate) fn run() -> Result {
    bound().during("the bounds of the process could not be set")?;
    let limits = PdfLimits::default();
    let mut file = Vec::new();
    let longest = limits.bytes_max as u64 + 1; // the one byte more tells that there are more
    let read = std::io::stdin().lock().take(longest).read_to_end(&mut file);
    read.during("standard input could not be read")?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    // A panic ends the process, and the pipe ends without an end: that is a refusal.
    let shown = show(file, &limits, &mut |page| {
        written = wire::send(&page, &mut out).and_then(|()| out.flush());
        written.is_ok()
    });
    let outcome = if written.is_ok() { shown } else { Err(PdfError::Stopped) };
    wire::end(&outcome, &mut out).during("stdout cannot be written")
}

/// Less memory and processor time than a file might ask for, no file of memory after a crash, no further file to write.
fn bound() -> rustix::io::Result<()> {
    let bounds = [
        (Resource::As, MEMORY_BYTES),
        (Resource::Cpu, PROCESSOR_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
    ];
    bounds.into_iter().try_for_each(|(resource, most)| {
        // Where less is set already, more is not ours to ask for.
        let most = getrlimit(resource).maximum.map_or(most, |set| set.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
    })
}
