//! Files of delimited records: unpacked, decoded, their dialect found, cut into chunks of whole records, and these
//! worked on by all threads; what an operation makes of the chunks comes back in their order.
//!
//! One large file is cut by the thread that reads it: [`crate::tabular::csv`] tells every border exactly, many times faster
//! than records are worked on. A chunk goes to another thread while few are in work, else the reading thread takes it
//! itself: memory is bounded and no thread waits.
//!
//! A file is told apart by its name: `.csv`, `.jsonl`, `.parquet` and their like ([`Format`]), text also compressed.
//! What is a table already is made text, batch by batch, so that there is one way from there on. A record longer than [`LONGEST_BYTES`] ends
//! the reading of its file, as an issue.

mod arrow;
mod avro;
mod batches;
mod books;
mod cells;
mod cover;
mod dialect;
mod direct;
mod first;
mod footer;
mod format;
mod formats;
mod given;
mod head;
mod later;
mod marks;
mod nested;
mod nulls;
mod objects;
mod options;
mod piece;
mod preview;
mod reading;
mod remarks;
mod sample;
mod source;
mod split;
mod width;
mod work;
mod workbook;

pub use batches::{is_nested, leaves};
pub use cells::Lost;
pub use first::lines;
pub use format::{Format, stem};
pub use formats::{Formats, formats};
pub use given::{GivenSchemas, SchemaOptions};
pub use head::Head;
pub use later::STAGE;
pub use marks::FoundLines;
pub use nulls::Nulls;
pub use objects::{objects, texts};
pub use options::{Files, ReadOptions};
pub use preview::preview;
pub use reading::{FileReading, Shared};
pub use sample::{Sample, sample};
pub use split::RecordSplitter;

use arrow_array::RecordBatch;

use crate::base::error::Result;
use crate::base::meta::FileState;
use crate::tabular::json::Oddities;
use crate::tabular::split::Split;
use crate::tabular::text::Odd;

/// The longest record.
pub const LONGEST_BYTES: usize = 16 << 20;

/// What an operation does with the records of files.
pub trait RecordHandler: Send + Sync + 'static {
    /// What it makes of a chunk.
    type Part: Send;
    /// What it makes of a file.
    type File: Send;
    /// What it has in mind with a file: known to all who work on its chunks.
    type Plan: Send + Sync;

    /// The start of a file, whose text begins with `start`.
    ///
    /// # Errors
    /// An error ends the job, here and below.
    fn file(&self, head: &Head, start: &[u8]) -> Result<(Self::Plan, Self::File)>;

    /// The start of a chunk.
    ///
    /// # Errors
    /// An error ends the job.
    fn part(&self, of: &Of<'_, Self>) -> Result<Self::Part>;

    /// Some records of a chunk.
    ///
    /// # Errors
    /// An error ends the job.
    fn records(&self, of: &Of<'_, Self>, part: &mut Self::Part, records: Records<'_>) -> Result<()>;

    /// True when rows of a table are wanted as they are, and not as the text of records.
    fn takes_rows(&self, _of: &Of<'_, Self>) -> bool {
        false
    }

    /// Some rows of a table, if it takes them: what they lose; in words, why the file cannot be worked on.
    ///
    /// # Errors
    /// An error ends the job.
    fn rows(
        &self,
        _of: &Of<'_, Self>,
        _part: &mut Self::Part,
        _batch: &RecordBatch,
    ) -> Result<std::result::Result<Lost, String>> {
        Ok(Ok(Lost::default()))
    }

    /// The end of a chunk, on the thread that worked on it.
    ///
    /// # Errors
    /// An error ends the job.
    fn close(&self, _of: &Of<'_, Self>, _part: &mut Self::Part) -> Result<()> {
        Ok(())
    }

    /// A chunk's part, in the order of the chunks; `before` is what the chunks before it hold.
    ///
    /// # Errors
    /// An error ends the job.
    fn add(&self, of: &Of<'_, Self>, file: &mut Self::File, part: Self::Part, before: &RecordCounts) -> Result<()>;

    /// True in that reading of a file in which what is odd about it is to be told: it is told once.
    fn tells(&self, _of: &Of<'_, Self>) -> bool {
        true
    }

    /// The file's end, after all its parts; not told of a file that could not be read, or changed meanwhile.
    ///
    /// # Errors
    /// An error ends the job.
    fn end(&self, of: &Of<'_, Self>, file: Self::File, all: &RecordCounts) -> Result<()>;
}

/// The file that something is of.
pub struct Of<'a, T: RecordHandler + ?Sized> {
    /// What its start tells.
    pub head: &'a Head,
    /// What the operation has in mind.
    pub plan: &'a T::Plan,
    /// What the file was known by while it was read; none before its end.
    pub state: Option<FileState>,
}

/// Some records of a chunk.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    /// The chunk's text.
    pub text: &'a [u8],
    /// Where fields are.
    pub split: &'a Split,
    /// How many records of the chunk come before these.
    pub first: u32,
    /// Where `text` begins in the chunk: behind the header, in the first one.
    pub at: usize,
    /// Line ends before that.
    pub lines_at: u64,
    /// All of it is UTF-8: nothing in it was malformed, in whichever encoding the file is.
    pub is_utf8: bool,
}

