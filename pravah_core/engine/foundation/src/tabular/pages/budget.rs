//! The pages of a Parquet file that are in memory at once.

use std::sync::Mutex;

use parquet::errors::{ParquetError, Result};

use super::LONGEST_ROW_BYTES;
use crate::base::sync::lock;

/// Pages that some rows may need behind the first new one of each column.
const MOST_BYTES: u64 = 8 << 20;
/// Pages of all columns that may be in memory at once: so much, or so many times the file.
const HELD_BYTES: u64 = 128 << 20;
const HELD_TIMES: u64 = 16;

/// What the pages in memory take.
pub struct PageBudget {
    state: Mutex<Held>,
    held: u64,
}

struct Held {
    /// By column: bytes of its page and of its dictionary, and whether the batch has needed a new page.
    columns: Vec<([u64; 2], bool)>,
    all: u64,
    /// Bytes of further pages, and how many there may be.
    further: u64,
    most: u64,
    is_exceeded: bool,
}

impl PageBudget {
    pub fn new(columns: usize, size: u64) -> Self {
        let columns = vec![([0; 2], false); columns];
        let state = Mutex::new(Held { columns, all: 0, further: 0, most: 0, is_exceeded: false });
        Self { state, held: size.saturating_mul(HELD_TIMES).max(HELD_BYTES) }
    }

    /// So many rows come.
    pub fn begin(&self, rows: usize) {
        let mut state = lock(&self.state);
        state.columns.iter_mut().for_each(|(_, is_new)| *is_new = false);
        state.further = 0;
        state.most = if rows == 1 { LONGEST_ROW_BYTES as u64 } else { MOST_BYTES };
        state.is_exceeded = false;
    }

    pub fn is_exceeded(&self) -> bool {
        lock(&self.state).is_exceeded
    }

    pub fn page(&self, column: usize, bytes: u64, is_dictionary: bool) -> Result<()> {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let (held, is_new) = &mut state.columns[column];
        let before = std::mem::replace(&mut held[usize::from(is_dictionary)], bytes);
        state.all = state.all - before + bytes;
        if !is_dictionary && std::mem::replace(is_new, true) {
            state.further = state.further.saturating_add(bytes);
        }
        if state.all > self.held {
            let all = state.all;
            return Err(ParquetError::General(format!("it needs {all} bytes of pages in memory at once")));
        }
        if state.further > state.most {
            state.is_exceeded = true;
            let most = state.most;
            return Err(ParquetError::General(format!("a row is longer than {most} bytes")));
        }
        Ok(())
    }
}
