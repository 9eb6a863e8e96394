//! What the sums of a manifest are.

use std::fs::File;
use std::path::Path;

use super::etag;
use super::expected::{Failed, Interruptible, relative};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::base::meta::EntryKind;
use pravah_foundation::io::digest::{Algorithm, FileReader};
use pravah_foundation::io::manifest;
use pravah_foundation::io::manifest::Line;
use pravah_foundation::run::context::Context;

/// Digests of one algorithm, or S3 ETags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestForm {
    /// Digests of whole files.
    Digest(Algorithm),
    /// MD5s of objects or of their parts, or neither; see [`etag`].
    Etag,
}

impl DigestForm {
    /// The name in options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digest(algorithm) => algorithm.name(),
            Self::Etag => "etag",
        }
    }

    /// The form of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::all().find(|form| form.name() == name)
    }

    /// All forms.
    pub fn all() -> impl Iterator<Item = Self> {
        Algorithm::ALL.into_iter().map(Self::Digest).chain([Self::Etag])
    }

    /// Why a line's sum is none of this form, if it is not.
    pub fn fault(self, line: &Line) -> Option<&'static str> {
        let (bytes, algorithm) = match self {
            Self::Digest(algorithm) => (algorithm.digest_bytes(), algorithm),
            Self::Etag => (etag::BYTES, Algorithm::Md5),
        };
        if line.algorithm.is_some_and(|tagged| tagged != algorithm) {
            Some("has a different algorithm")
        } else if line.digest.as_bytes().len() != bytes {
            Some("has a digest with the wrong length for the algorithm")
        } else if line.parts.is_some() && self != Self::Etag {
            Some("is the ETag of a multipart upload, not a digest of the file")
        } else {
            None
        }
    }

    /// True for a line that tells of no file: the mark of a folder, which consoles leave in buckets.
    pub fn is_folder_mark(self, line: &Line) -> bool {
        self == Self::Etag && line.path.ends_with(b"/") && line.parts.is_none() && line.digest == etag::of_nothing()
    }
}

/// Lines that are tried where a digest's length fits several algorithms.
const SAMPLE: usize = 64;

/// Tell the form from the options, a tag, an ETag among the lines, the manifest's name, or the digests' length; where
/// two have that length, try both on the first listed files that are there.
pub fn find(file: &File, path: &Path, chosen: Option<DigestForm>, context: &Context) -> Result<DigestForm> {
    let mut sample: Vec<Line> = Vec::new();
    let (mut has_etags, mut fault) = (false, None);
    let read = manifest::read(Interruptible::new(file, &context.control), |_, line| {
        match line {
            Err(wrong) => drop(fault.get_or_insert(wrong)),
            Ok(line) => {
                has_etags |= line.is_etag();
                if sample.len() < SAMPLE {
                    sample.push(line);
                }
            }
        }
        // Among many MD5s one line may be the first that tells that they are ETags.
        let may_be_etag = |line: &Line| line.algorithm.is_none() && line.digest.as_bytes().len() == etag::BYTES;
        let may_be_etags = sample.first().is_some_and(may_be_etag);
        let is_enough = chosen.is_some() || has_etags || (sample.len() == SAMPLE && !may_be_etags);
        if is_enough && !sample.is_empty() { Err(Failed::Enough) } else { Ok(()) }
    });
    match read {
        Ok(()) | Err(Failed::Enough) => {}
        Err(failed) => return Err(failed.explain(path, &context.control)),
    }
    let refused = |why: String| EngineError::invalid(format!("options.manifest {path:?} {why}"));
    let Some(first) = sample.first() else {
        let fault = fault.map_or_else(String::new, |fault| format!(" that can be used: the first one {fault}"));
        return Err(refused(format!("has no line with a digest{fault}")));
    };
    if let Some(form) = chosen.or(first.algorithm.map(DigestForm::Digest)) {
        return Ok(form);
    }
    if has_etags {
        return Ok(DigestForm::Etag);
    }
    let possible = manifest::algorithms_of_length(first.digest.as_bytes().len());
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    if let Some(named) = manifest::algorithm_of_name(name).filter(|named| possible.contains(named)) {
        return Ok(DigestForm::Digest(named));
    }
    let bytes = first.digest.as_bytes().len();
    if let Some(other) =
        manifest::other_algorithm_of(name).filter(|_| possible.iter().all(|one| *one == Algorithm::Sha512))
    {
        return Err(refused(format!("lists digests of {other}, as its name says; that algorithm is not supported")));
    }
    let Some(&likeliest) = possible.first() else {
        return Err(refused(format!("has no line with a digest that is supported: the first one has {bytes} bytes")));
    };
    // As long as those of SHA-512 are those of `b2sum`, which are not supported.
    if possible.len() == 1 && likeliest != Algorithm::Sha512 {
        return Ok(DigestForm::Digest(likeliest));
    }
    let (found, tried) = try_algorithms(&sample, &possible, context)?;
    match (found, tried) {
        (None, 1..) if likeliest == Algorithm::Sha512 => Err(refused(format!(
            "has digests as long as those of SHA-512, and none of the {tried} files that were tried has its own. If they \
             are of BLAKE2 or SHA-3, these are not supported; if they are of SHA-512, set the algorithm to sha512"
        ))),
        _ => Ok(DigestForm::Digest(found.unwrap_or(likeliest))),
    }
}

/// Files that are read to find an algorithm, at most.
const TRIES: usize = 8;

/// The algorithm by which a listed file has its digest, and how many were tried; the smallest ones are.
fn try_algorithms(lines: &[Line], possible: &[Algorithm], context: &Context) -> Result<(Option<Algorithm>, usize)> {
    let there = lines.iter().filter_map(|line| {
        let path = relative(&line.path, &context.root.path)?;
        let meta = context.root.stat(&path).ok().filter(|meta| meta.kind == EntryKind::File)?;
        Some((meta.size, line.digest, path, meta))
    });
    let mut there: Vec<_> = there.collect();
    there.sort_by_key(|(size, ..)| *size);
    let reader = FileReader::new(&context.root, possible, &context.control).uncounted();
    context.pool.get()?.install(|| {
        let mut tried = 0;
        for (_, listed, path, meta) in there.iter().take(TRIES) {
            context.control.check()?;
            let Ok(digested) = reader.digest(path, meta) else { continue };
            tried += 1;
            if let Some(index) = digested.digests.iter().position(|digest| digest == listed) {
                return Ok((Some(possible[index]), tried));
            }
        }
        Ok((None, tried))
    })
}
