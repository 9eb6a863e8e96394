//! The columns of all files, by name.

use std::collections::HashMap;
use std::sync::Arc;

use super::column::{ColumnProfile, limit};
use super::file::FileFigures;
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

/// A column of all files.
#[derive(Debug)]
pub struct Total {
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

/// Columns of many files.
#[derive(Debug, Default)]
pub struct ColumnTotals {
    places: HashMap<String, usize>,
    columns: Vec<Total>,
    /// Columns of files that are not in: their names are too many.
    pub beyond: u64,
}

/// Different names of columns of which figures over all files are kept.
const MOST: usize = 100_000;

impl ColumnTotals {
    /// Add a file.
    pub fn add(&mut self, told: &FileFigures, columns: Vec<ColumnProfile>, figures: &[Many]) {
        let path: Arc<[u8]> = told.path.as_slice().into();
        for (place, (column, figures)) in columns.into_iter().zip(figures).enumerate() {
            let met = figures.kinds.each_ref().map(|seen| {
                let firsts = seen.firsts.iter();
                let met = |(first, value): &(u64, Box<[u8]>)| Met {
                    path: Arc::clone(&path),
                    record: first + 1,
                    value: value.clone(),
                };
                firsts.map(met).collect()
            });
            let new = Total {
                name: told.names[place].clone(),
                position: place + 1,
                files: 1,
                first: Arc::clone(&path),
                column,
                met,
                shapes: TotalShapes::of(&path, figures),
                finding: None,
            };
            self.put(new, Some(figures));
        }
    }

    fn put(&mut self, new: Total, figures: Option<&Many>) {
        let limit = limit(self.columns.len());
        match self.places.get(&new.name) {
            Some(&place) => self.columns[place].merge(new, figures, limit),
            None if self.columns.len() >= MOST => self.beyond += 1,
            None => {
                self.places.insert(new.name.clone(), self.columns.len());
                self.columns.push(new);
            }
        }
    }

    /// Add others.
    pub fn merge(&mut self, other: Self) {
        self.beyond += other.beyond;
        other.columns.into_iter().for_each(|column| self.put(column, None));
    }

    /// In the order in which files have them: those of the first file by name, then what others add.
    pub fn ordered(mut self) -> Vec<Total> {
        self.columns.sort_by(|one, other| {
            (&one.first, one.position, &one.name).cmp(&(&other.first, other.position, &other.name))
        });
        self.columns
    }
}

impl Total {
    fn merge(&mut self, other: Self, figures: Option<&Many>, limit: usize) {
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
