//! One file's chunks: worked on by several threads, added up in their order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use arrow_array::RecordBatch;

use super::cells::Lost;
use super::cover::Cover;
use super::first::lines;
use super::footer::Footer;
use super::head::Head;
use super::marks::Marks;
use super::reading::Shared;
use super::remarks::remarks;
use super::{LONGEST_BYTES, Of, RecordCounts, RecordHandler, RecordSplitter, Records};
use crate::base::error::{EngineError, Result};
use crate::base::issue::IssueKind;
use crate::base::meta;
use crate::base::meta::Meta;
use crate::base::paths;
use crate::base::sync::lock;
use crate::tabular::json;
use crate::tabular::split::Split;
use crate::tabular::text::Odd;

/// A file whose chunks are worked on.
pub struct Work<T: RecordHandler> {
    /// What is known of it.
    pub head: Head,
    plan: T::Plan,
    /// Chunks that are worked on, and one for the reading.
    open: AtomicUsize,
    lost: Mutex<Lost>,
    /// What is odd about it, known at its end.
    notes: Mutex<Vec<String>>,
    /// Why it was not read to its end.
    broken: Mutex<Option<(IssueKind, String)>>,
    seen: OnceLock<meta::FileState>,
    state: Mutex<FileState<T>>,
}

struct FileState<T: RecordHandler> {
    /// The chunk that is added next.
    next: u32,
    waiting: BTreeMap<u32, (T::Part, RecordCounts)>,
    file: Option<T::File>,
    counts: RecordCounts,
    /// What follows the table.
    tail: RecordCounts,
    /// It is left out: it could not be read, or changed meanwhile.
    is_broken: bool,
}

impl<T: RecordHandler> Work<T> {
    /// A file of which nothing is read yet; the reading has to [`Work::leave`] it.
    pub fn new(table: &T, head: Head, start: &[u8]) -> Result<Self> {
        let (plan, file) = table.file(&head, start)?;
        let file = Some(file);
        let counts = before(&head, start);
        let state = FileState {
            next: 0,
            waiting: BTreeMap::new(),
            file,
            counts,
            tail: RecordCounts::default(),
            is_broken: false,
        };
        Ok(Self {
            head,
            plan,
            open: AtomicUsize::new(1),
            lost: Mutex::default(),
            notes: Mutex::default(),
            broken: Mutex::default(),
            seen: OnceLock::new(),
            state: Mutex::new(state),
        })
    }

