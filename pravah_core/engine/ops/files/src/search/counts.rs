//! Matches counted by pattern, extension and folder.

use std::collections::HashMap;
use std::hash::Hash;

use arrow_array::RecordBatch;
use foldhash::fast::FixedState;

use super::patterns::Patterns;
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::paths;
use pravah_foundation::run::encodings::Mix;
use pravah_foundation::store::columns::{Column, Columns};

type Map<K, V> = HashMap<K, V, FixedState>;

/// The columns of `by_file`.
pub const BY_FILE: &[Column] =
    &[Column::text("path"), Column::raw("path_raw"), Column::integer("lines"), Column::integer("matches")];
/// The columns of `by_pattern`.
pub const BY_PATTERN: &[Column] = &[
    Column::text("pattern"),
    Column::text("expression"),
    Column::integer("files"),
    Column::integer("lines"),
    Column::integer("matches"),
];
/// The columns of `by_extension`.
pub const BY_EXTENSION: &[Column] =
    &[Column::text("extension"), Column::integer("files"), Column::integer("lines"), Column::integer("matches")];
/// The columns of `by_folder`.
pub const BY_FOLDER: &[Column] = &[
    Column::category("pattern"),
    Column::text("folder"),
    Column::integer("files"),
    Column::integer("lines"),
    Column::integer("matches"),
];

/// Where matches are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Files with a match.
    pub files: u64,
    /// Lines with a match.
    pub lines: u64,
    /// Matches.
    pub matches: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.lines += other.lines;
        self.matches += other.matches;
    }

    fn write(self, rows: &mut Columns) {
        rows.integer(self.files);
        rows.integer(self.lines);
        rows.integer(self.matches);
    }
}

/// What was found in one file.
#[derive(Debug, Default)]
pub struct FileMatches {
    /// Of all patterns.
    pub all: Count,
    patterns: Map<usize, Count>,
}

impl FileMatches {
    /// One match more; is it the first in its line, and the first of its pattern in its line?
    pub fn add(&mut self, pattern: usize, first_of_line: bool, first_of_pattern: bool) {
        let count = Count { files: 1, lines: u64::from(first_of_pattern), matches: 1 };
        let known = self.patterns.entry(pattern).or_insert(Count { files: 0, ..Count::default() });
        known.add(count);
        known.files = 1;
        self.all.add(Count { lines: u64::from(first_of_line), ..count });
        self.all.files = 1;
    }

    /// Those of another part of the file.
    pub fn merge(&mut self, other: &Self) {
        self.all.add(other.all);
        merge(&mut self.patterns, other.patterns.iter());
        // It is one file.
        self.all.files = u64::from(self.all.matches > 0);
        self.patterns.values_mut().for_each(|count| count.files = 1);
    }

    /// Write what is found of each pattern; nothing when nothing is.
    pub fn write(&self, out: &mut Writer) {
        let mut patterns: Vec<_> = self.patterns.iter().collect();
        patterns.sort_unstable_by_key(|&(pattern, _)| pattern);
        for (&pattern, count) in patterns {
            [pattern as u64, count.lines, count.matches].into_iter().for_each(|value| out.integer(value));
        }
    }

    /// What [`FileMatches::write`] wrote, of a file with so many lines that match.
    pub fn read(bytes: &mut Reader<'_>, lines: u64) -> Option<Self> {
        let mut found = Self::default();
        while !bytes.is_empty() {
            let pattern = usize::try_from(bytes.integer()?).ok()?;
            let count = Count { files: 1, lines: bytes.integer()?, matches: bytes.integer()? };
            found.patterns.insert(pattern, count);
            found.all.matches += count.matches;
        }
        found.all = Count { files: u64::from(found.all.matches > 0), lines, ..found.all };
        Some(found)
    }

    /// True when each pattern is one of so many.
    pub fn is_of(&self, patterns: usize) -> bool {
        self.patterns.keys().all(|&pattern| pattern < patterns)
    }
}

