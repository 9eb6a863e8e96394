//! Names of users and groups.
//!
//! `/etc/passwd` and `/etc/group` are read once. Only an id that is not in them is looked up by `getpwuid_r` or
//! `getgrgid_r`, which may ask a directory service (LDAP, SSSD): once per id, since the answer is kept. An id without a
//! name is shown as its number.

use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;

use nix::unistd::{Gid, Group, Uid, User};

use crate::base::sync::lock;

/// Asks the system for the name of an id.
type Lookup = fn(u32) -> Option<String>;

/// Names by id: those of the system's file, and those that had to be looked up.
#[derive(Debug)]
struct Names {
    listed: HashMap<u32, String>,
    looked_up: Mutex<HashMap<u32, String>>,
    lookup: Lookup,
}

impl Names {
    fn new(content: &[u8], lookup: Lookup) -> Self {
        Self { listed: listed(content), looked_up: Mutex::default(), lookup }
    }

    fn name(&self, id: u32) -> String {
        if let Some(name) = self.listed.get(&id) {
            return name.clone();
        }
        // Held during the lookup: threads that ask for the same id wait for one answer.
        let mut looked_up = lock(&self.looked_up);
        looked_up.entry(id).or_insert_with(|| (self.lookup)(id).unwrap_or_else(|| id.to_string())).clone()
    }
}

/// Names of users and of groups.
#[derive(Debug)]
pub struct Owners {
    users: Names,
    groups: Names,
}

impl Owners {
    /// Read both files; ids of a file that is missing are looked up.
    pub fn read() -> Self {
        let content = |path| fs::read(path).unwrap_or_default();
        Self { users: Names::new(&content("/etc/passwd"), user), groups: Names::new(&content("/etc/group"), group) }
    }

    /// A user's name or number; `unknown` for the id that stands for no user.
    pub fn user(&self, id: u32) -> String {
        if id == u32::MAX { "unknown".into() } else { self.users.name(id) }
    }

    /// A group's name or number.
    pub fn group(&self, id: u32) -> String {
        if id == u32::MAX { id.to_string() } else { self.groups.name(id) }
    }
}

/// A lookup that fails is shown as a number, as by `ls -l`.
fn user(id: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(id)).ok().flatten().map(|user| user.name)
}

fn group(id: u32) -> Option<String> {
    Group::from_gid(Gid::from_raw(id)).ok().flatten().map(|group| group.name)
}

fn listed(content: &[u8]) -> HashMap<u32, String> {
    let line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let id = fields.nth(1)?.parse().ok()?;
        Some((id, name))
    };
    let mut names = HashMap::new();
    for (id, name) in String::from_utf8_lossy(content).lines().filter_map(line) {
        // Of several names the first counts, as in getpwuid(3).
        names.entry(id).or_insert(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[test]
    fn only_an_id_that_is_not_in_the_file_is_looked_up_and_only_once() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let directory = |id| {
            ASKED.fetch_add(1, SeqCst);
            (id == 70_000).then(|| "ada".to_owned())
        };
        let names = Names::new(b"root:x:0:0\nalso:x:0:0\nbroken\nbob:x:1000:1000:Bob:/home/bob:/bin/sh\n", directory);
        assert_eq!((names.name(0), names.name(1000)), ("root".to_owned(), "bob".to_owned()));
        assert_eq!(ASKED.load(SeqCst), 0);
        for _ in 0..3 {
            assert_eq!((names.name(70_000), names.name(70_001)), ("ada".to_owned(), "70001".to_owned()));
        }
        assert_eq!(ASKED.load(SeqCst), 2);
    }

    #[test]
    fn the_system_knows_its_root_and_no_id_that_nobody_has() {
        let (users, groups) = (Names::new(b"", user), Names::new(b"", group));
        assert_eq!((users.name(0), groups.name(0)), ("root".to_owned(), "root".to_owned()));
        assert_eq!((users.name(3_999_999_999), groups.name(3_999_999_999)), ("3999999999".into(), "3999999999".into()));
        assert_eq!(Owners::read().user(u32::MAX), "unknown");
    }
}
