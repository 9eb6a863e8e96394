//! One file: its columns' figures, made of those of its chunks, told row by row and added to those of all files.

use std::borrow::Cow;

use super::column::{ColumnProfile, CountingRules, base, limit};
use super::datasets::Pools;
use super::many::Many;
use super::partial;
use super::schemas::{Schemas, Signature, shown};
use super::tables::{BY_FILE, FILES, table};
use super::{Figures, Profile};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::partials;
use pravah_foundation::run::records::{Format, Head, Of, RecordCounts, RecordHandler, Records};
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::Staged;
use pravah_foundation::tabular::text::Encoding;

/// What is told of a file as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct FileFigures {
    /// Its path relative to the source.
    pub path: Vec<u8>,
    /// Its size in bytes, packed where it is.
    pub size: u64,
    /// How its bytes become text.
    pub encoding: Cow<'static, str>,
    /// How it is packed.
    pub packed: Option<Cow<'static, str>>,
    /// What ends a field.
    pub delimiter: String,
    /// How sure that is, in percent.
    pub confidence: f64,
    /// Why.
    pub delimiter_reason: String,
    /// Its first record holds names, or it names its columns itself.
    pub has_header: bool,
    /// It has no names where there could be some.
    pub lacks_header: bool,
    /// Why.
    pub header_reason: String,
    /// The columns' names.
    pub names: Vec<String>,
    /// What is counted of it.
    pub counts: RecordCounts,
}

impl FileFigures {
    fn of(head: &Head, all: &RecordCounts) -> Self {
        let encoding = match head.encoding {
            utf8 if utf8 == Encoding::UTF_8 && all.not_utf8 > 0 => all.odd.words().into(),
            encoding if all.not_utf8 > 0 => format!("not {}", encoding.name()).into(),
            encoding => encoding.name(),
        };
        Self {
            path: head.path.clone(),
            size: head.size,
            encoding,
            packed: head.codec.map(|codec| codec.name().into()),
            delimiter: delimiter_name(head),
            confidence: head.sniffed.confidence * 100.0,
            delimiter_reason: head.sniffed.reason.clone(),
            has_header: head.has_header,
            lacks_header: !head.has_header && head.format.is_laid_out(),
            header_reason: head.header_reason.clone(),
            names: head.names.clone(),
            counts: all.clone(),
        }
    }
}

/// What a thread has of its own.
pub struct ProfileWorker {
    partials: Sheet,
    files: Sheet,
    by_file: Sheet,
    /// Figures of all files it ended.
    pub totals: Pools,
    /// Their schemas.
    pub schemas: Schemas,
    /// Sums for the summary.
    pub figures: Figures,
}

impl ProfileWorker {
    pub fn new(context: &Context, mark: &str) -> Self {
        Self {
            partials: Sheet::kept(&context.sink, table(partials::TABLE), partials::COLUMNS, mark),
            files: Sheet::new(&context.sink, table("files"), FILES),
            by_file: Sheet::new(&context.sink, table("by_file"), BY_FILE),
            totals: Pools::default(),
            schemas: Schemas::default(),
            figures: Figures::default(),
        }
    }

    /// A file's end; its partial, when it is to be kept.
    pub fn end(
        &mut self,
        told: &FileFigures,
        columns: Vec<ColumnProfile>,
        partial: Option<(FileState, &[u8])>,
    ) -> Result<()> {
        if let Some((state, figures)) = partial {
            partials::row(&mut self.partials.rows, &told.path, state, figures);
            self.partials.write_now_and_then()?;
        }
        let figures: Vec<Many> = columns.iter().map(|column| column.figures().into_owned()).collect();
        let signature: Signature = told.names.iter().cloned().zip(figures.iter().map(Many::kind)).collect();
        let schema = self.schemas.add(&told.path, &signature);
        self.file_row(told, schema);
        self.files.write_if_full()?;
        for (place, (column, figures)) in columns.iter().zip(&figures).enumerate() {
            self.column_row(told, place, column, figures);
            self.by_file.write_if_full()?;
        }
        self.figures.add_file(told);
        self.totals.add(told, columns, &figures, &signature);
        Ok(())
    }

