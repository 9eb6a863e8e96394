"""Avro files as their user has them: what fastavro writes comes out again, whatever packs its blocks."""

from __future__ import annotations

import bz2
import datetime as dt
import decimal
import io
import json
import lzma
import random
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services import bootstrap
from tests.integration.operations.conftest import Rows, RunJob, converted

_SEED = 20261128
_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "row",
    "namespace": "a.b",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "small", "type": ["null", "int"]},
        {"name": "part", "type": "double"},
        {"name": "text", "type": ["null", "string"]},
        {"name": "none", "type": "null"},
        {"name": "flag", "type": "boolean"},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "time", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "at_ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "local", "type": ["null", {"type": "long", "logicalType": "local-timestamp-micros"}]},
        {"name": "key", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "kind", "type": {"type": "enum", "name": "kind", "symbols": ["A", "B"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "who", "type": {"type": "record", "name": "who", "fields": [{"name": "name", "type": "string"}]}},
    ],
}


def _record(made: random.Random, number: int) -> dict[str, Any]:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=made.randrange(4 * 10**15))
    return {
        "id": made.randrange(-(2**63), 2**63),
        "small": made.choice([None, made.randrange(-(2**31), 2**31)]),
        "part": made.uniform(-1, 1) * 10 ** made.randrange(-9, 9),
        "text": made.choice([None, "", "Köln", "a,b", 'say "hi"', "two\nlines", "007", f"text {number}"]),
        "none": None,
        "flag": made.random() < 0.5,
        "price": decimal.Decimal(made.randrange(-(10**15), 10**15)).scaleb(-2),
        "day": made.choice([None, moment.date()]),
        "time": moment.time().replace(microsecond=moment.microsecond // 1000 * 1000),
        "at": moment,
        "at_ms": moment.replace(microsecond=moment.microsecond // 1000 * 1000),
        "local": made.choice([None, moment.replace(tzinfo=None)]),
        "key": uuid.UUID(int=made.getrandbits(128)),
        "kind": made.choice("AB"),
        "tags": [made.choice(["x", "y"]) for _ in range(made.randrange(3))],
        "who": {"name": f"who {number}"},
    }


def _snappy(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="snappy", asbytes=True)) + zlib.crc32(data).to_bytes(4, "big")


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


_PACKED: dict[str, Callable[[bytes], bytes]] = {
    "null": bytes,
    "deflate": _deflated,
    "snappy": _snappy,
    "zstandard": lambda data: bytes(pa.compress(data, codec="zstd", asbytes=True)),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def _number(value: int) -> bytes:
    rest, out = value << 1 ^ value >> 63, bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def _text(value: bytes) -> bytes:
    return _number(len(value)) + value


def _file(schema: dict[str, Any], records: list[dict[str, Any]], codec: str, sync: bytes = b"s" * 16) -> bytes:
    said = {b"avro.schema": json.dumps(schema).encode(), b"avro.codec": codec.encode()}
    header = b"".join(_text(key) + _text(value) for key, value in said.items())
    parts = [b"Obj\x01", _number(len(said)), header, _number(0), sync]
    parsed = fastavro.parse_schema(schema)
    for start in range(0, len(records), 100):
        data = io.BytesIO()
        for record in records[start : start + 100]:
            fastavro.schemaless_writer(data, parsed, record)
        parts += [_number(len(records[start : start + 100])), _text(_PACKED[codec](data.getvalue())), sync]
    return b"".join(parts)


def _said(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value


@pytest.fixture
def records() -> list[dict[str, Any]]:
    """Return records of every type."""
    print(f"seed {_SEED}")
    made = random.Random(_SEED)
    return [_record(made, number) for number in range(550)]


def test_what_fastavro_writes_comes_out_again(
    run_job: RunJob, rows: Rows, running: bootstrap.Services, tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    root = tmp_path / "drop"
    root.mkdir()
    for codec in _PACKED:
        (root / f"{codec}.avro").write_bytes(_file(_SCHEMA, records, codec))
    with (root / "own.avro").open("wb") as out:
        fastavro.writer(out, _SCHEMA, records, codec="deflate")
    job = run_job("convert", root)
    assert {row["path"]: row["records_written"] for row in rows(job)} == {
        f"{name}.avro": len(records) for name in [*_PACKED, "own"]
    }
    for name in [*_PACKED, "own"]:
        path = tmp_path / "made.parquet"
        path.write_bytes(converted(running, job, f"{name}.parquet"))
        found = pq.read_table(path).to_pylist()
        for own, other in zip(found, records, strict=True):
            assert own == {key: _said(value) for key, value in other.items()}, name
    profile = run_job("profile", root)
    assert {row["records"] for row in rows(profile, "files")} == {len(records)}
    assert all(row["errors"] == 0 for row in rows(run_job("validate", root)))


def test_damaged_files_are_issues_and_claims_are_bounded(
    run_job: RunJob, rows: Rows, tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    root = tmp_path / "drop"
    root.mkdir()
    good = _file(_SCHEMA, records, "deflate")
    nothing = {"type": "record", "name": "r", "fields": [{"name": "a", "type": "null"}]}
    empty = {"type": "array", "items": "null"}
    endless = {"type": "record", "name": "r", "fields": [{"name": "next", "type": ["null", "r"]}]}
    flat = {"type": "record", "name": "r", "fields": [{"name": "a", "type": "bytes"}]}
    head = _file(flat, [], "null")
    files = {
        "cut.avro": (good[: len(good) // 2], "block"),
        "flipped.avro": (good[:3000] + bytes([good[3000] ^ 0xFF]) + good[3001:], "cannot be read as Avro"),
        "mark.avro": (good[:-1] + b"x", "its end is not marked"),
        "nothing.avro": (_file(nothing, [], "null"), "take no bytes"),
        "empty.avro": (_file({**nothing, "fields": [{"name": "a", "type": empty}]}, [], "null"), "take no bytes"),
        "endless.avro": (_file(endless, [], "null"), "contains itself"),
        "claim.avro": (head + _number(2**60) + _text(b"\0") + b"s" * 16, "claims"),
        "size.avro": (head + _number(1) + _number(2**60) + b"s" * 16, "block 0"),
        "bomb.avro": (
            _file(flat, [{"a": bytes(200 << 20)}], "deflate"),
            "unpacks to more than",
        ),
        "codec.avro": (_file(flat, [], "null").replace(b"\x08null", b"\x08what"), "compressed with what"),
        "text.avro": (b"a,b\n1,2\n", "begin"),
    }
    for name, (content, _) in files.items():
        (root / name).write_bytes(content)
    (root / "good.avro").write_bytes(good)
    job = run_job("convert", root)
    assert [row["path"] for row in rows(job)] == ["good.avro"]
    issues = {row["path"]: row["message"] for row in rows(job, "issues")}
    assert set(issues) == set(files)
    for name, (_, part) in files.items():
        assert part in issues[name], (name, issues[name])
