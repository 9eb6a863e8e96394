//! What is unpacked: where it goes, and what is told of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::tarball::Map;
use super::verdict::{Begun, UnpackStatus};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::paths;
use pravah_foundation::io::codec::{self, Rubbish};
use pravah_foundation::io::destination::{Attributes, Destination, Refused};
use pravah_foundation::io::xattrs;
use pravah_foundation::run::context::Context;
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::sink::{Staged, Table, TableWriter};

pub const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::category("status"),
    Column::text("format"),
    Column::integer("size_bytes"),
    Column::integer("unpacked_bytes"),
    Column::integer("members"),
    Column::text("written_as"),
];
pub const MEMBERS: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::text("member"),
    Column::text("kind"),
    Column::integer("size_bytes"),
    Column::text("note"),
];

/// Set-uid, set-gid and sticky.
const SPECIAL_BITS: u32 = 0o7000;

/// Where unpacked files go; nowhere in a test.
pub struct UnpackTarget {
    destination: Option<Destination>,
    keep_metadata: bool,
}

/// What goes into a file.
pub struct MemberContent<'a> {
    pub reader: &'a mut dyn Read,
    /// Where it goes when the file has holes.
    pub map: Option<&'a Map>,
    pub xattrs: &'a [(Vec<u8>, Vec<u8>)],
    /// An earlier member of the same archive has the name.
    pub replaces: bool,
}

impl<'a> MemberContent<'a> {
    /// A file of its own, without holes.
    pub fn of(reader: &'a mut dyn Read) -> Self {
        Self { reader, map: None, xattrs: &[], replaces: false }
    }
}

/// What a file has become.
pub struct Came {
    pub length: u64,
    /// What is behind the stream that it is of.
    pub behind: Option<Rubbish>,
    /// Extended attributes that it could not be given.
    pub left_out: u64,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    File,
    Directory,
    Symlink,
    HardLink,
}

impl MemberKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::HardLink => "hard_link",
        }
    }
}

/// Why a file did not come out.
pub enum UnpackStop {
    /// It is broken, or a limit was reached: in words.
    Content(io::Error),
    /// The destination refused it.
    Refused(Refused),
    /// The job ends.
    Ended(EngineError),
}

impl From<io::Error> for UnpackStop {
    fn from(error: io::Error) -> Self {
        Self::Content(error)
    }
}

impl From<EngineError> for UnpackStop {
    fn from(error: EngineError) -> Self {
        Self::Ended(error)
    }
}

impl From<Refused> for UnpackStop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl UnpackTarget {
    pub fn new(destination: Option<Destination>, keep_metadata: bool) -> Self {
        Self { destination, keep_metadata }
    }

    pub fn path(&self) -> Option<&Path> {
        self.destination.as_ref().map(Destination::path)
    }

    /// Nobody's set-uid comes out of an archive.
    fn kept(&self, attributes: Attributes) -> Attributes {
        let mode = attributes.mode.map(|mode| mode & !SPECIAL_BITS);
        if self.keep_metadata { Attributes { mode, ..attributes } } else { Attributes::NONE }
    }

    /// True when something with these attributes loses set-uid, set-gid or sticky.
    pub fn loses_bits(&self, attributes: Attributes) -> bool {
        self.keep_metadata && attributes.mode.is_some_and(|mode| mode & SPECIAL_BITS != 0)
    }

