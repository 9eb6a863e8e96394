//! Operations that pack and unpack files. None uses another.

pub mod archive;
pub mod compress;
pub mod decompress;
