//! JSON: objects, their values in columns. They are read as JSON Lines, an object a line; other JSON is made so first.
//!
//! 1. A key of an object is a column; one of an object inside it is a column of both names, `outer.inner`. A list is
//!    one value, as it stands there; so is what lies deeper than [`MOST_DEPTH`] objects.
//! 2. A line that is no object by RFC 8259, has a key twice (but not inside a list, where that is counted), or one that
//!    was not met when the columns were looked for,
//!    is a record that does not fit.
//! 3. A value keeps its form: a text in quotes stays a text, also one of digits.

mod elements;
mod parse;
mod shape;
mod split;

pub use elements::Elements;
pub use parse::Oddities;
pub use shape::{Learner, Shape};
pub use split::JsonSplitter;

/// Objects inside each other that become columns.
const MOST_DEPTH: usize = 16;
/// Instead of the number of its fields: a record is no object whose keys are known.
pub const NO_OBJECT: u32 = 0;

/// What is wrong with a value that is no object whose keys are known, in words.
pub fn fault(value: &[u8]) -> String {
    match serde_json::from_slice::<serde::de::IgnoredAny>(value) {
        Err(error) => format!("is no JSON, {}", error.to_string().replace(" at line 1 column ", " at byte ")),
        Ok(_) if !value.trim_ascii_start().starts_with(b"{") => "is JSON, but no object".to_owned(),
        Ok(_) => "has a key twice, or is too deep".to_owned(),
    }
}

/// What stands between two quotes, in `buffer` where it holds escapes. A half of a surrogate pair stays as it is
/// written: it is no character.
pub fn unescaped<'a>(inner: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if memchr::memchr(b'\\', inner).is_none() {
        return inner;
    }
    buffer.clear();
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        buffer.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((&escape, after)) = rest.split_first() else { break };
        rest = after;
        match escape {
            b'n' => buffer.push(b'\n'),
            b't' => buffer.push(b'\t'),
            b'r' => buffer.push(b'\r'),
            b'b' => buffer.push(0x08),
            b'f' => buffer.push(0x0c),
            b'u' => rest = unicode(rest, buffer),
            other => buffer.push(other),
        }
    }
    buffer.extend_from_slice(rest);
    buffer
}

