//! What a job says at its end: `issues.parquet`, then `outcome.json`, the last thing written.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::job::spec::JobSpec;
use crate::ops::Request;
use pravah_foundation::base::control::{Control, Shard};
use pravah_foundation::base::error::{EngineError, Result};
use pravah_foundation::source::walk::WalkTotals;
use pravah_foundation::store::report::{OutputFile, Report};
use pravah_foundation::store::sink::JobFolder;

/// The outcome: what `outcome.json` holds.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The document.
    pub document: Value,
}

impl Outcome {
    /// The document as JSON text.
    pub fn to_json(&self) -> Vec<u8> {
        self.document.to_string().into_bytes()
    }
}

/// Write issues and outcome; the job is complete when this returns.
///
/// # Errors
/// [`EngineError::Output`].
pub fn write(
    spec: &JobSpec,
    folder: &JobFolder,
    control: &Control,
    totals: WalkTotals,
    reports: Vec<Report>,
    started: SystemTime,
) -> Result<Outcome> {
    // The last look: after it the job completes, whoever asks it to stop.
    control.check()?;
    control.issues().finish()?;
    let (issues, incomplete) = (control.issues().count(), control.issues().incomplete());
    control.finish();
    let stages: Vec<Value> =
        control.stage_seconds().iter().map(|(name, seconds)| json!({"name": name, "seconds": seconds})).collect();
    let not_covered = reports.iter().filter_map(|report| report.not_covered).max().unwrap_or(issues);
    let shards = control.shards(0);
    let results = spec.requests.iter().zip(reports).map(|(request, report)| result(request, report, &shards));
    let document = json!({
        "version": 1,
        "engine_version": pravah_foundation::base::version::VERSION,
        "walk": spec.walk,
        "source": spec.source,
        "started_at": rfc3339(started),
        "finished_at": rfc3339(SystemTime::now()),
        "elapsed_seconds": control.elapsed_seconds(),
        "stages": stages,
        // Of the whole job, whatever its operations are: the one question is whether all was read that was asked for.
        "verdict": if incomplete == 0 { "complete" } else { "incomplete" },
        "counts": {
            "files": totals.files,
            "directories": totals.directories,
            "bytes": totals.bytes,
            "issues": issues,
            "incomplete": incomplete,
            "filtered": totals.filtered,
            "not_covered": not_covered,
        },
        "results": results.collect::<Result<Vec<Value>>>()?,
    });
    let outcome = Outcome { document };
    folder.write_file("outcome.json", &outcome.to_json())?;
    Ok(outcome)
}

fn result(request: &Request, report: Report, shards: &[Shard]) -> Result<Value> {
    let mut described = serde_json::to_value(request).map_err(|error| EngineError::internal(error.to_string()))?;
    let in_job = |file: OutputFile| OutputFile { name: format!("{}/{}", request.name(), file.name), ..file };
    let files: Vec<OutputFile> = report.files.into_iter().map(in_job).collect();
    let own: Vec<&Shard> = shards.iter().filter(|shard| shard.operation == request.name()).collect();
    described["tables"] = tables(&own).into();
    described["files"] = json!(files);
    described["summary"] = report.summary;
    Ok(described)
}

fn tables(shards: &[&Shard]) -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for shard in shards {
        if !names.contains(&shard.table.as_str()) {
            names.push(&shard.table);
        }
    }
    // The main table first, whichever shard was final first.
    names.sort_by_key(|name| *name != "result");
    let describe = |name: &&str| {
        let mut parts: Vec<&&Shard> = shards.iter().filter(|shard| shard.table == **name).collect();
        parts.sort_by(|one, other| one.path.cmp(&other.path));
        let listed: Vec<Value> = parts
            .iter()
            .map(|part| json!({"path": part.path, "rows": part.rows, "bytes": part.bytes, "blake3": part.blake3}))
            .collect();
        json!({
            "name": name,
            "rows": parts.iter().map(|part| part.rows).sum::<u64>(),
            "bytes": parts.iter().map(|part| part.bytes).sum::<u64>(),
            "shards": listed,
        })
    };
    names.iter().map(describe).collect()
}

fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}
