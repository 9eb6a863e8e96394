"""Write the generated pages of ``docs/``: ``make docs``. A test compares them with the code."""

from __future__ import annotations

from pathlib import Path

from services import operations
from services.api import app as api
from services.base import errors, settings

_HERE = Path(__file__).parent


def operations_page() -> str:
    """Return ``docs/operations.md`` from the declarations."""
    lines = [
        "# Operations",
        "",
        "Generated from `services/operations/` by `make docs`. The form, API, command line and this page use",
        "the same declarations.",
        "",
    ]
    for operation in operations.OPERATIONS:
        lines += _operation(operation)
    lines += [
        "## Walk rules",
        "",
        "All operations share these options. They define which files of the source are included.",
        "",
    ]
    lines += _options(operations.WalkOptions)
    return "\n".join(lines) + "\n"


def _operation(operation: operations.Operation) -> list[str]:
    lines = [f"## {operation.title} (`{operation.name}`)", "", operation.summary, "", f"Cost: {operation.cost}.", ""]
    lines += _options(operation.options)
    for table in operation.tables:
        lines += [
            f"### {operation.title}: {table.title} (`{operation.name}.{table.name}`)",
            "",
            "| column | type | unit | meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{c.name}` | {c.dtype} | {c.unit or ''} | {c.meaning}{' (if requested)' if c.optional else ''} |"
            for c in table.columns
        ]
        if table.optional:
            lines += ["", "Written only if an option requests it."]
        lines.append("")
    return lines


def _options(model: type[operations.Options]) -> list[str]:
    lines = ["| option | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if field.is_required():
            default = "required"
        else:
            value = field.get_default(call_default_factory=True)  # type: ignore[call-arg]
            default = "none" if value is None or value == [] else f"`{_plain(value)}`"
        lines.append(f"| `{name}` | {default} | {field.title}: {field.description} |")
    return [*lines, ""]


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def api_page() -> str:
    """Return ``docs/api.md`` from the API's own schema."""
    schema = api.create_app().openapi()
    lines = [
        "# API",
        "",
        "Generated from the API schema by `make docs`. `/api/docs` shows every field and example,",
        "`/api/openapi.json` is the schema itself. All paths are below `/api`.",
        "",
        schema["info"]["description"].strip(),
        "",
    ]
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            lines += [f"## `{method.upper()} {path}`", "", route.get("description", route["summary"]).strip(), ""]
            parameters = [p for p in route.get("parameters", []) if p["in"] != "path"]
            if parameters:
                lines += ["| parameter | in | meaning |", "|---|---|---|"]
                lines += [f"| `{p['name']}` | {p['in']} | {_cell(p.get('description', ''))} |" for p in parameters]
                lines.append("")
    lines += ["## Errors", "", "| code | HTTP | exit | title | remedy |", "|---|---|---|---|---|"]
    lines += [
        f"| `{e.code}` | {e.http_status} | {e.exit_status} | {e.title} | {_cell(e.remedy)} |" for e in errors.ERRORS
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {"api.md": api_page, "operations.md": operations_page, "settings.md": settings.document}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (_HERE / name).write_text(page())


if __name__ == "__main__":
    main()
