//! Bytes that are put one behind the other and read at places: in memory while they are few, else in a file without a
//! name.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::base::nameless::{free_bytes, nameless};

/// Bytes that are written to the file at once.
const WRITTEN_BYTES: usize = 1 << 20;
/// Bytes that are read at once: what is asked for next is mostly close behind.
const WINDOW_BYTES: usize = 16 << 10;

/// The bytes.
#[derive(Debug, Default)]
pub struct Spool {
    directory: PathBuf,
    /// So many stay in memory.
    most: usize,
    /// All of them, or those that are not in the file yet.
    held: Vec<u8>,
    file: Option<File>,
    written: u64,
}

/// What was read of a spool last.
#[derive(Debug, Default)]
pub struct SpoolWindow {
    at: u64,
    bytes: Vec<u8>,
}

impl Spool {
    /// Empty; of more than `most` bytes the file is in `directory`.
    pub fn new(directory: &Path, most: usize) -> Self {
        Self { directory: directory.to_owned(), most, ..Self::default() }
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.written + self.held.len() as u64
    }

    /// True without one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Put some behind the others.
    ///
    /// # Errors
    /// The system's, also where more than half of what was free is needed.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        let most = if self.file.is_some() { WRITTEN_BYTES } else { self.most };
        if self.held.len() > most { self.flush() } else { Ok(()) }
    }

    /// No more come: what is in a file is all of it.
    ///
    /// # Errors
    /// As [`Spool::push`].
    pub fn end(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            self.flush()?;
            self.held = Vec::new();
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let free = free_bytes(&self.directory)?;
        if self.len() > free {
            let message = format!("{} bytes are needed in {:?}, and {free} are free", self.len(), self.directory);
            return Err(io::Error::new(io::ErrorKind::StorageFull, message));
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::from(nameless(&self.directory)?)),
        };
        file.write_all(&self.held)?;
        self.written += self.held.len() as u64;
        if self.held.capacity() > 2 * WRITTEN_BYTES {
            self.held = Vec::with_capacity(WRITTEN_BYTES);
        }
        self.held.clear();
        Ok(())
    }

    /// The bytes at a place, once no more come; none behind the end.
    ///
    /// # Errors
    /// The system's.
    #[inline]
    pub fn get<'a>(&'a self, place: Range<u64>, window: &'a mut SpoolWindow) -> io::Result<Option<&'a [u8]>> {
        if place.end > self.len() || place.start > place.end {
            return Ok(None);
        }
        match &self.file {
            None => Ok(self.held.get(place.start as usize..place.end as usize)),
            Some(file) => window.get(file, place, self.written).map(Some),
        }
    }
}

impl SpoolWindow {
    fn get(&mut self, file: &File, place: Range<u64>, end: u64) -> io::Result<&[u8]> {
        let length = (place.end - place.start) as usize;
        if place.start < self.at || place.end > self.at + self.bytes.len() as u64 {
            let read = (WINDOW_BYTES.max(length) as u64).min(end - place.start);
            self.bytes.resize(read as usize, 0);
            self.at = place.start;
            if let Err(error) = file.read_exact_at(&mut self.bytes, place.start) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let from = (place.start - self.at) as usize;
        Ok(&self.bytes[from..from + length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_in_memory_and_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for most in [usize::MAX, 1000, 0] {
            let mut spool = Spool::new(folder.path(), most);
            let texts: Vec<String> = (0..40_000).map(|number| format!("{number}-").repeat(number % 9)).collect();
            texts.iter().for_each(|text| spool.push(text.as_bytes()).unwrap());
            spool.end().unwrap();
            assert_eq!(spool.file.is_some(), most < usize::MAX);
            let all = texts.concat();
            assert_eq!(spool.len(), all.len() as u64);
            let mut window = SpoolWindow::default();
            let mut ends: Vec<usize> = texts
                .iter()
                .scan(0, |at, text| {
                    *at += text.len();
                    Some(*at)
                })
                .collect();
            ends.insert(0, 0);
            // Forwards, and at places far from each other.
            for number in (0..texts.len()).chain((0..texts.len()).map(|number| number * 7919 % texts.len())) {
                let place = ends[number] as u64..ends[number + 1] as u64;
                assert_eq!(spool.get(place, &mut window).unwrap(), Some(texts[number].as_bytes()));
            }
            let length = all.len() as u64;
            assert_eq!(spool.get(0..length, &mut window).unwrap(), Some(all.as_bytes()));
            assert_eq!(spool.get(length - 1..length + 1, &mut window).unwrap(), None);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        }
    }
}
