"""The operations: an explicit, ordered tuple. Adding one is one import and one line here."""

from services.operations import checksum, inventory, search, verify
from services.operations._spec import Column, Example, Figure, Operation, Options, Table, Text
from services.operations.walk import WalkOptions

OPERATIONS: tuple[Operation, ...] = (
    inventory.OPERATION,
    checksum.OPERATION,
    search.OPERATION,
    verify.OPERATION,
)

_BY_NAME = {operation.name: operation for operation in OPERATIONS}


def get(name: str) -> Operation:
    """Return an operation.

    Raises:
        KeyError: there is none of this name.
    """
    return _BY_NAME[name]


__all__ = ["OPERATIONS", "Column", "Example", "Figure", "Operation", "Options", "Table", "Text", "WalkOptions", "get"]
