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
    RunningHostOption,
    RunningPortOption,
    StarterOption,
)
from local_swarm.cli.question import question_of, standard_input
from local_swarm.config import load
from local_swarm.models import starter
from local_swarm.terminal import json_text


def ask(
    prompt: Annotated[
        str | None,
        typer.Argument(
            help="The question. What is piped in comes before it: `cat FILE | ... ask QUESTION`. `-` asks that alone.",
            metavar="[PROMPT]",
        ),
    ] = None,
    model: ModelOption = None,
    use_starter: StarterOption = False,
    instances: InstancesOption = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of the workers beside the first, which is greedy.")] = None,
    strategy: Annotated[str | None, typer.Option(help=f"How to vote: {STRATEGIES}.")] = None,
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Get one answer from the running swarm, or from one started for it."""
    named = starter.NAME if use_starter else model
    settings = {
        "models.model": named,
        "swarm.instances": instances,
        "server.port": port,
        "server.host": host,
    }
    config = load(file, settings)
    request = {
        "model": "swarm",
        "messages": [{"role": "user", "content": question_of(prompt, standard_input())}],
        "max_tokens": max_tokens,
        "temperature": temperature,
        "swarm": {"strategy": strategy, "n": instances},
    }
    from local_swarm.cli.answers import answer_to, quiet

    with contextlib.nullcontext() if json_wanted else err.status("Asking the swarm ...") as status:
        # Whoever names a model wants a swarm of his own.
        completion = answer_to(request, config, own=named is not None, say=status.update if status else quiet)
    if json_wanted:
        print_json(completion)
    else:
        print_answer(completion)


def print_answer(completion: Mapping[str, Any]) -> None:
    """The answer on standard output, how the vote went on standard error."""
    message, vote = completion["choices"][0]["message"], completion["swarm"]
    out.print(message["content"] or json_text(message["tool_calls"]))
    err.print(f"\n{vote_in_words(vote)}", style="dim")
    if note := vote.get("note"):
        err.print(note, style="dim")


def vote_in_words(vote: Mapping[str, Any]) -> str:
    """The `swarm` object of an answer as a sentence: who had answered, how many alike, and what the agreement means."""
    count, asked = int(vote["candidates"]), int(vote.get("asked") or vote["candidates"])
    end = f"{vote['strategy']} · {vote['seconds']:.1f} s"
    if count == 1 and asked == 1:
        return f"One worker answered, so there was no vote · {end}"
    groups = "+".join(map(str, vote["clusters"]))
    alike = "no vote" if count == 1 else "all alike" if len(vote["clusters"]) == 1 else f"alike were {groups}"
    who = f"All {count} answered" if count >= asked else f"{count} of {asked} had answered"
    return f"{who}, {alike}; agreement {vote['agreement'] * 100:.0f} % · {end}"
