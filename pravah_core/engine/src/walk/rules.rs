//! What of a tree is visited. Rules apply in this order, the first that refuses wins:
//!
//! 1. `max_depth`: a directory deeper than it is listed as an entry and not entered.
//! 2. `include_hidden`: names that start with a dot, files and whole directories.
//! 3. `ignore_globs`: files and whole directories.
//! 4. `follow_links`, `one_file_system`: whether a directory is entered.
//! 5. `include_globs`, `extensions`, `min_size_bytes`, `max_size_bytes`, `modified_since`,
//!    `modified_before`: entries other than directories.

use chrono::DateTime;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use super::Meta;
use crate::error::{EngineError, Result};
use crate::paths;

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
            return Err(EngineError::invalid(format!("walk.min_size_bytes {min} exceeds max_size_bytes {max}")));
        }
        if self.max_depth == Some(0) {
            return Err(EngineError::invalid("walk.max_depth must be at least 1"));
        }
        Ok(Rules {
            include_hidden: self.include_hidden,
            ignore: globs("ignore_globs", &self.ignore_globs)?,
            include: globs("include_globs", &self.include_globs)?,
            extensions: self
                .extensions
                .iter()
                .map(|extension| extension.trim_start_matches('.').to_ascii_lowercase().into_bytes())
                .collect(),
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
        .ok_or_else(|| EngineError::invalid(format!("{field} {text:?} lies outside the years 1678 to 2261")))
}

fn globs(field: &str, patterns: &[String]) -> Result<Option<GlobSet>> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let bad = |error: globset::Error| EngineError::invalid(format!("walk.{field}: {error}"));
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        // As in gitignore: a pattern without an inner slash matches at any depth; a leading slash anchors.
        let trimmed = pattern.trim_end_matches('/');
        let anchored = match trimmed.strip_prefix('/') {
            Some(rest) => rest.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        set.add(GlobBuilder::new(&anchored).literal_separator(true).backslash_escape(true).build().map_err(bad)?);
    }
    set.build().map(Some).map_err(bad)
}

/// The rules, resolved once for a job.
#[derive(Debug)]
pub struct Rules {
    include_hidden: bool,
    ignore: Option<GlobSet>,
    include: Option<GlobSet>,
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
    /// True when the name is hidden and hidden names are left out.
    pub(super) fn hides(&self, name: &[u8]) -> bool {
        !self.include_hidden && name.first() == Some(&b'.')
    }

    /// True when an ignore glob matches the path relative to the source.
    pub(super) fn ignores(&self, directory: &[u8], name: &[u8]) -> bool {
        self.ignore.as_ref().is_some_and(|set| matches(set, directory, name))
    }

    /// True when an entry other than a directory is taken.
    pub(super) fn takes(&self, directory: &[u8], name: &[u8], meta: &Meta) -> bool {
        if !(self.min_size..=self.max_size).contains(&meta.size) {
            return false;
        }
        if !(self.since_ns..=self.before_ns).contains(&meta.mtime_ns)
            || (meta.mtime_ns == self.before_ns && self.before_ns != i64::MAX)
        {
            return false;
        }
        if !self.extensions.is_empty() {
            let extension = paths::extension(name);
            if !self.extensions.iter().any(|wanted| wanted.eq_ignore_ascii_case(extension)) {
                return false;
            }
        }
        self.include.as_ref().is_none_or(|set| matches(set, directory, name))
    }
}

fn matches(set: &GlobSet, directory: &[u8], name: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let path = paths::join(directory, name);
    set.is_match(std::ffi::OsStr::from_bytes(&path))
}
