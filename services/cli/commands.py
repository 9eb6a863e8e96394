"""The commands of ``pravah``; each is made when it is needed, so that a start imports what it uses."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from services.cli import arguments, output
from services.cli import version as versions

_HELP = """Scan, checksum, compare, search, convert and verify files, at native speed.

To start: pravah run inventory DIR, or pravah serve for the dashboard."""


def _jobs() -> Any:
    from services.cli import compare, jobs, removal, results

    for command in (
        results.results,
        results.issues,
        results.schema,
        results.problems,
        removal.removal,
        compare.compare,
    ):
        jobs.app.command(cls=arguments.Sectioned)(command)
    return typer.main.get_command(jobs.app)


def _schedules() -> Any:
    from services.cli import schedules

    return typer.main.get_command(schedules.app)


def _tokens() -> Any:
    from services.cli import keys

    return typer.main.get_command(keys.tokens)


def _sessions() -> Any:
    from services.cli import keys

    return typer.main.get_command(keys.sessions)


def _run() -> Any:
    from services.cli import run

    return typer.main.get_command(
        run.group(run.OperationGroup, "Run one or several operations and wait for the result.")
    )


def _submit() -> Any:
    from services.cli import run

    summary = "Queue a job for a running server and print its ID."
    return typer.main.get_command(run.group(run.SubmitGroup, summary))


def _verify() -> Any:
    from services.cli import verify

    return verify.command()


def _single(name: str) -> Callable[[], Any]:
    """Return what makes the command of a function that is called as it."""

    def make() -> Any:
        module = importlib.import_module(_SINGLE[name])
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, cls=arguments.Sectioned)(getattr(module, name))
        return typer.main.get_command(app)

    return make


_SINGLE = {
    "clean": "services.cli.clean",
    "serve": "services.cli.serve",
    "link": "services.cli.keys",
    "operations": "services.cli.about",
    "settings": "services.cli.about",
    "doctor": "services.cli.doctor",
}
# In the order in which a newcomer wants them. Each is made when it is needed: a start imports what it uses.
_COMMANDS: dict[str, Callable[[], Any]] = {
    "run": _run,
    "verify": _verify,
    "submit": _submit,
    "jobs": _jobs,
    "schedules": _schedules,
    **{name: _single(name) for name in ("clean", "serve", "link")},
    "tokens": _tokens,
    "sessions": _sessions,
    **{name: _single(name) for name in ("operations", "settings", "doctor")},
}


class _Group(typer.core.TyperGroup):
    """The top level; a command is made when it is needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands' names."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command."""
        # What is close to an unknown name is looked for among all.
        for name in (cmd_name,) if cmd_name in _COMMANDS else tuple(_COMMANDS):
            if name not in self.commands:
                made = _COMMANDS[name]()
                made.name = name
                self.commands[name] = made
        return super().get_command(ctx, cmd_name)


def _app() -> typer.Typer:
    app = typer.Typer(cls=_Group, help=_HELP, no_args_is_help=True, rich_markup_mode=None)
    app.callback(invoke_without_command=True)(_callback)
    return app


def _callback(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        output.line(f"pravah {versions.installed()}")
        raise typer.Exit


command = typer.main.get_command(_app())
