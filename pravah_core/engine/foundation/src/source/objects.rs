//! Objects below a prefix of a bucket, as a source: listed, and read into files without a name.
//!
//! A path is what follows the source's folder in a key, so that no name is changed: `logs/2024/a` below `logs/` is
//! `2024/a`. Directories are what keys have in common up to a slash. A key that no path can stand for is an issue of
//! the walk ([`names::refusal`]).
//!
//! The state of an object is its ETag: it stands in the place of the inode ([`Objects::meta`]), so that what asks
//! whether a file is as it was needs to know of no object.
//!
//! Requests are made by tasks of a runtime of its own; a thread of the job waits for them and looks for its cancel
//! flag meanwhile. Cost: a file of the object's size in the job folder (memory up to 1 MiB) while it is open.

mod client;
mod fetch;
mod listing;
mod names;

pub use client::Credentials;
pub use names::refusal;

use std::future::Future;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::{ObjectMeta, ObjectStoreExt};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::base::control::Control;
use crate::base::error::{EngineError, Result};
use crate::base::meta::{EntryKind, Meta, OBJECT_DEVICE};
use crate::source::location::Bucket;
use listing::ListedObject;
pub use listing::Page;

/// Threads of a job whose files are objects: they wait for the network, not for a core.
pub const THREADS: usize = 32;
/// Requests that are under way at once: more than one a thread, for large objects are read in parts.
const REQUESTS: usize = 64;
/// Between two looks at the cancel flag.
const LOOK: Duration = Duration::from_millis(50);
/// The system's "no user": nobody is given what is written with it.
const NOBODY: u32 = u32::MAX;

/// The folder of a prefix: its key up to a slash, and with what the names of its top entries begin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Folder {
    key: String,
    begin: String,
}

/// A job that reads: where its files go, and what ends its waits.
#[derive(Debug)]
struct Reader {
    directory: PathBuf,
    control: Arc<Control>,
}

/// A prefix of a bucket.
#[derive(Debug)]
pub struct Objects {
    uri: String,
    prefix: String,
    store: Arc<AmazonS3>,
    runtime: Runtime,
    gate: Arc<Semaphore>,
    folder: OnceLock<Folder>,
    reader: OnceLock<Reader>,
    /// Of a job that only walks.
    idle: Arc<Control>,
}

impl Objects {
    /// Prepare to ask; nothing is asked yet.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] when endpoint, region or bucket are none.
    pub fn open(uri: &str, bucket: &Bucket, credentials: Option<&Credentials>) -> Result<Self> {
        Ok(Self {
            uri: uri.into(),
            prefix: bucket.prefix.clone(),
            store: Arc::new(client::connect(bucket, credentials)?),
            runtime: crate::base::pool::request_runtime()?,
            gate: Arc::new(Semaphore::new(REQUESTS)),
            folder: OnceLock::new(),
            reader: OnceLock::new(),
            idle: Arc::new(Control::new()),
        })
    }

    /// Name the job that reads: its folder holds what is fetched, its control ends waits.
    pub fn begin(&self, directory: &Path, control: &Arc<Control>) {
        let _ = self.reader.set(Reader { directory: directory.to_path_buf(), control: Arc::clone(control) });
    }

    /// Find the folder of the prefix; the prefix names one where there is one, else what keys begin with.
    ///
    /// # Errors
    /// [`EngineError::SourceNotFound`] when nothing is there; what keeps it from being listed.
    pub fn find(&self, control: &Control) -> Result<()> {
        let prefix = self.prefix.as_str();
        let folder = format!("{prefix}/");
        let is_stopped = || control.is_cancelled();
        let is_there = |prefix: String| Ok::<_, EngineError>(!self.page(prefix, None, true, &is_stopped)?.is_empty());
        let found = if prefix.is_empty() || prefix.ends_with('/') {
            is_there(prefix.into())?.then(|| Folder { key: prefix.into(), begin: String::new() })
        } else if is_there(folder.clone())? {
            Some(Folder { key: folder, begin: String::new() })
        } else {
            let cut = prefix.rfind('/').map_or(0, |slash| slash + 1);
            let begin = prefix[cut..].to_owned();
            is_there(prefix.into())?.then(|| Folder { key: prefix[..cut].into(), begin })
        };
        let none = || EngineError::SourceNotFound { path: self.path(), message: "contains no objects".into() };
        let _ = self.folder.set(found.ok_or_else(none)?);
        Ok(())
    }

