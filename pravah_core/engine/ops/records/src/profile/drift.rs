//! The tables of datasets, of the schemas of their files and of how these differ.

use std::collections::BTreeMap;

use super::datasets::{Datasets, Pool};
use super::file::schema_name;
use super::schemas::{SchemaGroup, Schemas, changes, shown};
use super::tables::{CHANGES, DATASETS, SCHEMA_COLUMNS, SCHEMAS, table};
use pravah_foundation::base::error::Result;
use pravah_foundation::run::context::Context;
use pravah_foundation::store::sheet::Sheet;
use pravah_foundation::store::sink::Staged;

/// Names of columns that a row spells out.
const SPELT: usize = 50;

/// Write the tables; how many changes there are.
///
/// # Errors
/// [`pravah_foundation::base::error::EngineError::Output`], [`pravah_foundation::base::error::EngineError::Cancelled`].
pub fn write(context: &Context, schemas: &Schemas, datasets: &Datasets) -> Result<(Vec<Staged>, u64)> {
    let mut by_dataset: BTreeMap<usize, Vec<(u64, &SchemaGroup)>> = BTreeMap::new();
    for (id, group) in schemas.ranked() {
        // Those of files that are left out come last.
        let place = datasets.place(&group.columns).unwrap_or(datasets.all.len());
        by_dataset.entry(place).or_default().push((id, group));
    }
    let mut sheets = Sheets {
        schemas: Sheet::new(&context.sink, table("schemas"), SCHEMAS),
        columns: Sheet::new(&context.sink, table("schema_columns"), SCHEMA_COLUMNS),
        changes: Sheet::new(&context.sink, table("changes"), CHANGES),
    };
    let mut rows = Sheet::new(&context.sink, table("datasets"), DATASETS);
    let mut all = 0;
    for (place, schemas) in by_dataset {
        let dataset = datasets.all.get(place);
        // What most files of the dataset have is the reference.
        let reference = dataset.and(schemas.first()).map(|(_, group)| *group);
        let mut found = 0;
        for &(id, group) in &schemas {
            found += sheets.schema(id, group, dataset.map(|(name, _)| &**name), reference)?;
        }
        all += found;
        if let Some((name, pool)) = dataset {
            dataset_row(&mut rows, name, pool, &schemas, found);
            rows.write_if_full()?;
        }
    }
    let Sheets { schemas, columns, changes } = sheets;
    let staged = [rows, schemas, columns, changes].into_iter().map(Sheet::stage).collect::<Result<Vec<_>>>()?;
    Ok((staged, all))
}

fn dataset_row(sheet: &mut Sheet, name: &str, pool: &Pool, schemas: &[(u64, &SchemaGroup)], changes: u64) {
    let rows = &mut sheet.rows;
    rows.text(name);
    rows.integer(pool.files.files);
    rows.integer(pool.records);
    rows.integer(pool.names.len() as u64);
    rows.integer(schemas.len() as u64);
    rows.integer(changes);
    rows.path(&pool.files.first);
    rows.text(&pool.names.iter().take(SPELT).map(String::as_str).collect::<Vec<_>>().join(", "));
}

struct Sheets {
    schemas: Sheet,
    columns: Sheet,
    changes: Sheet,
}

impl Sheets {
    fn schema(
        &mut self,
        id: u64,
        group: &SchemaGroup,
        dataset: Option<&str>,
        reference: Option<&SchemaGroup>,
    ) -> Result<u64> {
        let name = schema_name(id);
        let found = reference.map(|reference| changes(&reference.columns, &group.columns)).unwrap_or_default();
        let count = found.len() as u64;
        let rows = &mut self.schemas.rows;
        rows.text(&name);
        rows.optional_text(dataset);
        rows.integer(group.files);
        rows.integer(group.columns.len() as u64);
        rows.path(&group.first);
        rows.integer(count);
        let spelt: Vec<&str> = group.columns.iter().take(SPELT).map(|(name, _)| name.as_str()).collect();
        rows.text(&spelt.join(", "));
        self.schemas.write_if_full()?;
        for (place, (column, kind)) in group.columns.iter().enumerate() {
            let rows = &mut self.columns.rows;
            rows.text(&name);
            rows.text(column);
            rows.integer(place as u64 + 1);
            rows.text(shown(*kind));
            self.columns.write_if_full()?;
        }
        for change in found {
            let rows = &mut self.changes.rows;
            rows.optional_text(dataset);
            rows.text(&name);
            rows.text(&change.column);
            rows.text(change.what);
            rows.text(&change.before);
            rows.text(&change.after);
            rows.integer(group.files);
            rows.path(&group.first);
            self.changes.write_if_full()?;
        }
        Ok(count)
    }
}
