"""The available operations."""

from __future__ import annotations

from fastapi import APIRouter

from services import operations
from services.api.http import bodies, problems

router = APIRouter(tags=["operations"])


@router.get("/operations", responses=problems.responses())
def list_operations() -> bodies.OperationList:
    """List every operation with its options, tables and cost, and the walk rules."""
    return bodies.OperationList(
        operations=[bodies.OperationView.of(operation) for operation in operations.OPERATIONS],
        walk=operations.WalkOptions.model_json_schema(),
    )
