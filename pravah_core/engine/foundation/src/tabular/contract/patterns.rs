//! The patterns of a schema, compiled within a limit for all of them: a request waits for it.

use std::cell::Cell;

use regex::bytes::{Regex, RegexBuilder};

/// Memory that one compiled pattern may take, tried from the smallest on: what it needs is not said.
const STEPS: [usize; 4] = [16 << 10, 128 << 10, 1 << 20, 8 << 20];
/// And all of a schema: about a second of work.
const MOST_BYTES: usize = 64 << 20;

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
        assert!(budget.compile("a").is_err_and(|error| error.contains("together")));
        let budget = Budget::default();
        let compiled = (0..1000).take_while(|number| budget.compile(&format!(r"\w{{1,30}}{number}")).is_ok()).count();
        assert!((10..1000).contains(&compiled), "{compiled}");
        assert!(Budget::default().compile(r"\w{1,900}x").is_err_and(|error| error.contains("too large")));
        assert!(Budget::default().compile("(").is_err_and(|error| error.contains("unclosed")));
    }
}
