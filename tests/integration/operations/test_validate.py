"""validate as its user has it: errors where Python finds them, schemas from files, good and bad records apart."""

from __future__ import annotations

import csv
import io
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import JobView, Source
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob

_SEED = 20261126
_FIELDS = [
    {"name": "n", "type": "integer", "constraints": {"required": True, "minimum": -2, "maximum": 5}},
    {"name": "u", "type": "string", "constraints": {"unique": True, "maxLength": 3}},
    {"name": "e", "constraints": {"enum": ["a", "b,c"]}},
]


def _expected(records: list[list[str]]) -> list[tuple[int, str, str]]:
    """Return (record, column, rule) by a naive reading."""
    found: list[tuple[int, str, str]] = []
    seen: set[str] = set()
    for number, (n, u, e) in enumerate(records, 1):
        if n == "":
            found.append((number, "n", "required"))
        elif not n.lstrip("-").isdecimal() or n.count("-") > 1:
            found.append((number, "n", "type"))
        elif int(n) < -2:
            found.append((number, "n", "minimum"))
        elif int(n) > 5:
            found.append((number, "n", "maximum"))
        if len(u) > 3:
            found.append((number, "u", "max_length"))
        elif u in seen:
            found.append((number, "u", "unique"))
        else:
            seen.add(u)
        if e not in {"a", "b,c"}:
            found.append((number, "e", "enum"))
    return found


def test_errors_are_those_of_a_naive_reading(run_job: RunJob, rows: Rows, tree: TreeBuilder, tmp_path: Path) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    files: dict[str | bytes, bytes | None] = {}
    expected: list[tuple[str, int, str, str]] = []
    for number in range(12):
        records = [
            [
                made.choice(["1", "5", "6", "-3", "", "x", "-2"]),
                "".join(made.choices('a"\n,', k=made.randrange(5))) + str(made.randrange(3)),
                made.choice(["a", "b,c", "c"]),
            ]
            for _ in range(30)
        ]
        out = io.StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["n", "u", "e"], *records])
        files[f"{number:02}.csv"] = out.getvalue().encode()
        expected += [(f"{number:02}.csv", *one) for one in _expected(records)]
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"fields": _FIELDS}))
    job = run_job("validate", tree(files), options={"schema_file": str(schema), "header_rows": 1, "delimiter": "comma"})
    found = rows(job, "errors")
    assert sorted((row["path"], row["record"], row["column"], row["rule"]) for row in found) == sorted(expected)
    counts = rows(job, "counts")
    assert sum(row["errors"] for row in counts) == len(expected)


def test_a_schema_that_is_not_understood_is_refused(running: bootstrap.Services, tree: TreeBuilder) -> None:
    request = one_job(
        operation="validate",
        source=Source.of_path(tree({"a.csv": b"a\n1\n"})),
        options={"schema_text": '{"fields": [{"name": "a", "type": "geopoint"}]}'},
    )
    with pytest.raises(errors.InvalidOptionsError, match="geopoint"):
        running.jobs.submit(request)


@pytest.mark.parametrize(
    ("rule", "told"),
    [("order: ends >= ", "character 1"), ("[1, 2].map(x, x) == a", "map"), ("sum(a) > b", "aggregate")],
)
def test_a_rule_that_is_no_expression_is_refused_before_the_start(
    running: bootstrap.Services, tree: TreeBuilder, rule: str, told: str
) -> None:
    source = Source.of_path(tree({"a.csv": b"a\n1\n"}))
    request = one_job(operation="validate", source=source, options={"rules": [rule]})
    with pytest.raises(errors.InvalidOptionsError, match=told) as refused:
        running.jobs.submit(request)
    assert "rules" in str(refused.value)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit_is_told_as_partial(run_job: RunJob, rows: Rows, tree: TreeBuilder, limit: int) -> None:
    root = tree({"a.csv": b"n\nx\ny\n"})
    schema = '{"fields": [{"name": "n", "type": "integer"}]}'
    job = run_job("validate", root, options={"schema_text": schema, "max_errors": limit})
    summary = job.result("validate")["summary"]
    assert (summary["errors"], summary["partial"]) == (2, limit == 1)
    assert len(rows(job, "errors")) == min(limit, 2)


def test_rules_across_columns_are_those_of_decimal_arithmetic(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    made = random.Random(_SEED)
    rule = "gross == net * (100 + tax) / 100 when kind == 'sale'"
    records, wrong, missing = [], [], 0
    for number in range(1, 501):
        net, tax = made.randrange(10_000), made.choice([0, 7, 19])
        gross = Decimal(net) * (100 + tax) / 10_000 + made.choice([Decimal(0), Decimal("0.01")])
        kind = made.choice(["sale", "gift", ""])
        records.append(f"{Decimal(net) / 100:f},{tax},{gross:f},{kind}")
        if kind == "" and gross != Decimal(net) * (100 + tax) / 10_000:
            missing += 1
        elif kind == "sale" and gross != Decimal(net) * (100 + tax) / 10_000:
            wrong.append(number)
    source = tree({"a.csv": "\n".join(["net,tax,gross,kind", *records, ""]).encode()})
    job = run_job("validate", source, options={"rules": [f"tax: {rule}"]})
    summary = job.result("validate")["summary"]
    assert (summary["rules"], summary["undecided"], summary["verdict"]) == ({"tax": len(wrong)}, missing, "invalid")
    listed = rows(job, "errors")
    assert sorted(row["record"] for row in listed) == wrong
    assert {(row["rule"], row["column"], row["expected"]) for row in listed} == {("tax", "gross, net, tax, kind", rule)}


def test_rules_about_all_records_know_the_last_result(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    root = tree({"log_1.csv": b"n,x\n1,0.1\n2,0.2\n", "log_2.csv": b"n,x\n3,0.3\n"})
    often = "often: now - last_result.time < duration('25h')"
    options = {"rules": ["grows: count() >= last_result.records", "sum: sum(x) == 0.6 && max(n) == 3", often]}

    def told(job: JobView) -> list[tuple[str, str, str]]:
        found = rows(job, "dataset_rules")
        return sorted((row["rule"], row["verdict"], row["values"]) for row in found if row["rule"] != "often")

    def is_often(job: JobView) -> list[str]:
        return [row["verdict"] for row in rows(job, "dataset_rules") if row["rule"] == "often"]

    first = run_job("validate", root, options=options)
    assert first.result("validate")["summary"]["verdict"] == "valid"
    total = ("sum", "kept", "max(n) = 3, sum(x) = 0.6")
    assert told(first) == [("grows", "undecided", "count() = 3, last_result.records = null"), total]
    again = run_job("validate", root, options=options, baseline=first.id)
    assert again.result("validate")["summary"]["reused_files"] == 2
    assert told(again) == [("grows", "kept", "count() = 3, last_result.records = 3"), total]
    assert (is_often(first), is_often(again)) == (["undecided"], ["kept"])
    (root / "log_1.csv").write_bytes(b"n,x\n1,0.1\n")
    less = run_job("validate", root, options=options, baseline=again.id)
    assert told(less)[0] == ("grows", "broken", "count() = 2, last_result.records = 3")
    assert less.result("validate")["summary"]["verdict"] == "invalid"
