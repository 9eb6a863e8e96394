//! The members of a tar, one after the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::sync::atomic::Ordering::Relaxed;

use xxhash_rust::xxh3::xxh3_128;

use super::entries::{MemberContent, MemberKind, UnpackStop, tell};
use super::limits::UnpackMeter;
use super::names::{KEPT, REPLACED};
use super::stream::{CompressedFile, tell_behind};
use super::tarball::{Behind, Damaged, TarEntry, TarReader, What};
use super::{Shared, names};
use pravah_foundation::base::issue::IssueKind;
use pravah_foundation::base::paths;
use pravah_foundation::io::destination::{Attributes, Refused};

/// What is told of a member that came after another one of its name.
const REPLACES: &str = "replaces an earlier member of this name";

/// Why what has no folder to be in is not there.
const BELOW: &str = "is in a folder that the archive has as a file or link, and is not unpacked";

/// Unpack all members below `folder`; their number. A member that is refused is an issue, and the others go on.
///
/// # Errors
/// The tar is broken or beyond a limit, or nothing more can be written.
pub fn unpack(
    shared: &Shared,
    file: &CompressedFile,
    folder: &[u8],
    reader: impl Read,
    meter: &UnpackMeter,
) -> Result<u64, UnpackStop> {
    let mut tar = TarReader::new(reader);
    let (made, folders, filled, waiting) = (HashMap::new(), HashMap::new(), HashSet::new(), HashMap::new());
    let mut members = Members { shared, file, folder, made, folders, filled, waiting };
    let mut count = 0;
    while let Some(entry) = tar.next()? {
        count += 1;
        if count > shared.limits.members {
            return Err(shared.limits.too_many_members(meter));
        }
        members.place((count, entry), &mut tar)?;
    }
    members.late()?;
    let control = &shared.context.control;
    for message in damaged(&tar.behind.damaged).into_iter().chain(behind(&tar.behind)) {
        control.issue("read", &file.path, IssueKind::Malformed, message);
    }
    tar.behind.stream.iter().for_each(|behind| tell_behind(control, &file.path, behind));
    Ok(count)
}

/// What has become of the members of an archive.
struct Members<'a> {
    shared: &'a Shared,
    file: &'a CompressedFile,
    folder: &'a [u8],
    /// Which members became files and links, by hashes of their paths: their places in the archive.
    made: HashMap<u128, u64>,
    /// Which became folders, and which folders have something in them.
    folders: HashMap<u128, u64>,
    filled: HashSet<u128>,
    /// Hard links that came before what they lead to, by the hash of its path, with their places.
    waiting: HashMap<u128, Vec<(u64, TarEntry)>>,
}

