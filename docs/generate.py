"""Write the generated pages of ``docs/``: ``make docs``. A test compares them with the code."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from services import bootstrap, operations
from services.api import app as api
from services.base import errors, settings

_HERE = Path(__file__).parent
_SERVICES = _HERE.parent / "services"


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


def services_page() -> str:
    """Return ``docs/services.md`` from the modules and classes of ``services/``."""
    lines = [
        "# Services",
        "",
        "Generated from `services/` by `make docs`. [Architecture](architecture.md) says which folder may use which.",
        "",
        "## Use cases",
        "",
        "`services.bootstrap.open_services(settings)` gives a `Services`. Dashboard, API and command line call these.",
        "",
    ]
    hints = inspect.get_annotations(bootstrap.Services, eval_str=True)
    for name in ("jobs", "artifacts", "sources"):
        lines += _class(f"services.{name}", hints[name])
    for name in ("results", "comparisons", "presets", "schedules", "retention"):
        lines += _class(f"services.{name}", _made(name))
    lines += ["## Modules", ""]
    folders = (path.parent for path in sorted(_SERVICES.rglob("__init__.py")))
    for folder in folders:
        if "versions" not in folder.parts:
            lines += _modules(folder)
    return "\n".join(lines).rstrip("\n") + "\n"


def _made(name: str) -> type:
    """Return the class of a service that is made when it is first used."""
    made = vars(bootstrap.Services)[name]._make
    module = f"services.use_cases.{name}"
    found: type = getattr(__import__(module, fromlist=["_"]), inspect.get_annotations(made)["return"])
    return found


def _class(name: str, cls: type) -> list[str]:
    lines = [f"### `{name}`: {_first_line(cls.__doc__)}", "", "| method | what it does |", "|---|---|"]
    for method, call in vars(cls).items():
        if inspect.isfunction(call) and not method.startswith("_"):
            given = [str(one.replace(annotation=one.empty)) for one in inspect.signature(call).parameters.values()]
            lines.append(f"| `{method}({', '.join(given[1:])})` | {_cell(_first_line(call.__doc__))} |")
    return [*lines, ""]


def _modules(folder: Path) -> Iterator[str]:
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    yield f"### `{folder.relative_to(_HERE.parent)}/`: {_docstring(folder / '__init__.py')}"
    yield from ("", "| module | what is in it |", "|---|---|") if files else ()
    yield from (f"| `{path.name}` | {_cell(_docstring(path))} |" for path in files)
    yield ""


def _docstring(path: Path) -> str:
    return _first_line(ast.get_docstring(ast.parse(path.read_text())))


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0].replace("``", "`")


PAGES = {
    "api.md": api_page,
    "operations.md": operations_page,
    "services.md": services_page,
    "settings.md": settings.document,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (_HERE / name).write_text(page())


if __name__ == "__main__":
    main()
