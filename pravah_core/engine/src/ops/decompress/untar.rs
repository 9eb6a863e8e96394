//! The members of a tar, one after the other.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use tar::{EntryType, Header};

use super::entries::{MemberKind, Stop, tell};
use super::limits::{Meter, Metered};
use super::stream::CompressedFile;
use super::{Shared, names};
use crate::base::issue::IssueKind;
use crate::base::paths;
use crate::io::destination::Attributes;

/// Bytes of a tar's block, and of its header.
pub const BLOCK: usize = 512;
/// What may describe one member: its header, long names, extensions. The library keeps it in memory.
const DESCRIPTION_BYTES: u64 = 1 << 20;

/// True when a tar begins so: its first header's checksum is right.
pub fn is_tar(start: &[u8]) -> bool {
    let Some(block) = start.get(..BLOCK) else { return false };
    let sum: u32 =
        block.iter().enumerate().map(|(at, &byte)| u32::from(if (148..156).contains(&at) { b' ' } else { byte })).sum();
    let header = Header::from_byte_slice(block);
    !header.path_bytes().is_empty() && header.cksum().is_ok_and(|told| told == sum)
}

/// Unpack all members below `folder`; their number. A member that is refused is an issue, and the others go on.
///
/// # Errors
/// The tar is broken or beyond a limit, or nothing more can be written.
pub fn unpack(
    shared: &Shared,
    file: &CompressedFile,
    folder: &[u8],
    reader: impl Read,
    meter: &Meter,
) -> Result<u64, Stop> {
    let guard = Rc::new(Cell::new(Some(DESCRIPTION_BYTES)));
    let mut archive = tar::Archive::new(Guarded { inner: reader, left: Rc::clone(&guard) });
    let mut members = 0;
    for entry in archive.entries()? {
        let mut entry = entry?;
        guard.set(None);
        members += 1;
        if members > shared.limits.members {
            return Err(shared.limits.too_many_members(meter));
        }
        let name = entry.path_bytes().into_owned();
        let member = Member { shared, file, folder, name: &name, attributes: attributes(entry.header()) };
        let kind = entry.header().entry_type();
        let length = match kind {
            EntryType::Directory => member.directory()?,
            EntryType::Regular if name.ends_with(b"/") => member.directory()?,
            EntryType::Regular | EntryType::Continuous => member.content(&mut entry)?,
            // Its holes are not in the tar, and may be of any length.
            EntryType::GNUSparse => {
                let control = &*shared.context.control;
                let metered = Metered { inner: &mut entry, meter: meter.clone(), limits: &shared.limits, control };
                member.content(metered)?
            }
            EntryType::Symlink => member.symlink(&entry.link_name_bytes().unwrap_or_default())?,
            EntryType::Link => member.hard_link(&entry.link_name_bytes().unwrap_or_default())?,
            // Tells of the whole tar, such as a commit.
            EntryType::XGlobalHeader => {
                members -= 1;
                None
            }
            other => {
                member.refuse(&format!("is a {other:?} and is not unpacked"));
                None
            }
        };
        if let Some((kind, length)) = length {
            shared.rows.acquire().member(&file.path, &name, kind, length)?;
        }
        // What was not read of it is no part of the next one's description.
        io::copy(&mut entry, &mut io::sink())?;
        guard.set(Some(DESCRIPTION_BYTES));
    }
    Ok(members)
}

fn attributes(header: &Header) -> Attributes {
    let number = |value: io::Result<u64>| value.ok().and_then(|value| u32::try_from(value).ok());
    Attributes {
        // Nobody's set-uid comes out of an archive.
        mode: header.mode().ok().map(|mode| mode & 0o777),
        mtime_ns: header.mtime().ok().and_then(|time| i64::try_from(time).ok()?.checked_mul(1_000_000_000)),
        owner: number(header.uid()).zip(number(header.gid())),
    }
}

/// One member of an archive, on its way to its place.
pub struct Member<'a> {
    pub shared: &'a Shared,
    pub file: &'a CompressedFile,
    pub folder: &'a [u8],
    pub name: &'a [u8],
    pub attributes: Attributes,
}

/// What a member became and its length; none when it was refused.
type Placed = Result<Option<(MemberKind, u64)>, Stop>;

impl Member<'_> {
    /// Note why it is not unpacked.
    pub fn refuse(&self, why: &str) {
        let message = format!("member {}: {why}", paths::escape(self.name));
        self.shared.context.control.issue("write", &self.file.path, IssueKind::Unsupported, message);
    }

    fn path(&self) -> Option<Vec<u8>> {
        names::member(self.folder, self.name).map_err(|why| self.refuse(why)).ok()
    }

    fn placed(&self, done: Result<(), crate::io::destination::Refused>, kind: MemberKind) -> Placed {
        match done {
            Ok(()) => Ok(Some((kind, 0))),
            Err(refused) => {
                tell(refused, &self.shared.context.control, &self.file.path, self.name)?;
                Ok(None)
            }
        }
    }

    pub fn directory(&self) -> Placed {
        let Some(path) = self.path() else { return Ok(None) };
        self.placed(self.shared.output.directory(&path, self.attributes), MemberKind::Directory)
    }

    pub fn content(&self, mut content: impl Read) -> Placed {
        let Some(path) = self.path() else { return Ok(None) };
        match self.shared.output.file(&path, &mut content, self.attributes) {
            Ok(length) => Ok(Some((MemberKind::File, length))),
            Err(Stop::Refused(refused)) => {
                tell(refused, &self.shared.context.control, &self.file.path, self.name)?;
                Ok(None)
            }
            Err(stop) => Err(stop),
        }
    }

    pub fn symlink(&self, target: &[u8]) -> Placed {
        let Some(path) = self.path() else { return Ok(None) };
        if let Err(why) = names::link(self.folder, &path, target) {
            self.refuse(why);
            return Ok(None);
        }
        self.placed(self.shared.output.symlink(&path, target), MemberKind::Symlink)
    }

    fn hard_link(&self, target: &[u8]) -> Placed {
        let Some(path) = self.path() else { return Ok(None) };
        match names::member(self.folder, target) {
            Ok(existing) => self.placed(self.shared.output.link(&path, &existing), MemberKind::HardLink),
            Err(why) => {
                self.refuse(&format!("is a link, and of what it leads to {why}"));
                Ok(None)
            }
        }
    }
}

/// A reader that gives so many bytes while a limit is set.
struct Guarded<R> {
    inner: R,
    left: Rc<Cell<Option<u64>>>,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left.get() else { return self.inner.read(buffer) };
        if left == 0 {
            return Err(io::Error::other("describes a member in more than 1 MiB"));
        }
        let most = buffer.len().min(left as usize);
        let read = self.inner.read(&mut buffer[..most])?;
        self.left.set(Some(left - read as u64));
        Ok(read)
    }
}
