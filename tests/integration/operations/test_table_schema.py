"""The schema that the files of a profile have in common: they are valid by it, and a file that deviates is not."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.base import errors
from tests.integration.operations.conftest import Rows, RunJob

Make = Callable[[random.Random], str]
Table = list[list[str]]

_DAYS = [date(2020, 1, 1) + timedelta(days=place) for place in range(1500)]
_KINDS: dict[str, tuple[Make, str, str | None]] = {
    "number": (lambda r: f"{r.uniform(-5, 5000):.2f}", "number", None),
    "whole": (lambda r: str(r.randint(-99, 10**9)), "integer", None),
    "flag": (lambda r: r.choice(["true", "false"]), "boolean", None),
    "day": (lambda r: r.choice(_DAYS).isoformat(), "date", None),
    "moment": (lambda r: f"{r.choice(_DAYS)} {r.randint(0, 23):02}:{r.randint(0, 59):02}:00", "datetime", None),
    "clock": (lambda r: f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}", "time", None),
    "words": (lambda r: r.choice(["tea", "ink", "a b", "zoë"]), "string", None),
    "local": (lambda r: f"{r.choice(_DAYS):%d.%m.%Y}", "date", "%d.%m.%Y"),
    "price": (lambda r: f"{r.randint(1, 9)}.{r.randint(100, 999)},{r.randint(10, 99)}", "number", "1.234,56"),
    "paid": (lambda r: r.choice(["ja", "nein"]), "boolean", "ja/nein"),
    "label": (lambda r: f"{r.randint(0, 99):05}" if r.random() < 0.9 else f"{r.randint(0, 99):04}A", "string", None),
}


def _table(names: list[str], r: random.Random, nullable: set[str]) -> Table:
    def value(name: str) -> str:
        return "" if name in nullable and r.random() < 0.2 else _KINDS[name][0](r)

    return [["id", *names], *([str(place), *map(value, names)] for place in range(40))]


def _written(table: Table, r: random.Random) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=r.choice(";|\t"), lineterminator=r.choice(["\n", "\r\n"])).writerows(table)
    return out.getvalue().encode()


def _each(table: Table, name: str, change: Callable[[str], str], records: slice = slice(None)) -> Table:
    at = table[0].index(name)
    for record in table[1:][records]:
        record[at] = change(record[at])
    return table


def _without(table: Table, name: str) -> Table:
    at = table[0].index(name)
    return [record[:at] + record[at + 1 :] for record in table]


def _renamed(table: Table, name: str) -> Table:
    return [[f"{one}_new" if one == name else one for one in table[0]], *table[1:]]


def _american(text: str) -> str:
    year, month, day = text.split("-")
    return f"{month}/{day}/{year}"


_FAULTS: dict[str, tuple[Callable[[Table], Table], str]] = {
    "all dates in another format": (lambda t: _each(t, "day", _american), "type"),
    "text in an amount": (lambda t: _each(t, "number", lambda _: "n.b.", slice(7, 8)), "type"),
    "decimal commas": (lambda t: _each(t, "number", lambda v: v.replace(".", ",")), "type"),
    "another word": (lambda t: _each(t, "paid", lambda _: "maybe", slice(3, 4)), "type"),
    "a date that does not exist": (lambda t: _each(t, "local", lambda _: "31.02.2024", slice(9, 10)), "type"),
    "a column less": (lambda t: _without(t, "clock"), "missing_column"),
    "a renamed column": (lambda t: _renamed(t, "words"), "extra_column"),
    "a short record": (lambda t: [*t[:9], t[9][:-1], *t[10:]], "fields"),
}


@pytest.mark.parametrize("seed", range(3))
def test_files_are_valid_by_what_they_have_in_common_and_those_that_deviate_are_not(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tmp_path: Path, seed: int
) -> None:
    r = random.Random(seed)
    names = r.sample(list(_KINDS), len(_KINDS))
    nullable = {"moment", "flag", *r.sample(["price", "label", "day"], 2)}
    source = tmp_path / "drop"
    source.mkdir()
    for place in range(30):
        (source / f"{place:02}.csv").write_bytes(_written(_table(names, r, nullable), r))
    clean = run_job("profile", source)
    schema = running.results.table_schema(clean.id).document()
    fields = {one["name"]: one for one in schema["fields"]}
    assert list(fields) == ["id", *names]
    for name in names:
        assert (fields[name]["type"], fields[name].get("format")) == _KINDS[name][1:]
        assert fields[name].get("constraints") == (None if name in nullable else {"required": True})
    valid = run_job("validate", source, options={"schema_file": f"job:{clean.id}"})
    assert (valid.verdict, valid.result("validate")["summary"]["schema"]) == ("valid", "given")

    wrong = dict(zip(r.sample(range(30), len(_FAULTS)), _FAULTS, strict=True))
    for place, fault in wrong.items():
        table = _table(names, r, nullable - {"day"})
        (source / f"{place:02}.csv").write_bytes(_written(_FAULTS[fault][0](table), r))
    dirty = run_job("profile", source)
    checked = run_job("validate", source, options={"schema_file": f"job:{dirty.id}"})
    counts = {row["path"]: set[str]() for row in rows(checked) if row["verdict"] == "invalid"}
    for row in rows(checked, "counts"):
        counts[row["path"]].add(row["rule"])
    assert sorted(counts) == sorted(f"{place:02}.csv" for place in wrong)
    for place, fault in wrong.items():
        assert _FAULTS[fault][1] in counts[f"{place:02}.csv"], fault
    told = {one.name: " ".join(one.exceptions) for one in running.results.table_schema(dirty.id).fields}
    of_day = next(place for place, fault in wrong.items() if fault == "all dates in another format")
    assert f"1 of 30 files has other values: {of_day:02}.csv, such as " in told["day"]
    found, _ = running.results.profile_problems(dirty.id, 1000)
    assert {one["path"] for one in found} == {f"{place:02}.csv" for place in wrong}
    assert running.results.profile_problems(clean.id, 1000) == ([], 0)
    made = run_job("convert", source, options={"schema_file": f"job:{dirty.id}"})
    bad = {row["path"] for row in rows(made) if row["verdict"] != "whole"}
    of_values = {name for name, (_, rule) in _FAULTS.items() if rule in {"type", "fields"}}
    assert bad == {f"{place:02}.csv" for place, fault in wrong.items() if fault in of_values}
    # Both operations call the same records wrong.
    rejected = {(row["path"], row["record"]) for row in rows(made, "rejects")}
    errors_of = {(row["path"], row["record"]) for row in rows(checked, "errors") if row["rule"] in {"type", "fields"}}
    assert rejected == errors_of
    kinds = {row["column"]: row["type"] for row in rows(made, "columns") if row["type_is"] == "asked for"}
    assert (kinds["day"], kinds["local"], kinds["number"], kinds["paid"]) == ("date", "date", "float", "boolean")


def test_a_schema_tells_what_it_leaves_open(running: bootstrap.Services, run_job: RunJob, tree: Any) -> None:
    first = b"key,due,empty,x\na1,1/2/2025,,-\nb2,3/4/2025,,5\n"
    job = run_job(
        "profile",
        tree({"a.csv": first, "b.csv": first, "c.csv": b"key,due,empty,note\nq,5/6/2025,,7\n"}),
        options={"null_values": ["-"]},
    )
    document = running.results.table_schema(job.id).document()
    assert document["missingValues"] == ["", "-"]
    assert document["description"] == "Left out, because most files do not have them: note (in 1 of 3 files)."
    fields = {one["name"]: one for one in document["fields"]}
    assert [one["type"] for one in fields.values()] == ["string", "string", "any", "integer"]
    assert "date:%d/%m/%Y or date:%m/%d/%Y" in fields["due"]["description"]
    assert "constraints" not in fields["x"] and "constraints" not in fields["empty"]
    gap = tree({f"{one}.csv": b"n,k\n1,a\n%s,b\n" % (b"" if one == "b" else b"2") for one in "abc"}, "gap")
    assert running.results.table_schema(run_job("profile", gap).id).fields[0].notes == (
        'Values are missing only in 1 of 3 files: b.csv. To make this an error, add "required": true.',
    )
    single = run_job("profile", tree({"d.csv": b"key\na1\nb2\n"}, "other"))
    assert "Possible key" in running.results.table_schema(single.id).document()["fields"][0]["description"]


def test_only_a_profile_has_a_schema(running: bootstrap.Services, run_job: RunJob, tree: Any) -> None:
    source = tree({"a.csv": b"a\n1\n"})
    job = run_job("inventory", source)
    with pytest.raises(errors.ArtifactNotFoundError, match="no result of profile"):
        running.results.table_schema(job.id)
    with pytest.raises(errors.InvalidOptionsError, match="no result of profile") as refused:
        run_job("validate", source, options={"schema_file": f"job:{job.id}"})
    assert refused.value.details["field"] == "operations.0.options.schema_file"


def test_codes_stay_text_and_what_a_file_does_not_have_does_not_vote(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: Any
) -> None:
    codes = {f"{place}.csv": b"code,day,n\n%d,2024-01-31,1\n12,2024-02-29,2\n" % (place + 20) for place in range(8)}
    empty = b"code,day,n\n1,,3\n2,,4\n"
    many = b"code,day,n\n" + b"".join(b"%d,2024-03-01,%d\n" % (place, place) for place in range(400))
    files = {"labels.csv": b"code,day,n\n12A,2024-03-03,5\n", "empty.csv": empty}
    job = run_job("profile", tree(codes | files | {"many.csv": many + b"7,2024-03-02,many\n"}))
    schema = running.results.table_schema(job.id)
    assert [(one.name, one.kind, one.exceptions) for one in schema.fields] == [
        ("code", "text", ()),
        ("day", "date", ()),
        ("n", "integer", ('1 of 11 files has other values: many.csv, such as "many" in record 401.',)),
    ]
    found, count = running.results.profile_problems(job.id, 100)
    assert count == len(found) == 2
    assert [tuple(one.values()) for one in found] == [
        ("empty.csv", None, "day: 2 of 2 fields without a value, in most files none"),
        ("many.csv", 401, 'n: 1 of 401 values not integer; the first is "many"'),
    ]


def test_each_dataset_has_a_schema_and_its_files_are_checked_against_it(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: Any
) -> None:
    orders = b"id,amount,day\n" + b"".join(b"%d,%d.5,2024-01-31\n" % (place, place) for place in range(9))
    people = b"id,name,city,day\n" + b"".join(b"c%d,x,y,31.01.2024\n" % place for place in range(9))
    files = {**{f"orders-{place}.csv": orders for place in range(4)}, "people-1.csv": people, "people-2.csv": people}
    clean = run_job("profile", tree(files, "clean"))
    found = running.results.table_schemas(clean.id)
    assert {name: [one.kind for one in schema.fields] for name, schema in found.items()} == {
        "orders": ["integer", "float", "date"],
        "people": ["text", "text", "text", "date"],
    }
    # Their days are not written alike.
    made = run_job("convert", tree(files, "made"), options={"schema_file": f"job:{clean.id}"})
    assert made.result("convert")["summary"]["records_rejected"] == 0
    assert {row["type"] for row in rows(made, "columns") if row["column"] == "day"} == {"date"}
    source = tree(
        {**files, "orders-9.csv": b"day,id,amount\n31.01.2024,1,2\n", "people-3.csv": b"id,name,city\n1,x,y\n"}, "dirty"
    )
    checked = run_job("validate", source, options={"schema_file": f"job:{clean.id}"})
    told = {row["path"]: (row["dataset"], row["verdict"], row["errors"]) for row in rows(checked)}
    assert told == {
        **{f"orders-{place}.csv": ("orders", "valid", 0) for place in range(4)},
        **{f"people-{place}.csv": ("people", "valid", 0) for place in (1, 2)},
        "orders-9.csv": ("orders", "invalid", 1),
        "people-3.csv": ("people", "invalid", 1),
    }


def test_files_are_compared_with_those_of_their_dataset(
    running: bootstrap.Services, run_job: RunJob, tree: Any
) -> None:
    files: dict[str, bytes] = {}
    for place in range(4):
        files[f"orders/{place}.csv"] = b"id,day,amount\n1,2024-01-31,1.5\n2,2024-02-29,2.5\n"
        files[f"people/{place}.csv"] = b"id,name,city,born\nx%d,Ada,Rome,1990-01-01\ny,Bo,Oslo,1991-01-01\n" % place
    files["orders/3.csv"] = b"id,day,amount\n1,31/01/2024,1.5\n"
    files["people/3.csv"] = b"id,name,city,born\nx,Ada,Rome,n/k\n"
    found, _ = running.results.profile_problems(run_job("profile", tree(files)).id, 100)
    assert [(one["path"], one["problem"].partition(":")[0]) for one in found] == [
        ("orders/3.csv", "day"),
        ("people/3.csv", "born"),
    ]
