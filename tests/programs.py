"""Programs that tests may start: what the Makefile installs, and what every Debian with Git and Cargo has.

Without this, a test passes on a machine that happens to have a program and fails on a new one.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Debian's essential packages, and what a checkout and a build need.
_COREUTILS = "b2sum cat cksum md5sum sha1sum sha224sum sha256sum sha384sum sha512sum"
ALWAYS_THERE = frozenset(f"bash cargo diff git gzip make mount sh tar umount {_COREUTILS}".split())


def installed_by_make() -> dict[str, str]:
    """Return the package of each program in the Makefile's TEST_PROGRAMS."""
    found = re.search(r"^TEST_PROGRAMS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None, "the Makefile has no TEST_PROGRAMS"
    return dict(pair.split(":") for pair in found[1].split())


_ALLOWED = ALWAYS_THERE | installed_by_make().keys()


def is_allowed(program: str) -> bool:
    """Return whether tests may start a program: it is listed, or a file of this checkout or of its packages."""
    path = Path(program)
    if path.name in _ALLOWED or path == Path(sys.executable):
        return True
    return path.is_absolute() and not str(path).startswith(("/usr/", "/bin/", "/sbin/", "/opt/"))


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "subprocess.Popen":
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.endswith("subprocess.py"):
        frame = frame.f_back
    program = os.fsdecode(arguments[0])
    if frame.f_code.co_filename.startswith(str(ROOT / "tests")) and not is_allowed(program):
        raise AssertionError(f"{program} is not in the Makefile's TEST_PROGRAMS. Add it there with its package.")


def refuse_unlisted() -> None:
    """Fail each test of this process that starts a program that is not listed."""
    sys.addaudithook(_check)
