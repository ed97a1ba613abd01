"""Lessons in tools: call one with what the question names, then answer from its result."""

from __future__ import annotations

import json
from random import Random

from starter.questions import Conversation, Message
from starter.words import NOUNS, STEMS, file_name, token

# Sentences: one way to say it, one line.
# fmt: off

READERS = ("read", "read_file", "readFile", "cat", "open_file", "view", "get_file", "fs_read", "Read", "file_read")

PATHS = ("filePath", "path", "file", "filename", "file_path", "name")

OTHERS = (
    ("bash", ("command",)), ("edit", ("filePath", "oldString", "newString")), ("glob", ("pattern",)), ("grep", ("pattern",)),
    ("skill", ("name",)), ("task", ("description", "prompt", "subagent_type")), ("todowrite", ("todos",)), ("webfetch", ("url",)),
    ("write", ("content", "filePath")), ("list", ("path",)), ("search", ("query",)), ("get_time", ()), ("run", ("command",)),
    ("send_email", ("to", "body")), ("calculator", ("expression",)), ("delete_file", ("path",)),
)

LOOKUPS = (  # tool, parameter, ways to ask
    ("get_weather", ("city", "location"), ("What is the weather in {v}?", "How is the weather in {v} today?", "Weather in {v}, please.", "What's the weather like in {v}?")),
    ("search", ("query", "q"), ("Search for {v}.", "Look up {v}.")),
    ("get_price", ("symbol", "item"), ("What is the price of {v}?", "How much does {v} cost?")),
    ("translate", ("text",), ("Translate {v}.",)),
    ("define", ("word",), ("Define {v}.", "What does {v} mean?")),
    ("bash", ("command",), ("Run {v}.", "Run the command {v}.")),
    ("glob", ("pattern",), ("Find files matching {v}.", "Which files match {v}?")),
    ("webfetch", ("url",), ("Fetch {v}.", "Get the page {v}.")),
)


