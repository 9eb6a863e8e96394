//! What every layer needs: errors, issues, counters, threads, file state, sorting.

pub mod compact;
pub mod control;
pub mod error;
pub mod hash;
pub mod issue;
pub mod lasting;
pub mod meta;
pub mod nameless;
pub mod paths;
pub mod pool;
pub mod regular;
pub mod sorting;
pub mod sync;
pub mod version;
pub mod words;
