//! One walk and one read of each file for all operations of a job.

pub mod context;
pub mod encodings;
pub mod made;
pub mod names;
pub mod operation;
pub mod partials;
pub mod pass;
pub mod records;
