//! What the start of a file tells of it: its dialect, whether it has a header, its columns' names.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::LONGEST_BYTES;
use super::first::{First, around, lines};
use super::format::Format;
use crate::io::codec::Codec;
use crate::tabular::csv;
use crate::tabular::csv::{Dialect, Fields, Sniffed};
use crate::tabular::json::Shape;
use crate::tabular::layout::FixedLayout;
use crate::tabular::names::unique;
use crate::tabular::text::Encoding;
use crate::tabular::values::ValueType;
use crate::tabular::xml::XmlShape;

/// What is known of a file before its records.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its path relative to the source.
    pub path: Vec<u8>,
    /// Its size in bytes, packed where it is.
    pub size: u64,
    /// How it is packed.
    pub codec: Option<Codec>,
    /// How it holds records.
    pub format: Format,
    /// The keys of its objects, in JSON.
    pub shape: Option<Arc<Shape>>,
    /// The columns of lines with fixed widths.
    pub layout: Option<Arc<FixedLayout>>,
    /// The elements and attributes of XML.
    pub markup: Option<Arc<XmlShape>>,
    /// By column: the type that the file itself says its values are of.
    pub declared: Vec<Option<ValueType>>,
    /// The schema of a table.
    pub schema: Option<SchemaRef>,
    /// How its bytes become text.
    pub encoding: Encoding,
    /// Bytes of its byte order mark.
    pub mark_bytes: u64,
    /// Its dialect, with the reason.
    pub sniffed: Sniffed,
    /// True when its first record holds names.
    pub has_header: bool,
    /// Why.
    pub header_reason: String,
    /// The columns' names, each once.
    pub names: Vec<String>,
    /// The names in the header, as they stand.
    pub given: Vec<String>,
    /// The header as it stands, without its line end.
    pub header: Vec<u8>,
    /// Where the records behind the header begin.
    pub records_at: u64,
    /// How many lines come before them.
    pub header_lines: u64,
    /// How many of these come before the table.
    pub preamble_lines: u64,
    /// Records that hold names.
    pub header_rows: u64,
    /// What is odd about its beginning, in words.
    pub notes: Vec<String>,
    /// Its header ends inside quotes.
    pub is_open: bool,
    /// Names of its header that are not quoted as any writer does: with quotes around them, and without.
    pub odd_names: (u64, u64),
}

/// What is known of a file before its text.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub path: Vec<u8>,
    pub size: u64,
    pub codec: Option<Codec>,
}

impl Head {
    /// The dialect.
    pub fn dialect(&self) -> Dialect {
        self.sniffed.dialect
    }

    /// True when its bytes are its text: then places in one are places in the other.
    pub fn is_plain(&self) -> bool {
        self.format.has_places() && self.codec.is_none() && self.encoding == Encoding::UTF_8
    }

    /// Of JSON whose objects have these keys.
    pub(super) fn of_objects(
        origin: Origin,
        format: Format,
        (encoding, mark_bytes): (Encoding, u64),
        shape: &Arc<Shape>,
    ) -> Self {
        let (objects, lines) = shape.objects();
        let text = |&is_text: &bool| is_text.then_some(ValueType::Text);
        let sniffed = Sniffed {
            dialect: Dialect::JSON,
            columns: shape.names().len(),
            confidence: if lines == 0 { 0.0 } else { objects as f64 / lines as f64 },
            reason: format!("{objects} of {lines} values are objects"),
            begins: 0,
        };
        Self {
            declared: shape.texts().iter().map(text).collect(),
            names: shape.names().to_vec(),
            given: shape.given().to_vec(),
            shape: Some(Arc::clone(shape)),
            encoding,
            mark_bytes,
            ..Self::typed(origin, format, sniffed)
        }
    }

    /// Of a table whose columns have these names and types.
    pub(super) fn of_table(
        origin: Origin,
        format: Format,
        schema: Option<SchemaRef>,
        columns: Vec<(String, Option<ValueType>)>,
    ) -> Self {
        let (names, declared): (Vec<String>, _) = columns.into_iter().unzip();
        let reason = "its schema names the columns".to_owned();
        let sniffed = Sniffed { dialect: Dialect::TYPED, columns: names.len(), confidence: 1.0, reason, begins: 0 };
        let header = header_of(&names);
        Self { names, declared, schema, has_header: true, header, ..Self::typed(origin, format, sniffed) }
    }

    /// Of XML of that shape.
    pub(super) fn of_markup(origin: Origin, (encoding, mark_bytes): (Encoding, u64), shape: &Arc<XmlShape>) -> Self {
        let sniffed = Sniffed {
            dialect: Dialect::MADE,
            columns: shape.names.len(),
            confidence: shape.confidence,
            reason: shape.reason.clone(),
            begins: 0,
        };
        Self {
            declared: vec![None; shape.names.len()],
            names: shape.names.clone(),
            header: header_of(&shape.names),
            has_header: true,
            header_reason: shape.header_reason(),
            notes: shape.notes.clone(),
            markup: Some(Arc::clone(shape)),
            encoding,
            mark_bytes,
            ..Self::typed(origin, Format::Xml, sniffed)
        }
    }