    /// Write what `content` gives as the file at `path`; its length, and what comes behind it.
    pub fn file(
        &self,
        path: &[u8],
        content: MemberContent<'_>,
        attributes: Attributes,
    ) -> std::result::Result<Came, UnpackStop> {
        let MemberContent { reader, map, xattrs, replaces } = content;
        let writing = self.destination.as_ref().map(|destination| destination.create(path)).transpose()?;
        let file = writing.as_ref().map(|writing| &*writing.file);
        let whole = [(0, u64::MAX)];
        let (mut length, mut behind, mut left_out) = (0, None, 0);
        for &(offset, most) in map.map_or(&whole[..], |map| &map.parts) {
            let written;
            (written, behind) = self.part(file, &mut reader.take(most), offset)?;
            length += written;
        }
        if let (Some(file), Some(map)) = (file, map) {
            file.set_len(map.size).map_err(|error| self.failed(error))?;
        }
        if let (Some(writing), Some(destination)) = (writing, &self.destination) {
            if self.keep_metadata {
                left_out = xattrs::set(&writing.file, xattrs);
            }
            if replaces {
                destination.remove(path);
            }
            destination.publish(path, writing, self.kept(attributes))?;
        }
        Ok(Came { length: map.map_or(length, |map| map.size), behind, left_out })
    }

    /// Write from one place on; how much, and what comes behind a stream.
    fn part(
        &self,
        file: Option<&File>,
        content: &mut dyn Read,
        offset: u64,
    ) -> std::result::Result<(u64, Option<Rubbish>), UnpackStop> {
        let mut block = vec![0; 256 << 10];
        let mut length = 0;
        loop {
            let read = match content.read(&mut block) {
                Ok(0) => return Ok((length, None)),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // All that belongs to the stream has come.
                Err(error) => match codec::rubbish(&error) {
                    Some(rubbish) => return Ok((length, Some(rubbish.clone()))),
                    None => return Err(UnpackStop::Content(error)),
                },
            };
            if let Some(file) = file {
                file.write_all_at(&block[..read], offset + length).map_err(|error| self.failed(error))?;
            }
            length += read as u64;
        }
    }

    fn failed(&self, error: io::Error) -> UnpackStop {
        let path = self.path().unwrap_or(Path::new(""));
        UnpackStop::Refused(Refused::All(EngineError::output(path, error)))
    }

    /// Make a directory; how many of its extended attributes it could not be given.
    pub fn directory(
        &self,
        path: &[u8],
        attributes: Attributes,
        xattrs: &[(Vec<u8>, Vec<u8>)],
    ) -> std::result::Result<u64, Refused> {
        let Some(destination) = &self.destination else { return Ok(0) };
        let made = destination.directory(path, self.kept(attributes))?;
        Ok(if self.keep_metadata { xattrs::set(&*made, xattrs) } else { 0 })
    }

    /// A directory of the source has these attributes; it is made if it is empty, else only for what is unpacked in it.
    pub fn mirror(&self, path: &[u8], attributes: Attributes, is_empty: bool) -> std::result::Result<(), Refused> {
        let Some(destination) = &self.destination else { return Ok(()) };
        if is_empty {
            destination.directory(path, self.kept(attributes))?;
        } else {
            destination.attributes_of(path, self.kept(attributes));
        }
        Ok(())
    }

    pub fn symlink(&self, path: &[u8], target: &[u8], own: Attributes) -> std::result::Result<(), Refused> {
        self.destination.as_ref().map_or(Ok(()), |destination| destination.symlink(path, target, self.kept(own)))
    }

    pub fn link(&self, path: &[u8], existing: &[u8]) -> std::result::Result<(), Refused> {
        self.destination.as_ref().map_or(Ok(()), |destination| destination.link(path, existing))
    }

    /// Remove the file or link at `path`, which an earlier member of the same archive became.
    pub fn make_way(&self, path: &[u8]) {
        if let Some(destination) = &self.destination {
            destination.remove(path);
        }
    }

    /// Returns how many times the destination could not hold.
    pub fn finish(self) -> Result<u64> {
        self.destination.map_or(Ok(0), |destination| Ok(destination.finish()?.times_cut))
    }
}

#[derive(Debug, Default)]
pub struct UnpackTotals {
    pub files: u64,
    pub archives: u64,
    pub members: u64,
    pub replaced: u64,
    pub bytes: u64,
    pub unpacked: u64,
    /// Files that are whole, incomplete, damaged.
    pub statuses: [u64; 3],
}

