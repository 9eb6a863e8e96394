"""What a submit refuses, and what it takes although the world has changed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from services import bootstrap
from services.base import errors, settings
from services.models.jobs import Source, Status
from tests.asking import one_job, other


@pytest.mark.parametrize("field", ["ignore_globs", "include_globs"])
def test_a_pattern_that_the_engine_refuses_is_refused_at_once(
    services: bootstrap.Services, tree: Any, field: str
) -> None:
    request = one_job(operation="inventory", source=Source.of_path(tree({"a": b""})), walk={field: ["[z"]})
    with pytest.raises(errors.InvalidOptionsError, match=field):
        services.jobs.submit(request)
    assert services.jobs.list().items == []


def test_an_empty_path_in_an_option_is_named(services: bootstrap.Services, tree: Any) -> None:
    root: Path = tree({"a": b""})
    asked = {"references": [str(root), ""]}
    request = one_job(operation="duplicates", source=Source.of_path(root), options=asked)
    with pytest.raises(errors.InvalidOptionsError, match="a path must not be empty") as caught:
        services.jobs.submit(request)
    assert caught.value.details["field"] == "operations.0.options.references.1"


def test_a_repeated_submit_gives_its_job_though_the_source_is_gone(services: bootstrap.Services, tree: Any) -> None:
    root: Path = tree({"a": b""})
    request = one_job(operation="inventory", source=Source.of_path(root), idempotency_key="once")
    first, new = services.jobs.submit(request)
    assert new
    shutil.rmtree(root)
    again, new = services.jobs.submit(request)
    assert (again.id, new) == (first.id, False)
    with pytest.raises(errors.JobConflictError):
        services.jobs.submit(other(request, operation="checksum"))


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("s3://mine/data", True),
        ("s3://mine/data/2025/", True),
        ("s3://mine/database", False),
        ("s3://mine", False),
        ("s3://other/data", False),
    ],
)
def test_only_allowed_s3_prefixes_are_read(
    services: bootstrap.Services, settings: settings.Settings, uri: str, allowed: bool
) -> None:
    config = settings.model_copy(update={"allowed_s3_prefixes": ("s3://mine/data/",)})
    with bootstrap.open_services(config) as limited:
        request = one_job(operation="inventory", source=Source(s3_uri=uri))
        if allowed:
            assert limited.jobs.submit(request)[0].status == Status.PENDING
            return
        with pytest.raises(errors.SourceForbiddenError, match="allowed S3 prefixes"):
            limited.jobs.submit(request)
        with pytest.raises(errors.SourceForbiddenError):
            limited.jobs.preview(request)