    fn of(&self) -> Of<'_, T> {
        Of { head: &self.head, plan: &self.plan, state: self.seen.get().copied() }
    }

    /// It was read to its end, and was known by `meta` all the while.
    pub fn read_as(&self, meta: &Meta) {
        self.seen.get_or_init(|| meta.into());
    }

    /// One chunk more is at work.
    pub fn enter(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// What follows from there on is not read: a record is too long.
    pub fn cut(&self, offset: u64) {
        lock(&self.state).counts.cut_at = Some(offset);
    }

    /// What follows cannot be unpacked.
    pub fn break_off(&self) {
        lock(&self.state).counts.is_broken_off = true;
    }

    /// True once it was cut.
    pub fn is_cut(&self) -> bool {
        lock(&self.state).counts.cut_at.is_some()
    }

    /// Values of some of its rows are read as null.
    pub fn lose(&self, some: Lost) {
        let mut lost = lock(&self.lost);
        lost.add(some);
    }

    /// What follows cannot be read, for that reason.
    pub fn break_off_with(&self, kind: IssueKind, message: String) {
        self.break_off();
        *lock(&self.broken) = Some((kind, message));
    }

    /// Something odd about it, in words.
    pub fn note(&self, note: String) {
        lock(&self.notes).push(note);
    }

    /// Leave it out; false when it is left out already.
    pub fn give_up(&self) -> bool {
        !std::mem::replace(&mut lock(&self.state).is_broken, true)
    }

    /// Work on a chunk, and add it and those it held up.
    pub fn chunk(&self, shared: &Shared<T>, index: u32, text: &[u8], skip: usize) -> Result<()> {
        shared.control.check()?;
        let table = &shared.table;
        let mut part = table.part(&self.of())?;
        let counts = self.split(table, &mut part, text, skip)?;
        self.add(table, index, part, counts)
    }

    /// Hand rows of a table on as they are; an error in words when they cannot be. False: their text is wanted.
    pub fn rows(
        &self,
        shared: &Shared<T>,
        index: u32,
        batch: &RecordBatch,
    ) -> Result<std::result::Result<bool, String>> {
        let (table, of) = (&shared.table, self.of());
        if !table.takes_rows(&of) {
            return Ok(Ok(false));
        }
        shared.control.check()?;
        let mut part = table.part(&of)?;
        let counts = RecordCounts { records: batch.num_rows() as u64, ..RecordCounts::default() };
        let taken = table.rows(&of, &mut part, batch)?;
        if let Ok(lost) = taken {
            self.lose(lost);
            table.close(&of, &mut part)?;
        }
        // Those behind it wait for it.
        self.add(table, index, part, counts)?;
        Ok(taken.map(|_| true))
    }

    /// Add a chunk and those it held up.
    fn add(&self, table: &T, index: u32, part: T::Part, counts: RecordCounts) -> Result<()> {
        let mut state = lock(&self.state);
        state.waiting.insert(index, (part, counts));
        let state = &mut *state;
        while let Some((part, counts)) = state.waiting.remove(&state.next) {
            state.next += 1;
            if let Some(file) = &mut state.file {
                table.add(&self.of(), file, part, &state.counts)?;
            }
            state.counts.add(&counts);
        }
        Ok(())
    }

    /// `skip` bytes are the header, or a part of it.
    fn split(&self, table: &T, part: &mut T::Part, text: &[u8], skip: usize) -> Result<RecordCounts> {
        let mut counts = RecordCounts { bytes: text.len() as u64, lines: lines(text), ..RecordCounts::default() };
        let (header, records) = text.split_at(skip);
        let (lines_at, mut cover) = (lines(header), Cover::new(records, self.head.dialect()));
        let is_utf8 = std::str::from_utf8(records).is_ok();
        if !is_utf8 || std::str::from_utf8(header).is_err() {
            counts.not_utf8 = 1;
            counts.odd = Odd::of(text);
        }
        counts.look_for_nuls(text, &self.head);
        let mut marks = Marks::of(records, &self.head);
        let mut splitter = RecordSplitter::new(records, &self.head);
        let mut split = Split::default();
        while splitter.next(&mut split) {
            if let Some(&(record, fields)) = split.ragged().first() {
                if self.head.shape.is_some() && counts.ragged == 0 {
                    let (start, end) = split.record(record as usize);
                    counts.first_fault = Some(json::fault(&records[start..end]));
                }
                counts.first_ragged = counts.first_ragged.or(Some((counts.records + u64::from(record) + 1, fields)));
                counts.ragged += split.ragged().len() as u64;
            }
            cover.take(&split).map_err(|at| self.lost(at))?;
            marks.take(&split);
            let first = counts.records as u32;
            table.records(
                &self.of(),
                part,
                Records { text: records, split: &split, first, at: skip, lines_at, is_utf8 },
            )?;
            counts.records += split.len() as u64;
        }
        cover.end().map_err(|at| self.lost(at))?;
        table.close(&self.of(), part)?;
        counts.is_open = splitter.is_open();
        counts.oddities = splitter.oddities();
        counts.comments = splitter.comments();
        let bares = splitter.bares();
        counts.bares = bares.count;
        let (strays, first) = splitter.strays();
        counts.strays = strays;
        let line = |at: u64| lines_at + lines(&records[..at as usize]) + 1;
        let swallowed = splitter.swallowed();
        counts.swallowed = swallowed.count;
        counts.first_bare = (bares.count > 0).then(|| line(bares.first));
        counts.first_swallowed = (swallowed.count > 0).then(|| line(swallowed.first));
        counts.first_stray = (strays > 0).then(|| line(first));
        [counts.marks, counts.conflicts] = marks.found(line);
        Ok(counts)
    }

    /// The reader would lose some of the file: a bug, and better no result than one that hides it.
    fn lost(&self, at: usize) -> EngineError {
        let path = paths::escape(&self.head.path);
        EngineError::internal(format!(
            "byte {at} of a chunk of {path} is not part of any record; please report this file"
        ))
    }

    /// One chunk less, or the reading, is at work; the last one ends the file.
    pub fn leave(&self, shared: &Shared<T>) -> Result<()> {
        // Acquire and release: what all of them added is seen by the last one.
        if self.open.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        let mut state = lock(&self.state);
        let mut counts = std::mem::take(&mut state.counts);
        counts.add(&std::mem::take(&mut state.tail));
        let notes = (self.head.notes.len() + lock(&self.notes).len()) as u64;
        let counts = RecordCounts { lost: *lock(&self.lost), notes, ..counts };
        let file = state.file.take().filter(|_| !state.is_broken);
        drop(state);
        let Some(file) = file else { return Ok(()) };
        if shared.table.tells(&self.of()) {
            self.tell(shared, &counts);
        }
        shared.table.end(&self.of(), file, &counts)
    }

    /// What is odd about the file.
    fn tell(&self, shared: &Shared<T>, counts: &RecordCounts) {
        let issue = |message: String| shared.control.remark("read", &self.head.path, IssueKind::Malformed, message);
        if let Some((kind, message)) = lock(&self.broken).take() {
            shared.control.issue("read", &self.head.path, kind, message);
        }
        if let Some(offset) = counts.cut_at {
            let message = format!(
                "a record that begins at byte {offset} is longer than {LONGEST_BYTES} bytes; perhaps a quote does not close. \
                 What follows it was not read"
            );
            shared.control.issue("read", &self.head.path, IssueKind::TooLarge, message);
        } else if counts.is_open && counts.is_whole() {
            let message = "the last record ends inside a quoted field: a quote is not closed, or the file is truncated";
            shared.control.issue("read", &self.head.path, IssueKind::Malformed, message);
        }
        self.tell_unfit(shared);
        for (sum, lines) in shared.outside.iter().zip(counts.outside()) {
            sum.fetch_add(lines, Ordering::Relaxed);
        }
        self.head.notes.iter().chain(&*lock(&self.notes)).for_each(|note| issue(note.clone()));
        remarks(&self.head, counts).into_iter().for_each(issue);
    }
}

