//! The engine from outside, in one program: each of its own would compile what they share and link all libraries anew.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

mod attempts_again;
mod cancel;
mod checksum;
mod compress;
mod convert;
mod convert_arranged;
mod decompress;
mod duplicates;
mod duplicates_again;
mod example;
mod faults;
mod formats;
mod fuzz;
mod inventory;
mod manifest;
mod objects;
mod pass;
mod plan;
mod profile;
mod profile_again;
mod ranges;
mod search;
mod search_again;
mod search_files;
mod sink;
mod spec;
mod text_statistics;
mod validate;
mod validate_again;
mod validate_keys;
mod verify;
mod verify_etags;
mod walk;
