//! Runs one job without Python: a job specification on standard input, its outcome on standard output.
//!
//! `--peak` prints the largest resident size of the process, in KiB, on standard error after the job. `--defaults` prints
//! every operation's default options and tables instead. An error is one JSON object,
//! `{"code", "message"}`, on standard error, and the exit status of the error table (2 for an unacceptable
//! specification, 3 for the source, 5 for the output, 70 for a bug); this is the seed of a service of its own.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use pravah_engine::Control;
use pravah_engine::EngineError;
use pravah_engine::declarations;
use pravah_engine::run;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let document = match argument.as_deref() {
        Some("--defaults") => Ok(declarations().to_string().into_bytes()),
        None | Some("--peak") => read_and_run(),
        Some(_) => Err(EngineError::invalid("usage: run_job [--defaults | --peak] < job specification")),
    };
    if argument.as_deref() == Some("--peak") {
        eprintln!("{}", peak_kib());
    }
    match document {
        Ok(document) => print(&document),
        Err(error) => {
            eprintln!("{}", serde_json::json!({"code": error.code(), "message": error.to_string()}));
            ExitCode::from(error.exit_status())
        }
    }
}

fn read_and_run() -> Result<Vec<u8>, EngineError> {
    let mut spec = Vec::new();
    let read = io::stdin().read_to_end(&mut spec);
    read.map_err(|error| EngineError::invalid(format!("the job specification cannot be read: {error}")))?;
    run(&spec, &Arc::new(Control::new())).map(|outcome| outcome.to_json())
}

/// As the kernel has it; 0 where it does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn print(document: &[u8]) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(document).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
