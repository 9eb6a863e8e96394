//! What lies behind a file system: whether what is removed from one can be gone from another.
//!
//! Only what the kernel tells proves that: blocks or memory of its own, or another machine. A file system that shows
//! what another one holds (overlay, FUSE, a share of a host, a network mount of this very machine) proves nothing.

use std::collections::HashSet;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags};

/// Kinds without a block device in their number that hold what is in them.
const OWN: [&str; 8] = ["tmpfs", "ramfs", "devtmpfs", "btrfs", "bcachefs", "zfs", "ubifs", "jffs2"];
/// Kinds that tell the address of their server.
const SERVED: [&str; 6] = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "smb2"];
/// Kinds of a cluster of servers.
const CLUSTER: [&str; 7] = ["ceph", "lustre", "beegfs", "gpfs", "panfs", "orangefs", "pvfs2"];
const LOOP_DEVICE: u32 = 7;
/// Block devices below block devices are looked at so far.
const MOST_LAYERS: usize = 16;

/// A file system at its mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Its type, as the kernel calls it.
    pub kind: String,
    device: String,
    backing: Backing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Backing {
    /// Blocks or memory; these files hold the blocks of loop devices.
    Own(Vec<PathBuf>),
    /// Another machine.
    Remote,
    /// Nothing can be told.
    Unknown,
}

/// What is known of two file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// A file of one is none of the other.
    Yes,
    /// Only when their inodes have other numbers: both may be views of what one server holds.
    ByInode,
    /// One may be a view of the other.
    Unknown,
}

impl FileSystem {
    /// The one that holds what is at `path`; links are followed.
    pub fn of(path: &Path) -> Self {
        let unknown = Self { kind: "unknown".into(), device: String::new(), backing: Backing::Unknown };
        let flags = StatxFlags::MNT_ID | StatxFlags::BASIC_STATS;
        let Ok(stat) = rustix::fs::statx(CWD, path, AtFlags::empty(), flags) else { return unknown };
        let device = (stat.stx_dev_major, stat.stx_dev_minor);
        let has_mount = stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        let mut mounts = mounts.split(|&byte| byte == b'\n').filter_map(Mount::read);
        let mount = mounts.find(|mount| match has_mount {
            true => mount.id == stat.stx_mnt_id,
            false => mount.device == format!("{}:{}", device.0, device.1),
        });
        let mount = match mount {
            Some(mount) => mount,
            None if device.0 == 0 => return unknown,
            None => Mount {
                id: 0,
                kind: unknown.kind,
                device: format!("{}:{}", device.0, device.1),
                root: PathBuf::new(),
                point: PathBuf::new(),
                from: String::new(),
                options: String::new(),
            },
        };
        let backing = mount.backing(device);
        Self { kind: mount.kind, device: mount.device, backing }
    }

    /// Whether a file of one may be a file of the other, what [`Self::images`] hold aside.
    pub fn apart(&self, other: &Self) -> Apart {
        match (&self.backing, &other.backing) {
            // Within one file system a file is told by its inode.
            _ if !self.device.is_empty() && self.device == other.device => Apart::Yes,
            (Backing::Unknown, _) | (_, Backing::Unknown) => Apart::Unknown,
            (Backing::Remote, Backing::Remote) => Apart::ByInode,
            _ => Apart::Yes,
        }
    }

    /// True when nothing tells that it holds what it shows.
    pub fn may_be_a_view(&self) -> bool {
        self.backing == Backing::Unknown
    }

    /// True when it is in memory only: it is gone when the machine stops.
    pub fn is_volatile(&self) -> bool {
        matches!(self.kind.as_str(), "tmpfs" | "ramfs" | "devtmpfs" | "hugetlbfs")
    }

    /// Files that hold its blocks: it goes when they go.
    pub fn images(&self) -> &[PathBuf] {
        match &self.backing {
            Backing::Own(images) => images,
            _ => &[],
        }
    }
}

/// The paths under which the directory at a real `path` is, that itself aside: it is mounted there, or what it is in.
pub fn other_names(path: &Path) -> Vec<PathBuf> {
    let inode = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let (Some(own), Some(id)) = (inode(path), mount_id(path)) else { return Vec::new() };
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounts: Vec<Mount> = mounts.split(|&byte| byte == b'\n').filter_map(Mount::read).collect();
    let Some(mount) = mounts.iter().find(|mount| mount.id == id) else { return Vec::new() };
    let Ok(below) = path.strip_prefix(&mount.point) else { return Vec::new() };
    let place = mount.root.join(below);
    let others = mounts.iter().filter(|other| other.device == mount.device);
    let names = others.filter_map(|other| Some(other.point.join(place.strip_prefix(&other.root).ok()?)));
    // Another mount may hide it there.
    names.filter(|name| name != path && inode(name) == Some(own)).collect()
}

/// Directories and files below a real `path` on which something is mounted: what they hold themselves is hidden.
pub fn points_below(path: &Path) -> usize {
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let points: HashSet<PathBuf> =
        mounts.split(|&byte| byte == b'\n').filter_map(Mount::read).map(|mount| mount.point).collect();
    points.iter().filter(|point| *point != path && point.starts_with(path)).count()
}

fn mount_id(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    (stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id)
}

/// A path of `mountinfo`: bytes that would break its lines are octal there.
fn path_of(text: &str) -> PathBuf {
    let (mut path, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let octal = behind.get(..3).filter(|_| *first == b'\\');
        let byte = octal.and_then(|octal| u8::from_str_radix(std::str::from_utf8(octal).ok()?, 8).ok());
        path.push(byte.unwrap_or(*first));
        rest = &behind[if byte.is_some() { 3 } else { 0 }..];
    }
    PathBuf::from(std::ffi::OsString::from_vec(path))
}

