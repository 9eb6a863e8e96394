"""Idempotency keys: one job, however often and from wherever a request is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import JobRequest, OperationRequest
from tests.asking import other
from tests.conftest import TreeBuilder


def test_the_same_request_gives_the_same_job(services: bootstrap.Services, small_job: JobRequest) -> None:
    keyed = small_job.model_copy(update={"idempotency_key": "nightly-2026-11-24"})
    first, is_new = services.jobs.submit(keyed)
    second, is_second_new = services.jobs.submit(keyed)
    assert (is_new, is_second_new) == (True, False)
    assert second.id == first.id
    assert len(services.jobs.list().items) == 1


def test_defaults_and_spelled_out_defaults_are_the_same_request(
    services: bootstrap.Services, small_job: JobRequest
) -> None:
    keyed = small_job.model_copy(update={"idempotency_key": "k"})
    first, _ = services.jobs.submit(keyed)
    again, _ = services.jobs.submit(other(keyed, options={"largest_count": 100}))
    assert again.id == first.id


def test_the_key_with_another_request_is_a_conflict(
    services: bootstrap.Services, small_job: JobRequest, tree: TreeBuilder
) -> None:
    keyed = small_job.model_copy(update={"idempotency_key": "k"})
    first, _ = services.jobs.submit(keyed)
    both = keyed.model_copy(update={"operations": (*keyed.operations, OperationRequest(operation="checksum"))})
    named = keyed.model_copy(update={"name": "other"})
    for changed in (other(keyed, options={"largest_count": 5}), other(keyed, operation="checksum"), both, named):
        with pytest.raises(errors.JobConflictError) as caught:
            services.jobs.submit(changed)
        assert caught.value.details["job_id"] == str(first.id)
    assert len(services.jobs.list().items) == 1


def test_a_deleted_job_frees_its_key(services: bootstrap.Services, small_job: JobRequest) -> None:
    keyed = small_job.model_copy(update={"idempotency_key": "k"})
    first, _ = services.jobs.submit(keyed)
    services.jobs.delete(first.id)
    second, is_new = services.jobs.submit(keyed)
    assert is_new
    assert second.id != first.id


def test_many_submits_at_once_with_one_key_make_one_job(services: bootstrap.Services, small_job: JobRequest) -> None:
    keyed = small_job.model_copy(update={"idempotency_key": "race"})
    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(lambda _: services.jobs.submit(keyed), range(24)))
    assert len({view.id for view, _ in results}) == 1
    assert sum(is_new for _, is_new in results) == 1
    assert len(services.jobs.list().items) == 1
