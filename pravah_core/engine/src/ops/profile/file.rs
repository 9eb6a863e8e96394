//! One file: its columns' figures, made of those of its chunks, told row by row and added to those of all files.

use super::column::{Column, Rules, base, limit};
use super::many::Many;
use super::schemas::{Schemas, Signature, shown};
use super::tables::{BY_FILE, FILES, table};
use super::total::Totals;
use super::{Figures, Profile};
use crate::error::Result;
use crate::ops::Context;
use crate::records::{Counts, Format, Head, Of, Records, Table};
use crate::sheet::Sheet;
use crate::sink::Staged;
use crate::text::Decoder;

/// What a thread has of its own.
pub struct Worker {
    files: Sheet,
    by_file: Sheet,
    /// Figures of all files it ended.
    pub totals: Totals,
    /// Their schemas.
    pub schemas: Schemas,
    /// Sums for the summary.
    pub figures: Figures,
}

impl Worker {
    pub fn new(context: &Context) -> Self {
        Self {
            files: Sheet::new(&context.sink, table("files"), FILES),
            by_file: Sheet::new(&context.sink, table("by_file"), BY_FILE),
            totals: Totals::default(),
            schemas: Schemas::default(),
            figures: Figures::default(),
        }
    }

    fn end(&mut self, head: &Head, columns: Vec<Column>, all: &Counts) -> Result<()> {
        let figures: Vec<Many> = columns.iter().map(|column| column.figures().into_owned()).collect();
        let signature: Signature = head.names.iter().cloned().zip(figures.iter().map(Many::kind)).collect();
        let schema = self.schemas.add(&head.path, &signature);
        self.file_row(head, all, schema);
        self.files.write_if_full()?;
        for (place, (column, figures)) in columns.iter().zip(&figures).enumerate() {
            self.column_row(head, place, column, figures);
            self.by_file.write_if_full()?;
        }
        self.figures.add_file(head, all);
        self.totals.add(head, columns, &figures);
        Ok(())
    }

    fn file_row(&mut self, head: &Head, all: &Counts, schema: u64) {
        let rows = &mut self.files.rows;
        rows.path(&head.path);
        rows.integer(head.size);
        rows.text(match (head.decoder, all.not_utf8) {
            (Decoder::Latin1, _) => "latin1",
            (Decoder::Windows1252, _) => "windows-1252",
            (Decoder::Utf16 { big_endian: true, .. }, _) => "utf-16be",
            (Decoder::Utf16 { .. }, _) => "utf-16le",
            (Decoder::Utf8, 0) => "utf-8",
            (Decoder::Utf8, _) => all.odd.words(),
        });
        rows.optional_text(head.codec.map(crate::codec::Codec::name));
        rows.text(&delimiter_name(head));
        rows.optional_number(Some(head.sniffed.confidence * 100.0));
        rows.text(&head.sniffed.reason);
        rows.text(if head.has_header { "yes" } else { "no" });
        rows.text(&head.header_reason);
        rows.integer(head.names.len() as u64);
        rows.integer(all.records);
        rows.integer(all.ragged);
        rows.optional_integer(all.first_ragged.map(|(record, _)| record));
        rows.text(match all {
            Counts { cut_at: Some(_), .. } => "cut",
            Counts { is_open: true, .. } => "open quote",
            _ => "whole",
        });
        rows.text(&schema_name(schema));
    }

    fn column_row(&mut self, head: &Head, place: usize, column: &Column, figures: &Many) {
        let rows = &mut self.by_file.rows;
        let (distinct, _) = column.distinct(figures);
        let (least, greatest) = figures.shown_range();
        rows.path(&head.path);
        rows.text(&head.names[place]);
        rows.integer(place as u64 + 1);
        rows.text(shown(figures.kind()));
        rows.integer(figures.count());
        rows.integer(column.nulls);
        rows.integer(distinct);
        rows.optional_text(least.as_deref());
        rows.optional_text(greatest.as_deref());
        rows.optional_number(figures.mean());
    }

    /// Close what it wrote.
    pub fn finish(self) -> Result<(Vec<Staged>, Totals, Schemas, Figures)> {
        let staged = vec![self.files.stage()?, self.by_file.stage()?];
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
    match head.dialect().delimiter {
        b'\t' => "tab".into(),
        b' ' => "space".into(),
        byte if byte.is_ascii_graphic() => char::from(byte).into(),
        byte => format!("0x{byte:02x}"),
    }
}

/// A file while its chunks come.
pub struct File {
    columns: Vec<Column>,
    limit: usize,
}

impl Table for Profile {
    type Part = Vec<Column>;
    type File = File;
    type Plan = ();

    fn file(&self, head: &Head, _start: &[u8]) -> Result<((), File)> {
        Ok(((), File { columns: Vec::new(), limit: limit(head.names.len()) }))
    }

    fn part(&self, of: &Of<'_, Self>) -> Result<Vec<Column>> {
        Ok(of.head.declared.iter().map(|kind| Column::of(*kind)).collect())
    }

    fn records(&self, of: &Of<'_, Self>, part: &mut Vec<Column>, records: Records<'_>) -> Result<()> {
        let dialect = of.head.dialect();
        let rules = Rules { nulls: &self.nulls, limit: limit(part.len()), base: base(of.head.size) };
        for (place, column) in part.iter_mut().enumerate() {
            column.take(records, place, &dialect, rules);
        }
        Ok(())
    }

    fn close(&self, _of: &Of<'_, Self>, part: &mut Vec<Column>) -> Result<()> {
        part.iter_mut().for_each(Column::close);
        Ok(())
    }

    fn add(&self, _of: &Of<'_, Self>, file: &mut File, part: Vec<Column>, before: &Counts) -> Result<()> {
        if file.columns.is_empty() {
            file.columns = part;
            return Ok(());
        }
        let each = file.columns.iter_mut().zip(&part);
        each.for_each(|(column, part)| column.merge(part, None, before.records, file.limit));
        Ok(())
    }

    fn end(&self, of: &Of<'_, Self>, file: File, all: &Counts) -> Result<()> {
        let mut columns = file.columns;
        columns.resize(of.head.names.len(), Column::default());
        self.workers.acquire().end(of.head, columns, all)
    }
}