/// A line of `/proc/self/mountinfo`; of the options, those of the file system.
struct Mount {
    id: u64,
    device: String,
    /// What of the file system is mounted, and where.
    root: PathBuf,
    point: PathBuf,
    kind: String,
    from: String,
    options: String,
}

impl Mount {
    fn read(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let (mount, system) = line.split_once(" - ")?;
        let (mut mount, mut system) = (mount.split(' '), system.split(' '));
        Some(Self {
            id: mount.next()?.parse().ok()?,
            device: mount.nth(1)?.to_owned(),
            root: path_of(mount.next()?),
            point: path_of(mount.next()?),
            kind: system.next()?.to_owned(),
            from: system.next().unwrap_or_default().to_owned(),
            options: system.next().unwrap_or_default().to_owned(),
        })
    }

    /// What is behind it, of a file that says it is on `device`.
    fn backing(&self, device: (u32, u32)) -> Backing {
        let kind = self.kind.as_str();
        let images = if SERVED.contains(&kind) {
            return if self.server().is_some_and(|server| !is_here(server)) {
                Backing::Remote
            } else {
                Backing::Unknown
            };
        } else if CLUSTER.contains(&kind) {
            return Backing::Remote;
        } else if OWN.contains(&kind) {
            match std::fs::metadata(&self.from) {
                Ok(from) if self.from.starts_with("/dev/") => {
                    let number = from.rdev();
                    images((rustix::fs::major(number), rustix::fs::minor(number)), MOST_LAYERS)
                }
                _ => Some(Vec::new()),
            }
        } else if kind != "overlay" && device.0 != 0 {
            images(device, MOST_LAYERS)
        } else {
            None
        };
        images.map_or(Backing::Unknown, Backing::Own)
    }

    fn server(&self) -> Option<IpAddr> {
        self.options.split(',').find_map(|option| option.strip_prefix("addr=")?.parse().ok())
    }
}

/// True for an address of this machine.
fn is_here(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

/// The files behind a block device; none when they cannot be told.
fn images((major, minor): (u32, u32), layers: usize) -> Option<Vec<PathBuf>> {
    let device = Path::new("/sys/dev/block").join(format!("{major}:{minor}"));
    let Ok(device) = device.canonicalize() else {
        return (major != LOOP_DEVICE).then(Vec::new);
    };
    if layers == 0 {
        return None;
    }
    let number = |path: PathBuf| {
        let text = std::fs::read_to_string(path).ok()?;
        let (major, minor) = text.trim().split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    if device.join("partition").exists() {
        return images(number(device.parent()?.join("dev"))?, layers - 1);
    }
    if major == LOOP_DEVICE || device.join("loop").exists() {
        let file = std::fs::read(device.join("loop/backing_file")).ok()?;
        let file = file.strip_suffix(b"\n").unwrap_or(&file);
        let path = Path::new(std::ffi::OsStr::from_bytes(file));
        // One that has no name any more is marked in its name, and is not there.
        return path.exists().then(|| vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    for below in std::fs::read_dir(device.join("slaves")).into_iter().flatten().flatten() {
        found.append(&mut images(number(below.path().join("dev"))?, layers - 1)?);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(line: &str, device: (u32, u32)) -> FileSystem {
        let mount = Mount::read(line.as_bytes()).expect("a line");
        FileSystem { backing: mount.backing(device), kind: mount.kind, device: mount.device }
    }

    #[test]
    fn a_file_system_is_apart_from_another_only_where_the_kernel_tells_so() {
        let disk = system("1 1 8:1 / / rw - ext4 /dev/sda1 rw", (8, 1));
        let memory = system("2 1 0:30 / /dev/shm rw shared:4 - tmpfs tmpfs rw", (0, 30));
        let overlay = system("3 1 0:40 / /m rw - overlay overlay rw,lowerdir=/l", (0, 40));
        let fuse = system("4 1 0:41 / /f rw - fuse.bindfs /s rw", (0, 41));
        let ntfs = system("5 1 8:17 / /n rw - fuseblk /dev/sdb1 rw", (8, 17));
        let nas = system("6 1 0:42 / /a rw - nfs4 nas:/a rw,vers=4.2,addr=192.0.2.7", (0, 42));
        let share = system("7 1 0:43 / /b rw - cifs //nas/b rw,addr=192.0.2.7", (0, 43));
        let own = system("8 1 0:44 / /c rw - nfs4 localhost:/c rw,addr=127.0.0.1", (0, 44));
        let silent = system("9 1 0:45 / /d rw - nfs nas:/d rw", (0, 45));
        let (loops, cluster) = (
            system("10 1 7:4000 / /e rw - ext4 /dev/loop4000 rw", (7, 4000)),
            system("11 1 0:46 / /h rw - ceph 192.0.2.9:/ rw", (0, 46)),
        );
        for (one, other, expected) in [
            (&disk, &memory, Apart::Yes),
            (&disk, &ntfs, Apart::Yes),
            (&disk, &nas, Apart::Yes),
            (&memory, &cluster, Apart::Yes),
            (&nas, &share, Apart::ByInode),
            (&overlay, &overlay, Apart::Yes),
            (&overlay, &disk, Apart::Unknown),
            (&disk, &fuse, Apart::Unknown),
            (&own, &disk, Apart::Unknown),
            (&nas, &silent, Apart::Unknown),
            (&loops, &disk, Apart::Unknown),
        ] {
            assert_eq!((one.apart(other), other.apart(one)), (expected, expected), "{one:?} {other:?}");
        }
        assert_eq!(path_of("/a\\040b\\134040"), Path::new("/a b\\040"));
        let here = FileSystem::of(Path::new("/proc/self/stat"));
        assert_eq!((here.kind.as_str(), here.backing), ("proc", Backing::Unknown));
    }
}
