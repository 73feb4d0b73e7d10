//! The embedded home of the log: append-only segment files in one folder.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::segment::{
    HEADER_LEN, RECORD_HEADER_LEN, SegmentHeader, SegmentReader, Step, encode_record, parse_file_name,
};
use super::{Log, LogError, RECORD_BYTES_MAX, ReadLimit, Seq};
use crate::disk::{Disk, File, LockGuard, OpenMode};
use crate::seal::Sealed;

/// A reader skips at most about this many bytes to find a record.
const INDEX_STEP_BYTES: u64 = 64 * 1024;

/// Segments whose places of records are kept in memory, besides that of the last one.
const INDEXED_SEGMENTS_MAX: usize = 64;

/// The write buffer is given back to the system after a batch longer than this.
const BUFFER_KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Whose log it is, and how it is cut into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLogOptions {
    /// Number of the tenant; opening a log of another one is refused.
    pub tenant: u32,
    /// Number of the partition; opening a log of another one is refused.
    pub partition: u16,
    /// A new file is begun when a batch would make the last one longer than this. One batch is never split, so a file
    /// with a single batch may be longer. Bounds the part that is read at each start.
    pub segment_bytes_max: u64,
}

impl Default for FileLogOptions {
    /// Tenant 0, partition 0, 64 MiB.
    fn default() -> Self {
        Self { tenant: 0, partition: 0, segment_bytes_max: 64 * 1024 * 1024 }
    }
}

/// What [`FileLog::verify`] went over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogReport {
    /// Segment files.
    pub segments: u64,
    /// Good records.
    pub records: u64,
    /// Bytes of segment files.
    pub bytes: u64,
}

/// A log in segment files. An append is one write and one fsync.
///
/// Opening cuts the torn tail that a crash may have left behind the last durable batch, and nothing else: damage anywhere
/// before it is [`LogError::Corrupt`] and changes nothing.
#[derive(Debug)]
pub struct FileLog {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: FileLogOptions,
    state: Mutex<State>,
    _lock: Box<dyn LockGuard>,
}

#[derive(Debug)]
struct State {
    next: Seq,
    /// First numbers of all segments, in order; never empty.
    firsts: Vec<Seq>,
    last: LastSegment,
    /// Places of records in older segments, the most lately used at the back.
    indexed: VecDeque<(Seq, Arc<Places>)>,
    poisoned: bool,
    buffer: Vec<u8>,
}

/// The segment that is being written.
#[derive(Debug)]
struct LastSegment {
    file: Arc<dyn File>,
    seed: u64,
    /// End of its durable records.
    end: u64,
    places: Places,
}

/// Where some of the records of a segment begin, in order.
type Places = Vec<(Seq, u64)>;

