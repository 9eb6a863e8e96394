//! Jobs on trees.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pravah_engine::Job;
use pravah_foundation::base::control::Control;
use pravah_foundation::base::error::{EngineError, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::rows::{self, Row};

/// A job specification that is put together call by call.
#[derive(Clone)]
pub struct Spec(pub Value);

pub fn spec(operation: &str, source: &Path) -> Spec {
    let hex: String = source.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Spec(json!({
        "version": 1, "operations": [{"operation": operation, "options": {}}], "walk": {}, "threads": 2,
        "source": {"path": source.to_string_lossy(), "path_bytes": hex},
        "output": {"directory": "/nowhere"},
    }))
}

impl Spec {
    fn set(mut self, part: &str, name: &str, value: impl Into<Value>) -> Self {
        self.0[part][name] = value.into();
        self
    }

    /// One operation more; the options that follow are its own.
    pub fn and(mut self, operation: &str) -> Self {
        let operations = self.0["operations"].as_array_mut().unwrap();
        operations.push(json!({"operation": operation, "options": {}}));
        self
    }

    /// An option of the last operation.
    pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
        let operations = self.0["operations"].as_array_mut().unwrap();
        operations.last_mut().unwrap()["options"][name] = value.into();
        self
    }

    pub fn walk(self, name: &str, value: impl Into<Value>) -> Self {
        self.set("walk", name, value)
    }

    pub fn output(self, name: &str, value: impl Into<Value>) -> Self {
        self.set("output", name, value)
    }

    pub fn threads(mut self, threads: usize) -> Self {
        self.0["threads"] = threads.into();
        self
    }

    pub fn chunk_bytes(mut self, bytes: usize) -> Self {
        self.0["chunk_bytes"] = bytes.into();
        self
    }

    pub fn baselines(mut self, baselines: Value) -> Self {
        self.0["baselines"] = baselines;
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
        let done = Done { folder: Arc::new(folder), outcome, operation: 0 };
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

/// A job that completed, seen from one of its operations: at first the first.
pub struct Done {
    folder: Arc<TempDir>,
    pub outcome: Value,
    operation: usize,
}

impl Done {
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The same job, seen from another of its operations.
    pub fn of(&self, operation: &str) -> Self {
        let results = self.outcome["results"].as_array().unwrap();
        let index = results.iter().position(|result| result["operation"] == operation);
        Self { folder: Arc::clone(&self.folder), outcome: self.outcome.clone(), operation: index.unwrap() }
    }

    pub fn result(&self) -> &Value {
        &self.outcome["results"][self.operation]
    }

    pub fn summary(&self) -> &Value {
        &self.result()["summary"]
    }

    pub fn count(&self, name: &str) -> u64 {
        self.outcome["counts"][name].as_u64().unwrap()
    }

    fn listed(&self, table: &str) -> &Value {
        let tables = self.result()["tables"].as_array().unwrap();
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

    /// A file of the operation.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.own_folder().join(name)).unwrap()
    }

    /// The operation's own folder.
    pub fn own_folder(&self) -> PathBuf {
        self.folder().join(self.result()["operation"].as_str().unwrap())
    }

    /// The promises of every job folder: what the documents say is what is on the disk, and nothing else is.
    fn check(&self) {
        let text = |name: &str| fs::read_to_string(self.folder().join(name)).unwrap();
        assert_eq!(text("outcome.json"), self.outcome.to_string());
        let mut journal: Vec<Value> =
            text("shards.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut listed = Vec::new();
        let mut expected = vec!["issues.parquet".to_owned(), "outcome.json".into(), "shards.jsonl".into()];
        for result in self.outcome["results"].as_array().unwrap() {
            for table in result["tables"].as_array().unwrap() {
                let shards = self.check_table(&result["operation"], table);
                expected.extend(shards.iter().map(|shard| shard["path"].as_str().unwrap().to_owned()));
                listed.extend(shards);
            }
            for file in result["files"].as_array().unwrap() {
                let name = file["name"].as_str().unwrap();
                let size = fs::metadata(self.folder().join(name)).unwrap().len();
                assert_eq!(file["bytes"].as_u64(), Some(size));
                expected.push(name.to_owned());
            }
        }
        let key = |shard: &Value| shard["path"].as_str().unwrap().to_owned();
        journal.sort_by_key(key);
        listed.sort_by_key(key);
        assert_eq!(journal, listed, "shards.jsonl against outcome.json");
        expected.sort();
        assert_eq!(files_below(&self.folder()), expected);
        assert_eq!(self.count("issues"), self.issues().len() as u64);
    }

    /// The journal's lines of a table.
    fn check_table(&self, operation: &Value, table: &Value) -> Vec<Value> {
        let (mut rows, mut lines) = (0, Vec::new());
        for shard in table["shards"].as_array().unwrap() {
            let path = shard["path"].as_str().unwrap();
            assert!(path.starts_with(&format!("{}/", operation.as_str().unwrap())), "{path}");
            let size = fs::metadata(self.folder().join(path)).unwrap().len();
            assert_eq!(shard["bytes"].as_u64(), Some(size), "{path}");
            let held = rows::read(&self.folder().join(path)).len() as u64;
            assert_eq!(shard["rows"].as_u64(), Some(held), "{path}");
            rows += held;
            let digest = blake3::hash(&fs::read(self.folder().join(path)).unwrap()).to_hex().to_string();
            assert_eq!(shard["blake3"], json!(digest), "{path}");
            let (name, bytes) = (&table["name"], &shard["bytes"]);
            lines.push(json!({
                "operation": operation, "table": name, "path": path, "rows": held, "bytes": bytes, "blake3": digest,
            }));
        }
        assert_eq!(table["rows"].as_u64(), Some(rows));
        lines
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