/// What is counted of a file, or of its first chunks.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RecordCounts {
    /// What is said of its beginning.
    pub notes: u64,
    /// Records, without the header.
    pub records: u64,
    /// Records of another number of fields than the file has columns.
    pub ragged: u64,
    /// The first of them: its number, from 1, and its fields.
    pub first_ragged: Option<(u64, u32)>,
    /// What is wrong with it where it is JSON, in words.
    pub first_fault: Option<String>,
    /// Lines before the table, after it, and comments in it: no records.
    pub preamble: u64,
    /// See there.
    pub footer: u64,
    /// See there.
    pub comments: u64,
    /// Lines.
    pub lines: u64,
    /// Bytes of text.
    pub bytes: u64,
    /// Chunks that hold bytes which are no text in the encoding of the file.
    pub not_utf8: u64,
    /// What they hold.
    pub odd: Odd,
    /// Quoted values with more text behind the quote that closes.
    pub strays: u64,
    /// The line of the first of them, from 1.
    pub first_stray: Option<u64>,
    /// Values that hold a quote and have none around them.
    pub bares: u64,
    /// The line of the record of the first of them, from 1.
    pub first_bare: Option<u64>,
    /// Records over several lines each of which is one by itself.
    pub swallowed: u64,
    /// The line of the first of them, from 1.
    pub first_swallowed: Option<u64>,
    /// NUL bytes in text: no writer of text puts them there, a power cut does.
    pub nuls: u64,
    /// The line of the first of them, from 1.
    pub first_nul: Option<u64>,
    /// Records that begin with a byte order mark: files were joined.
    pub marks: FoundLines,
    /// Conflicts that version control left in its text.
    pub conflicts: FoundLines,
    /// It ends in a quoted field.
    pub is_open: bool,
    /// Where a record begins that is too long: what follows was not read.
    pub cut_at: Option<u64>,
    /// Its packed bytes ended or broke before its text did.
    pub is_broken_off: bool,
    /// What is odd about values of JSON.
    pub oddities: Oddities,
    /// Values of typed tables that were read as null; known at the end.
    pub lost: Lost,
}

impl RecordCounts {
    /// True when the file was read to its end.
    pub fn is_whole(&self) -> bool {
        self.cut_at.is_none() && !self.is_broken_off
    }

    /// Lines before the table, comments, and lines after the table.
    pub fn outside(&self) -> [u64; 3] {
        [self.preamble, self.comments, self.footer]
    }

    /// True when quotes are where no writer puts them, so that its values may be others than were meant.
    pub fn has_odd_quotes(&self) -> bool {
        self.strays > 0 || self.swallowed > 0
    }

    /// True when what it holds may not be what was written: odd quotes, or NUL bytes.
    pub fn has_odd_text(&self) -> bool {
        self.has_odd_quotes() || self.nuls > 0
    }

    /// True when there is nothing to say of the file.
    pub fn is_plain(&self) -> bool {
        self.is_whole()
            && !self.is_open
            && !self.has_odd_text()
            && self.bares == 0
            && self.ragged == 0
            && self.marks.count == 0
            && self.conflicts.count == 0
            && self.oddities == Oddities::default()
            && self.lost == Lost::default()
            && self.not_utf8 == 0
            && self.notes == 0
            && self.outside() == [0; 3]
    }

    fn add(&mut self, next: &Self) {
        self.first_fault = self.first_fault.take().or_else(|| next.first_fault.clone());
        self.first_ragged =
            self.first_ragged.or_else(|| next.first_ragged.map(|(record, fields)| (record + self.records, fields)));
        self.first_stray = self.first_stray.or_else(|| next.first_stray.map(|line| line + self.lines));
        self.strays += next.strays;
        self.first_bare = self.first_bare.or_else(|| next.first_bare.map(|line| line + self.lines));
        self.bares += next.bares;
        self.first_swallowed = self.first_swallowed.or_else(|| next.first_swallowed.map(|line| line + self.lines));
        self.swallowed += next.swallowed;
        self.first_nul = self.first_nul.or_else(|| next.first_nul.map(|line| line + self.lines));
        self.nuls += next.nuls;
        self.marks.add(next.marks, self.lines);
        self.conflicts.add(next.conflicts, self.lines);
        self.records += next.records;
        self.preamble += next.preamble;
        self.footer += next.footer;
        self.comments += next.comments;
        self.ragged += next.ragged;
        self.lines += next.lines;
        self.bytes += next.bytes;
        self.not_utf8 += next.not_utf8;
        self.odd.add(next.odd);
        self.oddities.add(next.oddities);
        self.is_open |= next.is_open;
        self.cut_at = self.cut_at.or(next.cut_at);
        self.is_broken_off |= next.is_broken_off;
    }
}
