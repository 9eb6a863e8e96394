"""The engine's modules are layers: a module uses its own layer and those below it, and no two use each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.architecture.rust_imports import Module, circles, imports, place_of, used_by

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "pravah_core" / "engine"
# From the bottom to the top. Those of the foundation are one crate; a job and the registry of operations are another.
FOUNDATION = ("base", "source", "io", "tabular", "store", "run")
LAYERS = (*FOUNDATION, "ops", "job")
MANIFESTS = {
    package["package"]["name"]: (path, package)
    for path in ENGINE.rglob("Cargo.toml")
    for package in [tomllib.loads(path.read_text())]
}
IMPORTS = imports({path.parent / "src": place_of(name.replace("-", "_")) for name, (path, _) in MANIFESTS.items()})


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
    foundation = (ENGINE / "foundation" / "src" / "lib.rs").read_text()
    assert tuple(re.findall(r"^//! \| \[`(\w+)`\]", foundation, re.MULTILINE)) == FOUNDATION
    section = (
        (ROOT / "docs" / "architecture.md").read_text().partition("## The engine's layers")[2].partition("\n## ")[0]
    )
    assert tuple(reversed(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))) == LAYERS


def test_a_crate_depends_on_lower_ones_only() -> None:
    """So the compiler, too, refuses an operation that uses the registry or an operation of another crate."""
    uses = {
        name: {dependency for dependency in package["dependencies"] if dependency.startswith("pravah")}
        for name, (_, package) in MANIFESTS.items()
    }
    operations = {name for name in uses if name.startswith("pravah-ops-")}
    assert {path.parent.name for name, (path, _) in MANIFESTS.items() if name in operations} == {
        path.name for path in (ENGINE / "ops").iterdir()
    }
    assert uses == {
        "pravah-foundation": set(),
        **{name: {"pravah-foundation"} for name in operations},
        "pravah-engine": {"pravah-foundation", *operations},
    }


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
    text = "use crate::search; fn f() { pravah_foundation::io::pack(pravah_ops_records::convert::near()); }"
    assert used_by(text, ("ops", "verify"), ("ops",)) == {
        ("ops", "search"),
        ("io", "pack"),
        ("ops", "convert", "near"),
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


def test_no_two_public_types_have_the_same_name() -> None:
    """A reader who meets a name knows what it stands for, in whichever module."""
    places: dict[str, list[str]] = {}
    for path in sorted(ENGINE.rglob("src/**/*.rs")):
        for name in re.findall(r"^pub (?:struct|enum|trait|type) (\w+)", path.read_text(), re.MULTILINE):
            places.setdefault(name, []).append(str(path.relative_to(ENGINE)))
    assert len(places) > 200
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
