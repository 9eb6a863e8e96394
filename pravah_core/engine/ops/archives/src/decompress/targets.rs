//! What files are unpacked as: `a.csv.gz` is `a.csv` and `app.zip` the folder `app`, or, where two files would get one
//! name, both keep their full name: `app.zip` and `app.tar.gz` are folders of these names.
//!
//! Whether a file is compressed, its first bytes tell. So they are looked at before anything is written, of those files
//! only that may get the name of another.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};

use rayon::prelude::*;

use super::limits::peek;
use super::stream::StreamFormat;
use super::{names, tarball};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::io::codec::decoder;
use pravah_foundation::run::context::Context;
use pravah_foundation::run::names::{NameClaim, Names, visit};

/// First bytes that tell what a file is.
const START_BYTES: usize = 4096;

/// Names that a file may be unpacked as, by its own name.
fn possible(path: &[u8]) -> [Vec<u8>; 3] {
    let unpacked = names::unpacked(path);
    [names::folder(&unpacked), names::folder(path), unpacked]
}

/// Look for files that would get one name.
///
/// # Errors
/// As [`pravah_foundation::source::walk::walk`].
pub fn decide(context: &Context, archives: bool) -> Result<Names> {
    let by_name = Names::decide(context, |path, meta, claims| match meta.kind {
        EntryKind::Directory | EntryKind::Symlink => claims.push(NameClaim::fixed(path)),
        EntryKind::File => {
            let mut all = possible(path).to_vec();
            all.sort();
            all.dedup();
            claims.extend(all.iter().map(|short| NameClaim::new(short, path)));
        }
        _ => {}
    })?;
    if by_name.is_empty() {
        return Ok(by_name);
    }
    let alike = visit(context, move |path, meta: &Meta, found: &mut Vec<(Vec<u8>, Meta)>| {
        let is_named = |path: &[u8]| by_name.is_shared(path);
        match meta.kind {
            EntryKind::Directory | EntryKind::Symlink if is_named(path) => found.push((path.to_vec(), *meta)),
            EntryKind::File if possible(path).iter().any(|name| is_named(name)) => found.push((path.to_vec(), *meta)),
            _ => {}
        }
    })?;
    let claims = alike.par_iter().filter_map(|(path, meta)| match meta.kind {
        EntryKind::Directory | EntryKind::Symlink => Some(NameClaim::fixed(path)),
        _ => short(context, path, archives).map(|short| NameClaim::new(&short, path)),
    });
    let claims: Vec<NameClaim> = context.pool.get()?.install(|| claims.collect());
    context.control.check()?;
    Ok(Names::of(&claims))
}

/// What a file is unpacked as; none when it is not compressed. What cannot be read, its own reading tells.
fn short(context: &Context, path: &[u8], archives: bool) -> Option<Vec<u8>> {
    context.control.check().ok()?;
    let mut file = File::from(context.root.open_file(path).ok()?);
    let start = peek(&mut file, START_BYTES).ok()?;
    match StreamFormat::of(&start, archives)? {
        StreamFormat::Tar | StreamFormat::Zip => Some(names::folder(path)),
        StreamFormat::Stream(codec) => {
            let unpacked = names::unpacked(path);
            let packed = BufReader::new(Cursor::new(start).chain(file));
            let begins = decoder(codec, packed).and_then(|mut content| peek(&mut content, tarball::BLOCK));
            let is_tar = archives && begins.is_ok_and(|begins| tarball::is_header(&begins));
            Some(if is_tar { names::folder(&unpacked) } else { unpacked })
        }
    }
}
