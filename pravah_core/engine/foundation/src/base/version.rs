//! The engine's version, in one place for all layers.

/// The engine's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
