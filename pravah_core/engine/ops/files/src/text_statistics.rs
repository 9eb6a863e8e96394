//! text_statistics: lines, words, encoding and line ends of every file: what one wants to know before loading it.
//!
//! Each file's encoding is found on its own. A file with a NUL byte in its first block that is no UTF-16 is binary: it is
//! counted, and read no further. A line ends at `\n`, `\r\n` or `\r`; a last line without an end is a line too. Words are runs of what is
//! no white space, as `wc` has them in the C locale.
//!
//! Cost: O(bytes) reading; memory: a piece of a large file and a row group per thread, and counts per language and
//! encoding.

mod count;
mod languages;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::count::{Counter, Text};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::paths;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::io::digest::{Algorithm, BLOCK_BYTES, End, Reading, Rest, Stop};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::encodings::{self, BY_ENCODING, FOUND, Mix};
use pravah_foundation::run::operation::Options;
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::source::walk::WalkTotals;
use pravah_foundation::store::baseline::{Baseline, Row, kept};
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::report::Report;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::{Staged, Table};
use pravah_foundation::tabular::text::{ChosenEncoding, Found};

/// Options of text_statistics.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextStatisticsOptions {
    /// How files are read.
    pub encoding: ChosenEncoding,
}

impl Default for TextStatisticsOptions {
    fn default() -> Self {
        Self { encoding: ChosenEncoding::AUTO }
    }
}

const RESULT: &[Column] = kept![
    FOUND[0],
    FOUND[1],
    FOUND[2],
    FOUND[3],
    Column::text("byte_order_mark"),
    Column::text("line_ending"),
    Column::text("last_line"),
    Column::integer("lines"),
    Column::integer("words"),
    Column::integer("characters"),
    Column::integer("longest_line_bytes"),
    Column::integer("lf"),
    Column::integer("crlf"),
    Column::integer("cr"),
    Column::text("language"),
];
const BY_LANGUAGE: &[Column] = &[
    Column::text("language"),
    Column::integer("files"),
    Column::integer("lines"),
    Column::integer("words"),
    Column::integer("size_bytes"),
];
const BY_FORM: &[Column] =
    &[Column::text("encoding"), Column::text("line_ending"), Column::integer("files"), Column::integer("size_bytes")];
const TABLES: &[TableColumns] =
    &[("result", RESULT), ("by_language", BY_LANGUAGE), ("by_form", BY_FORM), ("by_encoding", BY_ENCODING)];
const TABLE: Table = Table {
    name: "result",
    dictionary: &["encoding", "confidence", "byte_order_mark", "line_ending", "last_line", "language"],
};

impl Options for TextStatisticsOptions {
    const TABLES: &'static [TableColumns] = TABLES;

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn operation(&self, context: Context) -> Result<Box<dyn Operation>> {
        let mark = self.mark();
        let worker = || Worker { sheet: Sheet::kept(&context.sink, TABLE, RESULT, &mark), sums: Sums::default() };
        let baseline = Baseline::of_table(&context.baseline, TABLE.name, &mark, &KEPT);
        let workers = Slots::new(context.threads, worker);
        Ok(Box::new(TextStatistics { workers, baseline, context, chosen: self.encoding }))
    }
}

impl TextStatisticsOptions {
    /// What a file's row is true for.
    fn mark(&self) -> String {
        json!({"engine": pravah_foundation::base::version::VERSION, "options": self}).to_string()
    }
}

/// What of a row tells all the others.
const KEPT: [&str; 12] = [
    "byte_order_mark",
    "last_line",
    "words",
    "characters",
    "longest_line_bytes",
    "lf",
    "crlf",
    "cr",
    FOUND[0].name,
    FOUND[1].name,
    FOUND[2].name,
    FOUND[3].name,
];
/// Where [`KEPT`] has what is known of the encoding.
const ENCODING: usize = 8;

/// Files with their amounts.
#[derive(Debug, Default, Clone, Copy)]
struct Amounts {
    files: u64,
    lines: u64,
    words: u64,
    bytes: u64,
}

