//! Jobs in a world of their own, where something is mounted.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::run::Spec;

/// What a job prints where `mount` was run before, a command with these two as its arguments; none where that is not
/// allowed.
pub fn run_mounted(job: &Spec, mount: &str, from: &Path, to: &Path) -> Option<String> {
    let (outcome, is_well) = run_then(job, mount, "true", from, to)?;
    assert!(is_well || outcome.is_empty(), "the job itself runs everywhere");
    is_well.then_some(outcome)
}

/// The same with a command behind it, and whether the job went well.
pub fn run_then(job: &Spec, mount: &str, then: &str, from: &Path, to: &Path) -> Option<(String, bool)> {
    let mut example = std::env::current_exe().unwrap();
    example.pop();
    example.pop();
    let command = format!("{{ {mount}; }} || exit 77; \"$3\"; went=$?; {then}; exit $went");
    let mut child = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &command, "sh"])
        .args([from, to, &example.join("examples/run_job")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .ok()?;
    let _ = child.stdin.take().unwrap().write_all(&job.json());
    let output = child.wait_with_output().unwrap();
    let is_mounted = output.status.code() != Some(77) && (output.status.success() || output.status.code() != Some(1));
    is_mounted.then(|| (String::from_utf8(output.stdout).unwrap(), output.status.success()))
}
