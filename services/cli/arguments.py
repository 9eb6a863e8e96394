"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout, and an error as a problem document on stderr.")
]
JobId: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="ID", help="A job's id, its first four or more digits, or latest.", show_default=False),
]
JobIds: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="Ids, their first four or more digits, or latest.", show_default=False),
]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary and no progress.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", "-f", help="Overwrite files that are there.")]