impl FileLog {
    /// Opens the log in this folder, and makes both if they are not there.
    ///
    /// # Errors
    /// [`LogError::Locked`]; [`LogError::Corrupt`] where a part that was durable is damaged; [`LogError::Foreign`] for a log of
    /// another tenant, partition or version; [`LogError::Io`], [`LogError::Full`].
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: FileLogOptions) -> Result<Self, LogError> {
        disk.create_dir_all(dir).map_err(refused)?;
        let lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => LogError::Locked,
            _ => refused(error),
        })?;
        let mut firsts: Vec<Seq> = disk
            .list(dir)
            .map_err(LogError::Io)?
            .iter()
            .filter_map(|entry| parse_file_name(&entry.name))
            .collect();
        firsts.sort_unstable();
        let opening = Opening { disk: disk.as_ref(), dir, options };
        let (next, last) = opening.last_segment(&mut firsts)?;
        // Names made just before a crash of this process may not be durable yet.
        disk.sync_dir(dir).map_err(LogError::Io)?;
        let state =
            State { next, firsts, last, indexed: VecDeque::new(), poisoned: false, buffer: Vec::new() };
        Ok(Self { disk, dir: dir.to_owned(), options, state: Mutex::new(state), _lock: lock })
    }

    /// Reads every record of every segment and checks it. `progress` is told the bytes done and the bytes in all.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] at the first damage, [`LogError::Io`], [`LogError::Poisoned`].
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<LogReport, LogError> {
        let (firsts, last_end, next) = {
            let state = self.state.lock();
            state.check()?;
            (state.firsts.clone(), state.last.end, state.next)
        };
        let mut lens = Vec::with_capacity(firsts.len());
        for (index, first) in firsts.iter().enumerate() {
            let path = self.dir.join(self.header(*first).file_name());
            let is_last = index + 1 == firsts.len();
            lens.push(if is_last { last_end } else { self.disk.len(&path).map_err(LogError::Io)? });
        }
        let bytes_total = lens.iter().sum();
        let mut report = LogReport::default();
        for (index, (first, len)) in firsts.iter().zip(&lens).enumerate() {
            let until = firsts.get(index + 1).copied().unwrap_or(next);
            let opened = self.open_segment(*first, *len)?;
            let mut reader = opened.reader(HEADER_LEN as u64, *first);
            while opened.step(&mut reader, until)?.is_some() {
                report.records += 1;
            }
            report.segments += 1;
            report.bytes += len;
            progress(report.bytes, bytes_total);
        }
        Ok(report)
    }

    fn header(&self, first: Seq) -> SegmentHeader {
        self.options.header(first)
    }

    /// Opens an older segment for reading and checks its header.
    fn open_segment(&self, first: Seq, end: u64) -> Result<OpenSegment, LogError> {
        let header = self.header(first);
        let name = header.file_name();
        let file: Arc<dyn File> =
            Arc::from(self.disk.open(&self.dir.join(&name), OpenMode::Read).map_err(LogError::Io)?);
        check_header(file.as_ref(), header, &name)?;
        Ok(OpenSegment { file, name, seed: header.seed(), end })
    }

    /// Where to begin reading for the record `from` in an older segment; goes over it once if it was not looked at lately.
    fn place(
        &self,
        segment: &OpenSegment,
        first: Seq,
        until: Seq,
        from: Seq,
    ) -> Result<(Seq, u64), LogError> {
        let known = {
            let mut state = self.state.lock();
            let found = state.indexed.iter().position(|(of, _)| *of == first);
            found.and_then(|index| state.indexed.remove(index)).map(|entry| {
                let places = Arc::clone(&entry.1);
                state.indexed.push_back(entry);
                places
            })
        };
        let places = match known {
            Some(places) => places,
            None => {
                let mut places = Places::new();
                let mut reader = segment.reader(HEADER_LEN as u64, first);
                while let Some((seq, offset, _)) = segment.step(&mut reader, until)? {
                    note_place(&mut places, seq, offset);
                }
                let places = Arc::new(places);
                let mut state = self.state.lock();
                if state.indexed.len() >= INDEXED_SEGMENTS_MAX {
                    state.indexed.pop_front();
                }
                state.indexed.push_back((first, Arc::clone(&places)));
                places
            }
        };
        Ok(place_before(&places, from, first))
    }
}

impl Log for FileLog {
    fn next(&self) -> Seq {
        self.state.lock().next
    }

    fn append(&self, expected: Seq, records: &[Sealed]) -> Result<Seq, LogError> {
        let mut state = self.state.lock();
        state.check()?;
        if expected != state.next {
            return Err(LogError::LostRace { next: state.next });
        }
        let mut batch_bytes = 0u64;
        for record in records {
            let len_bytes = record.as_bytes().len();
            if len_bytes > RECORD_BYTES_MAX {
                return Err(LogError::TooLarge { len_bytes });
            }
            batch_bytes += (RECORD_HEADER_LEN + len_bytes) as u64;
        }
        if records.is_empty() {
            return Ok(expected);
        }
        let used = state.last.end > HEADER_LEN as u64;
        if used && state.last.end + batch_bytes > self.options.segment_bytes_max {
            self.begin_segment(&mut state)?;
        }
        self.write_batch(&mut state, records)?;
        Ok(expected)
    }

