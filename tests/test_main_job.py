"""The main job, for real: the program started as people start it, the starter model, OpenAI's own client, and mishaps."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from local_swarm.backends.openai_compatible.managed_server import free_port
from local_swarm.models import starter

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

ROOT = Path(__file__).parent.parent
START_S, ANSWER_S = 60.0, 60.0
QUESTION = "Write a Python function solve(numbers) that returns the sum of the squares of the even numbers."
FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def program(*arguments: str, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(home), **settings}
    command = [sys.executable, "-m", "local_swarm", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=START_S, check=False
    )


def words(process: psutil.Process) -> list[str]:
    """Its command line; none for one that has ended since it was listed, as the sandbox's do all the time."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@dataclass
class Daemon:
    process: subprocess.Popen[str]
    port: int
    home: Path
    said: list[str]
    listener: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", timeout=ANSWER_S, max_retries=0)

    def engine(self) -> psutil.Process:
        [found] = [one for one in self.children() if "local_swarm.backends.llamacpp.child" in words(one)]
        return found

    def children(self) -> list[psutil.Process]:
        """The engine's process and the sandbox's."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def health(self) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, json.load(problem)

    def wait_ready(self) -> None:
        """Ready is when the banner has been printed: no clock is asked."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line)
            if line.startswith("╰"):
                break
        self.listener = threading.Thread(target=self._listen)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stderr
        self.said += list(self.process.stderr)


