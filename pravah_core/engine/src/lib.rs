//! Pravah's engine: walks a tree, reads files, writes Parquet. It knows no Python.
//!
//! One job is one [`run`]: a [`JobSpec`] in, a folder of tables out, progress pulled from a [`Control`] in between. What
//! this file exports is all that the bindings need. Read next: [`pravah_foundation::source::walk`] (how a tree is
//! visited), [`pravah_foundation::store::sink`] (how results become final), [`pravah_foundation::run::operation`] (what an
//! operation is called for), then one file of an operation.
//!
//! The engine is five crates, so that a change in one operation compiles only its neighbours anew:
//!
//! | crate | folder | owns |
//! |---|---|---|
//! | [`pravah_foundation`] | `foundation/` | what all operations use, in six layers |
//! | [`pravah_ops_files`], [`pravah_ops_archives`], [`pravah_ops_records`] | `ops/*/` | the operations; none uses another |
//! | this one | `src/` | `ops`: their registry; `job`: the specification, `outcome.json`, plan and preview |

mod job;
mod ops;

pub use job::plan::Cut;
pub use job::spec::JobSpec;
pub use job::{Job, run};
pub use ops::{Request, declarations};
pub use pravah_foundation::base::control::{Control, Shard};
pub use pravah_foundation::base::error::{EngineError, Result};
pub use pravah_foundation::base::issue::Issue;
pub use pravah_foundation::base::version::VERSION;
pub use pravah_foundation::source::objects::Credentials;