    fn read(&self, from: Seq, limit: ReadLimit) -> Result<Vec<(Seq, Sealed)>, LogError> {
        let mut found = Found { limit, bytes: 0, records: Vec::new() };
        let mut from = from.max(Seq::FIRST);
        while !found.is_full() {
            let (segment, first, until, place) = {
                let state = self.state.lock();
                state.check()?;
                if from >= state.next {
                    break;
                }
                let index = state.firsts.partition_point(|first| *first <= from);
                let Some(first) = index.checked_sub(1).and_then(|index| state.firsts.get(index)).copied()
                else {
                    // Opening made sure that the first segment begins with the first record.
                    break;
                };
                match state.firsts.get(index).copied() {
                    None => {
                        let name = self.header(first).file_name();
                        let (file, seed, end) =
                            (Arc::clone(&state.last.file), state.last.seed, state.last.end);
                        let place = place_before(&state.last.places, from, first);
                        (Some(OpenSegment { file, name, seed, end }), first, state.next, place)
                    }
                    Some(until) => (None, first, until, (first, HEADER_LEN as u64)),
                }
            };
            let (segment, place) = match segment {
                Some(segment) => (segment, place),
                None => {
                    let path = self.dir.join(self.header(first).file_name());
                    let end = self.disk.len(&path).map_err(LogError::Io)?;
                    let segment = self.open_segment(first, end)?;
                    // A reader that goes on from segment to segment needs no table of places.
                    let place = if from == first { place } else { self.place(&segment, first, until, from)? };
                    (segment, place)
                }
            };
            let mut reader = segment.reader(place.1, place.0);
            while let Some((seq, _, payload)) = segment.step(&mut reader, until)? {
                if seq >= from && !found.take(seq, payload) {
                    break;
                }
            }
            from = until;
        }
        Ok(found.records)
    }
}

impl FileLog {
    /// Begins a new, empty segment; the log is unchanged on an error that does not poison.
    fn begin_segment(&self, state: &mut State) -> Result<(), LogError> {
        let header = self.header(state.next);
        let path = self.dir.join(header.file_name());
        match create_segment(self.disk.as_ref(), &self.dir, &path, header) {
            Ok(file) => {
                state.last = LastSegment {
                    file: Arc::from(file),
                    seed: header.seed(),
                    end: HEADER_LEN as u64,
                    places: Places::new(),
                };
                state.firsts.push(state.next);
                Ok(())
            }
            Err(error) if is_full(&error) => {
                // What is left of it is too short to hold a record, so it does no harm if it cannot be removed.
                let _ = self.disk.remove(&path);
                Err(LogError::Full(error))
            }
            Err(error) => {
                state.poisoned = true;
                Err(LogError::Io(error))
            }
        }
    }

    /// Writes records behind the last one: one write, one fsync.
    fn write_batch(&self, state: &mut State, records: &[Sealed]) -> Result<(), LogError> {
        let first = state.next;
        let mut buffer = std::mem::take(&mut state.buffer);
        buffer.clear();
        let mut places = Vec::with_capacity(records.len());
        let mut seq = first;
        for record in records {
            places.push((seq, state.last.end + buffer.len() as u64));
            encode_record(&mut buffer, state.last.seed, seq, first, record.as_bytes());
            seq = seq.next();
        }
        if let Err(error) = state.last.file.write_at(state.last.end, &buffer) {
            return Err(Self::failed_write(state, error));
        }
        if let Err(error) = state.last.file.sync() {
            // The system may have dropped the bytes and forgotten that it did: trust nothing until the next start.
            state.poisoned = true;
            return Err(LogError::Io(error));
        }
        state.last.end += buffer.len() as u64;
        state.next = seq;
        for (seq, offset) in places {
            note_place(&mut state.last.places, seq, offset);
        }
        if buffer.capacity() <= BUFFER_KEPT_BYTES {
            state.buffer = buffer;
        }
        Ok(())
    }

    /// Takes back what a failed write left, where that can be done for certain.
    fn failed_write(state: &mut State, error: io::Error) -> LogError {
        if is_full(&error) {
            let cut = state.last.file.set_len(state.last.end).and_then(|()| state.last.file.sync());
            if cut.is_ok() {
                return LogError::Full(error);
            }
        }
        state.poisoned = true;
        LogError::Io(error)
    }
}

