//! The options of search, and what they refuse.

use serde::{Deserialize, Serialize};

use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::tabular::text::ChosenEncoding;

/// When two letters are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// When they are.
    Sensitive,
    /// Also when one is upper case and one lower.
    Insensitive,
    /// As [`Case::Sensitive`] in a pattern with an upper-case letter, else as [`Case::Insensitive`].
    Smart,
}

/// What a match has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whole {
    /// Any part of a line.
    Part,
    /// Whole words: no word character is next to it.
    Word,
    /// The whole line.
    Line,
}

/// What is done with a file that holds a NUL byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binary {
    /// It is counted and not searched.
    Skip,
    /// It is searched as if it were text.
    Search,
}

/// Options of search.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchOptions {
    /// Regular expressions, or literal texts.
    pub patterns: Vec<String>,
    /// A name for each pattern; none = the pattern itself.
    pub pattern_names: Vec<String>,
    /// The patterns are literal texts.
    pub fixed_strings: bool,
    /// When letters are the same.
    pub case: Case,
    /// What a match has to be.
    pub whole: Whole,
    /// How files are read.
    pub encoding: ChosenEncoding,
    /// What is done with binary files.
    pub binary: Binary,
    /// Unpack compressed files and search what they hold.
    pub search_compressed: bool,
    /// Lines to show before a match.
    pub context_before: usize,
    /// Lines to show after a match.
    pub context_after: usize,
    /// Characters to keep of a line.
    pub line_length: usize,
    /// Count the matches, and list none.
    pub count_only: bool,
    /// Matches after which a file is left; none = all.
    pub max_matches_per_file: Option<u64>,
    /// Matches after which the search ends.
    pub max_matches: u64,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            patterns: Vec::new(),
            pattern_names: Vec::new(),
            fixed_strings: false,
            case: Case::Sensitive,
            whole: Whole::Part,
            encoding: ChosenEncoding::AUTO,
            binary: Binary::Skip,
            search_compressed: false,
            context_before: 0,
            context_after: 0,
            line_length: 1000,
            count_only: false,
            max_matches_per_file: None,
            max_matches: 1_000_000,
        }
    }
}

impl SearchOptions {
    /// The names of the patterns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named = if self.pattern_names.is_empty() { &self.patterns } else { &self.pattern_names };
        named.iter().map(String::as_str)
    }

    /// Look for what is wrong apart from the patterns' syntax.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn check(&self) -> Result<()> {
        self.check_patterns()?;
        self.check_names()?;
        let within = |name: &str, value: u64, low: u64, high: u64| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(EngineError::invalid(format!("options.{name} must be between {low} and {high}"))),
        };
        within("context_before", self.context_before as u64, 0, 20)?;
        within("context_after", self.context_after as u64, 0, 20)?;
        within("line_length", self.line_length as u64, 20, 100_000)?;
        within("max_matches_per_file", self.max_matches_per_file.unwrap_or(1), 1, 1_000_000_000)?;
        within("max_matches", self.max_matches, 1, 100_000_000)
    }

    fn check_patterns(&self) -> Result<()> {
        let invalid = |message: &str| Err(EngineError::invalid(format!("options.patterns {message}")));
        match self.patterns.len() {
            0 => return invalid("must not be empty"),
            1..=10_000 => {}
            _ => return invalid("must not have more than 10,000 patterns"),
        }
        if self.patterns.iter().any(String::is_empty) {
            return invalid("must not contain an empty pattern, because it matches every line");
        }
        if self.patterns.iter().any(|pattern| is_long(pattern)) {
            return invalid("must not contain a pattern with more than 10,000 characters");
        }
        Ok(())
    }

    fn check_names(&self) -> Result<()> {
        let invalid = |message: String| Err(EngineError::invalid(message));
        let (names, patterns) = (self.pattern_names.len(), self.patterns.len());
        if names > 0 && names != patterns {
            return invalid(format!(
                "options.pattern_names has {names} names for {patterns} patterns; give a name for each pattern, or none"
            ));
        }
        if self.pattern_names.iter().any(|name| name.is_empty() || is_long(name)) {
            return invalid(
                "options.pattern_names must not contain a name that is empty or longer than 10,000 characters".into(),
            );
        }
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) if self.pattern_names.is_empty() => {
                invalid(format!("options.patterns lists {:?} twice", pair[0]))
            }
            Some(pair) => invalid(format!("options.pattern_names lists {:?} twice", pair[0])),
            None => Ok(()),
        }
    }
}

fn is_long(text: &str) -> bool {
    text.len() > 10_000 && text.chars().count() > 10_000
}
