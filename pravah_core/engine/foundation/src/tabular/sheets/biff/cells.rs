//! The cells of a sheet.

use std::io::Read;

use super::super::cells::SheetParts;
use super::super::lines::{RowEnd, SheetLines, place};
use super::super::values::{self, Value, Writer};
use super::super::xml::Unreadable;
use super::order::{SortedCells, is_sorted};
use super::records::{Records, cut};
use super::{Aids, kind};
use crate::base::issue::IssueKind;

/// What a formula gives that is no number.
mod result {
    pub const TEXT: u8 = 0;
    pub const BOOLEAN: u8 = 1;
    pub const ERROR: u8 = 2;
    pub const EMPTY: u8 = 3;
}
/// Of a formula: it is calculated when the file is opened. Programs that do not calculate themselves say so.
const LATER: u16 = 2;

/// Takes a cell: its row and column, and its value.
type Each<'a, E> = dyn FnMut((u16, u16), Value<'_>) -> Result<RowEnd, E> + 'a;

/// What was seen besides cells.
#[derive(Default)]
struct Seen {
    merged: u64,
    /// Formulas whose saved result may be none, and the first of them.
    doubtful: u64,
    first_doubtful: Option<String>,
    /// Formulas that give an empty text, and the first of them.
    empty: u64,
    first_empty: Option<String>,
    /// There is one that gives something else.
    has_result: bool,
}

impl Seen {
    fn formula(&mut self, (row, column): (u16, u16), value: [u8; 8], flags: u16) {
        let is_empty = value[0] == result::EMPTY && value[6..] == [0xff, 0xff];
        let name = || place(u32::from(row), u32::from(column));
        if is_empty {
            self.empty += 1;
            self.first_empty.get_or_insert_with(name);
        }
        if flags & LATER != 0 && (is_empty || value == [0; 8]) {
            self.doubtful += 1;
            self.first_doubtful.get_or_insert_with(name);
        }
        self.has_result |= !is_empty;
    }

    fn tell(self, lines: &mut SheetLines) {
        let oddness = &mut lines.oddness;
        oddness.merged += self.merged;
        (oddness.doubtful, oddness.first_doubtful) = match self.has_result {
            true => (self.doubtful, self.first_doubtful),
            false => (self.empty, self.first_empty),
        };
    }
}

/// Read a sheet row by row, as [`super::super::cells::read`]: `open` gives its part of the stream, which ends in so
/// many bytes. Cells that are not in the order of rows are sorted first.
///
/// # Errors
/// Those of `row`, and in words why the sheet cannot be read.
pub fn read<E: From<Unreadable>, R: Read>(
    open: impl Fn() -> R,
    bytes: u64,
    (parts, aids): (&SheetParts<'_>, &Aids),
    lines: &mut SheetLines,
    row: impl FnMut(&mut SheetLines) -> Result<(), E>,
) -> Result<RowEnd, E> {
    let (mut seen, mut sorted) = (Seen::default(), SortedCells::new(&aids.directory));
    let mut rows = Rows { writer: Writer::new(parts), open: None, row };
    let each = |each: &mut dyn FnMut(_, Value<'_>) -> Result<RowEnd, E>, seen: &mut Seen| {
        cells(Records::new(open(), aids.charset), bytes, seen, each)
    };
    if is_sorted::<E>(|check| each(check, &mut Seen::default())) {
        let read = each(&mut |place, value| rows.cell(place, value, lines), &mut seen);
        seen.tell(lines);
        return match read? {
            RowEnd::Wider => Ok(RowEnd::Wider),
            RowEnd::More => rows.end(lines),
        };
    }
    // Of rows whose cells may come later none is read before all of them are there.
    each(&mut |place, value| sorted.add(place, value).map(|()| RowEnd::More).map_err(E::from), &mut seen)?;
    seen.tell(lines);
    match sorted.give(|place, value| rows.cell(place, value, lines))? {
        RowEnd::Wider => Ok(RowEnd::Wider),
        RowEnd::More => rows.end(lines),
    }
}

/// Makes rows of cells in their order.
struct Rows<'a, F> {
    writer: Writer<'a>,
    open: Option<u16>,
    row: F,
}

impl<F> Rows<'_, F> {
    fn cell<E: From<Unreadable>>(
        &mut self,
        (row, column): (u16, u16),
        value: Value<'_>,
        lines: &mut SheetLines,
    ) -> Result<RowEnd, E>
    where
        F: FnMut(&mut SheetLines) -> Result<(), E>,
    {
        if self.open != Some(row) {
            if self.end(lines)? == RowEnd::Wider {
                return Ok(RowEnd::Wider);
            }
            lines.begin_row(Some(u32::from(row)))?;
            self.open = Some(row);
        }
        self.writer.write(u32::from(column), value, lines)?;
        Ok(RowEnd::More)
    }

    fn end<E>(&mut self, lines: &mut SheetLines) -> Result<RowEnd, E>
    where
        F: FnMut(&mut SheetLines) -> Result<(), E>,
    {
        if self.open.take().is_some() {
            if lines.end_row() == RowEnd::Wider {
                return Ok(RowEnd::Wider);
            }
            (self.row)(lines)?;
        }
        Ok(RowEnd::More)
    }
}

