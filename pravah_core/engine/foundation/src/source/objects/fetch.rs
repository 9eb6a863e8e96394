//! An object's bytes, or some of them, in a file without a name.
//!
//! The first request asks for all of it and says what it is; of a large object it gives the first part, and the others
//! are asked for beside each other, each on the condition that the object is still that one (`If-Match`).

use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path as Location;
use object_store::{GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore};
use rustix::fs::MemfdFlags;
use tokio::sync::Semaphore;

use super::client::io_error;
use crate::base::nameless::nameless;

/// Bytes of a request on a large object.
const PART_BYTES: u64 = 8 << 20;
/// Parts of one object that are under way at once.
const PARTS: usize = 8;
/// Objects up to this size stay in memory; and all of one is fetched in one request, for some of it as well.
pub const MEMORY_BYTES: u64 = 1 << 20;

/// Fetch an object.
///
/// # Errors
/// The system's nearest error.
pub async fn fetch(
    store: Arc<AmazonS3>,
    location: Location,
    gate: Arc<Semaphore>,
    directory: PathBuf,
) -> io::Result<(OwnedFd, ObjectMeta)> {
    let permit = gate.acquire().await.map_err(io::Error::other)?;
    let whole = store.get_opts(&location, GetOptions::default()).await.map_err(|error| io_error(&error))?;
    let object = whole.meta.clone();
    let file = Arc::new(made_for(&directory, object.size)?);
    write(whole, &file, 0..object.size.min(PART_BYTES)).await?;
    drop(permit);
    let starts = (PART_BYTES..object.size).step_by(PART_BYTES as usize);
    let parts = starts.map(|start| {
        let (store, location, gate) = (Arc::clone(&store), location.clone(), Arc::clone(&gate));
        let (file, etag, end) = (Arc::clone(&file), object.e_tag.clone(), object.size.min(start + PART_BYTES));
        async move {
            let _permit = gate.acquire().await.map_err(io::Error::other)?;
            let options =
                GetOptions { range: Some(GetRange::Bounded(start..end)), if_match: etag, ..GetOptions::default() };
            let part = store.get_opts(&location, options).await.map_err(|error| io_error(&error))?;
            write(part, &file, start..end).await
        }
    });
    futures_util::stream::iter(parts).buffer_unordered(PARTS).try_collect::<()>().await?;
    let file = Arc::into_inner(file).ok_or_else(|| io::Error::other("a part outlives its object"))?;
    Ok((file, object))
}

/// Fetch some of the bytes of an object, into a file of its size with nothing else in it.
///
/// # Errors
/// The system's nearest error; `StaleNetworkFileHandle` when its size is another, or it was replaced meanwhile.
pub async fn fetch_some(
    store: Arc<AmazonS3>,
    location: Location,
    gate: Arc<Semaphore>,
    directory: PathBuf,
    size: u64,
    ranges: Vec<Range<u64>>,
) -> io::Result<(OwnedFd, ObjectMeta)> {
    let replaced = || io::Error::new(io::ErrorKind::StaleNetworkFileHandle, "changed since it was listed");
    let file = made_for(&directory, ranges.iter().map(|range| range.end - range.start).sum())?;
    rustix::fs::ftruncate(&file, size)?;
    let (store, location, gate, to) = (&store, &location, &gate, &file);
    let requests = ranges.into_iter().flat_map(|Range { start, end }| {
        (start..end).step_by(PART_BYTES as usize).map(move |start| start..end.min(start + PART_BYTES))
    });
    let requests = requests.map(|range| async move {
        let _permit = gate.acquire().await.map_err(io::Error::other)?;
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let part = store.get_opts(location, options).await.map_err(|error| io_error(&error))?;
        let object = part.meta.clone();
        if object.size != size {
            return Err(replaced());
        }
        write(part, to, range).await?;
        Ok(object)
    });
    let objects: Vec<ObjectMeta> = futures_util::stream::iter(requests).buffer_unordered(PARTS).try_collect().await?;
    let mut objects = objects.into_iter();
    let object = objects.next().ok_or_else(|| io::Error::other("nothing of it is asked for"))?;
    if objects.all(|other| other.e_tag == object.e_tag) { Ok((file, object)) } else { Err(replaced()) }
}

/// Write so many bytes of a response; what follows them is not waited for.
async fn write(response: GetResult, file: &OwnedFd, range: Range<u64>) -> io::Result<()> {
    let mut at = range.start;
    let mut stream = response.into_stream();
    while at < range.end {
        let Some(bytes) = stream.next().await else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "ends before its size"));
        };
        let bytes = bytes.map_err(|error| io_error(&error))?;
        let mut rest = &bytes[..bytes.len().min((range.end - at) as usize)];
        while !rest.is_empty() {
            let written = rustix::io::retry_on_intr(|| rustix::io::pwrite(file, rest, at))?;
            at += written as u64;
            rest = &rest[written..];
        }
    }
    Ok(())
}

/// A file without a name, in memory when it is small.
fn made_for(directory: &Path, size: u64) -> io::Result<OwnedFd> {
    if size <= MEMORY_BYTES {
        return Ok(rustix::fs::memfd_create("pravah-object", MemfdFlags::CLOEXEC)?);
    }
    nameless(directory)
}
