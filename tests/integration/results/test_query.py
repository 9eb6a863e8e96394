"""Questions to result tables: columns, filters, sorts, pages, and what must not get through."""

from __future__ import annotations

import json
import math
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest

from services import bootstrap
from services.base import errors, paths
from services.models import results
from services.models.jobs import Source
from services.models.results import ResultQuery
from services.results.sql import Statement
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.results.conftest import Store, entries


def ask(services: bootstrap.Services, job: UUID, *filters: str, sort: str = "", **more: object) -> list[str]:
    """Return the paths that a question finds."""
    parsed = tuple(results.parse_filter(text) for text in filters)
    query = ResultQuery.model_validate({"filters": parsed, "sort": results.parse_sort(sort), **more})
    return [row["path"] for row in services.results.query(job, "inventory.result", query).rows]


@pytest.fixture
def job(store: Store) -> UUID:
    """Store four files with odd names, times to the nanosecond and numbers at the edge of their type."""
    names = ["a%b_c.txt", 'it\'s "quoted".txt', "Ünïcode/ÄÖ.TXT", "new\\nline\\x0a.bin"]
    table = pa.table(
        {
            "path": pa.array(names),
            "path_raw": pa.array([None, None, None, b"new\nline\x0a.bin"], pa.binary()),
            "extension": pa.array(["txt", "txt", "txt", None]),
            "size_bytes": pa.array([0, 5, 2**63 - 1, None], pa.int64()),
            "inode": pa.array([0, 1, 2**63, 2**64 - 1], pa.uint64()),
            "modified": pa.array([1, 1_700_000_000_123_456_789, None, -1], pa.timestamp("ns", "UTC")),
        }
    )
    return store({"inventory.result": table}, shard_rows=3)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("extension:eq:txt", [0, 1, 2]),
        ("extension:ne:txt", [3]),
        ("extension:is_null:", [3]),
        ("extension:not_null:", [0, 1, 2]),
        ("path:contains:%", [0]),
        ("path:contains:_", [0]),
        ("path:contains:IT'S", [1]),
        ('path:contains:"', [1]),
        ("path:contains:äö", [2]),
        ("path:contains:\\n", [3]),
        ("path:starts_with:a%", [0]),
        ("path:starts_with:A%", []),
        ("size_bytes:eq:5", [1]),
        ("size_bytes:ge:5", [1, 2]),
        ("size_bytes:gt:5", [2]),
        ("size_bytes:lt:5", [0]),
        ("size_bytes:le:5", [0, 1]),
        ("size_bytes:eq:9223372036854775807", [2]),
        ("size_bytes:lt:9223372036854775808", [0, 1, 2]),
        ("size_bytes:in:0,5", [0, 1]),
        ("inode:eq:18446744073709551615", [3]),
        ("inode:gt:9223372036854775807", [2, 3]),
        ("inode:gt:-1", [0, 1, 2, 3]),
        ("modified:eq:2023-11-14T22:13:20.123456789Z", [1]),
        ("modified:eq:2023-11-14T22:13:20.123456Z", []),
        ("modified:ge:1970-01-01", [0, 1]),
        ("modified:lt:1970-01-01T01:00:00+01:00", [3]),
        ("path_raw:eq:new\\nline\\x0a.bin", [3]),
        ('path:eq:it\'s "quoted".txt', [1]),
        ("path:eq:' OR 1=1 --", []),
        ("path:eq:'; DROP TABLE jobs; --", []),
    ],
)
def test_filters_find_exactly_what_they_say(
    services: bootstrap.Services, job: UUID, condition: str, found: list[int]
) -> None:
    everything = ask(services, job)
    assert ask(services, job, condition) == [everything[place] for place in found]
    page = services.results.query(
        job, "inventory.result", ResultQuery(filters=(results.parse_filter(condition),), limit=1)
    )
    assert page.total_rows == len(found)


def test_filters_are_joined_by_and(services: bootstrap.Services, job: UUID) -> None:
    assert ask(services, job, "extension:eq:txt", "size_bytes:gt:0", "path:contains:quoted") == ['it\'s "quoted".txt']


