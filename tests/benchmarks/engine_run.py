"""One engine job in a fresh interpreter: a job specification on standard input, seconds and peak on standard output.

The clock runs from `start` to the outcome; the interpreter's own start is not the engine's work.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from services import engine


def main() -> None:
    """Run the job and print ``{"seconds", "peak_kib"}``."""
    document = sys.stdin.buffer.read()
    engine.version()
    started = time.perf_counter()
    engine.start(document).result()
    seconds = time.perf_counter() - started
    json.dump({"seconds": seconds, "peak_kib": _peak_kib()}, sys.stdout)


def _peak_kib() -> int:
    # Not getrusage: its figure begins with that of the process this one was forked from.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
