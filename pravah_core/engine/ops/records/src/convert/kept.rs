//! What is kept of a file that was converted, for the next attempt: what the tables tell of it, as few bytes.
//!
//! Only of files that became one file whole: no record rejected, nothing to tell as an issue, columns of their own.

use std::sync::atomic::Ordering::Relaxed;

use super::Convert;
use super::options::{ConvertOptions, Schema, To};
use super::plan::TargetColumn;
use super::proof::Proof;
use super::rows;
use super::tables::{ConversionRow, ConvertedFile};
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::run::made;

/// Why a column has its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeReason {
    Asked,
    Found,
    OfOthers,
    Copied,
    Source,
}

impl TypeReason {
    const ALL: [Self; 5] = [Self::Asked, Self::Found, Self::OfOthers, Self::Copied, Self::Source];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked for",
            Self::Found => "found",
            Self::OfOthers => "of other files",
            Self::Copied => "copied",
            Self::Source => "of the source",
        }
    }
}

/// A column as the tables tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnAs {
    pub name: String,
    /// Its type, in words.
    pub kind: String,
    pub reason: TypeReason,
    /// Which words are null, and how often, in words.
    pub null_words: String,
    /// What else is to be said of it, in words.
    pub note: String,
}

impl ColumnAs {
    /// A column of which so many values were rounded and so many are not in its format, in which these words are null, and
    /// whose values of JSON are told.
    pub fn of(
        column: &TargetColumn,
        (rounded, misfits): (u64, u64),
        null_words: Option<String>,
        told: Option<&str>,
    ) -> Self {
        let reason = match (column.is_fixed, column.source) {
            _ if column.field.is_some() => TypeReason::Source,
            (true, _) => TypeReason::Asked,
            _ if column.format.is_some() => TypeReason::Asked,
            (false, None) => TypeReason::OfOthers,
            (false, Some(_)) if column.is_copied() => TypeReason::Copied,
            (false, Some(_)) => TypeReason::Found,
        };
        let mut notes = Vec::new();
        if reason == TypeReason::Found || reason == TypeReason::OfOthers {
            notes.extend(column.known.reason().map(str::to_owned));
        }
        if rounded > 0 {
            notes.push(format!("{rounded} numbers have more digits than a float holds; they were rounded"));
        }
        if let Some(format) = &column.format {
            notes.push(format!("read as {format}"));
            notes.extend(format.left_out());
            notes.extend((misfits > 0).then(|| format!("values that are not in the format: {misfits}")));
        }
        if column.lacks_type {
            notes.push("text: no type holds all values of the format that was asked for".to_owned());
        }
        notes.extend(column.told.or(told).map(str::to_owned));
        notes.extend(column.given.as_deref().map(|given| match given {
            "" => "renamed: it has no name in the file".to_owned(),
            given => format!("renamed: the file has two columns of the name {given}"),
        }));
        let kind = match &column.field {
            Some(field) => rows::words(field.data_type()),
            None => column.kind.to_string(),
        };
        let null_words = null_words.unwrap_or_default();
        Self { name: column.name.clone(), kind, reason, null_words, note: notes.join("; ") }
    }
}

impl ConvertOptions {
    /// True where a file becomes one file at a place that the next attempt finds again, whatever other files hold.
    pub fn keeps(&self) -> bool {
        // What is taken over is proven by its types, which a file of text does not have.
        let is_provable = !self.prove_values || self.to == To::Parquet;
        self.destination.is_some() && self.columns == Schema::Own && !self.arranges() && is_provable
    }
}

/// What is kept of a file; none when it says less than all.
pub fn encode(row: &ConversionRow<'_>) -> Option<Vec<u8>> {
    let ([made], None, 0) = (&row.made[..], &row.rejects, row.rejected) else { return None };
    if row.proof.as_ref().is_some_and(|proof| !proof.is_kept()) {
        return None;
    }
    let mut out = Writer::default();
    [made.bytes, made.groups, row.written, row.nulled, row.readings].into_iter().for_each(|value| out.integer(value));
    out.integer(row.columns.len() as u64);
    for ColumnAs { name, kind, reason, null_words, note } in row.columns {
        [name, kind, null_words, note].into_iter().for_each(|text| out.bytes(text.as_bytes()));
        out.integer(*reason as u64);
    }
    if let Some(proof) = &row.proof {
        proof.encode(&mut out);
    }
    Some(out.0)
}

/// What is kept: five numbers, the columns, and what was read of them, if it is proven.
type Kept = ([u64; 5], Vec<ColumnAs>, Option<Proof>);

/// What [`encode`] wrote.
fn decode(bytes: &[u8]) -> Option<Kept> {
    let mut from = Reader::new(bytes);
    let mut number = || from.integer();
    let numbers = [number()?, number()?, number()?, number()?, number()?];
    let mut columns = Vec::new();
    for _ in 0..from.count()? {
        let mut text = || String::from_utf8(from.bytes()?.to_vec()).ok();
        let (name, kind, null_words, note) = (text()?, text()?, text()?, text()?);
        let reason = *TypeReason::ALL.get(usize::try_from(from.integer()?).ok()?)?;
        columns.push(ColumnAs { name, kind, reason, null_words, note });
    }
    let proof = if from.is_empty() { None } else { Some(Proof::decode(&mut from, columns.len())?) };
    from.is_empty().then_some((numbers, columns, proof))
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
        let Some((([bytes, groups, records, nulled, readings], columns, proof), output)) = known else {
            return Ok(false);
        };
        let proof = match (self.options.prove_values, proof) {
            (true, Some(proof)) => Some(self.prove_again(path, &target(), &columns, proof)?),
            _ => None,
        };
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
            outside: [0; 3],
            readings,
            is_cut: false,
            proof,
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
    use crate::convert::proof::{Fingerprint, Fingerprints};

    #[test]
    fn what_is_kept_is_read_and_only_of_files_that_became_one_whole() {
        let columns = [("date", TypeReason::Found), ("text", TypeReason::OfOthers)];
        let columns = columns.map(|(kind, reason)| {
            let [name, kind, null_words, note] = ["a", kind, "NA: 3", "because"].map(str::to_owned);
            ColumnAs { name, kind, reason, null_words, note }
        });
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
            outside: [0; 3],
            readings: 5,
            is_cut: false,
            proof: None,
        };
        let bytes = encode(&row(1, 0)).expect("it is one");
        let (numbers, found, proof) = decode(&bytes).expect("it is one");
        assert_eq!((numbers, &found[..], proof.is_none()), ([1, 2, 3, 4, 5], &columns[..], true));
        let proof = |uncovered, difference| {
            let mut read = Fingerprints::new(2);
            read.columns[1] = Fingerprint { sum: u64::MAX, values: 3 };
            ConversionRow {
                proof: Some(Proof { read, rounded: 7, uncovered, is_missing: false, is_unread: false, difference }),
                ..row(1, 0)
            }
        };
        let (_, _, kept) = encode(&proof(0, None)).and_then(|bytes| decode(&bytes)).expect("it is one");
        let kept = kept.expect("it is proven");
        assert_eq!((kept.rounded, kept.read), (7, proof(0, None).proof.expect("it is proven").read));
        assert!(encode(&proof(1, None)).is_none() && encode(&proof(0, Some("x".to_owned()))).is_none());
        assert!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_none()));
        assert!([row(0, 0), row(2, 0), row(1, 1)].iter().all(|row| encode(row).is_none()));
        assert!(TypeReason::ALL.iter().enumerate().all(|(place, reason)| *reason as usize == place));
    }
}
