"""llm, litellm and aider against a running swarm, each where its environment is named: --llm, --litellm, --aider FOLDER."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

LONGEST_S = 300
CODE = "Write a Python function solve(numbers) that returns the sum of the even numbers."
READ = "Read the file notes.txt and tell me the secret word."
TOOL = 'def read(path: str) -> str:\n    "Read a file"\n    return "The secret word is giraffe."\n'
LITELLM = """
import litellm, sys
kinds = dict(api_base=sys.argv[1], api_key="none")
tool = {"type": "function", "function": {"name": "read", "parameters": {
    "type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}}}
for model in ("openai/swarm", "hosted_vllm/swarm"):
    ask = [{"role": "user", "content": "Say zebra."}]
    assert litellm.completion(model=model, messages=ask, **kinds).choices[0].message.content == "zebra"
    parts = litellm.completion(model=model, messages=ask, stream=True, **kinds)
    assert "".join(part.choices[0].delta.content or "" for part in parts) == "zebra"
    made = litellm.completion(model=model, messages=[{"role": "user", "content": sys.argv[2]}], tools=[tool], **kinds)
    assert made.choices[0].message.tool_calls[0].function.name == "read"
assert len(litellm.embedding(model="openai/swarm", input=["a"], **kinds).data[0]["embedding"]) > 1
try:
    litellm.completion(model="openai/none", messages=ask, **kinds)
except litellm.NotFoundError:
    print("litellm is served")
"""


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--url", default="http://127.0.0.1:8000/v1")
    checks: dict[str, Callable[[Path, str, Path], bool]] = {"llm": llm, "litellm": lite, "aider": aider}
    for name in checks:
        words.add_argument(f"--{name}", type=Path, help=f"the environment in which {name} is installed")
    wish = vars(words.parse_args())
    bad = []
    for name, check in checks.items():
        if wish[name]:
            with tempfile.TemporaryDirectory() as folder:
                good = check(wish[name] / "bin", wish["url"], Path(folder))
                print(name, "good" if good else "NOT GOOD")
                bad += [] if good else [name]
    return 1 if bad else 0


def run(words: list[str], folder: Path, **more: str) -> str:
    environment = {**os.environ, "HOME": str(folder), **more}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    if done.returncode:
        print(done.stdout[-1000:], done.stderr[-1000:])
    return done.stdout + done.stderr if done.returncode == 0 else ""


def llm(programs: Path, url: str, folder: Path) -> bool:
    (folder / "extra-openai-models.yaml").write_text(
        f"- model_id: swarm\n  model_name: swarm\n  api_base: {url}\n  supports_tools: true\n  supports_schema: true\n"
    )
    (folder / "tools.py").write_text(TOOL)
    program, known = str(programs / "llm"), {"LLM_USER_PATH": str(folder), "OPENAI_API_KEY": "none"}
    code = run([program, "-m", "swarm", CODE], folder, **known)
    whole = run([program, "-m", "swarm", "--no-stream", "Say zebra."], folder, **known)
    shaped = run([program, "-m", "swarm", "--schema", "name, age int", "a person"], folder, **known)
    called = run([program, "-m", "swarm", "--functions", str(folder / "tools.py"), READ], folder, **known)
    return "def solve" in code and "zebra" in whole and '"age"' in shaped and "giraffe" in called


def lite(programs: Path, url: str, folder: Path) -> bool:
    words = [str(programs / "python"), "-c", LITELLM, url, READ]
    return "litellm is served" in run(words, folder, LITELLM_LOCAL_MODEL_COST_MAP="True")


def aider(programs: Path, url: str, folder: Path) -> bool:
    """It must talk to the swarm and end well; a model of a million parameters edits no files."""
    (folder / "main.py").write_text("print(1)\n")
    quiet = [
        "--no-check-update",
        "--analytics-disable",
        "--no-show-model-warnings",
        "--yes-always",
        "--no-git",
        "--no-auto-commits",
    ]
    said = run(
        [str(programs / "aider"), "--model", "openai/swarm", *quiet, "--message", CODE, "main.py"],
        folder,
        OPENAI_API_BASE=url,
        OPENAI_API_KEY="none",
    )
    return "starter model" in said and "Tokens:" in said and "Error" not in said.split("Added main.py")[-1]


if __name__ == "__main__":
    sys.exit(main())