/// The character behind `\u`, or behind two of them.
fn unicode<'a>(rest: &'a [u8], buffer: &mut Vec<u8>) -> &'a [u8] {
    let unit = |text: &[u8]| std::str::from_utf8(text.get(..4)?).ok().and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(first) = unit(rest) else {
        buffer.extend_from_slice(b"\\u");
        return rest;
    };
    let pair = || {
        let low = unit(rest.get(4..)?.strip_prefix(b"\\u")?)?;
        let is_pair = (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&low);
        is_pair.then(|| 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00))
    };
    let (code, length) = pair().map_or((first, 4), |code| (code, 10));
    match char::from_u32(code) {
        Some(character) => buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            buffer.extend_from_slice(b"\\u");
            buffer.extend_from_slice(&rest[..4]);
        }
    }
    &rest[length..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::split::Split;

    fn rows(text: &str) -> (Vec<String>, Vec<Option<Vec<String>>>) {
        let mut learner = Learner::default();
        learner.lines(text.as_bytes()).unwrap();
        let shape = learner.finish();
        let (mut split, mut splitter) = (Split::default(), JsonSplitter::new(text.as_bytes(), &shape));
        let mut found = Vec::new();
        while splitter.next(&mut split) {
            let bad: Vec<u32> = split.ragged().iter().map(|&(record, _)| record).collect();
            for record in 0..split.len() {
                let field = |column| {
                    let (start, end) = split.field(record, column);
                    text.get(start..end).unwrap_or("?").to_owned()
                };
                let fields = (0..split.columns()).map(field).collect();
                found.push((!bad.contains(&(record as u32))).then_some(fields));
            }
        }
        (shape.names().to_vec(), found)
    }

    #[test]
    fn objects_become_columns_in_the_order_in_which_their_keys_are_met() {
        let text = concat!(
            "{\"a\":1,\"b\":{\"c\":\"x\\\"y\",\"d\":[1, {\"e\":2}]}}\n",
            "\n",
            " { \"b\" : { \"f\" : null , \"c\" : true } , \"a\" : -1.5e+3 } \r\n",
            "{}\n",
            "{\"b\":null}"
        );
        let (names, rows) = rows(text);
        assert_eq!(names, ["a", "b.c", "b.d", "b.f"]);
        let expected = [
            ["1", "\"x\\\"y\"", "[1, {\"e\":2}]", ""],
            ["-1.5e+3", "true", "", "null"],
            ["", "", "", ""],
            ["", "", "", ""],
        ];
        let expected: Vec<_> = expected.map(|row| Some(row.map(str::to_owned).to_vec())).to_vec();
        assert_eq!(rows, expected);
    }

    #[test]
    fn what_is_no_object_is_a_record_that_does_not_fit() {
        for line in [
            "[1]",
            "1",
            "{\"a\":1",
            "{\"a\":01}",
            "{\"a\":1}}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":NaN}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}",
            "{\"a\":{\"b\":}}",
            "{a:1}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"a\":null}",
            "{\"a\":{},\"a\":1}",
            "{\"a\":tru}",
            "nothing",
            " ,",
        ] {
            let (names, rows) = rows(&format!("{{\"a\":0}}\n{line}\n{{\"a\":2}}\n"));
            assert_eq!(names, ["a"], "{line}");
            assert_eq!(rows, [Some(vec!["0".into()]), None, Some(vec!["2".into()])], "{line}");
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_no_record_and_inside_a_list_it_is_counted() {
        let text = concat!(
            "{\"o\":{\"x\":1,\"y\":2},\"l\":[{\"k\":1,\"k\":2},{\"k\":1}]}\n",
            "{\"o\":{\"x\":1},\"o\":{\"y\":2}}\n{\"o\":null,\"o\":{\"y\":2}}\n{\"o\":{\"x\":1,\"\\u0078\":2}}\n",
            "{\"l\":[{\"k\":1,\"\\u006b\":\"\\ud83d\\ude00 \\ud83d \\udc00\"}]}\n",
        );
        let (names, found) = rows(text);
        assert_eq!(names, ["o.x", "o.y", "l"]);
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false, false, true]);
        let mut learner = Learner::default();
        learner.lines(text.as_bytes()).unwrap();
        let shape = learner.finish();
        let (mut split, mut splitter) = (Split::default(), JsonSplitter::new(text.as_bytes(), &shape));
        while splitter.next(&mut split) {}
        assert_eq!(splitter.oddities(), Oddities { twice: 2, halves: 2 });
    }

    #[test]
    fn hostile_depth_is_refused_and_much_depth_is_one_value() {
        let deep = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let (names, found) = rows(&deep(MOST_DEPTH + 2));
        assert_eq!((names.len(), found[0].as_ref().unwrap()[0].as_str()), (1, "{\"a\":{\"a\":1}}"));
        assert_eq!(rows(&format!("{{\"a\":{}", "[".repeat(1 << 20))).1, [None]);
    }

    #[test]
    fn names_that_would_be_the_same_are_told_apart() {
        let (names, found) = rows("{\"a.b\":1,\"a\":{\"b\":2},\"\":4}\n{\"\\u0061\":5}\n");
        assert_eq!(names, ["a.b", "a", "a.b_2", "column_4"]);
        // The escaped key is that of the object before it.
        let row = |fields: [&str; 4]| Some(fields.map(str::to_owned).to_vec());
        assert_eq!(found, [row(["1", "", "2", "4"]), row(["", "5", "", ""])]);
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        let mut buffer = Vec::new();
        for (inner, text) in [
            ("plain", "plain"),
            ("a\\n\\t\\r\\b\\f\\/\\\\\\\"z", "a\n\t\r\u{8}\u{c}/\\\"z"),
            ("\\u00e4\\u20AC\\ud83d\\ude00!", "ä€😀!"),
            ("\\ud83d\\u0041\\udc00", "\\ud83dA\\udc00"),
        ] {
            assert_eq!(unescaped(inner.as_bytes(), &mut buffer), text.as_bytes());
        }
    }

    #[test]
    fn what_is_wrong_with_a_value_is_said() {
        for (value, part) in [
            ("[1]", "is JSON, but no object"),
            ("{\"a\":1,\"a\":2}", "has a key twice"),
            ("{\"a\":01}", "is no JSON, invalid number at byte 7"),
            ("{\"a\":\"x\ty\"}", "control character"),
            ("{\"a\":1} // why", "trailing characters at byte 9"),
            ("{\"a\":", "EOF"),
        ] {
            assert!(fault(value.as_bytes()).contains(part), "{value}: {}", fault(value.as_bytes()));
        }
    }
}
