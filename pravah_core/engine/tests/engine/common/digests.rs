//! Digests by the reference crates, each in its plainest form.

use sha2::Digest;

pub const ALGORITHMS: [&str; 7] = ["blake3", "sha256", "sha512", "sha1", "md5", "xxh3_128", "crc32c"];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn digest(algorithm: &str, content: &[u8]) -> String {
    match algorithm {
        "blake3" => blake3::hash(content).to_hex().to_string(),
        "sha256" => hex(&sha2::Sha256::digest(content)),
        "sha512" => hex(&sha2::Sha512::digest(content)),
        "sha1" => hex(&sha1::Sha1::digest(content)),
        "md5" => hex(&md5::Md5::digest(content)),
        "xxh3_128" => hex(&xxhash_rust::xxh3::xxh3_128(content).to_be_bytes()),
        "crc32c" => format!("{:08x}", crc32c(content)),
        other => panic!("{other}"),
    }
}

/// What S3 calls an object that was uploaded in parts of so many bytes.
pub fn etag(content: &[u8], part: usize) -> String {
    let parts: Vec<&[u8]> = if content.is_empty() { vec![content] } else { content.chunks(part).collect() };
    let digests: Vec<u8> = parts.iter().flat_map(md5::Md5::digest).collect();
    format!("{}-{}", digest("md5", &digests), parts.len())
}

/// RFC 3720's polynomial, reflected, byte by byte.
fn crc32c(content: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8).fold(index as u32, |value, _| if value & 1 == 1 { value >> 1 ^ 0x82f6_3b78 } else { value >> 1 })
    });
    !content.iter().fold(!0, |crc, &byte| crc >> 8 ^ table[(crc as u8 ^ byte) as usize])
}

/// Bytes that do not repeat at any block's length.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
