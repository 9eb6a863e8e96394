//! Some rows of a column: what they weigh, and they themselves.

use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::super::batches::Failed;
use super::columns::{BatchColumn, Offsets, Values};
use super::stretch::{Scratch, Stretch};
use super::views;

impl BatchColumn {
    /// Bytes of some rows.
    ///
    /// # Errors
    /// Its buffers are damaged, or reading fails.
    pub fn bytes(&mut self, from: u64, rows: u64, scratch: &mut Scratch<'_>) -> Result<u64, Failed> {
        self.check(from, rows)?;
        if rows == 0 {
            return Ok(0);
        }
        Ok(match &mut self.values {
            Values::Nothing | Values::Bits(_) => rows.div_ceil(8),
            Values::Fixed(width, _) | Values::Dictionary(width, ..) => rows.saturating_mul(*width),
            Values::Text(offsets, _) => offsets.span(from, rows, scratch)?.1.saturating_add(rows * offsets.width()),
            Values::Views(all, _) => {
                let held = all.read(from * views::VIEW_BYTES, rows * views::VIEW_BYTES, scratch)?;
                views::lengths(&held).saturating_add(rows * views::VIEW_BYTES)
            }
            Values::List(offsets, inner) => {
                let (from, inner_rows) = offsets.span(from, rows, scratch)?;
                inner.bytes(from, inner_rows, scratch)?.saturating_add(rows * offsets.width())
            }
            Values::ListView(offsets, sizes, inner) => {
                let (_, _, span) = list_views(offsets, sizes, (from, rows), scratch)?;
                inner.bytes(span.0, span.1, scratch)?.saturating_add(2 * rows * offsets.width())
            }
            Values::FixedList(each, inner) => inner.bytes(from * *each, rows * *each, scratch)?,
            Values::Struct(inner) => {
                let mut bytes = rows.div_ceil(8);
                for column in inner {
                    bytes = bytes.saturating_add(column.bytes(from, rows, scratch)?);
                }
                bytes
            }
            Values::Union(types, places, inner) => {
                let spans = Spans::of(types, places, inner, (from, rows), scratch)?;
                let mut bytes = rows * 5;
                for ((_, column), (from, rows)) in inner.iter_mut().zip(spans.each) {
                    bytes = bytes.saturating_add(column.bytes(from, rows, scratch)?);
                }
                bytes
            }
            Values::Runs(ends, values) => {
                let (first, last) = runs(ends, from, rows, scratch)?;
                let count = last - first + 1;
                ends.bytes(first, count, scratch)?.saturating_add(values.bytes(first, count, scratch)?)
            }
        })
    }

    fn check(&self, from: u64, rows: u64) -> Result<(), Failed> {
        let (all, kind) = (self.rows, &self.kind);
        if from.checked_add(rows).is_none_or(|end| end > all) {
            return Err(
                format!("{rows} rows at {from} of a column of the type {kind} are needed, which has {all}").into()
            );
        }
        Ok(())
    }

