//! Cells that are not in the order of rows and columns. Programs that write cells as they are told do that, column by
//! column; of two in one place the later counts.

use std::path::Path;

use super::super::lines::RowEnd;
use super::super::values::Value;
use super::super::xml::Unreadable;
use crate::base::issue::IssueKind;
use crate::io::spool::{Spool, SpoolWindow};

/// Cells that are sorted: each takes 8 bytes.
const MOST: usize = 1 << 22;
/// Bytes of their values, and those that stay in memory: without texts all do.
const MOST_BYTES: u64 = 512 << 20;
const HELD_BYTES: usize = 64 << 20;

type Place = (u16, u16);

fn key((row, column): Place) -> u32 {
    u32::from(row) << 16 | u32::from(column)
}

/// True when the cells that `each` gives to what it is called with are in order, as far as they can be read.
pub fn is_sorted<E>(
    each: impl FnOnce(&mut dyn FnMut(Place, Value<'_>) -> Result<RowEnd, E>) -> Result<RowEnd, E>,
) -> bool {
    let mut next = 0;
    let read = each(&mut |place, _| {
        let key = key(place);
        let is_behind = key < next;
        next = key.saturating_add(1);
        Ok(if is_behind { RowEnd::Wider } else { RowEnd::More })
    });
    !matches!(read, Ok(RowEnd::Wider))
}

/// Cells to be sorted.
pub struct SortedCells {
    /// Above the place of each its row and column.
    cells: Vec<u64>,
    values: Spool,
}

/// How values are kept.
mod tag {
    pub const REAL: u8 = 0;
    pub const BOOLEAN: u8 = 1;
    pub const ERROR: u8 = 2;
    pub const SHARED: u8 = 3;
    pub const TEXT: u8 = 4;
    pub const UNCOMPUTED: u8 = 5;
}
/// A tag, a number, and a style or a length.
const KEPT_BYTES: usize = 13;

impl SortedCells {
    pub fn new(directory: &Path) -> Self {
        Self { cells: Vec::new(), values: Spool::new(directory, HELD_BYTES) }
    }

    pub fn add(&mut self, place: Place, value: Value<'_>) -> Result<(), Unreadable> {
        if self.cells.len() >= MOST || self.values.len() > MOST_BYTES {
            let message = format!("has more than {MOST} cells, or {MOST_BYTES} bytes of them, that are not in order");
            return Err((IssueKind::TooLarge, message));
        }
        let (tag, bits, rest, text): (u8, u64, u32, &[u8]) = match value {
            Value::Real(value, style) => (tag::REAL, value.to_bits(), style, b""),
            Value::Boolean(value) => (tag::BOOLEAN, u64::from(value), 0, b""),
            Value::Error(code) => (tag::ERROR, u64::from(code), 0, b""),
            Value::Shared(number) => (tag::SHARED, u64::from(number), 0, b""),
            Value::Text(text) => (tag::TEXT, 0, text.len() as u32, text),
            Value::Uncomputed => (tag::UNCOMPUTED, 0, 0, b""),
        };
        self.cells.push(u64::from(key(place)) << 32 | self.values.len());
        let mut kept = [tag; KEPT_BYTES];
        kept[1..9].copy_from_slice(&bits.to_le_bytes());
        kept[9..].copy_from_slice(&rest.to_le_bytes());
        self.values.push(&kept).and_then(|()| self.values.push(text)).map_err(|error| no_room(&error))
    }

    /// Give them out in their order.
    pub fn give<E: From<Unreadable>>(
        mut self,
        mut each: impl FnMut(Place, Value<'_>) -> Result<RowEnd, E>,
    ) -> Result<RowEnd, E> {
        self.values.end().map_err(|error| no_room(&error))?;
        self.cells.sort_unstable();
        let (mut heads, mut texts) = (SpoolWindow::default(), SpoolWindow::default());
        for (number, cell) in self.cells.iter().enumerate() {
            let (key, at) = ((cell >> 32) as u32, cell & u64::from(u32::MAX));
            if self.cells.get(number + 1).is_some_and(|next| (next >> 32) as u32 == key) {
                continue;
            }
            let kept = self.get(at, KEPT_BYTES as u64, &mut heads)?;
            let Some((&[tag, ref bits @ .., a, b, c, d], [])) = kept.split_first_chunk::<KEPT_BYTES>() else {
                continue;
            };
            let (bits, rest) = (u64::from_le_bytes(*bits), u32::from_le_bytes([a, b, c, d]));
            let value = match tag {
                tag::REAL => Value::Real(f64::from_bits(bits), rest),
                tag::BOOLEAN => Value::Boolean(bits != 0),
                tag::ERROR => Value::Error(bits as u8),
                tag::SHARED => Value::Shared(bits as u32),
                tag::TEXT => Value::Text(self.get(at + KEPT_BYTES as u64, u64::from(rest), &mut texts)?),
                _ => Value::Uncomputed,
            };
            if each(((key >> 16) as u16, key as u16), value)? == RowEnd::Wider {
                return Ok(RowEnd::Wider);
            }
        }
        Ok(RowEnd::More)
    }

    fn get<'a>(&'a self, at: u64, bytes: u64, window: &'a mut SpoolWindow) -> Result<&'a [u8], Unreadable> {
        let found = self.values.get(at..at + bytes, window).map_err(|error| no_room(&error))?;
        Ok(found.unwrap_or_default())
    }
}

fn no_room(error: &std::io::Error) -> Unreadable {
    (IssueKind::Unreadable, format!("has cells that cannot be kept while they are sorted: {error}"))
}
