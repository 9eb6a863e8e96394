//! How much may come out.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::DecompressOptions;
use super::entries::UnpackStop;
use pravah_foundation::base::control::Control;

/// The limits of a job.
pub struct Limits {
    ratio: u64,
    /// From here on the ratio is looked at.
    ratio_from: u64,
    bytes: u64,
    pub members: u64,
    unpacked: AtomicU64,
}

impl Limits {
    pub fn new(options: &DecompressOptions) -> Self {
        Self {
            ratio: options.max_ratio,
            ratio_from: options.ratio_from_bytes,
            bytes: options.max_unpacked_bytes,
            members: options.max_members,
            unpacked: AtomicU64::new(0),
        }
    }
}

impl Limits {
    /// The end of an archive of too many members.
    pub fn too_many_members(&self, meter: &UnpackMeter) -> UnpackStop {
        meter.exceeded.store(true, Relaxed);
        UnpackStop::Content(io::Error::other(format!("has more than {} members", self.members)))
    }
}

/// What one file may unpack to.
#[derive(Clone)]
pub struct UnpackMeter {
    size: u64,
    unpacked: Arc<AtomicU64>,
    /// Why no more may come.
    exceeded: Arc<AtomicBool>,
}

impl UnpackMeter {
    /// For a file of `size` bytes.
    pub fn new(size: u64) -> Self {
        Self { size, unpacked: Arc::default(), exceeded: Arc::default() }
    }

    pub fn unpacked(&self) -> u64 {
        self.unpacked.load(Relaxed)
    }

    /// True once a limit was reached.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded.load(Relaxed)
    }

    /// Count some bytes.
    ///
    /// # Errors
    /// A limit is exceeded; the message says which.
    fn add(&self, limits: &Limits, bytes: u64) -> io::Result<()> {
        let own = self.unpacked.fetch_add(bytes, Relaxed) + bytes;
        let all = limits.unpacked.fetch_add(bytes, Relaxed) + bytes;
        let message = if own > limits.ratio_from && own > self.size.saturating_mul(limits.ratio) {
            let Limits { ratio, ratio_from, .. } = limits;
            format!("unpacks to more than {ratio} times its size (max_ratio) and more than {ratio_from} bytes")
        } else if all > limits.bytes {
            format!("all files together unpack to more than {} bytes (max_unpacked_bytes)", limits.bytes)
        } else {
            return Ok(());
        };
        self.exceeded.store(true, Relaxed);
        Err(io::Error::other(message))
    }

    /// Count holes of a member: they take no room, but may be of any length.
    ///
    /// # Errors
    /// There are more than may come, in words; none of them counts.
    pub fn holes(limits: &Limits, bytes: u64) -> Result<(), String> {
        let fits = |before: u64| before.checked_add(bytes).filter(|&all| all <= limits.bytes);
        limits.unpacked.fetch_update(Relaxed, Relaxed, fits).map(|_| ()).map_err(|_| {
            format!(
                "has {bytes} bytes of holes, with which all files together unpack to more than {} bytes \
                 (max_unpacked_bytes); it was skipped",
                limits.bytes
            )
        })
    }
}

/// A reader of unpacked bytes that ends with an error at a limit, or when the job is over.
pub struct Metered<'a, R> {
    pub inner: R,
    pub meter: UnpackMeter,
    pub limits: &'a Limits,
    pub control: &'a Control,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.control.is_cancelled() {
            return Err(io::Error::other("the job is over"));
        }
        let read = self.inner.read(buffer)?;
        self.meter.add(self.limits, read as u64)?;
        Ok(read)
    }
}

/// The first bytes of a reader, looked at before they are read.
pub fn peek(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(length);
    reader.by_ref().take(length as u64).read_to_end(&mut start)?;
    Ok(start)
}
