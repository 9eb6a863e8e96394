//! placeholder
use super::{Context, TableColumns};
use crate::error::{EngineError, Result};
use crate::outcome::Report;
/// o
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct ChecksumOptions {}
impl ChecksumOptions { /// v
 pub fn validate(&self) -> Result<()> { Ok(()) } }
/// t
pub const TABLES: &[TableColumns] = &[];
/// r
pub fn run(_o: &ChecksumOptions, _c: &Context<'_>) -> Result<Report> { Err(EngineError::internal("later")) }