    /// Some rows as an array.
    ///
    /// # Errors
    /// Its buffers are damaged, or reading fails.
    pub fn read(&mut self, from: u64, rows: u64, scratch: &mut Scratch<'_>) -> Result<ArrayData, Failed> {
        self.check(from, rows)?;
        if rows == 0 {
            return Ok(ArrayData::new_empty(&self.kind));
        }
        let nulls = self.nulls.as_mut().map(|nulls| bits(nulls, from, rows, scratch)).transpose()?;
        let data = ArrayData::builder(self.kind.clone()).len(usize::try_from(rows)?).null_bit_buffer(nulls);
        let data = match &mut self.values {
            Values::Nothing => data,
            Values::Bits(all) => data.add_buffer(bits(all, from, rows, scratch)?),
            Values::Fixed(width, all) => data.add_buffer(fixed(all, *width, (from, rows), scratch)?),
            Values::Dictionary(width, keys, values) => {
                data.add_buffer(fixed(keys, *width, (from, rows), scratch)?).add_child_data(values.clone())
            }
            Values::Text(offsets, text) => {
                let (from, length, offsets) = offsets.rebased(from, rows, scratch)?;
                data.add_buffer(offsets).add_buffer(Buffer::from_vec(text.read(from, length, scratch)?))
            }
            Values::Views(all, buffers) => {
                let held = all.read(from * views::VIEW_BYTES, rows * views::VIEW_BYTES, scratch)?;
                let (all, texts) = views::gathered(&held, buffers, scratch)?;
                data.add_buffer(all).add_buffers(texts)
            }
            Values::List(offsets, inner) => {
                let (from, length, offsets) = offsets.rebased(from, rows, scratch)?;
                data.add_buffer(offsets).add_child_data(inner.read(from, length, scratch)?)
            }
            Values::ListView(offsets, sizes, inner) => {
                let (at, sizes, span) = list_views(offsets, sizes, (from, rows), scratch)?;
                let width = offsets.is_wide;
                let data = data.add_buffer(numbers(&at, width)?).add_buffer(numbers(&sizes, width)?);
                data.add_child_data(inner.read(span.0, span.1, scratch)?)
            }
            Values::FixedList(each, inner) => data.add_child_data(inner.read(from * *each, rows * *each, scratch)?),
            Values::Struct(inner) => {
                let inner = inner.iter_mut().map(|column| column.read(from, rows, scratch));
                data.child_data(inner.collect::<Result<_, _>>()?)
            }
            Values::Union(types, places, inner) => {
                let spans = Spans::of(types, places, inner, (from, rows), scratch)?;
                let buffers = std::iter::once(Buffer::from_vec(spans.types)).chain(spans.places.map(Buffer::from_vec));
                let each = inner.iter_mut().zip(spans.each);
                let each = each.map(|((_, column), (from, rows))| column.read(from, rows, scratch));
                data.add_buffers(buffers).child_data(each.collect::<Result<_, _>>()?)
            }
            Values::Runs(ends, values) => {
                let (first, last) = runs(ends, from, rows, scratch)?;
                let count = last - first + 1;
                let mut held = Vec::new();
                for end in ends.integers(first, count, scratch)? {
                    held.push(end.saturating_sub(i64::try_from(from)?).min(i64::try_from(rows)?));
                }
                let held = ArrayData::builder(ends.kind.clone())
                    .len(held.len())
                    .add_buffer(integers(&held, &ends.kind)?)
                    .build()?;
                data.add_child_data(held).add_child_data(values.read(first, count, scratch)?)
            }
        };
        Ok(data.align_buffers(true).build()?)
    }

    /// Whole numbers of a column of these.
    fn integers(&mut self, from: u64, count: u64, scratch: &mut Scratch<'_>) -> Result<Vec<i64>, Failed> {
        self.check(from, count)?;
        let Values::Fixed(width, all) = &mut self.values else { return Err("a run has no number for its end".into()) };
        let bytes = all.read(from * *width, count * *width, scratch)?;
        let signed = |bytes: &[u8]| {
            let mut wide = if bytes.last().is_some_and(|last| *last >= 0x80) { [0xff; 8] } else { [0; 8] };
            wide[..bytes.len()].copy_from_slice(bytes);
            i64::from_le_bytes(wide)
        };
        Ok(bytes.chunks_exact(usize::try_from(*width)?.clamp(1, 8)).map(signed).collect())
    }
}

impl Offsets {
    fn width(&self) -> u64 {
        if self.is_wide { 8 } else { 4 }
    }

    fn read(&mut self, from: u64, count: u64, scratch: &mut Scratch<'_>) -> Result<Vec<u64>, Failed> {
        let width = self.width();
        unsigned(&self.all.read(from * width, count * width, scratch)?, self.is_wide)
    }

    /// Where the values of some rows begin, and how many they are.
    fn span(&mut self, from: u64, rows: u64, scratch: &mut Scratch<'_>) -> Result<(u64, u64), Failed> {
        let first = self.read(from, 1, scratch)?[0];
        let last = self.read(from + rows, 1, scratch)?[0];
        Ok((first, last.checked_sub(first).ok_or("the offsets of a column go back")?))
    }

    /// The same, and the offsets as if nothing were before the first.
    fn rebased(&mut self, from: u64, rows: u64, scratch: &mut Scratch<'_>) -> Result<(u64, u64, Buffer), Failed> {
        let mut all = self.read(from, rows + 1, scratch)?;
        let first = all[0];
        for offset in &mut all {
            *offset = offset.checked_sub(first).ok_or("the offsets of a column go back")?;
        }
        Ok((first, all[all.len() - 1], numbers(&all, self.is_wide)?))
    }
}

/// Offsets, none of which is negative.
fn unsigned(bytes: &[u8], is_wide: bool) -> Result<Vec<u64>, Failed> {
    let of = |number: i64| u64::try_from(number).map_err(|_| "an offset is negative".into());
    if is_wide {
        return bytes.as_chunks::<8>().0.iter().map(|bytes| of(i64::from_le_bytes(*bytes))).collect();
    }
    bytes.as_chunks::<4>().0.iter().map(|bytes| of(i32::from_le_bytes(*bytes).into())).collect()
}

