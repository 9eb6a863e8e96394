//! A tar, member by member, as GNU tar, bsdtar, star, Solaris, Ant and old Unix write it.
//!
//! The library that writes our own tars reads fewer forms: no sparse members of PAX, no signed checksums, no second
//! archive behind the first. Formats: POSIX.1-2008 pax, and GNU tar's manual, "Basic Tar Format" and "Sparse Formats".

mod header;
mod records;
mod sparse;

use std::io::{self, Read};

pub use self::header::{BLOCK, is_header};
use self::header::{Block, TarHeader};
use self::records::PaxRecords;
pub use self::sparse::Map;
use pravah_foundation::base::paths;
use pravah_foundation::io::codec::{self, Rubbish};
use pravah_foundation::io::destination::Time;

/// What may describe one member: long names, extensions. It is kept in memory.
const DESCRIPTION_BYTES: u64 = 1 << 20;

/// Of a number that is none, so much is shown.
const SHOWN_BYTES: usize = 40;
type IsNumber = fn(&[u8]) -> bool;
/// The numbers of an extended header that are used, and what each has to be.
const NUMBERS: [(&str, IsNumber); 6] = [
    ("size", |value| records::number(value).is_some()),
    ("uid", |value| records::number(value).is_some()),
    ("gid", |value| records::number(value).is_some()),
    ("mtime", |value| Time::parse(value).is_some()),
    ("GNU.sparse.size", |value| records::number(value).is_some()),
    ("GNU.sparse.realsize", |value| records::number(value).is_some()),
];

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    File,
    Directory,
    Symlink,
    HardLink,
    /// Nothing that is unpacked, in words.
    Other(&'static str),
}

/// A member; its content is read from the tar.
#[derive(Debug)]
pub struct TarEntry {
    pub what: What,
    pub name: Vec<u8>,
    /// Where a link leads to.
    pub link: Vec<u8>,
    pub mode: Option<u32>,
    pub owner: Option<(u32, u32)>,
    pub mtime: Option<Time>,
    /// Where the content goes of a file with holes.
    pub map: Option<Map>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is wrong with its description, in words.
    pub troubles: Vec<String>,
}

/// What was skipped because nobody can tell what it is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Damaged {
    pub places: u64,
    pub bytes: u64,
    /// The last member before the first of them, and where that is.
    pub after: Vec<u8>,
    pub at: u64,
    /// Nothing but zeros is there, and no end of the archive.
    pub is_zeroed: bool,
}

/// What comes after the end of an archive.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Bytes that are no part of an archive.
    pub rubbish: u64,
    /// A further archive.
    pub is_joined: bool,
    /// Not even the two empty blocks that end one.
    pub is_open: bool,
    /// Headers that are damaged, and the bytes up to the next ones.
    pub damaged: Damaged,
    /// What is behind the stream that the archive is compressed in.
    pub stream: Option<Rubbish>,
}

/// A tar that is being read.
pub struct TarReader<R> {
    reader: R,
    /// Bytes that were read.
    at: u64,
    globals: PaxRecords,
    /// Bytes of the member's content that are left, and of the blocks it fills.
    left: u64,
    rest: u64,
    peeked: Option<Block>,
    began: bool,
    /// The name of the last member.
    last: Vec<u8>,
    pub behind: Behind,
}

/// What was found before a member's own header.
#[derive(Default)]
struct Before {
    records: PaxRecords,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    bytes: u64,
}

impl<R: Read> TarReader<R> {
    pub fn new(reader: R) -> Self {
        let (globals, behind) = (PaxRecords::default(), Behind::default());
        Self { reader, at: 0, globals, left: 0, rest: 0, peeked: None, began: false, last: Vec::new(), behind }
    }

