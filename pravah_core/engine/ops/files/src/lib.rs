//! Operations on files of any kind. None uses another.

mod checksum;
mod duplicates;
mod inventory;
mod search;
mod text_statistics;
mod verify;

pub use checksum::ChecksumOptions;
pub use duplicates::DuplicatesOptions;
pub use inventory::InventoryOptions;
pub use search::SearchOptions;
pub use text_statistics::TextStatisticsOptions;
pub use verify::VerifyOptions;
