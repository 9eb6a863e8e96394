//! One file: told by its first bytes, and unpacked as they come by.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use super::entries::{MemberContent, UnpackStop, Unpacked};
use super::limits::{Metered, UnpackMeter};
use super::{Shared, names, tarball, untar, unzip};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::Meta;
use pravah_foundation::base::pool::feed::Feed;
use pravah_foundation::io::claims::Claim;
use pravah_foundation::io::codec::{self, Codec, Rubbish, decoder};
use pravah_foundation::io::destination::Attributes;
use pravah_foundation::io::digest::{BLOCK_BYTES, End, Reading};

/// A file that is being read.
pub struct UnpackReading<'a> {
    shared: &'a Arc<Shared>,
    file: CompressedFile,
    state: State,
}

enum State {
    /// Nothing has come yet.
    New,
    /// It is none of ours, or done already.
    Done,
    /// A thread of its own unpacks it.
    Fed(Feed<()>),
    /// It is read once more, member by member.
    Zip,
    /// It may be a zip behind something else, which begins so.
    Tail(Vec<u8>),
}

/// A compressed file.
#[derive(Clone)]
pub struct CompressedFile {
    pub path: Vec<u8>,
    pub meta: Meta,
}

/// A zip begins with its first member, or is empty, or was meant for several disks.
const ZIPS: [&[u8]; 4] = [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08PK\x03\x04", b"PK00PK\x03\x04"];
/// How much of the beginning of a file tells what is there in the place of an archive.
const CLAIM_BYTES: usize = 64;
/// Programs and scripts begin so; a zip may be at their end.
const STUBS: [&[u8]; 3] = [b"MZ", b"\x7fELF", b"#!"];

/// What its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    Stream(Codec),
    Tar,
    Zip,
}

impl StreamFormat {
    /// What a file is that begins with `start`.
    pub fn of(start: &[u8], archives: bool) -> Option<Self> {
        match Codec::of(start) {
            Some(codec) => Some(Self::Stream(codec)),
            None if archives && tarball::is_header(start) => Some(Self::Tar),
            None if archives && ZIPS.iter().any(|zip| start.starts_with(zip)) => Some(Self::Zip),
            None => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Stream(codec) => codec.name(),
            Self::Tar => "tar",
            Self::Zip => "zip",
        }
    }
}

/// True when a zip may be behind what a file begins with.
fn may_have_tail(path: &[u8], start: &[u8]) -> bool {
    STUBS.iter().any(|stub| start.starts_with(stub)) || Claim::of(path) == Some(Claim::Zip)
}

/// True for the two blocks of zeros that end a tar, and nothing else.
fn is_empty_tar(start: &[u8]) -> bool {
    start.len() >= 2 * tarball::BLOCK
        && start.len().is_multiple_of(tarball::BLOCK)
        && start.iter().all(|&byte| byte == 0)
}

impl<'a> UnpackReading<'a> {
    pub fn new(shared: &'a Arc<Shared>, path: &[u8], meta: &Meta) -> Self {
        Self { shared, file: CompressedFile { path: path.to_vec(), meta: *meta }, state: State::New }
    }

    fn begin(&self, start: &[u8]) -> Result<State> {
        let archives = self.shared.unpack_archives;
        let form = StreamFormat::of(start, archives);
        let (path, size) = (&self.file.path[..], self.file.meta.size);
        if let Some(form) = form {
            self.shared.verdicts.begin(path, form.name(), size);
        }
        Ok(match form {
            None if archives && may_have_tail(path, start) => {
                State::Tail(start[..start.len().min(CLAIM_BYTES)].to_vec())
            }
            None => {
                // An empty tar is zeros alone.
                if Claim::of(path) == Some(Claim::Tar) && start.len() as u64 == size && is_empty_tar(start) {
                    let target = self.shared.target(path, names::folder(path));
                    let row = Unpacked { path, format: "tar", size, unpacked: 0, members: Some(0), target: &target };
                    self.shared.came_out(&row)?;
                } else {
                    self.shared.no_form(path, start, size);
                }
                State::Done
            }
            Some(StreamFormat::Zip) => State::Zip,
            // The last block of a file is the only one that may be short.
            Some(form) if start.len() < BLOCK_BYTES => {
                self.file.unpack(self.shared, form, start)?;
                State::Done
            }
            Some(form) => {
                let (shared, file) = (Arc::clone(self.shared), self.file.clone());
                State::Fed(Feed::start(&self.shared.context.control, move |packed| file.unpack(&shared, form, packed))?)
            }
        })
    }
}

