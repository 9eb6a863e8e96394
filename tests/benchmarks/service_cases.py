"""A whole job through service and database, and questions to a large result."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from services import bootstrap
from services.base import settings
from services.models import results
from services.models.jobs import JobView, Source, Status
from tests.asking import one_job
from tests.benchmarks.engine_cases import Engine, synthetic_tree
from tests.benchmarks.measure import Row, alternate, limited, milliseconds, timed

_PAGE_REACH_SECONDS = 0.3


@contextlib.contextmanager
def _opened(scratch: Path, roots: tuple[Path, ...]) -> Iterator[bootstrap.Services]:
    config = settings.load_settings(data_dir=scratch / "data", database_url=None, allowed_roots=roots)
    with bootstrap.open_services(config) as services:
        services.start_worker()
        yield services


def _job(services: bootstrap.Services, operation: str, source: Path) -> JobView:
    view, _ = services.jobs.submit(one_job(operation=operation, source=Source.of_path(source)))
    while not (view := services.jobs.get(view.id)).is_final:
        time.sleep(0.005)
    if view.status != Status.COMPLETED:
        raise SystemExit(f"the job ended {view.status}: {view.error}")
    return view


def overhead(corpora: Path, scratch: Path, runs: int) -> Iterator[Row]:
    """Submit to completed, against the engine's own time for the same work."""
    linux, engine = corpora / "linux", Engine(scratch)
    with _opened(scratch, (corpora,)) as services:
        for operation in ("inventory", "checksum"):
            measured = alternate(
                lambda operation=operation: timed(lambda: _job(services, operation, linux)),
                engine.timed(operation, linux),
                runs,
            )
            ours, theirs = statistics.median(measured.ours), statistics.median(measured.theirs)
            extra = ours - theirs
            yield Row(
                f"{operation} of linux/ as a job, submit to completed",
                "the engine alone",
                milliseconds(measured.ours),
                milliseconds(measured.theirs),
                f"+{extra * 1000:.0f} ms",
                "≤ 3 % + 150 ms",
                extra <= 0.03 * theirs + 0.15,
                "embedded PostgreSQL, local results",
            )


def pages(scratch: Path, runs: int) -> Iterator[Row]:
    """Filter, sort and page over a result of 1,001,010 rows."""
    source = synthetic_tree(scratch / "files-1000000", 1_000_000)
    with _opened(scratch, (scratch,)) as services:
        view = _job(services, "inventory", source)
        filters = (results.parse_filter("kind:eq:file"), results.parse_filter("path:contains:folder-007"))
        newest = (results.parse_filter("modified:ge:2000-01-01"),)
        asked: dict[str, results.ResultQuery] = {
            "first page": results.ResultQuery(limit=100),
            "sort by path, page 5,000": results.ResultQuery(sort=("path",), offset=500_000, limit=100),
            "sort by time, descending": results.ResultQuery(sort=("-modified",), limit=100),
            "filter + sort + page": results.ResultQuery(filters=filters, sort=("-inode",), offset=200, limit=100),
            "filter on time + sort by name + page": results.ResultQuery(
                filters=newest, sort=("name",), offset=1000, limit=100
            ),
            "last page": results.ResultQuery(offset=1_000_900, limit=100),
            "search + sort": results.ResultQuery(search="file-0777", sort=("path",), limit=100),
            "search for nothing": results.ResultQuery(search="is nowhere", sort=("path",), limit=100),
        }

        def ask(query: results.ResultQuery) -> None:
            services.results._totals.clear()  # the count of the rows is part of each answer
            services.results.query(view.id, "inventory.result", query)

        for name, query in asked.items():
            yield _page_row(name, lambda query=query: ask(query), runs)
        yield _page_row("treemap of the source", lambda: services.results.treemap(view.id, ".", inner_limit=60), runs)


def _page_row(name: str, ask: Callable[[], object], runs: int) -> Row:
    ask()
    seconds = [timed(ask) for _ in range(runs)]
    return limited(f"result page of 1,001,010 rows: {name}", seconds, _PAGE_REACH_SECONDS, "≤ 300 ms warm")


def default_corpora() -> Path:
    """Return where `make bench` looks for the corpora."""
    return Path(os.environ.get("CORPORA", Path.home() / ".cache" / "pravah" / "corpora"))
