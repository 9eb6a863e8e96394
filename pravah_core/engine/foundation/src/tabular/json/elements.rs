//! Values of JSON that are not one a line, made so: objects over several lines, behind each other, or in one array.

mod array;

use std::ops::ControlFlow;

use array::Around;

/// Puts each value on a line of its own. What stands between values, white space, commas and the brackets of an array
/// around all of them, is no part of any; where it is not as JSON has it, that is told at the end.
#[derive(Debug, Default)]
pub struct Elements {
    /// Brackets that are open in the value.
    depth: u32,
    place: Place,
    is_escaped: bool,
    around: Around,
    /// It ended in a value.
    is_cut: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between two values.
    #[default]
    Between,
    /// In a value, outside texts.
    Value,
    Text,
    /// A number, or a word.
    Word,
}

/// Bytes of a file that are looked at.
const LOOKED_AT: usize = 64 << 10;

impl Elements {
    /// True when a text that begins so holds objects, but not one a line.
    pub fn are_in(start: &[u8]) -> bool {
        let start = start[..start.len().min(LOOKED_AT)].trim_ascii_start();
        if let Some(inside) = start.strip_prefix(b"[") {
            // All of it is an array of none.
            if inside.trim_ascii() == b"]" {
                return true;
            }
            return array::begins_with_objects(inside);
        }
        if !start.starts_with(b"{") {
            return false;
        }
        let mut elements = Self::default();
        let ended = start.iter().enumerate().try_for_each(|(at, &byte)| {
            let was = elements.place;
            elements.byte(byte, &mut Vec::new());
            match (was, elements.place) {
                (_, Place::Between) => ControlFlow::Break(Some(at + 1)),
                // It goes on behind the line's end.
                (Place::Value, _) if matches!(byte, b'\n' | b'\r') => ControlFlow::Break(None),
                _ => ControlFlow::Continue(()),
            }
        });
        match ended {
            ControlFlow::Break(Some(end)) => {
                let line = start[end..].split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
                // A comma or another object.
                matches!(line.trim_ascii().first(), Some(b',' | b'{'))
            }
            ControlFlow::Break(None) => true,
            ControlFlow::Continue(()) => false,
        }
    }

    /// The next text, as lines.
    pub fn lines(&mut self, text: &[u8], last: bool, out: &mut Vec<u8>) {
        out.reserve(text.len() + 1);
        text.iter().for_each(|&byte| self.byte(byte, out));
        if last && self.place != Place::Between {
            // It does not end: what there is of it is told as no object.
            self.is_cut = self.place != Place::Word;
            self.end(out);
        }
    }

    /// What is wrong about what stood around the values, once all of it is seen: whether some may be missing, and why.
    pub fn faults(&self) -> Vec<(bool, String)> {
        self.around.faults(self.is_cut)
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        (self.depth, self.place, self.is_escaped) = (0, Place::Between, false);
        out.push(b'\n');
    }