    /// The source as it was given.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.uri)
    }

    fn folder(&self) -> Result<&Folder> {
        self.folder.get().ok_or_else(|| EngineError::internal("the folder of a prefix is not known"))
    }

    /// What a directory holds, after `token` of an earlier page.
    ///
    /// # Errors
    /// [`EngineError::SourceUnavailable`], [`EngineError::PermissionDenied`]; [`EngineError::Cancelled`] when it is
    /// stopped.
    pub fn list(&self, directory: &[u8], token: Option<String>, is_stopped: &dyn Fn() -> bool) -> Result<Page> {
        let Folder { key, begin } = self.folder()?;
        // A directory of a walk: its path came from a key.
        let path = String::from_utf8_lossy(directory);
        let prefix = if path.is_empty() { format!("{key}{begin}") } else { format!("{key}{path}/") };
        let above = if path.is_empty() { key.len() } else { prefix.len() };
        let mut page = self.page(prefix, token, false, is_stopped)?;
        page.strip(above);
        Ok(page)
    }

    fn page(
        &self,
        prefix: String,
        page_token: Option<String>,
        is_probe: bool,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Page> {
        let store = Arc::clone(&self.store);
        let options = PaginatedListOptions {
            delimiter: Some("/".into()),
            max_keys: is_probe.then_some(1),
            page_token,
            ..PaginatedListOptions::default()
        };
        let work = async move {
            let prefix = (!prefix.is_empty()).then_some(prefix);
            store.list_paginated(prefix.as_deref(), options).await
        };
        let listed = self.wait(work, is_stopped)?.map_err(|error| client::source_error(&self.uri, &error))?;
        match listed.result.extensions.get::<Arc<client::Listing>>().map(Arc::as_ref) {
            Some(Ok(page)) => Ok(page.clone()),
            Some(Err(refusal)) => Err(client::refusal_error(&self.uri, refusal)),
            None => Err(EngineError::internal("a listing was not stored")),
        }
    }

    /// What the walk and a response say of an object, in the terms of a file. The ETag and the key are its inode: it
    /// is another one as soon as it is written again.
    fn meta(key: &str, size: u64, seconds: i64, etag: Option<&str>) -> Meta {
        let mut hasher = blake3::Hasher::new();
        hasher.update(etag.unwrap_or_default().trim_matches('"').as_bytes()).update(b"\0").update(key.as_bytes());
        let inode = hasher.finalize().as_bytes()[..8].try_into().map_or(0, u64::from_le_bytes);
        // Whole seconds, as in the header of a response: a listing may know it finer.
        let time = seconds.saturating_mul(1_000_000_000);
        Meta { size, allocated: size, mtime_ns: time, ctime_ns: time, inode, ..Self::nothing(EntryKind::File, 0o644) }
    }

    fn nothing(kind: EntryKind, mode: u32) -> Meta {
        let (size, allocated, inode) = (0, 0, 0);
        let (mtime_ns, ctime_ns) = (i64::MIN, i64::MIN);
        let (uid, gid, links, device, via_link) = (NOBODY, NOBODY, 1, OBJECT_DEVICE, false);
        Meta { kind, size, allocated, mtime_ns, ctime_ns, uid, gid, mode, inode, links, device, via_link }
    }

    /// What is known of a directory: that it is one.
    pub fn directory_meta() -> Meta {
        Self::nothing(EntryKind::Directory, 0o755)
    }

    /// What the walk is to say of a listed object, `directory` being where it was listed.
    pub fn listed_meta(&self, directory: &[u8], listed: &ListedObject) -> Result<Meta> {
        let path = crate::base::paths::join(directory, listed.name.as_bytes());
        let key = format!("{}{}", self.folder()?.key, String::from_utf8_lossy(&path));
        Ok(Self::meta(&key, listed.size, listed.modified_seconds, listed.etag.as_deref()))
    }

    /// Look an object up.
    ///
    /// # Errors
    /// The system's nearest error.
    pub fn stat(&self, path: &[u8]) -> io::Result<Meta> {
        let (key, location) = self.location(path)?;
        let store = Arc::clone(&self.store);
        let asked = self
            .wait(async move { store.head(&location).await }, &|| self.control().is_cancelled())
            .map_err(io::Error::other)?;
        Ok(Self::response_meta(&key, &asked.map_err(|error| client::io_error(&error))?))
    }

    /// Read an object into a file without a name; what the response says of it comes with it.
    ///
    /// # Errors
    /// The system's nearest error; `StaleNetworkFileHandle` when it changed while it was read.
    pub fn fetch(&self, path: &[u8]) -> io::Result<(OwnedFd, Meta)> {
        let (key, location) = self.location(path)?;
        let (store, gate) = (Arc::clone(&self.store), Arc::clone(&self.gate));
        let (file, object) = self.fetched(fetch::fetch(store, location, gate, self.directory()))?;
        Ok((file, Self::response_meta(&key, &object)))
    }

    /// Read some of the bytes of an object that was listed with this size, into a file of that size without a name; of
    /// one that is not large, all.
    ///
    /// # Errors
    /// As [`Objects::fetch`]; `StaleNetworkFileHandle` also when its size is another now.
    pub fn fetch_some(&self, path: &[u8], size: u64, ranges: &[Range<u64>]) -> io::Result<(OwnedFd, Meta)> {
        if size <= fetch::MEMORY_BYTES {
            return self.fetch(path);
        }
        let (key, location) = self.location(path)?;
        let (store, gate) = (Arc::clone(&self.store), Arc::clone(&self.gate));
        let directory = self.directory();
        let fetched = self.fetched(fetch::fetch_some(store, location, gate, directory, size, ranges.to_vec()))?;
        Ok((fetched.0, Self::response_meta(&key, &fetched.1)))
    }

    /// Where files without a name are.
    fn directory(&self) -> PathBuf {
        self.reader.get().map_or_else(std::env::temp_dir, |reader| reader.directory.clone())
    }

    fn fetched(
        &self,
        work: impl Future<Output = io::Result<(OwnedFd, ObjectMeta)>> + Send + 'static,
    ) -> io::Result<(OwnedFd, ObjectMeta)> {
        let fetched = self.wait(work, &|| self.control().is_cancelled()).map_err(io::Error::other)?;
        if let Err(error) = &fetched
            && error.kind() == io::ErrorKind::StorageFull
        {
            // Of this disk, not of the object: the next one would meet it, too.
            self.control().fail(EngineError::output(&self.directory(), error));
        }
        fetched
    }

    fn response_meta(key: &str, object: &ObjectMeta) -> Meta {
        Self::meta(key, object.size, object.last_modified.timestamp(), object.e_tag.as_deref())
    }

    fn location(&self, path: &[u8]) -> io::Result<(String, object_store::path::Path)> {
        let absent = || io::Error::from(io::ErrorKind::NotFound);
        let folder = self.folder().map_err(io::Error::other)?;
        let key = format!("{}{}", folder.key, std::str::from_utf8(path).map_err(|_| absent())?);
        let location = object_store::path::Path::parse(&key).map_err(|_| absent())?;
        // It takes slashes off at the ends: that would be another object.
        if location.as_ref() == key { Ok((key, location)) } else { Err(absent()) }
    }

    fn control(&self) -> &Arc<Control> {
        self.reader.get().map_or(&self.idle, |reader| &reader.control)
    }

    /// Have the runtime do it, and look meanwhile whether it is still wanted.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<T> {
        let (send, receive) = crossbeam_channel::bounded(1);
        let task = self.runtime.spawn(async move {
            let _ = send.send(work.await);
        });
        loop {
            match receive.recv_timeout(LOOK) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(EngineError::internal("a request failed unexpectedly"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if is_stopped() {
                task.abort();
                return Err(EngineError::Cancelled);
            }
        }
    }
}
