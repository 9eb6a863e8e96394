//! A job cut into splits and put together again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::again::{same, watched};
use crate::common::rows::Row;
use crate::common::run::{Done, Spec, spec};
use crate::common::tree::{Tree, temporary_in_memory};
use pravah_engine::Cut;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::EngineError;
use serde_json::{Value, json};

const WHOLE: Cut = Cut { files: u64::MAX, bytes: u64::MAX, workers: 8 };

fn tree() -> Tree {
    let tree = Tree::new();
    for number in 0..300u32 {
        let name = format!("d{}/e{}/{number}\n\u{e9}", number % 7, number % 3);
        tree.file(&name, vec![b'x'; number as usize]);
    }
    tree.file(b"\xff\xfe", b"not text").file("empty", b"").file(".hidden", b"hidden");
    tree
}

/// The lists with their files and bytes, in order.
pub fn plan(spec: &Spec, folder: &Path, cut: Cut) -> Vec<(PathBuf, u64, u64)> {
    let (_output, job) = spec.prepare();
    let planned = job.unwrap().plan(folder, cut, &Arc::new(Control::new())).unwrap();
    let number = |split: &Value, name: &str| split[name].as_u64().unwrap();
    let split =
        |split: &Value| (folder.join(split["list"].as_str().unwrap()), number(split, "files"), number(split, "bytes"));
    planned["splits"].as_array().unwrap().iter().map(split).collect()
}

pub fn of_list(spec: &Spec, list: &Path) -> Done {
    let mut part = spec.clone();
    part.0["files"] = json!(list);
    part.run()
}

fn put_together(spec: &Spec, parts: &[Done]) -> Done {
    let mut whole = spec.clone();
    for name in ["checksum", "text_statistics"] {
        let shards: Vec<PathBuf> = parts.iter().flat_map(|part| part.of(name).shards("result")).collect();
        whole.0["splits"][name] = json!(shards);
    }
    whole.run()
}

fn both(tree: &Tree) -> Spec {
    spec("checksum", &tree.path()).and("text_statistics")
}

fn paths(rows: &[Row]) -> BTreeSet<Vec<u8>> {
    rows.iter().map(Row::path).collect()
}

#[test]
fn the_parts_of_a_job_are_its_files_once_each_and_together_its_result() {
    let tree = tree();
    let spec = both(&tree).walk("include_hidden", false);
    let alone = spec.run();
    for cut in [
        Cut { files: 1, bytes: 1, workers: 8 },
        Cut { files: 7, bytes: 1 << 40, workers: 8 },
        Cut { files: 1 << 40, bytes: 999, workers: 8 },
    ] {
        let folder = temporary_in_memory("plan");
        let splits = plan(&spec, folder.path(), cut);
        assert!(splits.len() > 30, "{cut:?} gave {}", splits.len());
        let parts: Vec<Done> = splits.iter().map(|(list, ..)| of_list(&spec, list)).collect();
        let mut seen = BTreeSet::new();
        for (part, (_, files, bytes)) in parts.iter().zip(&splits) {
            let rows = part.table("result");
            assert_eq!((rows.len() as u64, part.count("bytes")), (*files, *bytes));
            for path in paths(&rows) {
                assert!(seen.insert(path.clone()), "{path:?} is in two splits");
            }
        }
        assert_eq!(seen, paths(&alone.table("result")));
        let whole = put_together(&spec, &parts);
        for name in ["checksum", "text_statistics"] {
            let (whole, alone) = (whole.of(name), alone.of(name));
            assert_eq!(whole.by_path("result"), alone.by_path("result"));
            assert_eq!(whole.summary()["reused_files"], 0, "what its own splits found is computed");
            assert_eq!(whole.summary()["files"], alone.summary()["files"]);
        }
        assert_eq!(whole.issue_kinds(), alone.issue_kinds());
    }
    assert_eq!(plan(&spec, temporary_in_memory("plan").path(), WHOLE).len(), 1);
}

#[test]
fn no_file_is_opened_that_a_split_has_found() {
    let tree = tree();
    let spec = both(&tree);
    let folder = temporary_in_memory("plan");
    let splits = plan(&spec, folder.path(), Cut { files: 50, bytes: u64::MAX, workers: 8 });
    let parts: Vec<Done> = splits[..3].iter().map(|(list, ..)| of_list(&spec, list)).collect();
    let control = Arc::new(Control::new());
    let mut rest = spec.clone();
    rest.0["baselines"] = json!({
        "checksum": parts.iter().flat_map(|part| part.of("checksum").shards("result")).collect::<Vec<_>>(),
        "text_statistics": parts.iter().flat_map(|part| part.of("text_statistics").shards("result")).collect::<Vec<_>>(),
    });
    let done = rest.run_with(&control).unwrap();
    let known: u64 = splits[..3].iter().map(|split| split.1).sum();
    assert!(known > 50 && known < 303, "{known}");
    assert_eq!(done.summary()["reused_files"], known);
    assert_eq!(done.by_path("result"), spec.run().by_path("result"));
    // A plan of what is left names only the others.
    let left = temporary_in_memory("left");
    let files: u64 =
        plan(&rest, left.path(), Cut { files: 50, bytes: u64::MAX, workers: 8 }).iter().map(|split| split.1).sum();
    assert_eq!(files, 303 - known);
    // Known to one operation of two is not known.
    rest.0["baselines"]["text_statistics"] = json!([]);
    let folder = temporary_in_memory("left");
    let files: u64 = plan(&rest, folder.path(), WHOLE).iter().map(|split| split.1).sum();
    assert_eq!(files, 303);
}

