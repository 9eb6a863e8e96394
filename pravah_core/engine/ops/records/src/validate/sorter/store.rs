//! Sorted rows that are kept.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use super::run::RunReader;
use super::{KeyBudget, KeyRow, READ_ROWS};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::sorting::SortedRows;

/// Sorted rows that are read by their places.
#[derive(Debug)]
pub enum KeyStore {
    /// Few.
    Memory(Vec<KeyRow>),
    /// Many.
    File(Arc<File>, Arc<KeyBudget>),
}

impl KeyStore {
    /// A reader of those at these places.
    pub fn read(self: &Arc<Self>, places: Range<u64>) -> Cursor {
        let reader = match &**self {
            Self::Memory(_) => None,
            Self::File(file, budget) => {
                let at_once = budget.rows().clamp(16, READ_ROWS);
                Some(RunReader::new(file, places.clone(), at_once, budget))
            }
        };
        Cursor { store: Arc::clone(self), places, reader, next: None }
    }
}

/// Reads stored rows, one after the other.
#[derive(Debug)]
pub struct Cursor {
    store: Arc<KeyStore>,
    places: Range<u64>,
    reader: Option<RunReader>,
    next: Option<KeyRow>,
}

impl Cursor {
    /// The next row, when it is as asked for; else it stays.
    ///
    /// # Errors
    /// As [`Sorted::next`].
    pub fn next_if(&mut self, is_wanted: impl FnOnce(&KeyRow) -> bool) -> Result<Option<KeyRow>> {
        if self.next.is_none() {
            self.next = match (&mut self.reader, &*self.store) {
                (Some(reader), KeyStore::File(..)) => reader.next()?,
                (_, KeyStore::Memory(rows)) => self.places.next().map(|place| rows[place as usize]),
                (None, KeyStore::File(..)) => None,
            };
        }
        Ok(self.next.take_if(|row| is_wanted(row)))
    }
}
