"""Presets: requests kept under a name."""

from __future__ import annotations

import pytest

from services import bootstrap
from services.base import errors
from services.models.jobs import JobRequest, Source
from tests.asking import one_job, other
from tests.conftest import TreeBuilder
from tests.rows import change


@pytest.fixture
def request_of(tree: TreeBuilder) -> JobRequest:
    """Return a request with options of its own."""
    source = Source.of_path(tree({"a": b"1"}))
    return one_job(operation="checksum", source=source, options={"algorithms": ["md5"]}, idempotency_key="k")


def test_a_preset_is_saved_replaced_and_forgotten(services: bootstrap.Services, request_of: JobRequest) -> None:
    services.presets.save(" nightly ", request_of)
    services.presets.save("Ünïcode 'quoted\" %_", other(request_of, operation="inventory"))
    services.presets.save("nightly", other(request_of, options={"algorithms": ["sha1"]}))
    kept = services.presets.list()
    assert list(kept) == ["nightly", "Ünïcode 'quoted\" %_"]
    assert kept["nightly"].operations[0].options == {"algorithms": ["sha1"], "write_manifests": True}
    assert kept["nightly"].idempotency_key is None
    assert services.jobs.submit(kept["nightly"])[1]
    services.presets.delete("nightly")
    for unknown in ("nightly", "nothing", "a\0b", "\ud800"):
        services.presets.delete(unknown)
    assert list(services.presets.list()) == ["Ünïcode 'quoted\" %_"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\0b", "\ud800"])
def test_a_bad_name_is_refused(services: bootstrap.Services, request_of: JobRequest, name: str) -> None:
    with pytest.raises(errors.InvalidOptionsError, match="name"):
        services.presets.save(name, request_of)


def test_a_bad_request_is_not_kept(services: bootstrap.Services, request_of: JobRequest) -> None:
    with pytest.raises(errors.InvalidOptionsError):
        services.presets.save("bad", other(request_of, options={"unknown": 1}))
    assert services.presets.list() == {}


def test_a_preset_of_another_version_hides_no_other(services: bootstrap.Services, request_of: JobRequest) -> None:
    services.presets.save("good", request_of)
    services.presets.save("old", request_of)
    with services.database.transaction() as session:
        change(session, "presets", "old", request={"operation": "gone", "made_up": True})
    assert list(services.presets.list()) == ["good"]
