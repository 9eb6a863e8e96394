"""Compare the results of two builds of the engine: ``python -m tests.benchmarks.same_results BEFORE AFTER SOURCE …``.

BEFORE and AFTER are two builds of `examples/run_job`. Every operation runs on every source with both, once alone and
once together with all others, and each artifact is compared: tables by their rows, all other files byte by byte.
What names a moment is left out: times and durations in `outcome.json`, the identity of files that the job itself makes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Any

import duckdb

Spec = dict[str, Any]
# Tables by which a later attempt knows the files that this one has made: their inodes and times.
OF_A_MOMENT = {"compress/made", "convert/made"}
TIMES = {"started_at", "finished_at", "elapsed_seconds", "stages", "bytes_per_second", "seconds", "files_per_second"}


def requests(work: Path, source: Path) -> dict[str, Spec]:
    """Options of every operation with which it has something to do on any tree."""
    schema = {"fields": [{"name": "a", "type": "integer", "constraints": {"required": True, "unique": True}}]}
    return {
        "inventory": {"age_reference": "2026-01-01T00:00:00Z"},
        "checksum": {"algorithms": ["blake3", "md5", "sha256"]},
        "search": {"patterns": ["the", "[0-9]{4}"], "search_compressed": True},
        "text_statistics": {},
        "profile": {},
        "convert": {"destination": str(work / "converted"), "partition_by": []},
        "validate": {"schema_text": json.dumps(schema), "destination": str(work / "validated")},
        "verify": {"manifest": str(manifest(work, source))},
        "compress": {"destination": str(work / "compressed")},
        "decompress": {"destination": str(work / "decompressed")},
        "archive": {"form": "tar.gz"},
        "duplicates": {"confirm_bytes": True},
    }


def manifest(work: Path, source: Path) -> Path:
    """A manifest that some files match and others do not."""
    path = work / "manifest.sha256"
    names = sorted(str(file.relative_to(source)) for file in source.glob("*") if file.is_file())
    path.write_text("".join(f"{'0' * 64}  {name}\n" for name in names if "\n" not in name and name.isascii()))
    return path


def run(binary: Path, work: Path, source: Path, operations: dict[str, Spec]) -> dict[str, str]:
    """Run a job in an empty folder; the digest of every artifact, by name."""
    spec = {
        "version": 1,
        "operations": [{"operation": name, "options": options} for name, options in operations.items()],
        "source": {"path": str(source)},
        "output": {"directory": str(work / "job")},
        # The order in which threads end decides which of equally frequent values are listed.
        "threads": 1,
    }
    ended = subprocess.run([binary], input=json.dumps(spec).encode(), capture_output=True, check=False)
    if ended.returncode:
        return {"error": ended.stderr.decode(errors="replace")}
    files = [path for path in work.rglob("*") if path.is_file() and not path.is_symlink()]
    tables = {
        path.parent for path in files if path.match("work/job/*/*/part-*.parquet") or path.name == "issues.parquet"
    }
    others = [path for path in files if path.parent not in tables and path.name not in {"outcome.json", "shards.jsonl"}]
    found = {repr(path.relative_to(work)): digest(path) for path in others}
    found |= {str(table.relative_to(work)): rows(table) for table in tables if not of_a_moment(table)}
    found["outcome.json"] = json.dumps(without_times(json.loads((work / "job/outcome.json").read_text())))
    return found


def of_a_moment(table: Path) -> bool:
    return f"{table.parent.name}/{table.name}" in OF_A_MOMENT


def digest(path: Path) -> str:
    return blake2b(path.read_bytes()).hexdigest()


def rows(table: Path) -> str:
    """A digest of a table that does not depend on the order of rows, which no operation promises."""
    query = "SELECT count(*), bit_xor(hash(t)), sum(hash(t)::HUGEINT) FROM read_parquet(?, union_by_name = true) t"
    return str(duckdb.execute(query, [str(table / "*.parquet")]).fetchone())


def without_times(document: Any) -> Any:
    if isinstance(document, list):
        return [without_times(each) for each in document]
    if not isinstance(document, dict):
        return document
    kept = {key: without_times(value) for key, value in document.items() if key not in TIMES}
    # The order of rows decides the bytes of a shard; its rows are compared.
    return {key: value for key, value in kept.items() if key != "shards" and not ("shards" in kept and key == "bytes")}


def compare(before: Path, after: Path, source: Path) -> int:
    """How many artifacts differ."""
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        empty(work)
        names = list(requests(work, source))
        for chosen in [*([name] for name in names), names]:
            found = []
            for binary in (before, after):
                empty(work)
                every = requests(work, source)
                found.append(run(binary, work, source, {name: every[name] for name in chosen}))
            one, other = found
            unequal = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
            differing += len(unequal)
            title = chosen[0] if len(chosen) == 1 else "all together"
            print(f"{source.name}: {title}: {len(one)} artifacts, {len(unequal)} differ", *unequal, flush=True)
            if "error" in one:
                print("  both end with:" if one == other else "  ends with:", one["error"].strip())
    return differing


def empty(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("sources", type=Path, nargs="+")
    given = parser.parse_args()
    return 1 if sum(compare(given.before, given.after, source.resolve()) for source in given.sources) else 0


if __name__ == "__main__":
    sys.exit(main())
