//! Bytes of files: read and digested, compressed, written to a destination.

pub mod claims;
pub mod codec;
pub mod compound;
pub mod destination;
pub mod digest;
pub mod holes;
pub mod manifest;
pub mod pack;
pub mod package;
pub mod spool;
pub mod unpack;
pub mod xattrs;
