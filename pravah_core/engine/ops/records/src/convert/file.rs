//! One file: its row groups written in order, its rejects beside it, its rows counted on both sides.

use std::fs::File as Disk;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use super::chunk::{self, ConversionRules, ConvertedChunk};
use super::factories::Factories;
use super::kept::ColumnAs;
use super::options::{BadRecords, ConvertOptions, Schema, To};
use super::plan::{self, ConversionPlan, RecordOutput, Way};
use super::proof::{self, Fingerprints};
use super::rejects::ListedReject;
use super::tables::{ConversionRow, ConvertedFile};
use super::tokens::Tokens;
use super::{Again, Convert, failed};
use super::{rows, text};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::destination::{Attributes, Writing, state_of};
use pravah_foundation::run::records::{Head, Lost, Of, RecordCounts, RecordHandler, Records};
use pravah_foundation::tabular::values::Needs;

/// Rejects of a file that the table lists; the file of rejects has all.
const LISTED: usize = 10_000;

/// In the metadata of a Parquet file that holds not all records of its source: "true".
const PARTIAL: &str = "pravah.partial";

/// What a file's records are written with.
enum Writer {
    Parquet(Box<SerializedFileWriter<Arc<Disk>>>),
    /// So many records so far.
    Text(u64),
}

/// A file while its chunks come.
pub struct FileConversion {
    writer: Option<Writer>,
    writing: Option<Writing>,
    rejects: Option<Writing>,
    listed: Vec<ListedReject>,
    needs: Vec<Needs>,
    /// By column.
    pub rounded: Vec<u64>,
    /// By column: values that are not in its format.
    pub misfits: Vec<u64>,
    words: Vec<Vec<u64>>,
    tokens: Vec<Tokens>,
    /// The values that were read, if they are to be proven.
    pub proof: Option<Fingerprints>,
    /// Why they cannot be, in words.
    unproven: Option<String>,
    written: u64,
    rejected: u64,
    nulled: u64,
    groups: u64,
}

