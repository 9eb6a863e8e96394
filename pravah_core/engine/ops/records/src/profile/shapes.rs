//! What values of a column look like, to find the format that they are written in.

use pravah_foundation::base::compact::{Reader, Writer};
use pravah_foundation::tabular::formats::ValueShape;
use pravah_foundation::tabular::sketch::KEPT_BYTES;
use pravah_foundation::tabular::values::{Value, ValueType};

/// Values of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Shaped {
    /// Their shape.
    pub shape: ValueShape,
    /// How many.
    pub count: u64,
    /// Which record the first of them is in, counted from 0.
    pub first: u64,
    /// The first of them, at most [`KEPT_BYTES`] of it.
    pub value: Box<[u8]>,
}

/// The record that a value is in first, and the value.
type First = Option<(u64, Box<[u8]>)>;

/// Shapes that are told apart; what comes beyond is of any.
const MOST: usize = 256;

/// Shapes of values.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    /// Each with what was seen of it.
    pub seen: Vec<Shaped>,
    /// The one that was seen last.
    last: usize,
    /// Of integers and of floats: those that are in `seen`, as dates or thousands, and the first of the others.
    plain: [(u64, First); 2],
}

impl Shapes {
    /// Look at a value, which is there so often; `is_text`: whatever it looks like, it is a text.
    #[inline]
    pub fn note(&mut self, (text, value): (&[u8], Value), is_text: bool, count: u64, place: u64) {
        match value {
            Value::Text if is_text => self.add(ValueShape::of_any(text), text, count, place),
            Value::Text => self.add(ValueShape::of(text), text, count, place),
            Value::Integer(_) => self.plain(0, ValueShape::is_date(text), text, count, place),
            Value::Float(_) => self.plain(1, ValueShape::has_thousands(text), text, count, place),
            _ => {}
        }
    }

    #[inline]
    fn plain(&mut self, kind: usize, is_shaped: bool, text: &[u8], count: u64, place: u64) {
        if is_shaped {
            self.plain[kind].0 += count;
            self.add(ValueShape::of(text), text, count, place);
        } else if self.plain[kind].1.as_ref().is_none_or(|(first, _)| place < *first) {
            self.plain[kind].1 = Some((place, kept(text)));
        }
    }

    fn add(&mut self, shape: ValueShape, text: &[u8], count: u64, place: u64) {
        if self.seen.get(self.last).is_none_or(|seen| seen.shape != shape) {
            self.last = match self.seen.iter().position(|seen| seen.shape == shape) {
                Some(at) => at,
                // Shapes without parts are few.
                None if self.seen.len() >= MOST && matches!(shape, ValueShape::Moment(_) | ValueShape::Number(_)) => {
                    return self.add(ValueShape::Other, text, count, place);
                }
                None => {
                    self.seen.push(Shaped { shape, count: 0, first: u64::MAX, value: Box::default() });
                    self.seen.len() - 1
                }
            };
        }
        let seen = &mut self.seen[self.last];
        seen.count += count;
        if place < seen.first {
            (seen.first, seen.value) = (place, kept(text));
        }
    }

    /// Add what another has seen, whose records come `place` records later.
    pub fn merge(&mut self, other: &Self, place: u64) {
        for seen in &other.seen {
            self.add(seen.shape, &seen.value, seen.count, seen.first + place);
        }
        for (own, (count, first)) in self.plain.iter_mut().zip(&other.plain) {
            own.0 += count;
            let Some((at, value)) = first else { continue };
            if own.1.as_ref().is_none_or(|(first, _)| at + place < *first) {
                own.1 = Some((at + place, value.clone()));
            }
        }
    }

    /// Integers or floats that are in `seen`, and the first of the others; of other types nothing.
    pub fn plain_of(&self, kind: ValueType) -> (u64, Option<(u64, &[u8])>) {
        let place = match kind {
            ValueType::Integer => 0,
            ValueType::Float => 1,
            _ => return (0, None),
        };
        let (count, first) = &self.plain[place];
        (*count, first.as_ref().map(|(first, value)| (*first, &**value)))
    }

    /// Write them.
    pub fn write(&self, out: &mut Writer) {
        out.integer(self.seen.len() as u64);
        for seen in &self.seen {
            [seen.shape.code(), seen.count, seen.first].into_iter().for_each(|value| out.integer(value));
            out.bytes(&seen.value);
        }
        for (count, first) in &self.plain {
            [*count, u64::from(first.is_some())].into_iter().for_each(|value| out.integer(value));
            if let Some((first, value)) = first {
                out.integer(*first);
                out.bytes(value);
            }
        }
    }

    /// What [`Shapes::write`] wrote.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let mut shapes = Self::default();
        for _ in 0..from.count()? {
            let (shape, count, first) = (ValueShape::of_code(from.integer()?)?, from.integer()?, from.integer()?);
            shapes.seen.push(Shaped { shape, count, first, value: from.bytes()?.into() });
        }
        for plain in &mut shapes.plain {
            plain.0 = from.integer()?;
            if from.integer()? == 1 {
                plain.1 = Some((from.integer()?, from.bytes()?.into()));
            }
        }
        Some(shapes)
    }
}

fn kept(text: &[u8]) -> Box<[u8]> {
    text[..text.len().min(KEPT_BYTES)].into()
}
