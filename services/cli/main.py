"""``pravah``: puts the commands together; the one place where errors become exit statuses."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from services.base import errors
from services.cli import (
    about,
    arguments,
    clean,
    compare,
    doctor,
    interrupts,
    jobs,
    output,
    removal,
    results,
    run,
    schedules,
    serve,
)

_BROKEN_PIPE = 128 + signal.SIGPIPE
_JSON = "--json"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

_HELP = """What is in this directory, and is it still the same? Reads directories at native speed.

Start with: pravah run inventory DIR, or pravah serve for the dashboard."""


_ORDER = ("run", "verify", "submit", "jobs", "schedules", "clean", "serve", "operations", "settings", "doctor")


class _Group(typer.core.TyperGroup):
    """The top level; `verify` is made from its declaration when it is needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands, in the order in which a newcomer wants them."""
        return list(_ORDER)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command."""
        if cmd_name == "verify" and "verify" not in self.commands:
            from services.cli import verify

            self.commands["verify"] = verify.command()
        return super().get_command(ctx, cmd_name)


def _app() -> typer.Typer:
    app = typer.Typer(cls=_Group, help=_HELP, no_args_is_help=True, rich_markup_mode=None)
    app.callback(invoke_without_command=True)(_callback)
    app.add_typer(run.group(run.OperationGroup, "Run an operation and wait for its result."), name="run")
    app.add_typer(
        run.group(run.SubmitGroup, "Queue an operation for a running server and print its id."), name="submit"
    )
    jobs.app.command("results", cls=arguments.Sectioned)(results.results)
    jobs.app.command("issues", cls=arguments.Sectioned)(results.issues)
    jobs.app.command("removal", cls=arguments.Sectioned)(removal.removal)
    jobs.app.command("compare", cls=arguments.Sectioned)(compare.compare)
    app.add_typer(jobs.app, name="jobs")
    app.add_typer(schedules.app, name="schedules")
    app.command(cls=arguments.Sectioned)(clean.clean)
    app.command(cls=arguments.Sectioned)(about.operations)
    app.command(cls=arguments.Sectioned)(serve.serve)
    app.command(cls=arguments.Sectioned)(doctor.doctor)
    app.command(cls=arguments.Sectioned)(about.settings)
    return app


def _callback(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        output.line(f"pravah {about.version()}")
        raise typer.Exit


command = typer.main.get_command(_app())


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    given = list(sys.argv[1:] if args is None else args)
    if sys.getfilesystemencoding() != "utf-8":
        _in_utf8_mode(given)
    output.prepare()
    signal.signal(signal.SIGTERM, _terminate)
    status = run_command(given)
    interrupts.leave_on_interrupt()
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
    before_end = given[: given.index("--")] if "--" in given else given
    as_json = _JSON in before_end
    try:
        found = command.main(args=given, prog_name="pravah", standalone_mode=False)
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
        full = errors.OutputError(f"stdout cannot be written: {error.strerror}", remedy="Free space where it leads to.")
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
    problem = errors.InvalidOptionsError(message, remedy=f"`{path} --help` lists what it takes.")
    output.problem(problem, as_json=as_json)
    return problem.exit_status


def _bug(error: Exception, *, as_json: bool) -> int:
    import logging

    logging.getLogger(__name__).debug("unexpected", exc_info=error)
    problem = errors.InternalError(
        f"{type(error).__name__}: {error}",
        remedy="This is a bug in Pravah. PRAVAH_LOG_LEVEL=DEBUG shows the trace; please report both.",
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
