"""The operations: an explicit, ordered tuple. Adding one is one import and one line here."""

from collections import Counter
from collections.abc import Iterable, Sequence

from services.operations import (
    archive,
    checksum,
    compress,
    convert,
    decompress,
    duplicates,
    inventory,
    profile,
    search,
    text_statistics,
    validate,
    verify,
)
from services.operations._spec import NUMERIC, Column, Example, Figure, Operation, Options, Table, Text
from services.operations.walk import WalkOptions

OPERATIONS: tuple[Operation, ...] = (
    inventory.OPERATION,
    checksum.OPERATION,
    duplicates.OPERATION,
    search.OPERATION,
    text_statistics.OPERATION,
    profile.OPERATION,
    validate.OPERATION,
    convert.OPERATION,
    compress.OPERATION,
    archive.OPERATION,
    decompress.OPERATION,
    verify.OPERATION,
)

MAIN_TABLE = "result"
"""The name of each operation's first table."""

_BY_NAME = {operation.name: operation for operation in OPERATIONS}


def get(name: str) -> Operation:
    """Return an operation.

    Raises:
        KeyError: there is none of this name.
    """
    return _BY_NAME[name]


def option_names(chosen: Sequence[Operation]) -> dict[tuple[str, str], str]:
    """Return a name for each (operation, option) that is unique among these operations and the same in every face."""
    counted = Counter(option for operation in chosen for option in operation.options.model_fields)
    return {
        (operation.name, option): option if counted[option] == 1 else f"{operation.name}_{option}"
        for operation in chosen
        for option in operation.options.model_fields
    }


def titles(names: Iterable[str]) -> str:
    """Return the titles of operations in one line; one that this version does not know is shown by its name."""
    return " + ".join(_BY_NAME[name].title if name in _BY_NAME else name for name in names)


__all__ = [
    "MAIN_TABLE",
    "NUMERIC",
    "OPERATIONS",
    "Column",
    "Example",
    "Figure",
    "Operation",
    "Options",
    "Table",
    "Text",
    "WalkOptions",
    "get",
    "option_names",
    "titles",
]
