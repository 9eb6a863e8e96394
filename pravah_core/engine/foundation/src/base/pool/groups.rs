//! Which files one thread reads one after the other.

use rayon::prelude::*;

/// Reading so many bytes takes far longer than handing them to another thread.
const GROUP_BYTES: u64 = 1 << 20;

/// Files by their places: small ones beside each other in groups, in their order; larger ones alone and before these, the
/// largest first, so that no thread begins one when all others have ended.
#[derive(Debug)]
pub struct Groups {
    order: Vec<u32>,
    /// Where each group ends.
    ends: Vec<u32>,
}

impl Groups {
    /// Of files of these sizes; at most `at_once` of them in a group.
    pub fn of(sizes: &[u64], at_once: usize) -> Self {
        let size = |place: u32| sizes[place as usize];
        let (mut order, small): (Vec<u32>, Vec<u32>) =
            (0..sizes.len() as u32).partition(|&place| size(place) >= GROUP_BYTES);
        order.sort_by_key(|&place| std::cmp::Reverse(size(place)));
        let mut ends: Vec<u32> = (1..=order.len() as u32).collect();
        let (mut files, mut bytes) = (0, 0);
        for place in small {
            order.push(place);
            (files, bytes) = (files + 1, bytes + size(place));
            if files >= at_once || bytes >= GROUP_BYTES {
                ends.push(order.len() as u32);
                (files, bytes) = (0, 0);
            }
        }
        if files > 0 {
            ends.push(order.len() as u32);
        }
        Self { order, ends }
    }

    /// What `work` makes of each file, in the order of the files. A group is a task of its own for the pool it is called in.
    ///
    /// # Errors
    /// One of those that `work` returns.
    pub fn work<T: Send, E: Send>(&self, work: impl Fn(usize) -> Result<T, E> + Sync) -> Result<Vec<T>, E> {
        let group = |number: usize| {
            let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
            let places = &self.order[start as usize..self.ends[number] as usize];
            places.iter().map(|&place| Ok((place, work(place as usize)?))).collect::<Result<Vec<_>, E>>()
        };
        let made: Vec<Vec<(u32, T)>> =
            (0..self.ends.len()).into_par_iter().with_max_len(1).map(group).collect::<Result<_, E>>()?;
        let mut made: Vec<(u32, T)> = made.into_iter().flatten().collect();
        made.sort_unstable_by_key(|(place, _)| *place);
        Ok(made.into_iter().map(|(_, made)| made).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_are_alone_and_come_first_and_small_ones_stay_beside_each_other() {
        let sizes = [10, 5 << 20, 20, 0, 7 << 20, 30, 900 << 10, 200 << 10, 40];
        let groups = Groups::of(&sizes, 3);
        assert_eq!(groups.order, [4, 1, 0, 2, 3, 5, 6, 7, 8]);
        assert_eq!(groups.ends, [1, 2, 5, 8, 9]);
        assert_eq!(groups.work(|place| Ok::<_, ()>(sizes[place])), Ok(sizes.to_vec()));
        assert_eq!(groups.work(|place| if place == 6 { Err(place) } else { Ok(()) }), Err(6));
        assert_eq!(Groups::of(&[], 3).work(|_| Ok::<_, ()>(())), Ok(Vec::new()));
        assert_eq!(Groups::of(&[1; 5], 1).ends, [1, 2, 3, 4, 5]);
    }
}
