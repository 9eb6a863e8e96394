"""Commands and their options, made from the declarations. Nothing here knows an operation."""

from __future__ import annotations

import inspect
import os
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin

import annotated_types
import pydantic
import typer
import typer.core
import typer.main
from pydantic.fields import FieldInfo

from services import operations
from services.base import errors, units
from services.cli import arguments, reach
from services.models import request_paths
from services.models.jobs import JobRequest, OperationRequest, Source

Chosen = tuple[operations.Operation, ...]
ADVANCED = "Advanced options"
WALK = "Files to include"
_WALK_GROUP = "walk"
_METAVAR_CHARACTERS = 64
Callback = Callable[[Chosen, dict[str, Any]], int]
Values = Mapping[str, Any]


class _ListOption(typer.core.TyperOption):
    """An option that may be repeated and also takes several values with commas between them."""

    def process_value(self, ctx: Any, value: Any) -> Any:
        parts = [part for text in value or () for part in (split(text) if isinstance(text, str) else [text])]
        return super().process_value(ctx, tuple(parts))


def split(text: str) -> list[str]:
    r"""Split at commas, not at those inside ``{}``, nor at ``\,``, which stands for a comma."""
    parts = [""]
    depth = 0
    for piece in re.findall(r"\\.|[^\\]|\\$", text, re.DOTALL):
        depth += (piece == "{") - (piece == "}" and depth > 0)
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += "," if piece == r"\," and depth == 0 else piece
    return [part.strip() for part in parts if part.strip()]


def command(
    chosen: Chosen,
    callback: Callback,
    common: Sequence[inspect.Parameter],
    positional: str | None = None,
    **texts: Any,
) -> Any:
    """Return the command of one operation, or of several in one job.

    Args:
        callback: called with the operations and all values by parameter name; gives the exit status.
        common: parameters that are no option of a declaration; first of all the directory.
        positional: the parameter of an option that is an argument here, the first one.
        texts: ``name``, ``help``, ``epilog`` where they differ from the declarations'.
    """
    parameters = [*common, *_parameters(chosen, positional)]
    parameters.sort(key=lambda one: one.name != positional)

    def call(**values: Any) -> int:
        return callback(chosen, values)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    summary = "\n\n".join(f"{one.summary}\n\nCost: {one.cost}." for one in chosen)
    about = {"name": ",".join(map(command_name, chosen)), "help": summary, "epilog": ""} | texts
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(
        about["name"], cls=arguments.Sectioned, help=about["help"], epilog=about["epilog"], no_args_is_help=True
    )(call)
    made = typer.main.get_command(app)
    whole = {
        f"{operation.name}__{name}"
        for operation in chosen
        for name, field in operation.options.model_fields.items()
        if _extra(field).get("widget") == "verbatim"  # a comma is a part of it
    }
    for option in made.params:
        if isinstance(option, typer.core.TyperOption) and option.multiple and option.name not in whole:
            option.__class__ = _ListOption
    return made


def command_name(operation: operations.Operation) -> str:
    """Return how an operation is typed."""
    return operation.name.replace("_", "-")


def flags(name: str, field: FieldInfo) -> list[str]:
    """Return how a field is written as an option: a list also by the name of one of its values."""
    flag = name.replace("_", "-")
    kind, many = _kind(field)
    if kind is bool:
        return [f"--{flag}/--no-{flag}"]
    if many and flag.endswith("s"):
        return [f"--{flag}", f"--{flag.removesuffix('s')}"]
    return [f"--{flag}"]


def _parameters(chosen: Chosen, positional: str | None) -> Iterator[inspect.Parameter]:
    names = operations.option_names(chosen)
    for operation in chosen:
        title = operation.title if len(chosen) > 1 else None
        for name, field in operation.options.model_fields.items():
            is_advanced = _extra(field).get("category") == "advanced"
            panel = " · ".join(filter(None, (title, ADVANCED))) if is_advanced else title
            written = flags(names[operation.name, name], field)
            yield _parameter(f"{operation.name}__{name}", field, written, panel, positional)
    for name, field in operations.WalkOptions.model_fields.items():
        yield _parameter(f"{_WALK_GROUP}__{name}", field, flags(name, field), WALK)


