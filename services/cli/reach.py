"""Which commands talk to the server of ``PRAVAH_URL``. A test compares this with the registry of commands."""

from __future__ import annotations

import os
from enum import StrEnum

from services.base import errors

URL, TOKEN = "PRAVAH_URL", "PRAVAH_TOKEN"


class Reach(StrEnum):
    """With which database a command works if `PRAVAH_URL` is set."""

    SERVER = "that of the server"
    NONE = "none: it needs none"
    HERE = "refused: it works on this machine only"


_JOBS = (
    *("list", "show", "wait", "cancel", "pause", "resume", "rerun", "pin", "unpin", "delete", "download"),
    *("results", "issues", "schema", "problems", "removal", "compare"),
)
_SCHEDULES = ("list", "add", "remove", "pause", "resume", "run")
COMMANDS = {
    **dict.fromkeys(("run", "submit"), Reach.SERVER),
    **{f"jobs {name}": Reach.SERVER for name in _JOBS},
    "operations": Reach.NONE,
    **dict.fromkeys(("verify", "clean", "serve", "link", "settings", "doctor"), Reach.HERE),
    **{f"schedules {name}": Reach.HERE for name in _SCHEDULES},
    **{f"tokens {name}": Reach.HERE for name in ("add", "list", "revoke")},
    **{f"sessions {name}": Reach.HERE for name in ("list", "revoke")},
}
"""All commands; ``run`` and ``submit`` stand for those of all operations."""


def url() -> str | None:
    """Return the server that commands talk to; ``None`` = the database of this machine."""
    return os.environ.get(URL) or None


def check(words: str) -> None:
    """Refuse a command that does not work for a server.

    Args:
        words: its name, and those of its groups.

    Raises:
        InvalidOptionsError: it is not available over `PRAVAH_URL`.
    """
    name = words.removeprefix("pravah ")
    known = COMMANDS.get(name) or COMMANDS.get(name.partition(" ")[0])
    if url() is not None and known not in {Reach.SERVER, Reach.NONE}:
        message = f"`pravah {name}` is not available over {URL}"
        raise errors.InvalidOptionsError(message, remedy=f"Run it on the machine of the server, without {URL}.")
