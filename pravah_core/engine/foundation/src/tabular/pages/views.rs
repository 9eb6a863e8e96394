//! What the reader of Parquet is asked for instead of what a file says: texts that stay where they are.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields};

/// The fields with their texts and bytes as views, and without dictionaries, which are written out when they change.
pub fn viewed(fields: &Fields) -> Fields {
    fields.iter().map(view).collect()
}

fn view(field: &FieldRef) -> FieldRef {
    let kind = view_type(field.data_type());
    if kind == *field.data_type() { Arc::clone(field) } else { Arc::new(Field::clone(field).with_data_type(kind)) }
}

fn view_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, values) => view_type(values),
        DataType::RunEndEncoded(_, values) => view_type(values.data_type()),
        DataType::Struct(fields) => DataType::Struct(viewed(fields)),
        DataType::List(item) => DataType::List(view(item)),
        DataType::LargeList(item) => DataType::LargeList(view(item)),
        DataType::ListView(item) => DataType::ListView(view(item)),
        DataType::LargeListView(item) => DataType::LargeListView(view(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(view(item), *length),
        DataType::Map(entries, sorted) => DataType::Map(view(entries), *sorted),
        kind => kind.clone(),
    }
}