impl Members<'_> {
    fn hash(&self, name: &[u8]) -> Option<u128> {
        names::member(self.folder, name).ok().map(|path| xxh3_128(&path))
    }

    fn member<'e>(&'e self, entry: &'e TarEntry, replaces: bool) -> ArchiveMember<'e> {
        let Self { shared, file, folder, .. } = *self;
        ArchiveMember { shared, file, folder, name: &entry.name, attributes: attributes(entry), replaces }
    }

    fn place(&mut self, (place, entry): (u64, TarEntry), tar: &mut TarReader<impl Read>) -> Result<(), UnpackStop> {
        let hash = self.hash(&entry.name);
        entry.troubles.iter().for_each(|trouble| self.member(&entry, false).tell(IssueKind::Malformed, trouble));
        if entry.what == What::HardLink
            && let Some(target) = self.hash(&entry.link)
            && !self.made.contains_key(&target)
        {
            self.waiting.entry(target).or_default().push((place, entry));
            return Ok(());
        }
        if self.is_below_file(&entry.name) {
            self.member(&entry, false).refuse(BELOW);
            return Ok(());
        }
        let is_folder = entry.what == What::Directory;
        let Some(earlier) = self.earlier(hash, is_folder) else {
            self.member(&entry, false).refuse(KEPT);
            return Ok(());
        };
        let replaces = earlier.is_some();
        let Some((kind, length)) = member_of(&self.member(&entry, replaces), &entry, tar)? else { return Ok(()) };
        self.row(&entry, (kind, length), replaces.then_some(REPLACES))?;
        self.made((place, &entry), kind == MemberKind::Directory);
        Ok(())
    }

    /// The place of the member that one of this name replaces, if there is one. A folder is none of another folder;
    /// nothing at all is told of one with members in it, which no file replaces.
    fn earlier(&self, hash: Option<u128>, is_folder: bool) -> Option<Option<u64>> {
        let Some(hash) = hash else { return Some(None) };
        let file = self.made.get(&hash).copied();
        match is_folder {
            true => Some(file),
            false if self.filled.contains(&hash) => None,
            false => Some(file.or_else(|| self.folders.get(&hash).copied())),
        }
    }

    /// True when the path of a member leads through what is no folder: nothing is written there, nor in a test.
    fn is_below_file(&self, name: &[u8]) -> bool {
        let Ok(path) = names::member(self.folder, name) else { return false };
        names::above(self.folder, &path).any(|above| self.made.contains_key(&xxh3_128(above)))
    }

    /// Note what a member became.
    fn made(&mut self, (place, entry): (u64, &TarEntry), is_folder: bool) {
        let Ok(path) = names::member(self.folder, &entry.name) else { return };
        let (own, other) =
            if is_folder { (&mut self.folders, &mut self.made) } else { (&mut self.made, &mut self.folders) };
        let hash = xxh3_128(&path);
        own.insert(hash, place);
        other.remove(&hash);
        // The folders that it is in, the nearest first: those of one that is known are known.
        for above in names::above(self.folder, &path) {
            if !self.filled.insert(xxh3_128(above)) {
                break;
            }
        }
    }

    fn row(&self, entry: &TarEntry, placed: (MemberKind, u64), replaced: Option<&str>) -> Result<(), UnpackStop> {
        let mut rows = self.shared.rows.acquire();
        if replaced.is_some() {
            rows.replaced();
        }
        Ok(rows.member(&self.file.path, &entry.name, placed, replaced)?)
    }

    /// Make the hard links that came before their targets. Of members of one name the last in the archive wins, as if
    /// each link had been made in its place.
    fn late(&mut self) -> Result<(), UnpackStop> {
        let met: Vec<u128> = self.waiting.keys().copied().filter(|target| self.made.contains_key(target)).collect();
        let mut ready: BTreeMap<u64, TarEntry> =
            met.iter().filter_map(|target| self.waiting.remove(target)).flatten().collect();
        while let Some((place, entry)) = ready.pop_last() {
            self.shared.context.control.check()?;
            let hash = self.hash(&entry.name);
            if self.is_below_file(&entry.name) {
                self.member(&entry, false).refuse(BELOW);
                continue;
            }
            let Some(earlier) = self.earlier(hash, false) else {
                self.member(&entry, false).refuse(KEPT);
                continue;
            };
            if earlier.is_some_and(|earlier| earlier > place) {
                self.row(&entry, (MemberKind::HardLink, 0), Some(REPLACED))?;
                continue;
            }
            let replaces = earlier.is_some();
            let Some(placed) = self.member(&entry, replaces).hard_link(&entry.link)? else { continue };
            self.row(&entry, placed, replaces.then_some(REPLACES))?;
            self.made((place, &entry), false);
            ready.extend(hash.and_then(|hash| self.waiting.remove(&hash)).into_iter().flatten());
        }
        let mut lost: Vec<(u64, TarEntry)> = self.waiting.drain().flat_map(|(_, entries)| entries).collect();
        lost.sort_by(|(place, one), (other_place, other)| (&one.name, place).cmp(&(&other.name, other_place)));
        for (_, entry) in lost {
            let target = paths::escape(&entry.link);
            self.member(&entry, false).refuse(&format!(
                "is a hard link to {target}, which the archive does not contain, or was not unpacked"
            ));
        }
        Ok(())
    }
}

fn member_of(member: &ArchiveMember<'_>, entry: &TarEntry, tar: &mut TarReader<impl Read>) -> Placed {
    match entry.what {
        What::Directory => member.directory(&entry.xattrs),
        What::File => {
            let map = entry.map.as_ref();
            if let Some(map) = map
                && let Err(why) = UnpackMeter::holes(&member.shared.limits, map.size - map.stored())
            {
                member.tell(IssueKind::TooLarge, &why);
                return Ok(None);
            }
            let (xattrs, replaces) = (&entry.xattrs[..], member.replaces);
            member.content(MemberContent { reader: tar, map, xattrs, replaces })
        }
        What::Symlink => member.symlink(&entry.link),
        What::HardLink => member.hard_link(&entry.link),
        What::Other(why) => {
            member.refuse(why);
            Ok(None)
        }
    }
}

/// What of a tar could not be read, in words.
fn damaged(damaged: &Damaged) -> Option<String> {
    let Damaged { places, bytes, after, at, is_zeroed } = damaged;
    (*places > 0).then(|| {
        let place = match after.as_slice() {
            [] => "before any member".to_owned(),
            after => format!("after member {}", paths::escape(after)),
        };
        let how = if *is_zeroed { "is zeroed" } else { "is damaged" };
        let headers = if *places == 1 {
            "the header of a member".to_owned()
        } else {
            format!("{places} headers of members, the first")
        };
        format!("{headers} at byte {at} of the tar, {place}, {how}; {bytes} bytes up to the next members were skipped")
    })
}

