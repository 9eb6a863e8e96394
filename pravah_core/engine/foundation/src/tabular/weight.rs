//! What some rows weigh before they are text: a few of a dictionary, or of a list, may be gigabytes.

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowDictionaryKeyType, RunEndIndexType};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, OffsetSizeTrait, RecordBatch, RunArray, downcast_dictionary_array,
    downcast_run_array,
};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

use crate::tabular::pages::LONGEST_ROW_BYTES;

/// Rows of more bytes are few in a part.
const LONG_ROW_BYTES: usize = 1 << 20;
/// What a value of a fixed width takes as text, about.
const VALUE_BYTES: usize = 16;

/// Rows that come to more than so many times the size of their file, and to more than so many bytes, are not read on:
/// real tables come to less than 100 times, also where most values are alike, and a few hundred bytes may claim terabytes.
const MOST_TIMES: u64 = 10_000;
const MOST_BYTES: u64 = 4 << 30;

/// What the rows of a file come to so far.
#[derive(Debug)]
pub struct Weighed {
    limit: u64,
    bytes: u64,
}

impl Weighed {
    /// Of a file of `size` bytes.
    pub fn new(size: u64) -> Self {
        Self { limit: size.saturating_mul(MOST_TIMES).max(MOST_BYTES), bytes: 0 }
    }

    /// Add what some rows weigh.
    ///
    /// # Errors
    /// In words: it is too much.
    pub fn add(&mut self, bytes: usize) -> std::result::Result<(), String> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes <= self.limit {
            return Ok(());
        }
        let limit = self.limit;
        Err(format!("its rows come to more than {limit} bytes of text, far more than its size allows; it was not read"))
    }
}

/// The batch in parts of at most `rows` rows, and of about `most` bytes of text where a row has no more, each with these
/// bytes. An error, in words, in the place of a row that is too long.
pub fn parts(
    batch: RecordBatch,
    rows: usize,
    most: usize,
) -> impl Iterator<Item = std::result::Result<(RecordBatch, usize), String>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut length = rows.min(batch.num_rows() - at);
        if length == 0 {
            return None;
        }
        loop {
            let part = batch.slice(at, length);
            let bytes = part.columns().iter().map(|column| of(column.as_ref())).fold(0, usize::saturating_add);
            if length == 1 && bytes > LONGEST_ROW_BYTES {
                return Some(Err(format!("a row is longer than {LONGEST_ROW_BYTES} bytes; it was not read")));
            }
            // Of long rows each is in memory several times while it is worked on, and several parts are at a time.
            let most = if bytes / length > LONG_ROW_BYTES { most / 4 } else { most };
            if length == 1 || bytes <= most {
                at += length;
                return Some(Ok((part, bytes)));
            }
            length = length.div_ceil(2);
        }
    })
}

fn of(array: &dyn Array) -> usize {
    let own = array.len().saturating_mul(VALUE_BYTES);
    let inner = match array.data_type() {
        DataType::Utf8 => span(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => span(array.as_string::<i64>().value_offsets()),
        DataType::Binary => 2 * span(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => 2 * span(array.as_binary::<i64>().value_offsets()),
        DataType::Utf8View => views(array.as_string_view().views()),
        DataType::BinaryView => 2 * views(array.as_binary_view().views()),
        DataType::FixedSizeBinary(width) => array.len().saturating_mul(2 * usize::try_from(*width).unwrap_or(0)),
        DataType::Struct(_) => array.as_struct().columns().iter().map(|column| of(column.as_ref())).sum(),
        DataType::List(_) => list(array.as_list::<i32>().value_offsets(), array.as_list::<i32>().values()),
        DataType::LargeList(_) => list(array.as_list::<i64>().value_offsets(), array.as_list::<i64>().values()),
        DataType::Map(..) => {
            let map = array.as_map();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            list(map.value_offsets(), &entries)
        }
        DataType::FixedSizeList(_, length) => {
            let list = array.as_fixed_size_list();
            let length = usize::try_from(*length).unwrap_or(0);
            let from = list.value_offset_at(0);
            of(list.values().slice(from, length * array.len()).as_ref())
        }
        DataType::Dictionary(..) => downcast_dictionary_array!(array => dictionary(array), _ => 0),
        DataType::RunEndEncoded(..) => downcast_run_array!(array => runs(array), _ => 0),
        // Each by itself: they are rare.
        DataType::Union(..) => each(array, |row| array.as_union().value(row)),
        DataType::ListView(_) => each(array, |row| array.as_list_view::<i32>().value(row)),
        DataType::LargeListView(_) => each(array, |row| array.as_list_view::<i64>().value(row)),
        _ => 0,
    };
    own.saturating_add(inner)
}

fn each(array: &dyn Array, value: impl Fn(usize) -> ArrayRef) -> usize {
    (0..array.len()).map(|row| of(value(row).as_ref())).fold(0, usize::saturating_add)
}

fn span<O: OffsetSizeTrait>(offsets: &[O]) -> usize {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => last.as_usize() - first.as_usize(),
        _ => 0,
    }
}

/// The lengths that views begin with.
fn views(views: &[u128]) -> usize {
    views.iter().map(|view| *view as u32 as usize).sum()
}

fn list<O: OffsetSizeTrait>(offsets: &[O], values: &ArrayRef) -> usize {
    let Some(first) = offsets.first() else { return 0 };
    of(values.slice(first.as_usize(), span(offsets)).as_ref())
}

fn dictionary<K: ArrowDictionaryKeyType>(array: &DictionaryArray<K>) -> usize {
    let values = array.values();
    let weight = |key: usize| of(values.slice(key, 1).as_ref());
    let keys = array.keys().iter().flatten().map(ArrowNativeType::as_usize);
    if values.len() > array.len() {
        return keys.map(weight).fold(0, usize::saturating_add);
    }
    let weights: Vec<usize> = (0..values.len()).map(weight).collect();
    keys.map(|key| weights.get(key).copied().unwrap_or(0)).fold(0, usize::saturating_add)
}

fn runs<R: RunEndIndexType>(array: &RunArray<R>) -> usize {
    let (ends, values) = (array.run_ends(), array.values());
    let (mut at, end) = (ends.offset(), ends.offset() + ends.len());
    let mut all = 0_usize;
    for run in ends.get_start_physical_index().. {
        let Some(run_end) = ends.values().get(run).map(|end| end.as_usize()).filter(|_| at < end) else { break };
        let rows = run_end.min(end).saturating_sub(at);
        all = all.saturating_add(of(values.slice(run, 1).as_ref()).saturating_mul(rows));
        at = run_end;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_may_come_to_many_times_the_size_of_their_file_and_to_what_hurts_nobody() {
        for (size, most) in [(592, MOST_BYTES), (1 << 20, MOST_TIMES << 20)] {
            let mut weighed = Weighed::new(size);
            assert_eq!((weighed.add(most as usize), weighed.add(0)), (Ok(()), Ok(())));
            assert!(weighed.add(1).unwrap_err().contains("more than"));
            assert!(weighed.add(usize::MAX).is_err());
        }
    }
}
