//! Files that are compressed into a destination.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use xxhash_rust::xxh3::Xxh3;

use super::CompressOptions;
use super::tables::{ExtensionTotals, FileRows, by_extension, extension, summary};
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::meta::FileState;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::base::paths;
use pravah_foundation::base::pool::Slots;
use pravah_foundation::base::pool::crew::Crew;
use pravah_foundation::io::codec::{Codec, Encoder, decoder};
use pravah_foundation::io::destination::{Attributes, Destination, Writing, state_of};
use pravah_foundation::io::digest::{Algorithm, BLOCK_BYTES, End, Reading};
use pravah_foundation::io::pack::{Packed, Packer, Packing};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::made;
use pravah_foundation::run::made::{EarlierOutputs, WrittenOutputs};
use pravah_foundation::run::names::{NameClaim, Names};
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::source::walk::{Batch, WalkTotals};
use pravah_foundation::store::baseline::Reused;
use pravah_foundation::store::report::Report;

pub struct Mirror {
    context: Context,
    destination: Destination,
    packing: Packing,
    verify: bool,
    keep_metadata: bool,
    workers: Slots<Worker>,
    known: EarlierOutputs,
    links: AtomicU64,
    /// The names that more than one entry would get.
    names: OnceLock<Names>,
    /// Files that were taken over, and their bytes.
    reused: Reused,
}

struct Worker {
    files: FileRows,
    made: WrittenOutputs,
    sums: BTreeMap<String, ExtensionTotals>,
}

impl Mirror {
    pub fn new(
        options: &CompressOptions,
        encoder: Encoder,
        destination: Destination,
        context: Context,
    ) -> Result<Self> {
        let crew = Crew::new(&context.control, context.threads, encoder.pieces_at_once(context.threads))?;
        let worker = || Worker {
            files: FileRows::new(&context),
            made: WrittenOutputs::new(&context, options),
            sums: BTreeMap::new(),
        };
        let known = EarlierOutputs::open(&context, options, &destination);
        Ok(Self {
            workers: Slots::new(context.threads, worker),
            packing: Packing::new(encoder, crew),
            verify: options.verify_output,
            keep_metadata: options.keep_metadata,
            known,
            links: AtomicU64::new(0),
            names: OnceLock::new(),
            reused: Reused::default(),
            destination,
            context,
        })
    }

    fn attributes(&self, path: &[u8], meta: &Meta) -> Attributes {
        if self.keep_metadata { Attributes::of(&self.context.root, path, meta) } else { Attributes::NONE }
    }

    fn codec(&self) -> Codec {
        self.packing.encoder().codec()
    }

    /// Look for files whose compressed twins would be called as a link or a directory is, before anything is written.
    fn decide_names(&self) -> Result<()> {
        let codec = self.codec();
        let names = Names::decide(&self.context, move |path, meta, claims| match meta.kind {
            EntryKind::File => claims.push(NameClaim::new(&target(path, codec, false), &target(path, codec, true))),
            EntryKind::Directory | EntryKind::Symlink => claims.push(NameClaim::fixed(path)),
            _ => {}
        })?;
        let _ = self.names.set(names);
        Ok(())
    }

    /// The path of a compressed file below the destination.
    fn target(&self, path: &[u8]) -> Vec<u8> {
        let short = target(path, self.codec(), false);
        if self.names.get().is_some_and(|names| names.is_shared(&short)) {
            return target(path, self.codec(), true);
        }
        short
    }

    /// Begin the file's compressed twin; none when it cannot be there, which is an issue then.
    fn create(&self, path: &[u8]) -> Result<Option<Writing>> {
        match self.destination.create(&self.target(path)) {
            Ok(writing) => Ok(Some(writing)),
            Err(refused) => refused.tell(&self.context.control, path).map(|()| None),
        }
    }

    /// Mirror a link as it is; what is neither that nor a file is an issue.
    fn other(&self, path: &[u8], meta: &Meta) -> Result<()> {
        let control = &self.context.control;
        if meta.kind != EntryKind::Symlink {
            let message = format!("is a {}, which cannot be compressed", meta.kind.as_str());
            control.issue("write", path, IssueKind::Unsupported, message);
            return Ok(());
        }
        match self.context.root.read_link(path) {
            Err(error) => control.io_issue("read", path, &error),
            Ok(target) => match self.destination.symlink(path, &target, self.attributes(path, meta)) {
                Err(refused) => refused.tell(control, path)?,
                Ok(()) => drop(self.links.fetch_add(1, Relaxed)),
            },
        }
        Ok(())
    }

