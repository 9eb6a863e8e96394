//! examples/run_job.rs: a job without Python, as a program among others.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::common::run::spec;
use crate::common::tree::Tree;
use serde_json::Value;

/// Cargo builds examples beside the tests: `target/<profile>/examples`.
fn program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/run_job")
}

pub fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn error(output: &Output) -> (Option<i32>, String) {
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let error: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    assert!(!error["message"].as_str().unwrap().is_empty());
    (output.status.code(), error["code"].as_str().unwrap().to_owned())
}

#[test]
fn it_prints_the_outcome_of_the_job_on_its_input() {
    let tree = Tree::new();
    tree.file("a", "hello");
    let folder = tree.beside("out");
    let job = spec("checksum", &tree.path()).output("directory", folder.to_str().unwrap());
    let output = run(&[], &job.json());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.strip_suffix('\n'), Some(std::fs::read_to_string(folder.join("outcome.json")).unwrap().as_str()));
    assert!(output.stderr.is_empty());
    assert_eq!(error(&run(&[], &job.json())), (Some(5), "output_failed".into()), "the folder is taken now");
}

#[test]
fn its_errors_have_the_exit_statuses_of_the_table() {
    let tree = Tree::new();
    let job = spec("inventory", &tree.path()).output("directory", "/proc/none");
    assert_eq!(error(&run(&[], b"nonsense")), (Some(2), "invalid_options".into()));
    assert_eq!(error(&run(&[], b"")), (Some(2), "invalid_options".into()));
    assert_eq!(error(&run(&["--unknown"], b"")), (Some(2), "invalid_options".into()));
    let absent = spec("inventory", &tree.at("absent")).output("directory", "/proc/none");
    assert_eq!(error(&run(&[], &absent.json())), (Some(3), "source_not_found".into()));
    assert_eq!(error(&run(&[], &job.json())), (Some(5), "output_failed".into()));
}

#[test]
fn it_tells_its_declarations() {
    let output = run(&["--defaults"], b"");
    let declared: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(declared, pravah_engine::declarations());
}
