//! Records of a chunk as a matrix of field ends.

/// Some records; each has as many fields here as the table has columns.
#[derive(Debug, Default)]
pub struct Split {
    pub(super) columns: usize,
    /// Bytes of a delimiter before its last.
    pub(super) lead: u32,
    /// Where each field begins, where that does not follow from its neighbour's end.
    pub(super) begins: Vec<u32>,
    /// Where each field ends, record after record.
    pub(super) ends: Vec<u32>,
    /// Where each record begins.
    pub(super) starts: Vec<u32>,
    /// Where each record ends.
    pub(super) stops: Vec<u32>,
    /// Records that have another number of fields: which one, and how many.
    pub(super) ragged: Vec<(u32, u32)>,
    /// Values that are oddly quoted: record and column.
    pub(super) odd: Vec<(u32, u32)>,
}

impl Split {
    /// Records.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// True without a record.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Where a field begins and ends; a field that a short record lacks begins behind its end.
    #[inline]
    pub fn field(&self, record: usize, column: usize) -> (usize, usize) {
        let place = record * self.columns + column;
        if !self.begins.is_empty() {
            return (self.begins[place] as usize, self.ends[place] as usize);
        }
        let start = if column == 0 { self.starts[record] } else { self.ends[place - 1] + 1 + self.lead };
        (start as usize, self.ends[place] as usize)
    }

    /// Where a record begins and ends, its line end not counted.
    pub fn record(&self, record: usize) -> (usize, usize) {
        (self.starts[record] as usize, self.stops[record] as usize)
    }

    /// Records that have another number of fields.
    pub fn ragged(&self) -> &[(u32, u32)] {
        &self.ragged
    }

    /// Values that are oddly quoted: record and column, in their order.
    pub fn odd(&self) -> &[(u32, u32)] {
        &self.odd
    }

    /// Add a record whose fields are where `fields` says; `ragged`: it does not fit, and has none of them.
    pub fn push(&mut self, (start, stop): (u32, u32), fields: &[(u32, u32)], ragged: Option<u32>) {
        if let Some(count) = ragged {
            self.ragged.push((self.starts.len() as u32, count));
            self.begins.extend(fields.iter().map(|_| stop + 1));
            self.ends.extend(fields.iter().map(|_| stop));
        } else {
            self.begins.extend(fields.iter().map(|field| field.0));
            self.ends.extend(fields.iter().map(|field| field.1));
        }
        self.starts.push(start);
        self.stops.push(stop);
    }

    /// Forget all records.
    pub fn clear(&mut self, columns: usize) {
        self.columns = columns;
        self.begins.clear();
        self.ends.clear();
        self.starts.clear();
        self.stops.clear();
        self.ragged.clear();
        self.odd.clear();
    }
}

/// Fields of one split: with four bytes each, half of a common second-level cache at the most.
const SPLIT_FIELDS: usize = 32 << 10;
const SPLIT_RECORDS: usize = 2048;

/// Records of a split of so many columns.
pub fn split_records(columns: usize) -> usize {
    (SPLIT_FIELDS / columns.max(1)).clamp(1, SPLIT_RECORDS)
}

/// Where the line ends that begins at `start`.
#[inline]
pub fn line_end(text: &[u8], start: usize) -> usize {
    memchr::memchr2(b'\n', b'\r', &text[start..]).map_or(text.len(), |at| start + at)
}
