//! Compound files (MS-CFB), in which the old formats of Office are: streams in sectors, each of which leads to the
//! next.
//!
//! Nothing is held for what a file claims. Of a chain of sectors every 64th is kept, and a bit for each sector of the
//! file while the chain is followed, so that one that loops is found.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::package::Unreadable;
use crate::base::issue::IssueKind;

/// How they begin.
pub const COMPOUND: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

const HEADER_BYTES: usize = 512;
const ENTRY_BYTES: usize = 128;
/// Bytes of the sectors of streams that are short.
const MINI_BYTES: u64 = 64;
/// The longest stream that is in such sectors: the format says 4,096.
const MOST_MINI_BYTES: u64 = 64 << 10;
/// In the place of a sector: there is none, or no more.
const NONE: u32 = u32::MAX;
const END: u32 = u32::MAX - 1;
/// Of so many sectors of a chain one is kept.
const STEP: u64 = 64;
/// Sectors of a file: those of the old formats are much smaller.
const MOST_SECTORS: u64 = 1 << 25;
/// Entries of the directory that are looked at.
const MOST_ENTRIES: usize = 1 << 16;

/// A file whose header was read.
pub struct Compound {
    file: File,
    /// A sector has `1 << shift` bytes.
    shift: u32,
    /// Sectors that the file has room for.
    sectors: u64,
    /// The sectors of the table that says which sector follows which.
    table: Vec<u32>,
    directory: u32,
    mini_table: u32,
    /// Streams of fewer bytes are in the short sectors.
    cutoff: u64,
}

/// A stream of the root.
#[derive(Debug, Clone, Copy)]
pub struct StreamEntry {
    first: u32,
    bytes: u64,
}

/// The sectors of a stream.
struct Chain {
    marks: Vec<u32>,
    sectors: u64,
    /// Why it does not go on, where it should.
    fault: &'static str,
}

/// An open stream.
pub struct Stream<'a> {
    compound: &'a Compound,
    chain: Chain,
    bytes: u64,
    /// The bytes themselves, where they are few.
    short: Option<Vec<u8>>,
}

/// Reads a stream from a place on.
pub struct StreamReader<'a> {
    stream: &'a Stream<'a>,
    links: Links,
    at: u64,
    /// The sector of that place.
    sector: u32,
}

/// The last piece of the table.
#[derive(Default)]
struct Links {
    number: Option<usize>,
    piece: Vec<u8>,
}

fn broken(what: &str) -> Unreadable {
    (IssueKind::Malformed, format!("is a damaged compound file: {what}"))
}

fn cut() -> Unreadable {
    broken("it ends too early; perhaps it was cut off")
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(NONE, |bytes| u32::from_le_bytes(*bytes))
}

