"""Setting up, for real where it is quick: a checkout, its environment, and what stands in the way."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from local_swarm.environment.engine import computes, install_engine, wheel_shelf
from local_swarm.environment.install import Environment, Installer, SetupOptions, check_python, satisfies
from local_swarm.environment.install_plan import CPU, HIP, SERVER, EngineBuild, InstallPlan
from local_swarm.environment.lock import exclusive, take
from local_swarm.errors import SetupFailed

ROOT = Path(__file__).parent.parent.parent
PINS = {"llamacpp": ["llama-cpp-python==0.3.36"], "embeddings": ["torch==2.13.0"]}


@pytest.fixture
def checkout(tmp_path: Path) -> Environment:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n', encoding="utf-8")
    return Environment(tmp_path, compiler="get a C++ compiler")


def installer(environment: Environment, needs: int = 1) -> Installer:
    return Installer(environment, InstallPlan(("llamacpp",), (CPU,), None, False, needs), PINS)


class RecordedEnvironment(Environment):
    """An environment that installs nothing and remembers what it was to install."""

    asked: tuple[str, ...] = ()

    def pip(self, *arguments: str, settings: Mapping[str, str] | None = None, check: bool = True) -> bool:
        self.asked = arguments
        return check


def test_versions_are_those_of_a_file_where_one_is_given(tmp_path: Path) -> None:
    plan = InstallPlan(("llamacpp", "bench"), (CPU,), None, False, 1)
    environment = RecordedEnvironment(tmp_path)
    assert Installer(environment, plan, PINS).install_rest(bindings=True) == ["llamacpp", "bench"]
    assert " ".join(environment.asked) == f"install -e {tmp_path}[llamacpp,bench]"
    Installer(environment, plan, PINS, tmp_path / "versions.txt").install_rest(bindings=True)
    assert " ".join(environment.asked) == f"install -c {tmp_path / 'versions.txt'} -e {tmp_path}[llamacpp,bench]"


def test_beside_llama_cpps_own_server_nothing_is_installed_that_needs_the_bindings(tmp_path: Path) -> None:
    plan = InstallPlan(("llamacpp", "embeddings", "bench"), (SERVER,), None, False, 1)
    assert Installer(RecordedEnvironment(tmp_path), plan, PINS).install_rest(bindings=False) == ["embeddings"]


def stamp(environment: Environment, *extras: str) -> None:
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    environment.stamp.write_text(
        json.dumps({"fingerprint": environment.fingerprint(), "extras": extras}), encoding="utf-8"
    )


def test_nothing_is_satisfied_before_the_first_time(checkout: Environment) -> None:
    assert not satisfies(checkout, SetupOptions())


def test_a_plain_start_is_content_with_what_is_there(checkout: Environment) -> None:
    stamp(checkout, "llamacpp")
    assert satisfies(checkout, SetupOptions()) and satisfies(checkout, SetupOptions(minimal=True, keep=False))
    assert not satisfies(checkout, SetupOptions(keep=False)) and not satisfies(checkout, SetupOptions(dev=True))


def test_new_requirements_are_noticed(checkout: Environment) -> None:
    stamp(checkout, "llamacpp", "embeddings", "dev")
    assert satisfies(checkout, SetupOptions(dev=True, keep=False))
    (checkout.root / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.x]\ny = 1\n', encoding="utf-8")
    assert satisfies(checkout, SetupOptions())
    (checkout.root / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["a"]\n', encoding="utf-8")
    assert not satisfies(checkout, SetupOptions())


@pytest.mark.parametrize("text", ["", "[]", "{broken", '{"extras": "llamacpp"}'])
def test_a_damaged_stamp_is_none(checkout: Environment, text: str) -> None:
    stamp(checkout, "llamacpp")
    checkout.stamp.write_text(text, encoding="utf-8")
    assert not satisfies(checkout, SetupOptions())


def test_a_full_disk_is_noticed_before_anything_is_made(checkout: Environment) -> None:
    with pytest.raises(SetupFailed, match=r"GiB of disk"):
        installer(checkout, needs=1 << 60).install()
    assert not checkout.folder.exists()


def test_a_failing_program_becomes_a_remedy_and_its_output_is_kept(checkout: Environment) -> None:
    checkout.folder.mkdir()
    script = "print('No CMAKE_CXX_COMPILER could be found'); raise SystemExit(1)"
    with pytest.raises(SetupFailed, match=r"get a C\+\+ compiler"):
        checkout.call([sys.executable, "-c", script])
    assert "CMAKE_CXX_COMPILER" in checkout.log.read_text(encoding="utf-8")


def test_without_room_on_the_disk_nothing_further_is_tried(checkout: Environment) -> None:
    script = "print('OSError: [Errno 28] No space left on device'); raise SystemExit(1)"
    with pytest.raises(SetupFailed, match="full"):
        checkout.call([sys.executable, "-c", script], check=False)


def test_a_program_that_the_system_ends_ran_out_of_memory(checkout: Environment) -> None:
    with pytest.raises(SetupFailed, match="Memory ran out"):
        checkout.call([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])


def test_variables_meant_for_other_environments_reach_no_program_of_this_one(
    checkout: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX")
    for name in names:
        monkeypatch.setenv(name, "/elsewhere")
    script = (
        f"import os; raise SystemExit(any(name in os.environ for name in {names!r}) or os.environ['PIP_USER'] != '0')"
    )
    assert checkout.call([sys.executable, "-I", "-c", script], check=False)


def test_an_environment_that_was_moved_or_whose_python_changed_is_set_up_again(checkout: Environment) -> None:
    stamp(checkout, "llamacpp")
    (checkout.folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.1\n", encoding="utf-8")
    checkout.write_stamp(checkout.fingerprint(), ["llamacpp"], "cpu")
    assert satisfies(checkout, SetupOptions()) and checkout.version() == "3.12"
    elsewhere = checkout.root / "copy"
    shutil.copytree(checkout.folder, elsewhere / ".venv")
    shutil.copy(checkout.root / "pyproject.toml", elsewhere)
    assert not satisfies(Environment(elsewhere), SetupOptions())


def test_a_python_for_32_bits_gets_a_sentence() -> None:
    check_python()
    with pytest.raises(SetupFailed, match="64 bits"):
        check_python(bits=32)


def test_a_python_that_was_built_without_a_part_gets_a_sentence_that_names_it() -> None:
    with pytest.raises(SetupFailed, match=r"is no whole Python\. Its module no_such_part cannot be loaded"):
        check_python(["ssl", "no_such_part"])


def test_two_set_ups_at_once_wait_for_each_other(checkout: Environment) -> None:
    told: list[str] = []
    file = checkout.root / "pyproject.toml"
    with exclusive(file, lambda: told.append("first")), file.open("rb") as other:
        assert not take(other)
        assert not told
    with file.open("rb") as other:
        assert take(other)


def test_a_set_up_that_does_not_end_is_not_waited_for_for_ever(checkout: Environment) -> None:
    told: list[str] = []
    file = checkout.root / "pyproject.toml"
    first, second = (exclusive(file, partial(told.append, name), longest_s=0.0) for name in ("first", "second"))
    with first, pytest.raises(SetupFailed, match="does not end"), second:
        told.append("both at once")
    assert told == ["second"]


def test_an_extra_that_the_program_can_do_without_ends_no_set_up(tmp_path: Path) -> None:
    class WithoutMlx(RecordedEnvironment):
        def pip(self, *arguments: str, settings: Mapping[str, str] | None = None, check: bool = True) -> bool:
            return "mlx" not in arguments[-1]

    plan = InstallPlan(("llamacpp",), (CPU,), None, False, 1, optional=("mlx", "syntax"))
    assert Installer(WithoutMlx(tmp_path), plan, PINS).install_rest(bindings=True) == ["llamacpp", "syntax"]


def test_a_missing_program_is_no_traceback(checkout: Environment) -> None:
    with pytest.raises(SetupFailed):
        checkout.call(["/no/such/program"])
    assert checkout.call(["/no/such/program"], check=False) is False


def test_an_environment_is_made_and_made_anew_when_broken(checkout: Environment) -> None:
    maker = installer(checkout)
    maker.make_environment()
    assert checkout.output("-c", "print(1)") and checkout.output("-c", "import no_such_module_anywhere") is None
    made = checkout.python.stat().st_ino
    maker.make_environment()
    assert checkout.python.stat().st_ino == made
    (checkout.folder / "pyvenv.cfg").unlink()


def test_an_engine_that_is_not_there_does_not_compute(checkout: Environment) -> None:
    installer(checkout).make_environment()
    assert not computes(checkout, "cpu")


@pytest.mark.skipif(not Environment(ROOT).active, reason="this is not the Python of the checkout's .venv")
def test_the_engine_of_this_checkout_computes() -> None:
    assert computes(Environment(ROOT), str(Environment(ROOT).last_setup()["engine"]))


def test_wheels_are_kept_apart_by_what_they_were_built_for() -> None:
    shelves = {wheel_shelf(CPU, "a==1"), wheel_shelf(CPU, "a==2"), wheel_shelf(HIP, "a==1")}
    assert len(shelves) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="programs are found by their ending there")
def test_where_nothing_can_be_built_a_server_that_is_here_will_do(
    checkout: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path / "home"))
    build = EngineBuild("cpu", "this processor")  # no ready-made build, and no compiler to make one
    with pytest.raises(SetupFailed, match="needs a C\\+\\+ compiler"):
        install_engine(checkout, [build], "llama-cpp-python==0.3.36", 1)
    server = programs / "llama-server"
    server.write_text("#!/bin/sh\n", encoding="utf-8")
    server.chmod(0o755)
    assert install_engine(checkout, [build], "llama-cpp-python==0.3.36", 1) is SERVER
