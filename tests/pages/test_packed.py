"""Scripts and styles of the dashboard go packed over the wire, once for ever."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import pyarrow as pa
import pytest
from streamlit import file_util
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

from pages.packed import Packed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

STATIC = Path(file_util.get_static_dir())
CHART = next((STATIC / "static" / "js").glob("PlotlyChart.*.js"))


@pytest.fixture(scope="module")
def client() -> TestClient:
    """Return a client of Streamlit's files."""
    return TestClient(Packed(create_streamlit_static_handler(str(STATIC), "")))


def raw(client: TestClient, path: str, **headers: str) -> tuple[dict[str, str], bytes]:
    """Return headers and bytes of an answer as they come."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with client.stream("GET", path, headers=sent) as answer:
        assert answer.status_code == 200
        return dict(answer.headers), b"".join(answer.iter_raw())


def address(path: Path) -> str:
    """Return the path of a file in an address."""
    return f"/{path.relative_to(STATIC)}"


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_a_script_is_packed_and_kept_for_ever(client: TestClient, coding: str) -> None:
    content = CHART.read_bytes()
    for _ in range(2):  # packed, and as it was kept
        headers, packed = raw(client, address(CHART), Accept_Encoding=f"{coding}, nonsense")
        assert headers["content-encoding"] == coding
        assert headers["cache-control"] == "public, immutable, max-age=31536000"
        assert "javascript" in headers["content-type"]
        assert "Accept-Encoding" in headers["vary"]
        assert int(headers["content-length"]) == len(packed) < len(content) / 3
        unpacked = (
            gzip.decompress(packed)
            if coding == "gzip"
            else pa.Codec("brotli").decompress(packed, len(content), asbytes=True)
        )
        assert unpacked == content


def test_brotli_comes_first_and_refused_codings_do_not_come(client: TestClient) -> None:
    assert raw(client, address(CHART), Accept_Encoding="gzip, deflate, br, zstd")[0]["content-encoding"] == "br"
    assert raw(client, address(CHART), Accept_Encoding="br;q=0, gzip;q=0.5")[0]["content-encoding"] == "gzip"
    for refused in ("identity", "br;q=0, gzip;q=0.000", ""):
        headers, content = raw(client, address(CHART), Accept_Encoding=refused)
        assert "content-encoding" not in headers
        assert content == CHART.read_bytes()


def test_what_is_no_script_stays_as_it_is(client: TestClient) -> None:
    font = next((STATIC / "static" / "media").glob("*.woff2"))
    assert "content-encoding" not in raw(client, address(font), Accept_Encoding="br")[0]
    # Streamlit answers with its page, which must not be kept under any name that somebody makes up.
    headers, _ = raw(client, "/static/js/nothing.0123.js", Accept_Encoding="br")
    assert headers["content-type"].startswith("text/html")
    assert "content-encoding" not in headers


def test_ranges_and_conditions_are_for_the_file_itself(client: TestClient) -> None:
    part = client.get(address(CHART), headers={"Range": "bytes=0-9", "Accept-Encoding": "br"})
    assert (part.status_code, part.content) == (206, CHART.read_bytes()[:10])
    tag = client.get(address(CHART), headers={"Accept-Encoding": "identity"}).headers["etag"]
    assert client.get(address(CHART), headers={"If-None-Match": tag, "Accept-Encoding": "br"}).status_code == 304
