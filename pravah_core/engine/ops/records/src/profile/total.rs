//! A column of all files of a dataset.

use std::sync::Arc;

use super::column::ColumnProfile;
use super::formats::TotalShapes;
use super::many::{FIRSTS, Many};
use pravah_foundation::tabular::formats::Finding;
use pravah_foundation::tabular::values::KINDS;

/// Where a value was met first: in the first of all files by name that has it.
#[derive(Debug, Clone)]
pub struct Met {
    /// The file.
    pub path: Arc<[u8]>,
    /// The record, from 1.
    pub record: u64,
    /// The value.
    pub value: Box<[u8]>,
}

/// A column of all files of a dataset.
#[derive(Debug)]
pub struct Total {
    /// The dataset's name, once all files are in.
    pub dataset: Arc<str>,
    /// Its name.
    pub name: String,
    /// The least of its places, from 1.
    pub position: usize,
    /// Files that have it.
    pub files: u64,
    /// The first of them by name.
    pub first: Arc<[u8]>,
    /// Its figures.
    pub column: ColumnProfile,
    /// By type, in the order of [`KINDS`]: the first values that differ, at most [`FIRSTS`], in order.
    pub met: [Vec<Met>; KINDS.len()],
    /// What its values look like.
    pub shapes: TotalShapes,
    /// The format of nearly all of them, once all files are in.
    pub finding: Option<Finding>,
}

impl Total {
    /// That of one file: its name, and its place from 0.
    pub fn of(path: &Arc<[u8]>, (name, place): (&str, usize), column: ColumnProfile, figures: &Many) -> Self {
        let met = figures.kinds.each_ref().map(|seen| {
            let firsts = seen.firsts.iter();
            let met = |(first, value): &(u64, Box<[u8]>)| Met {
                path: Arc::clone(path),
                record: first + 1,
                value: value.clone(),
            };
            firsts.map(met).collect()
        });
        Self {
            dataset: Arc::default(),
            name: name.to_owned(),
            position: place + 1,
            files: 1,
            first: Arc::clone(path),
            column,
            met,
            shapes: TotalShapes::of(path, figures),
            finding: None,
        }
    }

    /// Add the same column of other files, with its figures where they are known already.
    pub fn merge(&mut self, other: Self, figures: Option<&Many>, limit: usize) {
        self.position = self.position.min(other.position);
        self.files += other.files;
        if other.first < self.first {
            self.first = other.first;
        }
        self.column.merge(&other.column, figures, 0, limit);
        self.shapes.merge(other.shapes);
        for (own, other) in self.met.iter_mut().zip(other.met) {
            merge_met(own, other);
        }
    }

    /// The first exceptions, in order.
    pub fn exceptions(&self, figures: &Many) -> Vec<&Met> {
        let mut all: Vec<&Met> = figures.exceptional().flat_map(|kind| &self.met[kind as usize]).collect();
        all.sort_by_key(|met| (&met.path, met.record));
        all.truncate(FIRSTS);
        all
    }
}

fn merge_met(own: &mut Vec<Met>, other: Vec<Met>) {
    for met in other {
        let is_earlier = |than: &Met| (&met.path, met.record) < (&than.path, than.record);
        if let Some(at) = own.iter().position(|one| one.value == met.value) {
            if !is_earlier(&own[at]) {
                continue;
            }
            own.remove(at);
        }
        let at = own.partition_point(|one| !is_earlier(one));
        if at < FIRSTS {
            own.insert(at, met);
            own.truncate(FIRSTS);
        }
    }
}