/// What was found in all files of one thread, or of all threads.
#[derive(Debug, Default)]
pub struct MatchCounts {
    /// Of all patterns.
    pub all: Count,
    /// The encodings of all files, also of those without a match.
    pub encodings: Mix,
    patterns: Map<usize, Count>,
    extensions: Map<Vec<u8>, Count>,
    folders: Map<Vec<u8>, Map<usize, Count>>,
}

impl MatchCounts {
    /// A file with matches.
    pub fn add(&mut self, path: &[u8], found: &FileMatches) {
        self.all.add(found.all);
        let name = paths::file_name(path);
        self.extensions.entry(paths::extension(name).to_ascii_lowercase()).or_default().add(found.all);
        let folder = path.iter().position(|&byte| byte == b'/').map_or(&b"."[..], |slash| &path[..slash]);
        if !self.folders.contains_key(folder) {
            self.folders.insert(folder.to_vec(), Map::default());
        }
        let folder = self.folders.get_mut(folder);
        merge(&mut self.patterns, found.patterns.iter());
        folder.into_iter().for_each(|folder| merge(folder, found.patterns.iter()));
    }

    /// Those of another thread.
    pub fn merge(&mut self, other: Self) {
        self.all.add(other.all);
        merge(&mut self.patterns, other.patterns.iter());
        merge(&mut self.extensions, other.extensions.iter());
        self.encodings.merge(other.encodings);
        for (folder, patterns) in other.folders {
            merge(self.folders.entry(folder).or_default(), patterns.iter());
        }
    }

    /// A pattern's.
    pub fn of_pattern(&self, pattern: usize) -> Count {
        self.patterns.get(&pattern).copied().unwrap_or_default()
    }

    /// The rows of `by_pattern`: every pattern, in the order of the request.
    ///
    /// # Errors
    /// [`pravah_foundation::base::error::EngineError::Internal`], a bug.
    pub fn by_pattern(&self, patterns: &Patterns) -> Result<RecordBatch> {
        let mut rows = Columns::new(BY_PATTERN);
        for (index, (name, text)) in patterns.names.iter().zip(&patterns.texts).enumerate() {
            rows.text(name);
            rows.text(text);
            self.of_pattern(index).write(&mut rows);
        }
        rows.take()
    }

    /// The rows of `by_extension`, most matches first.
    ///
    /// # Errors
    /// [`pravah_foundation::base::error::EngineError::Internal`], a bug.
    pub fn by_extension(&self) -> Result<RecordBatch> {
        let mut found: Vec<_> = self.extensions.iter().collect();
        found
            .sort_by(|(name, count), (other_name, other)| other.matches.cmp(&count.matches).then(name.cmp(other_name)));
        let mut rows = Columns::new(BY_EXTENSION);
        for (extension, count) in found {
            rows.text(&paths::escape(extension));
            count.write(&mut rows);
        }
        rows.take()
    }

    /// The rows of `by_folder`: pattern by pattern in the order of the request, folder by folder, those with a match.
    ///
    /// # Errors
    /// [`pravah_foundation::base::error::EngineError::Internal`], a bug.
    pub fn by_folder(&self, patterns: &Patterns) -> Result<RecordBatch> {
        let counts = self
            .folders
            .iter()
            .flat_map(|(folder, counts)| counts.iter().map(move |(pattern, count)| (pattern, folder, count)));
        let mut found: Vec<_> = counts.collect();
        found.sort_by_key(|&(pattern, folder, _)| (pattern, folder));
        let mut rows = Columns::new(BY_FOLDER);
        for (&pattern, folder, count) in found {
            rows.text(&patterns.names[pattern]);
            rows.text(&paths::escape(folder));
            count.write(&mut rows);
        }
        rows.take()
    }
}

fn merge<'a, K: Eq + Hash + Clone + 'a>(counts: &mut Map<K, Count>, others: impl Iterator<Item = (&'a K, &'a Count)>) {
    for (key, count) in others {
        match counts.get_mut(key) {
            Some(known) => known.add(*count),
            None => drop(counts.insert(key.clone(), *count)),
        }
    }
}
