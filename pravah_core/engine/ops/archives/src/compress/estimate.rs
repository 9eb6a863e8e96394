//! What compressing would save, told from samples.
//!
//! Of each extension some files are drawn, the larger ones the likelier (Efraimidis and Spirakis 2006, "Weighted random
//! sampling with a reservoir"), by a hash of their paths, so that the same tree gives the same answer. Of each drawn
//! file some blocks are packed. An extension comes to the mean ratio of its drawn files, which is that of its bytes; to
//! the weighted one when all its files were drawn.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use rayon::prelude::*;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use super::tables::{ExtensionTotals, FileRows, by_extension, extension, summary};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::base::paths;
use pravah_foundation::base::sync::lock;
use pravah_foundation::io::codec::Encoder;
use pravah_foundation::io::digest::{BLOCK_BYTES, read_at};
use pravah_foundation::run::context::Context;
use pravah_foundation::run::operation::{Operation, Stages};
use pravah_foundation::source::walk::{Batch, WalkTotals};
use pravah_foundation::store::report::Report;

/// Files that are drawn of an extension, at most.
const DRAWN: usize = 32;
/// Blocks that are packed in all, but for one of each extension.
const BLOCKS: u64 = 128;
/// Extensions that are told apart; further ones are one together.
const EXTENSIONS: usize = 1_000;
const FURTHER: &str = "(further)";

/// A file that may be drawn; those with the largest keys are.
#[derive(Debug)]
struct Drawn {
    key: f64,
    path: Vec<u8>,
    size: u64,
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Drawn {}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.total_cmp(&other.key).then_with(|| self.path.cmp(&other.path))
    }
}

#[derive(Default)]
struct Extension {
    files: u64,
    bytes: u64,
    drawn: BinaryHeap<Reverse<Drawn>>,
}

impl Extension {
    fn add(&mut self, path: impl FnOnce() -> Vec<u8>, size: u64, hash: u64) {
        self.files += 1;
        self.bytes += size;
        // Uniform between 0 and 1, neither of them.
        let uniform = ((hash >> 12) as f64 + 0.5) / (1u64 << 52) as f64;
        let key = uniform.ln() / (size as f64).max(0.5);
        if self.drawn.len() == DRAWN {
            if self.drawn.peek().is_some_and(|Reverse(least)| least.key >= key) {
                return;
            }
            self.drawn.pop();
        }
        self.drawn.push(Reverse(Drawn { key, path: path(), size }));
    }
}

pub struct Estimate {
    context: Context,
    encoder: Encoder,
    extensions: Mutex<BTreeMap<String, Extension>>,
    links: AtomicU64,
    sampled: Vec<Sampled>,
    compute_seconds: f64,
}

/// A drawn file, packed in part.
struct Sampled {
    extension: String,
    path: Vec<u8>,
    size: u64,
    sampled: u64,
    packed: u64,
    seconds: f64,
}

impl Estimate {
    pub fn new(encoder: Encoder, context: Context) -> Self {
        Self {
            context,
            encoder,
            extensions: Mutex::default(),
            links: AtomicU64::new(0),
            sampled: Vec::new(),
            compute_seconds: 0.0,
        }
    }

    /// Pack `blocks` blocks, spread over the file.
    fn sample(&self, extension: &str, drawn: &Drawn, blocks: u64) -> Result<Option<Sampled>> {
        let control = &self.context.control;
        let file = match self.context.root.open_file(&drawn.path) {
            Ok(file) => file,
            Err(error) => {
                control.io_issue("read", &drawn.path, &error);
                return Ok(None);
            }
        };
        let Drawn { path, size, .. } = drawn;
        let mut sampled = Sampled {
            extension: extension.into(),
            path: path.clone(),
            size: *size,
            sampled: 0,
            packed: 0,
            seconds: 0.0,
        };
        let blocks = blocks.clamp(1, size.div_ceil(BLOCK_BYTES as u64).max(1));
        let stretch = size / blocks;
        let (mut block, mut packed) = (vec![0; (stretch as usize).min(BLOCK_BYTES)], Vec::new());
        for index in 0..blocks {
            control.check()?;
            // In the middle of its stretch: what a file begins with is seldom like the rest.
            let offset = index * stretch + (stretch - block.len() as u64) / 2;
            let mut filled = 0;
            while filled < block.len() {
                match read_at(&file, &mut block[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) => {
                        control.io_issue("read", path, &error);
                        return Ok(None);
                    }
                }
            }
            let began = Instant::now();
            packed.clear();
            let done = self.encoder.piece(&[], &block[..filled], true, &mut packed);
            done.map_err(|error| EngineError::internal(format!("cannot compress: {error}")))?;
            sampled.seconds += began.elapsed().as_secs_f64();
            sampled.sampled += filled as u64;
            sampled.packed += packed.len() as u64;
        }
        control.add_done(1, sampled.sampled);
        Ok(Some(sampled))
    }
}

