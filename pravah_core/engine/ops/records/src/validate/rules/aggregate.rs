//! Figures of many records: computed chunk by chunk, put together by file, and by dataset at the end.

use std::cmp::Ordering;

use super::distinct::Digests;
use super::node::{Answer, RuleValue, Undecided, order};
use super::number::Decimal;
use super::ruleset::AggregateFunction;
use pravah_foundation::base::compact::{Reader, Writer};

/// What is known of an aggregate after some records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figure {
    /// Records with a value.
    values: u64,
    /// Records without one.
    nulls: u64,
    /// Records whose value cannot be computed.
    failed: u64,
    /// Why not.
    reason: Option<&'static str>,
    /// The sum, the least or the greatest value.
    value: Option<RuleValue<'static>>,
    /// For the number of different values.
    digests: Digests,
}

const TOO_LARGE: &str = "a sum is too large to compute with";

impl Figure {
    /// One record more.
    #[inline]
    pub fn take(&mut self, function: AggregateFunction, answer: Answer<'_>) {
        match answer {
            Err(Undecided::Null) => self.nulls += 1,
            Err(Undecided::Failed(reason)) => self.fail(1, reason),
            Ok(value) => {
                self.values += 1;
                if function != AggregateFunction::Distinct {
                    self.put(function, value);
                } else if self.reason.is_none()
                    && let Err(reason) = self.digests.add(&value)
                {
                    self.give_up(reason);
                }
            }
        }
    }

    /// There are too many different values, or what they are is not known.
    fn give_up(&mut self, reason: &'static str) {
        self.fail(1, reason);
        self.digests = Digests::default();
    }

    /// Different values that are held.
    pub fn held(&self) -> u64 {
        self.digests.count()
    }

    /// Too many different values are held for others.
    pub fn let_go(&mut self) {
        if self.held() > 0 {
            self.give_up("the files have too many different values together");
        }
    }

    fn fail(&mut self, records: u64, reason: &'static str) {
        self.failed += records;
        self.reason.get_or_insert(reason);
    }

    #[inline]
    fn put(&mut self, function: AggregateFunction, value: RuleValue<'_>) {
        let Some(own) = &mut self.value else {
            if !matches!(function, AggregateFunction::Count | AggregateFunction::Nulls) {
                self.value = Some(value.into_static());
            }
            return;
        };
        match function {
            AggregateFunction::Count | AggregateFunction::Nulls | AggregateFunction::Distinct => {}
            AggregateFunction::Sum | AggregateFunction::Mean => {
                let sum = match (&*own, &value) {
                    (RuleValue::Number(one), RuleValue::Number(two)) => one.add(*two).map(RuleValue::Number),
                    (RuleValue::Span(one), RuleValue::Span(two)) => one.checked_add(*two).map(RuleValue::Span),
                    _ => None,
                };
                match sum {
                    Some(sum) => *own = sum,
                    None => self.fail(1, TOO_LARGE),
                }
            }
            AggregateFunction::Min | AggregateFunction::Max => {
                let wanted = if function == AggregateFunction::Min { Ordering::Less } else { Ordering::Greater };
                match order(&value, own) {
                    Ok(found) if found == wanted => *own = value.into_static(),
                    Ok(_) => {}
                    Err(Undecided::Failed(reason)) => self.fail(1, reason),
                    Err(Undecided::Null) => {}
                }
            }
        }
    }

    /// Add what other records gave.
    pub fn merge(&mut self, function: AggregateFunction, other: Self) {
        self.values += other.values;
        self.nulls += other.nulls;
        if let Some(reason) = other.reason {
            self.fail(other.failed, reason);
        }
        if let Some(value) = other.value {
            self.put(function, value);
        }
        if self.reason.is_some() {
            self.digests = Digests::default();
        } else if let Err(reason) = self.digests.merge(other.digests) {
            self.give_up(reason);
        }
    }

    /// Why it has no value, if there are values that cannot be computed.
    pub fn failure(&self) -> Option<&'static str> {
        self.reason
    }

    /// Its value, of so many records.
    pub fn answer(&self, function: AggregateFunction, is_of_records: bool, records: u64) -> Answer<'_> {
        let count = |count: u64| Ok(RuleValue::Number(Decimal::Exact(count.into(), 0)));
        if let Some(reason) = self.reason {
            return Err(Undecided::Failed(reason));
        }
        match function {
            AggregateFunction::Count if is_of_records => count(records),
            AggregateFunction::Count => count(self.values),
            AggregateFunction::Nulls => count(self.nulls),
            AggregateFunction::Distinct => count(self.digests.count()),
            AggregateFunction::Mean => match &self.value {
                Some(RuleValue::Number(sum)) => {
                    let mean = sum.div(Decimal::Exact(self.values.into(), 0));
                    mean.map(RuleValue::Number).ok_or(Undecided::Failed(TOO_LARGE))
                }
                _ => Err(Undecided::Null),
            },
            _ => self.value.as_ref().map(RuleValue::borrowed).ok_or(Undecided::Null),
        }
    }

    /// Write it down; one with values that cannot be computed is not.
    pub fn write(&self, out: &mut Writer) {
        out.integer(self.values);
        out.integer(self.nulls);
        let mut wide = |kind: u64, value: i128, scale: i32| {
            out.integer(kind);
            out.0.extend_from_slice(&value.to_le_bytes());
            out.0.extend_from_slice(&scale.to_le_bytes());
        };
        match &self.value {
            None => out.integer(0),
            Some(RuleValue::Number(Decimal::Exact(mantissa, scale))) => wide(1, *mantissa, *scale),
            Some(RuleValue::Moment(nanos)) => wide(2, *nanos, 0),
            Some(RuleValue::Span(nanos)) => wide(3, *nanos, 0),
            Some(RuleValue::Number(Decimal::Near(value, error))) => {
                out.integer(4);
                out.float(*value);
                out.float(*error);
            }
            Some(RuleValue::Text(text)) => {
                out.integer(5);
                out.bytes(text.as_bytes());
            }
            Some(RuleValue::Truth(is_true)) => out.integer(6 + u64::from(*is_true)),
        }
        self.digests.write(out);
    }

    /// What [`Figure::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (values, nulls) = (from.integer()?, from.integer()?);
        let kind = from.integer()?;
        let value = match kind {
            0 => None,
            1..=3 => {
                let value = i128::from_le_bytes(from.take(16)?.try_into().ok()?);
                let scale = i32::from_le_bytes(from.take(4)?.try_into().ok()?);
                Some(match kind {
                    1 => RuleValue::Number(Decimal::Exact(value, scale)),
                    2 => RuleValue::Moment(value),
                    _ => RuleValue::Span(value),
                })
            }
            4 => Some(RuleValue::Number(Decimal::Near(from.float()?, from.float()?))),
            5 => Some(RuleValue::Text(std::str::from_utf8(from.bytes()?).ok()?.to_owned().into())),
            6 | 7 => Some(RuleValue::Truth(kind == 7)),
            _ => return None,
        };
        Some(Self { values, nulls, value, digests: Digests::read(from)?, ..Self::default() })
    }
}
