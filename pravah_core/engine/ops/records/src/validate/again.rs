//! The second reading of a file: what breaks its keys is told with its place, and good and bad records are told apart.
//!
//! It has to find what the first one found, else the file was changed between them.

use std::collections::{BTreeMap, HashMap};

use super::Validate;
use super::chunk::{KEYS, VALUE_BYTES, ValidatedChunk};
use super::file::{Error, FileValidation};
use super::kept::PendingFile;
use super::parts::SortedOutRecords;
use super::plan::{At, Role};
use super::rows::{Broken, Hash};
use super::sorter::Cursor;
use super::tables::{Counted, ErrorPlace, Verdict};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::sync::lock;
use pravah_foundation::run::records::{Of, RecordCounts, RecordSplitter};
use pravah_foundation::tabular::contract::Rule;
use pravah_foundation::tabular::split::Split;

/// A file that was read once, and has no verdict yet.
#[derive(Debug)]
pub struct Pending {
    pub verdict: Verdict,
    /// What the first reading counted, by columns and rules.
    pub rules: BTreeMap<(u32, Rule), (u64, Option<u64>)>,
    pub records: RecordCounts,
    /// Its good and bad records, when they are written as if no key were broken.
    pub parts: Option<SortedOutRecords>,
    /// What is kept of it for a later run.
    pub kept: Option<PendingFile>,
    /// Keys whose values have to be in other files.
    pub refers: Vec<u16>,
    /// Records that break a key.
    pub broken_records: u64,
}

/// What a second reading is for.
pub struct Again {
    cursor: Cursor,
    is_changed: bool,
}

impl Again {
    pub fn new(cursor: Cursor) -> Self {
        Self { cursor, is_changed: false }
    }
}

impl Pending {
    /// So many errors more.
    pub fn count(&mut self, column: String, rule: Rule, errors: u64, first: u64) {
        let column = Some(column);
        let is_of = |counted: &&mut Counted| counted.column == column && counted.rule == rule;
        // Two foreign keys may be of one column.
        match self.verdict.counts.iter_mut().find(is_of) {
            Some(counted) => {
                counted.errors += errors;
                counted.first = counted.first.min(Some(first)).or(Some(first));
            }
            None => self.verdict.counts.push(Counted { column, rule, errors, first: Some(first) }),
        }
    }
}

impl Validate {
    /// All files were read once: tell what breaks keys, and give the files that have to be read again.
    pub fn settle_keys(&self) -> Result<Vec<Vec<u8>>> {
        let control = &self.context.control;
        let unchecked = self.keys.compare_files(control)?;
        if !unchecked.is_empty() {
            self.leave_unchecked();
        }
        let mut places = self.keys.count(control)?;
        let mut again = HashMap::new();
        let pending = std::mem::take(&mut *lock(&self.keys.pending));
        let mut left = BTreeMap::new();
        for (number, mut file) in pending {
            file.verdict.is_partial |= file.refers.iter().any(|key| unchecked.contains(key));
            let places = places.remove(&number);
            let is_divided = self.destination.is_none() || file.parts.is_some();
            if places.is_none() && is_divided {
                self.publish(&file.verdict.path, file.parts.take(), file.records.is_whole())?;
                self.workers.acquire().verdict(&file.verdict)?;
            } else {
                file.parts = None;
                again.insert(file.verdict.path.clone(), (number, places.unwrap_or(0..0)));
                left.insert(number, file);
            }
        }
        *lock(&self.keys.pending) = left;
        let paths = again.keys().cloned().collect();
        self.keys.set_again(again);
        Ok(paths)
    }

    /// Of what could not be read again the counts are known, and the places are not.
    pub fn settle_rest(&self) -> Result<()> {
        let left = std::mem::take(&mut *lock(&self.keys.pending));
        left.into_values().try_for_each(|file| self.not_again(file))
    }

