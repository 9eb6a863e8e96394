"""A drop of unknown files whose content is known: tables of random kinds, dialects, encodings and layouts."""

# ruff: noqa: SIM905 - lists of words are read more easily as a sentence
from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

_WORDS = (
    "amber river stone north paper garden silver market copper window bridge summer cotton marble harbour forest "
    "engine signal velvet canyon meadow lantern orchard pepper saddle thunder violet walnut yellow zephyr"
).split()
_FOREIGN = "Müller Größe café naïve señor Zürich Łódź Håkon Çelik Čapek Ørsted Dvořák".split()
_LATIN = "Müller Größe café naïve señor Zürich Håkon Ørsted façade über déjà Åse".split()
_PEOPLE = "Anna Bo Carla Dmitri Eve Farid Grace Hiro Ines Jonas Kim Lena".split()
_FAMILY = "O'Brien Smith Garcia Novak Tanaka Okafor Rossi Dubois Khan Berg".split()
_COLUMNS = (
    "id name city amount price date created_at start end code status note address phone url email ip comment "
    "quantity total weight lat lon active ref key label type group score rate time flag country zip"
).split()
_START = datetime(2015, 1, 1, tzinfo=UTC)

Maker = Callable[[random.Random], str]


def _date(r: random.Random, form: str) -> str:
    return (_START + timedelta(seconds=r.randrange(300_000_000))).strftime(form)


def _sentence(r: random.Random) -> str:
    return " ".join(r.choice(_WORDS) for _ in range(r.randrange(2, 9)))


def _punctuated(r: random.Random) -> str:
    marks = [", ", "; ", ": ", " | ", " - ", ". ", ' "', "' ", "\t"]
    return "".join(r.choice(_WORDS) + r.choice(marks) for _ in range(r.randrange(1, 4))) + r.choice(_WORDS)


def _lines(r: random.Random) -> str:
    return "\n".join(_sentence(r) for _ in range(r.randrange(1, 4)))


VALUES: dict[str, Maker] = {
    "serial": lambda r: str(r.randrange(1, 10**6)),
    "integer": lambda r: str(r.randrange(-5000, 5000)),
    "long": lambda r: str(r.randrange(10**17, 10**19)),
    "price": lambda r: f"{r.randrange(10**6) / 100:.2f}",
    "float": lambda r: repr(round(r.gauss(0, 100), r.randrange(1, 6))),
    "comma": lambda r: f"{r.randrange(10**5) / 100:.2f}".replace(".", ","),
    "thousands": lambda r: f"{r.randrange(1000, 10**7):,}",
    "percent": lambda r: f"{r.randrange(100)}%",
    "date": lambda r: _date(r, "%Y-%m-%d"),
    "day first": lambda r: _date(r, "%d/%m/%Y"),
    "points": lambda r: _date(r, "%d.%m.%Y"),
    "time": lambda r: _date(r, "%H:%M:%S"),
    "minutes": lambda r: _date(r, "%H:%M"),
    "timestamp": lambda r: _date(r, "%Y-%m-%d %H:%M:%S"),
    "instant": lambda r: _date(r, "%Y-%m-%dT%H:%M:%SZ"),
    "word": lambda r: r.choice(_WORDS),
    "name": lambda r: f"{r.choice(_PEOPLE)} {r.choice(_FAMILY)}",
    "reversed": lambda r: f"{r.choice(_FAMILY)}, {r.choice(_PEOPLE)}",
    "sentence": _sentence,
    "punctuated": _punctuated,
    "lines": _lines,
    "zeros": lambda r: f"{r.randrange(10**5):05d}",
    "reference": lambda r: f"{r.choice('ABCDEFG')}{r.choice('XYZ')}-{r.randrange(1000, 9999)}",
    "version": lambda r: f"{r.randrange(5)}.{r.randrange(20)}.{r.randrange(10)}",
    "url": lambda r: f"https://{r.choice(_WORDS)}.example.com/{r.choice(_WORDS)}?q={r.randrange(99)}&p=a,b;c",
    "email": lambda r: f"{r.choice(_WORDS)}.{r.choice(_WORDS)}@example.com",
    "address": lambda r: ".".join(str(r.randrange(256)) for _ in range(4)),
    "hardware": lambda r: ":".join(f"{r.randrange(256):02x}" for _ in range(6)),
    "boolean": lambda r: r.choice(["true", "false"]),
    "yes": lambda r: r.choice(["yes", "no"]),
    "phone": lambda r: f"+49 {r.randrange(30, 99)} {r.randrange(10**5, 10**6)}",
    "uuid": lambda r: f"{r.getrandbits(32):08x}-{r.getrandbits(16):04x}-4{r.getrandbits(12):03x}",
    "size": lambda r: f'{r.randrange(1, 20)}" pipe',
    "json": lambda r: json.dumps({"k": r.randrange(9), "v": [r.choice(_WORDS), None]}),
    "path": lambda r: f"/srv/{r.choice(_WORDS)}/{r.choice(_WORDS)}.txt",
    "windows": lambda r: f"C:\\{r.choice(_WORDS)}\\{r.choice(_WORDS)}",
}


