//! Whether the first record of a table names its columns: told by comparing it with the records behind it.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::tabular::values::{Value, ValueType};

/// Records as texts of their fields.
pub type Fields<'a> = Vec<Cow<'a, [u8]>>;

/// What was found of a first record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderGuess {
    /// It names the columns.
    pub is_header: bool,
    /// The records behind it speak for that, not only its own texts.
    pub is_proven: bool,
    /// Why, in words.
    pub reason: String,
}

/// Texts that stand for no value in one file or another: they say nothing of a column's type.
const NO_VALUES: [&[u8]; 12] =
    [b"na", b"n/a", b"null", b"none", b"nan", b"\\n", b"-", b"--", b"?", b"nil", b".", b"missing"];
/// The share of a column's values that make its type.
const MOST: f64 = 0.8;
/// Values whose patterns are compared.
const SHAPES: usize = 20;
const YEARS: std::ops::RangeInclusive<i64> = 1800..=2200;

fn is_value(field: &[u8]) -> bool {
    let field = field.trim_ascii();
    !field.is_empty() && !NO_VALUES.iter().any(|none| field.eq_ignore_ascii_case(none))
}

/// What the records behind the first one tell of a column.
struct Column<'a> {
    values: Vec<&'a [u8]>,
    /// The type of most of them.
    kind: Option<ValueType>,
}

impl<'a> Column<'a> {
    fn of(body: &'a [Fields<'_>], place: usize, columns: usize) -> Self {
        let fits = |record: &&Fields<'_>| record.len() == columns;
        let values: Vec<&[u8]> =
            body.iter().filter(fits).map(|record| &*record[place]).filter(|field| is_value(field)).collect();
        let kinds: Vec<ValueType> = values.iter().map(|value| Value::of(value).kind()).collect();
        let kind = kinds.iter().copied().reduce(ValueType::join).map(|joined| match joined {
            ValueType::Text => most(&kinds),
            joined => joined,
        });
        Self { values, kind }
    }

    /// The pattern that most of the values have, or most of their parts.
    fn shape(&self, part: impl Fn(&[u8]) -> &[u8]) -> Option<Vec<u8>> {
        let shapes: Vec<Vec<u8>> = self.values.iter().take(SHAPES).map(|value| shape(part(value))).collect();
        let first =
            shapes.iter().find(|one| shapes.iter().filter(|other| other == one).count() * 5 >= shapes.len() * 4);
        first.cloned()
    }

    fn are_years(&self) -> bool {
        let years = self.values.iter().filter(|value| is_year(value)).count();
        years * 2 >= self.values.len()
    }
}

/// The type that most values have, numbers taken together; else text.
fn most(kinds: &[ValueType]) -> ValueType {
    let one = |kind: ValueType| if kind == ValueType::Integer { ValueType::Float } else { kind };
    let share = |kind: ValueType| kinds.iter().filter(|other| one(**other) == kind).count() as f64 / kinds.len() as f64;
    kinds.iter().map(|kind| one(*kind)).find(|kind| share(*kind) >= MOST).unwrap_or(ValueType::Text)
}

fn is_year(field: &[u8]) -> bool {
    field.len() == 4 && matches!(Value::of(field), Value::Integer(year) if YEARS.contains(&year))
}

/// A value's pattern: digits and letters as one of each, everything else as it stands.
fn shape(value: &[u8]) -> Vec<u8> {
    let mut shape = Vec::new();
    for &byte in value.iter().take(64) {
        let sign = match byte {
            b'0'..=b'9' => b'9',
            byte if byte.is_ascii_alphabetic() || byte >= 0x80 => b'a',
            other => other,
        };
        if sign != b'9' && sign != b'a' || shape.last() != Some(&sign) {
            shape.push(sign);
        }
    }
    shape
}

/// True for a pattern that names hardly have: that of a date, a time, a number with a unit, a code.
fn is_telling(shape: &[u8]) -> bool {
    shape.contains(&b'9') && (shape[0] == b'9' || shape.iter().any(|sign| !matches!(sign, b'9' | b'a' | b' ' | b'_')))
}

fn first_word(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b' ').next().unwrap_or_default()
}

fn shown(field: &[u8]) -> String {
    String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned()
}

/// What speaks for a header and against it.
#[derive(Default)]
struct Evidence {
    names: usize,
    values: usize,
    name: Option<(String, ValueType)>,
    value: Option<String>,
    /// Numbers of the first record that may be names.
    numbers: usize,
}

