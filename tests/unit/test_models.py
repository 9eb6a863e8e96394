"""Requests and views: what is accepted, what is refused, by field."""

from __future__ import annotations

import os

import pydantic
import pytest

from services.base import errors
from services.models.jobs import JobRequest, Progress, Source
from tests.asking import one_job

SOURCE = Source(path="/data")
INVENTORY = {"operation": "inventory"}


def progress(**values: object) -> Progress:
    """Return a snapshot."""
    names = {**dict.fromkeys(Progress.model_fields, 0), "stage": "digest", "files_total": None, "bytes_total": None}
    return Progress.model_validate({**names, **values})


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"path": "/a", "s3_uri": "s3://bucket"},
        {"path": "relative"},
        {"path": "/a\0b"},
        {"path": "/a", "path_bytes": "2F61"},
        {"path": "/a", "path_bytes": "2f6"},
        {"path": "/a", "path_bytes": "61"},
        {"path": "/a", "path_bytes": "2f00"},
        {"s3_uri": "http://bucket/x"},
        {"s3_uri": "s3://UPPER/x"},
        {"s3_uri": "s3://"},
        {"path": "/a", "unknown": 1},
    ],
)
def test_what_is_no_source_is_refused(source: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Source.model_validate(source)


@pytest.mark.parametrize("raw", [b"/data", b"/caf\xe9/\xff", "/ünï".encode(), b"/new\nline", b"/back\\slash"])
def test_a_source_keeps_every_byte_of_its_path(raw: bytes) -> None:
    source = Source.of_path(os.fsdecode(raw))
    assert os.fsencode(source.os_path) == raw
    assert Source.model_validate_json(source.model_dump_json()) == source
    assert source.label.encode()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ([{"operation": "nothing"}], "operations.0.operation"),
        ([INVENTORY, {"operation": "nothing"}], "operations.1.operation"),
        ([INVENTORY, INVENTORY], "operations"),
        ([INVENTORY | {"options": {"unknown": 1}}], "operations.0.options.unknown"),
        ([INVENTORY | {"options": {"largest_count": 0}}], "operations.0.options.largest_count"),
        ([INVENTORY | {"options": {"largest_count": "many"}}], "operations.0.options.largest_count"),
        ([INVENTORY | {"options": {"largest_count": True}}], "operations.0.options.largest_count"),
        ([INVENTORY, {"operation": "checksum", "options": {"algorithms": []}}], "operations.1.options.algorithms"),
        ([{"operation": "checksum", "options": {"algorithms": ["md4"]}}], "operations.0.options.algorithms.0"),
        ([{"operation": "verify"}], "operations.0.options.manifest"),
    ],
)
def test_a_bad_option_is_named(asked: list[object], field: str) -> None:
    request = JobRequest.model_validate({"operations": asked, "source": SOURCE})
    with pytest.raises(errors.InvalidOptionsError) as caught:
        request.validated()
    assert caught.value.details["field"] == field
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a\0b"},
        {"name": "\ud800"},
        {"name": "x" * 201},
        {"idempotency_key": ""},
        {"idempotency_key": "a\0"},
        {"walk": {"ignore_globs": ["a\0"]}},
        {"walk": {"extensions": ["\udcff"]}},
        {"walk": {"min_size_bytes": 5, "max_size_bytes": 4}},
        {"walk": {"min_size_bytes": -1}},
        {"walk": {"max_depth": 0}},
        {"walk": {"modified_since": "yesterday"}},
        {"walk": {"unknown": 1}},
        {"unknown": 1},
        {"operations": []},
        {"operations": [INVENTORY] * 21},
        {"operations": "inventory"},
    ],
)
def test_a_bad_request_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        JobRequest.model_validate({"operations": [INVENTORY], "source": SOURCE, **change})


def test_a_validated_request_spells_its_defaults_out() -> None:
    request = one_job(operation="checksum", source=SOURCE).validated()
    assert request.operations[0].options == {"algorithms": ["blake3"], "write_manifests": True}
    assert request.validated() == request


def test_times_without_a_zone_are_utc() -> None:
    walk = {"modified_since": "2024-01-01T00:00:00", "modified_before": "2024-01-01T00:00:00+05:00"}
    request = JobRequest.model_validate({"operations": [INVENTORY], "source": SOURCE, "walk": walk})
    shown = request.model_dump(mode="json")["walk"]
    assert shown["modified_since"] == "2024-01-01T00:00:00Z"
    assert shown["modified_before"] == "2023-12-31T19:00:00Z"


def test_fraction_and_remaining_time() -> None:
    assert progress().fraction is None
    assert progress().remaining_seconds is None
    assert progress(files_total=4, files_done=1).fraction == 0.25
    assert progress(bytes_total=100, bytes_done=50, files_total=4).fraction == 0.5
    assert progress(bytes_total=100, bytes_done=150).fraction == 1.0
    assert progress(bytes_total=100, bytes_done=25, elapsed_seconds=10).remaining_seconds == 30
    assert progress(bytes_total=100, bytes_done=25, elapsed_seconds=0.5).remaining_seconds is None
    assert progress(bytes_total=100, bytes_done=0, elapsed_seconds=9).remaining_seconds is None
