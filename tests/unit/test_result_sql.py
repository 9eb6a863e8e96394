"""The SQL of a question: names quoted and checked, values bound, never pasted."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies

from services.base import errors
from services.models.results import Filter, ResultQuery, parse_filter, parse_sort
from services.results.export import iso_time, safe_cell
from services.results.sql import Question, Schema

SCHEMA = Schema(
    {"path": "VARCHAR", "name": "VARCHAR", 'odd"name': "VARCHAR", "size_bytes": "BIGINT", "modified": "TIMESTAMPTZ_NS"},
    ("/results/it's here/part-00000.parquet",),
)


def question(**query: object) -> Question:
    """Return a question for a page of ten rows."""
    return Question(SCHEMA, ResultQuery.model_validate(query), 10)


def test_names_and_files_are_quoted() -> None:
    text = question(columns=('odd"name',)).page().text
    assert '"odd""name"' in text
    assert "'/results/it''s here/part-00000.parquet'" in text


def test_values_are_bound() -> None:
    asked = question(filters=(Filter(column="path", operator="eq", value="'; DROP TABLE x; --"),), search="100%")
    for statement in (asked.page(), asked.count(), asked.counted_page(), asked.everything()):
        assert "DROP" not in statement.text
        assert "100%" not in statement.text
        assert statement.text.count("?") == len(statement.values)
        assert "'; DROP TABLE x; --" in statement.values


def test_a_sort_ends_with_the_rows_place() -> None:
    text = question(sort=("-size_bytes", "path")).everything().text
    expected = 'ORDER BY "size_bytes" DESC NULLS LAST, "path" ASC NULLS LAST, file_index, file_row_number'
    assert text.endswith(expected)
    assert "ORDER BY" not in question().everything().text


def test_search_looks_at_a_path_once() -> None:
    where = question(search="x").where
    assert where.text.count("contains(") == 2
    assert 'lower("name")' not in where.text


@hypothesis.given(strategies.text(max_size=30))
def test_an_unknown_name_never_reaches_the_sql(name: str) -> None:
    hypothesis.assume(name not in SCHEMA.types and name.removeprefix("-") not in SCHEMA.types)
    for query in (
        {"columns": (name,)},
        {"sort": (name,)},
        {"filters": ({"column": name, "operator": "eq", "value": "1"},)},
    ):
        with pytest.raises(errors.InvalidOptionsError):
            question(**query)


@pytest.mark.parametrize("text", ["", "path", "path:eq", "path::x", "path:like:x"])
def test_a_filter_names_column_and_operator(text: str) -> None:
    if text == "path:eq":
        assert parse_filter(text) == Filter(column="path", operator="eq", value="")
        return
    with pytest.raises(errors.InvalidOptionsError, match="column:operator:value"):
        parse_filter(text)


def test_a_sort_is_a_list_of_columns() -> None:
    assert parse_sort(" -size_bytes, path,,") == ("-size_bytes", "path")
    assert parse_sort("") == ()


@hypothesis.given(strategies.text(max_size=20))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe_cell(text).removeprefix("'") == text


@pytest.mark.parametrize("value", [None, 5, -5, 2**64 - 1, 1.5, True])
def test_numbers_stay_numbers(value: object) -> None:
    assert safe_cell(value) is value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-24 13:05:07+00", "2026-11-24T13:05:07Z"),
        ("2026-11-24 13:05:07.120000000Z", "2026-11-24T13:05:07.12Z"),
        ("2026-11-24 13:05:07.000000000+0000", "2026-11-24T13:05:07Z"),
        ("2026-11-24 13:05:10", "2026-11-24T13:05:10Z"),
        ("2026-11-24 00:00:00+00:00", "2026-11-24T00:00:00Z"),
    ],
)
def test_times_are_iso_8601(text: str, shown: str) -> None:
    assert iso_time(text) == shown
