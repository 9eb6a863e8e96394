//! Operations that pack and unpack files. None uses another.

mod archive;
mod compress;
mod decompress;

pub use archive::ArchiveOptions;
pub use compress::CompressOptions;
pub use decompress::DecompressOptions;
