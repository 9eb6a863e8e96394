//! placeholder
use super::{Context, TableColumns};
use crate::error::{EngineError, Result};
use crate::outcome::Report;
/// o
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct VerifyOptions {}
impl VerifyOptions { /// v
 pub fn validate(&self) -> Result<()> { Ok(()) } }
/// t
pub const TABLES: &[TableColumns] = &[];
/// r
pub fn run(_o: &VerifyOptions, _c: &Context<'_>) -> Result<Report> { Err(EngineError::internal("later")) }
