"""Statements on what a job makes: issues, shards, stored files. Takes a session; never commits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from services.db.database import Session
from services.models.jobs import Artifact, IssueView

ISSUES_WHILE_RUNNING = 1_000


def add_issues(session: Session, job_id: UUID, issues: Iterable[IssueView]) -> None:
    """Keep some of the first issues of a running job."""
    session.execute_many(
        """INSERT INTO job_issues (job_id, index, stage, path, kind, message)
        VALUES (%(job_id)s, %(index)s, %(stage)s, %(path)s, %(kind)s, %(message)s) ON CONFLICT DO NOTHING""",
        [{"job_id": job_id, **issue.model_dump()} for issue in issues if issue.index <= ISSUES_WHILE_RUNNING],
    )


def issues(session: Session, job_id: UUID, after: int, limit: int) -> list[IssueView]:
    """Return stored issues with index > `after`."""
    return session.all(
        IssueView,
        """SELECT index, stage, path, kind, message FROM job_issues WHERE job_id = %(id)s AND index > %(after)s
        ORDER BY index LIMIT %(limit)s""",
        id=job_id,
        after=after,
        limit=limit,
    )


def add_shards(session: Session, job_id: UUID, token: int, shards: Iterable[dict[str, Any]]) -> None:
    """Record shards that are final."""
    session.execute_many(
        """INSERT INTO shards (job_id, fencing_token, path, operation, table_name, rows, size_bytes)
        VALUES (%(job_id)s, %(token)s, %(path)s, %(operation)s, %(table_name)s, %(rows)s, %(size_bytes)s)
        ON CONFLICT DO NOTHING""",
        [{"job_id": job_id, "token": token, **shard} for shard in shards],
    )


def replace_artifacts(session: Session, job_id: UUID, artifacts: Iterable[Artifact]) -> None:
    """Set the list of a job's stored files."""
    session.execute("DELETE FROM artifacts WHERE job_id = %(id)s", id=job_id)
    session.execute_many(
        """INSERT INTO artifacts (job_id, name, media_type, size_bytes)
        VALUES (%(job_id)s, %(name)s, %(media_type)s, %(size_bytes)s)""",
        [{"job_id": job_id, **artifact.model_dump()} for artifact in artifacts],
    )


def artifacts(session: Session, job_id: UUID) -> list[Artifact]:
    """Return a job's stored files by name."""
    return session.all(
        Artifact, "SELECT name, media_type, size_bytes FROM artifacts WHERE job_id = %(id)s ORDER BY name", id=job_id
    )
