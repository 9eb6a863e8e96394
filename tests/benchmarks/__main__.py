"""Run the benchmarks: ``python -m tests.benchmarks --corpora DIR [--only NAME …] [--runs N] [--write]``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import (
    again_cases,
    drop_cases,
    engine_cases,
    file_cases,
    page_cases,
    service_cases,
    sharing_cases,
    table_cases,
)
from tests.benchmarks.measure import Row

_REPORT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


def _cases(corpora: Path, scratch: Path, runs: int) -> dict[str, Callable[[], Iterator[Row]]]:
    return {
        "inventory": lambda: engine_cases.inventory(corpora, scratch, runs),
        "checksum": lambda: engine_cases.checksum(corpora, scratch, runs),
        "duplicates": lambda: file_cases.duplicates(corpora, scratch, runs),
        "search": lambda: file_cases.search(corpora, scratch, runs),
        "together": lambda: file_cases.together(corpora, scratch, runs),
        "compress": lambda: file_cases.compress(corpora, scratch, runs),
        "profile": lambda: table_cases.profile(corpora, scratch, runs),
        "validate": lambda: table_cases.validate(corpora, scratch, runs),
        "convert": lambda: table_cases.convert(corpora, scratch, runs),
        "drops": lambda: drop_cases.drops(scratch),
        "table-memory": lambda: table_cases.memory(corpora, scratch),
        "small-tables": lambda: table_cases.small_tables(corpora, scratch, runs),
        "rerun": lambda: again_cases.rerun(corpora, scratch, runs),
        "rerun-search": lambda: again_cases.rerun_search(corpora, scratch, runs),
        "durability": lambda: again_cases.durability(corpora, scratch, runs),
        "sharing": lambda: sharing_cases.sharing(scratch, runs),
        "resume": lambda: again_cases.resume(scratch),
        "overhead": lambda: service_cases.overhead(corpora, scratch, runs),
        "pages": lambda: service_cases.pages(scratch, runs),
        "dashboard": lambda: page_cases.usable(corpora, scratch, runs),
        "memory": lambda: engine_cases.memory(scratch),
        "memory-files": lambda: file_cases.memory(scratch),
    }


def main() -> int:
    """Print the table; `--write` puts it into docs/benchmarks.md."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--corpora", type=Path, default=service_cases.default_corpora())
    parser.add_argument("--scratch", type=Path, default=None, help="default: beside the corpora")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--write", action="store_true")
    wanted = parser.parse_args()
    if not (wanted.corpora / "linux").is_dir():
        parser.error(f"{wanted.corpora} holds no linux/; set CORPORA to a directory made by make-corpora")
    scratch = wanted.scratch or wanted.corpora / "bench-scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for name, case in _cases(wanted.corpora.resolve(), scratch.resolve(), wanted.runs).items():
        if wanted.only is None or name in wanted.only:
            for row in case():
                rows.append(row)
                _show(row)
    if wanted.write:
        _write(rows)
    return 0


def _show(row: Row) -> None:
    verdict = "met   " if row.met else "MISSED"
    print(f"{verdict} {row.work} / {row.against}: {row.ours} / {row.theirs} = {row.ratio} ({row.reach})", flush=True)


def _line(row: Row) -> str:
    met = "yes" if row.met else "**no**"
    cells = (row.work, row.against, row.ours, row.theirs, row.ratio, row.reach, met, row.note)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _write(rows: list[Row]) -> None:
    """Put the rows into the report; those of cases that were not run stay."""
    text = _REPORT.read_text() if _REPORT.exists() else f"{_BEGIN}\n{_END}\n"
    before, _, rest = text.partition(_BEGIN)
    old, _, after = rest.partition(_END)
    lines = {_key(line): line for line in old.splitlines() if line.startswith("| ") and not line.startswith("| work ")}
    lines |= {_key(line): line for line in map(_line, rows)}
    head = [
        _BEGIN,
        f"Last measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}; medians (lowest–highest) of runs in turn, caches warm. Cases that were not run "
        "then keep the figures of their last run.",
        "",
        "| work | against | ours | theirs | ratio | reach | met | answers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    _REPORT.write_text(before + "\n".join([*head, *lines.values(), _END]) + after)


def _key(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.split(" | ")[:2])


if __name__ == "__main__":
    sys.exit(main())
