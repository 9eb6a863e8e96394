//! Rules across columns: expressions in CEL that each record has to meet, or all records of a dataset together.
//!
//! The grammar and its parser are CEL's; values are exact and logic has three values, so expressions are evaluated here.
//! docs/decisions/0035 says why.

mod aggregate;
mod distinct;
mod kinds;
mod node;
mod number;
mod parse;
mod record;
mod ruleset;

pub use self::aggregate::Figure;
pub use self::kinds::Kind;
pub use self::node::{Answer, Node, RuleValue, Subject, Undecided};
pub use self::record::{FileRules, Fit, RecordValues, Tally, ValueReading, of_type};
#[cfg(test)]
pub use self::ruleset::AggregateFunction;
pub use self::ruleset::{NamedRule, RuleSet};
