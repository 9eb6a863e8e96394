//! Digests: several algorithms over one read of a file.
//!
//! A small file is read into a buffer of its thread and hashed at once. A large one is split where the
//! algorithm allows it: BLAKE3 is a tree of chunks, so its blocks are read and hashed on all threads and
//! joined (BLAKE3 paper §5.3, `blake3::hazmat`), without mmap, whose page faults cost more than `pread`. What is made of
//! such a file's [`Parts`] is kept, so that another reader, or a later attempt, goes on with the others.

mod file;
mod large;
mod parts;
mod reading;
mod rest;
mod state;

pub use file::{Digested, FileReader, Place, Stop, Trouble};
pub use large::{BLOCK_BYTES, read_at, with_block};
pub use parts::{PART_BYTES, Parts, Ranges, digest_of_parts, has_parts, have_parts, parts_in};
pub use reading::{End, Reading, Readings};
pub use rest::{ALIGNED_BYTES, Piece, Rest};
pub use state::rest;

use serde::{Deserialize, Serialize};

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// BLAKE3, 256 bits.
    Blake3,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// SHA-1 (FIPS 180-4); for old manifests, not against an attacker.
    Sha1,
    /// MD5 (RFC 1321); for old manifests, not against an attacker.
    Md5,
    /// XXH3, 128 bits, canonical big-endian; against accidents only.
    #[serde(rename = "xxh3_128")]
    Xxh3,
    /// CRC-32C (Castagnoli, RFC 3720); against accidents only.
    Crc32c,
}

impl Algorithm {
    /// All algorithms, in the order of the result's columns.
    pub const ALL: [Self; 7] =
        [Self::Blake3, Self::Sha256, Self::Sha512, Self::Sha1, Self::Md5, Self::Xxh3, Self::Crc32c];

    /// The name in options and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::Xxh3 => "xxh3_128",
            Self::Crc32c => "crc32c",
        }
    }

    /// The end of a manifest's file name.
    pub fn manifest_extension(self) -> &'static str {
        match self {
            Self::Blake3 => "b3",
            Self::Xxh3 => "xxh3",
            other => other.name(),
        }
    }

    /// The length of a digest in bytes.
    pub fn digest_bytes(self) -> usize {
        match self {
            Self::Sha512 => 64,
            Self::Blake3 | Self::Sha256 => 32,
            Self::Sha1 => 20,
            Self::Md5 | Self::Xxh3 => 16,
            Self::Crc32c => 4,
        }
    }
}

/// Bytes of the longest digest.
const LONGEST: usize = 64;

/// A digest of any algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    bytes: [u8; LONGEST],
    length: u8,
}

impl Digest {
    /// A digest from at most 64 bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let length = bytes.len().min(LONGEST);
        let mut held = [0; LONGEST];
        held[..length].copy_from_slice(&bytes[..length]);
        Self { bytes: held, length: length as u8 }
    }

    /// A digest from hexadecimal text of either case.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        if !hex.len().is_multiple_of(2) || hex.len() > 2 * LONGEST || hex.is_empty() {
            return None;
        }
        let mut bytes = [0; LONGEST];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
            *byte = crate::base::paths::hex_digit(pair[0])? << 4 | crate::base::paths::hex_digit(pair[1])?;
        }
        Some(Self { bytes, length: (hex.len() / 2) as u8 })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Do something with lower-case hexadecimal.
    pub fn with_hex<T>(&self, work: impl FnOnce(&str) -> T) -> T {
        // Digits from a table, into an array: by `write!` they took an eighth of the time of a re-run in which nothing
        // changed, char by char into a text a twentieth.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 2 * LONGEST];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.as_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        work(std::str::from_utf8(&hex[..2 * self.as_bytes().len()]).unwrap_or_default())
    }

    /// Lower-case hexadecimal.
    pub fn to_hex(&self) -> String {
        self.with_hex(str::to_owned)
    }
}

/// The running state of one algorithm.
enum Hasher {
    Blake3(Box<blake3::Hasher>),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Sha1(sha1::Sha1),
    Md5(md5::Md5),
    Xxh3(Box<xxhash_rust::xxh3::Xxh3>),
    Crc32c(crc_fast::Digest),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        use sha2::Digest as _;
        match algorithm {
            Algorithm::Blake3 => Self::Blake3(Box::new(blake3::Hasher::new())),
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Xxh3 => Self::Xxh3(Box::new(xxhash_rust::xxh3::Xxh3::new())),
            Algorithm::Crc32c => Self::Crc32c(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi)),
        }
    }

    fn update(&mut self, block: &[u8]) {
        use sha2::Digest as _;
        match self {
            Self::Blake3(state) => {
                state.update(block);
            }
            Self::Sha256(state) => state.update(block),
            Self::Sha512(state) => state.update(block),
            Self::Sha1(state) => state.update(block),
            Self::Md5(state) => state.update(block),
            Self::Xxh3(state) => state.update(block),
            Self::Crc32c(state) => state.update(block),
        }
    }

    fn finish(self) -> Digest {
        use sha2::Digest as _;
        match self {
            Self::Blake3(state) => Digest::new(state.finalize().as_bytes()),
            Self::Sha256(state) => Digest::new(&state.finalize()),
            Self::Sha512(state) => Digest::new(&state.finalize()),
            Self::Sha1(state) => Digest::new(&state.finalize()),
            Self::Md5(state) => Digest::new(&state.finalize()),
            Self::Xxh3(state) => Digest::new(&state.digest128().to_be_bytes()),
            Self::Crc32c(state) => Digest::new(&(state.finalize() as u32).to_be_bytes()),
        }
    }
}

/// Digests of a block that is in memory whole.
pub fn digest_bytes(algorithms: &[Algorithm], bytes: &[u8]) -> Vec<Digest> {
    algorithms
        .iter()
        .map(|&algorithm| match algorithm {
            // The one-shot form avoids a 2 KiB state per small file.
            Algorithm::Blake3 => Digest::new(blake3::hash(bytes).as_bytes()),
            Algorithm::Xxh3 => Digest::new(&xxhash_rust::xxh3::xxh3_128(bytes).to_be_bytes()),
            other => {
                let mut hasher = Hasher::new(other);
                hasher.update(bytes);
                hasher.finish()
            }
        })
        .collect()
}