fn numbers(all: &[u64], is_wide: bool) -> Result<Buffer, Failed> {
    if is_wide {
        return Ok(Buffer::from_vec(all.iter().map(|&number| i64::try_from(number)).collect::<Result<Vec<_>, _>>()?));
    }
    Ok(Buffer::from_vec(all.iter().map(|&number| i32::try_from(number)).collect::<Result<Vec<_>, _>>()?))
}

fn integers(all: &[i64], kind: &DataType) -> Result<Buffer, Failed> {
    Ok(match kind {
        DataType::Int16 => Buffer::from_vec(all.iter().map(|&end| i16::try_from(end)).collect::<Result<Vec<_>, _>>()?),
        DataType::Int32 => Buffer::from_vec(all.iter().map(|&end| i32::try_from(end)).collect::<Result<Vec<_>, _>>()?),
        _ => Buffer::from_vec(all.to_vec()),
    })
}

fn fixed(all: &mut Stretch, width: u64, (from, rows): (u64, u64), scratch: &mut Scratch<'_>) -> Result<Buffer, Failed> {
    Ok(Buffer::from_vec(all.read(from * width, rows * width, scratch)?))
}

fn bits(all: &mut Stretch, from: u64, rows: u64, scratch: &mut Scratch<'_>) -> Result<Buffer, Failed> {
    let start = from / 8;
    let held = Buffer::from_vec(all.read(start, (from + rows).div_ceil(8) - start, scratch)?);
    Ok(held.bit_slice(usize::try_from(from % 8)?, usize::try_from(rows)?))
}

/// The places, from the first one on, and lengths of lists, and which values these are.
type ListViews = (Vec<u64>, Vec<u64>, (u64, u64));

fn list_views(
    offsets: &mut Offsets,
    sizes: &mut Stretch,
    (from, rows): (u64, u64),
    scratch: &mut Scratch<'_>,
) -> Result<ListViews, Failed> {
    let width = offsets.width();
    let mut at = offsets.read(from, rows, scratch)?;
    let sizes = unsigned(&sizes.read(from * width, rows * width, scratch)?, offsets.is_wide)?;
    let held = || at.iter().zip(&sizes).filter(|(_, size)| **size > 0);
    let start = held().map(|(at, _)| *at).min().unwrap_or(0);
    let end = held().map(|(at, size)| at.saturating_add(*size)).max().unwrap_or(start);
    // Those of empty lists may be anything.
    at.iter_mut().zip(&sizes).for_each(|(at, size)| *at = if *size > 0 { *at - start } else { 0 });
    Ok((at, sizes, (start, end - start)))
}

/// Which rows of its types some rows of a union have.
struct Spans {
    types: Vec<i8>,
    places: Option<Vec<i32>>,
    each: Vec<(u64, u64)>,
}

impl Spans {
    fn of(
        types: &mut Stretch,
        places: &mut Option<Stretch>,
        inner: &[(i8, BatchColumn)],
        (from, rows): (u64, u64),
        scratch: &mut Scratch<'_>,
    ) -> Result<Self, Failed> {
        let types: Vec<i8> = types.read(from, rows, scratch)?.iter().map(|byte| byte.cast_signed()).collect();
        let Some(places) = places else {
            let each = vec![(from, rows); inner.len()];
            return Ok(Self { types, places: None, each });
        };
        let at = unsigned(&places.read(from * 4, rows * 4, scratch)?, false)?;
        let mut each = Vec::with_capacity(inner.len());
        let mut places = vec![0; at.len()];
        for (id, _) in inner {
            let held = || types.iter().zip(&at).enumerate().filter(|(_, (kind, _))| *kind == id);
            let start = held().map(|(_, (_, at))| *at).min().unwrap_or(0);
            let end = held().map(|(_, (_, at))| at + 1).max().unwrap_or(start);
            for (row, (_, at)) in held() {
                places[row] = i32::try_from(at - start)?;
            }
            each.push((start, end - start));
        }
        Ok(Self { types, places: Some(places), each })
    }
}

/// The first and the last of the runs that some rows are in.
fn runs(ends: &mut BatchColumn, from: u64, rows: u64, scratch: &mut Scratch<'_>) -> Result<(u64, u64), Failed> {
    let mut of = |row: u64| -> Result<u64, Failed> {
        let (mut low, mut high) = (0, ends.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            let end = ends.integers(middle, 1, scratch)?.first().copied().unwrap_or(0);
            if u64::try_from(end).is_ok_and(|end| end > row) { high = middle } else { low = middle + 1 }
        }
        if low < ends.rows { Ok(low) } else { Err("the runs of a column end before its rows".into()) }
    };
    Ok((of(from)?, of(from + rows - 1)?))
}
