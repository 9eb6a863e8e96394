//! Runs one job without Python: a job specification on standard input, its outcome on standard output.
//!
//! `--defaults` prints every operation's default options and tables instead. Errors are one JSON object on
//! standard error and exit status 1; this is the seed of a service of its own.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use pravah_engine::{control::Control, ops, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--defaults") {
        return print(ops::declarations().to_string().as_bytes());
    }
    let mut spec = Vec::new();
    if let Err(error) = std::io::stdin().read_to_end(&mut spec) {
        eprintln!("cannot read the job specification: {error}");
        return ExitCode::FAILURE;
    }
    match run(&spec, &Arc::new(Control::new())) {
        Ok(outcome) => print(&outcome.to_json()),
        Err(error) => {
            eprintln!("{}", serde_json::json!({"code": error.code(), "message": error.to_string()}));
            ExitCode::FAILURE
        }
    }
}

fn print(document: &[u8]) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(document).and_then(|()| out.write_all(b"\n")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
