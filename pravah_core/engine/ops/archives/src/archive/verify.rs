//! An archive, unpacked again.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use rawzip::ZipArchive;
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use super::tar::TarHash;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::codec::{Codec, decoder};
use pravah_foundation::run::context::Context;

/// What an archive has to give back.
pub enum ArchiveCheck {
    /// A tar with this hash.
    Tar(Option<Codec>, TarHash),
    /// Members with the checksums that the zip itself keeps.
    Zip,
}

/// Bytes that are unpacked between two looks at the cancel flag.
const BLOCK: usize = 256 << 10;

/// # Errors
/// [`EngineError::Output`] when it does not; [`EngineError::Cancelled`].
pub fn verify(file: &Arc<File>, check: &ArchiveCheck, context: &Context, path: &Path) -> Result<()> {
    let control = &context.control;
    let verified = match check {
        ArchiveCheck::Tar(codec, hash) => unpacked(file, *codec, control).map(|found| found == lock(hash).digest128()),
        ArchiveCheck::Zip => members(file, control),
    };
    control.check()?;
    match verified {
        Ok(true) => Ok(()),
        Ok(false) => Err(EngineError::output(path, "the written file does not unpack to the original content")),
        Err(error) => Err(EngineError::output(path, format!("the written file cannot be unpacked: {error}"))),
    }
}

fn unpacked(file: &Arc<File>, codec: Option<Codec>, control: &Control) -> io::Result<u128> {
    (&mut &**file).seek(SeekFrom::Start(0))?;
    let packed = BufReader::with_capacity(BLOCK, &**file);
    let mut unpacked: Box<dyn Read> = match codec {
        Some(codec) => decoder(codec, packed)?,
        None => Box::new(packed),
    };
    let mut hash = Xxh3::new();
    drain(&mut unpacked, control, |bytes| hash.update(bytes))?;
    Ok(hash.digest128())
}

fn members(file: &Arc<File>, control: &Control) -> io::Result<bool> {
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let archive = ZipArchive::from_file(file.try_clone()?, &mut buffer).map_err(io::Error::other)?;
    let mut entries = archive.entries(&mut buffer);
    let mut found = Vec::new();
    while let Some(entry) = entries.next_entry().map_err(io::Error::other)? {
        found.push((entry.wayfinder(), entry.compression_method()));
    }
    found.into_par_iter().try_for_each(|(wayfinder, method)| {
        let entry = archive.get_entry(wayfinder).map_err(io::Error::other)?;
        if method == rawzip::CompressionMethod::DEFLATE {
            let inflated = flate2::bufread::DeflateDecoder::new(BufReader::with_capacity(BLOCK, entry.reader()));
            drain(&mut entry.verifying_reader(inflated), control, |_| ())
        } else {
            drain(&mut entry.verifying_reader(entry.reader()), control, |_| ())
        }
    })?;
    Ok(true)
}

fn drain(unpacked: &mut impl Read, control: &Control, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    while !control.is_cancelled() {
        match unpacked.read(&mut block)? {
            0 => break,
            read => take(&block[..read]),
        }
    }
    Ok(())
}
