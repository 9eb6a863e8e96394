//! XML: the elements that are records, and every value of them.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::common::bucket::Bucket;
use crate::common::run::{Done, spec};
use crate::common::tree::Tree;

fn convert(tree: &Tree) -> Done {
    spec("convert", &tree.path()).option("to", "csv").threads(2).run()
}

/// A converted file.
fn made(done: &Done, name: &str) -> String {
    std::fs::read_to_string(done.folder().join("convert/converted").join(name)).unwrap()
}

fn messages(done: &Done) -> Vec<String> {
    done.issues().iter().map(|issue| format!("{}: {}", issue.text("path"), issue.text("message"))).collect()
}

/// Books, some of which have an author more and none a price.
fn catalog(books: usize) -> (String, String) {
    let (mut document, mut table) = ("<catalog>\n".to_owned(), String::new());
    writeln!(table, "\"@id\",\"title\",\"author\",\"at.@zip\",\"at.city\",\"price\"").unwrap();
    for id in 0..books {
        let title = [" Spaces ", "Tom &amp; Jerry", "a, \"b\"", "<![CDATA[<x>]]>", "Zürich"][id % 5];
        let shown = ["\" Spaces \"", "Tom & Jerry", "\"a, \"\"b\"\"\"", "<x>", "Zürich"][id % 5];
        write!(document, "  <book id=\"{id}\">\n    <title>{title}</title>\n    <author>A{id}</author>").unwrap();
        let second = if id % 3 == 0 { "<author>B</author>" } else { "" };
        let also = if id % 3 == 0 { ",\"\"B\"\"" } else { "" };
        let price = if id % 7 == 3 { String::new() } else { format!("{}.50", id % 100) };
        let element = if price.is_empty() { String::new() } else { format!("<price>{price}</price>") };
        writeln!(document, "{second}<at zip='0{}'><city>C</city></at>{element}\n  </book>", id % 10).unwrap();
        writeln!(table, "{id},{shown},\"[\"\"A{id}\"\"{also}]\",0{},C,{price}", id % 10).unwrap();
    }
    document.push_str("</catalog>\n");
    (document, table)
}

fn without_quotes(table: &str) -> String {
    let (header, rows) = table.split_once('\n').unwrap();
    format!("{}\n{rows}", header.replace('"', ""))
}

#[test]
fn values_come_out_as_they_stand_packed_and_in_any_encoding() {
    let tree = Tree::new();
    let (document, table) = catalog(50);
    let declared = |name: &str| format!("<?xml version=\"1.0\" encoding=\"{name}\"?>\n{document}");
    let latin: Vec<u8> = declared("ISO-8859-1").chars().map(|character| character as u8).collect();
    let units = |text: &str, order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let wide = units(&format!("\u{feff}{}", declared("UTF-16")), u16::to_be_bytes);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(document.as_bytes()).unwrap();
    tree.file("plain.xml", &document)
        .file("latin.xml", latin)
        .file("wide.xml", wide)
        .file("bare.xml", units(&declared("UTF-16").replace('\n', " "), u16::to_le_bytes))
        .file("marked.xml", format!("\u{feff}{}", declared("utf-8")))
        .file("dos.xml", document.replace('\n', "\r\n"))
        .file("packed.xml.gz", packed.finish().unwrap());
    for chunk_bytes in [64, 1 << 20] {
        let done = spec("convert", &tree.path()).option("to", "csv").chunk_bytes(chunk_bytes).run();
        assert_eq!(messages(&done), Vec::<String>::new());
        assert_eq!(done.summary()["records_written"], 350);
        for name in ["plain", "latin", "wide", "bare", "marked", "dos", "packed"] {
            assert_eq!(made(&done, &format!("{name}.csv")), without_quotes(&table), "{name} {chunk_bytes}");
        }
    }
    let done = spec("profile", &tree.path()).run();
    let files = done.by_path("files");
    assert_eq!(files[&b"latin.xml"[..]].text("encoding"), "latin1");
    assert_eq!(files[&b"bare.xml"[..]].text("encoding"), "utf-16le");
    let reason = files[&b"plain.xml"[..]].text("delimiter_reason").to_owned();
    assert!(reason.starts_with("/catalog/book comes again, 50 times, and holds 100 %"), "{reason}");
    let types: Vec<(String, String)> =
        done.table("result").iter().map(|row| (row.text("column").to_owned(), row.text("type").to_owned())).collect();
    assert!(types.contains(&("price".to_owned(), "float".to_owned())), "{types:?}");
}

