//! search: every match of some patterns, line by line, in the contents of all files.
//!
//! A line ends at a newline. What comes before the newline is the line, a carriage return too, except for patterns
//! that ask for the end of a line. A match lies within one line. Each file's encoding is found on its
//! own, and its text is what is searched. Text with a NUL in its first MiB is binary.
//! A file that changes while it is searched keeps its matches, and its issue says so.
//!
//! Every file that was searched whole and without an issue has a row in `searched`: a later run takes it over.
//!
//! Cost: O(bytes) reading and matching; memory: the batches in flight, the longest line of each file in work (16 MiB
//! at most), a piece of a large file and a row group per thread, and counts per extension and per top-level folder.

mod counts;
mod known;
mod lines;
mod options;
mod patterns;
mod pieces;
mod reading;
mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use grep_regex::RegexMatcher;
use serde_json::{Value, json};

pub use self::options::SearchOptions;

use self::counts::{BY_EXTENSION, BY_FILE, BY_FOLDER, BY_PATTERN, MatchCounts};
use self::known::{KnownMatches, SEARCHED, SearchedFile};
use self::patterns::Patterns;
use self::reading::SearchReading;
use self::rows::{Extent, MatchListing, RESULT};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::io::digest::{Algorithm, Reading};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::encodings::BY_ENCODING;
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::source::walk::WalkTotals;
use pravah_foundation::store::baseline::Reused;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::report::Report;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::{Staged, Table};
use pravah_foundation::tabular::text::Encoding;

/// What a reading gets at once; the last block of a file may be shorter, and a file of one block may have none.
const BLOCK_BYTES: usize = pravah_foundation::io::digest::BLOCK_BYTES;
/// Patterns that the summary counts; `by_pattern` has all.
const SUMMARY_PATTERNS: usize = 20;

const TABLES: &[TableColumns] = &[
    ("result", RESULT),
    ("by_file", BY_FILE),
    ("by_pattern", BY_PATTERN),
    ("by_extension", BY_EXTENSION),
    ("by_folder", BY_FOLDER),
    ("by_encoding", BY_ENCODING),
    ("searched", SEARCHED),
];

fn table(name: &'static str) -> Table {
    // A file has many matches, but one row of its own.
    let dictionary: &[&str] = match name {
        "result" => &["path", "pattern"],
        "by_folder" => &["pattern"],
        "searched" => &["packed", "binary", "left_early", "encoding", "confidence"],
        _ => &[],
    };
    Table { name, dictionary }
}

impl Options for SearchOptions {
    const TABLES: &'static [TableColumns] = TABLES;

    fn validate(&self) -> Result<()> {
        self.check()?;
        Patterns::compile(self).map(drop)
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        let patterns = Patterns::compile(self)?;
        let mark = known::mark(self);
        let worker = || Worker {
            finder: patterns.finder(),
            buffer: Vec::new(),
            counts: MatchCounts::default(),
            files: Sheet::new(&context.sink, table("by_file"), BY_FILE),
            sheet: Sheet::kept(&context.sink, table("result"), RESULT, &mark),
            searched: Sheet::kept(&context.sink, table("searched"), SEARCHED, &mark),
        };
        let shared = Shared {
            workers: Slots::new(context.threads, worker),
            extent: Extent { before: self.context_before, after: self.context_after, length: self.line_length },
            known: KnownMatches::open(&context, self),
            options: self.clone(),
            patterns,
            context,
            figures: Figures::default(),
        };
        Ok(Box::new(SearchOperation { shared: Arc::new(shared) }))
    }
}

/// What a thread has of its own.
struct Worker {
    finder: RegexMatcher,
    buffer: Vec<u8>,
    sheet: Sheet,
    files: Sheet,
    searched: Sheet,
    counts: MatchCounts,
}

impl Worker {
    /// Count a file, and keep it for a later run where all that is to be found of it was, as it is by `meta`.
    fn file(&mut self, path: &[u8], size: u64, seen: &SearchedFile, meta: Option<&Meta>) -> Result<()> {
        self.counts.encodings.add(path, size, &seen.text);
        if let Some(meta) = meta {
            seen.write(&mut self.searched.rows, path, meta);
            self.searched.write_if_full()?;
        }
        let found = &seen.found;
        if found.all.matches == 0 {
            return Ok(());
        }
        self.counts.add(path, found);
        self.files.rows.path(path);
        self.files.rows.integer(found.all.lines);
        self.files.rows.integer(found.all.matches);
        self.files.write_if_full()
    }

    fn finish(self, counts: &mut MatchCounts) -> Result<[Staged; 3]> {
        counts.merge(self.counts);
        Ok([self.sheet.stage()?, self.files.stage()?, self.searched.stage()?])
    }
}

/// What all threads share.
struct Shared {
    options: SearchOptions,
    extent: Extent,
    known: KnownMatches,
    patterns: Patterns,
    workers: Slots<Worker>,
    context: Context,
    figures: Figures,
}