impl Convert {
    fn rules<'a>(
        &'a self,
        plan: &ConversionPlan,
        dialect: &'a pravah_foundation::tabular::csv::Dialect,
    ) -> ConversionRules<'a> {
        ConversionRules { nulls: &self.given[plan.dataset].nulls, bad: self.options.bad_records, dialect }
    }

    /// Begin the file that it becomes; none when it cannot be there, which is an issue then.
    fn begin(&self, head: &Head, plan: &mut ConversionPlan) -> Result<Option<(Writer, Writing)>> {
        plan.output = RecordOutput::Refused;
        let (to, arranges) = (self.options.to, self.options.arranges());
        if let Some(message) = self.misfit(&plan.columns) {
            self.context.control.issue("convert", &head.path, IssueKind::Unsupported, message);
            return Ok(None);
        }
        let writing = if arranges {
            self.temporary()?
        } else {
            match self.destination.create(&self.target(&head.path, to.suffix())) {
                Ok(writing) => writing,
                Err(refused) => return refused.tell(&self.context.control, &head.path).map(|()| None),
            }
        };
        if to != To::Parquet && !arranges {
            plan.output = RecordOutput::Text(to);
            write(&writing, &text::header(&plan.columns, to), head)?;
            return Ok(Some((Writer::Text(0), writing)));
        }
        let properties = if arranges {
            plan::properties(&plan.columns, &ConvertOptions::default())?
        } else {
            plan::properties(&plan.columns, &self.options)?
        };
        let file = Arc::clone(&writing.file);
        let schema = match plan.way {
            Way::Rows => rows::schema(head, &plan.columns),
            _ => plan::schema(&plan.columns),
        };
        let arrow = match plan.way {
            Way::Rows => rows::writer(file, &schema, &plan.columns, properties)?,
            _ => ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(failed)?,
        };
        let (writer, factory) = arrow.into_serialized_writer().map_err(failed)?;
        plan.descriptors = writer.schema_descr().columns().to_vec();
        plan.output = RecordOutput::Parquet(Factories::new(&writer, &schema, factory)?);
        Ok(Some((Writer::Parquet(Box::new(writer)), writing)))
    }

    /// Write the rejects of a chunk.
    fn reject(&self, head: &Head, file: &mut FileConversion, part: &ConvertedChunk) -> Result<()> {
        if part.rejects.all.is_empty() {
            return Ok(());
        }
        if file.rejects.is_none() {
            file.rejects = match self.destination.create(&self.rejects(head)) {
                Ok(writing) => Some(writing),
                Err(refused) => return refused.tell(&self.context.control, &head.path),
            };
            if let (Some(writing), true) = (&file.rejects, head.has_header) {
                // With the header it is a file of the same kind, to be mended and converted.
                write(writing, &[&head.header[..], b"\n"].concat(), head)?;
            }
        }
        if let Some(writing) = &file.rejects {
            write(writing, &part.rejects.bytes, head)?;
        }
        Ok(())
    }

    fn finish(&self, of: &Of<'_, Self>, mut file: FileConversion, all: &RecordCounts) -> Result<()> {
        let (head, plan) = (of.head, of.plan);
        let (Some(writer), Some(writing)) = (file.writer.take(), file.writing.take()) else { return Ok(()) };
        let control = &self.context.control;
        if file.rejected > 0 && self.options.bad_records == BadRecords::Fail {
            let message =
                format!("{} of {} records are invalid; the file was not converted", file.rejected, all.records);
            control.issue("convert", &head.path, IssueKind::Malformed, message);
            return self.workers.acquire().rejects(head, plan, file.listed);
        }
        if !all.is_whole() && self.options.arranges() {
            let message = "could not be read to its end, so it cannot be sorted or partitioned; it was not converted";
            control.issue("convert", &head.path, IssueKind::Malformed, message);
            return self.workers.acquire().rejects(head, plan, file.listed);
        }
        let output = Arc::clone(&writing.file);
        let is_cut = !all.is_whole() || all.is_open;
        // What is on the disk counts, not what was meant to be there.
        let written = match writer {
            Writer::Text(records) => records,
            Writer::Parquet(mut writer) => {
                if is_cut || file.rejected > 0 {
                    writer.append_key_value_metadata(KeyValue::new(PARTIAL.to_owned(), "true".to_owned()));
                }
                if let Some(found) = &file.proof {
                    let values = found.metadata(&plan.columns);
                    writer.append_key_value_metadata(KeyValue::new(proof::METADATA.to_owned(), values));
                }
                writer.close().map_err(failed)?;
                plan::footer(&output)?.0
            }
        };
        conserved(head, all.records, written, file.rejected)?;
        let (made, found) = if self.options.arranges() {
            let (made, found) = self.arrange(head, plan, &output)?.unzip();
            (made, found.flatten())
        } else {
            let found = file.proof.is_some().then(|| self.read_whole(&output, &plan.columns)).transpose()?;
            // What is missing at its end nobody sees in it: its name tells.
            let path = match all.is_whole() {
                true => self.target(&head.path, self.options.to.suffix()),
                false => self.partial(&head.path),
            };
            let bytes = output.metadata().map_err(failed)?.len();
            let made = match self.destination.publish(&path, writing.named(&path), Attributes::NONE) {
                Ok(()) => Some(vec![ConvertedFile { path, bytes, records: written, groups: file.groups }]),
                Err(refused) => refused.tell(control, &head.path).map(|()| None)?,
            };
            (made, found)
        };
        let Some(made) = made else { return Ok(()) };
        conserved(head, all.records, made.iter().map(|made| made.records).sum(), file.rejected)?;
        let mut rejects = None;
        if let Some(writing) = file.rejects.take() {
            let name = self.rejects(head);
            let bytes = writing.file.metadata().map_err(failed)?.len();
            match self.destination.publish(&name, writing, Attributes::NONE) {
                Ok(()) => rejects = Some((name, bytes)),
                Err(refused) => refused.tell(control, &head.path)?,
            }
        }
        self.workers.acquire().rejects(head, plan, file.listed)?;
        let given = &self.given[plan.dataset];
        let missing = given.missing(head);
        let tell = |what: &String| control.remark("convert", &head.path, IssueKind::Unsupported, what.clone());
        missing.iter().for_each(tell);
        let readings = 1 + lock(&self.again).get(&head.path).map_or(0, |again| again.readings);
        // What is to be told of it as an issue, the next attempt has to tell too; and it is known by its size.
        let is_plain = all.is_plain() && missing.is_none();
        let state = of.state.filter(|state| is_plain && state.size == head.size);
        let output = if state.is_some() { state_of(&output).map_err(failed)? } else { None };
        let columns = plan.columns.iter().enumerate().filter(|(_, column)| !column.is_key);
        let columns: Vec<ColumnAs> = columns
            .map(|(place, column)| {
                let words = given.nulls.shown(file.words[place].iter().copied());
                ColumnAs::of(column, (file.rounded[place], file.misfits[place]), words, file.tokens[place].note())
            })
            .collect();
        let rounded = file.rounded.iter().zip(&plan.columns).filter(|(_, column)| !column.is_key);
        let read = file.proof.map(|read| Ok((read, rounded.map(|(rounded, _)| rounded).sum())));
        let proof = self.prove(&head.path, plan, file.unproven.map(Err).or(read), found);
        let row = ConversionRow {
            path: &head.path,
            size: head.size,
            columns: &columns,
            made,
            rejects,
            read: all.records,
            written,
            rejected: file.rejected,
            // What could not be read as it is there, such as NaN in text, is null as well.
            nulled: file.nulled + all.lost.all(),
            outside: all.outside(),
            readings,
            is_cut,
            proof,
        };
        self.tell(row, state.zip(output))
    }
}

