"""Declaration ↔ engine: names, options, defaults, bounds, tables, columns and examples agree."""

from __future__ import annotations

import json
import re
import subprocess
import typing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import pytest

from services import bootstrap, engine, operations
from services.base import errors, paths
from services.models import stored_files
from services.models.jobs import Source, Status
from services.operations import Example, Operation
from tests.asking import one_job
from tests.conftest import TreeBuilder

ROOT = Path(__file__).parents[2]
DTYPES = {
    "text": pa.types.is_string,
    "binary": pa.types.is_binary,
    "integer": lambda kind: kind == pa.int64(),
    "unsigned": lambda kind: kind == pa.uint64(),
    "number": lambda kind: kind == pa.float64(),
    "timestamp": lambda kind: kind == pa.timestamp("ns", "UTC"),
}
by_operation = pytest.mark.parametrize("operation", operations.OPERATIONS, ids=lambda one: one.name)
EXAMPLES = [
    pytest.param(operation, example, id=f"{operation.name}-{place}")
    for operation in operations.OPERATIONS
    for place, example in enumerate(operation.examples)
]


@pytest.fixture(scope="module")
def dumped() -> dict[str, Any]:
    """Return what the engine says of itself: its example dumps defaults and tables."""
    command = [
        "cargo",
        "run",
        "--release",
        "--quiet",
        "--package",
        "pravah-engine",
        "--example",
        "run_job",
        "--",
        "--defaults",
    ]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return typing.cast(dict[str, Any], json.loads(answer.stdout))


def defaults(model: type[pydantic.BaseModel]) -> dict[str, Any]:
    """Return a model's defaults as JSON values; a required option has none."""
    fields = {name: field for name, field in model.model_fields.items() if not field.is_required()}
    return {name: _json(field.get_default(call_default_factory=True)) for name, field in fields.items()}


def _json(value: Any) -> Any:
    return pydantic.TypeAdapter(Any).dump_python(value, mode="json")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # it compiles the engine where that was not done
def test_the_engine_declares_the_same_operations_options_and_tables(dumped: dict[str, Any]) -> None:
    assert set(dumped["operations"]) == {operation.name for operation in operations.OPERATIONS}
    for operation in operations.OPERATIONS:
        theirs = dumped["operations"][operation.name]
        required = {name for name, field in operation.options.model_fields.items() if field.is_required()}
        options = {name: value for name, value in theirs["options"].items() if name not in required}
        assert options == defaults(operation.options), operation.name
        assert set(theirs["options"]) == set(operation.options.model_fields), operation.name
        ours = {
            table.name: [{"name": column.name, "dtype": column.dtype} for column in table.columns]
            for table in operation.tables
        }
        assert theirs["tables"] == ours, operation.name


def start(operation: str, options: dict[str, Any], place: Path, out: Path, /, **more: Any) -> dict[str, Any]:
    """Run the engine by itself."""
    document = {
        "version": 1,
        "operations": [{"operation": operation, "options": options}],
        "source": {"path": str(place)},
        "output": {"directory": str(out)},
        **more,
    }
    return typing.cast(dict[str, Any], json.loads(engine.start(json.dumps(document).encode()).result()))


@by_operation
def test_the_engine_takes_the_same_defaults(operation: Operation, tree: TreeBuilder, tmp_path: Path) -> None:
    example = operation.examples[0]
    source = tree(dict(example.files))
    required = {name for name, field in operation.options.model_fields.items() if field.is_required()}
    given = {name: value for name, value in example.options_in(str(source)).items() if name in required}
    outcome = start(operation.name, given, source, tmp_path / "out")
    assert outcome["results"][0]["options"] == {**given, **defaults(operation.options)}
    assert outcome["walk"] == defaults(operations.WalkOptions)


@by_operation
def test_both_sides_refuse_an_unknown_option(operation: Operation, tree: TreeBuilder, tmp_path: Path) -> None:
    source = tree({"a": b"1"})
    given = {**operation.examples[0].options_in(str(source)), "made_up": 1}
    with pytest.raises(errors.InvalidOptionsError, match="made_up"):
        one_job(operation=operation.name, source=Source.of_path(source), options=given).validated()
    with pytest.raises(errors.InvalidOptionsError, match="made_up"):
        start(operation.name, given, source, tmp_path / "out")


