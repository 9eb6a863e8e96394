"""One engine job in a fresh interpreter: a job specification on standard input, seconds and peak on standard output.

The clock runs from `start` to the outcome; the interpreter's own start is not the engine's work.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from services import engine


def main() -> None:
    """Run the job and print ``{"seconds", "peak_kib"}``."""
    document = sys.stdin.buffer.read()
    engine.version()
    started = time.perf_counter()
    engine.start(document).result()
    seconds = time.perf_counter() - started
    json.dump({"seconds": seconds, "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}, sys.stdout)


if __name__ == "__main__":
    main()
