//! Files that the pass cannot read to their end: those whose columns are known only once all of them was seen, and
//! those that are not read from their beginning to their end.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use rayon::prelude::*;

use super::RecordHandler;
use super::batches::Batches;
use super::format::Format;
use super::head::{Head, Origin};
use super::piece::{Piece, give};
use super::reading::{FileReading, Open, Shared};
use super::work::Work;
use super::workbook::SheetOfBook;
use crate::base::error::{EngineError, Result};
use crate::base::issue::IssueKind;
use crate::base::sync::lock;
use crate::io::digest::{End, FileReader, Reading, Readings, Trouble};
use crate::run::context::Context;
use crate::tabular::json::Shape;
use crate::tabular::text::Encoding;
use crate::tabular::values::ValueType;
use crate::tabular::weight::{self, Weighed};
use crate::tabular::xml::XmlShape;

/// The name of the stage in which they are read.
pub const STAGE: &str = "reread";
/// Rows of the first batch of a table: they tell how many are a chunk.
const FIRST_ROWS: usize = 1024;
const MOST_ROWS: usize = 1 << 20;
/// Text of them that is looked at: a dictionary makes long texts of few bytes.
const FIRST_BYTES: usize = 8 << 20;
/// A chunk is never made of fewer bytes than these because of its weight.
const LEAST_BYTES: usize = 1 << 20;

/// What is known of a file before it is read.
#[derive(Debug, Clone)]
pub enum KnownFormat {
    /// The keys of its objects.
    Shape(Arc<Shape>),
    /// The elements and attributes of XML.
    Markup(Arc<XmlShape>),
    /// The encoding of its text, which its beginning did not tell.
    Encoding(Encoding),
    /// It is a table.
    Table(Format),
    /// It is a sheet of a workbook.
    Sheet(Arc<SheetOfBook>),
}

impl<T: RecordHandler> Shared<T> {
    /// Read what was left for later, and wait for the end of all files.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`], or what ended the work.
    pub fn settle(self: &Arc<Self>, context: &Context) -> Result<()> {
        self.wait()?;
        let later = std::mem::take(&mut *lock(&self.later));
        self.read_again(context, &later)
    }

    /// Read files once more, and wait for their ends.
    ///
    /// # Errors
    /// As [`Shared::settle`].
    pub fn read_again(self: &Arc<Self>, context: &Context, paths: &[Vec<u8>]) -> Result<()> {
        if !paths.is_empty() {
            let reader = FileReader::new(&context.root, &[], &context.control).uncounted();
            let pool = context.pool.get()?;
            pool.install(|| paths.par_iter().try_for_each(|path| self.read(&reader, path)))?;
        }
        self.wait()
    }

    /// Read one file; what is wrong with it is an issue.
    pub(super) fn read(self: &Arc<Self>, reader: &FileReader, path: &[u8]) -> Result<()> {
        let known = lock(&self.known).get(path).cloned();
        let read = match known {
            Some(KnownFormat::Table(Format::Sheet)) => self.book(reader, path),
            Some(KnownFormat::Table(format)) => self.table(reader, path, format),
            Some(KnownFormat::Sheet(sheet)) => self.sheet(reader, path, &sheet),
            _ => self.text(reader, path),
        };
        match read {
            Ok(()) => Ok(()),
            Err(Trouble::Ended(error)) => Err(error),
            Err(Trouble::Issue(kind, message)) => {
                self.control.issue("read", path, kind, message);
                Ok(())
            }
        }
    }

    fn text(self: &Arc<Self>, reader: &FileReader, path: &[u8]) -> std::result::Result<(), Trouble> {
        let opened = reader.open(path)?;
        let seen = opened.state()?;
        let reading: Box<dyn Reading> = Box::new(FileReading::new(self, path, seen.size));
        let mut readings = Readings::new(vec![reading]);
        let read = reader.read_open(&opened, &seen, &mut readings);
        let end = match &read {
            Ok(digested) => End::Whole(&digested.meta),
            Err(_) => End::Broken(IssueKind::ChangedWhileRead),
        };
        readings.end(end).map_err(Trouble::Ended)?;
        read.map(|_| ())
    }