@pytest.mark.parametrize("place", ["walk", "source", "output", "top"])
def test_the_engine_refuses_an_unknown_field_anywhere(tree: TreeBuilder, tmp_path: Path, place: str) -> None:
    source = tree({"a": b"1"})
    more: dict[str, Any] = {
        "walk": {"walk": {"made_up": 1}},
        "source": {"source": {"path": str(source), "made_up": 1}},
        "output": {"output": {"directory": str(tmp_path / "out"), "made_up": 1}},
        "top": {"made_up": 1},
    }[place]
    with pytest.raises(errors.InvalidOptionsError, match="made_up"):
        start("inventory", {}, source, tmp_path / "out", **more)


BAD: list[tuple[str, dict[str, Any]]] = [
    ("inventory", {"largest_count": 0}),
    ("inventory", {"largest_count": 10_001}),
    ("inventory", {"largest_count": "many"}),
    ("inventory", {"age_reference": "yesterday"}),
    ("checksum", {"algorithms": []}),
    ("checksum", {"algorithms": ["md4"]}),
    ("checksum", {"algorithms": ["md5", "md5"]}),
    ("checksum", {"write_manifests": "perhaps"}),
    ("compress", {"format": "zip"}),
    ("compress", {"format": "lz4", "level": 2}),
    ("compress", {"level": 23}),
    ("archive", {"form": "rar"}),
    ("archive", {"form": "tar", "level": 1}),
    ("archive", {"archive_name": "a/b"}),
    ("archive", {"archive_name": ".hidden"}),
    ("archive", {"archive_name": ""}),
    ("decompress", {"max_ratio": 0}),
    ("decompress", {"max_unpacked_bytes": 0}),
    ("decompress", {"max_members": 0}),
    ("duplicates", {"min_file_bytes": 0}),
    ("duplicates", {"algorithm": "crc32c"}),
    ("duplicates", {"only_against_reference": True}),
    ("convert", {"column_types": ["id=number"]}),
    ("convert", {"column_types": ["=text"]}),
    ("convert", {"formats": ["day=%d.%m.%Y"]}),
    ("validate", {"formats": ["=date:%d.%m.%Y"]}),
    ("validate", {"rules": [""]}),
    ("convert", {"level": 0}),
    ("convert", {"to": "xlsx"}),
    ("convert", {"row_group_bytes": 1000}),
    ("convert", {"partition_by": [""]}),
    ("convert", {"file_bytes": 1000}),
    ("convert", {"statistics": "all"}),
    ("convert", {"dictionary": "some"}),
    ("profile", {"delimiter": "123456789"}),
    ("profile", {"delimiter": "a\n"}),
    ("profile", {"quote": "ab"}),
    ("profile", {"escape": "é"}),
    ("profile", {"comment": "'"}),
    ("profile", {"header_rows": 11}),
    ("profile", {"skip_lines": -1}),
    ("profile", {"null_values": [""]}),
    ("profile", {"null_values": ["x" * 101]}),
    ("profile", {"encoding": "utf-7"}),
    ("profile", {"encoding": "iso-8859-1"}),
    ("decompress", {"zip_encoding": "iso-8859-1"}),
    ("decompress", {"zip_encoding": "utf-16le"}),
    ("search", {}),
    ("search", {"patterns": []}),
    ("search", {"patterns": ["a", "a"]}),
    ("search", {"patterns": ["a"], "pattern_names": ["one", "two"]}),
    ("search", {"patterns": ["a"], "max_matches": 0}),
    ("validate", {"max_errors": 0}),
    ("validate", {"min_records": -1}),
    ("validate", {"extra_columns": "ignore"}),
    ("verify", {}),
    ("verify", {"manifest": "{source}/a", "algorithm": "md4"}),
]


@pytest.mark.parametrize(("operation", "options"), BAD)
def test_both_sides_refuse_the_same_values(
    operation: str, options: dict[str, Any], tree: TreeBuilder, tmp_path: Path
) -> None:
    source = tree({"a": b"1"})
    given = {n: v.replace("{source}", str(source)) if isinstance(v, str) else v for n, v in options.items()}
    with pytest.raises(errors.InvalidOptionsError):
        one_job(operation=operation, source=Source.of_path(source), options=given).validated()
    with pytest.raises(errors.InvalidOptionsError):
        start(operation, given, source, tmp_path / "out")


