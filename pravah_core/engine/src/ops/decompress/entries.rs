//! What is unpacked: where it goes, and what is told of it.

use std::io::{self, Read, Write};
use std::path::Path;

use crate::base::control::Control;
use crate::base::error::{EngineError, Result};
use crate::base::paths;
use crate::io::destination::{Attributes, Destination, Refused};
use crate::run::context::Context;
use crate::store::columns::{Column, Columns};
use crate::store::sink::{Staged, Table, TableWriter};

pub const RESULT: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::text("format"),
    Column::integer("size_bytes"),
    Column::integer("unpacked_bytes"),
    Column::integer("members"),
];
pub const MEMBERS: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::text("member"),
    Column::text("kind"),
    Column::integer("size_bytes"),
];

/// Where unpacked files go; nowhere in a test.
pub struct Output {
    destination: Option<Destination>,
    keep_metadata: bool,
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
pub enum Stop {
    /// It is broken, or a limit was reached: in words.
    Content(io::Error),
    /// The destination refused it.
    Refused(Refused),
    /// The job ends.
    Ended(EngineError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Content(error)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Ended(error)
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Output {
    pub fn new(destination: Option<Destination>, keep_metadata: bool) -> Self {
        Self { destination, keep_metadata }
    }

    pub fn path(&self) -> Option<&Path> {
        self.destination.as_ref().map(Destination::path)
    }

    fn kept(&self, attributes: Attributes) -> Attributes {
        if self.keep_metadata { attributes } else { Attributes::NONE }
    }

    /// Write what `content` gives as the file at `path`; its length.
    pub fn file(&self, path: &[u8], content: &mut impl Read, attributes: Attributes) -> std::result::Result<u64, Stop> {
        let mut block = vec![0; 256 << 10];
        let writing = self.destination.as_ref().map(|destination| destination.create(path)).transpose()?;
        let mut length = 0;
        loop {
            let read = match content.read(&mut block) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Stop::Content(error)),
            };
            length += read as u64;
            if let (Some(writing), Some(path)) = (&writing, self.path()) {
                let written = (&mut &*writing.file).write_all(&block[..read]);
                written.map_err(|error| Refused::All(EngineError::output(path, error)))?;
            }
        }
        if let (Some(writing), Some(destination)) = (writing, &self.destination) {
            destination.publish(path, writing, self.kept(attributes))?;
        }
        Ok(length)
    }

    pub fn directory(&self, path: &[u8], attributes: Attributes) -> std::result::Result<(), Refused> {
        match &self.destination {
            Some(destination) => destination.directory(path, self.kept(attributes)),
            None => Ok(()),
        }
    }

    pub fn symlink(&self, path: &[u8], target: &[u8]) -> std::result::Result<(), Refused> {
        self.destination.as_ref().map_or(Ok(()), |destination| destination.symlink(path, target))
    }

    pub fn link(&self, path: &[u8], existing: &[u8]) -> std::result::Result<(), Refused> {
        self.destination.as_ref().map_or(Ok(()), |destination| destination.link(path, existing))
    }

    pub fn finish(self) -> Result<()> {
        self.destination.map_or(Ok(()), Destination::finish)
    }
}

#[derive(Debug, Default)]
pub struct Sums {
    pub files: u64,
    pub archives: u64,
    pub members: u64,
    pub bytes: u64,
    pub unpacked: u64,
}

/// Rows on their way.
pub struct Rows {
    result: Columns,
    result_writer: TableWriter,
    members: Columns,
    members_writer: TableWriter,
    sums: Sums,
}

/// One compressed file that came out.
pub struct Unpacked<'a> {
    pub path: &'a [u8],
    pub format: &'a str,
    pub size: u64,
    pub unpacked: u64,
    /// Of an archive.
    pub members: Option<u64>,
}

impl Rows {
    pub fn new(context: &Context) -> Self {
        let (result, members) = (Columns::new(RESULT), Columns::new(MEMBERS));
        let table = |name, dictionary| Table { name, dictionary };
        Self {
            result_writer: context.sink.writer(table("result", &["format"]), result.schema()),
            members_writer: context.sink.writer(table("members", &["path", "kind"]), members.schema()),
            result,
            members,
            sums: Sums::default(),
        }
    }

    pub fn file(&mut self, file: &Unpacked<'_>) -> Result<()> {
        self.sums.files += 1;
        self.sums.archives += u64::from(file.members.is_some());
        self.sums.members += file.members.unwrap_or(0);
        self.sums.bytes += file.size;
        self.sums.unpacked += file.unpacked;
        self.result.path(file.path);
        self.result.text(file.format);
        self.result.integer(file.size);
        self.result.integer(file.unpacked);
        self.result.optional_integer(file.members);
        if self.result.is_full() { self.result_writer.write(&self.result.take()?) } else { Ok(()) }
    }

    pub fn member(&mut self, path: &[u8], name: &[u8], kind: MemberKind, size: u64) -> Result<()> {
        self.members.path(path);
        self.members.text(&paths::escape(name));
        self.members.text(kind.as_str());
        self.members.integer(size);
        if self.members.is_full() { self.members_writer.write(&self.members.take()?) } else { Ok(()) }
    }

    pub fn stage(mut self, sums: &mut Sums) -> Result<[Staged; 2]> {
        for (sum, own) in [
            (&mut sums.files, self.sums.files),
            (&mut sums.archives, self.sums.archives),
            (&mut sums.members, self.sums.members),
            (&mut sums.bytes, self.sums.bytes),
            (&mut sums.unpacked, self.sums.unpacked),
        ] {
            *sum += own;
        }
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
