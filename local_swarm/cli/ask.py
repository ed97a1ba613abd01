"""The `ask` command: a question in, one answer of the swarm out. What takes long to import is imported where it is used."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from local_swarm.cli.console import err, out, print_json
from local_swarm.cli.options import (
    STRATEGIES,
    FileOption,
    InstancesOption,
    JsonOption,
    ModelOption,
    PortOption,
    StarterOption,
)
from local_swarm.config import load
from local_swarm.intake import sanitize_text
from local_swarm.models import starter
from local_swarm.terminal import json_text


def ask(
    prompt: Annotated[str, typer.Argument(help="The question.")],
    model: ModelOption = None,
    use_starter: StarterOption = False,
    instances: InstancesOption = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of the workers beside the first, which is greedy.")] = None,
    strategy: Annotated[str | None, typer.Option(help=f"How to vote: {STRATEGIES}.")] = None,
    port: PortOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Get one answer from the running swarm, or from one started for it."""
    from local_swarm.cli.answers import answer_to

    named = starter.NAME if use_starter else model
    config = load(file, {"models.model": named, "swarm.instances": instances, "server.port": port})
    request = {
        "model": "swarm",
        "messages": [{"role": "user", "content": sanitize_text(prompt)}],
        "max_tokens": max_tokens,
        "temperature": temperature,
        "swarm": {"strategy": strategy, "n": instances},
    }
    with contextlib.nullcontext() if json_wanted else err.status("Asking the swarm ..."):
        completion = answer_to(request, config, own=named is not None)  # whoever names a model wants a swarm of his own
    if json_wanted:
        print_json(completion)
    else:
        print_answer(completion)


def print_answer(completion: Mapping[str, Any]) -> None:
    """The answer on standard output, how the vote went on standard error."""
    message, vote = completion["choices"][0]["message"], completion["swarm"]
    out.print(message["content"] or json_text(message["tool_calls"]))
    clusters = "+".join(map(str, vote["clusters"]))
    facts = (f"agreement {vote['agreement']:.2f}", f"{vote['candidates']} candidates ({clusters})", vote["strategy"])
    err.print("\n" + " · ".join((*facts, f"{vote['seconds']:.1f} s")), style="dim")
    if note := vote.get("note"):
        err.print(note, style="dim")
