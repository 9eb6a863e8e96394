//! What of a tree is visited. Rules apply in this order, the first that refuses wins:
//!
//! 1. `include_hidden`: names below the source that start with a dot, files and whole directories.
//! 2. `ignore_globs`: files and whole directories.
//! 3. `max_depth`, `one_file_system`, loops of `follow_links`: whether a directory is entered; it is listed
//!    all the same.
//! 4. `min_size_bytes`, `max_size_bytes`, `modified_since`, `modified_before`, `extensions`,
//!    `include_globs`: entries other than directories.
//!
//! Globs are gitignore's (gitignore(5)): one without an inner slash matches at any depth, a leading slash
//! anchors, `*` does not match a slash, `**` does. In `ignore_globs` a pattern that ends with a slash matches
//! directories only, and one that begins with `!` takes back what earlier ones ignored, except below a
//! directory that is ignored as a whole. In `include_globs` a trailing slash means all below that directory.
//! A pattern without a character is skipped, as a blank line is. Unlike there, `#` begins no comment, and `{a,b}` are
//! alternatives, as shells have them.

use chrono::DateTime;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use super::Skip;
use crate::base::error::{EngineError, Result};
use crate::base::meta::Meta;
use crate::base::paths;

/// The rules as they are written in a specification.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WalkOptions {
    /// Visit names that start with a dot.
    pub include_hidden: bool,
    /// Leave out what matches, with everything below it.
    pub ignore_globs: Vec<String>,
    /// Take only files that match one of these; empty = all.
    pub include_globs: Vec<String>,
    /// Take only files with one of these extensions, without dot, in any case; empty = all.
    pub extensions: Vec<String>,
    /// Take only files of at least this many bytes.
    pub min_size_bytes: Option<u64>,
    /// Take only files of at most this many bytes.
    pub max_size_bytes: Option<u64>,
    /// Take only files modified at or after this time, RFC 3339.
    pub modified_since: Option<String>,
    /// Take only files modified before this time, RFC 3339.
    pub modified_before: Option<String>,
    /// How many levels to enter; 1 = the source's own entries.
    pub max_depth: Option<u32>,
    /// Follow symbolic links, loop-safe.
    pub follow_links: bool,
    /// Stay on the source's file system.
    pub one_file_system: bool,
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self {
            include_hidden: true,
            ignore_globs: Vec::new(),
            include_globs: Vec::new(),
            extensions: Vec::new(),
            min_size_bytes: None,
            max_size_bytes: None,
            modified_since: None,
            modified_before: None,
            max_depth: None,
            follow_links: false,
            one_file_system: false,
        }
    }
}

impl WalkOptions {
    /// Resolve the rules.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the glob, time or bound that is not acceptable.
    pub fn compile(&self) -> Result<Rules> {
        if let (Some(min), Some(max)) = (self.min_size_bytes, self.max_size_bytes)
            && min > max
        {
            return Err(EngineError::invalid(format!(
                "walk.min_size_bytes ({min}) must not be larger than max_size_bytes ({max})"
            )));
        }
        if self.max_depth == Some(0) {
            return Err(EngineError::invalid("walk.max_depth must be at least 1"));
        }
        Ok(Rules {
            include_hidden: self.include_hidden,
            ignore: Globs::compile("ignore_globs", &self.ignore_globs)?,
            include: Globs::compile("include_globs", &included(&self.include_globs)?)?,
            extensions: self.extensions.iter().map(|text| text.trim_start_matches('.').as_bytes().to_vec()).collect(),
            min_size: self.min_size_bytes.unwrap_or(0),
            max_size: self.max_size_bytes.unwrap_or(u64::MAX),
            since_ns: nanoseconds("modified_since", self.modified_since.as_deref())?.unwrap_or(i64::MIN),
            before_ns: nanoseconds("modified_before", self.modified_before.as_deref())?.unwrap_or(i64::MAX),
            max_depth: self.max_depth.unwrap_or(u32::MAX),
            follow_links: self.follow_links,
            one_file_system: self.one_file_system,
        })
    }
}

/// Nanoseconds since the epoch of an RFC 3339 time.
///
/// # Errors
/// [`EngineError::InvalidOptions`] naming `field`.
pub fn nanoseconds(field: &str, text: Option<&str>) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|error| EngineError::invalid(format!("{field} {text:?} is not an RFC 3339 time: {error}")))?;
    time.timestamp_nanos_opt()
        .map(Some)
        .ok_or_else(|| EngineError::invalid(format!("{field} {text:?} must be between the years 1678 and 2261")))
}

/// Longer patterns are refused: nested ones take stack to compile.
const PATTERN_BYTES: usize = 4096;
/// More patterns are refused: a set takes memory to compile.
const PATTERNS: usize = 10_000;

/// Patterns of which the last that matches decides.
#[derive(Debug)]
struct Globs {
    set: GlobSet,
    /// Of each pattern: whether it takes back, and whether it matches directories only.
    marks: Vec<(bool, bool)>,
    plain: bool,
}

