"""``pravah jobs removal``: plan which duplicates to remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.base import errors
from services.cli import arguments, output, session

if TYPE_CHECKING:
    from services.models.results import RemovalPreview

_KEEPS = ("oldest", "newest", "shortest_path", "under", "each_name")
_FORMS = ("sh", "csv")


def removal(  # noqa: PLR0913 - its options
    job: arguments.JobId,
    keep: Annotated[
        str, typer.Option(metavar=f"[{'|'.join(_KEEPS)}]", help="Which file of each group stays.")
    ] = "oldest",
    folder: Annotated[str, typer.Option(metavar="PATH", help="For under: the folder whose files stay.")] = "",
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", metavar="COLUMN:OP:VALUE", help="Remove only rows that match, e.g. extension:eq:jpg."),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(metavar=f"[{'|'.join(_FORMS)}]", help="Write the plan as a bash script or a CSV table."),
    ] = None,
    out: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Write the plan to this file; - = stdout.")
    ] = "-",
    force: arguments.Force = False,
    json: arguments.Json = False,
) -> int:
    """Tell what a rule on a duplicates result would remove, or write the plan. Pravah itself removes nothing.

    The script looks at each file again, size and time, before it removes it; without --remove it only tells. The CSV
    table has the exact paths. A file whose time cannot be checked (outside 1678 to 2262) stays, and is counted.
    """
    from services.cli import download
    from services.models import results
    from services.results import removal as plans

    _known("keep", keep, _KEEPS)
    _known("plan", plan or _FORMS[0], _FORMS)
    rule = results.KeepRule(
        keep=keep,
        folder=folder,
        filters=tuple(results.parse_filter(text) for text in filters or []),
    )
    with session.opened() as services:
        job_id = services.jobs.find(job)
        if plan is None:
            found = services.results.removal_preview(job_id, rule)
            if json:
                output.data(found.model_dump(mode="json"))
            else:
                _show(found)
            return 0
        chunks = services.results.removal_plan(job_id, rule, plan)  # type: ignore[arg-type]
        stay = plans.unchecked(services.results.removal_preview(job_id, rule).unchecked_files)
        if out == download.STDOUT:
            download.to_stdout(chunks, plans.MEDIA_TYPES[plan])
        else:
            download.to_file(chunks, Path(out), force=force)
            if json:
                output.data({"saved": [out]})
        if stay:
            output.line(stay, error=True)
    return 0


def _known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise errors.InvalidOptionsError(f"{value!r} is not one of {', '.join(known)}", field=name)


def _show(found: RemovalPreview) -> None:
    from services.base import units
    from services.results import removal as plans

    size = units.format_bytes(found.reclaimable_bytes)
    output.styled(f"{found.files:,} files of {found.groups:,} groups, {size}", "bold")
    for row in found.first:
        output.line(output.plain(f"  {units.format_bytes(row['size_bytes']):>9}  {row['path']}  (keeps {row['keep']})"))
    if found.files > len(found.first):
        output.line(f"  … and {found.files - len(found.first):,} more: --plan csv lists all")
    if found.unchecked_files:
        output.line(plans.unchecked(found.unchecked_files))
    if found.untouched_groups:
        output.line(f"{found.untouched_groups:,} groups are not changed.")
    output.line("Nothing was removed. The plan as a script: --plan sh -o plan.sh")
