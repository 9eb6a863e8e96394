"""``pravah operations`` and ``pravah settings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.base import errors
from services.cli import arguments, output, session

if TYPE_CHECKING:
    from services.operations import Operation


def operations(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of an operation.", show_default=False)
    ] = None,
    json: arguments.Json = False,
) -> int:
    """List the operations, or show one with its options, tables and figures."""
    from services import operations as declared

    if name is None:
        if json:
            output.data([_document(operation) for operation in declared.OPERATIONS])
        else:
            rows = [(one.name.replace("_", "-"), one.summary) for one in declared.OPERATIONS]
            output.table(("NAME", "WHAT IT DOES"), rows)
        return 0
    try:
        operation = declared.get(name.replace("-", "_"))
    except KeyError:
        known = ", ".join(one.name for one in declared.OPERATIONS)
        message = f"unknown operation {output.plain(name)!r}; use one of: {known}"
        raise errors.InvalidOptionsError(message, field="operation") from None
    if json:
        output.data(_document(operation))
    else:
        _describe(operation)
    return 0


def _document(operation: Operation) -> dict[str, Any]:
    document = operation.model_dump(mode="json", exclude={"options", "examples"})
    return {**document, "options": operation.options.model_json_schema()}


def _describe(operation: Operation) -> None:
    from services.cli import declared

    output.styled(operation.title, "bold")
    output.line(f"  {operation.summary}")
    output.line(f"  Cost: {operation.cost}")
    output.line()
    output.styled(f"Options (pravah run {operation.name.replace('_', '-')} --help)", "bold")
    for name, field in operation.options.model_fields.items():
        output.line(f"  {declared.flags(name, field)[0]}")
        output.line(f"      {field.description}")
    for table in operation.tables:
        output.line()
        output.styled(f"Table {table.name}: {table.title}", "bold")
        wide = max(len(column.name) for column in table.columns)
        for column in table.columns:
            unit = f" ({column.unit})" if column.unit else ""
            output.line(f"  {column.name:<{wide}}  {column.meaning}{unit}")


def settings(json: arguments.Json = False) -> int:
    """Show the current settings, with secrets masked."""
    from services.base import settings as settings_module

    values = settings_module.effective(session.load_settings())
    if json:
        output.data(values)
        return 0
    rows = [(f"PRAVAH_{name.upper()}", _shown(value)) for name, value in values.items()]
    output.table(("SETTING", "VALUE"), rows)
    return 0


def _shown(value: Any) -> str:
    if value is None:
        return "(unset)"
    return ":".join(value) if isinstance(value, list) else str(value)
