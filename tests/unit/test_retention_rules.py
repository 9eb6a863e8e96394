"""Which jobs go: by age, number and bytes, the oldest first."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.models import request_paths
from services.models.retention import Reason
from services.models.retention_rules import Finished, Limits, choose

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def jobs(*days_and_bytes: tuple[float, int]) -> list[Finished]:
    """Return jobs of these ages in days and sizes; the first is number 1."""
    return [
        Finished(UUID(int=number), NOW - timedelta(days=days), size)
        for number, (days, size) in enumerate(days_and_bytes, start=1)
    ]


def chosen(finished: list[Finished], limits: Limits, *spared: int) -> dict[int, Reason]:
    found = choose(finished, limits, NOW, {UUID(int=number) for number in spared})
    assert [job.id for job, _ in found] == sorted(job.id for job, _ in found), "the oldest first"
    return {job.id.int: reason for job, reason in found}


def test_without_a_limit_everything_stays() -> None:
    assert chosen(jobs((9_999, 10), (1, 10)), Limits()) == {}
    assert Limits().are_none
    assert not Limits(jobs=1).are_none


@pytest.mark.parametrize("limits", [Limits(days=1), Limits(jobs=1), Limits(size_bytes=1), Limits(1, 1, 1)])
def test_of_no_jobs_nothing_goes(limits: Limits) -> None:
    assert chosen([], limits) == {}


def test_age_is_counted_from_the_end_of_a_job() -> None:
    assert chosen(jobs((3, 1), (2, 1), (1.999, 1), (0, 1)), Limits(days=2)) == {1: Reason.AGE}
    assert chosen(jobs((0.6, 1), (0.4, 1)), Limits(days=0.5)) == {1: Reason.AGE}


def test_a_job_that_ended_in_the_future_is_not_old() -> None:
    assert chosen(jobs((-5, 1)), Limits(days=1)) == {}


def test_number_leaves_the_newest() -> None:
    assert chosen(jobs((3, 1), (2, 1), (1, 1)), Limits(jobs=2)) == {1: Reason.NUMBER}
    assert chosen(jobs((3, 1), (2, 1)), Limits(jobs=2)) == {}


def test_spared_jobs_do_not_count_as_jobs_but_their_bytes_do() -> None:
    three = jobs((3, 10), (2, 10), (1, 10))
    assert chosen(three, Limits(jobs=2), 1) == {}
    assert chosen(three, Limits(size_bytes=20), 1) == {2: Reason.BYTES}


def test_when_all_are_spared_nothing_goes() -> None:
    assert chosen(jobs((3, 10), (2, 10)), Limits(1, 1, 1), 1, 2) == {}


def test_bytes_take_the_oldest_that_hold_any_until_the_rest_fits() -> None:
    assert chosen(jobs((4, 10), (3, 0), (2, 10), (1, 10)), Limits(size_bytes=20)) == {1: Reason.BYTES}
    assert chosen(jobs((4, 10), (3, 0), (2, 10), (1, 10)), Limits(size_bytes=19)) == {1: Reason.BYTES, 3: Reason.BYTES}


def test_the_newest_result_stays_also_when_it_alone_is_too_large() -> None:
    assert chosen(jobs((2, 5), (1, 100), (0, 0)), Limits(size_bytes=10)) == {1: Reason.BYTES}


def test_what_goes_for_its_age_is_not_counted_again_for_its_bytes() -> None:
    assert chosen(jobs((9, 10), (1, 10)), Limits(days=2, size_bytes=10)) == {1: Reason.AGE}


SIZES = st.lists(st.tuples(st.floats(0, 20), st.integers(0, 50)), max_size=12)
LIMITS = st.builds(
    Limits,
    st.none() | st.floats(0.1, 20),
    st.none() | st.integers(1, 12),
    st.none() | st.integers(1, 300),
)


@given(SIZES, LIMITS, st.sets(st.integers(1, 12)))
def test_what_stays_is_within_the_limits_as_far_as_it_may_go(
    sizes: list[tuple[float, int]], limits: Limits, spared: set[int]
) -> None:
    finished = jobs(*sorted(sizes, reverse=True))
    gone = chosen(finished, limits, *spared)
    assert not gone.keys() & spared
    left = [job for job in finished if job.id.int not in gone]
    free = [job for job in left if job.id.int not in spared]
    if limits.days is not None:
        assert all(job.ended_at >= NOW - timedelta(days=limits.days) for job in free)
    if limits.jobs is not None:
        assert len(free) <= limits.jobs
    if limits.size_bytes is not None and sum(job.size_bytes for job in left) > limits.size_bytes:
        newest = next(job for job in reversed(finished) if job.size_bytes)
        assert all(job.size_bytes == 0 or job == newest for job in free)
    # The oldest first: nothing with files stays that is older than one that went for bytes.
    for job, other in itertools.product(free, finished):
        if gone.get(other.id.int) is Reason.BYTES and job.size_bytes:
            assert job.ended_at >= other.ended_at


@pytest.mark.parametrize(
    "document",
    [
        {"operations": [{"options": {"manifest": "job:00000000-0000-0000-0000-000000000007"}}]},
        {"operations": [{"options": {"references": ["/a", "job:00000000000000000000000000000007"]}}]},
        ["job:00000000-0000-0000-0000-000000000007", "job:nonsense", "job:", 3, None],
    ],
)
def test_references_are_found_wherever_they_stand(document: object) -> None:
    assert request_paths.job_references(document) == {UUID(int=7)}


@pytest.mark.parametrize("document", [None, {}, [], "00000000-0000-0000-0000-000000000007", {"name": "a job: later"}])
def test_what_is_no_reference_names_no_job(document: object) -> None:
    assert request_paths.job_references(document) == set()