    fn file_row(&mut self, told: &FileFigures, schema: u64) {
        let (rows, all) = (&mut self.files.rows, &told.counts);
        rows.path(&told.path);
        rows.integer(told.size);
        rows.text(&told.encoding);
        rows.optional_text(told.packed.as_deref());
        rows.text(&told.delimiter);
        rows.optional_number(Some(told.confidence));
        rows.text(&told.delimiter_reason);
        rows.text(if told.has_header { "yes" } else { "no" });
        rows.text(&told.header_reason);
        rows.integer(told.names.len() as u64);
        rows.integer(all.records);
        rows.integer(all.ragged);
        rows.optional_integer(all.first_ragged.map(|(record, _)| record));
        rows.integer(all.strays + all.bares);
        all.outside().into_iter().for_each(|lines| rows.integer(lines));
        rows.text(match all {
            RecordCounts { cut_at: Some(_), .. } => "cut",
            RecordCounts { is_broken_off: true, .. } => "broken off",
            RecordCounts { is_open: true, .. } => "open quote",
            all if all.has_odd_quotes() => "odd quotes",
            RecordCounts { nuls: 1.., .. } => "NUL bytes",
            _ => "whole",
        });
        rows.text(&schema_name(schema));
    }

    fn column_row(&mut self, told: &FileFigures, place: usize, column: &ColumnProfile, figures: &Many) {
        let rows = &mut self.by_file.rows;
        let (distinct, _) = column.distinct(figures, true);
        let (least, greatest) = figures.shown_range();
        rows.path(&told.path);
        rows.text(&told.names[place]);
        rows.integer(place as u64 + 1);
        rows.text(shown(figures.kind()));
        rows.integer(figures.count());
        rows.integer(figures.conforming().1);
        rows.integer(column.nulls);
        rows.optional_text(column.null_words().as_deref());
        rows.integer(distinct);
        rows.optional_text(least.as_deref());
        rows.optional_text(greatest.as_deref());
        rows.optional_number(figures.mean());
    }

    /// See [`Sheet::checkpoint`]; the other tables follow from these rows.
    pub fn checkpoint(&mut self) -> Result<()> {
        self.partials.checkpoint()
    }

    /// Close what it wrote.
    pub fn finish(self) -> Result<(Vec<Staged>, Pools, Schemas, Figures)> {
        let staged = vec![self.files.stage()?, self.by_file.stage()?, self.partials.stage()?];
        Ok((staged, self.totals, self.schemas, self.figures))
    }
}

/// A schema's identifier in every table.
pub fn schema_name(id: u64) -> String {
    format!("{id:016x}")[..8].to_owned()
}

fn delimiter_name(head: &Head) -> String {
    if head.format != Format::Delimited {
        return head.format.name().into();
    }
    head.dialect().delimiter_name()
}

/// A file while its chunks come.
pub struct FileProfile {
    columns: Vec<ColumnProfile>,
    limit: usize,
}

impl RecordHandler for Profile {
    type Part = Vec<ColumnProfile>;
    type File = FileProfile;
    type Plan = ();

    fn file(&self, head: &Head, _start: &[u8]) -> Result<((), FileProfile)> {
        Ok(((), FileProfile { columns: Vec::new(), limit: limit(head.names.len()) }))
    }

    fn part(&self, of: &Of<'_, Self>) -> Result<Vec<ColumnProfile>> {
        Ok(of.head.declared.iter().map(|kind| ColumnProfile::of(*kind)).collect())
    }

    fn records(&self, of: &Of<'_, Self>, part: &mut Vec<ColumnProfile>, records: Records<'_>) -> Result<()> {
        let dialect = of.head.dialect();
        let rules = CountingRules { nulls: &self.nulls, limit: limit(part.len()), base: base(of.head.size) };
        for (place, column) in part.iter_mut().enumerate() {
            column.take(records, place, &dialect, rules);
        }
        Ok(())
    }

    fn close(&self, _of: &Of<'_, Self>, part: &mut Vec<ColumnProfile>) -> Result<()> {
        part.iter_mut().for_each(ColumnProfile::close);
        Ok(())
    }

    fn add(
        &self,
        _of: &Of<'_, Self>,
        file: &mut FileProfile,
        part: Vec<ColumnProfile>,
        before: &RecordCounts,
    ) -> Result<()> {
        if file.columns.is_empty() {
            file.columns = part;
            return Ok(());
        }
        let each = file.columns.iter_mut().zip(&part);
        each.for_each(|(column, part)| column.merge(part, None, before.records, file.limit));
        Ok(())
    }

    fn end(&self, of: &Of<'_, Self>, file: FileProfile, all: &RecordCounts) -> Result<()> {
        let mut columns = file.columns;
        columns.resize(of.head.names.len(), ColumnProfile::default());
        columns.iter_mut().for_each(|column| column.settle(&self.nulls, file.limit));
        let told = FileFigures::of(of.head, all);
        // A split's partials are made for nothing else than to be taken over.
        let most = if self.is_split { usize::MAX } else { partials::most_bytes(told.counts.bytes) };
        // Before a slot is held: it takes its time.
        let kept = of.state.and_then(|state| Some((state, partial::encode(&told, &columns, most)?)));
        let kept = kept.as_ref().map(|(state, figures)| (*state, figures.as_slice()));
        self.workers.acquire().end(&told, columns, kept)
    }
}