/// What the files of an extension come to, each with `frame` bytes around its pieces.
fn estimated(extension: &Extension, sampled: &[&Sampled], frame: u64) -> ExtensionTotals {
    let packed = |one: &Sampled| one.packed as f64 / (one.sampled as f64).max(1.0) * one.size as f64;
    let sum: f64 = sampled.iter().map(|one| packed(one)).sum();
    let are_all = extension.files == sampled.len() as u64;
    let whole = if are_all || sampled.is_empty() {
        sum
    } else {
        let ratios = sampled.iter().map(|one| packed(one) / (one.size as f64).max(1.0));
        ratios.sum::<f64>() / sampled.len() as f64 * extension.bytes as f64
    };
    ExtensionTotals {
        files: extension.files,
        bytes: extension.bytes,
        sampled: sampled.iter().map(|one| one.sampled).sum(),
        // Of what could not be read nothing is known; it saves nothing.
        packed: if sampled.is_empty() { extension.bytes } else { whole.round() as u64 + frame * extension.files },
    }
}

impl Operation for Estimate {
    fn stages(&self) -> Stages {
        Stages { before: &[], pass: "walk", after: &["sample"] }
    }

    fn entries(&self, batch: &Batch) -> Result<()> {
        let mut extensions = lock(&self.extensions);
        for (name, meta) in batch.iter() {
            match meta.kind {
                EntryKind::File => {
                    let mut key = extension(name);
                    if extensions.len() >= EXTENSIONS && !extensions.contains_key(&key) {
                        key = FURTHER.into();
                    }
                    let path = || paths::join(&batch.directory.path, name);
                    let hash = xxh3_64(&path());
                    extensions.entry(key).or_default().add(path, meta.size, hash);
                }
                EntryKind::Symlink => drop(self.links.fetch_add(1, Relaxed)),
                _ => {}
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        let control = &self.context.control;
        control.next_stage();
        let extensions = std::mem::take(&mut *lock(&self.extensions));
        let all: u64 = extensions.values().map(|one| one.bytes).sum();
        let mut chosen = Vec::new();
        for (name, extension) in &extensions {
            let blocks = (u128::from(BLOCKS) * u128::from(extension.bytes)).div_ceil(u128::from(all.max(1))) as u64;
            let mut drawn: Vec<&Drawn> = extension.drawn.iter().map(|Reverse(drawn)| drawn).collect();
            drawn.sort_unstable_by(|one, other| other.cmp(one));
            drawn.truncate(blocks.max(1) as usize);
            let bytes: u64 = drawn.iter().map(|one| one.size).sum();
            let share = |one: &Drawn| (u128::from(blocks) * u128::from(one.size)).div_ceil(u128::from(bytes.max(1)));
            chosen.extend(drawn.into_iter().map(|one| (name, one, share(one) as u64)));
        }
        let bytes = chosen.iter().map(|(_, one, blocks)| one.size.min(blocks * BLOCK_BYTES as u64)).sum();
        control.restart(chosen.len() as u64, bytes);
        let this = &*self;
        let sampled = this.context.pool.get()?.install(|| {
            let all = chosen.par_iter().map(|(extension, drawn, blocks)| this.sample(extension, drawn, *blocks));
            all.collect::<Result<Vec<Option<Sampled>>>>()
        })?;
        self.sampled = sampled.into_iter().flatten().collect();
        self.compute_seconds = self.sampled.iter().map(|one| one.seconds).sum();
        self.extensions = Mutex::new(extensions);
        Ok(())
    }

    fn finish(self: Box<Self>, _totals: WalkTotals) -> Result<Report> {
        let Self { context, encoder, extensions, links, sampled, compute_seconds } = *self;
        let extensions = extensions.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut files = FileRows::new(&context);
        let mut of: BTreeMap<&str, Vec<&Sampled>> = BTreeMap::new();
        for one in &sampled {
            files.row(&one.path, &one.extension, [one.size, one.sampled, one.packed], None)?;
            of.entry(&one.extension).or_default().push(one);
        }
        let frame = (encoder.header().len() + encoder.trailer(0, 0).len()) as u64;
        let sums: BTreeMap<String, ExtensionTotals> = extensions
            .iter()
            .map(|(name, extension)| {
                let sampled = of.get(name.as_str()).map_or(&[][..], Vec::as_slice);
                (name.clone(), estimated(extension, sampled, frame))
            })
            .collect();
        context.sink.commit(vec![files.stage()?, by_extension(&context, &sums)?])?;
        let (bytes, packed) = sums.values().fold((0, 0), |sum, one| (sum.0 + one.bytes, sum.1 + one.sampled));
        let rate = if packed == 0 { 0.0 } else { compute_seconds / packed as f64 };
        let further = json!({
            "estimated": true,
            "links": links.into_inner(),
            "estimated_seconds": (rate * bytes as f64 / context.threads as f64).ceil() as u64,
        });
        Ok(Report { not_covered: None, files: Vec::new(), summary: summary(&encoder, &sums, further) })
    }
}
