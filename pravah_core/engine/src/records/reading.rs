//! One file of records on its way: read by one thread, its chunks worked on by all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::head::{Head, Origin};
use super::options::ReadOptions;
use super::work::Work;
use super::{LONGEST_BYTES, Table};
use crate::codec::Codec;
use crate::control::Control;
use crate::csv::{Chunk, Cutter, Overlong};
use crate::digest::{BLOCK_BYTES, End, Reading};
use crate::error::{Result, guarded};
use crate::issue::lock;
use crate::ops::Context;
use crate::pool::feed::Feed;
use crate::text::Decoder;
use crate::unpack;

/// Chunks in work, per thread, above which the reading thread takes one itself.
const CHUNKS_PER_THREAD: usize = 2;
/// Between two looks at the cancel flag.
const LOOK: Duration = Duration::from_millis(20);

/// What all files of a job share.
pub struct Shared<T: Table> {
    /// What the operation does.
    pub table: T,
    options: ReadOptions,
    pub(super) control: Arc<Control>,
    threads: usize,
    chunk_bytes: usize,
    chunks: AtomicUsize,
    /// Buffers that chunks were in.
    spare: Mutex<Vec<Vec<u8>>>,
    /// Files that have not ended.
    files: Mutex<usize>,
    ended: Condvar,
}

impl<T: Table> Shared<T> {
    /// For files that are read as `options` say, in chunks of so many bytes.
    pub fn new(table: T, options: ReadOptions, context: &Context, chunk_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            table,
            options,
            control: Arc::clone(&context.control),
            threads: context.threads,
            chunk_bytes: context.chunk_bytes.unwrap_or(chunk_bytes),
            chunks: AtomicUsize::new(0),
            spare: Mutex::new(Vec::new()),
            files: Mutex::new(0),
            ended: Condvar::new(),
        })
    }

    /// True when the file of this name is to be read.
    pub fn wants(&self, path: &[u8]) -> bool {
        self.options.wants(path)
    }

    /// Wait until every file has ended that was begun.
    ///
    /// # Errors
    /// [`crate::error::EngineError::Cancelled`], or what ended the work.
    pub fn wait(&self) -> Result<()> {
        let mut open = lock(&self.files);
        while *open > 0 {
            self.control.check()?;
            open =
                self.ended.wait_timeout(open, LOOK).map_or_else(|poisoned| poisoned.into_inner().0, |(open, _)| open);
        }
        // What went wrong on another thread is told by the flag, too.
        self.control.check()
    }

    /// What the operation has, once every file has ended.
    ///
    /// # Errors
    /// As [`Shared::wait`].
    pub fn finish(self: Arc<Self>) -> Result<T> {
        self.wait()?;
        // A thread that has told its end may hold it for a moment yet.
        let mut shared = self;
        loop {
            match Arc::try_unwrap(shared) {
                Ok(shared) => return Ok(shared.table),
                Err(held) => shared = held,
            }
            std::thread::yield_now();
        }
    }
}

/// A file is counted as open while this lives.
struct Open<T: Table>(Arc<Shared<T>>);

impl<T: Table> Drop for Open<T> {
    fn drop(&mut self) {
        *lock(&self.0.files) -= 1;
        self.0.ended.notify_all();
    }
}

/// A file that is being read.
pub struct FileReading<T: Table> {
    shared: Arc<Shared<T>>,
    /// None while the other has it.
    source: Option<Source<T>>,
    feed: Option<Feed<Source<T>>>,
}

impl<T: Table> FileReading<T> {
    /// The file at `path`, so large when it was listed.
    pub fn new(shared: &Arc<Shared<T>>, path: &[u8], size: u64) -> Self {
        *lock(&shared.files) += 1;
        let origin = Origin { path: path.to_vec(), size, codec: None };
        let source = Source {
            _open: Open(Arc::clone(shared)),
            shared: Arc::clone(shared),
            origin,
            decoder: None,
            start: Vec::new(),
            cut: None,
            ended: false,
        };
        Self { shared: Arc::clone(shared), source: Some(source), feed: None }
    }

    /// Hand the file over to a decoder, when it is compressed.
    fn unpack(&mut self, start: &[u8]) -> Result<()> {
        if self.source.as_ref().is_none_or(|source| source.decoder.is_some()) {
            return Ok(());
        }
        let Some(codec) = Codec::of(start) else { return Ok(()) };
        let Some(mut source) = self.source.take() else { return Ok(()) };
        source.origin.codec = Some(codec);
        if start.len() < BLOCK_BYTES {
            source.unpack(codec, start)?;
            self.source = Some(source);
            return Ok(());
        }
        self.feed = Some(Feed::start(&self.shared.control, move |packed| {
            source.unpack(codec, packed)?;
            Ok(source)
        })?);
        Ok(())
    }
}

impl<T: Table> Reading for FileReading<T> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        self.unpack(bytes)?;
        match (&self.feed, &mut self.source) {
            (Some(feed), _) => feed.send(bytes),
            // The last block of a file is the only one that may be short.
            (None, Some(source)) if !source.ended => source.take(bytes, bytes.len() < BLOCK_BYTES),
            (None, _) => Ok(false),
        }
    }

    fn hands_on(&self) -> bool {
        true
    }

    fn end(self: Box<Self>, end: End<'_>) -> Result<()> {
        let source = match self.feed {
            Some(feed) => Some(feed.finish()?),
            None => self.source,
        };
        match source {
            Some(source) => source.end(matches!(end, End::Whole(_))),
            None => Ok(()),
        }
    }
}