@contextmanager
def daemon_of(home: Path, *arguments: str) -> Iterator[Daemon]:
    """A daemon that is ready; whatever the test does to it, it is gone afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "local_swarm", "--starter", "--port", str(port), *arguments]
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(home), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    daemon = Daemon(process, port, home, [])
    daemon.wait_ready()
    assert process.poll() is None, "".join(daemon.said)
    try:
        yield daemon
    finally:
        process.terminate()
        process.wait(START_S)
        assert daemon.listener and process.stderr
        daemon.listener.join(START_S)
        process.stderr.close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon_of(tmp_path_factory.mktemp("home"), "--instances", "5") as made:
        yield made


def solve(text: str) -> Any:
    """The function `solve` of an answer, as run by whoever asked for it."""
    found = FENCE.search(text)
    namespace: dict[str, Any] = {}
    exec(found[1] if found else text, namespace)
    return namespace["solve"]


def test_a_coding_question_is_answered_by_vote_with_code_that_runs(daemon: Daemon) -> None:
    completion = daemon.client.chat.completions.create(
        model="swarm", messages=[{"role": "user", "content": QUESTION}], extra_body={"swarm": {"early": False}}
    )
    text = completion.choices[0].message.content
    assert text and solve(text)([1, 2, 3, 4, -6]) == 4 + 16 + 36
    vote = completion.model_extra["swarm"]  # type: ignore[index]
    assert vote["candidates"] == sum(vote["clusters"]) == 5
    assert 0.2 <= vote["agreement"] <= 1 and "starter model" in vote["note"]
    assert completion.usage and completion.usage.prompt_tokens > 20


def test_the_example_in_the_readme_does_what_it_says(daemon: Daemon) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = readme.split("<!-- example -->")[1].split("```python\n")[1].split("```")[0]
    assert "127.0.0.1:8000" in example
    done = subprocess.run(
        [sys.executable, "-c", example.replace("127.0.0.1:8000", f"127.0.0.1:{daemon.port}")],
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert solve(done.stdout)([2, 3, 4, 5, 6]) == 16 + 36
    assert re.search(r"^agreement \d\.\d+ clusters \[\d", done.stdout, re.MULTILINE)


def test_the_answer_streams_as_well(daemon: Daemon) -> None:
    chunks = list(
        daemon.client.chat.completions.create(
            model="swarm",
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"swarm": {"early": False}},
            messages=[{"role": "user", "content": QUESTION}],
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert solve(text)([2, 3]) == 4
    assert chunks[-1].usage and chunks[-1].model_extra["swarm"]["candidates"] == 5  # type: ignore[index]


def test_the_starter_model_is_honest_about_itself(daemon: Daemon) -> None:
    assert all("starter model" in model.model_extra["description"] for model in daemon.client.models.list())  # type: ignore[index]
    banner = "".join(daemon.said)
    assert "starter model" in banner and daemon.url in banner and "5 voices" in banner


def test_a_tool_is_called_and_its_result_used(daemon: Daemon) -> None:
    tool: Any = {
        "type": "function",
        "function": {
            "name": "read",
            "description": "Reads a file. " * 200,
            "parameters": {"type": "object", "properties": {"filePath": {"type": "string"}}, "required": ["filePath"]},
        },
    }
    messages: Any = [
        {"role": "system", "content": "You are an agent with many rules. " * 300},
        {"role": "user", "content": "Read the file secret.txt and tell me the secret word."},
    ]
    first = daemon.client.chat.completions.create(model="swarm", messages=messages, tools=[tool]).choices[0]
    assert first.finish_reason == "tool_calls" and first.message.tool_calls
    call: Any = first.message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("read", {"filePath": "secret.txt"})
    result = "1: The secret word is walnut-4711."
    messages += [first.message.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": result}]
    second = daemon.client.chat.completions.create(model="swarm", messages=messages, tools=[tool]).choices[0]
    assert "walnut-4711" in (second.message.content or "")


def test_an_answer_can_be_bound_to_a_schema_and_its_tokens_told(daemon: Daemon) -> None:
    schema: Any = {
        "type": "object",
        "properties": {"even": {"type": "boolean"}},
        "required": ["even"],
        "additionalProperties": False,
    }
    completion = daemon.client.chat.completions.create(
        model="swarm",
        messages=[{"role": "user", "content": "Is 4 even?"}],
        logprobs=True,
        top_logprobs=2,
        response_format={"type": "json_schema", "json_schema": {"name": "parity", "strict": True, "schema": schema}},
    )
    choice = completion.choices[0]
    assert isinstance(json.loads(choice.message.content or "")["even"], bool)
    assert choice.logprobs and choice.logprobs.content
    assert "".join(one.token for one in choice.logprobs.content) == choice.message.content
    assert all(len(one.top_logprobs) == 2 and one.logprob <= 0 for one in choice.logprobs.content)
    wrong: Any = {"name": "x", "schema": {"type": "nonsense"}}
    with pytest.raises(openai.BadRequestError, match="cannot be enforced"):
        daemon.client.chat.completions.create(
            model="swarm",
            messages=[{"role": "user", "content": "?"}],
            response_format={"type": "json_schema", "json_schema": wrong},
        )


def test_ask_asks_the_daemon_and_prints_what_the_vote_was(daemon: Daemon) -> None:
    done = program("ask", QUESTION, "--port", str(daemon.port), home=daemon.home)
    assert done.returncode == 0 and solve(done.stdout)([2]) == 4
    assert re.search(r"(?:All 5|\d of 5 had) answered, all alike", done.stderr) and "; agreement " in done.stderr
    done = program("ask", QUESTION, "--json", "--port", str(daemon.port), home=daemon.home)
    assert json.loads(done.stdout)["object"] == "chat.completion"


def test_status_shows_the_swarm_at_once_where_nobody_watches(daemon: Daemon) -> None:
    done = program("status", "--port", str(daemon.port), home=daemon.home, COLUMNS="80", LINES="24")
    assert done.returncode == 0 and "\x1b" not in done.stdout and "local-swarm-starter" in done.stdout
    assert all(word in done.stdout for word in ("w1", "w5", "tokens/s", "memory", "llamacpp ready"))
    told = json.loads(program("status", "--json", "--port", str(daemon.port), home=daemon.home).stdout)
    assert len(told["workers"]) == 5 and told["engines"][0]["cells"] > 0 and told["machine"]["memory"]["total_bytes"]
    done = program("status", "--port", str(free_port()), home=daemon.home)
    assert done.returncode == 1 and done.stdout == "" and "No swarm runs" in done.stderr


def test_a_second_daemon_on_the_port_is_told_so_in_a_line(daemon: Daemon) -> None:
    done = program("--starter", "--port", str(daemon.port), home=daemon.home)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and "in use" in done.stderr and "--port" in done.stderr


def test_a_killed_engine_comes_back_by_itself_and_health_tells_the_truth(daemon: Daemon) -> None:
    first = daemon.engine()
    statuses: list[tuple[int, int]] = []
    asked: list[Any] = []

    def ask() -> None:
        for _ in range(3):
            try:
                asked.append(
                    daemon.client.chat.completions.create(
                        model="swarm", messages=[{"role": "user", "content": QUESTION}]
                    )
                )
            except openai.APIStatusError as problem:
                asked.append(problem)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    first.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    psutil.wait_procs([first], timeout=5)
    until = time.monotonic() + START_S
    while (not statuses or statuses[-1] != (200, 5)) and time.monotonic() < until:
        code, body = daemon.health()
        statuses.append((code, body["workers"]["healthy"]))
        assert statuses[-1] in ((200, 0), (503, 0), (200, 5))  # requests wait for it, or would be refused
        assert statuses[-1] != (200, 0) or body["status"] == "degraded"
    assert statuses[-1] == (200, 5)
    for thread in asking:
        thread.join(ANSWER_S)
        assert not thread.is_alive()
    assert len(asked) == 12
    for one in asked:  # answered, after a second try perhaps, or refused with a reason to come back
        assert getattr(one, "object", None) == "chat.completion" or one.status_code == 503
    assert daemon.engine().pid != first.pid
    assert daemon.client.chat.completions.create(
        model="swarm", messages=[{"role": "user", "content": QUESTION}]
    ).choices


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals to send")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_daemon_and_children_cleanly(tmp_path: Path, number: str) -> None:
    with daemon_of(tmp_path, "--instances", "2") as daemon:
        children = daemon.children()
        daemon.process.send_signal(getattr(signal, number))
        assert daemon.process.wait(10) == 0
        assert psutil.wait_procs(children, timeout=5)[1] == []
    assert "Traceback" not in "".join(daemon.said)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_daemon_leaves_no_child_behind(tmp_path: Path) -> None:
    with daemon_of(tmp_path, "--instances", "2") as daemon:
        children = daemon.children()
        assert daemon.engine() in children
        daemon.process.kill()
        daemon.process.wait(10)
        assert psutil.wait_procs(children, timeout=10)[1] == []


def test_ask_starts_a_swarm_of_its_own_where_none_runs(tmp_path: Path) -> None:
    done = program("ask", QUESTION, "--json", "--port", str(free_port()), "--instances", "3", home=tmp_path)
    completion = json.loads(done.stdout)
    assert 2 <= completion["swarm"]["candidates"] <= 3
    assert solve(completion["choices"][0]["message"]["content"])([4]) == 16


# ------------------------------------------------------------------------------------------- bad input


def damaged(folder: Path, kind: str) -> Path:
    whole = starter.PATH.read_bytes()
    path = folder / f"{kind}.gguf"
    path.write_bytes(
        {
            "empty": b"",
            "text": b"this is no model at all, just a letter to you",
            "cut": whole[: len(whole) // 2],
            "header-only": whole[:4096],
            "scrambled": whole[:24] + bytes(byte ^ 0x5A for byte in whole[24:20000]) + whole[20000:],
            "old": whole[:4] + (1).to_bytes(4, "little") + whole[8:],
            "renamed": whole.replace(b"blk.0.attn_q.weight", b"blk.0.attn_Q.weight"),
        }[kind]
    )
    return path


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "header-only", "scrambled", "old", "renamed"])
def test_a_damaged_model_file_is_a_sentence(tmp_path: Path, kind: str) -> None:
    done = program("--model", str(damaged(tmp_path, kind)), "--port", str(free_port()), home=tmp_path)
    assert done.returncode == 2, done.stderr
    message = done.stderr.strip().splitlines()
    assert len(message) == 1 and message[0].startswith("error: ") and kind in message[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "qwen9"), ("qwen9", "local-swarm-starter", ".gguf")),
        (("--model", "local-swarm-startr"), ("Did you mean local-swarm-starter?",)),
        (("--model", "/nowhere/model.gguf"), ("/nowhere/model.gguf",)),
        (("--context", "9000000"), ("32768", "--context")),
        (("--instances", "0"), ("--instances",)),
        (("--instances", "99"), ("--instances",)),
        (("--host", "0.0.0.0"), ("python -m local_swarm key",)),
        (("--port", "70000"), ("70000",)),
        (("--config", "/nowhere.yaml"), ("/nowhere.yaml",)),
        (("--nonsense",), ("--nonsense",)),
        (("--port", "eight"), ("--port",)),
        (("dance",), ("dance",)),
    ],
)
def test_wrong_use_is_told_in_words_and_exit_code_two(
    tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = program(*arguments, home=tmp_path, COLUMNS="200")
    assert done.returncode == 2 and done.stdout == ""
    assert all(word in done.stderr for word in words), done.stderr
    assert "Traceback" not in done.stderr


def test_a_context_larger_than_memory_is_refused_with_numbers(tmp_path: Path) -> None:
    done = program("--starter", "--context", "8192", home=tmp_path, LOCAL_SWARM_HARDWARE_RAM_FRACTION="0.0001")
    assert done.returncode == 2 and "MiB" in done.stderr and "--context" in done.stderr


def test_a_misspelt_setting_gets_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("server:\n  prot: 9\n", encoding="utf-8")
    done = program("plan", home=tmp_path)
    assert done.returncode == 2 and "server.prot" in done.stderr and "server.port" in done.stderr
