"""``pravah``: runs a command; errors become exit statuses here."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING

from services.base import errors
from services.cli import interrupts, output, version

if TYPE_CHECKING:
    import typer

_BROKEN_PIPE = 128 + signal.SIGPIPE
_JSON = "--json"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    given = list(sys.argv[1:] if args is None else args)
    if sys.getfilesystemencoding() != "utf-8":
        _in_utf8_mode(given)
    # Most of a short command is importing: the collector would go through the same modules dozens of times.
    gc.set_threshold(50_000, 20, 20)
    output.prepare()
    signal.signal(signal.SIGTERM, _terminate)
    if given == ["--version"]:
        # The option of the same name says it too; this does not import what reads options.
        output.line(f"pravah {version.installed()}")
        return
    status = run_command(given)
    interrupts.leave_on_interrupt()
    # The interpreter's last collections would find nothing but modules, and take a third of a short command.
    gc.freeze()
    sys.exit(status)


def _in_utf8_mode(given: list[str]) -> None:
    """Start again so that names are UTF-8, or bytes that survive, whatever the locale; text for people stays in it."""
    environment = {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": f"{sys.stdout.encoding}:backslashreplace"}
    os.execve(sys.executable, [sys.executable, "-m", "services.cli.main", *given], environment)  # noqa: S606 - itself


def _terminate(number: int, frame: FrameType | None) -> None:
    # An exit, so that files are closed and the embedded database is left in order.
    raise SystemExit(128 + number)


def run_command(given: list[str]) -> int:
    """Run a command and return its exit status; every error becomes a message here."""
    import typer

    from services.cli import commands

    before_end = given[: given.index("--")] if "--" in given else given
    as_json = _JSON in before_end
    try:
        found = commands.command.main(args=given, prog_name="pravah", standalone_mode=False)
        sys.stdout.flush()
    except errors.PravahError as error:
        output.problem(error, as_json=as_json)
        return error.exit_status
    except typer.TyperException as error:
        return _usage(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        output.line(error=True)
        return errors.CancelledError.exit_status
    except SystemExit as end:
        # Typer ends with 1 when nobody reads its output, which here means that something was found.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        return _drop_stdout(_BROKEN_PIPE)
    except BrokenPipeError:
        return _drop_stdout(_BROKEN_PIPE)
    except OSError as error:
        if error.errno not in _FULL:
            return _bug(error, as_json=as_json)
        full = errors.OutputError(f"cannot write to stdout: {error.strerror}", remedy="Free space on its disk.")
        output.problem(full, as_json=as_json)
        return _drop_stdout(full.exit_status)
    except Exception as error:  # a person gets a sentence, not a trace
        return _bug(error, as_json=as_json)
    return found if isinstance(found, int) else 0


def _usage(error: typer.TyperException, *, as_json: bool) -> int:
    # Pydantic's word before ours.
    message = error.format_message().replace("Value error, ", "")
    if type(error).__name__ == "NoArgsIsHelpError":
        output.line(message, error=True)
        return error.exit_code
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "pravah"
    remedy = f"{_of_several(error)}`{path} --help` lists all options."
    problem = errors.InvalidOptionsError(message, remedy=remedy)
    output.problem(problem, as_json=as_json)
    return problem.exit_status


def _of_several(error: typer.TyperException) -> str:
    """Return how an option is written that several operations of one job have, if an unknown one is meant so."""
    wanted, context = getattr(error, "option_name", ""), getattr(error, "ctx", None)
    if not wanted or context is None:
        return ""
    options = {name for one in context.command.params for name in one.opts}
    names = (context.command.name or "").split(",")
    found = [option for name in names if (option := f"--{name}-{wanted.removeprefix('--')}") in options]
    return f"Several of these operations have this option, so it has a prefix: {' or '.join(found)}. " if found else ""


def _bug(error: Exception, *, as_json: bool) -> int:
    import logging

    logging.getLogger(__name__).debug("unexpected", exc_info=error)
    problem = errors.InternalError(
        f"{type(error).__name__}: {error}",
        remedy="This is a bug in Pravah. Run again with PRAVAH_LOG_LEVEL=DEBUG and report the message and the trace.",
    )
    output.problem(problem, as_json=as_json)
    return problem.exit_status


def _drop_stdout(status: int) -> int:
    """Let the interpreter's last flush go nowhere; return `status`."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status


if __name__ == "__main__":
    main()
