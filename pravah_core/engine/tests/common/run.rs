//! Jobs on trees.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pravah_engine::Job;
use pravah_engine::control::Control;
use pravah_engine::error::{EngineError, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::rows::{self, Row};

/// A job specification that is put together call by call.
#[derive(Clone)]
pub struct Spec(pub Value);

pub fn spec(operation: &str, source: &Path) -> Spec {
    let hex: String = source.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Spec(json!({
        "version": 1, "operation": operation, "options": {}, "walk": {}, "threads": 2,
        "source": {"path": source.to_string_lossy(), "path_bytes": hex},
        "output": {"directory": "/nowhere"},
    }))
}

impl Spec {
    fn set(mut self, part: &str, name: &str, value: impl Into<Value>) -> Self {
        self.0[part][name] = value.into();
        self
    }

    pub fn option(self, name: &str, value: impl Into<Value>) -> Self {
        self.set("options", name, value)
    }

    pub fn walk(self, name: &str, value: impl Into<Value>) -> Self {
        self.set("walk", name, value)
    }

    pub fn output(self, name: &str, value: impl Into<Value>) -> Self {
        self.set("output", name, value)
    }

    pub fn source(self, name: &str, value: impl Into<Value>) -> Self {
        self.set("source", name, value)
    }

    pub fn threads(mut self, threads: usize) -> Self {
        self.0["threads"] = threads.into();
        self
    }

    /// Prepare it with a job folder of its own.
    pub fn prepare(&self) -> (TempDir, Result<Job>) {
        let folder = super::tree::temporary_in_memory("job");
        let spec = self.clone().output("directory", folder.path().join("out").to_str().unwrap());
        let job = Job::prepare(&spec.json());
        (folder, job)
    }

    pub fn json(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    pub fn run(&self) -> Done {
        self.run_with(&Arc::new(Control::new())).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn run_with(&self, control: &Arc<Control>) -> Result<Done> {
        let (folder, job) = self.prepare();
        let outcome = job?.run(control)?.document;
        let done = Done { folder, outcome };
        done.check();
        Ok(done)
    }

    pub fn fails(&self) -> EngineError {
        match self.run_with(&Arc::new(Control::new())) {
            Ok(done) => panic!("it gave {}", done.outcome),
            Err(error) => error,
        }
    }
}

/// A job that completed.
pub struct Done {
    folder: TempDir,
    pub outcome: Value,
}

impl Done {
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub fn summary(&self) -> &Value {
        &self.outcome["summary"]
    }

    pub fn count(&self, name: &str) -> u64 {
        self.outcome["counts"][name].as_u64().unwrap()
    }

    fn listed(&self, table: &str) -> &Value {
        let tables = self.outcome["tables"].as_array().unwrap();
        tables.iter().find(|listed| listed["name"] == table).unwrap_or_else(|| panic!("no table {table}"))
    }

    /// The files of a table, as `outcome.json` lists them.
    pub fn shards(&self, table: &str) -> Vec<PathBuf> {
        let shards = self.listed(table)["shards"].as_array().unwrap();
        shards.iter().map(|shard| self.folder().join(shard["path"].as_str().unwrap())).collect()
    }

    pub fn table(&self, table: &str) -> Vec<Row> {
        self.shards(table).iter().flat_map(|shard| rows::read(shard)).collect()
    }

    /// A table's rows by path; each path is there once.
    pub fn by_path(&self, table: &str) -> BTreeMap<Vec<u8>, Row> {
        let mut rows = BTreeMap::new();
        for row in self.table(table) {
            let path = row.path();
            assert!(rows.insert(path, row.clone()).is_none(), "{row:?} is there twice");
        }
        rows
    }

    pub fn issues(&self) -> Vec<Row> {
        rows::read(&self.folder().join("issues.parquet"))
    }

    /// (kind, path) of each issue, sorted.
    pub fn issue_kinds(&self) -> Vec<(String, Vec<u8>)> {
        let mut kinds: Vec<_> =
            self.issues().iter().map(|issue| (issue.text("kind").to_owned(), issue.path())).collect();
        kinds.sort();
        kinds
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder().join(name)).unwrap()
    }

    /// The promises of every job folder: what the documents say is what is on the disk, and nothing else is.
    fn check(&self) {
        assert_eq!(String::from_utf8(self.read("outcome.json")).unwrap(), self.outcome.to_string());
        let text = String::from_utf8(self.read("shards.jsonl")).unwrap();
        let mut journal: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut listed = Vec::new();
        let mut expected = vec!["issues.parquet".to_owned(), "outcome.json".into(), "shards.jsonl".into()];
        for table in self.outcome["tables"].as_array().unwrap() {
            let mut rows = 0;
            for shard in table["shards"].as_array().unwrap() {
                let path = shard["path"].as_str().unwrap();
                let size = fs::metadata(self.folder().join(path)).unwrap().len();
                assert_eq!(shard["bytes"].as_u64(), Some(size), "{path}");
                let held = rows::read(&self.folder().join(path)).len() as u64;
                assert_eq!(shard["rows"].as_u64(), Some(held), "{path}");
                rows += held;
                expected.push(path.to_owned());
                let (table, bytes) = (&table["name"], &shard["bytes"]);
                listed.push(json!({"table": table, "path": path, "rows": held, "bytes": bytes}));
            }
            assert_eq!(table["rows"].as_u64(), Some(rows));
        }
        for file in self.outcome["files"].as_array().unwrap() {
            let name = file["name"].as_str().unwrap();
            assert_eq!(file["bytes"].as_u64(), Some(self.read(name).len() as u64));
            expected.push(name.to_owned());
        }
        let key = |shard: &Value| shard["path"].as_str().unwrap().to_owned();
        journal.sort_by_key(key);
        listed.sort_by_key(key);
        assert_eq!(journal, listed, "shards.jsonl against outcome.json");
        expected.sort();
        assert_eq!(files_below(&self.folder()), expected);
        assert_eq!(self.count("issues"), self.issues().len() as u64);
    }
}

/// Relative names of the files below a folder, sorted.
pub fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            files.push(entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
        }
    }
    files.sort();
    files
}