/// The reading side of a file.
struct Source<T: Table> {
    shared: Arc<Shared<T>>,
    _open: Open<T>,
    origin: Origin,
    /// With the bytes of the byte order mark.
    decoder: Option<(Decoder, u64)>,
    /// Text that came before the head could be told.
    start: Vec<u8>,
    cut: Option<(Arc<Work<T>>, Cutter)>,
    /// Nothing more of it is taken.
    ended: bool,
}

impl<T: Table> Source<T> {
    /// Take the next bytes; false when it has seen enough.
    fn take(&mut self, mut bytes: &[u8], last: bool) -> Result<bool> {
        if self.decoder.is_none() {
            let (decoder, mark) = Decoder::of(bytes, self.shared.options.encoding);
            bytes = &bytes[mark..];
            self.decoder = Some((decoder, mark as u64));
        }
        let mut buffer = Vec::new();
        let Some((decoder, _)) = &mut self.decoder else { return Ok(false) };
        let text = decoder.decode(bytes, last, &mut buffer);
        self.ended |= last;
        self.text(text, last)?;
        Ok(!self.ended)
    }

    fn text(&mut self, text: &[u8], last: bool) -> Result<()> {
        if self.cut.is_some() {
            return self.push(text);
        }
        // A first record that is longer than a block: its columns are not known yet.
        let is_cut = !last && memchr::memchr2(b'\n', b'\r', text).is_none() && self.start.len() <= LONGEST_BYTES;
        if is_cut || !self.start.is_empty() {
            self.start.extend_from_slice(text);
            if is_cut {
                return Ok(());
            }
            let start = std::mem::take(&mut self.start);
            return self.begin(&start, last);
        }
        self.begin(text, last)
    }

    /// The head is told by `start`.
    fn begin(&mut self, start: &[u8], last: bool) -> Result<()> {
        let shared = &self.shared;
        let decoder = self.decoder.unwrap_or((Decoder::Utf8, 0));
        let head = Head::of(self.origin.clone(), decoder, start, &shared.options);
        let cutter = Cutter::new(head.dialect(), shared.chunk_bytes, LONGEST_BYTES);
        let work = Arc::new(Work::new(&shared.table, head, start)?);
        if last && start.len() <= shared.chunk_bytes {
            // Small: no copy, and no other thread.
            let skip = (work.head.records_at as usize).min(start.len());
            let done = work.chunk(shared, 0, start, skip);
            self.cut = Some((work, cutter));
            return done;
        }
        self.cut = Some((work, cutter));
        self.push(start)
    }

    fn push(&mut self, text: &[u8]) -> Result<()> {
        let Some((work, cutter)) = &mut self.cut else { return Ok(()) };
        let shared = &self.shared;
        let pushed = cutter.push(text, |chunk| {
            give(shared, work, chunk)?;
            Ok(lock(&shared.spare).pop().unwrap_or_default())
        })?;
        if let Err(Overlong { offset, .. }) = pushed {
            work.cut(offset);
            self.ended = true;
        }
        Ok(())
    }

    /// Take what `packed` holds.
    fn unpack(&mut self, codec: Codec, packed: impl std::io::BufRead) -> Result<()> {
        let (control, size) = (Arc::clone(&self.shared.control), self.origin.size);
        let trouble = unpack::blocks((codec, packed, size), &control, |block, last| self.take(block, last))?;
        if let Some((kind, message)) = trouble {
            control.issue("read", &self.origin.path, kind, message);
        }
        self.ended = true;
        Ok(())
    }

    /// Nothing more comes.
    fn end(mut self, is_whole: bool) -> Result<()> {
        if is_whole && !self.ended {
            self.take(&[], true)?;
        }
        let Some((work, cutter)) = self.cut.take() else { return Ok(()) };
        if !is_whole {
            work.give_up();
            return work.leave(&self.shared);
        }
        let rest = cutter.finish();
        if !work.is_cut() && !rest.text.is_empty() {
            give(&self.shared, &work, rest)?;
        }
        work.leave(&self.shared)
    }
}

/// Have a chunk worked on, here or elsewhere.
fn give<T: Table>(shared: &Arc<Shared<T>>, work: &Arc<Work<T>>, chunk: Chunk) -> Result<()> {
    let skip = (work.head.records_at.saturating_sub(chunk.offset) as usize).min(chunk.text.len());
    // Outside the pool there is nobody to hand it to: a stream that is unpacked keeps its thread busy anyway.
    let is_here = rayon::current_thread_index().is_none()
        || shared.threads == 1
        || shared.chunks.load(Ordering::Relaxed) >= shared.threads * CHUNKS_PER_THREAD;
    if is_here {
        work.chunk(shared, chunk.index, &chunk.text, skip)?;
        take_back(shared, chunk.text);
        return Ok(());
    }
    shared.chunks.fetch_add(1, Ordering::Relaxed);
    work.enter();
    *lock(&shared.files) += 1;
    let (open, work) = (Open(Arc::clone(shared)), Arc::clone(work));
    rayon::spawn(move || {
        let shared = &open.0;
        let done = guarded(|| work.chunk(shared, chunk.index, &chunk.text, skip));
        shared.chunks.fetch_sub(1, Ordering::Relaxed);
        take_back(shared, chunk.text);
        if let Err(error) = done.and_then(|()| guarded(|| work.leave(shared))) {
            shared.control.fail(error);
        }
    });
    Ok(())
}

fn take_back<T: Table>(shared: &Shared<T>, mut text: Vec<u8>) {
    let mut spare = lock(&shared.spare);
    if spare.len() <= shared.threads * CHUNKS_PER_THREAD {
        text.clear();
        spare.push(text);
    }
}