#[test]
fn a_large_document_is_read_twice_and_in_little_pieces() {
    let tree = Tree::new();
    let (document, table) = catalog(40_000);
    assert!(document.len() > 4 << 20);
    tree.file("large.xml", &document);
    let done = convert(&tree);
    assert_eq!((done.summary()["records_read"].as_u64(), messages(&done).len()), (Some(40_000), 0));
    assert!(made(&done, "large.csv") == without_quotes(&table));
    // Every type of the columns holds every value, in Parquet, too.
    let done = spec("convert", &tree.path()).option("prove_values", true).run();
    let proof = done.summary()["value_proof"].as_str().unwrap().to_owned();
    assert!(proof.ends_with("fingerprints equal"), "{proof}");
}

#[test]
fn broken_xml_keeps_the_records_before_and_says_where_it_breaks() {
    let tree = Tree::new();
    let (document, _) = catalog(3);
    let (large, _) = catalog(40_000);
    let cut = large.rfind("<title>").unwrap();
    tree.file("cut.xml", &document[..document.rfind("<title>").unwrap()])
        .file("large.xml", &large[..cut])
        .file("tag.xml", "<t>\n<r><a>1</a></r>\n<r><a>2</a></r>\n<r><a>3</b></r><r><a>4</a></r></t>")
        .file("amp.xml", "<t>\n<r><a>1</a></r>\n<r><a>2</a></r>\n<r><a>AT&T</a></r></t>")
        .file("entity.xml", "<!DOCTYPE t [<!ENTITY x 'y'>]><t><r><a>1</a></r><r><a>2</a></r>\n<r><a>&x;</a></r></t>")
        .file("csv.xml", "a,b\n1,2\n")
        .file("empty.xml", "")
        .file("html.xml", "<!DOCTYPE html><html><p>a<p>b</html>")
        .file("good.xml", "<t><r><a>1</a></r><r><a>2</a></r></t>");
    for operation in ["convert", "validate", "profile"] {
        let done = spec(operation, &tree.path()).run();
        let told = messages(&done);
        for words in [
            "cut.xml: line 11: the file ends inside <book>, which begins in line 10",
            "large.xml: line ",
            "tag.xml: line 4: </b> stands where </a> of line 4 is missing. What follows was not read",
            "amp.xml: line 4: is not well-formed XML: an '&' begins no reference",
            "entity.xml: line 2: uses the entity &x;",
            "entity.xml: declares a document type",
            "csv.xml: line 1: has text before its first element; perhaps it is not XML",
            "empty.xml: is not XML",
        ] {
            assert!(told.iter().any(|message| message.starts_with(words)), "{operation} {words}: {told:#?}");
        }
        assert!(told.iter().any(|message| message.starts_with("html.xml")), "{told:#?}");
        assert!(!told.iter().any(|message| message.starts_with("good.xml")), "{told:#?}");
        assert_eq!(done.outcome["verdict"], "incomplete");
    }
    let done = convert(&tree);
    let read: Vec<(String, u64)> = done
        .table("result")
        .iter()
        .map(|row| (row.text("path").to_owned(), row.integer("records_read") as u64))
        .collect();
    for (name, records) in
        [("cut.xml", 2), ("large.xml", 39_999), ("tag.xml", 2), ("amp.xml", 2), ("entity.xml", 2), ("good.xml", 2)]
    {
        assert!(read.contains(&(name.to_owned(), records)), "{name} {read:?}");
    }
    assert_eq!(made(&done, "tag.partial.csv"), "a\n1\n2\n");
}

#[test]
fn other_records_are_read_by_their_path() {
    let tree = Tree::new();
    tree.file("a.xml", "<t v='1'><a i='1'/><a i='2'/><a i='3'/><b><c>x</c></b><b><c>y</c></b></t>")
        .file("b.csv", "a\n1\n");
    let done = convert(&tree);
    assert_eq!(made(&done, "a.csv"), "@i\n1\n2\n3\n");
    assert!(messages(&done)[0].contains("3 values are outside the records /t/a"), "{:?}", messages(&done));
    let done = spec("convert", &tree.path()).option("to", "csv").option("record_path", "/t/b").run();
    assert_eq!(made(&done, "a.csv"), "c\nx\ny\n");
    let told = messages(&done);
    assert!(
        told.iter().any(|told| told == "b.csv: the options record_path do not apply to delimited text files"),
        "{told:?}"
    );
    let done = spec("convert", &tree.path()).option("record_path", "/t/none").run();
    assert!(messages(&done).iter().any(|told| told.contains("no element at /t/none")), "{:?}", messages(&done));
    for wrong in ["t/a", "/t/@a", "/t//a", "/"] {
        let error = spec("convert", &tree.path()).option("record_path", wrong).fails().to_string();
        assert!(error.contains("record_path"), "{error}");
    }
}