@dataclass(frozen=True)
class Unknown:
    """A file of the drop, and what it holds.

    Attributes:
        header: names of the columns; None: the file has no header row.
        rows: the values of each record as they were written.
        kind: what is special about the file, for the report.
    """

    name: str
    header: list[str] | None
    rows: list[list[str]]
    kind: str


def _table(r: random.Random, encoding: str) -> tuple[list[str], list[list[str]], list[str]]:
    width = r.choice([1, 2, 2, 3, 3, 4, 5, 6, 8, 12])
    kinds = [r.choice(list(VALUES)) for _ in range(width)]
    if width == 1 and kinds[0] == "lines":
        kinds = ["word"]
    names = r.sample(_COLUMNS, width)
    if r.random() < 0.2:
        names = [name.replace("_", " ").title() for name in names]
    elif r.random() < 0.1:
        names = [f"{name} ({r.choice(['km', 'EUR', '%', 'kg'])})" for name in names]
    foreign = {"latin": _LATIN, "unicode": _FOREIGN}.get(encoding, [])
    empty = [r.choice([0, 0, 0.05, 0.3]) if width > 1 else 0 for _ in kinds]
    rows = []
    for _ in range(r.choice([2, 3, 5, 8, 13, 30, 100, 400])):
        row = [VALUES[kind](r) for kind in kinds]
        row = [f"{value} {r.choice(foreign)}" if foreign and value in _WORDS else value for value in row]
        rows.append(["" if r.random() < share else value for value, share in zip(row, empty, strict=True)])
    for row in rows:
        if not any(row):
            row[0] = VALUES[kinds[0]](r)
    return names, rows, kinds


def _separated(r: random.Random, rows: Sequence[Sequence[str]], kind: list[str]) -> str:
    delimiter = r.choice([",", ",", ",", ",", ";", ";", "\t", "\t", "|", "|", "~", "^", "\x1f"])
    quoting = r.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    quote = "'" if r.random() < 0.06 else '"'
    end = r.choice(["\n", "\n", "\r\n"])
    # Doubled backslashes alone may be names of Windows' shares as well.
    backslash = r.random() < 0.06 and any('"' in value for row in rows for value in row)
    if delimiter not in ",;\t":
        kind.append(f"delimiter {delimiter!r}")
    if quote == "'":
        kind.append("single quotes")
    sink = io.StringIO()
    writer = csv.writer(
        sink,
        delimiter=delimiter,
        quoting=quoting,
        quotechar=quote,
        lineterminator=end,
        doublequote=not backslash,
        escapechar="\\" if backslash else None,
    )
    writer.writerows(rows)
    if backslash:
        kind.append("backslash")
    text = sink.getvalue()
    layout = r.random()
    if layout < 0.08:
        kind.append("title lines")
        titles = r.sample(["Report of the month", "Exported 2024-03-01", "Source: ministry", "Confidential"], 2)
        # Above one column, a title is told from a name by the empty line.
        text = end.join(titles[: r.randrange(1, 3)]) + end + (r.choice(["", end]) if len(rows[0]) > 1 else end) + text
    elif layout < 0.12:
        kind.append("comment lines")
        text = f"# made by a tool{end}# version 3{end}" + text
    elif layout < 0.15:
        kind.append("notes at the end")
        text += f"{end}Source: ministry of {r.choice(_WORDS)}{end}"
    elif layout < 0.18 and delimiter in ",;|" and len(rows[0]) > 1:
        kind.append("sep=")
        text = f"sep={delimiter}{end}" + text
    elif layout < 0.21 and len(rows[0]) > 1 and not any('"' in v or "\n" in v for row in rows for v in row):
        kind.append("delimiter at each end")
        text = "".join(f"{line}{delimiter}{end}" for line in text.split(end)[:-1])
    elif layout < 0.3:
        kind.append("no last line end")
        text = text[: -len(end)]
    return text


