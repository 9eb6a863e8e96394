"""Components by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages import shell
from pages.components import draft, fields, filters, grid, operation_cards
from pages.components.charts import histogram, rate, treemap
from services import operations
from services.models import results
from services.models.jobs import RateSample, Source
from tests.asking import one_job


def test_request_and_its_address_are_the_same() -> None:
    walk = operations.WalkOptions(extensions=["csv"], modified_since=datetime(2025, 1, 2, tzinfo=UTC))
    for source in (Source.of_path("/data/caf\udce9"), Source.of_path("/data/a b&c=d"), Source(s3_uri="s3://bucket/p")):
        request = one_job(operation="checksum", source=source, walk=walk, options={"algorithms": ["md5"]}, name="N")
        parameters = draft.encode(request)
        assert all(value.isprintable() for value in parameters.values())
        if source.s3_uri is None:
            assert draft.decode_path(parameters["path"]) == source.os_path
        else:
            assert parameters["s3"] == source.s3_uri


def test_path_with_a_false_mark_is_taken_as_it_is() -> None:
    assert draft.decode_path("hex:zz") == "hex:zz"
    assert draft.decode_path("/plain") == "/plain"


def _declared() -> list[tuple[str, str, dict[str, Any], Any]]:
    found = []
    for model in (operations.WalkOptions, *(operation.options for operation in operations.OPERATIONS)):
        schema = model.model_json_schema()
        for name, part in schema["properties"].items():
            resolved = fields.resolved(part, schema.get("$defs", {}))
            found.append((model.__name__, name, resolved, fields.defaults(model).get(name)))
    return found


@pytest.mark.parametrize(("model", "name", "schema", "default"), _declared(), ids=lambda value: str(value)[:30])
def test_untouched_field_gives_its_default(model: str, name: str, schema: dict[str, Any], default: Any) -> None:
    def page(name, schema, default):  # type: ignore[no-untyped-def] # its source runs by itself
        import streamlit as st

        from pages.components import fields

        st.json({"value": fields.show(name, schema, default, "key")})

    app = AppTest.from_function(page, kwargs={"name": name, "schema": schema, "default": default}).run()
    assert not app.exception
    import json

    assert json.loads(app.json[0].value)["value"] == default


@pytest.mark.parametrize(
    ("column", "operator", "typed", "value"),
    [
        ({"name": "size_bytes", "dtype": "integer", "unit": "bytes"}, "ge", "10 MiB", "10485760"),
        ({"name": "files", "dtype": "integer"}, "eq", "1,234", "1234"),
        ({"name": "path", "dtype": "text"}, "contains", " a:b ", "a:b"),
        ({"name": "extension", "dtype": "text"}, "in", "csv, txt", "csv,txt"),
        ({"name": "modified", "dtype": "timestamp"}, "ge", "2025-01-31", "2025-01-31T00:00:00"),
        ({"name": "owner", "dtype": "text"}, "is_null", "whatever", ""),
    ],
)
def test_value_of_a_filter_is_read_as_people_type_it(
    column: dict[str, Any], operator: str, typed: str, value: str
) -> None:
    assert filters.value_of(column, operator, typed) == value
    condition = results.Filter(column=column["name"], operator=operator, value=value)  # type: ignore[arg-type]
    assert results.parse_filter(filters.as_text(condition)) == condition


@pytest.mark.parametrize(
    ("dtype", "typed"), [("integer", "many"), ("integer", ""), ("timestamp", "yesterday"), ("unsigned", "-")]
)
def test_value_of_a_filter_that_does_not_fit_is_refused(dtype: str, typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        filters.value_of({"name": "x", "dtype": dtype}, "eq", typed)


def test_cells_are_words_with_units() -> None:
    assert grid.cell(1536, {"name": "size_bytes", "dtype": "integer", "unit": "bytes"}) == "1.5 KiB"
    assert grid.cell(1234567, {"name": "files", "dtype": "integer", "unit": "files"}) == "1,234,567"
    assert grid.cell(18446744073709551615, {"name": "inode", "dtype": "unsigned"}) == "18446744073709551615"
    assert grid.cell("2025-01-02T03:04:05.123456+00:00", {"name": "m", "dtype": "timestamp"}) == "2025-01-02 03:04:05"
    assert grid.cell(None, {"name": "owner", "dtype": "text"}) is None
    assert grid.title({"name": "allocated_bytes", "dtype": "integer", "unit": "bytes"}) == "Allocated"


def test_rate_is_what_was_done_between_two_samples() -> None:
    samples = [RateSample(elapsed_seconds=s, files_done=s * 10, bytes_done=s * s * 100) for s in (0, 1, 2, 4)]
    assert rate.rates(samples) == [(1, 100), (2, 300), (4, 600)]
    walked = [RateSample(elapsed_seconds=s, files_done=s * 10, bytes_done=0) for s in (0, 2)]
    assert rate.rates(walked) == [(2, 10)]
    assert not rate.is_drawable(samples[:2])
    stalled = [RateSample(elapsed_seconds=1, files_done=5, bytes_done=5)] * 2
    assert rate.rates(stalled) == []


def test_percentile_stands_within_its_bucket() -> None:
    buckets = [
        {"lower_bytes": 0, "upper_bytes": 0},
        {"lower_bytes": 1, "upper_bytes": 1},
        {"lower_bytes": 2, "upper_bytes": 3},
    ]
    assert histogram._place(buckets, 0) == 0
    assert histogram._place(buckets, 1) == 1
    assert histogram._place(buckets, 2) == 1.5
    assert histogram._place(buckets, 3) == 2.5
    assert histogram._place(buckets, 99) == 2.5


def test_treemap_draws_what_the_nodes_leave_out() -> None:
    nodes = [
        {"path": "a", "parent": ".", "name": "a", "kind": "directory", "size_bytes": 100},
        {"path": "b", "parent": ".", "name": "b", "kind": "file", "size_bytes": 30},
        {"path": "a/x", "parent": "a", "name": "x", "kind": "file", "size_bytes": 60},
    ]
    rest = treemap._rest(nodes, {".", "a"}, {"path": ".", "size_bytes": 200}, "size_bytes")
    assert sorted(rest) == [(".", 70), ("a", 40)]


def test_hard_links_leave_no_negative_rest() -> None:
    nodes = [{"path": name, "parent": ".", "name": name, "kind": "file", "size_bytes": 50} for name in "ab"]
    assert treemap._rest(nodes, {"."}, {"path": ".", "size_bytes": 50}, "size_bytes") == []


def test_shell_is_streamlits_page_with_our_name_and_address() -> None:
    document = shell.document()
    assert "<title>Pravah</title>" in document
    assert "window.__streamlit = {BACKEND_BASE_URL" in document
    assert 'href="./favicon.png"' not in document
    assert "_stcore/agent" not in document.partition("<noscript>")[2]
    assert document.count("</head>") == 1


def test_error_that_no_page_caught_is_message_and_remedy() -> None:
    def page():  # type: ignore[no-untyped-def] # its source runs by itself
        from pages.components import failure
        from services.base import errors

        assert failure.on_script_error(errors.StorageError("the bucket :red[x] is gone"))
        assert failure.on_script_error(ZeroDivisionError("secret detail"))

    app = AppTest.from_function(page).run()
    assert not app.exception
    first, second = (error.value.replace("\\", "").replace("\u2060", "") for error in app.error)
    assert first == "**Storage unavailable.** the bucket :red[x] is gone"
    assert "ZeroDivisionError" in second
    assert "secret detail" not in second


def test_job_of_an_operation_that_is_no_more_is_still_named() -> None:
    assert operation_cards.icon_of(["bygone"]) == ":material/help:"
    assert operations.titles(["bygone", "inventory"]) == "bygone + Inventory"
