//! What tells whether a file has changed, and whether a further change would show.

use std::time::{Duration, Instant, SystemTime};

use crate::base::control::Control;
use crate::base::error::Result;
use crate::base::meta::Meta;

/// Longer than the kernel's clock for file times ticks (10 ms at most, CONFIG_HZ = 100).
const TICK: Duration = Duration::from_millis(20);
/// As long as the coarsest clock of a file system ticks (FAT: 2 s); told by stamps of whole seconds.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// How long a change may still go unseen; none for a file that rests. A stamp in the future says nothing. An object's
/// state is no stamp.
pub fn racy_for(meta: &Meta) -> Option<Duration> {
    if meta.is_object() {
        return None;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let tick = if meta.ctime_ns % 1_000_000_000 == 0 { COARSE_TICK } else { TICK };
    let changed = Duration::from_nanos(u64::try_from(meta.ctime_ns).ok()?);
    let rests_at = changed.checked_add(tick)?;
    if changed > now + tick { None } else { rests_at.checked_sub(now).filter(|wait| !wait.is_zero()) }
}

/// Wait until a further change of a file would show in its times.
///
/// # Errors
/// [`crate::base::error::EngineError::Cancelled`].
pub fn rest(control: &Control, meta: &Meta) -> Result<()> {
    let until = racy_for(meta).map(|wait| Instant::now() + wait);
    while let Some(left) = until.and_then(|until| until.checked_duration_since(Instant::now())) {
        control.check()?;
        std::thread::sleep(left.min(TICK));
    }
    Ok(())
}

pub fn same(one: &Meta, other: &Meta) -> bool {
    let key = |meta: &Meta| (meta.kind, meta.size, meta.mtime_ns, meta.ctime_ns, meta.inode, meta.device);
    key(one) == key(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::walk::open::stat_file;

    fn changed_ago(seconds: f64) -> Meta {
        let mut meta = stat_file(std::fs::File::open("/proc/self/exe").unwrap()).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as i64;
        meta.ctime_ns = now - (seconds * 1e9) as i64;
        meta
    }

    #[test]
    fn only_a_file_that_changed_a_moment_ago_is_racy() {
        assert_eq!(racy_for(&changed_ago(0.1)), None);
        assert_eq!(racy_for(&changed_ago(-10.0)), None, "a stamp in the future would never rest");
        let wait = racy_for(&changed_ago(0.005)).expect("changed 5 ms ago");
        assert!(wait <= Duration::from_millis(15), "{wait:?}");
    }

    #[test]
    fn stamps_of_whole_seconds_tell_a_coarse_clock() {
        let mut meta = changed_ago(0.5);
        meta.ctime_ns -= meta.ctime_ns % 1_000_000_000;
        assert!(racy_for(&meta).is_some());
    }
}
