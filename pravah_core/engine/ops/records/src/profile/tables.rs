//! The result's tables.

use super::many::Many;
use super::patterns;
use super::schemas::shown;
use super::total::Total;
use pravah_foundation::base::error::Result;
use pravah_foundation::base::paths;
use pravah_foundation::base::words::grouped;
use pravah_foundation::run::partials;
use pravah_foundation::store::columns::TableColumns;
use pravah_foundation::store::columns::{Column, Columns};
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::{Staged, Table};
use pravah_foundation::tabular::values::{KINDS, Value, ValueType};

pub const RESULT: &[Column] = &[
    Column::category("dataset"),
    Column::text("column"),
    Column::integer("position"),
    Column::category("type"),
    Column::number("conformity"),
    Column::integer("exceptions"),
    Column::category("lossless_type"),
    Column::text("evidence"),
    Column::category("nature"),
    Column::integer("values"),
    Column::integer("nulls"),
    Column::text("null_words"),
    Column::number("null_share"),
    Column::integer("empties"),
    Column::integer("missing"),
    Column::integer("distinct"),
    Column::category("distinct_is"),
    Column::text("least"),
    Column::text("greatest"),
    Column::number("mean"),
    Column::number("deviation"),
    Column::text("p05"),
    Column::text("p25"),
    Column::text("median"),
    Column::text("p75"),
    Column::text("p95"),
    Column::integer("shortest"),
    Column::integer("longest"),
    Column::number("mean_length"),
    Column::integer("spaced"),
    Column::integer("leading_zeros"),
    Column::category("pattern"),
    Column::text("suspicious"),
    Column::integer("files"),
    Column::text("first_file"),
];
const TYPES: &[Column] = &[
    Column::category("dataset"),
    Column::text("column"),
    Column::category("type"),
    Column::integer("values"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("record"),
    Column::text("value"),
];
const EXCEPTIONS: &[Column] = &[
    Column::category("dataset"),
    Column::text("column"),
    Column::category("type"),
    Column::integer("exceptions"),
    Column::text("value"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("record"),
];
pub const FORMATS: &[Column] = &[
    Column::category("dataset"),
    Column::text("column"),
    Column::text("format"),
    Column::category("verdict"),
    Column::integer("values"),
    Column::integer("conforming"),
    Column::number("share"),
    Column::text("example"),
    Column::integer("exceptions"),
    Column::text("first_exception"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("record"),
    Column::text("other_format"),
    Column::integer("other_conforming"),
    Column::category("note"),
];
const TOP_VALUES: &[Column] = &[
    Column::category("dataset"),
    Column::category("column"),
    Column::integer("rank"),
    Column::text("value"),
    Column::integer("count"),
    Column::number("share"),
];
const HISTOGRAM: &[Column] = &[
    Column::category("dataset"),
    Column::category("column"),
    Column::integer("bin"),
    Column::text("low"),
    Column::text("high"),
    Column::integer("values"),
];
const LENGTHS: &[Column] = &[
    Column::category("dataset"),
    Column::category("column"),
    Column::integer("from_bytes"),
    Column::integer("to_bytes"),
    Column::integer("values"),
];
pub const FILES: &[Column] = &[
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("size_bytes"),
    Column::category("encoding"),
    Column::category("packed"),
    Column::category("delimiter"),
    Column::number("confidence"),
    Column::text("delimiter_reason"),
    Column::category("header"),
    Column::text("header_reason"),
    Column::integer("columns"),
    Column::integer("records"),
    Column::integer("ragged"),
    Column::integer("first_ragged"),
    Column::integer("odd_quotes"),
    Column::integer("preamble_lines"),
    Column::integer("comment_lines"),
    Column::integer("footer_lines"),
    Column::category("read"),
    Column::category("schema"),
];
pub const BY_FILE: &[Column] = &[
    Column::category("path"),
    Column::raw("path_raw"),
    Column::category("column"),
    Column::integer("position"),
    Column::category("type"),
    Column::integer("values"),
    Column::integer("exceptions"),
    Column::integer("nulls"),
    Column::text("null_words"),
    Column::integer("distinct"),
    Column::text("least"),
    Column::text("greatest"),
    Column::number("mean"),
];
pub const DATASETS: &[Column] = &[
    Column::text("dataset"),
    Column::integer("files"),
    Column::integer("records"),
    Column::integer("columns"),
    Column::integer("schemas"),
    Column::integer("changes"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::text("names"),
];
pub const SCHEMAS: &[Column] = &[
    Column::text("schema"),
    Column::category("dataset"),
    Column::integer("files"),
    Column::integer("columns"),
    Column::text("path"),
    Column::raw("path_raw"),
    Column::integer("changes"),
    Column::text("names"),
];
pub const SCHEMA_COLUMNS: &[Column] =
    &[Column::category("schema"), Column::text("column"), Column::integer("position"), Column::category("type")];
pub const CHANGES: &[Column] = &[
    Column::category("dataset"),
    Column::category("schema"),
    Column::text("column"),
    Column::category("change"),
    Column::text("before"),
    Column::text("after"),
    Column::integer("files"),
    Column::text("path"),
    Column::raw("path_raw"),
];

/// All tables.
pub const TABLES: &[TableColumns] = &[
    ("result", RESULT),
    ("datasets", DATASETS),
    ("exceptions", EXCEPTIONS),
    ("types", TYPES),
    ("formats", FORMATS),
    ("top_values", TOP_VALUES),
    ("histogram", HISTOGRAM),
    ("lengths", LENGTHS),
    ("files", FILES),
    ("by_file", BY_FILE),
    ("schemas", SCHEMAS),
    ("schema_columns", SCHEMA_COLUMNS),
    ("changes", CHANGES),
    (partials::TABLE, partials::COLUMNS),
];

/// A table with its columns of few values.
pub fn table(name: &'static str) -> Table {
    let dictionary: &[&str] = match name {
        "result" => &["dataset", "type", "lossless_type", "nature", "distinct_is", "pattern"],
        "exceptions" | "types" => &["dataset", "type"],
        "formats" => &["dataset", "verdict", "note"],
        "top_values" | "histogram" | "lengths" => &["dataset", "column"],
        "files" => &["encoding", "packed", "delimiter", "header", "read", "schema"],
        "by_file" => &["path", "column", "type"],
        "schema_columns" => &["schema", "type"],
        "schemas" => &["dataset"],
        "changes" => &["dataset", "schema", "change"],
        _ => &[],
    };
    Table { name, dictionary }
}

/// Most frequent values that are listed of a column.
const TOP: usize = 20;
/// Bars of a histogram.
pub const BINS: usize = 12;

/// Text that was kept of a value.
pub fn text_of(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// What a column is good for, when that is told by its figures.
pub fn nature(total: &Total, figures: &Many) -> Option<&'static str> {
    let (distinct, is_exact) = total.column.distinct(figures, false);
    let (values, nulls) = (figures.count(), total.column.nulls);
    match (values, distinct) {
        (0, _) => Some("empty"),
        (_, 1) if nulls == 0 => Some("constant"),
        (1, _) => None,
        (values, distinct) if nulls == 0 && is_exact && values == distinct => Some("key"),
        // Within three times the error of the estimate.
        (values, distinct) if nulls == 0 && !is_exact && distinct as f64 >= 0.95 * values as f64 => Some("likely key"),
        _ => None,
    }
}

/// How the type was found, in words.
pub fn evidence(total: &Total, figures: &Many) -> String {
    let mut parts = Vec::new();
    for kind in KINDS {
        let count = figures.kinds[kind as usize].count;
        if let Some(met) = total.met[kind as usize].first().filter(|_| count > 0) {
            parts.push((count, kind, met));
        }
    }
    parts.sort_by_key(|(count, kind, _)| (std::cmp::Reverse(*count), *kind));
    let words = parts.iter().enumerate().map(|(rank, (count, kind, met))| match rank {
        0 => format!("{} {}", grouped(*count), kind.as_str()),
        _ => format!(
            "{} {}, the first '{}' in record {} of {}",
            grouped(*count),
            kind.as_str(),
            text_of(&met.value),
            grouped(met.record),
            paths::escape(&met.path)
        ),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// The rows of one column.
pub fn result_row(rows: &mut Columns, total: &Total, figures: &Many) {
    let column = &total.column;
    let kind = figures.kind();
    let (distinct, is_exact) = column.distinct(figures, true);
    let (least, greatest) = figures.shown_range();
    let values = figures.count();
    rows.text(&total.dataset);
    rows.text(&total.name);
    rows.integer(total.position as u64);
    rows.text(shown(kind));
    rows.optional_number(figures.conformity());
    rows.integer(figures.conforming().1);
    rows.text(shown(figures.lossless()));
    rows.text(&evidence(total, figures));
    rows.optional_text(nature(total, figures));
    rows.integer(values);
    rows.integer(column.nulls);
    rows.optional_text(column.null_words().as_deref());
    let all = values + column.nulls;
    rows.optional_number((all > 0).then(|| column.nulls as f64 * 100.0 / all as f64));
    rows.integer(column.empties);
    rows.integer(column.missing);
    rows.integer(distinct);
    rows.text(if is_exact { "exact" } else { "estimate" });
    rows.optional_text(least.as_deref());
    rows.optional_text(greatest.as_deref());
    rows.optional_number(figures.mean());
    rows.optional_number(figures.deviation());
    let quantiles = figures.quantiles_at([0.05, 0.25, 0.5, 0.75, 0.95]);
    quantiles.iter().for_each(|value| rows.optional_text(value.map(Value::shown).as_deref()));
    rows.optional_integer((values > 0).then_some(figures.lengths.0));
    rows.optional_integer((values > 0).then_some(figures.lengths.1));
    rows.optional_number((values > 0).then(|| figures.bytes as f64 / values as f64));
    rows.integer(figures.spaced);
    rows.integer(figures.zeros);
    rows.optional_text(patterns::of(total, kind));
    let suspicious = patterns::suspicious(&column.values, figures);
    rows.optional_text(Some(suspicious.as_str()).filter(|text| !text.is_empty()));
    rows.integer(total.files);
    rows.text(&paths::escape(&total.first));
}

/// Write the tables of columns.
///
/// # Errors
/// [`pravah_foundation::base::error::EngineError::Output`], [`pravah_foundation::base::error::EngineError::Cancelled`].
pub fn write_columns(
    context: &pravah_foundation::run::context::Context,
    totals: &[(Total, Many)],
) -> Result<Vec<Staged>> {
    let mut result = Sheet::new(&context.sink, table("result"), RESULT);
    let mut exceptions = Sheet::new(&context.sink, table("exceptions"), EXCEPTIONS);
    let mut types = Sheet::new(&context.sink, table("types"), TYPES);
    let mut tops = Sheet::new(&context.sink, table("top_values"), TOP_VALUES);
    let mut histogram = Sheet::new(&context.sink, table("histogram"), HISTOGRAM);
    let mut lengths = Sheet::new(&context.sink, table("lengths"), LENGTHS);
    for (total, figures) in totals {
        result_row(&mut result.rows, total, figures);
        for met in total.exceptions(figures) {
            exceptions.rows.text(&total.dataset);
            exceptions.rows.text(&total.name);
            exceptions.rows.text(shown(figures.kind()));
            exceptions.rows.integer(figures.conforming().1);
            exceptions.rows.text(&text_of(&met.value));
            exceptions.rows.path(&met.path);
            exceptions.rows.integer(met.record);
        }
        for kind in KINDS {
            if let Some(met) = total.met[kind as usize].first() {
                types.rows.text(&total.dataset);
                types.rows.text(&total.name);
                types.rows.text(kind.as_str());
                types.rows.integer(figures.kinds[kind as usize].count);
                types.rows.path(&met.path);
                types.rows.integer(met.record);
                types.rows.text(&text_of(&met.value));
            }
        }
        for (rank, (value, count, share)) in top_values(total, figures).into_iter().enumerate() {
            tops.rows.text(&total.dataset);
            tops.rows.text(&total.name);
            tops.rows.integer(rank as u64 + 1);
            tops.rows.text(&value);
            tops.rows.integer(count);
            tops.rows.optional_number(Some(share));
        }
        for (bin, (low, high, count)) in figures.histogram(BINS).into_iter().enumerate() {
            histogram.rows.text(&total.dataset);
            histogram.rows.text(&total.name);
            histogram.rows.integer(bin as u64 + 1);
            histogram.rows.text(&low.shown());
            histogram.rows.text(&high.shown());
            histogram.rows.integer(count);
        }
        // How long a number is says nothing that it does not say itself.
        for (low, high, count) in
            figures.spread.ranges().into_iter().filter(|_| figures.kind() == Some(ValueType::Text))
        {
            lengths.rows.text(&total.dataset);
            lengths.rows.text(&total.name);
            [low, high, count].into_iter().for_each(|value| lengths.rows.integer(value));
        }
        [&mut result, &mut exceptions, &mut types, &mut tops, &mut histogram, &mut lengths]
            .into_iter()
            .try_for_each(Sheet::write_if_full)?;
    }
    [result, exceptions, types, tops, histogram, lengths].into_iter().map(Sheet::stage).collect()
}

/// The most frequent values with their counts and shares of all values in percent.
pub fn top_values(total: &Total, figures: &Many) -> Vec<(String, u64, f64)> {
    let values = &total.column.values;
    let all = figures.count().max(1) as f64;
    let ranked = values.ranked().into_iter().take(TOP);
    let row = |entry: &pravah_foundation::tabular::sketch::FrequentValue| {
        (text_of(values.value(entry)), entry.count, (entry.count as f64 * 100.0 / all).min(100.0))
    };
    ranked.map(row).collect()
}
