"""Give sources whose content was built before the times that they had then: ``source_times.py TARGET_DIRECTORY``.

Cargo compiles what is newer than its last build. In a new clone every file is, and of two clones that share a target
directory the one with the older files would get what the other one has built. So the times follow the content: a file
has the time at which this target directory first met it as it is.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = {".rs", ".toml", ".lock"}


def main(target: Path) -> None:
    """Compare each source with what is kept of it, and keep what is new."""
    target.mkdir(parents=True, exist_ok=True)
    with (target / "source-times.json").open("a+") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        kept.seek(0)
        known: dict[str, list] = {}
        with contextlib.suppress(ValueError):
            known = json.load(kept)
        times = {}
        for path in [*ROOT.glob("Cargo.*"), *(ROOT / "pravah_core").rglob("*")]:
            if path.suffix not in BUILT or not path.is_file():
                continue
            name, digest = str(path.relative_to(ROOT)), hashlib.sha256(path.read_bytes()).hexdigest()
            found, time = known.get(name, ("", 0))
            if found != digest:
                # Not the file's own time: a copied file may be older than what was built of another content.
                os.utime(path)
                time = path.stat().st_mtime_ns
            elif path.stat().st_mtime_ns != time:
                os.utime(path, ns=(time, time))
            times[name] = [digest, time]
        if times != known:
            kept.truncate(0)
            json.dump(times, kept)


main(Path(sys.argv[1]))