/// # Errors
/// [`EngineError::Internal`] when a record is neither written nor rejected, or both.
fn conserved(head: &Head, read: u64, written: u64, rejected: u64) -> Result<()> {
    if read == written + rejected {
        return Ok(());
    }
    Err(EngineError::internal(format!(
        "{}: {read} records were read, but {written} written and {rejected} rejected; the converted file was deleted",
        pravah_foundation::base::paths::escape(&head.path)
    )))
}

fn write(writing: &Writing, bytes: &[u8], head: &Head) -> Result<()> {
    let path = std::path::PathBuf::from(pravah_foundation::base::paths::escape(&head.path).into_owned());
    (&mut &*writing.file).write_all(bytes).map_err(|error| EngineError::output(&path, error))
}

impl RecordHandler for Convert {
    type Part = ConvertedChunk;
    type File = FileConversion;
    type Plan = ConversionPlan;

    fn file(&self, head: &Head, start: &[u8]) -> Result<(ConversionPlan, FileConversion)> {
        let mut plan = self.plan(head, start);
        let is_first_of_two = self.options.columns != Schema::Own && self.united.get().is_none();
        let begun = if is_first_of_two { None } else { self.begin(head, &mut plan)? };
        let (writer, writing) = begun.unzip();
        let file = FileConversion {
            writer,
            writing,
            rejects: None,
            listed: Vec::new(),
            needs: vec![Needs::default(); head.names.len()],
            rounded: vec![0; plan.columns.len()],
            misfits: vec![0; plan.columns.len()],
            words: vec![Vec::new(); plan.columns.len()],
            tokens: vec![Tokens::default(); plan.columns.len()],
            proof: plan.layout.as_ref().map(|layout| Fingerprints::new(layout.len())),
            unproven: None,
            written: 0,
            rejected: 0,
            nulled: 0,
            groups: 0,
        };
        Ok((plan, file))
    }

    fn part(&self, of: &Of<'_, Self>) -> Result<ConvertedChunk> {
        ConvertedChunk::new(of.plan, of.head.names.len())
    }

    fn records(&self, of: &Of<'_, Self>, part: &mut ConvertedChunk, records: Records<'_>) -> Result<()> {
        part.take(of.plan, records, self.rules(of.plan, &of.head.dialect()))
    }

    fn takes_rows(&self, of: &Of<'_, Self>) -> bool {
        // Of a file that is read again, their dates tell more.
        of.plan.way == Way::Rows && matches!(of.plan.output, RecordOutput::Parquet(_) | RecordOutput::Text(_))
    }