    fn publish(&self, path: &[u8], meta: &Meta, (writing, packed, hash): (Writing, Packed, u128)) -> Result<()> {
        if self.verify && !unpacks_to(&writing.file, self.codec(), (packed.bytes, hash), &self.context.control)? {
            let message = "the compressed file does not unpack to the original content; it was deleted";
            self.context.control.issue("write", path, IssueKind::Malformed, message);
            return Ok(());
        }
        let output = Arc::clone(&writing.file);
        if let Err(refused) = self.destination.publish(&self.target(path), writing, self.attributes(path, meta)) {
            return refused.tell(&self.context.control, path);
        }
        // A size that is not that of the content says nothing of it.
        let is_known = packed.bytes == meta.size;
        let output = state_of(&output).map_err(|error| EngineError::output(self.destination.path(), error))?;
        self.tell(
            path,
            [packed.bytes, packed.packed_bytes],
            output.filter(|_| is_known).map(|output| (meta.into(), output)),
        )
    }

    /// A file is made; by what input and output are known, if that is kept.
    fn tell(&self, path: &[u8], [bytes, packed]: [u64; 2], states: Option<(FileState, FileState)>) -> Result<()> {
        let extension = extension(path);
        let mut worker = self.workers.acquire();
        worker.files.row(path, &extension, [bytes, bytes, packed], Some(&self.target(path)))?;
        let sums = ExtensionTotals { files: 1, bytes, sampled: bytes, packed };
        worker.sums.entry(extension).or_default().add(sums);
        let Some(states) = states else { return Ok(()) };
        let mut figures = Writer::default();
        figures.integer(packed);
        let full = worker.made.add(path, states, &figures.0)?;
        drop(worker);
        made::keep(&self.destination, &self.context.sink, vec![full])
    }
}

/// What a file is compressed as: `a.zst`, or, where a link or a directory has this name, `a.1.zst`.
fn target(path: &[u8], codec: Codec, is_taken: bool) -> Vec<u8> {
    let number: &[u8] = if is_taken { b".1." } else { b"." };
    [path, number, codec.suffix().as_bytes()].concat()
}

/// True when the file at hand unpacks to so many bytes with this hash (XXH3, 128 bits).
fn unpacks_to(file: &File, codec: Codec, expected: (u64, u128), control: &Control) -> Result<bool> {
    let unpack = || -> io::Result<(u64, u128)> {
        (&mut &*file).seek(SeekFrom::Start(0))?;
        let mut unpacked = decoder(codec, BufReader::with_capacity(256 << 10, file))?;
        let (mut block, mut bytes, mut hash) = (vec![0; 256 << 10], 0, Xxh3::new());
        while !control.is_cancelled() {
            match unpacked.read(&mut block)? {
                0 => break,
                read => {
                    hash.update(&block[..read]);
                    bytes += read as u64;
                }
            }
        }
        Ok((bytes, hash.digest128()))
    };
    let found = unpack();
    control.check()?;
    Ok(found.is_ok_and(|found| found == expected))
}

/// One file on its way.
struct FileReading<'a> {
    mirror: &'a Mirror,
    path: Vec<u8>,
    held: Held,
}

enum Held {
    Nothing,
    /// A file of one block.
    Small {
        packed: Vec<u8>,
        sizes: Packed,
        hash: u128,
    },
    Large {
        packer: Box<Packer<Arc<File>>>,
        writing: Writing,
        hash: Box<Xxh3>,
    },
    /// It cannot be written.
    Refused,
}