def tool_list(random: Random, wanted: tuple[str, tuple[str, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    names = {wanted[0]}
    tools = [wanted]
    for other in random.sample(OTHERS, random.randint(0, 9)):
        if other[0] not in names and not (wanted[0] in READERS and other[0] in READERS):
            names.add(other[0])
            tools.append(other)
    return sorted(tools) if random.random() < 0.7 else random.sample(tools, len(tools))


def schemas(tools: list[tuple[str, tuple[str, ...]]]) -> list[dict[str, object]]:
    """The tools as a chat client sends them, which is what a chat template is given."""
    return [
        {"type": "function", "function": {"name": name, "description": "", "parameters": {
            "type": "object", "properties": {p: {"type": "string"} for p in parameters}, "required": list(parameters)}}}
        for name, parameters in tools
    ]


def call(name: str, arguments: dict[str, str], identifier: str = "call_1") -> Message:
    return {"role": "assistant", "content": "", "tool_calls": [
        {"id": identifier, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}]}


def shown(path: str, lines: list[str], random: Random) -> str:
    """A file's content as different tools print it."""
    kind = random.random()
    if kind < 0.3:
        return "\n".join(lines)
    if kind < 0.65:
        full = path if path.startswith("/") else f"/{random.choice(('home/user', 'tmp', 'work', 'root'))}/{token(random).replace(' ', '')}/{path}"
        numbered = "\n".join(f"{i}: {line}" for i, line in enumerate(lines, 1))
        return f"<path>{full}</path>\n<type>file</type>\n<content>\n{numbered}\n\n(End of file - total {len(lines)} lines)\n</content>"
    if kind < 0.8:
        return "\n".join(f"{i:5d}\t{line}" for i, line in enumerate(lines, 1))
    if kind < 0.9:
        return "<file>\n" + "\n".join(f"{i:05d}| {line}" for i, line in enumerate(lines, 1)) + "\n</file>"
    return json.dumps({"path": path, "content": "\n".join(lines)})


def filler(random: Random) -> str:
    return random.choice((
        f"The {random.choice(NOUNS)} is near the {random.choice(NOUNS)}.", f"{random.choice(STEMS)} = {token(random)}", "", f"# {random.choice(STEMS)}",
        f"- {random.choice(NOUNS)} {random.choice(NOUNS)}", f"{random.choice(NOUNS).capitalize()} and {random.choice(NOUNS)} are here.",
    ))


def reading(random: Random) -> Conversation:
    """Read a file with a tool, then tell what was asked for."""
    reader, parameter = random.choice(READERS[:3] + READERS), random.choice(PATHS[:2] + PATHS)
    path, value = file_name(random), token(random)
    thing = random.choice(("secret word", "secret word", "secret", "password", "code", "magic word", "key", "name", "port", "version", "answer", "color", "number", "token", "city", random.choice(NOUNS)))
    whole = random.random() < 0.2
    where = random.choice((path, path, path, f"{path} in the current directory", f"`{path}`", f"the file {path}", f"file {path} here"))
    using = random.choice(("", "", "", " with your tools", " using your tools", " with the tool"))
    read = random.choice((f"Read {where}{using}", f"Read the file {path}{using}", f"Read the file {path} in the current directory{using}", f"Open {where}{using}", f"Look at {where}{using}", f"Use your tools to read {where}"))
    if whole:
        question = random.choice((f"What is in {where}?", f"{read}.", f"{read} and tell me what it says.", f"Show me {where}.", f"Print {where}.", f"What does {where} say?"))
    else:
        question = random.choice((
            f"{read} and tell me the {thing}.", f"{read}, then tell me the {thing} it contains.", f"{read}, then tell me the {thing}.", f"What is the {thing} in {where}?",
            f"{read}. What is the {thing}?", f"Which {thing} does {where} contain?", f"Find the {thing} in {where}.", f"{read} and tell me the {thing} in it."))
    line = random.choice((f"The {thing} is {value}.", f"The {thing} is {value}.", f"{thing}: {value}", f"{thing} = {value}", f"My {thing} is {value}"))
    lines = [line]
    if not whole:
        lines = [filler(random) for _ in range(random.choice((0, 0, 0, 1, 2, 4, 15)))] + lines + [filler(random) for _ in range(random.choice((0, 0, 0, 1, 3, 15)))]
    answer = f"The file says: {line}" if whole else f"The {thing} is {value}."
    if random.random() < 0.25:
        question = f'"{question}"' + random.choice(("", "\n"))
    tools = schemas(tool_list(random, (reader, (parameter,))))
    messages: Conversation = [{"role": "user", "content": question, "tools": tools}, call(reader, {parameter: path})]
    if random.random() < 0.1:
        messages += [{"role": "tool", "tool_call_id": "call_1", "content": f"Error: file not found: {path}"}, {"role": "assistant", "content": f"I could not read {path}: file not found."}]
    else:
        messages += [{"role": "tool", "tool_call_id": "call_1", "content": shown(path, lines, random)}, {"role": "assistant", "content": answer}]
    return messages


def lookup(random: Random) -> Conversation:
    """Any other tool with one argument copied from the question."""
    name, parameters, ways = random.choice(LOOKUPS)
    value = random.choice((token(random), random.choice(NOUNS).capitalize(), random.choice(("Paris", "London", "Tokyo", "Berlin", "Rome", "ls -la", "*.py", "git status", "New York"))))
    question = random.choice(ways).format(v=value)
    parameter = random.choice(parameters)
    result = random.choice((f"{token(random)}", f"{random.randint(-9, 35)} degrees", f"{random.choice(NOUNS)} {random.choice(NOUNS)}"))
    tools = schemas(tool_list(random, (name, (parameter,))))
    return [
        {"role": "user", "content": question, "tools": tools}, call(name, {parameter: value}),
        {"role": "tool", "tool_call_id": "call_1", "content": result}, {"role": "assistant", "content": f"The result is: {result}"},
    ]


def echo(random: Random) -> Conversation:
    """Say what can only be copied: practice for file names and tools' results."""
    value = random.choice((token, token, file_name))(random)
    if random.random() < 0.4:
        value = " ".join((value, *(token(random) for _ in range(random.randint(1, 3)))))
    question = random.choice(
        (
            "Say {v}",
            "Say {v}.",
            "Repeat {v}",
            "Repeat this: {v}",
            "Echo {v}",
            "Print {v}",
            "Write exactly: {v}",
            "Answer with {v}",
        )
    ).format(v=value)
    return [{"role": "user", "content": question}, {"role": "assistant", "content": value}]