impl Reading for UnpackReading<'_> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        if matches!(self.state, State::New) {
            self.state = self.begin(bytes)?;
        }
        match &self.state {
            State::Fed(feed) => feed.send(bytes),
            _ => Ok(false),
        }
    }

    fn end(self: Box<Self>, end: End<'_>) -> Result<()> {
        match (self.state, end) {
            (State::Fed(feed), _) => feed.finish(),
            (State::Zip, End::Whole(_)) => unzip::unpack(self.shared, &self.file),
            (State::Tail(_), End::Whole(_)) if unzip::has_tail(self.shared, &self.file.path) => {
                self.shared.verdicts.begin(&self.file.path, StreamFormat::Zip.name(), self.file.meta.size);
                unzip::unpack(self.shared, &self.file)
            }
            (State::Tail(start), End::Whole(_)) => {
                self.shared.no_form(&self.file.path, &start, self.file.meta.size);
                Ok(())
            }
            (State::New, End::Whole(_)) => {
                self.shared.no_form(&self.file.path, &[], 0);
                Ok(())
            }
            (State::New | State::Tail(_), End::Broken(_)) => {
                self.shared.verdicts.unseen();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl CompressedFile {
    /// Unpack what `packed` holds; what goes wrong is an issue.
    fn unpack(&self, shared: &Shared, form: StreamFormat, packed: impl BufRead) -> Result<()> {
        let meter = UnpackMeter::new(self.meta.size);
        let done = match form {
            StreamFormat::Stream(codec) => self.stream(shared, codec, packed, &meter),
            // A tar alone is as long as what is in it.
            StreamFormat::Tar | StreamFormat::Zip => self.tar(shared, packed, &meter),
        };
        match done {
            Ok(Done { format, unpacked, members, target, behind }) => {
                behind.iter().for_each(|behind| tell_behind(&shared.context.control, &self.path, behind));
                let (path, size) = (&self.path[..], self.meta.size);
                shared.came_out(&Unpacked { path, format: &format, size, unpacked, members, target: &target })
            }
            Err(stop) => self.stopped(shared, &meter, stop),
        }
    }

    fn tar(&self, shared: &Shared, content: impl Read, meter: &UnpackMeter) -> std::result::Result<Done, UnpackStop> {
        let target = shared.target(&self.path, names::folder(&self.path));
        let members = untar::unpack(shared, self, &target, content, meter)?;
        Ok(Done { format: "tar".into(), unpacked: self.meta.size, members: Some(members), target, behind: None })
    }

    /// A compressed stream; an archive in it is unpacked too.
    fn stream(
        &self,
        shared: &Shared,
        codec: Codec,
        packed: impl BufRead,
        meter: &UnpackMeter,
    ) -> std::result::Result<Done, UnpackStop> {
        let (inner, control) = (decoder(codec, packed)?, &*shared.context.control);
        let mut metered = Metered { inner, meter: meter.clone(), limits: &shared.limits, control };
        let (start, end) = peek_until_trouble(&mut metered, tarball::BLOCK);
        let is_tar = shared.unpack_archives && tarball::is_header(&start);
        let unpacked = names::unpacked(&self.path);
        if shared.unpack_archives
            && !is_tar
            && Claim::of(&unpacked) == Some(Claim::Tar)
            && start.iter().any(|&byte| byte != 0)
        {
            let message = "does not contain a tar archive, although its name says so";
            control.issue("read", &self.path, IssueKind::Malformed, message);
        }
        let target = shared.target(&self.path, if is_tar { names::folder(&unpacked) } else { unpacked });
        let rest = Ended { inner: metered, end };
        let mut content = BufReader::with_capacity(256 << 10, io::Cursor::new(start).chain(rest));
        if is_tar {
            let members = untar::unpack(shared, self, &target, &mut content, meter)?;
            // What follows the tar's end is read, too: it may be broken.
            let rest = io::copy(&mut content, &mut io::sink());
            let behind = rest.as_ref().err().and_then(codec::rubbish).cloned();
            if behind.is_none() {
                rest?;
            }
            let format = format!("tar in {}", codec.name());
            return Ok(Done { format, unpacked: meter.unpacked(), members: Some(members), target, behind });
        }
        let attributes = Attributes::of(&shared.context.root, &self.path, &self.meta);
        let came = shared.output.file(&target, MemberContent::of(&mut content), attributes)?;
        Ok(Done { format: codec.name().into(), unpacked: came.length, members: None, target, behind: came.behind })
    }

    /// Note why it did not come out, or end the job.
    ///
    /// # Errors
    /// The job is over, or nothing more can be written.
    pub fn stopped(&self, shared: &Shared, meter: &UnpackMeter, stop: UnpackStop) -> Result<()> {
        let control = &shared.context.control;
        let error = match stop {
            UnpackStop::Ended(error) => return Err(error),
            UnpackStop::Refused(refused) => return refused.tell(control, &self.path),
            UnpackStop::Content(error) => error,
        };
        control.check()?;
        let (kind, message) = match meter.is_exceeded() {
            true => (IssueKind::TooLarge, format!("{error}; it was skipped")),
            false if error.kind() == io::ErrorKind::Unsupported => (IssueKind::Unsupported, error.to_string()),
            false => (IssueKind::Malformed, format!("is damaged: {error}")),
        };
        control.issue("read", &self.path, kind, message);
        Ok(())
    }
}

/// A file that came out.
struct Done {
    format: String,
    unpacked: u64,
    members: Option<u64>,
    target: Vec<u8>,
    /// What is behind its stream.
    behind: Option<Rubbish>,
}

/// Padding is told, and takes nothing from the verdict: all of the file came out.
pub fn tell_behind(control: &Control, path: &[u8], behind: &Rubbish) {
    let message = behind.to_string();
    match behind.is_padding() {
        true => control.remark("read", path, IssueKind::Malformed, message),
        false => control.issue("read", path, IssueKind::Malformed, message),
    }
}

/// The first bytes of a reader, and what ended it before there were as many.
fn peek_until_trouble(reader: &mut impl Read, length: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut start = Vec::with_capacity(length);
    let end = reader.by_ref().take(length as u64).read_to_end(&mut start).err();
    (start, end)
}

/// A reader that has ended with an error, if there is one.
struct Ended<R> {
    inner: R,
    end: Option<io::Error>,
}

impl<R: Read> Read for Ended<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.end.take().map_or_else(|| self.inner.read(buffer), Err)
    }
}
