"""A shape and a number of workers in, how this engine compares with itself alone and with others out: ratios of one run."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from local_swarm.backends.openai_compatible.managed_server import free_port
from local_swarm.models import starter
from local_swarm_benchmarks.chart import chart
from local_swarm_benchmarks.engine_harness import Order, letters
from local_swarm_benchmarks.model_files import model_file

PREFERRED = "q4_0"  # the quantization whose products llama.cpp has its fastest kernels for on processors
STARTER_TASKS, QUICK_TASKS = 50, 5
NO_TEXT = range(128, 256)  # tokens of our shapes that are no UTF-8 by themselves, on which llama-server fails
OF_THE_GAP = ("gap_ratio_p95", "longest_gap_s", "stream_tokens_per_s", "reading_ratio")
OF_THE_SERVER = ("llama_server_n_s", "over_llama_server", "told_llama_server_n_s", "over_told_llama_server")
LONG_PROMPTS = ("second_turn_ttft_ratio", "idle_ratio", *OF_THE_GAP)
TURN = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EngineBenchOptions:
    """What to measure. `server`: the path of a llama-server binary to compare with. `quick` leaves out what takes minutes."""

    shape: str = "0.5b"
    quantization: str = "q4_k_m"
    n: int = 8
    prompt_tokens: int = 2048
    new_tokens: int = 128
    repeats: int = 3
    threads: int = 1
    gpu: bool = False
    server: Path | None = None
    quick: bool = False


def measure(options: EngineBenchOptions, say: Say) -> dict[str, Any]:
    """Everything, as `bench engine --json` prints it; None for what was left out."""
    say(f"making the model file {options.shape} {options.quantization} ...")
    order = Order(
        kind="answers",
        path=str(model_file(options.shape, options.quantization)),
        threads=options.threads,
        n=options.n,
        prompt_tokens=options.prompt_tokens,
        new_tokens=options.new_tokens,
        repeats=options.repeats,
        gpu_layers=999 if options.gpu else 0,
        drafts=False,  # what random weights say in circles is guessed too easily
    )
    say("one answer and all of them ...")
    answers = order.run()
    found: dict[str, Any] = {
        "model": options.shape,
        "quantization": options.quantization,
        "n": options.n,
        "prompt_tokens": options.prompt_tokens,
        "new_tokens": options.new_tokens,
        "threads": options.threads,
        "one_s": median(answers["one_s"]),
        "n_s": median(answers["n_s"]),
    }
    found["n_over_one"] = ratio(answers)
    say("llama.cpp's own ways ...")
    found |= {"separate_s": None, "over_separate": None} if options.quick else beside_separate(order)
    found |= beside_server(order, options) if options.server else dict.fromkeys(OF_THE_SERVER)
    found["of_llama_bench"] = of_llama_bench(order, options, answers) if options.server else None
    say(f"the same as {PREFERRED} ...")
    found["preferred"] = preferred_quantization(order, options, found)
    say("what the starter model says, with drafts and with an early decision ...")
    found |= on_written_text(order, QUICK_TASKS if options.quick else STARTER_TASKS)
    say("decoding, quiet and beside a busy process ...")
    decoding = replace(order, kind="decode_rate").run()
    found |= {
        "python_share": decoding["python_share"],
        "busy_ratio": decoding["busy_ratio"],
        "tokens_per_s": decoding["tokens_per_s"],
    }
    say("memory ...")
    found["resident_ratio"] = resident(order)
    found |= dict.fromkeys(LONG_PROMPTS) if options.quick else long_prompts(order, say)
    return found


def chart_of(found: dict[str, Any]) -> str:
    """The times of a measurement as a picture."""
    n = found["n"]
    bars = [(f"{n} answers here", found["n_s"]), ("1 answer here", found["one_s"])]
    others = ((f"{n} by llama-server", found["llama_server_n_s"]), (f"{n} by separate instances", found["separate_s"]))
    title = f"{found['model']} {found['quantization']}, {found['prompt_tokens']} + {found['new_tokens']} tokens"
    return chart(title, [*bars, *((name, seconds) for name, seconds in others if seconds)])


def ratio(answers: dict[str, list[float]]) -> float:
    """All answers over one, each pair measured one after the other."""
    return median(many / one for one, many in zip(answers["one_s"], answers["n_s"], strict=True))


def preferred_quantization(order: Order, options: EngineBenchOptions, found: dict[str, Any]) -> dict[str, Any]:
    if options.quantization == PREFERRED:
        return {"quantization": PREFERRED, "n_over_one": found["n_over_one"]}
    other = replace(order, path=str(model_file(options.shape, PREFERRED))).run()
    return {"quantization": PREFERRED, "n_over_one": ratio(other)}


def on_written_text(order: Order, tasks: int) -> dict[str, Any]:
    """With answers that a model wrote, the starter model to its own kind of question: random weights say nothing twice, so that
    there is nothing to draft and nothing to decide."""
    texts = tuple(TURN.format(question) for question in questions(tasks))
    return replace(order, kind="replay_samples", texts=texts, writer=str(starter.PATH), drafts=True).run()


def questions(count: int) -> Iterator[str]:
    """Coding questions in the starter model's words."""
    drawn = random.Random(5)
    kept = (
        "even numbers",
        "odd numbers",
        "positive numbers",
        "numbers greater than 7",
        "multiples of 3",
        "numbers less than 20",
    )
    made = (
        "the squares of the {}",
        "the {} doubled",
        "the absolute values of the {}",
        "the cubes of the {}",
        "the {}, each plus 4",
    )
    told = (
        "the sum of {}",
        "the largest of {}",
        "{} in descending order",
        "a list of {}",
        "{} without duplicates, sorted",
    )
    for _ in range(count):
        of = drawn.choice(told).format(drawn.choice(made).format(drawn.choice(kept)))
        yield f"Write a Python function solve(numbers) that returns {of}."