impl Globs {
    fn compile(field: &str, patterns: &[String]) -> Result<Option<Self>> {
        let bad = |message: String| EngineError::invalid(format!("walk.{field}: {message}"));
        if patterns.len() > PATTERNS || patterns.iter().any(|pattern| pattern.len() > PATTERN_BYTES) {
            return Err(bad(format!("more than {PATTERNS} patterns, or one of more than {PATTERN_BYTES} bytes")));
        }
        let mut set = GlobSetBuilder::new();
        let mut marks = Vec::new();
        for pattern in patterns {
            let (takes_back, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, pattern.as_str()),
            };
            let trimmed = pattern.trim_end_matches('/');
            if trimmed.is_empty() {
                continue;
            }
            let anchored = match trimmed.strip_prefix('/') {
                Some(rest) => rest.to_owned(),
                None if trimmed.contains('/') => trimmed.to_owned(),
                None => format!("**/{trimmed}"),
            };
            let glob = GlobBuilder::new(&anchored).literal_separator(true).backslash_escape(true).build();
            set.add(glob.map_err(|error| bad(error.to_string()))?);
            marks.push((takes_back, pattern.len() > trimmed.len()));
        }
        if marks.is_empty() {
            return Ok(None);
        }
        let set = set.build().map_err(|error| bad(error.to_string()))?;
        let plain = marks.iter().all(|mark| *mark == (false, false));
        Ok(Some(Self { set, marks, plain }))
    }

    fn matches(&self, directory: &[u8], name: &[u8], is_directory: bool) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let path = paths::join(directory, name);
        let path = std::ffi::OsStr::from_bytes(&path);
        if self.plain {
            return self.set.is_match(path);
        }
        let matching = self.set.matches(path).into_iter().map(|index| self.marks[index]);
        let last = matching.rev().find(|&(_, only_directories)| is_directory || !only_directories);
        last.is_some_and(|(takes_back, _)| !takes_back)
    }
}

/// Include patterns in the form of [`Globs`].
fn included(patterns: &[String]) -> Result<Vec<String>> {
    let pattern = |pattern: &String| match pattern {
        back if back.starts_with('!') => {
            Err(EngineError::invalid(format!("walk.include_globs: {back:?}: use ignore_globs to exclude files")))
        }
        // Anchored where it has an inner slash, at any depth where it has none, as without the slash.
        directory if directory.ends_with('/') && !directory.trim_end_matches('/').is_empty() => {
            let trimmed = directory.trim_end_matches('/');
            Ok(if trimmed.contains('/') { format!("{trimmed}/**") } else { format!("**/{trimmed}/**") })
        }
        file => Ok(file.clone()),
    };
    patterns.iter().map(pattern).collect()
}

/// The rules, resolved once for a job.
#[derive(Debug)]
pub struct Rules {
    include_hidden: bool,
    ignore: Option<Globs>,
    include: Option<Globs>,
    extensions: Vec<Vec<u8>>,
    min_size: u64,
    max_size: u64,
    since_ns: i64,
    before_ns: i64,
    pub(super) max_depth: u32,
    pub(super) follow_links: bool,
    pub(super) one_file_system: bool,
}

impl Rules {
    /// Why an entry is left out with all below it, by its name and path alone.
    pub(super) fn refuses(&self, directory: &[u8], name: &[u8], is_directory: bool) -> Option<Skip> {
        if !self.include_hidden && name.first() == Some(&b'.') {
            return Some(Skip::Hidden);
        }
        let ignore = self.ignore.as_ref()?;
        ignore.matches(directory, name, is_directory).then_some(Skip::Ignored)
    }

    /// True when an entry other than a directory may be taken by its name and path.
    pub(super) fn takes_name(&self, directory: &[u8], name: &[u8]) -> bool {
        if !self.extensions.is_empty() && !self.extensions.iter().any(|wanted| has_extension(name, wanted)) {
            return false;
        }
        self.include.as_ref().is_none_or(|set| set.matches(directory, name, false))
    }

    /// True when it may be taken by its size and times.
    pub(super) fn takes_state(&self, meta: &Meta) -> bool {
        (self.min_size..=self.max_size).contains(&meta.size)
            && (self.since_ns..=self.before_ns).contains(&meta.mtime_ns)
            && (meta.mtime_ns != self.before_ns || self.before_ns == i64::MAX)
    }
}

/// True when `name` ends with a dot and `wanted`, in any case; more than one dot may be wanted (`tar.gz`). An
/// empty one wants names without an extension.
fn has_extension(name: &[u8], wanted: &[u8]) -> bool {
    if wanted.is_empty() {
        return paths::extension(name).is_empty();
    }
    let Some(dot) = name.len().checked_sub(wanted.len() + 1) else { return false };
    dot > 0 && name[dot] == b'.' && name[dot + 1..].eq_ignore_ascii_case(wanted)
}