impl Evidence {
    fn of(first: &Fields<'_>, body: &[Fields<'_>]) -> Self {
        let mut found = Self::default();
        let columns: Vec<Column<'_>> = (0..first.len()).map(|place| Column::of(body, place, first.len())).collect();
        let are_names = number_names(first, &columns);
        for (place, (field, column)) in first.iter().zip(&columns).enumerate() {
            let kind = Value::of(field).kind();
            if !is_value(field) {
                continue;
            }
            if are_names[place] {
                found.numbers += 1;
            } else if kind == ValueType::Text {
                found.text(field, column);
            } else if column.kind.is_none_or(|other| kind.join(other) != ValueType::Text) {
                found.values += 1;
                found.value.get_or_insert_with(|| format!("'{}' is a value of type {}", shown(field), kind.as_str()));
            } else {
                found.value.get_or_insert_with(|| {
                    format!("'{}' is not a name but a value of type {}", shown(field), kind.as_str())
                });
            }
        }
        found
    }

    fn text(&mut self, field: &[u8], column: &Column<'_>) {
        match column.kind {
            Some(kind) if kind != ValueType::Text => {
                self.names += 1;
                self.name.get_or_insert_with(|| (shown(field), kind));
            }
            Some(_) => {
                let Some(usual) = column.shape(|value| value) else {
                    // As lines of a log, which begin with a day.
                    let usual = column.shape(first_word).filter(|usual| is_telling(usual));
                    if usual.is_some_and(|usual| shape(first_word(field)) == usual) {
                        self.values += 1;
                        self.value.get_or_insert_with(|| format!("'{}' begins as the values below it", shown(field)));
                    }
                    return;
                };
                if !is_telling(&usual) {
                    return;
                }
                if shape(field) == usual {
                    self.values += 1;
                    self.value.get_or_insert_with(|| format!("'{}' is like the values below it", shown(field)));
                } else if column.values.len() > 1 {
                    self.names += 1;
                    self.name.get_or_insert_with(|| (shown(field), ValueType::Text));
                }
            }
            None => {}
        }
    }
}

/// Which numbers of the first record may be names: years above values that are none, beside a name; 0, 1, 2 … above
/// values that are no such numbers.
fn number_names(first: &Fields<'_>, columns: &[Column<'_>]) -> Vec<bool> {
    let integers: Vec<(usize, i64)> = first
        .iter()
        .enumerate()
        .filter_map(|(place, field)| match Value::of(field) {
            Value::Integer(value) => Some((place, value)),
            _ => None,
        })
        .collect();
    let others = first.len() - integers.len();
    let is_blank_or_text = |field: &Cow<'_, [u8]>| Value::of(field).kind() == ValueType::Text;
    let has_name = others > 0 && first.iter().filter(|field| is_blank_or_text(field)).count() == others;
    let are_years = !integers.is_empty()
        && integers.iter().all(|&(place, _)| is_year(&first[place]) && !columns[place].are_years());
    let runs = integers.len() > 1 && integers.windows(2).all(|pair| pair[1].1 - pair[0].1 == 1);
    let counts = runs && integers[0].1 <= 1;
    let is_other = |place: usize| {
        columns[place].kind.is_some_and(|kind| kind != ValueType::Integer)
            || (first[0].is_empty() && !columns[0].values.is_empty())
    };
    let are_numbers = counts && integers.iter().any(|&(place, _)| is_other(place));
    let mut are_names = vec![false; first.len()];
    if has_name && are_years || are_numbers {
        integers.iter().for_each(|&(place, _)| are_names[place] = true);
    }
    are_names
}

/// Tell whether `first` names the columns of the records behind it.
pub fn guess(first: &Fields<'_>, body: &[Fields<'_>]) -> HeaderGuess {
    let no = |reason: String| HeaderGuess { is_header: false, is_proven: false, reason };
    if first.is_empty() {
        return no("the file has no records".to_owned());
    }
    if first.iter().all(|field| field.trim_ascii().is_empty()) {
        return no("the first record is empty".to_owned());
    }
    let found = Evidence::of(first, body);
    let mut seen = HashSet::new();
    let twice = first.iter().find(|field| !field.is_empty() && !seen.insert(&***field)).map(|field| shown(field));
    if found.names > found.values {
        let (name, kind) = found.name.unwrap_or((String::new(), ValueType::Text));
        let mut reason = match kind {
            ValueType::Text => format!("'{name}' is not like the values below it"),
            kind => format!("the values below '{name}' are of type {}", kind.as_str()),
        };
        if let Some(twice) = twice {
            reason = format!("{reason}; '{twice}' appears twice and gets a number");
        }
        return HeaderGuess { is_header: true, is_proven: true, reason };
    }
    if let Some(value) = found.value {
        return no(format!("in the first record {value}"));
    }
    if found.numbers > 0 {
        let reason = "the numbers of the first record are names: years or a count, unlike the values below".to_owned();
        return HeaderGuess { is_header: true, is_proven: true, reason };
    }
    match twice {
        Some(twice) => no(format!("'{twice}' appears twice in the first record")),
        None => HeaderGuess {
            is_header: true,
            is_proven: false,
            reason: "all values of the first record are texts and different".to_owned(),
        },
    }
}
