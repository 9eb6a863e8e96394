//! Figures as bytes, for a later run.

use super::super::shapes::Shapes;
use super::{FIRSTS, KINDS, Many, ORDERS, Ordered, TypedValues};
use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::tabular::sketch::{Hll, Lengths};
use pravah_foundation::tabular::values::Value;

impl Many {
    /// At least so many bytes are written of it.
    pub fn least_bytes(&self) -> usize {
        // Mostly the registers of the distinct values.
        4096
    }

    /// Write it; none while some of its values wait.
    pub fn write(&self, out: &mut Writer) -> Option<()> {
        if self.ordered.iter().any(Ordered::is_waiting) {
            return None;
        }
        self.kinds.iter().for_each(|seen| seen.write(out));
        out.integer(u64::from(self.is_text) | u64::from(self.texts.is_some()) << 1);
        for text in self.texts.iter().flat_map(|(least, greatest)| [least, greatest]) {
            out.bytes(text);
        }
        self.shapes.write(out);
        self.ordered.iter().for_each(|ordered| ordered.write(out));
        for distinct in &self.distinct {
            out.integer(u64::from(!distinct.is_empty()));
            if !distinct.is_empty() {
                distinct.write(out);
            }
        }
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
        let shapes = Shapes::read(from)?;
        let (mut ordered, mut distinct): ([Ordered; ORDERS - 1], [Hll; ORDERS]) = Default::default();
        for one in &mut ordered {
            *one = Ordered::read(from)?;
        }
        for one in &mut distinct {
            if from.integer()? == 1 {
                *one = Hll::read(from)?;
            }
        }
        Some(Self {
            kinds,
            texts,
            is_text: flags & 1 == 1,
            shapes,
            ordered,
            distinct,
            spread: Lengths::read(from)?,
            lengths: (from.integer()?, from.integer()?),
            bytes: from.integer()?,
            spaced: from.integer()?,
            zeros: from.integer()?,
        })
    }
}

impl TypedValues {
    fn write(&self, out: &mut Writer) {
        out.integer(self.count);
        if self.count == 0 {
            return;
        }
        out.integer(self.firsts.len() as u64);
        for (first, value) in &self.firsts {
            out.integer(*first);
            out.bytes(value);
        }
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
        let firsts = (0..from.count()?).map(|_| Some((from.integer()?, from.bytes()?.into())));
        let firsts = firsts.collect::<Option<Vec<_>>>().filter(|firsts| firsts.len() <= FIRSTS)?;
        let range = if from.integer()? == 1 { Some((read_value(from)?, read_value(from)?)) } else { None };
        Some(Self::of(count, firsts, range))
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
