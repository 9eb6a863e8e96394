//! What a file claims of its sizes is no reason to take that much memory: such a file is an issue, and no other one is.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, NullArray, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

use crate::common::run::{Done, spec};
use crate::common::tree::Tree;

const ROWS: usize = 1000;

/// All files of a tree are issues that say `words`, but the one that is whole.
fn all_but_one_are_told(tree: &Tree, words: &str) {
    for operation in ["profile", "convert", "validate"] {
        let done: Done = spec(operation, &tree.path()).run();
        let issues = done.issues();
        assert_eq!(issues.len() as u64, done.count("files") - 1, "{issues:?}");
        for issue in &issues {
            assert_eq!((issue.text("kind"), issue.path() == b"whole.csv"), ("malformed", false), "{issue:?}");
            assert!(issue.text("message").contains(words), "{issue:?}");
        }
    }
}

/// A table whose column is compressed, as a file and as a stream.
pub fn compressed(codec: CompressionType) -> [(&'static str, Vec<u8>); 2] {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![0; ROWS]));
    let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
    let options = || IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
    let (mut file, mut stream) = (Vec::new(), Vec::new());
    let mut writer = FileWriter::try_new_with_options(&mut file, &batch.schema(), options()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let mut writer = StreamWriter::try_new_with_options(&mut stream, &batch.schema(), options()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    [("arrow", file), ("arrows", stream)]
}

#[test]
fn buffers_of_arrow_that_claim_to_unpack_to_more_than_there_is() {
    let tree = Tree::new();
    tree.file("whole.csv", "n\n1\n");
    let size = (ROWS as u64 * 8).to_le_bytes();
    for (codec, name) in [(CompressionType::LZ4_FRAME, "lz4"), (CompressionType::ZSTD, "zstd")] {
        for (suffix, content) in compressed(codec) {
            let at = content.windows(8).position(|window| window == size).unwrap();
            for claimed in [100_u64 << 30, 1 << 48, i64::MAX as u64] {
                let mut hostile = content.clone();
                hostile[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
                tree.file(format!("{name}-{claimed}.{suffix}"), &hostile);
            }
        }
    }
    all_but_one_are_told(&tree, "unpack to");
}

#[test]
fn parts_of_arrow_files_that_claim_to_be_longer_than_the_file() {
    let tree = Tree::new();
    tree.file("whole.csv", "n\n1\n");
    let [(_, file), (_, stream)] = compressed(CompressionType::LZ4_FRAME);
    let footer = file.len() - 10;
    let mut hostile = file.clone();
    hostile[footer..footer + 4].copy_from_slice(&i32::MAX.to_le_bytes());
    tree.file("footer.arrow", &hostile);
    // The length of the first message, behind its mark.
    let mut hostile = stream;
    hostile[4..8].copy_from_slice(&i32::MAX.to_le_bytes());
    tree.file("message.arrows", &hostile);
    all_but_one_are_told(&tree, "it claims");
}

#[test]
fn a_batch_of_nulls_that_claims_more_rows_than_anybody_reads() {
    let tree = Tree::new();
    tree.file("whole.csv", "n\n1\n");
    let column: ArrayRef = Arc::new(NullArray::new(1 << 40));
    let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
    let file = File::create(tree.path().join("nulls.arrow")).unwrap();
    let mut writer = FileWriter::try_new(file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    all_but_one_are_told(&tree, "a batch of 1099511627776 rows");
}

#[test]
fn dictionaries_of_more_bytes_than_are_kept() {
    let tree = Tree::new();
    tree.file("whole.csv", "n\n1\n");
    // Two of 96 MiB each, of zeros: a hole in the file would do as well.
    let values: ArrayRef = Arc::new(StringArray::from_iter_values((0..96).map(|_| "\0".repeat(1 << 20))));
    let column = || -> ArrayRef {
        let keys = Int32Array::from_iter_values(0..96);
        Arc::new(DictionaryArray::try_new(keys, Arc::clone(&values)).unwrap())
    };
    for (name, columns) in [("one", 1), ("two", 2)] {
        let batch = RecordBatch::try_from_iter((0..columns).map(|place| (format!("c{place}"), column()))).unwrap();
        let file = File::create(tree.path().join(format!("{name}.arrow"))).unwrap();
        let mut writer = FileWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    }
    let done = spec("profile", &tree.path()).run();
    let issues = done.issues();
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert_eq!((issues[0].path(), issues[0].text("kind")), (b"two.arrow".to_vec(), "malformed"));
    assert!(issues[0].text("message").contains("it claims dictionaries of 2"), "{issues:?}");
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A number in the form of Thrift, behind the header of its field.
fn field(header: u8, value: i64, out: &mut Vec<u8>) {
    out.push(header);
    varint(((value << 1) ^ (value >> 63)) as u64, out);
}

/// A Parquet file of one column of one page, whose header claims what is said here.
pub fn parquet(is_dictionary: bool, unpacked: i64, packed: i64, values: i64) -> Vec<u8> {
    let mut file = b"PAR1".to_vec();
    // Type, sizes.
    field(0x15, if is_dictionary { 2 } else { 0 }, &mut file);
    field(0x15, unpacked, &mut file);
    field(0x15, packed, &mut file);
    // The header of a dictionary is field 7, that of a page of data field 5.
    file.push(if is_dictionary { 0x4c } else { 0x2c });
    field(0x15, values, &mut file);
    let encodings: &[i64] = if is_dictionary { &[0] } else { &[0, 3, 3] };
    encodings.iter().for_each(|&encoding| field(0x15, encoding, &mut file));
    file.extend([0, 0]);
    file.extend([7; 64]);
    let length = file.len() as i64 - 4;
    let schema = parse_message_type("message m { required int64 n; }").unwrap();
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
    let column = ColumnChunkMetaData::builder(schema.column(0))
        .set_compression(Compression::SNAPPY)
        .set_encodings(vec![Encoding::PLAIN])
        .set_num_values(values)
        .set_total_compressed_size(length)
        .set_total_uncompressed_size(unpacked)
        .set_data_page_offset(4)
        .set_dictionary_page_offset(is_dictionary.then_some(4))
        .build()
        .unwrap();
    let group = RowGroupMetaData::builder(Arc::clone(&schema))
        .set_num_rows(values)
        .set_total_byte_size(unpacked)
        .set_column_metadata(vec![column])
        .build()
        .unwrap();
    let metadata = ParquetMetaData::new(FileMetaData::new(1, values, None, None, schema, None), vec![group]);
    ParquetMetaDataWriter::new(&mut file, &metadata).finish().unwrap();
    file
}

#[test]
fn pages_of_parquet_that_claim_to_unpack_to_gigabytes() {
    let tree = Tree::new();
    tree.file("whole.csv", "n\n1\n");
    let most = i64::from(i32::MAX);
    tree.file("data.parquet", parquet(false, most, 64, 8));
    tree.file("dictionary.parquet", parquet(true, most, 64, 8));
    tree.file("values.parquet", parquet(true, 64, 64, most));
    all_but_one_are_told(&tree, "claims");
}

/// A number of Thrift without a sign, and those of a block of differences (DELTA_BINARY_PACKED).
pub fn lengths(count: u64, first: i64) -> Vec<u8> {
    let mut out = Vec::new();
    [128, 4, count].into_iter().for_each(|number| varint(number, &mut out));
    varint(((first << 1) ^ (first >> 63)) as u64, &mut out);
    // Blocks of no differences: all are as long.
    (1..count.min(100_000)).step_by(128).for_each(|_| out.extend([0; 5]));
    out
}

/// A page of such values as they are, without nulls.
fn page(encoding: i64, count: i64, values: &[u8]) -> Vec<u8> {
    let mut page = Vec::new();
    field(0x15, 0, &mut page);
    [values.len() as i64; 2].iter().for_each(|&length| field(0x15, length, &mut page));
    page.push(0x2c);
    field(0x15, count, &mut page);
    [encoding, 3, 3].iter().for_each(|&encoding| field(0x15, encoding, &mut page));
    page.extend([0, 0]);
    page.extend(values);
    page
}

/// A Parquet file of one column of texts in one page.
pub fn texts(encoding: i64, count: i64, values: &[u8]) -> Vec<u8> {
    let file = [b"PAR1", &page(encoding, count, values)[..]].concat();
    footer(file, "required binary s (UTF8);", Compression::UNCOMPRESSED, count, 4, None)
}

/// A file of one chunk, with its metadata.
fn footer(
    mut file: Vec<u8>,
    column: &str,
    compression: Compression,
    rows: i64,
    data_at: i64,
    dictionary_at: Option<i64>,
) -> Vec<u8> {
    let length = file.len() as i64 - 4;
    let schema = parse_message_type(&format!("message m {{ {column} }}")).unwrap();
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
    let column = ColumnChunkMetaData::builder(schema.column(0))
        .set_compression(compression)
        .set_encodings(vec![Encoding::PLAIN])
        .set_num_values(rows)
        .set_total_compressed_size(length)
        .set_total_uncompressed_size(length)
        .set_data_page_offset(data_at)
        .set_dictionary_page_offset(dictionary_at)
        .build()
        .unwrap();
    let group = RowGroupMetaData::builder(Arc::clone(&schema))
        .set_num_rows(rows)
        .set_total_byte_size(length)
        .set_column_metadata(vec![column])
        .build()
        .unwrap();
    let metadata = ParquetMetaData::new(FileMetaData::new(1, rows, None, None, schema, None), vec![group]);
    ParquetMetaDataWriter::new(&mut file, &metadata).finish().unwrap();
    file
}

#[test]
fn lengths_of_texts_that_a_page_has_no_room_for() {
    let tree = Tree::new();
    tree.file("whole.csv", "n\n1\n");
    let (far, text) = (1 << 40, [b'x'; 64]);
    // DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY: more lengths than values, and than the other list has.
    tree.file("lengths.parquet", texts(6, 8, &[&lengths(far, 1)[..], &text].concat()));
    tree.file("prefixes.parquet", texts(7, 8, &[&lengths(far, 0)[..], &text].concat()));
    tree.file("suffixes.parquet", texts(7, 8, &[&lengths(8, 0)[..], &lengths(far, 1), &text].concat()));
    // A text of 64 KiB that all others begin with: gigabytes.
    let count = 60_000;
    let mut prefixes = lengths(count, 0);
    // The second value has all of the first one, the others as much as that.
    let start = prefixes.len() - (count as usize - 1).div_ceil(128) * 5;
    prefixes.truncate(start);
    (1..count).step_by(128).enumerate().for_each(|(block, _)| {
        // One difference of 2^16 in the first block, in 32 bits.
        prefixes.extend(if block == 0 { vec![0, 32, 0, 0, 0] } else { vec![0; 5] });
        if block == 0 {
            prefixes.extend([&(1_u32 << 16).to_le_bytes()[..], &[0; 31 * 4]].concat());
        }
    });
    let mut suffixes = Vec::new();
    [128, 4, count].into_iter().for_each(|number| varint(number, &mut suffixes));
    varint(1 << 17, &mut suffixes);
    (1..count).step_by(128).enumerate().for_each(|(block, _)| {
        suffixes.extend(if block == 0 { vec![0, 32, 0, 0, 0] } else { vec![0; 5] });
        if block == 0 {
            suffixes.extend([&(-(1_i32 << 16)).to_le_bytes()[..], &[0; 31 * 4]].concat());
        }
    });
    tree.file("alike.parquet", texts(7, count as i64, &[&prefixes[..], &suffixes, &vec![b'x'; 1 << 16]].concat()));
    let done = spec("profile", &tree.path()).run();
    let mut told: Vec<_> =
        done.issues().iter().map(|row| (row.text("path").to_owned(), row.text("message").to_owned())).collect();
    told.sort();
    let words = [
        "unpack to",
        "lengths of a page are damaged",
        "lengths of a page are damaged",
        "lengths of a page are damaged",
    ];
    assert_eq!(told.len(), words.len(), "{told:?}");
    told.iter().zip(words).for_each(|((_, message), words)| assert!(message.contains(words), "{told:?}"));
}

#[test]
fn a_manifest_that_claims_what_it_has_no_room_for() {
    let tree = Tree::new();
    tree.file("a", "");
    let (far, text) = (1 << 40, [b'x'; 64]);
    let column = "required binary blake3 (UTF8);";
    // Pages as they are, whose lengths of texts claim 2^40, and one that claims to unpack to 2 GiB.
    let of = |encoding, values: &[u8]| {
        let page = texts(encoding, 8, values);
        let end = page.windows(text.len()).rposition(|window| window == text).unwrap() + text.len();
        footer(page[..end].to_vec(), column, Compression::UNCOMPRESSED, 8, 4, None)
    };
    let page = parquet(false, i64::from(i32::MAX), 64, 8);
    let end = page.windows(64).position(|window| window == [7; 64]).unwrap() + 64;
    let unpacked = footer(page[..end].to_vec(), column, Compression::SNAPPY, 8, 4, None);
    for (content, words) in [
        (of(6, &[&lengths(far, 1)[..], &text].concat()), "lengths of a page are damaged"),
        (of(7, &[&lengths(far, 0)[..], &text].concat()), "lengths of a page are damaged"),
        (unpacked, "it claims that 64 bytes unpack to 2147483647"),
    ] {
        let manifest = tree.beside("manifest.parquet");
        std::fs::write(&manifest, content).unwrap();
        let error = spec("verify", &tree.path()).option("manifest", manifest.to_str().unwrap()).fails();
        let told = error.to_string();
        assert!(told.contains("is not a checksum result") && told.contains(words), "{told}");
    }
}

/// A file of columns of one page each, as they are: what is said of a column in the schema, and its page.
fn pages(columns: &[(&str, Vec<u8>)], rows: i64) -> Vec<u8> {
    let (mut file, mut places) = (b"PAR1".to_vec(), Vec::new());
    for (_, page) in columns {
        places.push((file.len() as i64, page.len() as i64));
        file.extend(page);
    }
    let fields: String = columns.iter().map(|(column, _)| *column).collect();
    let schema = parse_message_type(&format!("message m {{ {fields} }}")).unwrap();
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
    let chunks = places.iter().enumerate().map(|(place, &(at, length))| {
        let chunk = ColumnChunkMetaData::builder(schema.column(place)).set_encodings(vec![Encoding::PLAIN]);
        let chunk = chunk.set_num_values(rows).set_data_page_offset(at);
        chunk.set_total_compressed_size(length).set_total_uncompressed_size(length).build().unwrap()
    });
    let group = RowGroupMetaData::builder(Arc::clone(&schema)).set_num_rows(rows).set_column_metadata(chunks.collect());
    let metadata = FileMetaData::new(1, rows, None, None, Arc::clone(&schema), None);
    let metadata = ParquetMetaData::new(metadata, vec![group.build().unwrap()]);
    ParquetMetaDataWriter::new(&mut file, &metadata).finish().unwrap();
    file
}

#[test]
fn shards_of_earlier_runs_that_claim_what_they_have_no_room_for() {
    let tree = Tree::new();
    tree.file("a", "");
    let meta = std::fs::metadata(tree.at("a")).unwrap();
    let number = |number: i64| page(0, 1, &number.to_le_bytes());
    let text = |text: &str| page(0, 1, &[&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat());
    let time = |seconds: i64, nanoseconds: i64| number(seconds * 1_000_000_000 + nanoseconds);
    let planted = |path: Vec<u8>, digest: Vec<u8>| {
        let moment = |name: &str| format!("required int64 {name} (TIMESTAMP(NANOS,true));");
        let (modified, changed) = (moment("modified"), moment("changed"));
        let columns = [
            ("required binary path (UTF8);", path),
            ("required int64 size_bytes;", number(0)),
            (&modified, time(meta.mtime(), meta.mtime_nsec())),
            (&changed, time(meta.ctime(), meta.ctime_nsec())),
            ("required int64 inode (INTEGER(64,false));", number(meta.ino() as i64)),
            ("required binary blake3 (UTF8);", digest),
            ("required binary path_raw;", text("a")),
        ];
        let shard = tree.beside("earlier/result/part-00000.parquet");
        std::fs::create_dir_all(shard.parent().unwrap()).unwrap();
        std::fs::write(&shard, pages(&columns, 1)).unwrap();
        let job = spec("checksum", &tree.path()).option("algorithms", serde_json::json!(["blake3"]));
        job.baselines(serde_json::json!({"checksum": [shard]})).run()
    };
    let digest = "0".repeat(64);
    let done = planted(text("a"), text(&digest));
    assert_eq!(done.summary()["reused_files"], 1, "what claims nothing false is taken over: {}", done.outcome);
    // Lengths of 2^40 texts, a page that unpacks to 2 GiB, one that is longer than its file, and one that has no end.
    let far = [&lengths(1 << 40, 1)[..], &[b'x'; 64]].concat();
    let mut header = Vec::new();
    [0, i64::from(i32::MAX), 64].iter().for_each(|&number| field(0x15, number, &mut header));
    header.extend([0x2c, 0x15, 2, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]);
    for hostile in [page(6, 1, &far), page(7, 1, &far), header.clone(), [&header[..], &[7; 64]].concat(), vec![7; 64]] {
        for done in [planted(hostile.clone(), text(&digest)), planted(text("a"), hostile)] {
            assert_eq!(done.summary()["reused_files"], 0, "{}", done.outcome);
            assert_eq!(done.by_path("result")[&b"a"[..]].text("blake3"), blake3::hash(b"").to_hex().as_str());
            assert!(done.issues().is_empty(), "{:?}", done.issues());
        }
    }
}

#[test]
fn chunks_of_parquet_that_are_elsewhere() {
    let tree = Tree::new();
    tree.file("whole.csv", "n\n1\n");
    let page = || parquet(false, 64, 64, 8)[..40].to_vec();
    for (name, data, dictionary) in
        [("far", 1 << 40, None), ("end", 90, None), ("dictionary", 4, Some(1 << 40)), ("before", -5, None)]
    {
        let file = footer(page(), "required int64 n;", Compression::UNCOMPRESSED, 8, data, dictionary);
        tree.file(format!("{name}.parquet"), file);
    }
    all_but_one_are_told(&tree, "cannot be read as Parquet");
}

/// The checksum of pages, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[test]
fn a_page_that_is_not_what_its_checksum_says() {
    let tree = Tree::new();
    tree.file("whole.csv", "n\n1\n");
    let values: Vec<u8> = (0..8_i64).flat_map(i64::to_le_bytes).collect();
    let written = |values: &[u8], crc: u32| {
        let mut file = b"PAR1".to_vec();
        [0, 64, 64, i64::from(crc as i32)].iter().for_each(|&number| field(0x15, number, &mut file));
        file.push(0x1c);
        [8, 0, 3, 3].iter().for_each(|&number| field(0x15, number, &mut file));
        file.extend([0, 0]);
        file.extend(values);
        footer(file, "required int64 n;", Compression::UNCOMPRESSED, 8, 4, None)
    };
    let crc = crc32(&values);
    let mut flipped = values.clone();
    flipped[20] ^= 1;
    tree.file("flipped.parquet", written(&flipped, crc));
    all_but_one_are_told(&tree, "checksum");
    tree.file("flipped.parquet", written(&values, crc));
    assert!(spec("profile", &tree.path()).run().issues().is_empty());
}
