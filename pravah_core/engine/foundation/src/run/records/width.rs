//! How many columns a table may have.

use super::head::Head;
use crate::base::issue::IssueKind;
use crate::base::words::grouped;
use crate::tabular::MOST_COLUMNS;

impl Head {
    /// Why it is not read, when it has more columns than a table may have.
    pub(super) fn is_too_wide(&self) -> Option<(IssueKind, String)> {
        let message = || {
            format!(
                "has more than {} columns, which is the most that a table may have; it was not read",
                grouped(MOST_COLUMNS as u64)
            )
        };
        (self.names.len() > MOST_COLUMNS).then(|| (IssueKind::TooLarge, message()))
    }
}