    fn not_again(&self, mut file: Pending) -> Result<()> {
        let message = "it could not be read again as it was: errors of its keys are counted, but not all are listed, and \
                       its good and bad records are not told apart";
        let path = &file.verdict.path;
        self.context.control.issue("validate", path, IssueKind::ChangedWhileRead, message);
        self.leave_unchecked();
        file.verdict.is_partial = true;
        file.verdict.bad = file.verdict.bad.max(file.broken_records);
        self.workers.acquire().verdict(&file.verdict)
    }

    /// Tell what breaks keys in a chunk.
    pub fn tell_broken(
        &self,
        of: &Of<'_, Self>,
        file: &mut FileValidation,
        again: &mut Again,
        part: &mut ValidatedChunk,
        before: &RecordCounts,
    ) -> Result<()> {
        let end = before.records + part.ends.len() as u64;
        while let Some(row) = again.cursor.next_if(|&row| Broken::of(row).record <= end)? {
            let Broken { record, key, hash, .. } = Broken::of(row);
            let Some(place) = record.checked_sub(before.records + 1) else {
                again.is_changed = true;
                continue;
            };
            let place = place as usize;
            part.bad[place] = true;
            let begin = place.checked_sub(1).map_or(0, |before| part.ends[before]);
            let (column, value, found) = self.value(of, key, &part.text[begin..part.ends[place]]);
            again.is_changed |= found != Some(hash);
            let (offset, line) = part.starts[place];
            let place = ErrorPlace {
                record: Some(record),
                line: of.head.format.has_lines().then_some(before.lines + line + 1),
                offset: of.head.is_plain().then_some(of.head.mark_bytes + before.bytes + offset),
            };
            let rule =
                if self.keys.all[usize::from(key)].reference.is_some() { Rule::ForeignKey } else { Rule::Unique };
            self.list(of, file, &Error { place, column, rule, key: Some(key), value: Some(&value) })?;
        }
        Ok(())
    }

    /// The column, the values and the hash of a key in a record.
    fn value(&self, of: &Of<'_, Self>, key: u16, text: &[u8]) -> (u32, Vec<u8>, Option<Hash>) {
        let is_of = |role: Role| !matches!(role, Role::Referenced(_));
        let holding = of.plan.keys.iter().find(|holding| holding.key == key && is_of(holding.role));
        let (mut split, mut splitter) = (Split::default(), RecordSplitter::new(text, of.head));
        let (Some(holding), true) = (holding, splitter.next(&mut split)) else {
            return (KEYS | u32::from(key), Vec::new(), None);
        };
        let column = match holding.columns[..] {
            [(column, _)] => column as u32,
            _ => KEYS | u32::from(key),
        };
        let dialect = of.head.dialect();
        let at = At { text, split: &split, record: 0, nulls: self.nulls_of(of.plan), dialect: &dialect };
        let (mut value, mut buffer, mut joined) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_first = true;
        holding.each(at, &mut buffer, |one| {
            if !std::mem::take(&mut is_first) {
                value.extend_from_slice(b", ");
            }
            value.extend_from_slice(one);
        });
        value.truncate(VALUE_BYTES);
        (column, value, holding.hash(at, &mut buffer, &mut joined))
    }

    /// The end of a second reading.
    pub fn end_again(
        &self,
        of: &Of<'_, Self>,
        mut file: FileValidation,
        mut again: Again,
        all: &RecordCounts,
    ) -> Result<()> {
        let Some(mut pending) = lock(&self.keys.pending).remove(&of.plan.number) else { return Ok(()) };
        pending.verdict.listed += file.listed;
        let first = &pending.records;
        let is_same = (all.records, all.lines, all.bytes, all.is_whole())
            == (first.records, first.lines, first.bytes, first.is_whole())
            && file.counts == pending.rules
            && !again.is_changed
            && again.cursor.next_if(|_| true)?.is_none();
        if !is_same {
            return self.not_again(pending);
        }
        pending.verdict.bad = file.bad;
        let kept = pending.kept.take().and_then(|kept| kept.and(of, &mut file));
        self.publish(&pending.verdict.path, Some(file.parts), all.is_whole())?;
        self.conclude(&pending.verdict, kept.as_ref())
    }
}
