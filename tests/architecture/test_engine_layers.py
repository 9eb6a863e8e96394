"""The engine's modules are layers: a module uses its own layer and those below it, and no two use each other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.rust_imports import Module, circles, imports, used_by

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "pravah_core" / "engine" / "src"
# From the bottom to the top.
LAYERS = ("base", "source", "io", "tabular", "store", "run", "ops", "job")
IMPORTS = imports(SOURCES)


def layer(module: Module) -> str | None:
    return module[0] if module and module[0] in LAYERS else None


def upward(used: dict[Module, set[Module]]) -> list[str]:
    """Uses of a higher layer, as `from -> to`; `lib.rs` stands above all of them."""
    names = {name: height for height, name in enumerate(LAYERS)}
    return sorted(
        f"{'::'.join(module)} -> {'::'.join(target)}"
        for module, targets in used.items()
        if (own := layer(module)) is not None
        for target in targets
        if names.get(layer(target) or "", len(LAYERS)) > names[own]
    )


def modules_of(name: str) -> dict[str, set[str]]:
    """Which modules of a layer use which others of it; files below a module belong to it."""
    edges: dict[str, set[str]] = {}
    for module, targets in IMPORTS.items():
        if layer(module) == name:
            own = module[1] if len(module) > 1 else ""
            inside = {target[1] for target in targets if len(target) > 1 and target[0] == name}
            edges.setdefault(own, set()).update(inside - {own})
    # What a layer's own file holds itself, such as the registry of operations, is a module, too.
    items = {target for targets in edges.values() for target in targets} - set(edges)
    return {own: {"" if target in items else target for target in targets} - {own} for own, targets in edges.items()}


def test_every_module_is_in_a_layer_and_the_documentation_lists_them_in_order() -> None:
    assert {module[0] for module in IMPORTS if module} == set(LAYERS)
    documented = re.findall(r"^//! \| \[`(?:mod@)?(\w+)`\]", (SOURCES / "lib.rs").read_text(), re.MULTILINE)
    assert tuple(documented) == LAYERS
    section = (
        (ROOT / "docs" / "architecture.md").read_text().partition("## The engine's layers")[2].partition("\n## ")[0]
    )
    assert tuple(reversed(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))) == LAYERS


def test_no_layer_uses_a_higher_one() -> None:
    assert upward(IMPORTS) == []


def test_no_two_modules_of_a_layer_use_each_other() -> None:
    assert {name: found for name in LAYERS if (found := circles(modules_of(name)))} == {}


def test_no_operation_uses_another() -> None:
    assert {own: used for own, used in modules_of("ops").items() if own and used} == {}


def test_the_check_sees_every_way_to_name_a_module() -> None:
    """The tests above are worth nothing when the reader of imports misses some."""
    text = """
    use crate::{base::{error::Result, sync as locks}, ops};
    use super::super::job::Job; // use crate::comment::Only;
    fn f() { crate::store::sink::open(super::near()); }
    """
    assert used_by(text, ("run", "pass", "front")) == {
        ("base", "error", "Result"),
        ("base", "sync"),
        ("ops",),
        ("run", "job", "Job"),
        ("store", "sink", "open"),
        ("run", "pass", "near"),
    }
    assert upward({("base", "pool"): {("base", "error")}, ("io", "pack"): {("ops",), ("Job",)}}) == [
        "io::pack -> Job",
        "io::pack -> ops",
    ]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c", "a"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    # And there is something to read.
    assert len(IMPORTS) > 150
    assert sum(map(len, IMPORTS.values())) > 1000
