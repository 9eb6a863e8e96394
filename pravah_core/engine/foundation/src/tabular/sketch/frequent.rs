//! Which values there are and how often: exactly while they are few, the most frequent ones when they are many
//! (Misra and Gries 1982, with the cuts of Anderson et al. 2017).

use crate::base::compact::{Reader, Writer};
use crate::base::hash::hash;

/// A value.
#[derive(Debug, Clone)]
pub struct FrequentValue {
    /// Its hash.
    pub hash: u64,
    /// How often it was seen, at most [`Frequent::lost`] too few.
    pub count: u64,
    /// Where it was seen first.
    pub first: u64,
    start: u32,
    length: u32,
}

/// Bytes that are kept of a value: enough to show it, and all of what is no free text.
pub const KEPT_BYTES: usize = 128;
/// Bytes of all values, for each that may be kept: longer ones make it full earlier.
const BYTES_EACH: usize = 32;
const FREE: u32 = u32::MAX;
const FIRST_SLOTS: usize = 16;

/// A table of values. Two with the same 64-bit hash are taken for one.
#[derive(Debug, Clone, Default)]
pub struct Frequent {
    /// Numbers of entries, by hash; as many again are free.
    slots: Vec<u32>,
    entries: Vec<FrequentValue>,
    bytes: Vec<u8>,
    lost: u64,
}

impl Frequent {
    /// The values, in the order they were first seen.
    pub fn entries(&self) -> &[FrequentValue] {
        &self.entries
    }

    /// The most that any count is too low, and the most often that a value was seen which is not there.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// A value's bytes, at most 128 of them.
    pub fn value(&self, entry: &FrequentValue) -> &[u8] {
        &self.bytes[entry.start as usize..(entry.start + entry.length.min(KEPT_BYTES as u32)) as usize]
    }

    /// How long a value is.
    pub fn length(entry: &FrequentValue) -> usize {
        entry.length as usize
    }

    /// True when `limit` values, or as many bytes as they may have, are there.
    #[inline]
    pub fn is_full(&self, limit: usize) -> bool {
        self.entries.len() >= limit || self.bytes.len() >= limit * BYTES_EACH + KEPT_BYTES
    }

    /// Add a value.
    #[inline]
    pub fn add(&mut self, hash: u64, value: &[u8], count: u64, first: u64) {
        if let Some(entry) = self.find(hash) {
            entry.count += count;
            return;
        }
        self.insert(hash, value, value.len(), count, first);
    }

