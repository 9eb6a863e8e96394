"""An attribute that is made at its first use, once for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class made_once(Generic[T]):  # noqa: N801 - used as a decorator, as `functools.cached_property` is
    """Like `functools.cached_property`; two threads that ask at once get the same object."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        """Keep what makes it."""
        self._make = make
        self._name = make.__name__
        self._making = threading.RLock()
        self.__doc__ = make.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> T:
        """Return it, made by the first call."""
        with self._making:
            if self._name not in owner.__dict__:
                owner.__dict__[self._name] = self._make(owner)
            found: T = owner.__dict__[self._name]
        return found
