//! MLLP frames: `0x0B`, message, `0x1C 0x0D`.

/// Start block.
const START: u8 = 0x0B;
/// End block.
const END: [u8; 2] = [0x1C, 0x0D];
/// A new message begins here even if the one before it was never ended.
const RESTART: &[u8] = b"\x0BMSH";

/// Why no frame could be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// No end block within the limit.
    #[error("no end block within {limit_bytes} bytes")]
    TooLong {
        /// The limit, in bytes of message.
        limit_bytes: usize,
    },
    /// The first byte is not the start block.
    #[error("the stream does not begin with a start block")]
    NoStart,
}

/// Takes one HL7 v2 message off the front of an MLLP stream.
///
/// `input` is raw bytes: `0x0B`, message, `0x1C 0x0D`. Returns the message without its frame and the count of bytes
/// consumed (frame included), or `None` while the end block has not arrived.
///
/// # Errors
/// [`FrameError::TooLong`] after `limit_bytes` without an end block; [`FrameError::NoStart`] if the first byte differs.
///
/// Source: HL7 MLLP, Release 1.
pub fn take_frame(input: &[u8], limit_bytes: usize) -> Result<Option<(&[u8], usize)>, FrameError> {
    let Some((first, rest)) = input.split_first() else { return Ok(None) };
    if *first != START {
        return Err(FrameError::NoStart);
    }
    match find(rest, &END, 0) {
        Some(length) if length <= limit_bytes => Ok(rest.get(..length).map(|message| (message, length + 3))),
        // The end block's first byte may already stand at the very end.
        None if rest.len() <= limit_bytes.saturating_add(1) => Ok(None),
        _ => Err(FrameError::TooLong { limit_bytes }),
    }
}

/// Puts a message into a frame.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(message.len() + 3);
    framed.push(START);
    framed.extend_from_slice(message);
    framed.extend_from_slice(&END);
    framed
}

/// What a stream gave.
#[derive(Clone, PartialEq, Eq)]
pub enum FrameEvent {
    /// A message without its frame.
    Message(Vec<u8>),
    /// Bytes outside any frame were dropped.
    Junk {
        /// How many.
        count: usize,
    },
    /// A frame was never ended: a new one began inside it. What it held was dropped.
    Unended {
        /// How many bytes.
        count: usize,
    },
    /// A frame passed the limit. What it held is dropped up to its end block.
    TooLong {
        /// The limit.
        limit_bytes: usize,
    },
}

impl std::fmt::Debug for FrameEvent {
    /// Lengths only: a message is patient data.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message(message) => write!(formatter, "Message({} bytes)", message.len()),
            Self::Junk { count } => write!(formatter, "Junk({count} bytes)"),
            Self::Unended { count } => write!(formatter, "Unended({count} bytes)"),
            Self::TooLong { limit_bytes } => write!(formatter, "TooLong(limit {limit_bytes} bytes)"),
        }
    }
}

/// Gathers the bytes of one connection and gives its messages. It holds at most `limit_bytes` and a few bytes more, plus
/// what one [`push`](FrameReader::push) hands in.
///
/// After junk, an unended or a too long frame it finds its way to the next start block by itself. What it gives does not
/// depend on how the bytes were cut into pushes, except for how junk is counted.
#[derive(Debug)]
pub struct FrameReader {
    limit_bytes: usize,
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that are done with.
    taken: usize,
    /// Bytes after `taken` in which no end block begins.
    searched: usize,
    /// A frame passed the limit: drop up to its end block.
    dropping: bool,
}

impl FrameReader {
    /// A reader that refuses messages over `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, buffer: Vec::new(), taken: 0, searched: 0, dropping: false }
    }

    /// Adds bytes from the stream. Call [`next_event`](FrameReader::next_event) until it gives `None` after each push.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes held for a message that has not ended.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// The next thing that the stream gave, or `None` until more bytes are pushed.
    pub fn next_event(&mut self) -> Option<FrameEvent> {
        if self.dropping && !self.drop_to_end() {
            return None;
        }
        let rest = self.rest();
        let junk = rest.iter().position(|byte| *byte == START).unwrap_or(rest.len());
        if junk > 0 {
            let blank = rest.iter().take(junk).all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0));
            self.take(junk);
            // Line ends between frames are common and harmless.
            return if blank { self.next_event() } else { Some(FrameEvent::Junk { count: junk }) };
        }
        if rest.is_empty() {
            return None;
        }
        match find(rest, &END, self.searched) {
            Some(end) => Some(self.close(end)),
            None => self.wait(),
        }
    }

    /// Ends the stream: tells of bytes that no end block followed.
    pub fn finish(mut self) -> Option<FrameEvent> {
        let event = self.next_event();
        if event.is_some() {
            return event;
        }
        let count = self.pending_bytes();
        (count > 0 && !self.dropping).then_some(FrameEvent::Unended { count })
    }

    /// A frame that ends at `end`, or the unended one before it.
    fn close(&mut self, end: usize) -> FrameEvent {
        let content = self.rest().get(1..end).unwrap_or(&[]);
        if let Some(restart) = find(content, RESTART, 0) {
            self.take(restart + 1);
            return FrameEvent::Unended { count: restart };
        }
        if content.len() > self.limit_bytes {
            self.take(end + END.len());
            return FrameEvent::TooLong { limit_bytes: self.limit_bytes };
        }
        let message = content.to_vec();
        self.take(end + END.len());
        FrameEvent::Message(message)
    }

    /// No end yet: remember how far we looked, and give up on a frame that is too long.
    fn wait(&mut self) -> Option<FrameEvent> {
        let length = self.pending_bytes();
        self.searched = length.saturating_sub(1);
        // Start block, message, first byte of the end block.
        if length <= self.limit_bytes.saturating_add(2) {
            return None;
        }
        if let Some(restart) = find(self.rest().get(1..).unwrap_or(&[]), RESTART, 0) {
            self.take(restart + 1);
            return Some(FrameEvent::Unended { count: restart });
        }
        self.dropping = true;
        self.drop_to_end();
        Some(FrameEvent::TooLong { limit_bytes: self.limit_bytes })
    }

    /// Drops up to the end block or to a new start; `false` while neither has come.
    fn drop_to_end(&mut self) -> bool {
        let rest = self.rest();
        let end = find(rest, &END, 0).map(|end| end + END.len());
        let restart = find(rest.get(1..).unwrap_or(&[]), RESTART, 0).map(|restart| restart + 1);
        match end.into_iter().chain(restart).min() {
            Some(next) => {
                self.dropping = false;
                self.take(next);
                true
            }
            None => {
                // Keep what may be the beginning of either mark.
                let keep = RESTART.len();
                self.take(rest.len().saturating_sub(keep));
                false
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or(&[])
    }

    fn take(&mut self, count: usize) {
        self.taken += count;
        self.searched = 0;
    }
}

/// Where `needle` begins in `bytes`, looking from `from` on.
fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut start = from;
    loop {
        let rest = bytes.get(start..)?;
        start += rest.iter().position(|byte| *byte == first)?;
        if bytes.get(start..)?.starts_with(needle) {
            return Some(start);
        }
        start += 1;
    }
}