    #[inline]
    fn find(&mut self, hash: u64) -> Option<&mut FrequentValue> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = hash as usize & mask;
        loop {
            let number = *self.slots.get(slot)?;
            if number == FREE {
                return None;
            }
            if self.entries[number as usize].hash == hash {
                return self.entries.get_mut(number as usize);
            }
            slot = (slot + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, hash: u64, value: &[u8], length: usize, count: u64, first: u64) {
        let kept = &value[..value.len().min(KEPT_BYTES)];
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(kept);
        self.entries.push(FrequentValue {
            hash,
            count,
            first,
            start,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        });
        if self.entries.len() * 2 > self.slots.len() {
            self.index();
        } else {
            self.place(self.entries.len() - 1);
        }
    }

    fn place(&mut self, number: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = self.entries[number].hash as usize & mask;
        while self.slots[slot] != FREE {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = number as u32;
    }

    fn index(&mut self) {
        let slots = (self.entries.len() * 4).next_power_of_two().max(FIRST_SLOTS);
        self.slots.clear();
        self.slots.resize(slots, FREE);
        (0..self.entries.len()).for_each(|number| self.place(number));
    }

    /// Add what another has seen, each of its places made to one of this.
    pub fn merge(&mut self, other: &Self, place: impl Fn(u64) -> u64) {
        for entry in &other.entries {
            let first = place(entry.first);
            match self.find(entry.hash) {
                Some(own) => {
                    own.count += entry.count;
                    own.first = own.first.min(first);
                }
                None => self.insert(entry.hash, other.value(entry), entry.length as usize, entry.count, first),
            }
        }
        self.lost += other.lost;
    }

    /// Keep the half that is more frequent.
    pub fn cut(&mut self) {
        let mut counts: Vec<u64> = self.entries.iter().map(|entry| entry.count).collect();
        if counts.is_empty() {
            return;
        }
        let middle = counts.len() / 2;
        let cut = *counts.select_nth_unstable(middle).1;
        self.lost += cut;
        let mut bytes = Vec::with_capacity(self.bytes.len() / 2);
        let old = std::mem::take(&mut self.entries);
        for mut entry in old.into_iter().filter(|entry| entry.count > cut) {
            entry.count -= cut;
            let start = bytes.len() as u32;
            bytes.extend_from_slice(self.value(&entry));
            self.entries.push(FrequentValue { start, ..entry });
        }
        self.bytes = bytes;
        self.index();
    }

    /// At least so many bytes are written of it.
    pub fn least_bytes(&self) -> usize {
        self.bytes.len() + 3 * self.entries.len()
    }

    /// Write it.
    pub fn write(&self, out: &mut Writer) {
        out.integer(self.lost);
        out.integer(self.entries.len() as u64);
        for entry in &self.entries {
            [entry.length.into(), entry.count, entry.first].into_iter().for_each(|value| out.integer(value));
            out.0.extend_from_slice(self.value(entry));
            // That of a value which is all there follows from it.
            if entry.length as usize > KEPT_BYTES {
                out.integer(entry.hash);
            }
        }
    }

    /// What [`Frequent::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut read = Self { lost: from.integer()?, ..Self::default() };
        for _ in 0..from.count()? {
            let length = u32::try_from(from.integer()?).ok()?;
            let (count, first) = (from.integer()?, from.integer()?);
            let value = from.take((length as usize).min(KEPT_BYTES))?;
            let hash = if length as usize > KEPT_BYTES { from.integer()? } else { hash(value) };
            let start = u32::try_from(read.bytes.len()).ok()?;
            read.bytes.extend_from_slice(value);
            read.entries.push(FrequentValue { hash, count, first, start, length });
        }
        if !read.entries.is_empty() {
            read.index();
        }
        Some(read)
    }

    /// The values from the most frequent on; those that are as frequent in their own order.
    pub fn ranked(&self) -> Vec<&FrequentValue> {
        let mut ranked: Vec<&FrequentValue> = self.entries.iter().collect();
        ranked.sort_by_key(|entry| (std::cmp::Reverse(entry.count), self.value(entry)));
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_counted_exactly_and_long_ones_are_told_apart() {
        let mut table = Frequent::default();
        for number in 0..10_000u64 {
            let value = format!("{}{}", "x".repeat(200), number % 100);
            table.add(hash(value.as_bytes()), value.as_bytes(), 1, number);
        }
        assert_eq!(table.entries().len(), 100);
        assert!(table.entries().iter().enumerate().all(|(at, entry)| entry.count == 100 && entry.first == at as u64));
        assert!(table.entries().iter().all(|entry| table.value(entry).len() == 128 && Frequent::length(entry) > 200));
        let mut all = Frequent::default();
        all.merge(&table, |first| first + 7);
        all.merge(&table, |first| first);
        assert_eq!((all.entries().len(), all.entries()[5].count, all.entries()[5].first), (100, 200, 5));
    }

    #[test]
    fn the_frequent_of_many_are_found_within_what_was_lost() {
        let mut table = Frequent::default();
        for number in 0..200_000u64 {
            let value = if number % 10 == 0 { "often".to_owned() } else { number.to_string() };
            table.add(hash(value.as_bytes()), value.as_bytes(), 1, number);
            if table.is_full(1000) {
                table.cut();
            }
        }
        let best = table.ranked()[0];
        assert_eq!(table.value(best), b"often");
        assert!(best.count <= 20_000 && best.count + table.lost() >= 20_000, "{} {}", best.count, table.lost());
        assert!(table.lost() < 200_000 / 400);
    }
}
