"""The native module lives through what an interpreter does with threads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

JOBS = """
import json, sys, threading
from services import engine

def job(number, out):
    asked = {"operations": [{"operation": "checksum"}], "source": {"path": sys.argv[1]}}
    document = {"version": 1, **asked, "output": {"directory": out}}
    engine.start(json.dumps(document).encode()).result()

for round in range(20):
    threads = [threading.Thread(target=job, args=(n, f"{sys.argv[2]}/{round}-{n}")) for n in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print(json.dumps("done"))
"""


def test_jobs_on_threads_that_come_and_go_do_not_crash_the_process(tree, tmp_path: Path) -> None:
    # mimalloc 3 crashed here: glibc gives a new thread the thread-local storage of an ended one.
    root = tree({f"{n}.txt": b"x" * n for n in range(50)})
    done = subprocess.run([sys.executable, "-c", JOBS, root, tmp_path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == "done"
