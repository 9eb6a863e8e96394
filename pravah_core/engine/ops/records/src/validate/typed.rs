//! Values that have types of their own, JSON's and those of tables, against a JSON Schema.

use std::collections::HashSet;

use super::chunk::{ValidatedChunk, ValidationRules};
use super::plan::ValidationPlan;
use super::rows::{Hash, KeyValue};
use pravah_foundation::run::records::{Head, Records, is_nested};
use pravah_foundation::tabular::contract::{Field, Property, Rule, TypedKind};

/// Instead of an object, which has columns of its own.
const OBJECT: &[u8] = b"{...}";

/// A column whose values have types.
#[derive(Debug, Default)]
pub struct TypedColumn {
    /// Columns of what is in objects that are its values.
    inside: Vec<usize>,
    /// Its values are lists or maps of a table.
    is_nested: bool,
}

impl ValidationPlan {
    /// What values have types of their own: those of JSON, and of tables that have types.
    pub fn take_types(&mut self, head: &Head) {
        if !head.dialect().is_typed {
            return;
        }
        let mut inside = head.shape.as_ref().map(|shape| shape.inside()).unwrap_or_default();
        let nested = head.schema.as_ref().map(|schema| is_nested(schema)).unwrap_or_default();
        for (place, field) in self.fields.iter().enumerate() {
            if field.as_ref().is_some_and(|field| field.property.is_some()) {
                let inside = inside.remove(&head.names[place]).unwrap_or_default();
                let is_nested = nested.get(place).copied().unwrap_or_default();
                self.typed.insert(place, TypedColumn { inside, is_nested });
            }
        }
        let (objects, missing): (Vec<_>, Vec<_>) = std::mem::take(&mut self.missing)
            .into_iter()
            .partition(|field| field.property.is_some() && inside.contains_key(&field.name));
        self.missing = missing;
        let found = |field: Field| inside.remove(&field.name).map(|columns| (field, columns));
        self.objects = objects.into_iter().filter_map(found).collect();
        // What is in an object is no column that the schema lacks.
        let within = self.typed.values().flat_map(|column| &column.inside);
        let within: HashSet<usize> =
            within.chain(self.objects.iter().flat_map(|(_, columns)| columns)).copied().collect();
        self.extra.retain(|place| !within.contains(place));
    }

    /// The property without a column whose values, objects, have this column.
    pub fn object_of(&self, column: usize) -> Option<&Field> {
        self.objects.iter().find(|(_, columns)| columns.contains(&column)).map(|(field, _)| field)
    }
}

/// The first of the columns that has a value in a record: that of an object.
fn object(records: Records<'_>, record: usize, inside: &[usize]) -> Option<usize> {
    let has_value = |column: &usize| {
        let (start, end) = records.split.field(record, *column);
        end > start
    };
    inside.iter().copied().find(has_value)
}

impl ValidatedChunk {
    /// Values of a property of a JSON Schema.
    pub fn typed(
        &mut self,
        records: Records<'_>,
        (column, field): (usize, &Field),
        (property, of): (&Property, &TypedColumn),
        rules: ValidationRules<'_>,
        buffer: &mut Vec<u8>,
    ) {
        let is_json = rules.dialect.is_json;
        let key = rules.plan.unique(column).filter(|_| !rules.plan.is_again);
        for record in 0..records.split.len() {
            let (start, end) = records.split.field(record, column);
            let Some(token) = records.text.get(start..end) else { continue };
            let value = rules.nulls.value(token, rules.dialect, true, buffer);
            let (kind, value) = match (value, is_json) {
                (Some(value), true) => (TypedKind::of_json(token), value),
                (Some(value), false) if of.is_nested => (TypedKind::Nested, value),
                (Some(value), false) => (TypedKind::of_table(token), value),
                (None, true) if !token.is_empty() => (TypedKind::Null, token),
                // What is in an object is of other columns.
                (None, true) if object(records, record, &of.inside).is_some() => (TypedKind::Nested, OBJECT),
                (None, true) => {
                    if property.is_required {
                        self.fault(records, record, column as u32, Rule::Required, None);
                    }
                    continue;
                }
                // No column of a table can be absent: none is no value there.
                (None, false) => {
                    if let Some(rule) = field.check_none(token, true) {
                        let shown = Some(token).filter(|_| rule != Rule::Required);
                        self.fault(records, record, column as u32, rule, shown);
                    }
                    continue;
                }
            };
            if !records.is_utf8 && std::str::from_utf8(value).is_err() {
                self.fault(records, record, column as u32, Rule::Encoding, Some(value));
            } else if let Some(rule) = field.check_typed(property, kind, token, value) {
                // Quotes tell of which type it is.
                let shown = if rule == Rule::Type && token.first() == Some(&b'"') { token } else { value };
                self.fault(records, record, column as u32, rule, Some(shown));
            } else if let Some(key) = key.filter(|_| kind != TypedKind::Null) {
                let record = u64::from(records.first) + record as u64 + 1;
                self.own.push(KeyValue { key, hash: Hash::of(value), record, file: rules.plan.number }.row());
            }
        }
    }

    /// Properties all of whose values are objects.
    pub fn objects(&mut self, records: Records<'_>, objects: &[(Field, Vec<usize>)]) {
        for (field, inside) in objects {
            let Some(property) = &field.property else { continue };
            for record in 0..records.split.len() {
                let Some(column) = object(records, record, inside) else { continue };
                if let Some(rule) = field.check_typed(property, TypedKind::Nested, OBJECT, OBJECT) {
                    self.fault(records, record, column as u32, rule, Some(OBJECT));
                }
            }
        }
    }
}