impl Amounts {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.lines += other.lines;
        self.words += other.words;
        self.bytes += other.bytes;
    }
}

#[derive(Debug, Default)]
struct Sums {
    languages: BTreeMap<&'static str, Amounts>,
    forms: BTreeMap<(Cow<'static, str>, &'static str), Amounts>,
    encodings: Mix,
    marked: u64,
    unended: u64,
    characters: u64,
    longest: u64,
    reused: u64,
    reused_bytes: u64,
}

impl Sums {
    fn merge(&mut self, other: Self) {
        other.languages.into_iter().for_each(|(key, amounts)| self.languages.entry(key).or_default().add(amounts));
        other.forms.into_iter().for_each(|(key, amounts)| self.forms.entry(key).or_default().add(amounts));
        self.encodings.merge(other.encodings);
        self.marked += other.marked;
        self.unended += other.unended;
        self.characters += other.characters;
        self.longest = self.longest.max(other.longest);
        self.reused += other.reused;
        self.reused_bytes += other.reused_bytes;
    }

    /// Files and amounts of those forms that `is_meant` names.
    fn of(&self, is_meant: impl Fn(&str, &str) -> bool) -> Amounts {
        let mut sum = Amounts::default();
        let meant = self.forms.iter().filter(|((encoding, ending), _)| is_meant(encoding, ending));
        meant.for_each(|(_, amounts)| sum.add(*amounts));
        sum
    }
}

/// True when lines and words can be counted.
fn is_text(encoding: &str) -> bool {
    !matches!(encoding, encodings::BINARY | "empty")
}

fn is_utf(encoding: &str) -> bool {
    encoding == "ascii" || encoding.starts_with("utf-")
}

struct Worker {
    sheet: Sheet,
    sums: Sums,
}

impl Worker {
    fn file(&mut self, path: &[u8], meta: &Meta, (text, found, marked): (Text, Found, bool)) -> Result<()> {
        let name = paths::file_name(path);
        let language = languages::of_extension(&paths::extension(name).to_ascii_lowercase());
        let is_text = is_text(&found.name);
        let ending = if is_text { text.line_ending() } else { "none" };
        let amounts = Amounts { files: 1, lines: text.lines(), words: text.words, bytes: meta.size };
        let rows = &mut self.sheet.rows;
        rows.path(path);
        rows.integer(meta.size);
        rows.time(meta.mtime_ns);
        rows.time(meta.ctime_ns);
        rows.unsigned(meta.inode);
        encodings::write(&found, rows);
        rows.text(if marked { "yes" } else { "no" });
        rows.optional_text(is_text.then_some(ending));
        rows.optional_text(is_text.then_some(if text.is_ended() { "ended" } else { "not ended" }));
        for value in [amounts.lines, amounts.words, text.characters, text.longest, text.lf, text.crlf, text.cr] {
            rows.optional_integer(is_text.then_some(value));
        }
        rows.optional_text(language);
        if is_text {
            self.sums.languages.entry(language.unwrap_or("other")).or_default().add(amounts);
            self.sums.unended += u64::from(!text.is_ended());
            self.sums.characters += text.characters;
        }
        self.sums.encodings.add(path, meta.size, &found);
        self.sums.forms.entry((found.name, ending)).or_default().add(amounts);
        self.sums.marked += u64::from(marked);
        self.sums.longest = self.sums.longest.max(text.longest);
        self.sheet.write_if_full()
    }

    fn finish(self, sums: &mut Sums) -> Result<Staged> {
        sums.merge(self.sums);
        self.sheet.stage()
    }
}

struct TextStatistics {
    context: Context,
    workers: Slots<Worker>,
    baseline: Baseline,
    chosen: ChosenEncoding,
}

impl TextStatistics {
    fn known(row: Row<'_>) -> Option<(Text, Found, bool)> {
        let found = encodings::read(row, ENCODING)?;
        let marked = row.text(0)? == "yes";
        if !is_text(&found.name) {
            return Some((Text::default(), found, marked));
        }
        let integer = |value| row.integer(value);
        let counts = [integer(2)?, integer(3)?, integer(4)?, integer(5)?, integer(6)?, integer(7)?];
        Some((Text::of_row(counts, row.text(1)? == "ended"), found, marked))
    }
}

