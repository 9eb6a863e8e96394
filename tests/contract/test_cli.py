"""Declaration ↔ command line: every option is there, with the same default, choices and help."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.core

from pages.components import same_as
from services import operations
from services.cli import arguments, commands, declared, main, run, serve, verify
from services.models.jobs import JobRequest, OperationRequest, Source
from services.operations._spec import Encoding

COMMONS = {"run": run.run_arguments, "submit": run.submit_arguments}


def _command(path: str) -> Any:
    """Return a command by the words one types."""
    command: Any = commands.command
    for word in path.split():
        command = command.get_command(None, word)
        assert command is not None, path
    return command


def _commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name in command.list_commands(None):
        child = command.get_command(None, name)
        if isinstance(child, typer.core.TyperGroup):
            yield from _commands(child, f"{path}{name} ")
        else:
            yield f"{path}{name}", child


COMMANDS = dict(_commands(commands.command))
OPTIONS = [
    pytest.param(verb, operation, group, name, id=f"{verb}-{operation.name}-{group}-{name}")
    for verb in COMMONS
    for operation in operations.OPERATIONS
    for group, model in (("options", operation.options), ("walk", operations.WalkOptions))
    for name in model.model_fields
]


@pytest.mark.parametrize(("verb", "operation", "group", "name"), OPTIONS)
def test_each_field_is_an_option(verb: str, operation: operations.Operation, group: str, name: str) -> None:
    command = _command(f"{verb} {operation.name}")
    field = (operation.options if group == "options" else operations.WalkOptions).model_fields[name]
    owner = operation.name if group == "options" else group
    option = next(one for one in command.params if one.name == f"{owner}__{name}")
    assert f"--{name.replace('_', '-')}" in option.opts
    assert option.help == field.description
    assert option.required == field.is_required()
    if not field.is_required():
        default = field.get_default(call_default_factory=True)
        assert (option.default or None) == (default or None)
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    panel = arguments_panel(group, str(extra.get("category")))
    assert option.rich_help_panel == panel
    for choices in _enums(field.annotation):
        assert option.metavar == ("NAME" if choices is Encoding else f"[{'|'.join(choices)}]")
        assert list(option.type_descriptor.choices) == list(choices)


def arguments_panel(group: str, category: str) -> str | None:
    """Return the section of the help in which an option stands."""
    if group == "walk":
        return declared.WALK
    return declared.ADVANCED if category == "advanced" else None


def _enums(annotation: Any) -> Iterator[type[Enum]]:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        yield annotation
    for one in get_args(annotation):
        yield from _enums(one)


@pytest.mark.parametrize("operation", operations.OPERATIONS, ids=lambda one: one.name)
def test_no_option_has_the_flag_of_another(operation: operations.Operation) -> None:
    for verb in COMMONS:
        flags = [
            flag for one in _command(f"{verb} {operation.name}").params for flag in (*one.opts, *one.secondary_opts)
        ]
        assert sorted(set(flags)) == sorted(flags)


@pytest.mark.parametrize("operation", operations.OPERATIONS, ids=lambda one: one.name)
def test_an_unknown_option_is_refused(operation: operations.Operation, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_command(["run", operation.name, ".", "--no-such-option"]) == 2
    assert "No such option" in capsys.readouterr().err


def test_an_option_of_several_operations_is_named_with_its_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["run", "checksum,compress,convert", "--destination", "there", "."]
    assert main.run_command(given) == 2
    told = capsys.readouterr().err
    assert "it has a prefix: --compress-destination or --convert-destination." in told
    assert main.run_command(["run", "checksum,compress", "--globs", "x", "."]) == 2
    assert "prefix" not in capsys.readouterr().err


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_and_json(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = COMMANDS[path]
    assert command.help
    assert any("--json" in one.opts for one in command.params)
    assert all(one.help for one in command.params)
    assert main.run_command([*path.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: pravah {path} [OPTIONS]")
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_help_has_a_section_for_each_panel(capsys: pytest.CaptureFixture[str]) -> None:
    main.run_command(["run", "verify", "--help"])
    titles = re.findall(r"^(\w.*):$", capsys.readouterr().out, re.MULTILINE)
    assert titles == ["Arguments", "Options", run.RESULT, declared.ADVANCED, declared.WALK]


def test_verify_has_the_options_of_run_verify() -> None:
    own = {one.name for one in verify.command().params}
    assert own == {one.name for one in _command("run verify").params} - {"idempotency_key", "baseline", "preview"}


@pytest.mark.parametrize("factory", serve._FACTORIES.values())
def test_what_serve_names_is_there(factory: str) -> None:
    module, _, name = factory.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def _requests() -> list[JobRequest]:
    """Return requests with every option set to something that is not its default."""
    values: dict[str, Any] = {
        "algorithms": ["md5", "blake3"],
        "write_manifests": False,
        "largest_count": 7,
        "age_reference": "2026-01-02T03:04:05Z",
        "manifest": "/data/SHA256 SUMS",
        "algorithm": "sha256",
        "etag_part_bytes": 5 << 20,
        "detect_moves": False,
        "min_file_bytes": 4096,
        "references": ["/data/keep", "/data/a,b"],
        "only_against_reference": True,
        "folders": False,
        "confirm_bytes": True,
        "patterns": ["a,b{1,2}", "-x", r"\bword\b"],
        "pattern_names": ["first, really", "second", "third"],
        "fixed_strings": True,
        "case": "smart",
        "whole": "word",
        "count_only": True,
        "context_before": 1,
        "context_after": 2,
        "encoding": "latin1",
        "binary": "search",
        "search_compressed": True,
        "line_length": 50,
        "max_matches_per_file": 3,
        "max_matches": 4,
        "format": "gzip",
        "prove_values": True,
        "level": 2,
        "destination": "/data/a new, empty place",
        "verify_output": False,
        "keep_metadata": False,
        "form": "tar.xz",
        "archive_name": "an archive, of 2026",
        "unpack_archives": False,
        "max_ratio": 7,
        "ratio_from_bytes": 4096,
        "zip_encoding": "shift_jis",
        "allow_outside_links": True,
        "max_unpacked_bytes": 4096,
        "max_members": 8,
        "files": "all",
        "delimiter": "semicolon",
        "header_rows": 0,
        "skip_lines": 2,
        "footer": 1,
        "null_values": ["-", "n/a, really"],
        "quote": "single",
        "escape": "backslash",
        "comment": "#",
        "skip_initial_space": "yes",
        "widths": ["id=8", "9-12"],
        "widths_file": "/data/layout, of prices.csv",
        "widths_text": "name,width\nid,8\n",
        "record_length": 80,
        "record_path": "/catalog/book",
        "columns": "union",
        "to": "jsonl",
        "bad_records": "null",
        "column_types": ["id=text", "a=b=date"],
        "formats": ["day=date:%d.%m.%Y", "a=b=number:1.234,56 €"],
        "partition_by": ["day", "a, b"],
        "sort_by": ["day=desc", "id"],
        "file_bytes": 4 << 20,
        "bloom_filters": ["id"],
        "statistics": "page",
        "dictionary": "never",
        "compression": "snappy",
        "row_group_bytes": 2 << 20,
        "schema_file": "/data/schema, of prices.json",
        "schema_text": '{"fields": []}',
        "extra_columns": "allow",
        "rules": ["order: ends >= starts when a, b != 'x'", "a > 1"],
        "min_records": 1,
        "max_records": 1000,
        "max_errors": 10,
    }
    walk = operations.WalkOptions(
        include_hidden=False,
        ignore_globs=["*.tmp", "-dash", "it's {a,b}", "a,b.txt", "[!a]\\*"],
        extensions=["csv"],
        include_globs=["**/x y"],
        min_size_bytes=1,
        max_size_bytes=10_000_000,
        modified_since="2026-01-01T00:00:00Z",
        modified_before="2026-02-01T00:00:00Z",
        max_depth=3,
        follow_links=True,
        one_file_system=True,
    )
    source = Source.of_path("/data/na\u00efve \udcff\n'x'")
    chosen = [(operation,) for operation in operations.OPERATIONS] + [operations.OPERATIONS]
    return [
        JobRequest(
            operations=tuple(
                OperationRequest(
                    operation=operation.name,
                    options={name: values[name] for name in operation.options.model_fields},
                )
                for operation in several
            ),
            source=source,
            walk=walk,
            name="a name",
        ).validated()
        for several in chosen
    ]


@pytest.mark.parametrize("request_", _requests(), ids=lambda one: ",".join(one.names))
def test_the_command_that_the_dashboard_shows_is_the_same_job(request_: JobRequest) -> None:
    text = same_as.command_of(request_)
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {text}"], capture_output=True, check=True).stdout
    args = [word.decode("utf-8", "surrogateescape") for word in words.split(b"\0")[:-1]]
    assert args[:3] == ["pravah", "run", ",".join(request_.names).replace("_", "-")]
    found: list[JobRequest] = []

    def keep(chosen: declared.Chosen, values: dict[str, Any]) -> int:
        found.append(declared.request(chosen, values["directory"], values))
        return 0

    chosen = tuple(operations.get(name) for name in request_.names)
    command = declared.command(chosen, keep, declared.of_function(run.run_arguments))
    assert command.main(args=args[3:], standalone_mode=False) == 0
    assert found == [request_]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        (" a , b ,", ["a", "b"]),
        ("*.{c,h},x", ["*.{c,h}", "x"]),
        (r"a\,b,c", ["a,b", "c"]),
        (r"\*,\\,x", [r"\*", r"\\", "x"]),
        ("}a,b", ["}a", "b"]),
        ("", []),
    ],
)
def test_lists_are_split_at_commas_outside_of_braces(text: str, parts: list[str]) -> None:
    assert declared.split(text) == parts


def test_adding_an_operation_changes_nothing_in_the_command_line() -> None:
    names = {operation.name for operation in operations.OPERATIONS} - {"verify"}  # has a command by its own name
    folder = Path(inspect.getfile(main)).parent
    for path in folder.glob("*.py"):
        code = re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text())
        for name in names:
            # In examples of help texts only.
            assert not re.search(rf'(["\']){name}\1', code), f"{path.name} knows {name}"


def test_the_help_of_shared_arguments_is_one_sentence_each() -> None:
    for alias in (arguments.Json, arguments.JobId, arguments.JobIds, arguments.Quiet, arguments.Force):
        assert get_args(alias)[1].help.endswith(".")


def test_help_imports_nothing_heavy() -> None:
    heavy = {"sqlalchemy", "alembic", "duckdb", "pyarrow", "pandas", "boto3", "uvicorn", "fastapi", "streamlit", "rich"}
    script = (
        "import sys; from services.cli import main; status = main.run_command(['--help']);"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr == b"[]\n"