def resident(order: Order) -> float:
    """Resident memory with n workers over that with one, keys and values not counted."""
    sizes = [replace(order, kind="memory", n=workers).run() for workers in (1, order.n)]
    one, many = (size["rss_bytes"] - size["kv_bytes"] for size in sizes)
    return float(many / one)


def long_prompts(order: Order, say: Say) -> dict[str, Any]:
    say("a second turn after 8,000 tokens ...")
    second = replace(order, kind="second_turn").run()
    say("a stream while 8,000 tokens are read ...")
    gap = replace(order, kind="gap").run()
    say("32,000 idle tokens ...")
    idle = replace(order, kind="idle_cells").run()
    told = {name: gap[name] for name in OF_THE_GAP}
    return {"second_turn_ttft_ratio": second["ratio"], "idle_ratio": idle["ratio"], **told}


def beside_separate(order: Order) -> dict[str, float]:
    """Seconds of n instances of llama-cpp-python's own `Llama` one after the other, and ours over them."""
    theirs = replace(order, kind="separate").run()["seconds"]
    ours = replace(order, kind="many", texts=(letters(order.prompt_tokens, 0),)).run()["seconds"]
    return {"separate_s": theirs, "over_separate": ours / theirs}


def beside_server(order: Order, options: EngineBenchOptions) -> dict[str, float]:
    """Seconds of llama.cpp's own server for n answers to one prompt, and ours over them, one after the other: as it comes, with
    room for n prompts, and told to do what our engine does by itself."""
    room = options.prompt_tokens + options.new_tokens + 32
    as_it_comes = ("-c", str(options.n * room))
    shared = ("-c", str(room + options.n * (options.new_tokens + 32)), "--kv-unified")
    told = shared if order.gpu_layers else (*shared, "-fa", "off")
    theirs, theirs_told, ratios, ratios_told = [], [], [], []
    for seed in range(options.repeats):
        text = letters(options.prompt_tokens, seed)
        theirs.append(llama_server(order, options, text, as_it_comes))
        ours = replace(order, kind="many", texts=(text,)).run()["seconds"]
        theirs_told.append(llama_server(order, options, text, told))
        ratios.append(ours / theirs[-1])
        ratios_told.append(ours / theirs_told[-1])
    return {
        "llama_server_n_s": median(theirs),
        "over_llama_server": median(ratios),
        "told_llama_server_n_s": median(theirs_told),
        "over_told_llama_server": median(ratios_told),
    }


def llama_server(order: Order, options: EngineBenchOptions, text: str, told: Sequence[str]) -> float:
    """A server is started for each prompt: it keeps what it has read, which would be in the way of the next one."""
    assert options.server
    port = free_port()
    command = [
        str(options.server),
        "-m",
        order.path,
        "--port",
        str(port),
        "-np",
        str(options.n),
        "-t",
        str(options.threads),
        "-tb",
        str(options.threads),
        "-ngl",
        str(order.gpu_layers),
        "--no-webui",
        *told,
    ]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, env=order.environment) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            return ask_server(port, text, options)
        finally:
            process.kill()


def of_llama_bench(order: Order, options: EngineBenchOptions, answers: dict[str, Any]) -> dict[str, float] | None:
    """Our rates of reading and writing over those of llama.cpp's own benchmark, which are what this machine can do at
    most. None where that program does not lie beside the server."""
    assert options.server
    program = options.server.with_stem("llama-bench")
    if not program.exists():
        return None
    command = [
        str(program),
        "-m",
        order.path,
        "-p",
        str(options.prompt_tokens),
        "-n",
        str(options.new_tokens),
        "-r",
        str(options.repeats),
        "-t",
        str(options.threads),
        "-ngl",
        str(order.gpu_layers),
        "-fa",
        "0",
        "-b",
        "512",
        "-o",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=order.environment, check=True)
    read, written = (test["avg_ts"] for test in json.loads(done.stdout))
    return {
        "reading": options.prompt_tokens / median(answers["read_s"]) / read,
        "writing": (options.new_tokens - 1) / median(answers["wrote_s"]) / written,
    }


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.2)
    raise RuntimeError("llama-server did not come up")


def ask_server(port: int, text: str, options: EngineBenchOptions) -> float:
    body = {
        "prompt": text,
        "n": options.n,
        "max_tokens": options.new_tokens,
        "temperature": 0.8,
        "cache_prompt": False,
        "ignore_eos": True,
        "logit_bias": [[token, False] for token in NO_TEXT],
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=1200) as response:
        choices = json.load(response)["choices"]
    assert len(choices) == options.n
    return time.perf_counter() - began