BAD_WALKS: list[dict[str, Any]] = [
    {"max_depth": 0},
    {"min_size_bytes": -1},
    {"min_size_bytes": 2, "max_size_bytes": 1},
    {"modified_since": "tomorrow"},
    {"ignore_globs": "not a list"},
    {"follow_links": "maybe"},
]


@pytest.mark.parametrize("walk", BAD_WALKS)
def test_both_sides_refuse_the_same_walks(walk: dict[str, Any], tree: TreeBuilder, tmp_path: Path) -> None:
    with pytest.raises(pydantic.ValidationError):
        operations.WalkOptions.model_validate(walk)
    with pytest.raises(errors.InvalidOptionsError):
        start("inventory", {}, tree({}), tmp_path / "out", walk=walk)


@pytest.mark.parametrize(("operation", "example"), EXAMPLES)
def test_every_example_gives_what_it_says_in_declared_tables(
    running: bootstrap.Services, tree: TreeBuilder, operation: Operation, example: Example
) -> None:
    source = tree(dict(example.files))
    request = one_job(operation=operation.name, source=Source.of_path(source), options=example.options_in(str(source)))
    view = running.jobs.wait(running.jobs.submit(request)[0].id, 60)
    assert view.status == Status.COMPLETED, view.error
    assert view.outcome is not None
    summary = view.outcome["results"][0]["summary"]
    assert {key: summary[key] for key in example.expect} == dict(example.expect)
    for figure in operation.figures:
        if figure.optional and figure.key.partition(".")[0] not in summary:
            continue
        value: Any = summary
        for part in figure.key.split("."):
            value = value[part]
    written = {table["name"] for table in view.outcome["results"][0]["tables"]}
    assert {table.name for table in operation.tables if not table.optional} <= written
    assert written <= {table.name for table in operation.tables}
    for table in operation.tables:
        if table.name not in written:
            continue
        name = stored_files.shards_of(f"{operation.name}.{table.name}", running.artifacts.list(view.id))[0]
        path = running.artifacts.local_path(view.id, name)
        assert path is not None
        schema = pq.read_schema(path)
        declared = {column.name: column for column in table.columns}
        assert [name for name in declared if name in schema.names] == schema.names
        assert {name for name, column in declared.items() if not column.optional} <= set(schema.names)
        for field in schema:
            assert DTYPES[declared[field.name].dtype](field.type), f"{table.name}.{field.name}: {field.type}"


@by_operation
def test_a_declaration_is_whole(operation: Operation) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*", operation.name)
    assert operation.tables[0].name == "result"
    assert operation.examples
    assert operation.cost
    assert operation.summary.endswith((".", "?"))
    for table in operation.tables:
        assert len({column.name for column in table.columns}) == len(table.columns)
        for column in table.columns:
            assert column.meaning, column.name
            assert column.unit or column.dtype in {"text", "binary", "unsigned"}, f"{table.name}.{column.name}"
            if column.name.endswith("_bytes"):
                assert column.unit == "bytes"
            if column.dtype == "timestamp":
                assert column.unit == "UTC"
    models: list[type[pydantic.BaseModel]] = [operation.options, operations.WalkOptions]
    for name, field in [item for model in models for item in model.model_fields.items()]:
        assert field.title, name
        assert (field.description or "").endswith("."), name
        assert isinstance(field.json_schema_extra, dict)
        assert field.json_schema_extra["category"] in {"basic", "advanced"}, name


def test_names_are_unique_and_found() -> None:
    names = [operation.name for operation in operations.OPERATIONS]
    assert len(set(names)) == len(names)
    assert [operations.get(name) for name in names] == list(operations.OPERATIONS)
    with pytest.raises(KeyError):
        operations.get("nothing")


def test_the_shown_form_of_a_name_is_the_engines(running: bootstrap.Services, tree: TreeBuilder) -> None:
    names = [bytes([value]) for value in range(1, 256) if value != ord("/")]
    names = [b"n" + name for name in names] + ["é\x85\u2028\U0001f600".encode(), b"\xed\xa0\x80", b"\xc3"]
    source = tree(dict.fromkeys(names, b""), name="names")
    view = running.jobs.submit(one_job(operation="inventory", source=Source.of_path(source)))[0]
    assert running.jobs.wait(view.id, 60).status == Status.COMPLETED
    content = b"".join(running.results.export(view.id, "inventory.result", "jsonl"))
    shown = {json.loads(line)["path"] for line in content.splitlines()}
    assert shown == {paths.escape(name) for name in names}
