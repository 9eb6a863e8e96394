//! How files of records are read.

use serde::{Deserialize, Serialize};

use super::format;
use crate::base::error::{EngineError, Result};
use crate::tabular::csv::Asked;
use crate::tabular::formats::NULL_WORDS;
use crate::tabular::text::ChosenEncoding;

/// Make an enum of an option from one line for each of its values.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident: $value:ty { $($(#[$each:meta])* $variant:ident = $byte:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$each])* $variant,)+ }

        impl $name {
            /// The byte that is chosen, when one is.
            fn value(self) -> $value {
                match self { $(Self::$variant => $byte,)+ }
            }
        }
    };
}

choice! {
    /// What ends a field.
    Delimiter: Option<u8> {
        /// It is found.
        Auto = None,
        /// `,`
        Comma = Some(b','),
        /// A tab.
        Tab = Some(b'\t'),
        /// `;`
        Semicolon = Some(b';'),
        /// `|`
        Pipe = Some(b'|'),
        /// `:`
        Colon = Some(b':'),
        /// A space.
        Space = Some(b' '),
        /// `^`
        Caret = Some(b'^'),
        /// `~`
        Tilde = Some(b'~'),
        /// 0x01, as Hive writes it.
        Soh = Some(0x01),
        /// 0x1f, the unit separator of ASCII.
        Us = Some(0x1f),
    }
}
choice! {
    /// What encloses fields.
    Quote: Option<Option<u8>> {
        /// It is found.
        Auto = None,
        /// `"`
        Double = Some(Some(b'"')),
        /// `'`
        Single = Some(Some(b'\'')),
        /// Nothing: quotes are text.
        None = Some(None),
    }
}
choice! {
    /// What takes the meaning from the next byte, inside quotes.
    Escape: Option<Option<u8>> {
        /// It is found.
        Auto = None,
        /// Nothing: a quote is doubled.
        None = Some(None),
        /// A backslash.
        Backslash = Some(Some(b'\\')),
    }
}
choice! {
    /// What begins a record that is none.
    Comment: Option<u8> {
        /// Nothing.
        None = None,
        /// `#`
        Hash = Some(b'#'),
        /// `;`
        Semicolon = Some(b';'),
        /// `%`
        Percent = Some(b'%'),
    }
}

/// What the first record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Header {
    /// That is found.
    Auto,
    /// The names of the columns.
    Yes,
    /// Values.
    No,
}

/// Which files hold records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Files {
    /// Those whose names say so.
    ByName,
    /// All.
    All,
}

/// How files are read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    /// Which files.
    pub files: Files,
    /// What ends a field.
    pub delimiter: Delimiter,
    /// What the first record is.
    pub header: Header,
    /// What encloses fields.
    pub quote: Quote,
    /// What takes the meaning from the next byte.
    pub escape: Escape,
    /// What begins a record that is none.
    pub comment: Comment,
    /// Values that stand for no value, as an empty field does; not in quotes. The default ones do only in columns whose
    /// other values are no texts.
    pub null_values: Vec<String>,
    /// How bytes become text.
    pub encoding: ChosenEncoding,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            files: Files::ByName,
            delimiter: Delimiter::Auto,
            header: Header::Auto,
            quote: Quote::Auto,
            escape: Escape::Auto,
            comment: Comment::None,
            null_values: NULL_WORDS.map(str::to_owned).to_vec(),
            encoding: ChosenEncoding::AUTO,
        }
    }
}

/// Values that stand for none.
const MOST_NULL_VALUES: usize = 100;
const LONGEST_NULL_VALUE: usize = 100;

impl ReadOptions {
    /// Look for what is wrong.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`] naming the option.
    pub fn check(&self) -> Result<()> {
        let long = |value: &String| !(1..=LONGEST_NULL_VALUE).contains(&value.chars().count());
        if self.null_values.len() > MOST_NULL_VALUES || self.null_values.iter().any(long) {
            return Err(EngineError::invalid(format!(
                "options.null_values must have at most {MOST_NULL_VALUES} values, each with 1 to {LONGEST_NULL_VALUE} characters"
            )));
        }
        Ok(())
    }

    /// What is said of the dialect; the rest is to be found.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            delimiter: self.delimiter.value(),
            quote: self.quote.value(),
            escape: self.escape.value(),
            comment: self.comment.value(),
        }
    }

    /// True when the file of this name is to be read.
    pub fn wants(&self, path: &[u8]) -> bool {
        self.files == Files::All || format::is_named(path)
    }
}