/// Rows on their way.
pub struct Rows {
    result: Columns,
    result_writer: TableWriter,
    members: Columns,
    members_writer: TableWriter,
    sums: UnpackTotals,
}

/// One compressed file that came out.
pub struct Unpacked<'a> {
    pub path: &'a [u8],
    pub format: &'a str,
    pub size: u64,
    pub unpacked: u64,
    /// Of an archive.
    pub members: Option<u64>,
    /// Its path below the destination, were it a test or not.
    pub target: &'a [u8],
}

impl Rows {
    pub fn new(context: &Context) -> Self {
        let (result, members) = (Columns::new(RESULT), Columns::new(MEMBERS));
        let table = |name, dictionary| Table { name, dictionary };
        Self {
            result_writer: context.sink.writer(table("result", &["status", "format"]), result.schema()),
            members_writer: context.sink.writer(table("members", &["path", "kind"]), members.schema()),
            result,
            members,
            sums: UnpackTotals::default(),
        }
    }

    /// A file that came out.
    pub fn file(&mut self, file: &Unpacked<'_>, status: UnpackStatus) -> Result<()> {
        self.sums.statuses[status as usize] += 1;
        self.sums.files += 1;
        self.sums.archives += u64::from(file.members.is_some());
        self.sums.members += file.members.unwrap_or(0);
        self.sums.bytes += file.size;
        self.sums.unpacked += file.unpacked;
        self.result.path(file.path);
        self.result.text(status.as_str());
        self.result.text(file.format);
        self.result.integer(file.size);
        self.result.integer(file.unpacked);
        self.result.optional_integer(file.members);
        self.result.text(&paths::escape(file.target));
        if self.result.is_full() { self.result_writer.write(&self.result.take()?) } else { Ok(()) }
    }

    /// A file that did not.
    pub fn failed(&mut self, path: &[u8], begun: &Begun, status: UnpackStatus) -> Result<()> {
        self.sums.statuses[status as usize] += 1;
        self.result.path(path);
        self.result.text(status.as_str());
        self.result.text(begun.format);
        self.result.integer(begun.size);
        self.result.optional_integer(None);
        self.result.optional_integer(None);
        self.result.optional_text(None);
        if self.result.is_full() { self.result_writer.write(&self.result.take()?) } else { Ok(()) }
    }

    pub fn member(
        &mut self,
        path: &[u8],
        name: &[u8],
        (kind, size): (MemberKind, u64),
        note: Option<&str>,
    ) -> Result<()> {
        self.members.path(path);
        self.members.text(&paths::escape(name));
        self.members.text(kind.as_str());
        self.members.integer(size);
        self.members.optional_text(note);
        if self.members.is_full() { self.members_writer.write(&self.members.take()?) } else { Ok(()) }
    }

    /// A member whose name another one of the archive has, too: the last one is kept.
    pub fn replaced(&mut self) {
        self.sums.replaced += 1;
    }

    pub fn stage(mut self, sums: &mut UnpackTotals) -> Result<[Staged; 2]> {
        for (sum, own) in [
            (&mut sums.files, self.sums.files),
            (&mut sums.archives, self.sums.archives),
            (&mut sums.members, self.sums.members),
            (&mut sums.replaced, self.sums.replaced),
            (&mut sums.bytes, self.sums.bytes),
            (&mut sums.unpacked, self.sums.unpacked),
        ] {
            *sum += own;
        }
        sums.statuses.iter_mut().zip(self.sums.statuses).for_each(|(sum, own)| *sum += own);
        self.result_writer.write(&self.result.take()?)?;
        self.members_writer.write(&self.members.take()?)?;
        Ok([self.result_writer.stage()?, self.members_writer.stage()?])
    }
}

/// Note what the destination refused of a member, or end the job.
pub fn tell(refused: Refused, control: &Control, archive: &[u8], name: &[u8]) -> Result<()> {
    let refused = match refused {
        Refused::One(message) => Refused::One(format!("member {}: {message}", paths::escape(name))),
        all => all,
    };
    refused.tell(control, archive)
}