impl Compound {
    /// An open file.
    ///
    /// # Errors
    /// In words: why it cannot be read.
    pub fn open(file: File) -> Result<Self, Unreadable> {
        let size = file.metadata().map_err(|error| broken(&error.to_string()))?.len();
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0).map_err(|_| cut())?;
        let shift = u32::from(header[30]);
        if !matches!(shift, 9 | 12) {
            return Err(broken("its sectors have a size that the format does not know"));
        }
        let cutoff = u64::from(number(&header, 56));
        if cutoff > MOST_MINI_BYTES {
            return Err(broken("it claims that long streams are short ones"));
        }
        let sectors = size.div_ceil(1 << shift).saturating_sub(1);
        if sectors > MOST_SECTORS {
            return Err((IssueKind::TooLarge, format!("has more than {MOST_SECTORS} sectors")));
        }
        let (directory, mini_table) = (number(&header, 48), number(&header, 60));
        let mut compound = Self { file, shift, sectors, table: Vec::new(), directory, mini_table, cutoff };
        compound.find_table(&header)?;
        Ok(compound)
    }

    /// Where the pieces of the table are: the header names some, and sectors that lead to each other the others.
    fn find_table(&mut self, header: &[u8]) -> Result<(), Unreadable> {
        let wanted = self.sectors.div_ceil(1 << (self.shift - 2)) as usize;
        let mut piece = vec![0; 1 << self.shift];
        let mut listed = &header[76..];
        let mut next = number(header, 68);
        loop {
            for at in (0..listed.len()).step_by(4) {
                let sector = number(listed, at);
                if sector == NONE || self.table.len() >= wanted {
                    return Ok(());
                }
                self.table.push(sector);
            }
            // One that is missing is told where it is needed. A chain that loops ends with the sectors of the file.
            if u64::from(next) >= self.sectors || self.read_sector(next, &mut piece).is_err() {
                return Ok(());
            }
            let (entries, link) = piece.split_at((1 << self.shift) - 4);
            next = number(link, 0);
            listed = entries;
        }
    }

    fn read_sector(&self, sector: u32, piece: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(piece, (u64::from(sector) + 1) << self.shift)
    }

    /// The sector behind one, where the table says it.
    fn next(&self, sector: u32, links: &mut Links) -> Option<u32> {
        let number = (sector >> (self.shift - 2)) as usize;
        if links.number != Some(number) {
            links.piece.resize(1 << self.shift, 0);
            links.number = None;
            self.read_sector(*self.table.get(number)?, &mut links.piece).ok()?;
            links.number = Some(number);
        }
        let at = (sector as usize & ((1 << (self.shift - 2)) - 1)) * 4;
        links.piece.get(at..).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Follow the sectors of a stream, but no more than its bytes need.
    fn chain(&self, first: u32, bytes: u64) -> Chain {
        let wanted = bytes.div_ceil(1 << self.shift);
        let mut chain = Chain { marks: Vec::new(), sectors: 0, fault: "a chain of its sectors is too short" };
        let (mut links, mut sector) = (Links::default(), first);
        let mut seen = vec![0_u64; self.sectors.div_ceil(64) as usize];
        while chain.sectors < wanted && sector != END {
            if u64::from(sector) >= self.sectors {
                chain.fault = "a chain of its sectors leads out of it; perhaps it was cut off";
                break;
            }
            let (word, bit) = (sector as usize / 64, 1 << (sector % 64));
            if seen[word] & bit != 0 {
                chain.fault = "a chain of its sectors loops";
                break;
            }
            seen[word] |= bit;
            if chain.sectors.is_multiple_of(STEP) {
                chain.marks.push(sector);
            }
            chain.sectors += 1;
            match self.next(sector, &mut links) {
                Some(next) => sector = next,
                None if chain.sectors < wanted => {
                    chain.fault = "its table of sectors is not whole; perhaps it was cut off";
                    break;
                }
                None => {}
            }
        }
        chain
    }

    fn stream_of(&self, first: u32, bytes: u64) -> Stream<'_> {
        Stream { compound: self, chain: self.chain(first, bytes), bytes, short: None }
    }

    /// All sectors of a chain.
    fn whole(&self, first: u32) -> Stream<'_> {
        let mut stream = self.stream_of(first, self.sectors << self.shift);
        stream.bytes = stream.chain.sectors << self.shift;
        stream
    }

    /// The streams of these names in its root.
    ///
    /// # Errors
    /// In words: why they cannot be looked for.
    pub fn find<const COUNT: usize>(&self, names: [&str; COUNT]) -> Result<[Option<StreamEntry>; COUNT], Unreadable> {
        let directory = self.whole(self.directory);
        let mut found = [None; COUNT];
        let root = entry(&directory, 0).ok_or_else(cut)?;
        let (mut open, mut seen, mut fault) = (vec![number(&root, 76)], 0, None);
        while let Some(id) = open.pop() {
            if id == NONE {
                continue;
            }
            seen += 1;
            if seen > MOST_ENTRIES {
                fault = Some("its directory loops, or has too many entries");
                break;
            }
            let Some(bytes) = entry(&directory, id) else {
                fault = Some("its directory is not whole; perhaps it was cut off");
                continue;
            };
            for (name, found) in names.iter().zip(&mut found) {
                if found.is_none() && bytes[66] == 2 && is_named(&bytes, name) {
                    *found = Some(self.told(&bytes));
                }
            }
            open.extend([number(&bytes, 72), number(&bytes, 68)]);
        }
        match fault {
            // What is damaged may be what was looked for.
            Some(fault) if found.iter().all(Option::is_none) => Err(broken(fault)),
            _ => Ok(found),
        }
    }

    fn told(&self, entry: &[u8]) -> StreamEntry {
        // In files of small sectors the upper half may be anything.
        let upper = if self.shift == 9 { 0 } else { u64::from(number(entry, 124)) << 32 };
        StreamEntry { first: number(entry, 116), bytes: u64::from(number(entry, 120)) | upper }
    }

    /// Open a stream.
    ///
    /// # Errors
    /// In words: why it cannot be found.
    pub fn stream(&self, entry: StreamEntry) -> Result<Stream<'_>, Unreadable> {
        let StreamEntry { first, bytes } = entry;
        if bytes >= self.cutoff {
            return Ok(self.stream_of(first, bytes));
        }
        let directory = self.whole(self.directory);
        let root = self::entry(&directory, 0).ok_or_else(cut)?;
        let (mini, table) = (self.whole(self.told(&root).first), self.whole(self.mini_table));
        let (mut content, mut sector) = (Vec::with_capacity(bytes as usize), first);
        while (content.len() as u64) < bytes {
            let (mut piece, mut next) = ([0; MINI_BYTES as usize], [0; 4]);
            // The file may end with the bytes that are wanted, within the last sector.
            let wanted = (bytes - content.len() as u64).min(MINI_BYTES) as usize;
            let read = mini.read_at(u64::from(sector) * MINI_BYTES, &mut piece[..wanted]);
            let read = read.map_err(|error| broken(&error.to_string()))?;
            content.extend_from_slice(&piece[..read]);
            if read < wanted {
                break;
            }
            let linked = table.read_at(u64::from(sector) * 4, &mut next);
            sector = linked.ok().filter(|read| *read == 4).map_or(END, |_| u32::from_le_bytes(next));
        }
        let chain = Chain { marks: Vec::new(), sectors: 0, fault: "a chain of its short sectors is too short" };
        Ok(Stream { compound: self, chain, bytes, short: Some(content) })
    }
}

