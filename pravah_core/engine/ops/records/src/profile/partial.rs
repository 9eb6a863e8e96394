//! What is kept of a file for the next run: all that is merged of it, as few bytes, in one field of `partials`.
//!
//! A partial is what a fresh reading would give, bit by bit: what follows from it is the same. It is kept only where it
//! is small beside the text it stands for: of the others reading is nearly as cheap. A file of which there is something
//! to say is read again, so that it is said again.

use std::borrow::Cow;

use super::ProfileOptions;
use super::column::ColumnProfile;
use super::file::FileFigures;
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::run::records::RecordCounts;

/// How figures are written; to be raised with every change of that.
const FORMAT: u32 = 4;
/// What figures are true for.
pub fn mark(options: &ProfileOptions) -> String {
    serde_json::json!({"engine": pravah_foundation::base::version::VERSION, "format": FORMAT, "options": options})
        .to_string()
}

/// A file's partial; none when it is not to be kept, as one of more than `most` bytes.
pub fn encode(told: &FileFigures, columns: &[ColumnProfile], most: usize) -> Option<Vec<u8>> {
    if !told.counts.is_plain() {
        return None;
    }
    let mut out = Writer::default();
    out.integer(told.counts.records);
    out.integer(told.counts.bytes);
    for text in [&*told.encoding, &told.delimiter, &told.delimiter_reason, &told.header_reason] {
        out.bytes(text.as_bytes());
    }
    out.bytes(told.packed.as_deref().unwrap_or_default().as_bytes());
    out.float(told.confidence);
    out.integer(u64::from(told.has_header) | u64::from(told.lacks_header) << 1);
    out.integer(columns.len() as u64);
    for (name, column) in told.names.iter().zip(columns) {
        // Looked at first: what is too large is not written only to be thrown away.
        if out.0.len() + name.len() + column.least_bytes() > most {
            return None;
        }
        out.bytes(name.as_bytes());
        column.write(&mut out)?;
    }
    (out.0.len() <= most).then_some(out.0)
}

/// What [`encode`] wrote of the file at `path`.
pub fn decode(path: &[u8], size: u64, bytes: &[u8]) -> Option<(FileFigures, Vec<ColumnProfile>)> {
    let mut from = Reader::new(bytes);
    let counts = RecordCounts { records: from.integer()?, bytes: from.integer()?, ..RecordCounts::default() };
    let mut text = || String::from_utf8(from.bytes()?.to_vec()).ok();
    let [encoding, delimiter, delimiter_reason, header_reason, packed] = [text()?, text()?, text()?, text()?, text()?];
    let confidence = from.float()?;
    let flags = from.integer()?;
    let mut names = Vec::new();
    let mut columns = Vec::new();
    for _ in 0..from.count()? {
        names.push(String::from_utf8(from.bytes()?.to_vec()).ok()?);
        columns.push(ColumnProfile::read(&mut from)?);
    }
    let told = FileFigures {
        path: path.to_vec(),
        size,
        encoding: Cow::Owned(encoding),
        packed: Some(packed).filter(|packed| !packed.is_empty()).map(Cow::Owned),
        delimiter,
        confidence,
        delimiter_reason,
        has_header: flags & 1 == 1,
        lacks_header: flags & 2 == 2,
        header_reason,
        names,
        counts,
    };
    from.is_empty().then_some((told, columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pravah_foundation::run::partials::most_bytes;

    fn told(bytes: u64) -> FileFigures {
        FileFigures {
            path: b"a".to_vec(),
            size: 5,
            encoding: "utf-8".into(),
            packed: None,
            delimiter: ",".into(),
            confidence: 99.5,
            delimiter_reason: "counted".into(),
            has_header: true,
            lacks_header: false,
            header_reason: "names".into(),
            names: vec!["x".into()],
            counts: RecordCounts { records: 9, bytes, ..RecordCounts::default() },
        }
    }

    #[test]
    fn only_plain_files_have_partials_and_only_small_ones() {
        let mut column = ColumnProfile::default();
        (0..200u64).for_each(|number| column.values.add(number, &number.to_le_bytes(), 1, number));
        let whole = encode(&told(100_000), &[column.clone()], usize::MAX).expect("it is small");
        let (again, columns) = decode(b"a", 5, &whole).expect("it is one");
        assert_eq!((again, columns[0].values.entries().len()), (told(100_000), 200));
        let bytes = 8 * whole.len() as u64;
        let small = |bytes| encode(&told(bytes), &[column.clone()], most_bytes(bytes));
        assert!(small(bytes).is_some() && small(bytes - 8).is_none());
        let ragged = FileFigures { counts: RecordCounts { ragged: 1, ..RecordCounts::default() }, ..told(0) };
        let of = |told: FileFigures| encode(&told, &[ColumnProfile::default()], usize::MAX);
        assert!(of(told(0)).is_some() && of(ragged).is_none());
        // What is cut anywhere, or longer, is none.
        assert!((0..whole.len()).all(|end| decode(b"a", 5, &whole[..end]).is_none()));
        assert!(decode(b"a", 5, &[&whole[..], &[0]].concat()).is_none());
    }
}