    fn typed(Origin { path, size, codec }: Origin, format: Format, sniffed: Sniffed) -> Self {
        Self {
            path,
            size,
            codec,
            format,
            shape: None,
            layout: None,
            markup: None,
            declared: Vec::new(),
            schema: None,
            encoding: Encoding::UTF_8,
            mark_bytes: 0,
            sniffed,
            has_header: false,
            header_reason: format!("{} files contain the column names", format.name()),
            names: Vec::new(),
            given: Vec::new(),
            header: Vec::new(),
            records_at: 0,
            header_lines: 0,
            preamble_lines: 0,
            header_rows: 0,
            notes: Vec::new(),
            is_open: false,
            odd_names: (0, 0),
        }
    }

    /// What `start`, the beginning of the text, tells.
    pub(super) fn of(
        origin: Origin,
        (encoding, mark_bytes): (Encoding, u64),
        start: &[u8],
        mut sniffed: Sniffed,
        header_rows: Option<u64>,
    ) -> Self {
        let table = &start[sniffed.begins..];
        let records = csv::first_records(csv::sample(table), sniffed.dialect);
        let (rows, header_reason) = match header_rows {
            Some(rows) => (rows as usize, "set by the option".to_owned()),
            None => csv::guess_rows(&records),
        };
        let first = First::of(table, sniffed.dialect, rows);
        // A header that does not end is none: the reading tells that, and what it holds names nothing.
        let is_endless = first.is_open && table.len() > LONGEST_BYTES;
        let has_header = rows > 0 && !first.fields.is_empty() && !is_endless;
        let mut notes = Vec::new();
        let mut given = Vec::new();
        let names = if has_header {
            let mut fields = first.fields.clone();
            fit(&mut fields, sniffed.columns, records.get(rows..).unwrap_or_default(), &mut notes);
            sniffed.columns = fields.len();
            twice(&fields, &mut notes);
            if rows > 1 && header_rows.is_none() {
                let name = String::from_utf8_lossy(&fields[0]);
                notes.push(format!("the first {rows} rows name the columns and were joined, as in '{name}'"));
            }
            given = fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
            unique(&fields)
        } else {
            (1..=sniffed.columns).map(|number| format!("column_{number}")).collect()
        };
        let begins = sniffed.begins;
        preamble(&start[..begins], &mut notes);
        let header_end = if has_header { begins + first.end } else { begins };
        let (records_at, header_lines) = (header_end as u64, lines(&start[..header_end]));
        let Origin { path, size, codec } = origin;
        Self {
            path,
            size,
            codec,
            format: Format::Delimited,
            shape: None,
            layout: None,
            markup: None,
            declared: vec![None; names.len()],
            schema: None,
            encoding,
            mark_bytes,
            sniffed,
            has_header,
            header_reason,
            names,
            given,
            header: if has_header { first.bytes } else { Vec::new() },
            records_at,
            header_lines,
            preamble_lines: lines(&start[..begins]),
            header_rows: if has_header { rows as u64 } else { 0 },
            notes,
            is_open: has_header && first.is_open,
            odd_names: if has_header { first.odd } else { (0, 0) },
        }
    }
}

impl Head {
    /// Of text whose records were made by a layout.
    pub(super) fn laid_out(mut self, layout: &Arc<FixedLayout>) -> Self {
        self.format = Format::FixedWidth;
        self.sniffed.reason.clone_from(&layout.reason);
        self.sniffed.confidence = layout.confidence;
        self.notes.extend(layout.notes());
        if let Some(names) = layout.names() {
            self.names = unique(&names);
            self.header_reason = "the layout names the columns".to_owned();
            self.declared = vec![None; self.names.len()];
            self.sniffed.columns = self.names.len();
        }
        self.layout = Some(Arc::clone(layout));
        self
    }
}

/// A header of delimited text with these names.
fn header_of(names: &[String]) -> Vec<u8> {
    let mut header = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            header.push(b',');
        }
        csv::quote(&mut header, name.as_bytes());
    }
    header
}

