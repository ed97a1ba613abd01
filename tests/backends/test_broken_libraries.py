"""Libraries that are installed and do not work: the true reason is told, and for vLLM another engine does the work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.backends.process.lifecycle import Description, RestartPolicy
from local_swarm.backends.process.loading import StandIn, nobody
from local_swarm.backends.process.messages import Load
from local_swarm.config import load as load_config
from local_swarm.confined.process import ConfinedPool
from local_swarm.engines.folder import make_vllm
from local_swarm.engines.keys import read_keyring
from local_swarm.engines.machine import LocatedMember, Machine
from local_swarm.errors import BadModelFile, EngineUnfit, UsageError
from local_swarm.models.folder import read_folder
from local_swarm.roster import Member
from local_swarm.survey import Survey
from tests.backends.engines import CONTEXT, starter_folder

pytestmark = pytest.mark.anyio

BROKEN = {
    "ImportError": ("raise ImportError('libcudart.so.12: cannot open shared object file')", "libcudart.so.12"),
    "OSError": ("raise OSError('no CUDA here')", "OSError: no CUDA here"),
    "RuntimeError": ("raise RuntimeError('first line\\nsecond')", "RuntimeError: first line second"),
    "another error": ("class Odd(Exception): pass\nraise Odd('odd')", "Odd: odd"),
    "exit": ("import sys; sys.exit('go away')", "SystemExit: go away"),
    "exit at once": ("import os; os._exit(3)", "exit code 3"),
    "syntax": ("def f(:", "SyntaxError"),
}
NEWER = """
class EngineArgs:
    def __init__(self, **_):
        raise TypeError("no such argument")
class LLMEngine:
    from_engine_args = print
"""
ABORTS, HANGS = "import os; os.abort()", "import time; time.sleep(60)"


def install(name: str, source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of this name, before any other of that name."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))


async def failure(engine: str, stand_in: StandIn = nobody, import_s: float = 60.0) -> str:
    """What an engine that does not come up says."""
    load = Load("/nowhere/a-model", CONTEXT, answer_tokens=64, cells=4 * CONTEXT, sequences=4, threads=1)
    about = Description("a-model", "llama", None, engine=engine)
    backend = ProcessBackend(load, about, RestartPolicy(import_s=import_s), stand_in=stand_in)
    with pytest.raises(EngineUnfit) as told:
        await backend.start()
    await backend.close()
    assert "damaged" not in told.value.message
    return told.value.message


@pytest.mark.parametrize("how", BROKEN)
async def test_a_library_that_cannot_be_imported_is_told_with_its_own_reason(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, words = BROKEN[how]
    install("vllm", source, tmp_path, monkeypatch)
    said = await failure("vllm")
    assert words in said and "vllm" in said


@pytest.mark.parametrize(("engine", "library"), [("transformers", "torch"), ("mlx", "mlx"), ("llamacpp", "llama_cpp")])
async def test_so_it_is_for_every_engine(
    engine: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(library, "raise OSError('half installed')", tmp_path, monkeypatch)
    assert "OSError: half installed" in await failure(engine)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
async def test_a_library_that_aborts_is_told_by_its_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("vllm", ABORTS, tmp_path, monkeypatch)
    said = await failure("vllm")
    assert "signal 6" in said and "libraries were imported" in said


async def test_a_library_whose_import_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("vllm", HANGS, tmp_path, monkeypatch)
    assert "could not import its libraries within 1 seconds" in await failure("vllm", import_s=1.0)


async def test_an_exception_while_a_model_loads_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("vllm", NEWER, tmp_path, monkeypatch)
    folder = starter_folder(tmp_path)
    load = Load(str(folder), CONTEXT, answer_tokens=64, cells=4 * CONTEXT, sequences=4, threads=1)
    backend = ProcessBackend(load, Description("m", "llama", None, engine="vllm"))
    with pytest.raises(BadModelFile, match="TypeError: no such argument"):
        await backend.start()
    await backend.close()


@pytest.mark.parametrize("source", [BROKEN["ImportError"][0], "raise SystemExit", ABORTS])
async def test_transformers_does_the_work_of_a_vllm_that_does_not_come_up(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    install("vllm", source, tmp_path, monkeypatch)
    member = Member(engine="vllm", workers=2, context=CONTEXT)
    located = LocatedMember(member, "vllm", folder=read_folder(starter_folder(tmp_path)))
    confined = ConfinedPool()
    backend, plan = make_vllm(located, Machine(Survey(), load_config(environment={}), confined))
    facts = await backend.start()
    await backend.close()
    await confined.close()
    assert facts.engine == plan.plan.engine == "transformers" and "Transformers does its work" in caplog.text


def test_a_keyring_that_fails_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        "keyring", "def get_password(*_):\n    raise RuntimeError('No recommended backend')\n", tmp_path, monkeypatch
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    with pytest.raises(UsageError, match="The keyring cannot be read: No recommended backend"):
        read_keyring("service/user")
    sys.modules.pop("keyring", None)