/// One file on its way through.
struct FileReading<'a> {
    operation: &'a TextStatistics,
    path: Vec<u8>,
    counter: Counter,
}

impl Reading for FileReading<'_> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        // The last block of a file is the only one that may be short.
        Ok(self.counter.block(bytes, bytes.len() < BLOCK_BYTES))
    }

    fn rest(&mut self, rest: &Rest<'_>) -> std::result::Result<u64, Stop> {
        self.counter.rest(rest, self.operation.context.chunk_bytes)
    }

    fn end(self: Box<Self>, end: End<'_>) -> Result<()> {
        // What is broken is an issue of the job already, and has no row.
        let End::Whole(meta) = end else { return Ok(()) };
        let counted = self.counter.end();
        self.operation.workers.acquire().file(&self.path, meta, counted)
    }
}

impl Operation for TextStatistics {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "count", after: &[] }
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&[])
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        let Some(row) = self.baseline.find(path, meta) else { return Ok(false) };
        let Some(known) = Self::known(row) else { return Ok(false) };
        let mut worker = self.workers.acquire();
        if !row.is_own() {
            worker.sums.reused += 1;
            worker.sums.reused_bytes += meta.size;
        }
        worker.file(path, meta, known)?;
        Ok(true)
    }

    fn reading<'a>(&'a self, path: &[u8], _meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        Ok(Some(Box::new(FileReading { operation: self, path: path.to_vec(), counter: Counter::new(self.chosen) })))
    }

    fn checkpoint(&self) -> Result<()> {
        self.workers.each(|worker| worker.sheet.checkpoint())
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let Self { context, workers, .. } = *self;
        let mut sums = Sums::default();
        let workers = workers.into_inner().into_iter();
        let mut staged = workers.map(|worker| worker.finish(&mut sums)).collect::<Result<Vec<Staged>>>()?;
        let mut languages = Columns::new(BY_LANGUAGE);
        for (language, amounts) in &sums.languages {
            languages.text(language);
            [amounts.files, amounts.lines, amounts.words, amounts.bytes]
                .into_iter()
                .for_each(|value| languages.integer(value));
        }
        let mut forms = Columns::new(BY_FORM);
        for ((encoding, ending), amounts) in &sums.forms {
            forms.text(encoding);
            forms.text(ending);
            [amounts.files, amounts.bytes].into_iter().for_each(|value| forms.integer(value));
        }
        let table = |name| Table { name, dictionary: &[] };
        staged.push(context.sink.staged(table("by_language"), &languages.take()?)?);
        staged.push(context.sink.staged(table("by_form"), &forms.take()?)?);
        staged.push(context.sink.staged(table("by_encoding"), &sums.encodings.rows()?)?);
        context.sink.commit(staged)?;
        let all = sums.of(|_, _| true);
        let text = sums.of(|encoding, _| is_text(encoding));
        let summary = json!({
            "files": all.files,
            "bytes": all.bytes,
            "reused_files": sums.reused,
            "reused_bytes": sums.reused_bytes,
            "text_files": text.files,
            "binary_files": sums.of(|encoding, _| encoding == encodings::BINARY).files,
            "empty_files": sums.of(|encoding, _| encoding == "empty").files,
            "lines": text.lines,
            "words": text.words,
            "characters": sums.characters,
            "longest_line_bytes": sums.longest,
            "mixed_line_endings": sums.of(|_, ending| ending == "mixed").files,
            "not_utf8": sums.of(|encoding, _| is_text(encoding) && !is_utf(encoding)).files,
            "invalid_files": sums.encodings.invalid_files(),
            "with_byte_order_mark": sums.marked,
            "without_last_line_end": sums.unended,
        });
        Ok(Report { not_covered: None, files: Vec::new(), summary })
    }
}