    /// The next member; none at the end.
    ///
    /// # Errors
    /// The tar is damaged or cut off, or a member is described in too many bytes.
    pub fn next(&mut self) -> io::Result<Option<TarEntry>> {
        self.skip()?;
        let mut before = Before::default();
        while let Some(block) = self.header()? {
            let header = TarHeader(&block);
            let size = header.size();
            match header.kind() {
                b'x' | b'X' => {
                    let text = self.description(size, &mut before.bytes)?;
                    before.records.parse(&text);
                }
                b'g' => {
                    let text = self.description(size, &mut before.bytes)?;
                    self.globals.parse(&text);
                }
                b'L' => before.name = Some(until_nul(self.description(size, &mut before.bytes)?)),
                b'K' => before.link = Some(until_nul(self.description(size, &mut before.bytes)?)),
                // The label of a volume, and an access list of Solaris: about no member.
                b'V' | b'A' => {
                    self.content(size);
                    self.skip()?;
                }
                kind => return self.entry(&header, kind, before).map(Some),
            }
        }
        if before.bytes > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "ends after the header of a member"));
        }
        Ok(None)
    }

    fn entry(&mut self, header: &TarHeader<'_>, kind: u8, before: Before) -> io::Result<TarEntry> {
        let Before { records, name, link, .. } = before;
        let text = |key: &str| records.get(key).or_else(|| self.globals.get(key)).map(<[u8]>::to_vec);
        let number = |key: &str| text(key).and_then(|value| records::number(&value));
        let size = number("size").unwrap_or(header.size());
        let name = text("GNU.sparse.name").or_else(|| text("path")).or(name).unwrap_or_else(|| header.name());
        let link = text("linkpath").or(link).unwrap_or_else(|| header.link());
        let id = |key: &str, own: Option<u64>| number(key).or(own).and_then(|id| u32::try_from(id).ok());
        let owner = id("uid", header.uid()).zip(id("gid", header.gid()));
        let mtime = text("mtime").and_then(|value| Time::parse(&value)).or_else(|| header.mtime());
        let mut troubles = Vec::new();
        if records.is_damaged {
            let words = "the extended header of the member is damaged: its name, size or times may be wrong";
            troubles.push(words.to_owned());
        }
        let is_bad = |&(key, is_good): &(&str, IsNumber)| text(key).is_some_and(|value| !is_good(&value));
        for (key, _) in NUMBERS.iter().filter(|one| is_bad(one)) {
            let mut value = text(key).unwrap_or_default();
            value.truncate(SHOWN_BYTES);
            let value = paths::escape(&value);
            troubles.push(format!("its extended header has {value} as {key}, which is no number, and was not used"));
        }
        if text("size").is_none() && matches!(kind, 0 | b'0' | b'7' | b'S') && header.has_bad_size() {
            troubles.push("the size in its header is no number: its content was not found".to_owned());
        }
        let what = match kind {
            0 | b'0' | b'7' | b'S' if name.ends_with(b"/") => What::Directory,
            0 | b'0' | b'7' | b'S' => What::File,
            b'1' => What::HardLink,
            b'2' => What::Symlink,
            b'3' => What::Other("is a character device and is not unpacked"),
            b'4' => What::Other("is a block device and is not unpacked"),
            b'5' | b'D' => What::Directory,
            b'6' => What::Other("is a named pipe and is not unpacked"),
            b'M' => What::Other("continues a file of an earlier volume and is not unpacked"),
            b'N' => What::Other("is a list of long names of an old GNU tar and is not unpacked"),
            _ => What::Other("has a type that is not supported and is not unpacked"),
        };
        let parts = records.sparse();
        let real = number("GNU.sparse.realsize").or_else(|| number("GNU.sparse.size"));
        let xattrs = records.xattrs();
        self.last.clone_from(&name);
        if self.announce(what, kind, size)? {
            troubles.push(format!("is a directory or link with {size} bytes of content, which were not unpacked"));
        }
        let (map, bad) = match self.map(header, kind, (parts, real)) {
            Ok(map) => (map, None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (None, Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let what = if bad.is_some() { What::Other("has a damaged list of holes and is not unpacked") } else { what };
        let lost = map.as_ref().map_or(0, |map| self.left - map.stored());
        if lost > 0 {
            troubles.push(format!("{lost} bytes of its content have no place in its list of holes and were skipped"));
        }
        let mode = header.mode();
        Ok(TarEntry { what, name, link, mode, owner, mtime, map, xattrs, troubles })
    }

    /// What follows the header; true when it is content that nothing is made of.
    ///
    /// Some tars tell a size of directories and links and have no content of them. A directory of GNU's incremental tars has
    /// a list of names. What POSIX lets a hard link have should be the content of its file; nobody can tell in a test.
    fn announce(&mut self, what: What, kind: u8, size: u64) -> io::Result<bool> {
        let may_lie = size > 0 && kind != b'D' && matches!(what, What::Directory | What::Symlink | What::HardLink);
        if may_lie {
            self.peeked = self.block()?;
            if self.peeked.as_ref().is_none_or(|block| is_header(block) || block.iter().all(|&byte| byte == 0)) {
                return Ok(false);
            }
        }
        self.content(size);
        Ok(may_lie)
    }

    fn content(&mut self, size: u64) {
        self.left = size;
        self.rest = size.checked_next_multiple_of(BLOCK as u64).unwrap_or(size);
    }

    fn map(
        &mut self,
        header: &TarHeader<'_>,
        kind: u8,
        (parts, real): (sparse::SparseFormat, Option<u64>),
    ) -> io::Result<Option<Map>> {
        let map = match (kind, parts) {
            (b'S', _) => {
                let (mut parts, mut goes_on) = header.holes();
                while goes_on {
                    // These blocks are no part of the content's size.
                    let block = self.block()?.ok_or(io::ErrorKind::UnexpectedEof)?;
                    goes_on = sparse::more(&block, &mut parts)?;
                }
                Map::new(parts, header.real_size().unwrap_or(0))?
            }
            (_, sparse::SparseFormat::Nothing) => return Ok(None),
            (_, sparse::SparseFormat::Parts(parts)) => Map::new(parts, real.ok_or_else(sparse::damaged)?)?,
            (_, sparse::SparseFormat::InContent) => {
                let parts = sparse::read(&mut *self)?;
                Map::new(parts, real.ok_or_else(sparse::damaged)?)?
            }
        };
        if map.stored() > self.left { Err(sparse::damaged()) } else { Ok(Some(map)) }
    }

    /// What describes a member, in full.
    fn description(&mut self, size: u64, all: &mut u64) -> io::Result<Vec<u8>> {
        *all = all.saturating_add(size.saturating_add(BLOCK as u64));
        if *all > DESCRIPTION_BYTES {
            return Err(io::Error::other("has a member header larger than 1 MiB"));
        }
        self.content(size);
        let mut text = Vec::with_capacity(size as usize);
        self.read_to_end(&mut text)?;
        self.skip()?;
        Ok(text)
    }

    /// The next header; none at the end of the archive.
    ///
    /// What is none, though one should be there, is skipped up to the next one.
    fn header(&mut self) -> io::Result<Option<Block>> {
        let (mut empty, mut is_lost) = (0, false);
        loop {
            let mut block = [0; BLOCK];
            let read = self.fill(&mut block)?;
            let is_empty = block.iter().all(|&byte| byte == 0);
            if read == BLOCK && is_empty {
                empty += 1;
                continue;
            }
            // One empty block alone ends no archive: it is where a header was.
            if read == BLOCK && empty == 1 && !is_lost {
                self.lose(2 * BLOCK, BLOCK, true);
                (empty, is_lost) = (0, true);
            }
            if read == BLOCK && is_header(&block) {
                self.behind.is_joined |= empty > 1 && self.began && !is_lost;
                self.began = true;
                return Ok(Some(block));
            } else if is_lost && read > 0 {
                self.behind.damaged.bytes += read as u64;
                empty = 0;
            } else if empty > 0 || read == 0 {
                self.behind.is_open = empty == 0 && !is_lost;
                self.behind.rubbish =
                    if is_empty { 0 } else { read as u64 + io::copy(&mut self.reader, &mut io::sink())? };
                return Ok(None);
            } else if read < BLOCK {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "ends in the middle of a member's header"));
            } else {
                self.lose(read, read, false);
                is_lost = true;
            }
        }
    }

    /// Note that a header is damaged that begins `back` bytes before this place, and that `bytes` are of no member.
    fn lose(&mut self, back: usize, bytes: usize, is_zeroed: bool) {
        let damaged = &mut self.behind.damaged;
        if damaged.places == 0 {
            damaged.after.clone_from(&self.last);
            (damaged.at, damaged.is_zeroed) = (self.at - back as u64, is_zeroed);
        }
        (damaged.places, damaged.bytes) = (damaged.places + 1, damaged.bytes + bytes as u64);
    }

    /// A block, or the one that was looked at; none at the end.
    fn block(&mut self) -> io::Result<Option<Block>> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "ends in the middle of a block")),
        }
    }

    fn fill(&mut self, block: &mut Block) -> io::Result<usize> {
        if let Some(peeked) = self.peeked.take() {
            *block = peeked;
            return Ok(BLOCK);
        }
        let mut read = 0;
        while read < BLOCK {
            match self.reader.read(&mut block[read..]) {
                Ok(0) => break,
                Ok(now) => {
                    read += now;
                    self.at += now as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => match codec::rubbish(&error) {
                    None => return Err(error),
                    rubbish => {
                        self.behind.stream = rubbish.cloned();
                        break;
                    }
                },
            }
        }
        Ok(read)
    }

    /// Pass over what was not read of a member.
    fn skip(&mut self) -> io::Result<()> {
        if self.rest > 0 && self.peeked.take().is_some() {
            self.rest -= BLOCK as u64;
            self.left = self.left.saturating_sub(BLOCK as u64);
        }
        let passed = io::copy(&mut self.reader.by_ref().take(self.rest), &mut io::sink())?;
        self.at += passed;
        let is_cut = passed < self.left;
        (self.left, self.rest) = (0, 0);
        if is_cut { Err(cut()) } else { Ok(()) }
    }
}

impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.reader.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(cut());
        }
        self.left -= read as u64;
        self.rest -= read as u64;
        self.at += read as u64;
        Ok(read)
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "ends in the middle of a member")
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    text.truncate(memchr::memchr(0, &text).unwrap_or(text.len()));
    text
}
