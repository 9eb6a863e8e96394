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

/// Header rows, at most.
const MOST_ROWS: usize = 3;

/// How many of the first records name the columns of those behind them, and why.
pub fn guess_rows(records: &[Fields<'_>]) -> (usize, String) {
    let Some((first, body)) = records.split_first() else { return (0, "the file has no records".to_owned()) };
    let found = guess(first, body);
    if !found.is_header && !is_group_row(first) {
        return (0, found.reason);
    }
    let is_next =
        |rows: usize| records.len() > rows + 2 && is_lower_row(&records[rows], &records[..rows], &records[rows + 1..]);
    let rows = (1..MOST_ROWS).find(|rows| !is_next(*rows)).unwrap_or(MOST_ROWS);
    match (rows, found.is_header) {
        (1, is_header) => (usize::from(is_header), found.reason),
        (rows, _) => {
            let shown =
                records[rows - 1].iter().find(|field| is_value(field)).map(|field| shown(field)).unwrap_or_default();
            (rows, format!("'{shown}' stands above values of other types, too: {rows} header rows"))
        }
    }
}

/// Names that stand for several columns: some are empty or come again, and none is a value but perhaps a year.
fn is_group_row(first: &Fields<'_>) -> bool {
    let mut seen = HashSet::new();
    let has_gaps = first.iter().any(|field| field.trim_ascii().is_empty() || !seen.insert(field.trim_ascii()));
    let is_name = |field: &Cow<'_, [u8]>| Value::of(field).kind() == ValueType::Text || is_year(field);
    has_gaps && first.len() > 2 && first.iter().filter(|field| is_value(field)).count() > 1 && first.iter().all(is_name)
}

/// True for a row of units or of further names: texts, each in brackets or above values that are none.
fn is_lower_row(row: &Fields<'_>, above: &[Fields<'_>], body: &[Fields<'_>]) -> bool {
    let fits = body.iter().filter(|record| record.len() == row.len()).count();
    if fits < 2 || above.iter().any(|other| other.len() != row.len() || other == row) {
        return false;
    }
    let is_below_groups = is_group_row(&above[0]);
    let mut typed = 0;
    for (place, field) in row.iter().enumerate() {
        let field = field.trim_ascii();
        if field.is_empty() {
            continue;
        }
        if !is_value(field) || Value::of(field).kind() != ValueType::Text || !(is_below_groups || is_unit(field)) {
            return false;
        }
        let kind = Column::of(body, place, row.len()).kind;
        typed += usize::from(kind.is_some_and(|kind| kind != ValueType::Text));
    }
    typed > usize::from(is_below_groups)
}

/// What stands below names: units, and the names of types.
const UNITS: [&str; 56] = [
    "s", "ms", "min", "h", "d", "m", "km", "cm", "mm", "ft", "mi", "kg", "g", "mg", "lb", "t", "l", "ml", "°c", "°f",
    "k", "c", "f", "%", "pa", "hpa", "kpa", "bar", "v", "a", "w", "kw", "kwh", "mwh", "hz", "m/s", "km/h", "eur",
    "usd", "gbp", "chf", "€", "$", "m2", "m²", "m3", "m³", "deg", "integer", "number", "string", "text", "float",
    "double", "int", "date",
];

/// True for a unit: one of the usual ones, or any text in brackets as `(m/s)`, `[%]`.
fn is_unit(field: &[u8]) -> bool {
    is_bracketed(field) || UNITS.contains(&String::from_utf8_lossy(field).to_lowercase().as_str())
}

fn is_bracketed(field: &[u8]) -> bool {
    matches!((field.first(), field.last()), (Some(b'('), Some(b')')) | (Some(b'['), Some(b']'))) && field.len() > 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> usize {
        let records: Vec<Fields<'_>> =
            text.lines().map(|line| line.split(',').map(|field| Cow::Borrowed(field.as_bytes())).collect()).collect();
        guess_rows(&records).0
    }

    #[test]
    fn rows_of_units_and_of_further_names_are_header_rows() {
        for (text, count) in [
            ("time,speed\n(s),(m/s)\n1,2.5\n2,2.6\n", 2),
            ("place,speed\n,[m/s]\nA,2.5\nB,2.6\n", 2),
            ("time,speed\ns,m/s\n1,2.5\n2,2.6\n3,2.7\n", 2),
            (",2019,,2020,\ncountry,min,max,min,max\nA,1,2,3,4\nB,1,2,3,4\n", 2),
            ("a,b\ninteger,number\n(m),(s)\n1,2\n3,4\n5,6\n7,8\n", 3),
        ] {
            assert_eq!(rows(text), count, "{text:?}");
        }
    }

    #[test]
    fn what_may_be_a_record_is_no_header_row() {
        for (text, count) in [
            ("id,name\n1,a\n2,b\n3,c\n", 1),
            ("name,city\nAnna,Berlin\nBo,Paris\nChi,Rome\n", 1),
            ("age,height\nNA,NA\n1,2\n3,4\n5,6\n", 1),
            ("age,height\nunknown,unknown\n1,2\n3,4\n5,6\n", 1),
            ("id,age\nx1,unknown\nx2,5\nx3,6\nx4,7\n", 1),
            ("id,name\nid,name\n1,a\n2,b\n", 1),
            ("5,9\n(a),(b)\n3,4\n7,6\n", 0),
            ("time,speed\n(s),(m/s)\n1,2\n", 1),
        ] {
            assert_eq!(rows(text), count, "{text:?}");
        }
    }
}