#[test]
fn what_changed_since_the_plan_or_since_its_split_is_as_the_jobs_own_walk_sees_it() {
    let tree = tree();
    let spec = both(&tree);
    let folder = temporary_in_memory("plan");
    let splits = plan(&spec, folder.path(), Cut { files: 100, bytes: u64::MAX, workers: 8 });
    let alone_before = spec.run();
    fs::remove_file(tree.at("d0/e0/0\n\u{e9}")).unwrap();
    fs::remove_dir_all(tree.at("d1/e1")).unwrap();
    tree.file("d2/e2/2\n\u{e9}", b"other");
    let parts: Vec<Done> = splits.iter().map(|(list, ..)| of_list(&spec, list)).collect();
    // A plan is no promise: what is gone is no issue of its split. A name that no manifest can hold is one.
    let kinds: Vec<_> = parts.iter().flat_map(Done::issue_kinds).collect();
    assert_eq!(kinds, alone_before.issue_kinds());
    tree.file("d3/e0/3\n\u{e9}", b"changed after its split").file("new", b"new");
    fs::remove_file(tree.at("d4/e1/4\n\u{e9}")).unwrap();
    let (whole, alone) = (put_together(&spec, &parts), spec.run());
    for name in ["checksum", "text_statistics"] {
        assert_eq!(whole.of(name).by_path("result"), alone.of(name).by_path("result"));
    }
    assert_eq!(whole.issue_kinds(), alone.issue_kinds());
}

#[test]
fn a_list_that_is_missing_or_cut_off_ends_its_split_with_a_clear_error() {
    let tree = tree();
    let folder = temporary_in_memory("plan");
    let spec = both(&tree);
    let (list, ..) = &plan(&spec, folder.path(), WHOLE)[0];
    let bytes = fs::read(list).unwrap();
    for end in [1, bytes.len() / 2, bytes.len() - 1] {
        fs::write(list, &bytes[..end]).unwrap();
        let mut part = spec.clone();
        part.0["files"] = json!(list);
        let error = part.fails();
        assert!(matches!(error, EngineError::SourceNotFound { .. }), "{error}");
        assert!(error.to_string().contains("the list of a split"), "{error}");
    }
    let mut part = spec.clone();
    part.0["files"] = json!(folder.path().join("nowhere"));
    assert!(matches!(part.fails(), EngineError::SourceNotFound { .. }));
}

#[test]
fn a_list_leads_nowhere_out_of_the_source() {
    let tree = tree();
    tree.link("link", tree.beside("").as_os_str().as_encoded_bytes());
    fs::write(tree.beside("secret"), b"secret").unwrap();
    let folder = temporary_in_memory("plan");
    let list = folder.path().join("list");
    fs::write(&list, b"..\0secret\0\0link\0secret\0\0\0..\0\0\0../0/9\0\0..\0secret/0/9\0\0").unwrap();
    let done = of_list(&both(&tree), &list);
    assert_eq!(done.table("result").len(), 0);
    fs::write(&list, b"\0../secret\0\0").unwrap();
    let mut part = both(&tree);
    part.0["files"] = json!(list);
    assert!(matches!(part.fails(), EngineError::SourceNotFound { .. }), "no name holds a slash");
}

#[test]
fn a_plan_that_is_cancelled_ends() {
    let tree = tree();
    let (_output, job) = both(&tree).prepare();
    let control = Arc::new(Control::new());
    control.cancel();
    let planned = job.unwrap().plan(temporary_in_memory("plan").path(), WHOLE, &control);
    assert!(matches!(planned, Err(EngineError::Cancelled)), "{planned:?}");
}

#[test]
fn lines_and_figures_of_splits_are_those_of_one_run() {
    let tree = Tree::new();
    for number in 0..60u32 {
        let rows: String = (0..50 + number).map(|row| format!("{row},name {}\n", row % 9)).collect();
        tree.file(format!("{}/{number}.csv", number % 4), format!("number,name\n{rows}"));
    }
    for (operation, tables) in [("search", &["searched", "result"][..]), ("profile", &["partials"][..])] {
        let mut spec = spec(operation, &tree.path());
        if operation == "search" {
            spec = spec.option("patterns", json!(["name [3-5]", "49"]));
        }
        let alone = spec.run();
        let folder = temporary_in_memory("plan");
        let splits = plan(&spec, folder.path(), Cut { files: 7, bytes: u64::MAX, workers: 8 });
        let parts: Vec<Done> = splits.iter().map(|(list, ..)| of_list(&spec, list)).collect();
        let mut whole = spec.clone();
        let shards: Vec<PathBuf> =
            parts.iter().flat_map(|part| tables.iter().flat_map(|table| part.shards(table))).collect();
        whole.0["splits"] = json!({operation: shards});
        let (whole, opened) = watched(&whole, &tree.path());
        assert_eq!(opened, BTreeSet::new(), "{operation} opened what its splits had found");
        same(&whole, &alone);
        assert_eq!(whole.summary()["reused_files"], 0);
    }
}
