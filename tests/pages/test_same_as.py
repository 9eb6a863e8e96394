"""The command and the call one copies do what the form says."""

from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.components import same_as
from services import operations
from services.models.jobs import JobRequest, Source
from tests.asking import one_job


def words_of(command: str) -> list[bytes]:
    """Return what the shell makes of a command, word by word."""
    script = f"pravah() {{ printf '%s\\0' \"$@\"; }}\n{command}"
    output = subprocess.run(["bash", "-c", script.encode("utf-8", "surrogateescape")], capture_output=True, check=True)
    return output.stdout.split(b"\0")[:-1]


NAMES = (
    "plain",
    "two words",
    "it's",
    'a "quote"',
    "$HOME `id` $(id)",
    "new\nline",
    "back\\slash",
    "!bang #x",
    "caf\udce9",
    "-dash",
)


@pytest.mark.parametrize("name", NAMES)
def test_path_reaches_the_command_byte_by_byte(name: str) -> None:
    path = f"/data/{name}"
    request = one_job(operation="inventory", source=Source.of_path(path))
    assert words_of(same_as.command_of(request)) == [b"run", b"inventory", path.encode("utf-8", "surrogateescape")]


@given(st.text(alphabet=st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=30))
def test_any_name_of_a_job_survives_the_shell(name: str) -> None:
    request = one_job(operation="inventory", source=Source(path="/data"), name=name)
    words = words_of(same_as.command_of(request))
    given_ = words[3].partition(b"=")[2] if words[3].startswith(b"--name=") else words[4]
    assert given_ == name.encode()


def test_only_what_differs_from_the_defaults_is_written() -> None:
    walk = operations.WalkOptions(include_hidden=False, ignore_globs=["*.tmp", "-x"], min_size_bytes=10)
    options = {"algorithms": ["sha256", "md5"], "write_manifests": True}
    request = one_job(operation="checksum", source=Source(path="/data"), walk=walk, options=options)
    assert same_as.command_of(request) == (
        "pravah run checksum /data --algorithms sha256 --algorithms md5 --no-include-hidden"
        " --ignore-globs '*.tmp' --ignore-globs=-x --min-size-bytes 10"
    )


@given(st.text(alphabet=st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30))
def test_body_of_the_call_is_the_request(name: str) -> None:
    source = Source.of_path(f"/data/{name}")
    request = one_job(operation="checksum", source=source, options={"algorithms": ["md5"]}, name=name or None)
    call = same_as.call_of(request, "http://127.0.0.1:8501").replace("curl", "pravah", 1)
    words = words_of(call)
    assert words[:3] == [b"-X", b"POST", b"http://127.0.0.1:8501/api/jobs"]
    assert JobRequest.model_validate(json.loads(words[-1])) == request
