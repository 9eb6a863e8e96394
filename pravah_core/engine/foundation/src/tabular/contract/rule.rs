//! What can be wrong with a record or a file.

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The record has another number of fields than the file has columns.
    Fields,
    /// Bytes are no UTF-8.
    Encoding,
    /// There is no value.
    Required,
    /// The value is of another type.
    Type,
    /// It is less than allowed.
    Minimum,
    /// It is greater than allowed.
    Maximum,
    /// It is too short.
    MinLength,
    /// It is too long.
    MaxLength,
    /// It does not match.
    Pattern,
    /// It is none of those allowed.
    Values,
    /// It was there before.
    Unique,
    /// It is not where it has to be, too.
    ForeignKey,
    /// The file lacks the column.
    MissingColumn,
    /// The schema lacks the column.
    ExtraColumn,
    /// The file has too few or too many records.
    Records,
    /// A quote is not around all of the value, or not doubled in it.
    Quotes,
    /// An expression of the options, by its place among them, is false.
    Expression(u16),
}

impl Rule {
    /// All of them but expressions, in their order.
    pub const ALL: [Self; 16] = [
        Self::Fields,
        Self::Encoding,
        Self::Required,
        Self::Type,
        Self::Minimum,
        Self::Maximum,
        Self::MinLength,
        Self::MaxLength,
        Self::Pattern,
        Self::Values,
        Self::Unique,
        Self::ForeignKey,
        Self::MissingColumn,
        Self::ExtraColumn,
        Self::Records,
        Self::Quotes,
    ];

    /// Its number; those of expressions follow the others.
    pub fn number(self) -> u64 {
        match self {
            Self::Expression(place) => Self::ALL.len() as u64 + u64::from(place),
            other => Self::ALL.iter().position(|rule| *rule == other).unwrap_or_default() as u64,
        }
    }

    /// The one of this number.
    pub fn of_number(number: u64) -> Option<Self> {
        let number = usize::try_from(number).ok()?;
        let expression = || u16::try_from(number - Self::ALL.len()).ok().map(Self::Expression);
        Self::ALL.get(number).copied().or_else(expression)
    }

    /// True when it is an expression of the options.
    pub fn is_expression(self) -> bool {
        matches!(self, Self::Expression(_))
    }

    /// Its name in every output; an expression has one of its own.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Encoding => "encoding",
            Self::Required => "required",
            Self::Type => "type",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::MinLength => "min_length",
            Self::MaxLength => "max_length",
            Self::Pattern => "pattern",
            Self::Values => "enum",
            Self::Unique => "unique",
            Self::ForeignKey => "foreign_key",
            Self::MissingColumn => "missing_column",
            Self::ExtraColumn => "extra_column",
            Self::Records => "records",
            Self::Quotes => "quotes",
            Self::Expression(_) => "rule",
        }
    }
}
