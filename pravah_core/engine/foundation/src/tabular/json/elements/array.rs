//! What stands around the values of JSON: brackets of arrays, and commas.

/// What stood between the values so far.
#[derive(Debug, Default)]
pub(super) struct Around {
    before: Before,
    /// An array is open.
    is_open: bool,
    /// Arrays that have ended.
    closed: u64,
    missing: u64,
    empty: u64,
    strays: u64,
    /// A comma stood before an array's end.
    is_trailing: bool,
    /// Values, or arrays of them, came behind an array.
    is_followed: bool,
}

/// What was last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Before {
    #[default]
    Start,
    Value,
    Comma,
}

impl Around {
    /// True for a comma or a bracket around values; other bytes begin a value.
    #[inline]
    pub fn takes(&mut self, byte: u8) -> bool {
        match byte {
            b',' => {
                self.empty += u64::from(self.before != Before::Value);
                self.before = Before::Comma;
            }
            b'[' if !self.is_open => {
                self.is_followed |= self.closed > 0;
                (self.is_open, self.before) = (true, Before::Start);
            }
            b']' if self.is_open => {
                self.is_trailing |= self.before == Before::Comma;
                self.closed += 1;
                (self.is_open, self.before) = (false, Before::Value);
            }
            b']' => self.strays += 1,
            _ => {
                self.missing += u64::from(self.is_open && self.before == Before::Value);
                self.is_followed |= !self.is_open && self.closed > 0;
                self.before = Before::Value;
                return false;
            }
        }
        true
    }

    /// Whether values may be missing, and in words why. `is_cut`: it ended in a value.
    pub fn faults(&self, is_cut: bool) -> Vec<(bool, String)> {
        let count = |count: u64, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
        let mut faults = Vec::new();
        if self.is_open || is_cut {
            let what = if self.is_open { "array" } else { "last value" };
            faults.push((true, format!("its {what} does not end; perhaps it was cut off")));
        }
        if self.missing > 0 {
            let commas = count(self.missing, "comma is", "commas are");
            faults.push((true, format!("{commas} missing between values of its array; perhaps values are, too")));
        }
        if self.empty > 0 {
            let commas = count(self.empty, "comma has", "commas have");
            faults.push((true, format!("{commas} no value before it; perhaps values are missing")));
        }
        if self.strays > 0 {
            let brackets = count(self.strays, "bracket closes", "brackets close");
            faults.push((true, format!("{brackets} nothing; perhaps what came before is missing")));
        }
        if self.is_trailing {
            faults.push((false, "a comma behind the last value of an array was left out".to_owned()));
        }
        if self.is_followed {
            faults.push((false, "values behind its array were read, too".to_owned()));
        }
        faults
    }
}

/// True when an array that goes on so has objects in it, behind other values perhaps.
pub(super) fn begins_with_objects(inside: &[u8]) -> bool {
    let mut rest = inside.trim_ascii_start();
    loop {
        match rest.first() {
            // All there is.
            None => return inside.trim_ascii().is_empty(),
            Some(b'{') => return true,
            Some(b',') => rest = rest[1..].trim_ascii_start(),
            Some(_) => {
                let end = if rest.starts_with(b"\"") { text_end(rest) } else { word_end(rest) };
                let Some(end) = end else { return false };
                rest = rest[end..].trim_ascii_start();
                if !rest.starts_with(b",") {
                    return false;
                }
            }
        }
    }
}

fn text_end(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.iter().skip(1).position(|&byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends || byte == b'\n'
    })?;
    (text[end + 1] == b'"').then_some(end + 2)
}

fn word_end(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|&byte| matches!(byte, b',' | b']') || byte.is_ascii_whitespace())?;
    let word = &text[..end];
    (matches!(word, b"null" | b"true" | b"false") || serde_json::from_slice::<serde_json::Number>(word).is_ok())
        .then_some(end)
}
