//! The beginning of one file, as it would be read: its lines beside its records.

use std::mem;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::reading::Shared;
use super::{FileReading, Format, Head, Of, ReadOptions, RecordCounts, RecordHandler, Records};
use crate::base::control::Control;
use crate::base::error::{EngineError, Result, guarded};
use crate::base::paths;
use crate::base::pool::ComputePool;
use crate::base::sync::lock;
use crate::io::digest::{BLOCK_BYTES, End, FileReader, Reading, Readings, Trouble};
use crate::source::walk::open::Root;

/// Lines and records that are shown.
const SHOWN: usize = 20;
/// Characters of a line or of a value that are shown.
const SHOWN_CHARS: usize = 500;
const SHOWN_COLUMNS: usize = 200;
const SHOWN_NOTES: usize = 20;
/// What is not found within this time is not shown: the strings of a large workbook, say, are read first.
const LONGEST: Duration = Duration::from_secs(5);

/// Look at the beginning of the file at `path`: at most its first MiB, and of a table at its first rows.
///
/// # Errors
/// The file cannot be opened or read, in words.
pub fn preview(root: &Arc<Root>, path: &[u8], options: &ReadOptions) -> Result<Value> {
    let control = Arc::new(Control::new());
    let table = Previewer { found: Mutex::default(), control: Arc::clone(&control) };
    let one = (1, &ComputePool::new(1));
    let shared = Shared::over(table, options.clone(), &control, one, BLOCK_BYTES, std::env::temp_dir());
    // Nobody else holds this control: a reading that was cancelled has seen enough.
    let (done, is_done) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if is_done.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            control.cancel();
        }
    });
    let read = guarded(|| read(&shared, root, path));
    drop(done);
    watch.join().map_err(|_| EngineError::internal("a thread panicked".to_owned()))?;
    let is_cut = match read {
        Err(EngineError::Cancelled) => true,
        read => read?,
    };
    let found = mem::take(&mut *lock(&shared.table.found));
    let issues = shared.control.issues().page(0, SHOWN_NOTES);
    let told = match &found.head {
        // What a beginning is cut off from is no trouble of the file.
        Some(head) if is_cut => head.notes.clone(),
        _ => issues.into_iter().map(|issue| issue.message).collect(),
    };
    Ok(found.told(path, is_cut, told))
}

fn no_file(path: &[u8], message: String) -> EngineError {
    EngineError::SourceNotFound { path: PathBuf::from(paths::escape(path).into_owned()), message }
}

/// Read it; true when there is more of it.
fn read(shared: &Arc<Shared<Previewer>>, root: &Arc<Root>, path: &[u8]) -> Result<bool> {
    let (control, table) = (&shared.control, &shared.table);
    let reader = FileReader::new(root, &[], control).uncounted();
    let trouble = |trouble: Trouble| match trouble {
        Trouble::Ended(error) => error,
        Trouble::Issue(_, message) => no_file(path, message),
    };
    let opened = reader.open(path).map_err(trouble)?;
    let seen = opened.state().map_err(|error| no_file(path, error.to_string()))?;
    let inner = FileReading::new(shared, path, seen.size);
    let mut readings = Readings::new(vec![Box::new(Beginning { inner: Box::new(inner) }) as Box<dyn Reading>]);
    let digested = reader.read_open(&opened, &seen, &mut readings).map_err(trouble)?;
    readings.end(End::Whole(&digested.meta))?;
    // The columns of some are known at their end only, and tables are not read in their order.
    for _ in 0..3 {
        shared.wait()?;
        let Some(again) = mem::take(&mut *lock(&shared.later)).into_iter().next() else { break };
        if lock(&table.found).head.is_some() {
            break;
        }
        shared.read(&reader, &again)?;
    }
    shared.wait()?;
    Ok(seen.size >= BLOCK_BYTES as u64)
}

/// A file's first block, as if it were all of it.
struct Beginning<T: RecordHandler> {
    inner: Box<FileReading<T>>,
}

impl<T: RecordHandler> Reading for Beginning<T> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        self.inner.block(&bytes[..bytes.len().min(BLOCK_BYTES - 1)])?;
        Ok(false)
    }

    fn end(self: Box<Self>, end: End<'_>) -> Result<()> {
        self.inner.end(end)
    }
}

/// What was seen.
#[derive(Default)]
struct Seen {
    head: Option<Head>,
    lines: Vec<String>,
    records: Vec<SeenRecord>,
}

