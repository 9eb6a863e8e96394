//! The patterns of a schema, compiled within a limit for all of them: a request waits for it.

use std::cell::Cell;

use regex::bytes::{Regex, RegexBuilder};

/// Memory that one compiled pattern may take, tried from the smallest on: what it needs is not said.
const STEPS: [usize; 7] = [16 << 10, 64 << 10, 256 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20];
/// And all of a schema: seconds of work at most.
const MOST_BYTES: usize = 256 << 20;

/// What the patterns of one schema may still take.
pub struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MOST_BYTES))
    }
}

impl Budget {
    /// Compile a pattern.
    ///
    /// # Errors
    /// In words: what is wrong with it.
    pub fn compile(&self, expression: &str) -> Result<Regex, String> {
        for step in STEPS {
            let left = self.0.get().checked_sub(step).ok_or("the patterns of the schema are too large together")?;
            match RegexBuilder::new(expression).size_limit(step).build() {
                Ok(pattern) => {
                    self.0.set(left);
                    return Ok(pattern);
                }
                // A failure has taken time, too.
                Err(regex::Error::CompiledTooBig(_)) => self.0.set(left),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("it is too large".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_small_patterns_are_compiled_and_large_ones_only_up_to_a_limit() {
        let budget = Budget::default();
        for number in 0..4096 {
            assert!(budget.compile(&format!("^[a-z]{number}$")).is_ok(), "{number}");
        }
        let mut refused = (0..1000).filter_map(|number| budget.compile(&format!(r"\w{{1,30}}{number}")).err());
        assert!(refused.next().is_some_and(|error| error.contains("together")));
        let few = Budget::default();
        assert!((0..20).all(|number| few.compile(&format!(r"\w{{1,30}}{number}")).is_ok()));
        assert!(Budget::default().compile(r"\w{1,900}x").is_err_and(|error| error.contains("too large")));
        assert!(Budget::default().compile("(").is_err_and(|error| error.contains("unclosed")));
    }
}
