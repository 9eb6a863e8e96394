"""``pravah schedules``."""

from __future__ import annotations

from pathlib import Path

import pytest

from services import bootstrap
from services.models.jobs import Source
from tests.asking import one_job
from tests.integration.cli.conftest import Cli


def test_a_job_becomes_a_schedule_that_is_paused_resumed_run_and_removed(cli: Cli, small: Path) -> None:
    assert "schedules add" in cli("schedules", "list").err
    cli("run", "inventory", small, "--quiet")
    added = cli("schedules", "add", "nightly", "30 2 * * MON", "--job", "latest", "--zone", "Europe/Berlin")
    assert added.out.startswith("nightly: At 02:30 on Monday (Europe/Berlin); next run 20")
    listed = cli("schedules", "list").out
    assert "nightly" in listed
    assert "never" in listed
    assert str(small) in listed
    assert "paused" in cli("schedules", "pause", "nightly").out
    (view,) = cli("schedules", "list", "--json").document
    assert (view["enabled"], view["job"]["operations"][0]["operation"]) == (False, "inventory")
    assert cli("schedules", "resume", view["id"][:8], "--json").document["next_run_at"] is not None
    job_id = cli("schedules", "run", "nightly").out.strip()
    shown = cli("jobs", "show", job_id)
    assert "nightly" in shown.out
    assert "started by schedule nightly" in shown.out
    assert cli("schedules", "run", "nightly", "--json", status=3).problem["code"] == "job_conflict"
    assert "pending" in cli("schedules", "list").out
    assert cli("schedules", "remove", "nightly", "--json").document == {"deleted": view["id"]}
    assert cli("schedules", "remove", "nightly", "--json", status=3).problem["code"] == "schedule_not_found"


def test_a_preset_becomes_a_schedule(cli: Cli, services: bootstrap.Services, small: Path) -> None:
    services.presets.save("mine", one_job(operation="checksum", source=Source.of_path(small)))
    view = cli(
        "schedules", "add", "sums", "every 6h", "--preset", "mine", "--on", "finding", "--paused", "--json"
    ).document
    assert (view["words"], view["enabled"], view["notify_on"]) == ("Every 6 hours", False, ["finding"])
    assert view["job"]["operations"][0]["operation"] == "checksum"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ((), "job"),
        (("--job", "latest", "--preset", "mine"), "job"),
        (("--preset", "gone"), "preset"),
        (("--preset", "mine", "--on", "weather"), "on"),
        (("--preset", "mine", "--zone", "Mars/Base"), "zone"),
        (("--preset", "mine", "--webhook", "https://hooks.example"), "webhook_url"),
        (("--preset", "mine", "--email", "me@host.example"), "email"),
    ],
)
def test_what_is_not_acceptable_is_said(
    cli: Cli, services: bootstrap.Services, small: Path, more: tuple[str, ...], field: str
) -> None:
    services.presets.save("mine", one_job(operation="inventory", source=Source.of_path(small)))
    found = cli("schedules", "add", "n", "every 6h", *more, "--json", status=2).problem
    assert found["details"]["field"] == field
    assert (
        cli("schedules", "add", "n", "* *", "--preset", "mine", "--json", status=2).problem["details"]["field"]
        == "when"
    )
    assert (
        cli("schedules", "add", "", "* *", "--preset", "mine", "--json", status=2).problem["details"]["field"] == "name"
    )
    assert cli("schedules", "list", "--json").document == []
