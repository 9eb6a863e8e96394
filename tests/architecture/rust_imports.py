"""Reads which modules of the engine use which others: `use` declarations, paths in code, `super` chains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

Module = tuple[str, ...]

COMMENT = re.compile(r"//[^\n]*")
USE = re.compile(r"\buse\s+((?:crate|self|super|pravah_\w+)\b[^;]*);")
PATH = re.compile(r"\b(?:crate|super|pravah_\w+)(?:::\w+)+")


def module_of(path: Path, root: Path, crate: Module = ()) -> Module:
    """The module that a file holds, below the place of its crate in the engine; a crate's root is that place itself."""
    parts = path.relative_to(root).with_suffix("").parts
    return crate if parts == ("lib",) else (*crate, *parts)


def expanded(tree: str) -> Iterator[str]:
    """The single paths of a use tree: `a::{b, c::d}` is `a::b` and `a::c::d`."""
    head, brace, rest = tree.partition("{")
    if not brace:
        yield tree.partition(" as ")[0].strip()
        return
    depth, start, inner = 0, 0, rest[: rest.rindex("}")]
    for place, letter in enumerate(inner + ","):
        if letter == "," and depth == 0:
            if inner[start:place].strip():
                yield from (head.strip() + path for path in expanded(inner[start:place].strip()))
            start = place + 1
        depth += (letter == "{") - (letter == "}")


def place_of(crate: str) -> Module:
    """Where the modules of a crate stand in the engine: those of `pravah_ops_files` are `ops::…`."""
    return ("ops",) if crate.startswith("pravah_ops_") else ()


def absolute(path: str, module: Module, crate: Module = ()) -> Module:
    first, *rest = path.split("::")
    if first == "crate":
        return (*crate, *rest)
    if first.startswith("pravah_"):
        return (*place_of(first), *rest)
    if first == "self":
        return (*module, *rest)
    ups = 1
    while rest and rest[0] == "super":
        ups, rest = ups + 1, rest[1:]
    return (*module[: max(len(module) - ups, 0)], *rest)


def used_by(text: str, module: Module, crate: Module = ()) -> set[Module]:
    """The modules and items that a file of `module` names by a path from the root of a crate."""
    code = COMMENT.sub("", text)
    paths = [path for tree in USE.findall(code) for path in expanded(" ".join(tree.split()))]
    return {absolute(path, module, crate) for path in [*paths, *PATH.findall(USE.sub("", code))]}


def imports(crates: dict[Path, Module]) -> dict[Module, set[Module]]:
    """Of each module below the source folders of crates, what it uses."""
    found: dict[Module, set[Module]] = {}
    for root, crate in crates.items():
        for path in root.rglob("*.rs"):
            module = module_of(path, root, crate)
            found.setdefault(module, set()).update(used_by(path.read_text(), module, crate))
    return found


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """One circle for each group of nodes that reach each other; none when the graph has an order."""
    found, done = [], set[str]()

    def visit(node: str, way: list[str]) -> None:
        if node in way:
            found.append([*way[way.index(node) :], node])
        elif node not in done:
            for following in sorted(edges.get(node, ())):
                visit(following, [*way, node])
            done.add(node)

    for node in sorted(edges):
        visit(node, [])
    return found
