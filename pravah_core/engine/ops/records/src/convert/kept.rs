//! What is kept of a file that was converted, for the next attempt: what the tables tell of it, as few bytes.
//!
//! Only of files that became one file whole: no record rejected, nothing to tell as an issue, columns of their own.

use std::sync::atomic::Ordering::Relaxed;

use super::Convert;
use super::options::{ConvertOptions, Schema};
use super::plan::TargetColumn;
use super::tables::{ConversionRow, ConvertedFile};
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::run::made;
use pravah_foundation::tabular::values::ValueType;

/// Why a column has its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeReason {
    Asked,
    Found,
    OfOthers,
}

impl TypeReason {
    const ALL: [Self; 3] = [Self::Asked, Self::Found, Self::OfOthers];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked for",
            Self::Found => "found",
            Self::OfOthers => "of other files",
        }
    }
}

/// A column as the tables tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnAs {
    pub name: String,
    pub kind: ValueType,
    pub reason: TypeReason,
}

impl From<&TargetColumn> for ColumnAs {
    fn from(column: &TargetColumn) -> Self {
        let reason = match (column.is_fixed, column.source) {
            (true, _) => TypeReason::Asked,
            (false, Some(_)) => TypeReason::Found,
            (false, None) => TypeReason::OfOthers,
        };
        Self { name: column.name.clone(), kind: column.kind, reason }
    }
}

impl ConvertOptions {
    /// True where a file becomes one file at a place that the next attempt finds again, whatever other files hold.
    pub fn keeps(&self) -> bool {
        self.destination.is_some() && self.columns == Schema::Own && !self.arranges()
    }
}

/// What is kept of a file; none when it says less than all.
pub fn encode(row: &ConversionRow<'_>) -> Option<Vec<u8>> {
    let ([made], None, 0) = (&row.made[..], &row.rejects, row.rejected) else { return None };
    let mut out = Writer::default();
    [made.bytes, made.groups, row.written, row.nulled, row.readings].into_iter().for_each(|value| out.integer(value));
    out.integer(row.columns.len() as u64);
    for ColumnAs { name, kind, reason } in row.columns {
        out.bytes(name.as_bytes());
        out.integer(*kind as u64);
        out.integer(*reason as u64);
    }
    Some(out.0)
}

/// What [`encode`] wrote: five numbers, and the columns.
fn decode(bytes: &[u8]) -> Option<([u64; 5], Vec<ColumnAs>)> {
    let mut from = Reader::new(bytes);
    let mut number = || from.integer();
    let numbers = [number()?, number()?, number()?, number()?, number()?];
    let mut columns = Vec::new();
    for _ in 0..from.count()? {
        let name = String::from_utf8(from.bytes()?.to_vec()).ok()?;
        let (kind, reason) = (from.integer()?, from.integer()?);
        let kind = ValueType::of_number(kind)?;
        columns.push(ColumnAs { name, kind, reason: *TypeReason::ALL.get(usize::try_from(reason).ok()?)? });
    }
    from.is_empty().then_some((numbers, columns))
}

impl Convert {
    /// Tell of a file what it became; `states`: by what it and its output are known, if that is kept.
    pub fn tell(&self, row: ConversionRow<'_>, states: Option<(FileState, FileState)>) -> Result<()> {
        let (path, figures) = (row.path, states.and_then(|states| Some((states, encode(&row)?))));
        if self.keeps_full_name(path) {
            self.full_names.fetch_add(1, Relaxed);
        }
        let mut worker = self.workers.acquire();
        worker.file(row)?;
        let (Some(kept), Some((states, figures))) = (&mut worker.kept, figures) else { return Ok(()) };
        let full = kept.add(path, states, &figures)?;
        drop(worker);
        made::keep(&self.destination, &self.context.sink, vec![full])
    }

    /// Take a file over that an earlier attempt has converted; false when it or what it became is not as it was.
    pub fn take(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        let target = || self.target(path, self.options.to.suffix());
        let known = self.known.find(path, meta, &self.destination, target);
        let known = known.and_then(|(figures, output)| Some((decode(figures)?, output)));
        let Some((([bytes, groups, records, nulled, readings], columns), output)) = known else { return Ok(false) };
        self.reused.add(meta.size);
        let row = ConversionRow {
            path,
            size: meta.size,
            columns: &columns,
            made: vec![ConvertedFile { path: target(), bytes, records, groups }],
            rejects: None,
            read: records,
            written: records,
            rejected: 0,
            nulled,
            readings,
            is_cut: false,
        };
        self.tell(row, Some((meta.into(), output))).map(|()| true)
    }

    /// Make last what is told so far of files that are made.
    pub fn checkpoint(&self) -> Result<()> {
        let mut ripe = Vec::new();
        self.workers.each(|worker| {
            let staged = worker.kept.as_mut().map(made::WrittenOutputs::ripe).transpose()?;
            ripe.extend(staged);
            Ok(())
        })?;
        made::keep(&self.destination, &self.context.sink, ripe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_and_only_of_files_that_became_one_whole() {
        let columns = [(ValueType::Date, TypeReason::Found), (ValueType::Text, TypeReason::OfOthers)];
        let columns = columns.map(|(kind, reason)| ColumnAs { name: "a".into(), kind, reason });
        let row = |files: usize, rejected| ConversionRow {
            path: b"p",
            size: 9,
            columns: &columns,
            made: (0..files).map(|_| ConvertedFile { path: b"p".to_vec(), bytes: 1, records: 3, groups: 2 }).collect(),
            rejects: None,
            read: 3 + rejected,
            written: 3,
            rejected,
            nulled: 4,
            readings: 5,
            is_cut: false,
        };
        let bytes = encode(&row(1, 0)).expect("it is one");
        assert_eq!(decode(&bytes), Some(([1, 2, 3, 4, 5], columns.to_vec())));
        assert!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_none()));
        assert!([row(0, 0), row(2, 0), row(1, 1)].iter().all(|row| encode(row).is_none()));
        assert!(TypeReason::ALL.iter().enumerate().all(|(place, reason)| *reason as usize == place));
    }
}