@pytest.mark.parametrize(
    ("search", "count"), [("TXT", 3), ("äö", 1), ("%", 1), ("'", 1), ("' OR ''='", 0), ("nowhere", 0), ("\\n", 1)]
)
def test_search_looks_into_every_text_column(services: bootstrap.Services, job: UUID, search: str, count: int) -> None:
    assert len(ask(services, job, search=search)) == count
    assert len(ask(services, job, search=search, sort="-size_bytes")) == count


@pytest.mark.parametrize(
    "question",
    [
        {"columns": ("nothing",)},
        {"columns": ("path\" FROM read_csv('/etc/passwd') --",)},
        {"columns": ("*",)},
        {"columns": ("file_row_number",)},
        {"sort": ("nothing",)},
        {"sort": ("path; DROP TABLE jobs",)},
        {"sort": ("--path",)},
        {"sort": ("(SELECT 1)",)},
        {"filters": ({"column": "nothing", "operator": "eq", "value": "1"},)},
        {"filters": ({"column": "1=1 OR path", "operator": "eq", "value": "1"},)},
        {"filters": ({"column": "size_bytes", "operator": "eq", "value": "five"},)},
        {"filters": ({"column": "size_bytes", "operator": "in", "value": ""},)},
        {"filters": ({"column": "size_bytes", "operator": "eq", "value": "1" + "0" * 60},)},
        {"filters": ({"column": "modified", "operator": "ge", "value": "yesterday"},)},
        {"filters": ({"column": "path_raw", "operator": "contains", "value": "x"},)},
    ],
)
def test_what_the_table_does_not_have_is_refused(
    services: bootstrap.Services, job: UUID, question: dict[str, object]
) -> None:
    query = ResultQuery.model_validate(question)
    with pytest.raises(errors.InvalidOptionsError) as caught:
        services.results.query(job, "inventory.result", query)
    assert "\n" not in caught.value.message
    with pytest.raises(errors.InvalidOptionsError):
        services.results.export(job, "inventory.result", "csv", query)


@pytest.mark.parametrize("text", ["", "path", "path:like:x", "path:EQ:x", ":eq:x:"])
def test_a_filter_of_another_form_is_refused(services: bootstrap.Services, job: UUID, text: str) -> None:
    with pytest.raises(errors.InvalidOptionsError):
        ask(services, job, text)


def test_a_filters_value_may_hold_colons(services: bootstrap.Services, job: UUID) -> None:
    assert results.parse_filter("modified:ge:2024-01-01T00:00:00Z").value == "2024-01-01T00:00:00Z"


def test_sort_puts_null_last_in_both_directions(services: bootstrap.Services, job: UUID) -> None:
    everything = ask(services, job)
    assert ask(services, job, sort="size_bytes") == [everything[place] for place in (0, 1, 2, 3)]
    assert ask(services, job, sort="-size_bytes") == [everything[place] for place in (2, 1, 0, 3)]
    assert ask(services, job, sort="extension,-inode") == [everything[place] for place in (2, 1, 0, 3)]


def test_values_are_json_and_lose_nothing(services: bootstrap.Services, job: UUID) -> None:
    page = services.results.query(job, "inventory.result")
    assert json.loads(page.model_dump_json())["rows"] == page.rows
    assert page.rows[1]["modified"] == "2023-11-14T22:13:20.123456789Z"
    assert page.rows[0]["modified"] == "1970-01-01T00:00:00.000000001Z"
    assert page.rows[2]["modified"] is None
    assert page.rows[3]["inode"] == 2**64 - 1
    raw = page.rows[3]["path_raw"]
    assert raw == "new\\nline\\n.bin"
    assert paths.unescape(raw) == b"new\nline\x0a.bin"


def test_columns_are_given_in_the_order_asked_for(services: bootstrap.Services, job: UUID) -> None:
    page = services.results.query(job, "inventory.result", ResultQuery(columns=("size_bytes", "path"), limit=1))
    assert page.columns == ["size_bytes", "path"]
    assert list(page.rows[0]) == ["size_bytes", "path"]


