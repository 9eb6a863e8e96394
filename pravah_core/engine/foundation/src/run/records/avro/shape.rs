//! How many bytes the values of an Avro schema take, so that what a block claims is compared with what it holds before
//! its reader sees it: that one never ends where bytes are left behind the last record.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::tabular::MOST_COLUMNS;

/// Types in types. The reader calls itself for each.
const MOST_DEPTH: usize = 64;
/// Types of a schema with each name replaced by what it stands for: a column that may be null has three.
const MOST_TYPES: usize = 4 * MOST_COLUMNS;

/// A type of a schema.
#[derive(Debug)]
pub(super) struct Shape {
    kind: Kind,
    /// A value takes at least a byte.
    takes: bool,
    /// It and all types in it.
    types: usize,
    depth: usize,
}

#[derive(Debug)]
enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// A number of variable length with at most so many bits.
    Number(u32),
    /// Bytes behind their length.
    Bytes,
    Enum(usize),
    Array(Arc<Shape>),
    Map(Arc<Shape>),
    Union(Vec<Arc<Shape>>),
    Record(Vec<Arc<Shape>>),
}

impl Shape {
    /// Of a schema in JSON whose records take bytes.
    ///
    /// # Errors
    /// In words: a type is not known, cannot be read in bounded memory, or has no end.
    pub(super) fn of(schema: &Value) -> Result<Arc<Self>, String> {
        let shape = Names::default().shape(schema, "")?;
        if shape.takes { Ok(shape) } else { Err("its records take no bytes".to_owned()) }
    }

    fn new(kind: Kind) -> Result<Arc<Self>, String> {
        let parts: &[Arc<Self>] = match &kind {
            Kind::Array(items) | Kind::Map(items) => std::slice::from_ref(items),
            Kind::Union(parts) | Kind::Record(parts) => parts,
            Kind::Fixed(_) | Kind::Number(_) | Kind::Bytes | Kind::Enum(_) => &[],
        };
        let types = parts.iter().fold(1usize, |types, part| types.saturating_add(part.types));
        let depth = 1 + parts.iter().map(|part| part.depth).max().unwrap_or(0);
        if types > MOST_TYPES {
            return Err(format!("its schema has more than {MOST_TYPES} types"));
        }
        if depth > MOST_DEPTH {
            return Err(format!("its schema has more than {MOST_DEPTH} types in each other"));
        }
        let takes = match &kind {
            Kind::Fixed(size) => *size > 0,
            Kind::Record(fields) => fields.iter().any(|field| field.takes),
            Kind::Array(items) if !items.takes => {
                return Err("it has lists of values that take no bytes, which is not supported".to_owned());
            }
            _ => true,
        };
        Ok(Arc::new(Self { kind, takes, types, depth }))
    }

    /// What is left of `data` behind a value.
    ///
    /// # Errors
    /// In words: why there is none.
    pub(super) fn skip<'a>(&self, data: &'a [u8]) -> Result<&'a [u8], &'static str> {
        match &self.kind {
            Kind::Fixed(size) => data.get(*size..).ok_or(ENDS),
            Kind::Number(bits) => number(data, *bits).map(|(_, rest)| rest),
            Kind::Bytes => skip_bytes(data),
            Kind::Enum(symbols) => {
                let (symbol, rest) = number(data, 32)?;
                let is_one = usize::try_from(symbol).is_ok_and(|symbol| symbol < *symbols);
                if is_one { Ok(rest) } else { Err("a symbol is not one of its enumeration") }
            }
            Kind::Union(branches) => {
                let (branch, rest) = number(data, 64)?;
                let branch = usize::try_from(branch).ok().and_then(|branch| branches.get(branch));
                branch.ok_or("a value is of none of its types")?.skip(rest)
            }
            Kind::Record(fields) => fields.iter().try_fold(data, |data, field| field.skip(data)),
            Kind::Array(items) => skip_items(data, |data| items.skip(data)),
            Kind::Map(values) => skip_items(data, |data| values.skip(skip_bytes(data)?)),
        }
    }
}

