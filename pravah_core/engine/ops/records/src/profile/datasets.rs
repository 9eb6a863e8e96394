//! The columns of all files, by dataset: files of one table are found by their columns, and only what is of one table
//! is pooled.
//!
//! While files come, those with the same columns are pooled. Which of these layouts are of one dataset is found at the
//! end, and in between, when there are many: more files connect datasets and never separate them, so that it does not
//! matter when it is asked, nor in which order files come.

use std::collections::HashMap;
use std::sync::Arc;

use super::column::{ColumnProfile, limit};
use super::file::FileFigures;
use super::many::Many;
use super::schemas::Signature;
use super::total::Total;
use pravah_foundation::tabular::datasets::{ColumnLayout, DatasetNames, FileNames, group};

/// Layouts that are told apart. Files of others are pooled with a dataset that is alike, or left out.
const MOST_LAYOUTS: usize = 10_000;
/// Columns of all datasets of which figures are kept.
const MOST_COLUMNS: usize = 100_000;
/// With so many columns it is asked for the first time which layouts are of one dataset.
const FIRST_LOOK: usize = 4096;
/// Layouts beyond the limit whose dataset is remembered.
const REMEMBERED: usize = 10_000;

/// Files that are pooled.
#[derive(Debug)]
pub struct Pool {
    /// Their names.
    pub files: FileNames,
    /// Records in them.
    pub records: u64,
    /// Their columns.
    pub columns: Vec<Total>,
    /// Their names, once all files are in.
    pub names: Vec<String>,
    places: HashMap<String, usize>,
}

/// Columns of many files.
#[derive(Debug, Default)]
pub struct Pools {
    /// By layout: its place.
    known: HashMap<u64, usize>,
    /// Each layout with its pool.
    layouts: Vec<(ColumnLayout, usize)>,
    pools: Vec<Pool>,
    columns: usize,
    /// With more columns than these, it is asked again.
    look_at: usize,
    /// Of layouts beyond the limit: the pool.
    strays: HashMap<u64, Option<usize>>,
    /// Files that are left out: they are of too many kinds.
    pub left_out: u64,
}

/// What is known of all files.
#[derive(Debug, Default)]
pub struct Datasets {
    /// The datasets in the order of their first files; each has a name.
    pub all: Vec<(Arc<str>, Pool)>,
    by_layout: HashMap<u64, usize>,
}

impl Datasets {
    /// The place of the dataset that files of these columns are in.
    pub fn place(&self, columns: &Signature) -> Option<usize> {
        self.by_layout.get(&layout_of(columns).id()).copied()
    }
}

fn layout_of(columns: &Signature) -> ColumnLayout {
    ColumnLayout::of(columns.iter().map(|(name, kind)| (name.as_str(), *kind)))
}

impl Pool {
    fn of(told: &FileFigures, columns: Vec<Total>) -> Self {
        let mut pool = Self {
            files: FileNames::of(&told.path),
            records: told.counts.records,
            columns: Vec::new(),
            names: Vec::new(),
            places: HashMap::new(),
        };
        pool.put(columns, None, 0);
        pool
    }

    fn put(&mut self, columns: Vec<Total>, figures: Option<&[Many]>, others: usize) {
        for (place, column) in columns.into_iter().enumerate() {
            let limit = limit(others + self.columns.len());
            match self.places.get(&column.name) {
                Some(&own) => self.columns[own].merge(column, figures.map(|figures| &figures[place]), limit),
                None => {
                    self.places.insert(column.name.clone(), self.columns.len());
                    self.columns.push(column);
                }
            }
        }
    }

    fn merge(&mut self, other: Self, others: usize) {
        self.files.merge(&other.files);
        self.records += other.records;
        self.put(other.columns, None, others);
    }
}

impl Pools {
    /// Add a file.
    pub fn add(&mut self, told: &FileFigures, columns: Vec<ColumnProfile>, figures: &[Many], signature: &Signature) {
        let layout = layout_of(signature);
        let id = layout.id();
        let path: Arc<[u8]> = told.path.as_slice().into();
        let each = columns.into_iter().zip(figures).enumerate();
        let columns: Vec<Total> = each
            .map(|(place, (column, figures))| Total::of(&path, (&told.names[place], place), column, figures))
            .collect();
        let is_full = |own: &Self| own.layouts.len() >= MOST_LAYOUTS || own.columns + columns.len() > MOST_COLUMNS;
        let pool = match self.known.get(&id) {
            Some(&place) => {
                let (own, pool) = &mut self.layouts[place];
                own.merge(&layout);
                Some(*pool)
            }
            None if is_full(self) => match self.stray(id, &layout) {
                Some(pool) => Some(pool),
                None => return self.left_out += 1,
            },
            None => None,
        };
        match pool {
            Some(pool) => {
                let others = self.columns - self.pools[pool].columns.len();
                let pool = &mut self.pools[pool];
                pool.files.merge(&FileNames::of(&told.path));
                pool.records += told.counts.records;
                pool.put(columns, Some(figures), others);
                self.columns = others + pool.columns.len();
            }
            None => {
                self.columns += columns.len();
                self.known.insert(id, self.layouts.len());
                self.layouts.push((layout, self.pools.len()));
                self.pools.push(Pool::of(told, columns));
            }
        }
        if self.columns > self.look_at.max(FIRST_LOOK) {
            self.unite();
            self.look_at = 2 * self.columns;
        }
    }

