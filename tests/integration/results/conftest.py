"""Results that a test makes up, stored as a worker stores them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services import bootstrap
from services.db import job_files, job_rows
from services.models import stored_files
from services.models.jobs import Artifact, Source, Status
from tests.asking import one_job
from tests.conftest import TreeBuilder
from tests.rows import change

ISSUES = pa.schema(
    [
        ("stage", pa.string()),
        ("path", pa.string()),
        ("path_raw", pa.binary()),
        ("kind", pa.string()),
        ("message", pa.string()),
    ]
)

Store = Callable[..., UUID]


def entries(count: int, names: Callable[[int], str] = lambda number: f"folder/{number:07d}.txt") -> pa.Table:
    """Return a made-up inventory of files; sizes repeat, so that a sort by size has many ties."""
    numbers = range(count)
    moments = [1_700_000_000_000_000_000 + number * 1_000_000_001 for number in numbers]
    return pa.table(
        {
            "path": pa.array([names(number) for number in numbers], pa.string()),
            "path_raw": pa.nulls(count, pa.binary()),
            "name": pa.array([names(number).rpartition("/")[2] for number in numbers], pa.string()),
            "extension": pa.array([("txt", "c", None)[number % 3] for number in numbers], pa.string()),
            "kind": pa.array(["file"] * count, pa.string()),
            "size_bytes": pa.array([number * 7919 % 1000 for number in numbers], pa.int64()),
            "allocated_bytes": pa.array([4096] * count, pa.int64()),
            "modified": pa.array(moments, pa.timestamp("ns", "UTC")),
            "inode": pa.array([2**64 - 1 - number for number in numbers], pa.uint64()),
        }
    )


@pytest.fixture
def store(services: bootstrap.Services, tree: TreeBuilder, tmp_path: Path) -> Store:
    """Return a function that stores tables as the result of a completed job, each table in shards."""
    source = tree({}, name="stored-source")

    def make(
        tables: dict[str, pa.Table],
        shard_rows: int = 1_000_000,
        operation: str = "inventory",
        issues: pa.Table | None = None,
    ) -> UUID:
        request = one_job(operation=operation, source=Source.of_path(source))
        view = services.jobs.submit(request)[0]
        with services.database.transaction() as session:
            row = job_rows.claim(session, 1_000, 60)
            assert row is not None
            assert row.id == view.id
            token = row.fencing_token or 0
        written = {}
        for name, table in tables.items():
            shards = [table.slice(first, shard_rows) for first in range(0, table.num_rows, shard_rows)] or [table]
            folder = name.replace(".", "/")
            written[name] = [(f"{folder}/part-{place:05d}.parquet", shard) for place, shard in enumerate(shards)]
        files = [shard for shards in written.values() for shard in shards]
        stored = []
        for name, table in [*files, ("issues.parquet", ISSUES.empty_table() if issues is None else issues)]:
            path = tmp_path / "shard.parquet"
            # As the engine writes: sink.rs.
            texts = [name for name in ("extension", "kind", "owner", "group", "mode") if name in table.column_names]
            pq.write_table(table, path, compression="zstd", row_group_size=128 << 10, use_dictionary=texts)
            stored.append(Artifact(name=name, media_type="x", size_bytes=path.stat().st_size))
            services.storage.put(stored_files.storage_prefix(view.id, token) + name, path)
        listed = [
            {"name": name.partition(".")[2], "rows": table.num_rows, "bytes": 1, "shards": []}
            for name, table in tables.items()
        ]
        outcome = {"results": [{"operation": operation, "options": {}, "tables": listed, "files": [], "summary": {}}]}
        with services.database.transaction() as session:
            job_files.replace_artifacts(session, view.id, stored)
            change(session, "jobs", view.id, status=Status.COMPLETED, outcome=outcome, finished_at=datetime.now(UTC))
        return view.id

    return make
