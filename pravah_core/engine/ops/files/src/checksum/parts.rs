//! Parts of large files, kept for the next attempt and for whoever puts a job together from its splits.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use blake3::hazmat::ChainingValue;

use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::digest::Ranges;
use pravah_foundation::io::digest::{Algorithm, Digest, PART_BYTES, Parts, digest_of_parts, parts_in};
use pravah_foundation::store::baseline::{Baseline, Row, Run, Shards, each_row, kept, known_by};
use pravah_foundation::store::columns::Column;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::{Sink, Staged, Table};

/// The columns of `parts`.
pub const PARTS: &[Column] =
    kept![Column::integer("offset"), Column::integer("length"), Column::text("chaining_value")];
const TABLE: Table = Table { name: "parts", dictionary: &[] };
/// Rows in memory at once; there is one for each part.
const BATCH_ROWS: usize = 8 << 10;

/// A chaining value, and whether a split of this very job found it.
type Part = (ChainingValue, bool);

/// Parts that an earlier attempt or a split has hashed.
#[derive(Debug, Default)]
pub struct KnownParts(HashMap<Vec<u8>, HashMap<(FileState, u64), Part>>);

impl KnownParts {
    /// Those of some shards.
    pub fn open(shards: &Shards) -> Self {
        let (mut known, mark) = (Self::default(), mark());
        for run in Run::of(shards) {
            for shard in run.table(TABLE.name) {
                // Nothing that is done with a row fails.
                let _ = each_row(shard, (run.number, &mark), &["offset", "chaining_value"], BATCH_ROWS, |row| {
                    known.add(row);
                    Ok(())
                });
            }
        }
        known
    }

    fn add(&mut self, row: Row<'_>) {
        let value = row.text(1).and_then(|hex| Digest::from_hex(hex.as_bytes()));
        let value = value.and_then(|value| value.as_bytes().try_into().ok());
        if let (Some(start), Some(value)) = (row.integer(0), value) {
            let of_file = self.0.entry(row.path().to_vec()).or_default();
            of_file.insert((row.state(), start), (value, row.is_own()));
        }
    }

    fn part(&self, path: &[u8], meta: &Meta, start: u64) -> Option<&Part> {
        self.0.get(path)?.get(&(meta.into(), start))
    }

    /// The digest of a file of which all parts are known, and whether this very job found some of them.
    pub fn digest(&self, path: &[u8], meta: &Meta) -> Option<(Digest, bool)> {
        if self.0.is_empty() {
            return None;
        }
        let digest = digest_of_parts(meta.size, &|start| Some(self.part(path, meta, start)?.0))?;
        let is_own = |part: Range<u64>| self.part(path, meta, part.start).is_some_and(|part| part.1);
        Some((digest, parts_in(meta.size, &(0..meta.size)).any(is_own)))
    }
}

/// What of large files is not known, neither as a whole nor in parts.
pub struct Left {
    files: Baseline,
    parts: KnownParts,
}

impl Left {
    /// By some shards of a job whose only algorithm has parts.
    pub fn of(shards: &Shards) -> Self {
        Self { files: Baseline::open(shards, &[Algorithm::Blake3.name()]), parts: KnownParts::open(shards) }
    }
}

impl Ranges for Left {
    fn missing(&self, path: &[u8], meta: &Meta) -> Vec<Range<u64>> {
        let mut missing: Vec<Range<u64>> = Vec::new();
        if self.files.find(path, meta).is_some() {
            return missing;
        }
        for part in parts_in(meta.size, &(0..meta.size)) {
            if self.parts.part(path, meta, part.start).is_some() {
                continue;
            }
            match missing.last_mut().filter(|last| last.end == part.start) {
                Some(last) => last.end = part.end,
                None => missing.push(part),
            }
        }
        missing
    }
}

/// Values of parts of another size are of no use.
fn mark() -> String {
    format!("parts of {PART_BYTES} bytes")
}

/// Parts that are known, and those that become so.
pub struct PartDigests {
    earlier: KnownParts,
    sink: Arc<Sink>,
    /// None until there is a part: most jobs have no such file.
    sheet: Mutex<Option<Sheet>>,
}

impl PartDigests {
    /// None is known yet.
    pub fn new(sink: &Arc<Sink>) -> Self {
        Self { earlier: KnownParts::default(), sink: Arc::clone(sink), sheet: Mutex::default() }
    }

    /// Know those of some shards.
    pub fn open(&mut self, shards: &Shards) {
        self.earlier = KnownParts::open(shards);
    }

    /// What was known at the beginning.
    pub fn earlier(&self) -> &KnownParts {
        &self.earlier
    }

    /// See [`Sheet::checkpoint`].
    pub fn checkpoint(&self) -> Result<()> {
        lock(&self.sheet).as_mut().map_or(Ok(()), Sheet::checkpoint)
    }

    /// The last rows.
    pub fn stage(self) -> Result<Option<Staged>> {
        self.sheet.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map(Sheet::stage).transpose()
    }
}

impl Parts for PartDigests {
    fn find(&self, path: &[u8], meta: &Meta, offset: u64) -> Option<ChainingValue> {
        self.earlier.part(path, meta, offset).map(|part| part.0)
    }

    fn keep(&self, path: &[u8], meta: &Meta, part: Range<u64>, value: ChainingValue) -> Result<()> {
        let mut sheet = lock(&self.sheet);
        let sheet = sheet.get_or_insert_with(|| Sheet::kept(&self.sink, TABLE, PARTS, &mark()));
        known_by(&mut sheet.rows, path, meta.into());
        sheet.rows.integer(part.start);
        sheet.rows.integer(part.end - part.start);
        sheet.rows.text(&Digest::new(&value).to_hex());
        sheet.write_if_full()
    }
}
