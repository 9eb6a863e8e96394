//! What the tests share: hostile trees, jobs on them, and the rows they wrote.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)]

pub mod again;
pub mod bucket;
pub mod digests;
pub mod keys;
pub mod mounted;
pub mod naive;
pub mod rows;
pub mod run;
pub mod tree;
pub mod volume;

use std::time::{Duration, Instant};

/// Wait for a condition; fail with `what` when it does not come true.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
