//! Records that are not converted: their bytes as they stand, and why.

use super::plan::ConversionPlan;
use super::tables::ConversionWorker;
use pravah_foundation::base::error::Result;
use pravah_foundation::run::records::{Head, Records, lines};
use pravah_foundation::tabular::json::NO_OBJECT;

/// Why a record is not converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// It has another number of fields than there are columns.
    Fields(u32),
    /// It holds bytes that are no UTF-8.
    Encoding,
    /// A value is not of the type that was asked for.
    Type {
        /// The column of the converted file.
        column: u32,
        /// Where the field is in the text.
        field: (u32, u32),
    },
}

/// A record that is not converted.
#[derive(Debug)]
pub struct Reject {
    /// Its number in the chunk, from 0.
    pub record: u64,
    /// Lines of the chunk before it.
    pub line: u64,
    /// Where it begins in the chunk.
    pub offset: u64,
    /// Why.
    pub reason: RejectReason,
    /// The value, when it is for one.
    pub value: Vec<u8>,
}

/// With its record, line and byte.
pub type ListedReject = (Reject, u64, Option<u64>, Option<u64>);

/// Bytes of a value that are listed.
const VALUE_BYTES: usize = 256;

/// Records of a chunk.
#[derive(Debug, Default)]
pub struct Rejects {
    /// Each with what is known of it.
    pub all: Vec<Reject>,
    /// Their bytes, each with a line end.
    pub bytes: Vec<u8>,
    /// Lines up to there are counted.
    counted: (usize, u64),
}

impl Rejects {
    /// Take the bad ones of some records.
    pub fn add(&mut self, records: Records<'_>, bad: &mut [Option<RejectReason>]) {
        for (record, reason) in bad.iter_mut().enumerate() {
            let Some(reason) = reason.take() else { continue };
            let (start, stop) = records.split.record(record);
            let (upto, before) = self.counted;
            let before = before + lines(&records.text[upto.min(start)..start]);
            self.counted = (start, before);
            let value = match reason {
                RejectReason::Type { field: (from, to), .. } => {
                    let value = &records.text[from as usize..to as usize];
                    value[..value.len().min(VALUE_BYTES)].to_vec()
                }
                _ => Vec::new(),
            };
            self.all.push(Reject {
                record: u64::from(records.first) + record as u64,
                line: records.lines_at + before,
                offset: (records.at + start) as u64,
                reason,
                value,
            });
            self.bytes.extend_from_slice(&records.text[start..stop]);
            self.bytes.push(b'\n');
        }
    }
}

/// Why, in words.
pub fn words(reason: RejectReason, plan: &ConversionPlan, head: &Head) -> (Option<String>, String) {
    match reason {
        RejectReason::Fields(NO_OBJECT) => (None, "not a JSON object, or a key appears twice".to_owned()),
        RejectReason::Fields(fields) => (None, format!("{fields} fields instead of {}", head.names.len())),
        RejectReason::Encoding => (None, format!("not valid {}", head.encoding.title())),
        RejectReason::Type { column, .. } => {
            let column = &plan.columns[column as usize];
            let reason = match &column.format {
                Some(format) if column.is_fixed => format!("not of type {} in the format {format}", column.kind),
                Some(format) => format!("not in the format {format}"),
                None => format!("not of type {}", column.kind),
            };
            (Some(column.name.clone()), reason)
        }
    }
}

impl ConversionWorker {
    /// List what was rejected of a file.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn rejects(&mut self, head: &Head, plan: &ConversionPlan, listed: Vec<ListedReject>) -> Result<()> {
        listed.into_iter().try_for_each(|(reject, record, line, offset)| {
            let (column, reason) = words(reject.reason, plan, head);
            self.reject(head, (record, line, offset), column.as_deref(), &reject.value, &reason)
        })
    }
}
