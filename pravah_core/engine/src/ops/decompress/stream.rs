//! One file: told by its first bytes, and unpacked as they come by.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::entries::{Stop, Unpacked};
use super::limits::{Meter, Metered, peek};
use super::{Shared, names, untar, unzip};
use crate::base::error::Result;
use crate::base::issue::IssueKind;
use crate::base::meta::Meta;
use crate::base::pool::feed::Feed;
use crate::io::codec::{Codec, decoder};
use crate::io::destination::Attributes;
use crate::io::digest::{BLOCK_BYTES, End, Reading};

/// A file that is being read.
pub struct FileReading<'a> {
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
}

/// A compressed file.
#[derive(Clone)]
pub struct CompressedFile {
    pub path: Vec<u8>,
    pub meta: Meta,
}

/// What its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Stream(Codec),
    Tar,
    Zip,
}

impl Form {
    fn of(start: &[u8], archives: bool) -> Option<Self> {
        match Codec::of(start) {
            Some(codec) => Some(Self::Stream(codec)),
            None if archives && untar::is_tar(start) => Some(Self::Tar),
            // A zip begins with its first member, or is empty.
            None if archives && (start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")) => {
                Some(Self::Zip)
            }
            None => None,
        }
    }
}

impl<'a> FileReading<'a> {
    pub fn new(shared: &'a Arc<Shared>, path: &[u8], meta: &Meta) -> Self {
        Self { shared, file: CompressedFile { path: path.to_vec(), meta: *meta }, state: State::New }
    }

    fn begin(&self, start: &[u8]) -> Result<State> {
        Ok(match Form::of(start, self.shared.unpack_archives) {
            None => {
                self.shared.other.fetch_add(1, Relaxed);
                State::Done
            }
            Some(Form::Zip) => State::Zip,
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

impl Reading for FileReading<'_> {
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
            (State::New, End::Whole(_)) => {
                self.shared.other.fetch_add(1, Relaxed);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl CompressedFile {
    /// Unpack what `packed` holds; what goes wrong is an issue.
    fn unpack(&self, shared: &Shared, form: Form, packed: impl BufRead) -> Result<()> {
        let meter = Meter::new(self.meta.size);
        let done = match form {
            Form::Stream(codec) => self.stream(shared, codec, packed, &meter),
            // A tar alone is as long as what is in it.
            Form::Tar | Form::Zip => self.tar(shared, packed, &meter),
        };
        match done {
            Ok(Done { format, unpacked, members }) => {
                let (path, size) = (&self.path[..], self.meta.size);
                shared.rows.acquire().file(&Unpacked { path, format: &format, size, unpacked, members })
            }
            Err(stop) => self.stopped(shared, &meter, stop),
        }
    }

    fn tar(&self, shared: &Shared, content: impl Read, meter: &Meter) -> std::result::Result<Done, Stop> {
        let members = untar::unpack(shared, self, &names::folder(&self.path), content, meter)?;
        Ok(Done { format: "tar".into(), unpacked: self.meta.size, members: Some(members) })
    }

    /// A compressed stream; an archive in it is unpacked too.
    fn stream(
        &self,
        shared: &Shared,
        codec: Codec,
        packed: impl BufRead,
        meter: &Meter,
    ) -> std::result::Result<Done, Stop> {
        let (inner, control) = (decoder(codec, packed)?, &*shared.context.control);
        let mut metered = Metered { inner, meter: meter.clone(), limits: &shared.limits, control };
        let start = peek(&mut metered, untar::BLOCK)?;
        let target = names::unpacked(&self.path);
        let is_tar = shared.unpack_archives && untar::is_tar(&start);
        let mut content = BufReader::with_capacity(256 << 10, io::Cursor::new(start).chain(metered));
        if is_tar {
            let members = untar::unpack(shared, self, &names::folder(&target), &mut content, meter)?;
            // What follows the tar's end is read, too: it may be broken.
            io::copy(&mut content, &mut io::sink())?;
            let format = format!("tar in {}", codec.name());
            return Ok(Done { format, unpacked: meter.unpacked(), members: Some(members) });
        }
        let unpacked = shared.output.file(&target, &mut content, Attributes::of(&self.meta))?;
        Ok(Done { format: codec.name().into(), unpacked, members: None })
    }

    /// Note why it did not come out, or end the job.
    ///
    /// # Errors
    /// The job is over, or nothing more can be written.
    pub fn stopped(&self, shared: &Shared, meter: &Meter, stop: Stop) -> Result<()> {
        let control = &shared.context.control;
        let error = match stop {
            Stop::Ended(error) => return Err(error),
            Stop::Refused(refused) => return refused.tell(control, &self.path),
            Stop::Content(error) => error,
        };
        control.check()?;
        let (kind, message) = match meter.is_exceeded() {
            true => (IssueKind::TooLarge, format!("{error}; it was left")),
            false => (IssueKind::Malformed, format!("is broken: {error}")),
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
}
