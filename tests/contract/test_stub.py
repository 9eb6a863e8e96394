"""``_native.pyi`` is the native module: every name, every signature, frozen classes, the declared errors."""

from __future__ import annotations

import ast
import builtins
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import pravah_core
from pravah_core import _native
from tests.native import ROOT

STUB = ast.parse((ROOT / "pravah_core" / "_native.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
ERRORS = [name for name in CLASSES if name.endswith("Error")]
RECORDS = [name for name in CLASSES if name not in ERRORS]


def test_the_stub_has_what_the_module_has() -> None:
    # No allow-list: names, signatures, bases and finality agree in both directions.
    command = [sys.executable, "-m", "mypy.stubtest", "pravah_core._native"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_package_gives_out_every_public_name() -> None:
    public = {name for name in dir(_native) if not name.startswith("_")}
    assert set(pravah_core.__all__) == public
    assert {node.name for node in STUB.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))} == public
    assert all(getattr(pravah_core, name) is getattr(_native, name) for name in public)
    assert (Path(pravah_core.__file__).parent / "py.typed").exists()


def test_every_name_of_the_stub_is_documented() -> None:
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef) or (isinstance(node, ast.ClassDef) and node.name in RECORDS):
            assert ast.get_docstring(node), node.name
            for member in ast.iter_child_nodes(node):
                if isinstance(member, ast.FunctionDef):
                    assert ast.get_docstring(member), f"{node.name}.{member.name}"


@pytest.mark.parametrize("name", RECORDS)
def test_a_class_is_frozen_and_made_by_the_engine_only(name: str) -> None:
    cls = getattr(_native, name)
    with pytest.raises(TypeError):
        cls()
    with pytest.raises(TypeError):
        type("Sub", (cls,), {})
    for member in CLASSES[name].body:
        if isinstance(member, ast.AnnAssign):
            assert isinstance(member.target, ast.Name)
            assert inspect.isdatadescriptor(getattr(cls, member.target.id)), f"{name}.{member.target.id}"


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_its_bases_and_its_code(name: str) -> None:
    cls = getattr(_native, name)
    bases = [ast.unparse(base) for base in CLASSES[name].bases]
    assert cls.__bases__ == tuple(getattr(_native, base, None) or getattr(builtins, base) for base in bases)
    assert cls.__module__ == "pravah_core._native"
    assert isinstance(cls.code, str)
    assert str(cls("what happened")) == "what happened"


def test_codes_are_distinct() -> None:
    codes = [getattr(_native, name).code for name in ERRORS if name != "EngineError"]
    assert len(set(codes)) == len(codes)


def test_the_version_is_the_packages() -> None:
    manifest = (ROOT / "Cargo.toml").read_text()
    assert f'version = "{pravah_core.engine_version()}"' in manifest
