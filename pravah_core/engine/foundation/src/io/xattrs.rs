//! Extended attributes: those that anybody may set (`user.*`) are kept, others are counted.

use std::os::fd::AsFd;

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};

/// Who may set an attribute is in front of its name.
const USER: &[u8] = b"user.";
/// Before the name of an attribute in the keyword of a tar's record.
const PAX: &[u8] = b"SCHILY.xattr.";
/// What the kernel gives at most (XATTR_LIST_MAX, XATTR_SIZE_MAX).
const MOST_BYTES: usize = 64 << 10;

/// Attributes of a file or directory.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Xattrs {
    /// Names and values of those of users.
    pub user: Vec<(Vec<u8>, Vec<u8>)>,
    /// Those of the system, which are not kept.
    pub others: u64,
}

impl Xattrs {
    /// Of an open file; of a file system that has none, none.
    pub fn of(file: impl AsFd) -> Self {
        let file = file.as_fd();
        let mut buffer = vec![0; 1 << 10];
        let list = read(&mut buffer, |buffer| flistxattr(file, buffer));
        let mut all = Self::default();
        let names: Vec<Vec<u8>> =
            list.split(|&byte| byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
        for name in names {
            if name.starts_with(USER) {
                let value = read(&mut buffer, |buffer| fgetxattr(file, &name[..], buffer)).to_vec();
                all.user.push((name, value));
            } else {
                all.others += 1;
            }
        }
        all.user.sort_unstable();
        all
    }
}

/// What the kernel gives, in a buffer that is large enough; nothing where it gives none.
fn read(buffer: &mut Vec<u8>, get: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> &[u8] {
    let mut given = get(&mut buffer[..]);
    if given == Err(rustix::io::Errno::RANGE) {
        buffer.resize(MOST_BYTES, 0);
        given = get(&mut buffer[..]);
    }
    &buffer[..given.unwrap_or(0)]
}

/// Give a file the attributes of users; how many it did not get.
pub fn set(file: impl AsFd, xattrs: &[(Vec<u8>, Vec<u8>)]) -> u64 {
    let file = file.as_fd();
    let is_set = |(name, value): &&(Vec<u8>, Vec<u8>)| {
        name.starts_with(USER) && fsetxattr(file, &name[..], value, XattrFlags::empty()).is_ok()
    };
    (xattrs.len() - xattrs.iter().filter(is_set).count()) as u64
}

/// The keyword of an attribute's record, which ends at the first `=`; as GNU tar writes it.
pub fn pax_keyword(name: &[u8]) -> Vec<u8> {
    let mut keyword = PAX.to_vec();
    for &byte in name {
        match byte {
            b'%' => keyword.extend_from_slice(b"%25"),
            b'=' => keyword.extend_from_slice(b"%3D"),
            byte => keyword.push(byte),
        }
    }
    keyword
}

/// The name of an attribute by the keyword of its record; none when the record is of something else.
pub fn of_pax_keyword(keyword: &[u8]) -> Option<Vec<u8>> {
    let mut rest = keyword.strip_prefix(PAX)?;
    let mut name = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        let (byte, behind) = match rest {
            [b'%', b'2', b'5', behind @ ..] => (b'%', behind),
            [b'%', b'3', b'D', behind @ ..] => (b'=', behind),
            _ => (*first, after),
        };
        name.push(byte);
        rest = behind;
    }
    Some(name)
}
