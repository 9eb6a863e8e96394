//! Figures as bytes, for a later run.

use super::super::shapes::Shapes;
use super::{KINDS, Many, TypedValues};
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::tabular::sketch::{Hll, Lengths, Moments, Quantiles};
use pravah_foundation::tabular::values::Value;

impl Many {
    /// At least so many bytes are written of it.
    pub fn least_bytes(&self) -> usize {
        // Mostly the registers of the distinct values.
        4096
    }

    /// Write it; none while some of its values wait.
    pub fn write(&self, out: &mut Writer) -> Option<()> {
        if !self.waiting.is_empty() {
            return None;
        }
        self.kinds.iter().for_each(|seen| seen.write(out));
        out.integer(u64::from(self.is_text) | u64::from(self.texts.is_some()) << 1);
        for text in self.texts.iter().flat_map(|(least, greatest)| [least, greatest]) {
            out.bytes(text);
        }
        self.shapes.write(out);
        self.moments.write(out);
        self.quantiles.write(out);
        self.distinct.write(out);
        self.spread.write(out);
        let (shortest, longest) = self.lengths;
        [shortest, longest, self.bytes, self.spaced, self.zeros].into_iter().for_each(|value| out.integer(value));
        Some(())
    }

    /// What [`Many::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut kinds: [TypedValues; KINDS.len()] = Default::default();
        for seen in &mut kinds {
            *seen = TypedValues::read(from)?;
        }
        let flags = from.integer()?;
        let texts = if flags & 2 == 2 { Some((from.bytes()?.into(), from.bytes()?.into())) } else { None };
        Some(Self {
            kinds,
            texts,
            is_text: flags & 1 == 1,
            shapes: Shapes::read(from)?,
            moments: Moments::read(from)?,
            quantiles: Quantiles::read(from)?,
            distinct: Hll::read(from)?,
            spread: Lengths::read(from)?,
            lengths: (from.integer()?, from.integer()?),
            bytes: from.integer()?,
            spaced: from.integer()?,
            zeros: from.integer()?,
            waiting: Vec::new(),
        })
    }
}

impl TypedValues {
    fn write(&self, out: &mut Writer) {
        out.integer(self.count);
        if self.count == 0 {
            return;
        }
        out.integer(self.first);
        out.bytes(&self.value);
        match self.range {
            None => out.integer(0),
            Some((least, greatest)) => {
                out.integer(1);
                [least, greatest].into_iter().for_each(|value| write_value(value, out));
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let count = from.integer()?;
        if count == 0 {
            return Some(Self::default());
        }
        let (first, value) = (from.integer()?, from.bytes()?.into());
        let range = if from.integer()? == 1 { Some((read_value(from)?, read_value(from)?)) } else { None };
        Some(Self { count, first, value, range })
    }
}

fn write_value(value: Value, out: &mut Writer) {
    let (kind, bits) = match value {
        Value::Integer(value) => (0, value as u64),
        Value::Float(value) => (1, value.to_bits()),
        Value::Boolean(value) => (2, u64::from(value)),
        Value::Date(days) => (3, i64::from(days) as u64),
        Value::Timestamp(value) => (4, value as u64),
        Value::Time(value) => (5, value as u64),
        Value::Text => (6, 0),
    };
    out.integer(kind);
    out.integer(bits);
}

fn read_value(from: &mut Reader<'_>) -> Option<Value> {
    let (kind, bits) = (from.integer()?, from.integer()?);
    Some(match kind {
        0 => Value::Integer(bits as i64),
        1 => Value::Float(f64::from_bits(bits)),
        2 => Value::Boolean(bits == 1),
        3 => Value::Date(i32::try_from(bits as i64).ok()?),
        4 => Value::Timestamp(bits as i64),
        5 => Value::Time(bits as i64),
        6 => Value::Text,
        _ => return None,
    })
}