    #[inline]
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.place {
            Place::Between => self.begin(byte, out),
            Place::Text => {
                // A line's end in a text is damage; what follows is not swallowed by it.
                if matches!(byte, b'\n' | b'\r') {
                    return self.end(out);
                }
                out.push(byte);
                if self.is_escaped {
                    self.is_escaped = false;
                } else if byte == b'\\' {
                    self.is_escaped = true;
                } else if byte == b'"' {
                    self.place = Place::Value;
                    if self.depth == 0 {
                        self.end(out);
                    }
                }
            }
            Place::Value => match byte {
                b'\n' | b'\r' => out.push(b' '),
                b'"' => {
                    self.place = Place::Text;
                    out.push(byte);
                }
                b'{' | b'[' => {
                    self.depth += 1;
                    out.push(byte);
                }
                b'}' | b']' => {
                    self.depth -= 1;
                    out.push(byte);
                    if self.depth == 0 {
                        self.end(out);
                    }
                }
                other => out.push(other),
            },
            Place::Word => match byte {
                b',' | b']' | b'}' | b'\n' | b'\r' | b' ' | b'\t' => {
                    self.end(out);
                    self.begin(byte, out);
                }
                other => out.push(other),
            },
        }
    }

    fn begin(&mut self, byte: u8, out: &mut Vec<u8>) {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') || self.around.takes(byte) {
            return;
        }
        self.place = match byte {
            b'{' | b'[' => {
                self.depth = 1;
                Place::Value
            }
            b'"' => Place::Text,
            _ => Place::Word,
        };
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, piece: usize) -> String {
        let (mut elements, mut out) = (Elements::default(), Vec::new());
        let pieces = text.as_bytes().chunks(piece).count();
        for (at, part) in text.as_bytes().chunks(piece).enumerate() {
            elements.lines(part, at + 1 == pieces, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn objects_are_put_on_lines_whatever_the_pieces() {
        let pretty = "{\n  \"a\": [1,\n 2],\n  \"b\": {\"c\": \"}\\\"\"}\n}\n";
        let one = "{   \"a\": [1,  2],   \"b\": {\"c\": \"}\\\"\"} }\n";
        for (text, wanted) in [
            (format!("[{pretty},{pretty}]"), one.repeat(2)),
            (pretty.repeat(2), one.repeat(2)),
            ("[\n{\"a\":1},\r\n{\"a\":2}\n]\n".to_owned(), "{\"a\":1}\n{\"a\":2}\n".to_owned()),
            ("{\"a\":1}{\"a\":2} {\"a\":3}".to_owned(), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n".to_owned()),
            ("[{\"a\":1}, 5, null, \"x\"]".to_owned(), "{\"a\":1}\n5\nnull\n\"x\"\n".to_owned()),
            // Damage costs one value.
            ("[{\"a\":\"x\n},{\"a\":2}]".to_owned(), "{\"a\":\"x\n}\n{\"a\":2}\n".to_owned()),
            ("[{\"a\":1},{\"a\":".to_owned(), "{\"a\":1}\n{\"a\":\n".to_owned()),
            ("[]".to_owned(), String::new()),
        ] {
            for piece in [1, 3, 1000] {
                assert_eq!(lines(&text, piece), wanted, "{text:?} {piece}");
            }
        }
    }

    #[test]
    fn lines_of_objects_are_left_as_they_are() {
        for text in [
            "{\"a\":1}\n{\"a\":2}\n",
            "\n{\"a\":{\"b\":\"\\n{\"}} \n",
            "[1,2]\n[3]\n",
            "{\"a\":\"x\n",
            "a,b\n",
            "",
            "[]\n[]\n",
            "[a,{",
        ] {
            assert!(!Elements::are_in(text.as_bytes()), "{text:?}");
        }
        for text in [
            "[]",
            "[ ]\n",
            "[{\"a\":1}]",
            " [ \n {",
            "{\n\"a\":1}",
            "{\"a\":1},\n",
            "{\"a\":1}{\"a\":2}",
            "[null, {",
            "[1,\"a]\",{",
            "[,{",
        ] {
            assert!(Elements::are_in(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn what_stands_around_values_is_told_where_it_is_wrong() {
        let faults = |text: &str| {
            let told = [1, 1000].map(|piece| {
                let (mut elements, pieces) = (Elements::default(), text.as_bytes().chunks(piece));
                let count = pieces.len();
                pieces.enumerate().for_each(|(at, part)| elements.lines(part, at + 1 == count, &mut Vec::new()));
                elements.faults()
            });
            assert_eq!(told[0], told[1], "{text}");
            told[0].clone()
        };
        for text in ["", "[]", " [ ] ", "[{}]", "[{},\n{},null,[1,[2]],\"],\",5 ]\n", "{}{} {}", "{},\n{},\n", "{\n}\n"]
        {
            assert!(faults(text).is_empty(), "{text}: {:?}", faults(text));
        }
        for (text, is_lost, part) in [
            ("[", true, "does not end"),
            ("[{},{}", true, "does not end"),
            ("[{},{}\n,", true, "does not end"),
            ("[{},{\"a\":", true, "does not end"),
            ("{}{\"a\":", true, "does not end"),
            ("[{} {},5 6]", true, "2 commas are missing"),
            ("[{},,{}]", true, "1 comma has no value before it"),
            ("[,{}]", true, "1 comma has no value before it"),
            ("[{}]]", true, "1 bracket closes nothing"),
            ("[{},]", false, "comma behind the last value"),
            ("[{}][{}]", false, "behind its array"),
            ("[{}]\n{}", false, "behind its array"),
        ] {
            let told = faults(text);
            assert!(told.len() == 1 && told[0].0 == is_lost && told[0].1.contains(part), "{text}: {told:?}");
        }
    }
}
