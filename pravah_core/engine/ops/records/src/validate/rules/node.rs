//! What an expression is once it is read, and its value.
//!
//! Logic has three values, as SQL's has: what names a column without a value is not decided, unless the rest decides it.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::bytes::Regex;

use super::number::Decimal;
use pravah_foundation::tabular::values::Value;

/// An expression.
#[derive(Debug)]
pub enum Node {
    /// A number, text, time or truth value that is written in it.
    Constant(RuleValue<'static>),
    /// The column of this place among those that rules name.
    Column(usize),
    /// True where a column has no value.
    IsNull(usize),
    /// The aggregate of this place.
    Aggregate(usize),
    /// When the job began.
    Now,
    /// Records of the last result.
    LastRecords,
    /// When the job of the last result began.
    LastTime,
    Not(Box<Self>),
    /// All of them are true.
    And(Vec<Self>),
    /// One of them is true.
    Or(Vec<Self>),
    /// A condition, and one expression for each of its values.
    If(Box<[Self; 3]>),
    Compare(Relation, Box<[Self; 2]>),
    Compute(Operator, Box<[Self; 2]>),
    Negate(Box<Self>),
    Absolute(Box<Self>),
    /// Characters of a text, elements of a list, keys of a map.
    Size(Box<Self>),
    Search(TextTest, Box<[Self; 2]>),
    Matches(Box<Self>, Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Whether a text holds another one, and where.
#[derive(Debug, Clone, Copy)]
pub enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

/// A value; times are in nanoseconds, of UTC where no zone is given.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleValue<'a> {
    Number(Decimal),
    Text(Cow<'a, str>),
    Truth(bool),
    Moment(i128),
    Span(i128),
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// A column has none.
    Null,
    /// In words: why it cannot be computed.
    Failed(&'static str),
}

pub type Answer<'a> = Result<RuleValue<'a>, Undecided>;

/// What an expression is about.
pub trait Subject {
    /// The value of a column.
    fn column(&self, place: usize) -> Answer<'_>;
    /// How many elements the value of a column has, where it is a list or a map.
    fn elements(&self, _place: usize) -> Option<Result<u64, Undecided>> {
        None
    }
    /// The value of an aggregate.
    fn aggregate(&self, place: usize) -> Answer<'_>;
    /// When the job began.
    fn now(&self) -> Answer<'_>;
    /// Records of the last result.
    fn last_records(&self) -> Answer<'_>;
    /// When the job of the last result began.
    fn last_time(&self) -> Answer<'_>;
}

const OTHER_TYPES: Undecided = Undecided::Failed("values of these types cannot be compared or computed");
const TOO_LARGE: Undecided = Undecided::Failed("a number is too large to compute with");
const NO_QUOTIENT: Undecided = Undecided::Failed("a division by zero");
const TOO_NEAR: Undecided = Undecided::Failed("two numbers are too near to be told apart after rounding");

impl Node {
    /// Whether it is true.
    #[inline]
    pub fn holds<'a>(&'a self, of: &'a impl Subject) -> Result<bool, Undecided> {
        match self {
            Self::Compare(how, sides) => compare(*how, &sides[0].value(of)?, &sides[1].value(of)?),
            Self::And(all) => decide(all, false, of),
            Self::Or(all) => decide(all, true, of),
            Self::Not(inner) => inner.holds(of).map(|is_true| !is_true),
            Self::IsNull(place) => match of.column(*place) {
                Err(Undecided::Null) => Ok(true),
                Err(failed) => Err(failed),
                Ok(_) => Ok(false),
            },
            Self::If(parts) => if parts[0].holds(of)? { &parts[1] } else { &parts[2] }.holds(of),
            Self::Search(how, sides) => match (sides[0].value(of)?, sides[1].value(of)?) {
                (RuleValue::Text(text), RuleValue::Text(part)) => Ok(match how {
                    TextTest::Contains => text.contains(&*part),
                    TextTest::StartsWith => text.starts_with(&*part),
                    TextTest::EndsWith => text.ends_with(&*part),
                }),
                _ => Err(OTHER_TYPES),
            },
            Self::Matches(text, pattern) => match text.value(of)? {
                RuleValue::Text(text) => Ok(pattern.is_match(text.as_bytes())),
                _ => Err(OTHER_TYPES),
            },
            _ => match self.value(of)? {
                RuleValue::Truth(is_true) => Ok(is_true),
                _ => Err(OTHER_TYPES),
            },
        }
    }

    /// Its value.
    #[inline]
    pub fn value<'a>(&'a self, of: &'a impl Subject) -> Answer<'a> {
        match self {
            Self::Constant(value) => Ok(value.borrowed()),
            Self::Column(place) => of.column(*place),
            Self::Aggregate(place) => of.aggregate(*place),
            Self::Now => of.now(),
            Self::LastRecords => of.last_records(),
            Self::LastTime => of.last_time(),
            Self::Compute(how, sides) => compute(*how, sides[0].value(of)?, sides[1].value(of)?),
            Self::If(parts) => if parts[0].holds(of)? { &parts[1] } else { &parts[2] }.value(of),
            Self::Negate(inner) => match inner.value(of)? {
                RuleValue::Number(number) => number.negate().map(RuleValue::Number).ok_or(TOO_LARGE),
                RuleValue::Span(nanos) => nanos.checked_neg().map(RuleValue::Span).ok_or(TOO_LARGE),
                _ => Err(OTHER_TYPES),
            },
            Self::Absolute(inner) => match inner.value(of)? {
                RuleValue::Number(number) => number.abs().map(RuleValue::Number).ok_or(TOO_LARGE),
                _ => Err(OTHER_TYPES),
            },
            Self::Size(inner) => {
                if let Self::Column(place) = **inner
                    && let Some(elements) = of.elements(place)
                {
                    return elements.map(RuleValue::count);
                }
                match inner.value(of)? {
                    RuleValue::Text(text) => Ok(RuleValue::count(text.chars().count() as u64)),
                    _ => Err(OTHER_TYPES),
                }
            }
            _ => self.holds(of).map(RuleValue::Truth),
        }
    }

    /// Do something with it and all in it.
    pub fn each(&self, work: &mut impl FnMut(&Self)) {
        work(self);
        match self {
            Self::Not(inner) | Self::Negate(inner) | Self::Absolute(inner) | Self::Size(inner) => inner.each(work),
            Self::Matches(inner, _) => inner.each(work),
            Self::And(all) | Self::Or(all) => all.iter().for_each(|one| one.each(work)),
            Self::If(parts) => parts.iter().for_each(|one| one.each(work)),
            Self::Compare(_, sides) | Self::Compute(_, sides) | Self::Search(_, sides) => {
                sides.iter().for_each(|one| one.each(work));
            }
            Self::Constant(_)
            | Self::Column(_)
            | Self::IsNull(_)
            | Self::Aggregate(_)
            | Self::Now
            | Self::LastRecords
            | Self::LastTime => {}
        }
    }
}

/// One that is `decisive` decides; else all have to be decided.
#[inline]
fn decide(all: &[Node], decisive: bool, of: &impl Subject) -> Result<bool, Undecided> {
    let mut open = None;
    for one in all {
        match one.holds(of) {
            Ok(is_true) if is_true == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(why) => open = Some(open.unwrap_or(why)),
        }
    }
    open.map_or(Ok(!decisive), Err)
}

/// The order of two values of one type.
pub fn order(one: &RuleValue<'_>, two: &RuleValue<'_>) -> Result<Ordering, Undecided> {
    match (one, two) {
        (RuleValue::Number(one), RuleValue::Number(two)) => one.compare(*two).ok_or(TOO_NEAR),
        (RuleValue::Text(one), RuleValue::Text(two)) => Ok(one.cmp(two)),
        (RuleValue::Truth(one), RuleValue::Truth(two)) => Ok(one.cmp(two)),
        (RuleValue::Moment(one), RuleValue::Moment(two)) | (RuleValue::Span(one), RuleValue::Span(two)) => {
            Ok(one.cmp(two))
        }
        _ => Err(OTHER_TYPES),
    }
}

#[inline]
fn compare(how: Relation, one: &RuleValue<'_>, two: &RuleValue<'_>) -> Result<bool, Undecided> {
    order(one, two).map(|order| how.holds(order))
}

fn compute<'a>(how: Operator, one: RuleValue<'a>, two: RuleValue<'a>) -> Answer<'a> {
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    match (how, one, two) {
        (Add, RuleValue::Number(one), RuleValue::Number(two)) => one.add(two).map(RuleValue::Number).ok_or(TOO_LARGE),
        (Subtract, RuleValue::Number(one), RuleValue::Number(two)) => {
            one.sub(two).map(RuleValue::Number).ok_or(TOO_LARGE)
        }
        (Multiply, RuleValue::Number(one), RuleValue::Number(two)) => {
            one.mul(two).map(RuleValue::Number).ok_or(TOO_LARGE)
        }
        (Divide, RuleValue::Number(one), RuleValue::Number(two)) => {
            one.div(two).map(RuleValue::Number).ok_or(NO_QUOTIENT)
        }
        (Remainder, RuleValue::Number(one), RuleValue::Number(two)) => {
            one.rem(two).map(RuleValue::Number).ok_or(NO_QUOTIENT)
        }
        (Add, RuleValue::Text(one), RuleValue::Text(two)) => Ok(RuleValue::Text(one + two)),
        (Add, RuleValue::Moment(one), RuleValue::Span(two)) | (Add, RuleValue::Span(two), RuleValue::Moment(one)) => {
            one.checked_add(two).map(RuleValue::Moment).ok_or(TOO_LARGE)
        }
        (Subtract, RuleValue::Moment(one), RuleValue::Span(two)) => {
            one.checked_sub(two).map(RuleValue::Moment).ok_or(TOO_LARGE)
        }
        (Subtract, RuleValue::Moment(one), RuleValue::Moment(two))
        | (Subtract, RuleValue::Span(one), RuleValue::Span(two)) => {
            one.checked_sub(two).map(RuleValue::Span).ok_or(TOO_LARGE)
        }
        (Add, RuleValue::Span(one), RuleValue::Span(two)) => one.checked_add(two).map(RuleValue::Span).ok_or(TOO_LARGE),
        _ => Err(OTHER_TYPES),
    }
}

impl RuleValue<'_> {
    /// So many.
    pub fn count(count: u64) -> Self {
        Self::Number(Decimal::Exact(count.into(), 0))
    }

    /// The same, of a text that is its own.
    pub fn into_static(self) -> RuleValue<'static> {
        match self {
            Self::Text(text) => RuleValue::Text(Cow::Owned(text.into_owned())),
            Self::Number(number) => RuleValue::Number(number),
            Self::Truth(is_true) => RuleValue::Truth(is_true),
            Self::Moment(nanos) => RuleValue::Moment(nanos),
            Self::Span(nanos) => RuleValue::Span(nanos),
        }
    }

    /// The same, of a text that is borrowed.
    #[inline]
    pub fn borrowed(&self) -> RuleValue<'_> {
        match self {
            Self::Text(text) => RuleValue::Text(Cow::Borrowed(text)),
            Self::Number(number) => RuleValue::Number(*number),
            Self::Truth(is_true) => RuleValue::Truth(*is_true),
            Self::Moment(nanos) => RuleValue::Moment(*nanos),
            Self::Span(nanos) => RuleValue::Span(*nanos),
        }
    }

    /// In words.
    pub fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.shown(),
            Self::Text(text) => format!("'{text}'"),
            Self::Truth(is_true) => is_true.to_string(),
            Self::Moment(nanos) => shown_moment(*nanos),
            Self::Span(nanos) => Decimal::Exact(*nanos, 9).shown() + " s",
        }
    }
}

/// A point in time in words: a day where it is the begin of one, and as many digits of a second as it has.
fn shown_moment(nanos: i128) -> String {
    const SECOND: i128 = 1_000_000_000;
    const DAY: i128 = 86_400 * SECOND;
    let Ok(micros) = i64::try_from(nanos.div_euclid(1_000)) else { return nanos.to_string() };
    let value = match i32::try_from(nanos.div_euclid(DAY)) {
        Ok(day) if nanos.rem_euclid(DAY) == 0 => Value::Date(day),
        _ => Value::Timestamp(micros - micros.rem_euclid(1_000_000)),
    };
    match nanos.rem_euclid(SECOND) {
        0 => value.shown(),
        part => format!("{}.{}", value.shown(), format!("{part:09}").trim_end_matches('0')),
    }
}
