//! What inventory adds up while it walks: by extension, owner, age and size.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::histogram::Histogram;
use pravah_foundation::base::meta::{EntryKind, Meta};
use pravah_foundation::base::paths;

/// Upper bounds of the age buckets in days; the last bucket has none, the one before all is the future.
const AGES: [(&str, i64); 7] = [
    ("< 1 day", 1),
    ("< 1 week", 7),
    ("< 1 month", 30),
    ("< 6 months", 182),
    ("< 1 year", 365),
    ("< 2 years", 730),
    ("< 5 years", 1826),
];
/// How many age buckets there are.
pub const AGE_COUNT: usize = AGES.len() + 2;
const DAY_NS: i64 = 86_400 * 1_000_000_000;

/// Extensions that have a group of their own, per thread: a tree of numbered files (`core.1`, `core.2`, …)
/// would make a group of each file.
const EXTENSIONS: usize = 1 << 16;
/// The group of further ones.
const OTHER_EXTENSIONS: &[u8] = b"(other extensions)";

/// Files and bytes of one group; an inode's bytes are counted at its first name.
#[derive(Debug, Clone, Copy, Default)]
pub struct GroupUsage {
    /// Names.
    pub files: u64,
    /// Apparent bytes.
    pub size: u64,
    /// Allocated bytes.
    pub allocated: u64,
}

impl GroupUsage {
    fn count(&mut self, size: u64, allocated: u64) {
        self.files += 1;
        self.size = self.size.saturating_add(size);
        self.allocated = self.allocated.saturating_add(allocated);
    }

    fn merge(&mut self, other: &Self) {
        self.files += other.files;
        self.size = self.size.saturating_add(other.size);
        self.allocated = self.allocated.saturating_add(other.allocated);
    }
}

type Map<K> = HashMap<K, GroupUsage, RandomState>;

/// One thread's sums.
#[derive(Debug, Clone)]
pub struct Summary {
    reference_ns: i64,
    /// Regular files by extension.
    pub extensions: Map<Box<[u8]>>,
    /// Entries other than directories by user id.
    pub owners: Map<u32>,
    /// Entries other than directories by age.
    pub ages: [GroupUsage; AGE_COUNT],
    /// Regular files by power of two.
    pub sizes: [GroupUsage; 65],
    /// Regular files' sizes.
    pub histogram: Histogram,
    /// Regular files, symbolic links, others.
    pub kinds: [u64; 3],
    /// Regular files without a byte.
    pub empty_files: u64,
    /// Regular files of at most 4 KiB.
    pub small_files: u64,
}

impl Summary {
    /// Empty sums with ages relative to `reference_ns`.
    pub fn new(reference_ns: i64) -> Self {
        Self {
            reference_ns,
            extensions: Map::default(),
            owners: Map::default(),
            ages: [GroupUsage::default(); AGE_COUNT],
            sizes: [GroupUsage::default(); 65],
            histogram: Histogram::default(),
            kinds: [0; 3],
            empty_files: 0,
            small_files: 0,
        }
    }

    /// Count an entry other than a directory; `first` is false for a further name of an inode.
    pub fn count(&mut self, name: &[u8], meta: &Meta, first: bool) {
        let (size, allocated) = if first { (meta.size, meta.allocated) } else { (0, 0) };
        self.owners.entry(meta.uid).or_default().count(size, allocated);
        self.ages[age(self.reference_ns, meta.mtime_ns)].count(size, allocated);
        if meta.kind != EntryKind::File {
            self.kinds[if meta.kind == EntryKind::Symlink { 1 } else { 2 }] += 1;
            return;
        }
        self.kinds[0] += 1;
        self.empty_files += u64::from(meta.size == 0);
        self.small_files += u64::from(meta.size <= 4096);
        self.histogram.add(meta.size);
        self.sizes[64 - meta.size.leading_zeros() as usize].count(size, allocated);
        self.count_extension(paths::extension(name), size, allocated);
    }

    fn count_extension(&mut self, extension: &[u8], size: u64, allocated: u64) {
        let lower: Vec<u8>;
        let key = if extension.iter().any(u8::is_ascii_uppercase) {
            lower = extension.to_ascii_lowercase();
            &lower
        } else {
            extension
        };
        match self.extensions.get_mut(key) {
            Some(group) => group.count(size, allocated),
            None => {
                let key = if self.extensions.len() < EXTENSIONS { key } else { OTHER_EXTENSIONS };
                self.extensions.entry(key.into()).or_default().count(size, allocated);
            }
        }
    }

    /// Add another thread's sums.
    pub fn merge(&mut self, other: Self) {
        for (key, group) in other.extensions {
            self.extensions.entry(key).or_default().merge(&group);
        }
        for (key, group) in other.owners {
            self.owners.entry(key).or_default().merge(&group);
        }
        self.ages.iter_mut().zip(&other.ages).for_each(|(group, more)| group.merge(more));
        self.sizes.iter_mut().zip(&other.sizes).for_each(|(group, more)| group.merge(more));
        self.histogram.merge(&other.histogram);
        self.kinds.iter_mut().zip(&other.kinds).for_each(|(count, more)| *count += more);
        self.empty_files += other.empty_files;
        self.small_files += other.small_files;
    }
}

fn age(reference_ns: i64, mtime_ns: i64) -> usize {
    let days = reference_ns.saturating_sub(mtime_ns);
    if days < 0 {
        return 0;
    }
    AGES.iter().position(|(_, bound)| days < bound * DAY_NS).unwrap_or(AGES.len()) + 1
}

/// The words for an age bucket.
pub fn age_label(index: usize) -> &'static str {
    match index {
        0 => "in the future",
        index if index <= AGES.len() => AGES[index - 1].0,
        _ => "5 years and more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_extensions_do_not_make_a_group_each() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let meta = Meta { size: 1, ..pravah_foundation::source::walk::open::stat_file(file).unwrap() };
        let mut summary = Summary::new(0);
        let files = EXTENSIONS + 10;
        (0..files).for_each(|number| summary.count(format!("core.{number}").as_bytes(), &meta, true));
        assert_eq!(summary.extensions.len(), EXTENSIONS + 1);
        assert_eq!(summary.extensions[OTHER_EXTENSIONS].files, 10);
        assert_eq!(summary.extensions.values().map(|group| group.size).sum::<u64>(), files as u64);
    }

    #[test]
    fn ages_fall_into_their_buckets() {
        let now = 2_000 * DAY_NS;
        let label = |days: i64| age_label(age(now, now - days * DAY_NS));
        assert_eq!(label(-1), "in the future");
        assert_eq!(label(0), "< 1 day");
        assert_eq!(label(1), "< 1 week");
        assert_eq!(label(364), "< 1 year");
        assert_eq!(label(1826), "5 years and more");
    }
}
