//! The operations. Each file owns one: its options, its tables, its `run`; none uses another.

pub mod checksum;
pub mod inventory;
pub mod verify;

use std::sync::Arc;
use std::time::SystemTime;

use crate::columns::Column;
use crate::control::Control;
use crate::error::Result;
use crate::outcome::Report;
use crate::sink::Sink;
use crate::spec::Request;
use crate::walk::open::Root;
use crate::walk::rules::WalkOptions;

/// What every operation is given.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The open source.
    pub root: &'a Arc<Root>,
    /// What of it to visit.
    pub walk: &'a WalkOptions,
    /// Where tables go.
    pub sink: &'a Arc<Sink>,
    /// Counters and cancel flag.
    pub control: &'a Arc<Control>,
    /// Threads for scanning and for computing, each.
    pub threads: usize,
    /// When the job began.
    pub started: SystemTime,
}

/// Run one operation.
///
/// # Errors
/// What ended it.
pub fn run(request: &Request, context: &Context<'_>) -> Result<Report> {
    match request {
        Request::Inventory(options) => inventory::run(options, context),
        Request::Checksum(options) => checksum::run(options, context),
        Request::Verify(options) => verify::run(options, context),
    }
}

/// A table's name with its columns, in order.
pub type TableColumns = (&'static str, &'static [Column]);

/// Every operation with its default options and its tables: what the contract test compares.
pub fn declarations() -> serde_json::Value {
    let columns = |columns: &[Column]| -> serde_json::Value {
        columns.iter().map(|column| serde_json::json!({"name": column.name, "dtype": column.type_name()})).collect()
    };
    let tables = |tables: &[TableColumns]| -> serde_json::Value {
        tables.iter().map(|(name, of)| ((*name).to_owned(), columns(of))).collect::<serde_json::Map<_, _>>().into()
    };
    serde_json::json!({
        "walk": WalkOptions::default(),
        "issues": columns(crate::issue::COLUMNS),
        "operations": {
            "inventory": {"options": inventory::InventoryOptions::default(), "tables": tables(inventory::TABLES)},
            "checksum": {"options": checksum::ChecksumOptions::default(), "tables": tables(checksum::TABLES)},
            "verify": {"options": verify::VerifyOptions::default(), "tables": tables(verify::TABLES)},
        },
    })
}
