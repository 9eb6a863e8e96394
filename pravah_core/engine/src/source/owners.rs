//! Names of users and groups, from the system's two files.
//!
//! `/etc/passwd` and `/etc/group` are read instead of calling the C library: `unsafe` is denied here, and
//! a directory service would be asked once per id anyway. An id without a name is shown as its number.

use std::collections::HashMap;
use std::fs;

/// id → name of users and of groups.
#[derive(Debug)]
pub struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Owners {
    /// Read both files; a missing one leaves numbers.
    pub fn read() -> Self {
        Self { users: names("/etc/passwd"), groups: names("/etc/group") }
    }

    /// A user's name or number; unknown for the one id that is no user's.
    pub fn user(&self, id: u32) -> String {
        if id == u32::MAX {
            return "unknown".into();
        }
        self.users.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A group's name or number.
    pub fn group(&self, id: u32) -> String {
        self.groups.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}

fn names(path: &str) -> HashMap<u32, String> {
    let content = fs::read(path).unwrap_or_default();
    let line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let id = fields.nth(1)?.parse().ok()?;
        Some((id, name))
    };
    let mut names = HashMap::new();
    for (id, name) in String::from_utf8_lossy(&content).lines().filter_map(line) {
        // Of several names the first counts, as in getpwuid(3).
        names.entry(id).or_insert(name);
    }
    names
}
