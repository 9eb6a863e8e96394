"""XML as its user has it: what ElementTree writes comes out again, value by value."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import JobView, Source
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261129
_TEXTS = [
    "Köln",
    "a,b",
    'say "hi"',
    "two\nlines",
    "007",
    "true",
    "NA",
    " x ",
    "<&>",
    "2024-01-01",
    "1.50",
    "漢字",
    "]]>",
]

Record = dict[str, Any]


def _element(made: random.Random, parent: ElementTree.Element, record: Record) -> None:
    """Add a record to a document, and what a reader is to find to `record`."""
    element = ElementTree.SubElement(parent, "item", {"id": str(made.randrange(10**6))})
    record["@id"] = element.get("id")
    for place in range(4):
        if made.random() < 0.8:
            child = ElementTree.SubElement(element, f"c{place}")
            child.text = made.choice(_TEXTS)
            record[f"c{place}"] = child.text
    if made.random() < 0.5:
        inside = ElementTree.SubElement(element, "at", {"zip": "0" + str(made.randrange(10**4))})
        record["at.@zip"] = inside.get("zip")
        city = ElementTree.SubElement(ElementTree.SubElement(inside, "deep"), "city")
        city.text = made.choice(_TEXTS)
        record["at.deep.city"] = city.text
    texts = [made.choice(_TEXTS) for _ in range(made.randrange(4))]
    for text in texts:
        ElementTree.SubElement(element, "tag").text = text
    if texts:
        record["tag"] = texts


def _document(made: random.Random) -> tuple[bytes, list[Record]]:
    root = ElementTree.Element("items")
    records: list[Record] = [{} for _ in range(made.randrange(5, 60))]
    for record in records:
        _element(made, root, record)
    # A list is one if any record has two of them.
    ElementTree.SubElement(root[0], "tag").text = "one"
    ElementTree.SubElement(root[0], "tag").text = "two"
    records[0]["tag"] = [*records[0].get("tag", []), "one", "two"]
    if made.random() < 0.5:
        ElementTree.indent(root, made.choice(["  ", "\t"]))
    encoding = made.choice(["utf-8", "utf-16", "iso-8859-15", "us-ascii"])
    return ElementTree.tostring(root, encoding, xml_declaration=True), records


def _read(running: bootstrap.Services, job: JobView, name: str) -> list[Record]:
    """Return the values of each record that has one."""
    header, *rows = csv.reader(io.StringIO(converted(running, job, name).decode(), newline=""))
    records = [{name: value for name, value in zip(header, row, strict=True) if value} for row in rows]
    for record in records:
        if "tag" in record:
            record["tag"] = json.loads(record["tag"])
    return records


def test_what_element_tree_writes_comes_out_again(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    drops = {f"d{number:02d}.xml": _document(made) for number in range(40)}
    files = {name: content for name, (content, _) in drops.items()}
    files.update({f"z{name}.gz": gzip.compress(content) for name, content in list(files.items())[:5]})
    job = run_job("convert", tree(files), options={"to": "csv"})
    assert rows(job, "issues") == []
    for name, (content, records) in drops.items():
        found = _read(running, job, name.replace(".xml", ".csv"))
        assert found == records, content[:2000]
    for name in list(drops)[:5]:
        assert _read(running, job, f"z{name}".replace(".xml", ".csv")) == drops[name][1]


def test_a_profile_says_which_elements_are_records_and_a_path_chooses_others(
    running: bootstrap.Services, run_job: RunJob, rows: Rows, tree: TreeBuilder
) -> None:
    books = "".join(f"<book id='{n}'><price>{n}.5</price></book>" for n in range(20))
    source = tree({"a.xml": f"<catalog by='me'><shop><city>Bonn</city></shop><shop/>{books}</catalog>".encode()})
    job = run_job("profile", source)
    (file,) = rows(job, "files")
    assert (file["delimiter"], file["header"], file["records"]) == ("XML", "yes", 20)
    assert file["delimiter_reason"].startswith("/catalog/book comes again, 20 times, and holds")
    assert "/catalog/shop comes again, too, 2 times" in file["delimiter_reason"]
    assert {row["column"]: row["type"] for row in rows(job)} == {"@id": "integer", "price": "float"}
    (issue,) = rows(job, "issues")
    assert issue["message"].startswith("3 values are outside the records /catalog/book and were not read")
    job = run_job("profile", source, options={"record_path": "/catalog/shop"})
    assert [row["column"] for row in rows(job)] == ["city"]


def test_broken_xml_is_partial_and_read_is_written_and_rejected(run_job: RunJob, rows: Rows, tree: TreeBuilder) -> None:
    record = "<r><n>1</n></r>\n"
    source = tree(
        {
            "broken.xml": f"<t>\n{record * 30}<r><n>bad</n></r>\n<r><n>2</m></r>\n{record * 30}</t>".encode(),
            "named.xml": b"PK\x03\x04",
            "whole.xml": f"<t>{record * 2}</t>".encode(),
        }
    )
    job = run_job("convert", source, options={"column_types": ["n=integer"]})
    files = {row["path"]: row for row in rows(job)}
    broken = files["broken.xml"]
    assert (broken["records_read"], broken["records_written"], broken["records_rejected"]) == (31, 30, 1)
    assert files["whole.xml"]["records_written"] == 2
    assert job.outcome is not None
    told = {row["path"]: row["message"] for row in rows(job, "issues")}
    assert told["broken.xml"].startswith("line 33: </m> stands where </n> of line 33 is missing")
    assert "not XML" in told["named.xml"]


def test_a_look_shows_the_document_beside_its_records(running: bootstrap.Services, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<t>\n <r><a>1</a><b>x</b></r>\n <r><a>2</a><b>y</b></r>\n</t>\n")
    shown = running.jobs.preview_records(one_job(operation="profile", source=Source.of_path(tmp_path)), "a.xml").table
    assert shown is not None
    assert (shown.format, shown.delimiter, shown.lines[1]) == ("XML", None, " <r><a>1</a><b>x</b></r>")
    assert [record.values for record in shown.records] == [["1", "x"], ["2", "y"]]


def test_a_path_that_is_none_is_refused(run_job: RunJob, tree: TreeBuilder) -> None:
    with pytest.raises(errors.InvalidOptionsError, match="record_path"):
        run_job("profile", tree({"a.xml": b"<a/>"}), options={"record_path": "book"})
