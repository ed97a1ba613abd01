"""A random generator in, a conversation out: messages as a chat client sends them, ending with what to answer.

Most are coding questions; the rest teach the manners of a model behind an agent.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from starter.manners import beyond, greeting, title
from starter.questions import Conversation, coding, special, sums
from starter.tools import PATHS, READERS, echo, lookup, reading, schemas, tool_list

KINDS: dict[str, Callable[[Random], Conversation]] = {
    "coding": lambda random: coding(random)[0],
    "special": special,
    "sums": sums,
    "reading": reading,
    "lookup": lookup,
    "echo": echo,
    "title": title,
    "greeting": greeting,
    "beyond": beyond,
}

SHARES: dict[str, float] = {
    "coding": 48,
    "special": 4,
    "sums": 2,
    "reading": 26,
    "lookup": 6,
    "echo": 6,
    "title": 3,
    "greeting": 1.5,
    "beyond": 3.5,
}


def conversation(random: Random) -> Conversation:
    """One training conversation; now and then with a system text, an earlier exchange, or tools that are not needed."""
    kind = random.choices(list(SHARES), list(SHARES.values()))[0]
    messages = KINDS[kind](random)
    tools = messages[0].get("tools")
    plain = tools is None and kind != "title"
    if plain and random.random() < 0.12:
        messages = KINDS[random.choices(("coding", "special", "sums"), (68, 6, 3))[0]](random) + messages
    if plain and random.random() < 0.12:
        messages[0]["tools"] = schemas(tool_list(random, (random.choice(READERS), (random.choice(PATHS),))))
    if random.random() < 0.1:
        text = random.choice(
            (
                "You are a helpful assistant.",
                "You are a Python programmer.",
                "Answer with code only.",
                "You are a coding assistant.",
                "Be brief.",
            )
        )
        messages = [
            {
                "role": "system",
                "content": text,
                **({"tools": messages[0].pop("tools")} if "tools" in messages[0] else {}),
            },
            *messages,
        ]
    return messages
