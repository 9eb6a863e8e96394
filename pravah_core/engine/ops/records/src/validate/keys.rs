//! Keys over all records: values that may be there once, or have to be in another file.
//!
//! Each value leaves a row with its hash. Those of one file are compared at the file's end, those of several once all
//! files are read, so that their order does not matter. What breaks a key is known by file and record then; its place
//! and its text are told by reading the file [`super::again`].

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::again::Pending;
use super::plan::Named;
use super::rows::{Broken, Hash, KeyValue, REFERENCED};
use super::sorter::{Cursor, KeyBudget, KeyRow, KeySorter, KeyStore, Sorted};
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::sync::lock;
use pravah_foundation::run::context::Context;
use pravah_foundation::tabular::contract::{Key, Rule};

/// For the rows of all keys of all files in work; more of it was no faster with six million records.
const BYTES: usize = 16 << 20;
/// Rows between two looks at the cancel flag.
const LOOK_ROWS: u64 = 1 << 16;

/// A file's number, and where in the store is what breaks its keys.
pub type FaultRange = (u32, Range<u64>);

/// What all files share.
pub struct Keys {
    /// All that is looked at as a key; the place of each is its number.
    pub all: Vec<Key>,
    budget: Arc<KeyBudget>,
    files: AtomicU32,
    /// Values that are compared with other files'.
    shared: Mutex<Option<KeySorter>>,
    /// What breaks a key.
    broken: Mutex<Option<KeySorter>>,
    /// Files that foreign keys name, read whole.
    named: Mutex<Vec<Candidate>>,
    /// Files without a verdict, by their numbers.
    pub pending: Mutex<BTreeMap<u32, Pending>>,
    /// Those that are read again, by their paths.
    again: Mutex<HashMap<Vec<u8>, FaultRange>>,
    /// What breaks a key, in order, once that is known.
    store: Mutex<Option<Arc<KeyStore>>>,
}

/// A file that a foreign key names.
struct Candidate {
    named: Named,
    file: u32,
    /// It was read to its end.
    is_whole: bool,
}

/// What the verdict on a file lacks, and where it is.
#[derive(Debug, Default)]
struct Count {
    /// By key: how many records break it, and the first.
    keys: BTreeMap<u16, (u64, u64)>,
    /// How many records break any.
    records: u64,
    last: u64,
}

impl Keys {
    /// For these; temporary files are in the operation's folder.
    pub fn new(all: Vec<Key>, context: &Context) -> Self {
        let (bytes, directory) = (context.key_bytes.unwrap_or(BYTES), context.sink.directory().to_owned());
        Self {
            all,
            budget: KeyBudget::new(bytes, directory, Arc::clone(&context.control)),
            files: AtomicU32::new(0),
            shared: Mutex::default(),
            broken: Mutex::default(),
            named: Mutex::default(),
            pending: Mutex::default(),
            again: Mutex::default(),
            store: Mutex::default(),
        }
    }

    /// A file's number, the next one.
    pub fn number(&self) -> u32 {
        self.files.fetch_add(1, Relaxed)
    }

    /// The number of a file that is read again.
    pub fn again(&self, path: &[u8]) -> Option<u32> {
        lock(&self.again).get(path).map(|(number, _)| *number)
    }

    /// What breaks a key of a file that is read again.
    pub fn cursor(&self, path: &[u8]) -> Option<Cursor> {
        let places = lock(&self.again).get(path).map(|(_, places)| places.clone())?;
        lock(&self.store).as_ref().map(|store| store.read(places))
    }

    /// Takes the values of one file.
    pub fn sorter(&self) -> KeySorter {
        KeySorter::new(&self.budget)
    }

    /// Take values that are compared with other files'.
    ///
    /// # Errors
    /// [`pravah_foundation::base::error::EngineError::Output`], here and below.
    pub fn share(&self, rows: Vec<KeyRow>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        lock(&self.shared).get_or_insert_with(|| self.sorter()).piece(rows)
    }

    /// A file that foreign keys name has ended.
    pub fn name(&self, named: &[Named], file: u32, is_whole: bool) {
        let candidates = named.iter().map(|&named| Candidate { named, file, is_whole });
        lock(&self.named).extend(candidates);
    }

    /// Find what breaks keys of one file; true when there is something.
    ///
    /// # Errors
    /// Also [`pravah_foundation::base::error::EngineError::Cancelled`], here and below.
    pub fn own(&self, sorter: KeySorter, file: u32, control: &Control) -> Result<bool> {
        self.compare(sorter.sorted()?, |_| Some(file), true, control)
    }

