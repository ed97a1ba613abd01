"""The house rules, enforced: imports run one way, files and functions stay small, every module says what it is."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "local_swarm"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

# Boot order is import order: a module imports from its own unit and from units to its left.
ORDER = (
    "python_version",
    "paths",
    "commands",
    "proxies",
    "intake",
    "terminal",
    "pipes",
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
    "entry",
    "__main__",
)
SETTING_UP = "local_swarm.environment.install"  # runs before anything is installed
ENGINE = "local_swarm.backends.llamacpp.child"

LONGEST_FILE = 400
LONGEST_FUNCTION = 45
USUAL_FUNCTION = 20  # nine in ten are no longer
MEDIAN_FUNCTION = 7
POSITIONAL = 6  # arguments of a call that nobody can tell apart
MOST_OF_THOSE = 20  # calls, of which some are of C functions
MOST_UNFORMATTED = 20  # places that the formatter is kept from
# Verbs whose present form ends as a participle does, and nouns.
VERBS = {"embed", "feed", "need", "seed", "shed", "proceed", "exceed"}
NOUNS = {"sampling", "wording", "opening", "closing", "beginning", "pooling", "nothing", "string", "setting", "meaning"}
PARTICIPLES = re.compile(
    "begun|bound|brought|built|chosen|done|drawn|found|given|gone|got|held|kept|known|led|left|lent|lost|made|meant|met"
    "|paid|said|seen|sent|shown|sought|spent|spoken|taken|thrown|told|understood|worn|written|[a-z]+ed|[a-z]+ing"
)
BENCHMARKS = sorted((ROOT / "scripts" / "local_swarm_benchmarks").rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base_utils", "tools_utils"}


def unit(module: str) -> str:
    """`local_swarm.backends.llamacpp.engine` belongs to `backends`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = frozenset(map(name_of, MODULES))


@cache
def imported(path: Path) -> frozenset[str]:
    """Every module of ours that a file imports, at its top or within a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            deeper = {f"{node.module}.{alias.name}" for alias in node.names} & NAMES
            names |= deeper or {node.module}
    return frozenset(name for name in names if name.split(".")[0] == "local_swarm")


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
    ranked = sorted(length for _, length in lengths)
    assert ranked[len(ranked) * 9 // 10] <= USUAL_FUNCTION
    assert median(ranked) <= MEDIAN_FUNCTION


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in (*MODULES, *BENCHMARKS):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path, node


def test_a_class_name_means_one_thing() -> None:
    names = Counter(node.name for _, node in nodes() if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def is_participle(name: str) -> bool:
    """Of one word alone: `made`, `checked`, `serving`. A verb says what happens, a noun what comes back; these say neither."""
    word = name.strip("_")
    if "_" in word or word in VERBS | NOUNS:
        return False
    return PARTICIPLES.fullmatch(word) is not None


def test_functions_are_verbs_or_nouns() -> None:
    named = [
        f"{name_of(path)}.{node.name}"
        for path, node in nodes()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_participle(node.name)
        if not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert named == []


def test_long_calls_say_which_argument_is_which() -> None:
    calls = [
        f"{name_of(path)}:{node.lineno}"
        for path, node in nodes()
        if isinstance(node, ast.Call) and sum(not isinstance(one, ast.Starred) for one in node.args) >= POSITIONAL
    ]
    assert len(calls) < MOST_OF_THOSE, calls


def test_the_formatter_has_its_way() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (*MODULES, *BENCHMARKS)]
    assert sum(text.count("# fmt: skip") for text in texts) < MOST_UNFORMATTED


def constants(path: Path) -> Iterator[tuple[str, object]]:
    """Names in capitals that a module gives a plain value."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        pairs = zip(target.elts, value.elts, strict=True) if several else [(target, value)]  # type: ignore[attr-defined]
        for name, given in pairs:
            if isinstance(name, ast.Name) and name.id.isupper():
                with suppress(ValueError):
                    yield name.id, literal(given)


def literal(node: ast.AST) -> object:
    """The value of numbers, texts and sums of them. Raises ValueError for all else."""
    if any(not isinstance(one, (*PLAIN, ast.operator, ast.unaryop, ast.expr_context)) for one in ast.walk(node)):
        raise ValueError
    return eval(compile(ast.Expression(node), "", "eval"))  # type: ignore[arg-type]


PLAIN = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.Tuple, ast.List, ast.Dict)


def test_a_constant_is_said_once() -> None:
    """Two of one name and value are one fact kept twice, or two facts that want names of their own."""
    homes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in MODULES:
        for name, value in constants(path):
            plain = isinstance(value, (int, float)) and not isinstance(value, bool)
            homes[name, repr(float(value) if plain else value)].append(name_of(path))  # type: ignore[arg-type]
    assert {name: found for (name, _), found in homes.items() if len(found) > 1} == {}


def test_public_functions_say_what_they_return() -> None:
    missing = [
        f"{name_of(path)}.{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), type_comments=True))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if node.returns is None and node.type_comment is None  # what old Pythons read has comments
    ]
    assert missing == []


def test_an_engine_can_be_tried_out_with_nothing_but_itself_installed() -> None:
    """llama-cpp-python brings numpy; whatever else the engine's process imported would be missing while setting up."""
    assert needed_by(ENGINE) <= {"llama_cpp", "numpy"}


def test_every_package_reaches_an_installed_copy() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    ours = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    assert set(listed) == ours | {"local_swarm.data", "local_swarm_benchmarks"}