    fn rows(
        &self,
        of: &Of<'_, Self>,
        part: &mut ConvertedChunk,
        batch: &RecordBatch,
    ) -> Result<std::result::Result<Lost, String>> {
        Ok(part.take_rows(of.plan, batch, self.options.to))
    }

    fn close(&self, of: &Of<'_, Self>, part: &mut ConvertedChunk) -> Result<()> {
        part.close(of.plan)
    }

    fn add(
        &self,
        of: &Of<'_, Self>,
        file: &mut FileConversion,
        part: ConvertedChunk,
        before: &RecordCounts,
    ) -> Result<()> {
        file.needs.iter_mut().zip(&part.needs).for_each(|(own, new)| *own = own.join(*new));
        if !of.plan.writes() {
            return Ok(());
        }
        self.reject(of.head, file, &part)?;
        file.rejected += part.rejects.all.len() as u64;
        file.nulled += part.nulled;
        file.rounded.iter_mut().zip(&part.rounded).for_each(|(own, new)| *own += new);
        file.misfits.iter_mut().zip(&part.misfits).for_each(|(own, new)| *own += new);
        file.words.iter_mut().zip(&part.words).for_each(|(own, new)| chunk::add_words(own, new));
        file.tokens.iter_mut().zip(&part.tokens).for_each(|(own, new)| own.join(*new));
        if let (Some(own), Some(new)) = (&mut file.proof, &part.proof) {
            own.join(new);
        }
        if let Some(why) = part.unproven {
            (file.proof, file.unproven) = (None, Some(why));
        }
        for reject in part.rejects.all {
            if file.listed.len() < LISTED {
                let offset = of.head.is_plain().then(|| of.head.mark_bytes + before.bytes + reject.offset);
                let line = of.head.format.has_lines().then(|| before.lines + reject.line + 1);
                let record = before.records + reject.record + 1;
                file.listed.push((reject, record, line, offset));
            }
        }
        let writer = match &mut file.writer {
            Some(Writer::Parquet(writer)) => writer,
            Some(Writer::Text(records)) => {
                // As a reader finds them, not as they were counted on the way.
                *records += text::count(&part.text, of.plan.columns.len(), self.options.to);
                return file.writing.as_ref().map_or(Ok(()), |writing| write(writing, &part.text, of.head));
            }
            None => return Ok(()),
        };
        if part.rows > 0 {
            let mut group = writer.next_row_group().map_err(failed)?;
            for column in part.columns {
                column.append(&mut group)?;
            }
            group.close().map_err(failed)?;
            file.written += part.rows;
            file.groups += 1;
        }
        Ok(())
    }

    fn tells(&self, of: &Of<'_, Self>) -> bool {
        of.plan.writes() || matches!(of.plan.output, RecordOutput::Refused)
    }

    fn end(&self, of: &Of<'_, Self>, file: FileConversion, all: &RecordCounts) -> Result<()> {
        if of.plan.writes() {
            return self.finish(of, file, all);
        }
        if matches!(of.plan.output, RecordOutput::Refused) {
            return Ok(());
        }
        let mut again = lock(&self.again);
        let known = again.get(&of.head.path);
        // Each time it is read again, its columns hold more.
        let timed: Vec<bool> = of.plan.timed.iter().map(|timed| timed.load(Relaxed)).collect();
        let is_same = known.is_some_and(|known| known.needs == file.needs && known.timed == timed);
        if self.united.get().is_some() || is_same {
            let message = "changed while it was read; it was not converted";
            self.context.control.issue("convert", &of.head.path, IssueKind::ChangedWhileRead, message);
            return Ok(());
        }
        let names: Vec<String> = of.head.names.clone();
        lock(&self.met).push((of.head.path.clone(), names.into_iter().zip(file.needs.iter().copied()).collect()));
        let readings = 1 + known.map_or(0, |known| known.readings);
        again.insert(of.head.path.clone(), Again { needs: file.needs, timed, readings });
        Ok(())
    }
}