    fn table(self: &Arc<Self>, reader: &FileReader, path: &[u8], format: Format) -> std::result::Result<(), Trouble> {
        let opened = reader.open(path)?;
        let file = File::from(opened.try_clone()?);
        let (mut begun, mut read_as) = (None, None);
        let read = reader.unchanged(&opened, |meta| {
            let origin = Origin { path: path.to_vec(), size: meta.size, codec: None };
            read_as = Some(*meta);
            self.batches(origin, format, &file, &mut begun)
        });
        if let Some(Begun { work, .. }) = begun {
            read_as.iter().for_each(|meta| work.read_as(meta));
            if read.is_err() {
                work.give_up();
            }
            work.leave(self).map_err(Trouble::Ended)?;
        }
        read
    }

    fn batches(
        self: &Arc<Self>,
        origin: Origin,
        format: Format,
        file: &File,
        begun: &mut Option<Begun<T>>,
    ) -> Result<()> {
        let (path, mut weighed) = (origin.path.clone(), Weighed::new(origin.size));
        let failed = |(kind, message): (IssueKind, String)| {
            self.control.issue("read", &path, kind, message);
            Ok(())
        };
        let copy = || file.try_clone().map_err(|error| EngineError::internal(error.to_string()));
        // Some rows of the beginning tell how many are a chunk, and what most values are.
        let mut start = Vec::new();
        let (rows, table, note) = match first(format, copy()?, &self.directory, &mut start) {
            Ok(first) => first,
            Err(message) => return failed(message),
        };
        let rows_of_chunk = (self.chunk_bytes * rows.max(1) / start.len().max(1)).clamp(1, MOST_ROWS);
        let (columns, schema) = table;
        let mut head = Head::of_table(origin, format, Some(schema), columns);
        head.notes.extend(note.map(str::to_owned));
        if let Some(too_wide) = head.is_too_wide() {
            return failed(too_wide);
        }
        let work = Arc::new(Work::new(&self.table, head, &start)?);
        drop(start);
        *begun = Some(Begun { work: Arc::clone(&work), _open: Open::new(self) });
        let most = (2 * self.chunk_bytes).max(LEAST_BYTES);
        let mut index = 0;
        let mut read = || {
            let stop = |(kind, message)| Stop::Issue(kind, message);
            let mut batches = Batches::open(format, copy()?, rows_of_chunk, &self.directory).map_err(stop)?;
            while let Some(batch) = batches.next().map_err(stop)? {
                for part in weight::parts(batch, rows_of_chunk, most) {
                    let part = part.and_then(|(part, bytes)| weighed.add(bytes).map(|()| part));
                    let part = part.map_err(|message| Stop::Issue(IssueKind::TooLarge, message))?;
                    self.control.check()?;
                    give(self, &work, index, Piece::Rows(part, Arc::clone(&batches.leaves)))?;
                    index += 1;
                }
            }
            Ok(())
        };
        match read() {
            Ok(()) => Ok(()),
            Err(Stop::Ended(error)) => Err(error),
            Err(Stop::Issue(kind, message)) if work.give_up() => failed((kind, message)),
            Err(Stop::Issue(..)) => Ok(()),
        }
    }
}

/// Why a table is not read to its end.
pub(super) enum Stop {
    Issue(IssueKind, String),
    Ended(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Ended(error)
    }
}

type Table = (Vec<(String, Option<ValueType>)>, SchemaRef);

/// The text of the first rows; how many these are, the columns and the schema, and what is to be told of the file.
fn first(
    format: Format,
    file: File,
    directory: &Path,
    start: &mut Vec<u8>,
) -> std::result::Result<(usize, Table, Option<&'static str>), (IssueKind, String)> {
    let malformed = |message| (IssueKind::Malformed, message);
    let mut batches = Batches::open(format, file, FIRST_ROWS, directory)?;
    let (table, note) = ((batches.leaves.columns(), batches.schema()), batches.note());
    let Some(batch) = batches.next()? else { return Ok((0, table, note)) };
    let Some(part) = weight::parts(batch, FIRST_ROWS, FIRST_BYTES).next() else { return Ok((0, table, note)) };
    let (part, _) = part.map_err(|message| (IssueKind::TooLarge, message))?;
    let (rows, _) = batches.leaves.text(&part, FIRST_BYTES, start).map_err(malformed)?;
    Ok((rows, table, note))
}

/// A table that is being read.
struct Begun<T: RecordHandler> {
    work: Arc<Work<T>>,
    _open: Open<T>,
}
