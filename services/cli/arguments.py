"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer
import typer.core

from services.cli import reach

Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout, and errors as JSON (RFC 9457) on stderr.")
]
JobId: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="ID", help="Job ID, at least its first four digits, or latest.", show_default=False),
]
JobIds: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="ID", help="Job IDs, at least their first four digits, or latest.", show_default=False),
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Do not print progress and summary.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing files.")]


class Sectioned(typer.core.TyperCommand):
    """A command whose help has a section for each panel; it is refused where it does not work for a server."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        reach.check(ctx.command_path)
        return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then options by panel, in the order of their first ones."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            kind = "Options"
            if isinstance(param, typer.core.TyperArgument):
                kind, record = "Arguments", (param.metavar or param.name, param.help or "")
            if record is not None:
                sections.setdefault(getattr(param, "rich_help_panel", None) or kind, []).append(record)
        for title, records in ((title, records) for title, records in sections.items() if records):
            with formatter.section(title):
                formatter.write_dl(records)
