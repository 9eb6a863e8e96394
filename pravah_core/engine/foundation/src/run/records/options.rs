//! How files of records are read.

use serde::{Deserialize, Serialize};

use super::Head;
use super::format;
use super::format::Format;
use crate::base::error::{EngineError, Result};
use crate::base::regular;
use crate::tabular::csv::{Asked, Lead, Marker};
use crate::tabular::formats::NULL_WORDS;
use crate::tabular::layout;
use crate::tabular::layout::FixedLayout;
use crate::tabular::text::ChosenEncoding;
use crate::tabular::xml;

/// Whether blanks before a field are no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialSpace {
    /// That is found.
    Auto,
    /// They are none.
    Yes,
    /// They are.
    No,
}

impl InitialSpace {
    fn value(self) -> Option<bool> {
        (self != Self::Auto).then_some(self == Self::Yes)
    }
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
    /// What ends a field: its characters or its name; `auto`: it is found.
    pub delimiter: String,
    /// Records that hold the names of the columns; none: that is found.
    pub header_rows: Option<u64>,
    /// Lines before the table; none: where it begins is found.
    pub skip_lines: Option<u64>,
    /// Lines after the table.
    pub footer: Option<u64>,
    /// What encloses fields: a character or its name; `none`, or `auto`: it is found.
    pub quote: String,
    /// What takes the meaning from the next byte: a character or its name; `none`, or `auto`: it is found.
    pub escape: String,
    /// What begins a record that is none.
    pub comment: Option<String>,
    /// Blanks before a field are no part of it.
    pub skip_initial_space: InitialSpace,
    /// Values that stand for no value, as an empty field does; not in quotes. The default ones do only in columns whose
    /// other values are no texts.
    pub null_values: Vec<String>,
    /// How bytes become text.
    pub encoding: ChosenEncoding,
    /// The columns of fixed-width text, as [`FixedLayout::told`] takes them; none: they are found.
    pub widths: Vec<String>,
    /// A file with these columns, as [`layout::columns_of`] takes it; absolute.
    pub widths_file: Option<String>,
    /// The same as text; goes before the file.
    pub widths_text: Option<String>,
    /// Characters of a record, where no line ends stand between records.
    pub record_length: Option<u64>,
    /// The path of the elements of XML that are records, such as `/catalog/book`; none: they are found.
    pub record_path: Option<String>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            files: Files::ByName,
            delimiter: AUTO.to_owned(),
            header_rows: None,
            skip_lines: None,
            footer: None,
            quote: AUTO.to_owned(),
            escape: AUTO.to_owned(),
            comment: None,
            skip_initial_space: InitialSpace::Auto,
            null_values: NULL_WORDS.map(str::to_owned).to_vec(),
            encoding: ChosenEncoding::AUTO,
            widths: Vec::new(),
            widths_file: None,
            widths_text: None,
            record_length: None,
            record_path: None,
        }
    }
}

/// What is not set.
const AUTO: &str = "auto";
/// Delimiters that have names.
const DELIMITERS: [(&str, u8); 10] = [
    ("comma", b','),
    ("tab", b'\t'),
    ("semicolon", b';'),
    ("pipe", b'|'),
    ("colon", b':'),
    ("space", b' '),
    ("caret", b'^'),
    ("tilde", b'~'),
    ("soh", 0x01),
    ("us", 0x1f),
];
/// A character by its own name: the same for one that has a name and for the name.
pub(super) fn named(text: &str) -> &str {
    let quotes = [("double", "\""), ("single", "'"), ("backslash", "\\")];
    let known = DELIMITERS.iter().find(|(_, byte)| text.as_bytes() == [*byte]).map(|(name, _)| *name);
    known.or_else(|| quotes.into_iter().find(|(_, own)| *own == text).map(|(name, _)| name)).unwrap_or(text)
}

const MOST_LINES: u64 = 10_000;
const MOST_FOOTER: u64 = 1000;
const MOST_HEADER_ROWS: u64 = 10;
const LONGEST_PATH: usize = 4000;
/// MiB of a layout file.
const MOST_LAYOUT: u64 = 1;

/// Values that stand for none.
const MOST_NULL_VALUES: usize = 100;
const LONGEST_NULL_VALUE: usize = 100;

