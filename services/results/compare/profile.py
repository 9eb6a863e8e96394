"""profile: how far each column drifted, and the schemas that came and went."""

from __future__ import annotations

from services.operations import Column, Table
from services.results.compare.parts import Compared, Make, Pair, Plan, Side, before_after, kind_column, rank

_RESULT, _SCHEMAS, _DATASETS = "result", "schemas", "datasets"
_COLUMN_KINDS = {
    "retyped": "different type",
    "vanished": "only in the earlier job",
    "appeared": "only in the later job",
    "changed": "same type, different values",
    "estimated": "only estimates are different: quantiles, or an estimated number of distinct values",
}
_SCHEMA_KINDS = {
    "vanished": "no file has it now",
    "appeared": "no file had it before",
    "changed": "a different number of files has it",
}
_QUANTILES = ("p05", "p25", "median", "p75", "p95")
_TEXTS = {
    "type": "Type",
    "least": "The smallest value",
    "greatest": "The largest value",
    "p05": "5th percentile",
    "p25": "25th percentile",
    "median": "50th percentile",
    "p75": "75th percentile",
    "p95": "95th percentile",
}


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(
        Column(name=f"{side}_{name}", dtype="text", meaning=f"{_TEXTS[name]}, {side}")
        for name in names
        for side in ("before", "after")
    )


def _numbers(name: str, unit: str, what: str) -> tuple[Column, ...]:
    integers = before_after(name, unit, what)
    return tuple(column.model_copy(update={"dtype": "number"}) for column in integers)


_COLUMNS = (
    kind_column(_COLUMN_KINDS),
    Column(name="dataset", dtype="text", meaning="The dataset; columns of different datasets are not compared"),
    Column(name="column", dtype="text", meaning="Name of the column"),
    Column(name="what", dtype="text", meaning="What is different"),
    *_texts("type"),
    *before_after("values", "values", "Fields with a value"),
    *before_after("exceptions", "values", "Values that the type does not hold"),
    *_numbers("null_share", "%", "Percentage of fields without a value"),
    *before_after("distinct", "values", "Number of distinct values"),
    *_texts("least", "greatest"),
    *_numbers("mean", "values", "Mean of the numbers"),
    *_texts(*_QUANTILES),
)
_SCHEMA_COLUMNS = (
    kind_column(_SCHEMA_KINDS),
    Column(name="schema", dtype="text", meaning="Identifier of the schema: names, order and types of the columns"),
    Column(name="columns", dtype="integer", unit="columns", meaning="Columns"),
    Column(name="names", dtype="text", meaning="Names of the first 50 columns"),
    *before_after("files", "files", "Number of files with it"),
)


def _changed(name: str) -> str:
    return f'a."{name}" - b."{name}" AS change_{name}'


def _both(name: str) -> str:
    return f'b."{name}" AS before_{name}, a."{name}" AS after_{name}'


def _said(word: str, *columns: str) -> str:
    differs = " OR ".join(f'a."{name}" IS DISTINCT FROM b."{name}"' for name in columns)
    return f"if({differs}, '{word}', NULL)"


