//! What all files of a job share, and the way of one from the pass to its [`Source`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::later::KnownFormat;
use super::options::ReadOptions;
use super::piece::Waiting;
use super::source::Source;
use super::{Head, RecordHandler};
use crate::base::control::Control;
use crate::base::error::Result;
use crate::base::pool::ComputePool;
use crate::base::pool::feed::Feed;
use crate::base::sync::lock;
use crate::io::codec::Codec;
use crate::io::digest::{BLOCK_BYTES, End, Reading};
use crate::run::context::Context;

/// Chunks in work, per thread, above which the reading thread takes one itself.
pub(super) const CHUNKS_PER_THREAD: usize = 2;
/// Lines that are no records.
const OUTSIDE: [&str; 3] = ["preamble_lines", "comment_lines", "footer_lines"];
/// Of a footer that is looked for.
const FOUND_BYTES: usize = 32 << 10;
/// Of a footer that is asked for.
const FOOTER_BYTES: usize = 1 << 20;
/// Between two looks at the cancel flag.
const LOOK: Duration = Duration::from_millis(20);
/// For threads of a job that has failed; one that waits for a dead disk is not waited for.
const LET_GO: Duration = Duration::from_secs(5);

/// What all files of a job share.
pub struct Shared<T: RecordHandler> {
    /// What the operation does.
    pub table: T,
    pub(super) options: ReadOptions,
    pub(super) control: Arc<Control>,
    pub(super) threads: usize,
    pub(super) chunk_bytes: usize,
    /// Where files without a name are made.
    pub(super) directory: PathBuf,
    pub(super) chunks: AtomicUsize,
    /// Those of them that wait, the oldest first.
    pub(super) waiting: Mutex<VecDeque<Waiting<T>>>,
    pub(super) pool: ComputePool,
    /// Buffers that chunks were in.
    pub(super) spare: Mutex<Vec<Vec<u8>>>,
    /// Tables of workbooks beyond one a file: a sheet is one.
    pub(super) tables: AtomicI64,
    /// Files that have not ended.
    files: Mutex<usize>,
    ended: Condvar,
    /// Files to be read after the pass.
    pub(super) later: Mutex<Vec<Vec<u8>>>,
    /// What is known of them.
    pub(super) known: Mutex<HashMap<Vec<u8>, KnownFormat>>,
    /// Formats of which it is told that options do not apply to them.
    pub(super) told_unfit: Mutex<HashSet<&'static str>>,
    /// Lines before tables, comments, and lines after tables.
    pub(super) outside: [AtomicU64; 3],
}

impl<T: RecordHandler> Shared<T> {
    /// For files that are read as `options` say, in chunks of so many bytes.
    pub fn new(table: T, options: ReadOptions, context: &Context, chunk_bytes: usize) -> Arc<Self> {
        let chunk_bytes = context.chunk_bytes.unwrap_or(chunk_bytes);
        let directory = context.sink.directory().to_owned();
        Self::over(table, options, &context.control, (context.threads, &context.pool), chunk_bytes, directory)
    }

    /// The same outside of a job.
    pub(super) fn over(
        table: T,
        options: ReadOptions,
        control: &Arc<Control>,
        (threads, pool): (usize, &ComputePool),
        chunk_bytes: usize,
        directory: PathBuf,
    ) -> Arc<Self> {
        Arc::new(Self {
            table,
            options,
            control: Arc::clone(control),
            threads,
            chunk_bytes,
            directory,
            chunks: AtomicUsize::new(0),
            waiting: Mutex::default(),
            pool: pool.clone(),
            spare: Mutex::new(Vec::new()),
            tables: AtomicI64::new(0),
            files: Mutex::new(0),
            ended: Condvar::new(),
            later: Mutex::default(),
            known: Mutex::default(),
            told_unfit: Mutex::default(),
            outside: Default::default(),
        })
    }

    /// Bytes at the end of a file that are not worked on before what follows its table is known.
    pub(super) fn held_bytes(&self, head: &Head) -> usize {
        match (head.format.is_laid_out(), self.options.footer) {
            (true, Some(1..)) => FOOTER_BYTES,
            // Small chunks are cut, too.
            (true, None) => FOUND_BYTES.min(self.chunk_bytes),
            _ => 0,
        }
    }

    /// True when the file of this name is to be read.
    pub fn wants(&self, path: &[u8]) -> bool {
        self.options.wants(path)
    }

    /// Lines of all files that are no records, by their names in a summary.
    pub fn outside(&self) -> impl Iterator<Item = (String, serde_json::Value)> {
        let all = self.outside.each_ref().map(|lines| lines.load(Ordering::Relaxed));
        OUTSIDE.iter().zip(all).map(|(name, lines)| ((*name).to_owned(), lines.into()))
    }

    /// How many tables so many files are to give.
    pub fn tables(&self, files: u64) -> u64 {
        files.saturating_add_signed(self.tables.load(Ordering::Relaxed))
    }

    /// Wait until every file has ended that was begun.
    ///
    /// # Errors
    /// [`crate::base::error::EngineError::Cancelled`], or what ended the work.
    pub(super) fn wait(&self) -> Result<()> {
        let mut open = lock(&self.files);
        while *open > 0 {
            self.control.check()?;
            open =
                self.ended.wait_timeout(open, LOOK).map_or_else(|poisoned| poisoned.into_inner().0, |(open, _)| open);
        }
        // What went wrong on another thread is told by the flag, too.
        self.control.check()
    }

    /// The job has failed: give the threads that work for it a moment, so that they remove the files that they write.
    pub fn let_go(&self) {
        let open = lock(&self.files);
        drop(self.ended.wait_timeout_while(open, LET_GO, |open| *open > 0));
    }

    /// What the operation has, once every file has ended.
    ///
    /// # Errors
    /// As [`Shared::wait`].
    pub fn finish(self: Arc<Self>) -> Result<T> {
        self.wait().inspect_err(|_| self.let_go())?;
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
pub(super) struct Open<T: RecordHandler>(pub Arc<Shared<T>>);

impl<T: RecordHandler> Open<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
        *lock(&shared.files) += 1;
        Self(Arc::clone(shared))
    }
}

impl<T: RecordHandler> Drop for Open<T> {
    fn drop(&mut self) {
        *lock(&self.0.files) -= 1;
        self.0.ended.notify_all();
    }
}

/// A file that is being read.
pub struct FileReading<T: RecordHandler> {
    shared: Arc<Shared<T>>,
    /// None while the other has it.
    source: Option<Source<T>>,
    feed: Option<Feed<Source<T>>>,
}

impl<T: RecordHandler> FileReading<T> {
    /// The file at `path`, so large when it was listed.
    pub fn new(shared: &Arc<Shared<T>>, path: &[u8], size: u64) -> Self {
        Self { shared: Arc::clone(shared), source: Some(Source::new(shared, path, size)), feed: None }
    }

    /// Hand the file over to a decoder, when it is compressed.
    fn unpack(&mut self, start: &[u8]) -> Result<()> {
        if self.source.as_ref().is_none_or(|source| source.decoder.is_some() || source.ended) {
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

impl<T: RecordHandler> Reading for FileReading<T> {
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
            Some(source) => source.end(match end {
                End::Whole(meta) => Some(meta),
                End::Broken(_) => None,
            }),
            None => Ok(()),
        }
    }
}