/// What is behind the end of a tar, in words; none when there is nothing.
fn behind(behind: &Behind) -> Option<String> {
    match behind {
        Behind { rubbish: 1.., .. } => {
            Some(format!("{} bytes after the end of the archive are not part of it; they were skipped", behind.rubbish))
        }
        Behind { is_joined: true, .. } => {
            Some("contains a second archive after the end of the first; the members of both were unpacked".to_owned())
        }
        Behind { is_open: true, .. } => {
            Some("ends without the blocks that mark the end of an archive; members may be missing".to_owned())
        }
        _ => None,
    }
}

fn attributes(entry: &TarEntry) -> Attributes {
    let mode = entry.mode.map(|mode| mode & 0o7777);
    Attributes { mode, mtime: entry.mtime, owner: entry.owner }
}

/// One member of an archive, on its way to its place.
pub struct ArchiveMember<'a> {
    pub shared: &'a Shared,
    pub file: &'a CompressedFile,
    pub folder: &'a [u8],
    pub name: &'a [u8],
    pub attributes: Attributes,
    /// An earlier member of the archive has its name.
    pub replaces: bool,
}

/// What a member became and its length; none when it was refused.
type Placed = Result<Option<(MemberKind, u64)>, UnpackStop>;

impl ArchiveMember<'_> {
    /// Note what is wrong with it.
    pub fn tell(&self, kind: IssueKind, message: &str) {
        let message = format!("member {}: {message}", paths::escape(self.name));
        let stage = if kind == IssueKind::Unsupported { "write" } else { "read" };
        self.shared.context.control.issue(stage, &self.file.path, kind, message);
    }

    /// Note why it is not unpacked.
    pub fn refuse(&self, why: &str) {
        self.tell(IssueKind::Unsupported, why);
    }

    fn count_bits(&self) {
        let loses = self.shared.output.loses_bits(self.attributes);
        self.shared.special_bits.fetch_add(u64::from(loses), Relaxed);
    }

    fn path(&self) -> Option<Vec<u8>> {
        names::member(self.folder, self.name).map_err(|why| self.refuse(why)).ok()
    }

    /// The path of what is no folder: the members of the archive need theirs.
    fn path_inside(&self) -> Option<Vec<u8>> {
        let path = self.path()?;
        if path != self.folder {
            return Some(path);
        }
        self.refuse("its name is that of the folder of the archive");
        None
    }

    fn placed(&self, done: Result<(), Refused>, kind: MemberKind) -> Placed {
        match done {
            Ok(()) => Ok(Some((kind, 0))),
            Err(refused) => {
                tell(refused, &self.shared.context.control, &self.file.path, self.name)?;
                Ok(None)
            }
        }
    }

    pub fn directory(&self, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Placed {
        let Some(path) = self.path() else { return Ok(None) };
        self.make_way(&path);
        let made = self.shared.output.directory(&path, self.attributes, xattrs);
        let made = made.map(|left_out| _ = self.shared.attributes_left_out.fetch_add(left_out, Relaxed));
        self.count_bits();
        self.placed(made, MemberKind::Directory)
    }

    pub fn content(&self, content: MemberContent<'_>) -> Placed {
        let Some(path) = self.path_inside() else { return Ok(None) };
        match self.shared.output.file(&path, content, self.attributes) {
            Ok(came) => {
                self.shared.attributes_left_out.fetch_add(came.left_out, Relaxed);
                self.count_bits();
                Ok(Some((MemberKind::File, came.length)))
            }
            Err(UnpackStop::Refused(refused)) => {
                tell(refused, &self.shared.context.control, &self.file.path, self.name)?;
                Ok(None)
            }
            Err(stop) => Err(stop),
        }
    }

    pub fn symlink(&self, target: &[u8]) -> Placed {
        let Some(path) = self.path_inside() else { return Ok(None) };
        let bad =
            if self.shared.outside_links { names::target(target) } else { names::link(self.folder, &path, target) };
        if let Err(why) = bad {
            self.refuse(why);
            return Ok(None);
        }
        self.make_way(&path);
        self.placed(self.shared.output.symlink(&path, target, self.attributes), MemberKind::Symlink)
    }

    fn hard_link(&self, target: &[u8]) -> Placed {
        let Some(path) = self.path_inside() else { return Ok(None) };
        match names::member(self.folder, target) {
            // A further name of itself.
            Ok(existing) if existing == path => Ok(Some((MemberKind::HardLink, 0))),
            Ok(existing) => {
                self.make_way(&path);
                self.placed(self.shared.output.link(&path, &existing), MemberKind::HardLink)
            }
            Err(why) => {
                self.refuse(&format!("is a link with an invalid target: {why}"));
                Ok(None)
            }
        }
    }

    fn make_way(&self, path: &[u8]) {
        if self.replaces {
            self.shared.output.make_way(path);
        }
    }
}

impl From<io::ErrorKind> for UnpackStop {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Content(kind.into())
    }
}