def _columns(pair: Pair, make: Make) -> str:
    exact = "(a.distinct_is = 'exact' AND b.distinct_is = 'exact')"
    differs = 'a."distinct" <> b."distinct"'
    facts = (
        _said("type", "type"),
        _said("values", "values"),
        _said("exceptions", "exceptions"),
        _said("nulls", "nulls"),
        _said("least", "least"),
        _said("greatest", "greatest"),
        _said("mean", "mean"),
        f"if({exact} AND {differs}, 'distinct', NULL)",
    )
    estimates = (
        f"if(NOT {exact} AND {differs}, 'distinct, estimated', NULL)",
        _said("quantiles", *_QUANTILES),
    )
    shown = [
        _both("type"),
        *(f"{_both(name)}, {_changed(name)}" for name in ("values", "exceptions", "null_share", "distinct")),
        *(_both(name) for name in ("least", "greatest")),
        f"{_both('mean')}, {_changed('mean')}",
        *(_both(name) for name in _QUANTILES),
    ]
    return f"""
        WITH renamed AS ({_renamed(pair)}), met AS (
            SELECT b, a, concat_ws(', ', {", ".join(facts)}) AS fact,
                concat_ws(', ', {", ".join(estimates)}) AS estimate
            FROM ({_under_new_names(_named(pair.before))}) b FULL JOIN ({_named(pair.after)}) a
                ON a.dataset = b.dataset AND a."column" = b."column" AND a.turn = b.turn
        ), told AS (
            SELECT *, CASE WHEN a."column" IS NULL THEN 'vanished'
                WHEN b."column" IS NULL THEN 'appeared'
                WHEN a."type" IS DISTINCT FROM b."type" THEN 'retyped' WHEN fact <> '' THEN 'changed'
                WHEN estimate <> '' THEN 'estimated' END AS kind
            FROM met
        )
        SELECT kind, coalesce(a.dataset, b.dataset) AS dataset, coalesce(a."column", b."column") AS "column",
            if(kind IN ('vanished', 'appeared'), kind, concat_ws(', ', nullif(fact, ''), nullif(estimate, ''))) AS what,
            {", ".join(shown)}
        FROM told WHERE kind IS NOT NULL ORDER BY {rank(_COLUMN_KINDS)}, dataset, "column" """


def _named(side: Side) -> str:
    """Return the SELECT of the columns; of several with one name each keeps its turn."""
    turn = 'row_number() OVER (PARTITION BY dataset, "column" ORDER BY position)'
    return f"SELECT *, {turn} AS turn FROM {side.tables[_RESULT].source}"


def _renamed(pair: Pair) -> str:
    """Return the SELECT of datasets that have the same columns, but another name, since their files have others."""
    before, after = (side.tables[_DATASETS].source for side in (pair.before, pair.after))
    return f"""
        SELECT b.dataset AS old, a.dataset AS new FROM {before} b JOIN {after} a ON a.names = b.names
        WHERE b.dataset NOT IN (SELECT dataset FROM {after}) AND a.dataset NOT IN (SELECT dataset FROM {before})
        QUALIFY count(*) OVER (PARTITION BY old) = 1 AND count(*) OVER (PARTITION BY new) = 1"""


def _under_new_names(columns: str) -> str:
    return (
        "SELECT c.* REPLACE (coalesce(r.new, c.dataset) AS dataset) "
        f"FROM ({columns}) c LEFT JOIN renamed r ON r.old = c.dataset"
    )


def _schemas(pair: Pair, make: Make) -> str:
    before, after = (side.tables[_SCHEMAS].source for side in (pair.before, pair.after))
    return f"""
        WITH met AS (
            SELECT CASE WHEN a."schema" IS NULL THEN 'vanished' WHEN b."schema" IS NULL THEN 'appeared'
                    WHEN a.files <> b.files THEN 'changed' END AS kind,
                coalesce(a."schema", b."schema") AS "schema", coalesce(a."columns", b."columns") AS "columns",
                coalesce(a."names", b."names") AS "names", {_both("files")},
                coalesce(a.files, 0) - coalesce(b.files, 0) AS change_files
            FROM {before} b FULL JOIN {after} a ON a."schema" = b."schema"
        )
        SELECT * FROM met WHERE kind IS NOT NULL ORDER BY {rank(_SCHEMA_KINDS)}, abs(change_files) DESC, "schema" """


PLAN = Plan(
    operation="profile",
    reads=(_RESULT, _SCHEMAS, _DATASETS),
    tables=(
        Compared(
            table=Table(name="columns", title="Changed columns", columns=_COLUMNS),
            of=_RESULT,
            kinds=_COLUMN_KINDS,
            select=_columns,
            has_after="kind <> 'vanished'",
        ),
        Compared(
            table=Table(name="schemas", title="Changed schemas", columns=_SCHEMA_COLUMNS),
            of=_SCHEMAS,
            kinds=_SCHEMA_KINDS,
            select=_schemas,
            has_after="kind <> 'vanished'",
        ),
    ),
    harmless=frozenset({"estimated"}),
)
