//! Words for true and false.

use std::fmt;

/// Words for true and false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordFormat {
    yes: Vec<String>,
    no: Vec<String>,
    /// Letters are compared as they are.
    is_exact: bool,
}

/// Words of each of both.
const MOST_WORDS: usize = 100;

impl WordFormat {
    /// Those of `yes,y/no,n`, whatever the case of their letters.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn of_words(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a list of words for true and one for false, such as yes,y/no,n");
        let (yes, no) = text.split_once('/').ok_or_else(wrong)?;
        let words = |list: &str| list.split(',').map(|word| word.trim().to_lowercase()).collect();
        Self { yes: words(yes), no: words(no), is_exact: false }.checked().map_err(|_| wrong())
    }

    /// These words as they are.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn exact(yes: Vec<String>, no: Vec<String>) -> Result<Self, String> {
        Self { yes, no, is_exact: true }.checked()
    }

    fn checked(self) -> Result<Self, String> {
        let lists = [&self.yes, &self.no];
        let is_wrong =
            |list: &&Vec<String>| list.is_empty() || list.len() > MOST_WORDS || list.iter().any(String::is_empty);
        if lists.iter().any(is_wrong) {
            return Err(format!("the words for true and for false must be 1 to {MOST_WORDS} each, none of them empty"));
        }
        match self.yes.iter().find(|word| self.no.contains(word)) {
            Some(word) => Err(format!("{word:?} stands for true and for false")),
            None => Ok(self),
        }
    }

    /// Write the truth value that a word stands for.
    pub fn read(&self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let text = std::str::from_utf8(text).ok()?;
        let is_one = |word: &String| match self.is_exact {
            true => text == word,
            false => text.eq_ignore_ascii_case(word) || !text.is_ascii() && text.to_lowercase() == *word,
        };
        if self.yes.iter().any(is_one) {
            out.extend_from_slice(b"true");
        } else if self.no.iter().any(is_one) {
            out.extend_from_slice(b"false");
        } else {
            return None;
        }
        Some(())
    }

    /// The words.
    pub fn words(&self) -> (&[String], &[String]) {
        (&self.yes, &self.no)
    }

    /// The words, if they are compared as they are.
    pub fn lists(&self) -> Option<(&[String], &[String])> {
        self.is_exact.then_some((&self.yes, &self.no))
    }
}

impl fmt::Display for WordFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.yes.join(","), self.no.join(","))
    }
}