    /// Find what breaks keys. `referenced` tells the file that holds the values of a key, when it is known.
    fn compare(
        &self,
        mut sorted: Sorted,
        referenced: impl Fn(u16) -> Option<u32>,
        is_own: bool,
        control: &Control,
    ) -> Result<bool> {
        let (mut last, mut is_there, mut is_broken, mut count) = (None::<(u16, Hash)>, false, false, 0);
        while let Some(row) = sorted.next()? {
            if count % LOOK_ROWS == 0 {
                control.check()?;
            }
            count += 1;
            let KeyValue { key, hash, record, file } = KeyValue::of(row);
            if last.replace((key, hash)) != Some((key, hash)) {
                is_there = false;
            }
            let breaks = if self.all[usize::from(key)].reference.is_none() {
                // Of those alike the first in the file stays.
                std::mem::replace(&mut is_there, true)
            } else {
                let Some(holder) = referenced(key) else { continue };
                // Values that are referred to come before those that refer.
                is_there |= record == REFERENCED && file == holder;
                record != REFERENCED && !is_there && (is_own || file != holder)
            };
            if breaks {
                is_broken = true;
                let row = Broken { file, record, key, hash }.row();
                lock(&self.broken).get_or_insert_with(|| self.sorter()).row(row)?;
            }
        }
        Ok(is_broken)
    }

    /// All files are read: find what breaks foreign keys, and give the keys that could not be checked.
    ///
    /// # Errors
    /// As [`Keys::own`].
    pub fn compare_files(&self, control: &Control) -> Result<Vec<u16>> {
        let (mut holders, mut unchecked) = (BTreeMap::new(), Vec::new());
        for (place, key) in self.all.iter().enumerate() {
            let Some(reference) = key.reference.as_ref().filter(|reference| !reference.resource.is_empty()) else {
                continue;
            };
            match self.holder(place as u16) {
                Ok(file) => drop(holders.insert(place as u16, file)),
                Err(why) => {
                    let (columns, others) = (key.columns.join(", "), reference.columns.join(", "));
                    let message = format!("the foreign key {columns} to its {others} was not checked: {why}");
                    control.issue("validate", reference.resource.as_bytes(), IssueKind::Malformed, message);
                    unchecked.push(place as u16);
                }
            }
        }
        let shared = lock(&self.shared).take();
        if let Some(shared) = shared {
            self.compare(shared.sorted()?, |key| holders.get(&key).copied(), false, control)?;
        }
        Ok(unchecked)
    }

    /// The file that holds the values of a key; else why none does.
    fn holder(&self, key: u16) -> std::result::Result<u32, &'static str> {
        let named = lock(&self.named);
        let mut of_key: Vec<&Candidate> = named.iter().filter(|candidate| candidate.named.key == key).collect();
        if of_key.iter().any(|candidate| candidate.named.is_exact) {
            of_key.retain(|candidate| candidate.named.is_exact);
        }
        match of_key[..] {
            [] => Err("no file with this name was read"),
            [Candidate { named: Named { has_columns: false, .. }, .. }] => Err("the file lacks the columns"),
            [Candidate { is_whole: false, .. }] => Err("the file was not read completely"),
            [candidate] => Ok(candidate.file),
            _ => Err("several files have this name; add the extension"),
        }
    }

    /// Add what breaks keys to the verdicts, and keep it by files and records.
    ///
    /// # Errors
    /// As [`Keys::own`].
    pub fn count(&self, control: &Control) -> Result<HashMap<u32, Range<u64>>> {
        let Some(broken) = lock(&self.broken).take() else { return Ok(HashMap::new()) };
        let mut pending = lock(&self.pending);
        let (mut places, mut count) = (HashMap::<u32, Range<u64>>::new(), Count::default());
        let mut present = None;
        let store = broken.sorted()?.store(|place, row| {
            if place % LOOK_ROWS == 0 {
                control.check()?;
            }
            let Broken { file, record, key, .. } = Broken::of(row);
            if present != Some(file) {
                if let Some(before) = present.replace(file) {
                    self.tell(&mut pending, before, std::mem::take(&mut count));
                }
                places.insert(file, place..place);
            }
            places.entry(file).and_modify(|places| places.end += 1);
            count.take(record, key);
            Ok(())
        })?;
        if let Some(file) = present {
            self.tell(&mut pending, file, count);
        }
        *lock(&self.store) = Some(Arc::new(store));
        // Of a file that could not be read whole nothing is told.
        places.retain(|file, _| pending.contains_key(file));
        Ok(places)
    }

    fn tell(&self, pending: &mut BTreeMap<u32, Pending>, file: u32, count: Count) {
        let Some(pending) = pending.get_mut(&file) else { return };
        for (key, (errors, first)) in count.keys {
            let key = &self.all[usize::from(key)];
            let rule = if key.reference.is_some() { Rule::ForeignKey } else { Rule::Unique };
            pending.count(key.columns.join(", "), rule, errors, first);
        }
        pending.broken_records = count.records;
    }

    /// Files that are to be read again, with the places of what breaks their keys.
    pub fn set_again(&self, files: HashMap<Vec<u8>, FaultRange>) {
        // There is a store, if only for good and bad records to be told apart.
        lock(&self.store).get_or_insert_with(|| Arc::new(KeyStore::Memory(Vec::new())));
        *lock(&self.again) = files;
    }
}

impl Count {
    fn take(&mut self, record: u64, key: u16) {
        let (errors, _) = self.keys.entry(key).or_insert((0, record));
        *errors += 1;
        self.records += u64::from(self.last != record);
        self.last = record;
    }
}