impl Shared {
    /// What lists the matches in a file; none when they are only counted.
    fn listing<'a>(&'a self, sheet: &'a mut Sheet, path: &'a [u8], encoding: Encoding) -> Option<MatchListing<'a>> {
        let (names, extent) = (&self.patterns.names[..], self.extent);
        (!self.options.count_only).then_some(MatchListing { sheet, path, names, extent, encoding })
    }

    /// True while the job may list one match more; which ones are listed when there are too many is chance.
    fn allows_one_more(&self) -> bool {
        let allows = self.options.count_only || self.figures.taken.fetch_add(1, Relaxed) < self.options.max_matches;
        if !allows {
            self.figures.partial.store(true, Relaxed);
        }
        allows
    }

    /// True when the job may list so many matches more, which are listed then.
    fn allows(&self, matches: u64) -> bool {
        let add = |taken: u64| taken.checked_add(matches).filter(|&taken| taken <= self.options.max_matches);
        self.options.count_only || self.figures.taken.fetch_update(Relaxed, Relaxed, add).is_ok()
    }
}

#[derive(Default)]
struct Figures {
    reused: Reused,
    taken: AtomicU64,
    partial: AtomicBool,
    files: AtomicU64,
    bytes: AtomicU64,
    binary: AtomicU64,
    compressed: AtomicU64,
    left_early: AtomicU64,
}

impl Figures {
    fn add(&self, seen: &SearchedFile) {
        self.files.fetch_add(u64::from(!seen.is_binary), Relaxed);
        self.bytes.fetch_add(seen.read_bytes, Relaxed);
        self.binary.fetch_add(u64::from(seen.is_binary), Relaxed);
        self.compressed.fetch_add(u64::from(seen.codec.is_some()), Relaxed);
        self.left_early.fetch_add(u64::from(seen.is_left_early), Relaxed);
    }

    fn summary(&self, max_matches: u64, names: &[String], counts: &MatchCounts, seconds: f64) -> Value {
        let mut patterns: Vec<_> =
            names.iter().enumerate().map(|(index, name)| (name, counts.of_pattern(index).matches)).collect();
        patterns.sort_by_key(|&(_, matches)| std::cmp::Reverse(matches));
        patterns.truncate(SUMMARY_PATTERNS);
        let patterns: serde_json::Map<String, Value> =
            patterns.into_iter().map(|(name, matches)| (name.clone(), matches.into())).collect();
        let bytes = self.bytes.load(Relaxed);
        json!({
            "files": self.files.load(Relaxed),
            "bytes": bytes,
            "reused_files": self.reused.files(),
            "reused_bytes": self.reused.bytes(),
            "matches": counts.all.matches,
            "lines": counts.all.lines,
            "matched_files": counts.all.files,
            "patterns": patterns,
            "partial": self.partial.load(Relaxed),
            "max_matches": max_matches,
            "files_left_early": self.left_early.load(Relaxed),
            "binary_skipped": self.binary.load(Relaxed),
            "compressed": self.compressed.load(Relaxed),
            "invalid_files": counts.encodings.invalid_files(),
            "bytes_per_second": if seconds > 0.0 { bytes as f64 / seconds } else { 0.0 },
        })
    }
}

struct SearchOperation {
    // Shared with the threads that unpack.
    shared: Arc<Shared>,
}

impl Operation for SearchOperation {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "search", after: &[] }
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&[])
    }

    fn wants(&self, _path: &[u8], _meta: &Meta) -> bool {
        !self.shared.figures.partial.load(Relaxed)
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        let Shared { known, figures, workers, options, patterns, .. } = &*self.shared;
        let Some((seen, row)) = known.find(path, meta) else { return Ok(false) };
        let matches = seen.found.all.matches;
        // What a limit of the whole job cuts, it cuts while the file is searched.
        if !seen.found.is_of(patterns.names.len()) || !self.shared.allows(matches) {
            return Ok(false);
        }
        if matches > 0 && !options.count_only {
            known.take(row);
        }
        figures.add(&seen);
        if !row.is_own() {
            figures.reused.add(meta.size);
        }
        workers.acquire().file(path, meta.size, &seen, Some(meta))?;
        Ok(true)
    }

    fn reading<'a>(&'a self, path: &[u8], meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        Ok(Some(Box::new(SearchReading::new(&self.shared, path, meta.size))))
    }

    fn checkpoint(&self) -> Result<()> {
        // Lines first: a file counts as searched only where all its lines are.
        self.shared.workers.each(|worker| worker.sheet.checkpoint())?;
        self.shared.workers.each(|worker| worker.searched.checkpoint())
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let shared =
            Arc::into_inner(self.shared).ok_or_else(|| EngineError::internal("a file is still being searched"))?;
        let copied = shared.known.copy(&shared)?;
        let Shared { options, patterns, workers, context, figures, .. } = shared;
        let mut counts = MatchCounts::default();
        let workers = workers.into_inner().into_iter();
        let staged = workers.map(|worker| worker.finish(&mut counts)).collect::<Result<Vec<_>>>()?;
        let mut staged: Vec<Staged> = staged.into_iter().flatten().collect();
        staged.extend(copied);
        let sink = &context.sink;
        staged.push(sink.staged(table("by_pattern"), &counts.by_pattern(&patterns)?)?);
        staged.push(sink.staged(table("by_extension"), &counts.by_extension()?)?);
        staged.push(sink.staged(table("by_folder"), &counts.by_folder(&patterns)?)?);
        staged.push(sink.staged(table("by_encoding"), &counts.encodings.rows()?)?);
        sink.commit(staged)?;
        let seconds = context.control.elapsed_seconds();
        let summary = figures.summary(options.max_matches, &patterns.names, &counts, seconds);
        Ok(Report { not_covered: None, files: Vec::new(), summary })
    }
}