/// Make the names of a header as many as the columns of the records below it, where that loses none.
fn fit(names: &mut Vec<Vec<u8>>, columns: usize, body: &[Fields<'_>], notes: &mut Vec<String>) {
    let count = names.len();
    while names.len() > columns && names.last().is_some_and(|name| name.trim_ascii().is_empty()) {
        names.pop();
    }
    if count >= columns {
        return;
    }
    let which = if count + 1 == columns && are_named(body, columns) {
        names.insert(0, Vec::new());
        "first column is"
    } else {
        names.resize(columns, Vec::new());
        "last columns are"
    };
    notes
        .push(format!("the header has {count} names, most records have {columns} fields; the {which} named by number"));
}

/// True when the first field of each record is another one and the last is there: names of the records, which have no
/// name in the header, as R writes them.
fn are_named(body: &[Fields<'_>], columns: usize) -> bool {
    let mut seen = HashSet::new();
    let fits = || body.iter().filter(|record| record.len() == columns);
    fits().count() > 1
        && fits().all(|record| !record[columns - 1].is_empty() && !record[0].is_empty() && seen.insert(&record[0]))
}

/// Tell of names that are there more than once.
fn twice(names: &[Vec<u8>], notes: &mut Vec<String>) {
    let mut seen = HashSet::new();
    let again: Vec<&Vec<u8>> = names.iter().filter(|name| !name.is_empty() && !seen.insert(*name)).collect();
    if let Some(first) = again.first() {
        let shown = String::from_utf8_lossy(&first[..first.len().min(80)]).into_owned();
        notes.push(format!(
            "{} names of the header are there more than once and got a number; the first is '{shown}'",
            again.len()
        ));
    }
}

/// Tell what comes before the table.
fn preamble(text: &[u8], notes: &mut Vec<String>) {
    // What says the delimiter is followed, and needs no word.
    let (_, said) = csv::said_delimiter(text);
    notes.extend(around(&text[said..], "before").1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let origin = Origin { path: b"a.csv".to_vec(), size: text.len() as u64, codec: None };
        let sniffed = csv::sniff(text.as_bytes(), &csv::Asked::default());
        Head::of(origin, (Encoding::UTF_8, 0), text.as_bytes(), sniffed, None)
    }

    #[test]
    fn a_header_is_told_by_its_values() {
        let found = head("id,\"na\nme\",,id_2\r\n1,x,y,z\r\n");
        assert_eq!((found.has_header, found.header_lines, found.records_at), (true, 2, 18));
        assert_eq!(found.names, ["id", "na\nme", "column_3", "id_2"]);
        let found = head("1,x\n2,y\n");
        assert_eq!(
            (found.has_header, found.names.as_slice()),
            (false, &["column_1".to_owned(), "column_2".to_owned()][..])
        );
        assert!(found.header_reason.contains("'1'"), "{}", found.header_reason);
        assert!(!head("a,a\nb,c\n").has_header);
        assert!(head("").names.len() == 1 && !head("").has_header);
    }

    #[test]
    fn a_header_differs_from_the_records_below_it() {
        for (text, names) in [
            ("country,2019,2020\nAruba,3202.25,2558.9\nChad,1.5,10829\n", "country|2019|2020"),
            ("region,2023,2024\nEMEA,10,20\nAPAC,5,6\n", "region|2023|2024"),
            (",0,1,2\na,x,y,z\nb,x,y,z\n", "column_1|0|1|2"),
            ("date,amount,amount,note\n2024-01-01,10,20,a\n2024-01-02,11,21,b\n", "date|amount|amount_2|note"),
            ("code,name\nAB-12,x\nCD-34,y\n", "code|name"),
            ("id,score\nNA,1.5\n7,NaN\n", "id|score"),
            ("only,names\n", "only|names"),
        ] {
            let found = head(text);
            assert!(found.has_header && found.names.join("|") == names, "{text:?} {:?}", found.names);
        }
        for text in [
            "2/28/2008,1:00:00,x\n2/29/2008,2:00:00,y\n3/1/2008,3:00:00,z\n",
            "USA,2019,2020\nFRA,2018,2021\nDEU,2017,2022\n",
            "NA,1\n2,3\n4,5\n",
            "\"1\"\r\n1\r\n",
            "AB-12,x\nCD-34,y\nEF-56,z\n",
            "1,2,3\n4,5,6\n",
            "2024-01-01 10:00:00 INFO started\n2024-01-01 10:00:01 WARN slow\n2024-01-02 9:00:00 INFO all done\n",
        ] {
            assert!(!head(text).has_header, "{text:?} {}", head(text).header_reason);
        }
    }

    #[test]
    fn a_header_with_other_delimiters_than_the_records_is_fitted() {
        let found = head("a|b|c\n1|2|3|\n4|5|6|\n7|8|9|\n");
        assert_eq!((found.names.join("|").as_str(), found.notes.len()), ("a|b|c|column_4", 1));
        let found = head("\"x\",\"y\"\n\"r1\",5,6\n\"r2\",7,8\n");
        assert_eq!((found.names.join("|").as_str(), found.notes.len()), ("column_1|x|y", 1));
        let found = head("a,b,c,\n1,2,3\n4,5,6\n7,8,9\n");
        assert_eq!((found.names.join("|").as_str(), found.notes.len()), ("a|b|c", 0));
        let found = head("Sales report\nid;price\n1;2,50\n2;0,75\n");
        assert_eq!((found.names.join("|").as_str(), found.records_at, found.header_lines), ("id|price", 22, 2));
        assert!(found.notes[0].contains("1 line before the table"), "{:?}", found.notes);
        assert!(head("id,\"name\n1,a\n2,b\n").is_open);
    }
}
