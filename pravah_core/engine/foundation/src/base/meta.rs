//! What the file system says of an entry.

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link that is not followed.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharDevice,
}

impl EntryKind {
    /// The kind's name in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::BlockDevice => "block_device",
            Self::CharDevice => "char_device",
        }
    }
}

/// What the file system says of an entry. Sizes in bytes, times in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    /// What it is.
    pub kind: EntryKind,
    /// Apparent size.
    pub size: u64,
    /// Allocated size.
    pub allocated: u64,
    /// Last change of the content.
    pub mtime_ns: i64,
    /// Last change of the inode.
    pub ctime_ns: i64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits, with set-uid, set-gid and sticky.
    pub mode: u32,
    /// Inode number.
    pub inode: u64,
    /// Names of this inode.
    pub links: u64,
    /// The file system's device.
    pub device: u64,
    /// A symbolic link was followed to it, here or above it.
    pub via_link: bool,
}

/// The device of all objects of a bucket; the system gives no file this one.
pub const OBJECT_DEVICE: u64 = 0;

impl Meta {
    /// True of what lies in a bucket: it has no owner, no mode and no inode of its own.
    pub fn is_object(&self) -> bool {
        self.device == OBJECT_DEVICE
    }
}

/// What a file at a path is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileState {
    /// Apparent size.
    pub size: u64,
    /// Last change of the content.
    pub mtime_ns: i64,
    /// Last change of the inode.
    pub ctime_ns: i64,
    /// Inode number.
    pub inode: u64,
}

impl From<&Meta> for FileState {
    fn from(meta: &Meta) -> Self {
        Self { size: meta.size, mtime_ns: meta.mtime_ns, ctime_ns: meta.ctime_ns, inode: meta.inode }
    }
}