/// A record: its values, or all of it and how many fields it has where these are not as many as the columns.
struct SeenRecord {
    values: Vec<String>,
    fields: Option<u32>,
}

struct Previewer {
    found: Mutex<Seen>,
    control: Arc<Control>,
}

impl RecordHandler for Previewer {
    type Part = Vec<SeenRecord>;
    type File = ();
    type Plan = ();

    fn file(&self, head: &Head, start: &[u8]) -> Result<((), ())> {
        let start = head.layout.as_ref().map_or(start, |layout| &layout.shown);
        let start = head.markup.as_ref().map_or(start, |shape| &shape.shown);
        let lines = start.split(|byte| *byte == b'\n').take(SHOWN).map(shown).collect();
        let mut found = lock(&self.found);
        if found.head.is_none() {
            *found = Seen { head: Some(head.clone()), lines, records: Vec::new() };
        }
        Ok(((), ()))
    }

    fn part(&self, _of: &Of<'_, Self>) -> Result<Vec<SeenRecord>> {
        Ok(Vec::new())
    }

    fn records(&self, of: &Of<'_, Self>, part: &mut Vec<SeenRecord>, records: Records<'_>) -> Result<()> {
        let (split, dialect) = (records.split, of.head.dialect());
        let mut buffer = Vec::new();
        for record in 0..split.len().min(SHOWN.saturating_sub(part.len())) {
            let fields =
                split.ragged().iter().find(|(ragged, _)| *ragged as usize == record).map(|&(_, fields)| fields);
            let values = if fields.is_some() {
                let (from, to) = split.record(record);
                vec![shown(&records.text[from..to])]
            } else {
                let columns = 0..split.columns().min(SHOWN_COLUMNS);
                let mut value = |column| {
                    let (from, to) = split.field(record, column);
                    shown(dialect.unquoted(&records.text[from..to], &mut buffer).0)
                };
                columns.map(&mut value).collect()
            };
            part.push(SeenRecord { values, fields });
        }
        Ok(())
    }

    fn add(&self, of: &Of<'_, Self>, (): &mut (), part: Vec<SeenRecord>, _before: &RecordCounts) -> Result<()> {
        let mut found = lock(&self.found);
        if found.head.as_ref().is_some_and(|head| head.path == of.head.path) {
            let room = SHOWN - found.records.len();
            found.records.extend(part.into_iter().take(room));
            if found.records.len() == SHOWN {
                self.control.cancel();
            }
        }
        Ok(())
    }

    fn end(&self, _of: &Of<'_, Self>, (): (), _all: &RecordCounts) -> Result<()> {
        Ok(())
    }
}

impl Seen {
    fn told(self, path: &[u8], is_cut: bool, issues: Vec<String>) -> Value {
        let Some(head) = self.head else {
            let late = format!("no record was reached within {} s", LONGEST.as_secs());
            let issues = if is_cut && issues.is_empty() { vec![late] } else { issues };
            return json!({"path": paths::escape(path), "table": null, "notes": issues, "is_whole": !is_cut});
        };
        let records: Vec<Value> =
            self.records.into_iter().map(|record| json!({"values": record.values, "fields": record.fields})).collect();
        let is_text = head.format.is_text();
        let has_delimiter = head.format == Format::Delimited;
        let dialect = head.dialect();
        let byte = |byte: Option<u8>| byte.map(|byte| char::from(byte).to_string());
        json!({
            "path": paths::escape(&head.path),
            "notes": issues,
            "is_whole": !is_cut,
            "table": {
                "format": head.format.name(),
                "packed": head.codec.map(|codec| codec.name()),
                "encoding": head.encoding.name(),
                "delimiter": has_delimiter.then(|| dialect.delimiter_name()),
                "quote": byte(dialect.quote).filter(|_| has_delimiter),
                "confidence": head.sniffed.confidence,
                "reason": head.sniffed.reason,
                "has_header": head.has_header,
                "header_reason": head.header_reason,
                "header_lines": head.header_lines,
                "names": head.names.iter().take(SHOWN_COLUMNS).collect::<Vec<_>>(),
                "columns": head.names.len(),
                "lines": if is_text { self.lines } else { Vec::new() },
                "records": records,
            },
        })
    }
}

fn shown(text: &[u8]) -> String {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let near = &text[..text.len().min(SHOWN_CHARS * 4)];
    let mut shown: String = String::from_utf8_lossy(near).chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
