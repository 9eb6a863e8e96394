//! The result as one page and as one document: for whoever has no Pravah.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::many::Many;
use super::tables::{BINS, evidence, nature, text_of, top_values};
use super::total::Total;
use super::{patterns, schemas};
use pravah_foundation::base::error::Result;
use pravah_foundation::base::paths;
use pravah_foundation::base::words::grouped;
use pravah_foundation::store::report::OutputFile;
use pravah_foundation::store::sink::Sink;
use pravah_foundation::tabular::values;

/// Columns on the page: with 2 KB each it stays below 3 MB. The document has all of them.
const MOST_COLUMNS: usize = 1000;
const PAGE_VALUES: usize = 10;
/// Characters of a value on the page.
const SHOWN: usize = 60;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;\
color:#1c1e21;background:#fff}h1{font-size:1.5rem}table{border-collapse:collapse}td,th{padding:.15rem .7rem .15rem 0;\
text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}summary{cursor:pointer;\
padding:.35rem 0;border-top:1px solid #ddd}summary b{display:inline-block;min-width:16rem}small{color:#666}\
.g{display:flex;flex-wrap:wrap;gap:2rem;padding:.5rem 0 1rem 1rem}rect{fill:#3a6ea5}.b{background:#3a6ea5;height:.6rem}\
@media(prefers-color-scheme:dark){body{color:#e4e6eb;background:#18191a}summary{border-color:#444}small{color:#aaa}}";

/// Write both.
///
/// # Errors
/// [`pravah_foundation::base::error::EngineError::Output`].
pub fn write(sink: &Sink, summary: &Value, columns: &[(Total, Many)]) -> Result<Vec<OutputFile>> {
    // Column by column: as one value, thousands of them take many times what they are as text.
    let mut document = String::from("{\"columns\":[");
    for (place, (total, figures)) in columns.iter().enumerate() {
        if place > 0 {
            document.push(',');
        }
        let _ = write!(document, "{}", described(total, figures));
    }
    let _ = write!(document, "],\"summary\":{summary}}}");
    Ok(vec![
        sink.write_file("profile.html", page(summary, columns).as_bytes(), "text/html")?,
        sink.write_file("profile.json", document.as_bytes(), "application/json")?,
    ])
}

fn described(total: &Total, figures: &Many) -> Value {
    let (distinct, is_exact) = total.column.distinct(figures, true);
    let (least, greatest) = figures.shown_range();
    let shown = |value: Option<values::Value>| value.map(values::Value::shown);
    let [p05, p25, median, p75, p95] = figures.quantiles_at([0.05, 0.25, 0.5, 0.75, 0.95]).map(shown);
    let tops = top_values(total, figures).into_iter().map(|(value, count, _)| json!({"value": value, "count": count}));
    let exceptions = total
        .exceptions(figures)
        .into_iter()
        .map(|met| json!({"value": text_of(&met.value), "path": paths::escape(&met.path), "record": met.record}));
    let bins = figures.histogram(BINS).into_iter();
    let bins = bins.map(|(low, high, count)| json!({"low": low.shown(), "high": high.shown(), "values": count}));
    json!({
        "dataset": &*total.dataset,
        "column": total.name,
        "position": total.position,
        "type": schemas::shown(figures.kind()),
        "conformity": figures.conformity(),
        "exceptions": figures.conforming().1,
        "first_exceptions": exceptions.collect::<Vec<_>>(),
        "lossless_type": schemas::shown(figures.lossless()),
        "evidence": evidence(total, figures),
        "nature": nature(total, figures),
        "values": figures.count(),
        "nulls": total.column.nulls,
        "null_words": total.column.null_words(),
        "empties": total.column.empties,
        "missing": total.column.missing,
        "distinct": distinct,
        "distinct_is": if is_exact { "exact" } else { "estimate" },
        "least": least,
        "greatest": greatest,
        "mean": figures.mean(),
        "deviation": figures.deviation(),
        "quantiles": {"0.05": p05, "0.25": p25, "0.5": median, "0.75": p75, "0.95": p95},
        "shortest": if figures.count() > 0 { Some(figures.lengths.0) } else { None },
        "longest": if figures.count() > 0 { Some(figures.lengths.1) } else { None },
        "spaced": figures.spaced,
        "leading_zeros": figures.zeros,
        "pattern": patterns::of(total, figures.kind()),
        "format": total.finding.as_ref().map(|finding| json!({
            "format": finding.format,
            "verdict": if finding.is_ambiguous { "ambiguous" } else { "proven" },
            "conforming": finding.conforming,
            "other_format": finding.other.as_ref().map(|(format, _)| format),
        })),
        "suspicious": patterns::suspicious(&total.column.values, figures),
        "files": total.files,
        "top_values": tops.collect::<Vec<_>>(),
        "histogram": bins.collect::<Vec<_>>(),
    })
}

/// Text as it stands in a page.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", escaped(&text[..end])),
        None => escaped(text),
    }
}

fn page(summary: &Value, columns: &[(Total, Many)]) -> String {
    let number = |key: &str| grouped(summary[key].as_u64().unwrap_or(0));
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Profile</title><style>{STYLE}</style><h1>Profile</h1><p>{} records in {} files, {} columns; {:.1} % of \
         the fields hold no value. {} schemas; {} records have another number of fields than their file has columns.</p>\
         <p><small>Least, greatest, mean and deviation are exact. Distinct values marked ≈ have a standard error of \
         {:.1} %, quantiles one of {:.0} % in their rank.</small></p>",
        number("records"),
        number("files"),
        number("columns"),
        summary["null_share"].as_f64().unwrap_or(0.0),
        number("schemas"),
        number("ragged_records"),
        summary["distinct_error"].as_f64().unwrap_or(0.0),
        summary["quantile_error"].as_f64().unwrap_or(0.0),
    );
    columns.iter().take(MOST_COLUMNS).for_each(|(total, figures)| column(&mut out, total, figures));
    if columns.len() > MOST_COLUMNS {
        let more = grouped((columns.len() - MOST_COLUMNS) as u64);
        let _ = write!(out, "<p>{more} more columns are in profile.json.</p>");
    }
    out.push_str("</html>\n");
    out
}

fn column(out: &mut String, total: &Total, figures: &Many) {
    let (distinct, is_exact) = total.column.distinct(figures, true);
    let about = if is_exact { "" } else { "≈ " };
    let (least, greatest) = figures.shown_range();
    let _ = write!(
        out,
        "<details><summary><b>{}</b> {} <small>of {}: {} values, {} null, {about}{} distinct{}</small></summary><div class=g><table>",
        cut(&total.name),
        schemas::shown(figures.kind()),
        cut(&total.dataset),
        grouped(figures.count()),
        grouped(total.column.nulls),
        grouped(distinct),
        nature(total, figures).map(|nature| format!(", {nature}")).unwrap_or_default(),
    );
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = write!(out, "<tr><td>{name}<td>{}", escaped(&value));
        }
    };
    row("Types", Some(evidence(total, figures)));
    let exceptions = figures.conforming().1;
    let conformity = figures.conformity().unwrap_or_default();
    let words = || {
        let (kind, lossless) = (schemas::shown(figures.kind()), schemas::shown(figures.lossless()));
        let count = grouped(exceptions);
        format!(
            "{conformity:.4} % are {kind}. The figures leave out {count} exceptions. Only {lossless} holds all values."
        )
    };
    row("Conformity", (exceptions > 0).then(words));
    row("Null words", total.column.null_words());
    row("Least", least.map(|text| cut_plain(&text)));
    row("Greatest", greatest.map(|text| cut_plain(&text)));
    row("Mean", figures.mean().map(|mean| format!("{mean:.6}")));
    row("Deviation", figures.deviation().map(|deviation| format!("{deviation:.6}")));
    for (name, value) in
        ["5 %", "25 %", "Median", "75 %", "95 %"].into_iter().zip(figures.quantiles_at([0.05, 0.25, 0.5, 0.75, 0.95]))
    {
        row(name, value.map(values::Value::shown));
    }
    row("Length", (figures.count() > 0).then(|| format!("{} to {} bytes", figures.lengths.0, figures.lengths.1)));
    row("Pattern", patterns::of(total, figures.kind()).map(str::to_owned));
    row("Suspicious", Some(patterns::suspicious(&total.column.values, figures)));
    out.push_str("</table>");
    bars(out, &figures.histogram(BINS));
    out.push_str("<table>");
    for (value, count, share) in top_values(total, figures).into_iter().take(PAGE_VALUES) {
        let _ = write!(
            out,
            "<tr><td>{}<td class=n>{}<td><div class=b style=\"width:{:.1}rem\"></div>",
            cut(&value),
            grouped(count),
            share / 10.0
        );
    }
    out.push_str("</table></div></details>");
}

fn cut_plain(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn bars(out: &mut String, bins: &[(values::Value, values::Value, u64)]) {
    let Some(most) = bins.iter().map(|(_, _, count)| *count).max().filter(|most| *most > 0 && bins.len() > 1) else {
        return;
    };
    out.push_str("<svg width=240 height=90 role=img aria-label=Histogram>");
    for (place, (_, _, count)) in bins.iter().enumerate() {
        let height = (*count as f64 * 84.0 / most as f64).max(if *count > 0 { 1.0 } else { 0.0 });
        let (x, y) = (place * 20, 90.0 - height);
        let _ = write!(out, "<rect x={x} y={y:.1} width=19 height={height:.1} />");
    }
    out.push_str("</svg>");
}