impl Reading for FileReading<'_> {
    fn block(&mut self, bytes: &[u8]) -> Result<bool> {
        if matches!(self.held, Held::Nothing) {
            // The last block of a file is the only one that may be short.
            if bytes.len() < BLOCK_BYTES {
                let (packed, sizes) = self.mirror.packing.whole(bytes)?;
                let hash = if self.mirror.verify { xxhash_rust::xxh3::xxh3_128(bytes) } else { 0 };
                self.held = Held::Small { packed, sizes, hash };
                return Ok(true);
            }
            self.held = match self.mirror.create(&self.path)? {
                None => Held::Refused,
                Some(writing) => {
                    let packer = self.mirror.packing.stream(Arc::clone(&writing.file), self.mirror.destination.path());
                    Held::Large { packer: Box::new(packer), writing, hash: Box::new(Xxh3::new()) }
                }
            };
        }
        match &mut self.held {
            Held::Large { packer, hash, .. } => {
                if self.mirror.verify {
                    hash.update(bytes);
                }
                packer.write(bytes).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    fn end(mut self: Box<Self>, end: End<'_>) -> Result<()> {
        // What is broken is an issue of the job already.
        let End::Whole(meta) = end else { return Ok(()) };
        if matches!(self.held, Held::Nothing) {
            self.block(&[])?;
        }
        let Self { mirror, path, held } = *self;
        match held {
            Held::Small { packed, sizes, hash } => {
                let Some(writing) = mirror.create(&path)? else { return Ok(()) };
                let failed = |error| EngineError::output(mirror.destination.path(), error);
                (&mut &*writing.file).write_all(&packed).map_err(failed)?;
                mirror.publish(&path, meta, (writing, sizes, hash))
            }
            Held::Large { packer, writing, hash } => {
                let (_, sizes) = packer.finish()?;
                mirror.publish(&path, meta, (writing, sizes, hash.digest128()))
            }
            Held::Nothing | Held::Refused => Ok(()),
        }
    }
}

impl Operation for Mirror {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "compress", after: &[] }
    }

    fn prepare(&mut self) -> Result<()> {
        self.decide_names()
    }

    fn entries(&self, batch: &Batch) -> Result<()> {
        let others = batch.iter().filter(|(_, meta)| !matches!(meta.kind, EntryKind::File | EntryKind::Directory));
        others.into_iter().try_for_each(|(name, meta)| self.other(&paths::join(&batch.directory.path, name), meta))?;
        if batch.last && (batch.empty_directory || !batch.is_empty()) {
            let directory = &batch.directory;
            if let Err(refused) =
                self.destination.directory(&directory.path, self.attributes(&directory.path, &directory.meta))
            {
                refused.tell(&self.context.control, &directory.path)?;
            }
        }
        Ok(())
    }

    fn reads(&self) -> Option<&[Algorithm]> {
        Some(&[])
    }

    fn take_over(&self, path: &[u8], meta: &Meta) -> Result<bool> {
        let known = self.known.find(path, meta, &self.destination, || self.target(path));
        let known = known.and_then(|(figures, output)| Some((Reader::new(figures).integer()?, output)));
        let Some((packed_bytes, output)) = known else { return Ok(false) };
        self.reused.add(meta.size);
        self.tell(path, [meta.size, packed_bytes], Some((meta.into(), output))).map(|()| true)
    }

    fn checkpoint(&self) -> Result<()> {
        let mut ripe = Vec::new();
        self.workers.each(|worker| worker.made.ripe().map(|staged| ripe.push(staged)))?;
        made::keep(&self.destination, &self.context.sink, ripe)
    }

    fn reading<'a>(&'a self, path: &[u8], _meta: &Meta) -> Result<Option<Box<dyn Reading + 'a>>> {
        Ok(Some(Box::new(FileReading { mirror: self, path: path.to_vec(), held: Held::Nothing })))
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let Self { context, destination, packing, workers, links, reused, .. } = *self;
        let mut sums: BTreeMap<String, ExtensionTotals> = BTreeMap::new();
        let mut staged = Vec::new();
        for worker in workers.into_inner() {
            worker.sums.into_iter().for_each(|(extension, one)| sums.entry(extension).or_default().add(one));
            staged.extend([worker.files.stage()?, worker.made.stage()?]);
        }
        staged.push(by_extension(&context, &sums)?);
        let path = destination.path().to_string_lossy().into_owned();
        let times_cut = destination.finish()?.times_cut;
        context.sink.commit(staged)?;
        let further = json!({
            "estimated": false,
            "destination": path,
            "links": links.into_inner(),
            "times_cut": times_cut,
            "reused_files": reused.files(),
            "reused_bytes": reused.bytes(),
        });
        Ok(Report { not_covered: None, files: Vec::new(), summary: summary(packing.encoder(), &sums, further) })
    }
}
