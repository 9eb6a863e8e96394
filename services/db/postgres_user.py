"""Runs a program of PostgreSQL for root: PostgreSQL refuses to run as root.

A script of its own: ``python postgres_user.py NUMBER PROGRAM ARGUMENT…``. The program gets the number of a user that
exists nowhere, and one right of root: to pass directories that are closed to others. So none has to be opened.
"""

from __future__ import annotations

import ctypes
import os
import sys

_KEEP_CAPABILITIES = 8
# PostgreSQL asks with `access` for its own programs, and that leaves capabilities out, unless these bits say that users
# other than root may have some. The second bit is what the line above sets.
_SECURE_BITS, _NO_FIX_UP, _KEPT = 28, 1 << 2, 1 << 4
_AMBIENT, _RAISE = 47, 2
# To read and pass everything is enough. Docker's root may only do the other one, to write everything.
_READ_SEARCH, _OVERRIDE = 2, 1
_VERSION = 0x20080522
_libc = ctypes.CDLL(None)
_Header, _Sets = ctypes.c_uint32 * 2, ctypes.c_uint32 * 6


def _keep(capability: int) -> bool:
    """Keep one capability, also for programs that this one becomes; False when there is none to keep."""
    bit = 1 << capability
    # Effective, permitted, inheritable of the lower 32, then of the upper ones.
    if _libc.capset(_Header(_VERSION, 0), _Sets(bit, bit, bit, 0, 0, 0)):
        return False
    return _prctl(_AMBIENT, _RAISE, capability)


def _prctl(option: int, *arguments: int) -> bool:
    filled = (*arguments, 0, 0, 0, 0)[:4]
    return bool(_libc.prctl(option, *map(ctypes.c_ulong, filled)) == 0)


def main(number: int, program: list[str]) -> None:
    """Become the program."""
    _prctl(_KEEP_CAPABILITIES, 1)
    _prctl(_SECURE_BITS, _NO_FIX_UP | _KEPT)
    os.setgroups([])
    os.setgid(number)
    os.setuid(number)
    if not _keep(_READ_SEARCH):
        _keep(_OVERRIDE)  # Without both, the program says which directory is closed to it.
    os.execv(program[0], program)  # noqa: S606 - that is what it is for


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
