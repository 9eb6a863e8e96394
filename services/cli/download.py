"""Downloads artifacts: a file is complete or not there, and replaces an existing one only with ``--force``."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from services.base import errors
from services.cli import output

if TYPE_CHECKING:
    from services.cli.parts import Artifacts

STDOUT = "-"
_ALWAYS_THERE = "outcome.json"
_TEXT = ("text/", "application/json")


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse, before a job runs, a folder that its files could not be put into.

    Raises:
        OutputError: it is a file, cannot be made, or holds an earlier result and `force` is not given.
    """
    with _translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} cannot be written")
    _check_free([folder / _ALWAYS_THERE], force=force)


def to_folder(artifacts: Artifacts, job_id: UUID, names: Sequence[str], folder: Path, *, force: bool) -> list[Path]:
    """Write artifacts below a folder, by their names.

    Raises:
        OutputError: one of them is there already and `force` is not given, or the disk refuses.
        ArtifactNotFoundError, StorageError: one cannot be read.
    """
    targets = [folder / name for name in names]
    _check_free(targets, force=force)
    for name, target in zip(names, targets, strict=True):
        to_file(artifacts.open(job_id, name).chunks, target, force=True)
    return targets


def to_file(chunks: Iterable[bytes], target: Path, *, force: bool) -> None:
    """Write a file that appears when it is whole.

    Raises:
        OutputError: it is there already and `force` is not given, or the disk refuses.
    """
    _check_free([target], force=force)
    part = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    with _translated(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _translated(target), part.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
        with _translated(target):
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def to_stdout(chunks: Iterable[bytes], media_type: str) -> None:
    """Write to stdout as it comes.

    Raises:
        InvalidOptionsError: it would put what is no text on a terminal.
    """
    if output.is_terminal(sys.stdout) and not media_type.startswith(_TEXT) and "jsonl" not in media_type:
        message = f"the file is {media_type}; a terminal cannot show it"
        raise errors.InvalidOptionsError(message, remedy="Send it to a file or a pipe.", field="output")
    for chunk in chunks:
        output.raw(chunk)
    sys.stdout.flush()


def _check_free(targets: Iterable[Path], *, force: bool) -> None:
    there = [target for target in targets if not force and os.path.lexists(target)]
    if there:
        more = f", as do {len(there) - 1} more" if len(there) > 1 else ""
        remedy = "Choose another path with --output, or overwrite with --force."
        raise errors.OutputError(f"{there[0]} exists already{more}", remedy=remedy, field="output")


@contextlib.contextmanager
def _translated(target: Path) -> Iterator[None]:
    try:
        yield
    except errors.PravahError:
        raise
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"cannot write {target}: {error.strerror or error}"
        raise errors.OutputError(message, remedy="Check the path, its permissions and the free space.") from error