impl<T: RecordHandler> Work<T> {
    /// Options that say nothing of files of this format, once for all of them.
    fn tell_unfit(&self, shared: &Shared<T>) {
        let (format, unfit) = (self.head.format, shared.options.unfit(self.head.format));
        if !unfit.is_empty() && lock(&shared.told_unfit).insert(format.name()) {
            let message = format!("the options {} do not apply to {} files", unfit.join(", "), format.name());
            shared.control.remark("read", &self.head.path, IssueKind::Unsupported, message);
        }
    }

    /// Of the last chunk of a file, what follows its table is no record: it is counted, and the table's end given.
    pub fn cut_footer(&self, shared: &Shared<T>, text: &[u8], skip: usize, is_all: bool) -> usize {
        if lock(&self.state).counts.is_broken_off {
            return text.len();
        }
        let footer = Footer::of(&text[skip..], &self.head, shared.options.footer_of(&self.head), is_all);
        self.end_with(footer, text, skip)
    }

    /// The table ends with that, which stands behind `skip` bytes of the text.
    pub fn end_with(&self, footer: Option<Footer>, text: &[u8], skip: usize) -> usize {
        let Some(Footer { at, lines: count, note }) = footer else { return text.len() };
        let (table, after) = text.split_at(skip + at);
        note.into_iter().for_each(|note| self.note(note));
        let is_odd = std::str::from_utf8(after).is_err();
        let mut tail = RecordCounts {
            footer: count,
            bytes: after.len() as u64,
            lines: lines(after),
            not_utf8: u64::from(is_odd),
            odd: if is_odd { Odd::of(after) } else { Odd::default() },
            ..RecordCounts::default()
        };
        tail.look_for_nuls(after, &self.head);
        lock(&self.state).tail = tail;
        table.len()
    }
}

/// What comes before the table.
fn before(head: &Head, start: &[u8]) -> RecordCounts {
    let preamble = &start[..head.sniffed.begins.min(start.len())];
    let (is_odd, header_line) = (std::str::from_utf8(preamble).is_err(), head.preamble_lines + 1);
    let mut counts = RecordCounts {
        is_open: head.is_open,
        strays: head.odd_names.0,
        first_stray: (head.odd_names.0 > 0).then_some(header_line),
        bares: head.odd_names.1,
        first_bare: (head.odd_names.1 > 0).then_some(header_line),
        preamble: head.preamble_lines,
        lines: head.preamble_lines,
        bytes: preamble.len() as u64,
        not_utf8: u64::from(is_odd),
        odd: if is_odd { Odd::of(preamble) } else { Odd::default() },
        ..RecordCounts::default()
    };
    counts.look_for_nuls(preamble, head);
    counts
}