impl FileLogOptions {
    fn header(self, first: Seq) -> SegmentHeader {
        SegmentHeader { tenant: self.tenant, partition: self.partition, first }
    }
}

impl State {
    fn check(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned) } else { Ok(()) }
    }
}

/// What [`FileLog::open`] works with.
struct Opening<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    options: FileLogOptions,
}

impl Opening<'_> {
    /// Opens the last segment, or makes the first one, and cuts a torn tail.
    fn last_segment(&self, firsts: &mut Vec<Seq>) -> Result<(Seq, LastSegment), LogError> {
        if let Some(first) = firsts.first()
            && *first != Seq::FIRST
        {
            let segment = self.options.header(*first).file_name();
            return Err(LogError::Corrupt {
                segment,
                offset_bytes: 0,
                what: "the segments before it are missing",
            });
        }
        let Some(first) = firsts.last().copied() else {
            return self.new_segment(firsts, Seq::FIRST);
        };
        let header = self.options.header(first);
        let path = self.dir.join(header.file_name());
        let len = self.disk.len(&path).map_err(LogError::Io)?;
        if len <= HEADER_LEN as u64 {
            // A crash while it was made, or just after: it never held a record, so it is made again.
            firsts.pop();
            return self.new_segment(firsts, first);
        }
        let file: Arc<dyn File> = Arc::from(self.disk.open(&path, OpenMode::Write).map_err(LogError::Io)?);
        self.recover(file, header, len)
    }

    fn new_segment(&self, firsts: &mut Vec<Seq>, first: Seq) -> Result<(Seq, LastSegment), LogError> {
        let header = self.options.header(first);
        let path = self.dir.join(header.file_name());
        let file = create_segment(self.disk, self.dir, &path, header).map_err(refused)?;
        firsts.push(first);
        let (seed, end) = (header.seed(), HEADER_LEN as u64);
        Ok((first, LastSegment { file: Arc::from(file), seed, end, places: Places::new() }))
    }

    /// Goes over the last segment, cuts a torn tail and makes the rest durable.
    fn recover(
        &self,
        file: Arc<dyn File>,
        header: SegmentHeader,
        len: u64,
    ) -> Result<(Seq, LastSegment), LogError> {
        let name = header.file_name();
        check_header(file.as_ref(), header, &name)?;
        let mut places = Places::new();
        let mut last_batch = (Seq::ZERO, HEADER_LEN as u64);
        let mut reader =
            SegmentReader::new(file.as_ref(), header.seed(), len, HEADER_LEN as u64, header.first);
        let damage = loop {
            match reader.next().map_err(LogError::Io)? {
                Step::End => break None,
                Step::Damage(what) => break Some(what),
                Step::Record(record) => {
                    if record.batch_first != last_batch.0 {
                        last_batch = (record.batch_first, record.offset);
                    }
                    note_place(&mut places, record.seq, record.offset);
                }
            }
        };
        let (next, end) = (reader.expected(), reader.offset());
        if let Some(what) = damage {
            if reader.later_batch_follows().map_err(LogError::Io)? {
                return Err(LogError::Corrupt { segment: name, offset_bytes: end, what });
            }
            tracing::warn!(
                segment = name,
                offset_bytes = end,
                cut_bytes = len - end,
                "torn tail of the log cut"
            );
            file.set_len(end).map_err(LogError::Io)?;
        }
        // Every batch but the last was fsynced before the next was written. The last one may be in memory only, and after a
        // failed fsync the system may even believe it written: so write it once more, then sync.
        let from = if last_batch.1 == HEADER_LEN as u64 { 0 } else { last_batch.1 };
        rewrite(file.as_ref(), from, end).map_err(refused)?;
        file.sync().map_err(LogError::Io)?;
        Ok((next, LastSegment { file, seed: header.seed(), end, places }))
    }
}

/// Writes the bytes of a file over themselves.
fn rewrite(file: &dyn File, from: u64, end: u64) -> io::Result<()> {
    let mut at = from;
    let mut buffer = vec![0; 256 * 1024];
    while at < end {
        let count = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        file.read_exact_at(at, &mut buffer[..count])?;
        file.write_at(at, &buffer[..count])?;
        at += count as u64;
    }
    Ok(())
}

