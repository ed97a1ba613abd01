"""What people and CI type: which checks run, when a release may be built, and from which versions CI installs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checks import LINT, commands_for
from lock import EXTRAS, TARGET, lines, versions
from release import disagreements
from tests.conftest import HERE, REAL, is_real

ROOT = Path(__file__).parent.parent
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n{}## [1.2.0]{}\n\n- A fact.\n\n## [1.1.0] - 2026-01-02\n"


def test_without_arguments_every_check_runs_and_the_slowest_tests_are_told() -> None:
    assert commands_for([]) == [*LINT, ("pytest", "--durations=15")]


def test_with_arguments_pytest_runs_alone_and_quick_leaves_out_what_is_real() -> None:
    assert commands_for(["tests/cli", "-x"]) == [("pytest", "tests/cli", "-x")]
    assert commands_for(["--quick", "-x"]) == [("pytest", "-m", "not real", "-x")]


def test_every_test_that_is_named_as_real_is_there() -> None:
    assert [name for name in REAL if not (HERE / name).exists()] == []


def test_no_quick_test_starts_a_daemon_or_needs_an_engine() -> None:
    heavy = re.compile(
        r"daemon_of|Popen\(|importorskip\(\"(?:llama_cpp|mlx_lm|transformers|vllm|sentence_transformers)\""
    )
    modules = [path for path in HERE.rglob("test_*.py") if path != Path(__file__)]
    assert [path.name for path in modules if heavy.search(path.read_text(encoding="utf-8")) and not is_real(path)] == []


def problems(
    version: str = "1.2.0",
    unreleased: str = "",
    date: str = " - 2026-11-30",
    tags: tuple[str, ...] = ("v1.2.0",),
    changes: tuple[str, ...] = (),
) -> list[str]:
    return list(disagreements(version, CHANGELOG.format(unreleased, date), tags, changes))


def test_where_version_changelog_tag_and_tree_agree_nothing_stands_in_the_way_of_a_release() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (problems(version="1.3.0", tags=("v1.3.0",)), "no section [1.3.0]"),
        (problems(date=""), "has no date"),
        (problems(unreleased="- Another fact.\n\n"), "as unreleased"),
        (problems(tags=("v1.1.0",)), "not tagged v1.2.0; its tags: v1.1.0"),
        (problems(tags=()), "its tags: none"),
        (problems(changes=("main.py",)), "not committed: main.py"),
    ],
)
def test_what_disagrees_is_a_sentence(found: list[str], sentence: str) -> None:
    assert len(found) == 1 and sentence in found[0]


def locked() -> list[Requirement]:
    text = TARGET.read_text(encoding="utf-8")
    return [Requirement(line) for line in text.splitlines() if not line.startswith("#")]


def asked(extra: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"][extra] if extra else project["dependencies"])


def test_ci_installs_versions_that_the_project_allows_and_lacks_none() -> None:
    """Where this fails, the environment is older than pyproject.toml: python scripts/test.py, then python scripts/lock.py."""
    found = {one.name: next(iter(one.specifier)).version for one in locked()}
    for line in [line for extra in ("", *EXTRAS) for line in asked(extra)]:
        needed = Requirement(line)
        here = needed.marker is None or needed.marker.evaluate(
            {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11"}
        )
        if here and needed.name != "local-swarm":
            assert found[canonicalize_name(needed.name)] in needed.specifier, line


def test_versions_bind_no_other_system_and_no_special_build() -> None:
    elsewhere = [
        {"sys_platform": "darwin", "platform_machine": "arm64"},
        {"sys_platform": "linux", "platform_machine": "aarch64"},
        {"sys_platform": "win32", "platform_machine": "AMD64"},
        {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.13"},
    ]
    for one in locked():
        assert one.marker and not any(one.marker.evaluate(system) for system in elsewhere)
        assert re.fullmatch(r"==[^+]+", str(one.specifier)), "a build such as +cpu is for some machines only"


def test_the_versions_of_a_package_are_those_of_all_that_it_needs() -> None:
    found = versions("pytest", ())
    assert {"pluggy", "iniconfig"} <= found.keys() and "pytest" not in found
    assert lines({"b": "2", "a": "1"}, "x") == ["a==1 ; x", "b==2 ; x"]
