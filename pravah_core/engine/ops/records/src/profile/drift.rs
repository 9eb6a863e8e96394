//! The tables of schemas and of how they differ.

use super::file::schema_name;
use super::schemas::{Schemas, changes, shown};
use super::tables::{CHANGES, SCHEMA_COLUMNS, SCHEMAS, table};
use pravah_foundation::base::error::Result;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::Staged;

/// Names of columns that a schema's row spells out.
const SPELT: usize = 50;

/// Write the tables of schemas; how many changes they have.
///
/// # Errors
/// [`pravah_foundation::base::error::EngineError::Output`], [`pravah_foundation::base::error::EngineError::Cancelled`].
pub fn write_schemas(
    context: &pravah_foundation::run::context::Context,
    schemas: &Schemas,
) -> Result<(Vec<Staged>, u64)> {
    let mut rows = Sheet::new(&context.sink, table("schemas"), SCHEMAS);
    let mut columns = Sheet::new(&context.sink, table("schema_columns"), SCHEMA_COLUMNS);
    let mut differences = Sheet::new(&context.sink, table("changes"), CHANGES);
    let ranked = schemas.ranked();
    let mut all = 0;
    for (id, group) in &ranked {
        let name = schema_name(*id);
        // What most files have is the reference.
        let found = changes(&ranked[0].1.columns, &group.columns);
        all += found.len() as u64;
        rows.rows.text(&name);
        rows.rows.integer(group.files);
        rows.rows.integer(group.columns.len() as u64);
        rows.rows.path(&group.first);
        rows.rows.integer(found.len() as u64);
        let spelt: Vec<&str> = group.columns.iter().take(SPELT).map(|(name, _)| name.as_str()).collect();
        rows.rows.text(&spelt.join(", "));
        for (place, (column, kind)) in group.columns.iter().enumerate() {
            columns.rows.text(&name);
            columns.rows.text(column);
            columns.rows.integer(place as u64 + 1);
            columns.rows.text(shown(*kind));
            columns.write_if_full()?;
        }
        for change in found {
            differences.rows.text(&name);
            differences.rows.text(&change.column);
            differences.rows.text(change.what);
            differences.rows.text(&change.before);
            differences.rows.text(&change.after);
            differences.rows.integer(group.files);
            differences.rows.path(&group.first);
            differences.write_if_full()?;
        }
        rows.write_if_full()?;
    }
    let staged = [rows, columns, differences].into_iter().map(Sheet::stage).collect::<Result<Vec<_>>>()?;
    Ok((staged, all))
}
