//! Numbers with marks between their digits, and with something around them.

use super::{after_blank, trim};
use crate::tabular::values::number;

/// How negative numbers are written besides with a minus in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Negatives {
    /// In no other way.
    Minus,
    /// In parentheses.
    Parentheses,
    /// With the minus behind.
    Trailing,
}

/// What stands between thousands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Group {
    None,
    /// Any of the blanks.
    Blank,
    /// `'` or `’`.
    Apostrophe,
    Text(Vec<u8>),
}

/// Numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat {
    /// As 1234.56 is written; none if it comes from the characters of a Table Schema.
    example: Option<String>,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    group: Group,
    /// What stands in front of decimals; empty without.
    decimal: Vec<u8>,
    negatives: Negatives,
    /// Nothing else may be around it.
    is_bare: bool,
}

const MINUS: &[u8] = "\u{2212}".as_bytes();

impl NumberFormat {
    /// The format in which 1234.56 is written so; without decimals, numbers have none.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn by_example(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} does not show how 1234.56 is written; write it as the values are, such as 1.234,56 or $1,234.56 \
                 or 1234 %"
            )
        };
        let example = trim(text.as_bytes());
        let (negatives, inner) = match example {
            [b'(', inner @ .., b')'] => (Negatives::Parentheses, inner),
            [inner @ .., b'-'] => (Negatives::Trailing, inner),
            inner => (Negatives::Minus, inner),
        };
        let inner = std::str::from_utf8(inner).map_err(|_| wrong())?;
        let first = inner.find(|letter: char| letter.is_ascii_digit()).ok_or_else(wrong)?;
        let last = inner.rfind(|letter: char| letter.is_ascii_digit()).ok_or_else(wrong)? + 1;
        let core = inner[first..last].strip_prefix('1').ok_or_else(wrong)?;
        let (group, rest) = core.split_once("234").ok_or_else(wrong)?;
        let decimal = match rest {
            "" => "",
            rest => rest.strip_suffix("56").ok_or_else(wrong)?,
        };
        let group = match group {
            "" => Group::None,
            "'" | "’" => Group::Apostrophe,
            blank if after_blank(blank.as_bytes()).is_some_and(<[u8]>::is_empty) => Group::Blank,
            "," | "." | "_" => Group::Text(group.as_bytes().to_vec()),
            _ => return Err(wrong()),
        };
        let is_same = group == Group::Text(decimal.as_bytes().to_vec());
        let (prefix, suffix) = (trim(&inner.as_bytes()[..first]), trim(&inner.as_bytes()[last..]));
        if is_same
            || !rest.is_empty() && !matches!(decimal, "," | ".")
            || [prefix, suffix].iter().any(|part| is_odd(part))
        {
            return Err(wrong());
        }
        Ok(Self {
            example: Some(String::from_utf8_lossy(example).into_owned()),
            prefix: prefix.to_vec(),
            suffix: suffix.to_vec(),
            group,
            decimal: decimal.as_bytes().to_vec(),
            negatives,
            is_bare: true,
        })
    }

    /// By the characters of a Table Schema.
    pub fn by_marks(decimal: &str, group: Option<&str>, is_bare: bool) -> Self {
        let group = match group {
            None | Some("") => Group::None,
            Some("'" | "’") => Group::Apostrophe,
            Some(blank) if after_blank(blank.as_bytes()).is_some_and(<[u8]>::is_empty) => Group::Blank,
            Some(other) => Group::Text(other.as_bytes().to_vec()),
        };
        let decimal = decimal.as_bytes().to_vec();
        let (example, negatives) = (None, Negatives::Minus);
        Self { example, prefix: Vec::new(), suffix: Vec::new(), group, decimal, negatives, is_bare }
    }

    /// The characters of a Table Schema, if it comes from them: for decimals, between thousands, and whether nothing
    /// else may be around a number.
    pub fn marks(&self) -> Option<(String, Option<String>, bool)> {
        let group = match &self.group {
            Group::None => None,
            Group::Blank => Some(" ".to_owned()),
            Group::Apostrophe => Some("'".to_owned()),
            Group::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        };
        self.example.is_none().then(|| (String::from_utf8_lossy(&self.decimal).into_owned(), group, self.is_bare))
    }

    /// How 1234.56 is written.
    pub fn example(&self) -> String {
        let Some(example) = &self.example else {
            let (decimal, group, _) = self.marks().unwrap_or_default();
            return format!("1{}234{decimal}56", group.unwrap_or_default());
        };
        example.clone()
    }

    /// What is in front of decimals, and around each number.
    pub fn around(&self) -> (&[u8], &[u8], &[u8]) {
        (&self.decimal, &self.prefix, &self.suffix)
    }

    /// What is around each number.
    pub fn affix(&self) -> Option<String> {
        let affix = if self.prefix.is_empty() { &self.suffix } else { &self.prefix };
        (!affix.is_empty()).then(|| String::from_utf8_lossy(affix).into_owned())
    }

    /// Write a number with a point and without anything else.
    pub fn read(&self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut is_negative = false;
        let mut rest = self.signed(text, &mut is_negative);
        if self.is_bare {
            rest = trim(rest.strip_prefix(&self.prefix[..])?);
            rest = self.signed(rest, &mut is_negative);
            rest = trim(rest.strip_suffix(&self.suffix[..])?);
            rest = self.signed(rest, &mut is_negative);
        } else {
            rest = self.bare(rest, &mut is_negative)?;
        }
        if is_negative {
            out.push(b'-');
        }
        self.digits(rest, out)
    }

    /// A number without its sign, unless one was found before.
    fn signed<'a>(&self, text: &'a [u8], is_negative: &mut bool) -> &'a [u8] {
        if *is_negative {
            return text;
        }
        let found = match (text, self.negatives) {
            ([b'-', rest @ ..], _) => Some(rest),
            ([b'(', rest @ .., b')'], Negatives::Parentheses) => Some(rest),
            ([rest @ .., b'-'], Negatives::Trailing) => Some(rest),
            (text, _) => text.strip_prefix(MINUS),
        };
        *is_negative = found.is_some();
        found.map_or(text, trim)
    }

    /// What is between the first digit and the last.
    fn bare<'a>(&self, text: &'a [u8], is_negative: &mut bool) -> Option<&'a [u8]> {
        let mut first = text.iter().position(u8::is_ascii_digit)?;
        let last = text.iter().rposition(u8::is_ascii_digit)?;
        // `.5`, but not `Rs.5`.
        if let Some(front) = text[..first].strip_suffix(&self.decimal[..])
            && !front.last().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        {
            first = front.len();
        }
        // A minus directly in front of the number, or of its currency.
        if !*is_negative && (text[..first].ends_with(b"-") || text[..first].ends_with(MINUS)) {
            *is_negative = true;
        }
        Some(&text[first..=last])
    }

    fn digits(&self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let begun = out.len();
        let (whole, mut rest) = self.whole(text, out)?;
        if !self.decimal.is_empty()
            && let Some(behind) = rest.strip_prefix(&self.decimal[..])
        {
            out.push(b'.');
            let decimals = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
            out.extend_from_slice(&behind[..decimals]);
            rest = &behind[decimals..];
            if whole + decimals == 0 {
                return None;
            }
        } else if whole == 0 {
            return None;
        }
        let is_padded = whole > 1 && out[begun] == b'0';
        if let [b'e' | b'E', exponent @ ..] = rest {
            let digits = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
            if whole == 0 || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            out.extend_from_slice(rest);
            // As large as a float may be.
            number(&out[begun..])?;
            rest = b"";
        }
        // A number with a zero in front is a code.
        (rest.is_empty() && !is_padded).then_some(())
    }

    /// The digits in front of the decimals: how many, and what follows.
    fn whole<'a>(&self, text: &'a [u8], out: &mut Vec<u8>) -> Option<(usize, &'a [u8])> {
        let (mut all, mut rest, mut has_groups) = (0, text, false);
        loop {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let is_right = match (has_groups, self.after_group(&rest[digits..]).is_some()) {
                (true, _) => digits == 3,
                (false, true) => (1..=3).contains(&digits) && rest[0] != b'0',
                (false, false) => true,
            };
            if !is_right {
                return None;
            }
            out.extend_from_slice(&rest[..digits]);
            (all, rest) = (all + digits, &rest[digits..]);
            let Some(more) = self.after_group(rest) else { return Some((all, rest)) };
            (rest, has_groups) = (more, true);
        }
    }

    /// What follows the mark between thousands.
    #[inline]
    fn after_group<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        match &self.group {
            Group::None => None,
            Group::Blank => after_blank(text),
            Group::Apostrophe => text.strip_prefix(b"'").or_else(|| text.strip_prefix("’".as_bytes())),
            Group::Text(mark) => text.strip_prefix(&mark[..]),
        }
    }
}

/// True for what cannot be around a number, since it would be taken for a part of it.
fn is_odd(affix: &[u8]) -> bool {
    affix.iter().any(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'(' | b')' | b',' | b'=')) || affix.len() > 20
}