const ENDS: &str = "its records are longer than it";

/// What is left behind bytes with their length.
fn skip_bytes(data: &[u8]) -> Result<&[u8], &'static str> {
    let (length, rest) = number(data, 64)?;
    let length = usize::try_from(length).map_err(|_| "a length is negative")?;
    rest.get(length..).ok_or(ENDS)
}

/// What is left behind the blocks of a list or a map.
fn skip_items(mut data: &[u8], skip: impl Fn(&[u8]) -> Result<&[u8], &'static str>) -> Result<&[u8], &'static str> {
    loop {
        let (count, mut rest) = number(data, 64)?;
        if count < 0 {
            // Its size in bytes, for those who want none of it.
            rest = number(rest, 64)?.1;
        }
        // Each takes at least a byte, so a claim ends where the data do.
        for _ in 0..count.unsigned_abs() {
            rest = skip(rest)?;
        }
        if count == 0 {
            return Ok(rest);
        }
        data = rest;
    }
}

/// A number of variable length, and what is left behind it.
#[inline]
pub(super) fn number(data: &[u8], bits: u32) -> Result<(i64, &[u8]), &'static str> {
    let mut number = 0u64;
    for (at, byte) in data.iter().take(bits.div_ceil(7) as usize).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Ok(((number >> 1) as i64 ^ -((number & 1) as i64), &data[at + 1..]));
        }
    }
    Err(if data.len() < bits.div_ceil(7) as usize { ENDS } else { "a number is too long" })
}

/// The types that have names, by those with their namespaces; none of a type that is not complete.
#[derive(Default)]
struct Names(HashMap<String, Option<Arc<Shape>>>);

impl Names {
    /// The shape of a type. `space`: the namespace of the type around it.
    fn shape(&mut self, schema: &Value, space: &str) -> Result<Arc<Shape>, String> {
        match schema {
            Value::String(name) => self.named(name, space),
            Value::Array(branches) => {
                let branches = branches.iter().map(|branch| self.shape(branch, space));
                Shape::new(Kind::Union(branches.collect::<Result<_, _>>()?))
            }
            Value::Object(object) => {
                let inner = |key: &str| object.get(key).unwrap_or(&Value::Null);
                let Value::String(kind) = inner("type") else { return self.shape(inner("type"), space) };
                match kind.as_str() {
                    "array" => Shape::new(Kind::Array(self.shape(inner("items"), space)?)),
                    "map" => Shape::new(Kind::Map(self.shape(inner("values"), space)?)),
                    "record" | "error" | "enum" | "fixed" => {
                        let name = inner("name").as_str().ok_or("a type of its schema has no name")?;
                        let name = full(name, inner("namespace").as_str().unwrap_or(space));
                        if self.0.insert(name.clone(), None).is_some() {
                            return Err(format!("its schema defines the type {name} twice"));
                        }
                        let kind = match kind.as_str() {
                            "enum" => Kind::Enum(inner("symbols").as_array().ok_or(INVALID)?.len()),
                            "fixed" => {
                                let size = inner("size").as_u64().and_then(|size| usize::try_from(size).ok());
                                Kind::Fixed(size.ok_or(INVALID)?)
                            }
                            _ => {
                                let within = name.rsplit_once('.').map_or("", |(space, _)| space);
                                let fields = inner("fields").as_array().ok_or(INVALID)?.iter();
                                let shapes = fields.map(|field| self.shape(field.get("type").ok_or(INVALID)?, within));
                                Kind::Record(shapes.collect::<Result<_, String>>()?)
                            }
                        };
                        let shape = Shape::new(kind)?;
                        self.0.insert(name, Some(Arc::clone(&shape)));
                        Ok(shape)
                    }
                    name => self.named(name, space),
                }
            }
            _ => Err(INVALID.to_owned()),
        }
    }