def _delimited(r: random.Random, place: Path, name: str) -> Unknown:
    encoding = r.choice(["plain"] * 6 + ["latin", "unicode", "unicode"])
    names, rows, kinds = _table(r, encoding)
    kind: list[str] = []
    headed = r.random() > 0.12 or not _tells_no_header(kinds)
    if not headed:
        kind.append("no header")
    text = _separated(r, [names, *rows] if headed else rows, kind)
    codec = {"plain": "utf-8", "latin": "cp1252"}.get(encoding) or r.choice(
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]
    )
    if codec not in {"utf-8"}:
        kind.append(codec)
    content = text.encode(codec)
    suffix = r.choice([".csv", ".csv", ".csv", ".tsv" if "\t" in text.split("\n")[0] else ".txt"])
    if r.random() < 0.08:
        kind.append("gzip")
        content, suffix = gzip.compress(content), suffix + ".gz"
    (place / f"{name}{suffix}").write_bytes(content)
    return Unknown(f"{name}{suffix}", names if headed else None, rows, ", ".join(kind) or "plain")


def _tells_no_header(kinds: list[str]) -> bool:
    """Whether a person sees from the values that the first record is no header."""
    return any(
        kind in {"serial", "integer", "price", "float", "date", "timestamp", "instant", "time"} for kind in kinds
    )


def _json(r: random.Random, place: Path, name: str) -> Unknown:
    names, rows, _ = _table(r, "unicode")
    records = [dict(zip(names, row, strict=True)) for row in rows]
    form = r.choice(["lines", "array", "pretty", "joined"])
    text = {
        "lines": lambda: "".join(json.dumps(record, ensure_ascii=r.random() < 0.5) + "\n" for record in records),
        "array": lambda: json.dumps(records),
        "pretty": lambda: json.dumps(records, indent=2, ensure_ascii=False),
        "joined": lambda: "".join(json.dumps(record, indent=1) for record in records),
    }[form]()
    suffix = ".jsonl" if form == "lines" else ".json"
    (place / f"{name}{suffix}").write_text(text, encoding="utf-8")
    return Unknown(f"{name}{suffix}", names, rows, f"JSON, {form}")


def _workbook(r: random.Random, place: Path, name: str) -> Unknown:
    import openpyxl

    names, rows, _ = _table(r, "unicode")
    book = openpyxl.Workbook()
    sheet = book.active
    kind = "workbook"
    if r.random() < 0.3:
        kind = "workbook, title"
        sheet.append(["Report of the month"])
        sheet.append([])
    sheet.append(names)
    for row in rows:
        sheet.append([value or None for value in row])
    book.save(place / f"{name}.xlsx")
    return Unknown(f"{name}.xlsx", names, rows, kind)


def _xml(r: random.Random, place: Path, name: str) -> Unknown:
    """Records as elements; values as attributes, elements or elements in others."""
    names, rows, _ = _table(r, "unicode")
    # Names of elements have no spaces.
    names = [re.sub(r"[^a-z0-9]+", "_", one.lower()).strip("_") for one in names]
    form = r.choice(["elements", "elements", "attributes", "deep", "namespaces"])
    prefix = "x:" if form == "namespaces" else ""
    root = ElementTree.Element(f"{prefix}export", {"xmlns:x": "urn:x"} if prefix else {})
    if r.random() < 0.3:
        ElementTree.SubElement(root, "created", {"at": _date(r, "%Y-%m-%d")})
    within = ElementTree.SubElement(root, f"{prefix}rows") if form == "deep" else root
    for row in rows:
        record = ElementTree.SubElement(within, f"{prefix}row")
        for one, value in zip(names, row, strict=True):
            if form == "attributes":
                record.set(one, value)
            else:
                ElementTree.SubElement(record, f"{prefix}{one}").text = value
    if r.random() < 0.6:
        ElementTree.indent(root)
    codec = r.choice(["utf-8", "utf-8", "utf-16", "us-ascii"])
    (place / f"{name}.xml").write_bytes(ElementTree.tostring(root, codec, xml_declaration=r.random() < 0.8))
    mark = {"attributes": "@", "namespaces": "x:"}.get(form, "")
    return Unknown(f"{name}.xml", [mark + one for one in names], rows, f"XML, {form}")


def make(
    place: Path, files: int, seed: int, makers: Sequence[str] = ("delimited",) * 8 + ("json", "workbook")
) -> list[Unknown]:
    """Fill `place` with files of a drop."""
    place.mkdir(parents=True, exist_ok=True)
    r = random.Random(seed)
    known = {"delimited": _delimited, "json": _json, "workbook": _workbook, "xml": _xml}
    return [known[r.choice(makers)](r, place, f"{number:04d}") for number in range(files)]