def _parameter(
    parameter: str, field: FieldInfo, written: list[str], panel: str | None, positional: str | None = None
) -> inspect.Parameter:
    kind, many = _kind(field)
    about: dict[str, Any] = {"help": field.description or "", "rich_help_panel": panel}
    parser = _parser(kind, field)
    if parser is not None:
        about |= parser
    elif kind in {int, float}:
        about |= _bounds(field)
    default: Any = ... if field.is_required() else field.get_default(call_default_factory=True)
    about["show_default"] = default not in (None, ...) and default != []
    if parameter == positional:
        metavar = parameter.partition("__")[2].upper()
        argument: Any = typer.Argument(..., metavar=metavar, help=about["help"], show_default=False)
        return _keyword(parameter, str, argument)
    annotation: Any = list[kind] if many else kind  # type: ignore[valid-type]
    option: Any = typer.Option(default, *written, **about)
    return _keyword(parameter, annotation if default is not None else annotation | None, option)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def of_function(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters that a function written by hand has, to be put before a declaration's."""
    signature = inspect.signature(function, eval_str=True)
    return [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in signature.parameters.values()]


def _kind(field: FieldInfo) -> tuple[Any, bool]:
    """Return the type of a field's value, or of its values, and whether there are several."""
    kind = _bare(field.annotation)
    if get_origin(kind) is list:
        return _bare(get_args(kind)[0]), True
    return kind, False


def _bare(annotation: Any) -> Any:
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in {Union, types.UnionType}:
            annotation = next(one for one in get_args(annotation) if one is not type(None))
        else:
            return annotation


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _parser(kind: Any, field: FieldInfo) -> dict[str, Any] | None:
    """Return how a text is read that people write in a form of their own."""
    if kind is int and _extra(field).get("unit") == "bytes":
        return {"parser": _validated(field, units.parse_bytes), "metavar": "SIZE"}
    if kind is datetime:
        return {"parser": _validated(field, str), "metavar": "TIME"}
    if _extra(field).get("widget") in {"path", "destination"}:
        return {"metavar": "PATH"}
    if kind is str:
        return {"metavar": "TEXT"}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"case_sensitive": False, "metavar": _metavar(kind)}
    return None


def _metavar(kind: type[Enum]) -> str:
    """Return the choices, if they fit a line of the help; the error of a wrong one lists all of them."""
    choices = f"[{'|'.join(one.value for one in kind)}]"
    return choices if len(choices) <= _METAVAR_CHARACTERS else "NAME"


def _validated(field: FieldInfo, read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        # Made when a value is there: an adapter takes a millisecond, and there are many options.
        bounded: Any = Annotated.__class_getitem__((field.annotation, pydantic.Field(), *field.metadata))  # type: ignore[attr-defined]
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(bounded)
        try:
            return adapter.validate_python(read(value) if isinstance(value, str) else value)
        except pydantic.ValidationError as error:
            raise ValueError(error.errors()[0]["msg"]) from None

    return parse


def _bounds(field: FieldInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in field.metadata:
        if isinstance(one, annotated_types.Ge):
            found["min"] = one.ge
        # A bound that only says what an integer holds would be noise in the help; the model checks it.
        if isinstance(one, annotated_types.Le) and one.le < 2**31:  # type: ignore[operator]
            found["max"] = one.le
    return found


def request(chosen: Chosen, directory: str, values: Values) -> JobRequest:
    """Return the request of a command's values; relative paths are below the current directory.

    Raises:
        InvalidOptionsError: a value is not acceptable; ``details["field"]`` names it.
    """
    given: dict[str, dict[str, Any]] = {_WALK_GROUP: {}, **{operation.name: {} for operation in chosen}}
    for parameter, value in values.items():
        group, _, name = parameter.partition("__")
        if group in given and value is not None:
            given[group][name] = value
    try:
        walk = operations.WalkOptions.model_validate(given.pop(_WALK_GROUP))
        extra = {key: values.get(key) for key in ("name", "idempotency_key")}
        wanted = tuple(OperationRequest(operation=name, options=options) for name, options in given.items())
        asked = JobRequest(operations=wanted, source=source(directory), walk=walk, **extra)
        return request_paths.with_paths(asked, lambda option: absolute(option.value)).validated()
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field_name = ".".join(str(part) for part in first["loc"]) or "walk"
        message = first["msg"].removeprefix("Value error, ")
        raise errors.InvalidOptionsError(f"{field_name}: {message}", field=field_name) from None


def absolute(path: str) -> str:
    """Return a path below the current directory; a reference to a job stays as it is.

    Links and ``..`` are left alone: only the kernel knows where ``link/..`` leads.
    """
    if not path or path.startswith(request_paths.JOB_REFERENCE):
        return path
    if reach.url() is not None and not path.startswith("/"):
        message = f"{path!r} is relative, and the path is one of the server's machine"
        raise errors.InvalidOptionsError(message, remedy="Use an absolute path.", field="source")
    try:
        return os.path.join(os.getcwd(), path)
    except FileNotFoundError:
        raise errors.SourceNotFoundError(
            "the current directory was deleted", remedy="Change to another directory."
        ) from None


def source(directory: str) -> Source:
    """Return the source that a person typed: a directory, or an S3 prefix.

    Raises:
        InvalidOptionsError: it is empty, as an unset variable of a script, or no S3 prefix.
    """
    if not directory:
        message = "the directory must not be empty"
        raise errors.InvalidOptionsError(
            message, remedy="Name a directory; `.` is the current directory.", field="source"
        )
    try:
        if directory.startswith("s3://"):
            return Source(s3_uri=directory)
        return Source.of_path(absolute(directory))
    except pydantic.ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        if directory.startswith("s3://"):
            rule = "s3://bucket/prefix, with lower-case letters, digits, . and - in the bucket name"
            message = f"{directory} is not a valid S3 address; use {rule}"
        raise errors.InvalidOptionsError(message, remedy="Correct the source.", field="source") from None
