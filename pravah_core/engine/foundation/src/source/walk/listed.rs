//! Files that a list names, instead of all that a tree holds: a split of a job.
//!
//! A list is groups, one after the other: a directory's path relative to the source, then the names of some of its
//! files, then an empty name; each is ended by a NUL, which no name holds. A range of a file is a group of its own, with
//! `name/start/end` as its only name. What a list names is looked up as a walk looks up what it finds; what is gone by
//! then is passed over, since the list is a plan and no promise.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::base::error::{EngineError, Result};
use crate::base::sync::lock;

/// Files handed to a scanning thread at once.
const GROUP_FILES: usize = 4096;

/// Some files of one directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The directory's path relative to the source.
    pub directory: Vec<u8>,
    /// The names, each ended by a NUL.
    pub names: Vec<u8>,
    /// Of the only file: these bytes are wanted; none = all.
    pub range: Option<Range<u64>>,
}

/// A list that is being read by several threads.
pub(super) struct Listed {
    path: Arc<Path>,
    state: Mutex<State>,
}

struct State {
    lines: BufReader<File>,
    /// The directory of the group that is not at its end.
    open: Option<Vec<u8>>,
}

impl Listed {
    /// # Errors
    /// [`EngineError::SourceNotFound`] when the list cannot be opened.
    pub fn open(path: &Arc<Path>) -> Result<Self> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let state = Mutex::new(State { lines: BufReader::with_capacity(256 << 10, file), open: None });
        Ok(Self { path: Arc::clone(path), state })
    }

    /// The next files; none after the last.
    ///
    /// # Errors
    /// [`EngineError::SourceNotFound`] when the list is cut off or cannot be read.
    pub fn next(&self) -> Result<Option<Group>> {
        lock(&self.state).next().map_err(|error| unreadable(&self.path, &error))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> EngineError {
    EngineError::SourceNotFound { path: path.to_path_buf(), message: format!("the list of a split: {error}") }
}

impl State {
    fn next(&mut self) -> io::Result<Option<Group>> {
        let directory = match self.open.take() {
            Some(directory) => directory,
            None => match self.text()? {
                Some(mut directory) => {
                    directory.pop();
                    directory
                }
                None => return Ok(None),
            },
        };
        let (mut names, mut range) = (Vec::new(), None);
        for _ in 0..GROUP_FILES {
            let mut name = self.text()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if name.len() == 1 {
                return Ok(Some(Group { directory, names, range }));
            }
            if let Some(slash) = memchr::memchr(b'/', &name) {
                let wanted = range_of(&name[slash + 1..name.len() - 1]).filter(|_| names.is_empty());
                range = Some(wanted.ok_or(io::ErrorKind::InvalidData)?);
                name.splice(slash.., [0]);
            } else if range.is_some() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            names.extend_from_slice(&name);
        }
        self.open = Some(directory.clone());
        Ok(Some(Group { directory, names, range }))
    }

    /// The next text with its NUL; none at the end of the list.
    fn text(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        self.lines.read_until(0, &mut text)?;
        match text.last() {
            None => Ok(None),
            Some(0) => Ok(Some(text)),
            Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn range_of(text: &[u8]) -> Option<Range<u64>> {
    let (start, end) = std::str::from_utf8(text).ok()?.split_once('/')?;
    Some(start.parse().ok()?..end.parse().ok()?)
}

/// Append a range of a file to a list; neither the directory nor the name holds a NUL, as none does.
///
/// # Errors
/// The system's error.
pub fn write_range(list: &mut impl Write, directory: &[u8], name: &[u8], range: &Range<u64>) -> io::Result<()> {
    let name = [name, format!("/{}/{}", range.start, range.end).as_bytes()].concat();
    write_group(list, directory, std::iter::once(&name[..]))
}

/// Append a group to a list; the directory or a name must hold no NUL, as none does.
///
/// # Errors
/// The system's error.
pub fn write_group<'a>(
    list: &mut impl Write,
    directory: &[u8],
    names: impl Iterator<Item = &'a [u8]>,
) -> io::Result<()> {
    let mut text = |text: &[u8]| list.write_all(text).and_then(|()| list.write_all(b"\0"));
    text(directory)?;
    for name in names {
        text(name)?;
    }
    text(b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(bytes: &[u8]) -> (tempfile::TempDir, Listed) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, bytes).unwrap();
        let listed = Listed::open(&Arc::from(path)).unwrap();
        (folder, listed)
    }

    #[test]
    fn what_was_written_is_read_in_groups_of_a_bounded_size() {
        let many: Vec<String> = (0..GROUP_FILES + 7).map(|number| format!("{number}\n\u{e9}")).collect();
        let mut bytes = Vec::new();
        write_group(&mut bytes, b"", [&b"a"[..], b"b\xff"].into_iter()).unwrap();
        write_group(&mut bytes, b"x/y", many.iter().map(String::as_bytes)).unwrap();
        let (_folder, listed) = listed(&bytes);
        let first = listed.next().unwrap().unwrap();
        assert_eq!(first, Group { directory: b"".to_vec(), names: b"a\0b\xff\0".to_vec(), range: None });
        let mut names = Vec::new();
        let mut groups = 0;
        while let Some(group) = listed.next().unwrap() {
            assert_eq!(group.directory, b"x/y");
            groups += 1;
            names.extend(group.names);
        }
        assert_eq!(groups, 2);
        assert_eq!(names, many.iter().flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect::<Vec<u8>>());
    }

    #[test]
    fn a_range_is_a_group_of_its_own() {
        let mut bytes = Vec::new();
        write_group(&mut bytes, b"x", std::iter::once(&b"a"[..])).unwrap();
        write_range(&mut bytes, b"x", b"b\n\xff", &(64..u64::MAX)).unwrap();
        write_range(&mut bytes, b"", b"c", &(0..1)).unwrap();
        let (_folder, list) = listed(&bytes);
        let group = |directory: &[u8], names: &[u8], range| {
            Some(Group { directory: directory.to_vec(), names: names.to_vec(), range })
        };
        assert_eq!(list.next().unwrap(), group(b"x", b"a\0", None));
        assert_eq!(list.next().unwrap(), group(b"x", b"b\n\xff\0", Some(64..u64::MAX)));
        assert_eq!(list.next().unwrap(), group(b"", b"c\0", Some(0..1)));
        assert_eq!(list.next().unwrap(), None);
        for none in ["a/", "a/1", "a/1/", "a/1/2/3", "a/-1/2", "a/1/x", "a\0b/1/2", "b/1/2\0a"] {
            let (_folder, list) = listed(format!("\0{none}\0\0").as_bytes());
            assert!(list.next().is_err(), "{none:?}");
        }
    }

    #[test]
    fn a_list_that_is_cut_off_is_an_error_wherever_it_is_cut() {
        let mut bytes = Vec::new();
        write_group(&mut bytes, b"x", [&b"a"[..], b"bc"].into_iter()).unwrap();
        for end in 1..bytes.len() {
            let (_folder, listed) = listed(&bytes[..end]);
            assert!(matches!(listed.next(), Err(EngineError::SourceNotFound { .. })), "cut at {end}");
        }
        assert_eq!(listed(b"").1.next().unwrap(), None);
    }
}
