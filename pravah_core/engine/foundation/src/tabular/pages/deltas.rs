//! Lengths of texts as Parquet packs them: differences in blocks (DELTA_BINARY_PACKED). The decoder of the library takes
//! memory for as many as a page claims, and writes texts out in full that the page says are alike.

use parquet::basic::Encoding;

use crate::base::compact::Reader;

/// What the lengths of a page add up to.
#[derive(Debug, PartialEq, Eq)]
struct Lengths {
    count: u64,
    sum: u64,
    /// Bytes that they fill.
    bytes: usize,
}

/// Bytes of the texts of a page, whose values begin `page` and are at most so many; none where it does not add up.
pub fn unpacked(page: &[u8], encoding: Encoding, most: u64) -> Option<u64> {
    match encoding {
        Encoding::DELTA_LENGTH_BYTE_ARRAY => {
            let lengths = Lengths::of(page, most)?;
            (lengths.sum <= (page.len() - lengths.bytes) as u64).then_some(lengths.sum)
        }
        Encoding::DELTA_BYTE_ARRAY => {
            // What each has in common with the one before it, and the rest of each.
            let prefixes = Lengths::of(page, most)?;
            let suffixes = Lengths::of(&page[prefixes.bytes..], most)?;
            let rest = (page.len() - prefixes.bytes - suffixes.bytes) as u64;
            let is_right = prefixes.count == suffixes.count && suffixes.sum <= rest;
            is_right.then(|| prefixes.sum.saturating_add(suffixes.sum))
        }
        _ => Some(page.len() as u64),
    }
}

impl Lengths {
    fn of(packed: &[u8], most: u64) -> Option<Self> {
        let mut input = Reader::new(packed);
        let (block, parts, count) = (input.integer()?, input.integer()?, input.integer()?);
        let mut value = zigzag(&mut input)?;
        let is_odd = block == 0 || !block.is_multiple_of(128) || parts == 0 || !block.is_multiple_of(parts);
        if is_odd || block > 1 << 20 || count > most {
            return None;
        }
        let (mut sum, mut left) = (0_u64, count);
        let mut add = |value: i64, left: &mut u64| {
            let length = i32::try_from(value).ok().and_then(|value| u64::try_from(value).ok())?;
            *left -= 1;
            sum = sum.saturating_add(length);
            Some(())
        };
        if left > 0 {
            add(value, &mut left)?;
        }
        let of_part = block / parts;
        while left > 0 {
            let least = zigzag(&mut input)?;
            let widths = input.take(usize::try_from(parts).ok()?)?;
            for &width in widths {
                // The widths of parts behind the last value say nothing.
                if left == 0 {
                    break;
                }
                let part = input.take((of_part as usize * usize::from(width)) / 8)?;
                for place in 0..of_part.min(left) as usize {
                    value = value.wrapping_add(least).wrapping_add(bits(part, place, width)?);
                    // As 32 bits have it.
                    value = i64::from(value as i32);
                    add(value, &mut left)?;
                }
            }
        }
        Some(Self { count, sum, bytes: packed.len() - input.left() })
    }
}

/// The number of `width` bits at a place.
fn bits(packed: &[u8], place: usize, width: u8) -> Option<i64> {
    if width > 32 {
        return None;
    }
    let from = place * usize::from(width);
    let mut bytes = [0; 8];
    let rest = packed.get(from / 8..).unwrap_or(&[]);
    let length = rest.len().min(8);
    bytes[..length].copy_from_slice(&rest[..length]);
    let mask = (1_u64 << width) - 1;
    Some((u64::from_le_bytes(bytes) >> (from % 8) & mask) as i64)
}

/// A number whose sign is its lowest bit.
fn zigzag(input: &mut Reader<'_>) -> Option<i64> {
    let value = input.integer()?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::column::page::Page;
    use parquet::file::properties::WriterProperties;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    fn page(texts: &[String], encoding: Encoding) -> Bytes {
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(false).set_encoding(encoding).build();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        match reader.get_row_group(0).unwrap().get_column_page_reader(0).unwrap().get_next_page().unwrap() {
            Some(Page::DataPage { buf, .. }) => buf,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_library_packs_adds_up() {
        for count in [1_usize, 2, 31, 33, 128, 129, 257, 5000] {
            let texts: Vec<String> = (0..count).map(|number| "ab".repeat(number * 7919 % 97)).collect();
            let sum: u64 = texts.iter().map(|text| text.len() as u64).sum();
            for encoding in [Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY] {
                let page = page(&texts, encoding);
                assert_eq!(unpacked(&page, encoding, count as u64), Some(sum), "{encoding} {count}");
                assert_eq!(unpacked(&page, encoding, count as u64 - 1), None, "{encoding} {count}");
                assert_eq!(unpacked(&page[..page.len() / 3], encoding, count as u64), None, "{encoding} {count}");
            }
        }
    }
}