/// An entry of the directory.
fn entry(directory: &Stream<'_>, id: u32) -> Option<[u8; ENTRY_BYTES]> {
    let mut bytes = [0; ENTRY_BYTES];
    let read = directory.read_at(u64::from(id) * ENTRY_BYTES as u64, &mut bytes).ok()?;
    (read == ENTRY_BYTES).then_some(bytes)
}

fn is_named(entry: &[u8], name: &str) -> bool {
    let units = entry[..64].as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let units = units.take_while(|unit| *unit != 0).map(|unit| u8::try_from(unit).unwrap_or_default());
    units.map(|byte| byte.to_ascii_lowercase()).eq(name.bytes().map(|byte| byte.to_ascii_lowercase()))
}

impl Stream<'_> {
    /// Its bytes, as the file claims.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Read from a place on.
    pub fn reader(&self, at: u64) -> StreamReader<'_> {
        StreamReader { stream: self, links: Links::default(), at, sector: NONE }
    }

    /// What is there at a place, up to the end.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (mut reader, mut read) = (self.reader(at), 0);
        while read < buffer.len() {
            match reader.read(&mut buffer[read..])? {
                0 => break,
                more => read += more,
            }
        }
        Ok(read)
    }

    fn fault(&self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self.chain.fault)
    }
}

impl StreamReader<'_> {
    /// The sector of the place, of which the one before may be known.
    fn find(&mut self, shift: u32) -> io::Result<()> {
        let (stream, index) = (self.stream, self.at >> shift);
        if index >= stream.chain.sectors {
            return Err(stream.fault());
        }
        let is_next = self.sector != NONE && !index.is_multiple_of(STEP);
        let (mut sector, steps) = match stream.chain.marks.get((index / STEP) as usize) {
            _ if is_next => (self.sector, 1),
            Some(mark) => (*mark, index % STEP),
            None => return Err(stream.fault()),
        };
        for _ in 0..steps {
            sector = stream.compound.next(sector, &mut self.links).ok_or_else(|| stream.fault())?;
        }
        self.sector = sector;
        Ok(())
    }
}

impl Read for StreamReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (stream, at) = (self.stream, self.at);
        let wanted = (stream.bytes.saturating_sub(at)).min(buffer.len() as u64);
        if wanted == 0 {
            return Ok(0);
        }
        if let Some(short) = &stream.short {
            let rest = short.get(at as usize..).filter(|rest| !rest.is_empty()).ok_or_else(|| stream.fault())?;
            let read = rest.len().min(wanted as usize);
            buffer[..read].copy_from_slice(&rest[..read]);
            self.at += read as u64;
            return Ok(read);
        }
        let shift = stream.compound.shift;
        let within = at & ((1 << shift) - 1);
        if within == 0 || self.sector == NONE {
            self.find(shift)?;
        }
        // Sectors behind each other are read at once.
        let (first, mut run) = (self.sector, (1 << shift) - within);
        let known = (stream.chain.sectors << shift) - at;
        while run < wanted.min(known) && stream.compound.next(self.sector, &mut self.links) == Some(self.sector + 1) {
            (self.sector, run) = (self.sector + 1, run + (1 << shift));
        }
        let place = ((u64::from(first) + 1) << shift) + within;
        let read = stream.compound.file.read_at(&mut buffer[..wanted.min(run) as usize], place)?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it ends too early; perhaps it was cut off"));
        }
        self.at += read as u64;
        self.sector = first + ((within + read as u64 - 1) >> shift) as u32;
        Ok(read)
    }
}