    /// The pool for files of a layout beyond the limit.
    fn stray(&mut self, id: u64, layout: &ColumnLayout) -> Option<usize> {
        if let Some(pool) = self.strays.get(&id) {
            return *pool;
        }
        let found = self.layouts.iter().find(|(own, _)| own.is_alike(layout)).map(|(_, pool)| *pool);
        if self.strays.len() < REMEMBERED {
            self.strays.insert(id, found);
        }
        found
    }

    /// Tell layouts that several threads met what each of them saw.
    fn share_types(&mut self) {
        let mut all: HashMap<u64, ColumnLayout> = HashMap::new();
        for (layout, _) in &self.layouts {
            all.entry(layout.id()).and_modify(|own| own.merge(layout)).or_insert_with(|| layout.clone());
        }
        for (layout, _) in &mut self.layouts {
            if let Some(all) = all.get(&layout.id()) {
                layout.merge(all);
            }
        }
    }

    /// Pool the layouts of each dataset.
    fn unite(&mut self) {
        self.share_types();
        let layouts: Vec<&ColumnLayout> = self.layouts.iter().map(|(layout, _)| layout).collect();
        let found = group(&layouts);
        let mut old: Vec<Option<Pool>> = std::mem::take(&mut self.pools).into_iter().map(Some).collect();
        let mut by_dataset: HashMap<usize, usize> = HashMap::new();
        for ((_, own), dataset) in self.layouts.iter_mut().zip(found) {
            let next = by_dataset.len();
            let place = *by_dataset.entry(dataset).or_insert(next);
            match (old[*own].take(), self.pools.get_mut(place)) {
                (Some(pool), Some(all)) => all.merge(pool, 0),
                (Some(pool), None) => self.pools.push(pool),
                // Pooled before, with another layout.
                (None, _) => {}
            }
            *own = place;
        }
        self.strays.clear();
        self.columns = self.pools.iter().map(|pool| pool.columns.len()).sum();
    }

    /// Add others.
    pub fn merge(&mut self, other: Self) {
        let before = self.pools.len();
        self.left_out += other.left_out;
        self.pools.extend(other.pools);
        self.layouts.extend(other.layouts.into_iter().map(|(layout, pool)| (layout, before + pool)));
    }

    /// The datasets.
    pub fn finish(mut self) -> Datasets {
        self.unite();
        let mut order: Vec<usize> = (0..self.pools.len()).collect();
        order.sort_by(|one, other| self.pools[*one].files.first.cmp(&self.pools[*other].files.first));
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &pool)| places[pool] = place);
        let by_layout = self.layouts.iter().map(|(layout, pool)| (layout.id(), places[*pool])).collect();
        let mut pools: Vec<Option<Pool>> = self.pools.into_iter().map(Some).collect();
        let mut all: Vec<(Arc<str>, Pool)> =
            order.into_iter().filter_map(|pool| pools[pool].take()).map(|pool| ("".into(), pool)).collect();
        // The largest one has the plain name.
        let mut ranked: Vec<usize> = (0..all.len()).collect();
        ranked.sort_by_key(|&place| (std::cmp::Reverse(all[place].1.files.files), place));
        let mut names = DatasetNames::default();
        for place in ranked {
            let (name, pool) = &mut all[place];
            pool.columns.sort_by(|one, other| {
                (&one.first, one.position, &one.name).cmp(&(&other.first, other.position, &other.name))
            });
            pool.names = pool.columns.iter().map(|column| column.name.clone()).collect();
            let columns: Vec<&str> = pool.names.iter().map(String::as_str).collect();
            *name = names.next(&pool.files, &columns).into();
            pool.columns.iter_mut().for_each(|column| column.dataset = Arc::clone(name));
        }
        Datasets { all, by_layout }
    }
}