#[test]
fn rejects_null_words_and_schemas_are_those_of_text() {
    let tree = Tree::new();
    let rows: String = (0..30).map(|n| format!("<r><n>{n}</n><c>NA</c></r>")).collect();
    tree.file("a.xml", format!("<t>{rows}<r><n>NA</n><c>x\ny,\"z\"</c></r><r><n>bad</n><c/></r></t>"));
    let done = spec("convert", &tree.path()).option("column_types", serde_json::json!(["n=integer"])).run();
    let [read, written, rejected] =
        ["records_read", "records_written", "records_rejected"].map(|name| done.summary()[name].as_u64().unwrap());
    assert_eq!((read, written, rejected), (32, 31, 1));
    assert_eq!(made(&done, "a.rejects.csv"), "\"n\",\"c\"\nbad,\"\"\n");
    assert_eq!(messages(&done).iter().filter(|told| told.contains("quote") || told.contains("lines")).count(), 0);
    let schema = r#"{"fields": [{"name": "n", "type": "integer"}, {"name": "c", "type": "string"}]}"#;
    let done = spec("validate", &tree.path()).option("schema_text", schema).run();
    let errors: Vec<u64> = done.table("errors").iter().map(|row| row.integer("record") as u64).collect();
    assert_eq!(errors, [32]);
}

#[test]
fn a_bomb_is_an_issue_and_takes_no_memory() {
    let tree = Tree::new();
    let bomb = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><l><r>&b;</r><r>&b;</r></l>";
    tree.file("bomb.xml", bomb).file("deep.xml", "<a>".repeat(1 << 20));
    let names: String = (0..20_000).map(|n| format!("<e{n}/>")).collect();
    tree.file("names.xml", format!("<t>{names}</t>"))
        .file("long.xml", format!("<t><r>{}</r></t>", "x".repeat(20 << 20)));
    tree.file("wide.xml", format!("<t>{}<r/><r/></t>", names[..90_000].rsplit_once('<').unwrap().0));
    let done = convert(&tree);
    let told = messages(&done);
    for words in
        ["bomb.xml: line 1: uses the entity &b;", "deep.xml: line 1: elements are nested", "names.xml: ", "long.xml: "]
    {
        assert!(told.iter().any(|message| message.starts_with(words)), "{words}: {told:#?}");
    }
}

#[test]
fn a_bucket_gives_what_a_directory_gives_and_a_cut_stream_is_told() {
    let (document, _) = catalog(2_000);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(document.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let cut = packed[..packed.len() / 2].to_vec();
    let files = [("plain.xml", document.clone().into_bytes()), ("packed.xml.gz", packed.clone()), ("cut.xml.gz", cut)];
    let (tree, bucket) =
        (Tree::new(), Bucket::new(files.clone().map(|(name, content)| (format!("in/{name}"), content))));
    for (name, content) in &files {
        tree.file(name, content);
    }
    for (operation, tables) in [
        ("profile", &["result", "files"][..]),
        ("validate", &["result", "counts"]),
        ("convert", &["result", "columns"]),
    ] {
        let (here, there) = (spec(operation, &tree.path()).run(), bucket.spec(operation, "in").run());
        for table in tables {
            let rows = |done: &Done| {
                let mut rows: Vec<String> = done.table(table).iter().map(|row| format!("{:?}", row.0)).collect();
                rows.sort();
                rows
            };
            assert_eq!(rows(&here), rows(&there), "{operation}.{table}");
        }
        for done in [&here, &there] {
            let told = messages(done);
            assert!(told.iter().any(|message| message.starts_with("cut.xml.gz: is a damaged gzip")), "{told:?}");
            assert!(!told.iter().any(|message| message.starts_with("p")), "{told:?}");
        }
        if operation != "profile" {
            let found = here.by_path("result");
            let verdict = |name: &str| found[name.as_bytes()].text("verdict").to_owned();
            let good = if operation == "convert" { "whole" } else { "valid" };
            assert_eq!((verdict("packed.xml.gz"), verdict("cut.xml.gz")), (good.to_owned(), "partial".to_owned()));
            // As many records as came before the cut.
            let count = if operation == "convert" { "records_written" } else { "records" };
            let records = found[&b"cut.xml.gz"[..]].integer(count);
            assert!((500..2_000).contains(&records), "{records}");
        }
    }
}
