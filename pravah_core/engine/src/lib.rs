//! Pravah's engine: walks a tree, reads files, writes Parquet. It knows no Python.
//!
//! One job is one [`run`]: a [`job::spec::JobSpec`] in, a folder of tables out, progress pulled from a
//! [`base::control::Control`] in between. Read next: [`source::walk`] (how a tree is visited), [`store::sink`] (how
//! results become final), [`mod@run::operation`] (what an operation is called for), then one file of [`ops`].
//!
//! The engine is five crates, so that a change in one operation compiles only its neighbours anew:
//!
//! | crate | folder | owns |
//! |---|---|---|
//! | [`pravah_foundation`] | `foundation/` | what all operations use, in six layers |
//! | [`pravah_ops_files`], [`pravah_ops_archives`], [`pravah_ops_records`] | `ops/*/` | the operations; none uses another |
//! | this one | `src/` | [`ops`]: their registry; [`job`]: the specification, `outcome.json`, plan and preview |

pub mod job;
pub mod ops;

pub use job::{Job, run};
pub use pravah_foundation::{base, io, run, source, store, tabular};
