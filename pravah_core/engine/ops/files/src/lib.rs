//! Operations on files of any kind. None uses another.

pub mod checksum;
pub mod duplicates;
pub mod inventory;
pub mod search;
pub mod text_statistics;
pub mod verify;
