"""Signs of life of a worker that is a child, for the parent that watches it."""

from __future__ import annotations

import contextlib
import os
import threading


def give_signs(seconds: float) -> None:
    """Write a byte to the socket that is our stdin, so often, in the background. No file or server can delay that."""

    def give() -> None:
        # Without a parent, or with a stdin that is not a socket, nobody listens.
        with contextlib.suppress(OSError):
            while os.write(0, b"."):
                pause.wait(seconds)

    pause = threading.Event()
    threading.Thread(target=give, name="pravah-life", daemon=True).start()
