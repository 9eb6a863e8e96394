//! Where files come from: a directory tree or a prefix of a bucket, and the walk over it.

pub mod location;
pub mod mounts;
pub mod objects;
pub mod owners;
pub mod walk;
