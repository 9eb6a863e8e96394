//! What numbers look like.

use super::affixes::{after, before, named};
use super::{after_blank, trim};

/// What a number looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberShape {
    /// What is between thousands: nothing, `,`, `.`, a blank or `'`.
    pub group: u8,
    /// What is in front of decimals: nothing, `,` or `.`.
    pub decimal: u8,
    /// The only mark, which is in `group`, may be in front of three decimals instead.
    pub is_open: bool,
    /// See [`named`]; 0 without.
    pub affix: u16,
    /// The affix is in front.
    pub is_before: bool,
    /// There is a blank between affix and number.
    pub is_spaced: bool,
    /// 1: in parentheses, 2: with its minus behind.
    pub sign: u8,
    /// Of thousands without decimals: digits of the first of them, and how many follow.
    pub lead: (u8, u8),
}

impl NumberShape {
    /// That of a text without blanks around it; `was_spaced`: they were there.
    pub fn of(text: &[u8], was_spaced: bool) -> Option<Self> {
        let mut shape = Self {
            group: 0,
            decimal: 0,
            is_open: false,
            affix: 0,
            is_before: false,
            is_spaced: false,
            sign: 0,
            lead: (0, 0),
        };
        let mut is_signed = false;
        let mut rest = shape.signed(text, &mut is_signed);
        if let Some((affix, core)) = before(rest) {
            (shape.affix, shape.is_before, shape.is_spaced) = (affix, true, after_blank(core).is_some());
            rest = shape.signed(trim(core), &mut is_signed);
        } else if let Some((affix, core)) = after(rest) {
            let bare = trim(core);
            (shape.affix, shape.is_spaced) = (affix, bare.len() < core.len());
            rest = shape.signed(bare, &mut is_signed);
        }
        shape.marks(rest)?;
        let is_marked = shape.group > 0 || shape.decimal > 0;
        (is_marked || shape.affix > 0 || shape.sign > 0 || was_spaced && rest.len() < 16).then_some(shape)
    }

    fn signed<'a>(&mut self, text: &'a [u8], is_signed: &mut bool) -> &'a [u8] {
        if *is_signed {
            return text;
        }
        let (sign, rest) = match text {
            [b'-', rest @ ..] => (0, rest),
            [b'(', rest @ .., b')'] => (1, rest),
            [rest @ .., b'-'] => (2, rest),
            text => match text.strip_prefix("\u{2212}".as_bytes()) {
                Some(rest) => (0, rest),
                None => return text,
            },
        };
        (self.sign, *is_signed) = (sign, true);
        trim(rest)
    }

    /// Digits with their marks.
    fn marks(&mut self, text: &[u8]) -> Option<()> {
        let (mut rest, mut lengths) = (text, Vec::with_capacity(6));
        let mut marks = Vec::with_capacity(6);
        loop {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            lengths.push(digits);
            rest = &rest[digits..];
            if rest.is_empty() {
                break;
            }
            let (mark, more) = match rest {
                [mark @ (b',' | b'.' | b'\''), more @ ..] => (*mark, more),
                rest => match rest.strip_prefix("’".as_bytes()) {
                    Some(more) => (b'\'', more),
                    None => (b' ', after_blank(rest)?),
                },
            };
            marks.push(mark);
            rest = more;
            if marks.len() > 12 {
                return None;
            }
        }
        let whole = lengths[0];
        let is_padded = whole > 1 && text[0] == b'0';
        let are_groups = |lengths: &[usize]| {
            (1..=3).contains(&lengths[0]) && text[0] != b'0' && lengths[1..].iter().all(|digits| *digits == 3)
        };
        let (&last, before) = match marks.split_last() {
            None if whole == 0 || is_padded || whole > 76 => return None,
            None => return Some(()),
            Some(split) => split,
        };
        let is_same = marks.iter().all(|mark| *mark == last);
        if is_same && (marks.len() > 1 || !matches!(last, b',' | b'.')) {
            self.group = last;
            self.lead = (lengths[0] as u8, marks.len() as u8);
            return are_groups(&lengths).then_some(());
        }
        // The last one is in front of decimals.
        let decimals = *lengths.last()?;
        if !matches!(last, b',' | b'.') || decimals == 0 || is_padded {
            return None;
        }
        match before.first() {
            None if decimals == 3 && are_groups(&lengths) => {
                (self.group, self.is_open, self.lead) = (last, true, (lengths[0] as u8, 1));
            }
            None => self.decimal = last,
            Some(&group) => {
                let is_one = before.iter().all(|mark| *mark == group) && group != last;
                (self.group, self.decimal) = (group, last);
                return (is_one && are_groups(&lengths[..lengths.len() - 1])).then_some(());
            }
        }
        Some(())
    }

    /// How 1234.56 is written with that mark between thousands and that one in front of decimals.
    pub fn example(self, group: u8, decimal: u8) -> String {
        let mark = |mark: u8| if mark == 0 { String::new() } else { char::from(mark).to_string() };
        let decimals = if decimal == 0 { "" } else { "56" };
        let core = format!("1{}234{}{decimals}", mark(group), mark(decimal));
        let blank = if self.is_spaced { " " } else { "" };
        let affix = named(self.affix);
        let core = match (self.affix, self.is_before) {
            (0, _) => core,
            (_, true) => format!("{affix}{blank}{core}"),
            (_, false) => format!("{core}{blank}{affix}"),
        };
        match self.sign {
            1 => format!("({core})"),
            2 => format!("{core}-"),
            _ => core,
        }
    }

    pub fn code(self) -> u64 {
        let flags = u64::from(self.is_open) | u64::from(self.is_before) << 1 | u64::from(self.is_spaced) << 2;
        let bytes = [self.group, self.decimal, self.sign, self.lead.0 | self.lead.1 << 4];
        let affix = u64::from(self.affix) & 0x7ff;
        bytes.into_iter().fold(affix << 3 | flags, |code, byte| code << 8 | u64::from(byte))
    }

    pub fn of_code(code: u64) -> Option<Self> {
        let [.., high, low, group, decimal, sign, lead] = code.to_be_bytes();
        let top = u16::from_be_bytes([high, low]);
        let flag = |bit: u16| top & bit > 0;
        let (is_open, is_before, is_spaced) = (flag(1), flag(2), flag(4));
        let shape =
            Self { group, decimal, is_open, affix: top >> 3, is_before, is_spaced, sign, lead: (lead & 15, lead >> 4) };
        (shape.code() == code).then_some(shape)
    }
}
