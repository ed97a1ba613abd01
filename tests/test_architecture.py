"""The house rules, enforced: imports run one way, files and functions stay small, every module says what it is."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "local_swarm"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

# Boot order is import order: a module imports from its own unit and from units to its left.
ORDER = (
    "paths",
    "intake",
    "terminal",
    "units",
    "types",
    "events",
    "errors",
    "settings",
    "limits",
    "confined",
    "config",
    "roster",
    "hardware",
    "models",
    "chat",
    "backends",
    "environment",
    "sandbox",
    "voting",
    "swarm",
    "fallback",
    "survey",
    "memory_watch",
    "engines",
    "network",
    "api",
    "daemon",
    "mcp_server",
    "launch",
    "status",
    "node",
    "privacy",
    "conversation",
    "integrations",
    "testing",
    "cli",
    "interactive",
    "__main__",
)
SETTING_UP = "local_swarm.environment.install"  # runs before anything is installed
ENGINE = "local_swarm.backends.llamacpp.child"

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
USUAL_FUNCTION = 30  # nine in ten are no longer
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base_utils", "tools_utils"}


def unit(module: str) -> str:
    """`local_swarm.backends.llamacpp.engine` belongs to `backends`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Every module of ours that a file imports, at its top or within a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            deeper = {f"{node.module}.{alias.name}" for alias in node.names} & {name_of(one) for one in MODULES}
            names |= deeper or {node.module}
    return {name for name in names if name.split(".")[0] == "local_swarm"}


def outside(path: Path) -> set[str]:
    """Top-level names of modules that are not ours and are imported at the top of a file."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names - {"local_swarm"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_come_from_the_left(path: Path) -> None:
    mine = unit(name_of(path))
    if not mine:
        return
    assert mine in ORDER, f"{mine} has no place in the order"
    for name in imported(path):
        theirs = unit(name)
        assert not theirs or ORDER.index(theirs) <= ORDER.index(mine), f"{name_of(path)} imports {name}"


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {name_of(path): imported(path) for path in MODULES}

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        for following in graph.get(start, ()):
            if following == goal or (following not in seen and reaches(following, goal, seen | {following})):
                return True
            seen.add(following)
        return False

    assert [name for name in graph if reaches(name, name, set())] == []


def needed_by(module: str) -> set[str]:
    """What must be installed for a module to be imported, the standard library aside."""
    paths = {name_of(path): path for path in MODULES}
    done, new = set[str](), {module}
    while new:
        done |= new
        packages = {name.rpartition(".")[0] for name in new} & set(paths)
        new = (packages | {name for one in new for name in imported(paths[one])}) - done
    return {name for one in done for name in outside(paths[one])} - sys.stdlib_module_names


def test_setting_up_needs_the_standard_library_alone() -> None:
    assert needed_by(SETTING_UP) == set()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring and len(docstring.split("\n")[0]) > 15
    assert path.stem not in VAGUE


def functions() -> list[tuple[str, int]]:
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno
                found.append((f"{name_of(path)}.{node.name}", node.end_lineno - node.lineno + 1))
    return found


def test_files_and_functions_fit_a_head() -> None:
    assert [name_of(p) for p in MODULES if len(p.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE] == []
    lengths = functions()
    assert [name for name, length in lengths if length > LONGEST_FUNCTION] == []
    assert sorted(length for _, length in lengths)[len(lengths) * 9 // 10] <= USUAL_FUNCTION


def test_public_functions_say_what_they_return() -> None:
    missing = [
        f"{name_of(path)}.{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is None
    ]
    assert missing == []


def test_an_engine_can_be_tried_out_with_nothing_but_itself_installed() -> None:
    """llama-cpp-python brings numpy; whatever else the engine's process imported would be missing while setting up."""
    assert needed_by(ENGINE) <= {"llama_cpp", "numpy"}


def test_every_package_reaches_an_installed_copy() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    ours = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(listed) == ours | {"local_swarm.data", "local_swarm_benchmarks"}