    fn named(&self, name: &str, space: &str) -> Result<Arc<Shape>, String> {
        let kind = match name {
            "null" => Kind::Fixed(0),
            "boolean" => Kind::Fixed(1),
            "int" => Kind::Number(32),
            "long" => Kind::Number(64),
            "float" => Kind::Fixed(4),
            "double" => Kind::Fixed(8),
            "bytes" | "string" => Kind::Bytes,
            _ => {
                return match self.0.get(&full(name, space)).or_else(|| self.0.get(name)) {
                    Some(Some(shape)) => Ok(Arc::clone(shape)),
                    Some(None) => Err(format!("its type {name} contains itself, which is not supported")),
                    None => Err(format!("its schema names a type {name} that it does not define")),
                };
            }
        };
        Shape::new(kind)
    }
}

const INVALID: &str = "its schema is not valid";

/// A name with its namespace.
fn full(name: &str, space: &str) -> String {
    if space.is_empty() || name.contains('.') { name.to_owned() } else { format!("{space}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Arc<Shape>, String> {
        Shape::of(&serde_json::from_str(text).unwrap())
    }

    fn record(name: &str, kind: &str) -> String {
        format!("{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[{{\"name\":\"a\",\"type\":{kind}}}]}}")
    }

    #[test]
    fn types_without_bytes_or_without_end_are_refused() {
        assert!(of(&record("r", "[\"null\",\"long\"]")).is_ok());
        assert!(of(&record("r", "\"null\"")).unwrap_err().contains("no bytes"));
        assert!(of(&record("r", &record("x.s", "\"string\""))).is_ok());
        assert!(of(&record("r", "[\"null\",\"r\"]")).unwrap_err().contains("contains itself"));
        assert!(of(&record("r", "{\"type\":\"array\",\"items\":\"null\"}")).is_err());
        assert!(of(&record("r", "{\"type\":\"map\",\"values\":\"null\"}")).is_ok());
        assert!(of("{\"type\":\"fixed\",\"name\":\"f\",\"size\":0}").is_err() && of("7").is_err());
        assert!(of(&record("r", "\"s\"")).unwrap_err().contains("not define"));
        assert!(of(&record("a.r", &format!("[\"int\",{},\"a.s\",\"s\"]", record("s", "\"int\"")))).is_ok());
    }

    #[test]
    fn schemas_that_grow_with_each_name_are_refused() {
        let field = |at: usize, kind: &str| format!("{{\"name\":\"f{at}\",\"type\":{kind}}}");
        let of_pairs = |pairs: usize, width: usize| {
            let mut fields = vec![field(0, &record("r0", "\"null\""))];
            for at in 1..pairs {
                let inner: Vec<String> = (0..width).map(|part| field(part, &format!("\"r{}\"", at - 1))).collect();
                let record = format!("{{\"type\":\"record\",\"name\":\"r{at}\",\"fields\":[{}]}}", inner.join(","));
                fields.push(field(at, &record));
            }
            fields.push(field(pairs, "\"int\""));
            of(&format!("{{\"type\":\"record\",\"name\":\"top\",\"fields\":[{}]}}", fields.join(",")))
        };
        assert!(of_pairs(10, 2).is_ok() && of_pairs(60, 1).is_ok());
        assert!(of_pairs(40, 2).unwrap_err().contains("more than 262144 types"));
        assert!(of_pairs(70, 1).unwrap_err().contains("in each other"));
    }

    #[test]
    fn values_are_as_long_as_they_are() {
        let all = "[\"null\",{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"string\"}}]";
        let shape = of(&record("r", all)).unwrap();
        // Of the map {"k": ["ab"]}, its list in a block that says its size, and one byte more.
        let data = [2, 2, 2, b'k', 1, 6, 4, b'a', b'b', 0, 0, 7];
        assert_eq!(shape.skip(&data), Ok(&data[11..]));
        (0..11).for_each(|end| assert!(shape.skip(&data[..end]).is_err(), "{end}"));
        assert_eq!(shape.skip(&[0, 9]), Ok(&[9][..]));
        assert!(shape.skip(&[4]).is_err() && shape.skip(&[2, 2, 1]).is_err());
        assert!(of(&record("r", "\"int\"")).unwrap().skip(&[0xff; 5]).is_err());
    }
}
