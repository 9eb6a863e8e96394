//! Types of expressions: what cannot be compared or computed is told before a record is read.

use super::node::{Node, Operator, RuleValue};
use super::ruleset::Aggregate;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Number,
    Text,
    Truth,
    /// A date or a time on a date.
    Moment,
    /// A duration, or a time of day: since midnight.
    Span,
    /// A column whose type is not known.
    Unknown,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Truth => "true or false",
            Self::Moment => "a date or timestamp",
            Self::Span => "a duration or time of day",
            Self::Unknown => "a value of an unknown type",
        }
    }

    fn is(self, other: Self) -> bool {
        self == other || self == Self::Unknown
    }

    /// The type of both, when they have one.
    fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Unknown, other) => Some(other),
            (one, other) => other.is(one).then_some(one),
        }
    }
}

/// What types are known of columns and aggregates.
pub struct Known<'a> {
    /// By column that rules name.
    pub columns: &'a [Kind],
    /// All aggregates.
    pub aggregates: &'a [Aggregate],
}

impl Known<'_> {
    /// The type of an expression; in words, why it has none.
    pub fn kind(&self, node: &Node) -> Result<Kind, String> {
        let wants = |wanted: Kind, node: &Node, what: &str| -> Result<(), String> {
            let found = self.kind(node)?;
            match found.is(wanted) {
                true => Ok(()),
                false => Err(format!("{what} must be {}, not {}", wanted.as_str(), found.as_str())),
            }
        };
        match node {
            Node::Constant(value) => Ok(of_value(value)),
            Node::Column(place) => Ok(self.columns.get(*place).copied().unwrap_or(Kind::Unknown)),
            Node::Aggregate(place) => self.aggregate(&self.aggregates[*place]),
            Node::Now | Node::LastTime => Ok(Kind::Moment),
            Node::LastRecords => Ok(Kind::Number),
            Node::IsNull(_) => Ok(Kind::Truth),
            Node::Not(inner) => wants(Kind::Truth, inner, "what follows !").map(|()| Kind::Truth),
            Node::And(all) | Node::Or(all) => {
                all.iter().try_for_each(|one| wants(Kind::Truth, one, "each side of && and ||"))?;
                Ok(Kind::Truth)
            }
            Node::If(parts) => {
                wants(Kind::Truth, &parts[0], "what precedes ?")?;
                let (one, two) = (self.kind(&parts[1])?, self.kind(&parts[2])?);
                one.with(two).ok_or_else(|| different("?:", one, two))
            }
            Node::Compare(_, sides) => {
                let (one, two) = (self.kind(&sides[0])?, self.kind(&sides[1])?);
                one.with(two).map(|_| Kind::Truth).ok_or_else(|| different("a comparison", one, two))
            }
            Node::Compute(how, sides) => {
                let (one, two) = (self.kind(&sides[0])?, self.kind(&sides[1])?);
                computed(*how, one, two).ok_or_else(|| different("a computation", one, two))
            }
            Node::Negate(inner) => match self.kind(inner)? {
                kind @ (Kind::Number | Kind::Span | Kind::Unknown) => Ok(kind),
                kind => Err(format!("what follows - must be a number, not {}", kind.as_str())),
            },
            Node::Absolute(inner) => wants(Kind::Number, inner, "what abs() gets").map(|()| Kind::Number),
            Node::Size(inner) => wants(Kind::Text, inner, "what size() gets").map(|()| Kind::Number),
            Node::Search(_, sides) => {
                sides.iter().try_for_each(|side| wants(Kind::Text, side, "what a text is searched for"))?;
                Ok(Kind::Truth)
            }
            Node::Matches(inner, _) => wants(Kind::Text, inner, "what a pattern is for").map(|()| Kind::Truth),
        }
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<Kind, String> {
        let Some(argument) = &aggregate.argument else { return Ok(Kind::Number) };
        let kind = self.kind(argument)?;
        aggregate
            .function
            .kind(kind)
            .ok_or_else(|| format!("what {}() gets must not be {}", aggregate.function.as_str(), kind.as_str()))
    }
}

fn different(what: &str, one: Kind, two: Kind) -> String {
    format!("{what} of {} and {} is not possible", one.as_str(), two.as_str())
}

fn of_value(value: &RuleValue<'_>) -> Kind {
    match value {
        RuleValue::Number(_) => Kind::Number,
        RuleValue::Text(_) => Kind::Text,
        RuleValue::Truth(_) => Kind::Truth,
        RuleValue::Moment(_) => Kind::Moment,
        RuleValue::Span(_) => Kind::Span,
    }
}

fn computed(how: Operator, one: Kind, two: Kind) -> Option<Kind> {
    use Kind::{Moment, Number, Span, Text, Truth, Unknown};
    match (how, one, two) {
        (_, Truth, _) | (_, _, Truth) => None,
        (_, Unknown, Unknown) => Some(Unknown),
        (Operator::Add, Text | Unknown, Text) | (Operator::Add, Text, Unknown) => Some(Text),
        (_, Number | Unknown, Number) | (_, Number, Unknown) => Some(Number),
        (Operator::Add, Moment, Span | Unknown) | (Operator::Add, Span | Unknown, Moment) => Some(Moment),
        (Operator::Add, Span, Span) | (Operator::Subtract, Moment, Moment) => Some(Span),
        (Operator::Subtract, Moment, Span) => Some(Moment),
        (Operator::Subtract, Span, Span) | (Operator::Subtract, Unknown, Moment) => Some(Span),
        // The unknown one decides what it is.
        (Operator::Add, Span, Unknown) | (Operator::Add, Unknown, Span) => Some(Unknown),
        (Operator::Subtract, Moment, Unknown) | (Operator::Subtract, Unknown, Span) => Some(Unknown),
        (Operator::Subtract, Span, Unknown) => Some(Span),
        _ => None,
    }
}
