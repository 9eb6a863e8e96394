//! What texts look like, and values that often stand for something else.

use std::sync::LazyLock;

use regex::bytes::RegexSet;

use super::many::Many;
use super::total::Total;
use pravah_foundation::tabular::sketch::Frequent;
use pravah_foundation::tabular::values::{Value, ValueType};

/// A class with the expression of its values.
const CLASSES: [(&str, &str); 6] = [
    ("e-mail", r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"),
    ("uuid", r"^\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?$"),
    ("url", r"^[a-z][a-z0-9+.-]*://\S+$"),
    ("ipv4", r"^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$"),
    ("ipv6", r"^([0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}$"),
    ("number with leading zeros", r"^0\d+$"),
];
static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(CLASSES.map(|(_, expression)| expression)).ok());

/// What the values of a column of that type look like: the format of nearly all of them, or the class of most texts.
pub fn of(total: &Total, kind: Option<ValueType>) -> Option<&str> {
    let class = || class(&total.column.values).filter(|_| kind == Some(ValueType::Text));
    total.finding.as_ref().map(|finding| finding.format.as_str()).or_else(|| class().map(|(class, _)| class))
}

/// The share of a column's texts from which on it is said to be of a class.
const SHARE: f64 = 0.9;

/// The class of most of the texts, with the share of those that are counted.
pub fn class(values: &Frequent) -> Option<(&'static str, f64)> {
    let set = SET.as_ref()?;
    let (mut counts, mut all) = ([0u64; CLASSES.len()], 0);
    for entry in values.entries() {
        let value = values.value(entry);
        if !value.is_empty() && Value::of(value) == Value::Text {
            all += entry.count;
            set.matches(value).iter().for_each(|class| counts[class] += entry.count);
        }
    }
    let (best, &count) = counts.iter().enumerate().max_by_key(|&(place, &count)| (count, std::cmp::Reverse(place)))?;
    let share = count as f64 / all as f64;
    (all > 0 && share >= SHARE).then(|| (CLASSES[best].0, share))
}

/// Texts that stand for no value where a list of those was not given.
const PLACEHOLDERS: [&str; 22] = [
    "n/a",
    "na",
    "nan",
    "null",
    "none",
    "nil",
    "-",
    "--",
    "?",
    "unknown",
    "undefined",
    "tbd",
    "missing",
    "#n/a",
    "#ref!",
    "#value!",
    "#div/0!",
    "#name?",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "(null)",
    "\\n",
];
/// Values at the ends of a range that stand for "unknown" or "for ever".
const SENTINELS: [&str; 14] = [
    "-1",
    "-99",
    "-999",
    "-9999",
    "99",
    "999",
    "9999",
    "99999",
    "999999",
    "1900-01-01",
    "1970-01-01",
    "9999-12-31",
    "1899-12-30",
    "0001-01-01",
];
/// Suspicious values that are named.
const NAMED: usize = 5;

/// Values that may stand for something else, each with its count, in words; empty without one.
pub fn suspicious(values: &Frequent, figures: &Many) -> String {
    let kind = figures.kind();
    let extremes: Vec<String> = figures.range().map(|(low, high)| vec![low.shown(), high.shown()]).unwrap_or_default();
    let is_odd = |value: &[u8]| {
        let Ok(text) = std::str::from_utf8(value) else { return false };
        let lower = text.to_ascii_lowercase();
        PLACEHOLDERS.contains(&lower.as_str())
            || (kind != Some(ValueType::Text)
                && SENTINELS.contains(&text)
                && extremes.iter().any(|extreme| extreme == text))
    };
    let mut found: Vec<String> = Vec::new();
    for entry in values.ranked() {
        let value = values.value(entry);
        // One that is there once is a value like any other.
        if entry.count > 1 && is_odd(value) {
            found.push(format!("'{}' ({} times)", String::from_utf8_lossy(value), entry.count));
        }
    }
    found.truncate(NAMED);
    found.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pravah_foundation::base::hash::hash;

    fn values(texts: &[&str]) -> Frequent {
        let mut values = Frequent::default();
        texts.iter().for_each(|text| values.add(hash(text.as_bytes()), text.as_bytes(), 3, 0));
        values
    }

    #[test]
    fn classes_are_those_of_nearly_all_texts() {
        for (texts, class_name) in [
            (&["a@b.org", "c.d@e.com"][..], Some("e-mail")),
            (&["10.0.0.1", "255.255.255.0"], Some("ipv4")),
            (&["fe80::1", "2001:db8:0:0:1:0:0:1"], Some("ipv6")),
            (&["123e4567-e89b-12d3-a456-426614174000"], Some("uuid")),
            (&["00501", "01002"], Some("number with leading zeros")),
            (&["a@b.org", "nobody"], None),
            (&["1", "2"], None),
        ] {
            assert_eq!(class(&values(texts)).map(|(name, _)| name), class_name, "{texts:?}");
        }
    }
}
