//! What compress tells, of a mirror and of an estimate alike.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use pravah_foundation::base::error::Result;
use pravah_foundation::base::paths;
use pravah_foundation::io::codec::Encoder;
use pravah_foundation::run::context::Context;
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::sink::{Staged, Table, TableWriter};

pub const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::text("extension"),
    Column::integer("size_bytes"),
    Column::integer("sampled_bytes"),
    Column::integer("packed_bytes"),
    Column::text("written_as"),
];
pub const BY_EXTENSION: &[Column] = &[
    Column::text("extension"),
    Column::integer("files"),
    Column::integer("size_bytes"),
    Column::integer("sampled_bytes"),
    Column::integer("packed_bytes"),
    Column::integer("packed_percent"),
];

/// Files of one extension.
#[derive(Debug, Default, Clone, Copy)]
pub struct ExtensionTotals {
    pub files: u64,
    pub bytes: u64,
    /// Bytes that were packed to know it.
    pub sampled: u64,
    /// What they come to packed, in an estimate all of them.
    pub packed: u64,
}

impl ExtensionTotals {
    pub fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.sampled += other.sampled;
        self.packed += other.packed;
    }

    fn percent(&self) -> u64 {
        if self.bytes == 0 { 100 } else { (u128::from(self.packed) * 100).div_ceil(u128::from(self.bytes)) as u64 }
    }
}

/// The extension of a path, lower case, shown.
pub fn extension(path: &[u8]) -> String {
    paths::escape(&paths::extension(paths::file_name(path)).to_ascii_lowercase()).into_owned()
}

/// Rows of the files, as they come.
pub struct FileRows {
    rows: Columns,
    writer: TableWriter,
}

impl FileRows {
    pub fn new(context: &Context) -> Self {
        let rows = Columns::new(RESULT);
        let table = Table { name: "result", dictionary: &["extension"] };
        Self { writer: context.sink.writer(table, rows.schema()), rows }
    }

    /// One file of `size` bytes of which `sampled` became `packed`, and its path below the destination.
    pub fn row(
        &mut self,
        path: &[u8],
        extension: &str,
        [size, sampled, packed]: [u64; 3],
        target: Option<&[u8]>,
    ) -> Result<()> {
        self.rows.path(path);
        self.rows.text(extension);
        [size, sampled, packed].into_iter().for_each(|value| self.rows.integer(value));
        self.rows.optional_text(target.map(paths::escape).as_deref());
        if self.rows.is_full() { self.writer.write(&self.rows.take()?) } else { Ok(()) }
    }

    pub fn stage(mut self) -> Result<Staged> {
        self.writer.write(&self.rows.take()?)?;
        self.writer.stage()
    }
}

/// The table of extensions, the largest first.
pub fn by_extension(context: &Context, sums: &BTreeMap<String, ExtensionTotals>) -> Result<Staged> {
    let mut rows = Columns::new(BY_EXTENSION);
    let mut sorted: Vec<_> = sums.iter().collect();
    sorted.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.bytes));
    for (extension, sums) in sorted {
        rows.text(extension);
        [sums.files, sums.bytes, sums.sampled, sums.packed, sums.percent()]
            .into_iter()
            .for_each(|value| rows.integer(value));
    }
    context.sink.staged(Table { name: "by_extension", dictionary: &[] }, &rows.take()?)
}

/// What both kinds of result say of themselves.
pub fn summary(encoder: &Encoder, sums: &BTreeMap<String, ExtensionTotals>, further: Value) -> Value {
    let mut all = ExtensionTotals::default();
    sums.values().for_each(|sums| all.add(*sums));
    let own = json!({
        "format": encoder.codec().name(),
        "level": encoder.level(),
        "files": all.files,
        "bytes": all.bytes,
        "packed_bytes": all.packed,
        "packed_percent": all.percent(),
        "saved_bytes": all.bytes.saturating_sub(all.packed),
        "sampled_bytes": all.sampled,
    });
    let parts = [own, further].into_iter().filter_map(|part| part.as_object().cloned());
    Value::Object(parts.flatten().collect::<Map<String, Value>>())
}
