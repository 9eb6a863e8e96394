"""``pravah verify MANIFEST [DIR]``: ``run verify``, used like ``sha256sum -c``."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.base import errors, private
from services.cli import output, run, session

if TYPE_CHECKING:
    from services.cli import declared
    from services.cli.parts import Services
    from services.models.jobs import JobView

STDIN = "-"
_MANIFEST = "verify__manifest"
_TABLE = "verify.result"
_LISTED_NEW = 20
_STORED_SECONDS = 30 * 86_400
_EPILOG = "Example: pravah verify SHA256SUMS · ssh host 'sha256sum *' | pravah verify - copy/"


def _arguments(
    directory: Annotated[
        str | None,
        typer.Argument(
            metavar="DIR",
            help="Directory or S3 prefix to verify; default: the directory of the manifest, for `-` the current "
            "directory.",
            show_default=False,
        ),
    ] = None,
    output: run.Output = None,
    force: run.Force = False,
    strict: run.Strict = False,
    quiet: run.Quiet = False,
    json: run.Json = False,
    name: run.Name = None,
) -> None:
    """Declare what it takes beside the operation's own options."""


def command() -> Any:
    """Return the command."""
    from services import operations
    from services.cli import declared

    common = declared.of_function(_arguments)
    texts = {
        "name": "verify",
        "help": "Compare files with a manifest of sha256sum, md5sum, b3sum or Pravah, or with S3 ETags.\n\n"
        "MANIFEST is a file, the folder of a checksum result, job:ID for an earlier checksum job, or - for stdin. "
        "Exits 0 if every listed file is present and unchanged, otherwise 1.",
        "epilog": _EPILOG,
    }
    return declared.command((operations.get("verify"),), _verify, common, _MANIFEST, **texts)


def _verify(chosen: declared.Chosen, values: dict[str, Any]) -> int:
    from services.cli import declared

    given = values[_MANIFEST]
    config = session.load_settings()
    if given == STDIN:
        values = {**values, _MANIFEST: os.fspath(_keep_stdin(config.manifest_dir))}
    elif not given.startswith("job:"):
        _check_manifest(given)
    with session.opened() as services:
        directory = values["directory"] or _default_directory(services, given)
        request = declared.request(chosen, directory, values)
        return run.in_foreground(services, run.with_job_ids(services, request), values, _show)


def _check_manifest(given: str) -> None:
    # Before the database is opened: a mistyped name is told at once.
    if given and not os.path.lexists(given):
        raise errors.SourceNotFoundError(f"{output.plain(given)} does not exist", remedy="Check the manifest's path.")


def _default_directory(services: Services, given: str) -> str:
    if given == STDIN:
        return "."
    if given.startswith("job:"):
        source = services.jobs.get(services.jobs.find(given.removeprefix("job:"))).source
        return source.s3_uri or source.os_path
    if Path(given).is_dir():
        remedy = "Name the directory as second argument: pravah verify RESULT DIR"
        message = "with a result folder, the directory to verify is required"
        raise errors.InvalidOptionsError(message, remedy=remedy, field="directory")
    return os.path.dirname(given) or "."


def _keep_stdin(folder: Path) -> Path:
    """Keep what stdin gives as a file: the job may run in another process, and be retried."""
    if output.is_terminal(sys.stdin):
        output.line("Reading the manifest from the terminal. Press Ctrl-D to end it.", error=True)
    content = sys.stdin.buffer.read()
    target = folder / hashlib.sha256(content).hexdigest()
    try:
        private.make_directory(folder)
        for old in folder.iterdir():
            if old.stat().st_mtime < time.time() - _STORED_SECONDS:
                old.unlink(missing_ok=True)
        part = folder / f".{target.name}.{os.getpid()}"
        with private.open_file(part) as file:
            file.write(content)
        part.replace(target)
    except OSError as error:
        raise errors.OutputError(f"the manifest from stdin cannot be stored: {error}") from error
    return target


def _show(services: Services, view: JobView) -> None:
    from services.cli import summary
    from services.models.jobs import Status

    if view.status != Status.COMPLETED:
        return
    for shown in _not_ok(services, view):
        output.line(output.plain(shown))
    summary.head(view)
    summary.figures(view)
    summary.extent(view)
    if view.issues_count:
        output.line()
        summary.issues(services.results.issues(view.id, 0, 5), view.issues_count, view.id)
    output.line()
    summary.where(view.id)


def _not_ok(services: Services, view: JobView) -> Iterator[str]:
    """Return a line for each path that is not as listed; of new ones, which are no failure, the first few."""
    from services.cli.foreground import short
    from services.models.results import Filter, ResultQuery

    columns = ("path", "status", "moved_from")
    bad = Filter(column="status", operator="in", value="changed,moved,missing,unreadable,not_verified")
    query = ResultQuery(columns=columns, filters=(bad,), sort=("path",))
    rest = b""
    for chunk in services.results.export(view.id, _TABLE, "jsonl", query):
        *lines, rest = (rest + chunk).split(b"\n")
        for text in lines:
            row = json.loads(text)
            moved = f" from {row['moved_from']}" if row["moved_from"] is not None else ""
            yield f"{row['path']}: {row['status'].replace('_', ' ')}{moved}"
    new = Filter(column="status", operator="eq", value="new")
    page = services.results.query(
        view.id, _TABLE, ResultQuery(columns=("path",), filters=(new,), sort=("path",), limit=_LISTED_NEW)
    )
    for row in page.rows:
        yield f"{row['path']}: new"
    if page.total_rows > len(page.rows):
        more = page.total_rows - len(page.rows)
        yield f"… and {more:,} more new: pravah jobs results {short(view.id)} --filter status:eq:new"