/// Makes an empty segment, durable in name and content. One that an earlier try left is made anew.
fn create_segment(
    disk: &dyn Disk,
    dir: &Path,
    path: &Path,
    header: SegmentHeader,
) -> io::Result<Box<dyn File>> {
    let file = disk.open(path, OpenMode::OpenOrCreate)?;
    file.set_len(0)?;
    file.write_at(0, &header.encode())?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(file)
}

fn check_header(file: &dyn File, expected: SegmentHeader, name: &str) -> Result<(), LogError> {
    let mut bytes = [0; HEADER_LEN];
    let corrupt = |what| LogError::Corrupt { segment: name.to_owned(), offset_bytes: 0, what };
    match file.read_exact_at(0, &mut bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(corrupt("it is too short")),
        Err(error) => return Err(LogError::Io(error)),
    }
    let header = SegmentHeader::decode(&bytes).map_err(corrupt)?;
    let foreign = |what| Err(LogError::Foreign { segment: name.to_owned(), what });
    if header.tenant != expected.tenant {
        return foreign("it is another tenant's");
    }
    if header.partition != expected.partition {
        return foreign("it is another partition's");
    }
    if header.first != expected.first {
        return foreign("its name and its header name different records");
    }
    Ok(())
}

/// A segment to read from.
struct OpenSegment {
    file: Arc<dyn File>,
    name: String,
    seed: u64,
    end: u64,
}

impl OpenSegment {
    fn reader(&self, offset: u64, expected: Seq) -> SegmentReader<'_> {
        SegmentReader::new(self.file.as_ref(), self.seed, self.end, offset, expected)
    }

    /// The next record, its place and its payload; none once all up to `until` (not included) were given. All of them were
    /// durable, so anything else is damage.
    fn step(
        &self,
        reader: &mut SegmentReader<'_>,
        until: Seq,
    ) -> Result<Option<(Seq, u64, Vec<u8>)>, LogError> {
        let offset_bytes = reader.offset();
        let corrupt = |what| LogError::Corrupt { segment: self.name.clone(), offset_bytes, what };
        match reader.next().map_err(LogError::Io)? {
            Step::Record(record) if record.seq < until => {
                Ok(Some((record.seq, record.offset, record.payload)))
            }
            Step::End if reader.expected() == until => Ok(None),
            Step::Record(_) => Err(corrupt("it holds records of the next segment")),
            Step::End => Err(corrupt("its last records are missing")),
            Step::Damage(what) => Err(corrupt(what)),
        }
    }
}

/// Records gathered up to a limit.
struct Found {
    limit: ReadLimit,
    bytes: usize,
    records: Vec<(Seq, Sealed)>,
}

impl Found {
    fn is_full(&self) -> bool {
        self.records.len() >= self.limit.records_max
            || (!self.records.is_empty() && self.bytes >= self.limit.bytes_max)
    }

    /// Takes one more unless it would go over the limit.
    fn take(&mut self, seq: Seq, payload: Vec<u8>) -> bool {
        let bytes = self.bytes.saturating_add(payload.len());
        let over = bytes > self.limit.bytes_max && !self.records.is_empty();
        if over || self.records.len() >= self.limit.records_max {
            self.bytes = self.limit.bytes_max;
            return false;
        }
        self.bytes = bytes;
        self.records.push((seq, Sealed::from_bytes(payload)));
        true
    }
}

fn note_place(places: &mut Places, seq: Seq, offset: u64) {
    if places.last().is_none_or(|(_, last)| offset >= last + INDEX_STEP_BYTES) {
        places.push((seq, offset));
    }
}

/// The last known place at or before a record.
fn place_before(places: &[(Seq, u64)], seq: Seq, first: Seq) -> (Seq, u64) {
    let index = places.partition_point(|(at, _)| *at <= seq);
    index.checked_sub(1).and_then(|index| places.get(index)).copied().unwrap_or((first, HEADER_LEN as u64))
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn refused(error: io::Error) -> LogError {
    if is_full(&error) { LogError::Full(error) } else { LogError::Io(error) }
}