impl ReadOptions {
    /// True when nobody said how fields are divided.
    pub(super) fn finds_delimiter(&self) -> bool {
        self.delimiter == AUTO && self.widths.is_empty()
    }

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
        self.dialect()?;
        self.check_widths()?;
        if self.record_path.as_ref().is_some_and(|path| path.len() > LONGEST_PATH || !xml::is_path(path)) {
            return Err(EngineError::invalid(format!(
                "options.record_path must be a path of elements such as /catalog/book, with at most {LONGEST_PATH} bytes"
            )));
        }
        for (name, value, most) in [
            ("skip_lines", self.skip_lines, MOST_LINES),
            ("header_rows", self.header_rows, MOST_HEADER_ROWS),
            ("footer", self.footer, MOST_FOOTER),
        ] {
            if value.is_some_and(|value| value > most) {
                return Err(EngineError::invalid(format!("options.{name} must be at most {most}")));
            }
        }
        Ok(())
    }

    /// What is said of the dialect; the rest is to be found.
    pub(super) fn asked(&self) -> Asked {
        self.dialect().unwrap_or_default()
    }

    fn dialect(&self) -> Result<Asked> {
        let invalid = |name: &str, what: &str| EngineError::invalid(format!("options.{name} must {what}"));
        let ends_no_line = |text: &str| !text.contains(['\n', '\r']);
        let delimiter = match self.delimiter.as_str() {
            AUTO => None,
            text => {
                let named = DELIMITERS.iter().find(|(name, _)| *name == text);
                let bytes = named.map_or(text.as_bytes(), |(_, byte)| std::slice::from_ref(byte));
                let fits = bytes.len() <= Lead::LONGEST && ends_no_line(text);
                let marker = Marker::of(bytes).filter(|_| fits);
                Some(marker.ok_or_else(|| invalid("delimiter", "have 1 to 8 bytes, none of them a line ending"))?)
            }
        };
        let byte = |name: &str, text: &str, named: &[(&str, u8)]| match text {
            AUTO => Ok(None),
            "none" => Ok(Some(None)),
            text => {
                let named = named.iter().find(|(name, _)| *name == text).map(|(_, byte)| *byte);
                let single =
                    || Some(text.as_bytes()).filter(|bytes| bytes.len() == 1 && bytes.is_ascii() && ends_no_line(text));
                let found = named.or_else(|| single().map(|bytes| bytes[0]));
                let what = "be auto, none, a name of the list or one ASCII character";
                found.map(|byte| Some(Some(byte))).ok_or_else(|| invalid(name, what))
            }
        };
        let quote = byte("quote", &self.quote, &[("double", b'"'), ("single", b'\'')])?;
        let escape = byte("escape", &self.escape, &[("backslash", b'\\')])?;
        let comment = match &self.comment {
            None => None,
            Some(text) => {
                let is_quote = text.starts_with(['"', '\''])
                    || quote.flatten().is_some_and(|quote| text.as_bytes().starts_with(&[quote]));
                let marker = Marker::of(text.as_bytes()).filter(|_| ends_no_line(text) && !is_quote);
                let what = "have 1 to 16 bytes, not begin with a quote and contain no line ending";
                Some(marker.ok_or_else(|| invalid("comment", what))?)
            }
        };
        let single = |byte: Option<Option<u8>>| byte.flatten().and_then(|byte| Marker::of(&[byte]));
        if delimiter.is_some() && (delimiter == single(quote) || delimiter == single(escape)) {
            return Err(invalid("delimiter", "differ from the quote and from the escape character"));
        }
        if quote.flatten().is_some() && quote == escape {
            return Err(invalid("escape", "differ from the quote; a quote that is doubled needs no escape character"));
        }
        if self.skip_initial_space == InitialSpace::Yes && delimiter == Marker::of(b" ") {
            return Err(invalid("skip_initial_space", "not be set if the delimiter is a space"));
        }
        Ok(Asked {
            delimiter,
            quote,
            escape,
            comment,
            skips_blanks: self.skip_initial_space.value(),
            skipped: self.skip_lines,
        })
    }

    fn check_widths(&self) -> Result<()> {
        let told = [
            ("widths", !self.widths.is_empty()),
            ("widths_text", self.widths_text.is_some()),
            ("widths_file", self.widths_file.is_some()),
        ];
        let mut told = told.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name);
        let Some(name) = told.next() else {
            return match self.record_length {
                None => Ok(()),
                Some(_) => Err(EngineError::invalid(
                    "options.record_length needs the columns: set options.widths or options.widths_file",
                )),
            };
        };
        if let Some(other) =
            told.find(|_| name == "widths").or_else(|| Some("delimiter").filter(|_| self.delimiter != AUTO))
        {
            return Err(EngineError::invalid(format!("options.{name} must not be set together with options.{other}")));
        }
        match (&self.widths_text, &self.widths_file) {
            (Some(text), _) => self.with_columns_of("widths_text", text).map(drop),
            (None, Some(path)) if !path.starts_with('/') => {
                Err(EngineError::invalid("options.widths_file must be the absolute path of a layout file"))
            }
            (None, Some(_)) => Ok(()),
            (None, None) => self.told("widths", &self.widths).map(drop),
        }
    }

    /// The layout of these columns, of the option that gives them.
    fn told(&self, option: &str, columns: &[String]) -> Result<FixedLayout> {
        let layout = FixedLayout::told(columns)
            .map_err(|wrong| EngineError::invalid(format!("options.{option} must {wrong}")))?;
        let Some(length) = self.record_length else { return Ok(layout) };
        let layout = layout.without_lines(usize::try_from(length).unwrap_or(usize::MAX));
        layout.map_err(|wrong| EngineError::invalid(format!("options.record_length must {wrong}")))
    }

    fn with_columns_of(&self, option: &str, text: &str) -> Result<Self> {
        let widths = layout::columns_of(text)
            .map_err(|wrong| EngineError::invalid(format!("options.{option} is no layout file: {wrong}")))?;
        self.told(option, &widths)?;
        Ok(Self { widths, widths_file: None, widths_text: None, ..self.clone() })
    }

    /// The same options with the columns of the layout file in the place of it.
    ///
    /// # Errors
    /// [`EngineError::InvalidOptions`]: it cannot be read, or tells no columns.
    pub fn resolved(&self) -> Result<Self> {
        if let Some(text) = &self.widths_text {
            return self.with_columns_of("widths_text", text);
        }
        let Some(path) = &self.widths_file else { return Ok(self.clone()) };
        self.with_columns_of("widths_file", &regular::text("widths_file", path, MOST_LAYOUT)?)
    }

    /// Lines before a table of fixed widths. Text without lines has none: what does not fit is a bad record.
    pub(super) fn preamble(&self) -> Option<u64> {
        self.skip_lines.or(self.record_length.map(|_| 0))
    }

    /// Lines after the table of `head`; text without lines has none either.
    pub(super) fn footer_of(&self, head: &Head) -> Option<u64> {
        self.footer.or(self.record_length.filter(|_| head.format == Format::FixedWidth).map(|_| 0))
    }

    /// The layout of text whose records have no line ends between them, where it begins so.
    pub(super) fn solid(&self, start: &[u8]) -> Option<FixedLayout> {
        self.record_length?;
        self.told("widths", &self.widths).ok().map(|layout| layout.of(start))
    }

    /// The layout of text that is read by fixed widths: told, or better than the delimiter of `head`, which it was given.
    pub(super) fn layout(&self, head: &Head, start: &[u8]) -> Option<FixedLayout> {
        if head.format != Format::Delimited {
            return None;
        }
        if !self.widths.is_empty() {
            return FixedLayout::told(&self.widths).ok().map(|layout| layout.of(start));
        }
        // What is said of delimiters says that there are some; tabs and those of several bytes stand in no other text.
        let asks = self.delimiter != AUTO || self.quote != AUTO || self.escape != AUTO || self.comment.is_some();
        let dialect = head.dialect();
        if asks || dialect.delimiter == b'\t' || dialect.lead.len > 0 {
            return None;
        }
        let layout = FixedLayout::found(start, self.skip_lines.unwrap_or_default())?;
        let columns = head.sniffed.columns + usize::from(dialect.delimiter != b' ' && !layout.is_ruled());
        (layout.columns() >= columns).then_some(layout)
    }

    /// Options that are set and say nothing of files of that format.
    pub(super) fn unfit(&self, format: Format) -> Vec<&'static str> {
        let characters = [
            ("delimiter", self.delimiter != AUTO),
            ("quote", self.quote != AUTO),
            ("escape", self.escape != AUTO),
            ("comment", self.comment.is_some()),
            ("skip_initial_space", self.skip_initial_space != InitialSpace::Auto),
        ];
        let rows = [
            ("skip_lines", self.skip_lines.is_some()),
            ("header_rows", self.header_rows.is_some()),
            ("footer", self.footer.is_some()),
        ];
        let characters = characters.into_iter().filter(|_| format != Format::Delimited);
        let rows = rows.into_iter().filter(|_| !format.is_laid_out());
        let widths = [("widths", !self.widths.is_empty()), ("record_length", self.record_length.is_some())];
        let widths = widths.into_iter().filter(|_| format != Format::FixedWidth);
        let path = [("record_path", self.record_path.is_some())].into_iter().filter(|_| format != Format::Xml);
        characters.chain(rows).chain(widths).chain(path).filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
    }

    /// True when the file of this name is to be read.
    pub fn wants(&self, path: &[u8]) -> bool {
        self.files == Files::All || format::is_named(path)
    }
}
