//! Names at a destination, decided before anything is written: files that would get one name all keep their full name.
//!
//! A walk of its own collects what each entry of the source would be called. The same source gives the same names in
//! every run, whatever order files are read in.
//!
//! Cost: the walk, and 16 bytes for each name while it runs. Names are compared by hashes of 64 bits: two that are
//! alike by chance keep their full names, which does no harm.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use xxhash_rust::xxh3::xxh3_64;

use crate::base::control::Control;
use crate::base::error::{EngineError, Result};
use crate::base::meta::Meta;
use crate::base::paths;
use crate::base::sync::lock;
use crate::run::context::Context;
use crate::source::walk::{Batch, Skipped, Visitor};

/// A name that an entry of the source would get.
#[derive(Debug, Clone, Copy)]
pub struct NameClaim {
    short: u64,
    /// The name that it gets instead; none when it can have no other.
    full: Option<u64>,
}

impl NameClaim {
    /// Of a file that can have its full name instead.
    pub fn new(short: &[u8], full: &[u8]) -> Self {
        Self { short: xxh3_64(short), full: Some(xxh3_64(full)) }
    }

    /// Of a directory or a link, which is called as it is.
    pub fn fixed(name: &[u8]) -> Self {
        Self { short: xxh3_64(name), full: None }
    }
}

/// The names that more than one entry would get.
#[derive(Debug, Default)]
pub struct Names(HashSet<u64>);

impl Names {
    /// Visit the files of the job and collect what `claims` says of each entry.
    ///
    /// # Errors
    /// As [`crate::source::walk::walk`].
    pub fn decide<F>(context: &Context, claims: F) -> Result<Self>
    where
        F: Fn(&[u8], &Meta, &mut Vec<NameClaim>) + Send + Sync + 'static,
    {
        let all: Vec<NameClaim> = visit(context, claims)?;
        Ok(Self::of(&all))
    }

    /// Decide what these claims come to.
    pub fn of(claims: &[NameClaim]) -> Self {
        let mut hashes: Vec<u64> = claims.iter().map(|claim| claim.short).collect();
        hashes.sort_unstable();
        let mut shared: HashSet<u64> =
            hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        // A full name may be what another file is called: then that one keeps its full name, too.
        let mut before = 0;
        while shared.len() > before {
            before = shared.len();
            let moved = claims.iter().filter(|claim| shared.contains(&claim.short));
            let full: HashSet<u64> = moved.filter_map(|claim| claim.full).collect();
            let taken = claims.iter().filter(|claim| full.contains(&claim.short) && claim.full != Some(claim.short));
            let taken: Vec<u64> = taken.map(|claim| claim.short).collect();
            shared.extend(taken);
        }
        Self(shared)
    }

    /// True when more than one entry would be called `short`: each of them that can keeps its full name.
    pub fn is_shared(&self, short: &[u8]) -> bool {
        !self.0.is_empty() && self.0.contains(&xxh3_64(short))
    }

    /// True when no name is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Collect what `give` makes of each entry of the job's source. What is wrong with an entry, the job's own walk tells.
///
/// # Errors
/// As [`crate::source::walk::walk`].
pub fn visit<T, F>(context: &Context, give: F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Fn(&[u8], &Meta, &mut Vec<T>) + Send + Sync + 'static,
{
    let quiet = Context { control: Arc::new(Control::new()), ..context.clone() };
    let visitor = Arc::new(Collector { give, job: Arc::clone(&context.control), all: Mutex::default() });
    let walked = quiet.scan(visitor.clone(), context.threads);
    context.control.check()?;
    walked?;
    let visitor = Arc::into_inner(visitor).ok_or_else(|| EngineError::internal("a walk outlives itself"))?;
    Ok(visitor.all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

struct Collector<T, F> {
    give: F,
    job: Arc<Control>,
    all: Mutex<Vec<T>>,
}

impl<T, F> Visitor for Collector<T, F>
where
    T: Send + 'static,
    F: Fn(&[u8], &Meta, &mut Vec<T>) + Send + Sync + 'static,
{
    fn batch(&self, batch: Batch) -> Result<()> {
        let (mut found, mut path) = (Vec::new(), Vec::new());
        for (name, meta) in batch.iter() {
            paths::join_into(&mut path, &batch.directory.path, name);
            (self.give)(&path, meta, &mut found);
        }
        lock(&self.all).append(&mut found);
        Ok(())
    }

    fn skipped(&self, _skipped: Skipped<'_>) -> Result<()> {
        Ok(())
    }

    fn is_sated(&self) -> bool {
        self.job.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_keep_their_full_ones_and_so_does_whoever_has_one_of_those() {
        let claims = [
            NameClaim::new(b"a", b"a.csv"),
            NameClaim::new(b"a", b"a.tsv"),
            NameClaim::new(b"a.tsv", b"a.tsv.tsv"),
            NameClaim::new(b"b", b"b.csv"),
            NameClaim::new(b"d", b"d.csv"),
            NameClaim::fixed(b"d"),
            // Its full name is its short one: it stays, and so does nobody for its sake.
            NameClaim::new(b"e", b"e"),
        ];
        let names = Names::of(&claims);
        let shared = ["a", "a.tsv", "b", "d", "e", "a.csv"].map(|name| names.is_shared(name.as_bytes()));
        assert_eq!(shared, [true, true, false, true, false, false]);
        assert!(Names::of(&claims[3..4]).is_empty() && !names.is_empty());
    }
}