@pytest.mark.parametrize("sort", ["", "size_bytes", "-size_bytes", "extension,-size_bytes", "modified"])
@pytest.mark.parametrize("filters", [(), ("size_bytes:ge:500",)])
def test_pages_show_every_row_once_though_keys_repeat(
    services: bootstrap.Services, store: Store, sort: str, filters: tuple[str, ...]
) -> None:
    table = entries(25_000)
    job = store({"inventory.result": table}, shard_rows=7_000)
    rows = [row for row in table.to_pylist() if not filters or row["size_bytes"] >= 500]
    seen: list[str] = []
    for number in range(math.ceil(len(rows) / 1000)):
        seen += ask(services, job, *filters, sort=sort, offset=number * 1000, limit=1000)
    assert len(seen) == len(rows)
    assert set(seen) == {row["path"] for row in rows}
    if sort == "-size_bytes":
        sizes = {row["path"]: row["size_bytes"] for row in rows}
        assert [sizes[path] for path in seen] == sorted(sizes.values(), reverse=True)


def test_a_page_beyond_the_end_is_empty_and_knows_the_total(services: bootstrap.Services, job: UUID) -> None:
    for filters in ((), (results.parse_filter("extension:eq:txt"),)):
        page = services.results.query(
            job, "inventory.result", ResultQuery(filters=filters, sort=("path",), offset=10**15)
        )
        assert page.rows == []
        assert page.total_rows == (3 if filters else 4)


def test_the_page_is_limited_by_the_settings(services: bootstrap.Services, store: Store) -> None:
    job = store({"inventory.result": entries(3_000)})
    page = services.results.query(job, "inventory.result", ResultQuery(limit=1_000_000))
    assert len(page.rows) == services.settings.page_rows_limit == 1_000
    assert page.total_rows == 3_000
    assert services.results.query(job, "inventory.result", ResultQuery(limit=0)).rows == []


def test_a_table_without_rows_has_columns_and_no_rows(services: bootstrap.Services, store: Store) -> None:
    job = store({"inventory.result": entries(0)})
    query = ResultQuery(filters=(results.parse_filter("size_bytes:gt:1"),), sort=("-size_bytes",), search="x")
    for question in (None, query):
        page = services.results.query(job, "inventory.result", question)
        assert page.rows == []
        assert page.total_rows == 0
        assert "path" in page.columns
    assert services.results.issues(job, 0, 10) == []


@pytest.mark.parametrize("table", ["nothing", "../result", "result/part-00000", "", "result'", "issues/../result"])
def test_an_unknown_table_is_named(services: bootstrap.Services, job: UUID, table: str) -> None:
    with pytest.raises(errors.ArtifactNotFoundError):
        services.results.query(job, table)


def test_a_job_without_a_result_says_in_which_state_it_is(services: bootstrap.Services, tree: TreeBuilder) -> None:
    view, _ = services.jobs.submit(one_job(operation="inventory", source=Source.of_path(tree({}, name="one"))))
    with pytest.raises(errors.ArtifactNotFoundError, match="PENDING"):
        services.results.tables(view.id)
    with pytest.raises(errors.ArtifactNotFoundError):
        services.results.query(view.id, "inventory.result")


def test_a_deleted_jobs_remembered_tables_are_gone(services: bootstrap.Services, job: UUID) -> None:
    assert services.results.query(job, "inventory.result").total_rows == 4
    services.jobs.delete(job)
    with pytest.raises(errors.JobNotFoundError):
        services.results.query(job, "inventory.result")
    with pytest.raises(errors.JobNotFoundError):
        services.results.export(job, "inventory.result", "csv")


def test_result_files_that_were_removed_by_hand_are_a_storage_error(services: bootstrap.Services, job: UUID) -> None:
    assert services.results.query(job, "inventory.result").total_rows == 4
    for path in (services.settings.data_dir / "results").rglob("result/*.parquet"):
        path.unlink()
    with pytest.raises(errors.StorageError):
        services.results.query(job, "inventory.result")


def test_duckdb_reads_no_other_file(services: bootstrap.Services, tree: TreeBuilder) -> None:
    secret = tree({"secret.csv": b"a\n1\n"}, name="elsewhere") / "secret.csv"
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        f"COPY (SELECT 1) TO '{secret}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        f"ATTACH '{secret}.db'",
    ):
        with pytest.raises((duckdb.Error, errors.PravahError)):
            services.results._duck.fetch(Statement(sql))
    assert secret.read_bytes() == b"a\n1\n"