/// Give each cell of a sheet that holds a value to `each`, until that says that a row is wider.
fn cells<E: From<Unreadable>, R: Read>(
    mut records: Records<R>,
    bytes: u64,
    seen: &mut Seen,
    each: &mut Each<'_, E>,
) -> Result<RowEnd, E> {
    let (mut depth, mut text, mut awaited) = (0_u64, String::new(), None);
    while let Some(kind) = records.next()? {
        if records.position() > bytes {
            let message = "goes on where another sheet begins; the file is damaged";
            return Err((IssueKind::Malformed, message.to_owned()).into());
        }
        match kind {
            kind::BEGIN => depth += 1,
            _ if depth == 0 => break,
            kind::EOF => depth -= 1,
            // Those of a chart that stands in the sheet are not its own.
            _ if depth > 1 => continue,
            kind::MERGED => seen.merged += u64::from(records.short()?).min(records.left() as u64 / 8),
            kind::FORMULA_TEXT => {
                let Some(place) = awaited.take() else { continue };
                let characters = usize::from(records.short()?);
                records.text(characters, &mut text)?;
                if each(place, Value::Text(text.as_bytes()))? == RowEnd::Wider {
                    return Ok(RowEnd::Wider);
                }
            }
            _ => {}
        }
        if !is_cell(kind) && kind != kind::EOF {
            continue;
        }
        if let Some(place) = awaited.take()
            && each(place, Value::Uncomputed)? == RowEnd::Wider
        {
            return Ok(RowEnd::Wider);
        }
        if kind == kind::EOF {
            if depth == 0 {
                return Ok(RowEnd::More);
            }
            continue;
        }
        let place = (records.short()?, records.short()?);
        let end = if kind == kind::MANY_RK {
            numbers(&mut records, place, each)?
        } else {
            match value(&mut records, (kind, place), seen, &mut text)? {
                Some(value) => each(place, value)?,
                None => {
                    awaited = Some(place);
                    RowEnd::More
                }
            }
        };
        if end == RowEnd::Wider {
            return Ok(RowEnd::Wider);
        }
    }
    Err(if depth == 0 { (IssueKind::Malformed, "is not where its workbook says".to_owned()) } else { cut() }.into())
}

fn is_cell(kind: u16) -> bool {
    matches!(
        kind,
        kind::FORMULA
            | kind::FORMULA_3
            | kind::FORMULA_4
            | kind::MANY_RK
            | kind::RICH_TEXT
            | kind::SHARED
            | kind::REAL
            | kind::TEXT
            | kind::BOOLEAN_OR_ERROR
            | kind::RK
    )
}

/// Numbers side by side.
fn numbers<E: From<Unreadable>>(
    records: &mut Records<impl Read>,
    (row, first): (u16, u16),
    each: &mut Each<'_, E>,
) -> Result<RowEnd, E> {
    let mut column = first;
    // The last column follows them.
    while records.left() > 2 {
        let style = u32::from(records.short()?);
        let value = Value::Real(values::rk(records.number()?), style);
        if each((row, column), value)? == RowEnd::Wider {
            return Ok(RowEnd::Wider);
        }
        column = column.saturating_add(1);
    }
    Ok(RowEnd::More)
}

/// The value of a cell; none where a record that follows holds it.
fn value<'a>(
    records: &mut Records<impl Read>,
    (kind, place): (u16, (u16, u16)),
    seen: &mut Seen,
    text: &'a mut String,
) -> Result<Option<Value<'a>>, Unreadable> {
    let style = u32::from(records.short()?);
    Ok(Some(match kind {
        kind::RK => Value::Real(values::rk(records.number()?), style),
        kind::REAL => Value::Real(records.real()?, style),
        kind::SHARED => Value::Shared(records.number()?),
        kind::BOOLEAN_OR_ERROR => match records.bytes()? {
            [value, 0] => Value::Boolean(value != 0),
            [code, _] => Value::Error(code),
        },
        kind::FORMULA | kind::FORMULA_3 | kind::FORMULA_4 => {
            let (value, flags) = (records.bytes()?, records.short()?);
            seen.formula(place, value, flags);
            match value {
                [result::TEXT, .., 0xff, 0xff] => return Ok(None),
                [result::BOOLEAN, _, value, .., 0xff, 0xff] => Value::Boolean(value != 0),
                [result::ERROR, _, code, .., 0xff, 0xff] => Value::Error(code),
                [_, .., 0xff, 0xff] => Value::Text(b""),
                bits => Value::Real(f64::from_le_bytes(bits), style),
            }
        }
        // A text of its own.
        _ => {
            let characters = usize::from(records.short()?);
            records.text(characters, text)?;
            Value::Text(text.as_bytes())
        }
    }))
}
